// SPDX-License-Identifier: MIT
// An ENet host of ours against stock ENet clients: the proof that honest players never meet the
// guard, goodbyes true and forged, the clock's wrap and the end of memory.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <unistd.h>

#include "net/enet_memory.h"
#include "tests/support/enet_rig.h"

static int setup(void **state)
{
    return enet_rig_setup(state, NET_UDP_COOKIE_OPTIONAL);
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

static unsigned draw(struct relay *relay, unsigned below)
{
    relay->random = relay->random * 1664525 + 1013904223;
    return (relay->random >> 12) % below;
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
        unsigned fate = relay->lossy ? draw(relay, 1000) : 1000;
        if (fate < 4) {
            continue;
        }
        if (fate < 40 && relay->held_size == 0) {
            memcpy(relay->held, bytes, (size_t)got);
            relay->held_size = got;
            continue;
        }
        pass_up(relay, bytes, got);
        if (fate < 80) {
            pass_up(relay, bytes, got);
        }
        if (relay->held_size > 0) {
            pass_up(relay, relay->held, relay->held_size);
            relay->held_size = 0;
        }
    }
    while ((got = recv(relay->outer, bytes, sizeof(bytes), 0)) > 0) {
        if (!relay->lossy || draw(relay, 1000) >= 4) {
            sendto(relay->inner, bytes, (size_t)got, 0, (struct sockaddr *)&relay->client, size);
        }
    }
}

// Unreliable messages wait at the server for the reliable ones that were sent before them. A client
// sends tens of them in a round trip, so as many are sent here before it is time to wait.
static void send_mixture(struct enet_rig *rig, struct relay *relay, unsigned round)
{
    bool in_transit = rig->peer->reliableDataInTransit > 0;
    relay->behind = in_transit ? relay->behind : 0;
    if (relay->behind > NET_ENET_WAITING_MAX / 4) {
        return;
    }
    if (in_transit || round % 4 != 0) {
        for (unsigned i = 0; i < 3; i++) {
            enet_rig_send(rig, 1 + draw(relay, 500), false);
        }
        relay->behind += 3;
        return;
    }
    static const size_t sizes[] = {1, 40, 1172, 1173, 1300, 2344, 2345, 9000, LIMIT_MESSAGE_BYTES};
    enet_rig_send(rig, sizes[draw(relay, BASE_COUNT(sizes))], true);
    enet_rig_send(rig, 1 + draw(relay, 3000), true);
}

static void a_hundred_thousand_honest_datagrams_meet_no_rule(void **state)
{
    struct enet_rig *rig = *state;
    struct relay relay = {.random = 1};
    struct sockaddr_in inner, outer;
    ENetAddress address = enet_rig_address(rig);
    relay.inner = udp_socket(&inner);
    relay.outer = udp_socket(&outer);
    relay.server = (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(address.port), .sin_addr.s_addr = address.host};
    address.port = ntohs(inner.sin_port);
    enet_rig_connect_to(rig, &address);
    for (unsigned round = 0; relay.up < 100000; round++) {
        assert_true(round < 1000000);
        enet_rig_serve_client(rig);
        if (rig->connected > 0 && rig->peer->state == ENET_PEER_STATE_CONNECTED) {
            relay.lossy = true;
            send_mixture(rig, &relay, round);
        }
        enet_host_flush(rig->client);
        relay_run(&relay);
        enet_rig_serve(rig);
        relay_run(&relay);
    }
    assert_int_equal(*rig->traffic.dropped, 0);
    assert_int_equal(rig->connected, 1);
    assert_int_equal(rig->left + rig->lost, 0);
    assert_true(rig->received > 50000);
    close(relay.inner);
    close(relay.outer);
}

// ---- goodbyes

