// SPDX-License-Identifier: MIT
// What counts: checkpoints, laps, finishing, being put back, and who is ahead of whom.
//
// A lap is all checkpoints passed in order, forwards and on the road; the last of them is the line.
// Cutting a corner past a checkpoint, turning back over the line or driving the lap backwards
// therefore gains nothing. race_kart.h moves the karts before this is asked; race.c drives both.

#ifndef GAME_RACE_RACE_RULES_H
#define GAME_RACE_RACE_RULES_H

#include "game/race/race_kart.h"
#include "game/race/race_track.h"

// A checkpoint is as wide as the road and this much on either side.
#define RACE_GATE_MARGIN RACE_METRES(3)
// Further off the road than this, a kart is put back.
#define RACE_LOST_MARGIN RACE_METRES(40)

// Where a kart is, between its last checkpoint and its next one or not.
enum race_side {
    RACE_ON_WAY,
    RACE_BEYOND, // went by the next checkpoint without passing it
    RACE_BEHIND, // went back over the last one
};

// One participant.
struct race_entrant {
    struct race_kart kart;
    struct race_place place;
    unsigned grid_slot; // 0 = front
    uint32_t gates;     // checkpoints passed in order
    int32_t along;      // metres (Q16) since the last of them; < 0 while behind the first
    uint32_t waiting;   // ticks still to stand after a respawn
    uint32_t backwards; // ticks of driving the wrong way, up to the tick rate
    enum race_side side;
    bool respawn_held; // the respawn flag has not been released
    enum game_dnf dnf;
    bool finished;
    uint64_t finish; // moment of crossing the line: 1/65536 ticks since the start
};

// The race that the entrant is in, as it is in this tick.
struct race_terms {
    const struct race_track *track;
    unsigned tick_rate;
    unsigned laps;
    uint32_t tick; // 1 = the first after the start
};

static inline bool race_entrant_racing(const struct race_entrant *entrant)
{
    return !entrant->finished && entrant->dnf == GAME_DNF_NONE;
}

// Karts that race touch each other; those that have finished, left or wait are passed through.
static inline bool race_entrant_solid(const struct race_entrant *entrant)
{
    return race_entrant_racing(entrant) && entrant->waiting == 0;
}

// On the grid, standing, at entrant->grid_slot.
void race_rules_line_up(const struct race_terms *terms, struct race_entrant *entrant);
// Back on the road where the last checkpoint counted (or on the grid), to stand a while.
void race_rules_respawn(const struct race_terms *terms, struct race_entrant *entrant);
// After the kart has moved: finds it on the road, counts the checkpoint that it may have passed and
// everything that follows from it. `may_search` allows the costly search for a kart on the grass
// that has come to another stretch of road.
void race_rules_follow(const struct race_terms *terms, struct race_entrant *entrant,
                       bool may_search);
bool race_rules_wrong_way(const struct race_terms *terms, const struct race_entrant *entrant);
// True when a is placed before b. A strict order: equal finishing moments go to the one who came
// from further back on the grid.
bool race_rules_before(const struct race_entrant *a, const struct race_entrant *b);

#endif
