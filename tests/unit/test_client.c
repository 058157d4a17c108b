// SPDX-License-Identifier: MIT
// The client library against a scripted server, over a simulated network in virtual time.

#include "net/client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/delta.h"
#include "net/transport.h"

#define RATE           60
#define TICK_NS        (CLOCK_NS_PER_S / RATE)
#define SNAPSHOT_TICKS 3
#define TIMING_TICKS   12
#define FRAME_NS       (4 * CLOCK_NS_PER_MS)
#define START_NS       (1000 * CLOCK_NS_PER_S)
#define TICK_START     500
#define SLOT           2
#define SLOTS          4
#define VALUES         3
#define COUNT          (SLOTS * VALUES)
#define INPUT_BYTES    4
#define TICKS_MAX      8192
#define RING           64

// What the client heard.
struct heard {
    unsigned welcomes, rosters, phases, snapshots, results, closes;
    uint16_t code;
    char reason[LIMIT_CLOSE_REASON_BYTES + 1];
    uint32_t tick;
    bool values_wrong;
    uint8_t leave_in; // message type in whose callback the client is disconnected; 0: none
};

struct fixture {
    struct clock clock;
    struct loop *loop;
    struct config *config;
    struct counters *counters;
    struct net_hub hub;
    struct net_acceptor acceptor;
    struct net_msg_decoder *decoder;
    struct net_client_host *host;
    struct net_client *client;
    struct heard heard;
    bool frozen; // the client's program hangs: no polls

    // The server.
    struct net_link *link;
    uint32_t tick;
    uint64_t next_tick_ns;
    bool silent; // answers nothing by itself
    bool snapshots_on;
    uint32_t race_tick; // inputs are wanted from here on; 0 = no race
    uint32_t ack_tick;
    uint32_t ring[RING];
    unsigned ring_next;
    bool hello_seen, bye_seen;
    char hello_text[3][128];
    unsigned messages, inputs_empty;
    uint16_t closed_code;
    uint8_t arrived[TICKS_MAX]; // by tick: 1 = in time, 2 = late
    int32_t margin_ticks;
    bool margin_known;
    uint32_t late, late_total;
    int32_t margin_least, margin_most; // over what the test looks at
};

// ---- the scripted server

static void server_send(struct fixture *fixture, const struct net_msg *msg,
                        enum net_delivery delivery)
{
    struct bytes_buf out;
    bytes_buf_init(&out, LIMIT_MESSAGE_BYTES);
    assert_true(net_msg_encode(&out, msg));
    struct net_payload *payload = net_payload_create(bytes_buf_span(&out));
    net_link_send(fixture->link, payload, delivery);
    net_payload_unref(payload);
    bytes_buf_finish(&out);
}

static void server_send_bytes(struct fixture *fixture, const void *bytes, size_t size)
{
    struct net_payload *payload = net_payload_create(bytes_of(bytes, size));
    net_link_send(fixture->link, payload, NET_RELIABLE);
    net_payload_unref(payload);
}

static struct net_msg make_welcome(const struct fixture *fixture)
{
    return (struct net_msg){
        .type = NET_MSG_WELCOME,
        .welcome = {.version = NET_PROTOCOL_VERSION,
                    .session_name = bytes_of_string("room"),
                    .session_id = bytes_of_string("00000000-0000-4000-8000-000000000000"),
                    .slot = SLOT,
                    .slots = SLOTS,
                    .tick_rate = RATE,
                    .snapshot_rate = RATE / SNAPSHOT_TICKS,
                    .tick = fixture->tick,
                    .game = bytes_of_string("test"),
                    .input_bytes = INPUT_BYTES,
                    .entity_values = VALUES},
    };
}

