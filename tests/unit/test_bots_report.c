// SPDX-License-Identifier: MIT
// The load tester's numbers: percentiles, sums, and conditions that decide an exit status.

#include "tests/bots/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/base/bytes.h"

static int setup(void **state)
{
    struct bots_outcome *outcome = calloc(1, sizeof(*outcome));
    outcome->tally_count = 2;
    outcome->tallies[0].name = "udp";
    outcome->tallies[1].name = "wss";
    outcome->total.name = "total";
    outcome->tallies[0].joined = 3;
    outcome->tallies[1].joined = 4;
    outcome->tallies[1].bytes_in = 3000;
    outcome->tallies[1].connected_ms = 2000;
    bots_tally_add(&outcome->total, &outcome->tallies[0]);
    bots_tally_add(&outcome->total, &outcome->tallies[1]);
    outcome->record.code_count = 1;
    outcome->record.codes[0].code = 4003;
    outcome->record.codes[0].count = 2;
    outcome->seconds = 1.5;
    *state = outcome;
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

static void percentiles_are_those_of_the_samples(void **state)
{
    struct bots_outcome *outcome = *state;
    struct bots_spread *spread = &outcome->total.rtt;
    assert_true(bots_spread_ms(spread, 0.99) == 0);
    for (uint64_t ms = 100; ms >= 1; ms--) {
        bots_spread_add(spread, ms * 1000);
    }
    assert_true(bots_spread_ms(spread, 0.50) == 50);
    assert_true(bots_spread_ms(spread, 0.95) == 95);
    assert_true(bots_spread_ms(spread, 0.99) == 99);
    assert_true(bots_spread_ms(spread, 1.00) == 100);
}

static void what_is_longer_than_the_scale_counts_as_its_end(void **state)
{
    struct bots_outcome *outcome = *state;
    struct bots_spread *spread = &outcome->total.gap;
    bots_spread_add(spread, UINT64_MAX);
    assert_true(bots_spread_ms(spread, 0.5) == 2000);
    bots_spread_add(spread, 1999900);
    assert_true(bots_spread_ms(spread, 0.5) == 1999.9);
}

// Every number must survive being added up, or a condition on the total would look at nothing.
static void the_total_has_every_number_of_its_parts(void **state)
{
    struct bots_outcome *outcome = *state;
    struct bots_tally *part = &outcome->tallies[0];
    uint64_t *counts[] = {
        &part->bots,    &part->joined,      &part->races,        &part->finished,
        &part->dnf,     &part->kicked,      &part->ended,        &part->lost,
        &part->unfit,   &part->snapshots,   &part->stale,        &part->checksum_failures,
        &part->inputs,  &part->inputs_late, &part->bytes_in,     &part->bytes_out,
        &part->wire_in, &part->wire_out,    &part->connected_ms,
    };
    for (size_t i = 0; i < BASE_COUNT(counts); i++) {
        *counts[i] = 1000 * (i + 1);
    }
    bots_spread_add(&part->rtt, 7000);
    bots_spread_add(&part->gap, 8000);
    bots_spread_add(&part->reaction, 9000);
    memset(&outcome->total, 0, sizeof(outcome->total));
    bots_tally_add(&outcome->total, part);
    for (unsigned i = 0; i < bots_field_count; i++) {
        double value = bots_fields[i].value(part);
        assert_true(value != 0);
        assert_true(bots_fields[i].value(&outcome->total) == value);
    }
}

static unsigned failures(const struct bots_outcome *outcome, const char *scope, const char *name,
                         enum bots_comparison comparison, double number)
{
    struct bots_options options = {.expect_count = 1};
    struct bots_expect *expect = &options.expects[0];
    expect->text = "a condition of the test";
    snprintf(expect->scope, sizeof(expect->scope), "%s", scope);
    snprintf(expect->name, sizeof(expect->name), "%s", name);
    expect->comparison = comparison;
    expect->number = number;
    return bots_report_check(outcome, &options);
}

static void every_comparison_holds_where_it_should_only(void **state)
{
    struct bots_outcome *outcome = *state;
    static const struct {
        enum bots_comparison comparison;
        unsigned below, at, above; // failures when the number is below, at or above the value
    } rows[] = {
        {BOTS_EQUAL, 1, 0, 1},   {BOTS_NOT_EQUAL, 0, 1, 0}, {BOTS_AT_LEAST, 0, 0, 1},
        {BOTS_AT_MOST, 1, 0, 0}, {BOTS_MORE, 0, 1, 1},      {BOTS_LESS, 1, 1, 0},
    };
    for (size_t i = 0; i < BASE_COUNT(rows); i++) {
        enum bots_comparison comparison = rows[i].comparison;
        assert_int_equal(failures(outcome, "total", "joined", comparison, 6), rows[i].below);
        assert_int_equal(failures(outcome, "total", "joined", comparison, 7), rows[i].at);
        assert_int_equal(failures(outcome, "total", "joined", comparison, 8), rows[i].above);
    }
}

static void conditions_look_at_their_transport_or_code(void **state)
{
    struct bots_outcome *outcome = *state;
    assert_int_equal(failures(outcome, "udp", "joined", BOTS_EQUAL, 3), 0);
    assert_int_equal(failures(outcome, "wss", "joined", BOTS_EQUAL, 4), 0);
    assert_int_equal(failures(outcome, "tcp", "joined", BOTS_EQUAL, 0), 0);
    assert_int_equal(failures(outcome, "code", "4003", BOTS_EQUAL, 2), 0);
    assert_int_equal(failures(outcome, "code", "4004", BOTS_EQUAL, 0), 0);
    assert_int_equal(failures(outcome, "wss", "in_bytes_per_s", BOTS_EQUAL, 1500), 0);
}

static void json_has_every_number_by_name(void **state)
{
    struct bots_outcome *outcome = *state;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    bots_report_print_json(outcome, out);
    fclose(out);
    assert_non_null(strstr(text, "{\"seconds\":1.500,\"total\":{\"bots\":0,\"joined\":7,"));
    assert_non_null(strstr(text, "\"transports\":{\"udp\":{\"bots\":0,\"joined\":3,"));
    assert_non_null(strstr(text, "},\"codes\":{\"4003\":2}}\n"));
    for (unsigned i = 0; i < bots_field_count; i++) {
        assert_non_null(strstr(text, bots_fields[i].name));
    }
    free(text);
}

#define ONE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ONE(percentiles_are_those_of_the_samples),
        ONE(what_is_longer_than_the_scale_counts_as_its_end),
        ONE(the_total_has_every_number_of_its_parts),
        ONE(every_comparison_holds_where_it_should_only),
        ONE(conditions_look_at_their_transport_or_code),
        ONE(json_has_every_number_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
