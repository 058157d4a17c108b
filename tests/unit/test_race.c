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
#include "game/race/race_kart.h"
#include "tests/support/race_field.h"

#define RATE  60
#define KARTS 8

static struct race_field field;

static void begin(unsigned map, unsigned karts, unsigned laps, uint32_t time_limit_ticks)
{
    struct game_sim_setup setup = {
        .map = race_sim.builtin_map(map),
        .seed = 1,
        .tick_rate = RATE,
        .entities = karts,
        .laps = laps,
        .time_limit_ticks = time_limit_ticks,
    };
    race_field_init(&field, &setup);
}

static void drive(unsigned ticks)
{
    for (unsigned i = 0; i < ticks; i++) {
        race_field_drive(&field);
        race_field_step(&field);
    }
}

// The same input for everybody.
static void hold(unsigned ticks, uint8_t throttle, uint8_t brake, uint8_t flags)
{
    for (unsigned i = 0; i < field.setup.entities; i++) {
        uint8_t *input = field.inputs + (size_t)i * RACE_INPUT_BYTES;
        input[RACE_INPUT_THROTTLE] = throttle;
        input[RACE_INPUT_BRAKE] = brake;
        input[RACE_INPUT_STEER] = 0;
        input[RACE_INPUT_FLAGS] = flags;
    }
    for (unsigned i = 0; i < ticks; i++) {
        race_field_step(&field);
    }
}

static int32_t value(unsigned entity, enum race_value index)
{
    return race_field_look(&field, entity)[index];
}

static void nothing_moves_before_the_start(void **state)
{
    (void)state;
    struct game_sim_setup setup = {
        .map = race_sim.builtin_map(0), .tick_rate = RATE, .entities = 2, .laps = 1};
    void *memory = calloc(1, race_sim.state_bytes(&setup));
    race_sim.init(memory, &setup);
    uint64_t hash = race_sim.hash(memory);
    static const uint8_t inputs[2 * RACE_INPUT_BYTES] = {255, 0, 0, 0, 255, 0, 9, 1};
    for (unsigned i = 0; i < 100; i++) {
        race_sim.step(memory, inputs);
    }
    assert_true(race_sim.hash(memory) == hash);
    race_sim.start(memory);
    assert_true(race_sim.hash(memory) != hash);
    race_sim.step(memory, inputs);
    struct game_standing standings[2];
    race_sim.standings(memory, standings);
    assert_false(race_sim.finished(memory));
    free(memory);
}

static void the_seed_draws_the_grid(void **state)
{
    (void)state;
    struct game_sim_setup setup = {
        .map = race_sim.builtin_map(0), .tick_rate = RATE, .entities = KARTS, .laps = 1};
    void *memory = malloc(race_sim.state_bytes(&setup));
    unsigned on_pole[KARTS] = {0};
    for (unsigned seed = 0; seed < 400; seed++) {
        setup.seed = seed;
        memset(memory, 0, race_sim.state_bytes(&setup));
        race_sim.init(memory, &setup);
        struct game_standing standings[KARTS];
        race_sim.standings(memory, standings);
        on_pole[standings[0].entity]++;
        unsigned seen = 0;
        for (unsigned i = 0; i < KARTS; i++) {
            seen |= 1u << standings[i].entity;
            assert_int_equal(standings[i].place, i + 1);
        }
        assert_int_equal(seen, (1u << KARTS) - 1);
    }
    for (unsigned i = 0; i < KARTS; i++) {
        assert_in_range(on_pole[i], 25, 75);
    }
    free(memory);
}

static void the_same_inputs_make_the_same_race_and_others_do_not(void **state)
{
    (void)state;
    uint64_t hashes[3];
    for (unsigned run = 0; run < 3; run++) {
        begin(0, KARTS, 1, 0);
        drive(200);
        if (run == 2) {
            race_field_drive(&field);
            field.inputs[RACE_INPUT_STEER] ^= 1;
            race_field_step(&field);
        } else {
            drive(1);
        }
        hashes[run] = race_sim.hash(field.state);
        race_field_finish(&field);
    }
    assert_true(hashes[0] == hashes[1]);
    assert_true(hashes[0] != hashes[2]);
}

