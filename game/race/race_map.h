// SPDX-License-Identifier: MIT
// Track files: text that people write, turned into the map data of race.h.
//
// A map is nothing but its data bytes and its name, so what clients are sent is all that the
// simulation itself knows; the road that follows from them is worked out once, for all races on it.
// The format is described in README.md of game/.

#ifndef GAME_RACE_RACE_MAP_H
#define GAME_RACE_RACE_MAP_H

#include "game/race/race_track.h"
#include "game/sim.h"

#define RACE_MAP_NAME_BYTES_MAX 32

// What every map of this simulation is.
struct race_map {
    struct game_map base;
    struct race_track track;
};

static inline const struct race_track *race_map_track(const struct game_map *map)
{
    return &((const struct race_map *)map)->track;
}

// Reads a track file's text and checks the road. NULL with "label:line: ..." in *error; faults of
// the whole lap have no line. Release with race_map_free().
const struct game_map *race_map_load(const char *label, struct bytes_span text,
                                     struct error *error);
void race_map_free(const struct game_map *map); // NULL is fine

// The tracks of game/race/tracks, in name order, read when Paddock was built (tracks/embed.c);
// NULL past the end.
const struct game_map *race_map_builtin(unsigned index);

#endif
