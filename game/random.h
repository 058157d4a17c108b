// SPDX-License-Identifier: MIT
// Random numbers for ids and race seeds: the kernel's, or a fixed sequence for repeatable tests.

#ifndef GAME_RANDOM_H
#define GAME_RANDOM_H

#include <stdint.h>

struct game_random {
    uint64_t state; // 0 = ask the kernel
};

#define GAME_UUID_BYTES 37

uint64_t game_random_u64(struct game_random *random);
// A version 4 UUID (RFC 9562) in lower case.
void game_random_uuid(struct game_random *random, char text[GAME_UUID_BYTES]);

#endif
