// SPDX-License-Identifier: MIT
// What stock ENet 1.3.17 falls to, against an ENet host of ours: bombs, floods, and connects in a
// stranger's name.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "net/enet_memory.h"
#include "tests/support/enet_rig.h"

static int setup(void **state)
{
    return enet_rig_setup(state, NET_UDP_COOKIE_OPTIONAL);
}

static int setup_required(void **state)
{
    return enet_rig_setup(state, NET_UDP_COOKIE_REQUIRED);
}

static int setup_off(void **state)
{
    return enet_rig_setup(state, NET_UDP_COOKIE_OFF);
}

// ---- what stock ENet falls to

static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void fragment_bombs_cost_nothing(void **state)
{
    struct enet_rig *rig = *state;
    enet_rig_connect(rig);
    size_t before = net_enet_memory_used();
    // 40 datagrams of 24-byte commands that each claim a message of a million fragments: stock ENet
    // allocates 128 KiB for every one of them.
    for (unsigned i = 0; i < 40; i++) {
        uint8_t bytes[1200] = {0};
        size_t size = enet_rig_put_header(rig, bytes, true);
        for (unsigned k = 0; k < 32; k++, size += 25) {
            uint8_t *command = bytes + size;
            command[0] = 0x88;
            bytes_put_u16(command + 2, (uint16_t)(2 + i * 32 + k));
            bytes_put_u16(command + 4, (uint16_t)(2 + i * 32 + k));
            bytes_put_u16(command + 6, 1);
            bytes_put_u32(command + 8, 1 << 20);
            bytes_put_u32(command + 16, 1);
        }
        enet_rig_send_bytes(rig, bytes, size);
        enet_rig_serve(rig);
    }
    assert_int_equal(enet_rig_drops(rig, NET_UDP_FRAGMENT), 40);
    assert_true(net_enet_memory_used() < before + 4096);
}

// In reverse order, because ENet looks for a command's place from the newest end.
static void out_of_order_floods_are_short(void **state)
{
    struct enet_rig *rig = *state;
    enet_rig_connect(rig);
    size_t before = net_enet_memory_used();
    unsigned datagrams = 0, slow = 0; // most of them are quick, however busy the machine is
    for (unsigned sequence = 5000; sequence > 3; datagrams++) {
        uint8_t bytes[1200] = {0};
        size_t size = enet_rig_put_header(rig, bytes, true);
        for (unsigned k = 0; k < 32 && sequence > 3; k++, sequence--, size += 7) {
            bytes[size] = 0x86;
            bytes_put_u16(bytes + size + 2, (uint16_t)sequence);
            bytes_put_u16(bytes + size + 4, 1);
        }
        enet_rig_send_bytes(rig, bytes, size);
        double began = cpu_seconds();
        enet_rig_serve(rig);
        slow += cpu_seconds() - began >= 0.001;
    }
    assert_true(enet_rig_drops(rig, NET_UDP_WINDOW) > datagrams / 2);
    assert_true(net_enet_memory_used() < before + (256 << 10));
    assert_true(slow < datagrams / 2);
}

static void what_waits_for_a_gap_is_bounded(void **state)
{
    struct enet_rig *rig = *state;
    enet_rig_connect(rig);
    size_t before = net_enet_memory_used();
    for (unsigned i = 0; i < 2000; i++) {
        uint8_t bytes[64] = {0};
        size_t size = enet_rig_put_header(rig, bytes, false);
        bytes[size] = 0x07;
        bytes[size + 1] = 1;
        bytes_put_u16(bytes + size + 2, 2); // after a reliable message that never comes
        bytes_put_u16(bytes + size + 4, (uint16_t)(i + 1));
        bytes_put_u16(bytes + size + 6, 1);
        enet_rig_send_bytes(rig, bytes, size + 9);
        enet_rig_serve(rig);
    }
    assert_int_equal(enet_rig_drops(rig, NET_UDP_WAITING), 2000 - NET_ENET_WAITING_MAX);
    assert_true(net_enet_memory_used() < before + (128 << 10));
}

