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
#include "game/replay.h"
#include "tests/support/race_field.h"
#include "tests/support/sim_duel.h"

#define RATE  60
#define KARTS 4

// Of a recording of game "race" on map "oval": where things stand.
#define AT_VERSION 4
#define AT_GAME    5
#define AT_MAP     10
#define AT_FIXED   15
#define AT_LAPS    (AT_FIXED + 20)
#define AT_RATE    (AT_FIXED + 22)
#define AT_RECORDS (AT_FIXED + 26)

static struct race_field field;

static struct game_sim_setup setup_of(unsigned karts, uint32_t time_limit_ticks)
{
    return (struct game_sim_setup){
        .map = race_sim.builtin_map(1),
        .seed = 3,
        .tick_rate = RATE,
        .entities = karts,
        .laps = 1,
        .time_limit_ticks = time_limit_ticks,
    };
}

static void record_tick(struct game_replay *replay)
{
    race_field_drive(&field);
    game_replay_inputs(replay, field.inputs);
    race_field_step(&field);
    game_replay_stepped(replay, field.state);
}

// A whole race, the third kart, if there is one, leaving on the way.
static struct bytes_buf record(const struct game_sim_setup *setup)
{
    race_field_init(&field, setup);
    struct game_replay *replay = game_replay_begin(&race_sim, setup);
    assert_non_null(replay);
    while (!race_sim.finished(field.state)) {
        if (field.ticks == 70 && setup->entities > 2) {
            game_replay_retire(replay, 2);
            race_sim.retire(field.state, 2);
        }
        record_tick(replay);
    }
    struct bytes_buf bytes;
    assert_true(game_replay_end(replay, field.state, &bytes));
    return bytes;
}

static void assert_refused(struct bytes_span bytes, const char *line)
{
    struct game_replay_report report;
    struct error error = {.text = ""};
    bool ok = game_replay_verify(bytes, &report, &error);
    assert_string_equal(error.text, line);
    assert_false(ok);
}

static void a_recorded_race_verifies(void **state)
{
    (void)state;
    struct game_sim_setup setup = setup_of(KARTS, 0);
    struct bytes_buf bytes = record(&setup);
    struct game_replay_report report;
    struct error error = {.text = ""};
    bool ok = game_replay_verify(bytes_buf_span(&bytes), &report, &error);
    assert_string_equal(error.text, "");
    assert_true(ok);
    assert_string_equal(report.game, "race");
    assert_string_equal(report.map, "oval");
    assert_int_equal(report.ticks, field.ticks);
    assert_int_equal(report.bad_tick, 0);
    assert_int_equal(report.hashes, field.ticks / 60 + 1);
    assert_true(report.final_hash == race_sim.hash(field.state));
    assert_ptr_equal(report.setup.map, setup.map);
    assert_int_equal(report.setup.entities, KARTS);
    assert_int_equal(report.setup.seed, 3);
    struct game_standing standings[KARTS];
    race_sim.standings(field.state, standings);
    for (unsigned i = 0; i < KARTS; i++) {
        assert_int_equal(report.standings[i].entity, standings[i].entity);
        assert_int_equal(report.standings[i].time_ms, standings[i].time_ms);
        assert_int_equal(report.standings[i].dnf, standings[i].dnf);
    }
    assert_int_equal(standings[KARTS - 1].dnf, GAME_DNF_LEFT);
    race_field_finish(&field);
    bytes_buf_finish(&bytes);
}

static void leaving_during_the_countdown_is_part_of_it(void **state)
{
    (void)state;
    struct game_sim_setup setup = setup_of(2, 90);
    void *memory = calloc(1, race_sim.state_bytes(&setup));
    race_sim.init(memory, &setup);
    struct game_replay *replay = game_replay_begin(&race_sim, &setup);
    game_replay_retire(replay, 0);
    race_sim.retire(memory, 0);
    race_sim.start(memory);
    static const uint8_t inputs[2 * RACE_INPUT_BYTES] = {255, 0, 0, 0, 255, 0, 0, 0};
    for (unsigned i = 0; i < 90; i++) {
        game_replay_inputs(replay, inputs);
        race_sim.step(memory, inputs);
        game_replay_stepped(replay, memory);
    }
    struct bytes_buf bytes;
    assert_true(game_replay_end(replay, memory, &bytes));
    // The same inputs over and over cost nothing: retire, inputs, one hash, the end.
    assert_int_equal(bytes.size, AT_RECORDS + 3 + (2 + 1 + 2 * 2) + 10 + 10);
    struct game_replay_report report;
    struct error error = {.text = ""};
    assert_true(game_replay_verify(bytes_buf_span(&bytes), &report, &error));
    bytes_buf_finish(&bytes);
    free(memory);
}

