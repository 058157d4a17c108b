// SPDX-License-Identifier: MIT
// A driver for bots and tests: looks at its own kart in a snapshot and gives an input.
//
// It knows only what any client knows: the map data of the phase message and the values of its
// kart. Integers only, no clock, no allocation after race_course_create(), so that a field of
// drivers with fixed seeds drives the same race everywhere; the golden hashes rest on that. It does
// not look at other karts.

#ifndef GAME_RACE_RACE_DRIVER_H
#define GAME_RACE_RACE_DRIVER_H

#include "game/race/race.h"

// A map prepared for driving: the road, and how fast each of its points can be taken. Immutable,
// so any number of drivers share one.
struct race_course;

// `map_data` as in RACE_MAP_VERSION; copied. NULL with one line in *error when it is not a track.
struct race_course *race_course_create(struct bytes_span map_data, struct error *error)
    BASE_MUST_USE;
void race_course_destroy(struct race_course *course);

#define RACE_DRIVER_SKILL_MAX 100

struct race_driver {
    const struct race_course *course;
    unsigned tick_rate;
    uint64_t random;
    int32_t pace_percent;  // share of the possible speed that this driver dares
    int32_t lane_permille; // where on the road it likes to be: share of the half width
    unsigned segment;      // of the road, where it was seen last; >= points: not seen yet
    uint32_t stuck_tick;   // since when it has not got along
    uint32_t lane_tick;    // when it will change its lane
    bool stuck;
};

// skill: 0 (a cautious one) .. RACE_DRIVER_SKILL_MAX. Drivers with other seeds take other lines
// and find other paces. The course must outlive the driver.
void race_driver_init(struct race_driver *driver, const struct race_course *course,
                      unsigned tick_rate, uint64_t seed, unsigned skill);
// Call once for each tick that needs an input, with the newest known values of its kart
// (RACE_VALUES of them); ticks must not go backwards, but may be left out.
void race_driver_drive(struct race_driver *driver, uint32_t tick, const int32_t *values,
                       uint8_t input[RACE_INPUT_BYTES]);

#endif