static void overlapping_fragments_make_no_message(void **state)
{
    struct enet_rig *rig = *state;
    enet_rig_connect(rig);
    for (unsigned number = 0; number < 2; number++) {
        uint8_t bytes[64] = {0};
        size_t size = enet_rig_put_header(rig, bytes, true);
        uint8_t *command = bytes + size;
        command[0] = 0x88;
        bytes_put_u16(command + 2, (uint16_t)(1 + number));
        bytes_put_u16(command + 4, 1);
        bytes_put_u16(command + 6, 1);
        bytes_put_u32(command + 8, 2);
        bytes_put_u32(command + 12, number);
        bytes_put_u32(command + 16, 1990);
        enet_rig_send_bytes(rig, bytes, size + 25);
        enet_rig_serve(rig);
    }
    assert_int_equal(enet_rig_drops(rig, NET_UDP_FRAGMENT), 2);
    assert_int_equal(rig->received, 0);
}

static void empty_and_oversize_datagrams_starve_nobody(void **state)
{
    struct enet_rig *rig = *state;
    static const uint8_t junk[4097];
    enet_rig_connect(rig);
    for (unsigned round = 0; round < 120; round++) {
        for (unsigned i = 0; i < 20; i++) {
            enet_rig_send_bytes(rig, junk, 0);
        }
        enet_rig_send_bytes(rig, junk, NET_ENET_MTU + 1);
        enet_rig_send_bytes(rig, junk, sizeof(junk));
        enet_rig_send(rig, 20, false);
        enet_host_flush(rig->client);
        enet_rig_serve(rig);
        assert_int_equal(rig->received, round + 1);
    }
    assert_int_equal(enet_rig_drops(rig, NET_UDP_EMPTY), 2400);
    assert_int_equal(enet_rig_drops(rig, NET_UDP_OVERSIZE), 240);
}

static void a_turn_reads_no_more_than_it_may(void **state)
{
    struct enet_rig *rig = *state;
    enet_rig_connect(rig);
    uint8_t junk[4] = {0x0f, 0xee, 1, 1};
    for (unsigned i = 0; i < NET_ENET_TURN_MAX + 10; i++) {
        enet_rig_send_bytes(rig, junk, sizeof(junk));
    }
    enet_rig_serve(rig);
    uint64_t first = enet_rig_drops(rig, NET_UDP_STRANGER);
    assert_true(first <= NET_ENET_TURN_MAX);
    enet_rig_serve(rig);
    assert_true(enet_rig_drops(rig, NET_UDP_STRANGER) >= first);
    assert_int_equal(rig->left + rig->lost, 0);
}

// While a tick waits for what is read, and each system call would make it later.
static void a_turn_answers_no_more_strangers_than_it_can_queue(void **state)
{
    struct enet_rig *rig = *state;
    const uint8_t ask[NET_UDP_COOKIE_ASK_BYTES] = {0xff, 0xff, 'P', 'C'};
    rig->client = enet_host_create(NULL, 1, 2, 0, 0);
    for (unsigned turn = 1; turn <= 2; turn++) {
        for (unsigned i = 0; i < NET_ENET_BATCH_OUT + 10; i++) {
            enet_rig_send_bytes(rig, ask, sizeof(ask));
        }
        enet_rig_serve(rig);
        assert_int_equal(enet_rig_drops(rig, NET_UDP_UNSENT), 10 * turn);
        assert_int_equal(net_enet_socket_queued(rig->host->socket), 0);
    }
}

static void a_connect_that_asks_for_4096_gets_our_mtu(void **state)
{
    struct enet_rig *rig = *state;
    ENetAddress address = enet_rig_address(rig);
    rig->client = enet_host_create(NULL, 1, 2, 0, 0);
    rig->client->mtu = 4096;
    enet_peer_reset(&rig->client->peers[0]); // takes the MTU over
    rig->peer = enet_host_connect(rig->client, &address, 2, 0);
    for (unsigned i = 0; i < 50; i++) {
        enet_rig_serve_client(rig);
        enet_rig_serve(rig);
    }
    assert_int_equal(rig->connected, 1);
    assert_int_equal(rig->host->enet->peers[0].mtu, NET_ENET_MTU);
    assert_int_equal(rig->peer->mtu, NET_ENET_MTU);
}

