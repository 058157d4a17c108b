// SPDX-License-Identifier: MIT
// A call is asking (an HTTP request is under way), pausing (before it asks again), or answered (it
// knows, and says so from the loop). Verifications may run side by side; the reporter gives one
// report at a time, so that what is known of the last one fits into one place.

#include "auth/backend_unisave.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/http.h"
#include "auth/outbox.h"
#include "auth/unisave_answer.h"
#include "auth/unisave_call.h"
#include "auth/unisave_check.h"
#include "config/base/log.h"

#define DEFAULT_URL     "https://unisave.cloud/"
#define CALL_PATH       "_api/call-facet"
#define PAUSE_MS_FIRST  100
#define PAUSE_DOUBLINGS 5

// In the order of the setting's choices.
enum delivery_policy {
    AT_LEAST_ONCE,
    AT_MOST_ONCE,
};

// The last report's story, as far as this process has seen it.
struct story {
    char key[AUTH_OUTBOX_KEY_BYTES];
    unsigned attempt;
    unsigned throws;
    bool never_ran; // not one line of the method, in any attempt so far (at_most_once)
};

struct unisave {
    struct auth_backend base;
    struct loop *loop;
    const struct config *config;
    struct auth_http *http;
    struct auth_call *calls;
    char url[URL_TEXT_BYTES + sizeof(CALL_PATH) + 1];
    struct auth_unisave_arguments arguments;
    char session_id[AUTH_UNISAVE_SESSION_BYTES];
    struct story story;
    uint64_t *answers[AUTH_UNISAVE_KINDS];
    uint64_t *no_answers; // auth/http counts them by reason
    uint64_t *not_repeated;
};

struct auth_call {
    struct unisave *unisave;
    struct auth_call *next;
    struct auth_call **link;
    struct loop_timer timer;    // pausing, answered
    struct auth_http_call *ask; // asking
    struct bytes_buf body;
    void *context;
    bool is_answered;
    // one of the two
    auth_verify_done *verify_done;
    enum auth_verdict verdict;
    uint64_t deadline_ns;
    unsigned tries;
    auth_report_done *report_done;
    enum auth_delivery delivery;
};

static struct unisave *unisave_of(struct auth_backend *backend)
{
    assert(backend->impl == &auth_backend_unisave);
    return (struct unisave *)backend;
}

// ---- the life of a call

static void on_timer(void *context);

static struct auth_call *call_create(struct unisave *unisave, void *context)
{
    struct auth_call *call = calloc(1, sizeof(*call));
    if (!call) {
        return NULL;
    }
    call->unisave = unisave;
    call->context = context;
    bytes_buf_init(&call->body, AUTH_UNISAVE_CALL_BYTES_MAX);
    loop_timer_init(&call->timer, on_timer, call);
    call->next = unisave->calls;
    call->link = &unisave->calls;
    if (call->next) {
        call->next->link = &call->next;
    }
    unisave->calls = call;
    return call;
}

static void call_destroy(struct auth_call *call)
{
    if (call->ask) {
        auth_http_cancel(call->ask);
    }
    loop_timer_cancel(call->unisave->loop, &call->timer);
    auth_unisave_call_wipe(&call->body);
    *call->link = call->next;
    if (call->next) {
        call->next->link = call->link;
    }
    free(call);
}

// From the loop only.
static void answer(struct auth_call *call)
{
    static const struct auth_attributes nothing_more;
    struct auth_call told = *call;
    call_destroy(call);
    if (told.verify_done) {
        told.verify_done(told.context, told.verdict, &nothing_more);
    } else {
        told.report_done(told.context, told.delivery);
    }
}

static void answer_soon(struct auth_call *call)
{
    call->is_answered = true;
    loop_timer_set(call->unisave->loop, &call->timer, loop_now_ns(call->unisave->loop));
}

// ---- asking

