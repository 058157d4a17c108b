// SPDX-License-Identifier: MIT
// The circuit breaker at each of its edges, in virtual time.

#include "auth/breaker.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define MS           UINT64_C(1000000)
#define FAILURES_MAX 5
#define PROBE_MS     2000
#define PROBE_MAX_MS 30000
#define START        (1000 * MS)

static int set_up(void **state)
{
    static struct auth_breaker breaker;
    auth_breaker_init(&breaker, FAILURES_MAX, PROBE_MS * MS, PROBE_MAX_MS * MS, 1);
    *state = &breaker;
    return 0;
}

static void must_pass(struct auth_breaker *breaker, uint64_t now_ns)
{
    unsigned probe = 1;
    assert_true(auth_breaker_ask(breaker, now_ns, &probe));
    assert_int_equal(probe, 0);
}

static void must_stop(struct auth_breaker *breaker, uint64_t now_ns)
{
    unsigned probe;
    assert_false(auth_breaker_ask(breaker, now_ns, &probe));
}

static unsigned must_probe(struct auth_breaker *breaker, uint64_t now_ns)
{
    unsigned probe;
    assert_true(auth_breaker_ask(breaker, now_ns, &probe));
    assert_int_not_equal(probe, 0);
    return probe;
}

static void open_it(struct auth_breaker *breaker, uint64_t now_ns)
{
    for (unsigned i = 1; i <= FAILURES_MAX; i++) {
        must_pass(breaker, now_ns);
        assert_int_equal(auth_breaker_failed(breaker, 0, now_ns), i == FAILURES_MAX);
    }
}

static void the_fifth_failure_in_a_row_opens_it(void **state)
{
    struct auth_breaker *breaker = *state;
    open_it(breaker, START);
    assert_true(breaker->open);
    must_stop(breaker, START);
}

static void an_answer_in_between_begins_the_count_again(void **state)
{
    struct auth_breaker *breaker = *state;
    for (unsigned round = 0; round < 10; round++) {
        for (unsigned i = 1; i < FAILURES_MAX; i++) {
            assert_false(auth_breaker_failed(breaker, 0, START));
        }
        assert_false(auth_breaker_answered(breaker)); // was not open
    }
    assert_false(breaker->open);
    open_it(breaker, START);
}

static void a_limit_of_zero_never_opens_and_one_opens_at_once(void **state)
{
    (void)state;
    struct auth_breaker breaker;
    auth_breaker_init(&breaker, 0, PROBE_MS * MS, PROBE_MAX_MS * MS, 1);
    for (unsigned i = 0; i < 1000; i++) {
        assert_false(auth_breaker_failed(&breaker, 0, START));
    }
    must_pass(&breaker, START);
    auth_breaker_init(&breaker, 1, PROBE_MS * MS, PROBE_MAX_MS * MS, 1);
    assert_true(auth_breaker_failed(&breaker, 0, START));
}

static void exactly_one_probe_passes_from_the_nanosecond_on(void **state)
{
    struct auth_breaker *breaker = *state;
    open_it(breaker, START);
    uint64_t at_ns = breaker->probe_at_ns;
    assert_in_range(at_ns - START, PROBE_MS * MS, 2 * PROBE_MS * MS);
    must_stop(breaker, at_ns - 1);
    (void)must_probe(breaker, at_ns);
    must_stop(breaker, at_ns);
    must_stop(breaker, at_ns + 3600000 * MS); // while it is under way
}

static void an_answered_probe_closes_it(void **state)
{
    struct auth_breaker *breaker = *state;
    open_it(breaker, START);
    (void)must_probe(breaker, breaker->probe_at_ns);
    assert_true(auth_breaker_answered(breaker));
    must_pass(breaker, START);
    open_it(breaker, START); // the count begins again, and so do the pauses
    assert_in_range(breaker->probe_at_ns - START, PROBE_MS * MS, 2 * PROBE_MS * MS);
}

