// SPDX-License-Identifier: MIT
// An ENet host of ours against stock ENet clients and against what no client sends: the attacks
// that stock ENet 1.3.17 falls to, and the proof that honest players never meet the guard.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <unistd.h>

#include "net/enet_host.h"
#include "net/enet_memory.h"
#include "net/enet_platform.h"

#define PEERS         8
#define WAITING_BYTES (64 << 10)

// ENet's time: it stands unless a test moves it, however long this process is kept from running.
static uint64_t clock_ns = CLOCK_NS_PER_S;

// Takes the place of the C library's in this program.
int clock_gettime(clockid_t clock, struct timespec *now)
{
    (void)clock;
    now->tv_sec = (time_t)(clock_ns / CLOCK_NS_PER_S);
    now->tv_nsec = (long)(clock_ns % CLOCK_NS_PER_S);
    return 0;
}

struct fixture {
    struct counters *counters;
    struct net_traffic traffic;
    struct net_udp_drops drops;
    struct net_enet_host *host;
    unsigned connected, received, left, lost;
    uint32_t left_code;
    uint64_t received_bytes;
    bool refuse;
    // A stock client, and the relay that its datagrams go through where a test wants one.
    ENetHost *client;
    ENetPeer *peer;
};

static bool on_admit(void *user, const struct net_addr *remote)
{
    (void)remote;
    return !((struct fixture *)user)->refuse;
}

// Every byte of a message is its first one plus its place, so that foreign bytes are seen.
static void assert_pattern(const ENetPacket *packet)
{
    for (size_t i = 1; i < packet->dataLength; i++) {
        assert_int_equal(packet->data[i], (uint8_t)(packet->data[0] + i));
    }
}

static void on_event(void *user, const ENetEvent *event)
{
    struct fixture *fixture = user;
    switch (event->type) {
    case ENET_EVENT_TYPE_CONNECT:
        fixture->connected++;
        break;
    case ENET_EVENT_TYPE_RECEIVE:
        assert_pattern(event->packet);
        fixture->received++;
        fixture->received_bytes += event->packet->dataLength;
        enet_packet_destroy(event->packet);
        break;
    case ENET_EVENT_TYPE_DISCONNECT:
        if (net_enet_host_left(fixture->host, event->peer)) {
            fixture->left++;
            fixture->left_code = event->data;
        } else {
            fixture->lost++;
        }
        break;
    case ENET_EVENT_TYPE_NONE:
        fail();
    }
}

static const struct net_enet_user calls = {.admit = on_admit, .event = on_event};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    struct error error = {""};
    const struct net_addr loopback = {.ip = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1}};
    if (!net_enet_platform_start(&error)) {
        fail_msg("%s", error.text);
    }
    fixture->counters = counters_create();
    net_traffic_init(&fixture->traffic, fixture->counters, "udp");
    net_udp_drops_init(&fixture->drops, fixture->counters, fixture->traffic.dropped);
    const struct net_enet_setup made = {
        .bind = &loopback,
        .peers = PEERS,
        .channels = 2,
        .waiting_bytes = WAITING_BYTES,
        .calls = &calls,
        .user = fixture,
        .traffic = &fixture->traffic,
        .drops = &fixture->drops,
    };
    fixture->host = net_enet_host_create(&made);
    assert_non_null(fixture->host);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    if (fixture->client) {
        enet_host_destroy(fixture->client);
    }
    net_enet_host_destroy(fixture->host);
    counters_destroy(fixture->counters);
    free(fixture);
    return 0;
}

static uint64_t drops(const struct fixture *fixture, enum net_udp_drop reason)
{
    return *fixture->drops.cells[reason];
}

static void serve(struct fixture *fixture)
{
    clock_ns += CLOCK_NS_PER_MS;
    net_enet_host_service(fixture->host, clock_ns);
    net_enet_host_wants_flush(fixture->host);
    net_enet_host_flush(fixture->host);
}

static void serve_client(struct fixture *fixture)
{
    ENetEvent event;
    while (enet_host_service(fixture->client, &event, 0) > 0) {
        if (event.type == ENET_EVENT_TYPE_RECEIVE) {
            enet_packet_destroy(event.packet);
        }
    }
}

