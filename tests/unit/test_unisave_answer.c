// SPDX-License-Identifier: MIT
// One good answer, and everything that is nearly one.

#include "auth/unisave_answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SPECIAL "\"special\":{\"sessionId\":\"12AsdS8ad3ASF5Sd\",\"executionDuration\":0.537}"
#define OK(returned)                                                                               \
    "{\"executionResult\":{\"result\":\"ok\",\"returned\":" returned                               \
    ",\"exception\":null," SPECIAL "}}"
#define THROWN(fields)                                                                             \
    "{\"executionResult\":{\"result\":\"exception\",\"returned\":null,\"exception\":{" fields      \
    "},\"special\":{\"sessionId\":null,\"executionDuration\":1.781}}}"

static struct auth_unisave_answer parse(unsigned status, const char *body)
{
    struct auth_unisave_answer answer;
    auth_unisave_answer_parse(status, bytes_of_string(body), &answer);
    return answer;
}

static void check_returned(const char *body, enum auth_unisave_returned returned)
{
    struct auth_unisave_answer answer = parse(200, body);
    assert_int_equal(answer.kind, AUTH_UNISAVE_RETURNED);
    assert_int_equal(answer.returned, returned);
    assert_true(answer.may_have_run);
}

static void check_kind(unsigned status, const char *body, enum auth_unisave_kind kind,
                       bool may_have_run)
{
    struct auth_unisave_answer answer = parse(status, body);
    if (answer.kind != kind || answer.may_have_run != may_have_run) {
        fail_msg("%u %s: %s, may have run: %d", status, body, auth_unisave_kind_name(answer.kind),
                 answer.may_have_run);
    }
    assert_int_equal(answer.returned, AUTH_UNISAVE_NOTHING);
    assert_string_equal(answer.session_id, "");
}

static void a_method_that_ran_has_returned_true_false_nothing_or_something_else(void **state)
{
    (void)state;
    check_returned(OK("true"), AUTH_UNISAVE_TRUE);
    check_returned(OK("false"), AUTH_UNISAVE_FALSE);
    check_returned(OK("null"), AUTH_UNISAVE_NOTHING);
    check_returned(OK("1"), AUTH_UNISAVE_OTHER);
    check_returned(OK("\"true\""), AUTH_UNISAVE_OTHER);
    check_returned(OK("{}"), AUTH_UNISAVE_OTHER);
    check_returned(OK("[true]"), AUTH_UNISAVE_OTHER);
    check_returned(OK("\"8445747209\""), AUTH_UNISAVE_OTHER); // a C# long
}

static void keys_that_do_not_apply_may_be_missing_and_others_are_no_matter(void **state)
{
    (void)state;
    check_returned("{\"executionResult\":{\"result\":\"ok\",\"returned\":true}}",
                   AUTH_UNISAVE_TRUE);
    check_returned("{\"executionResult\":{\"result\":\"ok\"}}", AUTH_UNISAVE_NOTHING);
    check_returned("{\"executionResult\":{\"result\":\"ok\",\"returned\":true,\"special\":null}}",
                   AUTH_UNISAVE_TRUE);
    check_returned("\n{\"v\":2,\"executionResult\":{\"special\":{\"logs\":[{\"level\":\"info\","
                   "\"time\":\"t\",\"message\":\"m\",\"context\":null}]},\"more\":[{}],"
                   "\"returned\":true,\"result\":\"ok\"}} ",
                   AUTH_UNISAVE_TRUE);
}

