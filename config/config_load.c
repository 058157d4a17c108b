// SPDX-License-Identifier: MIT
// Merges the three places that settings come from over the defaults: file, environment, flags. Each
// row of options.def is told apart only by its type; what values mean is config_check's business.
// Driven by main, once.
//
// Flags are read first, since one of them names the file; so precedence is not the order of reading
// but a rank that each given value carries. Every error has one form: where, what, why not.

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "config/config_option.h"

#define TOKEN_OPTION    "fusion-server-token"
#define TOKEN_VARIABLE  "FUSION_SERVER_TOKEN"
#define FILE_SUFFIX     "_FILE" // PADDOCK_X_FILE names a file that holds the secret x
#define CONFIG_VARIABLE "PADDOCK_CONFIG"

#define VALUE_SHOWN     60
#define NAME_ROOM       128 // no longer name is ours, and a cut one equals none that is

// Later ones win.
enum origin {
    ORIGIN_FILE,
    ORIGIN_ENVIRONMENT,
    ORIGIN_FLAG,
    ORIGIN_COUNT,
};

struct label {
    char text[256];
    char where[CONFIG_ORIGIN_BYTES];
};

struct loader {
    struct config *config;
    struct config *overruled; // takes what a later origin overrules, so that it is still checked
    struct error_list *errors;
    const char *file_path;
    struct label given[ORIGIN_COUNT][CONFIG_OPTIONS_MAX]; // by row; empty: not given there
};

// What an error begins with: `before` says where in a file, `after` which other origin it was.
// `value` NULL: none, or one that must not be shown.
static struct label label_of(const char *before, const char *name, const char *value,
                             const char *after)
{
    struct label label = {.where = ""};
    const char *dots = value && strlen(value) > VALUE_SHOWN ? "..." : "";
    int length = snprintf(label.text, sizeof(label.text), "%.96s%.*s%s%.*s%s%.20s", before,
                          CONFIG_NAME_BYTES, name, value ? "=" : "", VALUE_SHOWN,
                          value ? value : "", dots, after);
    assert(length >= 0 && (size_t)length < sizeof(label.text));
    for (int i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)label.text[i];
        label.text[i] = byte < 0x20 || byte == 0x7F ? '?' : (char)byte;
    }
    return label;
}

static struct label variable_label(const char *name, const char *value)
{
    struct label label = label_of("", name, value, " (environment)");
    snprintf(label.where, sizeof(label.where), "environment");
    return label;
}

static struct label flag_label(const char *name, const char *value)
{
    struct label label = label_of("--", name, value, " (flag)");
    snprintf(label.where, sizeof(label.where), "flag");
    return label;
}

// ---- one setting

// Notes where the setting is given. Returns the config that takes the value, or NULL, with the
// error told, when it must not be given twice; *again says that the same origin gave it before.
static struct config *claim(struct loader *loader, const struct config_option *option,
                            enum origin origin, const struct label *label, bool *again)
{
    unsigned count;
    size_t row = (size_t)(option - config_options(&count));
    struct label *given = &loader->given[origin][row];
    *again = given->text[0] != '\0';
    if (*again && option->type != CONFIG_LIST) {
        error_list_add(loader->errors, "%s: already given as %s", label->text, given->text);
        return NULL;
    }
    *given = *label;
    for (int later = (int)origin + 1; later < ORIGIN_COUNT; later++) {
        if (loader->given[later][row].text[0]) {
            return loader->overruled;
        }
    }
    memcpy(loader->config->origins[row], label->where, sizeof(label->where));
    return loader->config;
}

static void apply(struct loader *loader, const struct config_option *option, enum origin origin,
                  const struct label *label, const char *value)
{
    bool again;
    struct error error;
    struct config *config = claim(loader, option, origin, label, &again);
    if (config && !config_option_set(config, option, value, again, &error)) {
        error_list_add(loader->errors, "%s: %s", label->text, error.text);
    }
}

static void unknown(struct loader *loader, const struct label *label, const char *prefix,
                    const char *nearest)
{
    error_list_add(loader->errors, "%s: unknown setting%s%s%s%s", label->text,
                   nearest ? "; did you mean " : "", nearest ? prefix : "", nearest ? nearest : "",
                   nearest ? "?" : "");
}

// The server token is known to its backends by a name of its own.
static void secret_variable(const struct config_option *option, char variable[CONFIG_NAME_BYTES])
{
    config_option_environment(option, variable);
    if (strcmp(option->name, TOKEN_OPTION) == 0) {
        snprintf(variable, CONFIG_NAME_BYTES, "%s", TOKEN_VARIABLE);
    }
}

