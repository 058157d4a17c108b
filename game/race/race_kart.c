// SPDX-License-Identifier: MIT
// One kart's body, and what happens when karts touch.

#include "game/race/race_kart.h"

#include <assert.h>
#include <stdlib.h>

#include "config/limits.h"

#define REVERSE          RACE_METRES(4)   // m/s^2
#define ROLLING          RACE_MILLI(500)  // m/s^2, always
#define ROLLING_GRASS    RACE_MILLI(2500) // m/s^2
#define AIR_DIVISOR      100              // drag = v^2 / 100: 30 m/s where it equals the engine
#define GRASS_DRAG       RACE_MILLI(600)  // per second
#define STANDING         RACE_MILLI(250)  // m/s: slow enough for the reverse gear
#define RESTITUTION      RACE_MILLI(300)
#define SEPARATION_SPEED RACE_METRES(4) // m/s at most, so that an overlap is no explosion
#define RADIAN           10430          // 2^16 / (2 pi): Q16 radians to 2^32 per turn
#define STEER_FULL       127
#define CONTACT_DISTANCE (2 * RACE_KART_RADIUS)
#define PEDAL_FULL       255

static int32_t steer_of(const uint8_t *input)
{
    int32_t steer = input[RACE_INPUT_STEER];
    return steer < 128 ? steer : steer - 256;
}

int32_t race_kart_speed(const struct race_kart *kart)
{
    return race_dot(kart->velocity, race_direction(kart->heading));
}

int32_t race_kart_turn_rate(int32_t speed)
{
    int32_t pace = abs(speed);
    int32_t by_lock = (int32_t)race_divide((int64_t)pace * RACE_ONE, RACE_TURN_RADIUS);
    int32_t by_force =
        pace == 0 ? by_lock
                  : (int32_t)race_clamp((int64_t)RACE_TURN_FORCE * RACE_ONE / pace, 0, by_lock);
    return by_force;
}

// Takes `amount` >= 0 from the size of `value`, which does not change its sign.
static int32_t towards_zero(int32_t value, int32_t amount)
{
    return value > 0 ? (int32_t)race_clamp((int64_t)value - amount, 0, value)
                     : (int32_t)race_clamp((int64_t)value + amount, value, 0);
}

static int32_t per_tick(int64_t per_second, unsigned tick_rate)
{
    return (int32_t)race_divide(per_second, tick_rate);
}

// Engine, brakes and everything that slows, along the heading.
static int32_t change_speed(int32_t speed, const uint8_t *input, bool on_grass, unsigned tick_rate)
{
    int32_t throttle = input[RACE_INPUT_THROTTLE];
    int32_t brake = input[RACE_INPUT_BRAKE];
    int32_t slowing = on_grass ? ROLLING_GRASS : ROLLING;
    int32_t pushing = (int32_t)race_divide((int64_t)RACE_ENGINE * throttle, PEDAL_FULL);
    if (speed > STANDING || throttle > 0) {
        slowing += (int32_t)race_divide((int64_t)RACE_BRAKES * brake, PEDAL_FULL);
    } else if (speed > -RACE_SPEED_BACK) {
        pushing -= (int32_t)race_divide((int64_t)REVERSE * brake, PEDAL_FULL);
    }
    slowing += race_multiply(speed, speed) / AIR_DIVISOR;
    if (on_grass) {
        slowing += race_multiply(abs(speed), GRASS_DRAG);
    }
    speed += per_tick(pushing, tick_rate);
    return towards_zero(speed, per_tick(slowing, tick_rate));
}

