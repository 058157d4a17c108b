// SPDX-License-Identifier: MIT
// The ring of quantized views and the payloads of the newest one, one per baseline in use.

#include "game/snapshot.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/prefetch.h"
#include "net/delta.h"
#include "net/msg.h"

// Before the newest one.
#define FETCH_PLACES 2

struct message {
    uint32_t baseline_tick; // 0 = full
    struct net_payload *payload;
};

struct game_snapshots {
    unsigned max_entities, per_entity;
    unsigned entities;
    uint32_t ticks[GAME_SNAPSHOT_RING]; // 0 = empty
    unsigned newest;
    uint32_t checksum; // of the newest
    // At most one message per baseline: the ring's places and the full one.
    struct message messages[GAME_SNAPSHOT_RING + 1];
    unsigned message_count;
    struct bytes_buf delta, encoded;
    int32_t values[]; // GAME_SNAPSHOT_RING * max_entities * per_entity
};

static int32_t *values_at(struct game_snapshots *snapshots, unsigned place)
{
    return snapshots->values + (size_t)place * snapshots->max_entities * snapshots->per_entity;
}

struct game_snapshots *game_snapshots_create(unsigned max_entities, unsigned values_per_entity)
{
    size_t values = (size_t)max_entities * values_per_entity;
    assert(values > 0 && values <= LIMIT_SNAPSHOT_VALUES);
    struct game_snapshots *snapshots =
        calloc(1, sizeof(*snapshots) + GAME_SNAPSHOT_RING * values * sizeof(int32_t));
    if (!snapshots) {
        return NULL;
    }
    snapshots->max_entities = max_entities;
    snapshots->per_entity = values_per_entity;
    bytes_buf_init(&snapshots->delta, LIMIT_MESSAGE_BYTES);
    bytes_buf_init(&snapshots->encoded, LIMIT_MESSAGE_BYTES);
    return snapshots;
}

static void drop_messages(struct game_snapshots *snapshots)
{
    for (unsigned i = 0; i < snapshots->message_count; i++) {
        net_payload_unref(snapshots->messages[i].payload);
    }
    snapshots->message_count = 0;
}

void game_snapshots_destroy(struct game_snapshots *snapshots)
{
    if (!snapshots) {
        return;
    }
    drop_messages(snapshots);
    bytes_buf_finish(&snapshots->delta);
    bytes_buf_finish(&snapshots->encoded);
    free(snapshots);
}

void game_snapshots_reset(struct game_snapshots *snapshots, unsigned entities)
{
    assert(entities <= snapshots->max_entities);
    drop_messages(snapshots);
    memset(snapshots->ticks, 0, sizeof(snapshots->ticks));
    snapshots->entities = entities;
}

void game_snapshots_fetch(const struct game_snapshots *snapshots)
{
    size_t values = (size_t)snapshots->max_entities * snapshots->per_entity;
    unsigned first = snapshots->newest < FETCH_PLACES ? 0 : snapshots->newest - FETCH_PLACES;
    prefetch(snapshots->values + first * values, (FETCH_PLACES + 1) * values * sizeof(int32_t));
}

void game_snapshots_take(struct game_snapshots *snapshots, uint32_t tick,
                         const struct game_sim *sim, const void *state)
{
    assert(tick > 0 && sim->values_per_entity == snapshots->per_entity);
    drop_messages(snapshots);
    snapshots->newest = (snapshots->newest + 1) % GAME_SNAPSHOT_RING;
    snapshots->ticks[snapshots->newest] = tick;
    int32_t *values = values_at(snapshots, snapshots->newest);
    sim->view(state, values);
    snapshots->checksum = net_delta_checksum(values, snapshots->entities * snapshots->per_entity);
}

// The place of the ring that holds ack_tick, or NULL. A client cannot have the newest one yet.
static const int32_t *find_baseline(struct game_snapshots *snapshots, uint32_t ack_tick)
{
    for (unsigned i = 0; ack_tick != 0 && i < GAME_SNAPSHOT_RING; i++) {
        if (snapshots->ticks[i] == ack_tick && i != snapshots->newest) {
            return values_at(snapshots, i);
        }
    }
    return NULL;
}

static struct net_payload *encode(struct game_snapshots *snapshots, uint32_t baseline_tick,
                                  const int32_t *baseline)
{
    bytes_buf_clear(&snapshots->delta);
    bytes_buf_clear(&snapshots->encoded);
    struct net_msg msg = {.type = NET_MSG_SNAPSHOT};
    // LIMIT_SNAPSHOT_VALUES values of at most 5 bytes each and their masks fit into a message.
    bool ok = net_delta_encode(&snapshots->delta, values_at(snapshots, snapshots->newest), baseline,
                               snapshots->entities, snapshots->per_entity);
    if (!ok) {
        return NULL;
    }
    msg.snapshot = (struct net_msg_snapshot){
        .tick = snapshots->ticks[snapshots->newest],
        .baseline_tick = baseline_tick,
        .checksum = snapshots->checksum,
        .entities = snapshots->entities,
        .delta = bytes_buf_span(&snapshots->delta),
    };
    if (!net_msg_encode(&snapshots->encoded, &msg)) {
        return NULL;
    }
    return net_payload_create(bytes_buf_span(&snapshots->encoded));
}

struct net_payload *game_snapshots_message(struct game_snapshots *snapshots, uint32_t ack_tick)
{
    for (unsigned i = 0; ack_tick != 0 && i < snapshots->message_count; i++) {
        if (snapshots->messages[i].baseline_tick == ack_tick) {
            return snapshots->messages[i].payload;
        }
    }
    const int32_t *baseline = find_baseline(snapshots, ack_tick);
    uint32_t baseline_tick = baseline ? ack_tick : 0;
    for (unsigned i = 0; i < snapshots->message_count; i++) {
        if (snapshots->messages[i].baseline_tick == baseline_tick) {
            return snapshots->messages[i].payload;
        }
    }
    struct net_payload *payload = encode(snapshots, baseline_tick, baseline);
    if (payload) {
        assert(snapshots->message_count < BASE_COUNT(snapshots->messages));
        snapshots->messages[snapshots->message_count++] =
            (struct message){.baseline_tick = baseline_tick, .payload = payload};
    }
    return payload;
}