static ENetAddress server_address(const struct fixture *fixture)
{
    struct net_addr local;
    net_enet_socket_local(fixture->host->socket, &local);
    return (ENetAddress){.host = htonl(INADDR_LOOPBACK), .port = local.port};
}

static void connect_to(struct fixture *fixture, const ENetAddress *address)
{
    fixture->client = enet_host_create(NULL, 1, 2, 0, 0);
    assert_non_null(fixture->client);
    fixture->peer = enet_host_connect(fixture->client, address, 2, 0);
    assert_non_null(fixture->peer);
}

static void connect_client(struct fixture *fixture)
{
    ENetAddress address = server_address(fixture);
    connect_to(fixture, &address);
    for (unsigned i = 0; i < 1000 && fixture->connected == 0; i++) {
        serve_client(fixture);
        serve(fixture);
    }
    assert_int_equal(fixture->connected, 1);
    // Until what the two have to say to each other at first is said and acknowledged.
    for (unsigned i = 0; i < 20; i++) {
        serve_client(fixture);
        serve(fixture);
    }
}

static void send_message(struct fixture *fixture, size_t size, bool reliable)
{
    ENetPacket *packet = enet_packet_create(NULL, size, reliable ? ENET_PACKET_FLAG_RELIABLE : 0);
    assert_non_null(packet);
    for (size_t i = 0; i < size; i++) {
        packet->data[i] = (uint8_t)(size + i);
    }
    assert_int_equal(enet_peer_send(fixture->peer, !reliable, packet), 0);
}

// ---- honest traffic

// What a path does to a client's datagrams: some are lost, some come twice, some late.
struct relay {
    int inner, outer; // towards the client, towards the server
    struct sockaddr_in client, server;
    uint32_t random;
    bool lossy;
    uint8_t held[1500];
    ssize_t held_size;
    unsigned up;     // datagrams that were passed on to the server
    unsigned behind; // unreliable messages sent since a reliable one is on the way
};

static int udp_socket(struct sockaddr_in *name)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    socklen_t size = sizeof(*name);
    *name = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(fd, (struct sockaddr *)name, sizeof(*name)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)name, &size), 0);
    return fd;
}

static unsigned percent(struct relay *relay)
{
    relay->random = relay->random * 1664525 + 1013904223;
    return (relay->random >> 16) % 100;
}

static void pass_up(struct relay *relay, const void *bytes, ssize_t size)
{
    assert_int_equal(sendto(relay->outer, bytes, (size_t)size, 0, (struct sockaddr *)&relay->server,
                            sizeof(relay->server)),
                     size);
    relay->up++;
}

static void relay_run(struct relay *relay)
{
    uint8_t bytes[1500];
    socklen_t size = sizeof(relay->client);
    ssize_t got;
    while ((got = recvfrom(relay->inner, bytes, sizeof(bytes), 0, (struct sockaddr *)&relay->client,
                           &size)) > 0) {
        unsigned fate = relay->lossy ? percent(relay) : 100;
        if (fate < 2) {
            continue;
        }
        if (fate < 5 && relay->held_size == 0) {
            memcpy(relay->held, bytes, (size_t)got);
            relay->held_size = got;
            continue;
        }
        pass_up(relay, bytes, got);
        if (fate < 8) {
            pass_up(relay, bytes, got);
        }
        if (relay->held_size > 0) {
            pass_up(relay, relay->held, relay->held_size);
            relay->held_size = 0;
        }
    }
    while ((got = recv(relay->outer, bytes, sizeof(bytes), 0)) > 0) {
        if (!relay->lossy || percent(relay) >= 2) {
            sendto(relay->inner, bytes, (size_t)got, 0, (struct sockaddr *)&relay->client, size);
        }
    }
}

