// SPDX-License-Identifier: MIT
// paddock-bots: players for a Paddock server, as a load test.
//
// Exit status: 0 all went as expected, 1 it did not, or could not begin, 2 wrong arguments.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/base/log.h"
#include "tests/bots/fleet.h"
#include "tests/bots/options.h"
#include "tests/bots/report.h"
#include "tests/bots/tokens.h"

static bool write_report(const struct bots_options *options, const struct bots_outcome *outcome,
                         struct error *error)
{
    bool json_to_stdout = options->json && strcmp(options->json, "-") == 0;
    if (json_to_stdout) {
        bots_report_print_json(outcome, stdout);
        return true;
    }
    bots_report_print_table(outcome, stdout);
    if (!options->json) {
        return true;
    }
    FILE *file = fopen(options->json, "w");
    if (!file) {
        return error_set(error, "--json %s: %s", options->json, strerror(errno));
    }
    bots_report_print_json(outcome, file);
    bool ok = !ferror(file);
    ok = fclose(file) == 0 && ok;
    return ok || error_set(error, "--json %s: cannot write", options->json);
}

static int run(const struct bots_options *options, struct bots_outcome *outcome,
               struct error *error)
{
    struct bots_tokens tokens = {0};
    bool ok = bots_tokens_load(&tokens, options, error) &&
              bots_fleet_run(options, &tokens, outcome, error) &&
              write_report(options, outcome, error);
    bots_tokens_finish(&tokens);
    if (!ok) {
        fprintf(stderr, "paddock-bots: %s\n", error->text);
        return 1;
    }
    return bots_report_check(outcome, options) > 0;
}

int main(int argc, char **argv)
{
    struct clock clock;
    clock_init_monotonic(&clock);
    log_open(STDERR_FILENO, LOG_WARN, LOG_FORMAT_TEXT, &clock);
    struct error error = {""};
    struct bots_options options;
    if (!bots_options_parse(&options, argc, argv, &error)) {
        fprintf(stderr, "paddock-bots: %s; see --help\n", error.text);
        return 2;
    }
    if (options.help) {
        bots_options_print_help();
        return 0;
    }
    struct bots_outcome *outcome = calloc(1, sizeof(*outcome)); // holds distributions: large
    if (!outcome) {
        fputs("paddock-bots: no memory\n", stderr);
        return 1;
    }
    int status = run(&options, outcome, &error);
    free(outcome);
    return status;
}
