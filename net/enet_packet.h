// SPDX-License-Identifier: MIT
// ENet packets that refer to payloads instead of copying them.

#ifndef NET_ENET_PACKET_H
#define NET_ENET_PACKET_H

#include "net/enet_host.h"

// The packet that was made last for each delivery, while ENet holds it. Zeroed memory is a valid
// start; it must stay where it is until ENet has freed all packets.
struct net_enet_packets {
    ENetPacket *newest[2];
};

// A packet that holds a reference of its own to the payload. A snapshot goes to many peers in one
// go: ENet then counts references on one packet. NULL without memory.
ENetPacket *net_enet_packets_get(struct net_enet_packets *packets, struct net_payload *payload,
                                 enum net_delivery delivery);

#endif
