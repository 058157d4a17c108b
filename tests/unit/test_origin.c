// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "config/config.h"
#include "config/origin.h"

static void a_rule_matches_what_it_names_and_no_lookalike(void **state)
{
    (void)state;
    static const struct {
        const char *rule, *origin;
        bool matches;
    } cases[] = {
        {"https://wcs.example.com", "https://wcs.example.com", true},
        {"https://wcs.example.com", "HTTPS://WCS.Example.COM", true},
        {"https://wcs.example.com", "https://wcs.example.com:443", true},
        {"https://wcs.example.com:443", "https://wcs.example.com", true},
        {"http://wcs.example.com", "http://wcs.example.com:80", true},
        {"https://wcs.example.com", "https://wcs.example.com:8443", false},
        {"https://wcs.example.com:8443", "https://wcs.example.com:8443", true},
        {"https://wcs.example.com:*", "https://wcs.example.com:8443", true},
        {"https://wcs.example.com:*", "https://wcs.example.com", true},
        {"https://wcs.example.com", "http://wcs.example.com", false},
        {"https://wcs.example.com", "https://wcs.example.com.evil.tld", false},
        {"https://wcs.example.com", "https://evilwcs.example.com", false},
        {"https://wcs.example.com", "https://wcs.example.com@evil.tld", false},
        {"https://wcs.example.com", "https://evil.tld/https://wcs.example.com", false},
        {"https://wcs.example.com", "https://wcs.example.com/", false},
        {"https://wcs.example.com", "https://wcs.example.com.", false},
        {"https://wcs.example.com", "https://wcs.example.com:", false},
        {"https://wcs.example.com", "https://wcs.example.com:0443", false},
        {"https://wcs.example.com", " https://wcs.example.com", false},
        {"https://wcs.example.com", "https://wcs.example.com, https://wcs.example.com", false},
        {"https://wcs.example.com", "https://", false},
        {"https://wcs.example.com", "wcs.example.com", false},
        {"https://wcs.example.com", "", false},
        {"https://*.example.com", "https://a.example.com", true},
        {"https://*.example.com", "https://a.b.EXAMPLE.com", true},
        {"https://*.example.com", "https://example.com", false},
        {"https://*.example.com", "https://.example.com", false},
        {"https://*.example.com", "https://*.example.com", false},
        {"https://*.example.com", "https://evilexample.com", false},
        {"https://*.example.com", "https://a.example.com.evil.tld", false},
        {"https://*.example.com", "https://a.example.com:8443", false},
        {"https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443", true},
        {"https://[2001:db8::1]", "https://[2001:db8::2]", false},
        {"https://[2001:db8::1]", "https://[2001:db8::1", false},
        {"app://game", "app://game", true},
        {"*", "https://anything.at.all:1", true},
        {"*", "null", false},
        {"*", "nonsense", false},
        {"null", "null", true},
        {"null", "NULL", false},
        {"null", "https://null", false},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        struct bytes_span origin = bytes_of_string(cases[i].origin);
        if (config_origin_matches(cases[i].rule, origin) != cases[i].matches) {
            fail_msg("%s against %s", cases[i].rule, cases[i].origin);
        }
    }
}

static void the_first_rule_that_matches_decides(void **state)
{
    (void)state;
    static char items[3][CONFIG_LIST_ITEM_BYTES] = {"!https://bad.example.com",
                                                    "https://*.example.com", "!*"};
    struct config_list rules = {.count = 3, .items = items};
    assert_true(config_origin_is_allowed(&rules, bytes_of_string("https://good.example.com")));
    assert_false(config_origin_is_allowed(&rules, bytes_of_string("https://bad.example.com")));
    assert_false(config_origin_is_allowed(&rules, bytes_of_string("https://elsewhere.org")));
    rules.count = 2;
    assert_false(config_origin_is_allowed(&rules, bytes_of_string("https://elsewhere.org")));
    assert_false(config_origin_is_allowed(&rules, bytes_of_string("null")));
    // The other way round the denial comes too late.
    memcpy(items[0], "https://*.example.com", 22);
    memcpy(items[1], "!https://bad.example.com", 25);
    assert_true(config_origin_is_allowed(&rules, bytes_of_string("https://bad.example.com")));
}

static void a_rule_that_could_never_match_is_refused(void **state)
{
    (void)state;
    static const char *const good[] = {
        "*", "!*", "null", "!https://evil.org", "http://localhost:*", "https://[::1]:9091",
    };
    static const char *const bad[] = {
        "",
        "!",
        "example.com",
        "https://",
        "https://*",
        "https://*example.com",
        "https://a.*.com",
        "https://*.*.com",
        "https://*.",
        "https://a/",
        "https://a:0",
        "https://a:65536",
        "https://a:123456",
        "https://a:",
        "https://u@a",
        "!!https://a",
        "https://[]",
        "ht tp://a",
    };
    struct error error;
    for (size_t i = 0; i < BASE_COUNT(good); i++) {
        if (!config_origin_rule_check(good[i], &error)) {
            fail_msg("%s", error.text);
        }
    }
    for (size_t i = 0; i < BASE_COUNT(bad); i++) {
        if (config_origin_rule_check(bad[i], &error)) {
            fail_msg("accepted: %s", bad[i]);
        }
        assert_non_null(strstr(error.text, "is not an origin"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rule_matches_what_it_names_and_no_lookalike),
        cmocka_unit_test(the_first_rule_that_matches_decides),
        cmocka_unit_test(a_rule_that_could_never_match_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