static void what_is_nearly_an_answer_is_none(void **state)
{
    static const char *const bodies[] = {
        "",
        " ",
        "true",
        "null",
        "[]",
        "{}",
        "{\"executionResult\":true}",
        "{\"executionResult\":null}",
        "{\"executionResult\":[]}",
        "{\"executionResult\":{}}",
        "{\"executionResult\":{\"returned\":true}}",
        "{\"executionResult\":{\"result\":true,\"returned\":true}}",
        "{\"executionResult\":{\"result\":null,\"returned\":true}}",
        "{\"executionResult\":{\"result\":\"OK\",\"returned\":true}}",
        "{\"executionResult\":{\"result\":\"ok \",\"returned\":true}}",
        "{\"executionResult\":{\"result\":\"ok\\u0000\",\"returned\":true}}",
        "{\"executionResult\":{\"result\":\"error\",\"returned\":true}}",
        "{\"executionresult\":{\"result\":\"ok\",\"returned\":true}}",
        "{\"result\":\"ok\",\"returned\":true}",
        "{\"status\":\"ok\",\"returned\":true,\"logs\":[]}", // what workers say to gateways
        "{\"executionResult\":{\"result\":\"ok\",\"returned\":true,\"exception\":{}}}",
        "{\"executionResult\":{\"result\":\"ok\",\"returned\":true,\"exception\":false}}",
        "{\"executionResult\":{\"result\":\"ok\",\"returned\":true,\"special\":1}}",
        "{\"executionResult\":{\"result\":\"ok\",\"returned\":false,\"returned\":true}}",
        "{\"executionResult\":{\"result\":\"ok\",\"result\":\"ok\",\"returned\":true}}",
        "{\"executionResult\":{\"result\":\"ok\",\"returned\":True}}",
        "{\"executionResult\":{\"result\":\"ok\",\"returned\":true}",
        "{\"executionResult\":{\"result\":\"ok\",\"returned\":tru",
        "{\"executionResult\":{\"result\":\"ok\",\"returned\":true}}}",
        "{\"executionResult\":{\"result\":\"ok\",\"returned\":true}}{}",
        "{\"executionResult\":{\"result\":\"ok\",\"returned\":true,\"x\":\"\xff\"}}",
        "{\"executionResult\":{\"result\":\"ok\",\"returned\":true,\"x\":\"\\ud800\"}}",
        "{\"executionResult\":{\"result\":\"ok\",\"returned\":true,}}",
        "{\"executionResult\":{\"result\":\"ok\",\"returned\":true/**/}}",
        "{\"executionResult\":{\"result\":\"exception\",\"exception\":null}}",
        "{\"executionResult\":{\"result\":\"exception\",\"exception\":\"x\"}}",
        "{\"executionResult\":{\"result\":\"exception\"}}",
        "{\"executionResult\":{\"result\":\"exception\",\"returned\":true,\"exception\":{}}}",
        "<html><body>It works!</body></html>",
    };
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(bodies); i++) {
        check_kind(200, bodies[i], AUTH_UNISAVE_MALFORMED, true);
    }
}

static void deep_nesting_ends_before_it_costs_anything(void **state)
{
    (void)state;
    enum { DEEPEST = 32, OUTER = 3 }; // the answer, the result, and `returned`
    for (unsigned depth = DEEPEST - OUTER; depth <= DEEPEST - OUTER + 2; depth++) {
        char inner[128] = "", body[512];
        memset(inner, '[', depth);
        memset(inner + depth, ']', depth);
        snprintf(body, sizeof(body), "{\"executionResult\":{\"result\":\"ok\",\"returned\":%s}}",
                 inner);
        enum auth_unisave_kind wanted =
            2 + depth <= DEEPEST ? AUTH_UNISAVE_RETURNED : AUTH_UNISAVE_MALFORMED;
        assert_int_equal(parse(200, body).kind, wanted);
    }
}

static void check_thrown(const char *body, const char *name, bool for_good)
{
    struct auth_unisave_answer answer = parse(200, body);
    assert_int_equal(answer.kind, AUTH_UNISAVE_THREW);
    assert_string_equal(answer.exception, name);
    assert_int_equal(answer.for_good, for_good);
    assert_true(answer.may_have_run);
}

static void an_exception_is_told_by_its_class(void **state)
{
    (void)state;
    check_thrown(THROWN("\"ClassName\":\"System.Exception\",\"Message\":\"Given Fusion server "
                        "token is invalid\",\"HResult\":-2146233088"),
                 "System.Exception", false);
    check_thrown(THROWN("\"ClassName\":\"System.NullReferenceException\""),
                 "System.NullReferenceException", true);
    check_thrown(THROWN("\"Message\":\"no class\""), "", false);
    check_thrown(THROWN("\"ClassName\":5"), "", false);
}

