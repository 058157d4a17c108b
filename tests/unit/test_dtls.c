// SPDX-License-Identifier: MIT
// The table of DTLS sessions: who gets one, what ends it, and what strangers can do to it.

#include "net/dtls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/close.h"
#include "tests/support/dtls_rig.h"

#define REAL_PATIENCE_MS 30000

static const uint8_t greeting[] = "a datagram of ENet";

// The hello of this client that carries his cookie, taken off the wire. Flights are sent again by
// the library's own clock, so on a machine that stalls there may be more than one.
static struct dtls_datagram hello_with_cookie(struct dtls_rig *rig, const struct net_addr *addr)
{
    rig->wire_count = 0;
    struct dtls_client *client = dtls_rig_dial(rig, addr);
    dtls_rig_deliver(rig); // answered with the cookie
    dtls_rig_deliver(rig);
    net_dtls_advance(client->table, rig->now_ns, NET_DTLS_STEPS);
    assert_true(rig->wire_count > 0);
    struct dtls_datagram *hello = &rig->wire[rig->wire_count - 1];
    rig->wire_count = 0;
    assert_true(hello->to_server);
    return *hello;
}

static void pass_time(struct dtls_rig *rig, uint64_t ns)
{
    rig->now_ns += ns;
    net_dtls_advance(rig->server, rig->now_ns, NET_DTLS_STEPS);
}

static unsigned rising(const struct dtls_rig *rig)
{
    return net_dtls_is_rising(rig->server);
}

// ---- what is well

static void a_handshake_brings_both_up_and_data_goes_both_ways(void **state)
{
    struct dtls_rig *rig = *state;
    struct net_addr addr = dtls_rig_address(1, 1000);
    struct dtls_client *client = dtls_rig_connect(rig, &addr);
    assert_int_equal(*rig->handshakes.done, 2); // one at each end
    uint64_t dropped = rig->dropped;
    struct dtls_datagram *sealed = dtls_rig_send(client, greeting, sizeof(greeting));
    assert_in_range(sealed->size, sizeof(greeting) + 1, sizeof(greeting) + NET_DTLS_RECORD_BYTES);
    dtls_rig_reply(client, greeting, sizeof(greeting));
    dtls_rig_settle(rig);
    assert_int_equal(rig->received, 1);
    assert_int_equal(client->received, 1);
    assert_memory_equal(rig->last, greeting, sizeof(greeting));
    assert_memory_equal(client->last, greeting, sizeof(greeting));
    assert_int_equal(rig->dropped, dropped);
}

static void the_largest_data_fits_one_datagram(void **state)
{
    struct dtls_rig *rig = *state;
    struct net_addr addr = dtls_rig_address(1, 1000);
    struct dtls_client *client = dtls_rig_connect(rig, &addr);
    uint8_t data[NET_DTLS_DATA_BYTES];
    for (size_t i = 0; i < sizeof(data); i++) {
        data[i] = (uint8_t)i;
    }
    assert_non_null(dtls_rig_send(client, data, sizeof(data)));
    dtls_rig_settle(rig);
    assert_int_equal(rig->last_size, sizeof(data));
    assert_memory_equal(rig->last, data, sizeof(data));
}

static void what_is_sealed_for_nobody_is_nothing(void **state)
{
    struct dtls_rig *rig = *state;
    struct net_addr addr = dtls_rig_address(1, 1000);
    struct dtls_client *client = dtls_rig_dial(rig, &addr);
    assert_null(dtls_rig_reply(client, greeting, sizeof(greeting)));
    assert_null(dtls_rig_send(client, greeting, sizeof(greeting)));
}