static void who_is_not_admitted_takes_no_slot(void **state)
{
    struct enet_rig *rig = *state;
    ENetAddress address = enet_rig_address(rig);
    rig->refuse = true;
    enet_rig_connect_to(rig, &address);
    enet_host_flush(rig->client);
    enet_rig_serve(rig);
    assert_int_equal(enet_rig_drops(rig, NET_UDP_NOT_ADMITTED), 1);
    assert_int_equal(rig->host->enet->peers[0].state, ENET_PEER_STATE_DISCONNECTED);
}

// ---- cookies

// Gets a cookie as net/README.md says it; 0 when the server gives none.
static uint32_t ask_for_cookie(struct enet_rig *rig)
{
    const uint8_t ask[32] = {0xff, 0xff, 'P', 'C', 0, 0, 0, 0, 1, 2, 3, 4};
    const uint8_t begin[12] = {0xff, 0xff, 'P', 'C', 1, 0, 0, 0, 1, 2, 3, 4};
    uint8_t answer[64];
    enet_rig_send_bytes(rig, ask, sizeof(ask));
    enet_rig_serve(rig);
    ssize_t size = recv(rig->client->socket, answer, sizeof(answer), MSG_DONTWAIT);
    if (size < 0) {
        return 0;
    }
    assert_int_equal(size, 16);
    assert_memory_equal(answer, begin, sizeof(begin));
    return bytes_get_u32(answer + 12);
}

// A stock client that connects with this data. True when it gets in.
static bool gets_in_with(struct enet_rig *rig, uint32_t data)
{
    ENetAddress address = enet_rig_address(rig);
    unsigned before = rig->connected;
    enet_peer_reset(&rig->client->peers[0]);
    rig->peer = enet_host_connect(rig->client, &address, 2, data);
    for (unsigned i = 0; i < 20; i++) {
        enet_rig_serve_client(rig);
        enet_rig_serve(rig);
    }
    return rig->connected > before;
}

static void where_cookies_are_required_nobody_gets_in_without(void **state)
{
    struct enet_rig *rig = *state;
    rig->client = enet_host_create(NULL, 1, 2, 0, 0);
    assert_false(gets_in_with(rig, 0));
    assert_false(gets_in_with(rig, 12345));
    assert_int_equal(enet_rig_drops(rig, NET_UDP_COOKIE), 2);
    assert_int_equal(*rig->traffic.packets_out, 0); // nothing to send on to a third party
    assert_int_equal(rig->host->enet->peers[0].state, ENET_PEER_STATE_DISCONNECTED);
    uint32_t cookie = ask_for_cookie(rig);
    assert_int_not_equal(cookie, 0);
    assert_false(gets_in_with(rig, cookie ^ 1));
    assert_true(gets_in_with(rig, cookie));
}

static void a_cookie_is_good_for_its_address_and_time(void **state)
{
    struct enet_rig *rig = *state;
    rig->client = enet_host_create(NULL, 1, 2, 0, 0);
    ENetHost *other = enet_host_create(NULL, 1, 2, 0, 0);
    uint32_t cookie = ask_for_cookie(rig);
    ENetHost *asked = rig->client;
    rig->client = other;
    assert_false(gets_in_with(rig, cookie));
    rig->client = asked;
    enet_rig_advance(NET_UDP_COOKIE_EPOCH_NS);
    assert_true(gets_in_with(rig, cookie));
    enet_rig_advance(NET_UDP_COOKIE_EPOCH_NS);
    assert_false(gets_in_with(rig, cookie));
    enet_host_destroy(other);
}

static void where_cookies_are_off_nobody_gets_one_and_nobody_needs_one(void **state)
{
    struct enet_rig *rig = *state;
    rig->client = enet_host_create(NULL, 1, 2, 0, 0);
    assert_int_equal(ask_for_cookie(rig), 0);
    assert_true(gets_in_with(rig, 0));
}

// What a forger does, here with a port for each name: connect, and hear nothing of it.
static void forge_connects(struct enet_rig *rig, unsigned count)
{
    ENetAddress address = enet_rig_address(rig);
    for (unsigned i = 0; i < count; i++) {
        ENetHost *forger = enet_host_create(NULL, 1, 2, 0, 0);
        enet_host_connect(forger, &address, 2, 0);
        enet_host_flush(forger);
        enet_rig_serve(rig);
        enet_host_destroy(forger);
    }
}

