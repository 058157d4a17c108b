// SPDX-License-Identifier: MIT
// Where a kart will be: dead reckoning from two snapshots.
//
// An input takes effect a round trip and a few ticks after the snapshot that it is decided on. At
// 200 ms a driver who ignores that is off the road in every bend; one who assumes that speed and
// turning go on as they are loses a few seconds a lap.

#ifndef TESTS_BOTS_PREDICT_H
#define TESTS_BOTS_PREDICT_H

#include <stdint.h>

#include "game/race/race.h"

struct bots_sight {
    uint32_t tick; // 0 = nothing seen yet
    int32_t values[RACE_VALUES];
};

// Writes the values that the kart is expected to have at `tick`, not before newest->tick. `before`
// is the snapshot before the newest; its tick may be 0.
void bots_predict(const struct bots_sight *before, const struct bots_sight *newest, uint32_t tick,
                  uint32_t tick_rate, int32_t values[RACE_VALUES]);

#endif