static void send_forged_goodbye(struct enet_rig *rig, bool reliable)
{
    uint8_t bytes[12] = {0};
    size_t size = enet_rig_put_header(rig, bytes, reliable);
    bytes[size] = reliable ? 0x84 : 0x44;
    bytes[size + 1] = 0xff;
    bytes_put_u16(bytes + size + 2, (uint16_t)(rig->peer->outgoingReliableSequenceNumber + 1));
    enet_rig_send_bytes(rig, bytes, size + 8);
}

static void forged_goodbyes_do_not_end_a_player_who_is_there(void **state)
{
    struct enet_rig *rig = *state;
    enet_rig_connect(rig);
    for (unsigned i = 0; i < 3000; i++) {
        if (i % 10 == 0) {
            send_forged_goodbye(rig, i % 20 == 0);
        }
        if (i % 500 == 499) { // an ENet that has nothing to say pings twice a second
            enet_peer_ping(rig->peer);
        }
        enet_rig_serve_client(rig);
        enet_rig_serve(rig);
    }
    assert_int_equal(rig->left + rig->lost, 0);
    enet_rig_send(rig, 10, true);
    enet_host_flush(rig->client);
    enet_rig_serve(rig);
    assert_int_equal(rig->received, 1);
}

static void a_goodbye_counts_after_a_second_of_silence(void **state)
{
    struct enet_rig *rig = *state;
    enet_rig_connect(rig);
    enet_peer_disconnect_now(rig->peer, 1234);
    enet_rig_serve(rig);
    for (unsigned i = 0; i < 999; i++) {
        enet_rig_serve(rig);
        assert_int_equal(rig->left, 0);
    }
    for (unsigned i = 0; i < 110; i++) {
        enet_rig_serve(rig);
    }
    assert_int_equal(rig->left, 1);
    assert_int_equal(rig->left_code, 1234);
    assert_int_equal(rig->lost, 0);
}

static void a_reliable_goodbye_is_acknowledged(void **state)
{
    struct enet_rig *rig = *state;
    enet_rig_connect(rig);
    enet_peer_disconnect(rig->peer, 7);
    enet_host_flush(rig->client);
    bool heard = false;
    for (unsigned i = 0; i < 1300; i++) {
        ENetEvent event;
        enet_rig_serve(rig);
        heard |= enet_host_service(rig->client, &event, 0) > 0 &&
                 event.type == ENET_EVENT_TYPE_DISCONNECT;
    }
    assert_int_equal(rig->left, 1);
    assert_int_equal(rig->left_code, 7);
    assert_true(heard);
}

#define LEAVERS 16 // as many as may come at once without a cookie

static void many_goodbyes_at_once_all_count(void **state)
{
    struct enet_rig *rig = *state;
    ENetHost *hosts[LEAVERS];
    ENetPeer *peers[LEAVERS];
    ENetAddress address = enet_rig_address(rig);
    for (unsigned i = 0; i < LEAVERS; i++) {
        hosts[i] = enet_host_create(NULL, 1, 2, 0, 0);
        peers[i] = enet_host_connect(hosts[i], &address, 2, 0);
    }
    for (unsigned i = 0; i < 100; i++) {
        ENetEvent event;
        for (unsigned k = 0; k < LEAVERS; k++) {
            enet_host_service(hosts[k], &event, 0);
        }
        enet_rig_serve(rig);
    }
    assert_int_equal(rig->connected, LEAVERS);
    for (unsigned i = 0; i < LEAVERS; i++) {
        enet_peer_disconnect_now(peers[i], i);
        enet_host_destroy(hosts[i]);
    }
    for (unsigned i = 0; i < 1200; i++) {
        enet_rig_serve(rig);
    }
    assert_int_equal(rig->left, LEAVERS);
    assert_int_equal(rig->host->enet->peerCount, 1);
}

// ---- time

static void serve_ms(struct enet_rig *rig, unsigned ms)
{
    for (unsigned i = 0; i < ms; i++) {
        enet_rig_serve(rig);
    }
}