// What a replay must not confuse: each part of the set-up alone makes another state.
static void the_hash_tells_set_ups_apart(void **state)
{
    (void)state;
    const struct game_sim_setup base = {.map = race_sim.builtin_map(0),
                                        .seed = 1,
                                        .tick_rate = RATE,
                                        .entities = 1,
                                        .laps = 3,
                                        .time_limit_ticks = 100};
    struct game_sim_setup setups[7];
    for (unsigned i = 0; i < BASE_COUNT(setups); i++) {
        setups[i] = base;
    }
    setups[1].map = race_sim.builtin_map(1);
    setups[2].seed = 2;
    setups[3].tick_rate = 30;
    setups[4].entities = 2;
    setups[5].laps = 4;
    setups[6].time_limit_ticks = 101;
    uint64_t hashes[BASE_COUNT(setups)];
    for (unsigned i = 0; i < BASE_COUNT(setups); i++) {
        void *memory = calloc(1, race_sim.state_bytes(&setups[i]));
        race_sim.init(memory, &setups[i]);
        hashes[i] = race_sim.hash(memory);
        free(memory);
        for (unsigned k = 0; k < i; k++) {
            assert_true(hashes[k] != hashes[i]);
        }
    }
}

static void the_state_may_be_copied(void **state)
{
    (void)state;
    begin(0, KARTS, 1, 0);
    drive(100);
    size_t size = race_sim.state_bytes(&field.setup);
    void *copy = malloc(size);
    memcpy(copy, field.state, size);
    hold(60, 200, 0, 0);
    for (unsigned i = 0; i < 60; i++) {
        race_sim.step(copy, field.inputs);
    }
    assert_true(race_sim.hash(copy) == race_sim.hash(field.state));
    free(copy);
    race_field_finish(&field);
}

static void impossible_inputs_are_brought_into_range(void **state)
{
    (void)state;
    static const struct {
        uint8_t given[RACE_INPUT_BYTES];
        uint8_t made[RACE_INPUT_BYTES];
        bool forged;
    } rows[] = {
        {{0, 0, 0, 0}, {0, 0, 0, 0}, false},
        {{255, 255, 127, 1}, {255, 255, 127, 1}, false},
        {{255, 255, 0x81, 1}, {255, 255, 0x81, 1}, false}, // -127
        {{1, 2, 0x80, 0}, {1, 2, 0x81, 0}, true},          // -128
        {{0, 0, 0, 2}, {0, 0, 0, 0}, true},
        {{0, 0, 0, 255}, {0, 0, 0, 1}, true},
    };
    for (size_t i = 0; i < BASE_COUNT(rows); i++) {
        uint8_t input[RACE_INPUT_BYTES];
        memcpy(input, rows[i].given, sizeof(input));
        assert_int_equal(race_sim.sanitize(input), rows[i].forged);
        assert_memory_equal(input, rows[i].made, sizeof(input));
        assert_false(race_sim.sanitize(input));
    }
}

static void a_respawn_costs_three_seconds_and_is_asked_for_once(void **state)
{
    (void)state;
    begin(1, 1, 3, 0);
    drive(10 * RATE);
    int32_t gates = value(0, RACE_VALUE_GATES);
    assert_true(gates > 1);
    hold(1, 255, 0, RACE_FLAG_RESPAWN);
    int32_t x = value(0, RACE_VALUE_X_CM);
    assert_int_equal(value(0, RACE_VALUE_STATUS), RACE_STATUS_WAITING);
    assert_int_equal(value(0, RACE_VALUE_GATES), gates);
    assert_int_equal(value(0, RACE_VALUE_SPEED_DM_S), 0);
    hold(3 * RATE - 1, 255, 0, RACE_FLAG_RESPAWN);
    assert_int_equal(value(0, RACE_VALUE_STATUS), RACE_STATUS_WAITING);
    assert_int_equal(value(0, RACE_VALUE_X_CM), x);
    hold(1, 255, 0, RACE_FLAG_RESPAWN);
    assert_int_equal(value(0, RACE_VALUE_STATUS), 0);
    // Held all the time it does not ask again.
    hold(RATE, 255, 0, RACE_FLAG_RESPAWN);
    assert_true(value(0, RACE_VALUE_SPEED_DM_S) > 50);
    hold(1, 255, 0, 0);
    hold(1, 255, 0, RACE_FLAG_RESPAWN);
    assert_int_equal(value(0, RACE_VALUE_STATUS), RACE_STATUS_WAITING);
    race_field_finish(&field);
}

