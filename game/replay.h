// SPDX-License-Identifier: MIT
// A race recorded as its inputs, and the verifier that runs it again.
//
// Because a simulation is a pure function of map, seed and inputs, the recording holds only what
// went in, the state hash once a second, and the hash at the end; verifying re-simulates and
// compares them all. The byte format is in README.md.

#ifndef GAME_REPLAY_H
#define GAME_REPLAY_H

#include "game/sim.h"

#define GAME_REPLAY_VERSION 1
// A recording never grows beyond this; one that would is given up.
#define GAME_REPLAY_BYTES_MAX  (4u << 20)
#define GAME_REPLAY_HASH_TICKS 60
#define GAME_REPLAY_TICKS_MAX  500000 // more than an hour at 128 a second
#define GAME_REPLAY_NAME_BYTES 63     // of a game or a map

struct game_replay;

// NULL when memory is short. The functions below accept NULL and then do nothing, so that callers
// need not ask whether a race is recorded.
struct game_replay *game_replay_begin(const struct game_sim *sim,
                                      const struct game_sim_setup *setup);
// The inputs of the next step: `entities` consecutive inputs, as step() gets them.
void game_replay_inputs(struct game_replay *replay, const void *inputs);
// The participant was retired before the next step.
void game_replay_retire(struct game_replay *replay, unsigned entity);
// After step(): records the state hash where one is due.
void game_replay_stepped(struct game_replay *replay, const void *state);
// Ends the recording and frees it. True with the bytes in *bytes (the caller finishes it); false
// when there is nothing, because it was NULL or had been given up.
bool game_replay_end(struct game_replay *replay, const void *state, struct bytes_buf *bytes)
    BASE_MUST_USE;
void game_replay_discard(struct game_replay *replay);

// What a recording tells.
struct game_replay_report {
    char game[GAME_REPLAY_NAME_BYTES + 1];
    char map[GAME_REPLAY_NAME_BYTES + 1];
    struct game_sim_setup setup; // its map is the one that was found
    uint32_t ticks;              // steps run again
    uint32_t bad_tick;           // where the first hash differed; 0 = nowhere
    unsigned hashes;             // that were equal
    uint64_t final_hash;
    struct game_standing standings[LIMIT_PLAYERS_PER_SESSION]; // setup.entities of them
};

// Runs a recording of a known game on a built-in map again. False with one line in *error when the
// bytes are no replay, the map is unknown or another one, or a hash differs.
bool game_replay_verify(struct bytes_span bytes, struct game_replay_report *report,
                        struct error *error) BASE_MUST_USE;
// The same for a game that is not registered or a map that is not built in; NULL: look it up.
bool game_replay_verify_with(struct bytes_span bytes, const struct game_sim *sim,
                             const struct game_map *map, struct game_replay_report *report,
                             struct error *error) BASE_MUST_USE;

#endif
