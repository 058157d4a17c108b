// SPDX-License-Identifier: MIT
// Every call, also one that is to hang, is a timer in a list; so cancelling, counting and cleaning
// up are the same for all, and no answer ever comes from inside a call.

#include "auth/backend_fake.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct auth_call {
    struct fake *fake;
    struct auth_call *next;
    struct auth_call **link;
    struct loop_timer timer;
    auth_verify_done *verify_done; // one of the two
    auth_report_done *report_done;
    void *context;
    enum auth_verdict verdict;
    struct auth_attributes attributes;
    enum auth_delivery delivery;
};

struct fake {
    struct auth_backend base;
    struct loop *loop;
    struct auth_call *calls;
    struct auth_fake_counts counts;
    enum auth_fake_report report;
    unsigned report_times;
    bool down;
    const char *poison;
    const char *const *subjects;
    unsigned subject_count;
    unsigned record_count;
    struct auth_fake_call_record records[AUTH_FAKE_REPORTS_MAX];
};

static struct fake *fake_of(const struct auth_backend *backend)
{
    assert(backend->impl == &auth_backend_fake);
    return (struct fake *)(uintptr_t)backend;
}

static void end_call(struct auth_call *call)
{
    loop_timer_cancel(call->fake->loop, &call->timer);
    *call->link = call->next;
    if (call->next) {
        call->next->link = call->link;
    }
    call->fake->counts.under_way--;
    free(call);
}

static void on_answer(void *context)
{
    struct auth_call answer = *(struct auth_call *)context;
    end_call(context);
    if (answer.verify_done) {
        answer.verify_done(answer.context, answer.verdict, &answer.attributes);
    } else {
        answer.report_done(answer.context, answer.delivery);
    }
}

static struct auth_call *begin_call(struct fake *fake, void *context, uint64_t delay_ns)
{
    struct auth_call *call = calloc(1, sizeof(*call));
    assert(call);
    call->fake = fake;
    call->context = context;
    call->next = fake->calls;
    call->link = &fake->calls;
    if (call->next) {
        call->next->link = &call->next;
    }
    fake->calls = call;
    fake->counts.under_way++;
    if (fake->counts.under_way > fake->counts.under_way_max) {
        fake->counts.under_way_max = fake->counts.under_way;
    }
    loop_timer_init(&call->timer, on_answer, call);
    if (delay_ns != CLOCK_NEVER) {
        loop_timer_set(fake->loop, &call->timer, loop_now_ns(fake->loop) + delay_ns);
    }
    return call;
}

static bool fake_could_know(struct auth_backend *backend, const char *player_id)
{
    (void)backend;
    return strncmp(player_id, AUTH_FAKE_FOREIGN, sizeof(AUTH_FAKE_FOREIGN) - 1) != 0;
}

static struct auth_call *fake_verify(struct auth_backend *backend,
                                     const struct auth_verify_request *request,
                                     auth_verify_done *done, void *context)
{
    static const struct {
        const char *token;
        enum auth_verdict verdict;
        uint64_t delay_ns;
    } script[] = {
        {AUTH_FAKE_YES, AUTH_YES, 0},
        {AUTH_FAKE_NO, AUTH_NO, 0},
        {AUTH_FAKE_ERROR, AUTH_ERROR, 0},
        {AUTH_FAKE_SLOW, AUTH_YES, AUTH_FAKE_SLOW_MS * CLOCK_NS_PER_MS},
        {AUTH_FAKE_HANG, AUTH_ERROR, CLOCK_NEVER},
        {AUTH_FAKE_WATCH, AUTH_YES, 0},
    };
    struct fake *fake = fake_of(backend);
    fake->counts.verify_calls++;
    if (strcmp(request->token->player_token, AUTH_FAKE_BUSY) == 0) {
        return NULL;
    }
    enum auth_verdict verdict = AUTH_NO;
    uint64_t delay_ns = 0;
    for (size_t i = 0; i < BASE_COUNT(script); i++) {
        if (strcmp(request->token->player_token, script[i].token) == 0) {
            verdict = script[i].verdict;
            delay_ns = script[i].delay_ns;
        }
    }
    if (fake->down) {
        verdict = AUTH_ERROR;
        delay_ns = 0;
    }
    struct auth_call *call = begin_call(fake, context, delay_ns);
    call->verify_done = done;
    call->verdict = verdict;
    if (verdict == AUTH_YES) {
        call->attributes.kart = AUTH_FAKE_KART;
        snprintf(call->attributes.display_name, sizeof(call->attributes.display_name), "Fake %.48s",
                 request->token->player_id);
        call->attributes.spectator = strcmp(request->token->player_token, AUTH_FAKE_WATCH) == 0;
    }
    return call;
}

