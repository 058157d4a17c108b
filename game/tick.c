// SPDX-License-Identifier: MIT
// Deadlines are computed from the anchor each time, never by adding a rounded period.

#include "game/tick.h"

#include <assert.h>

#include "config/base/clock.h"

// Reading that takes less is not worth a wake-up of its own, which costs a tenth of it.
#define LEAD_MIN_NS (CLOCK_NS_PER_MS / 4)
// Beyond what reading took, for waking up late and for more to read.
#define LEAD_SPARE_NS (CLOCK_NS_PER_MS / 2)

void game_tick_init(struct game_tick *tick, unsigned rate, unsigned catch_up_max,
                    struct counters *counters)
{
    assert(rate > 0 && catch_up_max > 0);
    *tick = (struct game_tick){.rate = rate, .catch_up_max = catch_up_max, .next = 1};
    tick->lateness = histogram_cell(counters, "paddock_tick_lateness_seconds",
                                    "How long after its deadline the first step of a tick began");
    tick->duration = histogram_cell(counters, "paddock_tick_duration_seconds",
                                    "Work of a wake-up that ran ticks: input, steps, snapshots");
    tick->run = counter_cell(counters, COUNTER_TOTAL, "paddock_ticks", "Ticks run", NULL, NULL);
    tick->skipped =
        counter_cell(counters, COUNTER_TOTAL, "paddock_ticks_skipped",
                     "Ticks given up because they were beyond the catch-up cap", NULL, NULL);
}

void game_tick_start(struct game_tick *tick, uint64_t now_ns)
{
    if (tick->running) {
        return;
    }
    tick->running = true;
    tick->anchor_ns = now_ns;
    tick->anchor = tick->next - 1;
    tick->last_run_ns = now_ns;
    tick->has_read = false;
    tick->reading_ns = tick->lead_ns = 0;
}

void game_tick_stop(struct game_tick *tick)
{
    tick->running = false;
}

static uint64_t due_ns(const struct game_tick *tick, uint32_t number)
{
    uint64_t periods = number - tick->anchor;
    return tick->anchor_ns + periods * CLOCK_NS_PER_S / tick->rate;
}

uint64_t game_tick_deadline_ns(const struct game_tick *tick)
{
    return tick->running ? due_ns(tick, tick->next) : CLOCK_NEVER;
}

uint64_t game_tick_wake_ns(const struct game_tick *tick)
{
    uint64_t deadline_ns = game_tick_deadline_ns(tick);
    return tick->running && !tick->has_read ? deadline_ns - tick->lead_ns : deadline_ns;
}

bool game_tick_reads_ahead(struct game_tick *tick, uint64_t now_ns)
{
    if (now_ns < game_tick_wake_ns(tick) || now_ns >= game_tick_deadline_ns(tick)) {
        return false;
    }
    tick->has_read = true;
    return true;
}

void game_tick_read(struct game_tick *tick, uint64_t took_ns)
{
    tick->reading_ns += took_ns;
}

unsigned game_tick_due(struct game_tick *tick, uint64_t now_ns)
{
    if (!tick->running || now_ns < due_ns(tick, tick->next)) {
        return 0;
    }
    uint64_t late_ns = now_ns - due_ns(tick, tick->next);
    uint64_t due = 1 + late_ns * tick->rate / CLOCK_NS_PER_S;
    if (due <= tick->catch_up_max) {
        return (unsigned)due;
    }
    uint64_t skip = due - tick->catch_up_max;
    *tick->skipped += skip;
    tick->anchor_ns += skip * CLOCK_NS_PER_S / tick->rate;
    return tick->catch_up_max;
}

uint32_t game_tick_begin(struct game_tick *tick, uint64_t now_ns)
{
    uint64_t deadline_ns = due_ns(tick, tick->next);
    histogram_add(tick->lateness, now_ns > deadline_ns ? now_ns - deadline_ns : 0);
    tick->last_run_ns = now_ns;
    *tick->run += 1;
    return tick->next++;
}

void game_tick_end(struct game_tick *tick, uint64_t took_ns)
{
    uint64_t lead_max_ns = CLOCK_NS_PER_S / tick->rate / 4;
    uint64_t lead_ns = tick->reading_ns + LEAD_SPARE_NS;
    histogram_add(tick->duration, tick->reading_ns + took_ns);
    tick->lead_ns = tick->reading_ns < LEAD_MIN_NS ? 0
                    : lead_ns < lead_max_ns        ? lead_ns
                                                   : lead_max_ns;
    tick->reading_ns = 0;
    tick->has_read = false;
}
