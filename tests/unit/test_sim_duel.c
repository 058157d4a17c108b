// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "game/replay.h"
#include "net/delta.h"
#include "tests/support/sim_duel.h"

#define PLAYERS 3

struct duel {
    struct game_sim_setup setup;
    void *memory;
};

static void begin(struct duel *duel, uint32_t time_limit_ticks)
{
    duel->setup = (struct game_sim_setup){
        .map = duel_sim.builtin_map(0),
        .seed = 7,
        .tick_rate = 10,
        .entities = PLAYERS,
        .laps = 1,
        .time_limit_ticks = time_limit_ticks,
    };
    duel->memory = calloc(1, duel_sim.state_bytes(&duel->setup));
    assert_non_null(duel->memory);
    duel_sim.init(duel->memory, &duel->setup);
    duel_sim.start(duel->memory);
}

static void run(struct duel *duel, const uint8_t inputs[PLAYERS], unsigned ticks)
{
    for (unsigned i = 0; i < ticks; i++) {
        duel_sim.step(duel->memory, inputs);
    }
}

static void the_first_to_reach_the_target_wins(void **state)
{
    (void)state;
    struct duel duel;
    begin(&duel, 0);
    const uint8_t inputs[PLAYERS] = {5, 10, 4};
    run(&duel, inputs, 249);
    assert_false(duel_sim.finished(duel.memory));
    run(&duel, inputs, 1);
    assert_true(duel_sim.finished(duel.memory));
    struct game_standing standings[PLAYERS];
    duel_sim.standings(duel.memory, standings);
    static const struct game_standing expected[PLAYERS] = {
        {1, 1, 10000, GAME_DNF_NONE}, {0, 2, 20000, GAME_DNF_NONE}, {2, 3, 25000, GAME_DNF_NONE}};
    for (unsigned i = 0; i < PLAYERS; i++) {
        assert_int_equal(standings[i].entity, expected[i].entity);
        assert_int_equal(standings[i].place, expected[i].place);
        assert_int_equal(standings[i].time_ms, expected[i].time_ms);
        assert_int_equal(standings[i].dnf, expected[i].dnf);
    }
    free(duel.memory);
}

static void nothing_counts_before_the_start(void **state)
{
    (void)state;
    struct duel duel;
    begin(&duel, 0);
    memset(duel.memory, 0, duel_sim.state_bytes(&duel.setup));
    duel_sim.init(duel.memory, &duel.setup);
    uint64_t hash = duel_sim.hash(duel.memory);
    run(&duel, (const uint8_t[PLAYERS]){1, 2, 3}, 5);
    assert_true(duel_sim.hash(duel.memory) == hash);
    free(duel.memory);
}

static void time_and_leaving_end_it_for_those_who_are_not_there(void **state)
{
    (void)state;
    struct duel duel;
    begin(&duel, 101);
    run(&duel, (const uint8_t[PLAYERS]){10, 9, 8}, 50);
    duel_sim.retire(duel.memory, 1);
    run(&duel, (const uint8_t[PLAYERS]){10, 9, 8}, 50);
    duel_sim.retire(duel.memory, 0); // is there already
    assert_false(duel_sim.finished(duel.memory));
    run(&duel, (const uint8_t[PLAYERS]){10, 9, 8}, 1);
    assert_true(duel_sim.finished(duel.memory));
    struct game_standing standings[PLAYERS];
    duel_sim.standings(duel.memory, standings);
    assert_int_equal(standings[0].entity, 0);
    assert_int_equal(standings[0].dnf, GAME_DNF_NONE);
    assert_int_equal(standings[1].entity, 2); // 808 is further than 450
    assert_int_equal(standings[1].dnf, GAME_DNF_TIME_LIMIT);
    assert_int_equal(standings[2].entity, 1);
    assert_int_equal(standings[2].dnf, GAME_DNF_LEFT);
    free(duel.memory);
}

