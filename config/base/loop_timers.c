// SPDX-License-Identifier: MIT
// The timer heap. Knows no clock: it orders due times and nothing else. Driven by the loop.

#include "config/base/loop_timers.h"

#include <assert.h>
#include <stdlib.h>

static void place(struct loop_timers *timers, unsigned at, struct loop_timer *timer)
{
    timers->heap[at] = timer;
    timer->slot = at + 1;
}

static void sift_up(struct loop_timers *timers, unsigned at)
{
    struct loop_timer *timer = timers->heap[at];
    while (at > 0) {
        unsigned parent = (at - 1) / 2;
        if (timers->heap[parent]->due_ns <= timer->due_ns) {
            break;
        }
        place(timers, at, timers->heap[parent]);
        at = parent;
    }
    place(timers, at, timer);
}

static void sift_down(struct loop_timers *timers, unsigned at)
{
    struct loop_timer *timer = timers->heap[at];
    for (;;) {
        unsigned child = 2 * at + 1;
        if (child >= timers->count) {
            break;
        }
        if (child + 1 < timers->count &&
            timers->heap[child + 1]->due_ns < timers->heap[child]->due_ns) {
            child++;
        }
        if (timer->due_ns <= timers->heap[child]->due_ns) {
            break;
        }
        place(timers, at, timers->heap[child]);
        at = child;
    }
    place(timers, at, timer);
}

void loop_timers_finish(struct loop_timers *timers)
{
    assert(timers->count == 0);
    free(timers->heap);
    *timers = (struct loop_timers){0};
}

void loop_timers_put(struct loop_timers *timers, struct loop_timer *timer, uint64_t due_ns)
{
    timer->due_ns = due_ns;
    if (timer->slot == 0) {
        if (timers->count == timers->capacity) {
            unsigned capacity = timers->capacity ? timers->capacity * 2 : 64;
            struct loop_timer **heap = realloc(timers->heap, capacity * sizeof(heap[0]));
            if (!heap) {
                abort();
            }
            timers->heap = heap;
            timers->capacity = capacity;
        }
        place(timers, timers->count++, timer);
    }
    sift_up(timers, timer->slot - 1);
    sift_down(timers, timer->slot - 1);
}

void loop_timers_remove(struct loop_timers *timers, struct loop_timer *timer)
{
    unsigned at = timer->slot - 1;
    assert(timer->slot > 0 && at < timers->count && timers->heap[at] == timer);
    timer->slot = 0;
    struct loop_timer *last = timers->heap[--timers->count];
    if (last != timer) {
        place(timers, at, last);
        sift_up(timers, at);
        sift_down(timers, last->slot - 1);
    }
}

struct loop_timer *loop_timers_first(const struct loop_timers *timers)
{
    return timers->count > 0 ? timers->heap[0] : NULL;
}
