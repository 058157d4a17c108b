// SPDX-License-Identifier: MIT
// The durable queue of results that the backend has not yet taken (SQLite, WAL, synchronous=FULL).
//
// A result is committed here before players hear that it is final. Rows survive kill -9 and power
// loss; a row leaves the queue only as delivered, or as refused into the dead-letter state where
// it stays visible. The newest delivered rows are kept as a record, older ones are deleted. One
// server owns the file; the command line (outbox_tool) may look into it and move dead rows back to
// pending meanwhile. All SQL runs on the worker's thread; answers come on the loop's.

#ifndef AUTH_OUTBOX_H
#define AUTH_OUTBOX_H

#include "config/base/counters.h"
#include "config/base/worker.h"

struct auth_outbox;

#define AUTH_OUTBOX_KEY_BYTES     192
#define AUTH_OUTBOX_SUBJECT_BYTES 129

enum auth_outbox_state {
    AUTH_OUTBOX_PENDING,
    AUTH_OUTBOX_DELIVERED,
    AUTH_OUTBOX_DEAD,
};

struct auth_outbox_row {
    int64_t id; // grows with commit order
    char key[AUTH_OUTBOX_KEY_BYTES];
    char subject[AUTH_OUTBOX_SUBJECT_BYTES];
    unsigned attempt; // 1 = first; counted on disk before the row is handed out
    struct bytes_buf body;
};

// The newest delivered rows that stay in the file.
#define AUTH_OUTBOX_DELIVERED_KEPT 1000

// path ":memory:" is for tests. Blocking; start-up only. Counts what an earlier process left.
struct auth_outbox *auth_outbox_open(const char *path, struct worker *worker,
                                     struct counters *counters, struct error *error) BASE_MUST_USE;
// Every job must have come back: destroy the worker first.
void auth_outbox_close(struct auth_outbox *outbox);

// Commits one result as `subject_count` deliveries in one transaction, then calls done(ok). With
// ok = false nothing of it is kept. The race id is the key's first part; committing a race id again
// is a no-op that reports ok. Copies everything. False when the worker's queue is full or memory is
// short (nothing is kept, done is not called).
bool auth_outbox_commit(struct auth_outbox *outbox, const char *race_id, struct bytes_span body,
                        const char *const *subjects, unsigned subject_count,
                        void (*done)(void *context, bool ok), void *context) BASE_MUST_USE;
// Counts an attempt for the oldest pending row and hands it out: `row` is the receiver's, to be
// given to auth_outbox_row_destroy(), or NULL when none is pending (ok) or the disk fails (not ok).
bool auth_outbox_take(struct auth_outbox *outbox,
                      void (*taken)(void *context, bool ok, struct auth_outbox_row *row),
                      void *context) BASE_MUST_USE;
void auth_outbox_row_destroy(struct auth_outbox_row *row);
// Ends the row's stay in the queue: state is DELIVERED or DEAD. Not ok: it is still pending.
bool auth_outbox_settle(struct auth_outbox *outbox, int64_t id, enum auth_outbox_state state,
                        void (*done)(void *context, bool ok), void *context) BASE_MUST_USE;
// Rows by state, as of the last job that has come back, whoever changed them.
unsigned auth_outbox_count(const struct auth_outbox *outbox, enum auth_outbox_state state);

#endif