static void forged_inputs_are_brought_into_range(void **state)
{
    (void)state;
    uint8_t input = DUEL_ADD_MAX;
    assert_false(duel_sim.sanitize(&input));
    assert_int_equal(input, DUEL_ADD_MAX);
    input = DUEL_ADD_MAX + 1;
    assert_true(duel_sim.sanitize(&input));
    assert_int_equal(input, DUEL_ADD_MAX);
}

static void a_map_file_is_a_target(void **state)
{
    (void)state;
    struct error error = {.text = ""};
    const struct game_map *map =
        duel_sim.load_map("a.track", bytes_of_string("target 25\n"), &error);
    assert_non_null(map);
    assert_int_equal(bytes_get_u32(map->data.data), 25);
    duel_sim.free_map(map);
    static const char *const wrong[] = {"",          "target",         "target ",
                                        "target 0",  "target 1000001", "target 9999999999",
                                        "target 1x", "point 1 2"};
    for (size_t i = 0; i < BASE_COUNT(wrong); i++) {
        assert_null(duel_sim.load_map("a.track", bytes_of_string(wrong[i]), &error));
        assert_string_equal(error.text, "a.track:1: target: a number, 1 to 1000000");
    }
}

static void its_view_travels_as_a_delta(void **state)
{
    (void)state;
    struct duel duel;
    begin(&duel, 0);
    int32_t before[PLAYERS * DUEL_VALUES], after[PLAYERS * DUEL_VALUES];
    int32_t decoded[PLAYERS * DUEL_VALUES];
    duel_sim.view(duel.memory, before);
    run(&duel, (const uint8_t[PLAYERS]){1, 3, 0}, 4);
    duel_sim.view(duel.memory, after);
    static const int32_t expected[] = {4, 2, 12, 1, 0, 3};
    assert_memory_equal(after, expected, sizeof(after));
    struct bytes_buf delta;
    bytes_buf_init(&delta, 256);
    assert_true(net_delta_encode(&delta, after, before, PLAYERS, DUEL_VALUES));
    assert_true(net_delta_decode(bytes_buf_span(&delta), before, PLAYERS, DUEL_VALUES, decoded));
    assert_memory_equal(decoded, after, sizeof(after));
    bytes_buf_finish(&delta);
    free(duel.memory);
}

static void a_recorded_duel_verifies(void **state)
{
    (void)state;
    struct duel duel;
    begin(&duel, 0);
    struct game_replay *replay = game_replay_begin(&duel_sim, &duel.setup);
    uint8_t inputs[PLAYERS];
    unsigned ticks = 0;
    for (; !duel_sim.finished(duel.memory); ticks++) {
        for (unsigned i = 0; i < PLAYERS; i++) {
            inputs[i] = (uint8_t)((ticks / 3 + i) % (DUEL_ADD_MAX + 1));
        }
        game_replay_inputs(replay, inputs);
        run(&duel, inputs, 1);
        game_replay_stepped(replay, duel.memory);
    }
    struct bytes_buf bytes;
    assert_true(game_replay_end(replay, duel.memory, &bytes));
    struct game_replay_report report;
    struct error error = {.text = ""};
    assert_true(game_replay_verify_with(bytes_buf_span(&bytes), &duel_sim, NULL, &report, &error));
    assert_int_equal(report.ticks, ticks);
    assert_true(report.final_hash == duel_sim.hash(duel.memory));
    assert_false(game_replay_verify(bytes_buf_span(&bytes), &report, &error));
    assert_string_equal(error.text, "the replay is of another game, duel");
    bytes_buf_finish(&bytes);
    free(duel.memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_to_reach_the_target_wins),
        cmocka_unit_test(nothing_counts_before_the_start),
        cmocka_unit_test(time_and_leaving_end_it_for_those_who_are_not_there),
        cmocka_unit_test(forged_inputs_are_brought_into_range),
        cmocka_unit_test(a_map_file_is_a_target),
        cmocka_unit_test(its_view_travels_as_a_delta),
        cmocka_unit_test(a_recorded_duel_verifies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
