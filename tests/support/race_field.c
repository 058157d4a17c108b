// SPDX-License-Identifier: MIT
// A field of drivers on a map, and a round test track. Used by the race's unit tests, the golden
// hashes and the replay tests.

#include "tests/support/race_field.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "game/race/race_fixed.h"

#define RING_RADIUS_DM 1000
#define RING_POINTS    40

void race_field_init(struct race_field *field, const struct game_sim_setup *setup)
{
    *field = (struct race_field){.setup = *setup};
    field->state = calloc(1, race_sim.state_bytes(setup));
    struct error error;
    field->course = race_course_create(setup->map->data, &error);
    assert(field->state && field->course);
    race_sim.init(field->state, setup);
    race_sim.start(field->state);
    for (unsigned i = 0; i < setup->entities; i++) {
        unsigned skill = RACE_DRIVER_SKILL_MAX - i * RACE_DRIVER_SKILL_MAX / setup->entities;
        race_driver_init(&field->drivers[i], field->course, setup->tick_rate, i, skill);
    }
}

void race_field_finish(struct race_field *field)
{
    free(field->state);
    race_course_destroy(field->course);
}

void race_field_drive(struct race_field *field)
{
    race_sim.view(field->state, field->values);
    for (unsigned i = 0; i < field->setup.entities; i++) {
        race_driver_drive(&field->drivers[i], field->ticks, field->values + i * RACE_VALUES,
                          field->inputs + i * RACE_INPUT_BYTES);
    }
}

void race_field_step(struct race_field *field)
{
    race_sim.step(field->state, field->inputs);
    field->ticks++;
}

void race_field_run(struct race_field *field, uint32_t ticks_max)
{
    while (!race_sim.finished(field->state)) {
        assert(field->ticks < ticks_max);
        race_field_drive(field);
        race_field_step(field);
    }
}

const int32_t *race_field_look(struct race_field *field, unsigned entity)
{
    race_sim.view(field->state, field->values);
    return field->values + (size_t)entity * RACE_VALUES;
}

size_t race_ring_text(char text[RACE_RING_TEXT_BYTES], unsigned points)
{
    size_t used =
        (size_t)snprintf(text, RACE_RING_TEXT_BYTES, "name ring\ntitle Ring\nwidth 120\n");
    for (unsigned i = 0; i < points; i++) {
        uint32_t angle = (uint32_t)((UINT64_C(1) << 32) * i / points);
        struct race_vector direction = race_direction(angle);
        used += (size_t)snprintf(text + used, RACE_RING_TEXT_BYTES - used, "point %d %d\n",
                                 race_multiply(direction.x, RING_RADIUS_DM),
                                 race_multiply(direction.y, RING_RADIUS_DM));
        assert(used < RACE_RING_TEXT_BYTES);
    }
    return used;
}

const struct game_map *race_ring_load(void)
{
    char text[RACE_RING_TEXT_BYTES];
    size_t size = race_ring_text(text, RING_POINTS);
    struct error error = {.text = ""};
    const struct game_map *map = race_sim.load_map("ring", bytes_of(text, size), &error);
    assert(map);
    return map;
}
