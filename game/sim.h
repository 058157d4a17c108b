// SPDX-License-Identifier: MIT
// The seam between a session and what is played in it: a pure, deterministic simulation.
//
// A simulation is a row in sims.c: functions over a block of memory that the session gives it. It
// uses integers only (no floats, no libm), reads no clock, allocates nothing in step and keeps
// nothing outside its state, so that the same map, seed and inputs give the same state hash on
// every compiler and machine: a race can be recorded as its inputs, replayed and verified.

#ifndef GAME_SIM_H
#define GAME_SIM_H

#include "config/base/bytes.h"
#include "config/base/error.h"
#include "config/limits.h"

struct config;

// Parsed, immutable description of where it is played (a race track). Owned by struct game_maps.
struct game_map {
    const char *name;       // ASCII, unique
    struct bytes_span data; // bytes for clients: what they need to know of the map, <= 4096
};

struct game_sim_setup {
    const struct game_map *map;
    uint64_t seed;
    unsigned tick_rate; // steps per second
    unsigned entities;  // participants, 1..64; entity i belongs to the i-th participant
    unsigned laps;
    uint32_t time_limit_ticks; // 0 = none
};

enum game_dnf {
    GAME_DNF_NONE,
    GAME_DNF_TIME_LIMIT,
    GAME_DNF_LEFT,
};

struct game_standing {
    unsigned entity;
    unsigned place;   // 1..n; DNFs follow, ordered by how far they got, place still counted
    uint32_t time_ms; // 0 with a DNF
    enum game_dnf dnf;
};

struct game_sim {
    const char *name;               // "race"
    unsigned input_bytes;           // size of one player's input for one tick, <= LIMIT_INPUT_BYTES
    unsigned values_per_entity;     // int32 values per entity in a snapshot
    const char *const *value_names; // values_per_entity names, for documentation and tools
    // Depends on setup->entities at most, so that a session allocates once and races on any map.
    size_t (*state_bytes)(const struct game_sim_setup *setup);

    // Maps: the built-in ones by index (NULL past the end), or from a file's text.
    const struct game_map *(*builtin_map)(unsigned index);
    // Blocking, start-up only. `label` is what error lines call the text (a file name); the map's
    // own name stands in the text. NULL with one line in *error: "label:line: what is allowed".
    const struct game_map *(*load_map)(const char *label, struct bytes_span text,
                                       struct error *error);
    void (*free_map)(const struct game_map *map); // only for loaded ones

    // state: state_bytes zeroed bytes, aligned for max_align_t. Keeps no pointer into `setup` but
    // to its map, which outlives the state.
    void (*init)(void *state, const struct game_sim_setup *setup);
    // Brings an input from a peer into range, in place; true when something had to be changed
    // (forged or impossible: counted by the caller).
    bool (*sanitize)(void *input);
    // One tick. inputs: `entities` consecutive inputs, sanitized. Before the first call of start()
    // nothing may move.
    void (*start)(void *state);
    void (*step)(void *state, const void *inputs);
    // The participant is gone for good: DNF unless finished.
    void (*retire)(void *state, unsigned entity);
    bool (*finished)(const void *state); // nobody is left to wait for
    // Fills `entities` standings, best first.
    void (*standings)(const void *state, struct game_standing *standings);
    // Quantized view for snapshots: entities * values_per_entity values.
    void (*view)(const void *state, int32_t *values);
    // 64-bit hash over everything that matters to the future.
    uint64_t (*hash)(const void *state);
};

// The row with this name; NULL when there is none.
const struct game_sim *game_sim_find(const char *name);
// The row that the setting `game` means.
const struct game_sim *game_sim_chosen(const struct config *config);

#endif
