// SPDX-License-Identifier: MIT
// Opening is where most can be wrong with a file, so most of this is there: every way to fail ends
// in one line that names the file and what to do about it.

#include "auth/db.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// How long a statement waits for another process (the command line) to be done with the file.
#define BUSY_MS 2000
// A log that a burst has blown up shrinks to this when it is reset.
#define WAL_BYTES_KEPT "4194304"
#define QUERY_BYTES    128

// A byte that no database has, with SQLite's own lock bytes below it.
#define OWNER_BYTE ((off_t)1 << 62)

struct auth_db {
    sqlite3 *handle;
    int owner_fd; // holds the lock of a layout that is exclusive; -1: none
    unsigned statement_count;
    char reason[256];
    sqlite3_stmt *statements[];
};

// ---- opening

static bool is_memory(const char *path)
{
    return strcmp(path, ":memory:") == 0;
}

// What the kernel said is told as well, where it was the kernel: "disk I/O error" is said of a full
// disk, too.
static void keep_reason(struct auth_db *db)
{
    int code = sqlite3_errcode(db->handle);
    bool of_kernel = code == SQLITE_IOERR || code == SQLITE_CANTOPEN || code == SQLITE_FULL;
    int number = of_kernel ? sqlite3_system_errno(db->handle) : 0;
    snprintf(db->reason, sizeof(db->reason), "%s%s%s", sqlite3_errmsg(db->handle),
             number ? ": " : "", number ? strerror(number) : "");
}

static bool open_failed(struct auth_db *db, const char *path, const struct auth_db_layout *layout,
                        struct error *error)
{
    int code = sqlite3_errcode(db->handle);
    if (code == SQLITE_NOTADB || code == SQLITE_CORRUPT) {
        return error_set(error, "%s %s is damaged or not a database: move it away and start again",
                         layout->title, path);
    }
    if (code == SQLITE_BUSY) {
        return error_set(error, "%s %s is held by another process for too long", layout->title,
                         path);
    }
    keep_reason(db);
    return error_set(error, "%s %s: %s", layout->title, path, db->reason);
}

// Makes the file, so that it and what SQLite puts beside it are its owner's alone. SQLite syncs the
// folder with the first thing it writes; without that a durable file could be gone with its name.
static bool create_file(const char *path, const struct auth_db_layout *layout, struct error *error)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return error_set(error, "%s %s: cannot open or make it: %s; --data-dir or --%s says where",
                         layout->title, path, strerror(errno), layout->setting);
    }
    close(fd);
    return true;
}

// SQLite's exclusive mode would keep out the command line, too. So what keeps out a second owner is
// a lock beside those of SQLite; it goes with the descriptor, also when the process is killed.
static bool take_ownership(struct auth_db *db, const char *path,
                           const struct auth_db_layout *layout, struct error *error)
{
    struct flock lock = {
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = OWNER_BYTE, .l_len = 1};
    db->owner_fd = open(path, O_RDWR | O_CLOEXEC);
    if (db->owner_fd >= 0 && fcntl(db->owner_fd, F_OFD_SETLK, &lock) == 0) {
        return true;
    }
    if (db->owner_fd >= 0 && (errno == EAGAIN || errno == EACCES)) {
        return error_set(
            error, "%s %s is in use by another process: give each server a --data-dir of its own",
            layout->title, path);
    }
    return error_set(error, "%s %s: cannot open and lock it: %s", layout->title, path,
                     strerror(errno));
}

// The single value of a pragma or query as text; false when it cannot be had.
static bool query(struct auth_db *db, const char *sql, char value[QUERY_BYTES])
{
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(db->handle, sql, -1, &statement, NULL) != SQLITE_OK) {
        return false;
    }
    bool ok = sqlite3_step(statement) == SQLITE_ROW;
    if (ok) {
        snprintf(value, QUERY_BYTES, "%s", (const char *)sqlite3_column_text(statement, 0));
    }
    return sqlite3_finalize(statement) == SQLITE_OK && ok;
}

static bool query_int(struct auth_db *db, const char *sql, long *value)
{
    char text[QUERY_BYTES];
    if (!query(db, sql, text)) {
        return false;
    }
    *value = strtol(text, NULL, 10);
    return true;
}

static bool execute(struct auth_db *db, const char *sql)
{
    return sqlite3_exec(db->handle, sql, NULL, NULL, NULL) == SQLITE_OK;
}

