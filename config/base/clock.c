// SPDX-License-Identifier: MIT
// The one place that asks the kernel for the time. Driven by the loop (deadlines) and by whoever
// stamps a line or a record for people (wall time).

#include "config/base/clock.h"

#include <assert.h>
#include <stdio.h>
#include <time.h>

// 2026-01-01T00:00:00Z, where virtual wall time begins.
#define VIRTUAL_EPOCH_MS UINT64_C(1767225600000)

static uint64_t kernel_ns(clockid_t id)
{
    struct timespec now;
    int status = clock_gettime(id, &now);
    assert(status == 0);
    (void)status;
    return (uint64_t)now.tv_sec * CLOCK_NS_PER_S + (uint64_t)now.tv_nsec;
}

void clock_init_monotonic(struct clock *clock)
{
    *clock = (struct clock){.is_virtual = false};
}

void clock_init_virtual(struct clock *clock, uint64_t start_ns)
{
    *clock = (struct clock){.is_virtual = true, .virtual_now_ns = start_ns};
}

uint64_t clock_now_ns(const struct clock *clock)
{
    return clock->is_virtual ? clock->virtual_now_ns : kernel_ns(CLOCK_MONOTONIC);
}

uint64_t clock_wall_ms(const struct clock *clock)
{
    return clock->is_virtual ? VIRTUAL_EPOCH_MS + clock->virtual_now_ns / CLOCK_NS_PER_MS
                             : kernel_ns(CLOCK_REALTIME) / CLOCK_NS_PER_MS;
}

void clock_format_wall(uint64_t wall_ms, char text[CLOCK_TEXT_BYTES])
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm utc;
    if (!gmtime_r(&seconds, &utc) || utc.tm_year > 9999 - 1900) {
        snprintf(text, CLOCK_TEXT_BYTES, "9999-12-31T23:59:59.999Z"); // RFC 3339 ends here
        return;
    }
    size_t used = strftime(text, CLOCK_TEXT_BYTES, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text + used, CLOCK_TEXT_BYTES - used, ".%03uZ", (unsigned)(wall_ms % 1000));
}