// ---- file

static void on_file_pair(void *context, unsigned line, const char *name, const char *value)
{
    struct loader *loader = context;
    const struct config_option *option = config_option_find(name);
    char where[CONFIG_ORIGIN_BYTES];
    snprintf(where, sizeof(where), "%.80s:%u", loader->file_path, line);
    if (!option) {
        const char *nearest = config_nearest_name(name);
        struct label shown = label_of("", name, NULL, "");
        error_list_add(loader->errors, "%s: unknown setting \"%s\"%s%s%s", where, shown.text,
                       nearest ? "; did you mean \"" : "", nearest ? nearest : "",
                       nearest ? "\"?" : "");
        return;
    }
    if (option->type == CONFIG_SECRET) {
        char variable[CONFIG_NAME_BYTES];
        secret_variable(option, variable);
        error_list_add(loader->errors,
                       "%s: a secret does not belong in a settings file; set %s or %s" FILE_SUFFIX,
                       where, variable, variable);
        return;
    }
    char before[CONFIG_ORIGIN_BYTES + 2];
    snprintf(before, sizeof(before), "%s: ", where);
    struct label label = label_of(before, name, value, "");
    memcpy(label.where, where, sizeof(where));
    apply(loader, option, ORIGIN_FILE, &label, value);
}

static bool make_origins(struct config *config)
{
    if (!config->origins) {
        config->origins = calloc(CONFIG_OPTIONS_MAX, sizeof(config->origins[0]));
    }
    return config->origins;
}

void config_load_text(struct config *config, const char *path, struct bytes_span text,
                      struct error_list *errors)
{
    struct loader *loader = calloc(1, sizeof(*loader));
    if (!loader || !make_origins(config)) {
        error_list_add(errors, "no memory for the settings");
        free(loader);
        return;
    }
    loader->config = config;
    loader->errors = errors;
    loader->file_path = path;
    config_file_parse(path, text, on_file_pair, loader, errors);
    free(loader);
}

// ---- secrets

static void apply_secret(struct loader *loader, const struct config_option *option,
                         enum origin origin, const struct label *label, struct bytes_span value)
{
    bool again;
    struct error error;
    struct config *config = claim(loader, option, origin, label, &again);
    if (config && !config_option_set_secret(config, option, value, &error)) {
        error_list_add(loader->errors, "%s: %s", label->text, error.text);
    }
}

static void apply_secret_file(struct loader *loader, const struct config_option *option,
                              const char *variable, const char *path)
{
    char text[SECRET_BYTES_MAX + 3]; // a line break, and one byte that is too many
    size_t size;
    struct error error;
    struct label label = variable_label(variable, path);
    if (config_file_read_secret(path, text, sizeof(text), &size, &error)) {
        apply_secret(loader, option, ORIGIN_ENVIRONMENT, &label, bytes_of(text, size));
    } else {
        error_list_add(loader->errors, "%s: %s", label.text, error.text);
    }
    secret_wipe(text, sizeof(text));
}

// ---- environment

// Kubernetes and container links describe a service called "paddock" in variables of its name, such
// as PADDOCK_SERVICE_HOST, PADDOCK_PORT=udp://10.0.0.7:7777 and PADDOCK_PORT_7777_UDP_ADDR. They
// are nobody's settings, and a server that refused to start over them could not be called by its
// name.
static bool is_service_link(const char *name, const char *value)
{
    const char *port = strstr(name, "_PORT");
    return strstr(name, "_SERVICE_HOST") || strstr(name, "_SERVICE_PORT") ||
           (port && port[5] == '_' && port[6] >= '0' && port[6] <= '9') ||
           (port && port[5] == '\0' && strstr(value, "://"));
}

static const struct config_option *find_by_variable(const char *variable)
{
    unsigned count;
    if (strcmp(variable, TOKEN_VARIABLE) == 0) {
        return config_option_find(TOKEN_OPTION);
    }
    const struct config_option *options = config_options(&count);
    for (unsigned i = 0; i < count; i++) {
        char name[CONFIG_NAME_BYTES];
        if (options[i].type != CONFIG_GROUP) {
            config_option_environment(&options[i], name);
            if (strcmp(name, variable) == 0) {
                return &options[i];
            }
        }
    }
    return NULL;
}

