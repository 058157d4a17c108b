// SPDX-License-Identifier: MIT
// Track files: any text is either refused with a line, or a road that can be raced on.
//
// Property: a taken text gives valid map data, the driver's course takes it too, and 200 ticks of
// random inputs keep every kart within reach of the road.

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "game/race/race_driver.h"
#include "game/race/race_fixed.h"
#include "game/race/race_track.h"

#define KARTS        4
#define TICKS        200
#define OUT_OF_REACH RACE_METRES(70) // half the widest road, 40 m to be lost, and one tick

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_places(const struct race_track *track, const int32_t *values)
{
    for (unsigned i = 0; i < KARTS; i++) {
        const int32_t *view = values + (size_t)i * RACE_VALUES;
        struct race_vector at = {
            (int32_t)((int64_t)view[RACE_VALUE_X_CM] * RACE_ONE / 100),
            (int32_t)((int64_t)view[RACE_VALUE_Y_CM] * RACE_ONE / 100),
        };
        struct race_place place = race_track_search(track, at);
        assert(place.square < (int64_t)OUT_OF_REACH * OUT_OF_REACH);
    }
}

static void race(const struct game_map *map, uint64_t random)
{
    struct game_sim_setup setup = {
        .map = map,
        .seed = random,
        .tick_rate = 10 + race_random_below(&random, 119),
        .entities = KARTS,
        .laps = 1,
    };
    static struct race_track track;
    race_track_init(&track, map->data);
    void *state = calloc(1, race_sim.state_bytes(&setup));
    assert(state);
    race_sim.init(state, &setup);
    race_sim.start(state);
    uint8_t inputs[KARTS * RACE_INPUT_BYTES] = {0};
    for (unsigned tick = 0; tick < TICKS; tick++) {
        for (unsigned i = 0; tick % 8 == 0 && i < KARTS; i++) {
            uint64_t bits = race_random(&random);
            memcpy(inputs + (size_t)i * RACE_INPUT_BYTES, &bits, RACE_INPUT_BYTES);
            race_sim.sanitize(inputs + (size_t)i * RACE_INPUT_BYTES);
        }
        race_sim.step(state, inputs);
    }
    int32_t values[KARTS * RACE_VALUES];
    race_sim.view(state, values);
    check_places(&track, values);
    free(state);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error error = {.text = ""};
    const struct game_map *map = race_sim.load_map("fuzz", bytes_of(data, size), &error);
    if (!map) {
        assert(strncmp(error.text, "fuzz:", 5) == 0);
        return 0;
    }
    assert(race_track_data_valid(map->data));
    struct race_course *course = race_course_create(map->data, &error);
    assert(course);
    race_course_destroy(course);
    race(map, race_mix(size));
    race_sim.free_map(map);
    return 0;
}
