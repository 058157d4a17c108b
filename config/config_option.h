// SPDX-License-Identifier: MIT
// The table behind struct config: options.def as data. Private to config/config*.c and its tests.

#ifndef CONFIG_CONFIG_OPTION_H
#define CONFIG_CONFIG_OPTION_H

#include "config/config.h"

enum config_type {
    CONFIG_GROUP, // a heading: only `name` is set
    CONFIG_BOOL,
    CONFIG_INT,
    CONFIG_TEXT,
    CONFIG_ENUM,
    CONFIG_LIST,
    CONFIG_SECRET,
};

struct config_option {
    enum config_type type;
    const char *name; // as in flags and files, without dashes in front
    size_t offset;    // of the field in struct config
    const char *help;
    const char *default_text; // TEXT and LIST
    long default_value;       // BOOL, INT and ENUM
    long min, max;            // INT; max is bytes for TEXT and items for LIST
    const char *unit;         // INT
    const char *choices;      // ENUM: "a|b|c"
};

#define CONFIG_OPTIONS_MAX        128
#define CONFIG_ENVIRONMENT_PREFIX "PADDOCK_"
#define CONFIG_NAME_BYTES         64 // of a setting in any spelling, with prefix and NUL

// All rows in order, groups among them.
const struct config_option *config_options(unsigned *count);
// NULL when there is none.
const struct config_option *config_option_find(const char *name);
// "tick-rate" to "PADDOCK_TICK_RATE".
void config_option_environment(const struct config_option *option, char name[CONFIG_NAME_BYTES]);

// Sets the field from text; a list is replaced, or added to when `append`. On failure *error says
// what is allowed (without the setting's name), and the field keeps its value.
bool config_option_set(struct config *config, const struct config_option *option, const char *value,
                       bool append, struct error *error) BASE_MUST_USE;
bool config_option_set_secret(struct config *config, const struct config_option *option,
                              struct bytes_span value, struct error *error) BASE_MUST_USE;
// The value in the form that config_option_set() takes; of a secret only whether there is one.
void config_option_print(const struct config *config, const struct config_option *option,
                         FILE *out);
const struct config_list *config_option_list(const struct config *config,
                                             const struct config_option *option);
// Where the value came from, or "".
const char *config_option_origin(const struct config *config, const struct config_option *option);
// What may be given: "10 to 128 per second", "error, warn, info or debug" ...
void config_option_print_range(const struct config_option *option, FILE *out);

// The name of the setting nearest to `name`, for "did you mean"; NULL when none is near.
const char *config_nearest_name(const char *name);

// ---- settings files

#define CONFIG_FILE_BYTES_MAX 262144

// Takes `text` apart as an INI file and calls `each` for every key. `path` only names it in errors.
void config_file_parse(const char *path, struct bytes_span text,
                       void (*each)(void *context, unsigned line, const char *name,
                                    const char *value),
                       void *context, struct error_list *errors);
// Reads the file at `path`, bounded, and parses it.
void config_file_read(const char *path,
                      void (*each)(void *context, unsigned line, const char *name,
                                   const char *value),
                      void *context, struct error_list *errors);
// Reads a file that holds a secret into `to`, without its final line break; what does not fit is
// left out, so give room for one byte too many.
bool config_file_read_secret(const char *path, char *to, size_t room, size_t *size,
                             struct error *error) BASE_MUST_USE;
// The settings in `text` over those in *config, as a file would set them. For the fuzzer and tests.
void config_load_text(struct config *config, const char *path, struct bytes_span text,
                      struct error_list *errors);

#endif
