// SPDX-License-Identifier: MIT
// Integer arithmetic for the race.
//
// The sine table is data, not computed at start-up: round(65536 * sin(i * pi / 512)) for i =
// 0..256, made once with more digits than it holds. test_race_fixed checks it by sin^2 + cos^2 = 1
// and by the addition theorem, so that a mistyped entry cannot hide.

#include "game/race/race_fixed.h"

static const int32_t quarter_wave[257] = {
    0,     402,   804,   1206,  1608,  2010,  2412,  2814,  3216,  3617,  4019,  4420,  4821,
    5222,  5623,  6023,  6424,  6824,  7224,  7623,  8022,  8421,  8820,  9218,  9616,  10014,
    10411, 10808, 11204, 11600, 11996, 12391, 12785, 13180, 13573, 13966, 14359, 14751, 15143,
    15534, 15924, 16314, 16703, 17091, 17479, 17867, 18253, 18639, 19024, 19409, 19792, 20175,
    20557, 20939, 21320, 21699, 22078, 22457, 22834, 23210, 23586, 23961, 24335, 24708, 25080,
    25451, 25821, 26190, 26558, 26925, 27291, 27656, 28020, 28383, 28745, 29106, 29466, 29824,
    30182, 30538, 30893, 31248, 31600, 31952, 32303, 32652, 33000, 33347, 33692, 34037, 34380,
    34721, 35062, 35401, 35738, 36075, 36410, 36744, 37076, 37407, 37736, 38064, 38391, 38716,
    39040, 39362, 39683, 40002, 40320, 40636, 40951, 41264, 41576, 41886, 42194, 42501, 42806,
    43110, 43412, 43713, 44011, 44308, 44604, 44898, 45190, 45480, 45769, 46056, 46341, 46624,
    46906, 47186, 47464, 47741, 48015, 48288, 48559, 48828, 49095, 49361, 49624, 49886, 50146,
    50404, 50660, 50914, 51166, 51417, 51665, 51911, 52156, 52398, 52639, 52878, 53114, 53349,
    53581, 53812, 54040, 54267, 54491, 54714, 54934, 55152, 55368, 55582, 55794, 56004, 56212,
    56418, 56621, 56823, 57022, 57219, 57414, 57607, 57798, 57986, 58172, 58356, 58538, 58718,
    58896, 59071, 59244, 59415, 59583, 59750, 59914, 60075, 60235, 60392, 60547, 60700, 60851,
    60999, 61145, 61288, 61429, 61568, 61705, 61839, 61971, 62101, 62228, 62353, 62476, 62596,
    62714, 62830, 62943, 63054, 63162, 63268, 63372, 63473, 63572, 63668, 63763, 63854, 63944,
    64031, 64115, 64197, 64277, 64354, 64429, 64501, 64571, 64639, 64704, 64766, 64827, 64884,
    64940, 64993, 65043, 65091, 65137, 65180, 65220, 65259, 65294, 65328, 65358, 65387, 65413,
    65436, 65457, 65476, 65492, 65505, 65516, 65525, 65531, 65535, 65536,
};

uint32_t race_root(uint64_t value)
{
    uint64_t root = 0;
    for (uint64_t bit = UINT64_C(1) << 62; bit != 0; bit >>= 2) {
        if (value >= root + bit) {
            value -= root + bit;
            root = (root >> 1) + bit;
        } else {
            root >>= 1;
        }
    }
    return (uint32_t)root;
}

int32_t race_sine(uint32_t angle)
{
    uint32_t in_quarter = angle % RACE_QUARTER_TURN;
    uint32_t quarter = angle / RACE_QUARTER_TURN;
    if (quarter % 2 == 1) {
        in_quarter = RACE_QUARTER_TURN - in_quarter;
    }
    uint32_t index = in_quarter >> 22;
    int32_t value = quarter_wave[index];
    if (index < 256) {
        int64_t fraction = in_quarter & 0x3fffff;
        value += (int32_t)race_divide((quarter_wave[index + 1] - value) * fraction, 1 << 22);
    }
    return quarter >= 2 ? -value : value;
}

struct race_vector race_direction(uint32_t angle)
{
    return (struct race_vector){race_cosine(angle), race_sine(angle)};
}

// Halves the arc that holds the vector until it is 2^-32 of a turn wide. Slow and only for set-up.
uint32_t race_angle(struct race_vector v)
{
    if (v.x == 0 && v.y == 0) {
        return 0;
    }
    uint32_t low = v.y >= 0 ? 0 : 2 * RACE_QUARTER_TURN;
    for (uint32_t width = RACE_QUARTER_TURN; width > 0; width /= 2) {
        struct race_vector middle = race_direction(low + width);
        if ((int64_t)middle.x * v.y - (int64_t)middle.y * v.x >= 0) {
            low += width;
        }
    }
    return low;
}

uint64_t race_mix(uint64_t value)
{
    value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
    return value ^ value >> 31;
}

uint64_t race_random(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    return race_mix(*state);
}

uint32_t race_random_below(uint64_t *state, uint32_t count)
{
    return (uint32_t)((race_random(state) >> 32) * count >> 32);
}
