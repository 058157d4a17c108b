// SPDX-License-Identifier: MIT
// Integer arithmetic for the race: Q16 numbers, angles, square roots, random numbers.
//
// A Q16 number is an int32 in units of 1/65536 (metres, metres per second ...), so lengths reach
// 32 km. Products and sums of squares go through int64. Negative numbers are never shifted, only
// divided, and nothing overflows for positions within RACE_WORLD_MAX, so every compiler must give
// the same bits.

#ifndef GAME_RACE_RACE_FIXED_H
#define GAME_RACE_RACE_FIXED_H

#include <stdint.h>

#define RACE_ONE       65536
#define RACE_METRES(n) ((n)*RACE_ONE)
#define RACE_MILLI(n)  ((n)*RACE_ONE / 1000) // thousandths of a metre, of a second ...
#define RACE_WORLD_MAX RACE_METRES(4096) // coordinates stay well within: track files end at 3200 m

// Angles are uint32_t, 2^32 = one turn, counter-clockwise from the x axis.
#define RACE_QUARTER_TURN UINT32_C(0x40000000)

struct race_vector {
    int32_t x, y; // Q16
};

static inline int64_t race_clamp(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

// To the nearest, halves away from zero; divisor > 0.
static inline int64_t race_divide(int64_t value, int64_t divisor)
{
    int64_t half = divisor / 2;
    return (value >= 0 ? value + half : value - half) / divisor;
}

// Q16 product. The callers' bounds keep the result within int32.
static inline int32_t race_multiply(int32_t a, int32_t b)
{
    return (int32_t)race_divide((int64_t)a * b, RACE_ONE);
}

// a . b and a x b (z part) in Q16; fits when one of the two is a unit vector.
static inline int32_t race_dot(struct race_vector a, struct race_vector b)
{
    return (int32_t)race_divide((int64_t)a.x * b.x + (int64_t)a.y * b.y, RACE_ONE);
}

static inline int32_t race_cross(struct race_vector a, struct race_vector b)
{
    return (int32_t)race_divide((int64_t)a.x * b.y - (int64_t)a.y * b.x, RACE_ONE);
}

static inline struct race_vector race_subtract(struct race_vector a, struct race_vector b)
{
    return (struct race_vector){a.x - b.x, a.y - b.y};
}

// v * scale, scale in Q16.
static inline struct race_vector race_scale(struct race_vector v, int32_t scale)
{
    return (struct race_vector){race_multiply(v.x, scale), race_multiply(v.y, scale)};
}

static inline struct race_vector race_add(struct race_vector a, struct race_vector b)
{
    return (struct race_vector){a.x + b.x, a.y + b.y};
}

// Squared length in Q32.
static inline int64_t race_square_length(struct race_vector v)
{
    return (int64_t)v.x * v.x + (int64_t)v.y * v.y;
}

// The largest integer whose square is <= value. The root of a Q32 number is a Q16 number.
uint32_t race_root(uint64_t value);
// Q16, error below 2 units.
int32_t race_sine(uint32_t angle);
static inline int32_t race_cosine(uint32_t angle)
{
    return race_sine(angle + RACE_QUARTER_TURN);
}
// The unit vector of this angle, and back; {0, 0} has angle 0.
struct race_vector race_direction(uint32_t angle);
uint32_t race_angle(struct race_vector v);

// SplitMix64: a counter stepped by the golden ratio and mixed. Also serves as a hash step.
uint64_t race_mix(uint64_t value);
uint64_t race_random(uint64_t *state);
// Even in 0..count-1, count > 0 (bias below 2^-32 for the small counts in use).
uint32_t race_random_below(uint64_t *state, uint32_t count);

#endif
