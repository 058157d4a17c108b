// SPDX-License-Identifier: MIT
// tests/golden/wire.json is what our encoder makes of these messages, with the values that any
// other implementation must find in the bytes. A change here is a change of the protocol.
// PADDOCK_GOLDEN_WRITE=1 writes the file anew.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/delta.h"
#include "net/msg.h"

#define GOLDEN_PATH  "tests/golden/wire.json"
#define GOLDEN_BYTES 65536
#define VALUES       3
#define ENTITIES     3
#define TEXT(literal)                                                                              \
    {                                                                                              \
        (const uint8_t *)(literal), sizeof(literal) - 1                                            \
    }

static const int32_t first[ENTITIES * VALUES] = {100, 200, 300, -1, -2, -3, 7, 8, 9};
static const int32_t second[ENTITIES * VALUES] = {100, 203, 300, -1, -2, -3, 7, 8, 2147483647};
static const int32_t third[ENTITIES * VALUES] = {101, 203, 172, -1, -2, -3, 7, 8, 2147483647};

// A snapshot's delta is made by net/delta.c; everything else is as it stands here.
static const struct vector {
    const char *name;
    struct net_msg msg;
    const char *fields; // JSON; binaries are hex text
    const int32_t *values, *baseline;
} vectors[] = {
    {.name = "hello",
     .msg = {.type = NET_MSG_HELLO,
             .hello = {1, TEXT("{\"unisavePlayerId\":\"P1\",\"fusionPlayerToken\":\"T\"}"),
                       TEXT("friday"), TEXT("my-game/1.2")}},
     .fields =
         "\"version\": 1, \"token\": \"7b22756e6973617665506c617965724964223a225031222c22667573"
         "696f6e506c61796572546f6b656e223a2254227d\", \"session\": \"friday\", \"client\": "
         "\"my-game/1.2\""},
    {.name = "input",
     .msg = {.type = NET_MSG_INPUT, .input = {1200, 1203, TEXT("\x7f\x00\x01\x7f\x81\x01")}},
     .fields = "\"ack_tick\": 1200, \"first_tick\": 1203, \"inputs\": \"7f00017f8101\""},
    {.name = "input that only acknowledges",
     .msg = {.type = NET_MSG_INPUT, .input = {70000, 0, TEXT("")}},
     .fields = "\"ack_tick\": 70000, \"first_tick\": 0, \"inputs\": \"\""},
    {.name = "ping",
     .msg = {.type = NET_MSG_PING, .ping = {4294967295}},
     .fields = "\"stamp\": 4294967295"},
    {.name = "bye", .msg = {.type = NET_MSG_BYE}, .fields = ""},
    {.name = "welcome",
     .msg = {.type = NET_MSG_WELCOME,
             .welcome = {1, TEXT("friday"), TEXT("8ef8fa79-a726-44d3-a20a-fe27b94bc51f"), 2, 8, 60,
                         20, 1199, TEXT("race"), 3, 12, true}},
     .fields = "\"version\": 1, \"session_name\": \"friday\", \"session_id\": "
               "\"8ef8fa79-a726-44d3-a20a-fe27b94bc51f\", \"slot\": 2, \"slots\": 8, "
               "\"tick_rate\": 60, \"snapshot_rate\": 20, \"tick\": 1199, \"game\": \"race\", "
               "\"input_bytes\": 3, \"entity_values\": 12, \"resumed\": true"},
    {.name = "roster",
     .msg = {.type = NET_MSG_ROSTER,
             .roster = {2,
                        {{0, true, TEXT("\xc5\xbdofia"), true, 0},
                         {5, false, TEXT("Player 6"), false, 200}}}},
     .fields = "\"players\": [{\"slot\": 0, \"connected\": true, \"name\": \"\\u017dofia\", "
               "\"spectator\": true, \"kart\": 0}, {\"slot\": 5, \"connected\": false, "
               "\"name\": \"Player 6\", \"spectator\": false, \"kart\": 200}]"},
    {.name = "phase in the lobby",
     .msg = {.type = NET_MSG_PHASE,
             .phase =
                 {.phase = NET_PHASE_LOBBY, .tick = 10, .entity_of_slot = {255, 255}, .slots = 2}},
     .fields = "\"phase\": 0, \"tick\": 10, \"ends_tick\": 0, \"race_id\": \"\", \"map\": \"\", "
               "\"map_data\": \"\", \"entity_of_slot\": [255, 255]"},
    {.name = "phase in the countdown",
     .msg = {.type = NET_MSG_PHASE,
             .phase = {.phase = NET_PHASE_COUNTDOWN,
                       .tick = 600,
                       .ends_tick = 780,
                       .race_id = TEXT("0b1f8c7e-51d3-4a4c-9a3e-0d6a6f1f2c11"),
                       .map = TEXT("oval"),
                       .map_data = TEXT("\x01\x02\xff"),
                       .entity_of_slot = {0, 255, 1},
                       .slots = 3}},
     .fields = "\"phase\": 1, \"tick\": 600, \"ends_tick\": 780, \"race_id\": "
               "\"0b1f8c7e-51d3-4a4c-9a3e-0d6a6f1f2c11\", \"map\": \"oval\", \"map_data\": "
               "\"0102ff\", \"entity_of_slot\": [0, 255, 1]"},
    {.name = "snapshot, full",
     .msg = {.type = NET_MSG_SNAPSHOT, .snapshot = {.tick = 1200, .entities = ENTITIES}},
     .fields = "\"tick\": 1200, \"baseline_tick\": 0, \"entities\": 3",
     .values = first},
    {.name = "snapshot, last entity changed",
     .msg = {.type = NET_MSG_SNAPSHOT, .snapshot = {1203, 1200, 0, ENTITIES, {NULL, 0}}},
     .fields = "\"tick\": 1203, \"baseline_tick\": 1200, \"entities\": 3",
     .values = second,
     .baseline = first},
    {.name = "snapshot, trailing entities unchanged",
     .msg = {.type = NET_MSG_SNAPSHOT, .snapshot = {1206, 1203, 0, ENTITIES, {NULL, 0}}},
     .fields = "\"tick\": 1206, \"baseline_tick\": 1203, \"entities\": 3",
     .values = third,
     .baseline = second},
    {.name = "snapshot, nothing changed",
     .msg = {.type = NET_MSG_SNAPSHOT, .snapshot = {1209, 1206, 0, ENTITIES, {NULL, 0}}},
     .fields = "\"tick\": 1209, \"baseline_tick\": 1206, \"entities\": 3",
     .values = third,
     .baseline = third},
    {.name = "timing",
     .msg = {.type = NET_MSG_TIMING, .timing = {1207, -33, 2}},
     .fields = "\"tick\": 1207, \"margin_ms\": -33, \"late\": 2"},
    {.name = "result",
     .msg = {.type = NET_MSG_RESULT,
             .result = {TEXT("0b1f8c7e-51d3-4a4c-9a3e-0d6a6f1f2c11"),
                        true,
                        3,
                        {{2, 1, 61234, TEXT("")},
                         {0, 2, 65800, TEXT("")},
                         {1, 0, 0, TEXT("time_limit")}}}},
     .fields = "\"race_id\": \"0b1f8c7e-51d3-4a4c-9a3e-0d6a6f1f2c11\", \"final\": true, "
               "\"standings\": [{\"slot\": 2, \"place\": 1, \"time_ms\": 61234, \"reason\": \"\"}, "
               "{\"slot\": 0, \"place\": 2, \"time_ms\": 65800, \"reason\": \"\"}, {\"slot\": 1, "
               "\"place\": 0, \"time_ms\": 0, \"reason\": \"time_limit\"}]"},
    {.name = "pong",
     .msg = {.type = NET_MSG_PONG, .pong = {4294967295, 1208}},
     .fields = "\"stamp\": 4294967295, \"tick\": 1208"},
    {.name = "closing",
     .msg = {.type = NET_MSG_CLOSING, .closing = {4003, TEXT("connection token is not valid")}},
     .fields = "\"code\": 4003, \"reason\": \"connection token is not valid\""},
};

