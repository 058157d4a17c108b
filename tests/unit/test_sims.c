// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "game/sim.h"

static void the_race_is_found_by_its_name(void **state)
{
    (void)state;
    const struct game_sim *sim = game_sim_find("race");
    assert_non_null(sim);
    assert_string_equal(sim->name, "race");
}

static void an_unknown_name_finds_nothing(void **state)
{
    (void)state;
    assert_null(game_sim_find("rac"));
    assert_null(game_sim_find("races"));
    assert_null(game_sim_find("Race"));
    assert_null(game_sim_find(""));
}

// What a session takes for granted of every game, so that a new row cannot break it.
static void every_row_fits_the_seam(void **state)
{
    (void)state;
    const struct game_sim *sim = game_sim_find("race");
    assert_in_range(sim->input_bytes, 1, LIMIT_INPUT_BYTES);
    assert_in_range(sim->values_per_entity, 1, LIMIT_SNAPSHOT_VALUES / LIMIT_PLAYERS_PER_SESSION);
    for (unsigned i = 0; i < sim->values_per_entity; i++) {
        assert_non_null(sim->value_names[i]);
    }
    unsigned maps = 0;
    const struct game_map *map;
    while ((map = sim->builtin_map(maps))) {
        assert_in_range(map->data.size, 1, 4096);
        for (unsigned i = 0; i < maps; i++) {
            assert_string_not_equal(sim->builtin_map(i)->name, map->name);
        }
        maps++;
    }
    assert_true(maps >= 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_race_is_found_by_its_name),
        cmocka_unit_test(an_unknown_name_finds_nothing),
        cmocka_unit_test(every_row_fits_the_seam),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