static void a_race_that_never_started_verifies_too(void **state)
{
    (void)state;
    struct game_sim_setup setup = setup_of(1, 0);
    void *memory = calloc(1, race_sim.state_bytes(&setup));
    race_sim.init(memory, &setup);
    struct game_replay *replay = game_replay_begin(&race_sim, &setup);
    struct bytes_buf bytes;
    assert_true(game_replay_end(replay, memory, &bytes));
    struct game_replay_report report;
    struct error error = {.text = ""};
    assert_true(game_replay_verify(bytes_buf_span(&bytes), &report, &error));
    assert_int_equal(report.ticks, 0);
    bytes_buf_finish(&bytes);
    free(memory);
}

static void without_a_recording_nothing_happens(void **state)
{
    (void)state;
    struct bytes_buf bytes;
    game_replay_inputs(NULL, NULL);
    game_replay_retire(NULL, 0);
    game_replay_stepped(NULL, NULL);
    game_replay_discard(NULL);
    assert_false(game_replay_end(NULL, NULL, &bytes));
    struct game_sim_setup setup = setup_of(1, 0);
    game_replay_discard(game_replay_begin(&race_sim, &setup)); // for the leak checker
}

// Whichever byte is changed, the replay is refused, but for the inputs that made no difference: the
// wheel of a kart that still stands on the grid.
static void no_byte_that_matters_can_be_changed(void **state)
{
    (void)state;
    struct game_sim_setup setup = setup_of(2, 130);
    struct bytes_buf bytes = record(&setup);
    uint8_t *data = bytes.memory + bytes.start;
    unsigned taken = 0;
    for (size_t i = 0; i < bytes.size; i++) {
        for (unsigned bit = 1; bit < 256; bit *= 16) {
            struct game_replay_report report;
            struct error error = {.text = ""};
            data[i] ^= (uint8_t)bit;
            if (game_replay_verify(bytes_buf_span(&bytes), &report, &error)) {
                assert_in_range(i, AT_RECORDS, AT_RECORDS + 12);
                taken++;
            } else {
                assert_true(strlen(error.text) > 10);
            }
            data[i] ^= (uint8_t)bit;
        }
    }
    assert_in_range(taken, 0, 4);
    race_field_finish(&field);
    bytes_buf_finish(&bytes);
}

static void no_part_of_it_is_a_replay(void **state)
{
    (void)state;
    struct game_sim_setup setup = setup_of(3, 130);
    struct bytes_buf bytes = record(&setup);
    struct bytes_span part = bytes_buf_span(&bytes);
    for (size_t size = 0; size < bytes.size; size++) {
        struct game_replay_report report;
        struct error error = {.text = ""};
        // A heap copy of the exact size, so that a read past the end is seen.
        uint8_t *copy = malloc(size + (size == 0));
        memcpy(copy, part.data, size);
        assert_false(game_replay_verify(bytes_of(copy, size), &report, &error));
        free(copy);
    }
    assert_true(bytes_buf_append_u8(&bytes, 0));
    assert_refused(bytes_buf_span(&bytes), "not a replay: bytes beyond the end after tick 130");
    race_field_finish(&field);
    bytes_buf_finish(&bytes);
}

static void a_different_course_of_the_race_is_named_by_its_tick(void **state)
{
    (void)state;
    struct game_sim_setup setup = setup_of(3, 130);
    struct bytes_buf bytes = record(&setup);
    bytes.memory[bytes.start + bytes.size - 1] ^= 1;
    struct game_replay_report report;
    struct error error = {.text = ""};
    assert_false(game_replay_verify(bytes_buf_span(&bytes), &report, &error));
    assert_int_equal(report.bad_tick, 130);
    assert_int_equal(report.hashes, 2);
    char line[160];
    uint64_t hash = race_sim.hash(field.state);
    snprintf(line, sizeof(line),
             "the race went differently: hash %016llx after tick 130, recorded was %016llx",
             (unsigned long long)hash, (unsigned long long)(hash ^ 1));
    assert_string_equal(error.text, line);
    race_field_finish(&field);
    bytes_buf_finish(&bytes);
}

