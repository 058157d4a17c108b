// SPDX-License-Identifier: MIT
// Takes results from the outbox to the backend: one at a time in commit order, at least once.
//
// A failed try is repeated after a pause that doubles, with jitter, up to a ceiling, and the
// results behind it wait, so that a player's results arrive in order; a refused result goes to the
// dead-letter state and does not hold up the rest. However much has piled up, no more tries a
// second begin than the settings allow. Survives restarts because its only memory is the outbox.

#ifndef AUTH_REPORTER_H
#define AUTH_REPORTER_H

#include "auth/backend.h"
#include "auth/outbox.h"

struct auth_reporter;

// Starts with whatever the outbox holds. `seed` drives the jitter; 0 takes one from the kernel.
struct auth_reporter *auth_reporter_create(struct loop *loop, struct auth_outbox *outbox,
                                           struct auth_backend *backend,
                                           const struct config *config, struct counters *counters,
                                           uint64_t seed) BASE_MUST_USE;
// Before the backend's and the worker's end. A call under way is cancelled, commits under way go on
// without their callback.
void auth_reporter_destroy(struct auth_reporter *reporter);
// Commits a finished race's result (split as the backend plans it) and wakes the delivery.
// committed(ok=false): the disk refused; the caller must not tell players that it is final. False:
// no place in the queue, the caller tries again later.
bool auth_reporter_submit(struct auth_reporter *reporter, const char *race_id,
                          struct bytes_span body, void (*committed)(void *context, bool ok),
                          void *context) BASE_MUST_USE;
// True when nothing is pending: for a shutdown that waits as far as it may.
bool auth_reporter_idle(const struct auth_reporter *reporter);

#endif
