// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/conn.h"

#define MS    CLOCK_NS_PER_MS
#define S     CLOCK_NS_PER_S
#define LINKS 600

// A transport's side of a link that only remembers what was done to it.
struct fake_link {
    struct net_link base;
    unsigned sent, texts, closes;
    uint16_t code;
    bool urgent;
    uint8_t last[LIMIT_MESSAGE_BYTES];
    size_t last_size;
};

struct fixture {
    struct clock clock;
    struct loop *loop;
    struct config config;
    struct counters *counters;
    struct net_hub hub;
    struct net_conns *conns;
    const struct net_acceptor *acceptor;
    struct fake_link links[LINKS];
    // what the user above saw
    unsigned opened, messages, closed;
    struct net_conn_id last_id;
    enum net_msg_type last_type;
    uint16_t closed_code;
    bool info_in_closed;
    uint16_t close_on_message, close_on_open;
    bool close_in_closed, accept_in_closed;
};

static void fake_send(struct net_link *link, struct net_payload *payload,
                      enum net_delivery delivery)
{
    struct fake_link *fake = (struct fake_link *)link;
    (void)delivery;
    assert_int_equal(fake->closes, 0);
    fake->sent++;
    fake->last_size = payload->size;
    memcpy(fake->last, payload->bytes, payload->size);
}

static void fake_send_text(struct net_link *link, struct bytes_span text)
{
    struct fake_link *fake = (struct fake_link *)link;
    fake->texts++;
    fake->last_size = text.size;
    memcpy(fake->last, text.data, text.size);
}

static void fake_close(struct net_link *link, uint16_t code, const char *reason)
{
    struct fake_link *fake = (struct fake_link *)link;
    assert_string_equal(reason, net_close_text(code));
    fake->closes++;
    fake->code = code;
}

static void fake_set_urgent(struct net_link *link, bool urgent)
{
    ((struct fake_link *)link)->urgent = urgent;
}

static const struct net_link_impl fake_impl = {
    .send = fake_send,
    .send_text = fake_send_text,
    .close = fake_close,
    .set_urgent = fake_set_urgent,
};

static const struct net_link_impl textless_impl = {.send = fake_send, .close = fake_close};

// ---- the user above

static void on_opened(void *user, struct net_conn_id id)
{
    struct fixture *fixture = user;
    fixture->opened++;
    fixture->last_id = id;
    if (fixture->close_on_open) {
        net_conn_close(fixture->conns, id, fixture->close_on_open);
    }
}

static void on_message(void *user, struct net_conn_id id, const struct net_msg *msg)
{
    struct fixture *fixture = user;
    fixture->messages++;
    fixture->last_type = msg->type;
    if (fixture->close_on_message) {
        net_conn_close(fixture->conns, id, fixture->close_on_message);
    }
}

static uint16_t accept_link(struct fixture *fixture, unsigned index)
{
    struct fake_link *link = &fixture->links[index];
    memset(link, 0, sizeof(*link));
    link->base.impl = &fake_impl;
    link->base.transport = "udp";
    link->base.confidential = true;
    assert_true(net_addr_parse_ip("198.51.100.1", &link->base.remote));
    link->base.remote.port = (uint16_t)(index + 1);
    return fixture->acceptor->accept(fixture->acceptor->user, &link->base);
}

static void on_closed(void *user, struct net_conn_id id, uint16_t code)
{
    struct fixture *fixture = user;
    struct net_conn_info info;
    fixture->closed++;
    fixture->closed_code = code;
    fixture->info_in_closed = net_conn_info(fixture->conns, id, &info);
    if (fixture->close_in_closed) {
        net_conn_close(fixture->conns, id, NET_CLOSE_INTERNAL);
        net_conns_close_all(fixture->conns, NET_CLOSE_GOING_AWAY);
    }
    if (fixture->accept_in_closed) {
        fixture->accept_in_closed = false;
        assert_int_equal(accept_link(fixture, 1), 0);
        assert_int_not_equal(fixture->last_id.index, id.index); // the slot is still in use
    }
}

static const struct net_conn_events events = {
    .opened = on_opened, .message = on_message, .closed = on_closed};

// ---- the fixture

static char proxies[][CONFIG_LIST_ITEM_BYTES] = {"127.0.0.0/8"};

