// SPDX-License-Identifier: MIT
// Counters, gauges and histograms, and their OpenMetrics text.
//
// A module asks once, when it is created, for the cells it will count in and then adds to them
// with a plain increment; the registry belongs to whoever composes the process and is handed down.

#ifndef CONFIG_BASE_COUNTERS_H
#define CONFIG_BASE_COUNTERS_H

#include <stdint.h>

#include "config/base/bytes.h"

struct counters;

struct counters *counters_create(void);
void counters_destroy(struct counters *counters);

enum counter_type {
    COUNTER_TOTAL, // only grows; the exposed name gets the suffix _total
    COUNTER_GAUGE,
};

// Cells belong to the registry and are counted in on the loop's thread only.

// The cell for name and label (both label strings NULL for none; `name` without _total). The same
// name and label give the same cell. Strings are copied. Never NULL: too many cells (a bug, since
// labels come from fixed lists and never from peers) or no memory abort at start-up.
uint64_t *counter_cell(struct counters *counters, enum counter_type type, const char *name,
                       const char *help, const char *label, const char *label_value);

// Durations in exponential buckets: 50 us * 2^n, 14 buckets up to 409.6 ms, then +Inf. Exposed in
// seconds.
#define HISTOGRAM_BUCKETS 14

struct histogram {
    uint64_t buckets[HISTOGRAM_BUCKETS + 1];
    uint64_t count;
    uint64_t sum_ns;
    uint64_t max_ns;
};

struct histogram *histogram_cell(struct counters *counters, const char *name, const char *help);
void histogram_add(struct histogram *histogram, uint64_t duration_ns);
// The upper bound in ns of the bucket that holds the given share (0..1000 per mille) of samples;
// the largest sample beyond the last bound; 0 without samples.
uint64_t histogram_quantile_ns(const struct histogram *histogram, unsigned per_mille);

// Appends the whole OpenMetrics exposition (families in order of first registration, with # TYPE,
// # HELP and the final # EOF). False when `out` is too small.
bool counters_render(const struct counters *counters, struct bytes_buf *out) BASE_MUST_USE;

#endif
