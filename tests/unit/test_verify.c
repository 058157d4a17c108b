// SPDX-License-Identifier: MIT
// Verifications in virtual time over the fake backend: everything but its yes is no, in time; and a
// backend that fails too often is left alone.

#include "auth/verify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "auth/backend_fake.h"
#include "config/base/log.h"
#include "tests/support/auth_rig.h"

#define AT_BACKEND 4 // auth_rig's settings
#define PLACES     12
#define DEADLINE   5000
#define EVENTS_MAX 64

struct event {
    uint64_t owner;
    enum auth_outcome outcome;
    uint64_t at_ms;
    char name[65];
};

struct fixture {
    struct auth_rig rig;
    struct auth_backend *fake;
    struct auth_verify *verify;
    unsigned count;
    struct event events[EVENTS_MAX];
    // What the outcome's callback does besides noting it; owner 0: nothing.
    uint64_t start_on_outcome;
    uint64_t cancel_on_outcome;
};

static bool start(struct fixture *fixture, uint64_t owner, const char *script)
{
    // Gone when this returns: verify must have copied it.
    struct auth_token token = {.player_id = "P1"};
    char session[] = "friday";
    snprintf(token.player_token, sizeof(token.player_token), "%s", script);
    struct auth_verify_request request = {
        .conn = owner + 100,
        .token = &token,
        .session = session,
        .transport = "tcp",
        .remote = "192.0.2.1:5",
        .client = "test/1",
    };
    bool started = auth_verify_start(fixture->verify, owner, &request) == AUTH_STARTED;
    memset(session, 'x', sizeof(session) - 1);
    auth_token_wipe(&token);
    return started;
}

static void on_outcome(void *user, uint64_t owner, enum auth_outcome outcome,
                       const struct auth_attributes *attributes)
{
    struct fixture *fixture = user;
    assert_in_range(fixture->count, 0, EVENTS_MAX - 1);
    struct event *event = &fixture->events[fixture->count++];
    *event = (struct event){owner, outcome, auth_rig_now_ms(&fixture->rig), ""};
    snprintf(event->name, sizeof(event->name), "%s", attributes->display_name);
    uint64_t next = fixture->start_on_outcome;
    uint64_t gone = fixture->cancel_on_outcome;
    fixture->start_on_outcome = 0;
    fixture->cancel_on_outcome = 0;
    if (next) {
        assert_true(start(fixture, next, AUTH_FAKE_YES));
    }
    if (gone) {
        auth_verify_cancel(fixture->verify, gone);
    }
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    auth_rig_init(&fixture->rig, true);
    fixture->fake = auth_fake_create(fixture->rig.loop);
    fixture->verify = auth_verify_create(fixture->rig.loop, fixture->fake, &fixture->rig.config,
                                         fixture->rig.counters, 1, on_outcome, fixture);
    assert_non_null(fixture->verify);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    auth_verify_destroy(fixture->verify);
    auth_backend_fake.destroy(fixture->fake);
    auth_rig_finish(&fixture->rig);
    free(fixture);
    return 0;
}

static uint64_t endings(struct fixture *fixture, const char *outcome)
{
    char sample[96];
    snprintf(sample, sizeof(sample), "paddock_verifications_total{outcome=\"%s\"}", outcome);
    return auth_rig_counter(&fixture->rig, sample);
}

static void expect_event(struct fixture *fixture, unsigned index, uint64_t owner,
                         enum auth_outcome outcome)
{
    assert_in_range(fixture->count, index + 1, EVENTS_MAX);
    assert_int_equal(fixture->events[index].owner, owner);
    assert_int_equal(fixture->events[index].outcome, outcome);
}