static void a_class_that_is_not_like_one_is_not_repeated(void **state)
{
    (void)state;
    char body[512], name[200];
    check_thrown(THROWN("\"ClassName\":\"Zt0Wn8Rk 5bY=\""), "", false);
    check_thrown(THROWN("\"ClassName\":\"A\\u001b[31m\""), "", false);
    memset(name, 'a', sizeof(name));
    for (size_t size = AUTH_UNISAVE_CLASS_BYTES - 1; size <= AUTH_UNISAVE_CLASS_BYTES; size++) {
        snprintf(body, sizeof(body), THROWN("\"ClassName\":\"%.*s\""), (int)size, name);
        assert_int_equal(strlen(parse(200, body).exception),
                         size < AUTH_UNISAVE_CLASS_BYTES ? size : 0);
    }
}

static void what_the_database_will_never_take_is_for_good(void **state)
{
    (void)state;
    static const struct {
        int status;
        bool for_good;
    } cases[] = {{399, false}, {400, true}, {404, true},  {409, false},
                 {412, false}, {499, true}, {500, false}, {503, false}};
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        char body[512];
        snprintf(body, sizeof(body),
                 THROWN("\"ClassName\":\"Unisave.Arango.ArangoException\",\"HttpStatus\":%d"),
                 cases[i].status);
        check_thrown(body, "Unisave.Arango.ArangoException", cases[i].for_good);
    }
    check_thrown(THROWN("\"ClassName\":\"Unisave.Arango.ArangoException\""),
                 "Unisave.Arango.ArangoException", false);
    check_thrown(THROWN("\"ClassName\":\"My.Exception\",\"HttpStatus\":404"), "My.Exception",
                 false);
}

static void a_method_that_is_not_there_has_not_run(void **state)
{
    (void)state;
    check_kind(200, THROWN("\"ClassName\":\"Unisave.Facets.FacetSearchException\""),
               AUTH_UNISAVE_NO_METHOD, false);
    check_kind(200, THROWN("\"ClassName\":\"Unisave.Facets.MethodSearchException\""),
               AUTH_UNISAVE_NO_METHOD, false);
    check_kind(200, THROWN("\"ClassName\":\"Unisave.Exceptions.BackendExecutionTimeoutException\""),
               AUTH_UNISAVE_TIMED_OUT, true);
}

static void what_does_not_fit_may_have_run(void **state)
{
    (void)state;
    // The framework throws the same for arguments, before, and for the returned value, after.
    check_kind(200, THROWN("\"ClassName\":\"Unisave.Serialization.UnisaveSerializationException\""),
               AUTH_UNISAVE_MISMATCH, true);
}

static void a_build_that_is_not_registered_is_told_in_plain_text(void **state)
{
    (void)state;
    static const unsigned statuses[] = {200, 400, 403, 404, 500};
    for (size_t i = 0; i < BASE_COUNT(statuses); i++) {
        check_kind(statuses[i], "Build hasn't been registered", AUTH_UNISAVE_NO_BUILD, false);
        check_kind(statuses[i], "Build hasn't been registered.\n", AUTH_UNISAVE_NO_BUILD, false);
    }
    check_kind(200, "Build hasn't been registere", AUTH_UNISAVE_MALFORMED, true);
}

static void a_status_says_whether_the_method_can_have_run(void **state)
{
    (void)state;
    static const char good[] = OK("true");
    static const struct {
        unsigned status;
        enum auth_unisave_kind kind;
        bool may_have_run;
    } cases[] = {
        {100, AUTH_UNISAVE_FAILED, true},    {199, AUTH_UNISAVE_FAILED, true},
        {201, AUTH_UNISAVE_FAILED, true},    {204, AUTH_UNISAVE_FAILED, true},
        {301, AUTH_UNISAVE_FAILED, true},    {307, AUTH_UNISAVE_FAILED, true},
        {400, AUTH_UNISAVE_REJECTED, false}, {401, AUTH_UNISAVE_REJECTED, false},
        {404, AUTH_UNISAVE_REJECTED, false}, {408, AUTH_UNISAVE_FAILED, true},
        {409, AUTH_UNISAVE_REJECTED, false}, {429, AUTH_UNISAVE_BUSY, false},
        {499, AUTH_UNISAVE_REJECTED, false}, {500, AUTH_UNISAVE_FAILED, true},
        {502, AUTH_UNISAVE_FAILED, true},    {503, AUTH_UNISAVE_BUSY, true},
        {504, AUTH_UNISAVE_FAILED, true},    {999, AUTH_UNISAVE_FAILED, true},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        check_kind(cases[i].status, good, cases[i].kind, cases[i].may_have_run);
    }
}