static struct fixture *create(unsigned capacity)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    struct error error;
    fixture->config.hello_ms = 10000;
    fixture->config.messages_per_second = 120;
    fixture->config.bytes_per_second = 65536;
    fixture->config.trusted_proxies.count = 1;
    fixture->config.trusted_proxies.items = proxies;
    clock_init_virtual(&fixture->clock, 100 * S);
    fixture->loop = loop_create(&fixture->clock, &error);
    fixture->counters = counters_create();
    net_hub_init(&fixture->hub, fixture->loop, &fixture->config, fixture->counters);
    fixture->conns = net_conns_create(&fixture->hub, capacity, &events, fixture, &error);
    assert_non_null(fixture->conns);
    fixture->acceptor = net_conns_acceptor(fixture->conns);
    return fixture;
}

static void destroy(struct fixture *fixture)
{
    net_conns_destroy(fixture->conns);
    net_hub_finish(&fixture->hub);
    counters_destroy(fixture->counters);
    loop_destroy(fixture->loop);
    free(fixture);
}

static struct fixture *create_with_one(void)
{
    struct fixture *fixture = create(8);
    assert_int_equal(accept_link(fixture, 0), 0);
    return fixture;
}

static void run_to(struct fixture *fixture, uint64_t time_ns)
{
    while (loop_now_ns(fixture->loop) < time_ns) {
        loop_turn(fixture->loop, time_ns);
    }
}

static void receive(struct fixture *fixture, unsigned index, const void *bytes, size_t size)
{
    net_link_deliver(&fixture->links[index].base, bytes_of(bytes, size));
}

#define RECEIVE(fixture, index, literal) receive(fixture, index, literal, sizeof(literal) - 1)

#define HELLO                            "\x95\x01\x01\xc4\x01t\xa0\xa0"
#define PING                             "\x92\x03\x07"
#define INPUT                            "\x94\x02\x00\x00\xc4\x00"

static void receive_text(struct fixture *fixture, unsigned index, const char *text)
{
    struct net_link *link = &fixture->links[index].base;
    link->handler->text(link->user, link, bytes_of_string(text));
}

static uint64_t counted(struct fixture *fixture, const char *name, const char *label,
                        const char *value)
{
    return *counter_cell(fixture->counters, COUNTER_TOTAL, name, "", label, value);
}

// ---- tests

static void a_new_link_is_a_connection_that_says_who_it_is(void **state)
{
    (void)state;
    struct fixture *fixture = create_with_one();
    struct net_conn_info info;
    assert_int_equal(fixture->opened, 1);
    assert_int_not_equal(fixture->last_id.generation, 0);
    assert_true(net_conn_info(fixture->conns, fixture->last_id, &info));
    assert_string_equal(info.transport, "udp");
    assert_true(info.confidential);
    assert_int_equal(info.state, NET_STATE_HELLO);
    assert_int_equal(info.opened_ns, 100 * S);
    assert_int_equal(info.remote.port, 1);
    assert_int_equal(net_conns_count(fixture->conns), 1);
    assert_true(fixture->links[0].urgent);
    destroy(fixture);
}

static void a_stale_handle_resolves_to_nobody(void **state)
{
    (void)state;
    struct fixture *fixture = create_with_one();
    struct net_conn_id old = fixture->last_id;
    struct net_conn_info info;
    struct net_msg pong = {.type = NET_MSG_PONG};
    net_conn_close(fixture->conns, old, NET_CLOSE_NORMAL);
    assert_int_equal(accept_link(fixture, 1), 0);
    assert_int_equal(fixture->last_id.index, old.index); // the same slot
    assert_false(net_conn_id_equal(fixture->last_id, old));
    assert_false(net_conn_info(fixture->conns, old, &info));
    net_conn_send_msg(fixture->conns, old, &pong, NET_RELIABLE);
    net_conn_set_state(fixture->conns, old, NET_STATE_PLAY);
    net_conn_close(fixture->conns, old, NET_CLOSE_INTERNAL);
    assert_int_equal(fixture->links[1].sent + fixture->links[1].closes, 0);
    assert_false(net_conn_info(fixture->conns, NET_CONN_NONE, &info));
    assert_false(net_conn_info(fixture->conns, (struct net_conn_id){8, 1}, &info));
    destroy(fixture);
}

