// SPDX-License-Identifier: MIT
// The client library: joining, the end, and servers that misbehave.

#include "net/client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/client_stage.h"

// ---- joining

static void hello_carries_token_session_and_name(void **state)
{
    struct client_stage *stage = *state;
    client_stage_join(stage, "memory://server");
    assert_string_equal(stage->hello_text[0], "secret");
    assert_string_equal(stage->hello_text[1], "room");
    assert_string_equal(stage->hello_text[2], "test/1");
}

static void a_connect_that_cannot_begin_says_why(void **state)
{
    struct client_stage *stage = *state;
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
        assert_null(net_client_connect(stage->host, rows[i].url, &rows[i].options,
                                       &client_stage_callbacks, stage, &error));
        assert_true(error.text[0] != '\0');
        if (rows[i].error) {
            assert_string_equal(error.text, rows[i].error);
        }
    }
}

static void the_round_trip_is_measured_each_second(void **state)
{
    struct client_stage *stage = *state;
    client_stage_connect(stage, "memory://server?delay_ms=30");
    client_stage_run(stage, 10 * CLOCK_NS_PER_S);
    struct net_client_stats stats = client_stage_stats(stage);
    assert_in_range(stats.rtt_count, 9, 11);
    assert_in_range(stats.rtt_us, 60000, 60000 + STAGE_FRAME_NS / CLOCK_NS_PER_US);
    assert_in_range(stats.rtt_samples[0], 60000, 60000 + STAGE_FRAME_NS / CLOCK_NS_PER_US);
}

static void made_up_pongs_count_for_nothing(void **state)
{
    struct client_stage *stage = *state;
    stage->silent = true;
    client_stage_connect(stage, "memory://server");
    client_stage_run(stage, CLOCK_NS_PER_S / 10);
    for (uint32_t i = 0; i < 10; i++) {
        struct net_msg pong = {.type = NET_MSG_PONG, .pong = {.stamp = i, .tick = 1u << i}};
        client_stage_send(stage, &pong, NET_RELIABLE);
    }
    client_stage_run(stage, CLOCK_NS_PER_S / 10);
    assert_int_equal(client_stage_stats(stage).rtt_count, 0);
}
// ---- a server that misbehaves

static void wrong_bytes_end_the_connection_with_the_right_code(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
        uint16_t code;
    } rows[] = {
        {"\x90", 1, NET_CLOSE_BAD_DATA}, // an array of nothing
        {"\xc1", 1, NET_CLOSE_BAD_DATA},
        {"\x93\x46\x01", 3, NET_CLOSE_BAD_DATA},                     // pong cut short
        {"\x94\x46\x01\x02\x03", 5, NET_CLOSE_BAD_DATA},             // pong with a field too many
        {"\x92\x03\x01", 3, NET_CLOSE_PROTOCOL},                     // ping: not for us
        {"\xdd\x7f\xff\xff\xff\x46\x01\x02", 8, NET_CLOSE_BAD_DATA}, // 2^31 fields
    };
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(rows); i++) {
        void *inner = NULL;
        client_stage_setup(&inner);
        struct client_stage *stage = inner;
        client_stage_join(stage, "memory://server");
        client_stage_send_bytes(stage, rows[i].bytes, rows[i].size);
        client_stage_run(stage, CLOCK_NS_PER_S / 10);
        assert_int_equal(stage->heard.closes, 1);
        assert_int_equal(stage->heard.code, rows[i].code);
        assert_int_equal(stage->closed_code, rows[i].code); // the server hears it, too
        client_stage_teardown(&inner);
    }
}

static void messages_of_a_later_version_are_passed_over(void **state)
{
    struct client_stage *stage = *state;
    client_stage_join(stage, "memory://server");
    client_stage_send_bytes(stage, "\x92\xcc\xc8\x01", 4); // no such type
    client_stage_run(stage, CLOCK_NS_PER_S / 10);
    assert_int_equal(stage->heard.closes, 0);
    assert_non_null(stage->client);
}

static void expect_end(struct client_stage *stage, uint16_t code)
{
    client_stage_run(stage, CLOCK_NS_PER_S / 10);
    assert_int_equal(stage->heard.closes, 1);
    assert_int_equal(stage->heard.code, code);
    assert_null(stage->client);
}

static void anything_before_the_welcome_is_a_protocol_error(void **state)
{
    struct client_stage *stage = *state;
    stage->silent = true;
    client_stage_connect(stage, "memory://server");
    client_stage_run(stage, CLOCK_NS_PER_S / 10);
    struct net_msg msg = client_stage_phase(NET_PHASE_LOBBY, 1, 0);
    client_stage_send(stage, &msg, NET_RELIABLE);
    expect_end(stage, NET_CLOSE_PROTOCOL);
}

