// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/race_field.h"

static struct race_field field;

static struct game_sim_setup setup_of(unsigned map, unsigned karts, unsigned rate)
{
    return (struct game_sim_setup){
        .map = race_sim.builtin_map(map),
        .seed = karts,
        .tick_rate = rate,
        .entities = karts,
        .laps = 1,
    };
}

// Every track, alone, in a usual field and in the largest one: all finish, in sane times.
static void fields_of_all_sizes_finish_on_all_tracks(void **state)
{
    (void)state;
    static const unsigned sizes[] = {1, 8, 64};
    for (unsigned map = 0; race_sim.builtin_map(map); map++) {
        for (size_t i = 0; i < BASE_COUNT(sizes); i++) {
            struct game_sim_setup setup = setup_of(map, sizes[i], 60);
            race_field_init(&field, &setup);
            race_field_run(&field, 120 * 60);
            struct game_standing standings[64];
            race_sim.standings(field.state, standings);
            for (unsigned k = 0; k < sizes[i]; k++) {
                assert_int_equal(standings[k].dnf, GAME_DNF_NONE);
                assert_in_range(standings[k].time_ms, 20000, 120000);
            }
            race_field_finish(&field);
        }
    }
}

static void drivers_cope_with_every_tick_rate(void **state)
{
    (void)state;
    static const unsigned rates[] = {10, 11, 20, 30, 50, 64, 100, 128};
    for (size_t i = 0; i < BASE_COUNT(rates); i++) {
        struct game_sim_setup setup = setup_of(0, 4, rates[i]);
        race_field_init(&field, &setup);
        race_field_run(&field, 120 * rates[i]);
        struct game_standing standings[4];
        race_sim.standings(field.state, standings);
        assert_in_range(standings[0].time_ms, 45000, 75000);
        race_field_finish(&field);
    }
}

// Bots see snapshots at 20 Hz and late; a driver must live with old values.
static void old_values_are_good_enough(void **state)
{
    (void)state;
    struct game_sim_setup setup = setup_of(1, 8, 60);
    race_field_init(&field, &setup);
    int32_t seen[8][8 * RACE_VALUES]; // the last snapshots, three ticks apart
    memset(seen, 0, sizeof(seen));
    for (unsigned tick = 0; tick < 120 * 60 && !race_sim.finished(field.state); tick++) {
        race_sim.view(field.state, seen[tick / 3 % 8]);
        const int32_t *old = tick < 6 ? seen[0] : seen[(tick - 6) / 3 % 8];
        for (unsigned i = 0; i < 8; i++) {
            race_driver_drive(&field.drivers[i], tick, old + i * RACE_VALUES,
                              field.inputs + i * RACE_INPUT_BYTES);
        }
        race_field_step(&field);
    }
    assert_true(race_sim.finished(field.state));
    race_field_finish(&field);
}

static void skill_pays(void **state)
{
    (void)state;
    uint32_t before = 0;
    for (unsigned skill = 0; skill <= 100; skill += 25) {
        struct game_sim_setup setup = setup_of(2, 1, 60);
        race_field_init(&field, &setup);
        race_driver_init(&field.drivers[0], field.course, 60, 5, skill);
        race_field_run(&field, 120 * 60);
        struct game_standing standing;
        race_sim.standings(field.state, &standing);
        assert_true(before == 0 || standing.time_ms < before);
        before = standing.time_ms;
        race_field_finish(&field);
    }
}

static void seeds_make_drivers_differ(void **state)
{
    (void)state;
    uint32_t times[4];
    for (unsigned seed = 0; seed < 4; seed++) {
        struct game_sim_setup setup = setup_of(0, 1, 60);
        race_field_init(&field, &setup);
        race_driver_init(&field.drivers[0], field.course, 60, seed, 80);
        race_field_run(&field, 120 * 60);
        struct game_standing standing;
        race_sim.standings(field.state, &standing);
        times[seed] = standing.time_ms;
        for (unsigned i = 0; i < seed; i++) {
            assert_int_not_equal(times[i], times[seed]);
        }
        race_field_finish(&field);
    }
}

// Turned round in the middle of the race, and set down on the grass, it finds its way.
static void a_driver_who_is_turned_round_finds_his_way(void **state)
{
    (void)state;
    struct game_sim_setup setup = setup_of(1, 1, 60);
    race_field_init(&field, &setup);
    static const uint8_t spin[RACE_INPUT_BYTES] = {160, 0, 127, 0};
    while (!race_sim.finished(field.state)) {
        assert_true(field.ticks < 120 * 60);
        race_field_drive(&field);
        if (field.ticks % 700 >= 600) {
            memcpy(field.inputs, spin, sizeof(spin));
        }
        race_field_step(&field);
    }
    race_field_finish(&field);
}