static void only_a_yes_admits(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *script;
        enum auth_outcome outcome;
        const char *counted;
    } cases[] = {
        {AUTH_FAKE_YES, AUTH_ADMITTED, "admitted"},
        {AUTH_FAKE_NO, AUTH_DENIED, "denied"},
        {AUTH_FAKE_ERROR, AUTH_UNAVAILABLE, "error"},
        {AUTH_FAKE_HANG, AUTH_UNAVAILABLE, "deadline"},
    };
    for (unsigned i = 0; i < BASE_COUNT(cases); i++) {
        assert_true(start(fixture, 7, cases[i].script));
        assert_int_equal(fixture->count, i); // never from inside start
        assert_int_equal(auth_verify_in_flight(fixture->verify), 1);
        auth_rig_run_ms(&fixture->rig, 2 * DEADLINE);
        assert_int_equal(fixture->count, i + 1);
        expect_event(fixture, i, 7, cases[i].outcome);
        assert_int_equal(endings(fixture, cases[i].counted), 1);
        assert_int_equal(auth_verify_in_flight(fixture->verify), 0);
    }
    assert_int_equal(auth_rig_counter(&fixture->rig, "paddock_verification_seconds_count"), 4);
}

static void who_got_no_answer_stands_in_the_log_with_his_connection(void **state)
{
    struct fixture *fixture = *state;
    char text[4096];
    FILE *file = tmpfile();
    assert_non_null(file);
    log_open(fileno(file), LOG_WARN, LOG_FORMAT_TEXT, &fixture->rig.clock);
    assert_true(start(fixture, 7, AUTH_FAKE_ERROR));
    assert_true(start(fixture, 8, AUTH_FAKE_HANG));
    assert_true(start(fixture, 9, AUTH_FAKE_NO)); // is an answer
    auth_rig_run_ms(&fixture->rig, 2 * DEADLINE);
    log_open(STDERR_FILENO, LOG_ERROR, LOG_FORMAT_TEXT, NULL);
    rewind(file);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    assert_non_null(strstr(text, " conn=107 remote=192.0.2.1:5 why=error\n"));
    assert_non_null(strstr(text, " conn=108 remote=192.0.2.1:5 why=deadline\n"));
    assert_null(strstr(text, "conn=109"));
}

static void attributes_come_through_and_are_empty_without_a_yes(void **state)
{
    struct fixture *fixture = *state;
    assert_true(start(fixture, 1, AUTH_FAKE_YES));
    auth_rig_run_ms(&fixture->rig, 1);
    assert_true(start(fixture, 1, AUTH_FAKE_HANG));
    auth_rig_run_ms(&fixture->rig, DEADLINE);
    assert_string_equal(fixture->events[0].name, "Fake P1");
    assert_string_equal(fixture->events[1].name, "");
}

static void the_deadline_is_exact_and_a_late_answer_reaches_nobody(void **state)
{
    struct fixture *fixture = *state;
    fixture->rig.config.verify_ms = AUTH_FAKE_SLOW_MS - 1;
    auth_verify_destroy(fixture->verify);
    fixture->verify = auth_verify_create(fixture->rig.loop, fixture->fake, &fixture->rig.config,
                                         fixture->rig.counters, 1, on_outcome, fixture);
    uint64_t start_ms = auth_rig_now_ms(&fixture->rig);
    assert_true(start(fixture, 1, AUTH_FAKE_SLOW));
    auth_rig_run_ms(&fixture->rig, 4 * DEADLINE);
    assert_int_equal(fixture->count, 1);
    expect_event(fixture, 0, 1, AUTH_UNAVAILABLE);
    assert_int_equal(fixture->events[0].at_ms - start_ms, AUTH_FAKE_SLOW_MS - 1);
    assert_int_equal(auth_fake_counts(fixture->fake).cancelled, 1);
}

static void a_slow_yes_before_the_deadline_admits(void **state)
{
    struct fixture *fixture = *state;
    uint64_t start_ms = auth_rig_now_ms(&fixture->rig);
    assert_true(start(fixture, 1, AUTH_FAKE_SLOW));
    auth_rig_run_ms(&fixture->rig, 2 * DEADLINE);
    expect_event(fixture, 0, 1, AUTH_ADMITTED);
    assert_int_equal(fixture->events[0].at_ms - start_ms, AUTH_FAKE_SLOW_MS);
}