static void a_lost_flight_is_sent_again(void **state)
{
    struct dtls_rig *rig = *state;
    struct net_addr addr = dtls_rig_address(1, 1000);
    struct dtls_client *client = dtls_rig_dial(rig, &addr);
    rig->wire_count = 0; // lost
    for (unsigned waited = 0; rig->wire_count == 0 && waited < REAL_PATIENCE_MS; waited += 10) {
        usleep(10000); // the library's own clock
        pass_time(rig, 0);
        rig->now_ns += 100 * CLOCK_NS_PER_MS;
        net_dtls_advance(client->table, rig->now_ns, NET_DTLS_STEPS);
    }
    dtls_rig_settle(rig);
    assert_true(net_dtls_is_up(client->table));
}

// ---- cookies

static void a_hello_without_a_cookie_costs_nothing_and_gets_less_than_it_has(void **state)
{
    struct dtls_rig *rig = *state;
    struct net_addr addr = dtls_rig_address(1, 1000);
    dtls_rig_dial(rig, &addr);
    struct dtls_datagram hello = rig->wire[0];
    for (unsigned i = 1; i <= 100; i++) {
        rig->wire_count = 0;
        assert_false(dtls_rig_give_server(rig, &addr, hello.bytes, hello.size));
        assert_int_equal(rig->wire_count, 1);
        assert_in_range(rig->wire[0].size, 1, hello.size - 1);
        assert_int_equal(*rig->handshakes.cookies, i);
    }
    assert_false(rising(rig));
    assert_int_equal(rig->admitted, 0);
    assert_true(net_dtls_due_ns(rig->server) == CLOCK_NEVER);
}

// What is cut short is answered with less than it has, or not at all.
static void no_answer_is_longer_than_what_asked_for_it(void **state)
{
    struct dtls_rig *rig = *state;
    struct net_addr addr = dtls_rig_address(1, 1000);
    dtls_rig_dial(rig, &addr);
    struct dtls_datagram hello = rig->wire[0];
    for (size_t size = 1; size < hello.size; size++) {
        rig->wire_count = 0;
        dtls_rig_give_server(rig, &addr, hello.bytes, size);
        bytes_put_u16(hello.bytes + 11, (uint16_t)(size > 13 ? size - 13 : 0));
        dtls_rig_give_server(rig, &addr, hello.bytes, size);
        for (unsigned i = 0; i < rig->wire_count; i++) {
            assert_in_range(rig->wire[i].size, 1, size - 1);
        }
    }
    assert_false(rising(rig));
}

static void the_cookie_of_another_address_is_none(void **state)
{
    struct dtls_rig *rig = *state;
    struct net_addr addr = dtls_rig_address(1, 1000);
    struct net_addr others[] = {dtls_rig_address(2, 1000), dtls_rig_address(1, 1001)};
    struct dtls_datagram hello = hello_with_cookie(rig, &addr);
    uint64_t cookies = *rig->handshakes.cookies;
    for (size_t i = 0; i < BASE_COUNT(others); i++) {
        dtls_rig_give_server(rig, &others[i], hello.bytes, hello.size);
        assert_false(rising(rig));
        assert_int_equal(*rig->handshakes.cookies, ++cookies);
    }
    dtls_rig_give_server(rig, &addr, hello.bytes, hello.size);
    assert_true(rising(rig));
}

static void a_cookie_is_good_until_its_key_is_two_keys_old(void **state)
{
    static const struct {
        uint64_t age_ns;
        bool good;
    } cases[] = {
        {NET_DTLS_COOKIE_KEY_NS - 1, true},
        {NET_DTLS_COOKIE_KEY_NS, true},
        {2 * NET_DTLS_COOKIE_KEY_NS - 1, true},
        {2 * NET_DTLS_COOKIE_KEY_NS, false},
    };
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        void *fresh = NULL;
        dtls_rig_setup(&fresh);
        struct dtls_rig *rig = fresh;
        struct net_addr addr = dtls_rig_address(1, 1000);
        struct dtls_datagram hello = hello_with_cookie(rig, &addr);
        rig->now_ns += cases[i].age_ns;
        dtls_rig_give_server(rig, &addr, hello.bytes, hello.size);
        assert_int_equal(rising(rig), cases[i].good);
        dtls_rig_teardown(&fresh);
    }
}

