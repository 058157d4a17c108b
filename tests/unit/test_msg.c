// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <msgpack.h>

#include "net/msg.h"

#define ANY_STATE (NET_STATE_HELLO | NET_STATE_WAIT | NET_STATE_PLAY)

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

#ifndef SANITIZED
// Every allocation of the program goes through here; sanitizers need malloc for themselves.
void *__libc_malloc(size_t size);
static unsigned allocations;
void *malloc(size_t size)
{
    allocations++;
    return __libc_malloc(size);
}
#endif

static struct net_msg_decoder *decoder;

static int setup(void **state)
{
    (void)state;
    decoder = net_msg_decoder_create();
    return decoder ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    net_msg_decoder_destroy(decoder);
    net_msg_decoder_destroy(NULL);
    return 0;
}

static struct bytes_span text(const char *string)
{
    return bytes_of_string(string);
}

static bool is_up(enum net_msg_type type)
{
    return type < NET_MSG_WELCOME;
}

// ---- every message with ordinary values

static const uint8_t token[] = "{\"unisavePlayerId\":\"p\"}";
static const uint8_t inputs[] = {1, 2, 3, 4, 5, 6};

#define MESSAGE_COUNT 12

static void make_all(struct net_msg msgs[MESSAGE_COUNT])
{
    memset(msgs, 0, MESSAGE_COUNT * sizeof(*msgs));
    unsigned i = 0;
    msgs[i++] = (struct net_msg){
        .type = NET_MSG_HELLO,
        .hello = {NET_PROTOCOL_VERSION, bytes_of(token, 23), text("friends"), text("game/1.0")}};
    msgs[i++] = (struct net_msg){.type = NET_MSG_INPUT, .input = {100, 105, bytes_of(inputs, 6)}};
    msgs[i++] = (struct net_msg){.type = NET_MSG_PING, .ping = {0xdeadbeef}};
    msgs[i++] = (struct net_msg){.type = NET_MSG_BYE};
    msgs[i++] = (struct net_msg){.type = NET_MSG_WELCOME,
                                 .welcome = {1, text("friends"),
                                             text("8ef8fa79-a726-44d3-a20a-fe27b94bc51f"), 3, 8, 60,
                                             20, 12345, text("race"), 3, 12, true}};
    struct net_msg *roster = &msgs[i++];
    roster->type = NET_MSG_ROSTER;
    roster->roster.count = 2;
    roster->roster.entries[0] = (struct net_msg_roster_entry){0, true, text("Žofia"), true, 255};
    roster->roster.entries[1] = (struct net_msg_roster_entry){63, false, text(""), false, 0};
    struct net_msg *phase = &msgs[i++];
    *phase = (struct net_msg){.type = NET_MSG_PHASE,
                              .phase = {.phase = NET_PHASE_RACING,
                                        .tick = 600,
                                        .ends_tick = 18600,
                                        .race_id = text("r"),
                                        .map = text("oval"),
                                        .map_data = bytes_of(inputs, 6),
                                        .slots = 3}};
    phase->phase.entity_of_slot[0] = 0;
    phase->phase.entity_of_slot[1] = 0xff;
    phase->phase.entity_of_slot[2] = 1;
    msgs[i++] = (struct net_msg){.type = NET_MSG_SNAPSHOT,
                                 .snapshot = {700, 690, 0x811c9dc5, 2, bytes_of(inputs, 6)}};
    msgs[i++] = (struct net_msg){.type = NET_MSG_TIMING, .timing = {702, -17, 3}};
    struct net_msg *result = &msgs[i++];
    *result = (struct net_msg){.type = NET_MSG_RESULT,
                               .result = {.race_id = text("r"), .final = true, .count = 2}};
    result->result.entries[0] = (struct net_msg_result_entry){0, 1, 61234, text("")};
    result->result.entries[1] = (struct net_msg_result_entry){2, 2, 0, text("time_limit")};
    msgs[i++] = (struct net_msg){.type = NET_MSG_PONG, .pong = {0xdeadbeef, 703}};
    msgs[i++] = (struct net_msg){.type = NET_MSG_CLOSING, .closing = {4003, text("no")}};
    assert_int_equal(i, MESSAGE_COUNT);
}

