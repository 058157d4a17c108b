// SPDX-License-Identifier: MIT
// What the bots measure: counts and distributions, by transport and in all, and their names.
//
// One table gives every number its name; the printed table, the JSON and --expect all read it.

#ifndef TESTS_BOTS_TALLY_H
#define TESTS_BOTS_TALLY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

// Durations up to two seconds in steps of 0.1 ms; what is longer counts as two seconds.
#define BOTS_SPREAD_STEP_US 100
#define BOTS_SPREAD_STEPS   20000

struct bots_spread {
    uint64_t count;
    uint32_t steps[BOTS_SPREAD_STEPS + 1];
};

void bots_spread_add(struct bots_spread *spread, uint64_t duration_us);
// The duration in ms that `share` (0..1) of the samples do not exceed; 0 without samples.
double bots_spread_ms(const struct bots_spread *spread, double share);

struct bots_tally {
    const char *name;             // transport, or "total"
    uint64_t bots;                // that were to connect
    uint64_t joined;              // that were welcomed
    uint64_t races;               // final results that bots took part in
    uint64_t finished;            // of these, with a place
    uint64_t dnf;                 // of these, without
    uint64_t kicked;              // ended by the server for a reason (see codes)
    uint64_t ended;               // ended by the server in good order: 1000, 1001, 4013
    uint64_t lost;                // 1006: never got through, or vanished
    uint64_t unfit;               // the server runs a game or map that bots do not know
    uint64_t snapshots;           // applied
    uint64_t stale;               // too old to apply, or without their baseline
    uint64_t checksum_failures;   // must be 0
    uint64_t inputs;              // made
    uint64_t inputs_late;         // as the server said
    uint64_t bytes_in, bytes_out; // of messages
    uint64_t wire_in, wire_out;   // as user space sees it: ENet's, TLS's and WebSocket's share, too
    uint64_t connected_ms;        // of all bots together, from connecting to the end
    struct bots_spread rtt;       // ping to pong
    struct bots_spread gap;       // between one snapshot and the next of a race
    struct bots_spread reaction;  // from an input to the first snapshot that can show it
};

void bots_tally_add(struct bots_tally *total, const struct bots_tally *part);

struct bots_field {
    const char *name;
    const char *help;
    double (*value)(const struct bots_tally *tally);
};

extern const struct bots_field bots_fields[];
extern const unsigned bots_field_count;

// NULL when there is no number of that name.
const struct bots_field *bots_field_find(const char *name);

#endif
