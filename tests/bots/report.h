// SPDX-License-Identifier: MIT
// What a run is told of: a table for people, JSON for programs, and whether it was as expected.

#ifndef TESTS_BOTS_REPORT_H
#define TESTS_BOTS_REPORT_H

#include <stdio.h>

#include "tests/bots/fleet.h"

void bots_report_print_table(const struct bots_outcome *outcome, FILE *out);
void bots_report_print_json(const struct bots_outcome *outcome, FILE *out);
// Prints a line to stderr for each condition that does not hold; returns how many.
unsigned bots_report_check(const struct bots_outcome *outcome, const struct bots_options *options);

#endif
