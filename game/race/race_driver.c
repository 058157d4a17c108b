// SPDX-License-Identifier: MIT
// A driver: aims at a point ahead on its lane, and is never faster than the bends ahead allow.
//
// The speeds are worked out once for the whole lap: what grip allows in each bend, then backwards
// from bend to bend what the brakes can still take off. Driving itself is then a look-up.

#include "game/race/race_driver.h"

#include <assert.h>
#include <stdlib.h>

#include "game/race/race_kart.h"
#include "game/race/race_track.h"

#define CM_PER_METRE       100
#define SPEED_FLOOR        RACE_METRES(6)  // no bend is taken slower
#define BEND_FORCE         RACE_METRES(12) // m/s^2: what a perfect driver asks of the grip of 14
#define BRAKE_FORCE        RACE_METRES(9)
#define AIM_METRES         RACE_METRES(4)
#define AIM_SECONDS        RACE_MILLI(350)
#define PACE_PERCENT_LEAST 70
#define LANE_PERMILLE_MOST 450
#define LANE_SECONDS_LEAST 3
#define LANE_SECONDS_MORE  8
#define STUCK_DM_S         10
#define STUCK_SECONDS      3
#define STEER_FULL         127
#define FULL               255
// Full throttle or brake when this much too slow or too fast.
#define PEDAL_BAND RACE_METRES(2)

struct race_course {
    struct race_track track;
    int32_t speeds[RACE_TRACK_POINTS_MAX]; // at most, at each point
};

// Speed at which going round with this curvature (1/metres, Q16) takes all of BEND_FORCE.
static int32_t bend_speed(int32_t curvature)
{
    int64_t square = (int64_t)BEND_FORCE * RACE_ONE / (curvature > 0 ? curvature : 1); // Q16
    int32_t speed = (int32_t)race_root((uint64_t)square * RACE_ONE);
    return (int32_t)race_clamp(speed, SPEED_FLOOR, RACE_SPEED_MAX);
}

// The turn at a point spread over half of the road before and after it, in radians per metre; the
// sine stands for the angle.
static int32_t curvature_at(const struct race_track *track, unsigned point)
{
    const struct race_track_point *before =
        &track->points[point > 0 ? point - 1 : track->count - 1];
    const struct race_track_point *after = &track->points[point];
    int64_t turn = abs(race_cross(before->along, after->along));
    return (int32_t)race_divide(turn * RACE_ONE, (before->length + after->length) / 2);
}

static void find_speeds(struct race_course *course)
{
    const struct race_track *track = &course->track;
    for (unsigned i = 0; i < track->count; i++) {
        course->speeds[i] = bend_speed(curvature_at(track, i));
    }
    // Twice round, so that a bend just after the line slows those who come up to it.
    for (unsigned n = 2 * track->count; n > 0; n--) {
        unsigned i = (n - 1) % track->count;
        int64_t next = course->speeds[(i + 1) % track->count];
        int64_t square = next * next + (int64_t)2 * BRAKE_FORCE * track->points[i].length;
        int32_t speed = (int32_t)race_root((uint64_t)square);
        course->speeds[i] = speed < course->speeds[i] ? speed : course->speeds[i];
    }
}

struct race_course *race_course_create(struct bytes_span map_data, struct error *error)
{
    if (!race_track_data_valid(map_data)) {
        error_set(error, "the map data is not a track of version %d", RACE_MAP_VERSION);
        return NULL;
    }
    struct race_course *course = calloc(1, sizeof(*course));
    if (!course) {
        error_set(error, "out of memory");
        return NULL;
    }
    race_track_init(&course->track, map_data);
    find_speeds(course);
    return course;
}

void race_course_destroy(struct race_course *course)
{
    free(course);
}

static void choose_lane(struct race_driver *driver, uint32_t tick)
{
    uint32_t lanes = 2 * LANE_PERMILLE_MOST + 1;
    uint32_t seconds = LANE_SECONDS_LEAST + race_random_below(&driver->random, LANE_SECONDS_MORE);
    driver->lane_permille = (int32_t)race_random_below(&driver->random, lanes) - LANE_PERMILLE_MOST;
    driver->lane_tick = tick + seconds * driver->tick_rate;
}

void race_driver_init(struct race_driver *driver, const struct race_course *course,
                      unsigned tick_rate, uint64_t seed, unsigned skill)
{
    assert(tick_rate > 0 && skill <= RACE_DRIVER_SKILL_MAX);
    *driver = (struct race_driver){
        .course = course,
        .tick_rate = tick_rate,
        .random = seed,
        .segment = course->track.count,
    };
    int32_t gained = (100 - PACE_PERCENT_LEAST) * (int32_t)skill / RACE_DRIVER_SKILL_MAX;
    driver->pace_percent =
        PACE_PERCENT_LEAST + gained - (int32_t)race_random_below(&driver->random, 4);
    choose_lane(driver, 0);
}

static int32_t from_cm(int32_t centimetres)
{
    int64_t q16 = (int64_t)centimetres * RACE_ONE / CM_PER_METRE;
    return (int32_t)race_clamp(q16, -RACE_WORLD_MAX, RACE_WORLD_MAX);
}

