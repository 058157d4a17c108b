// SPDX-License-Identifier: MIT
// Closed, open, or open with a probe under way.

#include "auth/breaker.h"

#include <limits.h>

void auth_breaker_init(struct auth_breaker *breaker, unsigned failures_max, uint64_t probe_ns,
                       uint64_t probe_max_ns, uint64_t seed)
{
    *breaker = (struct auth_breaker){.failures_max = failures_max};
    // Half of a pause is certain: twice the shortest makes it so.
    auth_backoff_init(&breaker->backoff, 2 * probe_ns, probe_max_ns, seed);
}

bool auth_breaker_ask(struct auth_breaker *breaker, uint64_t now_ns, unsigned *probe)
{
    *probe = 0;
    if (!breaker->open) {
        return true;
    }
    if (breaker->probe != 0 || now_ns < breaker->probe_at_ns) {
        return false;
    }
    // Numbers tell a probe from one before it that a late answer has made an ordinary request.
    breaker->probes += breaker->probes == UINT_MAX ? 2 : 1;
    breaker->probe = breaker->probes;
    *probe = breaker->probe;
    return true;
}

bool auth_breaker_answered(struct auth_breaker *breaker)
{
    bool was_open = breaker->open;
    breaker->open = false;
    breaker->probe = 0;
    breaker->failures = 0;
    auth_backoff_reset(&breaker->backoff);
    return was_open;
}

static bool is_probe(const struct auth_breaker *breaker, unsigned probe)
{
    return probe != 0 && probe == breaker->probe;
}

bool auth_breaker_failed(struct auth_breaker *breaker, unsigned probe, uint64_t now_ns)
{
    bool opens = false;
    if (!breaker->open && breaker->failures_max > 0) {
        breaker->failures++;
        opens = breaker->failures == breaker->failures_max;
    }
    if (opens || is_probe(breaker, probe)) {
        breaker->open = true;
        breaker->probe = 0;
        breaker->failures = 0;
        breaker->probe_at_ns = now_ns + auth_backoff_next_ns(&breaker->backoff);
    }
    return opens;
}

void auth_breaker_withdrawn(struct auth_breaker *breaker, unsigned probe)
{
    if (is_probe(breaker, probe)) {
        breaker->probe = 0; // the next request takes its place
    }
}
