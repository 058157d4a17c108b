// SPDX-License-Identifier: MIT
// An ENet host that can face strangers: its socket, its guard, and the sweeping up after both.
//
// Stands between transport_enet, which owns links, and libenet. Drops what the guard objects to,
// throws out peers that connect and then say nothing, believes a goodbye only when silence follows
// it, and keeps ENet's walks as short as there are peers. Declines to know what messages mean.

#ifndef NET_ENET_HOST_H
#define NET_ENET_HOST_H

#include <enet/enet.h>
#include <enet/time.h>

#include "net/dtls.h"
#include "net/enet_guard.h"
#include "net/enet_socket.h"
#include "net/transport.h"
#include "net/udp_cookie.h"

// What a datagram leads to once it is known whose it is, which takes a step with DTLS.
#define NET_ENET_PEER_FETCH_STEPS (NET_ENET_FETCH_STEPS - 1)

struct net_enet_user {
    // A stranger asks to connect: may he? Not asked of a dial.
    bool (*admit)(void *user, const struct net_addr *remote);
    // As from enet_host_service(); never NONE. A received packet is the user's to destroy.
    void (*event)(void *user, const ENetEvent *event);
    // A packet of this peer is about to come, as in struct net_enet_filter, in
    // NET_ENET_PEER_FETCH_STEPS steps. May be NULL.
    void (*fetch)(void *user, const ENetPeer *peer, unsigned step);
    // With DTLS. What the next session begins with, a reference of its own; and a client who got
    // none (see struct net_dtls_user).
    struct net_tls_credentials *(*credentials)(void *user);
    void (*failed)(void *user, const struct net_addr *remote, const char *problem,
                   const char *alert);
};

struct net_enet_setup {
    const struct net_addr *bind;   // to listen; or
    const struct net_addr *remote; // to dial
    size_t peers;
    size_t channels;
    size_t waiting_bytes; // received and not yet taken, per peer
    enum net_udp_cookie_mode cookies;
    const struct net_enet_user *calls;
    void *user;
    struct net_traffic *traffic; // borrowed, as are the drops
    struct net_udp_drops *drops;
    // With DTLS, or all zeroes.
    bool has_dtls; // so nobody can forge datagrams on the way, and a goodbye is one
    uint64_t handshake_ns;
    struct net_dtls_counters *handshakes;
    struct net_handshake_rate *handshake_rate; // to listen: borrowed, of all listeners
};

// What is known of an ENet peer beside what ENet knows; at the same index.
struct net_enet_peer {
    struct net_enet_host *host;
    uint64_t half_open_ns; // since when it is half open, and which attempt that is
    uint32_t half_open_id;
    bool left;                                   // the goodbye was handed to ENet
    uint64_t goodbye_ns;                         // when one came, and nothing since; 0 = none
    uint8_t goodbye[4 + NET_ENET_GOODBYE_BYTES]; // a datagram with nothing else
    uint8_t goodbye_size;
    struct net_dtls_handle session; // that it uses, once it is connected
};

struct net_enet_host {
    ENetHost *enet;
    struct net_enet_socket *socket;
    struct net_enet_setup setup;
    struct net_enet_filter filter;
    struct net_enet_guard_rules rules;
    size_t peers_max;
    size_t peers_used; // peerCount, while ENet may see its peers: the highest slot in use
    size_t granted_bytes;
    struct net_enet_peer *peers;
    uint64_t now_ns; // of the present service
    uint64_t serviced_ns, swept_ns, walked_ns;
    unsigned taken;        // datagrams, in the present call of ENet's service
    bool leaving;          // a goodbye was among them
    bool reading;          // what has come
    const ENetPeer *heard; // whose datagram ENet has in hand
    bool *touched;         // by peer: the next flush sees it
    bool unsent;           // some peer is
    bool half_open;        // some peer is, maybe: it is to be swept though nothing comes
    // A listener's: peers that have shown no cookie and said nothing yet, at most so many.
    unsigned unproven, unproven_max;
    struct net_udp_cookies cookies;
    struct net_dtls *dtls; // NULL without
    // A dial's, until it has a cookie or has asked in vain, or has a session.
    bool asking;
    unsigned asked;
    uint64_t ask_ns; // when next
    uint32_t nonce;
    uint32_t cookie;      // 0 = none yet
    struct error problem; // why there is no session
};

// NULL with errno set.
struct net_enet_host *net_enet_host_create(const struct net_enet_setup *setup);
// Sends what is queued first. No user function is called.
void net_enet_host_destroy(struct net_enet_host *host);

// Reads what has come, unless it is known that nothing has, and lets ENet's timers run; once per
// `now_ns`. True when it has swept, too, which it does ten times a second.
bool net_enet_host_service(struct net_enet_host *host, uint64_t now_ns, bool readable);
// Sends what was queued since the last time, if anything was. Goes on with so many steps of
// handshakes first (see NET_DTLS_STEPS).
void net_enet_host_flush(struct net_enet_host *host, uint64_t now_ns, unsigned steps);
// When it wants to be serviced and flushed although nothing has come; CLOCK_NEVER: not at all.
uint64_t net_enet_host_due_ns(const struct net_enet_host *host);
// Clients are getting ready to connect.
bool net_enet_host_is_rising(const struct net_enet_host *host);
// There is something that a flush could send.
static inline bool net_enet_host_is_unsent(const struct net_enet_host *host)
{
    return host->unsent || host->dtls;
}
// Something was queued for this peer, or is about to be. Its acknowledgements and pings need not be
// mentioned: they go along, or by themselves within some 100 ms.
void net_enet_host_wants_flush(struct net_enet_host *host, const ENetPeer *peer);

// To the address that a dial was made for. Shakes hands first where there is DTLS, for which `name`
// is that of the server; elsewhere asks for a cookie, and a server that gives none within some
// hundred milliseconds is connected to without. False without memory.
bool net_enet_host_connect(struct net_enet_host *host, const char *name, uint64_t now_ns)
    BASE_MUST_USE;
// Forgets a peer at once, without a word to him and without an event.
void net_enet_host_drop(struct net_enet_host *host, ENetPeer *peer);
void net_enet_host_remote(struct net_enet_host *host, const ENetPeer *peer, struct net_addr *addr);
// Something will be sent to this peer soon, or by a dial read; in steps 0 and 1, as in struct
// net_enet_filter.
void net_enet_host_fetch(const struct net_enet_host *host, const ENetPeer *peer, unsigned step);
// True when a peer that is gone now had said goodbye, false when it was lost.
bool net_enet_host_left(const struct net_enet_host *host, const ENetPeer *peer);

static inline size_t net_enet_host_index(const struct net_enet_host *host, const ENetPeer *peer)
{
    return (size_t)(peer - host->enet->peers);
}

#endif
