// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/bucket.h"

#define S CLOCK_NS_PER_S

static void a_new_bucket_holds_its_burst_and_no_more(void **state)
{
    (void)state;
    struct net_bucket bucket = {0};
    for (unsigned i = 0; i < 20; i++) {
        assert_true(net_bucket_take(&bucket, 5 * S, 10, 20, 1));
    }
    assert_false(net_bucket_take(&bucket, 5 * S, 10, 20, 1));
}

static void it_fills_at_its_rate(void **state)
{
    (void)state;
    struct net_bucket bucket = {0};
    assert_true(net_bucket_take(&bucket, 5 * S, 10, 20, 20));
    assert_false(net_bucket_take(&bucket, 5 * S + S / 10 - 1, 10, 20, 1));
    assert_true(net_bucket_take(&bucket, 5 * S + S / 10, 10, 20, 1));
    assert_false(net_bucket_take(&bucket, 5 * S + S / 10, 10, 20, 1));
}

static void a_refusal_costs_nothing(void **state)
{
    (void)state;
    struct net_bucket bucket = {0};
    assert_true(net_bucket_take(&bucket, 5 * S, 10, 20, 15));
    assert_false(net_bucket_take(&bucket, 5 * S, 10, 20, 6));
    assert_true(net_bucket_take(&bucket, 5 * S, 10, 20, 5));
}

static void it_never_saves_more_than_the_burst(void **state)
{
    (void)state;
    struct net_bucket bucket = {0};
    assert_true(net_bucket_take(&bucket, 5 * S, 10, 20, 20));
    assert_true(net_bucket_take(&bucket, 5000 * S, 10, 20, 20));
    assert_false(net_bucket_take(&bucket, 5000 * S, 10, 20, 1));
}

static void a_steady_rate_passes_for_ever(void **state)
{
    (void)state;
    struct net_bucket bucket = {0};
    for (uint64_t i = 0; i < 100000; i++) {
        assert_true(net_bucket_take(&bucket, 5 * S + i * S / 120, 120, 240, 1));
    }
}

static void the_largest_byte_budget_does_not_overflow(void **state)
{
    (void)state;
    struct net_bucket bucket = {0};
    assert_true(net_bucket_take(&bucket, S, 16777216, 33554432, 33554432));
    assert_false(net_bucket_take(&bucket, S, 16777216, 33554432, 16384));
    bucket = (struct net_bucket){0};
    assert_false(net_bucket_take(&bucket, S, 1024, 2048, 16384)); // more than the burst, ever
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_bucket_holds_its_burst_and_no_more),
        cmocka_unit_test(it_fills_at_its_rate),
        cmocka_unit_test(a_refusal_costs_nothing),
        cmocka_unit_test(it_never_saves_more_than_the_burst),
        cmocka_unit_test(a_steady_rate_passes_for_ever),
        cmocka_unit_test(the_largest_byte_budget_does_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
