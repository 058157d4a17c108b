// SPDX-License-Identifier: MIT
// Error lines are cut, never overrun, and a list of them is bounded.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/base/error.h"

static void setting_an_error_returns_false_and_keeps_the_line(void **state)
{
    (void)state;
    struct error error;
    assert_false(error_set(&error, "port %d is taken", 7777));
    assert_string_equal(error.text, "port 7777 is taken");
    assert_false(error_set(NULL, "nobody asks"));
    assert_false(error_prefix(NULL, "nobody asks"));
}

static void a_prefix_goes_in_front(void **state)
{
    (void)state;
    struct error error;
    error_set(&error, "no such file");
    assert_false(error_prefix(&error, "--tls-cert=%s", "a.pem"));
    assert_string_equal(error.text, "--tls-cert=a.pem: no such file");
}

static void long_lines_are_cut_and_terminated(void **state)
{
    (void)state;
    struct error error;
    char text[2 * ERROR_TEXT_BYTES];
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    error_set(&error, "%s", text);
    assert_int_equal(strlen(error.text), ERROR_TEXT_BYTES - 1);
    error_prefix(&error, "here");
    assert_int_equal(strlen(error.text), ERROR_TEXT_BYTES - 1);
    assert_memory_equal(error.text, "here: xxx", 9);
    error_prefix(&error, "%s", text);
    assert_int_equal(strlen(error.text), ERROR_TEXT_BYTES - 1);
}

static void a_full_list_goes_on_counting(void **state)
{
    (void)state;
    static struct error_list list;
    for (int i = 0; i < ERROR_LIST_MAX + 5; i++) {
        error_list_add(&list, "problem %d", i);
    }
    assert_int_equal(list.count, ERROR_LIST_MAX + 5);
    assert_string_equal(list.lines[0].text, "problem 0");
    assert_string_equal(list.lines[ERROR_LIST_MAX - 1].text, "problem 31");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(setting_an_error_returns_false_and_keeps_the_line),
        cmocka_unit_test(a_prefix_goes_in_front),
        cmocka_unit_test(long_lines_are_cut_and_terminated),
        cmocka_unit_test(a_full_list_goes_on_counting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
