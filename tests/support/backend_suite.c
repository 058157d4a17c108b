// SPDX-License-Identifier: MIT
// The shared backend suite: verifications and reports through the public seam only.

#include "tests/support/backend_suite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define QUIET_MS 50
#define MANY     16

static const struct backend_suite *suite;

struct fixture {
    struct auth_rig rig;
    struct auth_backend *backend;
};

// What came of one call.
struct heard {
    unsigned answers;
    enum auth_verdict verdict;
    enum auth_delivery delivery;
    size_t name_length;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    auth_rig_init(&fixture->rig, suite->virtual_time);
    if (suite->prepare) {
        suite->prepare(&fixture->rig);
    }
    fixture->backend = auth_rig_backend(&fixture->rig, suite->impl);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    suite->impl->destroy(fixture->backend);
    if (suite->finish) {
        suite->finish(&fixture->rig);
    }
    auth_rig_finish(&fixture->rig);
    free(fixture);
    return 0;
}

static void on_verdict(void *context, enum auth_verdict verdict,
                       const struct auth_attributes *attributes)
{
    struct heard *heard = context;
    heard->answers++;
    heard->verdict = verdict;
    heard->name_length = attributes ? strnlen(attributes->display_name, 65) : 0;
}

static void on_delivery(void *context, enum auth_delivery delivery)
{
    struct heard *heard = context;
    heard->answers++;
    heard->delivery = delivery;
}

// The request's memory is gone when this returns, as it may be with verify.c's once it is answered.
static struct auth_call *begin_verify(struct fixture *fixture, const struct auth_token *token,
                                      struct heard *heard)
{
    struct auth_verify_request request = {
        .token = token,
        .session = "friday",
        .transport = "tcp",
        .remote = "192.0.2.1:50123",
        .client = "suite/1",
    };
    struct auth_call *call = suite->impl->verify(fixture->backend, &request, on_verdict, heard);
    assert_non_null(call);
    assert_int_equal(heard->answers, 0);
    return call;
}

static enum auth_verdict verify(struct fixture *fixture, const struct auth_token *token)
{
    struct heard heard = {0};
    begin_verify(fixture, token, &heard);
    auth_rig_until(&fixture->rig, &heard.answers, 1);
    auth_rig_run_ms(&fixture->rig, QUIET_MS);
    assert_int_equal(heard.answers, 1);
    assert_in_range(heard.name_length, 0, 64);
    return heard.verdict;
}

static void token_set(struct auth_token *token, const char *player_id, const char *player_token)
{
    snprintf(token->player_id, sizeof(token->player_id), "%s", player_id);
    snprintf(token->player_token, sizeof(token->player_token), "%s", player_token);
}

static struct auth_call *begin_report(struct fixture *fixture, const struct auth_report *report,
                                      struct heard *heard)
{
    struct auth_call *call = suite->impl->report(fixture->backend, report, on_delivery, heard);
    assert_non_null(call);
    assert_int_equal(heard->answers, 0);
    return call;
}

static void keep_first(void *context, const char *subject)
{
    char *first = context;
    if (first[0] == '\0') {
        snprintf(first, LIMIT_PLAYER_ID_BYTES + 1, "%s", subject);
    }
}

// The first delivery of the plan; "" where the result is delivered as a whole.
static const char *first_subject(struct fixture *fixture, const char *body,
                                 char first[LIMIT_PLAYER_ID_BYTES + 1])
{
    first[0] = '\0';
    if (suite->impl->plan) {
        suite->impl->plan(fixture->backend, bytes_of_string(body), keep_first, first);
    }
    return first;
}

static enum auth_delivery report(struct fixture *fixture, const char *race_id, unsigned attempt)
{
    char body[1024], subject[LIMIT_PLAYER_ID_BYTES + 1];
    struct heard heard = {0};
    struct auth_report request = {
        .key = race_id,
        .subject = first_subject(fixture, auth_rig_body(race_id, body), subject),
        .body = bytes_of_string(body),
        .attempt = attempt,
    };
    begin_report(fixture, &request, &heard);
    auth_rig_until(&fixture->rig, &heard.answers, 1);
    auth_rig_run_ms(&fixture->rig, QUIET_MS);
    assert_int_equal(heard.answers, 1);
    return heard.delivery;
}

// ---- verification

static void a_valid_token_is_yes(void **state)
{
    struct fixture *fixture = *state;
    struct auth_token token;
    suite->issue(&fixture->rig, "P1", &token);
    assert_int_equal(verify(fixture, &token), AUTH_YES);
    // Not used up: a player may come back with it.
    assert_int_equal(verify(fixture, &token), AUTH_YES);
}

static void a_wrong_token_and_an_unknown_player_are_both_no(void **state)
{
    struct fixture *fixture = *state;
    struct auth_token token;
    suite->issue(&fixture->rig, "P1", &token);
    token_set(&token, "P1", "not the token that was issued to P1");
    assert_int_equal(verify(fixture, &token), AUTH_NO);
    token_set(&token, "nobody", "not the token that was issued to P1");
    assert_int_equal(verify(fixture, &token), AUTH_NO);
}

static void ids_and_tokens_with_special_characters_are_taken_as_they_are(void **state)
{
    struct fixture *fixture = *state;
    static const char *const ids[] = {"e_PlayerEntity/8445747209", "o'brien\"; --",
                                      "\xc3\xa9t\xc3\xa9", "100% & <more>"};
    for (size_t i = 0; i < BASE_COUNT(ids); i++) {
        struct auth_token token;
        suite->issue(&fixture->rig, ids[i], &token);
        assert_int_equal(verify(fixture, &token), AUTH_YES);
    }
}