static void a_second_welcome_is_a_protocol_error(void **state)
{
    struct client_stage *stage = *state;
    client_stage_join(stage, "memory://server");
    struct net_msg msg = client_stage_welcome(stage);
    client_stage_send(stage, &msg, NET_RELIABLE);
    expect_end(stage, NET_CLOSE_PROTOCOL);
    assert_int_equal(stage->heard.welcomes, 1);
}

static void a_welcome_of_another_version_is_refused(void **state)
{
    struct client_stage *stage = *state;
    stage->silent = true;
    client_stage_connect(stage, "memory://server");
    client_stage_run(stage, CLOCK_NS_PER_S / 10);
    struct net_msg msg = client_stage_welcome(stage);
    msg.welcome.version++;
    client_stage_send(stage, &msg, NET_RELIABLE);
    expect_end(stage, NET_CLOSE_VERSION);
}

static void a_welcome_beyond_the_limits_is_bad_data(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        void *inner = NULL;
        client_stage_setup(&inner);
        struct client_stage *stage = inner;
        stage->silent = true;
        client_stage_connect(stage, "memory://server");
        client_stage_run(stage, CLOCK_NS_PER_S / 10);
        struct net_msg msg = client_stage_welcome(stage);
        if (i == 0) {
            msg.welcome.slot = STAGE_SLOTS;
        } else {
            msg.welcome.entity_values = LIMIT_SNAPSHOT_VALUES / STAGE_SLOTS + 1;
        }
        client_stage_send(stage, &msg, NET_RELIABLE);
        expect_end(stage, NET_CLOSE_BAD_DATA);
        client_stage_teardown(&inner);
    }
}

static void a_snapshot_that_is_no_delta_is_bad_data(void **state)
{
    struct client_stage *stage = *state;
    client_stage_join(stage, "memory://server");
    struct net_msg msg = {
        .type = NET_MSG_SNAPSHOT,
        .snapshot = {.tick = 1, .entities = 1, .delta = bytes_of("\xff\xff", 2)},
    };
    client_stage_send(stage, &msg, NET_UNRELIABLE);
    expect_end(stage, NET_CLOSE_BAD_DATA);
}

static void a_wrong_checksum_is_counted_and_not_shown(void **state)
{
    struct client_stage *stage = *state;
    client_stage_join(stage, "memory://server");
    struct net_msg msg = {
        .type = NET_MSG_SNAPSHOT,
        .snapshot = {.tick = 1, .entities = 0, .checksum = 1, .delta = bytes_of("", 0)},
    };
    client_stage_send(stage, &msg, NET_UNRELIABLE);
    client_stage_run(stage, CLOCK_NS_PER_S / 10);
    assert_int_equal(stage->heard.snapshots, 0);
    assert_int_equal(client_stage_stats(stage).checksum_failures, 1);
}

// ---- the end

static void the_servers_code_and_reason_are_told(void **state)
{
    struct client_stage *stage = *state;
    client_stage_join(stage, "memory://server");
    net_link_close(stage->link, NET_CLOSE_AUTH_DENIED, NULL);
    stage->link = NULL;
    expect_end(stage, NET_CLOSE_AUTH_DENIED);
    assert_string_equal(stage->heard.reason, net_close_text(NET_CLOSE_AUTH_DENIED));
}

static void a_closing_message_tells_them_as_well(void **state)
{
    struct client_stage *stage = *state;
    client_stage_join(stage, "memory://server");
    struct net_msg msg = {
        .type = NET_MSG_CLOSING,
        .closing = {.code = NET_CLOSE_FLOODING, .reason = bytes_of_string("enough")},
    };
    client_stage_send(stage, &msg, NET_RELIABLE);
    expect_end(stage, NET_CLOSE_FLOODING);
    assert_string_equal(stage->heard.reason, "enough");
}

static void nobody_there_is_lost(void **state)
{
    struct client_stage *stage = *state;
    client_stage_connect(stage, "memory://elsewhere");
    client_stage_run(stage, 10 * CLOCK_NS_PER_S);
    assert_int_equal(stage->heard.closes, 1);
    assert_int_equal(stage->heard.code, NET_CLOSE_LOST);
}

static void disconnect_says_goodbye_and_is_silent_here(void **state)
{
    struct client_stage *stage = *state;
    client_stage_join(stage, "memory://server");
    net_client_disconnect(stage->client);
    stage->client = NULL;
    client_stage_run(stage, CLOCK_NS_PER_S / 10);
    assert_true(stage->bye_seen);
    assert_int_equal(stage->closed_code, NET_CLOSE_NORMAL);
    assert_int_equal(stage->heard.closes, 0);
}

