// SPDX-License-Identifier: MIT
// Knows neither clock nor what is tried. Driven by reporter and breaker.

#include "auth/backoff.h"

#include "auth/crypto.h"

void auth_backoff_init(struct auth_backoff *backoff, uint64_t first_ns, uint64_t max_ns,
                       uint64_t seed)
{
    *backoff = (struct auth_backoff){.first_ns = first_ns, .max_ns = max_ns, .random = seed};
    // Zero is the one state that xorshift never leaves.
    if (seed == 0 &&
        (!auth_crypto_random(&backoff->random, sizeof(backoff->random)) || backoff->random == 0)) {
        backoff->random = 1;
    }
}

// xorshift64: good enough to keep a hundred servers apart.
static uint64_t random_next(struct auth_backoff *backoff)
{
    backoff->random ^= backoff->random << 13;
    backoff->random ^= backoff->random >> 7;
    backoff->random ^= backoff->random << 17;
    return backoff->random;
}

uint64_t auth_backoff_next_ns(struct auth_backoff *backoff)
{
    uint64_t pause_ns = backoff->first_ns;
    for (unsigned i = 0; i < backoff->failures && pause_ns < backoff->max_ns; i++) {
        pause_ns *= 2;
    }
    if (pause_ns > backoff->max_ns) {
        pause_ns = backoff->max_ns;
    }
    backoff->failures++;
    return pause_ns / 2 + random_next(backoff) % (pause_ns / 2 + 1);
}

void auth_backoff_reset(struct auth_backoff *backoff)
{
    backoff->failures = 0;
}