static void add(struct bytes_buf *out, const char *text)
{
    assert_true(bytes_buf_append_text(out, text));
}

static void add_values(struct bytes_buf *out, const char *name, const int32_t *values)
{
    assert_true(bytes_buf_append_format(out, ", \"%s\": [", name));
    for (unsigned i = 0; i < ENTITIES * VALUES; i++) {
        assert_true(bytes_buf_append_format(out, "%s%d", i ? ", " : "", values ? values[i] : 0));
    }
    add(out, "]");
}

static void add_vector(struct bytes_buf *out, const struct vector *vector)
{
    struct net_msg msg = vector->msg;
    struct bytes_buf delta, encoded;
    char hex[2 * 1024 + 1];
    bytes_buf_init(&delta, 1024);
    bytes_buf_init(&encoded, 1024);
    if (vector->values) {
        assert_true(net_delta_encode(&delta, vector->values, vector->baseline, ENTITIES, VALUES));
        msg.snapshot.delta = bytes_buf_span(&delta);
        msg.snapshot.checksum = net_delta_checksum(vector->values, ENTITIES * VALUES);
    }
    assert_true(net_msg_encode(&encoded, &msg));
    bytes_to_hex(bytes_buf_span(&encoded), hex);
    assert_true(bytes_buf_append_format(
        out, "  {\"name\": \"%s\", \"message\": \"%s\",\n   \"hex\": \"%s\",\n   \"fields\": {%s}",
        vector->name, net_msg_name(msg.type), hex, vector->fields));
    if (vector->values) {
        assert_true(bytes_buf_append_format(out, ",\n   \"entity_values\": %d", VALUES));
        add_values(out, "baseline", vector->baseline);
        add_values(out, "values", vector->values);
    }
    add(out, "}");
    bytes_buf_finish(&delta);
    bytes_buf_finish(&encoded);
}