static void time_runs_out_for_those_who_are_still_racing(void **state)
{
    (void)state;
    begin(1, KARTS, 1, 500);
    drive(499);
    assert_false(race_sim.finished(field.state));
    drive(1);
    assert_true(race_sim.finished(field.state));
    struct game_standing standings[KARTS];
    race_sim.standings(field.state, standings);
    for (unsigned i = 0; i < KARTS; i++) {
        assert_int_equal(standings[i].dnf, GAME_DNF_TIME_LIMIT);
        assert_int_equal(standings[i].time_ms, 0);
        assert_int_equal(standings[i].place, i + 1);
        assert_true(value(standings[i].entity, RACE_VALUE_STATUS) & RACE_STATUS_DNF);
        assert_int_equal(value(standings[i].entity, RACE_VALUE_SPEED_DM_S), 0);
    }
    // Ordered by how far they got.
    for (unsigned i = 1; i < KARTS; i++) {
        assert_true(value(standings[i].entity, RACE_VALUE_GATES) <=
                    value(standings[i - 1].entity, RACE_VALUE_GATES));
    }
    race_field_finish(&field);
}

static void finishing_in_the_last_tick_is_in_time(void **state)
{
    (void)state;
    begin(1, 1, 1, 0);
    race_field_run(&field, 60 * RATE);
    uint32_t ticks = field.ticks;
    race_field_finish(&field);
    begin(1, 1, 1, ticks);
    race_field_run(&field, 60 * RATE);
    struct game_standing standing;
    race_sim.standings(field.state, &standing);
    assert_int_equal(standing.dnf, GAME_DNF_NONE);
    race_field_finish(&field);
    begin(1, 1, 1, ticks - 1);
    race_field_run(&field, 60 * RATE);
    race_sim.standings(field.state, &standing);
    assert_int_equal(standing.dnf, GAME_DNF_TIME_LIMIT);
    race_field_finish(&field);
}

static void the_retired_are_out_and_in_nobodys_way(void **state)
{
    (void)state;
    begin(1, KARTS, 1, 0);
    drive(300);
    struct game_standing standings[KARTS];
    race_sim.standings(field.state, standings);
    unsigned leader = standings[0].entity;
    race_sim.retire(field.state, leader);
    race_sim.retire(field.state, leader); // again: nothing
    race_sim.standings(field.state, standings);
    assert_int_equal(standings[KARTS - 1].entity, leader);
    assert_int_equal(standings[KARTS - 1].place, KARTS);
    assert_int_equal(standings[KARTS - 1].dnf, GAME_DNF_LEFT);
    int32_t x = value(leader, RACE_VALUE_X_CM);
    race_field_run(&field, 120 * RATE);
    assert_int_equal(value(leader, RACE_VALUE_X_CM), x);
    race_sim.standings(field.state, standings);
    for (unsigned i = 0; i + 1 < KARTS; i++) {
        assert_int_equal(standings[i].dnf, GAME_DNF_NONE);
    }
    race_field_finish(&field);
}

static void when_all_have_left_it_is_over(void **state)
{
    (void)state;
    begin(0, 2, 1, 0);
    race_sim.retire(field.state, 0);
    assert_false(race_sim.finished(field.state));
    race_sim.retire(field.state, 1);
    assert_true(race_sim.finished(field.state));
    race_field_finish(&field);
}

static void who_has_finished_keeps_time_and_place_when_he_leaves(void **state)
{
    (void)state;
    begin(1, 2, 1, 0);
    struct game_standing before[2], after[2];
    do {
        drive(1);
        race_sim.standings(field.state, before);
    } while (before[0].time_ms == 0);
    race_sim.retire(field.state, before[0].entity);
    race_sim.standings(field.state, after);
    assert_memory_equal(before, after, sizeof(before));
    assert_int_equal(after[0].dnf, GAME_DNF_NONE);
    race_field_finish(&field);
}

static void the_standings_are_sorted_and_the_view_agrees(void **state)
{
    (void)state;
    begin(0, KARTS, 1, 0);
    race_field_run(&field, 300 * RATE);
    struct game_standing standings[KARTS];
    race_sim.standings(field.state, standings);
    for (unsigned i = 0; i < KARTS; i++) {
        assert_int_equal(standings[i].place, i + 1);
        assert_true(i == 0 || standings[i].time_ms >= standings[i - 1].time_ms);
        const int32_t *view = race_field_look(&field, standings[i].entity);
        assert_int_equal(view[RACE_VALUE_PLACE], i + 1);
        assert_int_equal(view[RACE_VALUE_TIME_MS], standings[i].time_ms);
        assert_true(view[RACE_VALUE_STATUS] & RACE_STATUS_FINISHED);
    }
    race_field_finish(&field);
}