static void record(struct fake *fake, const struct auth_report *report)
{
    if (fake->record_count == AUTH_FAKE_REPORTS_MAX) {
        return;
    }
    struct auth_fake_call_record *kept = &fake->records[fake->record_count++];
    snprintf(kept->key, sizeof(kept->key), "%s", report->key);
    snprintf(kept->subject, sizeof(kept->subject), "%s", report->subject);
    kept->attempt = report->attempt;
    kept->at_ns = loop_now_ns(fake->loop);
    bytes_buf_init(&kept->body, report->body.size + 1);
    bool ok = bytes_buf_append(&kept->body, report->body);
    assert(ok);
}

static struct auth_call *fake_report(struct auth_backend *backend, const struct auth_report *report,
                                     auth_report_done *done, void *context)
{
    struct fake *fake = fake_of(backend);
    fake->counts.report_calls++;
    record(fake, report);
    enum auth_fake_report what = AUTH_FAKE_DELIVER;
    if (fake->down) {
        what = AUTH_FAKE_RETRY;
    } else if (fake->poison &&
               memmem(report->body.data, report->body.size, fake->poison, strlen(fake->poison))) {
        what = AUTH_FAKE_REFUSE;
    } else if (fake->report_times > 0) {
        fake->report_times--;
        what = fake->report;
    }
    if (what == AUTH_FAKE_CANNOT) {
        return NULL;
    }
    struct auth_call *call = begin_call(fake, context, what == AUTH_FAKE_HANG_UP ? CLOCK_NEVER : 0);
    call->report_done = done;
    call->delivery = what == AUTH_FAKE_DELIVER  ? AUTH_DELIVERED
                     : what == AUTH_FAKE_REFUSE ? AUTH_REFUSED
                                                : AUTH_RETRY;
    return call;
}

static void fake_cancel(struct auth_backend *backend, struct auth_call *call)
{
    fake_of(backend)->counts.cancelled++;
    end_call(call);
}

static void fake_plan(struct auth_backend *backend, struct bytes_span body,
                      void (*each)(void *context, const char *subject), void *context)
{
    struct fake *fake = fake_of(backend);
    (void)body;
    if (fake->subject_count == 0) {
        each(context, "");
    }
    for (unsigned i = 0; i < fake->subject_count; i++) {
        each(context, fake->subjects[i]);
    }
}

static void fake_notify(struct auth_backend *backend, const struct auth_notice *notice)
{
    struct auth_fake_counts *counts = &fake_of(backend)->counts;
    ++*(notice->kicked ? &counts->kicked : &counts->left);
    counts->notice_code = notice->code;
}

static struct auth_backend *fake_create(const struct auth_backend_env *env, struct error *error)
{
    (void)error;
    return auth_fake_create(env->loop);
}

static void fake_destroy(struct auth_backend *backend)
{
    if (!backend) {
        return;
    }
    struct fake *fake = fake_of(backend);
    while (fake->calls) {
        end_call(fake->calls);
    }
    for (unsigned i = 0; i < fake->record_count; i++) {
        bytes_buf_finish(&fake->records[i].body);
    }
    free(fake);
}

const struct auth_backend_impl auth_backend_fake = {
    .name = "fake",
    .create = fake_create,
    .could_know = fake_could_know,
    .verify = fake_verify,
    .report = fake_report,
    .cancel = fake_cancel,
    .plan = fake_plan,
    .notify = fake_notify,
    .destroy = fake_destroy,
};

struct auth_backend *auth_fake_create(struct loop *loop)
{
    struct fake *fake = calloc(1, sizeof(*fake));
    assert(fake);
    fake->base.impl = &auth_backend_fake;
    fake->loop = loop;
    return &fake->base;
}

void auth_fake_set_report(struct auth_backend *backend, enum auth_fake_report what, unsigned times)
{
    fake_of(backend)->report = what;
    fake_of(backend)->report_times = times;
}

void auth_fake_set_down(struct auth_backend *backend, bool down)
{
    fake_of(backend)->down = down;
}

void auth_fake_set_poison(struct auth_backend *backend, const char *text)
{
    fake_of(backend)->poison = text;
}

void auth_fake_set_plan(struct auth_backend *backend, const char *const *subjects, unsigned count)
{
    fake_of(backend)->subjects = subjects;
    fake_of(backend)->subject_count = count;
}

struct auth_fake_counts auth_fake_counts(const struct auth_backend *backend)
{
    return fake_of(backend)->counts;
}

const struct auth_fake_call_record *auth_fake_report_at(const struct auth_backend *backend,
                                                        unsigned index)
{
    const struct fake *fake = fake_of(backend);
    return index < fake->record_count ? &fake->records[index] : NULL;
}
