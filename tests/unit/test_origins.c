// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/origin.h"
#include "net/origins.h"

#include <unistd.h>

static struct config *config;
static struct net_origins *origins;
static char path[64];

static void set(const char *name, const char *value)
{
    struct error error = {""};
    assert_true(config_set(config, name, value, &error));
}

static void write_file(const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int begin(void **state)
{
    (void)state;
    config = config_create_default();
    origins = NULL;
    memcpy(path, "/tmp/paddock-origins-XXXXXX", 28);
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    return 0;
}

static int end(void **state)
{
    (void)state;
    net_origins_destroy(origins);
    config_destroy(config);
    unlink(path);
    return 0;
}

static bool load(struct error *error)
{
    net_origins_destroy(origins);
    origins = net_origins_create(config, error);
    return origins;
}

static bool allows(const char *origin)
{
    return config_origin_is_allowed(net_origins_rules(origins), bytes_of_string(origin));
}

static void without_rules_there_is_no_list(void **state)
{
    (void)state;
    struct error error;
    assert_true(load(&error));
    assert_null(net_origins_rules(origins));
    net_origins_reload(origins);
    assert_null(net_origins_rules(origins));
}

static void the_settings_rules_come_before_the_files(void **state)
{
    (void)state;
    struct error error;
    set("allow-origins", "!https://old.example.com https://a.example.com");
    set("allow-origins-file", path);
    write_file("# pages\n\nhttps://*.example.com\n!*\n");
    assert_true(load(&error));
    assert_int_equal(net_origins_rules(origins)->count, 4);
    assert_true(allows("https://a.example.com") && allows("https://b.example.com"));
    assert_false(allows("https://old.example.com") || allows("https://evil.org"));
}

// F-09
static void the_file_is_read_again_and_a_bad_one_changes_nothing(void **state)
{
    (void)state;
    struct error error;
    set("allow-origins-file", path);
    write_file("https://a.example.com");
    assert_true(load(&error));
    write_file("https://b.example.com");
    assert_true(allows("https://a.example.com"));
    net_origins_reload(origins);
    assert_true(allows("https://b.example.com") && !allows("https://a.example.com"));
    write_file("https://c.example.com\nno origin\n");
    net_origins_reload(origins);
    assert_true(allows("https://b.example.com") && !allows("https://c.example.com"));
    unlink(path);
    net_origins_reload(origins);
    assert_true(allows("https://b.example.com"));
    write_file("\n"); // on purpose: nobody
    net_origins_reload(origins);
    assert_non_null(net_origins_rules(origins));
    assert_false(allows("https://b.example.com"));
}

static void what_is_no_rule_is_an_error_at_the_start(void **state)
{
    (void)state;
    struct error error;
    set("allow-origins-file", path);
    write_file("https://a.example.com\nexample.com\n");
    assert_false(load(&error));
    assert_non_null(strstr(error.text, "allow-origins-file"));
    assert_non_null(strstr(error.text, ":2: \"example.com\""));
    unlink(path);
    assert_false(load(&error));
    assert_non_null(strstr(error.text, "No such file"));
}

static void there_are_1024_rules_and_not_1025(void **state)
{
    (void)state;
    struct error error;
    static char text[NET_ORIGINS_MAX * 10 + 16];
    set("allow-origins-file", path);
    for (unsigned i = 0; i < NET_ORIGINS_MAX; i++) {
        memcpy(text + i * 10, "http://ab\n", 10);
    }
    write_file(text);
    assert_true(load(&error));
    assert_int_equal(net_origins_rules(origins)->count, NET_ORIGINS_MAX);
    memcpy(text + NET_ORIGINS_MAX * 10, "null\n", 6);
    write_file(text);
    assert_false(load(&error));
}

#define WITH_FILE(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FILE(without_rules_there_is_no_list),
        WITH_FILE(the_settings_rules_come_before_the_files),
        WITH_FILE(the_file_is_read_again_and_a_bad_one_changes_nothing),
        WITH_FILE(what_is_no_rule_is_an_error_at_the_start),
        WITH_FILE(there_are_1024_rules_and_not_1025),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
