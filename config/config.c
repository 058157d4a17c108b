// SPDX-License-Identifier: MIT
// One setting at a time: from its row and a text to its field, and back. Knows neither where the
// text came from (config_load.c) nor what settings mean together (config_check.c).

#include "config/config.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/config_option.h"

static const struct config_option options[] = {
#define FIELD(field)        .offset = offsetof(struct config, field)
#define OPTION_GROUP(title) {.type = CONFIG_GROUP, .name = (title)},
#define OPTION_BOOL(field, option, def, text)                                                      \
    {.type = CONFIG_BOOL, .name = (option), .default_value = (def), .help = (text), FIELD(field)},
#define OPTION_INT(field, option, def, low, high, what, text)                                      \
    {.type = CONFIG_INT,                                                                           \
     .name = (option),                                                                             \
     .default_value = (def),                                                                       \
     .min = (low),                                                                                 \
     .max = (high),                                                                                \
     .unit = (what),                                                                               \
     .help = (text),                                                                               \
     FIELD(field)},
#define OPTION_TEXT(field, option, def, bytes, text)                                               \
    {.type = CONFIG_TEXT,                                                                          \
     .name = (option),                                                                             \
     .default_text = (def),                                                                        \
     .max = (bytes),                                                                               \
     .help = (text),                                                                               \
     FIELD(field)},
#define OPTION_ENUM(field, option, def, names, text)                                               \
    {.type = CONFIG_ENUM,                                                                          \
     .name = (option),                                                                             \
     .default_value = (def),                                                                       \
     .choices = (names),                                                                           \
     .help = (text),                                                                               \
     FIELD(field)},
#define OPTION_LIST(field, option, def, items, text)                                               \
    {.type = CONFIG_LIST,                                                                          \
     .name = (option),                                                                             \
     .default_text = (def),                                                                        \
     .max = (items),                                                                               \
     .help = (text),                                                                               \
     FIELD(field)},
#define OPTION_SECRET(field, option, text)                                                         \
    {.type = CONFIG_SECRET, .name = (option), .help = (text), FIELD(field)},
#include "config/options.def"
#undef OPTION_GROUP
#undef OPTION_BOOL
#undef OPTION_INT
#undef OPTION_TEXT
#undef OPTION_ENUM
#undef OPTION_LIST
#undef OPTION_SECRET
};

_Static_assert(BASE_COUNT(options) <= CONFIG_OPTIONS_MAX, "CONFIG_OPTIONS_MAX is too small");

const struct config_option *config_options(unsigned *count)
{
    *count = (unsigned)BASE_COUNT(options);
    return options;
}

const struct config_option *config_option_find(const char *name)
{
    for (size_t i = 0; i < BASE_COUNT(options); i++) {
        if (options[i].type != CONFIG_GROUP && strcmp(options[i].name, name) == 0) {
            return &options[i];
        }
    }
    return NULL;
}

void config_option_environment(const struct config_option *option, char name[CONFIG_NAME_BYTES])
{
    int length = snprintf(name, CONFIG_NAME_BYTES, "%s%s", CONFIG_ENVIRONMENT_PREFIX, option->name);
    assert(length > 0 && length < CONFIG_NAME_BYTES);
    for (int i = 0; i < length; i++) {
        name[i] = name[i] == '-' ? '_' : (char)toupper((unsigned char)name[i]);
    }
}

// ---- from text to field

static void *field_of(struct config *config, const struct config_option *option)
{
    return (char *)config + option->offset;
}

static const void *const_field_of(const struct config *config, const struct config_option *option)
{
    return (const char *)config + option->offset;
}

static bool set_bool(bool *field, const char *value, struct error *error)
{
    static const char *const words[][2] = {
        {"false", "true"}, {"no", "yes"}, {"off", "on"}, {"0", "1"}};
    for (size_t i = 0; i < BASE_COUNT(words); i++) {
        for (int truth = 0; truth < 2; truth++) {
            if (strcmp(value, words[i][truth]) == 0) {
                *field = truth;
                return true;
            }
        }
    }
    return error_set(error, "must be true or false");
}

