// SPDX-License-Identifier: MIT
// The account behind enet_memory.h. The sizes are malloc's own, so that no header is needed.
//
// Zeroing matters: ENet 1.3.17 hands out a message of fragments without having checked that they
// cover all of it, and the gaps would show what the heap held before.

#include "net/enet_memory.h"

#include <assert.h>
#include <malloc.h>
#include <stdlib.h>

#include "config/secret.h"

// ENet's callbacks carry no context, so this has to be the process's.
static struct {
    size_t used;
    size_t limit;
} account;

void net_enet_memory_grant(size_t bytes)
{
    account.limit += bytes;
}

void net_enet_memory_withdraw(size_t bytes)
{
    assert(account.limit >= bytes);
    account.limit -= bytes;
}

size_t net_enet_memory_used(void)
{
    return account.used;
}

void *net_enet_memory_alloc(size_t size)
{
    if (size > account.limit || account.used > account.limit - size) {
        return NULL;
    }
    void *memory = calloc(1, size);
    if (memory) {
        account.used += malloc_usable_size(memory);
    }
    return memory;
}

void net_enet_memory_free(void *memory)
{
    if (memory) {
        size_t size = malloc_usable_size(memory);
        assert(account.used >= size);
        account.used -= size;
        secret_wipe(memory, size); // it may have been a token
        free(memory);
    }
}

void net_enet_memory_short(void)
{
}
