// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "game/race/race_kart.h"

#define RATE 60

static const uint8_t coast[RACE_INPUT_BYTES] = {0, 0, 0, 0};
static const uint8_t full_throttle[RACE_INPUT_BYTES] = {255, 0, 0, 0};
static const uint8_t full_brake[RACE_INPUT_BYTES] = {0, 255, 0, 0};
static const uint8_t half_left[RACE_INPUT_BYTES] = {255, 0, 64, 0};
static const uint8_t half_right[RACE_INPUT_BYTES] = {255, 0, 256 - 64, 0};

static void drive(struct race_kart *kart, const uint8_t *input, unsigned ticks, unsigned rate)
{
    for (unsigned i = 0; i < ticks; i++) {
        race_kart_drive(kart, input, rate);
    }
}

static int32_t pace(const struct race_kart *kart)
{
    return (int32_t)race_root((uint64_t)race_square_length(kart->velocity));
}

static void a_standing_kart_stands(void **state)
{
    (void)state;
    struct race_kart kart = {.heading = 12345};
    drive(&kart, coast, 100, RATE);
    assert_int_equal(kart.at.x, 0);
    assert_int_equal(kart.at.y, 0);
    assert_int_equal(kart.heading, 12345);
    // Turning the wheel turns nothing that stands.
    static const uint8_t steer[RACE_INPUT_BYTES] = {0, 0, 127, 0};
    drive(&kart, steer, 100, RATE);
    assert_int_equal(kart.heading, 12345);
}

static void full_throttle_ends_at_the_top_speed(void **state)
{
    (void)state;
    struct race_kart kart = {.heading = 0};
    drive(&kart, full_throttle, 60 * RATE, RATE);
    int32_t speed = race_kart_speed(&kart);
    assert_in_range(speed, RACE_METRES(28), RACE_METRES(30));
    drive(&kart, full_throttle, RATE, RATE);
    assert_in_range(abs(race_kart_speed(&kart) - speed), 0, RACE_MILLI(10));
    assert_int_equal(kart.at.y, 0);
}

static void more_throttle_is_more_speed(void **state)
{
    (void)state;
    int32_t before = -1;
    for (unsigned throttle = 0; throttle < 256; throttle += 15) {
        struct race_kart kart = {.heading = 0};
        const uint8_t input[RACE_INPUT_BYTES] = {(uint8_t)throttle, 0, 0, 0};
        drive(&kart, input, 3 * RATE, RATE);
        int32_t speed = race_kart_speed(&kart);
        assert_true(speed > before || (throttle == 15 && speed == 0));
        before = speed - (speed == 0);
    }
}

static void brakes_stop_and_then_go_backwards_slowly(void **state)
{
    (void)state;
    struct race_kart kart = {.velocity = {RACE_METRES(25), 0}};
    unsigned ticks = 0;
    while (race_kart_speed(&kart) > 0) {
        int32_t before = race_kart_speed(&kart);
        drive(&kart, full_brake, 1, RATE);
        assert_true(race_kart_speed(&kart) < before);
        assert_true(++ticks < 3 * RATE);
    }
    assert_in_range(kart.at.x, RACE_METRES(15), RACE_METRES(25));
    drive(&kart, full_brake, 10 * RATE, RATE);
    assert_in_range(-race_kart_speed(&kart), RACE_METRES(5), RACE_SPEED_BACK + RACE_METRES(1));
    // Coasting ends both ways at zero, without overshoot.
    drive(&kart, coast, 60 * RATE, RATE);
    assert_int_equal(race_kart_speed(&kart), 0);
}

static void grass_is_slow(void **state)
{
    (void)state;
    struct race_kart road = {.heading = 0};
    struct race_kart grass = {.on_grass = true};
    drive(&road, full_throttle, 20 * RATE, RATE);
    drive(&grass, full_throttle, 20 * RATE, RATE);
    assert_true(race_kart_speed(&grass) * 2 < race_kart_speed(&road));
    assert_true(race_kart_speed(&grass) > RACE_METRES(5)); // and yet gets off it again
}

static void left_and_right_mirror_each_other(void **state)
{
    (void)state;
    struct race_kart left = {.heading = 0};
    struct race_kart right = {.heading = 0};
    for (unsigned i = 0; i < 10 * RATE; i++) {
        drive(&left, half_left, 1, RATE);
        drive(&right, half_right, 1, RATE);
        assert_in_range(abs(left.at.x - right.at.x), 0, 64);
        assert_in_range(abs(left.at.y + right.at.y), 0, 64);
    }
    assert_true(left.at.y > RACE_METRES(1));
}