static void no_hello_in_time_is_4001(void **state)
{
    (void)state;
    struct fixture *fixture = create_with_one();
    run_to(fixture, 110 * S - 1);
    assert_int_equal(fixture->closed, 0);
    run_to(fixture, 110 * S);
    assert_int_equal(fixture->closed_code, NET_CLOSE_AUTH_TIMEOUT);
    assert_int_equal(fixture->links[0].code, NET_CLOSE_AUTH_TIMEOUT);
    destroy(fixture);
}

static void pings_do_not_put_off_the_hello_deadline(void **state)
{
    (void)state;
    struct fixture *fixture = create_with_one();
    run_to(fixture, 109 * S);
    RECEIVE(fixture, 0, PING);
    receive_text(fixture, 0, "hi");
    run_to(fixture, 110 * S);
    assert_int_equal(fixture->closed_code, NET_CLOSE_AUTH_TIMEOUT);
    destroy(fixture);
}

static void a_hello_ends_the_deadline(void **state)
{
    (void)state;
    struct fixture *fixture = create_with_one();
    RECEIVE(fixture, 0, HELLO);
    assert_int_equal(fixture->last_type, NET_MSG_HELLO);
    net_conn_set_state(fixture->conns, fixture->last_id, NET_STATE_WAIT);
    run_to(fixture, 200 * S);
    assert_int_equal(fixture->closed, 0);
    destroy(fixture);
}

static void states_decide_what_is_taken(void **state)
{
    (void)state;
    struct fixture *fixture = create_with_one();
    RECEIVE(fixture, 0, INPUT); // before the token: dropped, nothing more
    assert_int_equal(fixture->messages, 0);
    net_conn_set_state(fixture->conns, fixture->last_id, NET_STATE_WAIT);
    RECEIVE(fixture, 0, HELLO);
    RECEIVE(fixture, 0, INPUT);
    assert_int_equal(fixture->messages, 0);
    assert_int_equal(counted(fixture, "paddock_messages_dropped", "reason", "wrong_state"), 3);
    net_conn_set_state(fixture->conns, fixture->last_id, NET_STATE_PLAY);
    RECEIVE(fixture, 0, INPUT);
    assert_int_equal(fixture->messages, 1);
    assert_int_equal(fixture->closed, 0);
    assert_false(fixture->links[0].urgent);
    destroy(fixture);
}

static void junk_is_dropped_or_closed_by_kind(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        const char *reason;
        uint16_t code; // 0: stays open
    } rows[] = {
        {"\x91\x05", 2, "unknown_type", 0},
        {"\x91\x01", 2, "bad_fields", 0},
        {"\x94\x02\x00\x00\xc4\x00", 6, "wrong_state", 0},
        {"\x91\x40", 2, "wrong_direction", NET_CLOSE_BAD_DATA},
        {"GET / HTTP/1.1", 14, "malformed", NET_CLOSE_BAD_DATA},
        {"\xdd\x03\x00\x00\x00", 5, "malformed", NET_CLOSE_BAD_DATA},
        {"", 0, "malformed", NET_CLOSE_BAD_DATA},
    };
    for (size_t i = 0; i < BASE_COUNT(rows); i++) {
        struct fixture *fixture = create_with_one();
        receive(fixture, 0, rows[i].bytes, rows[i].size);
        assert_int_equal(fixture->messages, 0);
        assert_int_equal(fixture->closed_code, rows[i].code);
        assert_int_equal(fixture->links[0].code, rows[i].code);
        assert_int_equal(counted(fixture, "paddock_messages_dropped", "reason", rows[i].reason), 1);
        destroy(fixture);
    }
}

static void a_message_over_its_kinds_limit_is_1009(void **state)
{
    (void)state;
    struct fixture *fixture = create_with_one();
    uint8_t ping[33] = {0x92, NET_MSG_PING};
    receive(fixture, 0, ping, sizeof(ping));
    assert_int_equal(fixture->closed_code, NET_CLOSE_TOO_BIG);
    destroy(fixture);
}

