// SPDX-License-Identifier: MIT
// Every operation is a job: its SQL runs on the worker, its answer on the loop. The counts by state
// are kept on the loop's side from what the jobs report, so that asking for them costs nothing.

#include "auth/outbox.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/db.h"
#include "auth/outbox_layout.h"
#include "config/base/log.h"

enum {
    SQL_IS_COMMITTED,
    SQL_ADD,
    SQL_TAKE,
    SQL_SETTLE,
    SQL_PRUNE,
    SQL_COUNT,
    SQL_VERSION,
};

#define TEXT_(x) #x
#define TEXT(x)  TEXT_(x)

_Static_assert(AUTH_OUTBOX_PENDING == 0 && AUTH_OUTBOX_DELIVERED == 1 && AUTH_OUTBOX_DEAD == 2,
               "the numbers are in the file and in the statements");

static const char *const statements[] = {
    // All keys of a race: the race id itself, or what follows it after a '/' ('0' comes next).
    [SQL_IS_COMMITTED] = "SELECT 1 FROM outbox WHERE key = ?1"
                         " OR (key > ?1 || '/' AND key < ?1 || '0') LIMIT 1",
    [SQL_ADD] = "INSERT INTO outbox(key, subject, body) VALUES (?1, ?2, ?3)"
                " ON CONFLICT(key) DO NOTHING",
    [SQL_TAKE] = "UPDATE outbox SET attempts = attempts + 1, updated = " AUTH_OUTBOX_NOW
                 " WHERE id = (SELECT min(id) FROM outbox WHERE state = 0)"
                 " RETURNING id, key, subject, attempts, body",
    [SQL_SETTLE] =
        "UPDATE outbox SET state = ?2, updated = " AUTH_OUTBOX_NOW " WHERE id = ?1 AND state = 0",
    [SQL_PRUNE] =
        "DELETE FROM outbox WHERE state = 1 AND id <= (SELECT id FROM outbox"
        " WHERE state = 1 ORDER BY id DESC LIMIT 1 OFFSET " TEXT(AUTH_OUTBOX_DELIVERED_KEPT) ")",
    [SQL_COUNT] = "SELECT state, count(*) FROM outbox GROUP BY state",
    // Changes when another process has changed the file.
    [SQL_VERSION] = "PRAGMA data_version",
};

static const struct auth_db_layout layout = {
    AUTH_OUTBOX_LAYOUT,
    .statements = statements,
    .statement_count = BASE_COUNT(statements),
    // Two servers on one outbox would deliver everything twice.
    .exclusive = true,
};

struct auth_outbox {
    struct worker *worker;
    struct auth_db *db;
    unsigned jobs;
    unsigned counts[AUTH_OUTBOX_DEAD + 1];
    int64_t version; // SQL_VERSION when the counts were right; the worker's once it runs
    uint64_t *pending;
    uint64_t *dead;
    uint64_t *failures;
};

struct delivery {
    char key[AUTH_OUTBOX_KEY_BYTES];
    char subject[AUTH_OUTBOX_SUBJECT_BYTES];
};

struct outbox_job {
    struct worker_job job;
    struct auth_outbox *outbox;
    void *context;
    void (*done)(void *context, bool ok);                               // commit and settle
    void (*taken)(void *context, bool ok, struct auth_outbox_row *row); // take
    bool ok;
    struct error error;
    int changes[AUTH_OUTBOX_DEAD + 1]; // to the counts by state
    bool counted;                      // counted again instead, because another process was there
    unsigned counts[AUTH_OUTBOX_DEAD + 1];
    // settle
    int64_t id;
    enum auth_outbox_state state;
    // take
    struct auth_outbox_row *row;
    // commit
    char race_id[AUTH_OUTBOX_KEY_BYTES];
    struct bytes_buf body;
    unsigned delivery_count;
    struct delivery deliveries[];
};

// ---- jobs in general

// NULL when memory is short.
static struct outbox_job *job_create(struct auth_outbox *outbox, unsigned delivery_count,
                                     void *context)
{
    struct outbox_job *job = calloc(1, sizeof(*job) + delivery_count * sizeof(job->deliveries[0]));
    if (job) {
        job->outbox = outbox;
        job->context = context;
        job->delivery_count = delivery_count;
    }
    return job;
}

static void job_destroy(struct outbox_job *job)
{
    bytes_buf_finish(&job->body);
    free(job);
}

static void expose_counts(struct auth_outbox *outbox)
{
    *outbox->pending = outbox->counts[AUTH_OUTBOX_PENDING];
    *outbox->dead = outbox->counts[AUTH_OUTBOX_DEAD];
}

static void on_job_done(void *context)
{
    struct outbox_job *job = context;
    struct auth_outbox *outbox = job->outbox;
    outbox->jobs--;
    if (job->ok) {
        for (unsigned state = 0; state < BASE_COUNT(job->changes); state++) {
            outbox->counts[state] = job->counted
                                        ? job->counts[state]
                                        : outbox->counts[state] + (unsigned)job->changes[state];
        }
        expose_counts(outbox);
    } else {
        ++*outbox->failures;
        log_event(LOG_ERROR, "outbox_failed", LOG_S("reason", job->error.text));
    }
    if (job->taken) {
        job->taken(job->context, job->ok, job->row);
    } else {
        job->done(job->context, job->ok);
    }
    job_destroy(job);
}