static struct net_msg make_phase(enum net_phase phase, uint32_t tick, uint32_t ends_tick)
{
    struct net_msg msg = {
        .type = NET_MSG_PHASE,
        .phase = {.phase = phase, .tick = tick, .ends_tick = ends_tick, .slots = SLOTS},
    };
    for (uint32_t i = 0; i < SLOTS; i++) {
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

static bool in_ring(const struct fixture *fixture, uint32_t tick)
{
    for (unsigned i = 0; tick != 0 && i < RING; i++) {
        if (fixture->ring[i] == tick) {
            return true;
        }
    }
    return false;
}

static void server_snapshot(struct fixture *fixture)
{
    int32_t values[COUNT], baseline[COUNT];
    uint32_t base = in_ring(fixture, fixture->ack_tick) ? fixture->ack_tick : 0;
    values_at(fixture->tick, values);
    values_at(base, baseline);
    struct bytes_buf delta;
    bytes_buf_init(&delta, 4096);
    assert_true(net_delta_encode(&delta, values, base ? baseline : NULL, SLOTS, VALUES));
    struct net_msg msg = {
        .type = NET_MSG_SNAPSHOT,
        .snapshot = {.tick = fixture->tick,
                     .baseline_tick = base,
                     .checksum = net_delta_checksum(values, COUNT),
                     .entities = SLOTS,
                     .delta = bytes_buf_span(&delta)},
    };
    server_send(fixture, &msg, NET_UNRELIABLE);
    bytes_buf_finish(&delta);
    fixture->ring[fixture->ring_next++ % RING] = fixture->tick;
}

static void server_timing(struct fixture *fixture)
{
    if (!fixture->margin_known) {
        return;
    }
    struct net_msg msg = {
        .type = NET_MSG_TIMING,
        .timing = {.tick = fixture->tick,
                   .margin_ms = fixture->margin_ticks * 1000 / RATE,
                   .late = fixture->late},
    };
    server_send(fixture, &msg, NET_UNRELIABLE);
    fixture->margin_known = false;
    fixture->late = 0;
}

static void server_input(struct fixture *fixture, const struct net_msg_input *input)
{
    if (input->ack_tick > fixture->ack_tick) {
        fixture->ack_tick = input->ack_tick;
    }
    fixture->inputs_empty += input->inputs.size == 0;
    assert_int_equal(input->inputs.size % INPUT_BYTES, 0);
    for (uint32_t i = 0; i < input->inputs.size / INPUT_BYTES; i++) {
        uint32_t tick = input->first_tick + i;
        assert_int_equal(bytes_get_u32(input->inputs.data + (size_t)i * INPUT_BYTES), tick);
        assert_true(tick < TICKS_MAX);
        if (fixture->arrived[tick]) {
            continue;
        }
        int32_t margin = (int32_t)(tick - fixture->tick) - 1; // the next tick to run has 0
        fixture->arrived[tick] = margin < 0 ? 2 : 1;
        fixture->late += margin < 0;
        fixture->late_total += margin < 0;
        if (!fixture->margin_known || margin < fixture->margin_ticks) {
            fixture->margin_ticks = margin;
            fixture->margin_known = true;
        }
        fixture->margin_least = margin < fixture->margin_least ? margin : fixture->margin_least;
        fixture->margin_most = margin > fixture->margin_most ? margin : fixture->margin_most;
    }
}

static void copy_text(char *to, size_t size, struct bytes_span from)
{
    snprintf(to, size, "%.*s", (int)from.size, (const char *)from.data);
}

static void server_message(void *user, struct net_link *link, struct bytes_span bytes)
{
    struct fixture *fixture = user;
    struct net_msg msg;
    (void)link;
    unsigned state = fixture->hello_seen ? NET_STATE_PLAY : NET_STATE_HELLO;
    assert_int_equal(net_msg_decode(fixture->decoder, bytes, NET_UP, state, &msg), NET_MSG_OK);
    fixture->messages++;
    if (msg.type == NET_MSG_HELLO) {
        fixture->hello_seen = true;
        copy_text(fixture->hello_text[0], sizeof(fixture->hello_text[0]), msg.hello.token);
        copy_text(fixture->hello_text[1], sizeof(fixture->hello_text[1]), msg.hello.session);
        copy_text(fixture->hello_text[2], sizeof(fixture->hello_text[2]), msg.hello.client);
        if (!fixture->silent) {
            struct net_msg welcome = make_welcome(fixture);
            server_send(fixture, &welcome, NET_RELIABLE);
        }
    } else if (msg.type == NET_MSG_PING && !fixture->silent) {
        struct net_msg pong = {
            .type = NET_MSG_PONG,
            .pong = {.stamp = msg.ping.stamp, .tick = fixture->tick},
        };
        server_send(fixture, &pong, NET_UNRELIABLE);
    } else if (msg.type == NET_MSG_INPUT) {
        server_input(fixture, &msg.input);
    } else if (msg.type == NET_MSG_BYE) {
        fixture->bye_seen = true;
    }
}

static void server_closed(void *user, struct net_link *link, uint16_t code, const char *reason)
{
    struct fixture *fixture = user;
    (void)link;
    (void)reason;
    fixture->closed_code = code;
    fixture->link = NULL;
}

static uint16_t server_accept(void *user, struct net_link *link)
{
    static const struct net_link_handler handler = {
        .message = server_message,
        .closed = server_closed,
    };
    struct fixture *fixture = user;
    net_link_attach(link, &handler, fixture);
    fixture->link = link;
    return 0;
}

static void server_tick(struct fixture *fixture)
{
    fixture->tick++;
    fixture->next_tick_ns += TICK_NS;
    if (!fixture->link || !fixture->snapshots_on) {
        return;
    }
    if (fixture->tick % SNAPSHOT_TICKS == 0) {
        server_snapshot(fixture);
    }
    if (fixture->tick % TIMING_TICKS == 0) {
        server_timing(fixture);
    }
}

// ---- the client's side

static void left_in(struct fixture *fixture, enum net_msg_type type)
{
    if (fixture->heard.leave_in == type) {
        net_client_disconnect(fixture->client);
        fixture->client = NULL;
    }
}

static void on_welcome(void *user, const struct net_msg_welcome *welcome)
{
    struct fixture *fixture = user;
    assert_int_equal(welcome->slot, SLOT);
    fixture->heard.welcomes++;
    left_in(fixture, NET_MSG_WELCOME);
}

static void on_roster(void *user, const struct net_msg_roster *roster)
{
    struct fixture *fixture = user;
    (void)roster;
    fixture->heard.rosters++;
    left_in(fixture, NET_MSG_ROSTER);
}

static void on_phase(void *user, const struct net_msg_phase *phase)
{
    struct fixture *fixture = user;
    (void)phase;
    fixture->heard.phases++;
    left_in(fixture, NET_MSG_PHASE);
}

static void on_snapshot(void *user, const struct net_client_snapshot *snapshot)
{
    struct fixture *fixture = user;
    int32_t values[COUNT];
    values_at(snapshot->tick, values);
    assert_true(snapshot->tick > fixture->heard.tick);
    assert_int_equal(snapshot->entities, SLOTS);
    assert_int_equal(snapshot->values_per_entity, VALUES);
    fixture->heard.values_wrong |= memcmp(values, snapshot->values, sizeof(values)) != 0;
    fixture->heard.tick = snapshot->tick;
    fixture->heard.snapshots++;
    left_in(fixture, NET_MSG_SNAPSHOT);
}

static void on_result(void *user, const struct net_msg_result *result)
{
    struct fixture *fixture = user;
    (void)result;
    fixture->heard.results++;
    left_in(fixture, NET_MSG_RESULT);
}

static void on_closed(void *user, uint16_t code, const char *reason)
{
    struct fixture *fixture = user;
    fixture->heard.closes++;
    fixture->heard.code = code;
    snprintf(fixture->heard.reason, sizeof(fixture->heard.reason), "%s", reason);
    fixture->client = NULL;
}

static const struct net_client_callbacks callbacks = {
    .welcome = on_welcome,
    .roster = on_roster,
    .phase = on_phase,
    .snapshot = on_snapshot,
    .result = on_result,
    .closed = on_closed,
};

static void client_frame(struct fixture *fixture)
{
    uint32_t tick;
    while (fixture->client && net_client_input_due(fixture->client, &tick)) {
        uint8_t input[INPUT_BYTES];
        bytes_put_u32(input, tick);
        net_client_input(fixture->client, tick, input);
    }
}

static void run_for(struct fixture *fixture, uint64_t duration_ns)
{
    uint64_t end_ns = loop_now_ns(fixture->loop) + duration_ns;
    while (loop_now_ns(fixture->loop) < end_ns) {
        if (fixture->frozen) {
            loop_turn(fixture->loop, loop_now_ns(fixture->loop) + FRAME_NS);
        } else {
            net_client_host_poll(fixture->host, FRAME_NS);
            client_frame(fixture);
        }
        while (loop_now_ns(fixture->loop) >= fixture->next_tick_ns) {
            server_tick(fixture);
        }
    }
}

static void connect_to(struct fixture *fixture, const char *url)
{
    struct error error = {""};
    const struct net_client_options options = {
        .token = bytes_of_string("secret"),
        .session = "room",
        .client_name = "test/1",
    };
    fixture->client = net_client_connect(fixture->host, url, &options, &callbacks, fixture, &error);
    if (!fixture->client) {
        fail_msg("%s", error.text);
    }
}

static void join(struct fixture *fixture, const char *url)
{
    connect_to(fixture, url);
    run_for(fixture, CLOCK_NS_PER_S);
    assert_int_equal(fixture->heard.welcomes, 1);
}

static void begin_race(struct fixture *fixture)
{
    fixture->race_tick = fixture->tick + RATE;
    fixture->snapshots_on = true;
    struct net_msg msg = make_phase(NET_PHASE_COUNTDOWN, fixture->tick, fixture->race_tick);
    server_send(fixture, &msg, NET_RELIABLE);
    run_for(fixture, CLOCK_NS_PER_S);
    msg = make_phase(NET_PHASE_RACING, fixture->race_tick, 0);
    server_send(fixture, &msg, NET_RELIABLE);
}

// Ticks from..to - 1 whose input did not come in time.
static unsigned missing(const struct fixture *fixture, uint32_t from, uint32_t to)
{
    unsigned count = 0;
    for (uint32_t tick = from; tick < to; tick++) {
        count += fixture->arrived[tick] != 1;
    }
    return count;
}

static struct net_client_stats stats_of(const struct fixture *fixture)
{
    struct net_client_stats stats;
    net_client_get_stats(fixture->client, &stats);
    return stats;
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    struct error error = {""};
    clock_init_virtual(&fixture->clock, START_NS);
    fixture->loop = loop_create(&fixture->clock, &error);
    fixture->config = config_create_default();
    fixture->counters = counters_create();
    fixture->decoder = net_msg_decoder_create();
    net_hub_init(&fixture->hub, fixture->loop, fixture->config, fixture->counters);
    fixture->acceptor = (struct net_acceptor){.accept = server_accept, .user = fixture};
    assert_true(net_hub_listen(&fixture->hub, "memory://server", &fixture->acceptor, &error));
    const struct net_client_host_options options = {.loop = fixture->loop, .hub = &fixture->hub};
    fixture->host = net_client_host_create(&options, &error);
    assert_non_null(fixture->host);
    fixture->tick = TICK_START;
    fixture->next_tick_ns = loop_now_ns(fixture->loop) + TICK_NS;
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    net_client_host_destroy(fixture->host);
    net_hub_finish(&fixture->hub);
    loop_turn(fixture->loop, 0);
    net_msg_decoder_destroy(fixture->decoder);
    counters_destroy(fixture->counters);
    config_destroy(fixture->config);
    loop_destroy(fixture->loop);
    free(fixture);
    return 0;
}

// ---- joining

static void hello_carries_token_session_and_name(void **state)
{
    struct fixture *fixture = *state;
    join(fixture, "memory://server");
    assert_string_equal(fixture->hello_text[0], "secret");
    assert_string_equal(fixture->hello_text[1], "room");
    assert_string_equal(fixture->hello_text[2], "test/1");
}

static void a_connect_that_cannot_begin_says_why(void **state)
{
    struct fixture *fixture = *state;
    static char long_text[600];
    memset(long_text, 'x', sizeof(long_text) - 1);
    long_text[65] = '\0';
    const struct {
        const char *url;
        struct net_client_options options;
        const char *error;
    } rows[] = {
        {"memory://server", {.token = {NULL, 0}}, "a connection token has 1 to 128 bytes, not 0"},
        {"memory://server",
         {.token = bytes_of(long_text, 513)},
         "a connection token has 1 to 128 bytes, not 513"},
        {"memory://server",
         {.token = bytes_of(long_text, 512)},
         "token, session and client name do not fit into 512 bytes"},
        {"memory://server",
         {.token = bytes_of("t", 1), .session = long_text},
         "a session name is UTF-8 of at most 64 bytes"},
        {"memory://server",
         {.token = bytes_of("t", 1), .client_name = "\xff"},
         "a client name is UTF-8 of at most 64 bytes"},
        {"carrier-pigeon://server", {.token = bytes_of("t", 1)}, NULL},
        {"memory://nobody listens", {.token = bytes_of("t", 1)}, NULL},
    };
    for (size_t i = 0; i < BASE_COUNT(rows); i++) {
        struct error error = {""};
        assert_null(net_client_connect(fixture->host, rows[i].url, &rows[i].options, &callbacks,
                                       fixture, &error));
        assert_true(error.text[0] != '\0');
        if (rows[i].error) {
            assert_string_equal(error.text, rows[i].error);
        }
    }
}

static void the_round_trip_is_measured_each_second(void **state)
{
    struct fixture *fixture = *state;
    connect_to(fixture, "memory://server?delay_ms=30");
    run_for(fixture, 10 * CLOCK_NS_PER_S);
    struct net_client_stats stats = stats_of(fixture);
    assert_in_range(stats.rtt_count, 9, 11);
    assert_in_range(stats.rtt_us, 60000, 60000 + FRAME_NS / CLOCK_NS_PER_US);
    assert_in_range(stats.rtt_samples[0], 60000, 60000 + FRAME_NS / CLOCK_NS_PER_US);
}

static void made_up_pongs_count_for_nothing(void **state)
{
    struct fixture *fixture = *state;
    fixture->silent = true;
    connect_to(fixture, "memory://server");
    run_for(fixture, CLOCK_NS_PER_S / 10);
    for (uint32_t i = 0; i < 10; i++) {
        struct net_msg pong = {.type = NET_MSG_PONG, .pong = {.stamp = i, .tick = 1u << i}};
        server_send(fixture, &pong, NET_RELIABLE);
    }
    run_for(fixture, CLOCK_NS_PER_S / 10);
    assert_int_equal(stats_of(fixture).rtt_count, 0);
}

// ---- inputs

static void every_tick_of_a_race_gets_its_input_in_time(void **state)
{
    struct fixture *fixture = *state;
    join(fixture, "memory://server?delay_ms=40&jitter_ms=8&seed=3");
    begin_race(fixture);
    run_for(fixture, 10 * CLOCK_NS_PER_S);
    // From the very first tick on, but for what the client needs to learn its margin.
    assert_in_range(missing(fixture, fixture->race_tick, fixture->tick), 0, 12);
    assert_int_equal(missing(fixture, fixture->race_tick + RATE, fixture->tick), 0);
    assert_int_equal(stats_of(fixture).inputs_late, fixture->late_total);
}

static void no_input_is_made_before_the_race(void **state)
{
    struct fixture *fixture = *state;
    join(fixture, "memory://server?delay_ms=20");
    begin_race(fixture);
    run_for(fixture, CLOCK_NS_PER_S);
    for (uint32_t tick = 0; tick < fixture->race_tick; tick++) {
        assert_int_equal(fixture->arrived[tick], 0);
    }
    struct net_msg msg = make_phase(NET_PHASE_FINISHED, fixture->tick, 0);
    server_send(fixture, &msg, NET_RELIABLE);
    run_for(fixture, CLOCK_NS_PER_S);
    uint32_t tick;
    assert_false(net_client_input_due(fixture->client, &tick));
}

static void who_does_not_take_part_sends_no_inputs_but_acknowledges(void **state)
{
    struct fixture *fixture = *state;
    join(fixture, "memory://server");
    fixture->snapshots_on = true;
    struct net_msg msg = make_phase(NET_PHASE_RACING, fixture->tick, 0);
    msg.phase.entity_of_slot[SLOT] = 0xff;
    server_send(fixture, &msg, NET_RELIABLE);
    run_for(fixture, CLOCK_NS_PER_S);
    for (uint32_t tick = 0; tick < TICKS_MAX; tick++) {
        assert_int_equal(fixture->arrived[tick], 0);
    }
    assert_in_range(fixture->inputs_empty, RATE / SNAPSHOT_TICKS - 2, RATE / SNAPSHOT_TICKS + 2);
    assert_true(fixture->ack_tick + 2 * SNAPSHOT_TICKS > fixture->tick);
}

static void lost_messages_cost_no_inputs(void **state)
{
    struct fixture *fixture = *state;
    join(fixture, "memory://server?delay_ms=40&loss=100&seed=11");
    begin_race(fixture);
    run_for(fixture, 3 * CLOCK_NS_PER_S); // the lead adapts to what loss costs
    uint32_t from = fixture->tick;
    run_for(fixture, 30 * CLOCK_NS_PER_S);
    unsigned of = fixture->tick - from;
    assert_in_range(missing(fixture, from, fixture->tick), 0, of / 50);
}

static void the_lead_settles_at_a_few_ticks(void **state)
{
    static const char *const urls[] = {
        "memory://server",
        "memory://server?delay_ms=10&jitter_ms=2&seed=1",
        "memory://server?delay_ms=150&jitter_ms=10&seed=1",
    };
    for (size_t i = 0; i < BASE_COUNT(urls); i++) {
        void *inner = NULL;
        setup(&inner);
        struct fixture *fixture = inner;
        join(fixture, urls[i]);
        begin_race(fixture);
        run_for(fixture, 20 * CLOCK_NS_PER_S);
        fixture->margin_least = INT32_MAX;
        fixture->margin_most = INT32_MIN;
        run_for(fixture, 10 * CLOCK_NS_PER_S);
        assert_in_range(fixture->margin_least, 0, 3);
        assert_in_range(fixture->margin_most, 1, 6);
        teardown(&inner);
    }
    (void)state;
}

static void a_path_that_grows_longer_is_followed(void **state)
{
    struct fixture *fixture = *state;
    join(fixture, "memory://server?delay_ms=10");
    begin_race(fixture);
    run_for(fixture, 3 * CLOCK_NS_PER_S);
    // The server falls 100 ms behind its own time, as when a machine is paused.
    fixture->next_tick_ns += 100 * CLOCK_NS_PER_MS;
    run_for(fixture, 15 * CLOCK_NS_PER_S);
    uint32_t from = fixture->tick;
    fixture->margin_most = INT32_MIN;
    run_for(fixture, 3 * CLOCK_NS_PER_S);
    assert_int_equal(missing(fixture, from, fixture->tick), 0);
    assert_in_range(fixture->margin_most, 1, 6);
}

static void after_a_hitch_hopeless_ticks_are_skipped(void **state)
{
    struct fixture *fixture = *state;
    join(fixture, "memory://server?delay_ms=20");
    begin_race(fixture);
    run_for(fixture, 2 * CLOCK_NS_PER_S);
    uint32_t late_before = fixture->late_total;
    fixture->frozen = true;
    run_for(fixture, 2 * CLOCK_NS_PER_S);
    fixture->frozen = false;
    uint32_t tick;
    unsigned due = 0;
    net_client_host_poll(fixture->host, 0);
    while (net_client_input_due(fixture->client, &tick)) {
        uint8_t input[INPUT_BYTES];
        bytes_put_u32(input, tick);
        net_client_input(fixture->client, tick, input);
        due++;
    }
    assert_in_range(due, 1, 8); // of 120
    run_for(fixture, CLOCK_NS_PER_S);
    assert_in_range(fixture->late_total - late_before, 0, 8);
}

static void the_message_budget_is_kept(void **state)
{
    struct fixture *fixture = *state;
    join(fixture, "memory://server?delay_ms=100&loss=50&jitter_ms=30&seed=5");
    begin_race(fixture);
    for (unsigned second = 0; second < 10; second++) {
        unsigned before = fixture->messages;
        run_for(fixture, CLOCK_NS_PER_S);
        assert_in_range(fixture->messages - before, 20, 40);
    }
}

// ---- snapshots

static void deltas_survive_loss_reordering_and_duplicates(void **state)
{
    struct fixture *fixture = *state;
    join(fixture, "memory://server?delay_ms=40&jitter_ms=60&loss=200&duplicate=200&seed=9");
    begin_race(fixture);
    run_for(fixture, 30 * CLOCK_NS_PER_S);
    struct net_client_stats stats = stats_of(fixture);
    assert_int_equal(stats.checksum_failures, 0);
    assert_int_equal(stats.snapshots, fixture->heard.snapshots);
    assert_false(fixture->heard.values_wrong);
    assert_in_range(fixture->heard.snapshots, 300, 600); // of 640, some lost, some overtaken
    assert_true(stats.snapshots_stale > 0);
    assert_int_not_equal(fixture->ack_tick, 0);
}

static void snapshots_that_overtake_the_welcome_are_stale(void **state)
{
    struct fixture *fixture = *state;
    fixture->silent = true;
    connect_to(fixture, "memory://server");
    run_for(fixture, CLOCK_NS_PER_S / 10);
    server_snapshot(fixture);
    run_for(fixture, CLOCK_NS_PER_S / 10);
    assert_int_equal(fixture->heard.closes, 0);
    assert_int_equal(stats_of(fixture).snapshots_stale, 1);
}

// ---- a server that misbehaves

static void wrong_bytes_end_the_connection_with_the_right_code(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
        uint16_t code;
    } rows[] = {
        {"", 0, NET_CLOSE_BAD_DATA},
        {"\xc1", 1, NET_CLOSE_BAD_DATA},
        {"\x93\x46\x01", 3, NET_CLOSE_BAD_DATA},                     // pong cut short
        {"\x94\x46\x01\x02\x03", 5, NET_CLOSE_BAD_DATA},             // pong with a field too many
        {"\x92\xcc\xc8\x01", 4, NET_CLOSE_PROTOCOL},                 // no such type
        {"\x92\x03\x01", 3, NET_CLOSE_PROTOCOL},                     // ping: not for us
        {"\xdd\x7f\xff\xff\xff\x46\x01\x02", 8, NET_CLOSE_BAD_DATA}, // 2^31 fields
    };
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(rows); i++) {
        void *inner = NULL;
        setup(&inner);
        struct fixture *fixture = inner;
        join(fixture, "memory://server");
        if (rows[i].size > 0) {
            server_send_bytes(fixture, rows[i].bytes, rows[i].size);
        } else {
            server_send_bytes(fixture, "\x90", 1); // an array of nothing
        }
        run_for(fixture, CLOCK_NS_PER_S / 10);
        assert_int_equal(fixture->heard.closes, 1);
        assert_int_equal(fixture->heard.code, rows[i].code);
        assert_int_equal(fixture->closed_code, rows[i].code); // the server hears it, too
        teardown(&inner);
    }
}

