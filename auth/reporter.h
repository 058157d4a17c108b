// SPDX-License-Identifier: MIT
// Takes results from the outbox to the backend: one at a time in commit order, at least once.
//
// A failed try is repeated after a pause that doubles, with jitter, up to a ceiling; a refused
// result goes to the dead-letter state and does not hold up the rest. Survives restarts because its
// only memory is the outbox.

#ifndef AUTH_REPORTER_H
#define AUTH_REPORTER_H

#include "auth/backend.h"
#include "auth/outbox.h"

struct auth_reporter;

// Starts with whatever the outbox holds. All borrowed.
struct auth_reporter *auth_reporter_create(struct loop *loop, struct auth_outbox *outbox,
                                           struct auth_backend *backend,
                                           const struct config *config, struct counters *counters)
    BASE_MUST_USE;
void auth_reporter_destroy(struct auth_reporter *reporter); // a call under way is cancelled
// Commits a finished race's result (split as the backend plans it) and wakes the delivery.
// committed(ok=false): the disk refused; the caller must not tell players that it is final. False:
// no place in the queue, the caller tries again later.
bool auth_reporter_submit(struct auth_reporter *reporter, const char *race_id,
                          struct bytes_span body, void (*committed)(void *context, bool ok),
                          void *context) BASE_MUST_USE;
// True when nothing is pending: for a shutdown that waits as far as it may.
bool auth_reporter_idle(const struct auth_reporter *reporter);

#endif
