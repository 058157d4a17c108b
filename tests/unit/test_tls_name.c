// SPDX-License-Identifier: MIT
// Which names stand for which hosts.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/base/bytes.h"
#include "net/tls_name.h"

struct pair {
    const char *pattern;
    const char *host;
};

static void names_match_in_either_case(void **state)
{
    static const struct pair cases[] = {
        {"nw.exitgames.local", "nw.exitgames.local"},
        {"NW.exitgames.local", "nw.EXITGAMES.local"},
        {"a", "A"},
        {"", ""},
        {"127.0.0.1", "127.0.0.1"},
        {"*", "*"},
    };
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        assert_true(net_tls_name_equal(cases[i].pattern, cases[i].host));
        assert_true(net_tls_name_matches(cases[i].pattern, cases[i].host));
    }
}

static void other_names_do_not_match(void **state)
{
    static const struct pair cases[] = {
        {"a.example.com", "b.example.com"},
        {"a.example.com", "a.example.co"},
        {"a.example.co", "a.example.com"},
        {"a", ""},
        {"", "a"},
        {"example.com", "a.example.com"},
        {"[", "{"}, // 32 apart, as upper and lower case are
        {"@", "`"},
    };
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        assert_false(net_tls_name_equal(cases[i].pattern, cases[i].host));
        assert_false(net_tls_name_matches(cases[i].pattern, cases[i].host));
    }
}

static void a_wildcard_is_exactly_one_label(void **state)
{
    static const struct pair good[] = {
        {"*.example.com", "a.example.com"},
        {"*.Example.com", "PHOTON.eXample.COM"},
        {"*.local", "x.local"},
        {"*.example.com", "*.example.com"},
    };
    static const struct pair bad[] = {
        {"*.example.com", "example.com"},
        {"*.example.com", ".example.com"},
        {"*.example.com", "a.b.example.com"},
        {"*.example.com", "a.example.org"},
        {"*.example.com", "a"},
        {"*.example.com", ""},
        {"a*.example.com", "ab.example.com"},
        {"a.*.example.com", "a.b.example.com"},
        {"*", "a"},
        {"*.", "a."},
        {"**.example.com", "a.example.com"},
    };
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(good); i++) {
        assert_true(net_tls_name_matches(good[i].pattern, good[i].host));
    }
    for (size_t i = 0; i < BASE_COUNT(bad); i++) {
        assert_false(net_tls_name_matches(bad[i].pattern, bad[i].host));
    }
    assert_false(net_tls_name_equal("*.example.com", "a.example.com"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_match_in_either_case),
        cmocka_unit_test(other_names_do_not_match),
        cmocka_unit_test(a_wildcard_is_exactly_one_label),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