static void disconnect_works_inside_every_callback(void **state)
{
    static const uint8_t types[] = {NET_MSG_WELCOME, NET_MSG_ROSTER, NET_MSG_PHASE,
                                    NET_MSG_SNAPSHOT, NET_MSG_RESULT};
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(types); i++) {
        void *inner = NULL;
        client_stage_setup(&inner);
        struct client_stage *stage = inner;
        stage->heard.leave_in = types[i];
        client_stage_connect(stage, "memory://server");
        client_stage_run(stage, CLOCK_NS_PER_S / 10);
        if (stage->link) {
            struct net_msg roster = {.type = NET_MSG_ROSTER, .roster = {.count = 0}};
            struct net_msg phase = client_stage_phase(NET_PHASE_LOBBY, stage->tick, 0);
            struct net_msg result = {.type = NET_MSG_RESULT, .result = {.count = 0}};
            client_stage_send(stage, &roster, NET_RELIABLE);
            client_stage_send(stage, &phase, NET_RELIABLE);
            client_stage_send(stage, &result, NET_RELIABLE);
            client_stage_send_snapshot(stage);
        }
        client_stage_run(stage, CLOCK_NS_PER_S / 10);
        assert_null(stage->client);
        assert_int_equal(stage->closed_code, NET_CLOSE_NORMAL);
        assert_int_equal(stage->heard.closes, 0);
        client_stage_teardown(&inner);
    }
}

static void a_host_may_go_with_clients_connected(void **state)
{
    struct client_stage *stage = *state;
    client_stage_join(stage, "memory://server");
    net_client_host_destroy(stage->host);
    stage->client = NULL;
    stage->host = NULL;
    stage->frozen = true;
    client_stage_run(stage, CLOCK_NS_PER_S / 10);
    assert_int_equal(stage->closed_code, NET_CLOSE_NORMAL);
    assert_int_equal(stage->heard.closes, 0);
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

static void turn_server(struct client_stage *stage)
{
    stage->clock.virtual_now_ns += CLOCK_NS_PER_MS;
    loop_turn(stage->loop, 0);
    net_hub_pump(&stage->hub, loop_now_ns(stage->loop));
    net_hub_flush(&stage->hub, loop_now_ns(stage->loop));
}

static void wait_for(struct client_stage *stage, const unsigned *heard)
{
    uint64_t end_ns = net_client_host_now_ns(stage->host) + 20 * CLOCK_NS_PER_S;
    while (*heard == 0) {
        turn_server(stage);
        net_client_host_poll(stage->host, CLOCK_NS_PER_MS);
        assert_true(net_client_host_now_ns(stage->host) < end_ns);
    }
}

// Over a real socket, as only those can wake anybody; the server has its turns when it is told.
static void a_paced_host_sleeps_through_messages_and_finds_them_then(void **state)
{
    struct client_stage *stage = *state;
    struct error error = {""};
    const struct net_client_host_options options = {.paced = true};
    assert_true(net_hub_listen(&stage->hub, "udp://127.0.0.1:0", &stage->acceptor, &error));
    net_client_host_destroy(stage->host);
    stage->host = net_client_host_create(&options, &error);
    assert_non_null(stage->host);
    client_stage_connect(stage, stage->hub.endpoints->url);
    wait_for(stage, &stage->heard.welcomes);
    struct net_msg msg = client_stage_phase(NET_PHASE_LOBBY, stage->tick, 0);
    client_stage_send(stage, &msg, NET_RELIABLE);
    turn_server(stage);
    uint64_t wake_ns = net_client_host_now_ns(stage->host) + 50 * CLOCK_NS_PER_MS;
    net_client_host_poll(stage->host, 50 * CLOCK_NS_PER_MS);
    assert_true(net_client_host_now_ns(stage->host) >= wake_ns);
    wait_for(stage, &stage->heard.phases);
}

#define ONE(function)                                                                              \
    cmocka_unit_test_setup_teardown(function, client_stage_setup, client_stage_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ONE(hello_carries_token_session_and_name),
        ONE(a_connect_that_cannot_begin_says_why),
        ONE(the_round_trip_is_measured_each_second),
        ONE(made_up_pongs_count_for_nothing),
        cmocka_unit_test(wrong_bytes_end_the_connection_with_the_right_code),
        ONE(messages_of_a_later_version_are_passed_over),
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
        ONE(a_paced_host_sleeps_through_messages_and_finds_them_then),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