static void a_connection_lives_through_the_wrap_of_the_clock(void **state)
{
    struct enet_rig *rig = *state;
    enet_time_set(UINT32_MAX - 300);
    enet_rig_connect(rig);
    uint32_t began = enet_time_get();
    while (enet_time_get() - began < 900) {
        enet_rig_send(rig, 20, true);
        enet_rig_serve_client(rig);
        enet_rig_serve(rig);
    }
    assert_true(enet_time_get() < UINT32_MAX / 2);
    assert_int_equal(rig->left + rig->lost, 0);
    assert_true(rig->received > 800);
    assert_true(rig->peer->roundTripTime < 500);
}

// ---- what it sends, and when

static void queue_for_client(struct enet_rig *rig, uint32_t flags)
{
    ENetPacket *packet = enet_packet_create("0123456789", 10, flags);
    assert_non_null(packet);
    assert_int_equal(enet_peer_send(&rig->host->enet->peers[0], 0, packet), 0);
    net_enet_host_wants_flush(rig->host, &rig->host->enet->peers[0]);
}

static void acknowledgements_go_along_with_what_the_turn_sends(void **state)
{
    struct enet_rig *rig = *state;
    enet_rig_connect(rig);
    for (unsigned round = 0; round < 20; round++) {
        uint64_t before = *rig->traffic.packets_out;
        enet_rig_send(rig, 10, true);
        enet_host_flush(rig->client);
        enet_rig_advance(CLOCK_NS_PER_MS);
        net_enet_host_service(rig->host, enet_rig_now(), true);
        assert_int_equal(rig->received, round + 1);
        queue_for_client(rig, 0);
        net_enet_host_flush(rig->host, enet_rig_now(), 0);
        assert_int_equal(*rig->traffic.packets_out, before + 1);
        enet_rig_serve_client(rig);
        assert_int_equal(rig->peer->reliableDataInTransit, 0);
    }
}

static void an_acknowledgement_waits_for_what_is_about_to_be_sent(void **state)
{
    struct enet_rig *rig = *state;
    enet_rig_connect(rig);
    queue_for_client(rig, 0);
    enet_rig_serve(rig);
    for (unsigned round = 0; round < 10; round++) {
        uint64_t before = *rig->traffic.packets_out;
        enet_rig_send(rig, 10, true);
        enet_host_flush(rig->client);
        serve_ms(rig, 49); // as between two snapshots
        assert_false(rig->host->touched[0]);
        assert_int_equal(rig->received, round + 1);
        assert_int_equal(*rig->traffic.packets_out, before);
        queue_for_client(rig, 0);
        enet_rig_serve(rig);
        assert_int_equal(*rig->traffic.packets_out, before + 1);
        enet_rig_serve_client(rig);
        assert_int_equal(rig->peer->reliableDataInTransit, 0);
    }
}

static void an_acknowledgement_that_nothing_goes_along_with_leaves_by_itself(void **state)
{
    struct enet_rig *rig = *state;
    enet_rig_connect(rig);
    queue_for_client(rig, 0);
    enet_rig_serve(rig);
    uint64_t before = *rig->traffic.packets_out;
    enet_rig_send(rig, 10, true);
    enet_host_flush(rig->client);
    serve_ms(rig, 130);
    assert_int_equal(rig->received, 1);
    assert_int_equal(*rig->traffic.packets_out, before + 1);
    enet_rig_serve_client(rig);
    assert_int_equal(rig->peer->reliableDataInTransit, 0);
}

static void what_is_lost_is_sent_again_though_nothing_comes_in(void **state)
{
    struct enet_rig *rig = *state;
    uint8_t lost[1500];
    enet_rig_connect(rig);
    queue_for_client(rig, ENET_PACKET_FLAG_RELIABLE);
    enet_rig_serve(rig);
    assert_true(recv(rig->client->socket, lost, sizeof(lost), MSG_DONTWAIT) > 0);
    uint64_t before = *rig->traffic.packets_out;
    for (unsigned i = 0; i < 2000 && *rig->traffic.packets_out == before; i++) {
        enet_rig_serve(rig);
    }
    assert_int_equal(*rig->traffic.packets_out, before + 1);
}

