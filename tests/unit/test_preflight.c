// SPDX-License-Identifier: MIT
// What --check-config finds beyond single settings: one thing broken, one line.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "game/preflight.h"

static struct config *config;
static struct error_list errors;

static void set(const char *name, const char *value)
{
    struct error error;
    assert_true(config_set(config, name, value, &error));
}

static int begin(void **state)
{
    (void)state;
    errors = (struct error_list){0};
    config = config_create_default();
    assert_non_null(config);
    set("dev", "true");
    set("data-dir", "/tmp");
    return 0;
}

static int end(void **state)
{
    (void)state;
    config_destroy(config);
    return 0;
}

static void assert_bad(const char *part)
{
    assert_false(game_preflight(config, &errors));
    assert_int_equal(errors.count, 1);
    assert_non_null(strstr(errors.lines[0].text, part));
}

static void the_defaults_would_start(void **state)
{
    (void)state;
    assert_true(game_preflight(config, &errors));
    assert_int_equal(errors.count, 0);
}

static void one_broken_thing_is_one_line(void **state)
{
    static const struct {
        const char *name, *value, *error;
    } rows[] = {
        {"listen", "udp://127.0.0.1:1 quic://127.0.0.1:1", "unknown scheme \"quic\""},
        {"listen", "ws://127.0.0.1:1/chat", "no path"},
        {"listen", "tcp://127.0.0.1:1?a=b", "no ?a="},
        {"trusted-proxies", "10.0.0.0/33", "10.0.0.0/33"},
        {"tls-cert", "/nowhere.pem", "/nowhere.pem"},
        {"listen", "tls://127.0.0.1:1 wss://127.0.0.1:2?cert=nobody", "\"nobody\" not found"},
        {"tls-priorities", "NONSENSE", "--tls-priorities"},
        {"track", "nowhere", "--track nowhere: no such track; there are harbour"},
        {"track-dir", "/nowhere", "--track-dir /nowhere"},
        {"replay-dir", "/nowhere", "--replay-dir /nowhere: No such file or directory"},
        {"auth-token-dir", "/nowhere", "--auth-token-dir /nowhere: No such file or directory"},
        {"auth-token-dir", "/bin/sh", "--auth-token-dir /bin/sh: not a folder"},
        {"outbox-db", "/nowhere/outbox.db", "results outbox: cannot write /nowhere: No such file"},
        {"outbox-db", "/tmp", "results outbox: cannot write /tmp: it is a folder"},
        {"embedded-db", "/tmp/", "embedded backend: cannot write /tmp/: it is a folder"},
        {"embedded-db", "/dev/null/x", "embedded backend: cannot write /dev/null"},
    };
    for (size_t i = 0; i < BASE_COUNT(rows); i++) {
        end(state);
        begin(state);
        set(rows[i].name, rows[i].value);
        assert_bad(rows[i].error);
    }
}

static void what_the_backend_cannot_work_with_is_told(void **state)
{
    (void)state;
    set("backend-ca", "/nowhere.pem");
    assert_true(game_preflight(config, &errors)); // the embedded backend does not look there
    set("backend", "http");
    assert_bad("--backend-ca=/nowhere.pem: cannot read it");
    set("backend-ca", "");
    set("backend", "unisave");
    set("unisave-result-arguments", "player_id");
    errors.count = 0;
    assert_bad("--unisave-result-arguments: server_token must be there");
}

static void everything_broken_is_told_at_once(void **state)
{
    (void)state;
    set("listen", "quic://h:1 wss://127.0.0.1:0");
    set("trusted-proxies", "me");
    set("tls-cert", "/nowhere.pem");
    set("track", "nowhere");
    set("replay-dir", "/nowhere");
    assert_false(game_preflight(config, &errors));
    assert_int_equal(errors.count, 5);
}

static void a_certificate_matters_only_where_tls_is_spoken(void **state)
{
    (void)state;
    set("tls-cert", "/nowhere.pem");
    set("listen", "udp://127.0.0.1:0 ws://127.0.0.1:0");
    assert_false(game_preflight_needs_certificate(config));
    assert_true(game_preflight(config, &errors));
    set("listen", "udp://127.0.0.1:0 tls://127.0.0.1:0");
    assert_true(game_preflight_needs_certificate(config));
    assert_bad("/nowhere.pem");
}

static void a_replay_folder_is_a_folder(void **state)
{
    (void)state;
    char path[] = "/tmp/paddock-test-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(chmod(path, 0700), 0); // its bits say what a folder's would
    set("replay-dir", path);
    assert_bad("not a folder");
    unlink(path);
    set("replay-dir", "/tmp");
    errors.count = 0;
    assert_true(game_preflight(config, &errors));
}

static void data_folders_may_be_missing_but_not_impossible(void **state)
{
    (void)state;
    char folder[] = "/tmp/paddock-test-XXXXXX";
    char path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/a/b/", folder);
    set("data-dir", path);
    assert_true(game_preflight(config, &errors));
    assert_int_equal(rmdir(folder), 0); // nothing was made in it

    set("data-dir", "/proc/1/paddock"); // where nobody can make anything, not even root
    assert_false(game_preflight(config, &errors));
    assert_int_equal(errors.count, 2); // outbox and players
    set("embedded-db", ":memory:");
    set("outbox-db", ":memory:");
    errors.count = 0;
    assert_true(game_preflight(config, &errors));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(the_defaults_would_start),
        TEST(one_broken_thing_is_one_line),
        TEST(what_the_backend_cannot_work_with_is_told),
        TEST(everything_broken_is_told_at_once),
        TEST(a_certificate_matters_only_where_tls_is_spoken),
        TEST(a_replay_folder_is_a_folder),
        TEST(data_folders_may_be_missing_but_not_impossible),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
