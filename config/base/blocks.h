// SPDX-License-Identifier: MIT
// Small blocks of memory that are used again and again without the allocator.
//
// What is sent to a thousand players in a tick is taken and given back a thousand times, in bursts
// that malloc's own caches (seven blocks of a size) are too small for. Not for other threads than
// the one that takes.

#ifndef CONFIG_BASE_BLOCKS_H
#define CONFIG_BASE_BLOCKS_H

#include <stddef.h>

#include "config/base/bytes.h"

#define BLOCKS_CLASSES 6 // of 64 bytes to 2048; what is larger is malloc's

struct blocks {
    void *free[BLOCKS_CLASSES]; // each begins with the address of the next
    size_t kept;                // bytes in them
    size_t kept_max;
};

// Keeps at most `kept_max` bytes for later. With AddressSanitizer it keeps nothing, so that a use
// after the end is seen.
void blocks_init(struct blocks *blocks, size_t kept_max);
// Frees what is kept. Blocks that are still out may be freed with free().
void blocks_finish(struct blocks *blocks);

// At least `size` bytes, of any content. NULL without memory.
void *blocks_take(struct blocks *blocks, size_t size) BASE_MUST_USE;
void blocks_give(struct blocks *blocks, void *memory);
// How many bytes may be used of a block, at least as many as were asked for.
size_t blocks_size(void *memory);

#endif