static void backwards_the_wheel_turns_the_other_way(void **state)
{
    (void)state;
    static const uint8_t left[RACE_INPUT_BYTES] = {0, 0, 127, 0};
    struct race_kart forwards = {.velocity = {RACE_METRES(3), 0}};
    struct race_kart backwards = {.velocity = {-RACE_METRES(3), 0}};
    drive(&forwards, left, 10, RATE);
    drive(&backwards, left, 10, RATE);
    assert_true((int32_t)forwards.heading > 0);
    assert_true((int32_t)backwards.heading < 0);
}

static void grip_limits_how_fast_a_kart_changes_direction(void **state)
{
    (void)state;
    static const uint8_t full_left[RACE_INPUT_BYTES] = {255, 0, 127, 0};
    struct race_kart kart = {.velocity = {RACE_METRES(20), 0}};
    for (unsigned i = 0; i < 2 * RATE; i++) {
        struct race_vector before = kart.velocity;
        drive(&kart, full_left, 1, RATE);
        int64_t change =
            race_root((uint64_t)race_square_length(race_subtract(kart.velocity, before))) *
            (int64_t)RATE;
        // Sideways grip, engine and drag together.
        assert_true(change < RACE_GRIP + RACE_ENGINE + RACE_METRES(12));
    }
    // It turned all the same, sliding outwards, because full lock asks for more than there is.
    assert_true((int32_t)(kart.heading / (1 << 16)) > 8000);
    assert_true(pace(&kart) > abs(race_kart_speed(&kart)));
}

static void other_tick_rates_drive_about_the_same(void **state)
{
    (void)state;
    struct race_kart fast = {.heading = 0};
    drive(&fast, half_left, 5 * 128, 128);
    for (unsigned rate = 10; rate < 128; rate++) {
        struct race_kart kart = {.heading = 0};
        drive(&kart, half_left, 5 * rate, rate);
        assert_true(abs(pace(&kart) - pace(&fast)) < RACE_METRES(2));
    }
}

static void nothing_moves_faster_than_the_limit(void **state)
{
    (void)state;
    struct race_kart kart = {.velocity = {RACE_METRES(400), RACE_METRES(300)}};
    drive(&kart, full_throttle, 1, RATE);
    assert_true(abs(kart.velocity.x) <= RACE_SPEED_MAX && abs(kart.velocity.y) <= RACE_SPEED_MAX);
}

static void the_turn_rate_is_bounded_and_never_negative(void **state)
{
    (void)state;
    assert_int_equal(race_kart_turn_rate(0), 0);
    for (int32_t speed = RACE_MILLI(10); speed < 2 * RACE_SPEED_MAX; speed += RACE_MILLI(10)) {
        int32_t rate = race_kart_turn_rate(speed);
        assert_true(rate > 0 && rate < RACE_METRES(2));
        assert_int_equal(race_kart_turn_rate(-speed), rate);
    }
}

// ---- collisions

#define KARTS 16

static void collide(struct race_kart *karts, unsigned count)
{
    struct race_kart *pointers[LIMIT_PLAYERS_PER_SESSION];
    for (unsigned i = 0; i < count; i++) {
        pointers[i] = &karts[i];
    }
    race_kart_collide(pointers, count, RATE);
}

static void karts_that_do_not_touch_are_left_alone(void **state)
{
    (void)state;
    struct race_kart karts[2] = {{.velocity = {RACE_METRES(10), 0}},
                                 {.at = {2 * RACE_KART_RADIUS, 0}}};
    struct race_kart before[2];
    memcpy(before, karts, sizeof(karts));
    collide(karts, 2);
    assert_memory_equal(before, karts, sizeof(karts));
    karts[1].at.x--;
    collide(karts, 2);
    assert_true(karts[1].velocity.x > 0);
}

static void a_kart_from_behind_gives_speed_to_the_one_in_front(void **state)
{
    (void)state;
    struct race_kart karts[2] = {{.velocity = {RACE_METRES(20), 0}},
                                 {.at = {RACE_MILLI(1700), 0}, .velocity = {RACE_METRES(10), 0}}};
    collide(karts, 2);
    // Restitution 0.3: of 10 m/s difference 6.5 change owner.
    assert_in_range(karts[0].velocity.x, RACE_MILLI(13490), RACE_MILLI(13510));
    assert_in_range(karts[1].velocity.x, RACE_MILLI(16490), RACE_MILLI(16510));
    assert_int_equal(karts[0].velocity.x + karts[1].velocity.x, RACE_METRES(30));
    // Parting karts are not pulled back.
    struct race_vector parting = karts[1].velocity;
    collide(karts, 2);
    assert_int_equal(karts[1].velocity.x, parting.x);
}