static void a_worker_that_had_not_begun_says_so(void **state)
{
    (void)state;
    static const struct {
        int number;
        bool may_have_run;
    } cases[] = {{1000, false}, {3001, false}, {3002, false}, {1, true}, {2000, true}};
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        char body[256];
        snprintf(body, sizeof(body),
                 "{\"statusCode\":503,\"error\":true,\"errorNumber\":%d,\"errorMessage\":\"\"}",
                 cases[i].number);
        check_kind(503, body, AUTH_UNISAVE_BUSY, cases[i].may_have_run);
    }
    check_kind(503, "{\"errorNumber\":1000}", AUTH_UNISAVE_BUSY, true);
    check_kind(503, "{\"error\":true,\"errorNumber\":\"1000\"}", AUTH_UNISAVE_BUSY, true);
    check_kind(503, "upstream connect error", AUTH_UNISAVE_BUSY, true);
}

static void check_session(const char *json, const char *wanted)
{
    char body[512];
    snprintf(body, sizeof(body),
             "{\"executionResult\":{\"result\":\"ok\",\"special\":{\"sessionId\":%s}}}", json);
    assert_string_equal(parse(200, body).session_id, wanted);
}

static void a_session_is_taken_when_it_is_one(void **state)
{
    (void)state;
    char id[80] = "\"";
    check_session("\"12AsdS8ad3+SF5Sd-x==\"", "12AsdS8ad3+SF5Sd-x==");
    check_session("null", "");
    check_session("\"\"", "");
    check_session("7", "");
    check_session("{}", "");
    check_session("\"a b\"", "");
    check_session("\"a\\nb\"", "");
    check_session("\"\xc3\xa9\"", "");
    memset(id + 1, 'x', AUTH_UNISAVE_SESSION_BYTES - 1);
    id[AUTH_UNISAVE_SESSION_BYTES] = '"';
    assert_int_equal(strlen(id), AUTH_UNISAVE_SESSION_BYTES + 1);
    char longest[80];
    memcpy(longest, id + 1, AUTH_UNISAVE_SESSION_BYTES - 1);
    longest[AUTH_UNISAVE_SESSION_BYTES - 1] = '\0';
    check_session(id, longest);
    memcpy(id + AUTH_UNISAVE_SESSION_BYTES, "x\"", 3);
    check_session(id, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_method_that_ran_has_returned_true_false_nothing_or_something_else),
        cmocka_unit_test(keys_that_do_not_apply_may_be_missing_and_others_are_no_matter),
        cmocka_unit_test(what_is_nearly_an_answer_is_none),
        cmocka_unit_test(deep_nesting_ends_before_it_costs_anything),
        cmocka_unit_test(an_exception_is_told_by_its_class),
        cmocka_unit_test(a_class_that_is_not_like_one_is_not_repeated),
        cmocka_unit_test(what_the_database_will_never_take_is_for_good),
        cmocka_unit_test(a_method_that_is_not_there_has_not_run),
        cmocka_unit_test(what_does_not_fit_may_have_run),
        cmocka_unit_test(a_build_that_is_not_registered_is_told_in_plain_text),
        cmocka_unit_test(a_status_says_whether_the_method_can_have_run),
        cmocka_unit_test(a_worker_that_had_not_begun_says_so),
        cmocka_unit_test(a_session_is_taken_when_it_is_one),
    };
    return cmocka_run_group_tests_name("unisave_answer", tests, NULL, NULL);
}
