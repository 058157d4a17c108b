// SPDX-License-Identifier: MIT
// The shared transport suite: two ends over one transport, driven through the public seam only.

#include "tests/support/transport_suite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/tls_store.h"

#define PATIENCE_NS    (20 * CLOCK_NS_PER_S)
#define STEP_NS        (2 * CLOCK_NS_PER_MS)
#define ORDER_MESSAGES 200
#define BACKLOG        4000
#define BACKLOG_BYTES  4000
#define VIRTUAL_START  (1000 * CLOCK_NS_PER_S)
#define QUIET_NS       (300 * CLOCK_NS_PER_MS)
#define OVERSIZE_BYTES (LIMIT_MESSAGE_BYTES + 1)

// One end of a link, and all that its handlers saw.
struct end {
    struct fixture *fixture;
    struct net_link *link; // NULL before it is there and after it has ended
    bool opened;
    bool closed;
    uint16_t close_code;
    char close_reason[LIMIT_CLOSE_REASON_BYTES + 1];
    unsigned messages;
    uint32_t last_size;
    uint8_t last[LIMIT_MESSAGE_BYTES];
    uint32_t last_sequence;
    bool out_of_order;
    unsigned fetched;       // a bit for each step that was asked for since the last message
    bool foreseen;          // at the last message: all of them
    bool echo;              // answers every message with itself
    uint16_t close_on_open; // close with it from the handler; 0: do not
    uint16_t close_on_message;
};

struct fixture {
    const struct transport_suite *suite;
    struct clock clock;
    struct loop *loop;
    struct config *config;
    struct counters *counters;
    struct net_hub hubs[2];
    struct net_hub *server_hub, *client_hub;
    struct net_acceptor acceptor;
    struct end server, client;
    uint16_t accept_code;
    bool refuse_address;
    unsigned accepted;
    unsigned asked;
};

// ---- handlers

static void end_close(struct end *end, uint16_t code)
{
    struct net_link *link = end->link;
    end->link = NULL;
    net_link_close(link, code, NULL);
}

static void on_opened(void *user, struct net_link *link)
{
    struct end *end = user;
    assert_false(end->opened);
    assert_false(end->closed);
    end->opened = true;
    end->link = link;
    if (end->close_on_open) {
        end_close(end, end->close_on_open);
    }
}

static void on_message(void *user, struct net_link *link, struct bytes_span message)
{
    struct end *end = user;
    assert_ptr_equal(link, end->link);
    assert_false(end->closed);
    assert_true(message.size <= LIMIT_MESSAGE_BYTES);
    end->foreseen = end->fetched == (1u << NET_LINK_FETCH_STEPS) - 1;
    end->fetched = 0;
    end->messages++;
    end->last_size = (uint32_t)message.size;
    memcpy(end->last, message.data, message.size);
    if (message.size >= 4) {
        uint32_t sequence = bytes_get_u32(message.data);
        end->out_of_order |= sequence <= end->last_sequence;
        end->last_sequence = sequence;
    }
    if (end->echo) {
        struct net_payload *payload = net_payload_create(message);
        net_link_send(link, payload, NET_RELIABLE);
        net_payload_unref(payload);
    }
    if (end->close_on_message) {
        end_close(end, end->close_on_message);
    }
}

static void on_closed(void *user, struct net_link *link, uint16_t code, const char *reason)
{
    struct end *end = user;
    assert_false(end->closed);
    assert_true(!end->link || end->link == link);
    assert_non_null(reason);
    end->closed = true;
    end->close_code = code;
    end->link = NULL;
    snprintf(end->close_reason, sizeof(end->close_reason), "%s", reason);
}

static void on_fetch(void *user, unsigned step)
{
    struct end *end = user;
    assert_non_null(end->link);
    assert_in_range(step, 0, NET_LINK_FETCH_STEPS - 1);
    end->fetched |= 1u << step;
}

static const struct net_link_handler handler = {
    .opened = on_opened,
    .message = on_message,
    .closed = on_closed,
    .fetch = on_fetch,
};

static uint16_t on_accept(void *user, struct net_link *link)
{
    struct fixture *fixture = user;
    if (fixture->accept_code != 0) {
        return fixture->accept_code;
    }
    fixture->accepted++;
    net_link_attach(link, &handler, &fixture->server);
    on_opened(&fixture->server, link);
    return 0;
}