static void expect_end(struct fixture *fixture, uint16_t code)
{
    run_for(fixture, CLOCK_NS_PER_S / 10);
    assert_int_equal(fixture->heard.closes, 1);
    assert_int_equal(fixture->heard.code, code);
    assert_null(fixture->client);
}

static void anything_before_the_welcome_is_a_protocol_error(void **state)
{
    struct fixture *fixture = *state;
    fixture->silent = true;
    connect_to(fixture, "memory://server");
    run_for(fixture, CLOCK_NS_PER_S / 10);
    struct net_msg msg = make_phase(NET_PHASE_LOBBY, 1, 0);
    server_send(fixture, &msg, NET_RELIABLE);
    expect_end(fixture, NET_CLOSE_PROTOCOL);
}

static void a_second_welcome_is_a_protocol_error(void **state)
{
    struct fixture *fixture = *state;
    join(fixture, "memory://server");
    struct net_msg msg = make_welcome(fixture);
    server_send(fixture, &msg, NET_RELIABLE);
    expect_end(fixture, NET_CLOSE_PROTOCOL);
    assert_int_equal(fixture->heard.welcomes, 1);
}

static void a_welcome_of_another_version_is_refused(void **state)
{
    struct fixture *fixture = *state;
    fixture->silent = true;
    connect_to(fixture, "memory://server");
    run_for(fixture, CLOCK_NS_PER_S / 10);
    struct net_msg msg = make_welcome(fixture);
    msg.welcome.version++;
    server_send(fixture, &msg, NET_RELIABLE);
    expect_end(fixture, NET_CLOSE_VERSION);
}

