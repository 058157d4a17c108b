// SPDX-License-Identifier: MIT
// Delivery in virtual time over the fake backend and an outbox in memory or in a file.

#include "auth/reporter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "auth/backend_fake.h"
#include "auth/outbox_tool.h"
#include "tests/support/auth_rig.h"

#define SEED        42
#define RETRY_MS    500 // auth_rig's settings
#define RETRY_MAX   30000
#define DEADLINE_MS 10000

struct fixture {
    struct auth_rig rig;
    struct auth_backend *fake;
    struct auth_outbox *outbox;
    struct auth_reporter *reporter;
    unsigned committed;
    unsigned refused;
};

static void make(struct fixture *fixture, const char *path)
{
    struct error error = {0};
    fixture->outbox = auth_outbox_open(path, fixture->rig.worker, fixture->rig.counters, &error);
    if (!fixture->outbox) {
        fail_msg("%s", error.text);
    }
    fixture->reporter = auth_reporter_create(fixture->rig.loop, fixture->outbox, fixture->fake,
                                             &fixture->rig.config, fixture->rig.counters, SEED);
    assert_non_null(fixture->reporter);
}

static void unmake(struct fixture *fixture)
{
    auth_reporter_destroy(fixture->reporter);
    fixture->reporter = NULL;
    auth_rig_restart_worker(&fixture->rig);
    auth_outbox_close(fixture->outbox);
    fixture->outbox = NULL;
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    auth_rig_init(&fixture->rig, true);
    fixture->fake = auth_fake_create(fixture->rig.loop);
    make(fixture, ":memory:");
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    unmake(fixture);
    auth_backend_fake.destroy(fixture->fake);
    auth_rig_finish(&fixture->rig);
    free(fixture);
    return 0;
}

static void on_committed(void *context, bool ok)
{
    struct fixture *fixture = context;
    fixture->committed += ok;
    fixture->refused += !ok;
}

static void submit(struct fixture *fixture, const char *race_id)
{
    char body[1024];
    assert_true(auth_reporter_submit(fixture->reporter, race_id,
                                     bytes_of_string(auth_rig_body(race_id, body)), on_committed,
                                     fixture));
}

static const struct auth_fake_call_record *call_at(struct fixture *fixture, unsigned index)
{
    const struct auth_fake_call_record *record = auth_fake_report_at(fixture->fake, index);
    assert_non_null(record);
    return record;
}

static uint64_t outcomes(struct fixture *fixture, const char *outcome)
{
    char sample[96];
    snprintf(sample, sizeof(sample), "paddock_reports_total{outcome=\"%s\"}", outcome);
    return auth_rig_counter(&fixture->rig, sample);
}

static void a_result_is_committed_and_then_delivered(void **state)
{
    struct fixture *fixture = *state;
    char body[1024];
    auth_rig_run_ms(&fixture->rig, 1);
    assert_true(auth_reporter_idle(fixture->reporter));
    submit(fixture, "race-1");
    assert_int_equal(fixture->committed, 0); // never from inside submit
    assert_false(auth_reporter_idle(fixture->reporter));
    auth_rig_run_ms(&fixture->rig, 1);
    assert_int_equal(fixture->committed, 1);
    assert_true(auth_reporter_idle(fixture->reporter));
    assert_string_equal(call_at(fixture, 0)->key, "race-1");
    assert_string_equal(call_at(fixture, 0)->subject, "");
    assert_int_equal(call_at(fixture, 0)->attempt, 1);
    assert_true(bytes_equal(bytes_buf_span(&call_at(fixture, 0)->body),
                            bytes_of_string(auth_rig_body("race-1", body))));
    assert_int_equal(auth_outbox_count(fixture->outbox, AUTH_OUTBOX_DELIVERED), 1);
    assert_int_equal(outcomes(fixture, "delivered"), 1);
    assert_int_equal(auth_rig_counter(&fixture->rig, "paddock_outbox_pending"), 0);
}

