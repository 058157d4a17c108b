// SPDX-License-Identifier: MIT
// Which datagrams ENet 1.3.17 can be trusted with.
//
// ENet believes what it is told: fragment counts that it allocates for, pieces that leave holes,
// commands in any number and order. The guard knows the protocol as ENet's own sender speaks it and
// drops every datagram that no such sender would make; to an honest peer that would look like loss.
// A function of the bytes and of what ENet knows of the peer: no state, no ENet header.

#ifndef NET_ENET_GUARD_H
#define NET_ENET_GUARD_H

#include "config/base/bytes.h"
#include "net/udp_drops.h"

#define NET_ENET_CHANNELS 2
// Received and waiting for something earlier, in commands: ENet walks this list for each one.
#define NET_ENET_WAITING_MAX 256
// Bytes of an ENet datagram that connects: header and command.
#define NET_ENET_CONNECT_BYTES 52
#define NET_ENET_GOODBYE_BYTES 8

struct net_enet_guard_rules {
    uint32_t message_max; // bytes
    uint32_t mtu_max;     // what a connect request is cut down to
    // How far ahead of the last in order a reliable sequence number may be.
    uint16_t ahead_max;
    bool listens; // else the peer is a server that we have dialled
};

// What ENet knows of the peer that the datagram is addressed to.
struct net_enet_guard_peer {
    uint32_t mtu;
    uint8_t channels;                           // agreed on, at most NET_ENET_CHANNELS
    uint16_t taken_reliable[NET_ENET_CHANNELS]; // the last one in order
    bool waiting_full;                          // NET_ENET_WAITING_MAX or more commands wait
};

// What the datagram's header says; ENet looks at more than this only when there is such a peer.
struct net_enet_guard_head {
    uint16_t peer; // NET_ENET_NOBODY: it wants to connect
    uint8_t session;
    uint8_t size; // of the header
};
#define NET_ENET_NOBODY 0xfff

// False when no header can be had; count as NET_UDP_HEADER.
bool net_enet_guard_head(struct bytes_span datagram, struct net_enet_guard_head *head)
    BASE_MUST_USE;

// For a datagram to nobody: a connect request, alone. Cuts down the MTU that it asks for, in place.
enum net_udp_drop net_enet_guard_connect(const struct net_enet_guard_rules *rules,
                                         uint8_t *datagram, size_t size) BASE_MUST_USE;

// For a datagram to a peer, from its address and of its session. Limits throttle settings in place.
// *goodbye is where in it the disconnect command is, NET_ENET_GOODBYE_BYTES long; 0 = there is
// none.
enum net_udp_drop net_enet_guard_check(const struct net_enet_guard_rules *rules,
                                       const struct net_enet_guard_peer *peer, uint8_t *datagram,
                                       size_t size, size_t *goodbye) BASE_MUST_USE;

#endif