// Unreliable messages wait at the server for the reliable ones that were sent before them. A client
// sends tens of them in a round trip, so as many are sent here before it is time to wait.
static void send_mixture(struct fixture *fixture, struct relay *relay, unsigned round)
{
    bool in_transit = fixture->peer->reliableDataInTransit > 0;
    relay->behind = in_transit ? relay->behind : 0;
    if (relay->behind > NET_ENET_WAITING_MAX / 4) {
        return;
    }
    if (in_transit || round % 4 != 0) {
        for (unsigned i = 0; i < 3; i++) {
            send_message(fixture, 1 + percent(relay) * 5, false);
        }
        relay->behind += 3;
        return;
    }
    static const size_t sizes[] = {1, 40, 1172, 1173, 1300, 2344, 2345, 9000, LIMIT_MESSAGE_BYTES};
    send_message(fixture, sizes[percent(relay) % (sizeof(sizes) / sizeof(sizes[0]))], true);
    send_message(fixture, 1 + percent(relay) * 30, true);
}

static void a_hundred_thousand_honest_datagrams_meet_no_rule(void **state)
{
    struct fixture *fixture = *state;
    struct relay relay = {.random = 1};
    struct sockaddr_in inner, outer;
    ENetAddress address = server_address(fixture);
    relay.inner = udp_socket(&inner);
    relay.outer = udp_socket(&outer);
    relay.server = (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(address.port), .sin_addr.s_addr = address.host};
    address.port = ntohs(inner.sin_port);
    connect_to(fixture, &address);
    for (unsigned round = 0; relay.up < 100000; round++) {
        assert_true(round < 1000000);
        serve_client(fixture);
        if (fixture->connected > 0 && fixture->peer->state == ENET_PEER_STATE_CONNECTED) {
            relay.lossy = true;
            send_mixture(fixture, &relay, round);
        }
        enet_host_flush(fixture->client);
        relay_run(&relay);
        serve(fixture);
        relay_run(&relay);
    }
    assert_int_equal(*fixture->traffic.dropped, 0);
    assert_int_equal(fixture->connected, 1);
    assert_int_equal(fixture->left + fixture->lost, 0);
    assert_true(fixture->received > 50000);
    close(relay.inner);
    close(relay.outer);
}

// ---- goodbyes

static uint16_t now_16(void)
{
    return (uint16_t)enet_time_get();
}

// Bytes from the client's own socket that its ENet knows nothing of.
static void send_bytes(struct fixture *fixture, const void *bytes, size_t size)
{
    ENetAddress address = server_address(fixture);
    struct sockaddr_in to = {
        .sin_family = AF_INET,
        .sin_port = htons(address.port),
        .sin_addr.s_addr = address.host,
    };
    assert_int_equal(
        sendto(fixture->client->socket, bytes, size, 0, (struct sockaddr *)&to, sizeof(to)), size);
}

static size_t put_header(struct fixture *fixture, uint8_t *bytes, bool timed)
{
    unsigned flags = timed ? 0x8000 : 0;
    bytes_put_u16(bytes, (uint16_t)(flags | (unsigned)fixture->peer->outgoingSessionID << 12 |
                                    fixture->peer->outgoingPeerID));
    bytes_put_u16(bytes + 2, now_16());
    return timed ? 4 : 2;
}

static void send_forged_goodbye(struct fixture *fixture, bool reliable)
{
    uint8_t bytes[12] = {0};
    size_t size = put_header(fixture, bytes, reliable);
    bytes[size] = reliable ? 0x84 : 0x44;
    bytes[size + 1] = 0xff;
    bytes_put_u16(bytes + size + 2, (uint16_t)(fixture->peer->outgoingReliableSequenceNumber + 1));
    send_bytes(fixture, bytes, size + 8);
}

static void forged_goodbyes_do_not_end_a_player_who_is_there(void **state)
{
    struct fixture *fixture = *state;
    connect_client(fixture);
    for (unsigned i = 0; i < 3000; i++) {
        if (i % 10 == 0) {
            send_forged_goodbye(fixture, i % 20 == 0);
        }
        if (i % 500 == 499) { // an ENet that has nothing to say pings twice a second
            enet_peer_ping(fixture->peer);
        }
        serve_client(fixture);
        serve(fixture);
    }
    assert_int_equal(fixture->left + fixture->lost, 0);
    send_message(fixture, 10, true);
    enet_host_flush(fixture->client);
    serve(fixture);
    assert_int_equal(fixture->received, 1);
}