static void encode(struct bytes_buf *buf, const struct net_msg *msg)
{
    bytes_buf_init(buf, LIMIT_MESSAGE_BYTES);
    assert_true(net_msg_encode(buf, msg));
}

static void every_message_survives_the_wire(void **state)
{
    (void)state;
    static struct net_msg msgs[MESSAGE_COUNT];
    make_all(msgs);
    for (unsigned i = 0; i < MESSAGE_COUNT; i++) {
        struct bytes_buf first, second;
        struct net_msg decoded;
        encode(&first, &msgs[i]);
        assert_int_equal(net_msg_decode(decoder, bytes_buf_span(&first),
                                        is_up(msgs[i].type) ? NET_UP : NET_DOWN, ANY_STATE,
                                        &decoded),
                         NET_MSG_OK);
        assert_int_equal(decoded.type, msgs[i].type);
        encode(&second, &decoded);
        assert_true(bytes_equal(bytes_buf_span(&first), bytes_buf_span(&second)));
        bytes_buf_finish(&first);
        bytes_buf_finish(&second);
    }
}

static void fields_arrive_as_they_were(void **state)
{
    (void)state;
    static struct net_msg msgs[MESSAGE_COUNT];
    struct bytes_buf buf;
    struct net_msg msg;
    make_all(msgs);
    encode(&buf, &msgs[0]);
    assert_int_equal(net_msg_decode(decoder, bytes_buf_span(&buf), NET_UP, NET_STATE_HELLO, &msg),
                     NET_MSG_OK);
    assert_int_equal(msg.hello.version, NET_PROTOCOL_VERSION);
    assert_true(bytes_equal(msg.hello.token, bytes_of(token, 23)));
    assert_true(bytes_equal(msg.hello.session, text("friends")));
    assert_true(bytes_equal(msg.hello.client, text("game/1.0")));
    // and they point into the bytes of the message
    assert_true(msg.hello.token.data > buf.memory && msg.hello.token.data < buf.memory + buf.size);
    bytes_buf_finish(&buf);
    encode(&buf, &msgs[8]);
    assert_int_equal(net_msg_decode(decoder, bytes_buf_span(&buf), NET_DOWN, 0, &msg), NET_MSG_OK);
    assert_int_equal(msg.timing.margin_ms, -17);
    assert_int_equal(msg.timing.late, 3);
    bytes_buf_finish(&buf);
}

static void each_direction_refuses_the_messages_of_the_other(void **state)
{
    (void)state;
    static struct net_msg msgs[MESSAGE_COUNT];
    make_all(msgs);
    for (unsigned i = 0; i < MESSAGE_COUNT; i++) {
        struct bytes_buf buf;
        struct net_msg msg;
        encode(&buf, &msgs[i]);
        assert_int_equal(net_msg_decode(decoder, bytes_buf_span(&buf),
                                        is_up(msgs[i].type) ? NET_DOWN : NET_UP, ANY_STATE, &msg),
                         NET_MSG_WRONG_DIRECTION);
        bytes_buf_finish(&buf);
    }
}

static void each_state_takes_its_messages_only(void **state)
{
    (void)state;
    static const struct {
        unsigned index;
        unsigned states;
    } rows[] = {{0, NET_STATE_HELLO}, {1, NET_STATE_PLAY}, {2, ANY_STATE}, {3, ANY_STATE}};
    static struct net_msg msgs[MESSAGE_COUNT];
    make_all(msgs);
    for (size_t i = 0; i < BASE_COUNT(rows); i++) {
        struct bytes_buf buf;
        encode(&buf, &msgs[rows[i].index]);
        for (unsigned bit = NET_STATE_HELLO; bit <= NET_STATE_PLAY; bit <<= 1) {
            struct net_msg msg;
            assert_int_equal(net_msg_decode(decoder, bytes_buf_span(&buf), NET_UP, bit, &msg),
                             rows[i].states & bit ? NET_MSG_OK : NET_MSG_WRONG_STATE);
        }
        bytes_buf_finish(&buf);
    }
}

