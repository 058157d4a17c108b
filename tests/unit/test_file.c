// SPDX-License-Identifier: MIT
// Files are replaced whole, with their mode, or not at all. That they survive a power cut is in
// tests/integration/test_crash.py, with replays.

#include "config/base/file.h"

#include <errno.h>
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

static char folder[] = "/tmp/paddock-file-XXXXXX";
static char path[128];

static const char *in_folder(const char *name)
{
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static int set_up(void **state)
{
    (void)state;
    memcpy(folder + strlen(folder) - 6, "XXXXXX", 6);
    return mkdtemp(folder) ? 0 : -1;
}

// Fails when anything but what the test has removed is left.
static int tear_down(void **state)
{
    (void)state;
    return rmdir(folder);
}

static void a_file_is_replaced_with_its_mode(void **state)
{
    char text[32] = "";
    struct stat status;
    (void)state;
    assert_true(file_replace(in_folder("f"), bytes_of_string("old, and longer"), 0644));
    assert_true(file_replace(path, bytes_of_string("new"), 0600));
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fread(text, 1, sizeof(text) - 1, file), 3);
    fclose(file);
    assert_string_equal(text, "new");
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_true(file_replace(path, bytes_of(NULL, 0), 0600));
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_size, 0);
    assert_int_equal(unlink(path), 0);
}

static void what_cannot_be_written_leaves_nothing_behind(void **state)
{
    char deep[8192];
    (void)state;
    assert_false(file_replace(in_folder("no/such"), bytes_of_string("x"), 0600));
    assert_int_equal(errno, ENOENT);
    assert_int_equal(mkdir(in_folder("d"), 0700), 0);
    assert_false(file_replace(path, bytes_of_string("x"), 0600));
    assert_int_equal(errno, EISDIR);
    assert_int_equal(rmdir(path), 0);
    memset(deep, 'x', sizeof(deep) - 1);
    deep[sizeof(deep) - 1] = '\0';
    assert_false(file_replace(deep, bytes_of_string("x"), 0600));
    assert_int_equal(errno, ENAMETOOLONG);
}

static void a_name_without_a_folder_is_of_this_folder(void **state)
{
    char before[4096];
    (void)state;
    assert_non_null(getcwd(before, sizeof(before)));
    assert_int_equal(chdir(folder), 0);
    assert_true(file_replace("plain", bytes_of_string("x"), 0600));
    assert_int_equal(unlink("plain"), 0);
    assert_int_equal(chdir(before), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_file_is_replaced_with_its_mode),
        TEST(what_cannot_be_written_leaves_nothing_behind),
        TEST(a_name_without_a_folder_is_of_this_folder),
    };
    return cmocka_run_group_tests_name("file", tests, NULL, NULL);
}
