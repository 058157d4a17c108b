// SPDX-License-Identifier: MIT
// The load tester's command line: what is taken, and that a mistake is never a default.

#include "tests/bots/options.h"

#include <getopt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/base/bytes.h"

#define ARGUMENTS_MAX 16

static bool parse(struct bots_options *options, struct error *error, const char *const *arguments)
{
    char *copies[ARGUMENTS_MAX + 2] = {strdup("paddock-bots")};
    int count = 1;
    while (arguments[count - 1]) {
        copies[count] = strdup(arguments[count - 1]);
        count++;
    }
    optind = 0; // getopt begins anew
    bool ok = bots_options_parse(options, count, copies, error);
    for (int i = 0; i < count; i++) {
        free(copies[i]);
    }
    return ok;
}

#define PARSE(options, error, ...) parse(options, error, (const char *const[]){__VA_ARGS__, NULL})
#define VALID                      "--url", "udp://127.0.0.1:7777", "--token", "t"

static void defaults_are_one_bot_and_one_race(void **state)
{
    (void)state;
    struct bots_options options;
    struct error error = {""};
    assert_true(PARSE(&options, &error, VALID));
    assert_int_equal(options.count, 1);
    assert_int_equal(options.races, 1);
    assert_int_equal(options.url_count, 1);
    assert_false(options.insecure);
    assert_null(options.json);
}

static void help_needs_nothing_else(void **state)
{
    (void)state;
    struct bots_options options;
    struct error error = {""};
    assert_true(PARSE(&options, &error, "--help"));
    assert_true(options.help);
}

static void mistakes_are_named(void **state)
{
    static const struct {
        const char *arguments[ARGUMENTS_MAX];
        const char *error;
    } rows[] = {
        {{VALID, "--bogus"}, "unknown option --bogus"},
        {{VALID, "--count"}, "--count needs a value"},
        {{VALID, "--count", "0"}, "--count \"0\": a number from 1 to 16384 is wanted"},
        {{VALID, "--count", "16385"}, "--count \"16385\": a number from 1 to 16384 is wanted"},
        {{VALID, "--count", "2.5"}, "--count \"2.5\": a whole number is wanted"},
        {{VALID, "--count", "2x"}, "--count \"2x\": a number from 1 to 16384 is wanted"},
        {{VALID, "--duration", "nan"}, "--duration \"nan\": a number from 0.1 to 1e+06 is wanted"},
        {{VALID, "--rate", ""}, "--rate \"\": a number from 0.1 to 100000 is wanted"},
        {{VALID, "more"}, "\"more\" is too many"},
        {{"--token", "t"}, "--url is needed: where to connect"},
        {{"--url", "udp://h"},
         "one of --token-db, --tokens and --token is needed: who the bots are"},
        {{VALID, "--tokens", "f"},
         "one of --token-db, --tokens and --token is needed: who the bots are"},
    };
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(rows); i++) {
        struct bots_options options;
        struct error error = {""};
        assert_false(parse(&options, &error, rows[i].arguments));
        assert_string_equal(error.text, rows[i].error);
    }
}

static void conditions_are_taken_apart(void **state)
{
    static const struct {
        const char *text;
        struct bots_expect expect;
    } rows[] = {
        {"joined=12", {.scope = "total", .name = "joined", .number = 12}},
        {"joined==12", {.scope = "total", .name = "joined", .number = 12}},
        {"udp.finished>=3",
         {.scope = "udp", .name = "finished", .comparison = BOTS_AT_LEAST, .number = 3}},
        {"rtt_p99_ms<50.5",
         {.scope = "total", .name = "rtt_p99_ms", .comparison = BOTS_LESS, .number = 50.5}},
        {"lost<=0", {.scope = "total", .name = "lost", .comparison = BOTS_AT_MOST}},
        {"dnf!=1", {.scope = "total", .name = "dnf", .comparison = BOTS_NOT_EQUAL, .number = 1}},
        {"races>1", {.scope = "total", .name = "races", .comparison = BOTS_MORE, .number = 1}},
        {"code.4003=1", {.scope = "code", .name = "4003", .number = 1}},
    };
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(rows); i++) {
        struct bots_options options;
        struct error error = {""};
        assert_true(PARSE(&options, &error, VALID, "--expect", rows[i].text));
        assert_int_equal(options.expect_count, 1);
        assert_string_equal(options.expects[0].scope, rows[i].expect.scope);
        assert_string_equal(options.expects[0].name, rows[i].expect.name);
        assert_int_equal(options.expects[0].comparison, rows[i].expect.comparison);
        assert_true(options.expects[0].number == rows[i].expect.number);
    }
}

static void conditions_that_could_never_tell_are_refused(void **state)
{
    static const char *const texts[] = {
        "",           "joined",
        "joined=",    "=1",
        "joind=1",    "joined~1",
        "joined=1x",  "code.999=1",
        "code.x=1",   "udp.nope=1",
        "udp.=1",     "joined=>1",
        "joined=nan", "a-scope-that-is-too-long.joined=1",
    };
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(texts); i++) {
        struct bots_options options;
        struct error error = {""};
        assert_false(PARSE(&options, &error, VALID, "--expect", texts[i]));
        assert_non_null(strstr(error.text, "NAME=NUMBER is wanted"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_one_bot_and_one_race),
        cmocka_unit_test(help_needs_nothing_else),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(conditions_are_taken_apart),
        cmocka_unit_test(conditions_that_could_never_tell_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