// Byte by byte: no prefix of a message is a message, and nothing may follow one.
static void truncated_and_extended_messages_are_malformed(void **state)
{
    (void)state;
    static struct net_msg msgs[MESSAGE_COUNT];
    make_all(msgs);
    for (unsigned i = 0; i < MESSAGE_COUNT; i++) {
        struct bytes_buf buf;
        struct net_msg msg;
        enum net_direction direction = is_up(msgs[i].type) ? NET_UP : NET_DOWN;
        encode(&buf, &msgs[i]);
        for (size_t size = 0; size < buf.size; size++) {
            uint8_t *copy = malloc(size ? size : 1);
            memcpy(copy, bytes_buf_span(&buf).data, size);
            assert_int_equal(
                net_msg_decode(decoder, bytes_of(copy, size), direction, ANY_STATE, &msg),
                NET_MSG_MALFORMED);
            free(copy);
        }
        assert_true(bytes_buf_append_u8(&buf, 0));
        assert_int_equal(net_msg_decode(decoder, bytes_buf_span(&buf), direction, ANY_STATE, &msg),
                         NET_MSG_MALFORMED);
        bytes_buf_finish(&buf);
    }
}

// ---- one broken thing each; the bytes are packed by hand

#define UP(bytes, verdict)                                                                         \
    {                                                                                              \
        bytes, sizeof(bytes) - 1, NET_UP, verdict                                                  \
    }
#define DOWN(bytes, verdict)                                                                       \
    {                                                                                              \
        bytes, sizeof(bytes) - 1, NET_DOWN, verdict                                                \
    }