static void render(struct bytes_buf *out)
{
    bytes_buf_init(out, GOLDEN_BYTES);
    assert_true(
        bytes_buf_append_format(out, "{\"protocol\": %d, \"vectors\": [\n", NET_PROTOCOL_VERSION));
    for (size_t i = 0; i < BASE_COUNT(vectors); i++) {
        add_vector(out, &vectors[i]);
        add(out, i + 1 < BASE_COUNT(vectors) ? ",\n" : "\n");
    }
    add(out, "]}\n");
}

static void our_encoder_still_makes_the_golden_bytes(void **state)
{
    (void)state;
    static uint8_t golden[GOLDEN_BYTES];
    struct bytes_buf made;
    render(&made);
    if (getenv("PADDOCK_GOLDEN_WRITE")) {
        FILE *file = fopen(GOLDEN_PATH, "wb");
        assert_non_null(file);
        assert_int_equal(fwrite(bytes_buf_span(&made).data, 1, made.size, file), made.size);
        assert_int_equal(fclose(file), 0);
    }
    FILE *file = fopen(GOLDEN_PATH, "rb");
    assert_non_null(file);
    size_t size = fread(golden, 1, sizeof(golden), file);
    fclose(file);
    assert_int_equal(size, made.size);
    assert_memory_equal(golden, bytes_buf_span(&made).data, size);
    bytes_buf_finish(&made);
}

static void every_message_has_a_vector(void **state)
{
    (void)state;
    static const enum net_msg_type types[] = {
#define MESSAGE(constant, id, name, direction, max_bytes, states) NET_MSG_##constant,
#include "net/messages.def"
#undef MESSAGE
    };
    for (size_t i = 0; i < BASE_COUNT(types); i++) {
        bool found = false;
        for (size_t j = 0; j < BASE_COUNT(vectors); j++) {
            found |= vectors[j].msg.type == types[i];
        }
        if (!found) {
            fail_msg("no vector of %s", net_msg_name(types[i]));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(our_encoder_still_makes_the_golden_bytes),
        cmocka_unit_test(every_message_has_a_vector),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