static struct auth_unisave_caller caller_of(const struct unisave *unisave, const char *facet,
                                            const char *method)
{
    return (struct auth_unisave_caller){
        .facet = facet,
        .method = method,
        .session_id = unisave->session_id,
        .device_id = unisave->config->unisave_device_id,
        .game_token = unisave->config->unisave_game_token,
        .backend_hash = unisave->config->unisave_backend_hash,
        .build_guid = unisave->config->unisave_build_guid,
    };
}

static bool ask(struct auth_call *call, uint64_t timeout_ns, bool at_most_once,
                auth_http_done *done)
{
    const struct auth_http_request request = {
        .url = call->unisave->url,
        .body = bytes_buf_span(&call->body),
        .timeout_ms = (unsigned)(timeout_ns / CLOCK_NS_PER_MS) + AUTH_HTTP_GRACE_MS,
        .at_most_once = at_most_once,
    };
    call->ask = auth_http_post(call->unisave->http, &request, done, call);
    return call->ask;
}

static void log_answer(enum log_level level, const char *facet, const char *method, unsigned status,
                       const struct auth_unisave_answer *told)
{
    log_peer(level, "unisave_answer", LOG_S("what", auth_unisave_kind_name(told->kind)),
             LOG_S("facet", facet), LOG_S("method", method), LOG_U("status", status),
             LOG_S("exception", told->exception),
             LOG_S("mend", auth_unisave_kind_mend(told->kind)));
}

static void log_no_answer(const struct unisave *unisave, const struct auth_http_answer *told)
{
    log_peer(LOG_WARN, "unisave_no_answer", LOG_S("url", unisave->url),
             LOG_S("why", auth_http_failure_name(told->failure)), LOG_S("detail", told->detail));
}

// Parses, counts, and keeps the session.
static void read_answer(struct unisave *unisave, const struct auth_http_answer *http,
                        struct auth_unisave_answer *told)
{
    auth_unisave_answer_parse(http->status, http->body, told);
    ++*unisave->answers[told->kind];
    if (told->session_id[0]) {
        memcpy(unisave->session_id, told->session_id, sizeof(unisave->session_id));
    }
}

// ---- verification

static void on_verified(void *context, const struct auth_http_answer *http);

static bool ask_to_verify(struct auth_call *call)
{
    uint64_t now_ns = loop_now_ns(call->unisave->loop);
    return now_ns < call->deadline_ns && ask(call, call->deadline_ns - now_ns, false, on_verified);
}

// Asking is free of effects, so that a gateway that is merely busy can be asked again for as long
// as the player waits. False when that would be too long.
static bool ask_again_later(struct auth_call *call, unsigned retry_after_s)
{
    struct loop *loop = call->unisave->loop;
    unsigned doublings = call->tries < PAUSE_DOUBLINGS ? call->tries : PAUSE_DOUBLINGS;
    uint64_t pause_ns = ((uint64_t)PAUSE_MS_FIRST << doublings) * CLOCK_NS_PER_MS;
    uint64_t wanted_ns = retry_after_s * CLOCK_NS_PER_S;
    uint64_t at_ns = loop_now_ns(loop) + (wanted_ns > pause_ns ? wanted_ns : pause_ns);
    if (at_ns >= call->deadline_ns) {
        return false;
    }
    call->tries++;
    loop_timer_set(loop, &call->timer, at_ns);
    return true;
}

// A yes is JSON true, and nothing else is. A method that throws has not said yes, and players can
// make it throw at will (with ids that do not exist), so that it is a no and no trouble.
static enum auth_verdict verdict_of(const struct auth_unisave_answer *told)
{
    if (told->kind == AUTH_UNISAVE_RETURNED && told->returned == AUTH_UNISAVE_TRUE) {
        return AUTH_YES;
    }
    bool said_no = told->kind == AUTH_UNISAVE_THREW ||
                   (told->kind == AUTH_UNISAVE_RETURNED && told->returned == AUTH_UNISAVE_FALSE);
    return said_no ? AUTH_NO : AUTH_ERROR;
}

