// SPDX-License-Identifier: MIT
// A hint to the processor: memory that will be needed soon.
//
// What thousands of players need does not fit into a cache, and each message is for another one of
// them, so waiting for memory would be most of the work. Whoever knows what comes next has it
// fetched while there is something else to do. It changes nothing but the time that takes.

#ifndef CONFIG_BASE_PREFETCH_H
#define CONFIG_BASE_PREFETCH_H

#include <stddef.h>
#include <stdint.h>

#define PREFETCH_LINE_BYTES 64

// Nothing is read, so any address will do, NULL and those that are gone as well.
static inline void prefetch(const void *memory, size_t size)
{
    uintptr_t end = (uintptr_t)memory + size;
    for (uintptr_t at = (uintptr_t)memory & ~(uintptr_t)(PREFETCH_LINE_BYTES - 1); at < end;
         at += PREFETCH_LINE_BYTES) {
        __builtin_prefetch((const void *)at);
    }
}

#endif