static void a_goodbye_counts_after_a_second_of_silence(void **state)
{
    struct fixture *fixture = *state;
    connect_client(fixture);
    enet_peer_disconnect_now(fixture->peer, 1234);
    serve(fixture);
    for (unsigned i = 0; i < 999; i++) {
        serve(fixture);
        assert_int_equal(fixture->left, 0);
    }
    for (unsigned i = 0; i < 110; i++) {
        serve(fixture);
    }
    assert_int_equal(fixture->left, 1);
    assert_int_equal(fixture->left_code, 1234);
    assert_int_equal(fixture->lost, 0);
}

static void a_reliable_goodbye_is_acknowledged(void **state)
{
    struct fixture *fixture = *state;
    connect_client(fixture);
    enet_peer_disconnect(fixture->peer, 7);
    enet_host_flush(fixture->client);
    bool heard = false;
    for (unsigned i = 0; i < 1300; i++) {
        ENetEvent event;
        serve(fixture);
        heard |= enet_host_service(fixture->client, &event, 0) > 0 &&
                 event.type == ENET_EVENT_TYPE_DISCONNECT;
    }
    assert_int_equal(fixture->left, 1);
    assert_int_equal(fixture->left_code, 7);
    assert_true(heard);
}

static void many_goodbyes_at_once_all_count(void **state)
{
    struct fixture *fixture = *state;
    ENetHost *hosts[PEERS];
    ENetPeer *peers[PEERS];
    ENetAddress address = server_address(fixture);
    for (unsigned i = 0; i < PEERS; i++) {
        hosts[i] = enet_host_create(NULL, 1, 2, 0, 0);
        peers[i] = enet_host_connect(hosts[i], &address, 2, 0);
    }
    for (unsigned i = 0; i < 100; i++) {
        ENetEvent event;
        for (unsigned k = 0; k < PEERS; k++) {
            enet_host_service(hosts[k], &event, 0);
        }
        serve(fixture);
    }
    assert_int_equal(fixture->connected, PEERS);
    for (unsigned i = 0; i < PEERS; i++) {
        enet_peer_disconnect_now(peers[i], i);
        enet_host_destroy(hosts[i]);
    }
    for (unsigned i = 0; i < 1200; i++) {
        serve(fixture);
    }
    assert_int_equal(fixture->left, PEERS);
    assert_int_equal(fixture->host->enet->peerCount, 1);
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
    struct fixture *fixture = *state;
    connect_client(fixture);
    size_t before = net_enet_memory_used();
    // 40 datagrams of 24-byte commands that each claim a message of a million fragments: stock ENet
    // allocates 128 KiB for every one of them.
    for (unsigned i = 0; i < 40; i++) {
        uint8_t bytes[1200] = {0};
        size_t size = put_header(fixture, bytes, true);
        for (unsigned k = 0; k < 32; k++, size += 25) {
            uint8_t *command = bytes + size;
            command[0] = 0x88;
            bytes_put_u16(command + 2, (uint16_t)(2 + i * 32 + k));
            bytes_put_u16(command + 4, (uint16_t)(2 + i * 32 + k));
            bytes_put_u16(command + 6, 1);
            bytes_put_u32(command + 8, 1 << 20);
            bytes_put_u32(command + 16, 1);
        }
        send_bytes(fixture, bytes, size);
        serve(fixture);
    }
    assert_int_equal(drops(fixture, NET_UDP_FRAGMENT), 40);
    assert_true(net_enet_memory_used() < before + 4096);
}

// In reverse order, because ENet looks for a command's place from the newest end.
static void out_of_order_floods_are_short(void **state)
{
    struct fixture *fixture = *state;
    connect_client(fixture);
    size_t before = net_enet_memory_used();
    double began = cpu_seconds();
    unsigned datagrams = 0;
    for (unsigned sequence = 5000; sequence > 3; datagrams++) {
        uint8_t bytes[1200] = {0};
        size_t size = put_header(fixture, bytes, true);
        for (unsigned k = 0; k < 32 && sequence > 3; k++, sequence--, size += 7) {
            bytes[size] = 0x86;
            bytes_put_u16(bytes + size + 2, (uint16_t)sequence);
            bytes_put_u16(bytes + size + 4, 1);
        }
        send_bytes(fixture, bytes, size);
        serve(fixture);
    }
    assert_true(drops(fixture, NET_UDP_WINDOW) > datagrams / 2);
    assert_true(net_enet_memory_used() < before + (256 << 10));
    assert_true((cpu_seconds() - began) / datagrams < 0.001);
}

