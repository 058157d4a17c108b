// SPDX-License-Identifier: MIT
// Memory for what must not leak: pages of its own, so that locking and excluding it from dumps
// touches nothing else, and wiping it leaves no copy in a heap. Knows nothing of what it keeps.
// Driven by config (the server token) and auth.

#include "config/secret.h"

#include <string.h>
#include <sys/mman.h>

// The span's bytes follow directly; the mapping is zeroed by the kernel beyond them.
struct secret {
    size_t size;
    uint8_t bytes[SECRET_BYTES_MAX];
};

struct secret *secret_create(struct bytes_span bytes)
{
    if (bytes.size == 0 || bytes.size > SECRET_BYTES_MAX) {
        return NULL;
    }
    struct secret *secret =
        mmap(NULL, sizeof(*secret), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (secret == MAP_FAILED) {
        return NULL;
    }
    // Neither is worth refusing to start: RLIMIT_MEMLOCK may be 0 in a container without swap.
    (void)mlock(secret, sizeof(*secret));
    (void)madvise(secret, sizeof(*secret), MADV_DONTDUMP);
    secret->size = bytes.size;
    memcpy(secret->bytes, bytes.data, bytes.size);
    return secret;
}

void secret_destroy(struct secret *secret)
{
    if (secret) {
        secret_wipe(secret, sizeof(*secret));
        munmap(secret, sizeof(*secret)); // unlocks as well
    }
}

struct bytes_span secret_span(const struct secret *secret)
{
    return bytes_of(secret->bytes, secret->size);
}

void secret_wipe(void *memory, size_t size)
{
    explicit_bzero(memory, size);
}
