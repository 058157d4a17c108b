// SPDX-License-Identifier: MIT
// The loop's armed timers: a binary heap of pointers, earliest first.
//
// Private to the loop, which fires them. Each timer knows its slot, so that re-arming and
// cancelling need no search.

#ifndef CONFIG_BASE_LOOP_TIMERS_H
#define CONFIG_BASE_LOOP_TIMERS_H

#include "config/base/loop.h"

struct loop_timers {
    struct loop_timer **heap;
    unsigned count;
    unsigned capacity;
};

// Zeroed memory is an empty heap. Every timer must have been removed before.
void loop_timers_finish(struct loop_timers *timers);
// Arms, or moves an armed timer. Aborts when memory is short.
void loop_timers_put(struct loop_timers *timers, struct loop_timer *timer, uint64_t due_ns);
void loop_timers_remove(struct loop_timers *timers, struct loop_timer *timer);
// The earliest timer, or NULL.
struct loop_timer *loop_timers_first(const struct loop_timers *timers);

#endif
