// SPDX-License-Identifier: MIT
// One ENet host of ours and one stock ENet client that a test plays against it, in virtual time:
// CLOCK_MONOTONIC is the rig's own in every program that links this.

#ifndef TESTS_SUPPORT_ENET_RIG_H
#define TESTS_SUPPORT_ENET_RIG_H

#include "net/enet_host.h"

#define ENET_RIG_PEERS         24
#define ENET_RIG_WAITING_BYTES (64 << 10)

struct enet_rig {
    struct counters *counters;
    struct net_traffic traffic;
    struct net_udp_drops drops;
    struct net_enet_host *host;
    unsigned connected, received, left, lost;
    uint32_t left_code;
    uint64_t received_bytes;
    bool refuse;
    bool any_bytes; // messages are not the pattern that enet_rig_send() makes
    // A stock client.
    ENetHost *client;
    ENetPeer *peer;
};

// For cmocka: *state is the rig.
int enet_rig_setup(void **state, enum net_udp_cookie_mode cookies);
int enet_rig_teardown(void **state);
uint64_t enet_rig_drops(const struct enet_rig *rig, enum net_udp_drop reason);

uint64_t enet_rig_now(void);
void enet_rig_advance(uint64_t ns);
// One turn of the server, a millisecond later than the last one.
void enet_rig_serve(struct enet_rig *rig);
void enet_rig_serve_client(struct enet_rig *rig);
ENetAddress enet_rig_address(const struct enet_rig *rig);
// The second waits until both have said what they have to say at first.
void enet_rig_connect_to(struct enet_rig *rig, const ENetAddress *address);
void enet_rig_connect(struct enet_rig *rig);
// A message of the client; the server checks its bytes.
void enet_rig_send(struct enet_rig *rig, size_t size, bool reliable);
// Bytes from the client's own socket that its ENet knows nothing of, and the header for them.
void enet_rig_send_bytes(struct enet_rig *rig, const void *bytes, size_t size);
size_t enet_rig_put_header(struct enet_rig *rig, uint8_t *bytes, bool timed);

#endif