static void the_backend_never_sees_more_than_the_cap_and_the_rest_wait_in_order(void **state)
{
    struct fixture *fixture = *state;
    for (uint64_t owner = 1; owner <= PLACES; owner++) {
        assert_true(start(fixture, owner, AUTH_FAKE_SLOW));
    }
    assert_int_equal(auth_fake_counts(fixture->fake).verify_calls, AT_BACKEND);
    assert_int_equal(auth_rig_counter(&fixture->rig, "paddock_verifications_in_flight"), PLACES);
    auth_rig_run_ms(&fixture->rig, AUTH_FAKE_SLOW_MS);
    assert_int_equal(fixture->count, AT_BACKEND);
    auth_rig_run_ms(&fixture->rig, AUTH_FAKE_SLOW_MS);
    // The last four would take until 6 s, which is over their deadline.
    auth_rig_run_ms(&fixture->rig, 2 * DEADLINE);
    assert_int_equal(fixture->count, PLACES);
    assert_int_equal(auth_fake_counts(fixture->fake).under_way_max, AT_BACKEND);
    for (unsigned i = 0; i < PLACES; i++) {
        uint64_t owner = fixture->events[i].owner;
        assert_in_range(owner, i / AT_BACKEND * AT_BACKEND + 1, (i / AT_BACKEND + 1) * AT_BACKEND);
        assert_int_equal(fixture->events[i].outcome, i < 8 ? AUTH_ADMITTED : AUTH_UNAVAILABLE);
    }
}

static void beyond_the_queue_there_is_no_place(void **state)
{
    struct fixture *fixture = *state;
    for (uint64_t owner = 1; owner <= PLACES; owner++) {
        assert_true(start(fixture, owner, AUTH_FAKE_HANG));
    }
    assert_false(start(fixture, PLACES + 1, AUTH_FAKE_YES));
    assert_int_equal(endings(fixture, "no_place"), 1);
    auth_rig_run_ms(&fixture->rig, DEADLINE);
    // Nobody waits longer than one deadline, queue included.
    assert_int_equal(fixture->count, PLACES);
    assert_int_equal(endings(fixture, "deadline"), PLACES);
    assert_true(start(fixture, PLACES + 1, AUTH_FAKE_YES));
    auth_rig_run_ms(&fixture->rig, 1);
    expect_event(fixture, PLACES, PLACES + 1, AUTH_ADMITTED);
}

static void a_backend_that_cannot_begin_is_said_at_once_or_from_the_queue(void **state)
{
    struct fixture *fixture = *state;
    assert_false(start(fixture, 1, AUTH_FAKE_BUSY));
    assert_int_equal(auth_verify_in_flight(fixture->verify), 0);
    for (uint64_t owner = 1; owner <= AT_BACKEND; owner++) {
        assert_true(start(fixture, owner, AUTH_FAKE_SLOW));
    }
    assert_true(start(fixture, 10, AUTH_FAKE_BUSY));
    assert_true(start(fixture, 11, AUTH_FAKE_BUSY));
    assert_true(start(fixture, 12, AUTH_FAKE_YES));
    auth_rig_run_ms(&fixture->rig, AUTH_FAKE_SLOW_MS);
    assert_int_equal(fixture->count, AT_BACKEND + 3);
    for (unsigned i = 0; i < fixture->count; i++) {
        bool busy = fixture->events[i].owner == 10 || fixture->events[i].owner == 11;
        assert_int_equal(fixture->events[i].outcome, busy ? AUTH_UNAVAILABLE : AUTH_ADMITTED);
    }
    assert_int_equal(endings(fixture, "error"), 3);
}

static void a_cancelled_request_has_no_outcome_and_frees_its_place(void **state)
{
    struct fixture *fixture = *state;
    for (uint64_t owner = 1; owner <= PLACES; owner++) {
        assert_true(start(fixture, owner, owner <= AT_BACKEND ? AUTH_FAKE_HANG : AUTH_FAKE_YES));
    }
    auth_verify_cancel(fixture->verify, 2);  // at the backend: 5 takes its place
    auth_verify_cancel(fixture->verify, 6);  // waiting, at the head of the queue
    auth_verify_cancel(fixture->verify, 12); // waiting, at its end
    auth_verify_cancel(fixture->verify, 99); // nobody
    assert_int_equal(auth_fake_counts(fixture->fake).cancelled, 1);
    auth_rig_run_ms(&fixture->rig, DEADLINE - 1);
    // The place that 2 left has let 5 and then 7..11 through, in order.
    static const uint64_t admitted[] = {5, 7, 8, 9, 10, 11};
    assert_int_equal(fixture->count, BASE_COUNT(admitted));
    for (unsigned i = 0; i < BASE_COUNT(admitted); i++) {
        expect_event(fixture, i, admitted[i], AUTH_ADMITTED);
    }
    auth_rig_run_ms(&fixture->rig, DEADLINE);
    assert_int_equal(fixture->count, BASE_COUNT(admitted) + 3);
    assert_int_equal(endings(fixture, "cancelled"), 3);
}