static bool on_admit(void *user, const struct net_addr *remote)
{
    struct fixture *fixture = user;
    assert_true(net_addr_is_loopback(remote));
    fixture->asked++;
    return !fixture->refuse_address;
}

// ---- the certificate

static struct config *certificate_config;

void transport_suite_make_certificate(struct net_hub *server, struct net_hub *client)
{
    (void)client;
    struct error error = {""};
    certificate_config = config_create_default();
    certificate_config->dev = true;
    server->tls = net_tls_server_create(certificate_config, loop_clock(server->loop), &error);
    assert_string_equal(error.text, "");
}

void transport_suite_drop_certificate(struct net_hub *server, struct net_hub *client)
{
    (void)client;
    net_tls_server_destroy(server->tls);
    config_destroy(certificate_config);
}

// ---- the fixture

static int setup(void **state)
{
    const struct transport_suite *suite = *state;
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    struct error error = {""};
    fixture->suite = suite;
    if (suite->virtual_time) {
        clock_init_virtual(&fixture->clock, VIRTUAL_START);
    } else {
        clock_init_monotonic(&fixture->clock);
    }
    fixture->loop = loop_create(&fixture->clock, &error);
    fixture->config = config_create_default();
    fixture->counters = counters_create();
    assert_non_null(fixture->loop);
    assert_non_null(fixture->config);
    for (unsigned i = 0; i < 2; i++) {
        net_hub_init(&fixture->hubs[i], fixture->loop, fixture->config, fixture->counters);
    }
    fixture->server_hub = &fixture->hubs[0];
    fixture->client_hub = &fixture->hubs[suite->one_hub ? 0 : 1];
    fixture->client_hub->dial_insecure = true;
    if (suite->prepare) {
        suite->prepare(fixture->server_hub, fixture->client_hub);
    }
    fixture->acceptor =
        (struct net_acceptor){.accept = on_accept, .admit_address = on_admit, .user = fixture};
    if (!net_hub_listen(fixture->server_hub, suite->listen_url, &fixture->acceptor, &error)) {
        fail_msg("listen %s: %s", suite->listen_url, error.text);
    }
    fixture->server.fixture = fixture;
    fixture->client.fixture = fixture;
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    net_hub_finish(&fixture->hubs[0]);
    net_hub_finish(&fixture->hubs[1]);
    if (fixture->suite->finish) {
        fixture->suite->finish(fixture->server_hub, fixture->client_hub);
    }
    // Freeing may have been left to deferred tasks.
    loop_turn(fixture->loop, 0);
    counters_destroy(fixture->counters);
    config_destroy(fixture->config);
    loop_destroy(fixture->loop);
    free(fixture);
    return 0;
}

static void turn(struct fixture *fixture)
{
    loop_turn(fixture->loop, loop_now_ns(fixture->loop) + STEP_NS);
    loop_poll_paced(fixture->loop);
    uint64_t now_ns = loop_refresh_now(fixture->loop);
    for (unsigned i = 0; i < 2; i++) {
        net_hub_pump(&fixture->hubs[i], now_ns);
        net_hub_flush(&fixture->hubs[i], now_ns);
    }
}

static void run_for(struct fixture *fixture, uint64_t duration_ns)
{
    uint64_t end_ns = loop_refresh_now(fixture->loop) + duration_ns;
    while (loop_now_ns(fixture->loop) < end_ns) {
        turn(fixture);
    }
}

// Turns until *flag is set; fails when patience ends.
#define RUN_UNTIL_WITHIN(fixture, condition, patience_ns)                                          \
    do {                                                                                           \
        uint64_t end_ns_ = loop_refresh_now((fixture)->loop) + (patience_ns);                      \
        while (!(condition) && loop_now_ns((fixture)->loop) < end_ns_) {                           \
            turn(fixture);                                                                         \
        }                                                                                          \
        if (!(condition)) {                                                                        \
            fail_msg("in vain waited for: %s", #condition);                                        \
        }                                                                                          \
    } while (0)
#define RUN_UNTIL(fixture, condition) RUN_UNTIL_WITHIN(fixture, condition, PATIENCE_NS)

static const char *dial_url(const struct fixture *fixture)
{
    const struct transport_suite *suite = fixture->suite;
    return suite->dial_url ? suite->dial_url : fixture->server_hub->endpoints->url;
}

// Returns at once: the answer comes from the loop.
static void dial(struct fixture *fixture, struct end *client)
{
    struct error error = {""};
    struct net_link *link =
        net_hub_dial(fixture->client_hub, dial_url(fixture), &handler, client, &error);
    if (!link) {
        fail_msg("dial %s: %s", dial_url(fixture), error.text);
    }
    assert_false(client->opened || client->closed);
}

static void connect_both(struct fixture *fixture)
{
    dial(fixture, &fixture->client);
    RUN_UNTIL(fixture, fixture->client.opened && fixture->server.opened);
    assert_false(fixture->client.closed || fixture->server.closed);
}

// The first four bytes are the sequence number, the rest is made from it.
static void fill(uint8_t *bytes, size_t size, uint32_t sequence)
{
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)(i * 31 + sequence);
    }
    if (size >= 4) {
        bytes_put_u32(bytes, sequence);
    }
}

