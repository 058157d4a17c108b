// SPDX-License-Identifier: MIT
// The maps that sessions play on: a simulation's built-in ones, or the files of a folder.

#ifndef GAME_MAPS_H
#define GAME_MAPS_H

#include "config/config.h"
#include "game/sim.h"

struct game_maps;

// Loads and checks every map once, at start-up: --track-dir's *.track files in name order, or the
// built-in ones; then --track picks one by name. NULL with one line in *error.
struct game_maps *game_maps_load(const struct game_sim *sim, const struct config *config,
                                 struct error *error) BASE_MUST_USE;
void game_maps_destroy(struct game_maps *maps);
// The map of the n-th race of a session.
const struct game_map *game_maps_for_race(const struct game_maps *maps, unsigned race);
// The map with this name; NULL when there is none.
const struct game_map *game_maps_find(const struct game_maps *maps, const char *name);

#endif
