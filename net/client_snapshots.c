// SPDX-License-Identifier: MIT
// The snapshots that a client has applied lately. See client_snapshots.h.

#include "net/client_snapshots.h"

#include <stdlib.h>
#include <string.h>

#include "net/delta.h"

bool net_client_snapshots_init(struct net_client_snapshots *snapshots, unsigned entities_max,
                               unsigned per_entity)
{
    memset(snapshots, 0, sizeof(*snapshots));
    size_t count = (size_t)entities_max * per_entity;
    snapshots->values = calloc((NET_CLIENT_BASELINES + 1) * count, sizeof(int32_t));
    if (!snapshots->values) {
        return false;
    }
    snapshots->work = snapshots->values + NET_CLIENT_BASELINES * count;
    snapshots->entities_max = entities_max;
    snapshots->per_entity = per_entity;
    return true;
}

void net_client_snapshots_finish(struct net_client_snapshots *snapshots)
{
    free(snapshots->values);
    memset(snapshots, 0, sizeof(*snapshots));
}

static int32_t *values_at(const struct net_client_snapshots *snapshots, unsigned index)
{
    return snapshots->values + (size_t)index * snapshots->entities_max * snapshots->per_entity;
}

static const int32_t *find_baseline(const struct net_client_snapshots *snapshots, uint32_t tick)
{
    for (unsigned i = 0; i < NET_CLIENT_BASELINES; i++) {
        if (snapshots->ticks[i] == tick) {
            return values_at(snapshots, i);
        }
    }
    return NULL;
}

enum net_client_snapshot_verdict net_client_snapshots_apply(struct net_client_snapshots *snapshots,
                                                            const struct net_msg_snapshot *msg,
                                                            const int32_t **values)
{
    if (msg->entities > snapshots->entities_max) {
        return NET_CLIENT_SNAPSHOT_BAD;
    }
    if (msg->tick <= snapshots->newest_tick) {
        return NET_CLIENT_SNAPSHOT_STALE;
    }
    const int32_t *baseline = NULL;
    if (msg->baseline_tick != 0) {
        baseline = find_baseline(snapshots, msg->baseline_tick);
        if (!baseline) {
            return NET_CLIENT_SNAPSHOT_STALE;
        }
    }
    unsigned per_entity = snapshots->per_entity;
    size_t room = (size_t)snapshots->entities_max * per_entity;
    size_t count = (size_t)msg->entities * per_entity;
    if (!net_delta_decode(msg->delta, baseline, msg->entities, per_entity, snapshots->work)) {
        return NET_CLIENT_SNAPSHOT_BAD;
    }
    if (net_delta_checksum(snapshots->work, (unsigned)count) != msg->checksum) {
        return NET_CLIENT_SNAPSHOT_CHECKSUM;
    }
    int32_t *kept = values_at(snapshots, snapshots->next);
    memcpy(kept, snapshots->work, count * sizeof(int32_t));
    memset(kept + count, 0, (room - count) * sizeof(int32_t));
    snapshots->ticks[snapshots->next] = msg->tick;
    snapshots->next = (snapshots->next + 1) % NET_CLIENT_BASELINES;
    snapshots->newest_tick = msg->tick;
    *values = kept;
    return NET_CLIENT_SNAPSHOT_APPLIED;
}
