// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/base/bytes.h"
#include "config/base/clock.h"
#include "game/tick.h"

#define START_NS (7 * CLOCK_NS_PER_S + 123)

struct fixture {
    struct counters *counters;
    struct game_tick tick;
};

static void start(struct fixture *fixture, unsigned rate, unsigned catch_up_max)
{
    *fixture = (struct fixture){.counters = counters_create()};
    game_tick_init(&fixture->tick, rate, catch_up_max, fixture->counters);
    game_tick_start(&fixture->tick, START_NS);
}

static void finish(struct fixture *fixture)
{
    counters_destroy(fixture->counters);
}

static void an_hour_at_any_rate_ends_on_the_nanosecond(void **state)
{
    (void)state;
    static const unsigned rates[] = {10, 30, 59, 60, 64, 128};
    for (size_t i = 0; i < BASE_COUNT(rates); i++) {
        struct fixture f;
        start(&f, rates[i], 5);
        uint32_t last = 3600 * rates[i];
        for (uint32_t n = 1; n <= last; n++) {
            uint64_t due_ns = game_tick_deadline_ns(&f.tick);
            assert_int_equal(game_tick_due(&f.tick, due_ns - 1), 0);
            assert_int_equal(game_tick_due(&f.tick, due_ns), 1);
            assert_int_equal(game_tick_begin(&f.tick, due_ns), n);
        }
        assert_int_equal(f.tick.last_run_ns, START_NS + 3600 * CLOCK_NS_PER_S);
        assert_int_equal(*f.tick.run, last);
        assert_int_equal(*f.tick.skipped, 0);
        assert_int_equal(f.tick.lateness->max_ns, 0);
        finish(&f);
    }
}

static void small_delays_do_not_add_up(void **state)
{
    (void)state;
    struct fixture f;
    start(&f, 60, 5);
    for (uint32_t n = 1; n <= 6000; n++) {
        uint64_t now_ns = game_tick_deadline_ns(&f.tick) + n % 7 * CLOCK_NS_PER_MS;
        assert_int_equal(game_tick_due(&f.tick, now_ns), 1);
        assert_int_equal(game_tick_begin(&f.tick, now_ns), n);
    }
    // Tick 6001 is due 100 s and one period after the start, as if nothing had been late.
    assert_int_equal(game_tick_deadline_ns(&f.tick), START_NS + 6001 * CLOCK_NS_PER_S / 60);
    assert_int_equal(f.tick.lateness->max_ns, 6 * CLOCK_NS_PER_MS);
    finish(&f);
}

// Wakes up `late` whole periods after the next deadline and runs what is due.
static unsigned wake_late(struct game_tick *tick, unsigned periods_late)
{
    uint64_t now_ns =
        game_tick_deadline_ns(tick) + periods_late * CLOCK_NS_PER_S / tick->rate + CLOCK_NS_PER_US;
    unsigned due = game_tick_due(tick, now_ns);
    for (unsigned i = 0; i < due; i++) {
        game_tick_begin(tick, now_ns);
    }
    return due;
}

static void missed_ticks_run_at_once_up_to_the_cap(void **state)
{
    (void)state;
    static const struct {
        unsigned periods_late, run, skipped;
    } rows[] = {{0, 1, 0}, {1, 2, 0}, {3, 4, 0}, {4, 5, 0}, {5, 5, 1}, {6, 5, 2}, {600, 5, 596}};
    for (size_t i = 0; i < BASE_COUNT(rows); i++) {
        struct fixture f;
        start(&f, 60, 5);
        assert_int_equal(wake_late(&f.tick, rows[i].periods_late), rows[i].run);
        assert_int_equal(*f.tick.run, rows[i].run);
        assert_int_equal(*f.tick.skipped, rows[i].skipped);
        assert_int_equal(f.tick.next, rows[i].run + 1); // numbers never jump
        finish(&f);
    }
}

