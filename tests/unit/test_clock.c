// SPDX-License-Identifier: MIT
// The kernel's clock goes forward, the virtual one stands; wall times are written as RFC 3339.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "config/base/clock.h"

static void the_monotonic_clock_never_goes_back(void **state)
{
    (void)state;
    struct clock clock;
    clock_init_monotonic(&clock);
    uint64_t before = clock_now_ns(&clock);
    for (int i = 0; i < 1000; i++) {
        uint64_t now = clock_now_ns(&clock);
        assert_true(now >= before);
        before = now;
    }
    assert_true(before > 0);
    uint64_t wall_s = clock_wall_ms(&clock) / 1000;
    uint64_t system_s = (uint64_t)time(NULL);
    assert_true(wall_s <= system_s + 1 && wall_s + 2 >= system_s);
}

static void the_virtual_clock_stands_until_it_is_moved(void **state)
{
    (void)state;
    struct clock clock;
    clock_init_virtual(&clock, 5 * CLOCK_NS_PER_S);
    assert_int_equal(clock_now_ns(&clock), 5 * CLOCK_NS_PER_S);
    assert_int_equal(clock_now_ns(&clock), 5 * CLOCK_NS_PER_S);
    clock.virtual_now_ns += CLOCK_NS_PER_MS;
    assert_int_equal(clock_now_ns(&clock), 5 * CLOCK_NS_PER_S + CLOCK_NS_PER_MS);
}

static void virtual_wall_time_begins_in_2026(void **state)
{
    (void)state;
    struct clock clock;
    char text[CLOCK_TEXT_BYTES];
    clock_init_virtual(&clock, 0);
    clock_format_wall(clock_wall_ms(&clock), text);
    assert_string_equal(text, "2026-01-01T00:00:00.000Z");
    clock.virtual_now_ns = 1234 * CLOCK_NS_PER_MS;
    clock_format_wall(clock_wall_ms(&clock), text);
    assert_string_equal(text, "2026-01-01T00:00:01.234Z");
}

static void wall_times_at_the_edges_of_the_calendar(void **state)
{
    (void)state;
    char text[CLOCK_TEXT_BYTES];
    clock_format_wall(0, text);
    assert_string_equal(text, "1970-01-01T00:00:00.000Z");
    clock_format_wall(UINT64_C(951868799999), text);
    assert_string_equal(text, "2000-02-29T23:59:59.999Z");
    clock_format_wall(UINT64_C(253402300799999), text);
    assert_string_equal(text, "9999-12-31T23:59:59.999Z");
    clock_format_wall(UINT64_C(253402300800000), text);
    assert_string_equal(text, "9999-12-31T23:59:59.999Z");
    clock_format_wall(UINT64_MAX, text);
    assert_string_equal(text, "9999-12-31T23:59:59.999Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_monotonic_clock_never_goes_back),
        cmocka_unit_test(the_virtual_clock_stands_until_it_is_moved),
        cmocka_unit_test(virtual_wall_time_begins_in_2026),
        cmocka_unit_test(wall_times_at_the_edges_of_the_calendar),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
