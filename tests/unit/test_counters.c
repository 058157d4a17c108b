// SPDX-License-Identifier: MIT
// Cells are shared by name and label; the exposition is OpenMetrics 1.0 to the byte.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/base/clock.h"
#include "config/base/counters.h"

static int make_counters(void **state)
{
    *state = counters_create();
    return 0;
}

static int drop_counters(void **state)
{
    counters_destroy(*state);
    return 0;
}

static void assert_rendered(const struct counters *counters, const char *expected)
{
    struct bytes_buf out;
    bytes_buf_init(&out, 65536);
    assert_true(counters_render(counters, &out));
    assert_true(bytes_buf_append_u8(&out, 0));
    assert_string_equal((const char *)bytes_buf_span(&out).data, expected);
    bytes_buf_finish(&out);
}

static void nothing_registered_renders_as_the_end_mark(void **state)
{
    assert_rendered(*state, "# EOF\n");
}

static void the_same_name_and_label_give_the_same_cell(void **state)
{
    uint64_t *plain = counter_cell(*state, COUNTER_TOTAL, "joins", "Joins.", NULL, NULL);
    uint64_t *udp = counter_cell(*state, COUNTER_TOTAL, "joins", "Joins.", "transport", "udp");
    uint64_t *tcp = counter_cell(*state, COUNTER_TOTAL, "joins", "Joins.", "transport", "tcp");
    assert_ptr_equal(plain, counter_cell(*state, COUNTER_TOTAL, "joins", "Joins.", NULL, NULL));
    assert_ptr_equal(udp,
                     counter_cell(*state, COUNTER_TOTAL, "joins", "Joins.", "transport", "udp"));
    assert_ptr_not_equal(udp, tcp);
    assert_ptr_not_equal(plain, udp);
}

static void cells_stay_where_they_are_when_more_come(void **state)
{
    uint64_t *first = counter_cell(*state, COUNTER_TOTAL, "many", "Many.", "n", "first");
    for (int i = 0; i < 100; i++) {
        char value[16];
        snprintf(value, sizeof(value), "%d", i);
        *counter_cell(*state, COUNTER_TOTAL, "many", "Many.", "n", value) = 1;
    }
    *first = 42;
    assert_int_equal(*counter_cell(*state, COUNTER_TOTAL, "many", "Many.", "n", "first"), 42);
}

static void counters_and_gauges_render_exactly(void **state)
{
    *counter_cell(*state, COUNTER_TOTAL, "paddock_kicks", "Kicks by code.", "code", "4001") = 3;
    *counter_cell(*state, COUNTER_GAUGE, "paddock_players", "Players now.", NULL, NULL) = 7;
    *counter_cell(*state, COUNTER_TOTAL, "paddock_kicks", "Kicks by code.", "code", "4009") =
        UINT64_MAX;
    assert_rendered(*state, "# TYPE paddock_kicks counter\n"
                            "# HELP paddock_kicks Kicks by code.\n"
                            "paddock_kicks_total{code=\"4001\"} 3\n"
                            "paddock_kicks_total{code=\"4009\"} 18446744073709551615\n"
                            "# TYPE paddock_players gauge\n"
                            "# HELP paddock_players Players now.\n"
                            "paddock_players 7\n"
                            "# EOF\n");
}

static void labels_and_help_are_escaped(void **state)
{
    *counter_cell(*state, COUNTER_GAUGE, "g", "a \"b\" \\ c\nd", "l", "x\"y\\z\nw") = 1;
    assert_rendered(*state, "# TYPE g gauge\n"
                            "# HELP g a \\\"b\\\" \\\\ c\\nd\n"
                            "g{l=\"x\\\"y\\\\z\\nw\"} 1\n"
                            "# EOF\n");
}

