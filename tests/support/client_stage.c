// SPDX-License-Identifier: MIT
// The scripted server and the client on it. See client_stage.h.

#include "tests/support/client_stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/delta.h"

#define STAGE_TICK_NS (CLOCK_NS_PER_S / STAGE_RATE)
#define TIMING_TICKS  12
#define START_NS      (1000 * CLOCK_NS_PER_S)
#define TICK_START    500
#define COUNT         (STAGE_SLOTS * STAGE_VALUES)

// ---- the scripted server

void client_stage_send(struct client_stage *stage, const struct net_msg *msg,
                       enum net_delivery delivery)
{
    struct bytes_buf out;
    bytes_buf_init(&out, LIMIT_MESSAGE_BYTES);
    assert_true(net_msg_encode(&out, msg));
    struct net_payload *payload = net_payload_create(bytes_buf_span(&out));
    net_link_send(stage->link, payload, delivery);
    net_payload_unref(payload);
    bytes_buf_finish(&out);
}

void client_stage_send_bytes(struct client_stage *stage, const void *bytes, size_t size)
{
    struct net_payload *payload = net_payload_create(bytes_of(bytes, size));
    net_link_send(stage->link, payload, NET_RELIABLE);
    net_payload_unref(payload);
}

struct net_msg client_stage_welcome(const struct client_stage *stage)
{
    return (struct net_msg){
        .type = NET_MSG_WELCOME,
        .welcome = {.version = NET_PROTOCOL_VERSION,
                    .session_name = bytes_of_string("room"),
                    .session_id = bytes_of_string("00000000-0000-4000-8000-000000000000"),
                    .slot = STAGE_SLOT,
                    .slots = STAGE_SLOTS,
                    .tick_rate = STAGE_RATE,
                    .snapshot_rate = STAGE_RATE / STAGE_SNAPSHOT_TICKS,
                    .tick = stage->tick,
                    .game = bytes_of_string("test"),
                    .input_bytes = STAGE_INPUT_BYTES,
                    .entity_values = STAGE_VALUES},
    };
}

struct net_msg client_stage_phase(enum net_phase phase, uint32_t tick, uint32_t ends_tick)
{
    struct net_msg msg = {
        .type = NET_MSG_PHASE,
        .phase = {.phase = phase, .tick = tick, .ends_tick = ends_tick, .slots = STAGE_SLOTS},
    };
    for (uint32_t i = 0; i < STAGE_SLOTS; i++) {
        msg.phase.entity_of_slot[i] = i;
    }
    return msg;
}

static void values_at(uint32_t tick, int32_t values[COUNT])
{
    for (uint32_t i = 0; i < COUNT; i++) {
        values[i] = (int32_t)(tick * (i + 1)) - 1000 * (int32_t)i;
    }
}

static bool in_ring(const struct client_stage *stage, uint32_t tick)
{
    for (unsigned i = 0; tick != 0 && i < STAGE_RING; i++) {
        if (stage->ring[i] == tick) {
            return true;
        }
    }
    return false;
}

void client_stage_send_snapshot(struct client_stage *stage)
{
    int32_t values[COUNT], baseline[COUNT];
    uint32_t base = in_ring(stage, stage->ack_tick) ? stage->ack_tick : 0;
    values_at(stage->tick, values);
    values_at(base, baseline);
    struct bytes_buf delta;
    bytes_buf_init(&delta, 4096);
    assert_true(
        net_delta_encode(&delta, values, base ? baseline : NULL, STAGE_SLOTS, STAGE_VALUES));
    struct net_msg msg = {
        .type = NET_MSG_SNAPSHOT,
        .snapshot = {.tick = stage->tick,
                     .baseline_tick = base,
                     .checksum = net_delta_checksum(values, COUNT),
                     .entities = STAGE_SLOTS,
                     .delta = bytes_buf_span(&delta)},
    };
    client_stage_send(stage, &msg, NET_UNRELIABLE);
    bytes_buf_finish(&delta);
    stage->ring[stage->ring_next++ % STAGE_RING] = stage->tick;
}

static void server_timing(struct client_stage *stage)
{
    if (!stage->margin_known) {
        return;
    }
    struct net_msg msg = {
        .type = NET_MSG_TIMING,
        .timing = {.tick = stage->tick,
                   .margin_ms = stage->margin_ticks * 1000 / STAGE_RATE,
                   .late = stage->late},
    };
    client_stage_send(stage, &msg, NET_UNRELIABLE);
    stage->margin_known = false;
    stage->late = 0;
}

