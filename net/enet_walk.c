// SPDX-License-Identifier: MIT
// ENet knows its peers as an array and a count, so it sees whatever part of them these two say.

#include "net/enet_walk.h"

#define WALK_NS (50 * CLOCK_NS_PER_MS)
// Whoever was sent something less than this ago is about to be sent the next snapshot or input, and
// an acknowledgement goes along. A round trip looks longer by that; TCP waits for as much.
#define RECENT_MS 75

void net_enet_walk_hide(struct net_enet_host *host)
{
    host->enet->peerCount = 0;
}

void net_enet_walk_show(struct net_enet_host *host)
{
    host->enet->peerCount = host->peers_used;
}

void net_enet_walk_touch(struct net_enet_host *host, const ENetPeer *peer)
{
    host->touched[net_enet_host_index(host, peer)] = true;
    host->unsent = true;
}

// Who asks to connect or to leave is answered, and what waited for the window may go on.
void net_enet_walk_heard(struct net_enet_host *host)
{
    const ENetPeer *peer = host->heard;
    host->heard = NULL;
    if (peer && !enet_list_empty(&peer->outgoingCommands)) {
        net_enet_walk_touch(host, peer);
    }
}

// Rooms fill up one after the other, so peers who are sent something stand together.
void net_enet_walk_flush(struct net_enet_host *host)
{
    ENetHost *enet = host->enet;
    ENetPeer *peers = enet->peers;
    for (size_t i = 0; i < host->peers_used; i++) {
        size_t first = i;
        while (i < host->peers_used && host->touched[i]) {
            host->touched[i++] = false;
        }
        if (i > first) {
            enet->peers = &peers[first];
            enet->peerCount = i - first;
            enet_host_flush(enet);
        }
    }
    host->unsent = false;
    enet->peers = peers;
    net_enet_walk_show(host);
}

bool net_enet_walk_due(struct net_enet_host *host)
{
    bool due = host->now_ns - host->walked_ns >= WALK_NS;
    host->walked_ns = due ? host->now_ns : host->walked_ns;
    return due;
}

bool net_enet_walk_throttles(const struct net_enet_host *host)
{
    uint32_t since_ms = enet_time_get() - host->enet->bandwidthThrottleEpoch;
    return since_ms >= ENET_HOST_BANDWIDTH_THROTTLE_INTERVAL;
}

static bool wants_service(const ENetPeer *peer, uint32_t now_ms)
{
    if (peer->state == ENET_PEER_STATE_DISCONNECTED || peer->state == ENET_PEER_STATE_ZOMBIE) {
        return false;
    }
    bool in_flight = !enet_list_empty(&peer->sentReliableCommands);
    if (in_flight && ENET_TIME_GREATER_EQUAL(now_ms, peer->nextTimeout)) {
        return true;
    }
    if (ENET_TIME_DIFFERENCE(now_ms, peer->lastSendTime) < RECENT_MS) {
        return false;
    }
    return !enet_list_empty(&peer->acknowledgements) || !enet_list_empty(&peer->outgoingCommands) ||
           (!in_flight &&
            ENET_TIME_DIFFERENCE(now_ms, peer->lastReceiveTime) >= peer->pingInterval);
}

// Nothing is read meanwhile.
static bool service(struct net_enet_host *host, ENetPeer *peer, ENetEvent *event)
{
    ENetHost *enet = host->enet;
    ENetPeer *peers = enet->peers;
    enet->peers = peer;
    enet->peerCount = 1;
    bool happened = enet_host_service(enet, event, 0) > 0;
    enet->peers = peers;
    net_enet_walk_show(host);
    return happened;
}

bool net_enet_walk_next(struct net_enet_host *host, size_t *at, ENetEvent *event)
{
    uint32_t now_ms = enet_time_get();
    while (*at < host->peers_used) {
        ENetPeer *peer = &host->enet->peers[(*at)++];
        if (wants_service(peer, now_ms) && service(host, peer, event)) {
            return true;
        }
    }
    return false;
}
