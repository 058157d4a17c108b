// SPDX-License-Identifier: MIT
// Every head is read twice, at once and byte by byte: the verdict is the same.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/http_head.h"

static struct net_http_head memory;
static struct net_http_head *const head = &memory;

static enum net_http_verdict read_head(const void *bytes, size_t size)
{
    struct bytes_span span = bytes_of(bytes, size);
    memset(head, 0, sizeof(*head));
    enum net_http_verdict verdict = net_http_head_feed(head, &span);
    // The same, byte by byte.
    struct net_http_head *cut = calloc(1, sizeof(*cut));
    enum net_http_verdict cut_verdict = NET_HTTP_MORE;
    size_t taken = 0;
    while (cut_verdict == NET_HTTP_MORE && taken < size) {
        struct bytes_span one = bytes_of((const uint8_t *)bytes + taken++, 1);
        cut_verdict = net_http_head_feed(cut, &one);
    }
    assert_int_equal(verdict, cut_verdict);
    assert_int_equal(size - span.size, taken);
    free(cut);
    return verdict;
}

static enum net_http_verdict read_text(const char *text)
{
    return read_head(text, strlen(text));
}

static void a_head_is_taken_apart_and_what_follows_is_left(void **state)
{
    (void)state;
    static const char text[] =
        "GET / HTTP/1.1\r\nHost: a\r\nX-Empty:\r\nx-b: \t v w \t\r\nX-b: second\r\n"
        "!#$%&'*+-.^_`|~09azAZ: all that a name may have\r\n\r\nrest";
    struct bytes_span bytes = bytes_of_string(text);
    struct bytes_span value;
    memset(head, 0, sizeof(*head));
    assert_int_equal(net_http_head_feed(head, &bytes), NET_HTTP_COMPLETE);
    assert_true(bytes_equal(bytes, bytes_of_string("rest")));
    assert_true(bytes_equal(head->line, bytes_of_string("GET / HTTP/1.1")));
    assert_int_equal(head->field_count, 5);
    assert_int_equal(net_http_head_find(head, "HOST", &value), 1);
    assert_true(bytes_equal(value, bytes_of_string("a")));
    assert_int_equal(net_http_head_find(head, "x-empty", &value), 1);
    assert_int_equal(value.size, 0);
    assert_int_equal(net_http_head_find(head, "X-B", &value), 2);
    assert_true(bytes_equal(value, bytes_of_string("v w"))); // the first one's
    assert_int_equal(net_http_head_find(head, "x", &value), 0);
}

static void what_proxies_read_in_two_ways_is_malformed(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "\r\n",
        "\n",
        "GET / HTTP/1.1\n",
        "GET / HTTP/1.1\rHost",
        "GET / HTTP/1.1\r\nHost: a\n",
        "GET / HTTP/1.1\r\nHost: a\r\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\tfolded\r\n",
        "GET / HTTP/1.1\r\n first\r\n",
        "GET / HTTP/1.1\r\nHost : a\r\n",
        "GET / HTTP/1.1\r\nHost\r\n",
        "GET / HTTP/1.1\r\n: a\r\n",
        "GET / HTTP/1.1\r\nHo st: a\r\n",
        "GET / HTTP/1.1\r\nHo(st: a\r\n",
        "GET / HTTP/1.1\r\nHost: a\x01\r\n",
        "GET / HTTP/1.1\r\nHost: a\x7f\r\n",
        "GET / HTTP/1.1\r\nH\xc3\xb6st: a\r\n",
    };
    for (unsigned i = 0; i < BASE_COUNT(texts); i++) {
        if (read_text(texts[i]) != NET_HTTP_MALFORMED) {
            fail_msg("case %u", i);
        }
    }
    assert_int_equal(read_head("GET \0", 5), NET_HTTP_MALFORMED);
    assert_int_equal(read_head("GET / HTTP/1.1\r\nA: \0\r\n", 23), NET_HTTP_MALFORMED);
}

static void bytes_over_127_may_stand_in_values(void **state)
{
    (void)state;
    assert_int_equal(read_text("GET / HTTP/1.1\r\nA: \xe4\xff\r\n\r\n"), NET_HTTP_COMPLETE);
}