// The secret that PADDOCK_X_FILE is for; NULL when the name is not of that kind.
static const struct config_option *find_by_file_variable(const char *variable)
{
    char name[NAME_ROOM];
    size_t length = strlen(variable);
    size_t suffix = strlen(FILE_SUFFIX);
    if (length <= suffix || strcmp(variable + length - suffix, FILE_SUFFIX) != 0) {
        return NULL;
    }
    snprintf(name, sizeof(name), "%.*s", (int)(length - suffix), variable);
    const struct config_option *option = find_by_variable(name);
    return option && option->type == CONFIG_SECRET ? option : NULL;
}

static void unknown_variable(struct loader *loader, const char *variable)
{
    struct label label = variable_label(variable, NULL);
    char name[NAME_ROOM];
    char nearest_variable[CONFIG_NAME_BYTES];
    snprintf(name, sizeof(name), "%.*s", (int)sizeof(name) - 1,
             variable + strlen(CONFIG_ENVIRONMENT_PREFIX)); // a longer one names nothing
    for (char *at = name; *at; at++) {
        *at = *at == '_' ? '-' : (char)tolower((unsigned char)*at);
    }
    const char *nearest = config_nearest_name(name);
    if (nearest) {
        config_option_environment(config_option_find(nearest), nearest_variable);
    }
    unknown(loader, &label, "", nearest ? nearest_variable : NULL);
}

static void apply_variable(struct loader *loader, const char *name, char *value)
{
    const struct config_option *option = find_by_variable(name);
    const struct config_option *in_file = option ? NULL : find_by_file_variable(name);
    if (option && option->type == CONFIG_SECRET) {
        struct label label = variable_label(name, NULL);
        apply_secret(loader, option, ORIGIN_ENVIRONMENT, &label, bytes_of_string(value));
        secret_wipe(value, strlen(value));
    } else if (in_file) {
        apply_secret_file(loader, in_file, name, value);
    } else if (option) {
        struct label label = variable_label(name, value);
        apply(loader, option, ORIGIN_ENVIRONMENT, &label, value);
    } else if (strncmp(name, CONFIG_ENVIRONMENT_PREFIX, strlen(CONFIG_ENVIRONMENT_PREFIX)) == 0 &&
               strcmp(name, CONFIG_VARIABLE) != 0 && !is_service_link(name, value)) {
        unknown_variable(loader, name);
    }
}

static void load_environment(struct loader *loader, char **env)
{
    for (; *env; env++) {
        char *equals = strchr(*env, '=');
        char name[NAME_ROOM];
        if (equals) {
            snprintf(name, sizeof(name), "%.*s", (int)(equals - *env), *env);
            apply_variable(loader, name, equals + 1);
        }
    }
}

static const char *find_variable(char **env, const char *name)
{
    size_t length = strlen(name);
    for (; *env; env++) {
        if (strncmp(*env, name, length) == 0 && (*env)[length] == '=') {
            return *env + length + 1;
        }
    }
    return NULL;
}

// ---- flags

// --help, --version, --check-config: switches of the command, not settings.
static bool *command_switch(struct config_command *command, const char *name)
{
    return strcmp(name, "help") == 0           ? &command->help
           : strcmp(name, "version") == 0      ? &command->version
           : strcmp(name, "check-config") == 0 ? &command->check_config
                                               : NULL;
}

// The arguments still to come.
struct arguments {
    char **next;
    char **end;
};

// The value of --name: behind its '=', or the next argument. NULL with the error told when there is
// none.
static char *flag_value(struct loader *loader, struct arguments *arguments, const char *name,
                        char *inline_value, bool is_secret)
{
    if (inline_value) {
        return inline_value;
    }
    if (arguments->next < arguments->end &&
        (is_secret || strncmp(*arguments->next, "--", 2) != 0)) {
        return *arguments->next++;
    }
    error_list_add(loader->errors, "--%.60s (flag): needs a value", name);
    return NULL;
}

static void apply_flag(struct loader *loader, const struct config_option *option, const char *name,
                       const char *shown, const char *value)
{
    struct label label = flag_label(name, shown);
    apply(loader, option, ORIGIN_FLAG, &label, value);
}

static void take_config_path(struct loader *loader, const char *path)
{
    if (loader->file_path) {
        struct label label = flag_label("config", path);
        struct label before = flag_label("config", loader->file_path);
        error_list_add(loader->errors, "%s: already given as %s", label.text, before.text);
    }
    loader->file_path = path;
}

