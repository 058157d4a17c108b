// SPDX-License-Identifier: MIT
// A SQLite file with a known layout: open it or say why not, and run its fixed statements.
//
// Wraps SQLite so that no other file includes it. WAL with synchronous=FULL: what is committed
// survives a power cut. Knows nothing of results or players. Not thread-safe: whoever owns it sees
// to it that one thread uses it at a time (the worker, once the server runs).

#ifndef AUTH_DB_H
#define AUTH_DB_H

#include "config/base/bytes.h"
#include "config/base/error.h"

struct auth_db;

// A constant of the module that owns the file. Statements are SQL texts, compiled when the file is
// opened, and then called by their index.
struct auth_db_layout {
    const char *title;   // "results outbox", for error lines
    const char *setting; // which says where the file is
    int application_id;  // SQLite's mark in the file's head: tells our files from others
    int version;         // of `schema`
    const char *schema;  // makes the tables in a new file
    const char *const *statements;
    unsigned statement_count;
    // One owner for as long as it is open, beside others whose layout is not exclusive; the file
    // is checked for damage first.
    bool exclusive;
};

enum auth_db_open {
    AUTH_DB_MUST_EXIST,
    AUTH_DB_CREATE,
};

// Blocking. path ":memory:" gives a file that ends with the process. NULL with one line in *error
// that names the file.
struct auth_db *auth_db_open(const char *path, enum auth_db_open how,
                             const struct auth_db_layout *layout, struct error *error)
    BASE_MUST_USE;
void auth_db_close(struct auth_db *db);

// Parameters and columns count from 0. Bound memory is not copied and must live until the
// statement is done or reset.
void auth_db_bind_int(struct auth_db *db, unsigned statement, unsigned at, int64_t value);
void auth_db_bind_text(struct auth_db *db, unsigned statement, unsigned at, const char *text);
void auth_db_bind_blob(struct auth_db *db, unsigned statement, unsigned at, struct bytes_span blob);

enum auth_db_step {
    AUTH_DB_ROW,     // columns can be read until the next step or reset
    AUTH_DB_DONE,    // the end; reset
    AUTH_DB_FAILED,  // the disk, the memory or the file: may work later; reset
    AUTH_DB_REFUSED, // the values break the layout's rules: never will work; reset
};

enum auth_db_step auth_db_step(struct auth_db *db, unsigned statement) BASE_MUST_USE;
// For a statement that returns no rows.
enum auth_db_step auth_db_run(struct auth_db *db, unsigned statement) BASE_MUST_USE;
// Forgets the bindings and gives back the read lock that an unfinished statement holds.
void auth_db_reset(struct auth_db *db, unsigned statement);
// Rows that the last finished statement changed.
unsigned auth_db_changes(const struct auth_db *db);

int64_t auth_db_int(struct auth_db *db, unsigned statement, unsigned column);
// NULL for a NULL column.
const char *auth_db_text(struct auth_db *db, unsigned statement, unsigned column);
struct bytes_span auth_db_blob(struct auth_db *db, unsigned statement, unsigned column);

// Transactions of several statements. A failed commit leaves the transaction open: roll it back.
bool auth_db_begin(struct auth_db *db) BASE_MUST_USE;
bool auth_db_commit(struct auth_db *db) BASE_MUST_USE;
void auth_db_rollback(struct auth_db *db);

// False when another file, or none, is where this one was opened. It can still be read and written,
// but what is stored in it then is gone with the last process that has it open.
bool auth_db_is_in_place(struct auth_db *db) BASE_MUST_USE;

// What the last failed call met, for one log line.
const char *auth_db_reason(const struct auth_db *db);

#endif