static void send_message(struct end *end, size_t size, uint32_t sequence,
                         enum net_delivery delivery)
{
    static uint8_t bytes[LIMIT_MESSAGE_BYTES];
    fill(bytes, size, sequence);
    struct net_payload *payload = net_payload_create(bytes_of(bytes, size));
    net_link_send(end->link, payload, delivery);
    net_payload_unref(payload);
}

static void expect_last(const struct end *end, size_t size, uint32_t sequence)
{
    static uint8_t bytes[LIMIT_MESSAGE_BYTES];
    fill(bytes, size, sequence);
    assert_int_equal(end->last_size, size);
    assert_memory_equal(end->last, bytes, size);
}

// ---- the tests

static void opens_on_both_sides(void **state)
{
    struct fixture *fixture = *state;
    connect_both(fixture);
    assert_int_equal(fixture->accepted, 1);
    assert_true(fixture->asked >= 1);
    assert_ptr_equal(fixture->server.link->user, &fixture->server);
    assert_string_equal(fixture->server.link->transport, fixture->client.link->transport);
    assert_true(net_addr_is_loopback(&fixture->server.link->remote));
    assert_true(fixture->server.link->confidential); // loopback at the least
    assert_int_equal(net_hub_link_count(fixture->server_hub) +
                         (fixture->suite->one_hub ? 0 : net_hub_link_count(fixture->client_hub)),
                     2);
}

static void messages_of_every_size_pass_both_ways(void **state)
{
    static const size_t sizes[] = {1, 2, 125, 126, 1000, 1400, 65535 / 8, 16383, 16384};
    struct fixture *fixture = *state;
    connect_both(fixture);
    uint64_t bytes = 0;
    for (unsigned i = 0; i < BASE_COUNT(sizes); i++) {
        send_message(&fixture->client, sizes[i], i + 1, NET_RELIABLE);
        RUN_UNTIL(fixture, fixture->server.messages == i + 1);
        expect_last(&fixture->server, sizes[i], i + 1);
        send_message(&fixture->server, sizes[i], i + 1, NET_RELIABLE);
        RUN_UNTIL(fixture, fixture->client.messages == i + 1);
        expect_last(&fixture->client, sizes[i], i + 1);
        bytes += sizes[i];
    }
    assert_int_equal(fixture->server.link->messages_in, BASE_COUNT(sizes));
    assert_int_equal(fixture->server.link->messages_out, BASE_COUNT(sizes));
    assert_int_equal(fixture->server.link->bytes_in, bytes);
    assert_int_equal(fixture->server.link->bytes_out, bytes);
}

static void an_unreliable_message_passes_both_ways(void **state)
{
    struct fixture *fixture = *state;
    connect_both(fixture);
    send_message(&fixture->client, 500, 1, NET_UNRELIABLE);
    send_message(&fixture->server, 500, 1, NET_UNRELIABLE);
    RUN_UNTIL(fixture, fixture->server.messages == 1 && fixture->client.messages == 1);
    expect_last(&fixture->server, 500, 1);
    expect_last(&fixture->client, 500, 1);
}