static void what_waits_for_a_gap_is_bounded(void **state)
{
    struct fixture *fixture = *state;
    connect_client(fixture);
    size_t before = net_enet_memory_used();
    for (unsigned i = 0; i < 2000; i++) {
        uint8_t bytes[64] = {0};
        size_t size = put_header(fixture, bytes, false);
        bytes[size] = 0x07;
        bytes[size + 1] = 1;
        bytes_put_u16(bytes + size + 2, 2); // after a reliable message that never comes
        bytes_put_u16(bytes + size + 4, (uint16_t)(i + 1));
        bytes_put_u16(bytes + size + 6, 1);
        send_bytes(fixture, bytes, size + 9);
        serve(fixture);
    }
    assert_int_equal(drops(fixture, NET_UDP_WAITING), 2000 - NET_ENET_WAITING_MAX);
    assert_true(net_enet_memory_used() < before + (128 << 10));
}

static void overlapping_fragments_make_no_message(void **state)
{
    struct fixture *fixture = *state;
    connect_client(fixture);
    for (unsigned number = 0; number < 2; number++) {
        uint8_t bytes[64] = {0};
        size_t size = put_header(fixture, bytes, true);
        uint8_t *command = bytes + size;
        command[0] = 0x88;
        bytes_put_u16(command + 2, (uint16_t)(1 + number));
        bytes_put_u16(command + 4, 1);
        bytes_put_u16(command + 6, 1);
        bytes_put_u32(command + 8, 2);
        bytes_put_u32(command + 12, number);
        bytes_put_u32(command + 16, 1990);
        send_bytes(fixture, bytes, size + 25);
        serve(fixture);
    }
    assert_int_equal(drops(fixture, NET_UDP_FRAGMENT), 2);
    assert_int_equal(fixture->received, 0);
}

static void empty_and_oversize_datagrams_starve_nobody(void **state)
{
    struct fixture *fixture = *state;
    static const uint8_t junk[4097];
    connect_client(fixture);
    for (unsigned round = 0; round < 120; round++) {
        for (unsigned i = 0; i < 20; i++) {
            send_bytes(fixture, junk, 0);
        }
        send_bytes(fixture, junk, NET_ENET_MTU + 1);
        send_bytes(fixture, junk, sizeof(junk));
        send_message(fixture, 20, false);
        enet_host_flush(fixture->client);
        serve(fixture);
        assert_int_equal(fixture->received, round + 1);
    }
    assert_int_equal(drops(fixture, NET_UDP_EMPTY), 2400);
    assert_int_equal(drops(fixture, NET_UDP_OVERSIZE), 240);
}

static void a_turn_reads_no_more_than_it_may(void **state)
{
    struct fixture *fixture = *state;
    connect_client(fixture);
    uint8_t junk[4] = {0x0f, 0xee, 1, 1};
    for (unsigned i = 0; i < NET_ENET_TURN_MAX + 10; i++) {
        send_bytes(fixture, junk, sizeof(junk));
    }
    serve(fixture);
    uint64_t first = drops(fixture, NET_UDP_STRANGER);
    assert_true(first <= NET_ENET_TURN_MAX);
    serve(fixture);
    assert_true(drops(fixture, NET_UDP_STRANGER) >= first);
    assert_int_equal(fixture->left + fixture->lost, 0);
}