static void after_the_finish_a_kart_rolls_out(void **state)
{
    (void)state;
    begin(1, 1, 1, 0);
    race_field_run(&field, 60 * RATE);
    assert_true(value(0, RACE_VALUE_SPEED_DM_S) > 100);
    int32_t time = value(0, RACE_VALUE_TIME_MS);
    hold(20 * RATE, 255, 0, RACE_FLAG_RESPAWN);
    assert_int_equal(value(0, RACE_VALUE_SPEED_DM_S), 0);
    assert_int_equal(value(0, RACE_VALUE_TIME_MS), time);
    race_field_finish(&field);
}

// A real attempt, with pedals: over the line and back again, for a minute.
static void reversing_over_the_line_makes_no_laps(void **state)
{
    (void)state;
    begin(1, 1, 1, 0);
    for (unsigned i = 0; i < 12; i++) {
        hold(2 * RATE, 255, 0, 0);
        hold(3 * RATE, 0, 255, 0);
    }
    assert_int_equal(value(0, RACE_VALUE_GATES), 1);
    assert_false(race_sim.finished(field.state));
    race_field_finish(&field);
}

static void random_inputs_keep_everything_in_bounds(void **state)
{
    (void)state;
    uint64_t random = 99;
    for (unsigned rate = 10; rate <= 128; rate += 59) {
        for (unsigned map = 0; race_sim.builtin_map(map); map++) {
            begin(map, 64, 1, 0);
            field.setup.tick_rate = rate;
            memset(field.state, 0, race_sim.state_bytes(&field.setup));
            race_sim.init(field.state, &field.setup);
            race_sim.start(field.state);
            for (unsigned tick = 0; tick < 600; tick++) {
                for (unsigned i = 0; tick % 8 == 0 && i < sizeof(field.inputs); i++) {
                    field.inputs[i] = (uint8_t)race_random(&random);
                }
                for (unsigned i = 0; i < 64; i++) {
                    race_sim.sanitize(field.inputs + (size_t)i * RACE_INPUT_BYTES);
                }
                race_field_step(&field);
            }
            race_sim.view(field.state, field.values);
            for (unsigned i = 0; i < 64; i++) {
                const int32_t *view = field.values + (size_t)i * RACE_VALUES;
                // The built-in tracks lie within 300 m of the origin; the lost come back at 60.
                assert_in_range(view[RACE_VALUE_X_CM] + 36000, 0, 72000);
                assert_in_range(view[RACE_VALUE_Y_CM] + 36000, 0, 72000);
                assert_in_range(view[RACE_VALUE_HEADING], 0, RACE_HEADING_TURN - 1);
                assert_in_range(view[RACE_VALUE_SPEED_DM_S] + 650, 0, 1300);
                assert_in_range(view[RACE_VALUE_PLACE], 1, 64);
                assert_in_range(view[RACE_VALUE_STATUS], 0, 63);
            }
            race_field_finish(&field);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_moves_before_the_start),
        cmocka_unit_test(the_seed_draws_the_grid),
        cmocka_unit_test(the_same_inputs_make_the_same_race_and_others_do_not),
        cmocka_unit_test(the_hash_tells_set_ups_apart),
        cmocka_unit_test(the_state_may_be_copied),
        cmocka_unit_test(impossible_inputs_are_brought_into_range),
        cmocka_unit_test(a_respawn_costs_three_seconds_and_is_asked_for_once),
        cmocka_unit_test(time_runs_out_for_those_who_are_still_racing),
        cmocka_unit_test(finishing_in_the_last_tick_is_in_time),
        cmocka_unit_test(the_retired_are_out_and_in_nobodys_way),
        cmocka_unit_test(when_all_have_left_it_is_over),
        cmocka_unit_test(who_has_finished_keeps_time_and_place_when_he_leaves),
        cmocka_unit_test(the_standings_are_sorted_and_the_view_agrees),
        cmocka_unit_test(after_the_finish_a_kart_rolls_out),
        cmocka_unit_test(reversing_over_the_line_makes_no_laps),
        cmocka_unit_test(random_inputs_keep_everything_in_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
