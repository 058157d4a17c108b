// SPDX-License-Identifier: MIT
// Settings: defaults < file < environment < flags, merged once, checked, then const.
//
// options.def is the one list. This header turns it into a struct; config.c turns it into the
// parser, --help and the dump. Whoever needs settings gets a `const struct config *`; nothing here
// knows what a setting is for, except the checks that span several (config_check).

#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>
#include <stdio.h>

#include "config/base/bytes.h"
#include "config/base/error.h"
#include "config/base/log.h"
#include "config/limits.h"
#include "config/secret.h"
#include "config/url.h"

#define CONFIG_LIST_ITEM_BYTES 1024
#define CONFIG_ORIGIN_BYTES    96

struct config_list {
    unsigned count;
    char (*items)[CONFIG_LIST_ITEM_BYTES]; // owned by the config
};

struct config {
#define OPTION_GROUP(title)
#define OPTION_BOOL(field, name, def, help)                bool field;
#define OPTION_INT(field, name, def, min, max, unit, help) long field;
#define OPTION_TEXT(field, name, def, max_bytes, help)     char field[(max_bytes) + 1];
#define OPTION_ENUM(field, name, def, choices, help)       int field;
#define OPTION_LIST(field, name, def, max_items, help)     struct config_list field;
#define OPTION_SECRET(field, name, help)                   struct secret *field; // NULL: not given
#include "config/options.def"
#undef OPTION_GROUP
#undef OPTION_BOOL
#undef OPTION_INT
#undef OPTION_TEXT
#undef OPTION_ENUM
#undef OPTION_LIST
#undef OPTION_SECRET
    // The server token stood in argv, where other users of the machine could read it: warn.
    bool server_token_on_command_line;
    // Where each row's value came from, for config_check: "race.ini:12", "environment", "flag", or
    // empty. NULL when it was not loaded from anywhere.
    char (*origins)[CONFIG_ORIGIN_BYTES];
};

enum config_duplicate {
    CONFIG_DUPLICATE_REPLACE,
    CONFIG_DUPLICATE_REFUSE,
};

enum config_test_page {
    CONFIG_TEST_PAGE_DEV,
    CONFIG_TEST_PAGE_ON,
    CONFIG_TEST_PAGE_OFF,
};

// What a command line asks for besides settings: words without dashes ("token", "P1") and the
// switches that every command knows.
struct config_command {
    int word_count;
    char **words; // points into argv
    bool help;
    bool version;
    bool check_config;
};

// Loads everything: argv (argv[0] is skipped), `environ`-like array, and the file named by
// --config or PADDOCK_CONFIG. All problems found are added to *errors, each line naming the
// setting, where it came from (flag, environment, file:line) and what is allowed. Secrets that came
// by argv or environment are overwritten there, and command words move to the front of argv (argv
// and env are therefore not const). Calls no config_check(), which only serving needs. NULL when
// there are problems or memory is short; otherwise the caller owns the result.
struct config *config_load(int argc, char **argv, char **env, struct config_command *command,
                           struct error_list *errors) BASE_MUST_USE;
void config_destroy(struct config *config);

// All defaults, nothing read: for tests and tools that embed the server.
struct config *config_create_default(void) BASE_MUST_USE;
// Sets one setting by its name and text form, as a flag would.
bool config_set(struct config *config, const char *name, const char *value, struct error *error)
    BASE_MUST_USE;
// True when `value`, taken from the field of the choice setting `name`, stands for `choice`: for
// registries, whose rows have names. `name` must be such a setting (asserted).
bool config_choice_is(const char *name, int value, const char *choice);
// Checks that span settings (snapshot rate above tick rate, min above max players, duplicate
// listeners, plaintext off loopback, server token outside --dev ...); adds to *errors.
bool config_check(const struct config *config, struct error_list *errors) BASE_MUST_USE;

// The part of config_check() that the chosen backend needs, for commands that speak to it.
bool config_check_backend(const struct config *config, struct error_list *errors) BASE_MUST_USE;

// Whether web pages have to be on a list to connect, however empty.
bool config_has_origins(const struct config *config);

// Whether the backend may be spoken to at `text`: http or https without a query, and http only on
// this machine or with --allow-plaintext-backend. False with one line in *error that begins with
// the setting's name.
bool config_backend_url(const struct config *config, const char *setting, const char *text,
                        struct url *url, struct error *error) BASE_MUST_USE;

// Every setting with type, default, range and environment name.
void config_print_help(FILE *out);
// Effective settings in the form that --config reads; secrets as ***.
void config_print_effective(const struct config *config, FILE *out);

#endif
