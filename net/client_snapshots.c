// SPDX-License-Identifier: MIT
// The snapshots that a client has applied lately. See client_snapshots.h.

#include "net/client_snapshots.h"

#include <stdlib.h>
#include <string.h>

#include "config/base/prefetch.h"
#include "net/delta.h"

bool net_client_snapshots_init(struct net_client_snapshots *snapshots, unsigned entities_max,
                               unsigned per_entity)
{
    memset(snapshots, 0, sizeof(*snapshots));
    size_t count = (size_t)entities_max * per_entity;
    snapshots->values = calloc(NET_CLIENT_PLACES * count, sizeof(int32_t));
    if (!snapshots->values) {
        return false;
    }
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
    for (unsigned i = 0; i < NET_CLIENT_PLACES; i++) {
        if (snapshots->ticks[i] == tick) {
            return values_at(snapshots, i);
        }
    }
    return NULL;
}

// The first that will not be referred to again, as the server has got to `baseline_tick`; without
// one, the oldest.
static unsigned place_to_spare(const struct net_client_snapshots *snapshots, uint32_t baseline_tick)
{
    unsigned oldest = 0;
    for (unsigned i = 0; i < NET_CLIENT_PLACES; i++) {
        if (snapshots->ticks[i] < baseline_tick) {
            return i;
        }
        if (snapshots->ticks[i] < snapshots->ticks[oldest]) {
            oldest = i;
        }
    }
    return oldest;
}

void net_client_snapshots_fetch(const struct net_client_snapshots *snapshots)
{
    size_t size = (size_t)snapshots->entities_max * snapshots->per_entity * sizeof(int32_t);
    prefetch(values_at(snapshots, snapshots->newest), size);
    prefetch(values_at(snapshots, snapshots->spare), size);
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
    int32_t *decoded = values_at(snapshots, snapshots->spare);
    if (!net_delta_decode(msg->delta, baseline, msg->entities, per_entity, decoded)) {
        return NET_CLIENT_SNAPSHOT_BAD;
    }
    if (net_delta_checksum(decoded, (unsigned)count) != msg->checksum) {
        return NET_CLIENT_SNAPSHOT_CHECKSUM;
    }
    memset(decoded + count, 0, (room - count) * sizeof(int32_t));
    snapshots->ticks[snapshots->spare] = msg->tick;
    snapshots->newest_tick = msg->tick;
    snapshots->newest = snapshots->spare;
    snapshots->spare = place_to_spare(snapshots, msg->baseline_tick);
    snapshots->ticks[snapshots->spare] = 0;
    *values = decoded;
    return NET_CLIENT_SNAPSHOT_APPLIED;
}