static void each_failed_probe_makes_the_pause_longer_up_to_the_ceiling(void **state)
{
    struct auth_breaker *breaker = *state;
    uint64_t now_ns = START;
    uint64_t ceiling_ms = 2 * PROBE_MS;
    open_it(breaker, now_ns);
    for (unsigned i = 0; i < 20; i++) {
        uint64_t pause_ns = breaker->probe_at_ns - now_ns;
        assert_in_range(pause_ns, ceiling_ms * MS / 2, ceiling_ms * MS);
        now_ns = breaker->probe_at_ns;
        assert_false(auth_breaker_failed(breaker, must_probe(breaker, now_ns), now_ns));
        ceiling_ms = ceiling_ms * 2 > PROBE_MAX_MS ? PROBE_MAX_MS : ceiling_ms * 2;
    }
    assert_true(breaker->open);
}

static void a_withdrawn_probe_makes_room_for_the_next_and_changes_nothing(void **state)
{
    struct auth_breaker *breaker = *state;
    open_it(breaker, START);
    uint64_t at_ns = breaker->probe_at_ns;
    unsigned first = must_probe(breaker, at_ns);
    auth_breaker_withdrawn(breaker, first);
    assert_true(breaker->open);
    assert_int_equal(breaker->probe_at_ns, at_ns);
    unsigned second = must_probe(breaker, at_ns);
    assert_int_not_equal(first, second);
    auth_breaker_withdrawn(breaker, first); // not the one under way
    must_stop(breaker, at_ns);
}

static void requests_from_before_the_opening(void **state)
{
    struct auth_breaker *breaker = *state;
    open_it(breaker, START);
    uint64_t at_ns = breaker->probe_at_ns;
    assert_false(auth_breaker_failed(breaker, 0, START + 1)); // nothing new
    assert_int_equal(breaker->probe_at_ns, at_ns);
    auth_breaker_withdrawn(breaker, 0);
    unsigned probe = must_probe(breaker, at_ns);
    assert_true(auth_breaker_answered(breaker)); // a late one: the backend is back
    must_pass(breaker, at_ns);
    // The probe is an ordinary request now; its failure is one of five.
    assert_false(auth_breaker_failed(breaker, probe, at_ns));
    assert_false(breaker->open);
    assert_int_equal(breaker->failures, 1);
}

static void a_probe_of_an_earlier_opening_is_not_taken_for_the_present_one(void **state)
{
    struct auth_breaker *breaker = *state;
    open_it(breaker, START);
    unsigned old = must_probe(breaker, breaker->probe_at_ns);
    assert_true(auth_breaker_answered(breaker));
    open_it(breaker, START);
    uint64_t at_ns = breaker->probe_at_ns;
    (void)must_probe(breaker, at_ns);
    assert_false(auth_breaker_failed(breaker, old, at_ns));
    assert_int_equal(breaker->probe_at_ns, at_ns);
    must_stop(breaker, at_ns);
}

static void the_numbers_of_probes_may_wrap(void **state)
{
    struct auth_breaker *breaker = *state;
    open_it(breaker, START);
    breaker->probes = UINT_MAX;
    unsigned probe = must_probe(breaker, breaker->probe_at_ns);
    auth_breaker_withdrawn(breaker, probe);
    assert_int_not_equal(must_probe(breaker, breaker->probe_at_ns), probe);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_fifth_failure_in_a_row_opens_it),
        TEST(an_answer_in_between_begins_the_count_again),
        TEST(a_limit_of_zero_never_opens_and_one_opens_at_once),
        TEST(exactly_one_probe_passes_from_the_nanosecond_on),
        TEST(an_answered_probe_closes_it),
        TEST(each_failed_probe_makes_the_pause_longer_up_to_the_ceiling),
        TEST(a_withdrawn_probe_makes_room_for_the_next_and_changes_nothing),
        TEST(requests_from_before_the_opening),
        TEST(a_probe_of_an_earlier_opening_is_not_taken_for_the_present_one),
        TEST(the_numbers_of_probes_may_wrap),
    };
    return cmocka_run_group_tests_name("breaker", tests, NULL, NULL);
}
