// SPDX-License-Identifier: MIT
// The seam over embedded_store. Every call is a job on the worker; a cancelled call lives on,
// unheard, until its job is back, and so does a destroyed backend.

#include "auth/backend_embedded.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth/embedded_store.h"
#include "config/base/log.h"
#include "config/paths.h"

struct embedded {
    struct auth_backend base;
    struct worker *worker;
    struct auth_db *db;
    struct auth_call *calls; // not cancelled
    unsigned jobs;           // also those of cancelled calls
    bool destroyed;          // ends with its last job
};

struct auth_call {
    struct embedded *embedded;
    struct auth_call *next;
    struct auth_call **link; // NULL: cancelled
    struct worker_job job;
    void *context;
    auth_verify_done *verify_done;
    struct auth_token token;
    enum auth_verdict verdict;
    auth_report_done *report_done;
    enum auth_delivery delivery;
    struct error error; // why it is not delivered
    char *key;
    char *body;
};

static struct embedded *embedded_of(struct auth_backend *backend)
{
    assert(backend->impl == &auth_backend_embedded);
    return (struct embedded *)backend;
}

static void free_if_over(struct embedded *embedded)
{
    if (embedded->destroyed && embedded->jobs == 0) {
        auth_db_close(embedded->db);
        free(embedded);
    }
}

static void call_destroy(struct auth_call *call)
{
    if (!call) {
        return;
    }
    auth_token_wipe(&call->token);
    free(call->key);
    free(call->body);
    free(call);
}

static void unlink_call(struct auth_call *call)
{
    *call->link = call->next;
    if (call->next) {
        call->next->link = call->link;
    }
    call->link = NULL;
}

static void verify_work(void *context)
{
    struct auth_call *call = context;
    struct auth_db *db = call->embedded->db;
    call->verdict = auth_embedded_store_verify(db, &call->token);
    if (call->verdict == AUTH_ERROR) {
        error_set(&call->error, "%s", auth_db_reason(db));
    }
}

static void report_work(void *context)
{
    struct auth_call *call = context;
    call->delivery =
        auth_embedded_store_result(call->embedded->db, call->key, call->body, &call->error);
}

static void answer(struct auth_call *call)
{
    static const struct auth_attributes nothing_more;
    if (call->verify_done) {
        if (call->verdict == AUTH_ERROR) {
            log_peer(LOG_WARN, "embedded_store_failed", LOG_S("reason", call->error.text));
        }
        call->verify_done(call->context, call->verdict, &nothing_more);
        return;
    }
    if (call->delivery != AUTH_DELIVERED) {
        log_event(LOG_WARN, "embedded_store_failed", LOG_S("key", call->key),
                  LOG_S("reason", call->error.text));
    }
    call->report_done(call->context, call->delivery);
}

static void on_job_done(void *context)
{
    struct auth_call *call = context;
    struct embedded *embedded = call->embedded;
    if (call->link) {
        unlink_call(call);
        answer(call);
    }
    embedded->jobs--;
    call_destroy(call);
    free_if_over(embedded);
}

// Takes the call over, also when it cannot begin.
static struct auth_call *begin_call(struct embedded *embedded, struct auth_call *call,
                                    void (*work)(void *context), void *context)
{
    call->embedded = embedded;
    call->context = context;
    call->job = (struct worker_job){.work = work, .done = on_job_done, .context = call};
    if (!worker_submit(embedded->worker, &call->job)) {
        call_destroy(call);
        return NULL;
    }
    embedded->jobs++;
    call->next = embedded->calls;
    call->link = &embedded->calls;
    if (call->next) {
        call->next->link = &call->next;
    }
    embedded->calls = call;
    return call;
}

static struct auth_call *embedded_verify(struct auth_backend *backend,
                                         const struct auth_verify_request *request,
                                         auth_verify_done *done, void *context)
{
    struct auth_call *call = calloc(1, sizeof(*call));
    if (!call) {
        return NULL;
    }
    call->verify_done = done;
    call->token = *request->token;
    return begin_call(embedded_of(backend), call, verify_work, context);
}

static struct auth_call *embedded_report(struct auth_backend *backend,
                                         const struct auth_report *report, auth_report_done *done,
                                         void *context)
{
    struct auth_call *call = calloc(1, sizeof(*call));
    if (!call) {
        return NULL;
    }
    call->report_done = done;
    call->key = strdup(report->key);
    call->body = strndup((const char *)report->body.data, report->body.size);
    if (!call->key || !call->body) {
        call_destroy(call);
        return NULL;
    }
    return begin_call(embedded_of(backend), call, report_work, context);
}

