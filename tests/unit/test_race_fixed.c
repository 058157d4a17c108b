// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "game/race/race_fixed.h"

static void division_rounds_to_nearest_and_is_symmetric(void **state)
{
    (void)state;
    static const struct {
        int64_t value, divisor, result;
    } rows[] = {{0, 3, 0},
                {1, 3, 0},
                {2, 3, 1},
                {-1, 3, 0},
                {-2, 3, -1},
                {5, 10, 1},
                {-5, 10, -1},
                {4, 10, 0},
                {-4, 10, 0},
                {15, 10, 2},
                {7, 1, 7},
                {-7, 1, -7},
                {3, 2, 2},
                {-3, 2, -2},
                {INT32_MAX, 2, 1073741824},
                {-(int64_t)INT32_MAX, 2, -1073741824}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(race_divide(rows[i].value, rows[i].divisor), rows[i].result);
    }
}

static void roots_are_exact(void **state)
{
    (void)state;
    uint64_t random = 1;
    for (unsigned i = 0; i < 20000; i++) {
        uint64_t value = race_random(&random) >> i % 64;
        uint64_t root = race_root(value);
        assert_true(root * root <= value);
        // (root + 1)^2 > value, without overflow.
        assert_true(root == UINT32_MAX || (root + 1) * (root + 1) > value);
    }
    assert_int_equal(race_root(0), 0);
    assert_int_equal(race_root(1), 1);
    assert_int_equal(race_root(3), 1);
    assert_int_equal(race_root(4), 2);
    assert_true(race_root(UINT64_MAX) == UINT32_MAX);
}

static void quarters_are_exact(void **state)
{
    (void)state;
    assert_int_equal(race_sine(0), 0);
    assert_int_equal(race_sine(RACE_QUARTER_TURN), RACE_ONE);
    assert_int_equal(race_sine(2 * RACE_QUARTER_TURN), 0);
    assert_int_equal(race_sine(3 * RACE_QUARTER_TURN), -RACE_ONE);
    assert_int_equal(race_cosine(0), RACE_ONE);
    assert_int_equal(race_cosine(2 * RACE_QUARTER_TURN), -RACE_ONE);
    assert_in_range(race_sine(RACE_QUARTER_TURN / 3), 32767, 32769); // 30 degrees
    assert_int_equal(race_sine(UINT32_MAX), -race_sine(1));
}

static void sine_and_cosine_stay_on_the_circle(void **state)
{
    (void)state;
    for (uint64_t angle = 0; angle < UINT64_C(1) << 32; angle += 999983) {
        int64_t sine = race_sine((uint32_t)angle);
        int64_t cosine = race_cosine((uint32_t)angle);
        int64_t off = sine * sine + cosine * cosine - (int64_t)RACE_ONE * RACE_ONE;
        assert_true(off < 4 * RACE_ONE && off > -4 * RACE_ONE);
    }
}

// sin(a + b) = sin a cos b + cos a sin b: an entry of the table that fits the circle but not its
// neighbours is found here.
static void the_addition_theorem_holds(void **state)
{
    (void)state;
    uint64_t random = 2;
    for (unsigned i = 0; i < 50000; i++) {
        uint32_t a = (uint32_t)race_random(&random);
        uint32_t b = (uint32_t)race_random(&random);
        int64_t sum =
            (int64_t)race_sine(a) * race_cosine(b) + (int64_t)race_cosine(a) * race_sine(b);
        int64_t off = sum / RACE_ONE - race_sine(a + b);
        assert_true(off >= -5 && off <= 5);
    }
}

static void an_angle_comes_back_from_its_direction(void **state)
{
    (void)state;
    uint64_t random = 3;
    for (unsigned i = 0; i < 20000; i++) {
        uint32_t angle = (uint32_t)race_random(&random);
        struct race_vector v = race_scale(race_direction(angle), 1000 * RACE_ONE);
        int32_t off = (int32_t)(race_angle(v) - angle);
        assert_true(abs(off) < 1 << 17); // 1/32768 turn: two units of the direction
    }
    assert_int_equal(race_angle((struct race_vector){0, 0}), 0);
    assert_true(race_angle((struct race_vector){5, 0}) < 1 << 17);
    assert_true(abs((int32_t)(race_angle((struct race_vector){0, 9}) - RACE_QUARTER_TURN)) <
                1 << 17);
}

// Products and sums of squares at the ends of the world, for the undefined-behaviour sanitizer.
static void the_corners_of_the_world_do_not_overflow(void **state)
{
    (void)state;
    struct race_vector a = {RACE_WORLD_MAX, -RACE_WORLD_MAX};
    struct race_vector b = {-RACE_WORLD_MAX + 1, RACE_WORLD_MAX - 1};
    struct race_vector between = race_subtract(a, b);
    assert_int_equal(race_root((uint64_t)race_square_length(between)), 759250123);
    struct race_vector unit = race_direction(RACE_QUARTER_TURN / 2);
    assert_in_range(-race_cross(unit, between), 759250123 - 20000, 759250123 + 20000);
    assert_in_range(race_dot(between, unit) + 10000, 0, 20000);
}

static void the_random_numbers_are_splitmix64(void **state)
{
    (void)state;
    // The first numbers of the published generator for seed 1234567.
    uint64_t random = 1234567;
    assert_true(race_random(&random) == UINT64_C(6457827717110365317));
    assert_true(race_random(&random) == UINT64_C(3203168211198807973));
    assert_true(race_random(&random) == UINT64_C(9817491932198370423));
}

static void numbers_below_stay_below_and_reach_all(void **state)
{
    (void)state;
    uint64_t random = 4;
    unsigned seen[7] = {0};
    for (unsigned i = 0; i < 7000; i++) {
        uint32_t number = race_random_below(&random, 7);
        assert_true(number < 7);
        seen[number]++;
    }
    for (unsigned i = 0; i < 7; i++) {
        assert_in_range(seen[i], 850, 1150);
    }
    assert_int_equal(race_random_below(&random, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(division_rounds_to_nearest_and_is_symmetric),
        cmocka_unit_test(roots_are_exact),
        cmocka_unit_test(quarters_are_exact),
        cmocka_unit_test(sine_and_cosine_stay_on_the_circle),
        cmocka_unit_test(the_addition_theorem_holds),
        cmocka_unit_test(an_angle_comes_back_from_its_direction),
        cmocka_unit_test(the_corners_of_the_world_do_not_overflow),
        cmocka_unit_test(the_random_numbers_are_splitmix64),
        cmocka_unit_test(numbers_below_stay_below_and_reach_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