static void a_welcome_beyond_the_limits_is_bad_data(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        void *inner = NULL;
        setup(&inner);
        struct fixture *fixture = inner;
        fixture->silent = true;
        connect_to(fixture, "memory://server");
        run_for(fixture, CLOCK_NS_PER_S / 10);
        struct net_msg msg = make_welcome(fixture);
        if (i == 0) {
            msg.welcome.slot = SLOTS;
        } else {
            msg.welcome.entity_values = LIMIT_SNAPSHOT_VALUES / SLOTS + 1;
        }
        server_send(fixture, &msg, NET_RELIABLE);
        expect_end(fixture, NET_CLOSE_BAD_DATA);
        teardown(&inner);
    }
}

static void a_snapshot_that_is_no_delta_is_bad_data(void **state)
{
    struct fixture *fixture = *state;
    join(fixture, "memory://server");
    struct net_msg msg = {
        .type = NET_MSG_SNAPSHOT,
        .snapshot = {.tick = 1, .entities = 1, .delta = bytes_of("\xff\xff", 2)},
    };
    server_send(fixture, &msg, NET_UNRELIABLE);
    expect_end(fixture, NET_CLOSE_BAD_DATA);
}

static void a_wrong_checksum_is_counted_and_not_shown(void **state)
{
    struct fixture *fixture = *state;
    join(fixture, "memory://server");
    struct net_msg msg = {
        .type = NET_MSG_SNAPSHOT,
        .snapshot = {.tick = 1, .entities = 0, .checksum = 1, .delta = bytes_of("", 0)},
    };
    server_send(fixture, &msg, NET_UNRELIABLE);
    run_for(fixture, CLOCK_NS_PER_S / 10);
    assert_int_equal(fixture->heard.snapshots, 0);
    assert_int_equal(stats_of(fixture).checksum_failures, 1);
}

