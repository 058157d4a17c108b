// SPDX-License-Identifier: MIT
// One step at a time: take the oldest result from the outbox, call the backend, settle the row, and
// again. A step that fails is repeated after a pause; which one that is, is all the state there is.
//
// A row that is delivered but could not be settled is settled again, not delivered again: for a
// backend that cannot tell a repetition that is the difference between paying once and twice.

#include "auth/reporter.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/backoff.h"
#include "config/base/log.h"

// How often an idle reporter looks whether another process (`paddock outbox retry`) has left it
// something.
#define LOOK_MS 5000

enum step {
    STEP_IDLE, // nothing pending
    STEP_TAKE,
    STEP_CALL,
    STEP_SETTLE,
};

enum outcome {
    OUTCOME_DELIVERED,
    OUTCOME_RETRIED,
    OUTCOME_REFUSED,
    OUTCOME_COUNT,
};

static const char *const outcome_names[OUTCOME_COUNT] = {"delivered", "retried", "refused"};

struct auth_reporter {
    struct loop *loop;
    struct auth_outbox *outbox;
    struct auth_backend *backend;
    enum step step;
    struct auth_outbox_row *row;  // STEP_CALL, STEP_SETTLE
    struct auth_call *call;       // STEP_CALL, or NULL while it pauses
    enum auth_outbox_state state; // STEP_SETTLE
    struct loop_timer timer;      // end of a pause, the call's deadline, or the next look
    uint64_t deadline_ns;
    uint64_t next_call_ns; // not before
    uint64_t gap_ns;       // between the beginnings of two calls
    struct auth_backoff backoff;
    unsigned outbox_jobs; // answers of the outbox that are still to come
    bool destroyed;       // ends with the last of them
    uint64_t *outcomes[OUTCOME_COUNT];
};

// A commit's way back to whoever asked for it.
struct submission {
    struct auth_reporter *reporter;
    void (*committed)(void *context, bool ok);
    void *context;
};

static void run(struct auth_reporter *reporter);

// Called first by every answer of the outbox; false: the reporter is gone and so is its memory.
static bool outbox_answered(struct auth_reporter *reporter)
{
    reporter->outbox_jobs--;
    if (reporter->destroyed && reporter->outbox_jobs == 0) {
        free(reporter);
        return false;
    }
    return !reporter->destroyed;
}

// ---- pauses

// Repeats the present step later.
static void pause_step(struct auth_reporter *reporter)
{
    uint64_t now_ns = loop_now_ns(reporter->loop);
    loop_timer_set(reporter->loop, &reporter->timer,
                   now_ns + auth_backoff_next_ns(&reporter->backoff));
}

static void enter(struct auth_reporter *reporter, enum step step)
{
    loop_timer_cancel(reporter->loop, &reporter->timer);
    reporter->step = step;
    run(reporter);
}

// ---- settle

static void on_settled(void *context, bool ok)
{
    struct auth_reporter *reporter = context;
    if (!outbox_answered(reporter)) {
        return;
    }
    if (!ok) {
        pause_step(reporter);
        return;
    }
    auth_backoff_reset(&reporter->backoff);
    auth_outbox_row_destroy(reporter->row);
    reporter->row = NULL;
    enter(reporter, STEP_TAKE);
}

static bool run_settle(struct auth_reporter *reporter)
{
    return auth_outbox_settle(reporter->outbox, reporter->row->id, reporter->state, on_settled,
                              reporter);
}

// ---- call

static void log_outcome(const struct auth_reporter *reporter, enum log_level level,
                        const char *event)
{
    log_event(level, event, LOG_S("key", reporter->row->key),
              LOG_U("attempt", reporter->row->attempt),
              LOG_S("backend", reporter->backend->impl->name));
}

// The row goes back to the outbox, where it is the oldest pending one, and is taken again after the
// pause with its attempt counted.
static void retry(struct auth_reporter *reporter)
{
    ++*reporter->outcomes[OUTCOME_RETRIED];
    log_outcome(reporter, LOG_WARN, "report_failed");
    auth_outbox_row_destroy(reporter->row);
    reporter->row = NULL;
    reporter->step = STEP_TAKE;
    pause_step(reporter);
}

static void on_delivery(void *context, enum auth_delivery delivery)
{
    struct auth_reporter *reporter = context;
    reporter->call = NULL;
    if (delivery == AUTH_RETRY) {
        retry(reporter);
        return;
    }
    bool delivered = delivery == AUTH_DELIVERED;
    ++*reporter->outcomes[delivered ? OUTCOME_DELIVERED : OUTCOME_REFUSED];
    log_outcome(reporter, delivered ? LOG_INFO : LOG_ERROR,
                delivered ? "report_delivered" : "report_refused");
    reporter->state = delivered ? AUTH_OUTBOX_DELIVERED : AUTH_OUTBOX_DEAD;
    enter(reporter, STEP_SETTLE);
}

static void run_call(struct auth_reporter *reporter)
{
    struct auth_report report = {
        .key = reporter->row->key,
        .subject = reporter->row->subject,
        .body = bytes_buf_span(&reporter->row->body),
        .attempt = reporter->row->attempt,
    };
    uint64_t now_ns = loop_now_ns(reporter->loop);
    reporter->next_call_ns = now_ns + reporter->gap_ns;
    reporter->call =
        reporter->backend->impl->report(reporter->backend, &report, on_delivery, reporter);
    if (!reporter->call) {
        retry(reporter);
        return;
    }
    loop_timer_set(reporter->loop, &reporter->timer, now_ns + reporter->deadline_ns);
}

// ---- take

