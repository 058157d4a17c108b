// SPDX-License-Identifier: MIT
// The circuit breaker in front of a backend that fails: after some failures in a row nobody is sent
// there any more, except a probe now and then.
//
// A probe is an ordinary request: what opened the breaker was that requests fail, and only a
// request can show that they no longer do. One that answers, with yes or no alike, closes it; one
// that fails makes the next pause longer. Pure: time comes in, the verdict goes out. Knows nothing
// of players or backends; driven by auth/verify.

#ifndef AUTH_BREAKER_H
#define AUTH_BREAKER_H

#include <stdbool.h>

#include "auth/backoff.h"
#include "config/base/bytes.h"

struct auth_breaker {
    unsigned failures_max; // 0: never opens
    unsigned failures;     // in a row, while closed
    bool open;
    unsigned probe; // the one under way; 0: none
    unsigned probes;
    uint64_t probe_at_ns;
    struct auth_backoff backoff;
};

// Opens at the `failures_max`th failure in a row. At least `probe_ns`, then ever longer, at most
// `probe_max_ns`, lie between the opening or a failed probe and the next probe. `seed` as for
// auth_backoff_init().
void auth_breaker_init(struct auth_breaker *breaker, unsigned failures_max, uint64_t probe_ns,
                       uint64_t probe_max_ns, uint64_t seed);
// Whether a request may go to the backend now. *probe is to be given back when it ends.
bool auth_breaker_ask(struct auth_breaker *breaker, uint64_t now_ns, unsigned *probe) BASE_MUST_USE;
// A request that was let through ended: answered, failed, or withdrawn by whoever asked. Answers
// of requests from before the opening count, too; their failures tell nothing new. True when the
// breaker has opened or closed with it.
bool auth_breaker_answered(struct auth_breaker *breaker);
bool auth_breaker_failed(struct auth_breaker *breaker, unsigned probe, uint64_t now_ns);
void auth_breaker_withdrawn(struct auth_breaker *breaker, unsigned probe);

#endif
