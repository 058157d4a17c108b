// SPDX-License-Identifier: MIT
// The snapshots that a client has applied lately: what the server's deltas refer to.
//
// Part of the client library. Memory is for NET_CLIENT_BASELINES snapshots of the size that the
// welcome announced, allocated once, of which the newest are kept. What is older than a baseline
// that the server has referred to makes way first, for acknowledgements only grow: so a few places
// serve nearly always. Trusts nothing in a snapshot message.

#ifndef NET_CLIENT_SNAPSHOTS_H
#define NET_CLIENT_SNAPSHOTS_H

#include "net/msg.h"

#define NET_CLIENT_BASELINES 32 // the server refers to no older one
#define NET_CLIENT_PLACES    (NET_CLIENT_BASELINES + 1)

struct net_client_snapshots {
    uint32_t newest_tick; // 0 = none yet
    unsigned newest;      // its place
    unsigned spare;       // the place that the next one is decoded into before it is believed
    unsigned entities_max;
    unsigned per_entity;
    int32_t *values; // NET_CLIENT_PLACES * entities_max * per_entity, zero past its entities
    uint32_t ticks[NET_CLIENT_PLACES]; // 0 = empty, as the spare one is
};

enum net_client_snapshot_verdict {
    NET_CLIENT_SNAPSHOT_APPLIED,
    NET_CLIENT_SNAPSHOT_STALE,    // not newer than the newest, or its baseline is gone
    NET_CLIENT_SNAPSHOT_CHECKSUM, // decoded, but not to what the server has
    NET_CLIENT_SNAPSHOT_BAD,      // not a delta
};

// False when memory is short.
bool net_client_snapshots_init(struct net_client_snapshots *snapshots, unsigned entities_max,
                               unsigned per_entity) BASE_MUST_USE;
void net_client_snapshots_finish(struct net_client_snapshots *snapshots);
// One is about to be applied (see config/base/prefetch.h).
void net_client_snapshots_fetch(const struct net_client_snapshots *snapshots);
// On APPLIED *values has msg->entities * per_entity values, valid until the next call.
enum net_client_snapshot_verdict net_client_snapshots_apply(struct net_client_snapshots *snapshots,
                                                            const struct net_msg_snapshot *msg,
                                                            const int32_t **values);

#endif