static void too_many_messages_are_4029(void **state)
{
    (void)state;
    struct fixture *fixture = create_with_one();
    for (unsigned i = 0; i < 240; i++) {
        RECEIVE(fixture, 0, PING);
    }
    assert_int_equal(fixture->closed, 0);
    RECEIVE(fixture, 0, PING);
    assert_int_equal(fixture->messages, 240);
    assert_int_equal(fixture->closed_code, NET_CLOSE_FLOODING);
    assert_int_equal(counted(fixture, "paddock_closes", "code", "flooding"), 1);
    assert_int_equal(accept_link(fixture, 1), 0); // in the same place, and nothing is used up
    RECEIVE(fixture, 1, PING);
    assert_int_equal(fixture->messages, 241);
    assert_int_equal(fixture->closed, 1);
    destroy(fixture);
}

static void the_full_rate_may_go_on_for_ever(void **state)
{
    (void)state;
    struct fixture *fixture = create_with_one();
    net_conn_set_state(fixture->conns, fixture->last_id, NET_STATE_WAIT);
    for (unsigned i = 0; i < 12000; i++) {
        run_to(fixture, 100 * S + i * S / 120);
        RECEIVE(fixture, 0, PING);
    }
    assert_int_equal(fixture->closed, 0);
    assert_int_equal(fixture->messages, 12000);
    destroy(fixture);
}

static void junk_counts_against_the_budget_too(void **state)
{
    (void)state;
    struct fixture *fixture = create_with_one();
    for (unsigned i = 0; i < 241; i++) {
        RECEIVE(fixture, 0, "\x91\x05");
    }
    assert_int_equal(fixture->closed_code, NET_CLOSE_FLOODING);
    destroy(fixture);
}

static void too_many_bytes_are_4029(void **state)
{
    (void)state;
    struct fixture *fixture = create_with_one();
    fixture->config.bytes_per_second = 1024;
    uint8_t input[1024] = {0x94, 0x02, 0x00, 0x00, 0xc5, 0x03, 0xf9};
    receive(fixture, 0, input, sizeof(input));
    receive(fixture, 0, input, sizeof(input)); // byte 2048
    assert_int_equal(fixture->closed, 0);
    receive(fixture, 0, input, 1);
    assert_int_equal(fixture->closed_code, NET_CLOSE_FLOODING);
    destroy(fixture);
}

static void short_texts_before_the_token_are_echoed_three_times(void **state)
{
    (void)state;
    struct fixture *fixture = create_with_one();
    for (unsigned i = 0; i < 3; i++) {
        receive_text(fixture, 0, "WebSocket Test");
        assert_int_equal(fixture->links[0].texts, i + 1);
        assert_memory_equal(fixture->links[0].last, "WebSocket Test", 14);
    }
    assert_int_equal(fixture->closed, 0);
    receive_text(fixture, 0, "WebSocket Test");
    assert_int_equal(fixture->closed_code, NET_CLOSE_UNSUPPORTED);
    destroy(fixture);
}

static void texts_end_at_125_bytes(void **state)
{
    (void)state;
    for (size_t size = 125; size <= 126; size++) {
        struct fixture *fixture = create_with_one();
        char text[127] = "";
        memset(text, 'a', size);
        receive_text(fixture, 0, text);
        assert_int_equal(fixture->links[0].texts, size == 125);
        assert_int_equal(fixture->closed_code, size == 125 ? 0 : NET_CLOSE_UNSUPPORTED);
        destroy(fixture);
    }
}

static void texts_after_the_token_are_1003(void **state)
{
    (void)state;
    struct fixture *fixture = create_with_one();
    net_conn_set_state(fixture->conns, fixture->last_id, NET_STATE_WAIT);
    receive_text(fixture, 0, "hi");
    assert_int_equal(fixture->closed_code, NET_CLOSE_UNSUPPORTED);
    assert_int_equal(fixture->links[0].texts, 0);
    destroy(fixture);
}

static void a_text_where_there_are_none_is_1003(void **state)
{
    (void)state;
    struct fixture *fixture = create_with_one();
    fixture->links[0].base.impl = &textless_impl;
    receive_text(fixture, 0, "hi");
    assert_int_equal(fixture->closed_code, NET_CLOSE_UNSUPPORTED);
    destroy(fixture);
}