// ---- hostile datagrams

static void what_dtls_cannot_have_made_is_dropped(void **state)
{
    struct dtls_rig *rig = *state;
    struct net_addr addr = dtls_rig_address(1, 1000);
    dtls_rig_connect(rig, &addr);
    uint64_t discarded = dtls_rig_drops(rig, NET_UDP_RECORD_DISCARDED);
    static const uint8_t good[14] = {23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 9, 0, 1, 0};
    static const struct {
        unsigned at;
        uint8_t value;
    } changes[] = {{0, 19}, {0, 24}, {0, 0}, {1, 3}, {2, 0xfe}, {2, 0}, {12, 0}, {12, 2}, {11, 1}};
    for (size_t i = 0; i < BASE_COUNT(changes); i++) {
        uint8_t bytes[sizeof(good)];
        memcpy(bytes, good, sizeof(good));
        bytes[changes[i].at] = changes[i].value;
        assert_false(dtls_rig_give_server(rig, &addr, bytes, sizeof(bytes)));
        assert_int_equal(dtls_rig_drops(rig, NET_UDP_RECORD), i + 1);
    }
    for (size_t size = 1; size < sizeof(good); size++) {
        assert_false(dtls_rig_give_server(rig, &addr, good, size));
    }
    assert_int_equal(dtls_rig_drops(rig, NET_UDP_RECORD), BASE_COUNT(changes) + sizeof(good) - 1);
    dtls_rig_give_server(rig, &addr, good, sizeof(good)); // that much is a record, but not sealed
    assert_int_equal(dtls_rig_drops(rig, NET_UDP_RECORD_DISCARDED), discarded + 1);
}

static void records_of_no_session_are_dropped(void **state)
{
    struct dtls_rig *rig = *state;
    struct net_addr addr = dtls_rig_address(1, 1000), stranger = dtls_rig_address(2, 1000);
    struct dtls_client *client = dtls_rig_connect(rig, &addr);
    uint64_t dropped = dtls_rig_drops(rig, NET_UDP_NO_SESSION);
    struct dtls_datagram *sealed = dtls_rig_send(client, greeting, sizeof(greeting));
    assert_false(dtls_rig_give_server(rig, &stranger, sealed->bytes, sealed->size));
    assert_int_equal(dtls_rig_drops(rig, NET_UDP_NO_SESSION), dropped + 1);
    assert_true(dtls_rig_give_server(rig, &addr, sealed->bytes, sealed->size));
    uint8_t hidden[100] = {22, 0xfe, 0xfd, [4] = 1, [12] = 87, [13] = 1}; // no hello: encrypted
    rig->wire_count = 0;
    assert_false(dtls_rig_give_server(rig, &stranger, hidden, sizeof(hidden)));
    assert_int_equal(dtls_rig_drops(rig, NET_UDP_NO_SESSION), dropped + 2);
    assert_int_equal(rig->wire_count, 0);
}

static void a_record_is_taken_once(void **state)
{
    struct dtls_rig *rig = *state;
    struct net_addr addr = dtls_rig_address(1, 1000);
    struct dtls_client *client = dtls_rig_connect(rig, &addr);
    uint64_t discarded = dtls_rig_drops(rig, NET_UDP_RECORD_DISCARDED);
    struct dtls_datagram first = *dtls_rig_send(client, greeting, sizeof(greeting));
    struct dtls_datagram second = *dtls_rig_send(client, greeting, sizeof(greeting));
    assert_true(dtls_rig_give_server(rig, &addr, second.bytes, second.size));
    assert_true(dtls_rig_give_server(rig, &addr, first.bytes, first.size)); // late is not again
    for (unsigned i = 1; i <= 10; i++) {
        assert_false(dtls_rig_give_server(rig, &addr, first.bytes, first.size));
        assert_false(dtls_rig_give_server(rig, &addr, second.bytes, second.size));
        assert_int_equal(dtls_rig_drops(rig, NET_UDP_RECORD_DISCARDED), discarded + 2 * i);
    }
}