static void messages_are_foreseen_or_not_while_the_link_is_open(void **state)
{
    struct fixture *fixture = *state;
    const bool foresees = fixture->suite->foresees;
    connect_both(fixture);
    for (unsigned i = 1; i <= 3; i++) {
        for (unsigned step = 0; step < NET_LINK_SEND_FETCH_STEPS; step++) {
            net_link_fetch(fixture->client.link, step); // changes nothing
            net_link_fetch(fixture->server.link, step);
        }
        send_message(&fixture->client, 10, i, NET_RELIABLE);
        send_message(&fixture->server, 10, i, NET_RELIABLE);
        RUN_UNTIL(fixture, fixture->server.messages == i && fixture->client.messages == i);
        assert_int_equal(fixture->server.foreseen, foresees);
        assert_int_equal(fixture->client.foreseen, foresees);
    }
    end_close(&fixture->server, NET_CLOSE_NORMAL);
    fixture->server.fetched = 0;
    send_message(&fixture->client, 10, 4, NET_RELIABLE); // it has not heard of the end yet
    RUN_UNTIL(fixture, fixture->client.closed && net_hub_link_count(fixture->server_hub) == 0);
    assert_int_equal(fixture->server.fetched, 0);
}

// The public seam asserts the limit, so this goes round it, as a hostile peer would.
static void an_oversize_message_is_never_delivered(void **state)
{
    struct fixture *fixture = *state;
    connect_both(fixture);
    struct net_payload *payload = calloc(1, sizeof(*payload) + OVERSIZE_BYTES);
    payload->references = 1;
    payload->size = OVERSIZE_BYTES;
    fixture->client.link->impl->send(fixture->client.link, payload, NET_RELIABLE);
    run_for(fixture, QUIET_NS);
    assert_int_equal(fixture->server.messages, 0);
    if (fixture->server.closed) {
        assert_int_equal(fixture->server.close_code, NET_CLOSE_TOO_BIG);
    }
    assert_true(payload->references >= 1);
    net_payload_unref(payload);
}

static void reliable_messages_keep_their_order(void **state)
{
    struct fixture *fixture = *state;
    connect_both(fixture);
    for (uint32_t i = 1; i <= ORDER_MESSAGES; i++) {
        send_message(&fixture->client, 20 + i % 300, i, NET_RELIABLE);
        send_message(&fixture->server, 20 + i % 300, i, NET_RELIABLE);
        if (i % 50 == 0) {
            turn(fixture);
        }
    }
    RUN_UNTIL(fixture, fixture->server.messages == ORDER_MESSAGES &&
                           fixture->client.messages == ORDER_MESSAGES);
    assert_false(fixture->server.out_of_order || fixture->client.out_of_order);
}

static void a_payload_shared_by_sends_arrives_each_time(void **state)
{
    struct fixture *fixture = *state;
    connect_both(fixture);
    uint8_t bytes[300];
    fill(bytes, sizeof(bytes), 9);
    struct net_payload *payload = net_payload_create(bytes_of(bytes, sizeof(bytes)));
    for (unsigned i = 0; i < 3; i++) {
        net_link_send(fixture->server.link, payload, NET_RELIABLE);
    }
    RUN_UNTIL(fixture, fixture->client.messages == 3);
    expect_last(&fixture->client, sizeof(bytes), 9);
    run_for(fixture, QUIET_NS);
    assert_int_equal(payload->references, 1);
    net_payload_unref(payload);
}

static void the_servers_close_code_arrives_after_what_was_sent(void **state)
{
    struct fixture *fixture = *state;
    connect_both(fixture);
    send_message(&fixture->server, 2000, 1, NET_RELIABLE);
    end_close(&fixture->server, NET_CLOSE_AUTH_DENIED);
    RUN_UNTIL(fixture, fixture->client.closed);
    assert_int_equal(fixture->client.messages, 1);
    assert_int_equal(fixture->client.close_code, NET_CLOSE_AUTH_DENIED);
    run_for(fixture, QUIET_NS);
    assert_false(fixture->server.closed); // whoever closes is not told
}

static void the_clients_close_code_arrives_after_what_was_sent(void **state)
{
    struct fixture *fixture = *state;
    connect_both(fixture);
    send_message(&fixture->client, 2000, 1, NET_RELIABLE);
    end_close(&fixture->client, NET_CLOSE_NORMAL);
    RUN_UNTIL(fixture, fixture->server.closed);
    assert_int_equal(fixture->server.messages, 1);
    assert_int_equal(fixture->server.close_code, NET_CLOSE_NORMAL);
    run_for(fixture, QUIET_NS);
    assert_false(fixture->client.closed);
}

