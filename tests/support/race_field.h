// SPDX-License-Identifier: MIT
// For tests of the race: a field of drivers on a map, and a round test track.
//
// The field is the whole race without a server: view, drive, step. Everything asserts; a test that
// cannot set itself up stops.

#ifndef TESTS_SUPPORT_RACE_FIELD_H
#define TESTS_SUPPORT_RACE_FIELD_H

#include "game/race/race_driver.h"

struct race_field {
    struct game_sim_setup setup;
    void *state;
    struct race_course *course;
    uint32_t ticks; // stepped so far
    struct race_driver drivers[LIMIT_PLAYERS_PER_SESSION];
    int32_t values[LIMIT_PLAYERS_PER_SESSION * RACE_VALUES]; // as the drivers saw them last
    uint8_t inputs[LIMIT_PLAYERS_PER_SESSION * RACE_INPUT_BYTES];
};

// A started race. Skills are spread over the field, the best driver first.
void race_field_init(struct race_field *field, const struct game_sim_setup *setup);
void race_field_finish(struct race_field *field);
// Fills field->inputs with what the drivers do now.
void race_field_drive(struct race_field *field);
// One step with field->inputs.
void race_field_step(struct race_field *field);
// Drives and steps until the race is over; the test fails when that takes longer than ticks_max.
void race_field_run(struct race_field *field, uint32_t ticks_max);
// The values of one kart, as they are now.
const int32_t *race_field_look(struct race_field *field, unsigned entity);

// The text of a round track "ring": `points` points, 100 m from the origin, driven
// counter-clockwise, 12 m wide, point 0 due east. Returns the number of bytes.
#define RACE_RING_TEXT_BYTES 16384
size_t race_ring_text(char text[RACE_RING_TEXT_BYTES], unsigned points);
// Loaded, with 40 points; release with race_sim.free_map().
const struct game_map *race_ring_load(void);

#endif