static void a_record_with_any_bit_changed_is_none_and_harms_nobody(void **state)
{
    struct dtls_rig *rig = *state;
    struct net_addr addr = dtls_rig_address(1, 1000);
    struct dtls_client *client = dtls_rig_connect(rig, &addr);
    net_dtls_use(rig->server, &addr, 0);
    struct dtls_datagram sealed = *dtls_rig_send(client, greeting, sizeof(greeting));
    for (size_t bit = 0; bit < 8 * sealed.size; bit++) {
        sealed.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(dtls_rig_give_server(rig, &addr, sealed.bytes, sealed.size));
        sealed.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    struct net_dtls_end end;
    assert_false(net_dtls_take_end(rig->server, &end));
    assert_true(dtls_rig_give_server(rig, &addr, sealed.bytes, sealed.size));
}

static void a_handshake_that_is_sent_again_does_not_end_the_session(void **state)
{
    struct dtls_rig *rig = *state;
    struct net_addr addr = dtls_rig_address(1, 1000);
    struct dtls_client *client = dtls_rig_dial(rig, &addr);
    struct dtls_datagram seen[DTLS_RIG_WIRE];
    unsigned count = 0;
    for (unsigned turn = 0; turn < 20 && !net_dtls_is_up(client->table); turn++) {
        for (unsigned i = 0; i < rig->wire_count; i++) {
            seen[count++] = rig->wire[i];
        }
        dtls_rig_deliver(rig);
        dtls_rig_advance(rig);
    }
    dtls_rig_settle(rig);
    net_dtls_use(rig->server, &addr, 0);
    for (unsigned i = 0; i < 3 * count; i++) {
        const struct dtls_datagram *again = &seen[i % count];
        if (again->to_server) {
            dtls_rig_give_server(rig, &addr, again->bytes, again->size);
        }
        dtls_rig_advance(rig);
    }
    rig->wire_count = 0;
    struct net_dtls_end end;
    assert_false(net_dtls_take_end(rig->server, &end));
    struct dtls_datagram *sealed = dtls_rig_send(client, greeting, sizeof(greeting));
    assert_true(dtls_rig_give_server(rig, &addr, sealed->bytes, sealed->size));
    pass_time(rig, DTLS_RIG_PATIENCE_NS); // what came of those hellos ends like any handshake
    assert_false(rising(rig));
}

// ---- who gets a session

static void a_refused_address_gets_no_session(void **state)
{
    struct dtls_rig *rig = *state;
    struct net_addr addr = dtls_rig_address(1, 1000);
    struct dtls_datagram hello = hello_with_cookie(rig, &addr);
    rig->refuse = true;
    dtls_rig_give_server(rig, &addr, hello.bytes, hello.size);
    assert_int_equal(dtls_rig_drops(rig, NET_UDP_NOT_ADMITTED), 1);
    assert_false(rising(rig));
    assert_int_equal(rig->wire_count, 0);
}

static void so_many_handshakes_are_had_at_a_time(void **state)
{
    struct dtls_rig *rig = *state;
    for (unsigned i = 0; i <= DTLS_RIG_RISING; i++) {
        struct net_addr addr = dtls_rig_address(i + 1, 1000);
        struct dtls_datagram hello = hello_with_cookie(rig, &addr);
        dtls_rig_give_server(rig, &addr, hello.bytes, hello.size);
        assert_int_equal(dtls_rig_drops(rig, NET_UDP_HANDSHAKES), i == DTLS_RIG_RISING);
    }
    assert_int_equal(rig->admitted, DTLS_RIG_RISING);
}

static void a_handshake_beyond_the_rate_is_dropped(void **state)
{
    struct dtls_rig *rig = *state;
    rig->handshake_rate.per_second = 2;
    assert_true(net_handshake_rate_take(&rig->handshake_rate, rig->now_ns)); // another listener's
    for (unsigned i = 0; i < 3; i++) {
        struct net_addr addr = dtls_rig_address(i + 1, 1000);
        struct dtls_datagram hello = hello_with_cookie(rig, &addr);
        rig->refuse = i == 0; // who is refused takes nothing from the others
        dtls_rig_give_server(rig, &addr, hello.bytes, hello.size);
        assert_int_equal(rising(rig), i > 0);
        assert_int_equal(dtls_rig_drops(rig, NET_UDP_HANDSHAKES), i == 2);
    }
}

static void so_many_of_one_address_this_machine_excepted(void **state)
{
    struct dtls_rig *rig = *state;
    for (uint16_t i = 0; i <= NET_DTLS_RISING_PER_HOST; i++) {
        struct net_addr addr = dtls_rig_address(1, (uint16_t)(1000 + i));
        struct dtls_datagram hello = hello_with_cookie(rig, &addr);
        dtls_rig_give_server(rig, &addr, hello.bytes, hello.size);
        assert_int_equal(dtls_rig_drops(rig, NET_UDP_HANDSHAKES), i == NET_DTLS_RISING_PER_HOST);
    }
    struct net_addr other = dtls_rig_address(2, 1000);
    struct dtls_datagram hello = hello_with_cookie(rig, &other);
    dtls_rig_give_server(rig, &other, hello.bytes, hello.size);
    assert_int_equal(dtls_rig_drops(rig, NET_UDP_HANDSHAKES), 1);
}

// Whoever has an IPv6 network has 2^64 addresses.
static void so_many_of_one_ipv6_network(void **state)
{
    struct dtls_rig *rig = *state;
    struct net_addr addr = {.ip = {0x20, 0x01, 0x0d, 0xb8}, .port = 1000};
    for (uint8_t i = 0; i <= NET_DTLS_RISING_PER_HOST; i++) {
        addr.ip[8] = addr.ip[15] = i;
        struct dtls_datagram hello = hello_with_cookie(rig, &addr);
        dtls_rig_give_server(rig, &addr, hello.bytes, hello.size);
        assert_int_equal(dtls_rig_drops(rig, NET_UDP_HANDSHAKES), i == NET_DTLS_RISING_PER_HOST);
    }
    addr.ip[7] = 1;
    struct dtls_datagram hello = hello_with_cookie(rig, &addr);
    dtls_rig_give_server(rig, &addr, hello.bytes, hello.size);
    assert_int_equal(dtls_rig_drops(rig, NET_UDP_HANDSHAKES), 1);
}

static void this_machine_may_have_all_of_them(void **state)
{
    struct dtls_rig *rig = *state;
    for (uint16_t i = 0; i < DTLS_RIG_RISING; i++) {
        struct net_addr addr = dtls_rig_loopback((uint16_t)(1000 + i));
        struct dtls_datagram hello = hello_with_cookie(rig, &addr);
        dtls_rig_give_server(rig, &addr, hello.bytes, hello.size);
    }
    assert_int_equal(dtls_rig_drops(rig, NET_UDP_HANDSHAKES), 0);
    assert_int_equal(rig->admitted, DTLS_RIG_RISING);
}

static void a_handshake_that_is_not_finished_ends_with_its_time(void **state)
{
    struct dtls_rig *rig = *state;
    struct net_addr addr = dtls_rig_address(1, 1000);
    struct dtls_datagram hello = hello_with_cookie(rig, &addr);
    dtls_rig_give_server(rig, &addr, hello.bytes, hello.size);
    pass_time(rig, DTLS_RIG_PATIENCE_NS - 1);
    assert_true(rising(rig));
    pass_time(rig, 60 * CLOCK_NS_PER_MS); // timers run twenty times a second
    assert_false(rising(rig));
    assert_int_equal(*rig->handshakes.expired, 1);
    assert_int_equal(dtls_rig_drops(rig, NET_UDP_HALF_OPEN), 1);
    assert_string_equal(rig->problem, "timeout");
    assert_true(net_dtls_due_ns(rig->server) == CLOCK_NEVER);
}

static void a_session_that_nobody_uses_ends_with_a_goodbye(void **state)
{
    struct dtls_rig *rig = *state;
    struct net_addr addr = dtls_rig_address(1, 1000);
    struct dtls_client *client = dtls_rig_connect(rig, &addr);
    pass_time(rig, DTLS_RIG_PATIENCE_NS);
    assert_false(rising(rig));
    assert_int_equal(dtls_rig_drops(rig, NET_UDP_HALF_OPEN), 1);
    dtls_rig_settle(rig);
    struct net_dtls_end end;
    assert_true(net_dtls_take_end(client->table, &end));
    assert_true(end.goodbye);
}

static void a_session_in_use_is_kept(void **state)
{
    struct dtls_rig *rig = *state;
    struct net_addr addr = dtls_rig_address(1, 1000);
    struct dtls_client *client = dtls_rig_connect(rig, &addr);
    struct net_dtls_handle handle = net_dtls_use(rig->server, &addr, 0);
    assert_int_not_equal(handle.index, 0);
    assert_false(rising(rig));
    pass_time(rig, 10 * DTLS_RIG_PATIENCE_NS);
    assert_non_null(dtls_rig_reply(client, greeting, sizeof(greeting)));
}

static void handshakes_wait_for_their_turn(void **state)
{
    struct dtls_rig *rig = *state;
    struct net_addr addrs[2] = {dtls_rig_address(1, 1000), dtls_rig_address(2, 1000)};
    for (unsigned i = 0; i < 2; i++) {
        struct dtls_datagram hello = hello_with_cookie(rig, &addrs[i]);
        dtls_rig_give_server(rig, &addrs[i], hello.bytes, hello.size);
    }
    pass_time(rig, 1); // timers have run
    rig->wire_count = 0;
    for (unsigned i = 0; i < 2; i++) {
        struct dtls_datagram junk = {.bytes = {22, 0xfe, 0xfd, [12] = 1}, .size = 14};
        dtls_rig_give_server(rig, &addrs[i], junk.bytes, junk.size);
    }
    assert_true(net_dtls_due_ns(rig->server) == 0);
    net_dtls_advance(rig->server, rig->now_ns, 0);
    assert_true(net_dtls_due_ns(rig->server) == 0);
    net_dtls_advance(rig->server, rig->now_ns, 1);
    assert_true(net_dtls_due_ns(rig->server) == 0);
    net_dtls_advance(rig->server, rig->now_ns, 1);
    assert_true(net_dtls_due_ns(rig->server) > rig->now_ns);
}

static void one_handshake_cannot_fill_the_queue(void **state)
{
    struct dtls_rig *rig = *state;
    struct net_addr addr = dtls_rig_address(1, 1000);
    struct dtls_datagram hello = hello_with_cookie(rig, &addr);
    for (unsigned i = 0; i < 8; i++) {
        dtls_rig_give_server(rig, &addr, hello.bytes, hello.size);
        assert_int_equal(dtls_rig_drops(rig, NET_UDP_HANDSHAKES), 0);
    }
    dtls_rig_give_server(rig, &addr, hello.bytes, hello.size);
    assert_int_equal(dtls_rig_drops(rig, NET_UDP_HANDSHAKES), 1);
}

// ---- use and end

static void whoever_was_admitted_may_begin_once_unasked(void **state)
{
    struct dtls_rig *rig = *state;
    struct net_addr addr = dtls_rig_address(1, 1000);
    dtls_rig_connect(rig, &addr);
    assert_int_equal(rig->admitted, 1);
    assert_true(net_dtls_may_begin(rig->server, &addr));
    assert_int_equal(rig->admitted, 1);
    assert_true(net_dtls_may_begin(rig->server, &addr));
    assert_int_equal(rig->admitted, 2);
    rig->refuse = true;
    assert_false(net_dtls_may_begin(rig->server, &addr));
}

static void the_last_use_ends_the_session_and_the_peer_hears_it(void **state)
{
    struct dtls_rig *rig = *state;
    struct net_addr addr = dtls_rig_address(1, 1000);
    struct dtls_client *client = dtls_rig_connect(rig, &addr);
    struct net_dtls_handle first = net_dtls_use(rig->server, &addr, 0);
    struct net_dtls_handle second = net_dtls_use(rig->server, &addr, 0);
    struct net_dtls_end end;
    net_dtls_release(rig->server, first);
    assert_non_null(dtls_rig_reply(client, greeting, sizeof(greeting)));
    net_dtls_release(rig->server, second);
    assert_null(dtls_rig_reply(client, greeting, sizeof(greeting)));
    assert_false(net_dtls_take_end(rig->server, &end)); // who ends it knows
    dtls_rig_settle(rig);
    assert_true(net_dtls_take_end(client->table, &end));
    assert_true(end.goodbye);
    net_dtls_release(rig->server, second); // long gone
}

static void who_uses_a_session_is_told_while_it_is_used(void **state)
{
    struct dtls_rig *rig = *state;
    struct net_addr addr = dtls_rig_address(1, 1000);
    uint32_t user = 0;
    assert_null(net_dtls_fetch(rig->server, &addr));
    dtls_rig_connect(rig, &addr);
    const void *found = net_dtls_fetch(rig->server, &addr);
    assert_non_null(found);
    assert_false(net_dtls_fetch_use(found, &user));
    struct net_dtls_handle handle = net_dtls_use(rig->server, &addr, 7);
    assert_true(net_dtls_fetch_use(found, &user));
    assert_int_equal(user, 7);
    net_dtls_release(rig->server, handle);
    assert_false(net_dtls_fetch_use(found, &user));
    assert_null(net_dtls_fetch(rig->server, &addr));
}

static void a_peer_that_says_goodbye_ends_what_uses_its_session(void **state)
{
    struct dtls_rig *rig = *state;
    struct net_addr addr = dtls_rig_address(1, 1000);
    struct dtls_client *client = dtls_rig_connect(rig, &addr);
    struct net_dtls_handle used = net_dtls_use(rig->server, &addr, 0);
    net_dtls_destroy(client->table);
    client->table = NULL;
    rig->client_count = 0;
    dtls_rig_settle(rig);
    struct net_dtls_end end;
    assert_true(net_dtls_take_end(rig->server, &end));
    assert_true(end.goodbye);
    assert_memory_equal(&end.session, &used, sizeof(used));
    assert_false(net_dtls_take_end(rig->server, &end));
}

// Anybody can send a hello in a player's name; only the player can go on with it.
static void a_new_handshake_takes_the_place_of_the_old_session_when_it_is_done(void **state)
{
    struct dtls_rig *rig = *state;
    struct net_addr addr = dtls_rig_address(1, 1000);
    struct net_dtls_end end;
    struct dtls_client *old = dtls_rig_connect(rig, &addr);
    net_dtls_use(rig->server, &addr, 0);
    struct dtls_client *again = dtls_rig_dial(rig, &addr);
    for (unsigned i = 0; i < 20 && !net_dtls_is_up(again->table); i++) {
        assert_non_null(dtls_rig_send(old, greeting, sizeof(greeting)));
        dtls_rig_deliver(rig);
        dtls_rig_advance(rig);
        assert_true(net_dtls_is_up(again->table) || rig->received > i);
    }
    assert_true(net_dtls_take_end(rig->server, &end));
    assert_false(end.goodbye);
    assert_false(net_dtls_take_end(rig->server, &end));
    dtls_rig_settle(rig);
    unsigned before = rig->received;
    dtls_rig_send(again, greeting, sizeof(greeting));
    dtls_rig_settle(rig);
    assert_int_equal(rig->received, before + 1);
}

static void sessions_come_and_go_without_end(void **state)
{
    struct dtls_rig *rig = *state;
    struct net_addr addr = dtls_rig_address(1, 1000);
    for (unsigned i = 0; i < 3 * (DTLS_RIG_SESSIONS + DTLS_RIG_RISING); i++) {
        struct dtls_client *client = dtls_rig_connect(rig, &addr);
        net_dtls_release(rig->server, net_dtls_use(rig->server, &addr, 0));
        dtls_rig_settle(rig);
        net_dtls_destroy(client->table);
        client->table = NULL;
        rig->client_count = 0;
        addr.port++;
    }
    assert_int_equal(dtls_rig_drops(rig, NET_UDP_HANDSHAKES), 0);
}

static void a_certificate_that_nobody_vouches_for_ends_the_dial_and_both_know_why(void **state)
{
    struct dtls_rig *rig = *state;
    struct net_addr addr = dtls_rig_address(1, 1000);
    struct error error = {""};
    struct net_tls_credentials *checking = net_tls_client_credentials_create(false, NULL, &error);
    assert_non_null(checking);
    rig->client_credentials = checking;
    struct dtls_client *client = dtls_rig_dial(rig, &addr);
    dtls_rig_settle(rig);
    net_tls_credentials_unref(checking);
    struct net_dtls_end end;
    assert_false(net_dtls_is_up(client->table));
    assert_true(net_dtls_take_end(client->table, &end));
    assert_int_equal(end.code, NET_CLOSE_LOST);
    assert_non_null(strstr(end.problem.text, "NOT trusted"));
    assert_int_equal(rig->failed, 1);
    assert_string_equal(rig->problem, "GNUTLS_E_FATAL_ALERT_RECEIVED");
    assert_string_equal(rig->alert, "Certificate is bad");
}

#define ONE(test) cmocka_unit_test_setup_teardown(test, dtls_rig_setup, dtls_rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ONE(a_handshake_brings_both_up_and_data_goes_both_ways),
        ONE(the_largest_data_fits_one_datagram),
        ONE(what_is_sealed_for_nobody_is_nothing),
        ONE(a_lost_flight_is_sent_again),
        ONE(a_hello_without_a_cookie_costs_nothing_and_gets_less_than_it_has),
        ONE(no_answer_is_longer_than_what_asked_for_it),
        ONE(the_cookie_of_another_address_is_none),
        cmocka_unit_test(a_cookie_is_good_until_its_key_is_two_keys_old),
        ONE(what_dtls_cannot_have_made_is_dropped),
        ONE(records_of_no_session_are_dropped),
        ONE(a_record_is_taken_once),
        ONE(a_record_with_any_bit_changed_is_none_and_harms_nobody),
        ONE(a_handshake_that_is_sent_again_does_not_end_the_session),
        ONE(a_refused_address_gets_no_session),
        ONE(so_many_handshakes_are_had_at_a_time),
        ONE(a_handshake_beyond_the_rate_is_dropped),
        ONE(so_many_of_one_address_this_machine_excepted),
        ONE(so_many_of_one_ipv6_network),
        ONE(this_machine_may_have_all_of_them),
        ONE(a_handshake_that_is_not_finished_ends_with_its_time),
        ONE(a_session_that_nobody_uses_ends_with_a_goodbye),
        ONE(a_session_in_use_is_kept),
        ONE(handshakes_wait_for_their_turn),
        ONE(one_handshake_cannot_fill_the_queue),
        ONE(whoever_was_admitted_may_begin_once_unasked),
        ONE(the_last_use_ends_the_session_and_the_peer_hears_it),
        ONE(who_uses_a_session_is_told_while_it_is_used),
        ONE(a_peer_that_says_goodbye_ends_what_uses_its_session),
        ONE(a_new_handshake_takes_the_place_of_the_old_session_when_it_is_done),
        ONE(sessions_come_and_go_without_end),
        ONE(a_certificate_that_nobody_vouches_for_ends_the_dial_and_both_know_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
