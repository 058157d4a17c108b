// SPDX-License-Identifier: MIT
// The registry of games: one row each. README.md tells how to add yours.

#include <assert.h>
#include <string.h>

#include "config/config.h"
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

const struct game_sim *game_sim_chosen(const struct config *config)
{
    for (size_t i = 0; i < BASE_COUNT(sims); i++) {
        if (config_choice_is("game", config->game, sims[i]->name)) {
            return sims[i];
        }
    }
    assert(!"every choice of the setting has a row");
    return NULL;
}