static void an_owner_may_come_again_after_his_outcome_or_cancel(void **state)
{
    struct fixture *fixture = *state;
    assert_true(start(fixture, 1, AUTH_FAKE_HANG));
    auth_verify_cancel(fixture->verify, 1);
    assert_true(start(fixture, 1, AUTH_FAKE_NO));
    auth_rig_run_ms(&fixture->rig, 1);
    assert_true(start(fixture, 1, AUTH_FAKE_YES));
    auth_rig_run_ms(&fixture->rig, 1);
    expect_event(fixture, 0, 1, AUTH_DENIED);
    expect_event(fixture, 1, 1, AUTH_ADMITTED);
}

static void the_outcome_callback_may_start_and_cancel(void **state)
{
    struct fixture *fixture = *state;
    for (uint64_t owner = 1; owner <= PLACES; owner++) {
        assert_true(start(fixture, owner, AUTH_FAKE_HANG));
    }
    fixture->start_on_outcome = 100; // in the slot of the first one that is over
    fixture->cancel_on_outcome = 2;  // the next one in the list
    auth_rig_run_ms(&fixture->rig, DEADLINE);
    auth_rig_run_ms(&fixture->rig, 1);
    assert_int_equal(fixture->count, PLACES); // 1, 3..12 and 100
    expect_event(fixture, 0, 1, AUTH_UNAVAILABLE);
    expect_event(fixture, 1, 3, AUTH_UNAVAILABLE);
    expect_event(fixture, PLACES - 1, 100, AUTH_ADMITTED);
    assert_int_equal(auth_verify_in_flight(fixture->verify), 0);
}

static void destroying_cancels_all_and_calls_nothing(void **state)
{
    struct fixture *fixture = *state;
    for (uint64_t owner = 1; owner <= PLACES; owner++) {
        assert_true(start(fixture, owner, AUTH_FAKE_YES));
    }
    auth_verify_destroy(fixture->verify);
    fixture->verify = NULL;
    auth_rig_run_ms(&fixture->rig, 2 * DEADLINE);
    assert_int_equal(fixture->count, 0);
    assert_int_equal(auth_fake_counts(fixture->fake).under_way, 0);
    assert_int_equal(auth_rig_counter(&fixture->rig, "paddock_verifications_in_flight"), 0);
}

// Joins, answers and departures in any order: every owner hears exactly what he should.
static void a_long_random_run_loses_and_doubles_nobody(void **state)
{
    struct fixture *fixture = *state;
    static const char *const scripts[] = {AUTH_FAKE_YES,  AUTH_FAKE_NO,   AUTH_FAKE_ERROR,
                                          AUTH_FAKE_SLOW, AUTH_FAKE_HANG, AUTH_FAKE_BUSY};
    uint32_t random = 1;
    uint64_t started = 0;
    uint64_t outcomes = 0;
    for (uint64_t owner = 1; owner <= 5000; owner++) {
        random = random * 1664525 + 1013904223;
        started += start(fixture, owner, scripts[(random >> 8) % BASE_COUNT(scripts)]);
        auth_verify_cancel(fixture->verify, owner - (random >> 16) % 20);
        auth_rig_run_ms(&fixture->rig, (random >> 24) % 64 * 10);
        outcomes += fixture->count;
        fixture->count = 0;
    }
    auth_rig_run_ms(&fixture->rig, 2 * DEADLINE);
    outcomes += fixture->count;
    assert_int_equal(started, outcomes + endings(fixture, "cancelled"));
    assert_int_equal(auth_verify_in_flight(fixture->verify), 0);
    assert_int_equal(auth_fake_counts(fixture->fake).under_way, 0);
    assert_in_range(auth_fake_counts(fixture->fake).under_way_max, 1, AT_BACKEND);
    assert_in_range(endings(fixture, "cancelled"), 1, 5000);
    assert_in_range(endings(fixture, "deadline"), 1, 5000);
}

