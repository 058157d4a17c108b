// SPDX-License-Identifier: MIT
// The registry of games: one row each. README.md tells how to add yours.

#include <string.h>

#include "game/race/race.h"
#include "game/sim.h"

static const struct game_sim *const sims[] = {
    &race_sim,
};

const struct game_sim *game_sim_find(const char *name)
{
    for (size_t i = 0; i < BASE_COUNT(sims); i++) {
        if (strcmp(sims[i]->name, name) == 0) {
            return sims[i];
        }
    }
    return NULL;
}