static void a_quarter_of_the_places_is_for_the_unverified(void **state)
{
    (void)state;
    struct fixture *fixture = create(16);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(accept_link(fixture, i), 0);
    }
    assert_int_equal(accept_link(fixture, 4), NET_CLOSE_OVERLOADED);
    assert_int_equal(counted(fixture, "paddock_closes", "code", "overloaded"), 1);
    net_conn_set_state(fixture->conns, fixture->last_id, NET_STATE_WAIT);
    assert_int_equal(accept_link(fixture, 4), NET_CLOSE_OVERLOADED);
    net_conn_set_state(fixture->conns, fixture->last_id, NET_STATE_PLAY);
    assert_int_equal(accept_link(fixture, 4), 0);
    net_conn_close(fixture->conns, fixture->last_id, NET_CLOSE_NORMAL);
    assert_int_equal(accept_link(fixture, 5), 0);
    destroy(fixture);
}

static void at_most_256_are_unverified(void **state)
{
    (void)state;
    struct fixture *fixture = create(4000);
    for (unsigned i = 0; i < 256; i++) {
        assert_int_equal(accept_link(fixture, i), 0);
    }
    assert_int_equal(accept_link(fixture, 256), NET_CLOSE_OVERLOADED);
    destroy(fixture);
}

static void a_full_house_is_1013(void **state)
{
    (void)state;
    struct fixture *fixture = create(4);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(accept_link(fixture, i), 0);
        net_conn_set_state(fixture->conns, fixture->last_id, NET_STATE_PLAY);
    }
    assert_int_equal(accept_link(fixture, 4), NET_CLOSE_OVERLOADED);
    assert_int_equal(net_conns_count(fixture->conns), 4);
    destroy(fixture);
}

static void who_would_be_turned_away_can_be_told_before(void **state)
{
    (void)state;
    struct fixture *fixture = create(4);
    const struct net_acceptor *acceptor = fixture->acceptor;
    assert_int_equal(acceptor->refusal(acceptor->user), 0);
    assert_int_equal(accept_link(fixture, 0), 0); // a quarter of the places
    assert_int_equal(acceptor->refusal(acceptor->user), NET_CLOSE_OVERLOADED);
    assert_int_equal(counted(fixture, "paddock_closes", "code", "overloaded"), 1);
    net_conns_refuse_new(fixture->conns);
    assert_int_equal(acceptor->refusal(acceptor->user), NET_CLOSE_GOING_AWAY);
    assert_int_equal(counted(fixture, "paddock_closes", "code", "going_away"), 1);
    destroy(fixture);
}

static void a_draining_server_turns_away_with_1001(void **state)
{
    (void)state;
    struct fixture *fixture = create_with_one();
    net_conns_refuse_new(fixture->conns);
    assert_int_equal(accept_link(fixture, 1), NET_CLOSE_GOING_AWAY);
    RECEIVE(fixture, 0, PING);
    assert_int_equal(fixture->messages, 1); // who is in stays
    destroy(fixture);
}

static void an_address_has_its_own_limits(void **state)
{
    (void)state;
    struct fixture *fixture = create(64);
    struct error error;
    net_conns_destroy(fixture->conns);
    fixture->config.connections_per_address = 2;
    fixture->config.connects_per_second = 3;
    fixture->conns = net_conns_create(&fixture->hub, 64, &events, fixture, &error);
    fixture->acceptor = net_conns_acceptor(fixture->conns);
    struct net_addr addr;
    assert_true(net_addr_parse_ip("198.51.100.1", &addr));
    assert_int_equal(accept_link(fixture, 0), 0);
    struct net_conn_id first = fixture->last_id;
    assert_true(fixture->acceptor->admit_address(fixture->acceptor->user, &addr));
    assert_int_equal(accept_link(fixture, 1), 0);
    assert_false(fixture->acceptor->admit_address(fixture->acceptor->user, &addr));
    assert_int_equal(accept_link(fixture, 2), NET_CLOSE_POLICY);
    assert_int_equal(counted(fixture, "paddock_addresses_refused", "reason", "too_many"), 2);
    net_conn_close(fixture->conns, first, NET_CLOSE_NORMAL);
    for (unsigned i = 0; i < 5; i++) {
        assert_true(fixture->acceptor->admit_address(fixture->acceptor->user, &addr));
    }
    assert_false(fixture->acceptor->admit_address(fixture->acceptor->user, &addr));
    assert_int_equal(counted(fixture, "paddock_addresses_refused", "reason", "too_fast"), 1);
    destroy(fixture);
}

