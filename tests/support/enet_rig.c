// SPDX-License-Identifier: MIT
// The rig of enet_rig.h.

#include "tests/support/enet_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "net/enet_platform.h"

// Monotonic time stands unless a test moves it, however long this process is kept from running.
static uint64_t clock_ns = CLOCK_NS_PER_S;

// Takes the place of the C library's in programs with this rig, ENet included.
int clock_gettime(clockid_t clock, struct timespec *now)
{
    if (clock != CLOCK_MONOTONIC) {
        return (int)syscall(SYS_clock_gettime, clock, now);
    }
    now->tv_sec = (time_t)(clock_ns / CLOCK_NS_PER_S);
    now->tv_nsec = (long)(clock_ns % CLOCK_NS_PER_S);
    return 0;
}

uint64_t enet_rig_now(void)
{
    return clock_ns;
}

void enet_rig_advance(uint64_t ns)
{
    clock_ns += ns;
}

static bool on_admit(void *user, const struct net_addr *remote)
{
    (void)remote;
    return !((struct enet_rig *)user)->refuse;
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
    struct enet_rig *rig = user;
    switch (event->type) {
    case ENET_EVENT_TYPE_CONNECT:
        rig->connected++;
        break;
    case ENET_EVENT_TYPE_RECEIVE:
        if (!rig->any_bytes) {
            assert_pattern(event->packet);
        }
        rig->received++;
        rig->received_bytes += event->packet->dataLength;
        enet_packet_destroy(event->packet);
        break;
    case ENET_EVENT_TYPE_DISCONNECT:
        if (net_enet_host_left(rig->host, event->peer)) {
            rig->left++;
            rig->left_code = event->data;
        } else {
            rig->lost++;
        }
        break;
    case ENET_EVENT_TYPE_NONE:
        fail();
    }
}

static const struct net_enet_user calls = {.admit = on_admit, .event = on_event};

int enet_rig_setup(void **state, enum net_udp_cookie_mode cookies)
{
    struct enet_rig *rig = calloc(1, sizeof(*rig));
    struct error error = {""};
    const struct net_addr loopback = {.ip = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1}};
    if (!net_enet_platform_start(&error)) {
        fail_msg("%s", error.text);
    }
    rig->counters = counters_create();
    net_traffic_init(&rig->traffic, rig->counters, "udp");
    net_udp_drops_init(&rig->drops, rig->counters, rig->traffic.dropped);
    const struct net_enet_setup made = {
        .bind = &loopback,
        .peers = ENET_RIG_PEERS,
        .channels = 2,
        .waiting_bytes = ENET_RIG_WAITING_BYTES,
        .cookies = cookies,
        .calls = &calls,
        .user = rig,
        .traffic = &rig->traffic,
        .drops = &rig->drops,
    };
    rig->host = net_enet_host_create(&made);
    assert_non_null(rig->host);
    *state = rig;
    return 0;
}

int enet_rig_teardown(void **state)
{
    struct enet_rig *rig = *state;
    if (rig->client) {
        enet_host_destroy(rig->client);
    }
    net_enet_host_destroy(rig->host);
    counters_destroy(rig->counters);
    free(rig);
    return 0;
}

uint64_t enet_rig_drops(const struct enet_rig *rig, enum net_udp_drop reason)
{
    return *rig->drops.cells[reason];
}

void enet_rig_serve(struct enet_rig *rig)
{
    enet_rig_advance(CLOCK_NS_PER_MS);
    net_enet_host_service(rig->host, clock_ns, true);
    net_enet_host_flush(rig->host, clock_ns, 0);
}

void enet_rig_serve_client(struct enet_rig *rig)
{
    ENetEvent event;
    while (enet_host_service(rig->client, &event, 0) > 0) {
        if (event.type == ENET_EVENT_TYPE_RECEIVE) {
            enet_packet_destroy(event.packet);
        }
    }
}

ENetAddress enet_rig_address(const struct enet_rig *rig)
{
    struct net_addr local;
    net_enet_socket_local(rig->host->socket, &local);
    return (ENetAddress){.host = htonl(INADDR_LOOPBACK), .port = local.port};
}

void enet_rig_connect_to(struct enet_rig *rig, const ENetAddress *address)
{
    rig->client = enet_host_create(NULL, 1, 2, 0, 0);
    assert_non_null(rig->client);
    rig->peer = enet_host_connect(rig->client, address, 2, 0);
    assert_non_null(rig->peer);
}

void enet_rig_connect(struct enet_rig *rig)
{
    ENetAddress address = enet_rig_address(rig);
    enet_rig_connect_to(rig, &address);
    for (unsigned i = 0; i < 1000 && rig->connected == 0; i++) {
        enet_rig_serve_client(rig);
        enet_rig_serve(rig);
    }
    assert_int_equal(rig->connected, 1);
    // Until what the two have to say to each other at first is said and acknowledged.
    for (unsigned i = 0; i < 200; i++) {
        enet_rig_serve_client(rig);
        enet_rig_serve(rig);
    }
}

void enet_rig_send(struct enet_rig *rig, size_t size, bool reliable)
{
    ENetPacket *packet = enet_packet_create(NULL, size, reliable ? ENET_PACKET_FLAG_RELIABLE : 0);
    assert_non_null(packet);
    for (size_t i = 0; i < size; i++) {
        packet->data[i] = (uint8_t)(size + i);
    }
    assert_int_equal(enet_peer_send(rig->peer, !reliable, packet), 0);
}

static uint16_t now_16(void)
{
    return (uint16_t)enet_time_get();
}

// Bytes from the client's own socket that its ENet knows nothing of.
void enet_rig_send_bytes(struct enet_rig *rig, const void *bytes, size_t size)
{
    ENetAddress address = enet_rig_address(rig);
    struct sockaddr_in to = {
        .sin_family = AF_INET,
        .sin_port = htons(address.port),
        .sin_addr.s_addr = address.host,
    };
    assert_int_equal(
        sendto(rig->client->socket, bytes, size, 0, (struct sockaddr *)&to, sizeof(to)), size);
}

size_t enet_rig_put_header(struct enet_rig *rig, uint8_t *bytes, bool timed)
{
    unsigned flags = timed ? 0x8000 : 0;
    bytes_put_u16(bytes, (uint16_t)(flags | (unsigned)rig->peer->outgoingSessionID << 12 |
                                    rig->peer->outgoingPeerID));
    bytes_put_u16(bytes + 2, now_16());
    return timed ? 4 : 2;
}
