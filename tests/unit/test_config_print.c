// SPDX-License-Identifier: MIT
// One setting from text and back: config_set(), the effective settings read back, --help.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/config.h"
#include "config/config_option.h"

static struct config *config;
static struct error error;

static int begin(void **state)
{
    (void)state;
    config = config_create_default();
    return config ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    config_destroy(config);
    return 0;
}

static void set(const char *name, const char *value)
{
    assert_true(config_set(config, name, value, &error));
}

static void config_set_sets_like_a_flag(void **state)
{
    (void)state;
    set("laps", "7");
    assert_int_equal(config->laps, 7);
    set("listen", "udp://a udp://b");
    set("listen", "udp://c");
    assert_int_equal(config->listen.count, 1);
    assert_string_equal(config->listen.items[0], "udp://c");
    set("fusion-server-token", "hush");
    set("fusion-server-token", "hash");
    assert_true(bytes_equal(secret_span(config->fusion_server_token), bytes_of_string("hash")));
}

static void config_set_refuses_with_a_reason_and_changes_nothing(void **state)
{
    (void)state;
    assert_false(config_set(config, "laps", "x", &error));
    assert_string_equal(error.text, "laps=x: not a whole number; 1 to 99 laps");
    assert_int_equal(config->laps, 3);
    assert_false(config_set(config, "lasp", "1", &error));
    assert_string_equal(error.text, "unknown setting \"lasp\"; did you mean \"laps\"?");
    assert_false(config_set(config, "Race", "1", &error));
    assert_string_equal(error.text, "unknown setting \"Race\"");
    assert_false(config_set(config, "fusion-server-token", "SSSS\n", &error));
    assert_string_equal(error.text,
                        "fusion-server-token: holds a control character (a line break?)");
    assert_null(config->fusion_server_token);
}

static void choices_are_told_by_name(void **state)
{
    (void)state;
    set("log-level", "warn");
    assert_true(config_choice_is("log-level", config->log_level, "warn"));
    assert_false(config_choice_is("log-level", config->log_level, "war"));
    assert_false(config_choice_is("log-level", config->log_level, "error"));
    set("log-level", "debug");
    assert_true(config_choice_is("log-level", config->log_level, "debug"));
}

static char *print_effective(void)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    config_print_effective(config, out);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void effective_settings_read_back_the_same(void **state)
{
    static struct error_list errors;
    set("tick-rate", "33");
    set("dev", "on");
    set("log-format", "json");
    set("listen", "udp://a:1 ws://b:2/x?y=z");
    set("trusted-proxies", "");
    set("track-dir", "/a path/with ; and # in it");
    set("tls-priorities", "=odd= value");
    char *first = print_effective();
    assert_non_null(strstr(first, "\ntick-rate = 33\n"));
    assert_non_null(strstr(first, "\ndev = true\n"));
    assert_non_null(strstr(first, "\nlisten = udp://a:1\nlisten = ws://b:2/x?y=z\n"));
    end(state);
    begin(state);
    config_load_text(config, "effective.ini", bytes_of_string(first), &errors);
    assert_int_equal(errors.count, 0);
    char *second = print_effective();
    assert_string_equal(first, second);
    assert_string_equal(config->track_dir, "/a path/with ; and # in it");
    assert_string_equal(config->tls_priorities, "=odd= value");
    assert_int_equal(config->trusted_proxies.count, 0);
    free(first);
    free(second);
}

static void effective_settings_tell_only_that_there_is_a_secret(void **state)
{
    (void)state;
    char *without = print_effective();
    assert_non_null(strstr(without, "\n# fusion-server-token = \n"));
    set("fusion-server-token", "hush");
    char *with = print_effective();
    assert_non_null(strstr(with, "\n# fusion-server-token = ***\n"));
    assert_null(strstr(with, "hush"));
    free(without);
    free(with);
}

static void help_names_every_setting_and_fits_100_columns(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size;
    unsigned count;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    config_print_help(out);
    assert_int_equal(fclose(out), 0);
    const struct config_option *options = config_options(&count);
    for (unsigned i = 0; i < count; i++) {
        char expected[128];
        snprintf(expected, sizeof(expected), "\n%s%s",
                 options[i].type == CONFIG_GROUP ? "" : "  --", options[i].name);
        assert_non_null(strstr(text, expected));
        if (options[i].type != CONFIG_GROUP) {
            config_option_environment(&options[i], expected);
            assert_non_null(strstr(text, expected));
        }
    }
    assert_non_null(strstr(text, "simulation steps (10 to 128 per second; default: 60)\n"));
    for (const char *at = text; *at; at += strcspn(at, "\n"), at += *at == '\n') {
        assert_true(strcspn(at, "\n") <= 100);
    }
    free(text);
}

#define WITH_CONFIG(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CONFIG(config_set_sets_like_a_flag),
        WITH_CONFIG(config_set_refuses_with_a_reason_and_changes_nothing),
        WITH_CONFIG(choices_are_told_by_name),
        WITH_CONFIG(effective_settings_read_back_the_same),
        WITH_CONFIG(effective_settings_tell_only_that_there_is_a_secret),
        WITH_CONFIG(help_names_every_setting_and_fits_100_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
