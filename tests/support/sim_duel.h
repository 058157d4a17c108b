// SPDX-License-Identifier: MIT
// The smallest game that a session can run: everybody counts, the first to reach the target wins.
//
// It exists to prove the seam of game/sim.h: one pair of files, no other touched. A registered game
// would add its row to game/sims.c; tests hand &duel_sim to whoever takes a struct game_sim.

#ifndef TESTS_SUPPORT_SIM_DUEL_H
#define TESTS_SUPPORT_SIM_DUEL_H

#include "game/sim.h"

// Input: one byte, 0..DUEL_ADD_MAX, what to add in this tick.
#define DUEL_ADD_MAX 10

enum duel_value {
    DUEL_VALUE_COUNT,
    DUEL_VALUE_PLACE,
    DUEL_VALUES,
};

// A map is a name and a target, "target 1000"; built in is "thousand". Its data is the target as
// u32, big-endian.
extern const struct game_sim duel_sim;

#endif