static bool set_int(long *field, const struct config_option *option, const char *value,
                    struct error *error)
{
    char *end;
    const char *digits = value + (value[0] == '-');
    errno = 0;
    long number = strtol(value, &end, 10);
    if (digits[0] < '0' || digits[0] > '9' || *end) { // strtol alone takes spaces and a plus
        return error_set(error, "not a whole number; %ld to %ld %s", option->min, option->max,
                         option->unit);
    }
    if (errno == ERANGE || number < option->min || number > option->max) {
        return error_set(error, "must be %ld to %ld %s", option->min, option->max, option->unit);
    }
    *field = number;
    return true;
}

static bool set_enum(int *field, const struct config_option *option, const char *value,
                     struct error *error)
{
    size_t length = strlen(value);
    int index = 0;
    for (const char *at = option->choices; *at; index++) {
        size_t size = strcspn(at, "|");
        if (size == length && strncmp(at, value, size) == 0) {
            *field = index;
            return true;
        }
        at += size + (at[size] == '|');
    }
    return error_set(error, "must be one of %s", option->choices);
}

// What the effective settings print must read back as the same, so nothing that a file would lose.
static bool check_text(const char *value, struct error *error)
{
    for (const char *at = value; *at; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7F) {
            return error_set(error, "holds a control character");
        }
    }
    if (value[0] == ' ' || (value[0] && value[strlen(value) - 1] == ' ')) {
        return error_set(error, "begins or ends with a space");
    }
    return true;
}

static bool set_text(char *field, const struct config_option *option, const char *value,
                     struct error *error)
{
    size_t length = strlen(value);
    if (length > (size_t)option->max) {
        return error_set(error, "longer than %ld bytes", option->max);
    }
    if (!check_text(value, error)) {
        return false;
    }
    memcpy(field, value, length + 1);
    return true;
}

static unsigned count_items(const char *value, size_t *longest)
{
    unsigned count = 0;
    *longest = 0;
    for (const char *at = value + strspn(value, " "); *at; count++) {
        size_t size = strcspn(at, " ");
        *longest = size > *longest ? size : *longest;
        at += size;
        at += strspn(at, " ");
    }
    return count;
}

static bool set_list(struct config_list *list, const struct config_option *option,
                     const char *value, bool append, struct error *error)
{
    size_t longest;
    unsigned kept = append ? list->count : 0;
    unsigned added = count_items(value, &longest);
    for (const char *at = value; *at; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7F) {
            return error_set(error, "holds a control character; items are separated by spaces");
        }
    }
    if (longest >= CONFIG_LIST_ITEM_BYTES) {
        return error_set(error, "an item is longer than %d bytes", CONFIG_LIST_ITEM_BYTES - 1);
    }
    if (added > (unsigned)option->max - kept) {
        return error_set(error, "more than %ld items", option->max);
    }
    char(*items)[CONFIG_LIST_ITEM_BYTES] = calloc(kept + added + 1, sizeof(items[0]));
    if (!items) {
        return error_set(error, "no memory");
    }
    if (kept > 0) {
        memcpy(items, list->items, kept * sizeof(items[0]));
    }
    const char *at = value + strspn(value, " ");
    for (unsigned i = kept; i < kept + added; i++) {
        size_t size = strcspn(at, " ");
        memcpy(items[i], at, size);
        at += size;
        at += strspn(at, " ");
    }
    free(list->items);
    *list = (struct config_list){.count = kept + added, .items = items};
    return true;
}

bool config_option_set_secret(struct config *config, const struct config_option *option,
                              struct bytes_span value, struct error *error)
{
    struct secret **field = field_of(config, option);
    if (value.size == 0) {
        return error_set(error, "is empty");
    }
    if (value.size > SECRET_BYTES_MAX) {
        return error_set(error, "longer than %d bytes", SECRET_BYTES_MAX);
    }
    for (size_t i = 0; i < value.size; i++) {
        // It travels in an HTTP header, where a line break would start another.
        if (value.data[i] < 0x20 || value.data[i] == 0x7F) {
            return error_set(error, "holds a control character (a line break?)");
        }
    }
    struct secret *secret = secret_create(value);
    if (!secret) {
        return error_set(error, "no memory");
    }
    secret_destroy(*field);
    *field = secret;
    return true;
}