static void results_go_one_at_a_time_in_the_order_of_their_commits(void **state)
{
    struct fixture *fixture = *state;
    char key[16];
    for (unsigned i = 0; i < 20; i++) {
        snprintf(key, sizeof(key), "race-%u", i);
        submit(fixture, key);
    }
    auth_rig_run_ms(&fixture->rig, 10);
    for (unsigned i = 0; i < 20; i++) {
        snprintf(key, sizeof(key), "race-%u", i);
        assert_string_equal(call_at(fixture, i)->key, key);
    }
    assert_int_equal(auth_fake_counts(fixture->fake).under_way_max, 1);
    assert_true(auth_reporter_idle(fixture->reporter));
}

static void a_plan_makes_one_delivery_a_subject(void **state)
{
    struct fixture *fixture = *state;
    static const char *const subjects[] = {"e_PlayerEntity/1", "e_PlayerEntity/2"};
    auth_fake_set_plan(fixture->fake, subjects, 2);
    submit(fixture, "race-1");
    auth_rig_run_ms(&fixture->rig, 1);
    assert_int_equal(auth_fake_counts(fixture->fake).report_calls, 2);
    assert_string_equal(call_at(fixture, 0)->key, "race-1/e_PlayerEntity/1");
    assert_string_equal(call_at(fixture, 0)->subject, "e_PlayerEntity/1");
    assert_string_equal(call_at(fixture, 1)->key, "race-1/e_PlayerEntity/2");
    assert_int_equal(fixture->committed, 1);
}

static void a_result_submitted_twice_is_delivered_once(void **state)
{
    struct fixture *fixture = *state;
    submit(fixture, "race-1");
    submit(fixture, "race-1");
    auth_rig_run_ms(&fixture->rig, 1);
    submit(fixture, "race-1");
    auth_rig_run_ms(&fixture->rig, 1);
    assert_int_equal(fixture->committed, 3);
    assert_int_equal(auth_fake_counts(fixture->fake).report_calls, 1);
}

// Pauses double from report-retry-ms to report-retry-max-ms; at least half of each is waited.
static void failed_tries_come_back_ever_later_with_jitter(void **state)
{
    struct fixture *fixture = *state;
    auth_fake_set_report(fixture->fake, AUTH_FAKE_RETRY, 12);
    submit(fixture, "race-1");
    auth_rig_run_ms(&fixture->rig, 600000);
    assert_int_equal(auth_fake_counts(fixture->fake).report_calls, 13);
    uint64_t ceiling_ms = RETRY_MS;
    unsigned odd = 0;
    for (unsigned i = 1; i < 13; i++) {
        uint64_t pause_ns = call_at(fixture, i)->at_ns - call_at(fixture, i - 1)->at_ns;
        assert_in_range(pause_ns, ceiling_ms * CLOCK_NS_PER_MS / 2, ceiling_ms * CLOCK_NS_PER_MS);
        odd += pause_ns % (ceiling_ms * CLOCK_NS_PER_MS / 2) != 0;
        ceiling_ms = ceiling_ms * 2 > RETRY_MAX ? RETRY_MAX : ceiling_ms * 2;
        assert_int_equal(call_at(fixture, i)->attempt, i + 1);
        assert_string_equal(call_at(fixture, i)->key, "race-1");
    }
    assert_true(odd > 0);
    assert_int_equal(outcomes(fixture, "retried"), 12);
    assert_int_equal(outcomes(fixture, "delivered"), 1);
    assert_true(auth_reporter_idle(fixture->reporter));
}

static void the_first_pause_is_short_again_after_a_delivery(void **state)
{
    struct fixture *fixture = *state;
    auth_fake_set_report(fixture->fake, AUTH_FAKE_RETRY, 8);
    submit(fixture, "race-1");
    auth_rig_run_ms(&fixture->rig, 600000);
    auth_fake_set_report(fixture->fake, AUTH_FAKE_RETRY, 1);
    submit(fixture, "race-2");
    auth_rig_run_ms(&fixture->rig, 600000);
    uint64_t pause_ns = call_at(fixture, 10)->at_ns - call_at(fixture, 9)->at_ns;
    assert_in_range(pause_ns, RETRY_MS * CLOCK_NS_PER_MS / 2, RETRY_MS * CLOCK_NS_PER_MS);
}