static void server_input(struct client_stage *stage, const struct net_msg_input *input)
{
    if (input->ack_tick > stage->ack_tick) {
        stage->ack_tick = input->ack_tick;
    }
    stage->inputs_empty += input->inputs.size == 0;
    assert_int_equal(input->inputs.size % STAGE_INPUT_BYTES, 0);
    for (uint32_t i = 0; i < input->inputs.size / STAGE_INPUT_BYTES; i++) {
        uint32_t tick = input->first_tick + i;
        assert_int_equal(bytes_get_u32(input->inputs.data + (size_t)i * STAGE_INPUT_BYTES), tick);
        assert_true(tick < STAGE_TICKS_MAX);
        if (stage->arrived[tick]) {
            continue;
        }
        int32_t margin = (int32_t)(tick - stage->tick) - 1; // the next tick to run has 0
        stage->arrived[tick] = margin < 0 ? 2 : 1;
        stage->late += margin < 0;
        stage->late_total += margin < 0;
        if (!stage->margin_known || margin < stage->margin_ticks) {
            stage->margin_ticks = margin;
            stage->margin_known = true;
        }
        stage->margin_least = margin < stage->margin_least ? margin : stage->margin_least;
        stage->margin_most = margin > stage->margin_most ? margin : stage->margin_most;
    }
}

static void copy_text(char *to, size_t size, struct bytes_span from)
{
    snprintf(to, size, "%.*s", (int)from.size, (const char *)from.data);
}

static void server_message(void *user, struct net_link *link, struct bytes_span bytes)
{
    struct client_stage *stage = user;
    struct net_msg msg;
    (void)link;
    unsigned state = stage->hello_seen ? NET_STATE_PLAY : NET_STATE_HELLO;
    assert_int_equal(net_msg_decode(stage->decoder, bytes, NET_UP, state, &msg), NET_MSG_OK);
    stage->messages++;
    if (msg.type == NET_MSG_HELLO) {
        stage->hello_seen = true;
        copy_text(stage->hello_text[0], sizeof(stage->hello_text[0]), msg.hello.token);
        copy_text(stage->hello_text[1], sizeof(stage->hello_text[1]), msg.hello.session);
        copy_text(stage->hello_text[2], sizeof(stage->hello_text[2]), msg.hello.client);
        if (!stage->silent) {
            struct net_msg welcome = client_stage_welcome(stage);
            client_stage_send(stage, &welcome, NET_RELIABLE);
        }
    } else if (msg.type == NET_MSG_PING && !stage->silent) {
        struct net_msg pong = {
            .type = NET_MSG_PONG,
            .pong = {.stamp = msg.ping.stamp, .tick = stage->tick},
        };
        client_stage_send(stage, &pong, NET_UNRELIABLE);
    } else if (msg.type == NET_MSG_INPUT) {
        server_input(stage, &msg.input);
    } else if (msg.type == NET_MSG_BYE) {
        stage->bye_seen = true;
    }
}

static void server_closed(void *user, struct net_link *link, uint16_t code, const char *reason)
{
    struct client_stage *stage = user;
    (void)link;
    (void)reason;
    stage->closed_code = code;
    stage->link = NULL;
}

static uint16_t server_accept(void *user, struct net_link *link)
{
    static const struct net_link_handler handler = {
        .message = server_message,
        .closed = server_closed,
    };
    struct client_stage *stage = user;
    net_link_attach(link, &handler, stage);
    stage->link = link;
    return 0;
}

static void server_tick(struct client_stage *stage)
{
    stage->tick++;
    stage->next_tick_ns += STAGE_TICK_NS;
    if (!stage->link || !stage->snapshots_on) {
        return;
    }
    if (stage->tick % STAGE_SNAPSHOT_TICKS == 0) {
        client_stage_send_snapshot(stage);
    }
    if (stage->tick % TIMING_TICKS == 0) {
        server_timing(stage);
    }
}

// ---- the client's side

static void left_in(struct client_stage *stage, enum net_msg_type type)
{
    if (stage->heard.leave_in == type) {
        net_client_disconnect(stage->client);
        stage->client = NULL;
    }
}

static void on_welcome(void *user, const struct net_msg_welcome *welcome)
{
    struct client_stage *stage = user;
    assert_int_equal(welcome->slot, STAGE_SLOT);
    stage->heard.welcomes++;
    left_in(stage, NET_MSG_WELCOME);
}

static void on_roster(void *user, const struct net_msg_roster *roster)
{
    struct client_stage *stage = user;
    (void)roster;
    stage->heard.rosters++;
    left_in(stage, NET_MSG_ROSTER);
}

static void on_phase(void *user, const struct net_msg_phase *phase)
{
    struct client_stage *stage = user;
    (void)phase;
    stage->heard.phases++;
    left_in(stage, NET_MSG_PHASE);
}

static void on_snapshot(void *user, const struct net_client_snapshot *snapshot)
{
    struct client_stage *stage = user;
    int32_t values[COUNT];
    values_at(snapshot->tick, values);
    assert_true(snapshot->tick > stage->heard.tick);
    assert_int_equal(snapshot->entities, STAGE_SLOTS);
    assert_int_equal(snapshot->values_per_entity, STAGE_VALUES);
    stage->heard.values_wrong |= memcmp(values, snapshot->values, sizeof(values)) != 0;
    stage->heard.tick = snapshot->tick;
    stage->heard.snapshots++;
    left_in(stage, NET_MSG_SNAPSHOT);
}