static void a_driver_who_cannot_move_asks_to_be_put_back(void **state)
{
    (void)state;
    struct game_sim_setup setup = setup_of(0, 1, 60);
    race_field_init(&field, &setup);
    int32_t values[RACE_VALUES] = {0};
    memcpy(values, race_field_look(&field, 0), sizeof(values));
    unsigned asked = 0;
    for (uint32_t tick = 0; tick < 10 * 60; tick++) {
        uint8_t input[RACE_INPUT_BYTES];
        race_driver_drive(&field.drivers[0], tick, values, input);
        asked += input[RACE_INPUT_FLAGS] == RACE_FLAG_RESPAWN;
        assert_true(asked == 0 || tick >= 3 * 60);
    }
    assert_in_range(asked, 1, 3);
    race_field_finish(&field);
}

static void a_missed_checkpoint_makes_him_ask_too(void **state)
{
    (void)state;
    struct game_sim_setup setup = setup_of(0, 1, 60);
    race_field_init(&field, &setup);
    int32_t values[RACE_VALUES];
    memcpy(values, race_field_look(&field, 0), sizeof(values));
    values[RACE_VALUE_STATUS] = RACE_STATUS_MISSED_GATE;
    unsigned asked = 0;
    for (uint32_t tick = 0; tick < 2; tick++) {
        uint8_t input[RACE_INPUT_BYTES];
        race_driver_drive(&field.drivers[0], tick, values, input);
        asked += input[RACE_INPUT_FLAGS] == RACE_FLAG_RESPAWN;
    }
    assert_int_equal(asked, 1); // once on, once off: held it would do nothing
    race_field_finish(&field);
}

static void who_has_finished_lets_go(void **state)
{
    (void)state;
    struct game_sim_setup setup = setup_of(0, 1, 60);
    race_field_init(&field, &setup);
    int32_t values[RACE_VALUES];
    memcpy(values, race_field_look(&field, 0), sizeof(values));
    static const uint8_t nothing[RACE_INPUT_BYTES];
    uint8_t input[RACE_INPUT_BYTES];
    race_driver_drive(&field.drivers[0], 0, values, input);
    assert_memory_not_equal(input, nothing, sizeof(nothing));
    values[RACE_VALUE_STATUS] = RACE_STATUS_FINISHED;
    race_driver_drive(&field.drivers[0], 1, values, input);
    assert_memory_equal(input, nothing, sizeof(nothing));
    race_field_finish(&field);
}

// The values come from a server that a client may not trust.
static void values_out_of_this_world_do_no_harm(void **state)
{
    (void)state;
    struct game_sim_setup setup = setup_of(0, 1, 60);
    race_field_init(&field, &setup);
    static const int32_t extremes[] = {INT32_MIN, INT32_MIN + 1, -1, 0, 1, INT32_MAX};
    for (unsigned i = 0; i < 6 * 6 * 6 * 6; i++) {
        int32_t values[RACE_VALUES] = {extremes[i % 6], extremes[i / 6 % 6], extremes[i / 36 % 6],
                                       extremes[i / 216]};
        uint8_t input[RACE_INPUT_BYTES];
        race_driver_drive(&field.drivers[0], i, values, input);
        assert_false(race_sim.sanitize(input));
    }
    race_field_finish(&field);
}

static void what_is_no_track_makes_no_course(void **state)
{
    (void)state;
    struct error error = {.text = ""};
    assert_null(race_course_create(bytes_of_string("nonsense"), &error));
    assert_string_equal(error.text, "the map data is not a track of version 1");
    race_course_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_of_all_sizes_finish_on_all_tracks),
        cmocka_unit_test(drivers_cope_with_every_tick_rate),
        cmocka_unit_test(old_values_are_good_enough),
        cmocka_unit_test(skill_pays),
        cmocka_unit_test(seeds_make_drivers_differ),
        cmocka_unit_test(a_driver_who_is_turned_round_finds_his_way),
        cmocka_unit_test(a_driver_who_cannot_move_asks_to_be_put_back),
        cmocka_unit_test(a_missed_checkpoint_makes_him_ask_too),
        cmocka_unit_test(who_has_finished_lets_go),
        cmocka_unit_test(values_out_of_this_world_do_no_harm),
        cmocka_unit_test(what_is_no_track_makes_no_course),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
