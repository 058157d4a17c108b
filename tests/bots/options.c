// SPDX-License-Identifier: MIT
// The command line of paddock-bots, strictly: a typing mistake is an error, never a default.

#include "tests/bots/options.h"

#include <errno.h>
#include <getopt.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/bytes.h"
#include "config/url.h"
#include "tests/bots/tally.h"

#define DURATION_DEFAULT_S 180.0
#define DURATION_MAX_S     1e6
#define RATE_DEFAULT       100.0
#define RATE_MAX           1e5
#define RACES_MAX          1e6
#define SEED_MAX           4294967295.0
#define NUMBER_MAX         1e18

static bool parse_number(const char *text, double min, double max, const char *what, double *number,
                         struct error *error)
{
    char *end;
    errno = 0;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || errno != 0 || !(value >= min) || !(value <= max)) {
        return error_set(error, "%s \"%s\": a number from %g to %g is wanted", what, text, min,
                         max);
    }
    *number = value;
    return true;
}

static bool parse_natural(const char *text, double min, double max, const char *what,
                          unsigned long *natural, struct error *error)
{
    double number = 0;
    if (!parse_number(text, min, max, what, &number, error)) {
        return false;
    }
    *natural = (unsigned long)number;
    return number == (double)*natural ||
           error_set(error, "%s \"%s\": a whole number is wanted", what, text);
}

static bool copy_part(char *to, size_t size, const char *from, size_t length)
{
    if (length >= size) {
        return false;
    }
    memcpy(to, from, length);
    to[length] = '\0';
    return true;
}

// "joined>=12" or "udp.joined>=12": scope and name, without the comparison.
static bool split_expect(const char *text, size_t length, struct bots_expect *expect)
{
    const char *dot = memchr(text, '.', length);
    size_t scope = dot ? (size_t)(dot - text) : 0;
    const char *name = dot ? dot + 1 : text;
    return copy_part(expect->scope, sizeof(expect->scope), dot ? text : "total", dot ? scope : 5) &&
           copy_part(expect->name, sizeof(expect->name), name, length - (size_t)(name - text));
}

static bool known_expect(const struct bots_expect *expect)
{
    double code;
    if (strcmp(expect->scope, "code") == 0) {
        return parse_number(expect->name, 1000, 4999, "", &code, NULL);
    }
    return bots_field_find(expect->name) != NULL;
}

static bool parse_comparison(const char *text, struct bots_expect *expect)
{
    static const struct {
        const char *sign;
        enum bots_comparison comparison;
    } comparisons[] = {
        {">=", BOTS_AT_LEAST}, {"<=", BOTS_AT_MOST}, {"!=", BOTS_NOT_EQUAL}, {"==", BOTS_EQUAL},
        {"=", BOTS_EQUAL},     {">", BOTS_MORE},     {"<", BOTS_LESS},
    };
    for (unsigned i = 0; i < BASE_COUNT(comparisons); i++) {
        size_t length = strlen(comparisons[i].sign);
        if (strncmp(text, comparisons[i].sign, length) == 0) {
            expect->comparison = comparisons[i].comparison;
            return parse_number(text + length, -NUMBER_MAX, NUMBER_MAX, "", &expect->number, NULL);
        }
    }
    return false;
}

static bool add_expect(struct bots_options *options, const char *text, struct error *error)
{
    if (options->expect_count == BOTS_EXPECTS_MAX) {
        return error_set(error, "--expect: at most %d", BOTS_EXPECTS_MAX);
    }
    struct bots_expect *expect = &options->expects[options->expect_count++];
    size_t length = strcspn(text, "=!<>");
    expect->text = text;
    return (split_expect(text, length, expect) && known_expect(expect) &&
            parse_comparison(text + length, expect)) ||
           error_set(error,
                     "--expect \"%s\": NAME=NUMBER is wanted (or >=, <=, !=, >, <), where NAME is "
                     "one of --help, TRANSPORT.NAME, or code.4003",
                     text);
}

static bool add_url(struct bots_options *options, const char *text, struct error *error)
{
    struct url url;
    if (!url_parse(text, &url, error)) {
        return false;
    }
    if (options->url_count == BOTS_URLS_MAX) {
        return error_set(error, "--url: at most %d", BOTS_URLS_MAX);
    }
    options->urls[options->url_count++] = text;
    return true;
}

enum flag {
    FLAG_URL = 1000,
    FLAG_COUNT,
    FLAG_DURATION,
    FLAG_RACES,
    FLAG_RATE,
    FLAG_TOKEN_DB,
    FLAG_TOKENS,
    FLAG_TOKEN,
    FLAG_NAME,
    FLAG_SESSION,
    FLAG_INSECURE,
    FLAG_CA,
    FLAG_JSON,
    FLAG_EXPECT,
    FLAG_SEED,
    FLAG_HELP,
};

