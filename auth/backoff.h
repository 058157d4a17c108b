// SPDX-License-Identifier: MIT
// Pauses between tries: doubling from a first one up to a ceiling, each half certain and half
// chance, so that many servers that lost one backend together do not come back together.

#ifndef AUTH_BACKOFF_H
#define AUTH_BACKOFF_H

#include <stdint.h>

struct auth_backoff {
    uint64_t first_ns;
    uint64_t max_ns;
    unsigned failures; // in a row
    uint64_t random;
};

// `seed` drives the chance; 0 takes one from the kernel.
void auth_backoff_init(struct auth_backoff *backoff, uint64_t first_ns, uint64_t max_ns,
                       uint64_t seed);
// After one more failure: how long to wait.
uint64_t auth_backoff_next_ns(struct auth_backoff *backoff);
// After a success.
void auth_backoff_reset(struct auth_backoff *backoff);

#endif