static void on_verified(void *context, const struct auth_http_answer *http)
{
    struct auth_call *call = context;
    struct unisave *unisave = call->unisave;
    const struct config *config = unisave->config;
    struct auth_unisave_answer told;
    call->ask = NULL;
    if (http->failure != AUTH_HTTP_OK) {
        ++*unisave->no_answers;
        log_no_answer(unisave, http);
        answer(call);
        return;
    }
    read_answer(unisave, http, &told);
    if (told.kind == AUTH_UNISAVE_BUSY && ask_again_later(call, http->retry_after_s)) {
        return;
    }
    call->verdict = verdict_of(&told);
    if (call->verdict == AUTH_ERROR || told.kind == AUTH_UNISAVE_THREW) {
        log_answer(call->verdict == AUTH_ERROR ? LOG_ERROR : LOG_INFO, config->unisave_auth_facet,
                   config->unisave_auth_method, http->status, &told);
    }
    answer(call);
}

// The database answers an id of another collection with an exception; the key is its business.
static bool unisave_could_know(struct auth_backend *backend, const char *player_id)
{
    const char *prefix = unisave_of(backend)->config->unisave_id_prefix;
    size_t size = strlen(prefix);
    return strncmp(player_id, prefix, size) == 0 && player_id[size] != '\0';
}

static struct auth_call *unisave_verify(struct auth_backend *backend,
                                        const struct auth_verify_request *request,
                                        auth_verify_done *done, void *context)
{
    struct unisave *unisave = unisave_of(backend);
    const struct config *config = unisave->config;
    struct auth_call *call = call_create(unisave, context);
    if (!call) {
        return NULL;
    }
    call->verify_done = done;
    call->verdict = AUTH_ERROR; // until somebody says otherwise
    call->deadline_ns = loop_now_ns(unisave->loop) + (uint64_t)config->verify_ms * CLOCK_NS_PER_MS;
    struct auth_unisave_caller caller =
        caller_of(unisave, config->unisave_auth_facet, config->unisave_auth_method);
    if (!auth_unisave_call_verify(&caller, request->token, &call->body) || !ask_to_verify(call)) {
        call_destroy(call);
        return NULL;
    }
    return call;
}

// ---- reports

static bool may_try(const struct unisave *unisave)
{
    return unisave->config->unisave_result_delivery == AT_LEAST_ONCE || unisave->story.never_ran;
}

// Opens or continues the story of this key. What a process before this one has seen is not known.
static void tell_story(struct story *story, const struct auth_report *report)
{
    bool goes_on = strcmp(story->key, report->key) == 0 && story->attempt + 1 == report->attempt;
    if (!goes_on) {
        *story = (struct story){.never_ran = report->attempt == 1};
        snprintf(story->key, sizeof(story->key), "%s", report->key);
    }
    story->attempt = report->attempt;
}

// After a try that the backend has not taken, or not certainly.
static enum auth_delivery retry_or_refuse(struct unisave *unisave)
{
    if (may_try(unisave)) {
        return AUTH_RETRY;
    }
    ++*unisave->not_repeated;
    log_event(LOG_ERROR, "unisave_result_not_repeated", LOG_S("key", unisave->story.key),
              LOG_U("attempt", unisave->story.attempt),
              LOG_S("mend", "the backend may have it or not: look there, then drop this dead "
                            "letter or send it again"));
    return AUTH_REFUSED;
}

static enum auth_delivery delivery_of(struct unisave *unisave,
                                      const struct auth_unisave_answer *told)
{
    if (told->kind == AUTH_UNISAVE_RETURNED) {
        return AUTH_DELIVERED;
    }
    // A mismatch either never lets the method run, or always lets it run.
    if (told->kind == AUTH_UNISAVE_MISMATCH ||
        (told->kind == AUTH_UNISAVE_THREW &&
         (told->for_good || ++unisave->story.throws >= AUTH_UNISAVE_THROWS_MAX))) {
        return AUTH_REFUSED;
    }
    unisave->story.never_ran = !told->may_have_run;
    return retry_or_refuse(unisave);
}