// ---- the end

static void the_servers_code_and_reason_are_told(void **state)
{
    struct fixture *fixture = *state;
    join(fixture, "memory://server");
    net_link_close(fixture->link, NET_CLOSE_AUTH_DENIED, NULL);
    fixture->link = NULL;
    expect_end(fixture, NET_CLOSE_AUTH_DENIED);
    assert_string_equal(fixture->heard.reason, net_close_text(NET_CLOSE_AUTH_DENIED));
}

static void a_closing_message_tells_them_as_well(void **state)
{
    struct fixture *fixture = *state;
    join(fixture, "memory://server");
    struct net_msg msg = {
        .type = NET_MSG_CLOSING,
        .closing = {.code = NET_CLOSE_FLOODING, .reason = bytes_of_string("enough")},
    };
    server_send(fixture, &msg, NET_RELIABLE);
    expect_end(fixture, NET_CLOSE_FLOODING);
    assert_string_equal(fixture->heard.reason, "enough");
}

static void nobody_there_is_lost(void **state)
{
    struct fixture *fixture = *state;
    connect_to(fixture, "memory://elsewhere");
    run_for(fixture, 10 * CLOCK_NS_PER_S);
    assert_int_equal(fixture->heard.closes, 1);
    assert_int_equal(fixture->heard.code, NET_CLOSE_LOST);
}