static void closing_from_both_sides_at_once_ends_both(void **state)
{
    struct fixture *fixture = *state;
    connect_both(fixture);
    end_close(&fixture->client, NET_CLOSE_NORMAL);
    end_close(&fixture->server, NET_CLOSE_GOING_AWAY);
    RUN_UNTIL(fixture, net_hub_link_count(fixture->server_hub) == 0 &&
                           net_hub_link_count(fixture->client_hub) == 0);
    assert_false(fixture->client.closed || fixture->server.closed);
}

static void closed_links_are_no_longer_counted(void **state)
{
    struct fixture *fixture = *state;
    connect_both(fixture);
    end_close(&fixture->server, NET_CLOSE_NORMAL);
    RUN_UNTIL(fixture, net_hub_link_count(fixture->server_hub) == 0 &&
                           net_hub_link_count(fixture->client_hub) == 0);
    assert_true(fixture->client.closed);
}

static void the_server_may_close_inside_its_message_handler(void **state)
{
    struct fixture *fixture = *state;
    fixture->server.close_on_message = NET_CLOSE_FLOODING;
    connect_both(fixture);
    for (uint32_t i = 1; i <= 10; i++) {
        send_message(&fixture->client, 100, i, NET_RELIABLE);
    }
    RUN_UNTIL(fixture, fixture->client.closed);
    assert_int_equal(fixture->client.close_code, NET_CLOSE_FLOODING);
    assert_int_equal(fixture->server.messages, 1); // nothing after its close
}

static void the_client_may_close_inside_its_message_handler(void **state)
{
    struct fixture *fixture = *state;
    fixture->client.close_on_message = NET_CLOSE_NORMAL;
    connect_both(fixture);
    for (uint32_t i = 1; i <= 10; i++) {
        send_message(&fixture->server, 100, i, NET_RELIABLE);
    }
    RUN_UNTIL(fixture, fixture->server.closed);
    assert_int_equal(fixture->server.close_code, NET_CLOSE_NORMAL);
    assert_int_equal(fixture->client.messages, 1);
}

static void the_client_may_close_inside_its_opened_handler(void **state)
{
    struct fixture *fixture = *state;
    fixture->client.close_on_open = NET_CLOSE_NORMAL;
    dial(fixture, &fixture->client);
    RUN_UNTIL(fixture, fixture->server.closed);
    assert_int_equal(fixture->server.close_code, NET_CLOSE_NORMAL);
    assert_false(fixture->client.closed);
}

static void the_server_may_close_inside_accept(void **state)
{
    struct fixture *fixture = *state;
    fixture->server.close_on_open = NET_CLOSE_GOING_AWAY;
    dial(fixture, &fixture->client);
    RUN_UNTIL(fixture, fixture->client.closed);
    assert_int_equal(fixture->client.close_code, NET_CLOSE_GOING_AWAY);
    assert_false(fixture->server.closed);
}

static void a_peer_that_is_turned_away_gets_the_code(void **state)
{
    struct fixture *fixture = *state;
    fixture->accept_code = NET_CLOSE_OVERLOADED;
    dial(fixture, &fixture->client);
    RUN_UNTIL(fixture, fixture->client.closed);
    assert_int_equal(fixture->client.close_code, NET_CLOSE_OVERLOADED);
    assert_int_equal(fixture->accepted, 0);
    RUN_UNTIL(fixture, net_hub_link_count(fixture->server_hub) == 0);
}

static void a_refused_address_never_gets_through(void **state)
{
    struct fixture *fixture = *state;
    fixture->refuse_address = true;
    dial(fixture, &fixture->client);
    RUN_UNTIL(fixture, fixture->client.closed);
    assert_true(!fixture->client.opened || fixture->suite->opens_early);
    assert_int_equal(fixture->accepted, 0);
    assert_true(fixture->asked >= 1);
}

static void a_vanished_peer_is_noticed(void **state)
{
    struct fixture *fixture = *state;
    const struct transport_suite *suite = fixture->suite;
    connect_both(fixture);
    if (suite->vanish) {
        suite->vanish(fixture->client.link);
    } else {
        net_hub_finish(fixture->client_hub);
    }
    uint64_t patience_ns = suite->vanish_ms * CLOCK_NS_PER_MS + PATIENCE_NS;
    send_message(&fixture->server, 100, 1, NET_RELIABLE);
    RUN_UNTIL_WITHIN(fixture, fixture->server.closed, patience_ns);
    uint16_t code = suite->vanish_code ? suite->vanish_code : NET_CLOSE_LOST;
    assert_int_equal(fixture->server.close_code, code);
    assert_int_equal(fixture->server.messages, 0);
}

