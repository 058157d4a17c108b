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

// The hash of the race's state, for a fixed field on every built-in track, as recorded in
// tests/golden/race_hashes.txt. It must be the same with every compiler, optimisation and machine;
// tests/tools/check_golden builds this file in several ways for that. A change of the simulation
// changes it, on purpose or not: if on purpose, write the file anew with `--print`, and say so.
#define GOLDEN     "tests/golden/race_hashes.txt"
#define RATE       60
#define KARTS      8
#define LAPS       2
#define TICKS_MAX  (300 * RATE)
#define HASH_TICKS 1200
#define LINE_BYTES 64
#define LINES_MAX  64

static char lines[LINES_MAX][LINE_BYTES];
static unsigned line_count;

static void note(const char *map, const struct race_field *field)
{
    snprintf(lines[line_count++], LINE_BYTES, "%s %u %016llx\n", map, field->ticks,
             (unsigned long long)race_sim.hash(field->state));
}

static void run_all(void)
{
    static struct race_field field;
    const struct game_map *map;
    line_count = 0;
    for (unsigned i = 0; (map = race_sim.builtin_map(i)); i++) {
        struct game_sim_setup setup = {
            .map = map, .seed = 2026, .tick_rate = RATE, .entities = KARTS, .laps = LAPS};
        race_field_init(&field, &setup);
        while (!race_sim.finished(field.state) && field.ticks < TICKS_MAX) {
            race_field_drive(&field);
            race_field_step(&field);
            if (field.ticks % HASH_TICKS == 0) {
                note(map->name, &field);
            }
        }
        note(map->name, &field);
        race_field_finish(&field);
    }
}

static void the_race_goes_as_it_always_went(void **state)
{
    (void)state;
    FILE *file = fopen(GOLDEN, "r");
    assert_non_null(file);
    char line[LINE_BYTES];
    unsigned compared = 0;
    while (fgets(line, sizeof(line), file)) {
        assert_true(compared < line_count);
        assert_string_equal(lines[compared], line);
        compared++;
    }
    fclose(file);
    assert_int_equal(compared, line_count);
    assert_true(compared >= 9);
}

int main(int argc, char **argv)
{
    run_all();
    if (argc > 1 && strcmp(argv[1], "--print") == 0) {
        for (unsigned i = 0; i < line_count; i++) {
            fputs(lines[i], stdout);
        }
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_race_goes_as_it_always_went),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