static void after_skipping_the_pace_is_the_normal_one(void **state)
{
    (void)state;
    struct fixture f;
    start(&f, 60, 5);
    wake_late(&f.tick, 600);
    uint64_t now_ns = f.tick.last_run_ns;
    assert_int_equal(game_tick_due(&f.tick, now_ns), 0);
    uint64_t due_ns = game_tick_deadline_ns(&f.tick);
    assert_true(due_ns > now_ns && due_ns - now_ns <= CLOCK_NS_PER_S / 60);
    assert_int_equal(game_tick_due(&f.tick, due_ns), 1);
    finish(&f);
}

// A machine that is asleep for long must not make the arithmetic overflow.
static void a_sleep_of_a_year_is_skipped_whole(void **state)
{
    (void)state;
    struct fixture f;
    start(&f, 128, 1);
    uint64_t year_s = UINT64_C(365) * 24 * 3600;
    uint64_t now_ns = game_tick_deadline_ns(&f.tick) + year_s * CLOCK_NS_PER_S;
    assert_int_equal(game_tick_due(&f.tick, now_ns), 1);
    assert_int_equal(*f.tick.skipped, year_s * 128);
    assert_int_equal(game_tick_begin(&f.tick, now_ns), 1);
    assert_int_equal(f.tick.lateness->max_ns, 0);
    finish(&f);
}

static void lateness_is_measured_from_each_ticks_own_deadline(void **state)
{
    (void)state;
    struct fixture f;
    start(&f, 10, 5);
    uint64_t now_ns = START_NS + 250 * CLOCK_NS_PER_MS;
    assert_int_equal(game_tick_due(&f.tick, now_ns), 2);
    game_tick_begin(&f.tick, now_ns);
    assert_int_equal(f.tick.lateness->max_ns, 150 * CLOCK_NS_PER_MS);
    game_tick_begin(&f.tick, now_ns);
    assert_int_equal(f.tick.lateness->count, 2);
    assert_int_equal(f.tick.lateness->sum_ns, (150 + 50) * CLOCK_NS_PER_MS);
    finish(&f);
}

static void a_stopped_tick_is_never_due(void **state)
{
    (void)state;
    struct fixture f;
    start(&f, 60, 5);
    game_tick_stop(&f.tick);
    assert_true(game_tick_deadline_ns(&f.tick) == CLOCK_NEVER);
    assert_int_equal(game_tick_due(&f.tick, START_NS + 3600 * CLOCK_NS_PER_S), 0);
    assert_int_equal(*f.tick.skipped, 0);
    finish(&f);
}

static void numbers_go_on_after_a_stop_and_the_pause_is_not_made_up(void **state)
{
    (void)state;
    struct fixture f;
    start(&f, 60, 5);
    assert_int_equal(wake_late(&f.tick, 2), 3);
    game_tick_stop(&f.tick);
    uint64_t later_ns = START_NS + 3600 * CLOCK_NS_PER_S;
    game_tick_start(&f.tick, later_ns);
    assert_int_equal(game_tick_deadline_ns(&f.tick), later_ns + CLOCK_NS_PER_S / 60);
    assert_int_equal(game_tick_due(&f.tick, later_ns), 0);
    assert_int_equal(game_tick_begin(&f.tick, game_tick_deadline_ns(&f.tick)), 4);
    finish(&f);
}

static void starting_a_running_tick_changes_nothing(void **state)
{
    (void)state;
    struct fixture f;
    start(&f, 60, 5);
    uint64_t due_ns = game_tick_deadline_ns(&f.tick);
    game_tick_start(&f.tick, due_ns - 1);
    assert_int_equal(game_tick_deadline_ns(&f.tick), due_ns);
    finish(&f);
}

// ---- reading ahead

static void a_tick(struct fixture *f, uint64_t reading_ns)
{
    uint64_t now_ns = game_tick_deadline_ns(&f->tick);
    assert_int_equal(game_tick_due(&f->tick, now_ns), 1);
    game_tick_read(&f->tick, reading_ns);
    game_tick_begin(&f->tick, now_ns);
    game_tick_end(&f->tick, CLOCK_NS_PER_MS);
}

