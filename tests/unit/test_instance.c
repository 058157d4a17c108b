// SPDX-License-Identifier: MIT

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "game/instance.h"

struct fixture {
    struct config *config;
    char folder[sizeof("/tmp/paddock-instance-XXXXXX")];
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    fixture->config = config_create_default();
    assert_non_null(fixture->config);
    snprintf(fixture->folder, sizeof(fixture->folder), "/tmp/paddock-instance-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    snprintf(fixture->config->data_dir, sizeof(fixture->config->data_dir), "%s", fixture->folder);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    char path[128];
    snprintf(path, sizeof(path), "%s/outbox.db.server", fixture->folder);
    (void)unlink(path);
    assert_int_equal(rmdir(fixture->folder), 0);
    config_destroy(fixture->config);
    free(fixture);
    return 0;
}

// Another process that serves until it is killed; returns when it does.
static pid_t begin_elsewhere(const struct fixture *fixture)
{
    int pipe_fds[2];
    char byte;
    assert_int_equal(pipe(pipe_fds), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct error error = {0};
        bool began = game_instance_begin(fixture->config, &error) >= 0;
        began = write(pipe_fds[1], began ? "y" : "n", 1) == 1 && began;
        while (began) {
            pause();
        }
        _exit(1);
    }
    assert_int_equal(read(pipe_fds[0], &byte, 1), 1);
    assert_int_equal(byte, 'y');
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    return child;
}

static void end(pid_t child)
{
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

static void expect_nobody(const struct fixture *fixture)
{
    struct error error = {0};
    assert_int_equal(game_instance_find(fixture->config, &error), 0);
    assert_non_null(strstr(error.text, "no server runs with"));
    assert_non_null(strstr(error.text, fixture->folder));
}

static void who_serves_is_found_until_he_is_killed(void **state)
{
    const struct fixture *fixture = *state;
    struct error error = {0};
    expect_nobody(fixture);
    pid_t child = begin_elsewhere(fixture);
    assert_int_equal(game_instance_find(fixture->config, &error), child);
    end(child);
    expect_nobody(fixture);
}

static void a_second_one_is_told(void **state)
{
    const struct fixture *fixture = *state;
    struct error error = {0};
    pid_t child = begin_elsewhere(fixture);
    assert_true(game_instance_begin(fixture->config, &error) < 0);
    assert_non_null(strstr(error.text, "--data-dir"));
    end(child);
    int fd = game_instance_begin(fixture->config, &error);
    assert_true(fd >= 0);
    close(fd);
}

static void a_path_that_is_too_long_is_no_other_path(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {0};
    memset(fixture->config->outbox_db, 'x', sizeof(fixture->config->outbox_db) - 1);
    assert_true(game_instance_begin(fixture->config, &error) < 0);
    assert_non_null(strstr(error.text, "too long"));
}

#define ONE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ONE(who_serves_is_found_until_he_is_killed),
        ONE(a_second_one_is_told),
        ONE(a_path_that_is_too_long_is_no_other_path),
    };
    return cmocka_run_group_tests_name("instance", tests, NULL, NULL);
}