static void broken_messages_get_their_exact_verdict(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        enum net_direction direction;
        enum net_msg_verdict verdict;
    } rows[] = {
        UP("\x95\x01\x01\xc4\x01t\xa0\xa0", NET_MSG_OK),
        UP("", NET_MSG_MALFORMED),
        UP("GET / HTTP/1.1", NET_MSG_MALFORMED),
        UP("\x90", NET_MSG_MALFORMED),
        UP("\x81\x01\x01", NET_MSG_MALFORMED),
        UP("\x91\xa5hello", NET_MSG_MALFORMED),
        UP("\x91\x00", NET_MSG_UNKNOWN_TYPE),
        UP("\x91\x05", NET_MSG_UNKNOWN_TYPE),
        UP("\x91\x3f", NET_MSG_UNKNOWN_TYPE),
        UP("\x91\x48", NET_MSG_UNKNOWN_TYPE),
        UP("\x91\xce\xff\xff\xff\xff", NET_MSG_UNKNOWN_TYPE),
        UP("\x91\x40", NET_MSG_WRONG_DIRECTION),
        DOWN("\x91\x01", NET_MSG_WRONG_DIRECTION),
        // hello: count, then each field's type and range
        UP("\x94\x01\x01\xc4\x01t\xa0", NET_MSG_BAD_FIELDS),
        UP("\x96\x01\x01\xc4\x01t\xa0\xa0\x00", NET_MSG_BAD_FIELDS),
        UP("\x95\x01\xff\xc4\x01t\xa0\xa0", NET_MSG_BAD_FIELDS),
        UP("\x95\x01\xcf\x00\x00\x00\x01\x00\x00\x00\x00\xc4\x01t\xa0\xa0", NET_MSG_BAD_FIELDS),
        UP("\x95\x01\x01\xa1t\xa0\xa0", NET_MSG_BAD_FIELDS),                 // token as str
        UP("\x95\x01\x01\xc4\x01t\xc4\x00\xa0", NET_MSG_BAD_FIELDS),         // session as bin
        UP("\x95\x01\x01\xc4\x01t\xa1\xff\xa0", NET_MSG_BAD_FIELDS),         // not UTF-8
        UP("\x95\x01\x01\xc4\x01t\xa0\xa3\xed\xa0\x80", NET_MSG_BAD_FIELDS), // a surrogate
        UP("\x95\x01\x01\xc4\x01t\xa0\x90", NET_MSG_BAD_FIELDS),
        UP("\x95\x01\x01\xc4\x01t\xa0\xc0", NET_MSG_MALFORMED), // nil is in no message
        // another version is told so, whatever else it says
        UP("\x92\x01\x02", NET_MSG_OK),
        UP("\x94\x01\x00\xc2\x91\x01", NET_MSG_OK),
        // input, ping, bye
        UP("\x94\x02\x00\x00\xc4\x00", NET_MSG_OK),
        UP("\x94\x02\x00\x00\xa0", NET_MSG_BAD_FIELDS),
        UP("\x94\x02\xc2\x00\xc4\x00", NET_MSG_BAD_FIELDS),
        UP("\x92\x03\x07", NET_MSG_OK),
        UP("\x91\x03", NET_MSG_BAD_FIELDS),
        UP("\x92\x03\xca\x00\x00\x00\x00", NET_MSG_MALFORMED), // a float
        UP("\x91\x04", NET_MSG_OK),
        UP("\x92\x04\x00", NET_MSG_BAD_FIELDS),
        // roster: [[slot, connected, name, spectator, kart], ...]
        DOWN("\x92\x41\x91\x95\x3f\xc3\xa0\xc2\xcc\xff", NET_MSG_OK),
        DOWN("\x92\x41\x90", NET_MSG_OK),
        DOWN("\x92\x41\x91\x95\x40\xc3\xa0\xc2\x00", NET_MSG_BAD_FIELDS),         // slot 64
        DOWN("\x92\x41\x91\x95\x00\x01\xa0\xc2\x00", NET_MSG_BAD_FIELDS),         // 1 for true
        DOWN("\x92\x41\x91\x95\x00\xc3\xa0\x00\x00", NET_MSG_BAD_FIELDS),         // 0 for false
        DOWN("\x92\x41\x91\x95\x00\xc3\xa0\xc2\xcd\x01\x00", NET_MSG_BAD_FIELDS), // kart 256
        DOWN("\x92\x41\x91\x94\x00\xc3\xa0\xc2", NET_MSG_BAD_FIELDS),
        DOWN("\x92\x41\x91\x96\x00\xc3\xa0\xc2\x00\x00", NET_MSG_BAD_FIELDS),
        DOWN("\x92\x41\x92\x95\x00\xc3\xa0\xc2\x00\x00", NET_MSG_BAD_FIELDS),
        DOWN("\x92\x41\x00", NET_MSG_BAD_FIELDS),
        // timing: signed margin
        DOWN("\x94\x44\x01\xff\x00", NET_MSG_OK),
        DOWN("\x94\x44\x01\xd3\xff\xff\xff\xff\x7f\xff\xff\xff\x00", NET_MSG_BAD_FIELDS),
        // closing: codes are 1000..4999
        DOWN("\x93\x47\xcd\x03\xe8\xa0", NET_MSG_OK),
        DOWN("\x93\x47\xcd\x03\xe7\xa0", NET_MSG_BAD_FIELDS),
        DOWN("\x93\x47\xcd\x13\x87\xa0", NET_MSG_OK),
        DOWN("\x93\x47\xcd\x13\x88\xa0", NET_MSG_BAD_FIELDS),
    };
    for (size_t i = 0; i < BASE_COUNT(rows); i++) {
        struct net_msg msg;
        uint8_t *copy = malloc(rows[i].size ? rows[i].size : 1);
        memcpy(copy, rows[i].bytes, rows[i].size);
        enum net_msg_verdict verdict = net_msg_decode(decoder, bytes_of(copy, rows[i].size),
                                                      rows[i].direction, ANY_STATE, &msg);
        free(copy);
        if (verdict != rows[i].verdict) {
            fail_msg("row %zu: %s", i, net_msg_verdict_name(verdict));
        }
    }
}

static void sizes_end_at_each_messages_limit(void **state)
{
    (void)state;
    // a ping whose stamp is followed by junk, so that only the size can be judged
    static uint8_t bytes[1300];
    struct net_msg msg;
    bytes[0] = 0x92;
    bytes[1] = NET_MSG_PING;
    assert_int_equal(net_msg_decode(decoder, bytes_of(bytes, 32), NET_UP, ANY_STATE, &msg),
                     NET_MSG_MALFORMED);
    assert_int_equal(net_msg_decode(decoder, bytes_of(bytes, 33), NET_UP, ANY_STATE, &msg),
                     NET_MSG_TOO_BIG);
    bytes[1] = NET_MSG_INPUT;
    assert_int_equal(net_msg_decode(decoder, bytes_of(bytes, 1200), NET_UP, ANY_STATE, &msg),
                     NET_MSG_MALFORMED);
    assert_int_equal(net_msg_decode(decoder, bytes_of(bytes, 1201), NET_UP, ANY_STATE, &msg),
                     NET_MSG_TOO_BIG);
}