static void a_connect_that_asks_for_4096_gets_our_mtu(void **state)
{
    struct fixture *fixture = *state;
    ENetAddress address = server_address(fixture);
    fixture->client = enet_host_create(NULL, 1, 2, 0, 0);
    fixture->client->mtu = 4096;
    enet_peer_reset(&fixture->client->peers[0]); // takes the MTU over
    fixture->peer = enet_host_connect(fixture->client, &address, 2, 0);
    for (unsigned i = 0; i < 50; i++) {
        serve_client(fixture);
        serve(fixture);
    }
    assert_int_equal(fixture->connected, 1);
    assert_int_equal(fixture->host->enet->peers[0].mtu, NET_ENET_MTU);
    assert_int_equal(fixture->peer->mtu, NET_ENET_MTU);
}

static void who_is_not_admitted_takes_no_slot(void **state)
{
    struct fixture *fixture = *state;
    ENetAddress address = server_address(fixture);
    fixture->refuse = true;
    connect_to(fixture, &address);
    enet_host_flush(fixture->client);
    serve(fixture);
    assert_int_equal(drops(fixture, NET_UDP_NOT_ADMITTED), 1);
    assert_int_equal(fixture->host->enet->peers[0].state, ENET_PEER_STATE_DISCONNECTED);
}

// ---- time

static void a_connection_lives_through_the_wrap_of_the_clock(void **state)
{
    struct fixture *fixture = *state;
    enet_time_set(UINT32_MAX - 300);
    connect_client(fixture);
    uint32_t began = enet_time_get();
    while (enet_time_get() - began < 900) {
        send_message(fixture, 20, true);
        serve_client(fixture);
        serve(fixture);
    }
    assert_true(enet_time_get() < UINT32_MAX / 2);
    assert_int_equal(fixture->left + fixture->lost, 0);
    assert_true(fixture->received > 800);
    assert_true(fixture->peer->roundTripTime < 500);
}

// ---- memory

static void without_memory_messages_are_refused_and_nobody_dies(void **state)
{
    struct fixture *fixture = *state;
    connect_client(fixture);
    // What the host was granted, for the time being.
    size_t spare = fixture->host->granted_bytes;
    net_enet_memory_withdraw(spare);
    assert_null(enet_packet_create(NULL, 4096, 0));
    send_forged_goodbye(fixture, true);
    for (unsigned i = 0; i < 10; i++) {
        uint8_t bytes[64] = {0};
        size_t size = put_header(fixture, bytes, true);
        bytes[size] = 0x86;
        bytes_put_u16(bytes + size + 2, 1);
        bytes_put_u16(bytes + size + 4, 20);
        send_bytes(fixture, bytes, size + 26);
        serve(fixture);
    }
    assert_int_equal(fixture->received, 0);
    net_enet_memory_grant(spare);
    send_message(fixture, 20, true);
    enet_host_flush(fixture->client);
    serve(fixture);
    assert_int_equal(fixture->received, 1);
}

static void everything_is_given_back(void **state)
{
    struct fixture *fixture = *state;
    size_t before = net_enet_memory_used();
    connect_client(fixture);
    for (unsigned i = 0; i < 50; i++) {
        send_message(fixture, 3000, true);
        serve_client(fixture);
        serve(fixture);
    }
    enet_host_destroy(fixture->client);
    fixture->client = NULL;
    enet_peer_reset(&fixture->host->enet->peers[0]);
    assert_int_equal(net_enet_memory_used(), before);
}

#define ONE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ONE(a_hundred_thousand_honest_datagrams_meet_no_rule),
        ONE(forged_goodbyes_do_not_end_a_player_who_is_there),
        ONE(a_goodbye_counts_after_a_second_of_silence),
        ONE(a_reliable_goodbye_is_acknowledged),
        ONE(many_goodbyes_at_once_all_count),
        ONE(fragment_bombs_cost_nothing),
        ONE(out_of_order_floods_are_short),
        ONE(what_waits_for_a_gap_is_bounded),
        ONE(overlapping_fragments_make_no_message),
        ONE(empty_and_oversize_datagrams_starve_nobody),
        ONE(a_turn_reads_no_more_than_it_may),
        ONE(a_connect_that_asks_for_4096_gets_our_mtu),
        ONE(who_is_not_admitted_takes_no_slot),
        ONE(without_memory_messages_are_refused_and_nobody_dies),
        ONE(everything_is_given_back),
        ONE(a_connection_lives_through_the_wrap_of_the_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
