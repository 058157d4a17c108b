// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/line_file.h"

#include <sys/stat.h>
#include <unistd.h>

static char seen[256];
static char path[64];

static bool each(void *context, struct bytes_span line, struct error *error)
{
    size_t used = strlen(seen);
    assert_ptr_equal(context, path);
    snprintf(seen + used, sizeof(seen) - used, "<%.*s>", (int)line.size, (const char *)line.data);
    return !bytes_equal(line, bytes_of_string("bad")) || error_set(error, "no good");
}

static bool parse(const char *text, struct error *error)
{
    seen[0] = '\0';
    return net_line_file_parse("some/file", bytes_of_string(text), each, path, error);
}

static void lines_are_entries_unless_blank_or_comments(void **state)
{
    (void)state;
    struct error error = {""};
    assert_true(parse("", &error));
    assert_string_equal(seen, "");
    assert_true(parse("a\n\n  b c \t\r\n# no\n   # neither\n\n c", &error));
    assert_string_equal(seen, "<a><b c><c>");
}

static void what_is_refused_is_named_by_its_line_and_ends_it(void **state)
{
    (void)state;
    struct error error = {""};
    assert_false(parse("a\n\n#\nbad\nc\n", &error));
    assert_string_equal(error.text, "some/file:4: no good");
    assert_string_equal(seen, "<a><bad>");
}

static bool ignore(void *context, struct bytes_span line, struct error *error)
{
    (void)error;
    *(size_t *)context += line.size;
    return true;
}

static void a_file_is_read_up_to_its_limit(void **state)
{
    (void)state;
    struct error error = {""};
    size_t total = 0;
    memcpy(path, "/tmp/paddock-lines-XXXXXX", 26);
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    char *text = malloc(NET_LINE_FILE_BYTES_MAX);
    memset(text, 'a', NET_LINE_FILE_BYTES_MAX);
    assert_int_equal(write(fd, text, NET_LINE_FILE_BYTES_MAX), NET_LINE_FILE_BYTES_MAX);
    assert_true(net_line_file_read(path, ignore, &total, &error));
    assert_int_equal(total, NET_LINE_FILE_BYTES_MAX);
    assert_int_equal(write(fd, "b", 1), 1);
    total = 0;
    assert_false(net_line_file_read(path, ignore, &total, &error));
    assert_int_equal(total, 0);
    assert_non_null(strstr(error.text, path));
    free(text);
    close(fd);
    unlink(path);
    assert_false(net_line_file_read(path, ignore, &total, &error));
    assert_non_null(strstr(error.text, "No such file"));
    assert_false(net_line_file_read("/tmp", ignore, &total, &error));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_entries_unless_blank_or_comments),
        cmocka_unit_test(what_is_refused_is_named_by_its_line_and_ends_it),
        cmocka_unit_test(a_file_is_read_up_to_its_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