static void on_reported(void *context, const struct auth_http_answer *http)
{
    struct auth_call *call = context;
    struct unisave *unisave = call->unisave;
    const struct config *config = unisave->config;
    call->ask = NULL;
    if (http->failure != AUTH_HTTP_OK) {
        ++*unisave->no_answers;
        log_no_answer(unisave, http);
        unisave->story.never_ran = !http->was_sent;
        call->delivery = retry_or_refuse(unisave);
    } else {
        struct auth_unisave_answer told;
        read_answer(unisave, http, &told);
        call->delivery = delivery_of(unisave, &told);
        if (call->delivery != AUTH_DELIVERED) {
            log_answer(LOG_ERROR, config->unisave_result_facet, config->unisave_result_method,
                       http->status, &told);
        }
    }
    answer(call);
}

static bool ask_to_take(struct auth_call *call, const struct auth_unisave_standing *standing)
{
    struct unisave *unisave = call->unisave;
    const struct config *config = unisave->config;
    struct auth_unisave_caller caller =
        caller_of(unisave, config->unisave_result_facet, config->unisave_result_method);
    bool at_most_once = config->unisave_result_delivery == AT_MOST_ONCE;
    return auth_unisave_call_result(&caller, &unisave->arguments,
                                    secret_span(config->fusion_server_token), standing,
                                    &call->body) &&
           ask(call, (uint64_t)config->report_ms * CLOCK_NS_PER_MS, at_most_once, on_reported);
}

static struct auth_call *unisave_report(struct auth_backend *backend,
                                        const struct auth_report *report, auth_report_done *done,
                                        void *context)
{
    struct unisave *unisave = unisave_of(backend);
    struct auth_unisave_standing standing;
    tell_story(&unisave->story, report);
    struct auth_call *call = call_create(unisave, context);
    if (!call) {
        return NULL;
    }
    call->report_done = done;
    call->delivery = AUTH_REFUSED;
    if (!auth_unisave_result_find(report->body, report->subject, &standing)) {
        log_event(LOG_ERROR, "unisave_result_unreadable", LOG_S("key", report->key),
                  LOG_S("why", "its body does not name the player to be told about; was it made "
                               "for another backend?"));
        answer_soon(call);
        return call;
    }
    if (!may_try(unisave)) {
        call->delivery = retry_or_refuse(unisave);
        answer_soon(call);
        return call;
    }
    if (!ask_to_take(call, &standing)) {
        call_destroy(call);
        return NULL;
    }
    unisave->story.never_ran = false; // unless an answer says so; cancelling leaves it
    return call;
}

// A body that cannot be read is not lost: it gets a delivery that ends as a visible dead letter.
static void unisave_plan(struct auth_backend *backend, struct bytes_span body,
                         void (*each)(void *context, const char *subject), void *context)
{
    enum auth_unisave_placings placings =
        (enum auth_unisave_placings)unisave_of(backend)->config->unisave_result_placings;
    if (!auth_unisave_result_each(body, placings, each, context)) {
        each(context, "");
    }
}

// ---- the rest of the seam

static void on_timer(void *context)
{
    struct auth_call *call = context;
    if (!call->is_answered && ask_to_verify(call)) {
        return;
    }
    answer(call);
}

static void unisave_cancel(struct auth_backend *backend, struct auth_call *call)
{
    assert(call->unisave == unisave_of(backend));
    call_destroy(call);
}

static void unisave_destroy(struct auth_backend *backend)
{
    if (!backend) {
        return;
    }
    struct unisave *unisave = unisave_of(backend);
    while (unisave->calls) {
        call_destroy(unisave->calls);
    }
    auth_http_destroy(unisave->http);
    free(unisave);
}

// ---- start

static bool make_url(struct unisave *unisave, struct error *error)
{
    const struct config *config = unisave->config;
    struct url url;
    char text[URL_TEXT_BYTES];
    if (!config_backend_url(config, "backend-url",
                            config->backend_url[0] ? config->backend_url : DEFAULT_URL, &url,
                            error)) {
        return false;
    }
    url_format(&url, text);
    const char *slash = text[0] && text[strlen(text) - 1] == '/' ? "" : "/";
    int size = snprintf(unisave->url, sizeof(unisave->url), "%s%s" CALL_PATH, text, slash);
    assert(size > 0 && (size_t)size < sizeof(unisave->url));
    return true;
}

