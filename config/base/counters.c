// SPDX-License-Identifier: MIT
// The registry of counters, gauges and histograms, and their OpenMetrics 1.0 text. Knows names, not
// meanings. Modules count in cells, the admin port renders; both on the loop's thread, so that a
// cell is a plain integer.

#include "config/base/counters.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/clock.h"

#define FAMILIES_MAX          256
#define CELLS_PER_FAMILY_MAX  128
#define HISTOGRAM_FIRST_NS    (50 * CLOCK_NS_PER_US)
#define HISTOGRAM_TYPE        (COUNTER_GAUGE + 1)
#define HISTOGRAM_BOUND_NS(n) (HISTOGRAM_FIRST_NS << (n))

// One label and value. Separately allocated, since callers keep the address of `value`.
struct cell {
    uint64_t value;
    char *label; // NULL: none
    char *label_value;
};

struct family {
    char *name;
    char *help;
    int type; // enum counter_type or HISTOGRAM_TYPE
    unsigned cell_count;
    struct cell **cells;
    struct histogram *histogram;
};

struct counters {
    unsigned family_count;
    struct family families[FAMILIES_MAX];
};

static void *must_have(void *memory)
{
    if (!memory) {
        abort();
    }
    return memory;
}

static char *copy_or_null(const char *text)
{
    return text ? must_have(strdup(text)) : NULL;
}

struct counters *counters_create(void)
{
    return must_have(calloc(1, sizeof(struct counters)));
}

void counters_destroy(struct counters *counters)
{
    if (!counters) {
        return;
    }
    for (unsigned i = 0; i < counters->family_count; i++) {
        struct family *family = &counters->families[i];
        for (unsigned j = 0; j < family->cell_count; j++) {
            free(family->cells[j]->label);
            free(family->cells[j]->label_value);
            free(family->cells[j]);
        }
        free(family->cells);
        free(family->histogram);
        free(family->name);
        free(family->help);
    }
    free(counters);
}

