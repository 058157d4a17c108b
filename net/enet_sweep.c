// SPDX-License-Identifier: MIT
// ENet's disconnect command is believed whoever sends it: ten bytes with a forged source end a
// player's connection, and nothing in them is hard to guess. But whoever really leaves says nothing
// else afterwards, and whoever is still there does, at the latest with ENet's ping after half a
// second. So a goodbye is held back, and handed to ENet when a second of silence has followed; a
// forger would have to silence the player for that long.

#include "net/enet_sweep.h"

#include <string.h>

#define HALF_OPEN_NS (2 * CLOCK_NS_PER_S)
#define GOODBYE_NS   (1 * CLOCK_NS_PER_S)

bool net_enet_sweep_holds(struct net_enet_host *host, const ENetPeer *peer, size_t header,
                          size_t at)
{
    struct net_enet_peer *known = &host->peers[net_enet_host_index(host, peer)];
    bool plain = host->setup.bind && !host->setup.has_dtls;
    if (plain && peer->state == ENET_PEER_STATE_ACKNOWLEDGING_CONNECT) {
        return true; // if it is true, the sweep sees to it
    }
    bool believed = known->goodbye_ns && host->now_ns - known->goodbye_ns >= GOODBYE_NS;
    if (!plain || believed || peer->state != ENET_PEER_STATE_CONNECTED) {
        known->left = host->leaving = true;
        return false;
    }
    if (!known->goodbye_ns) {
        known->goodbye_ns = host->now_ns;
        known->goodbye_size = (uint8_t)(header + NET_ENET_GOODBYE_BYTES);
        memcpy(known->goodbye, host->enet->receivedData, header);
        memcpy(known->goodbye + header, host->enet->receivedData + at, NET_ENET_GOODBYE_BYTES);
    }
    return true;
}

// A CONNECT with a forged source makes ENet answer six times and hold the slot for 31 s.
static void sweep_half_open(struct net_enet_host *host, ENetPeer *peer, struct net_enet_peer *known)
{
    if (peer->state != ENET_PEER_STATE_ACKNOWLEDGING_CONNECT) {
        known->half_open_ns = 0;
    } else if (known->half_open_ns == 0 || known->half_open_id != peer->connectID) {
        known->half_open_ns = host->now_ns;
        known->half_open_id = peer->connectID;
    } else if (host->now_ns - known->half_open_ns >= HALF_OPEN_NS) {
        known->half_open_ns = 0;
        enet_peer_reset(peer);
        net_udp_drops_count(host->setup.drops, NET_UDP_HALF_OPEN);
    }
}

// ENet gets it now as if it had just come, so that it acknowledges it and reports the code. The
// silence still counts: only another datagram would have ended it.
static void sweep_goodbye(struct net_enet_host *host, const ENetPeer *peer,
                          const struct net_enet_peer *known)
{
    if (known->goodbye_ns && host->now_ns - known->goodbye_ns >= GOODBYE_NS &&
        peer->state == ENET_PEER_STATE_CONNECTED) {
        // When too many leave at once, the rest waits for the next sweep.
        struct net_enet_name from = {.host = peer->address.host, .port = peer->address.port};
        (void)!net_enet_socket_put_back(host->socket, &from,
                                        bytes_of(known->goodbye, known->goodbye_size));
    }
}

// ENet 1.3.17 forgets to give back the account of unreliable messages that it drops, and takes
// nothing more from a peer whose account is full.
static void reconcile_waiting(ENetPeer *peer)
{
    bool waiting = !enet_list_empty(&peer->dispatchedCommands);
    for (size_t i = 0; i < peer->channelCount && !waiting; i++) {
        waiting = !enet_list_empty(&peer->channels[i].incomingReliableCommands) ||
                  !enet_list_empty(&peer->channels[i].incomingUnreliableCommands);
    }
    if (!waiting) {
        peer->totalWaitingData = 0;
    }
}

// Without a cookie, and without a message on the first channel. That he has acknowledged our answer
// proves little: a slot's number and two bits are all that there is to guess.
static bool is_unproven(const ENetPeer *peer)
{
    bool silent = peer->state == ENET_PEER_STATE_ACKNOWLEDGING_CONNECT ||
                  (peer->state == ENET_PEER_STATE_CONNECTED &&
                   peer->channels[0].incomingReliableSequenceNumber == 0);
    return silent && peer->eventData == 0;
}

void net_enet_sweep(struct net_enet_host *host)
{
    size_t used = 1;
    host->unproven = 0;
    host->half_open = false;
    for (size_t i = 0; i < host->peers_used; i++) {
        ENetPeer *peer = &host->enet->peers[i];
        sweep_half_open(host, peer, &host->peers[i]);
        host->half_open |= peer->state == ENET_PEER_STATE_ACKNOWLEDGING_CONNECT;
        host->unproven += is_unproven(peer);
        sweep_goodbye(host, peer, &host->peers[i]);
        if (peer->state != ENET_PEER_STATE_DISCONNECTED) {
            reconcile_waiting(peer);
            used = i + 1;
        }
    }
    host->peers_used = used;
}