static void the_first_line_has_2048_bytes_and_not_2049(void **state)
{
    (void)state;
    char text[2100];
    memset(text, 'a', sizeof(text));
    memcpy(text + 2048, "\r\nA: b\r\n\r\n", 11);
    assert_int_equal(read_text(text), NET_HTTP_COMPLETE);
    assert_int_equal(head->line.size, NET_HTTP_LINE_BYTES);
    memset(text, 'a', sizeof(text));
    memcpy(text + 2049, "\r\n\r\n", 5);
    assert_int_equal(read_text(text), NET_HTTP_LINE_TOO_LONG);
}

// A head with one field of a name and a value of those lengths.
static enum net_http_verdict read_field(int name, int value)
{
    static char text[8300];
    static char filler[8192];
    memset(filler, 'n', sizeof(filler) - 1);
    snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n%.*s: %.*s\r\n\r\n", name, filler, value,
             filler);
    return read_text(text);
}

static void names_and_values_have_limits(void **state)
{
    (void)state;
    assert_int_equal(read_field(64, 1), NET_HTTP_COMPLETE);
    assert_int_equal(read_field(65, 1), NET_HTTP_TOO_LARGE);
    assert_int_equal(read_field(1, 4096), NET_HTTP_COMPLETE);
    assert_int_equal(read_field(1, 4097), NET_HTTP_TOO_LARGE);
}

static void there_are_64_fields_and_not_65(void **state)
{
    (void)state;
    for (unsigned count = 64; count <= 65; count++) {
        char text[1024] = "GET / HTTP/1.1\r\n";
        for (unsigned i = 0; i < count; i++) {
            memcpy(text + strlen(text), "a: b\r\n", 7);
        }
        memcpy(text + strlen(text), "\r\n", 3);
        assert_int_equal(read_text(text), count == 64 ? NET_HTTP_COMPLETE : NET_HTTP_TOO_LARGE);
    }
}

static void a_head_has_8192_bytes_and_not_8193(void **state)
{
    (void)state;
    static char text[8300];
    static char filler[4000];
    memset(filler, 'v', sizeof(filler));
    for (int size = 8192; size <= 8193; size++) {
        int length =
            snprintf(text, sizeof(text), "GET / HTTP/1.1\r\na: %.*s\r\nb: %.*s\r\nc: ", 4000,
                     filler, 4000, filler);
        int rest = size - length - 4;
        snprintf(text + length, sizeof(text) - (size_t)length, "%.*s\r\n\r\n", rest, filler);
        assert_int_equal(strlen(text), size);
        assert_int_equal(read_text(text), size == 8192 ? NET_HTTP_COMPLETE : NET_HTTP_TOO_LARGE);
    }
}

static void list_elements_are_trimmed_and_empty_ones_skipped(void **state)
{
    (void)state;
    struct bytes_span list = bytes_of_string(" , a ,,\tb c , ");
    struct bytes_span element;
    assert_true(net_http_list_next(&list, &element));
    assert_true(bytes_equal(element, bytes_of_string("a")));
    assert_true(net_http_list_next(&list, &element));
    assert_true(bytes_equal(element, bytes_of_string("b c")));
    assert_false(net_http_list_next(&list, &element));
}

static void a_list_may_have_several_fields_and_any_case(void **state)
{
    (void)state;
    assert_int_equal(read_text("GET / HTTP/1.1\r\nConnection: keep-alive\r\n"
                               "connection: x, UpGrade\r\nOther: close\r\n\r\n"),
                     NET_HTTP_COMPLETE);
    assert_true(net_http_head_lists(head, "Connection", "keep-alive"));
    assert_true(net_http_head_lists(head, "Connection", "upgrade"));
    assert_false(net_http_head_lists(head, "Connection", "close"));
    assert_false(net_http_head_lists(head, "Connection", "grade"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_is_taken_apart_and_what_follows_is_left),
        cmocka_unit_test(what_proxies_read_in_two_ways_is_malformed),
        cmocka_unit_test(bytes_over_127_may_stand_in_values),
        cmocka_unit_test(the_first_line_has_2048_bytes_and_not_2049),
        cmocka_unit_test(names_and_values_have_limits),
        cmocka_unit_test(there_are_64_fields_and_not_65),
        cmocka_unit_test(a_head_has_8192_bytes_and_not_8193),
        cmocka_unit_test(list_elements_are_trimmed_and_empty_ones_skipped),
        cmocka_unit_test(a_list_may_have_several_fields_and_any_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