static void on_result(void *user, const struct net_msg_result *result)
{
    struct client_stage *stage = user;
    (void)result;
    stage->heard.results++;
    left_in(stage, NET_MSG_RESULT);
}

static void on_closed(void *user, uint16_t code, const char *reason)
{
    struct client_stage *stage = user;
    stage->heard.closes++;
    stage->heard.code = code;
    snprintf(stage->heard.reason, sizeof(stage->heard.reason), "%s", reason);
    stage->client = NULL;
}

const struct net_client_callbacks client_stage_callbacks = {
    .welcome = on_welcome,
    .roster = on_roster,
    .phase = on_phase,
    .snapshot = on_snapshot,
    .result = on_result,
    .closed = on_closed,
};

static void client_frame(struct client_stage *stage)
{
    uint32_t tick;
    bool due = stage->client;
    while (due) {
        due = net_client_input_due_ns(stage->client) <= loop_now_ns(stage->loop);
        assert_int_equal(net_client_input_due(stage->client, &tick), due);
        if (due) {
            uint8_t input[STAGE_INPUT_BYTES];
            bytes_put_u32(input, tick);
            net_client_input(stage->client, tick, input);
        }
    }
}

void client_stage_run(struct client_stage *stage, uint64_t duration_ns)
{
    uint64_t end_ns = loop_now_ns(stage->loop) + duration_ns;
    while (loop_now_ns(stage->loop) < end_ns) {
        if (stage->frozen) {
            loop_turn(stage->loop, loop_now_ns(stage->loop) + STAGE_FRAME_NS);
        } else {
            net_client_host_poll(stage->host, STAGE_FRAME_NS);
            client_frame(stage);
        }
        while (loop_now_ns(stage->loop) >= stage->next_tick_ns) {
            server_tick(stage);
        }
    }
}

void client_stage_connect(struct client_stage *stage, const char *url)
{
    struct error error = {""};
    const struct net_client_options options = {
        .token = bytes_of_string("secret"),
        .session = "room",
        .client_name = "test/1",
    };
    stage->client =
        net_client_connect(stage->host, url, &options, &client_stage_callbacks, stage, &error);
    if (!stage->client) {
        fail_msg("%s", error.text);
    }
}

void client_stage_join(struct client_stage *stage, const char *url)
{
    client_stage_connect(stage, url);
    client_stage_run(stage, CLOCK_NS_PER_S);
    assert_int_equal(stage->heard.welcomes, 1);
}

void client_stage_begin_race(struct client_stage *stage)
{
    stage->race_tick = stage->tick + STAGE_RATE;
    stage->snapshots_on = true;
    struct net_msg msg = client_stage_phase(NET_PHASE_COUNTDOWN, stage->tick, stage->race_tick);
    client_stage_send(stage, &msg, NET_RELIABLE);
    client_stage_run(stage, CLOCK_NS_PER_S);
    msg = client_stage_phase(NET_PHASE_RACING, stage->race_tick, 0);
    client_stage_send(stage, &msg, NET_RELIABLE);
}

// Ticks from..to - 1 whose input did not come in time.
unsigned client_stage_missing(const struct client_stage *stage, uint32_t from, uint32_t to)
{
    unsigned count = 0;
    for (uint32_t tick = from; tick < to; tick++) {
        count += stage->arrived[tick] != 1;
    }
    return count;
}

struct net_client_stats client_stage_stats(const struct client_stage *stage)
{
    struct net_client_stats stats;
    net_client_get_stats(stage->client, &stats);
    return stats;
}

int client_stage_setup(void **state)
{
    struct client_stage *stage = calloc(1, sizeof(*stage));
    struct error error = {""};
    clock_init_virtual(&stage->clock, START_NS);
    stage->loop = loop_create(&stage->clock, &error);
    stage->config = config_create_default();
    stage->counters = counters_create();
    stage->decoder = net_msg_decoder_create();
    net_hub_init(&stage->hub, stage->loop, stage->config, stage->counters);
    stage->acceptor = (struct net_acceptor){.accept = server_accept, .user = stage};
    assert_true(net_hub_listen(&stage->hub, "memory://server", &stage->acceptor, &error));
    const struct net_client_host_options options = {.loop = stage->loop, .hub = &stage->hub};
    stage->host = net_client_host_create(&options, &error);
    assert_non_null(stage->host);
    stage->tick = TICK_START;
    stage->next_tick_ns = loop_now_ns(stage->loop) + STAGE_TICK_NS;
    *state = stage;
    return 0;
}

int client_stage_teardown(void **state)
{
    struct client_stage *stage = *state;
    net_client_host_destroy(stage->host);
    net_hub_finish(&stage->hub);
    loop_turn(stage->loop, 0);
    net_msg_decoder_destroy(stage->decoder);
    counters_destroy(stage->counters);
    config_destroy(stage->config);
    loop_destroy(stage->loop);
    free(stage);
    return 0;
}