static void disconnect_says_goodbye_and_is_silent_here(void **state)
{
    struct fixture *fixture = *state;
    join(fixture, "memory://server");
    net_client_disconnect(fixture->client);
    fixture->client = NULL;
    run_for(fixture, CLOCK_NS_PER_S / 10);
    assert_true(fixture->bye_seen);
    assert_int_equal(fixture->closed_code, NET_CLOSE_NORMAL);
    assert_int_equal(fixture->heard.closes, 0);
}

static void disconnect_works_inside_every_callback(void **state)
{
    static const uint8_t types[] = {NET_MSG_WELCOME, NET_MSG_ROSTER, NET_MSG_PHASE,
                                    NET_MSG_SNAPSHOT, NET_MSG_RESULT};
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(types); i++) {
        void *inner = NULL;
        setup(&inner);
        struct fixture *fixture = inner;
        fixture->heard.leave_in = types[i];
        connect_to(fixture, "memory://server");
        run_for(fixture, CLOCK_NS_PER_S / 10);
        if (fixture->link) {
            struct net_msg roster = {.type = NET_MSG_ROSTER, .roster = {.count = 0}};
            struct net_msg phase = make_phase(NET_PHASE_LOBBY, fixture->tick, 0);
            struct net_msg result = {.type = NET_MSG_RESULT, .result = {.count = 0}};
            server_send(fixture, &roster, NET_RELIABLE);
            server_send(fixture, &phase, NET_RELIABLE);
            server_send(fixture, &result, NET_RELIABLE);
            server_snapshot(fixture);
        }
        run_for(fixture, CLOCK_NS_PER_S / 10);
        assert_null(fixture->client);
        assert_int_equal(fixture->closed_code, NET_CLOSE_NORMAL);
        assert_int_equal(fixture->heard.closes, 0);
        teardown(&inner);
    }
}