static void overlapping_karts_part_without_being_shot_away(void **state)
{
    (void)state;
    struct race_kart karts[3] = {{.heading = 0}}; // all at one spot
    for (unsigned i = 0; i < 3 * RATE; i++) {
        struct race_kart before[3];
        memcpy(before, karts, sizeof(karts));
        collide(karts, 3);
        for (unsigned k = 0; k < 3; k++) {
            int64_t moved =
                race_root((uint64_t)race_square_length(race_subtract(karts[k].at, before[k].at)));
            assert_true(moved * RATE <= RACE_METRES(5));
            assert_int_equal(race_square_length(karts[k].velocity), 0);
        }
    }
    for (unsigned a = 0; a < 3; a++) {
        for (unsigned b = a + 1; b < 3; b++) {
            int64_t square = race_square_length(race_subtract(karts[a].at, karts[b].at));
            int64_t apart = 2 * RACE_KART_RADIUS - RACE_MILLI(20);
            assert_true(square >= apart * apart);
        }
    }
}

static void scatter(struct race_kart *karts, uint64_t *random, int32_t spread)
{
    for (unsigned i = 0; i < KARTS; i++) {
        karts[i] = (struct race_kart){
            .at = {(int32_t)race_random_below(random, (uint32_t)spread),
                   (int32_t)race_random_below(random, (uint32_t)spread)},
            .velocity = {(int32_t)race_random_below(random, RACE_METRES(60)) - RACE_METRES(30),
                         (int32_t)race_random_below(random, RACE_METRES(60)) - RACE_METRES(30)},
        };
    }
}

static void momentum_is_kept_and_energy_never_grows(void **state)
{
    (void)state;
    uint64_t random = 5;
    for (unsigned round = 0; round < 2000; round++) {
        struct race_kart karts[KARTS];
        scatter(karts, &random, RACE_METRES(2 + (int32_t)(round % 10)));
        int64_t x = 0, y = 0, energy = 0;
        for (unsigned i = 0; i < KARTS; i++) {
            x += karts[i].velocity.x;
            y += karts[i].velocity.y;
            energy += race_square_length(karts[i].velocity) / RACE_ONE;
        }
        collide(karts, KARTS);
        int64_t x_after = 0, y_after = 0, energy_after = 0;
        for (unsigned i = 0; i < KARTS; i++) {
            x_after += karts[i].velocity.x;
            y_after += karts[i].velocity.y;
            energy_after += race_square_length(karts[i].velocity) / RACE_ONE;
        }
        assert_true(x == x_after && y == y_after);
        assert_true(energy_after <= energy + energy / 1000);
    }
}

static void the_order_of_the_karts_does_not_matter(void **state)
{
    (void)state;
    uint64_t random = 6;
    for (unsigned round = 0; round < 500; round++) {
        struct race_kart karts[KARTS], backwards[KARTS];
        scatter(karts, &random, RACE_METRES(6));
        for (unsigned i = 0; i < KARTS; i++) {
            backwards[KARTS - 1 - i] = karts[i];
        }
        collide(karts, KARTS);
        collide(backwards, KARTS);
        for (unsigned i = 0; i < KARTS; i++) {
            assert_int_equal(karts[i].at.x, backwards[KARTS - 1 - i].at.x);
            assert_int_equal(karts[i].at.y, backwards[KARTS - 1 - i].at.y);
            assert_int_equal(karts[i].velocity.x, backwards[KARTS - 1 - i].velocity.x);
            assert_int_equal(karts[i].velocity.y, backwards[KARTS - 1 - i].velocity.y);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_standing_kart_stands),
        cmocka_unit_test(full_throttle_ends_at_the_top_speed),
        cmocka_unit_test(more_throttle_is_more_speed),
        cmocka_unit_test(brakes_stop_and_then_go_backwards_slowly),
        cmocka_unit_test(grass_is_slow),
        cmocka_unit_test(left_and_right_mirror_each_other),
        cmocka_unit_test(backwards_the_wheel_turns_the_other_way),
        cmocka_unit_test(grip_limits_how_fast_a_kart_changes_direction),
        cmocka_unit_test(other_tick_rates_drive_about_the_same),
        cmocka_unit_test(nothing_moves_faster_than_the_limit),
        cmocka_unit_test(the_turn_rate_is_bounded_and_never_negative),
        cmocka_unit_test(karts_that_do_not_touch_are_left_alone),
        cmocka_unit_test(a_kart_from_behind_gives_speed_to_the_one_in_front),
        cmocka_unit_test(overlapping_karts_part_without_being_shot_away),
        cmocka_unit_test(momentum_is_kept_and_energy_never_grows),
        cmocka_unit_test(the_order_of_the_karts_does_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
