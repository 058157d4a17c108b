// SPDX-License-Identifier: MIT
// Where time comes from. Only the loop asks; everything else is handed `now`.
//
// All deadlines in Paddock are nanoseconds of CLOCK_MONOTONIC as uint64_t (584 years), so an NTP
// step moves nothing. Tests put the virtual clock in its place and run hours in milliseconds.

#ifndef CONFIG_BASE_CLOCK_H
#define CONFIG_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define CLOCK_NS_PER_US UINT64_C(1000)
#define CLOCK_NS_PER_MS UINT64_C(1000000)
#define CLOCK_NS_PER_S  UINT64_C(1000000000)
#define CLOCK_NEVER     UINT64_MAX

struct clock {
    bool is_virtual;
    uint64_t virtual_now_ns; // used when is_virtual; only the loop moves it forward
};

// The monotonic clock of the kernel.
void clock_init_monotonic(struct clock *clock);
// A clock that stands at start_ns until the loop has nothing to do but wait; then it jumps to
// the next deadline.
void clock_init_virtual(struct clock *clock, uint64_t start_ns);
uint64_t clock_now_ns(const struct clock *clock);

// Wall-clock time for people and backends: milliseconds since 1970 UTC, and its RFC 3339 text
// "2026-11-22T01:42:34.123Z" (25 bytes with NUL). Never used for deadlines. With a virtual clock
// the wall time is 2026-01-01T00:00:00Z plus the virtual time, so that tests are repeatable.
uint64_t clock_wall_ms(const struct clock *clock);
#define CLOCK_TEXT_BYTES 32
void clock_format_wall(uint64_t wall_ms, char text[CLOCK_TEXT_BYTES]);

#endif