static void a_wrong_setup_is_named(void **state)
{
    (void)state;
    struct game_sim_setup setup = setup_of(3, 130);
    struct bytes_buf bytes = record(&setup);
    static const char range[] = "not a replay: its setup is cut short or out of range";
    static const struct {
        size_t at;
        uint8_t value;
        const char *error;
    } rows[] = {
        {0, 'p', "not a replay: it does not begin with PDKR"},
        {AT_VERSION, 2, "a replay of version 2; only 1 is known"},
        {AT_VERSION, 0, "a replay of version 0; only 1 is known"},
        {AT_GAME, 0, range},
        {AT_GAME, 64, range},
        {AT_GAME + 1, 'l', "the replay is of another game, lace"},
        {AT_GAME + 2, 0, range},
        {AT_GAME + 2, ' ', range},
        {AT_GAME + 2, 0xe4, range},
        {AT_MAP + 1, 'e', "the replay is of another map, eval"},
        {AT_FIXED, 0, "the map oval is not as it was in the race"},
        {AT_LAPS, 1, range},     // 257
        {AT_LAPS + 1, 0, range}, //
        {AT_LAPS + 1, 100, range},
        {AT_RATE, 9, range},
        {AT_RATE, 129, range},
        {AT_RATE + 1, 0, range}, // entities
        {AT_RATE + 1, 65, range},
        {AT_RATE + 2, 5, "the replay is of another game, race"}, // input bytes
        {AT_RATE + 3, 61, range},                                // ticks from hash to hash
    };
    for (size_t i = 0; i < BASE_COUNT(rows); i++) {
        uint8_t *at = bytes.memory + bytes.start + rows[i].at;
        uint8_t before = *at;
        *at = rows[i].value;
        assert_refused(bytes_buf_span(&bytes), rows[i].error);
        *at = before;
    }
    race_field_finish(&field);
    bytes_buf_finish(&bytes);
}

// A replay made by hand: the setup of a real one, then these records.
static void wrong_records_are_named(void **state)
{
    (void)state;
    struct game_sim_setup setup = setup_of(3, 130);
    struct bytes_buf whole = record(&setup);
    race_field_finish(&field);
    static const struct {
        uint8_t records[32];
        size_t size;
        const char *error;
    } rows[] = {
        {{0}, 1, "not a replay: no end after tick 0"},
        {{0, 0}, 2, "not a replay: an unknown record after tick 0"},
        {{0, 5}, 2, "not a replay: an unknown record after tick 0"},
        {{0, 1}, 2, "not a replay: a hash missing or out of place after tick 0"},
        {{60, 4}, 2, "not a replay: a hash missing or out of place after tick 60"},
        {{61, 1}, 2, "not a replay: too many ticks after tick 60"},
        {{60, 1, 0, 0}, 4, "not a replay: no hash after tick 60"},
        {{5, 2, 3}, 3, "not a replay: nobody retired after tick 5"},
        {{5, 2}, 2, "not a replay: nobody retired after tick 5"},
        {{0, 3}, 2, "not a replay: wrong inputs after tick 0"},
        {{0, 3, 0}, 3, "not a replay: wrong inputs after tick 0"},          // nobody
        {{0, 3, 8, 1, 9}, 5, "not a replay: wrong inputs after tick 0"},    // a fourth of three
        {{0, 3, 1, 0}, 4, "not a replay: wrong inputs after tick 0"},       // nothing
        {{0, 3, 1, 16, 9}, 5, "not a replay: wrong inputs after tick 0"},   // a fifth byte
        {{0, 3, 1, 1, 0}, 5, "not a replay: wrong inputs after tick 0"},    // not changed
        {{0, 3, 1, 1}, 4, "not a replay: wrong inputs after tick 0"},       // cut
        {{0, 3, 1, 4, 0x80}, 5, "not a replay: wrong inputs after tick 0"}, // impossible
        {{0, 3, 1, 8, 2}, 5, "not a replay: wrong inputs after tick 0"},    // impossible
        {{0, 3, 1, 1, 9, 0, 3}, 7, "not a replay: inputs that no tick used after tick 0"},
        {{0, 3, 1, 1, 9, 0, 2, 0}, 8, "not a replay: inputs that no tick used after tick 0"},
        {{0, 3, 1, 1, 9, 0, 4}, 7, "not a replay: inputs that no tick used after tick 0"},
    };
    for (size_t i = 0; i < BASE_COUNT(rows); i++) {
        uint8_t bytes[AT_RECORDS + 32];
        memcpy(bytes, whole.memory + whole.start, AT_RECORDS);
        memcpy(bytes + AT_RECORDS, rows[i].records, rows[i].size);
        assert_refused(bytes_of(bytes, AT_RECORDS + rows[i].size), rows[i].error);
    }
    bytes_buf_finish(&whole);
}

