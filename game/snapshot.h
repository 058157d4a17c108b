// SPDX-License-Identifier: MIT
// Snapshots of one session: a ring of what was sent, and each delta encoded once per baseline.
//
// The session takes a snapshot of the simulation's quantized view and then asks for the message
// for each player; players on the same baseline get the same payload. A baseline that has left the
// ring falls back to a full snapshot. Knows nothing of players or connections.

#ifndef GAME_SNAPSHOT_H
#define GAME_SNAPSHOT_H

#include "game/sim.h"
#include "net/payload.h"

#define GAME_SNAPSHOT_RING 32 // baselines that are kept: 1.6 s at 20 per second

struct game_snapshots;

// Room for max_entities * values_per_entity values in each place of the ring.
struct game_snapshots *game_snapshots_create(unsigned max_entities, unsigned values_per_entity)
    BASE_MUST_USE;
void game_snapshots_destroy(struct game_snapshots *snapshots);
// Forgets all baselines: a new race, perhaps with other entities.
void game_snapshots_reset(struct game_snapshots *snapshots, unsigned entities);
// A hint: a snapshot is about to be taken and sent, to players who know one of the newest.
void game_snapshots_fetch(const struct game_snapshots *snapshots);
// Records the view at `tick` as the newest snapshot and drops the payloads of the one before.
void game_snapshots_take(struct game_snapshots *snapshots, uint32_t tick,
                         const struct game_sim *sim, const void *state);
// The newest snapshot as a message against the snapshot of ack_tick (full when that is 0 or gone).
// Borrowed until the next take, reset or destroy. NULL only when memory is short.
struct net_payload *game_snapshots_message(struct game_snapshots *snapshots, uint32_t ack_tick);

#endif