// A backend that only writes down what it is asked.
static char asked[1024];

static struct auth_call *note(struct auth_backend *backend,
                              const struct auth_verify_request *request, auth_verify_done *done,
                              void *context)
{
    (void)backend, (void)done, (void)context;
    int size =
        snprintf(asked, sizeof(asked), "%s %s %s %s %s %s %s %s %s", request->token->player_id,
                 request->session, request->transport, request->remote, request->client,
                 request->local, request->origin, request->user_agent,
                 request->header_count > 0 ? request->headers[0].name : "none");
    for (unsigned i = 0; i < request->header_count; i++) {
        size +=
            snprintf(asked + size, sizeof(asked) - (size_t)size, " %s", request->headers[i].value);
    }
    return NULL;
}

static void all_that_is_known_of_a_player_reaches_the_backend(void **state)
{
    struct fixture *fixture = *state;
    static const struct auth_backend_impl impl = {.name = "notes", .verify = note};
    struct auth_backend notes = {.impl = &impl};
    struct auth_token token = {.player_id = "P1", .player_token = "x"};
    const struct auth_mapped_header headers[] = {
        {"X-A", "1"}, {"X-B", "2"}, {"X-C", "3"}, {"X-D", "4"}};
    struct auth_verify_request request = {
        .token = &token,
        .session = "friday",
        .transport = "wss",
        .remote = "192.0.2.1:5",
        .client = "test/1",
    };
    struct auth_verify *verify = auth_verify_create(fixture->rig.loop, &notes, &fixture->rig.config,
                                                    fixture->rig.counters, 1, on_outcome, fixture);
    assert_non_null(verify);
    assert_int_equal(auth_verify_start(verify, 1, &request), AUTH_NOT_STARTED);
    assert_string_equal(asked, "P1 friday wss 192.0.2.1:5 test/1    none");
    request.local = "198.51.100.7:443";
    request.origin = "https://game.example";
    request.user_agent = "Mozilla/5.0";
    request.headers = headers;
    request.header_count = BASE_COUNT(headers);
    assert_int_equal(auth_verify_start(verify, 1, &request), AUTH_NOT_STARTED);
    assert_string_equal(asked, "P1 friday wss 192.0.2.1:5 test/1 198.51.100.7:443 "
                               "https://game.example Mozilla/5.0 X-A 1 2 3 4");
    auth_verify_destroy(verify);
}

// ---- the breaker

#define FAILURES 5
#define PROBE    2000

static void with_a_breaker(struct fixture *fixture)
{
    fixture->rig.config.breaker_failures = FAILURES;
    fixture->rig.config.breaker_probe_ms = PROBE;
    fixture->rig.config.breaker_probe_max_ms = 30000;
    auth_verify_destroy(fixture->verify);
    fixture->verify = auth_verify_create(fixture->rig.loop, fixture->fake, &fixture->rig.config,
                                         fixture->rig.counters, 1, on_outcome, fixture);
}

static void fail_one(struct fixture *fixture, uint64_t owner)
{
    assert_true(start(fixture, owner, AUTH_FAKE_ERROR));
    auth_rig_run_ms(&fixture->rig, 1);
}

static uint64_t breaker_gauge(struct fixture *fixture)
{
    return auth_rig_counter(&fixture->rig, "paddock_backend_breaker_open");
}

static enum auth_start start_foreign(struct fixture *fixture, uint64_t owner)
{
    struct auth_token token = {.player_id = AUTH_FAKE_FOREIGN "1", .player_token = AUTH_FAKE_YES};
    struct auth_verify_request request = {.token = &token};
    return auth_verify_start(fixture->verify, owner, &request);
}

