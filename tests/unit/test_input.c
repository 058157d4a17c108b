// SPDX-License-Identifier: MIT
// The window of one player's inputs. An input is two bytes here.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "game/input.h"

#define NEXT       1000u
#define SIZE       2
#define REPEAT_MAX 3

// Claims `tick` and writes `value` when it is taken.
static enum game_input_verdict offer(struct game_inputs *inputs, uint32_t tick, uint32_t next,
                                     uint8_t value)
{
    uint8_t *cell = NULL;
    enum game_input_verdict verdict = game_inputs_claim(inputs, tick, next, &cell);
    assert_int_equal(cell != NULL, verdict == GAME_INPUT_TAKEN);
    if (cell) {
        memset(cell, value, SIZE);
    }
    return verdict;
}

// The value in use for `tick`; both bytes must agree and nothing beyond `size` may be written.
static unsigned taken(struct game_inputs *inputs, uint32_t tick)
{
    uint8_t input[SIZE + 1] = {0xee, 0xee, 0xee};
    game_inputs_take(inputs, tick, REPEAT_MAX, input, SIZE);
    assert_int_equal(input[0], input[1]);
    assert_int_equal(input[SIZE], 0xee);
    return input[0];
}

static void the_window_reaches_from_the_next_tick_over_its_whole_size(void **state)
{
    (void)state;
    static const struct {
        uint32_t tick;
        enum game_input_verdict verdict;
    } rows[] = {
        {0, GAME_INPUT_AGAIN}, // never runs: no tick is older than "none yet"
        {1, GAME_INPUT_LATE},
        {NEXT - 1, GAME_INPUT_LATE},
        {NEXT, GAME_INPUT_TAKEN},
        {NEXT + GAME_INPUT_WINDOW - 1, GAME_INPUT_TAKEN},
        {NEXT + GAME_INPUT_WINDOW, GAME_INPUT_FAR},
        {UINT32_MAX, GAME_INPUT_FAR},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct game_inputs inputs;
        game_inputs_clear(&inputs);
        assert_int_equal(offer(&inputs, rows[i].tick, NEXT, 1), rows[i].verdict);
    }
}

static void a_full_window_comes_out_tick_by_tick(void **state)
{
    (void)state;
    struct game_inputs inputs;
    game_inputs_clear(&inputs);
    for (uint32_t i = GAME_INPUT_WINDOW; i-- > 0;) {
        assert_int_equal(offer(&inputs, NEXT + i, NEXT, (uint8_t)(i + 1)), GAME_INPUT_TAKEN);
    }
    for (uint32_t i = 0; i < GAME_INPUT_WINDOW; i++) {
        assert_int_equal(taken(&inputs, NEXT + i), i + 1);
    }
}

static void the_first_copy_counts(void **state)
{
    (void)state;
    struct game_inputs inputs;
    game_inputs_clear(&inputs);
    assert_int_equal(offer(&inputs, NEXT, NEXT, 1), GAME_INPUT_TAKEN);
    assert_int_equal(offer(&inputs, NEXT, NEXT, 2), GAME_INPUT_AGAIN);
    assert_int_equal(taken(&inputs, NEXT), 1);
}

static void a_copy_of_what_has_run_is_redundant_and_not_late(void **state)
{
    (void)state;
    struct game_inputs inputs;
    game_inputs_clear(&inputs);
    offer(&inputs, NEXT, NEXT, 1);
    taken(&inputs, NEXT);
    assert_int_equal(offer(&inputs, NEXT, NEXT + 1, 1), GAME_INPUT_AGAIN);
    assert_int_equal(inputs.late, 0);
}

static void what_comes_first_after_its_tick_is_late_once(void **state)
{
    (void)state;
    struct game_inputs inputs;
    game_inputs_clear(&inputs);
    taken(&inputs, NEXT);
    assert_int_equal(offer(&inputs, NEXT, NEXT + 1, 1), GAME_INPUT_LATE);
    assert_int_equal(offer(&inputs, NEXT, NEXT + 1, 1), GAME_INPUT_AGAIN);
    assert_int_equal(inputs.late, 1);
    assert_int_equal(taken(&inputs, NEXT + 1), 0); // changed nothing
}

static void refused_inputs_leave_no_trace(void **state)
{
    (void)state;
    struct game_inputs inputs;
    game_inputs_clear(&inputs);
    struct game_inputs before = inputs;
    assert_int_equal(offer(&inputs, NEXT + GAME_INPUT_WINDOW, NEXT, 9), GAME_INPUT_FAR);
    assert_memory_equal(&inputs, &before, sizeof(before));
}

static void a_missing_input_repeats_the_last_one_then_lets_go(void **state)
{
    (void)state;
    struct game_inputs inputs;
    game_inputs_clear(&inputs);
    offer(&inputs, NEXT, NEXT, 7);
    assert_int_equal(taken(&inputs, NEXT), 7);
    for (uint32_t i = 1; i <= REPEAT_MAX; i++) {
        assert_int_equal(taken(&inputs, NEXT + i), 7);
    }
    assert_int_equal(taken(&inputs, NEXT + REPEAT_MAX + 1), 0);
    assert_int_equal(taken(&inputs, NEXT + REPEAT_MAX + 2), 0);
}

static void a_new_input_begins_the_repeating_anew(void **state)
{
    (void)state;
    struct game_inputs inputs;
    game_inputs_clear(&inputs);
    uint32_t tick = NEXT;
    for (unsigned round = 0; round < 3; round++) {
        offer(&inputs, tick, tick, 7);
        for (uint32_t i = 0; i <= REPEAT_MAX; i++) {
            assert_int_equal(taken(&inputs, tick++), 7);
        }
    }
    assert_int_equal(taken(&inputs, tick), 0);
}

