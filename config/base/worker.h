// SPDX-License-Identifier: MIT
// One thread for work that blocks (fsync in SQLite), with a bounded queue and answers on the loop.
//
// A job runs `work` on the worker's thread and then `done` on the loop's thread. Jobs run one at
// a time in the order given. With threaded = false (tests in virtual time) `work` runs inside
// worker_submit() and `done` still comes later, from the loop, so that callers see one order.

#ifndef CONFIG_BASE_WORKER_H
#define CONFIG_BASE_WORKER_H

#include <stdbool.h>

#include "config/base/loop.h"

struct worker;

// Embedded in its owner, which keeps it alive until `done` has been called.
struct worker_job {
    void (*work)(void *context); // any thread: touches only what the job owns
    void (*done)(void *context); // the loop's thread
    void *context;
    struct worker_job *next; // the worker's
};

// Queue is bounded by `max_jobs`. NULL on failure with the reason in *error.
struct worker *worker_create(struct loop *loop, const char *name, unsigned max_jobs, bool threaded,
                             struct error *error) BASE_MUST_USE;
// False when max_jobs jobs are under way; the job is then untouched.
bool worker_submit(struct worker *worker, struct worker_job *job) BASE_MUST_USE;
unsigned worker_pending(const struct worker *worker);
// Finishes every queued job's work, joins the thread; `done` of those jobs is called before return,
// and so is the work and `done` of what they submit (which must end). Before loop_destroy().
void worker_destroy(struct worker *worker);

#endif
