// SPDX-License-Identifier: MIT
// config/README.md cannot drift: its tables are those of options.def, its sample file is valid.
// `unit_test_config_readme --write` (from the top folder) puts the tables right.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/config_option.h"

#define README      "config/README.md"
#define TABLE_BEGIN "<!-- settings: from options.def -->\n"
#define TABLE_END   "<!-- /settings -->\n"

static char *read_readme(void)
{
    static char text[65536];
    FILE *file = fopen(README, "r");
    if (!file) {
        return NULL;
    }
    size_t size = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[size] = '\0';
    return text;
}

static void print_cell(const char *text, FILE *out)
{
    for (; *text; text++) {
        fprintf(out, "%s%c", strchr("|*<_", *text) ? "\\" : "", *text);
    }
}

static void print_row(const struct config *defaults, const struct config_option *option, FILE *out)
{
    char variable[CONFIG_NAME_BYTES];
    config_option_environment(option, variable);
    fprintf(out, "| `%s` | `%s` | ", option->name, variable);
    config_option_print_range(option, out);
    fputs(" | ", out);
    bool empty =
        option->type == CONFIG_SECRET || (option->default_text && option->default_text[0] == '\0');
    if (!empty) {
        fputc('`', out);
        config_option_print(defaults, option, out);
        fputc('`', out);
    }
    fputs(" | ", out);
    print_cell(option->help, out);
    fputs(" |\n", out);
}

// What stands between TABLE_BEGIN and TABLE_END; to be freed.
static char *render_tables(void)
{
    char *text = NULL;
    size_t size;
    unsigned count;
    FILE *out = open_memstream(&text, &size);
    const struct config_option *options = config_options(&count);
    struct config *defaults = config_create_default();
    if (!out || !defaults) {
        abort();
    }
    for (unsigned i = 0; i < count; i++) {
        if (options[i].type == CONFIG_GROUP) {
            fprintf(out,
                    "\n### %s\n\n| name | environment | allowed | default | what it is |\n"
                    "|---|---|---|---|---|\n",
                    options[i].name);
        } else {
            print_row(defaults, &options[i], out);
        }
    }
    fputc('\n', out);
    fclose(out);
    config_destroy(defaults);
    return text;
}

static void the_tables_are_those_of_the_options(void **state)
{
    (void)state;
    char *expected = render_tables();
    const char *readme = read_readme();
    assert_non_null(readme);
    const char *begin = strstr(readme, TABLE_BEGIN);
    assert_non_null(begin);
    begin += strlen(TABLE_BEGIN);
    const char *end = strstr(begin, TABLE_END);
    assert_non_null(end);
    if (strlen(expected) != (size_t)(end - begin) ||
        memcmp(expected, begin, (size_t)(end - begin)) != 0) {
        print_error(README " does not match config/options.def; mend it with "
                           "unit_test_config_readme --write\n");
        fail();
    }
    free(expected);
}

// The lines between ```ini and ``` are loaded, and checked with the token that the text tells to
// give.
static void the_sample_file_is_valid(void **state)
{
    (void)state;
    static struct error_list errors;
    struct error error;
    const char *readme = read_readme();
    assert_non_null(readme);
    const char *begin = strstr(readme, "```ini\n");
    assert_non_null(begin);
    begin += strlen("```ini\n");
    const char *end = strstr(begin, "```\n");
    assert_non_null(end);
    struct config *config = config_create_default();
    assert_non_null(config);
    config_load_text(config, README, bytes_of(begin, (size_t)(end - begin)), &errors);
    assert_true(config_set(config, "fusion-server-token", "hush", &error));
    bool good = config_check(config, &errors);
    for (unsigned i = 0; i < errors.count && i < ERROR_LIST_MAX; i++) {
        print_error("%s\n", errors.lines[i].text);
    }
    assert_true(good);
    assert_int_equal(errors.count, 0);
    config_destroy(config);
}

static int write_tables(void)
{
    char *tables = render_tables();
    const char *readme = read_readme();
    const char *begin = readme ? strstr(readme, TABLE_BEGIN) : NULL;
    const char *end = begin ? strstr(begin, TABLE_END) : NULL;
    FILE *file = end ? fopen(README, "w") : NULL;
    if (!file) {
        fprintf(stderr, README ": cannot be read or written, or has no place for the tables\n");
        free(tables);
        return 1;
    }
    fprintf(file, "%.*s%s%s%s", (int)(begin - readme), readme, TABLE_BEGIN, tables, end);
    free(tables);
    return fclose(file) != 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--write") == 0) {
        return write_tables();
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_tables_are_those_of_the_options),
        cmocka_unit_test(the_sample_file_is_valid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
