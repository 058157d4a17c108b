// SPDX-License-Identifier: MIT
// The account behind enet_memory.h.
//
// Zeroing matters: ENet 1.3.17 hands out a message of fragments without having checked that they
// cover all of it, and the gaps would show what the heap held before.

#include "net/enet_memory.h"

#include <assert.h>
#include <string.h>

#include "config/base/blocks.h"
#include "config/secret.h"

// ENet's callbacks carry no context, so this has to be the process's.
static struct {
    size_t used;
    size_t limit;
    struct blocks blocks;
} account;

// What a burst to a few thousand players takes at a time.
#define KEPT_MAX (4u << 20)

void net_enet_memory_grant(size_t bytes)
{
    if (account.limit == 0) {
        blocks_init(&account.blocks, KEPT_MAX);
    }
    account.limit += bytes;
}

void net_enet_memory_withdraw(size_t bytes)
{
    assert(account.limit >= bytes);
    account.limit -= bytes;
    if (account.limit == 0) {
        blocks_finish(&account.blocks);
    }
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
    void *memory = blocks_take(&account.blocks, size);
    if (memory) {
        memset(memory, 0, size);
        account.used += blocks_size(memory);
    }
    return memory;
}

void net_enet_memory_free(void *memory)
{
    if (memory) {
        size_t size = blocks_size(memory);
        assert(account.used >= size);
        account.used -= size;
        secret_wipe(memory, size); // it may have been a token
        blocks_give(&account.blocks, memory);
    }
}

void net_enet_memory_short(void)
{
}