static void after_stop_accepting_old_links_live_and_new_ones_fail(void **state)
{
    struct fixture *fixture = *state;
    struct end late = {.fixture = fixture};
    connect_both(fixture);
    char url[URL_TEXT_BYTES];
    snprintf(url, sizeof(url), "%s", dial_url(fixture));
    net_hub_stop_accepting(fixture->server_hub);
    struct error error = {""};
    if (net_hub_dial(fixture->client_hub, url, &handler, &late, &error)) {
        RUN_UNTIL(fixture, late.closed);
    }
    assert_false(late.opened);
    assert_int_equal(fixture->accepted, 1);
    fixture->server.echo = true;
    send_message(&fixture->client, 64, 7, NET_RELIABLE);
    RUN_UNTIL(fixture, fixture->client.messages == 1);
    expect_last(&fixture->client, 64, 7);
}

static void a_backlog_of_unreliable_messages_keeps_the_newest(void **state)
{
    struct fixture *fixture = *state;
    connect_both(fixture);
    send_message(&fixture->server, 64, 1, NET_RELIABLE);
    for (uint32_t i = 2; i <= BACKLOG; i++) {
        send_message(&fixture->server, BACKLOG_BYTES, i, NET_UNRELIABLE);
    }
    RUN_UNTIL(fixture, fixture->client.last_sequence == BACKLOG);
    assert_false(fixture->client.out_of_order);
    assert_true(fixture->client.messages < BACKLOG / 2);
    expect_last(&fixture->client, BACKLOG_BYTES, BACKLOG);
    // and the link is as good as before
    send_message(&fixture->server, 64, BACKLOG + 1, NET_RELIABLE);
    RUN_UNTIL(fixture, fixture->client.last_sequence == BACKLOG + 1);
}

static void hubs_finish_with_links_open(void **state)
{
    struct fixture *fixture = *state;
    connect_both(fixture);
    send_message(&fixture->server, 16384, 1, NET_RELIABLE);
    send_message(&fixture->client, 16384, 1, NET_UNRELIABLE);
    net_hub_finish(fixture->server_hub);
    net_hub_finish(fixture->client_hub);
    assert_false(fixture->server.closed || fixture->client.closed);
    assert_int_equal(net_hub_link_count(fixture->server_hub), 0);
}

int transport_suite_run(const struct transport_suite *suite)
{
#define ONE(function)                                                                              \
    {                                                                                              \
#function, function, setup, teardown, (void *)(uintptr_t)suite                             \
    }
    const struct CMUnitTest tests[] = {
        ONE(opens_on_both_sides),
        ONE(messages_of_every_size_pass_both_ways),
        ONE(an_unreliable_message_passes_both_ways),
        ONE(messages_are_foreseen_or_not_while_the_link_is_open),
        ONE(an_oversize_message_is_never_delivered),
        ONE(reliable_messages_keep_their_order),
        ONE(a_payload_shared_by_sends_arrives_each_time),
        ONE(the_servers_close_code_arrives_after_what_was_sent),
        ONE(the_clients_close_code_arrives_after_what_was_sent),
        ONE(closing_from_both_sides_at_once_ends_both),
        ONE(closed_links_are_no_longer_counted),
        ONE(the_server_may_close_inside_its_message_handler),
        ONE(the_client_may_close_inside_its_message_handler),
        ONE(the_client_may_close_inside_its_opened_handler),
        ONE(the_server_may_close_inside_accept),
        ONE(a_peer_that_is_turned_away_gets_the_code),
        ONE(a_refused_address_never_gets_through),
        ONE(a_vanished_peer_is_noticed),
        ONE(after_stop_accepting_old_links_live_and_new_ones_fail),
        ONE(hubs_finish_with_links_open),
    };
    const struct CMUnitTest stream_tests[] = {
        ONE(a_backlog_of_unreliable_messages_keeps_the_newest),
    };
#undef ONE
    int failed = cmocka_run_group_tests_name(suite->name, tests, NULL, NULL);
    if (suite->stream) {
        failed += cmocka_run_group_tests_name(suite->name, stream_tests, NULL, NULL);
    }
    return failed;
}