static void on_taken(void *context, bool ok, struct auth_outbox_row *row)
{
    struct auth_reporter *reporter = context;
    if (!outbox_answered(reporter)) {
        auth_outbox_row_destroy(row);
        return;
    }
    if (!ok) {
        pause_step(reporter);
    } else if (!row) {
        reporter->step = STEP_IDLE;
        loop_timer_set(reporter->loop, &reporter->timer,
                       loop_now_ns(reporter->loop) + LOOK_MS * CLOCK_NS_PER_MS);
    } else {
        reporter->row = row;
        enter(reporter, STEP_CALL);
    }
}

// Taking counts an attempt, so it waits for its time and not the call after it.
static bool is_too_early(struct auth_reporter *reporter)
{
    bool early = loop_now_ns(reporter->loop) < reporter->next_call_ns;
    if (early) {
        loop_timer_set(reporter->loop, &reporter->timer, reporter->next_call_ns);
    }
    return early;
}

static bool run_take(struct auth_reporter *reporter)
{
    return auth_outbox_take(reporter->outbox, on_taken, reporter);
}

// ---- steps

static void run(struct auth_reporter *reporter)
{
    if (reporter->step == STEP_CALL) {
        run_call(reporter);
        return;
    }
    if (reporter->step == STEP_TAKE && is_too_early(reporter)) {
        return;
    }
    bool begun = reporter->step == STEP_TAKE ? run_take(reporter) : run_settle(reporter);
    if (begun) {
        reporter->outbox_jobs++;
    } else {
        pause_step(reporter);
    }
}

static void on_timer(void *context)
{
    struct auth_reporter *reporter = context;
    if (reporter->call) {
        reporter->backend->impl->cancel(reporter->backend, reporter->call);
        reporter->call = NULL;
        retry(reporter);
    } else if (reporter->step == STEP_IDLE) {
        enter(reporter, STEP_TAKE);
    } else {
        run(reporter);
    }
}

// ---- submission

struct plan {
    unsigned count;
    char subjects[LIMIT_PLAYERS_PER_SESSION][AUTH_OUTBOX_SUBJECT_BYTES];
};

static void add_subject(void *context, const char *subject)
{
    struct plan *plan = context;
    assert(plan->count < BASE_COUNT(plan->subjects));
    int length = snprintf(plan->subjects[plan->count], sizeof(plan->subjects[0]), "%s", subject);
    assert(length >= 0 && (size_t)length < sizeof(plan->subjects[0]));
    plan->count++;
}

static void on_committed(void *context, bool ok)
{
    struct submission submission = *(struct submission *)context;
    free(context);
    if (!outbox_answered(submission.reporter)) {
        return;
    }
    if (ok && submission.reporter->step == STEP_IDLE) {
        enter(submission.reporter, STEP_TAKE);
    }
    submission.committed(submission.context, ok);
}

bool auth_reporter_submit(struct auth_reporter *reporter, const char *race_id,
                          struct bytes_span body, void (*committed)(void *context, bool ok),
                          void *context)
{
    struct plan plan = {.count = 0};
    const char *subjects[LIMIT_PLAYERS_PER_SESSION];
    if (reporter->backend->impl->plan) {
        reporter->backend->impl->plan(reporter->backend, body, add_subject, &plan);
    } else {
        add_subject(&plan, "");
    }
    for (unsigned i = 0; i < plan.count; i++) {
        subjects[i] = plan.subjects[i];
    }
    struct submission *submission = malloc(sizeof(*submission));
    if (!submission) {
        return false;
    }
    *submission = (struct submission){reporter, committed, context};
    if (!auth_outbox_commit(reporter->outbox, race_id, body, subjects, plan.count, on_committed,
                            submission)) {
        free(submission);
        return false;
    }
    reporter->outbox_jobs++;
    return true;
}

bool auth_reporter_idle(const struct auth_reporter *reporter)
{
    return reporter->step == STEP_IDLE && reporter->outbox_jobs == 0 &&
           auth_outbox_count(reporter->outbox, AUTH_OUTBOX_PENDING) == 0;
}

// ---- life

struct auth_reporter *auth_reporter_create(struct loop *loop, struct auth_outbox *outbox,
                                           struct auth_backend *backend,
                                           const struct config *config, struct counters *counters,
                                           uint64_t seed)
{
    struct auth_reporter *reporter = calloc(1, sizeof(*reporter));
    if (!reporter) {
        return NULL;
    }
    reporter->loop = loop;
    reporter->outbox = outbox;
    reporter->backend = backend;
    reporter->deadline_ns = (uint64_t)config->report_ms * CLOCK_NS_PER_MS;
    reporter->gap_ns =
        config->reports_per_second ? CLOCK_NS_PER_S / (uint64_t)config->reports_per_second : 0;
    auth_backoff_init(&reporter->backoff, (uint64_t)config->report_retry_ms * CLOCK_NS_PER_MS,
                      (uint64_t)config->report_retry_max_ms * CLOCK_NS_PER_MS, seed);
    loop_timer_init(&reporter->timer, on_timer, reporter);
    for (unsigned i = 0; i < OUTCOME_COUNT; i++) {
        reporter->outcomes[i] =
            counter_cell(counters, COUNTER_TOTAL, "paddock_reports",
                         "tries to give a result to the backend", "outcome", outcome_names[i]);
    }
    enter(reporter, STEP_TAKE);
    return reporter;
}

void auth_reporter_destroy(struct auth_reporter *reporter)
{
    if (!reporter) {
        return;
    }
    if (reporter->call) {
        reporter->backend->impl->cancel(reporter->backend, reporter->call);
    }
    loop_timer_cancel(reporter->loop, &reporter->timer);
    auth_outbox_row_destroy(reporter->row);
    reporter->row = NULL;
    reporter->destroyed = true;
    if (reporter->outbox_jobs == 0) {
        free(reporter);
    }
}