static void a_new_result_does_not_cut_the_pause_short(void **state)
{
    struct fixture *fixture = *state;
    auth_fake_set_report(fixture->fake, AUTH_FAKE_RETRY, 1);
    submit(fixture, "race-1");
    auth_rig_run_ms(&fixture->rig, 1);
    submit(fixture, "race-2");
    auth_rig_run_ms(&fixture->rig, RETRY_MS / 2 - 10);
    assert_int_equal(fixture->committed, 2);
    assert_int_equal(auth_fake_counts(fixture->fake).report_calls, 1);
    auth_rig_run_ms(&fixture->rig, RETRY_MS);
    assert_string_equal(call_at(fixture, 1)->key, "race-1");
    assert_string_equal(call_at(fixture, 2)->key, "race-2");
}

static void a_backend_that_never_answers_is_given_up_at_the_deadline(void **state)
{
    struct fixture *fixture = *state;
    auth_fake_set_report(fixture->fake, AUTH_FAKE_HANG_UP, 1);
    submit(fixture, "race-1");
    auth_rig_run_ms(&fixture->rig, DEADLINE_MS - 1);
    assert_int_equal(auth_fake_counts(fixture->fake).under_way, 1);
    auth_rig_run_ms(&fixture->rig, 1);
    assert_int_equal(auth_fake_counts(fixture->fake).cancelled, 1);
    auth_rig_run_ms(&fixture->rig, RETRY_MS);
    assert_int_equal(call_at(fixture, 1)->attempt, 2);
    assert_true(auth_reporter_idle(fixture->reporter));
}

static void a_backend_that_cannot_begin_is_tried_again(void **state)
{
    struct fixture *fixture = *state;
    auth_fake_set_report(fixture->fake, AUTH_FAKE_CANNOT, 2);
    submit(fixture, "race-1");
    auth_rig_run_ms(&fixture->rig, 10 * RETRY_MS);
    assert_int_equal(outcomes(fixture, "retried"), 2);
    assert_true(auth_reporter_idle(fixture->reporter));
}

static void a_refused_result_is_kept_as_dead_and_holds_up_nobody(void **state)
{
    struct fixture *fixture = *state;
    auth_fake_set_poison(fixture->fake, "race-poison");
    submit(fixture, "race-1");
    submit(fixture, "race-poison");
    submit(fixture, "race-2");
    auth_rig_run_ms(&fixture->rig, 1);
    assert_int_equal(auth_fake_counts(fixture->fake).report_calls, 3);
    assert_string_equal(call_at(fixture, 2)->key, "race-2");
    assert_int_equal(auth_outbox_count(fixture->outbox, AUTH_OUTBOX_DEAD), 1);
    assert_int_equal(auth_outbox_count(fixture->outbox, AUTH_OUTBOX_DELIVERED), 2);
    assert_int_equal(outcomes(fixture, "refused"), 1);
    assert_int_equal(auth_rig_counter(&fixture->rig, "paddock_outbox_dead"), 1);
    assert_true(auth_reporter_idle(fixture->reporter));
}

static void after_a_restart_the_rest_is_delivered_and_attempts_go_on(void **state)
{
    struct fixture *fixture = *state;
    char path[AUTH_RIG_PATH_BYTES];
    auth_rig_path(&fixture->rig, "outbox.db", path);
    unmake(fixture);
    make(fixture, path);
    auth_fake_set_report(fixture->fake, AUTH_FAKE_HANG_UP, 1);
    submit(fixture, "race-1");
    submit(fixture, "race-2");
    auth_rig_run_ms(&fixture->rig, 1);
    unmake(fixture); // in the middle of the first call
    make(fixture, path);
    auth_rig_run_ms(&fixture->rig, 1);
    assert_int_equal(auth_fake_counts(fixture->fake).report_calls, 3);
    assert_string_equal(call_at(fixture, 1)->key, "race-1");
    // The try that was cut short is counted: nobody may take this one for the first.
    assert_int_equal(call_at(fixture, 1)->attempt, 2);
    assert_string_equal(call_at(fixture, 2)->key, "race-2");
    assert_int_equal(call_at(fixture, 2)->attempt, 1);
    assert_true(auth_reporter_idle(fixture->reporter));
}