static void a_map_that_is_not_built_in_must_be_handed_in(void **state)
{
    (void)state;
    const struct game_map *ring = race_ring_load();
    struct game_sim_setup setup = setup_of(3, 130);
    setup.map = ring;
    struct bytes_buf bytes = record(&setup);
    assert_refused(bytes_buf_span(&bytes), "the replay is of another map, ring");
    struct game_replay_report report;
    struct error error = {.text = ""};
    assert_true(game_replay_verify_with(bytes_buf_span(&bytes), NULL, ring, &report, &error));
    assert_false(game_replay_verify_with(bytes_buf_span(&bytes), &race_sim, race_sim.builtin_map(0),
                                         &report, &error));
    assert_false(game_replay_verify_with(bytes_buf_span(&bytes), &duel_sim, NULL, &report, &error));
    race_field_finish(&field);
    bytes_buf_finish(&bytes);
    race_sim.free_map(ring);
}

static void a_recording_too_large_is_given_up(void **state)
{
    (void)state;
    struct game_sim_setup setup = setup_of(64, 0);
    void *memory = calloc(1, race_sim.state_bytes(&setup));
    race_sim.init(memory, &setup);
    struct game_replay *replay = game_replay_begin(&race_sim, &setup);
    uint8_t inputs[64 * RACE_INPUT_BYTES];
    uint64_t random = 1;
    // Noise costs nearly 64 * 5 bytes a tick.
    for (unsigned tick = 0; tick < 15000; tick++) {
        for (unsigned i = 0; i < sizeof(inputs); i++) {
            inputs[i] = (uint8_t)race_random(&random);
        }
        game_replay_inputs(replay, inputs);
        game_replay_stepped(replay, memory);
    }
    struct bytes_buf bytes;
    assert_false(game_replay_end(replay, memory, &bytes));
    free(memory);
}

static void a_full_grid_for_five_minutes_fits(void **state)
{
    (void)state;
    struct game_sim_setup setup = setup_of(64, 300 * RATE);
    setup.laps = 99;
    struct bytes_buf bytes = record(&setup);
    assert_int_equal(field.ticks, 300 * RATE);
    assert_in_range(bytes.size, 1, GAME_REPLAY_BYTES_MAX);
    race_field_finish(&field);
    bytes_buf_finish(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_recorded_race_verifies),
        cmocka_unit_test(leaving_during_the_countdown_is_part_of_it),
        cmocka_unit_test(a_race_that_never_started_verifies_too),
        cmocka_unit_test(without_a_recording_nothing_happens),
        cmocka_unit_test(no_byte_that_matters_can_be_changed),
        cmocka_unit_test(no_part_of_it_is_a_replay),
        cmocka_unit_test(a_different_course_of_the_race_is_named_by_its_tick),
        cmocka_unit_test(a_wrong_setup_is_named),
        cmocka_unit_test(wrong_records_are_named),
        cmocka_unit_test(a_map_that_is_not_built_in_must_be_handed_in),
        cmocka_unit_test(a_recording_too_large_is_given_up),
        cmocka_unit_test(a_full_grid_for_five_minutes_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