static bool is_name(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
    size_t length = strlen(name);
    return length > 0 && strchr(letters, name[0]) &&
           strspn(name, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_") ==
               length;
}

static struct family *family_get(struct counters *counters, int type, const char *name,
                                 const char *help)
{
    for (unsigned i = 0; i < counters->family_count; i++) {
        struct family *family = &counters->families[i];
        if (strcmp(family->name, name) == 0) {
            assert(family->type == type);
            return family;
        }
    }
    assert(counters->family_count < FAMILIES_MAX && is_name(name));
    struct family *family = &counters->families[counters->family_count++];
    family->type = type;
    family->name = copy_or_null(name);
    family->help = copy_or_null(help);
    return family;
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

uint64_t *counter_cell(struct counters *counters, enum counter_type type, const char *name,
                       const char *help, const char *label, const char *label_value)
{
    assert(!label == !label_value && (!label || is_name(label)));
    struct family *family = family_get(counters, (int)type, name, help);
    for (unsigned i = 0; i < family->cell_count; i++) {
        struct cell *cell = family->cells[i];
        if (same_text(cell->label, label) && same_text(cell->label_value, label_value)) {
            return &cell->value;
        }
    }
    assert(family->cell_count < CELLS_PER_FAMILY_MAX);
    struct cell *cell = must_have(calloc(1, sizeof(*cell)));
    cell->label = copy_or_null(label);
    cell->label_value = copy_or_null(label_value);
    family->cells =
        must_have(realloc(family->cells, (family->cell_count + 1) * sizeof(family->cells[0])));
    family->cells[family->cell_count++] = cell;
    return &cell->value;
}

struct histogram *histogram_cell(struct counters *counters, const char *name, const char *help)
{
    struct family *family = family_get(counters, HISTOGRAM_TYPE, name, help);
    if (!family->histogram) {
        family->histogram = must_have(calloc(1, sizeof(*family->histogram)));
    }
    return family->histogram;
}

void histogram_add(struct histogram *histogram, uint64_t duration_ns)
{
    unsigned bucket = 0;
    while (bucket < HISTOGRAM_BUCKETS && duration_ns > HISTOGRAM_BOUND_NS(bucket)) {
        bucket++;
    }
    histogram->buckets[bucket]++;
    histogram->count++;
    histogram->sum_ns += duration_ns;
    histogram->max_ns = duration_ns > histogram->max_ns ? duration_ns : histogram->max_ns;
}

uint64_t histogram_quantile_ns(const struct histogram *histogram, unsigned per_mille)
{
    assert(per_mille <= 1000);
    // The rank rounds up: the 999th per mille of 10 samples is the tenth.
    uint64_t rank = (histogram->count / 1000) * per_mille +
                    ((histogram->count % 1000) * per_mille + 999) / 1000;
    uint64_t seen = 0;
    if (histogram->count == 0) {
        return 0;
    }
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->buckets[i];
        if (seen > 0 && seen >= rank) {
            return HISTOGRAM_BOUND_NS(i);
        }
    }
    return histogram->max_ns;
}

// ---- exposition

static bool put_escaped(struct bytes_buf *out, const char *text)
{
    for (; *text; text++) {
        char special = *text == '\n' ? 'n' : *text;
        bool escape = *text == '\n' || *text == '"' || *text == '\\';
        if ((escape && !bytes_buf_append_u8(out, '\\')) ||
            !bytes_buf_append_u8(out, (uint8_t)special)) {
            return false;
        }
    }
    return true;
}

// Decimal seconds without trailing zeros, which every parser takes.
static bool put_seconds(struct bytes_buf *out, uint64_t ns)
{
    char fraction[10];
    size_t length = sizeof(fraction) - 1;
    uint64_t rest = ns % CLOCK_NS_PER_S;
    for (size_t i = length; i-- > 0; rest /= 10) {
        fraction[i] = (char)('0' + rest % 10);
    }
    while (length > 1 && fraction[length - 1] == '0') {
        length--;
    }
    fraction[length] = '\0';
    return bytes_buf_append_format(out, "%llu.%s", (unsigned long long)(ns / CLOCK_NS_PER_S),
                                   fraction);
}

static bool put_head(struct bytes_buf *out, const struct family *family)
{
    static const char *const types[] = {"counter", "gauge", "histogram"};
    return bytes_buf_append_format(out, "# TYPE %s %s\n# HELP %s ", family->name,
                                   types[family->type], family->name) &&
           put_escaped(out, family->help) && bytes_buf_append_u8(out, '\n');
}

static bool put_cell(struct bytes_buf *out, const struct family *family, const struct cell *cell)
{
    if (!bytes_buf_append_text(out, family->name) ||
        !bytes_buf_append_text(out, family->type == COUNTER_TOTAL ? "_total" : "")) {
        return false;
    }
    if (cell->label &&
        (!bytes_buf_append_format(out, "{%s=\"", cell->label) ||
         !put_escaped(out, cell->label_value) || !bytes_buf_append_text(out, "\"}"))) {
        return false;
    }
    return bytes_buf_append_format(out, " %llu\n", (unsigned long long)cell->value);
}

static bool put_histogram(struct bytes_buf *out, const char *name,
                          const struct histogram *histogram)
{
    uint64_t seen = 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->buckets[i];
        if (!bytes_buf_append_format(out, "%s_bucket{le=\"", name) ||
            !put_seconds(out, HISTOGRAM_BOUND_NS(i)) ||
            !bytes_buf_append_format(out, "\"} %llu\n", (unsigned long long)seen)) {
            return false;
        }
    }
    unsigned long long count = histogram->count;
    return bytes_buf_append_format(out, "%s_bucket{le=\"+Inf\"} %llu\n%s_sum ", name, count,
                                   name) &&
           put_seconds(out, histogram->sum_ns) &&
           bytes_buf_append_format(out, "\n%s_count %llu\n", name, count);
}

bool counters_render(const struct counters *counters, struct bytes_buf *out)
{
    for (unsigned i = 0; i < counters->family_count; i++) {
        const struct family *family = &counters->families[i];
        if (!put_head(out, family) ||
            (family->histogram && !put_histogram(out, family->name, family->histogram))) {
            return false;
        }
        for (unsigned j = 0; j < family->cell_count; j++) {
            if (!put_cell(out, family, family->cells[j])) {
                return false;
            }
        }
    }
    return bytes_buf_append_text(out, "# EOF\n");
}