static void what_is_lost_is_sent_again_though_snapshots_go_on(void **state)
{
    struct enet_rig *rig = *state;
    uint8_t lost[1500];
    enet_rig_connect(rig);
    const ENetPeer *peer = &rig->host->enet->peers[0];
    unsigned snapshots = 0;
    for (unsigned i = 0; i < 8; i++) {
        queue_for_client(rig, ENET_PACKET_FLAG_RELIABLE);
        enet_rig_serve(rig);
        assert_true(recv(rig->client->socket, lost, sizeof(lost), MSG_DONTWAIT) > 0);
        while (!enet_list_empty(&peer->sentReliableCommands) && snapshots < 1000) {
            snapshots++;
            queue_for_client(rig, 0);
            serve_ms(rig, 50);
            enet_rig_serve_client(rig);
        }
    }
    assert_true(snapshots < 80); // half a second each time
}

static void who_is_told_nothing_is_pinged(void **state)
{
    struct enet_rig *rig = *state;
    enet_rig_connect(rig);
    const ENetPeer *peer = &rig->host->enet->peers[0];
    uint64_t before = *rig->traffic.packets_out;
    serve_ms(rig, ENET_PEER_PING_INTERVAL - 300); // some have passed since it was connected
    assert_int_equal(*rig->traffic.packets_out, before);
    serve_ms(rig, 350);
    assert_true(*rig->traffic.packets_out > before);
    assert_false(enet_list_empty(&peer->sentReliableCommands));
}

static void what_waits_for_the_window_goes_on_when_it_opens(void **state)
{
    struct enet_rig *rig = *state;
    enet_rig_connect(rig);
    ENetPeer *peer = &rig->host->enet->peers[0];
    for (unsigned i = 0; i < 40; i++) {
        ENetPacket *packet = enet_packet_create(NULL, 10000, ENET_PACKET_FLAG_RELIABLE);
        assert_non_null(packet);
        assert_int_equal(enet_peer_send(peer, 0, packet), 0);
    }
    net_enet_host_wants_flush(rig->host, peer);
    unsigned turns = 0; // seven windows; who is looked after every 50 ms only needs hundreds
    do {
        enet_rig_serve(rig);
        enet_rig_serve_client(rig);
        turns++;
    } while (!enet_list_empty(&peer->outgoingCommands) && turns < 100);
    assert_in_range(turns, 7, 30);
}

static void more_than_one_call_takes_is_read_in_one_turn(void **state)
{
    struct enet_rig *rig = *state;
    enet_rig_connect(rig);
    unsigned before = rig->received;
    for (unsigned i = 0; i < 600; i++) {
        enet_rig_send(rig, 10, false);
        enet_host_flush(rig->client);
    }
    enet_rig_serve(rig);
    assert_int_equal(rig->received, before + 600);
}

// ---- memory

// One byte on the second channel: reliable, or after that reliable one.
static void send_byte(struct enet_rig *rig, bool reliable, uint16_t sequence)
{
    uint8_t bytes[64] = {0};
    size_t size = enet_rig_put_header(rig, bytes, true);
    bytes[size] = reliable ? 0x86 : 0x07;
    bytes[size + 1] = 1;
    bytes_put_u16(bytes + size + 2, sequence);
    bytes_put_u16(bytes + size + 4, 1);
    bytes_put_u16(bytes + size + 6, 1); // an unreliable one has its own number before it
    enet_rig_send_bytes(rig, bytes, size + (reliable ? 7 : 9));
    enet_rig_serve(rig);
}

