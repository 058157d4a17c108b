// SPDX-License-Identifier: MIT
// The command line of paddock-bots.

#ifndef TESTS_BOTS_OPTIONS_H
#define TESTS_BOTS_OPTIONS_H

#include "config/base/error.h"
#include "config/limits.h"

#define BOTS_COUNT_MAX   16384
#define BOTS_URLS_MAX    16
#define BOTS_EXPECTS_MAX 32

enum bots_comparison {
    BOTS_EQUAL,
    BOTS_NOT_EQUAL,
    BOTS_AT_LEAST,
    BOTS_AT_MOST,
    BOTS_MORE,
    BOTS_LESS,
};

// "joined=12", "udp.finished>=3", "code.4003=1"
struct bots_expect {
    const char *text;
    char scope[16]; // a transport, "total", or "code"
    char name[32];  // of a field, or the close code
    enum bots_comparison comparison;
    double number;
};

struct bots_options {
    unsigned count;
    unsigned url_count;
    const char *urls[BOTS_URLS_MAX];
    double duration_s; // stop at the latest
    double rate;       // connects per second
    unsigned races;    // a bot leaves after so many; 0 = until the duration is over
    const char *token_db;
    const char *tokens_file;
    const char *token;
    const char *name;    // prefix of player ids with --token-db
    const char *session; // "" = any
    bool insecure;
    const char *ca_file;
    const char *json; // a file, "-" = stdout instead of the table, NULL = none
    unsigned long seed;
    unsigned expect_count;
    struct bots_expect expects[BOTS_EXPECTS_MAX];
    bool help;
};

// Strings point into argv. False with one line in *error.
bool bots_options_parse(struct bots_options *options, int argc, char **argv, struct error *error);
void bots_options_print_help(void);

#endif