static void embedded_cancel(struct auth_backend *backend, struct auth_call *call)
{
    assert(call->embedded == embedded_of(backend) && call->link);
    unlink_call(call);
}

static struct auth_backend *embedded_create(const struct auth_backend_env *env, struct error *error)
{
    char path[LIMIT_PATH_BYTES];
    if (!config_data_path(env->config, env->config->embedded_db, "players.db", path, error)) {
        return NULL;
    }
    struct auth_db *db = auth_embedded_store_open(path, AUTH_DB_CREATE, error);
    if (!db) {
        return NULL;
    }
    struct embedded *embedded = calloc(1, sizeof(*embedded));
    if (!embedded) {
        error_set(error, "embedded backend: out of memory");
        auth_db_close(db);
        return NULL;
    }
    embedded->base.impl = &auth_backend_embedded;
    embedded->worker = env->worker;
    embedded->db = db;
    return &embedded->base;
}

static void embedded_destroy(struct auth_backend *backend)
{
    if (!backend) {
        return;
    }
    struct embedded *embedded = embedded_of(backend);
    while (embedded->calls) {
        unlink_call(embedded->calls);
    }
    embedded->destroyed = true;
    free_if_over(embedded);
}

static bool embedded_preflight(const struct config *config, struct error *error)
{
    return config_data_path_check(config, config->embedded_db, "players.db", error) ||
           error_prefix(error, "embedded backend");
}

// Makes no file: the one who checks may be another user than the one who serves.
static bool check_missing(const char *path, FILE *out, struct error *error)
{
    char folder[LIMIT_PATH_BYTES];
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path) : 0, path);
    if (access(!slash ? "." : slash == path ? "/" : folder, W_OK | X_OK) != 0) {
        return error_set(error, "%s does not exist and its folder cannot be written: %s", path,
                         strerror(errno));
    }
    fprintf(out, "%s does not exist yet; the first start or `paddock token` makes it\n", path);
    return true;
}

static bool embedded_check(const struct auth_backend_env *env, FILE *out, struct error *error)
{
    char path[LIMIT_PATH_BYTES];
    struct auth_embedded_totals totals;
    if (!config_data_path(env->config, env->config->embedded_db, "players.db", path, error)) {
        return false;
    }
    if (strcmp(path, ":memory:") == 0) {
        fprintf(out, "players and results live in memory and end with the server\n");
        return true;
    }
    if (access(path, F_OK) != 0 && errno == ENOENT) {
        return check_missing(path, out, error);
    }
    struct auth_db *db = auth_embedded_store_open(path, AUTH_DB_MUST_EXIST, error);
    bool ok = db && auth_embedded_store_count(db, &totals, error);
    auth_db_close(db);
    if (ok) {
        fprintf(out, "%s can be read and written: %lld players with a token, %lld results\n", path,
                totals.players, totals.results);
    }
    return ok;
}

const struct auth_backend_impl auth_backend_embedded = {
    .name = "embedded",
    .create = embedded_create,
    .verify = embedded_verify,
    .report = embedded_report,
    .cancel = embedded_cancel,
    .destroy = embedded_destroy,
    .check = embedded_check,
    .preflight = embedded_preflight,
};

// ---- the command line

static bool check_path(const char *path, struct error *error)
{
    return strcmp(path, ":memory:") != 0 ||
           error_set(error,
                     "embedded backend: :memory: belongs to the server alone; give both a file "
                     "with --embedded-db");
}

bool auth_embedded_issue(const char *path, const char *player_id, struct bytes_buf *token_json,
                         struct error *error)
{
    struct auth_db *db =
        check_path(path, error) ? auth_embedded_store_open(path, AUTH_DB_CREATE, error) : NULL;
    bool ok = db && auth_embedded_store_issue(db, player_id, token_json, error);
    auth_db_close(db);
    return ok;
}

bool auth_embedded_print_results(const char *path, FILE *out, bool json, struct error *error)
{
    struct auth_db *db =
        check_path(path, error) ? auth_embedded_store_open(path, AUTH_DB_MUST_EXIST, error) : NULL;
    bool ok = db && auth_embedded_store_print(db, out, json, error);
    auth_db_close(db);
    return ok;
}