static void closing_calls_closed_once_before_it_returns(void **state)
{
    (void)state;
    struct fixture *fixture = create_with_one();
    struct net_conn_info info;
    fixture->close_in_closed = true;
    net_conn_close(fixture->conns, fixture->last_id, NET_CLOSE_REPLACED);
    assert_int_equal(fixture->closed, 1);
    assert_int_equal(fixture->closed_code, NET_CLOSE_REPLACED);
    assert_true(fixture->info_in_closed); // who it was can still be said
    assert_int_equal(fixture->links[0].closes, 1);
    assert_false(net_conn_info(fixture->conns, fixture->last_id, &info));
    assert_int_equal(net_conns_count(fixture->conns), 0);
    assert_int_equal(counted(fixture, "paddock_closes", "code", "replaced"), 1);
    destroy(fixture);
}

static void the_peers_close_reaches_the_user_with_its_code(void **state)
{
    (void)state;
    struct fixture *fixture = create_with_one();
    struct net_link *link = &fixture->links[0].base;
    link->handler->closed(link->user, link, 4999, "mine");
    assert_int_equal(fixture->closed, 1);
    assert_int_equal(fixture->closed_code, 4999);
    assert_int_equal(fixture->links[0].closes, 0);
    assert_int_equal(counted(fixture, "paddock_closes", "code", "other"), 1);
    destroy(fixture);
}

static void closing_inside_handlers_is_safe(void **state)
{
    (void)state;
    struct fixture *fixture = create(8);
    fixture->close_on_open = NET_CLOSE_NORMAL;
    assert_int_equal(accept_link(fixture, 0), 0);
    assert_int_equal(fixture->closed, 1);
    fixture->close_on_open = 0;
    fixture->close_on_message = NET_CLOSE_AUTH_DENIED;
    assert_int_equal(accept_link(fixture, 0), 0);
    RECEIVE(fixture, 0, PING);
    assert_int_equal(fixture->closed, 2);
    assert_int_equal(fixture->links[0].code, NET_CLOSE_AUTH_DENIED);
    destroy(fixture);
}

static void a_slot_is_not_given_away_while_its_end_is_told(void **state)
{
    (void)state;
    struct fixture *fixture = create_with_one();
    fixture->accept_in_closed = true;
    net_conn_close(fixture->conns, fixture->last_id, NET_CLOSE_NORMAL);
    assert_int_equal(fixture->opened, 2);
    assert_int_equal(net_conns_count(fixture->conns), 1);
    destroy(fixture);
}

static void refused_tokens_block_an_address_but_players_do_not(void **state)
{
    (void)state;
    struct fixture *fixture = create(64);
    struct error error;
    net_conns_destroy(fixture->conns);
    fixture->config.auth_failures = 2;
    fixture->conns = net_conns_create(&fixture->hub, 64, &events, fixture, &error);
    const struct net_acceptor *acceptor = net_conns_acceptor(fixture->conns);
    fixture->acceptor = acceptor;
    struct net_addr addr;
    assert_true(net_addr_parse_ip("198.51.100.1", &addr));
    static const struct {
        uint16_t code;
        bool plays, is_blocked;
    } ends[] = {
        {NET_CLOSE_AUTH_DENIED, false, false},     {NET_CLOSE_BACKEND_DOWN, false, false},
        {NET_CLOSE_AUTH_DENIED, true, false},      {NET_CLOSE_AUTH_TIMEOUT, false, false},
        {NET_CLOSE_TOKEN_MALFORMED, false, false}, {NET_CLOSE_AUTH_DENIED, false, true},
    };
    for (unsigned i = 0; i < BASE_COUNT(ends); i++) {
        assert_int_equal(accept_link(fixture, i), 0);
        if (ends[i].plays) {
            net_conn_set_state(fixture->conns, fixture->last_id, NET_STATE_PLAY);
        }
        net_conn_close(fixture->conns, fixture->last_id, ends[i].code);
        assert_int_equal(acceptor->admit_address(acceptor->user, &addr), !ends[i].is_blocked);
    }
    assert_int_equal(counted(fixture, "paddock_addresses_refused", "reason", "blocked"), 1);
    destroy(fixture);
}

static void close_all_ends_everybody(void **state)
{
    (void)state;
    struct fixture *fixture = create(64);
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(accept_link(fixture, i), 0);
    }
    net_conns_close_all(fixture->conns, NET_CLOSE_GOING_AWAY);
    assert_int_equal(fixture->closed, 10);
    assert_int_equal(net_conns_count(fixture->conns), 0);
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(fixture->links[i].code, NET_CLOSE_GOING_AWAY);
    }
    destroy(fixture);
}

