// SPDX-License-Identifier: MIT
// Table, JSON and conditions, all from the one table of numbers (tally.c).

#include "tests/bots/report.h"

#include <stdlib.h>
#include <string.h>

// Counts have no decimals, times and rates one.
static void print_number(FILE *out, double value)
{
    fprintf(out, "%.*f", value == (double)(int64_t)value ? 0 : 1, value);
}

static void print_cell(FILE *out, double value)
{
    char text[32];
    snprintf(text, sizeof(text), "%.*f", value == (double)(int64_t)value ? 0 : 1, value);
    fprintf(out, " %10s", text);
}

void bots_report_print_table(const struct bots_outcome *outcome, FILE *out)
{
    fprintf(out, "%-20s", "");
    for (unsigned i = 0; i < outcome->tally_count; i++) {
        fprintf(out, " %10s", outcome->tallies[i].name);
    }
    fprintf(out, " %10s\n", outcome->total.name);
    for (unsigned field = 0; field < bots_field_count; field++) {
        fprintf(out, "%-20s", bots_fields[field].name);
        for (unsigned i = 0; i < outcome->tally_count; i++) {
            print_cell(out, bots_fields[field].value(&outcome->tallies[i]));
        }
        print_cell(out, bots_fields[field].value(&outcome->total));
        fputc('\n', out);
    }
    for (unsigned i = 0; i < outcome->record.code_count; i++) {
        uint16_t code = outcome->record.codes[i].code;
        fprintf(out, "closed with %u %s: %llu\n", code, net_close_name(code),
                (unsigned long long)outcome->record.codes[i].count);
    }
    fprintf(out, "%.1f seconds\n", outcome->seconds);
}

static void print_tally(const struct bots_tally *tally, FILE *out)
{
    fprintf(out, "\"%s\":{", tally->name);
    for (unsigned field = 0; field < bots_field_count; field++) {
        fprintf(out, "%s\"%s\":", field > 0 ? "," : "", bots_fields[field].name);
        print_number(out, bots_fields[field].value(tally));
    }
    fputc('}', out);
}

void bots_report_print_json(const struct bots_outcome *outcome, FILE *out)
{
    fprintf(out, "{\"seconds\":%.3f,", outcome->seconds);
    print_tally(&outcome->total, out);
    fputs(",\"transports\":{", out);
    for (unsigned i = 0; i < outcome->tally_count; i++) {
        fputs(i > 0 ? "," : "", out);
        print_tally(&outcome->tallies[i], out);
    }
    fputs("},\"codes\":{", out);
    for (unsigned i = 0; i < outcome->record.code_count; i++) {
        fprintf(out, "%s\"%u\":%llu", i > 0 ? "," : "", outcome->record.codes[i].code,
                (unsigned long long)outcome->record.codes[i].count);
    }
    fputs("}}\n", out);
}

// What the condition is about; a transport or code that did not occur counts as 0.
static double actual(const struct bots_outcome *outcome, const struct bots_expect *expect)
{
    if (strcmp(expect->scope, "code") == 0) {
        unsigned long code = strtoul(expect->name, NULL, 10);
        for (unsigned i = 0; i < outcome->record.code_count; i++) {
            if (outcome->record.codes[i].code == code) {
                return (double)outcome->record.codes[i].count;
            }
        }
        return 0;
    }
    const struct bots_field *field = bots_field_find(expect->name);
    if (strcmp(expect->scope, outcome->total.name) == 0) {
        return field->value(&outcome->total);
    }
    for (unsigned i = 0; i < outcome->tally_count; i++) {
        if (strcmp(expect->scope, outcome->tallies[i].name) == 0) {
            return field->value(&outcome->tallies[i]);
        }
    }
    return 0;
}

static bool holds(double value, enum bots_comparison comparison, double number)
{
    switch (comparison) {
    case BOTS_EQUAL:
        return value == number;
    case BOTS_NOT_EQUAL:
        return value != number;
    case BOTS_AT_LEAST:
        return value >= number;
    case BOTS_AT_MOST:
        return value <= number;
    case BOTS_MORE:
        return value > number;
    case BOTS_LESS:
        return value < number;
    }
    return false;
}

unsigned bots_report_check(const struct bots_outcome *outcome, const struct bots_options *options)
{
    unsigned failures = 0;
    for (unsigned i = 0; i < options->expect_count; i++) {
        const struct bots_expect *expect = &options->expects[i];
        double value = actual(outcome, expect);
        if (!holds(value, expect->comparison, expect->number)) {
            fprintf(stderr, "paddock-bots: expected %s, but it is %g\n", expect->text, value);
            failures++;
        }
    }
    return failures;
}
