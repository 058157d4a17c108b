// SPDX-License-Identifier: MIT
// Why a datagram was dropped: one reason, one counter, paddock_udp_dropped_total{reason="..."}.

#ifndef NET_UDP_DROPS_H
#define NET_UDP_DROPS_H

#include "config/base/counters.h"

// What never reaches ENet, in the order in which it is looked at.
#define NET_UDP_DROP_LIST(X)                                                                       \
    X(EMPTY, "empty")                             /* no bytes at all */                            \
    X(OVERSIZE, "oversize")                       /* more than any honest datagram has */          \
    X(PORT_ZERO, "port_zero")                     /* nobody can be answered there */               \
    X(RECORD, "record")                           /* dtls: not one that DTLS can have made */      \
    X(NO_SESSION, "no_session")                   /* dtls: of no handshake and no session */       \
    X(RECORD_DISCARDED, "record_discarded")       /* dtls: forged, damaged, or a replay */         \
    X(HANDSHAKES, "handshakes")                   /* dtls: too many at once */                     \
    X(ADDRESSES_FULL, "addresses_full")           /* no stand-in left for an IPv6 address */       \
    X(HEADER, "header")                           /* too short, or compressed */                   \
    X(STRANGER, "stranger")                       /* to no peer, or not from that peer */          \
    X(COMMAND, "command")                         /* unknown, cut short, or not for this side */   \
    X(COMMANDS_MANY, "commands_many")             /* more than an ENet ever packs together */      \
    X(CONNECT, "connect")                         /* a connect request that no ENet makes */       \
    X(COOKIE, "cookie")                           /* a connect request without a valid cookie */   \
    X(NOT_ADMITTED, "not_admitted")               /* a limit of its address, or we take no more */ \
    X(NO_DATA, "no_data")                         /* an empty message */                           \
    X(CHANNEL, "channel")                         /* to a channel that was not agreed on */        \
    X(WINDOW, "window")                           /* too far ahead of what has come */             \
    X(WAITING, "waiting")                         /* too much waits for what is missing */         \
    X(FRAGMENT, "fragment")                       /* pieces that do not tile a message */          \
    X(UNRELIABLE_FRAGMENT, "unreliable_fragment") /* ENet loses account of these */                \
    X(HALF_OPEN, "half_open")                     /* asked to connect and then said nothing */     \
    X(UNSENT, "unsent")                           /* ours: the kernel or the queue took no more */

enum net_udp_drop {
    NET_UDP_KEPT,
#define X(name, text) NET_UDP_##name,
    NET_UDP_DROP_LIST(X)
#undef X
        NET_UDP_DROPS
};

// The cells, and the total over all reasons that every transport has.
struct net_udp_drops {
    uint64_t *cells[NET_UDP_DROPS];
    uint64_t *total;
};

void net_udp_drops_init(struct net_udp_drops *drops, struct counters *counters, uint64_t *total);

static inline void net_udp_drops_count(struct net_udp_drops *drops, enum net_udp_drop reason)
{
    (*drops->cells[reason])++;
    (*drops->total)++;
}

#endif