static void what_is_read_at_once_is_read_at_the_tick(void **state)
{
    (void)state;
    struct fixture f;
    start(&f, 60, 5);
    a_tick(&f, CLOCK_NS_PER_MS / 4 - 1);
    uint64_t due_ns = game_tick_deadline_ns(&f.tick);
    assert_int_equal(game_tick_wake_ns(&f.tick), due_ns);
    assert_false(game_tick_reads_ahead(&f.tick, due_ns - 1));
    assert_false(game_tick_reads_ahead(&f.tick, due_ns));
    finish(&f);
}

static void much_to_read_is_begun_with_before_the_tick_once(void **state)
{
    (void)state;
    struct fixture f;
    start(&f, 60, 5);
    a_tick(&f, CLOCK_NS_PER_MS);
    uint64_t due_ns = game_tick_deadline_ns(&f.tick);
    uint64_t wake_ns = game_tick_wake_ns(&f.tick);
    assert_int_equal(due_ns - wake_ns, CLOCK_NS_PER_MS + CLOCK_NS_PER_MS / 2);
    assert_false(game_tick_reads_ahead(&f.tick, wake_ns - 1));
    assert_int_equal(game_tick_due(&f.tick, wake_ns), 0);
    assert_true(game_tick_reads_ahead(&f.tick, wake_ns));
    assert_int_equal(game_tick_wake_ns(&f.tick), due_ns);
    assert_false(game_tick_reads_ahead(&f.tick, wake_ns + 1));
    // Both parts count for the next one.
    game_tick_read(&f.tick, CLOCK_NS_PER_MS);
    a_tick(&f, CLOCK_NS_PER_MS);
    assert_int_equal(f.tick.duration->max_ns, 3 * CLOCK_NS_PER_MS);
    due_ns = game_tick_deadline_ns(&f.tick);
    assert_int_equal(due_ns - game_tick_wake_ns(&f.tick),
                     2 * CLOCK_NS_PER_MS + CLOCK_NS_PER_MS / 2);
    finish(&f);
}

static void reading_ahead_takes_a_quarter_of_the_time_at_most(void **state)
{
    (void)state;
    struct fixture f;
    start(&f, 100, 5);
    a_tick(&f, 9 * CLOCK_NS_PER_MS);
    uint64_t due_ns = game_tick_deadline_ns(&f.tick);
    assert_int_equal(due_ns - game_tick_wake_ns(&f.tick), CLOCK_NS_PER_S / 100 / 4);
    // Who wakes up after the deadline reads at the tick.
    assert_false(game_tick_reads_ahead(&f.tick, due_ns));
    finish(&f);
}

static void a_tick_that_starts_anew_has_nothing_to_read_ahead(void **state)
{
    (void)state;
    struct fixture f;
    start(&f, 60, 5);
    a_tick(&f, CLOCK_NS_PER_MS);
    game_tick_stop(&f.tick);
    assert_true(game_tick_wake_ns(&f.tick) == CLOCK_NEVER);
    assert_false(game_tick_reads_ahead(&f.tick, START_NS + CLOCK_NS_PER_S));
    game_tick_start(&f.tick, START_NS + CLOCK_NS_PER_S);
    assert_int_equal(game_tick_wake_ns(&f.tick), game_tick_deadline_ns(&f.tick));
    finish(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_hour_at_any_rate_ends_on_the_nanosecond),
        cmocka_unit_test(small_delays_do_not_add_up),
        cmocka_unit_test(missed_ticks_run_at_once_up_to_the_cap),
        cmocka_unit_test(after_skipping_the_pace_is_the_normal_one),
        cmocka_unit_test(a_sleep_of_a_year_is_skipped_whole),
        cmocka_unit_test(lateness_is_measured_from_each_ticks_own_deadline),
        cmocka_unit_test(a_stopped_tick_is_never_due),
        cmocka_unit_test(numbers_go_on_after_a_stop_and_the_pause_is_not_made_up),
        cmocka_unit_test(starting_a_running_tick_changes_nothing),
        cmocka_unit_test(what_is_read_at_once_is_read_at_the_tick),
        cmocka_unit_test(much_to_read_is_begun_with_before_the_tick_once),
        cmocka_unit_test(reading_ahead_takes_a_quarter_of_the_time_at_most),
        cmocka_unit_test(a_tick_that_starts_anew_has_nothing_to_read_ahead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