static void messages_are_encoded_and_sent(void **state)
{
    (void)state;
    struct fixture *fixture = create_with_one();
    struct net_msg pong = {.type = NET_MSG_PONG, .pong = {7, 9}};
    net_conn_send_msg(fixture->conns, fixture->last_id, &pong, NET_RELIABLE);
    assert_int_equal(fixture->links[0].last_size, 4);
    assert_memory_equal(fixture->links[0].last, "\x93\x46\x07\x09", 4);
    destroy(fixture);
}

static void destroying_forgets_connections_without_a_word(void **state)
{
    (void)state;
    struct fixture *fixture = create_with_one();
    net_conns_destroy(fixture->conns);
    RECEIVE(fixture, 0, PING); // the transport does not know yet
    struct net_link *link = &fixture->links[0].base;
    link->handler->closed(link->user, link, NET_CLOSE_LOST, "");
    assert_int_equal(fixture->closed + fixture->messages, 0);
    fixture->conns = NULL;
    destroy(fixture);
}

static void wrong_passwords_block_an_address(void **state)
{
    (void)state;
    struct fixture *fixture = create(8);
    struct error error;
    struct net_addr remote;
    net_conns_destroy(fixture->conns);
    fixture->config.auth_failures = 2;
    fixture->conns = net_conns_create(&fixture->hub, 8, &events, fixture, &error);
    fixture->acceptor = net_conns_acceptor(fixture->conns);
    assert_true(net_addr_parse_ip("198.51.100.1", &remote));
    for (unsigned i = 0; i < 3; i++) {
        assert_true(fixture->acceptor->admit_address(fixture->acceptor->user, &remote));
        fixture->acceptor->auth_failed(fixture->acceptor->user, &remote);
    }
    assert_false(fixture->acceptor->admit_address(fixture->acceptor->user, &remote));
    assert_int_equal(counted(fixture, "paddock_addresses_refused", "reason", "blocked"), 1);
    destroy(fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_link_is_a_connection_that_says_who_it_is),
        cmocka_unit_test(a_stale_handle_resolves_to_nobody),
        cmocka_unit_test(no_hello_in_time_is_4001),
        cmocka_unit_test(pings_do_not_put_off_the_hello_deadline),
        cmocka_unit_test(a_hello_ends_the_deadline),
        cmocka_unit_test(states_decide_what_is_taken),
        cmocka_unit_test(junk_is_dropped_or_closed_by_kind),
        cmocka_unit_test(a_message_over_its_kinds_limit_is_1009),
        cmocka_unit_test(too_many_messages_are_4029),
        cmocka_unit_test(the_full_rate_may_go_on_for_ever),
        cmocka_unit_test(junk_counts_against_the_budget_too),
        cmocka_unit_test(too_many_bytes_are_4029),
        cmocka_unit_test(short_texts_before_the_token_are_echoed_three_times),
        cmocka_unit_test(texts_end_at_125_bytes),
        cmocka_unit_test(texts_after_the_token_are_1003),
        cmocka_unit_test(a_text_where_there_are_none_is_1003),
        cmocka_unit_test(a_quarter_of_the_places_is_for_the_unverified),
        cmocka_unit_test(at_most_256_are_unverified),
        cmocka_unit_test(a_full_house_is_1013),
        cmocka_unit_test(who_would_be_turned_away_can_be_told_before),
        cmocka_unit_test(a_draining_server_turns_away_with_1001),
        cmocka_unit_test(an_address_has_its_own_limits),
        cmocka_unit_test(closing_calls_closed_once_before_it_returns),
        cmocka_unit_test(the_peers_close_reaches_the_user_with_its_code),
        cmocka_unit_test(closing_inside_handlers_is_safe),
        cmocka_unit_test(a_slot_is_not_given_away_while_its_end_is_told),
        cmocka_unit_test(refused_tokens_block_an_address_but_players_do_not),
        cmocka_unit_test(close_all_ends_everybody),
        cmocka_unit_test(messages_are_encoded_and_sent),
        cmocka_unit_test(destroying_forgets_connections_without_a_word),
        cmocka_unit_test(wrong_passwords_block_an_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
