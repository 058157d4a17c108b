// SPDX-License-Identifier: MIT
// Counts, distributions, and the table of their names.

#include "tests/bots/tally.h"

#include <string.h>

#include "config/base/bytes.h"

void bots_spread_add(struct bots_spread *spread, uint64_t duration_us)
{
    uint64_t step = duration_us / BOTS_SPREAD_STEP_US;
    spread->steps[step < BOTS_SPREAD_STEPS ? step : BOTS_SPREAD_STEPS]++;
    spread->count++;
}

double bots_spread_ms(const struct bots_spread *spread, double share)
{
    uint64_t seen = 0;
    for (unsigned i = 0; spread->count > 0 && i <= BOTS_SPREAD_STEPS; i++) {
        seen += spread->steps[i];
        if (seen > 0 && (double)seen >= share * (double)spread->count) {
            return (double)i * BOTS_SPREAD_STEP_US / 1000.0;
        }
    }
    return 0;
}

static void spread_merge(struct bots_spread *total, const struct bots_spread *part)
{
    for (unsigned i = 0; i <= BOTS_SPREAD_STEPS; i++) {
        total->steps[i] += part->steps[i];
    }
    total->count += part->count;
}

void bots_tally_add(struct bots_tally *total, const struct bots_tally *part)
{
    total->bots += part->bots;
    total->joined += part->joined;
    total->races += part->races;
    total->finished += part->finished;
    total->dnf += part->dnf;
    total->kicked += part->kicked;
    total->ended += part->ended;
    total->lost += part->lost;
    total->unfit += part->unfit;
    total->snapshots += part->snapshots;
    total->stale += part->stale;
    total->checksum_failures += part->checksum_failures;
    total->inputs += part->inputs;
    total->inputs_late += part->inputs_late;
    total->bytes_in += part->bytes_in;
    total->bytes_out += part->bytes_out;
    total->wire_in += part->wire_in;
    total->wire_out += part->wire_out;
    total->connected_ms += part->connected_ms;
    spread_merge(&total->rtt, &part->rtt);
    spread_merge(&total->gap, &part->gap);
    spread_merge(&total->reaction, &part->reaction);
}

// ---- the table

#define COUNT_FIELD(field)                                                                         \
    static double field##_value(const struct bots_tally *tally)                                    \
    {                                                                                              \
        return (double)tally->field;                                                               \
    }
COUNT_FIELD(bots)
COUNT_FIELD(joined)
COUNT_FIELD(races)
COUNT_FIELD(finished)
COUNT_FIELD(dnf)
COUNT_FIELD(kicked)
COUNT_FIELD(ended)
COUNT_FIELD(lost)
COUNT_FIELD(unfit)
COUNT_FIELD(snapshots)
COUNT_FIELD(stale)
COUNT_FIELD(checksum_failures)
COUNT_FIELD(inputs)
COUNT_FIELD(inputs_late)
#undef COUNT_FIELD

#define SPREAD_FIELD(field, name, share)                                                           \
    static double name##_value(const struct bots_tally *tally)                                     \
    {                                                                                              \
        return bots_spread_ms(&tally->field, share);                                               \
    }
SPREAD_FIELD(rtt, rtt_p50_ms, 0.50)
SPREAD_FIELD(rtt, rtt_p95_ms, 0.95)
SPREAD_FIELD(rtt, rtt_p99_ms, 0.99)
SPREAD_FIELD(gap, gap_p50_ms, 0.50)
SPREAD_FIELD(gap, gap_p95_ms, 0.95)
SPREAD_FIELD(gap, gap_p99_ms, 0.99)
SPREAD_FIELD(reaction, reaction_p50_ms, 0.50)
SPREAD_FIELD(reaction, reaction_p99_ms, 0.99)
#undef SPREAD_FIELD

#define RATE_FIELD(field, name)                                                                    \
    static double name##_value(const struct bots_tally *tally)                                     \
    {                                                                                              \
        return tally->connected_ms ? (double)tally->field * 1000.0 / (double)tally->connected_ms   \
                                   : 0;                                                            \
    }
RATE_FIELD(bytes_in, in_bytes_per_s)
RATE_FIELD(bytes_out, out_bytes_per_s)
RATE_FIELD(wire_in, wire_in_bytes_per_s)
RATE_FIELD(wire_out, wire_out_bytes_per_s)
#undef RATE_FIELD

#define ROW(name, help)                                                                            \
    {                                                                                              \
#name, help, name##_value                                                                  \
    }
const struct bots_field bots_fields[] = {
    ROW(bots, "bots that were to connect"),
    ROW(joined, "bots that were admitted"),
    ROW(races, "final results, one for each bot in the race"),
    ROW(finished, "of these, with a place"),
    ROW(dnf, "of these, without one"),
    ROW(kicked, "connections that the server ended for a reason"),
    ROW(ended, "connections that the server ended in good order"),
    ROW(lost, "connections that never came up, or vanished"),
    ROW(unfit, "bots that did not know the game or the map"),
    ROW(snapshots, "snapshots applied"),
    ROW(stale, "snapshots too old to apply"),
    ROW(checksum_failures, "snapshots that decoded to something else"),
    ROW(inputs, "inputs made, one for each tick of a race"),
    ROW(inputs_late, "inputs that came after their tick"),
    ROW(rtt_p50_ms, "ping to pong, median"),
    ROW(rtt_p95_ms, "... 95 of 100 are faster"),
    ROW(rtt_p99_ms, "... 99 of 100 are faster"),
    ROW(gap_p50_ms, "from one snapshot to the next, median"),
    ROW(gap_p95_ms, "... 95 of 100 are shorter"),
    ROW(gap_p99_ms, "... 99 of 100 are shorter"),
    ROW(reaction_p50_ms, "from an input to the snapshot of its tick, median"),
    ROW(reaction_p99_ms, "... 99 of 100 are shorter"),
    ROW(in_bytes_per_s, "message bytes to a player, per second"),
    ROW(out_bytes_per_s, "message bytes from a player, per second"),
    ROW(wire_in_bytes_per_s, "the same with the transport's overhead"),
    ROW(wire_out_bytes_per_s, "the same with the transport's overhead"),
};
#undef ROW

const unsigned bots_field_count = BASE_COUNT(bots_fields);

const struct bots_field *bots_field_find(const char *name)
{
    for (unsigned i = 0; i < bots_field_count; i++) {
        if (strcmp(bots_fields[i].name, name) == 0) {
            return &bots_fields[i];
        }
    }
    return NULL;
}
