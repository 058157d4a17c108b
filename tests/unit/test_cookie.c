// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "net/cookie.h"
#include "tests/support/request_head.h"

static char value[17];

static enum net_cookie_verdict find(const char *fields)
{
    memset(value, 'x', sizeof(value));
    return net_cookie_find(request_head(fields), "AUTH", value, sizeof(value));
}

static void a_value_is_found_wherever_it_stands(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"Cookie: AUTH=abc\r\n", "abc"},
        {"cookie: a=b; AUTH=abc; c=d\r\n", "abc"},
        {"Cookie: a=b;AUTH=abc;\r\n", "abc"},
        {"Cookie: a=b\r\nCookie: AUTH=abc\r\n", "abc"},
        {"Cookie: AUTH=%61b%63\r\n", "abc"},
        {"Cookie: AUTH=a=b==\r\n", "a=b=="},
        {"Cookie: AUTH=\r\n", ""},
        {"Cookie: AUTH\r\n", ""},
        {"Cookie: AUTH=abc; AUTH=%61bc\r\n", "abc"},
        {"Cookie: AUTH=%2e%2e%2Fa\r\n", "../a"},
        {"Cookie: AUTH=0123456789abcdef\r\n", "0123456789abcdef"},
        {"Cookie: AUTH=%252e\r\n", "%2e"}, // one level
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        if (find(cases[i][0]) != NET_COOKIE_FOUND || strcmp(value, cases[i][1]) != 0) {
            fail_msg("%s: %s", cases[i][0], value);
        }
    }
}

static void other_cookies_are_not_it(void **state)
{
    (void)state;
    static const char zeros[sizeof(value)];
    static const char *const cases[] = {
        "Host: a\r\n",
        "Cookie:\r\n",
        "Cookie: ;;; \r\n",
        "Cookie: auth=abc\r\n",
        "Cookie: XAUTH=abc\r\n",
        "Cookie: AUTHX=abc; a=AUTH=abc\r\n",
        "X-Cookie: AUTH=abc\r\n",
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        assert_int_equal(find(cases[i]), NET_COOKIE_ABSENT);
        assert_memory_equal(value, zeros, sizeof(value));
    }
}

static void what_can_be_read_in_two_ways_is_unfit(void **state)
{
    (void)state;
    static const char zeros[sizeof(value)];
    static const char *const cases[] = {
        "Cookie: AUTH=abc; AUTH=abd\r\n",
        "Cookie: AUTH=abc; AUTH=ab\r\n",
        "Cookie: AUTH=abc; AUTH=abcd\r\n",
        "Cookie: AUTH=abc\r\nCookie: AUTH=abd\r\n",
        "Cookie: AUTH=0123456789abcdefg\r\n",
        "Cookie: AUTH=a%00\r\n",
        "Cookie: AUTH=a%\r\n",
        "Cookie: AUTH=a%4\r\n",
        "Cookie: AUTH=a%4g\r\n",
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        if (find(cases[i]) != NET_COOKIE_UNFIT) {
            fail_msg("%s", cases[i]);
        }
        assert_memory_equal(value, zeros, sizeof(value));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_is_found_wherever_it_stands),
        cmocka_unit_test(other_cookies_are_not_it),
        cmocka_unit_test(what_can_be_read_in_two_ways_is_unfit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
