// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/http_page.h"

static struct bytes_buf out;

static const char *answer(const char *path)
{
    bytes_buf_init(&out, 16384);
    assert_true(net_http_page_answer(&out, path));
    assert_true(bytes_buf_append_u8(&out, 0));
    return (const char *)bytes_buf_span(&out).data;
}

static void the_answer_is_complete_and_as_long_as_it_says(void **state)
{
    (void)state;
    const char *text = answer("/websocket");
    const char *body = strstr(text, "\r\n\r\n");
    const char *length = strstr(text, "Content-Length: ");
    assert_memory_equal(text, "HTTP/1.1 200 OK\r\n", 17);
    assert_non_null(body);
    assert_non_null(length);
    assert_int_equal(strtoul(length + 16, NULL, 10), strlen(body + 4));
    assert_non_null(strstr(body, "data-path=\"/websocket\""));
    assert_null(strstr(body, "{{"));
    bytes_buf_finish(&out);
}

static void a_path_cannot_leave_its_attribute(void **state)
{
    (void)state;
    const char *text = answer("/\"><script>&");
    assert_non_null(strstr(text, "data-path=\"/&quot;>&lt;script>&amp;\""));
    bytes_buf_finish(&out);
}

static void the_page_has_one_script_and_inserts_text_only(void **state)
{
    (void)state;
    static const char *const forbidden[] = {"innerHTML", "eval(",  "document.write",
                                            "onclick=",  "style=", "http://"};
    const char *text = answer("/websocket");
    const char *script = strstr(text, "<script>");
    assert_non_null(script);
    assert_null(strstr(script + 1, "<script"));
    for (size_t i = 0; i < BASE_COUNT(forbidden); i++) {
        assert_null(strstr(strstr(text, "\r\n\r\n"), forbidden[i]));
    }
    bytes_buf_finish(&out);
}

static void a_buffer_that_is_too_small_is_reported(void **state)
{
    (void)state;
    for (size_t size = 1; size < net_http_page_size; size += 97) {
        bytes_buf_init(&out, size);
        assert_false(net_http_page_answer(&out, "/websocket"));
        bytes_buf_finish(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_answer_is_complete_and_as_long_as_it_says),
        cmocka_unit_test(a_path_cannot_leave_its_attribute),
        cmocka_unit_test(the_page_has_one_script_and_inserts_text_only),
        cmocka_unit_test(a_buffer_that_is_too_small_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