static bool apply(struct bots_options *options, int flag, const char *value, struct error *error)
{
    unsigned long natural = 0;
    bool ok = true;
    switch ((enum flag)flag) {
    case FLAG_URL:
        return add_url(options, value, error);
    case FLAG_COUNT:
        ok = parse_natural(value, 1, BOTS_COUNT_MAX, "--count", &natural, error);
        options->count = (unsigned)natural;
        return ok;
    case FLAG_DURATION:
        return parse_number(value, 0.1, DURATION_MAX_S, "--duration", &options->duration_s, error);
    case FLAG_RACES:
        ok = parse_natural(value, 0, RACES_MAX, "--races", &natural, error);
        options->races = (unsigned)natural;
        return ok;
    case FLAG_RATE:
        return parse_number(value, 0.1, RATE_MAX, "--rate", &options->rate, error);
    case FLAG_TOKEN_DB:
        options->token_db = value;
        return true;
    case FLAG_TOKENS:
        options->tokens_file = value;
        return true;
    case FLAG_TOKEN:
        options->token = value;
        return true;
    case FLAG_NAME:
        options->name = value;
        return true;
    case FLAG_SESSION:
        options->session = value;
        return true;
    case FLAG_INSECURE:
        options->insecure = true;
        return true;
    case FLAG_CA:
        options->ca_file = value;
        return true;
    case FLAG_JSON:
        options->json = value;
        return true;
    case FLAG_EXPECT:
        return add_expect(options, value, error);
    case FLAG_SEED:
        return parse_natural(value, 0, SEED_MAX, "--seed", &options->seed, error);
    case FLAG_HELP:
        options->help = true;
        return true;
    }
    return false;
}

static const struct option flags[] = {
    {"url", required_argument, NULL, FLAG_URL},
    {"count", required_argument, NULL, FLAG_COUNT},
    {"duration", required_argument, NULL, FLAG_DURATION},
    {"races", required_argument, NULL, FLAG_RACES},
    {"rate", required_argument, NULL, FLAG_RATE},
    {"token-db", required_argument, NULL, FLAG_TOKEN_DB},
    {"tokens", required_argument, NULL, FLAG_TOKENS},
    {"token", required_argument, NULL, FLAG_TOKEN},
    {"name", required_argument, NULL, FLAG_NAME},
    {"session", required_argument, NULL, FLAG_SESSION},
    {"insecure", no_argument, NULL, FLAG_INSECURE},
    {"ca", required_argument, NULL, FLAG_CA},
    {"json", required_argument, NULL, FLAG_JSON},
    {"expect", required_argument, NULL, FLAG_EXPECT},
    {"seed", required_argument, NULL, FLAG_SEED},
    {"help", no_argument, NULL, FLAG_HELP},
    {0},
};

bool bots_options_parse(struct bots_options *options, int argc, char **argv, struct error *error)
{
    *options = (struct bots_options){
        .count = 1,
        .duration_s = DURATION_DEFAULT_S,
        .rate = RATE_DEFAULT,
        .races = 1,
        .name = "bot",
        .session = "",
        .seed = 1,
    };
    opterr = 0; // our own lines
    int flag;
    while ((flag = getopt_long(argc, argv, ":", flags, NULL)) != -1) {
        if (flag == ':') {
            return error_set(error, "%s needs a value", argv[optind - 1]);
        }
        if (flag == '?') {
            return error_set(error, "unknown option %s", argv[optind - 1]);
        }
        if (!apply(options, flag, optarg, error)) {
            return false;
        }
    }
    if (optind < argc) {
        return error_set(error, "\"%s\" is too many", argv[optind]);
    }
    if (options->help) {
        return true;
    }
    if (options->url_count == 0) {
        return error_set(error, "--url is needed: where to connect");
    }
    unsigned sources =
        (options->token_db != NULL) + (options->tokens_file != NULL) + (options->token != NULL);
    return sources == 1 ||
           error_set(error, "one of --token-db, --tokens and --token is needed: who the bots are");
}

void bots_options_print_help(void)
{
    puts("paddock-bots: players for a Paddock server, as a load test\n"
         "\n"
         "  --url URL          where to connect, e.g. udp://127.0.0.1:7777; repeat the flag to\n"
         "                     spread the bots evenly over several\n"
         "  --count N          bots (1)\n"
         "  --races N          a bot leaves after N races (1); 0: it stays until --duration\n"
         "  --duration S       stop after S seconds at the latest (180)\n"
         "  --rate N           connects per second (100)\n"
         "  --token-db FILE    issue tokens in this file of the embedded backend\n"
         "  --tokens FILE      a connection token (JSON) in each line, one for each bot\n"
         "  --token TOKEN      this connection token for all\n"
         "  --name PREFIX      with --token-db: player ids PREFIX-0001 and so on (bot)\n"
         "  --session NAME     join the session of this name (any)\n"
         "  --ca FILE          certificate authorities to trust, PEM\n"
         "  --insecure         trust any certificate\n"
         "  --seed N           how bots drive is drawn from it (1)\n"
         "  --json FILE        the numbers as JSON; '-': to stdout instead of the table\n"
         "  --expect COND      repeat the flag; exit status 1 when one does not hold, e.g.\n"
         "                     'joined=12' 'udp.finished>=3' 'rtt_p99_ms<50' 'code.4003=1'\n"
         "  --help             this text\n"
         "\n"
         "Numbers, in all or as TRANSPORT.NAME; code.N counts connections ended with that code:");
    for (unsigned i = 0; i < bots_field_count; i++) {
        printf("  %-21s %s\n", bots_fields[i].name, bots_fields[i].help);
    }
}
