// SPDX-License-Identifier: MIT
// Settings for people: --help and the effective settings. Knows the table, not what settings mean.
// Driven by main.

#include <stdlib.h>
#include <string.h>

#include "config/config_option.h"

#define WIDTH 100

// Prints words, breaking lines before column WIDTH; every line begins with `indent` spaces.
static void print_wrapped(FILE *out, int indent, const char *text)
{
    int column = 0;
    for (const char *at = text + strspn(text, " "); *at; at += strspn(at, " ")) {
        int size = (int)strcspn(at, " ");
        if (column > 0 && column + 1 + size > WIDTH) {
            fputc('\n', out);
            column = 0;
        }
        fprintf(out, "%*s%.*s", column > 0 ? 1 : indent, "", size, at);
        column += (column > 0 ? 1 : indent) + size;
        at += size;
    }
    fputc('\n', out);
}

void config_option_print_range(const struct config_option *option, FILE *out)
{
    switch (option->type) {
    case CONFIG_BOOL:
        fputs("true or false", out);
        break;
    case CONFIG_INT:
        fprintf(out, "%ld to %ld %s", option->min, option->max, option->unit);
        break;
    case CONFIG_TEXT:
        fprintf(out, "at most %ld bytes", option->max);
        break;
    case CONFIG_ENUM:
        for (const char *at = option->choices; *at; at++) {
            if (*at == '|') {
                fputs(", ", out);
            } else {
                fputc(*at, out);
            }
        }
        break;
    case CONFIG_LIST:
        fprintf(out, "at most %ld, separated by spaces", option->max);
        break;
    case CONFIG_SECRET:
        fprintf(out, "1 to %d bytes", SECRET_BYTES_MAX);
        break;
    case CONFIG_GROUP:
        break;
    }
}

static const char *value_form(const struct config_option *option)
{
    static const char *const forms[] = {
        [CONFIG_BOOL] = "[=BOOL]", [CONFIG_INT] = "=NUMBER", [CONFIG_TEXT] = "=TEXT",
        [CONFIG_ENUM] = "=NAME",   [CONFIG_LIST] = "=ITEM",  [CONFIG_SECRET] = "=SECRET",
    };
    return forms[option->type];
}

static void print_option_help(const struct config *defaults, const struct config_option *option,
                              FILE *out)
{
    char variable[CONFIG_NAME_BYTES];
    char *text = NULL;
    size_t size = 0;
    FILE *paragraph = open_memstream(&text, &size);
    if (!paragraph) {
        return;
    }
    config_option_environment(option, variable);
    fprintf(paragraph, "%s (", option->help);
    config_option_print_range(option, paragraph);
    fputs("; default: ", paragraph);
    long before = ftell(paragraph);
    config_option_print(defaults, option, paragraph);
    fputs(ftell(paragraph) == before ? "empty)" : ")", paragraph);
    if (fclose(paragraph) == 0) {
        fprintf(out, "  --%s%s%*s%s\n", option->name, value_form(option),
                44 - (int)strlen(option->name) - (int)strlen(value_form(option)), "", variable);
        print_wrapped(out, 6, text);
    }
    free(text);
}

static const char help_head[] =
    "Usage: paddock [COMMAND] [FLAGS]\n"
    "\n"
    "Commands\n"
    "  (none)                serve players until SIGTERM\n"
    "  token PLAYER_ID       issue a connection token for a player (embedded backend)\n"
    "  results [json]        list the stored results (embedded backend)\n"
    "  check                 try the backend and say what there is\n"
    "  health                ask the running server whether it is ready; exit status 0 when it is\n"
    "  reload                have the running server load its certificates and lists of origins "
    "and\n"
    "                        passwords again, as SIGHUP does\n"
    "  outbox list [json]    list the results that the backend has not taken, and the dead ones\n"
    "  outbox retry KEY|all  send dead results again: one row, all of a race id, or all\n"
    "  outbox export FILE|- [STATE]  write results as JSON lines: all, or pending, delivered, "
    "dead\n"
    "  cert status [json]    show the certificates that these settings give each listener; exit\n"
    "                        status 1 when one has expired or is missing\n"
    "  cert dev NAME...      make a self-signed certificate: cert.pem, cert.key, and cert.pfx "
    "when\n"
    "                        PADDOCK_TLS_PASSWORD is set\n"
    "  cert ca [NAME]        make an authority of our own: ca.pem, ca.key\n"
    "  cert issue NAME...    a certificate by it for these host names: NAME.pem, NAME.key\n"
    "  cert client NAME      the same for a client\n"
    "  cert renew [FILE...]  make certificates in --cert-dir anew; a running server takes them\n"
    "  replay verify FILE    run a recorded race again and compare its result\n"
    "\n"
    "Settings come from the defaults below, then a settings file, then the environment, then\n"
    "flags; the last one given counts. A flag is --name=value or --name value; a switch is "
    "--name,\n"
    "--name=false or --no-name; a list's flag may be repeated. `--` ends the flags.\n"
    "\n"
    "  --config=FILE                                 PADDOCK_CONFIG\n"
    "      settings file: lines of `name = value`, # comments, [sections] as headings\n"
    "  --check-config\n"
    "      check all settings, print them, and exit\n"
    "  --help, --version\n";

void config_print_help(FILE *out)
{
    unsigned count;
    const struct config_option *options = config_options(&count);
    struct config *defaults = config_create_default();
    if (!defaults) {
        return;
    }
    fputs(help_head, out);
    for (unsigned i = 0; i < count; i++) {
        if (options[i].type == CONFIG_GROUP) {
            fprintf(out, "\n%s\n", options[i].name);
        } else {
            print_option_help(defaults, &options[i], out);
        }
    }
    config_destroy(defaults);
}

static void print_effective_list(const struct config_option *option, const struct config_list *list,
                                 FILE *out)
{
    for (unsigned i = 0; i < list->count; i++) {
        fprintf(out, "%s = %s\n", option->name, list->items[i]);
    }
    if (list->count == 0) {
        fprintf(out, "%s =\n", option->name);
    }
}

void config_print_effective(const struct config *config, FILE *out)
{
    unsigned count;
    const struct config_option *options = config_options(&count);
    fputs("# Effective settings; paddock --config=FILE reads them back.\n", out);
    for (unsigned i = 0; i < count; i++) {
        const struct config_option *option = &options[i];
        if (option->type == CONFIG_GROUP) {
            fprintf(out, "\n[%s]\n", option->name);
        } else if (option->type == CONFIG_LIST) {
            print_effective_list(option, config_option_list(config, option), out);
        } else {
            fprintf(out, "%s%s = ", option->type == CONFIG_SECRET ? "# " : "", option->name);
            config_option_print(config, option, out);
            fputc('\n', out);
        }
    }
}