static void a_foreign_id_is_no_question_for_the_backend_and_no_answer_for_the_breaker(void **state)
{
    struct fixture *fixture = *state;
    with_a_breaker(fixture);
    for (uint64_t owner = 1; owner <= FAILURES; owner++) {
        assert_false(auth_verify_breaker_open(fixture->verify));
        assert_int_equal(start_foreign(fixture, owner), AUTH_FOREIGN);
        fail_one(fixture, owner);
    }
    // As if nobody had come between the failures; and nobody closes it so.
    assert_true(auth_verify_breaker_open(fixture->verify));
    auth_rig_run_ms(&fixture->rig, 2 * PROBE);
    assert_int_equal(start_foreign(fixture, 1), AUTH_FOREIGN);
    assert_true(auth_verify_breaker_open(fixture->verify));
    assert_int_equal(fixture->count, FAILURES);
    assert_int_equal(endings(fixture, "foreign_id"), FAILURES + 1);
    assert_int_equal(auth_fake_counts(fixture->fake).verify_calls, FAILURES);
    assert_int_equal(auth_verify_in_flight(fixture->verify), 0);
}

static void after_five_failures_nobody_is_sent_to_the_backend(void **state)
{
    struct fixture *fixture = *state;
    with_a_breaker(fixture);
    for (uint64_t owner = 1; owner <= FAILURES; owner++) {
        assert_int_equal(breaker_gauge(fixture), 0);
        fail_one(fixture, owner);
    }
    assert_int_equal(breaker_gauge(fixture), 1);
    assert_true(auth_verify_breaker_open(fixture->verify));
    for (uint64_t owner = 10; owner < 1010; owner++) {
        assert_false(start(fixture, owner, AUTH_FAKE_YES));
    }
    assert_int_equal(auth_fake_counts(fixture->fake).verify_calls, FAILURES);
    assert_int_equal(endings(fixture, "breaker_open"), 1000);
    assert_int_equal(auth_verify_in_flight(fixture->verify), 0);
}

static void a_no_is_an_answer_and_calls_that_cannot_begin_are_failures(void **state)
{
    struct fixture *fixture = *state;
    with_a_breaker(fixture);
    for (unsigned i = 1; i < FAILURES; i++) {
        fail_one(fixture, i);
    }
    assert_true(start(fixture, 9, AUTH_FAKE_NO));
    auth_rig_run_ms(&fixture->rig, 1);
    for (unsigned i = 0; i < FAILURES; i++) {
        assert_int_equal(breaker_gauge(fixture), 0);
        assert_false(start(fixture, 20 + i, AUTH_FAKE_BUSY));
    }
    assert_int_equal(breaker_gauge(fixture), 1);
    assert_int_equal(endings(fixture, "error"), 2 * FAILURES - 1);
}

static void those_who_wait_are_told_at_once_when_it_opens(void **state)
{
    struct fixture *fixture = *state;
    with_a_breaker(fixture);
    fail_one(fixture, 100);
    for (uint64_t owner = 1; owner <= PLACES; owner++) {
        assert_true(start(fixture, owner, AUTH_FAKE_HANG));
        auth_rig_run_ms(&fixture->rig, 100);
    }
    // The fourth deadline at the backend is the fifth failure.
    auth_rig_run_ms(&fixture->rig, DEADLINE);
    assert_int_equal(auth_fake_counts(fixture->fake).verify_calls, 1 + AT_BACKEND + 3);
    assert_int_equal(endings(fixture, "deadline"), 4 + 3);
    assert_int_equal(endings(fixture, "breaker_open"), PLACES - 7);
    assert_int_equal(fixture->count, 1 + PLACES);
    for (unsigned i = 0; i < fixture->count; i++) {
        assert_int_equal(fixture->events[i].outcome, AUTH_UNAVAILABLE);
    }
}

static void deadlines_of_those_who_only_waited_do_not_count(void **state)
{
    struct fixture *fixture = *state;
    with_a_breaker(fixture);
    for (uint64_t owner = 1; owner <= PLACES; owner++) {
        assert_true(start(fixture, owner, AUTH_FAKE_HANG));
    }
    auth_rig_run_ms(&fixture->rig, DEADLINE);
    assert_int_equal(endings(fixture, "deadline"), PLACES);
    assert_int_equal(breaker_gauge(fixture), 0); // four were at the backend
}

