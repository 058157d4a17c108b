// SPDX-License-Identifier: MIT
// One kart's body: engine, brakes, steering, grip, and what happens when karts touch.
//
// Knows nothing of laps or places. All karts are alike: a disc with a heading, one unit of mass.
// The constants below are the car that every client and bot may count on.

#ifndef GAME_RACE_RACE_KART_H
#define GAME_RACE_RACE_KART_H

#include <stdbool.h>

#include "game/race/race.h"
#include "game/race/race_fixed.h"

#define RACE_KART_RADIUS RACE_MILLI(900)
#define RACE_SPEED_MAX   RACE_METRES(45)  // m/s; nothing moves faster, not even when hit
#define RACE_SPEED_BACK  RACE_METRES(6)   // m/s in reverse
#define RACE_ENGINE      RACE_METRES(9)   // m/s^2 at full throttle
#define RACE_BRAKES      RACE_METRES(14)  // m/s^2
#define RACE_GRIP        RACE_METRES(14)  // m/s^2 sideways
#define RACE_GRIP_GRASS  RACE_METRES(6)   // m/s^2
#define RACE_TURN_RADIUS RACE_MILLI(4500) // at full lock, slow
#define RACE_TURN_FORCE  RACE_METRES(16)  // m/s^2: at speed, full lock asks for a bit too much grip

struct race_kart {
    struct race_vector at;
    struct race_vector velocity;
    uint32_t heading;
    bool on_grass;
};

// Moves one kart by one tick.
void race_kart_drive(struct race_kart *kart, const uint8_t input[RACE_INPUT_BYTES],
                     unsigned tick_rate);
// Speed along the heading, Q16.
int32_t race_kart_speed(const struct race_kart *kart);
// How fast, in radians per second (Q16), full lock turns a kart at this speed; > 0.
int32_t race_kart_turn_rate(int32_t speed);

// Pushes karts apart that touch and exchanges momentum along the line of their centres. The result
// does not depend on the order of `karts`: every contact is judged by how things were before, and
// shares are divided by the number of contacts, so no pile-up gains energy.
void race_kart_collide(struct race_kart *const *karts, unsigned count, unsigned tick_rate);

#endif