// Flags are for everybody to see. The server token may come there all the same, because hosts that
// start servers from a template give it so; nothing else has that excuse.
static void take_secret_flag(struct loader *loader, const struct config_option *option, char *value)
{
    struct label label = flag_label(option->name, NULL);
    if (strcmp(option->name, TOKEN_OPTION) == 0) {
        loader->config->server_token_on_command_line = true;
        apply_secret(loader, option, ORIGIN_FLAG, &label, bytes_of_string(value));
    } else {
        char variable[CONFIG_NAME_BYTES];
        secret_variable(option, variable);
        error_list_add(loader->errors,
                       "%s: a secret does not belong on the command line; set %s or %s" FILE_SUFFIX,
                       label.text, variable, variable);
    }
    secret_wipe(value, strlen(value));
}

// `name` is what stands behind the dashes, without its value.
static void take_flag(struct loader *loader, struct arguments *arguments,
                      struct config_command *command, const char *name, char *inline_value)
{
    bool negated = strncmp(name, "no-", 3) == 0;
    const struct config_option *option = config_option_find(name);
    const struct config_option *opposite = negated ? config_option_find(name + 3) : NULL;
    bool *on = command_switch(command, name);
    opposite = opposite && opposite->type == CONFIG_BOOL ? opposite : NULL;
    char *value = inline_value;
    if ((on || opposite) && inline_value) {
        error_list_add(loader->errors, "--%.60s (flag): takes no value", name);
    } else if (on) {
        *on = true;
    } else if (opposite) {
        apply_flag(loader, opposite, name, NULL, "false");
    } else if (strcmp(name, "config") == 0) {
        value = flag_value(loader, arguments, name, value, false);
        if (value) {
            take_config_path(loader, value);
        }
    } else if (!option) {
        struct label label = flag_label(name, NULL);
        unknown(loader, &label, "--", config_nearest_name(name));
    } else if (option->type == CONFIG_BOOL) {
        apply_flag(loader, option, name, value, value ? value : "true");
    } else {
        value = flag_value(loader, arguments, name, value, option->type == CONFIG_SECRET);
        if (value && option->type == CONFIG_SECRET) {
            take_secret_flag(loader, option, value);
        } else if (value) {
            apply_flag(loader, option, name, value, value);
        }
    }
}

// Words move to the front of argv, where they can be handed out as one array.
static void parse_arguments(struct loader *loader, struct config_command *command, int argc,
                            char **argv)
{
    struct arguments arguments = {.next = argv + (argc > 0), .end = argv + argc};
    bool flags_ended = false;
    command->words = arguments.next;
    while (arguments.next < arguments.end) {
        char *text = *arguments.next++;
        bool is_flag = !flags_ended && text[0] == '-' && text[1];
        if (!is_flag) {
            command->words[command->word_count++] = text;
        } else if (strcmp(text, "--") == 0) {
            flags_ended = true;
        } else if (strcmp(text, "-h") == 0) {
            command->help = true;
        } else if (text[1] != '-') {
            // Without what follows the '=': it may be the token, behind one dash too few.
            text[strcspn(text, "=")] = '\0';
            struct label label = label_of("", text, NULL, "");
            error_list_add(loader->errors, "%s: flags begin with two dashes; see --help",
                           label.text);
        } else {
            char name[NAME_ROOM];
            size_t size = strcspn(text + 2, "=");
            char *value = text[2 + size] ? text + 2 + size + 1 : NULL;
            snprintf(name, sizeof(name), "%.*s", (int)size, text + 2);
            take_flag(loader, &arguments, command, name, value);
        }
    }
}

// ---- all together

static void load_all(struct loader *loader, int argc, char **argv, char **env,
                     struct config_command *command)
{
    parse_arguments(loader, command, argc, argv);
    const char *from_environment = find_variable(env, CONFIG_VARIABLE);
    loader->file_path = loader->file_path ? loader->file_path : from_environment;
    if (loader->file_path) {
        config_file_read(loader->file_path, on_file_pair, loader, loader->errors);
    }
    load_environment(loader, env);
}

struct config *config_load(int argc, char **argv, char **env, struct config_command *command,
                           struct error_list *errors)
{
    unsigned errors_before = errors->count;
    *command = (struct config_command){0};
    struct loader *loader = calloc(1, sizeof(*loader));
    struct config *config = config_create_default();
    struct config *overruled = config_create_default();
    if (loader && config && overruled && make_origins(config)) {
        loader->config = config;
        loader->overruled = overruled;
        loader->errors = errors;
        load_all(loader, argc, argv, env, command);
    } else {
        error_list_add(errors, "no memory for the settings");
    }
    config_destroy(overruled);
    free(loader);
    if (errors->count == errors_before) {
        return config;
    }
    config_destroy(config);
    return NULL;
}
