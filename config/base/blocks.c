// SPDX-License-Identifier: MIT
// Free lists by size. The sizes are malloc's own to remember, so that a block has no header and
// any block can be freed.

#include "config/base/blocks.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/prefetch.h"

#define SMALLEST 64u

#ifndef __has_feature
#define __has_feature(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define KEEPS false
#else
#define KEEPS true
#endif

void blocks_init(struct blocks *blocks, size_t kept_max)
{
    *blocks = (struct blocks){.kept_max = KEEPS ? kept_max : 0};
}

void blocks_finish(struct blocks *blocks)
{
    for (unsigned i = 0; i < BLOCKS_CLASSES; i++) {
        void *next;
        for (void *block = blocks->free[i]; block; block = next) {
            memcpy(&next, block, sizeof(next));
            free(block);
        }
    }
    *blocks = (struct blocks){0};
}

// The smallest class whose blocks hold `size` bytes; BLOCKS_CLASSES when none does.
static unsigned class_for(size_t size)
{
    unsigned class = 0;
    while (class < BLOCKS_CLASSES && size > SMALLEST << class) {
        class ++;
    }
    return class;
}

void *blocks_take(struct blocks *blocks, size_t size)
{
    unsigned class = class_for(size);
    if (class == BLOCKS_CLASSES) {
        return malloc(size);
    }
    void *block = blocks->free[class];
    if (!block) {
        return malloc(SMALLEST << class);
    }
    memcpy(&blocks->free[class], block, sizeof(block));
    const uint8_t *next = blocks->free[class];
    if (next) { // has gone cold by now, with malloc's note of its size before it
        prefetch(next - sizeof(size_t), 2 * sizeof(size_t));
    }
    blocks->kept -= SMALLEST << class;
    return block;
}

void blocks_give(struct blocks *blocks, void *memory)
{
    size_t size = blocks_size(memory);
    // The largest class that the block can serve; malloc may have given more than was asked for.
    unsigned class = 0;
    while (class < BLOCKS_CLASSES && size >= SMALLEST << (class + 1)) {
        class ++;
    }
    size_t bytes = SMALLEST << class;
    if (class == BLOCKS_CLASSES || blocks->kept + bytes > blocks->kept_max) {
        free(memory);
        return;
    }
    memcpy(memory, &blocks->free[class], sizeof(memory));
    blocks->free[class] = memory;
    blocks->kept += bytes;
}

size_t blocks_size(void *memory)
{
    return malloc_usable_size(memory);
}