static struct race_place look(struct race_driver *driver, struct race_vector at)
{
    const struct race_track *track = &driver->course->track;
    struct race_place place;
    if (driver->segment < track->count) {
        place = race_track_near(track, driver->segment, at);
    }
    if (driver->segment >= track->count || !race_track_within(track, &place, 0)) {
        place = race_track_search(track, at);
    }
    driver->segment = place.segment;
    return place;
}

// What the steering wheel must show to reach `target` on an arc: pure pursuit.
static int32_t steer_to(struct race_vector to_target, uint32_t heading, int32_t speed)
{
    struct race_vector ahead = race_direction(heading);
    int32_t distance = (int32_t)race_root((uint64_t)race_square_length(to_target));
    if (race_dot(to_target, ahead) <= 0) { // behind: turn round
        return race_cross(ahead, to_target) >= 0 ? STEER_FULL : -STEER_FULL;
    }
    if (distance < RACE_ONE) {
        return 0;
    }
    int32_t pace = abs(speed) > RACE_ONE ? abs(speed) : RACE_ONE;
    int64_t sine = (int64_t)race_cross(ahead, to_target) * RACE_ONE / distance;
    int64_t turn_rate = 2 * sine * pace / distance; // Q16 radians per second
    return (int32_t)race_clamp(turn_rate * STEER_FULL / race_kart_turn_rate(pace), -STEER_FULL,
                               STEER_FULL);
}

// The lowest speed that the road allows from here to where the kart will be in a moment.
static int32_t speed_allowed(const struct race_driver *driver, unsigned segment)
{
    const struct race_course *course = driver->course;
    unsigned next = (segment + 1) % course->track.count;
    int32_t here = course->speeds[segment];
    int32_t there = course->speeds[next];
    int32_t least = here < there ? here : there;
    return (int32_t)((int64_t)least * driver->pace_percent / 100);
}

static void use_pedals(int32_t speed, int32_t allowed, uint8_t *input)
{
    int32_t missing = (int32_t)race_clamp((int64_t)allowed - speed, -PEDAL_BAND, PEDAL_BAND);
    int32_t pedal = (int32_t)((int64_t)missing * FULL / PEDAL_BAND);
    input[pedal >= 0 ? RACE_INPUT_THROTTLE : RACE_INPUT_BRAKE] = (uint8_t)abs(pedal);
}

// True when it is time to be put back: a checkpoint missed, or no way forward for long.
static bool wants_respawn(struct race_driver *driver, uint32_t tick, const int32_t *values)
{
    int32_t status = values[RACE_VALUE_STATUS];
    bool still = abs(values[RACE_VALUE_SPEED_DM_S] / STUCK_DM_S) == 0;
    if (!still || (status & RACE_STATUS_WAITING)) {
        driver->stuck = false;
    } else if (!driver->stuck) {
        driver->stuck = true;
        driver->stuck_tick = tick;
    }
    bool long_stuck =
        driver->stuck && tick - driver->stuck_tick >= STUCK_SECONDS * driver->tick_rate;
    if (long_stuck) {
        driver->stuck = false; // released in the next tick, so that it can be asked again
    }
    return long_stuck || (status & RACE_STATUS_MISSED_GATE);
}

void race_driver_drive(struct race_driver *driver, uint32_t tick, const int32_t *values,
                       uint8_t input[RACE_INPUT_BYTES])
{
    const struct race_track *track = &driver->course->track;
    for (unsigned i = 0; i < RACE_INPUT_BYTES; i++) {
        input[i] = 0;
    }
    if (values[RACE_VALUE_STATUS] & (RACE_STATUS_FINISHED | RACE_STATUS_DNF)) {
        return;
    }
    if (wants_respawn(driver, tick, values)) {
        // Every other tick, because the flag works only when it was released before.
        input[RACE_INPUT_FLAGS] = tick % 2 == 0 ? RACE_FLAG_RESPAWN : 0;
    }
    if (tick >= driver->lane_tick) {
        choose_lane(driver, tick);
    }
    struct race_vector at = {from_cm(values[RACE_VALUE_X_CM]), from_cm(values[RACE_VALUE_Y_CM])};
    int32_t speed = (int32_t)race_clamp((int64_t)values[RACE_VALUE_SPEED_DM_S] * RACE_ONE / 10,
                                        -RACE_SPEED_MAX, RACE_SPEED_MAX);
    uint32_t heading = (uint32_t)values[RACE_VALUE_HEADING] * (UINT32_MAX / RACE_HEADING_TURN + 1);
    struct race_place place = look(driver, at);
    int64_t aim = place.arc + (int64_t)AIM_METRES + race_multiply(abs(speed), AIM_SECONDS);
    int32_t room = track->points[place.segment].half_width - RACE_KART_RADIUS;
    int32_t lane = (int32_t)((int64_t)room * driver->lane_permille / 1000);
    unsigned segment;
    struct race_vector target = race_track_at(track, race_track_wrap(track, aim), lane, &segment);
    int32_t steer = steer_to(race_subtract(target, at), heading, speed);
    input[RACE_INPUT_STEER] = (uint8_t)(steer & 0xff);
    use_pedals(speed, speed_allowed(driver, place.segment), input);
}