// msgpack-c packs what our encoder would refuse to.
static enum net_msg_verdict decode_hello(size_t token_size, size_t session_size, size_t client_size)
{
    static const char bytes[1024] = {0};
    msgpack_sbuffer buffer;
    msgpack_packer packer;
    struct net_msg msg;
    msgpack_sbuffer_init(&buffer);
    msgpack_packer_init(&packer, &buffer, msgpack_sbuffer_write);
    msgpack_pack_array(&packer, 5);
    msgpack_pack_int(&packer, NET_MSG_HELLO);
    msgpack_pack_int(&packer, NET_PROTOCOL_VERSION);
    msgpack_pack_bin_with_body(&packer, bytes, token_size);
    msgpack_pack_str_with_body(&packer, bytes, session_size);
    msgpack_pack_str_with_body(&packer, bytes, client_size);
    enum net_msg_verdict verdict =
        net_msg_decode(decoder, bytes_of(buffer.data, buffer.size), NET_UP, NET_STATE_HELLO, &msg);
    msgpack_sbuffer_destroy(&buffer);
    return verdict;
}

static void the_fields_of_hello_end_at_their_limits(void **state)
{
    (void)state;
    assert_int_equal(decode_hello(0, 0, 0), NET_MSG_OK); // it may be in a cookie
    assert_int_equal(decode_hello(LIMIT_TOKEN_BYTES + 1, 0, 0), NET_MSG_OK); // for 4004 to be told
    assert_int_equal(decode_hello(300, 64, 64), NET_MSG_OK);
    assert_int_equal(decode_hello(300, 65, 64), NET_MSG_BAD_FIELDS);
    assert_int_equal(decode_hello(300, 64, 65), NET_MSG_BAD_FIELDS);
    assert_int_equal(decode_hello(505, 0, 0), NET_MSG_TOO_BIG);
}

// The fullest message of each kind must fit into what the table promises; encoding asserts it.
static void the_largest_messages_fit_their_limits(void **state)
{
    (void)state;
    static const char name[] = "0123456789012345678901234567890123456789012345678901234567890123";
    static uint8_t data[LIMIT_MESSAGE_BYTES];
    static struct net_msg msg;
    struct bytes_buf buf;
    msg.type = NET_MSG_ROSTER;
    msg.roster.count = LIMIT_PLAYERS_PER_SESSION;
    for (uint32_t i = 0; i < LIMIT_PLAYERS_PER_SESSION; i++) {
        msg.roster.entries[i] =
            (struct net_msg_roster_entry){i, true, bytes_of(name, 64), true, 255};
    }
    encode(&buf, &msg);
    bytes_buf_finish(&buf);
    msg.type = NET_MSG_RESULT;
    msg.result.race_id = bytes_of(name, 36);
    msg.result.final = true;
    msg.result.count = LIMIT_PLAYERS_PER_SESSION;
    for (uint32_t i = 0; i < LIMIT_PLAYERS_PER_SESSION; i++) {
        msg.result.entries[i] = (struct net_msg_result_entry){i, i, UINT32_MAX, bytes_of(name, 32)};
    }
    encode(&buf, &msg);
    bytes_buf_finish(&buf);
    msg.type = NET_MSG_PHASE;
    msg.phase = (struct net_msg_phase){.tick = UINT32_MAX,
                                       .ends_tick = UINT32_MAX,
                                       .race_id = bytes_of(name, 36),
                                       .map = bytes_of(name, 64),
                                       .map_data = bytes_of(data, 4096),
                                       .slots = LIMIT_PLAYERS_PER_SESSION};
    memset(msg.phase.entity_of_slot, 0, sizeof(msg.phase.entity_of_slot));
    encode(&buf, &msg);
    bytes_buf_finish(&buf);
    msg.type = NET_MSG_SNAPSHOT;
    msg.snapshot = (struct net_msg_snapshot){UINT32_MAX, UINT32_MAX, UINT32_MAX, 64,
                                             bytes_of(data, LIMIT_MESSAGE_BYTES - 32)};
    encode(&buf, &msg);
    bytes_buf_finish(&buf);
    msg.type = NET_MSG_INPUT;
    msg.input = (struct net_msg_input){
        UINT32_MAX, UINT32_MAX, bytes_of(data, LIMIT_INPUTS_PER_MESSAGE * LIMIT_INPUT_BYTES)};
    encode(&buf, &msg);
    bytes_buf_finish(&buf);
    msg.type = NET_MSG_WELCOME;
    msg.welcome = (struct net_msg_welcome){
        UINT32_MAX, bytes_of(name, 64), bytes_of(name, 36), 63,   64,  255, 255,
        UINT32_MAX, bytes_of(name, 64), LIMIT_INPUT_BYTES,  2048, true};
    encode(&buf, &msg);
    bytes_buf_finish(&buf);
    msg.type = NET_MSG_CLOSING;
    msg.closing = (struct net_msg_closing){4999, bytes_of(data, 123)};
    encode(&buf, &msg);
    bytes_buf_finish(&buf);
}