// Inside a transaction: makes the tables in an empty file, else checks whose file this is.
static bool adopt_layout(struct auth_db *db, const char *path, const struct auth_db_layout *layout,
                         struct error *error)
{
    long application_id;
    long version;
    long tables;
    if (!query_int(db, "PRAGMA application_id", &application_id) ||
        !query_int(db, "PRAGMA user_version", &version) ||
        !query_int(db, "SELECT count(*) FROM sqlite_master", &tables)) {
        return open_failed(db, path, layout, error);
    }
    if (application_id == 0 && version == 0 && tables == 0) {
        char marks[96];
        snprintf(marks, sizeof(marks), "PRAGMA application_id=%d; PRAGMA user_version=%d",
                 layout->application_id, layout->version);
        return (execute(db, layout->schema) && execute(db, marks)) ||
               open_failed(db, path, layout, error);
    }
    if (application_id != layout->application_id) {
        return error_set(error, "%s %s is a database of something else: choose another file",
                         layout->title, path);
    }
    if (version != layout->version) {
        return error_set(
            error, "%s %s has layout %ld, this program knows %d: use the program that made it",
            layout->title, path, version, layout->version);
    }
    return true;
}

static bool check_damage(struct auth_db *db, const char *path, const struct auth_db_layout *layout,
                         struct error *error)
{
    char verdict[QUERY_BYTES];
    if (!query(db, "PRAGMA quick_check(1)", verdict)) {
        return open_failed(db, path, layout, error);
    }
    for (char *at = verdict; (at = strchr(at, '\n')); at++) {
        *at = ' ';
    }
    return strcmp(verdict, "ok") == 0 ||
           error_set(error, "%s %s is damaged (%s): move it away and start again", layout->title,
                     path, verdict);
}

// SQLite does not wait for its busy time here: of two processes that both find a new file, one is
// told that it is busy while the other changes the mode.
static bool enter_wal(struct auth_db *db, char mode[QUERY_BYTES])
{
    for (int waited_ms = 0; waited_ms < BUSY_MS; waited_ms += sqlite3_sleep(10)) {
        if (query(db, "PRAGMA journal_mode=WAL", mode)) {
            return true;
        }
        if (sqlite3_errcode(db->handle) != SQLITE_BUSY) {
            break;
        }
    }
    return false;
}

// WAL comes last because it writes to the file, which must be ours by then.
static bool set_up(struct auth_db *db, const char *path, const struct auth_db_layout *layout,
                   struct error *error)
{
    sqlite3_busy_timeout(db->handle, BUSY_MS);
    if (!execute(db, "PRAGMA synchronous=FULL; PRAGMA journal_size_limit=" WAL_BYTES_KEPT) ||
        !execute(db, "BEGIN IMMEDIATE")) {
        return open_failed(db, path, layout, error);
    }
    if (!adopt_layout(db, path, layout, error) ||
        (layout->exclusive && !check_damage(db, path, layout, error))) {
        auth_db_rollback(db);
        return false;
    }
    char mode[QUERY_BYTES];
    if (!execute(db, "COMMIT") || !enter_wal(db, mode)) {
        return open_failed(db, path, layout, error);
    }
    return strcmp(mode, "wal") == 0 || is_memory(path) ||
           error_set(error, "%s %s: this file system cannot hold it durably (no WAL)",
                     layout->title, path);
}

static bool prepare(struct auth_db *db, const char *path, const struct auth_db_layout *layout,
                    struct error *error)
{
    for (unsigned i = 0; i < layout->statement_count; i++) {
        if (sqlite3_prepare_v3(db->handle, layout->statements[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &db->statements[i], NULL) != SQLITE_OK) {
            return open_failed(db, path, layout, error);
        }
    }
    return true;
}

struct auth_db *auth_db_open(const char *path, enum auth_db_open how,
                             const struct auth_db_layout *layout, struct error *error)
{
    if (how == AUTH_DB_CREATE && !is_memory(path) && !create_file(path, layout, error)) {
        return NULL;
    }
    struct auth_db *db =
        calloc(1, sizeof(*db) + layout->statement_count * sizeof(db->statements[0]));
    if (!db) {
        error_set(error, "%s %s: out of memory", layout->title, path);
        return NULL;
    }
    db->statement_count = layout->statement_count;
    db->owner_fd = -1;
    if (layout->exclusive && !is_memory(path) && !take_ownership(db, path, layout, error)) {
        goto fail;
    }
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(path, &db->handle, flags, NULL) != SQLITE_OK) {
        open_failed(db, path, layout, error);
        goto fail;
    }
    if (!set_up(db, path, layout, error) || !prepare(db, path, layout, error)) {
        goto fail;
    }
    return db;

fail:
    auth_db_close(db);
    return NULL;
}