// A delivered row that could not be marked is marked later, not delivered again: that could pay a
// winner twice.
static void a_full_disk_after_the_delivery_does_not_repeat_it(void **state)
{
    struct fixture *fixture = *state;
    char path[AUTH_RIG_PATH_BYTES];
    auth_rig_path(&fixture->rig, "outbox.db", path);
    unmake(fixture);
    make(fixture, path);
    submit(fixture, "race-1");
    while (auth_fake_counts(fixture->fake).report_calls == 0) {
        loop_turn(fixture->rig.loop, clock_now_ns(&fixture->rig.clock));
    }
    auth_rig_fill_disk(true);
    auth_rig_run_ms(&fixture->rig, 10 * RETRY_MS);
    auth_rig_fill_disk(false);
    assert_int_equal(outcomes(fixture, "delivered"), 1);
    assert_int_equal(auth_outbox_count(fixture->outbox, AUTH_OUTBOX_PENDING), 1);
    assert_in_range(auth_rig_counter(&fixture->rig, "paddock_outbox_failures_total"), 2, 10);
    auth_rig_run_ms(&fixture->rig, RETRY_MAX);
    assert_int_equal(auth_fake_counts(fixture->fake).report_calls, 1);
    assert_int_equal(auth_outbox_count(fixture->outbox, AUTH_OUTBOX_DELIVERED), 1);
    assert_true(auth_reporter_idle(fixture->reporter));
}

static void a_full_disk_is_told_to_the_submitter_and_later_results_get_through(void **state)
{
    struct fixture *fixture = *state;
    char path[AUTH_RIG_PATH_BYTES];
    auth_rig_path(&fixture->rig, "outbox.db", path);
    unmake(fixture);
    make(fixture, path);
    auth_rig_fill_disk(true);
    submit(fixture, "race-1");
    auth_rig_run_ms(&fixture->rig, 1);
    auth_rig_fill_disk(false);
    assert_int_equal(fixture->committed, 0);
    assert_int_equal(fixture->refused, 1);
    submit(fixture, "race-1");
    auth_rig_run_ms(&fixture->rig, RETRY_MS);
    assert_int_equal(fixture->committed, 1);
    assert_int_equal(auth_fake_counts(fixture->fake).report_calls, 1);
    assert_int_equal(call_at(fixture, 0)->attempt, 1);
}

static void destroying_at_any_moment_calls_nobody_and_leaks_nothing(void **state)
{
    struct fixture *fixture = *state;
    for (unsigned turns = 0; turns < 12; turns++) {
        char key[16];
        snprintf(key, sizeof(key), "race-%u", turns);
        submit(fixture, key);
        for (unsigned i = 0; i < turns; i++) {
            loop_turn(fixture->rig.loop, clock_now_ns(&fixture->rig.clock));
        }
        unsigned committed = fixture->committed;
        unmake(fixture);
        assert_int_equal(fixture->committed, committed);
        assert_int_equal(auth_fake_counts(fixture->fake).under_way, 0);
        make(fixture, ":memory:");
    }
}

static void a_full_worker_is_said_to_the_submitter_and_waited_for(void **state)
{
    struct fixture *fixture = *state;
    char body[1024];
    char key[16];
    unsigned taken = 0;
    auth_rig_run_ms(&fixture->rig, 1);
    for (; taken < 1000; taken++) {
        snprintf(key, sizeof(key), "race-%u", taken);
        if (!auth_reporter_submit(fixture->reporter, key, bytes_of_string(auth_rig_body(key, body)),
                                  on_committed, fixture)) {
            break;
        }
    }
    assert_in_range(taken, 1, 999); // the rig's worker takes 64 jobs
    auth_rig_run_ms(&fixture->rig, 100 * RETRY_MS);
    assert_int_equal(fixture->committed, taken);
    assert_int_equal(outcomes(fixture, "delivered"), taken);
    assert_true(auth_reporter_idle(fixture->reporter));
}