// Takes the job over, also when the worker has no place for it.
static bool job_submit(struct outbox_job *job, void (*work)(void *context))
{
    job->job = (struct worker_job){.work = work, .done = on_job_done, .context = job};
    job->outbox->jobs++;
    if (!worker_submit(job->outbox->worker, &job->job)) {
        job->outbox->jobs--;
        job_destroy(job);
        return false;
    }
    return true;
}

static bool count_rows(struct auth_db *db, unsigned counts[AUTH_OUTBOX_DEAD + 1])
{
    enum auth_db_step step;
    while ((step = auth_db_step(db, SQL_COUNT)) == AUTH_DB_ROW) {
        counts[auth_db_int(db, SQL_COUNT, 0)] = (unsigned)auth_db_int(db, SQL_COUNT, 1);
    }
    return step == AUTH_DB_DONE;
}

static bool read_version(struct auth_db *db, int64_t *version)
{
    if (auth_db_step(db, SQL_VERSION) != AUTH_DB_ROW) {
        return false;
    }
    *version = auth_db_int(db, SQL_VERSION, 0);
    auth_db_reset(db, SQL_VERSION);
    return true;
}

// On the worker's thread: wraps the job's statements in one transaction.
static void transact(struct outbox_job *job, bool (*statements_of)(struct outbox_job *job))
{
    struct auth_db *db = job->outbox->db;
    int64_t version;
    job->ok = auth_db_begin(db) && read_version(db, &version) && statements_of(job);
    if (job->ok && version != job->outbox->version) {
        job->counted = true;
        job->ok = count_rows(db, job->counts);
    }
    job->ok = job->ok && auth_db_commit(db);
    if (job->ok) {
        job->outbox->version = version;
    } else {
        error_set(&job->error, "%s", auth_db_reason(db));
        auth_db_rollback(db);
    }
}

// ---- commit

static bool commit_statements(struct outbox_job *job)
{
    struct auth_db *db = job->outbox->db;
    if (!auth_db_is_in_place(db)) {
        return false;
    }
    auth_db_bind_text(db, SQL_IS_COMMITTED, 0, job->race_id);
    enum auth_db_step step = auth_db_step(db, SQL_IS_COMMITTED);
    if (step == AUTH_DB_ROW) {
        auth_db_reset(db, SQL_IS_COMMITTED);
        return true;
    }
    for (unsigned i = 0; i < job->delivery_count && step == AUTH_DB_DONE; i++) {
        auth_db_bind_text(db, SQL_ADD, 0, job->deliveries[i].key);
        auth_db_bind_text(db, SQL_ADD, 1, job->deliveries[i].subject);
        auth_db_bind_blob(db, SQL_ADD, 2, bytes_buf_span(&job->body));
        step = auth_db_run(db, SQL_ADD);
        job->changes[AUTH_OUTBOX_PENDING] += (int)auth_db_changes(db);
    }
    return step == AUTH_DB_DONE;
}

static void commit_work(void *context)
{
    transact(context, commit_statements);
}

static void put_delivery(struct delivery *delivery, const char *race_id, const char *subject)
{
    int key = snprintf(delivery->key, sizeof(delivery->key), "%s%s%s", race_id,
                       subject[0] ? "/" : "", subject);
    int length = snprintf(delivery->subject, sizeof(delivery->subject), "%s", subject);
    assert(key > 0 && (size_t)key < sizeof(delivery->key));
    assert(length >= 0 && (size_t)length < sizeof(delivery->subject));
}

bool auth_outbox_commit(struct auth_outbox *outbox, const char *race_id, struct bytes_span body,
                        const char *const *subjects, unsigned subject_count,
                        void (*done)(void *context, bool ok), void *context)
{
    assert(race_id[0] && !strchr(race_id, '/') && body.size > 0);
    struct outbox_job *job = job_create(outbox, subject_count, context);
    if (!job) {
        return false;
    }
    job->done = done;
    snprintf(job->race_id, sizeof(job->race_id), "%s", race_id);
    for (unsigned i = 0; i < subject_count; i++) {
        put_delivery(&job->deliveries[i], race_id, subjects[i]);
    }
    bytes_buf_init(&job->body, body.size);
    if (!bytes_buf_append(&job->body, body)) {
        job_destroy(job);
        return false;
    }
    return job_submit(job, commit_work);
}

// ---- take