static bool read_arguments(const struct config *config, struct auth_unisave_arguments *arguments,
                           struct error *error)
{
    if (!auth_unisave_arguments_parse(config->unisave_result_arguments, arguments, error)) {
        return error_prefix(error, "--unisave-result-arguments");
    }
    if (config->unisave_result_placings != AUTH_UNISAVE_WINNER &&
        !auth_unisave_arguments_have(arguments, AUTH_UNISAVE_PLACE)) {
        return error_set(error, "--unisave-result-arguments: without place the result method "
                                "could not tell the winner from the others that "
                                "--unisave-result-placings reports");
    }
    return true;
}

static bool unisave_preflight(const struct config *config, struct error *error)
{
    struct auth_unisave_arguments arguments;
    return read_arguments(config, &arguments, error) && auth_http_preflight(config, error);
}

static void count_in(struct unisave *unisave, struct counters *counters)
{
    static const char name[] = "paddock_unisave_answers";
    static const char help[] = "facet calls, by what came of them";
    for (unsigned i = 0; i < AUTH_UNISAVE_KINDS; i++) {
        unisave->answers[i] = counter_cell(counters, COUNTER_TOTAL, name, help, "outcome",
                                           auth_unisave_kind_name((enum auth_unisave_kind)i));
    }
    unisave->no_answers = counter_cell(counters, COUNTER_TOTAL, name, help, "outcome", "no_answer");
    unisave->not_repeated = counter_cell(
        counters, COUNTER_TOTAL, "paddock_unisave_not_repeated",
        "results with an unknown outcome that at_most_once did not send again", NULL, NULL);
}

static struct auth_backend *unisave_create(const struct auth_backend_env *env, struct error *error)
{
    assert(env->config->fusion_server_token); // config_check_backend() has seen to it
    struct unisave *unisave = calloc(1, sizeof(*unisave));
    if (!unisave) {
        error_set(error, "unisave backend: out of memory");
        return NULL;
    }
    unisave->base.impl = &auth_backend_unisave;
    unisave->loop = env->loop;
    unisave->config = env->config;
    if (!read_arguments(env->config, &unisave->arguments, error) || !make_url(unisave, error)) {
        goto fail;
    }
    unisave->http = auth_http_create(env->loop, env->config, env->counters, error);
    if (!unisave->http) {
        goto fail;
    }
    count_in(unisave, env->counters);
    log_event(LOG_INFO, "unisave", LOG_S("url", unisave->url),
              LOG_S("device", env->config->unisave_device_id),
              LOG_S("backend", env->config->unisave_backend_hash));
    return &unisave->base;
fail:
    free(unisave);
    return NULL;
}

static bool unisave_check(const struct auth_backend_env *env, FILE *out, struct error *error)
{
    struct auth_backend *backend = unisave_create(env, error);
    if (!backend) {
        return false;
    }
    struct unisave *unisave = unisave_of(backend);
    const struct auth_unisave_check check = {
        .loop = env->loop,
        .http = unisave->http,
        .url = unisave->url,
        .caller =
            caller_of(unisave, env->config->unisave_auth_facet, env->config->unisave_auth_method),
        .id_prefix = env->config->unisave_id_prefix,
        .timeout_ms = (unsigned)env->config->verify_ms,
    };
    bool ok = auth_unisave_check(&check, out, error);
    unisave_destroy(backend);
    return ok;
}

const struct auth_backend_impl auth_backend_unisave = {
    .name = "unisave",
    .preflight = unisave_preflight,
    .create = unisave_create,
    .could_know = unisave_could_know,
    .verify = unisave_verify,
    .report = unisave_report,
    .cancel = unisave_cancel,
    .plan = unisave_plan,
    .destroy = unisave_destroy,
    .check = unisave_check,
};