static void a_probe_that_is_answered_lets_everybody_in_again(void **state)
{
    struct fixture *fixture = *state;
    with_a_breaker(fixture);
    for (uint64_t owner = 1; owner <= FAILURES; owner++) {
        fail_one(fixture, owner);
    }
    auth_rig_run_ms(&fixture->rig, PROBE - 2);
    assert_false(start(fixture, 6, AUTH_FAKE_YES));
    auth_rig_run_ms(&fixture->rig, PROBE + 2);
    assert_true(start(fixture, 7, AUTH_FAKE_SLOW));
    assert_false(start(fixture, 8, AUTH_FAKE_YES)); // one probe
    auth_rig_run_ms(&fixture->rig, AUTH_FAKE_SLOW_MS);
    expect_event(fixture, FAILURES, 7, AUTH_ADMITTED);
    assert_int_equal(breaker_gauge(fixture), 0);
    for (uint64_t owner = 10; owner < 14; owner++) {
        assert_true(start(fixture, owner, AUTH_FAKE_YES));
    }
}

static void a_probe_whose_player_leaves_makes_room_for_another(void **state)
{
    struct fixture *fixture = *state;
    with_a_breaker(fixture);
    for (uint64_t owner = 1; owner <= FAILURES; owner++) {
        fail_one(fixture, owner);
    }
    auth_rig_run_ms(&fixture->rig, 2 * PROBE);
    assert_true(start(fixture, 7, AUTH_FAKE_HANG));
    assert_false(start(fixture, 8, AUTH_FAKE_YES));
    auth_verify_cancel(fixture->verify, 7);
    assert_true(start(fixture, 8, AUTH_FAKE_YES));
    auth_rig_run_ms(&fixture->rig, 1);
    expect_event(fixture, FAILURES, 8, AUTH_ADMITTED);
}

// A backend that is gone is asked a few times a minute, however many knock.
static void ten_minutes_of_outage_cost_the_backend_a_few_probes(void **state)
{
    struct fixture *fixture = *state;
    with_a_breaker(fixture);
    unsigned started = 0;
    for (uint64_t owner = 1; owner <= 60000; owner++) {
        started += start(fixture, owner, AUTH_FAKE_ERROR);
        auth_rig_run_ms(&fixture->rig, 10);
        fixture->count = 0;
    }
    assert_int_equal(started, auth_fake_counts(fixture->fake).verify_calls);
    assert_in_range(started, FAILURES + 600 / 30, FAILURES + 4 + 600 / 15);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(only_a_yes_admits),
        TEST(all_that_is_known_of_a_player_reaches_the_backend),
        TEST(who_got_no_answer_stands_in_the_log_with_his_connection),
        TEST(attributes_come_through_and_are_empty_without_a_yes),
        TEST(the_deadline_is_exact_and_a_late_answer_reaches_nobody),
        TEST(a_slow_yes_before_the_deadline_admits),
        TEST(the_backend_never_sees_more_than_the_cap_and_the_rest_wait_in_order),
        TEST(beyond_the_queue_there_is_no_place),
        TEST(a_backend_that_cannot_begin_is_said_at_once_or_from_the_queue),
        TEST(a_cancelled_request_has_no_outcome_and_frees_its_place),
        TEST(an_owner_may_come_again_after_his_outcome_or_cancel),
        TEST(the_outcome_callback_may_start_and_cancel),
        TEST(destroying_cancels_all_and_calls_nothing),
        TEST(a_long_random_run_loses_and_doubles_nobody),
        TEST(a_foreign_id_is_no_question_for_the_backend_and_no_answer_for_the_breaker),
        TEST(after_five_failures_nobody_is_sent_to_the_backend),
        TEST(a_no_is_an_answer_and_calls_that_cannot_begin_are_failures),
        TEST(those_who_wait_are_told_at_once_when_it_opens),
        TEST(deadlines_of_those_who_only_waited_do_not_count),
        TEST(a_probe_that_is_answered_lets_everybody_in_again),
        TEST(a_probe_whose_player_leaves_makes_room_for_another),
        TEST(ten_minutes_of_outage_cost_the_backend_a_few_probes),
    };
    return cmocka_run_group_tests_name("verify", tests, NULL, NULL);
}
