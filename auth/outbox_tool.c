// SPDX-License-Identifier: MIT
// Statements over the outbox file. One open statement is one snapshot of the file: in WAL it holds
// up no writer, not even when `out` is a pipe that nobody reads.

#include "auth/outbox_tool.h"

#include <string.h>

#include "auth/db.h"
#include "auth/outbox_layout.h"

enum {
    SQL_COUNT,
    SQL_LIST,
    SQL_LIST_JSON,
    SQL_RETRY,
    SQL_EXPORT,
};

#define STATE_NAME "CASE state WHEN 0 THEN 'pending' WHEN 1 THEN 'delivered' ELSE 'dead' END"
// A clock that was set back makes nothing younger than new.
#define AGE_S "max(0, unixepoch('now') - unixepoch(created))"

static const char *const statements[] = {
    [SQL_COUNT] = "SELECT count(*) FILTER (WHERE state = 0), count(*) FILTER (WHERE state = 2),"
                  " count(*) FILTER (WHERE state = 1) FROM outbox",
    [SQL_LIST] = "SELECT id, " STATE_NAME ", attempts, " AGE_S ", length(body), key, subject"
                 " FROM outbox WHERE state <> 1 ORDER BY id",
    [SQL_LIST_JSON] =
        "SELECT json_object('id', id, 'key', key, 'subject', subject, 'state', " STATE_NAME
        ", 'attempts', attempts, 'age_s', " AGE_S ", 'bytes', length(body),"
        " 'created', created, 'updated', updated) FROM outbox WHERE state <> 1 ORDER BY id",
    [SQL_RETRY] =
        "UPDATE outbox SET state = 0, attempts = 0, updated = " AUTH_OUTBOX_NOW " WHERE state = 2"
        " AND (?1 = '' OR key = ?1 OR (key > ?1 || '/' AND key < ?1 || '0'))",
    [SQL_EXPORT] =
        "SELECT json_object('id', id, 'key', key, 'subject', subject, 'state', " STATE_NAME
        ", 'attempts', attempts, 'created', created, 'updated', updated,"
        " 'result', json(CAST(body AS TEXT))) FROM outbox"
        " WHERE ?1 = '' OR " STATE_NAME " = ?1 ORDER BY id",
};

static const struct auth_db_layout layout = {
    AUTH_OUTBOX_LAYOUT,
    .statements = statements,
    .statement_count = BASE_COUNT(statements),
};

static struct auth_db *open_file(const char *path, struct error *error)
{
    if (strcmp(path, ":memory:") == 0) {
        error_set(error,
                  "%s: :memory: belongs to the server alone; give both a file with "
                  "--outbox-db",
                  layout.title);
        return NULL;
    }
    return auth_db_open(path, AUTH_DB_MUST_EXIST, &layout, error);
}

// Closes, too.
static bool finish(struct auth_db *db, bool ok, struct error *error)
{
    if (!ok) {
        error_set(error, "%s: %s", layout.title, auth_db_reason(db));
    }
    auth_db_close(db);
    return ok;
}

// ---- list

struct counts {
    long long pending, dead, delivered;
};

static bool read_counts(struct auth_db *db, struct counts *counts)
{
    if (auth_db_step(db, SQL_COUNT) != AUTH_DB_ROW) {
        return false;
    }
    counts->pending = auth_db_int(db, SQL_COUNT, 0);
    counts->dead = auth_db_int(db, SQL_COUNT, 1);
    counts->delivered = auth_db_int(db, SQL_COUNT, 2);
    auth_db_reset(db, SQL_COUNT);
    return true;
}

static bool print_json(struct auth_db *db, FILE *out)
{
    struct counts counts;
    if (!read_counts(db, &counts)) {
        return false;
    }
    fprintf(out, "{\"pending\":%lld,\"dead\":%lld,\"delivered\":%lld,\"rows\":[", counts.pending,
            counts.dead, counts.delivered);
    enum auth_db_step step = auth_db_step(db, SQL_LIST_JSON);
    for (const char *separator = "\n"; step == AUTH_DB_ROW; separator = ",\n") {
        fprintf(out, "%s%s", separator, auth_db_text(db, SQL_LIST_JSON, 0));
        step = auth_db_step(db, SQL_LIST_JSON);
    }
    fprintf(out, "]}\n");
    return step == AUTH_DB_DONE;
}

// "42 s", "13 min", "5 h", "3 d"
static void print_age(FILE *out, long long seconds)
{
    static const struct {
        long long seconds;
        const char *name;
    } units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
    size_t i = 0;
    while (i + 1 < BASE_COUNT(units) && seconds < 2 * units[i].seconds) {
        i++;
    }
    fprintf(out, "%5lld %-3s", seconds / units[i].seconds, units[i].name);
}

static bool print_text(struct auth_db *db, FILE *out)
{
    struct counts counts;
    if (!read_counts(db, &counts)) {
        return false;
    }
    enum auth_db_step step = auth_db_step(db, SQL_LIST);
    if (step == AUTH_DB_ROW) {
        fprintf(out, "%6s  %-7s  %8s  %9s  %6s  %s\n", "id", "state", "attempts", "age", "bytes",
                "key, subject");
    }
    while (step == AUTH_DB_ROW) {
        fprintf(out, "%6lld  %-7s  %8lld  ", (long long)auth_db_int(db, SQL_LIST, 0),
                auth_db_text(db, SQL_LIST, 1), (long long)auth_db_int(db, SQL_LIST, 2));
        print_age(out, auth_db_int(db, SQL_LIST, 3));
        fprintf(out, "  %6lld  %s  %s\n", (long long)auth_db_int(db, SQL_LIST, 4),
                auth_db_text(db, SQL_LIST, 5), auth_db_text(db, SQL_LIST, 6));
        step = auth_db_step(db, SQL_LIST);
    }
    fprintf(out, "%lld pending, %lld dead, %lld delivered and kept as a record\n", counts.pending,
            counts.dead, counts.delivered);
    return step == AUTH_DB_DONE;
}

bool auth_outbox_print(const char *path, FILE *out, bool json, struct error *error)
{
    struct auth_db *db = open_file(path, error);
    return db && finish(db, json ? print_json(db, out) : print_text(db, out), error);
}

// ---- retry

bool auth_outbox_retry(const char *path, const char *key, unsigned *count, struct error *error)
{
    struct auth_db *db = open_file(path, error);
    if (!db) {
        return false;
    }
    auth_db_bind_text(db, SQL_RETRY, 0, key ? key : "");
    bool ok = auth_db_run(db, SQL_RETRY) == AUTH_DB_DONE;
    *count = ok ? auth_db_changes(db) : 0;
    return finish(db, ok, error);
}

// ---- export

bool auth_outbox_export(const char *path, FILE *out, const char *state, unsigned *count,
                        struct error *error)
{
    struct auth_db *db = open_file(path, error);
    if (!db) {
        return false;
    }
    enum auth_db_step step;
    *count = 0;
    auth_db_bind_text(db, SQL_EXPORT, 0, state ? state : "");
    while ((step = auth_db_step(db, SQL_EXPORT)) == AUTH_DB_ROW) {
        fprintf(out, "%s\n", auth_db_text(db, SQL_EXPORT, 0));
        ++*count;
    }
    return finish(db, step == AUTH_DB_DONE, error);
}
