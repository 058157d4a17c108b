// SPDX-License-Identifier: MIT
// The fixed tick: absolute deadlines, a cap on catching up, and how late we were.
//
// Deadlines are anchor + n / rate seconds, so rounding never drifts. A server that wakes late runs
// the missed ticks at once, but never more than the cap: what is later still is skipped, which
// moves the anchor and slows the game down instead of spiralling. Tick numbers never jump.
//
// Reading what a thousand players have sent takes milliseconds, so most of it is read before the
// deadline, by as long as it took for the tick before: then the first step is on time.

#ifndef GAME_TICK_H
#define GAME_TICK_H

#include <stdbool.h>
#include <stdint.h>

#include "config/base/counters.h"

struct game_tick {
    unsigned rate;         // per second
    unsigned catch_up_max; // ticks run at once
    uint64_t anchor_ns;    // when tick `anchor` was due
    uint32_t anchor;       // number of the tick at the anchor
    uint32_t next;         // number of the next tick; the first is 1
    bool running;
    uint64_t last_run_ns; // when the newest tick began
    uint64_t reading_ns;  // spent since then on reading inputs
    uint64_t lead_ns;     // so long before the next deadline reading begins; 0 = at it
    bool has_read;        // before the next deadline

    struct histogram *lateness; // first step minus deadline, of every tick
    struct histogram *duration; // of the work for every wake-up that ran ticks
    uint64_t *run;
    uint64_t *skipped;
};

void game_tick_init(struct game_tick *tick, unsigned rate, unsigned catch_up_max,
                    struct counters *counters);
// The next tick is one period from now. No-op while running.
void game_tick_start(struct game_tick *tick, uint64_t now_ns);
// Nothing is due until it is started again; numbers go on.
void game_tick_stop(struct game_tick *tick);
// When the next tick is due; CLOCK_NEVER while stopped.
uint64_t game_tick_deadline_ns(const struct game_tick *tick);
// When to wake up: at the deadline, or before it to read.
uint64_t game_tick_wake_ns(const struct game_tick *tick);
// True once before a deadline, when it is time to read ahead.
bool game_tick_reads_ahead(struct game_tick *tick, uint64_t now_ns);
// Inputs were read, for so long.
void game_tick_read(struct game_tick *tick, uint64_t took_ns);
// How many ticks to run now (0..catch_up_max); skips what is beyond the cap.
unsigned game_tick_due(struct game_tick *tick, uint64_t now_ns);
// Takes the next tick: records its lateness and returns its number.
uint32_t game_tick_begin(struct game_tick *tick, uint64_t now_ns);
// The ticks that were due are run, which took so long without reading.
void game_tick_end(struct game_tick *tick, uint64_t took_ns);

#endif