static void forgers_leave_room_for_who_shows_a_cookie(void **state)
{
    struct enet_rig *rig = *state;
    forge_connects(rig, 100);
    unsigned half_open = 0;
    for (unsigned i = 0; i < ENET_RIG_PEERS; i++) {
        half_open += rig->host->enet->peers[i].state == ENET_PEER_STATE_ACKNOWLEDGING_CONNECT;
    }
    assert_int_equal(half_open, rig->host->unproven_max);
    assert_int_equal(enet_rig_drops(rig, NET_UDP_COOKIE), 100 - half_open);
    rig->client = enet_host_create(NULL, 1, 2, 0, 0);
    assert_false(gets_in_with(rig, 0));
    assert_true(gets_in_with(rig, ask_for_cookie(rig)));
}

// An acknowledgement can be forged, too.
static void whoever_connects_and_says_nothing_is_not_proven_either(void **state)
{
    struct enet_rig *rig = *state;
    ENetHost *silent[ENET_RIG_PEERS];
    rig->any_bytes = true;
    for (unsigned i = 0; i < rig->host->unproven_max; i++) {
        silent[i] = rig->client = enet_host_create(NULL, 1, 2, 0, 0);
        assert_true(gets_in_with(rig, 0));
    }
    ENetPeer *first = silent[0]->peers;
    rig->client = enet_host_create(NULL, 1, 2, 0, 0);
    assert_false(gets_in_with(rig, 0));
    assert_true(gets_in_with(rig, ask_for_cookie(rig)));
    enet_peer_send(first, 0, enet_packet_create("hello", 5, ENET_PACKET_FLAG_RELIABLE));
    enet_host_flush(silent[0]);
    for (unsigned ms = 0; ms < 200; ms++) {
        enet_rig_serve(rig);
    }
    enet_host_destroy(rig->client);
    rig->client = enet_host_create(NULL, 1, 2, 0, 0);
    assert_true(gets_in_with(rig, 0));
    for (unsigned i = 0; i < rig->host->unproven_max; i++) {
        enet_host_destroy(silent[i]);
    }
}

static void after_the_forgers_stock_clients_get_in_again(void **state)
{
    struct enet_rig *rig = *state;
    forge_connects(rig, 100);
    for (unsigned i = 0; i < 2200; i++) {
        enet_rig_serve(rig);
    }
    assert_int_equal(enet_rig_drops(rig, NET_UDP_HALF_OPEN), rig->host->unproven_max);
    rig->client = enet_host_create(NULL, 1, 2, 0, 0);
    assert_true(gets_in_with(rig, 0));
}

// A connect request without a cookie, as often as it is sent: who asks cannot be known to be there.
static void who_is_not_proven_hears_less_than_he_says(void **state)
{
    struct enet_rig *rig = *state;
    uint8_t request[NET_ENET_CONNECT_BYTES] = {0x8f, 0xff, 0, 0, 0x82, 0xff,
                                               0,    1,    0, 0, 0xff, 0xff};
    uint8_t answer[2048];
    bytes_put_u32(request + 20, 2); // channels
    for (unsigned sent = 1; sent <= 5; sent++) {
        unsigned answers = 0;
        rig->client = enet_host_create(NULL, 1, 2, 0, 0);
        bytes_put_u32(request + 44, sent); // which connection
        for (unsigned i = 0; i < sent; i++) {
            enet_rig_send_bytes(rig, request, sizeof(request));
            for (unsigned ms = 0; ms < 300; ms++) {
                enet_rig_serve(rig);
            }
        }
        for (unsigned ms = 0; ms < 3000; ms++) {
            enet_rig_serve(rig);
        }
        while (recv(rig->client->socket, answer, sizeof(answer), MSG_DONTWAIT) > 0) {
            answers++;
        }
        assert_int_equal(answers, sent);
        assert_true(*rig->traffic.bytes_out < *rig->traffic.bytes_in);
        enet_host_destroy(rig->client);
    }
    rig->client = NULL;
}

