// SPDX-License-Identifier: MIT
// A ring with a tag per cell; the tag makes clearing and wrap-around free.

#include "game/input.h"

#include <stddef.h>
#include <string.h>

#include "config/base/prefetch.h"

// A client may claim any tick; what is later than this is only very late, and milliseconds of it
// fit into 32 bits.
#define LATE_TICKS_MAX 4096

void game_inputs_clear(struct game_inputs *inputs)
{
    memset(inputs, 0, sizeof(*inputs));
}

static void note_margin(struct game_inputs *inputs, int32_t margin_ticks)
{
    if (!inputs->margin_known || margin_ticks < inputs->margin_ticks) {
        inputs->margin_ticks = margin_ticks;
        inputs->margin_known = true;
    }
}

enum game_input_verdict game_inputs_claim(struct game_inputs *inputs, uint32_t tick,
                                          uint32_t next_tick, uint8_t **cell)
{
    if (tick < next_tick) {
        if (tick <= inputs->newest_tick) {
            return GAME_INPUT_AGAIN;
        }
        inputs->newest_tick = tick;
        inputs->late++;
        uint32_t late = next_tick - tick;
        note_margin(inputs, -(int32_t)(late < LATE_TICKS_MAX ? late : LATE_TICKS_MAX));
        return GAME_INPUT_LATE;
    }
    if (tick - next_tick >= GAME_INPUT_WINDOW) {
        return GAME_INPUT_FAR;
    }
    struct game_input_cell *place = &inputs->cells[tick % GAME_INPUT_WINDOW];
    if (place->tick == tick) {
        return GAME_INPUT_AGAIN;
    }
    place->tick = tick;
    *cell = place->input;
    if (tick > inputs->newest_tick) {
        inputs->newest_tick = tick;
        note_margin(inputs, (int32_t)(tick - next_tick));
    }
    return GAME_INPUT_TAKEN;
}

void game_inputs_take(struct game_inputs *inputs, uint32_t tick, unsigned repeat_max,
                      uint8_t *input, unsigned size)
{
    struct game_input_cell *cell = &inputs->cells[tick % GAME_INPUT_WINDOW];
    if (cell->tick == tick) {
        cell->tick = 0;
        inputs->repeated = 0;
        memcpy(inputs->last, cell->input, size);
    } else if (inputs->repeated < repeat_max) {
        inputs->repeated++;
    } else {
        memset(inputs->last, 0, sizeof(inputs->last));
    }
    memcpy(input, inputs->last, size);
}

void game_inputs_fetch(const struct game_inputs *inputs, uint32_t first_tick, unsigned ticks)
{
    prefetch(inputs, offsetof(struct game_inputs, cells));
    prefetch(&inputs->cells[first_tick % GAME_INPUT_WINDOW], ticks * sizeof(*inputs->cells));
}

void game_inputs_reported(struct game_inputs *inputs)
{
    inputs->margin_known = false;
    inputs->late = 0;
}
