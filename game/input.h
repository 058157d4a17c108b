// SPDX-License-Identifier: MIT
// One player's inputs, by tick: a bounded window in both directions.
//
// Clients send every input that no snapshot has made moot, so the same tick arrives several times;
// the first one counts. An input for a tick that has run is late, one beyond the window is refused:
// both are counted and change nothing. When a tick comes without its input the last one is
// repeated for a while, then the player lets go of everything.

#ifndef GAME_INPUT_H
#define GAME_INPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "config/limits.h"

#define GAME_INPUT_WINDOW LIMIT_INPUTS_PER_MESSAGE // ticks ahead of the next one

struct game_input_cell {
    uint32_t tick; // whose input it holds; 0 = none
    uint8_t input[LIMIT_INPUT_BYTES];
};

struct game_inputs {
    // Since the last report to the client.
    uint32_t newest_tick; // ever seen in time
    int32_t margin_ticks; // least lead of an input on its first arrival; < 0: late
    bool margin_known;
    uint32_t late;

    unsigned repeated; // ticks in a row that `last` stood in for a missing input
    uint8_t last[LIMIT_INPUT_BYTES];
    struct game_input_cell cells[GAME_INPUT_WINDOW];
};

enum game_input_verdict {
    GAME_INPUT_TAKEN,
    GAME_INPUT_AGAIN, // already there, or long done: the normal case of redundancy
    GAME_INPUT_LATE,  // new to us, but its tick has run
    GAME_INPUT_FAR,   // beyond the window
};

void game_inputs_clear(struct game_inputs *inputs);
// `next_tick` is the tick that runs next. With GAME_INPUT_TAKEN *cell is where the caller writes
// the input, already sanitized; otherwise *cell is not set.
enum game_input_verdict game_inputs_claim(struct game_inputs *inputs, uint32_t tick,
                                          uint32_t next_tick, uint8_t **cell);
// Writes the input to use for `tick`; after more than repeat_max missing ones, zeroes.
void game_inputs_take(struct game_inputs *inputs, uint32_t tick, unsigned repeat_max,
                      uint8_t *input, unsigned size);
// A hint (config/base/prefetch): these ticks' inputs are about to come or to be taken.
void game_inputs_fetch(const struct game_inputs *inputs, uint32_t first_tick, unsigned ticks);
// Begins a new report.
void game_inputs_reported(struct game_inputs *inputs);

#endif
