// SPDX-License-Identifier: MIT
// The operators' HTTP port: /healthz, /readyz, /metrics, /status (libmicrohttpd inside our loop).
//
// Read-only and loopback by default. Knows nothing of the server beyond this small interface, so
// that it cannot slow a tick by more than rendering one part of a page. Other paths are 404, other
// methods 405; bodies are bounded; at most 16 connections, each with a 5 s time-out.

#ifndef GAME_ADMIN_H
#define GAME_ADMIN_H

#include <stdbool.h>

#include "config/base/counters.h"
#include "config/base/loop.h"

struct game_admin;

struct game_admin_source {
    bool (*healthy)(void *user); // false: /healthz answers 503 (the tick is stuck)
    bool (*ready)(void *user);   // false: /readyz answers 503 (starting or draining)
    void (*refresh)(void *user); // brings gauges up to date before /metrics is rendered
    // Appends part 0, 1, … of one JSON object; clears *more with the last. False when `out`, which
    // is empty, cannot take it: then the answer is 500, or ends where a client sees that it is cut.
    bool (*status)(void *user, unsigned part, struct bytes_buf *out, bool *more);
    void *user;
};

// `where` is "host:port" (a literal, or localhost). NULL with one line in *error.
struct game_admin *game_admin_create(struct loop *loop, struct counters *counters,
                                     const char *where, const struct game_admin_source *source,
                                     struct error *error) BASE_MUST_USE;
void game_admin_destroy(struct game_admin *admin);
// "127.0.0.1:9464" as it is really bound.
const char *game_admin_address(const struct game_admin *admin);

// For `paddock health`: asks http://where/healthz, blocking, at most two seconds. True on 200.
bool game_admin_probe(const char *where, struct error *error) BASE_MUST_USE;

#endif