// ENet counts what waits in a peer, and forgets to when it drops what has come too late.
static void the_account_of_what_waits_is_put_right_when_nothing_does(void **state)
{
    struct enet_rig *rig = *state;
    enet_rig_connect(rig);
    const ENetPeer *peer = &rig->host->enet->peers[0];
    assert_int_equal(peer->state, ENET_PEER_STATE_CONNECTED);
    rig->any_bytes = true;
    unsigned before = rig->received;
    send_byte(rig, false, 1);
    serve_ms(rig, 200); // it still waits
    assert_int_equal(peer->totalWaitingData, 1);
    send_byte(rig, true, 2);
    assert_int_equal(peer->totalWaitingData, 2);
    send_byte(rig, true, 1);
    assert_int_equal(rig->received - before, 2);
    assert_int_equal(peer->totalWaitingData, 1); // of what was dropped
    serve_ms(rig, 200);
    assert_int_equal(peer->totalWaitingData, 0);
    send_byte(rig, true, 4);
    serve_ms(rig, 200); // for the third
    assert_int_equal(peer->totalWaitingData, 1);
}

static void without_memory_messages_are_refused_and_nobody_dies(void **state)
{
    struct enet_rig *rig = *state;
    enet_rig_connect(rig);
    // What the host was granted, for the time being.
    size_t spare = rig->host->granted_bytes;
    net_enet_memory_withdraw(spare);
    assert_null(enet_packet_create(NULL, 4096, 0));
    send_forged_goodbye(rig, true);
    for (unsigned i = 0; i < 10; i++) {
        uint8_t bytes[64] = {0};
        size_t size = enet_rig_put_header(rig, bytes, true);
        bytes[size] = 0x86;
        bytes_put_u16(bytes + size + 2, 1);
        bytes_put_u16(bytes + size + 4, 20);
        enet_rig_send_bytes(rig, bytes, size + 26);
        enet_rig_serve(rig);
    }
    assert_int_equal(rig->received, 0);
    net_enet_memory_grant(spare);
    enet_rig_send(rig, 20, true);
    enet_host_flush(rig->client);
    enet_rig_serve(rig);
    assert_int_equal(rig->received, 1);
}

static void everything_is_given_back(void **state)
{
    struct enet_rig *rig = *state;
    size_t before = net_enet_memory_used();
    enet_rig_connect(rig);
    for (unsigned i = 0; i < 50; i++) {
        enet_rig_send(rig, 3000, true);
        enet_rig_serve_client(rig);
        enet_rig_serve(rig);
    }
    enet_host_destroy(rig->client);
    rig->client = NULL;
    enet_peer_reset(&rig->host->enet->peers[0]);
    assert_int_equal(net_enet_memory_used(), before);
}

#define ONE(function) cmocka_unit_test_setup_teardown(function, setup, enet_rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ONE(a_hundred_thousand_honest_datagrams_meet_no_rule),
        ONE(forged_goodbyes_do_not_end_a_player_who_is_there),
        ONE(a_goodbye_counts_after_a_second_of_silence),
        ONE(a_reliable_goodbye_is_acknowledged),
        ONE(many_goodbyes_at_once_all_count),
        ONE(acknowledgements_go_along_with_what_the_turn_sends),
        ONE(an_acknowledgement_waits_for_what_is_about_to_be_sent),
        ONE(an_acknowledgement_that_nothing_goes_along_with_leaves_by_itself),
        ONE(what_is_lost_is_sent_again_though_nothing_comes_in),
        ONE(what_is_lost_is_sent_again_though_snapshots_go_on),
        ONE(who_is_told_nothing_is_pinged),
        ONE(what_waits_for_the_window_goes_on_when_it_opens),
        ONE(more_than_one_call_takes_is_read_in_one_turn),
        ONE(the_account_of_what_waits_is_put_right_when_nothing_does),
        ONE(without_memory_messages_are_refused_and_nobody_dies),
        ONE(everything_is_given_back),
        ONE(a_connection_lives_through_the_wrap_of_the_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