// After an outage the backend is not pushed over by all that has piled up.
static void no_more_tries_begin_in_a_second_than_the_settings_allow(void **state)
{
    struct fixture *fixture = *state;
    char key[16];
    fixture->rig.config.reports_per_second = 20;
    unmake(fixture);
    make(fixture, ":memory:");
    auth_fake_set_report(fixture->fake, AUTH_FAKE_RETRY, 3);
    for (unsigned i = 0; i < 50; i++) {
        snprintf(key, sizeof(key), "race-%u", i);
        submit(fixture, key);
    }
    auth_rig_run_ms(&fixture->rig, 20 * RETRY_MS);
    assert_int_equal(auth_fake_counts(fixture->fake).report_calls, 3 + 50);
    for (unsigned i = 1; i < 3 + 50; i++) {
        uint64_t gap_ns = call_at(fixture, i)->at_ns - call_at(fixture, i - 1)->at_ns;
        assert_in_range(gap_ns, 50 * CLOCK_NS_PER_MS, 4 * RETRY_MS * CLOCK_NS_PER_MS);
        // Waiting for one's turn is no attempt.
        assert_int_equal(call_at(fixture, i)->attempt, i < 3 ? i + 1 : i == 3 ? 4 : 1);
    }
    auth_rig_run_ms(&fixture->rig, 50);
    assert_true(auth_reporter_idle(fixture->reporter));
}

static void what_an_operator_sends_again_is_noticed_within_seconds(void **state)
{
    struct fixture *fixture = *state;
    char path[AUTH_RIG_PATH_BYTES];
    struct error error = {""};
    unsigned count;
    auth_rig_path(&fixture->rig, "outbox.db", path);
    unmake(fixture);
    make(fixture, path);
    auth_fake_set_report(fixture->fake, AUTH_FAKE_REFUSE, 2);
    submit(fixture, "race-1");
    submit(fixture, "race-2");
    submit(fixture, "race-3");
    auth_rig_run_ms(&fixture->rig, 60000);
    assert_int_equal(auth_outbox_count(fixture->outbox, AUTH_OUTBOX_DEAD), 2);
    assert_true(auth_outbox_retry(path, "race-2", &count, &error));
    assert_int_equal(count, 1);
    auth_rig_run_ms(&fixture->rig, 5000);
    assert_int_equal(auth_fake_counts(fixture->fake).report_calls, 4);
    assert_string_equal(call_at(fixture, 3)->key, "race-2");
    assert_int_equal(call_at(fixture, 3)->attempt, 1); // the operator says: as if never tried
    assert_int_equal(auth_outbox_count(fixture->outbox, AUTH_OUTBOX_PENDING), 0);
    assert_int_equal(auth_outbox_count(fixture->outbox, AUTH_OUTBOX_DELIVERED), 2);
    assert_int_equal(auth_outbox_count(fixture->outbox, AUTH_OUTBOX_DEAD), 1);
    assert_int_equal(auth_rig_counter(&fixture->rig, "paddock_outbox_dead"), 1);
    assert_true(auth_reporter_idle(fixture->reporter));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_result_is_committed_and_then_delivered),
        TEST(results_go_one_at_a_time_in_the_order_of_their_commits),
        TEST(a_plan_makes_one_delivery_a_subject),
        TEST(a_result_submitted_twice_is_delivered_once),
        TEST(failed_tries_come_back_ever_later_with_jitter),
        TEST(the_first_pause_is_short_again_after_a_delivery),
        TEST(a_new_result_does_not_cut_the_pause_short),
        TEST(a_backend_that_never_answers_is_given_up_at_the_deadline),
        TEST(a_backend_that_cannot_begin_is_tried_again),
        TEST(a_refused_result_is_kept_as_dead_and_holds_up_nobody),
        TEST(after_a_restart_the_rest_is_delivered_and_attempts_go_on),
        TEST(a_full_disk_after_the_delivery_does_not_repeat_it),
        TEST(a_full_disk_is_told_to_the_submitter_and_later_results_get_through),
        TEST(destroying_at_any_moment_calls_nobody_and_leaks_nothing),
        TEST(a_full_worker_is_said_to_the_submitter_and_waited_for),
        TEST(no_more_tries_begin_in_a_second_than_the_settings_allow),
        TEST(what_an_operator_sends_again_is_noticed_within_seconds),
    };
    return cmocka_run_group_tests_name("reporter", tests, NULL, NULL);
}