static void whoever_never_sent_anything_holds_nothing(void **state)
{
    (void)state;
    struct game_inputs inputs;
    game_inputs_clear(&inputs);
    assert_int_equal(taken(&inputs, NEXT), 0);
}

// Cells are used again every GAME_INPUT_WINDOW ticks; what was never taken must not come back.
static void a_stale_cell_is_no_input_for_the_next_lap_of_the_ring(void **state)
{
    (void)state;
    struct game_inputs inputs;
    game_inputs_clear(&inputs);
    offer(&inputs, NEXT + 5, NEXT, 7); // never taken: as in a countdown
    assert_int_equal(taken(&inputs, NEXT + 5 + GAME_INPUT_WINDOW), 0);
    assert_int_equal(offer(&inputs, NEXT + 5 + GAME_INPUT_WINDOW, NEXT + 5 + GAME_INPUT_WINDOW, 8),
                     GAME_INPUT_TAKEN);
    assert_int_equal(taken(&inputs, NEXT + 5 + GAME_INPUT_WINDOW), 8);
}

static void the_report_has_the_least_margin_of_first_arrivals(void **state)
{
    (void)state;
    struct game_inputs inputs;
    game_inputs_clear(&inputs);
    assert_false(inputs.margin_known);
    offer(&inputs, NEXT + 9, NEXT, 1);
    assert_int_equal(inputs.margin_ticks, 9);
    offer(&inputs, NEXT + 10, NEXT + 4, 1);
    assert_int_equal(inputs.margin_ticks, 6);
    offer(&inputs, NEXT + 10, NEXT + 10, 1); // a copy says nothing about the margin
    assert_int_equal(inputs.margin_ticks, 6);
    offer(&inputs, NEXT + 20, NEXT + 25, 1);
    assert_int_equal(inputs.margin_ticks, -5);
    assert_int_equal(inputs.newest_tick, NEXT + 20);
    assert_int_equal(inputs.late, 1);
}

// The tick that is named is the client's own claim; the margin is turned into 32 bits of
// milliseconds.
static void a_margin_has_a_floor_however_old_the_tick_is(void **state)
{
    (void)state;
    static const uint32_t now[] = {5000, 3000000, UINT32_MAX};
    for (size_t i = 0; i < sizeof(now) / sizeof(now[0]); i++) {
        struct game_inputs inputs;
        game_inputs_clear(&inputs);
        assert_int_equal(offer(&inputs, 1, now[i], 1), GAME_INPUT_LATE);
        assert_int_equal(inputs.margin_ticks, -4096);
    }
}

// With the newest a message carries older inputs that were lost on the way: they come with less
// lead than the client gave them, and must not make it lead more.
static void older_inputs_that_come_with_the_newest_do_not_count_for_the_margin(void **state)
{
    (void)state;
    struct game_inputs inputs;
    game_inputs_clear(&inputs);
    offer(&inputs, NEXT + 9, NEXT, 1);
    assert_int_equal(offer(&inputs, NEXT, NEXT, 1), GAME_INPUT_TAKEN);
    assert_int_equal(inputs.margin_ticks, 9);
}

static void a_new_report_begins_empty_but_knows_the_newest_tick(void **state)
{
    (void)state;
    struct game_inputs inputs;
    game_inputs_clear(&inputs);
    offer(&inputs, NEXT, NEXT + 1, 1);
    game_inputs_reported(&inputs);
    assert_false(inputs.margin_known);
    assert_int_equal(inputs.late, 0);
    assert_int_equal(inputs.newest_tick, NEXT);
    offer(&inputs, NEXT + 4, NEXT + 1, 1);
    assert_int_equal(inputs.margin_ticks, 3);
}

static void clearing_forgets_everything(void **state)
{
    (void)state;
    struct game_inputs inputs, fresh;
    game_inputs_clear(&fresh);
    game_inputs_clear(&inputs);
    offer(&inputs, NEXT, NEXT, 7);
    offer(&inputs, NEXT + 1, NEXT, 7);
    taken(&inputs, NEXT);
    game_inputs_clear(&inputs);
    assert_memory_equal(inputs.cells, fresh.cells, sizeof(fresh.cells));
    assert_int_equal(taken(&inputs, NEXT + 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_window_reaches_from_the_next_tick_over_its_whole_size),
        cmocka_unit_test(a_full_window_comes_out_tick_by_tick),
        cmocka_unit_test(the_first_copy_counts),
        cmocka_unit_test(a_copy_of_what_has_run_is_redundant_and_not_late),
        cmocka_unit_test(what_comes_first_after_its_tick_is_late_once),
        cmocka_unit_test(refused_inputs_leave_no_trace),
        cmocka_unit_test(a_missing_input_repeats_the_last_one_then_lets_go),
        cmocka_unit_test(a_new_input_begins_the_repeating_anew),
        cmocka_unit_test(whoever_never_sent_anything_holds_nothing),
        cmocka_unit_test(a_stale_cell_is_no_input_for_the_next_lap_of_the_ring),
        cmocka_unit_test(the_report_has_the_least_margin_of_first_arrivals),
        cmocka_unit_test(a_margin_has_a_floor_however_old_the_tick_is),
        cmocka_unit_test(older_inputs_that_come_with_the_newest_do_not_count_for_the_margin),
        cmocka_unit_test(a_new_report_begins_empty_but_knows_the_newest_tick),
        cmocka_unit_test(clearing_forgets_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
