// SPDX-License-Identifier: MIT
// A ring with a tag per cell; the tag makes clearing and wrap-around free.

#include "game/input.h"

#include <string.h>

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
    unsigned place = tick % GAME_INPUT_WINDOW;
    if (inputs->ticks[place] == tick) {
        return GAME_INPUT_AGAIN;
    }
    inputs->ticks[place] = tick;
    *cell = inputs->cells[place];
    if (tick > inputs->newest_tick) {
        inputs->newest_tick = tick;
        note_margin(inputs, (int32_t)(tick - next_tick));
    }
    return GAME_INPUT_TAKEN;
}

void game_inputs_take(struct game_inputs *inputs, uint32_t tick, unsigned repeat_max,
                      uint8_t *input, unsigned size)
{
    unsigned cell = tick % GAME_INPUT_WINDOW;
    if (inputs->ticks[cell] == tick) {
        inputs->ticks[cell] = 0;
        inputs->repeated = 0;
        memcpy(inputs->last, inputs->cells[cell], size);
    } else if (inputs->repeated < repeat_max) {
        inputs->repeated++;
    } else {
        memset(inputs->last, 0, sizeof(inputs->last));
    }
    memcpy(input, inputs->last, size);
}

void game_inputs_reported(struct game_inputs *inputs)
{
    inputs->margin_known = false;
    inputs->late = 0;
}
