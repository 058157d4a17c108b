// SPDX-License-Identifier: MIT
// All bots of a run on one thread: connects them at the given rate, gives them turns, and ends.

#ifndef TESTS_BOTS_FLEET_H
#define TESTS_BOTS_FLEET_H

#include "tests/bots/bot.h"
#include "tests/bots/options.h"
#include "tests/bots/tokens.h"

// What came out of a run.
struct bots_outcome {
    double seconds;
    struct bots_record record; // without courses
    unsigned tally_count;
    struct bots_tally total;
    struct bots_tally tallies[BOTS_URLS_MAX]; // one for each transport
};

// Runs until every bot is done, the duration is over, or SIGINT or SIGTERM comes. `outcome` is
// zeroed memory. False with one line in *error when it cannot even begin.
bool bots_fleet_run(const struct bots_options *options, const struct bots_tokens *tokens,
                    struct bots_outcome *outcome, struct error *error);

#endif