static void a_stock_client_whose_answer_is_lost_gets_in_when_it_asks_again(void **state)
{
    struct enet_rig *rig = *state;
    uint8_t answer[2048];
    ENetAddress address = enet_rig_address(rig);
    enet_rig_connect_to(rig, &address);
    enet_host_flush(rig->client);
    enet_rig_serve(rig);
    assert_true(recv(rig->client->socket, answer, sizeof(answer), MSG_DONTWAIT) > 0);
    for (unsigned ms = 0; ms < 600; ms++) { // ENet asks again after 500
        enet_rig_serve_client(rig);
        enet_rig_serve(rig);
    }
    assert_int_equal(rig->connected, 1);
    assert_int_equal(enet_rig_drops(rig, NET_UDP_HALF_OPEN), 0);
}

// The loop sleeps while nobody is connected.
static void a_host_is_to_be_woken_until_nobody_is_half_open(void **state)
{
    struct enet_rig *rig = *state;
    enet_rig_serve(rig);
    assert_true(net_enet_host_due_ns(rig->host) == CLOCK_NEVER);
    forge_connects(rig, 1);
    unsigned woken = 0;
    while (net_enet_host_due_ns(rig->host) != CLOCK_NEVER && woken++ < 100) {
        enet_rig_advance(net_enet_host_due_ns(rig->host) - enet_rig_now());
        enet_rig_serve(rig);
    }
    assert_in_range(woken, 20, 25);
    assert_int_equal(enet_rig_drops(rig, NET_UDP_HALF_OPEN), 1);
}

// What empty slots cost, ENet's peers being walked many times a second.
static void enet_has_as_many_peers_to_walk_as_there_are(void **state)
{
    struct enet_rig *rig = *state;
    const ENetHost *enet = rig->host->enet;
    assert_int_equal(enet->peerCount, 1);
    forge_connects(rig, 10);
    assert_int_equal(enet->peerCount, 10);
    for (unsigned ms = 0; ms < 2200; ms++) {
        enet_rig_serve(rig);
    }
    assert_int_equal(enet->peerCount, 1);
}

static void a_cookie_whose_client_is_silent_takes_no_others_place(void **state)
{
    struct enet_rig *rig = *state;
    ENetAddress address = enet_rig_address(rig);
    rig->client = enet_host_create(NULL, 1, 2, 0, 0);
    uint32_t cookie = ask_for_cookie(rig);
    enet_host_connect(rig->client, &address, 2, cookie);
    enet_host_flush(rig->client);
    for (unsigned i = 0; i < 200; i++) {
        enet_rig_serve(rig);
    }
    assert_int_equal(rig->host->enet->peers[0].state, ENET_PEER_STATE_ACKNOWLEDGING_CONNECT);
    assert_int_equal(rig->host->unproven, 0);
}

#define TWO(function, made) cmocka_unit_test_setup_teardown(function, made, enet_rig_teardown)
#define ONE(function)       TWO(function, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ONE(fragment_bombs_cost_nothing),
        ONE(out_of_order_floods_are_short),
        ONE(what_waits_for_a_gap_is_bounded),
        ONE(overlapping_fragments_make_no_message),
        ONE(empty_and_oversize_datagrams_starve_nobody),
        ONE(a_turn_reads_no_more_than_it_may),
        ONE(a_turn_answers_no_more_strangers_than_it_can_queue),
        ONE(a_connect_that_asks_for_4096_gets_our_mtu),
        ONE(who_is_not_admitted_takes_no_slot),
        TWO(where_cookies_are_required_nobody_gets_in_without, setup_required),
        TWO(a_cookie_is_good_for_its_address_and_time, setup_required),
        TWO(where_cookies_are_off_nobody_gets_one_and_nobody_needs_one, setup_off),
        ONE(forgers_leave_room_for_who_shows_a_cookie),
        ONE(whoever_connects_and_says_nothing_is_not_proven_either),
        ONE(after_the_forgers_stock_clients_get_in_again),
        ONE(who_is_not_proven_hears_less_than_he_says),
        TWO(who_is_not_proven_hears_less_than_he_says, setup_off),
        ONE(a_stock_client_whose_answer_is_lost_gets_in_when_it_asks_again),
        ONE(a_host_is_to_be_woken_until_nobody_is_half_open),
        ONE(enet_has_as_many_peers_to_walk_as_there_are),
        ONE(a_cookie_whose_client_is_silent_takes_no_others_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
