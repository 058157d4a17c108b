// SPDX-License-Identifier: MIT
// Pauses: they double, they end at the ceiling, and no two sequences are alike.

#include "auth/backoff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static void pauses_double_up_to_the_ceiling_and_half_of_each_is_certain(void **state)
{
    (void)state;
    struct auth_backoff backoff;
    auth_backoff_init(&backoff, 1000, 7000, 1);
    static const uint64_t ceilings[] = {1000, 2000, 4000, 7000, 7000, 7000};
    for (size_t i = 0; i < sizeof(ceilings) / sizeof(ceilings[0]); i++) {
        assert_in_range(auth_backoff_next_ns(&backoff), ceilings[i] / 2, ceilings[i]);
    }
}

static void after_a_success_the_first_pause_comes_again(void **state)
{
    (void)state;
    struct auth_backoff backoff;
    auth_backoff_init(&backoff, 1000, 1000000, 1);
    for (unsigned i = 0; i < 8; i++) {
        (void)auth_backoff_next_ns(&backoff);
    }
    auth_backoff_reset(&backoff);
    assert_in_range(auth_backoff_next_ns(&backoff), 500, 1000);
}

static void a_first_pause_over_the_ceiling_is_cut(void **state)
{
    (void)state;
    struct auth_backoff backoff;
    auth_backoff_init(&backoff, 5000, 1000, 1);
    assert_in_range(auth_backoff_next_ns(&backoff), 500, 1000);
}

static void years_of_failures_do_not_overflow(void **state)
{
    (void)state;
    struct auth_backoff backoff;
    auth_backoff_init(&backoff, 1, UINT64_C(30000000000), 1);
    for (unsigned i = 0; i < 100000; i++) {
        assert_in_range(auth_backoff_next_ns(&backoff), 0, UINT64_C(30000000000));
    }
    assert_in_range(auth_backoff_next_ns(&backoff), UINT64_C(15000000000), UINT64_C(30000000000));
}

static void chance_fills_the_range_and_differs_from_server_to_server(void **state)
{
    (void)state;
    struct auth_backoff one, two;
    unsigned same = 0, low = 0;
    auth_backoff_init(&one, UINT64_C(1000000000), UINT64_C(1000000000), 0); // the kernel's chance
    auth_backoff_init(&two, UINT64_C(1000000000), UINT64_C(1000000000), 0);
    for (unsigned i = 0; i < 1000; i++) {
        uint64_t pause_ns = auth_backoff_next_ns(&one);
        same += pause_ns == auth_backoff_next_ns(&two);
        low += pause_ns < 750000000;
    }
    assert_in_range(same, 0, 2);
    assert_in_range(low, 400, 600);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pauses_double_up_to_the_ceiling_and_half_of_each_is_certain),
        cmocka_unit_test(after_a_success_the_first_pause_comes_again),
        cmocka_unit_test(a_first_pause_over_the_ceiling_is_cut),
        cmocka_unit_test(years_of_failures_do_not_overflow),
        cmocka_unit_test(chance_fills_the_range_and_differs_from_server_to_server),
    };
    return cmocka_run_group_tests_name("backoff", tests, NULL, NULL);
}