void auth_db_close(struct auth_db *db)
{
    if (!db) {
        return;
    }
    for (unsigned i = 0; i < db->statement_count; i++) {
        sqlite3_finalize(db->statements[i]);
    }
    int code = sqlite3_close(db->handle);
    assert(code == SQLITE_OK);
    // After SQLite: closing any descriptor of a file takes away all of the process's locks on it.
    if (db->owner_fd >= 0) {
        close(db->owner_fd);
    }
    free(db);
}

// ---- statements

static sqlite3_stmt *statement_at(const struct auth_db *db, unsigned statement)
{
    assert(statement < db->statement_count);
    return db->statements[statement];
}

// Binding fails only for a wrong index or a statement that is still running: nothing is copied.
static void check_bound(int code)
{
    assert(code == SQLITE_OK);
}

void auth_db_bind_int(struct auth_db *db, unsigned statement, unsigned at, int64_t value)
{
    check_bound(sqlite3_bind_int64(statement_at(db, statement), (int)at + 1, value));
}

void auth_db_bind_text(struct auth_db *db, unsigned statement, unsigned at, const char *text)
{
    check_bound(
        sqlite3_bind_text(statement_at(db, statement), (int)at + 1, text, -1, SQLITE_STATIC));
}

void auth_db_bind_blob(struct auth_db *db, unsigned statement, unsigned at, struct bytes_span blob)
{
    check_bound(sqlite3_bind_blob64(statement_at(db, statement), (int)at + 1, blob.data, blob.size,
                                    SQLITE_STATIC));
}

enum auth_db_step auth_db_step(struct auth_db *db, unsigned statement)
{
    int code = sqlite3_step(statement_at(db, statement));
    if (code == SQLITE_ROW) {
        return AUTH_DB_ROW;
    }
    if (code != SQLITE_DONE) {
        keep_reason(db);
    }
    auth_db_reset(db, statement);
    switch (code & 0xff) {
    case SQLITE_DONE:
        return AUTH_DB_DONE;
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_TOOBIG:
    case SQLITE_ERROR: // a function in the statement refuses its argument: malformed JSON
        return AUTH_DB_REFUSED;
    default:
        return AUTH_DB_FAILED;
    }
}

enum auth_db_step auth_db_run(struct auth_db *db, unsigned statement)
{
    enum auth_db_step step = auth_db_step(db, statement);
    assert(step != AUTH_DB_ROW);
    return step;
}

void auth_db_reset(struct auth_db *db, unsigned statement)
{
    sqlite3_reset(statement_at(db, statement));
    sqlite3_clear_bindings(statement_at(db, statement));
}

unsigned auth_db_changes(const struct auth_db *db)
{
    return (unsigned)sqlite3_changes(db->handle);
}

int64_t auth_db_int(struct auth_db *db, unsigned statement, unsigned column)
{
    return sqlite3_column_int64(statement_at(db, statement), (int)column);
}

const char *auth_db_text(struct auth_db *db, unsigned statement, unsigned column)
{
    return (const char *)sqlite3_column_text(statement_at(db, statement), (int)column);
}

struct bytes_span auth_db_blob(struct auth_db *db, unsigned statement, unsigned column)
{
    const void *data = sqlite3_column_blob(statement_at(db, statement), (int)column);
    int size = sqlite3_column_bytes(statement_at(db, statement), (int)column);
    return bytes_of(data, data ? (size_t)size : 0);
}

static bool transact(struct auth_db *db, const char *sql)
{
    bool ok = execute(db, sql);
    if (!ok) {
        keep_reason(db);
    }
    return ok;
}

bool auth_db_is_in_place(struct auth_db *db)
{
    int moved = 0; // stays 0 where SQLite has no file to look for
    (void)sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
    if (moved) {
        snprintf(db->reason, sizeof(db->reason),
                 "the file was moved, deleted or replaced: put it back or restart the server");
    }
    return !moved;
}

bool auth_db_begin(struct auth_db *db)
{
    return transact(db, "BEGIN IMMEDIATE");
}

bool auth_db_commit(struct auth_db *db)
{
    return transact(db, "COMMIT");
}

void auth_db_rollback(struct auth_db *db)
{
    // SQLite has rolled back by itself after some errors; then there is nothing left to do.
    if (!sqlite3_get_autocommit(db->handle)) {
        execute(db, "ROLLBACK");
    }
}

const char *auth_db_reason(const struct auth_db *db)
{
    return db->reason;
}