static void many_verifications_at_once_get_their_own_answers(void **state)
{
    struct fixture *fixture = *state;
    struct auth_token tokens[MANY];
    struct heard heard[MANY] = {0};
    for (unsigned i = 0; i < MANY; i++) {
        char id[16];
        snprintf(id, sizeof(id), "P%u", i);
        suite->issue(&fixture->rig, id, &tokens[i]);
        if (i % 2) {
            token_set(&tokens[i], id, "wrong");
        }
    }
    for (unsigned i = 0; i < MANY; i++) {
        begin_verify(fixture, &tokens[i], &heard[i]);
    }
    for (unsigned i = 0; i < MANY; i++) {
        auth_rig_until(&fixture->rig, &heard[i].answers, 1);
        assert_int_equal(heard[i].verdict, i % 2 ? AUTH_NO : AUTH_YES);
    }
}

static void a_cancelled_verification_is_not_answered(void **state)
{
    struct fixture *fixture = *state;
    struct auth_token token;
    struct heard cancelled = {0};
    suite->issue(&fixture->rig, "P1", &token);
    struct auth_call *call = begin_verify(fixture, &token, &cancelled);
    suite->impl->cancel(fixture->backend, call);
    auth_rig_run_ms(&fixture->rig, QUIET_MS);
    assert_int_equal(verify(fixture, &token), AUTH_YES);
    assert_int_equal(cancelled.answers, 0);
}

// ---- reports

static void a_report_is_delivered_and_stored(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(report(fixture, "race-1", 1), AUTH_DELIVERED);
    assert_int_equal(suite->stored(&fixture->rig, "race-1"), 1);
    assert_int_equal(suite->stored(&fixture->rig, "race-2"), 0);
}

static void the_same_key_twice_is_delivered_twice_and_stored_once(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(report(fixture, "race-1", 1), AUTH_DELIVERED);
    assert_int_equal(report(fixture, "race-1", 2), AUTH_DELIVERED);
    assert_int_equal(report(fixture, "race-2", 1), AUTH_DELIVERED);
    assert_int_equal(suite->stored(&fixture->rig, "race-1"), 1);
    assert_int_equal(suite->stored(&fixture->rig, "race-2"), 1);
}

static void a_cancelled_report_is_not_answered(void **state)
{
    struct fixture *fixture = *state;
    char body[1024], subject[LIMIT_PLAYER_ID_BYTES + 1];
    struct heard cancelled = {0};
    struct auth_report request = {
        .key = "race-1",
        .subject = first_subject(fixture, auth_rig_body("race-1", body), subject),
        .body = bytes_of_string(body),
        .attempt = 1,
    };
    struct auth_call *call = begin_report(fixture, &request, &cancelled);
    suite->impl->cancel(fixture->backend, call);
    auth_rig_run_ms(&fixture->rig, QUIET_MS);
    // Whether it arrived nobody can know; the next try settles it.
    assert_int_equal(report(fixture, "race-1", 2), AUTH_DELIVERED);
    assert_int_equal(suite->stored(&fixture->rig, "race-1"), 1);
    assert_int_equal(cancelled.answers, 0);
}

static void count_subject(void *context, const char *subject)
{
    assert_in_range(strlen(subject), 0, LIMIT_PLAYER_ID_BYTES);
    ++*(unsigned *)context;
}

static void a_plan_is_the_same_every_time_and_fits(void **state)
{
    struct fixture *fixture = *state;
    char body[1024];
    unsigned counts[2] = {1, 1};
    struct bytes_span span = bytes_of_string(auth_rig_body("race-1", body));
    for (unsigned i = 0; suite->impl->plan && i < 2; i++) {
        counts[i] = 0;
        suite->impl->plan(fixture->backend, span, count_subject, &counts[i]);
    }
    assert_in_range(counts[0], 1, LIMIT_PLAYERS_PER_SESSION);
    assert_int_equal(counts[0], counts[1]);
}

// ---- ends

static void a_destroyed_backend_answers_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct auth_token token;
    char body[1024], subject[LIMIT_PLAYER_ID_BYTES + 1];
    struct heard heard = {0};
    struct auth_report request = {
        .key = "race-1",
        .subject = first_subject(fixture, auth_rig_body("race-1", body), subject),
        .body = bytes_of_string(body),
        .attempt = 1,
    };
    suite->issue(&fixture->rig, "P1", &token);
    begin_verify(fixture, &token, &heard);
    begin_report(fixture, &request, &heard);
    suite->impl->destroy(fixture->backend);
    fixture->backend = NULL;
    auth_rig_run_ms(&fixture->rig, QUIET_MS);
    auth_rig_restart_worker(&fixture->rig);
    assert_int_equal(heard.answers, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int backend_suite_run(const struct backend_suite *backend)
{
    static const struct CMUnitTest tests[] = {
        TEST(a_valid_token_is_yes),
        TEST(a_wrong_token_and_an_unknown_player_are_both_no),
        TEST(ids_and_tokens_with_special_characters_are_taken_as_they_are),
        TEST(many_verifications_at_once_get_their_own_answers),
        TEST(a_cancelled_verification_is_not_answered),
        TEST(a_report_is_delivered_and_stored),
        TEST(the_same_key_twice_is_delivered_twice_and_stored_once),
        TEST(a_cancelled_report_is_not_answered),
        TEST(a_plan_is_the_same_every_time_and_fits),
        TEST(a_destroyed_backend_answers_nothing),
    };
    suite = backend;
    return cmocka_run_group_tests_name(backend->name, tests, NULL, NULL);
}