static void a_histogram_renders_cumulative_buckets(void **state)
{
    struct histogram *histogram = histogram_cell(*state, "tick_seconds", "Tick time.");
    histogram_add(histogram, 50 * CLOCK_NS_PER_US);
    histogram_add(histogram, 50 * CLOCK_NS_PER_US + 1);
    histogram_add(histogram, 409600 * CLOCK_NS_PER_US);
    histogram_add(histogram, 2 * CLOCK_NS_PER_S);
    assert_rendered(*state, "# TYPE tick_seconds histogram\n"
                            "# HELP tick_seconds Tick time.\n"
                            "tick_seconds_bucket{le=\"0.00005\"} 1\n"
                            "tick_seconds_bucket{le=\"0.0001\"} 2\n"
                            "tick_seconds_bucket{le=\"0.0002\"} 2\n"
                            "tick_seconds_bucket{le=\"0.0004\"} 2\n"
                            "tick_seconds_bucket{le=\"0.0008\"} 2\n"
                            "tick_seconds_bucket{le=\"0.0016\"} 2\n"
                            "tick_seconds_bucket{le=\"0.0032\"} 2\n"
                            "tick_seconds_bucket{le=\"0.0064\"} 2\n"
                            "tick_seconds_bucket{le=\"0.0128\"} 2\n"
                            "tick_seconds_bucket{le=\"0.0256\"} 2\n"
                            "tick_seconds_bucket{le=\"0.0512\"} 2\n"
                            "tick_seconds_bucket{le=\"0.1024\"} 2\n"
                            "tick_seconds_bucket{le=\"0.2048\"} 2\n"
                            "tick_seconds_bucket{le=\"0.4096\"} 3\n"
                            "tick_seconds_bucket{le=\"+Inf\"} 4\n"
                            "tick_seconds_sum 2.409700001\n"
                            "tick_seconds_count 4\n"
                            "# EOF\n");
    assert_int_equal(histogram->max_ns, 2 * CLOCK_NS_PER_S);
    assert_ptr_equal(histogram, histogram_cell(*state, "tick_seconds", "Tick time."));
}

static void quantiles_are_bucket_bounds(void **state)
{
    struct histogram *histogram = histogram_cell(*state, "h_seconds", "H.");
    assert_int_equal(histogram_quantile_ns(histogram, 500), 0);
    for (int i = 0; i < 99; i++) {
        histogram_add(histogram, 150 * CLOCK_NS_PER_US);
    }
    histogram_add(histogram, CLOCK_NS_PER_S);
    assert_int_equal(histogram_quantile_ns(histogram, 0), 200 * CLOCK_NS_PER_US);
    assert_int_equal(histogram_quantile_ns(histogram, 990), 200 * CLOCK_NS_PER_US);
    assert_int_equal(histogram_quantile_ns(histogram, 991), CLOCK_NS_PER_S);
    assert_int_equal(histogram_quantile_ns(histogram, 1000), CLOCK_NS_PER_S);
}

static void an_output_that_is_too_small_is_told(void **state)
{
    *counter_cell(*state, COUNTER_GAUGE, "g", "h", "l", "v") = 1;
    histogram_add(histogram_cell(*state, "h_seconds", "h"), 1);
    struct bytes_buf out;
    bytes_buf_init(&out, 65536);
    assert_true(counters_render(*state, &out));
    size_t whole = out.size;
    bytes_buf_finish(&out);
    for (size_t limit = 1; limit < whole; limit++) {
        bytes_buf_init(&out, limit);
        assert_false(counters_render(*state, &out));
        bytes_buf_finish(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_registered_renders_as_the_end_mark, make_counters,
                                        drop_counters),
        cmocka_unit_test_setup_teardown(the_same_name_and_label_give_the_same_cell, make_counters,
                                        drop_counters),
        cmocka_unit_test_setup_teardown(cells_stay_where_they_are_when_more_come, make_counters,
                                        drop_counters),
        cmocka_unit_test_setup_teardown(counters_and_gauges_render_exactly, make_counters,
                                        drop_counters),
        cmocka_unit_test_setup_teardown(labels_and_help_are_escaped, make_counters, drop_counters),
        cmocka_unit_test_setup_teardown(a_histogram_renders_cumulative_buckets, make_counters,
                                        drop_counters),
        cmocka_unit_test_setup_teardown(quantiles_are_bucket_bounds, make_counters, drop_counters),
        cmocka_unit_test_setup_teardown(an_output_that_is_too_small_is_told, make_counters,
                                        drop_counters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
