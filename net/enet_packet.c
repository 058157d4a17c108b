// SPDX-License-Identifier: MIT
// The way from a packet back to its payload, and from a freed packet back to who remembers it.

#include "net/enet_packet.h"

static struct net_payload *payload_of(const ENetPacket *packet)
{
    return (struct net_payload *)(void *)(packet->data - offsetof(struct net_payload, bytes));
}

static void packet_freed(ENetPacket *packet)
{
    struct net_enet_packets *packets = packet->userData;
    for (unsigned i = 0; i < BASE_COUNT(packets->newest); i++) {
        if (packets->newest[i] == packet) {
            packets->newest[i] = NULL;
        }
    }
    net_payload_unref(payload_of(packet));
}

ENetPacket *net_enet_packets_get(struct net_enet_packets *packets, struct net_payload *payload,
                                 enum net_delivery delivery)
{
    ENetPacket **newest = &packets->newest[delivery == NET_RELIABLE];
    if (*newest && (*newest)->data == payload->bytes) {
        return *newest;
    }
    enet_uint32 flags = ENET_PACKET_FLAG_NO_ALLOCATE;
    if (delivery == NET_RELIABLE) {
        flags |= ENET_PACKET_FLAG_RELIABLE;
    }
    ENetPacket *packet = enet_packet_create(payload->bytes, payload->size, flags);
    if (!packet) {
        return NULL;
    }
    net_payload_ref(payload);
    packet->userData = packets;
    packet->freeCallback = packet_freed;
    *newest = packet;
    return packet;
}