static void a_host_may_go_with_clients_connected(void **state)
{
    struct fixture *fixture = *state;
    join(fixture, "memory://server");
    net_client_host_destroy(fixture->host);
    fixture->client = NULL;
    fixture->host = NULL;
    fixture->frozen = true;
    run_for(fixture, CLOCK_NS_PER_S / 10);
    assert_int_equal(fixture->closed_code, NET_CLOSE_NORMAL);
    assert_int_equal(fixture->heard.closes, 0);
}

static void a_host_of_its_own_needs_nothing(void **state)
{
    (void)state;
    struct error error = {""};
    struct net_client_host *host = net_client_host_create(NULL, &error);
    assert_non_null(host);
    uint64_t before_ns = net_client_host_now_ns(host);
    net_client_host_poll(host, 2 * CLOCK_NS_PER_MS);
    assert_true(net_client_host_now_ns(host) >= before_ns + 2 * CLOCK_NS_PER_MS);
    net_client_host_destroy(host);
    net_client_host_destroy(NULL);
}

#define ONE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ONE(hello_carries_token_session_and_name),
        ONE(a_connect_that_cannot_begin_says_why),
        ONE(the_round_trip_is_measured_each_second),
        ONE(made_up_pongs_count_for_nothing),
        ONE(every_tick_of_a_race_gets_its_input_in_time),
        ONE(no_input_is_made_before_the_race),
        ONE(who_does_not_take_part_sends_no_inputs_but_acknowledges),
        ONE(lost_messages_cost_no_inputs),
        cmocka_unit_test(the_lead_settles_at_a_few_ticks),
        ONE(a_path_that_grows_longer_is_followed),
        ONE(after_a_hitch_hopeless_ticks_are_skipped),
        ONE(the_message_budget_is_kept),
        ONE(deltas_survive_loss_reordering_and_duplicates),
        ONE(snapshots_that_overtake_the_welcome_are_stale),
        cmocka_unit_test(wrong_bytes_end_the_connection_with_the_right_code),
        ONE(anything_before_the_welcome_is_a_protocol_error),
        ONE(a_second_welcome_is_a_protocol_error),
        ONE(a_welcome_of_another_version_is_refused),
        cmocka_unit_test(a_welcome_beyond_the_limits_is_bad_data),
        ONE(a_snapshot_that_is_no_delta_is_bad_data),
        ONE(a_wrong_checksum_is_counted_and_not_shown),
        ONE(the_servers_code_and_reason_are_told),
        ONE(a_closing_message_tells_them_as_well),
        ONE(nobody_there_is_lost),
        ONE(disconnect_says_goodbye_and_is_silent_here),
        cmocka_unit_test(disconnect_works_inside_every_callback),
        ONE(a_host_may_go_with_clients_connected),
        ONE(a_host_of_its_own_needs_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
