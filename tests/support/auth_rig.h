// SPDX-License-Identifier: MIT
// What the tests of auth/ stand on: a loop, a worker, counters, settings and a folder for files.

#ifndef TESTS_SUPPORT_AUTH_RIG_H
#define TESTS_SUPPORT_AUTH_RIG_H

#include "auth/backend.h"

#define AUTH_RIG_PATH_BYTES 128

struct auth_rig {
    struct clock clock;
    struct loop *loop;
    struct worker *worker;
    struct counters *counters;
    struct config config; // short times: see auth_rig.c
    char folder[64];      // made on demand, removed with all that is in it
};

// With `virtual_time` the worker's jobs run inline; else it is a real thread.
void auth_rig_init(struct auth_rig *rig, bool virtual_time);
// Whatever was made with the rig must be gone, except what may outlive the worker.
void auth_rig_finish(struct auth_rig *rig);
// Ends and makes the worker again, so that every job has come back.
void auth_rig_restart_worker(struct auth_rig *rig);
struct auth_backend_env auth_rig_env(struct auth_rig *rig);
// A backend on the rig; fails the test when it does not start.
struct auth_backend *auth_rig_backend(struct auth_rig *rig, const struct auth_backend_impl *impl);
// "<folder>/<name>"
const char *auth_rig_path(struct auth_rig *rig, const char *name, char path[AUTH_RIG_PATH_BYTES]);

// While `full`, no file of this process can be written past its first byte (RLIMIT_FSIZE).
void auth_rig_fill_disk(bool full);

// Turns the loop until *flag is at least `want`; fails the test when that takes too long.
void auth_rig_until(struct auth_rig *rig, const unsigned *flag, unsigned want);
// Turns it until so much time of its clock is over.
void auth_rig_run_ms(struct auth_rig *rig, uint64_t ms);
uint64_t auth_rig_now_ms(const struct auth_rig *rig);

// The value of one sample line in the rig's OpenMetrics text, for example
// "paddock_reports_total{outcome=\"delivered\"}"; fails the test when there is none.
uint64_t auth_rig_counter(const struct auth_rig *rig, const char *sample);

// A canonical race result with two participants, P1 the winner.
const char *auth_rig_body(const char *race_id, char body[1024]);

#endif
