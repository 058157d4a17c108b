// SPDX-License-Identifier: MIT
// getrandom(2), or splitmix64 from a seed when a test wants the same run again.

#include "game/random.h"

#include <assert.h>
#include <stdio.h>
#include <sys/random.h>

uint64_t game_random_u64(struct game_random *random)
{
    uint64_t value;
    if (random->state == 0) {
        // Up to 256 bytes never come short or interrupted once the kernel's pool is ready.
        ssize_t got = getrandom(&value, sizeof(value), 0);
        assert(got == (ssize_t)sizeof(value));
        return value;
    }
    random->state += UINT64_C(0x9e3779b97f4a7c15);
    value = random->state;
    value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
    return value ^ (value >> 31);
}

void game_random_uuid(struct game_random *random, char text[GAME_UUID_BYTES])
{
    uint64_t high = game_random_u64(random);
    uint64_t low = game_random_u64(random);
    high = (high & ~UINT64_C(0xf000)) | UINT64_C(0x4000);
    low = (low & ~(UINT64_C(3) << 62)) | UINT64_C(1) << 63;
    snprintf(text, GAME_UUID_BYTES, "%08x-%04x-%04x-%04x-%012llx", (unsigned)(high >> 32),
             (unsigned)(high >> 16 & 0xffff), (unsigned)(high & 0xffff), (unsigned)(low >> 48),
             (unsigned long long)(low & UINT64_C(0xffffffffffff)));
}
