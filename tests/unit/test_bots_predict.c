// SPDX-License-Identifier: MIT
// The bots' dead reckoning.

#include "tests/bots/predict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RATE 60

static struct bots_sight sight(uint32_t tick, int32_t x, int32_t y, int32_t heading, int32_t speed)
{
    struct bots_sight made = {.tick = tick};
    made.values[RACE_VALUE_X_CM] = x;
    made.values[RACE_VALUE_Y_CM] = y;
    made.values[RACE_VALUE_HEADING] = heading;
    made.values[RACE_VALUE_SPEED_DM_S] = speed;
    made.values[RACE_VALUE_GATES] = 5;
    return made;
}

static void expect_near(const int32_t *values, int32_t x, int32_t y, int32_t heading)
{
    assert_true(abs(values[RACE_VALUE_X_CM] - x) <= 2);
    assert_true(abs(values[RACE_VALUE_Y_CM] - y) <= 2);
    assert_int_equal(values[RACE_VALUE_HEADING], heading);
    assert_int_equal(values[RACE_VALUE_GATES], 5);
}

static void straight_on_it_moves_by_its_speed(void **state)
{
    (void)state;
    int32_t values[RACE_VALUES];
    struct bots_sight before = sight(97, 0, 0, 256, 200), newest = sight(100, 0, 100, 256, 200);
    bots_predict(&before, &newest, 106, RATE, values); // 20 m/s for 0.1 s to the north
    expect_near(values, 0, 300, 256);
    newest.values[RACE_VALUE_HEADING] = before.values[RACE_VALUE_HEADING] = 512;
    newest.values[RACE_VALUE_SPEED_DM_S] = -100; // backwards, facing west
    bots_predict(&before, &newest, 106, RATE, values);
    expect_near(values, 100, 100, 512);
}

static void a_turn_goes_on_also_across_east(void **state)
{
    (void)state;
    int32_t values[RACE_VALUES];
    struct bots_sight before = sight(97, 0, 0, 1020, 0), newest = sight(100, 0, 0, 4, 0);
    bots_predict(&before, &newest, 106, RATE, values);
    expect_near(values, 0, 0, 20);
    struct bots_sight back = sight(97, 0, 0, 4, 0), newer = sight(100, 0, 0, 1020, 0);
    bots_predict(&back, &newer, 106, RATE, values);
    expect_near(values, 0, 0, 1004);
}

static void without_a_past_or_a_future_nothing_moves(void **state)
{
    (void)state;
    int32_t values[RACE_VALUES];
    struct bots_sight none = {0}, newest = sight(100, 7, 8, 9, 200), other = sight(97, 0, 0, 0, 0);
    bots_predict(&none, &newest, 106, RATE, values);
    assert_memory_equal(values, newest.values, sizeof(values));
    bots_predict(&other, &newest, 100, RATE, values);
    assert_memory_equal(values, newest.values, sizeof(values));
    bots_predict(&newest, &other, 106, RATE, values); // the wrong way round
    assert_memory_equal(values, other.values, sizeof(values));
}

static void it_looks_half_a_second_ahead_at_most(void **state)
{
    (void)state;
    int32_t values[RACE_VALUES];
    struct bots_sight before = sight(97, 0, 0, 0, 200), newest = sight(100, 0, 0, 0, 200);
    bots_predict(&before, &newest, 100000, RATE, values);
    expect_near(values, 1000, 0, 0);
}

static void values_from_a_hostile_server_do_no_harm(void **state)
{
    (void)state;
    static const int32_t extremes[] = {INT32_MIN, -1, 0, 1, INT32_MAX};
    int32_t values[RACE_VALUES];
    for (unsigned i = 0; i < 5 * 5 * 5; i++) {
        int32_t a = extremes[i % 5], b = extremes[i / 5 % 5], c = extremes[i / 25];
        struct bots_sight before = sight(1, a, b, c, a), newest = sight(UINT32_MAX - 9, b, c, a, b);
        bots_predict(&before, &newest, UINT32_MAX, RATE, values);
        assert_in_range(values[RACE_VALUE_HEADING], 0, RACE_HEADING_TURN - 1);
        bots_predict(&before, &newest, UINT32_MAX, 1, values);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(straight_on_it_moves_by_its_speed),
        cmocka_unit_test(a_turn_goes_on_also_across_east),
        cmocka_unit_test(without_a_past_or_a_future_nothing_moves),
        cmocka_unit_test(it_looks_half_a_second_ahead_at_most),
        cmocka_unit_test(values_from_a_hostile_server_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