bool config_option_set(struct config *config, const struct config_option *option, const char *value,
                       bool append, struct error *error)
{
    void *field = field_of(config, option);
    switch (option->type) {
    case CONFIG_BOOL:
        return set_bool(field, value, error);
    case CONFIG_INT:
        return set_int(field, option, value, error);
    case CONFIG_TEXT:
        return set_text(field, option, value, error);
    case CONFIG_ENUM:
        return set_enum(field, option, value, error);
    case CONFIG_LIST:
        return set_list(field, option, value, append, error);
    case CONFIG_SECRET:
        return config_option_set_secret(config, option, bytes_of_string(value), error);
    case CONFIG_GROUP:
        break;
    }
    assert(!"a group has no value");
    return false;
}

bool config_set(struct config *config, const char *name, const char *value, struct error *error)
{
    const struct config_option *option = config_option_find(name);
    if (!option) {
        const char *nearest = config_nearest_name(name);
        return error_set(error, "unknown setting \"%.60s\"%s%s%s", name,
                         nearest ? "; did you mean \"" : "", nearest ? nearest : "",
                         nearest ? "\"?" : "");
    }
    return config_option_set(config, option, value, false, error) ||
           error_prefix(error, option->type == CONFIG_SECRET ? "%s" : "%s=%.60s", name, value);
}

// ---- from field to text

static struct bytes_span choice_at(const char *choices, int index)
{
    while (index-- > 0) {
        choices += strcspn(choices, "|") + 1;
    }
    return bytes_of(choices, strcspn(choices, "|"));
}

bool config_choice_is(const char *name, int value, const char *choice)
{
    const struct config_option *option = config_option_find(name);
    assert(option && option->type == CONFIG_ENUM);
    return bytes_equal(choice_at(option->choices, value), bytes_of_string(choice));
}

static void print_choice(const char *choices, int index, FILE *out)
{
    struct bytes_span choice = choice_at(choices, index);
    fprintf(out, "%.*s", (int)choice.size, (const char *)choice.data);
}

const struct config_list *config_option_list(const struct config *config,
                                             const struct config_option *option)
{
    assert(option->type == CONFIG_LIST);
    return const_field_of(config, option);
}

void config_option_print(const struct config *config, const struct config_option *option, FILE *out)
{
    const void *field = const_field_of(config, option);
    switch (option->type) {
    case CONFIG_BOOL:
        fputs(*(const bool *)field ? "true" : "false", out);
        break;
    case CONFIG_INT:
        fprintf(out, "%ld", *(const long *)field);
        break;
    case CONFIG_TEXT:
        fputs(field, out);
        break;
    case CONFIG_ENUM:
        print_choice(option->choices, *(const int *)field, out);
        break;
    case CONFIG_LIST:
        for (unsigned i = 0; i < config_option_list(config, option)->count; i++) {
            fprintf(out, "%s%s", i ? " " : "", config_option_list(config, option)->items[i]);
        }
        break;
    case CONFIG_SECRET:
        fputs(*(struct secret *const *)field ? "***" : "", out);
        break;
    case CONFIG_GROUP:
        break;
    }
}

const char *config_option_origin(const struct config *config, const struct config_option *option)
{
    return config->origins ? config->origins[option - options] : "";
}

// ---- life

struct config *config_create_default(void)
{
    struct config *config = calloc(1, sizeof(*config));
    for (size_t i = 0; config && i < BASE_COUNT(options); i++) {
        const struct config_option *option = &options[i];
        void *field = field_of(config, option);
        struct error error;
        if (option->type == CONFIG_BOOL) {
            *(bool *)field = option->default_value;
        } else if (option->type == CONFIG_INT) {
            *(long *)field = option->default_value;
        } else if (option->type == CONFIG_ENUM) {
            *(int *)field = (int)option->default_value;
        } else if (option->default_text &&
                   !config_option_set(config, option, option->default_text, false, &error)) {
            config_destroy(config);
            return NULL;
        }
    }
    return config;
}

void config_destroy(struct config *config)
{
    for (size_t i = 0; config && i < BASE_COUNT(options); i++) {
        if (options[i].type == CONFIG_LIST) {
            free(((struct config_list *)field_of(config, &options[i]))->items);
        } else if (options[i].type == CONFIG_SECRET) {
            secret_destroy(*(struct secret **)field_of(config, &options[i]));
        }
    }
    if (config) {
        free(config->origins);
    }
    free(config);
}