void race_kart_drive(struct race_kart *kart, const uint8_t input[RACE_INPUT_BYTES],
                     unsigned tick_rate)
{
    int32_t speed = race_kart_speed(kart);
    int64_t turn = (int64_t)race_kart_turn_rate(speed) * steer_of(input) / STEER_FULL * RADIAN;
    int32_t angle = per_tick(speed >= 0 ? turn : -turn, tick_rate);
    kart->heading += (uint32_t)angle;

    struct race_vector ahead = race_direction(kart->heading);
    struct race_vector left = {-ahead.y, ahead.x};
    speed = race_dot(kart->velocity, ahead);
    int32_t slide = race_dot(kart->velocity, left);
    speed = change_speed(speed, input, kart->on_grass, tick_rate);
    slide = towards_zero(slide, per_tick(kart->on_grass ? RACE_GRIP_GRASS : RACE_GRIP, tick_rate));
    speed = (int32_t)race_clamp(speed, -RACE_SPEED_MAX, RACE_SPEED_MAX);
    slide = (int32_t)race_clamp(slide, -RACE_SPEED_MAX, RACE_SPEED_MAX);
    kart->velocity = race_add(race_scale(ahead, speed), race_scale(left, slide));
    kart->at.x += per_tick(kart->velocity.x, tick_rate);
    kart->at.y += per_tick(kart->velocity.y, tick_rate);
}

// ---- karts that touch

static bool touch(const struct race_kart *a, const struct race_kart *b)
{
    int32_t dx = b->at.x - a->at.x;
    if (dx <= -CONTACT_DISTANCE || dx >= CONTACT_DISTANCE) {
        return false;
    }
    int32_t dy = b->at.y - a->at.y;
    if (dy <= -CONTACT_DISTANCE || dy >= CONTACT_DISTANCE) {
        return false;
    }
    return (int64_t)dx * dx + (int64_t)dy * dy < (int64_t)CONTACT_DISTANCE * CONTACT_DISTANCE;
}

// What the contacts of a tick do to one kart, gathered before anything is changed.
struct effect {
    unsigned contacts;
    struct race_vector push;
    struct race_vector impulse;
};

static void apply_contact(const struct race_kart *a, const struct race_kart *b, struct effect *on_a,
                          struct effect *on_b, unsigned tick_rate)
{
    struct race_vector between = race_subtract(b->at, a->at);
    int32_t distance = (int32_t)race_root((uint64_t)race_square_length(between));
    struct race_vector normal = {RACE_ONE, 0};
    if (distance > 0) {
        normal.x = (int32_t)race_divide((int64_t)between.x * RACE_ONE, distance);
        normal.y = (int32_t)race_divide((int64_t)between.y * RACE_ONE, distance);
    }
    int32_t share = (int32_t)(on_a->contacts > on_b->contacts ? on_a->contacts : on_b->contacts);
    int32_t push = (int32_t)race_clamp((CONTACT_DISTANCE - distance) / 2, 0,
                                       per_tick(SEPARATION_SPEED, tick_rate));
    struct race_vector push_b = race_scale(normal, push / share);
    on_b->push = race_add(on_b->push, push_b);
    on_a->push = race_subtract(on_a->push, push_b);

    int32_t closing = -race_dot(race_subtract(b->velocity, a->velocity), normal);
    if (closing > 0) {
        int32_t exchanged = race_multiply(closing, RACE_ONE + RESTITUTION) / 2;
        struct race_vector impulse_b = race_scale(normal, exchanged / share);
        on_b->impulse = race_add(on_b->impulse, impulse_b);
        on_a->impulse = race_subtract(on_a->impulse, impulse_b);
    }
}

void race_kart_collide(struct race_kart *const *karts, unsigned count, unsigned tick_rate)
{
    assert(count <= LIMIT_PLAYERS_PER_SESSION);
    struct effect effects[LIMIT_PLAYERS_PER_SESSION] = {0};
    bool any = false;
    for (unsigned i = 0; i < count; i++) {
        for (unsigned j = i + 1; j < count; j++) {
            if (touch(karts[i], karts[j])) {
                effects[i].contacts++;
                effects[j].contacts++;
                any = true;
            }
        }
    }
    if (!any) {
        return;
    }
    for (unsigned i = 0; i < count; i++) {
        for (unsigned j = i + 1; effects[i].contacts > 0 && j < count; j++) {
            if (touch(karts[i], karts[j])) {
                apply_contact(karts[i], karts[j], &effects[i], &effects[j], tick_rate);
            }
        }
    }
    for (unsigned i = 0; i < count; i++) {
        karts[i]->at = race_add(karts[i]->at, effects[i].push);
        karts[i]->velocity = race_add(karts[i]->velocity, effects[i].impulse);
    }
}