static void a_buffer_that_is_too_small_stays_as_it_was(void **state)
{
    (void)state;
    static struct net_msg msgs[MESSAGE_COUNT];
    struct bytes_buf buf;
    make_all(msgs);
    for (size_t limit = 1; limit < 60; limit++) {
        bytes_buf_init(&buf, limit);
        assert_true(bytes_buf_append(&buf, bytes_of("x", 1)));
        if (!net_msg_encode(&buf, &msgs[0])) {
            assert_int_equal(buf.size, 1);
        } else {
            assert_int_equal(limit, buf.size); // the first limit that is enough
            bytes_buf_finish(&buf);
            return;
        }
        bytes_buf_finish(&buf);
    }
    fail();
}

static void names_are_for_people_and_metrics(void **state)
{
    (void)state;
    assert_string_equal(net_msg_name(NET_MSG_HELLO), "hello");
    assert_string_equal(net_msg_name(NET_MSG_CLOSING), "closing");
    assert_string_equal(net_msg_name((enum net_msg_type)99), "unknown");
    for (unsigned i = NET_MSG_OK; i <= NET_MSG_BAD_FIELDS; i++) {
        assert_non_null(net_msg_verdict_name(i));
    }
}

#ifndef SANITIZED
static void decoding_and_encoding_allocate_nothing_once_warm(void **state)
{
    (void)state;
    static struct net_msg msgs[MESSAGE_COUNT];
    struct bytes_buf bytes[MESSAGE_COUNT], scratch;
    make_all(msgs);
    bytes_buf_init(&scratch, LIMIT_MESSAGE_BYTES);
    assert_non_null(bytes_buf_reserve(&scratch, LIMIT_MESSAGE_BYTES));
    for (unsigned i = 0; i < MESSAGE_COUNT; i++) {
        encode(&bytes[i], &msgs[i]);
    }
    unsigned before = allocations;
    assert_true(before > 0); // counting works
    for (unsigned round = 0; round < 1000; round++) {
        for (unsigned i = 0; i < MESSAGE_COUNT; i++) {
            struct net_msg msg;
            enum net_direction direction = is_up(msgs[i].type) ? NET_UP : NET_DOWN;
            enum net_msg_verdict verdict =
                net_msg_decode(decoder, bytes_buf_span(&bytes[i]), direction, ANY_STATE, &msg);
            bytes_buf_clear(&scratch);
            if (verdict != NET_MSG_OK || !net_msg_encode(&scratch, &msg)) {
                fail();
            }
        }
    }
    assert_int_equal(allocations, before);
    for (unsigned i = 0; i < MESSAGE_COUNT; i++) {
        bytes_buf_finish(&bytes[i]);
    }
    bytes_buf_finish(&scratch);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_survives_the_wire),
        cmocka_unit_test(fields_arrive_as_they_were),
        cmocka_unit_test(each_direction_refuses_the_messages_of_the_other),
        cmocka_unit_test(each_state_takes_its_messages_only),
        cmocka_unit_test(truncated_and_extended_messages_are_malformed),
        cmocka_unit_test(broken_messages_get_their_exact_verdict),
        cmocka_unit_test(sizes_end_at_each_messages_limit),
        cmocka_unit_test(the_fields_of_hello_end_at_their_limits),
        cmocka_unit_test(the_largest_messages_fit_their_limits),
        cmocka_unit_test(a_buffer_that_is_too_small_stays_as_it_was),
        cmocka_unit_test(names_are_for_people_and_metrics),
#ifndef SANITIZED
        cmocka_unit_test(decoding_and_encoding_allocate_nothing_once_warm),
#endif
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