// NULL when memory is short.
static struct auth_outbox_row *read_row(struct auth_db *db)
{
    struct auth_outbox_row *row = calloc(1, sizeof(*row));
    const char *key = auth_db_text(db, SQL_TAKE, 1);
    const char *subject = auth_db_text(db, SQL_TAKE, 2);
    struct bytes_span body = auth_db_blob(db, SQL_TAKE, 4);
    if (!row || !key || !subject) {
        free(row);
        return NULL;
    }
    row->id = auth_db_int(db, SQL_TAKE, 0);
    snprintf(row->key, sizeof(row->key), "%s", key);
    snprintf(row->subject, sizeof(row->subject), "%s", subject);
    row->attempt = (unsigned)auth_db_int(db, SQL_TAKE, 3);
    bytes_buf_init(&row->body, body.size + 1);
    if (!bytes_buf_append(&row->body, body)) {
        auth_outbox_row_destroy(row);
        return NULL;
    }
    return row;
}

static bool take_statements(struct outbox_job *job)
{
    struct auth_db *db = job->outbox->db;
    enum auth_db_step step = auth_db_step(db, SQL_TAKE);
    if (step == AUTH_DB_ROW) {
        job->row = read_row(db);
        step = auth_db_step(db, SQL_TAKE);
        return step == AUTH_DB_DONE && job->row;
    }
    return step == AUTH_DB_DONE;
}

static void take_work(void *context)
{
    struct outbox_job *job = context;
    transact(job, take_statements);
    if (!job->ok) {
        auth_outbox_row_destroy(job->row);
        job->row = NULL;
    }
}

bool auth_outbox_take(struct auth_outbox *outbox,
                      void (*taken)(void *context, bool ok, struct auth_outbox_row *row),
                      void *context)
{
    struct outbox_job *job = job_create(outbox, 0, context);
    if (!job) {
        return false;
    }
    job->taken = taken;
    return job_submit(job, take_work);
}

void auth_outbox_row_destroy(struct auth_outbox_row *row)
{
    if (row) {
        bytes_buf_finish(&row->body);
        free(row);
    }
}

// ---- settle

static bool settle_statements(struct outbox_job *job)
{
    struct auth_db *db = job->outbox->db;
    auth_db_bind_int(db, SQL_SETTLE, 0, job->id);
    auth_db_bind_int(db, SQL_SETTLE, 1, job->state);
    if (auth_db_run(db, SQL_SETTLE) != AUTH_DB_DONE) {
        return false;
    }
    int settled = (int)auth_db_changes(db);
    job->changes[AUTH_OUTBOX_PENDING] = -settled;
    job->changes[job->state] = settled;
    if (auth_db_run(db, SQL_PRUNE) != AUTH_DB_DONE) {
        return false;
    }
    job->changes[AUTH_OUTBOX_DELIVERED] -= (int)auth_db_changes(db);
    return true;
}

static void settle_work(void *context)
{
    transact(context, settle_statements);
}

bool auth_outbox_settle(struct auth_outbox *outbox, int64_t id, enum auth_outbox_state state,
                        void (*done)(void *context, bool ok), void *context)
{
    assert(state == AUTH_OUTBOX_DELIVERED || state == AUTH_OUTBOX_DEAD);
    struct outbox_job *job = job_create(outbox, 0, context);
    if (!job) {
        return false;
    }
    job->done = done;
    job->id = id;
    job->state = state;
    return job_submit(job, settle_work);
}

// ---- the file

// Read before the count: what comes between the two is counted again by the next job.
static bool take_stock(struct auth_outbox *outbox, const char *path, struct error *error)
{
    return (read_version(outbox->db, &outbox->version) && count_rows(outbox->db, outbox->counts)) ||
           error_set(error, "%s %s: %s", layout.title, path, auth_db_reason(outbox->db));
}

struct auth_outbox *auth_outbox_open(const char *path, struct worker *worker,
                                     struct counters *counters, struct error *error)
{
    struct auth_outbox *outbox = calloc(1, sizeof(*outbox));
    if (!outbox) {
        error_set(error, "%s: out of memory", layout.title);
        return NULL;
    }
    outbox->worker = worker;
    outbox->db = auth_db_open(path, AUTH_DB_CREATE, &layout, error);
    if (!outbox->db || !take_stock(outbox, path, error)) {
        auth_outbox_close(outbox);
        return NULL;
    }
    outbox->pending = counter_cell(counters, COUNTER_GAUGE, "paddock_outbox_pending",
                                   "results that the backend has not taken yet", NULL, NULL);
    outbox->dead = counter_cell(counters, COUNTER_GAUGE, "paddock_outbox_dead",
                                "results that the backend has refused for good", NULL, NULL);
    outbox->failures = counter_cell(counters, COUNTER_TOTAL, "paddock_outbox_failures",
                                    "operations that the disk did not take", NULL, NULL);
    expose_counts(outbox);
    return outbox;
}

void auth_outbox_close(struct auth_outbox *outbox)
{
    if (!outbox) {
        return;
    }
    assert(outbox->jobs == 0);
    auth_db_close(outbox->db);
    free(outbox);
}

unsigned auth_outbox_count(const struct auth_outbox *outbox, enum auth_outbox_state state)
{
    assert((size_t)state < BASE_COUNT(outbox->counts));
    return outbox->counts[state];
}
