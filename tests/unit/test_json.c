// SPDX-License-Identifier: MIT
// What counts as JSON from a backend, and what we write.

#include "auth/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

static bool parses(const char *text, unsigned depth_max)
{
    json_t *value = auth_json_parse(bytes_of_string(text), depth_max);
    json_decref(value);
    return value;
}

static void values_within_the_depth_parse(void **state)
{
    (void)state;
    assert_true(parses("{\"a\":[1,{\"b\":null}]}", 3));
    assert_false(parses("{\"a\":[1,{\"b\":null}]}", 2));
    assert_true(parses("[[],[],[{}]]", 3));
    assert_true(parses("true", 0));
    assert_false(parses("{}", 0));
    // Brackets in strings do not count, neither behind an escaped quote.
    assert_true(parses("{\"a\":\"[[[[ \\\" {{{{ \\\\\"}", 1));
}

static void what_two_parsers_may_take_for_two_things_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        " ",
        "{",
        "{}}",
        "}{",
        "{} x",
        "{\"valid\":false,\"valid\":true}",
        "{\"a\":\"\\u0000\"}",
        "{\"a\":\"\\ud800\"}",
        "{\"a\":\"\xff\"}",
        "{\"a\":\"\n\"}",
        "{'a':1}",
        "{\"a\":1,}",
        "{\"a\":01}",
        "{\"a\":NaN}",
        "{\"a\":1e999}",
        "{\"a\":99999999999999999999}",
        "\xef\xbb\xbf{}",
        "true false",
        "tru",
    };
    for (size_t i = 0; i < BASE_COUNT(bad); i++) {
        if (parses(bad[i], 8)) {
            fail_msg("taken: %s", bad[i]);
        }
    }
    assert_null(auth_json_parse(bytes_of("{}\0", 3), 8));
}

static void a_hundred_thousand_brackets_cost_nothing(void **state)
{
    (void)state;
    static char text[100000];
    memset(text, '[', sizeof(text));
    assert_null(auth_json_parse(bytes_of(text, sizeof(text)), 8));
    memset(text, ']', sizeof(text));
    assert_null(auth_json_parse(bytes_of(text, sizeof(text)), 8));
}

static void written(const char *text, const char *json)
{
    struct bytes_buf out;
    bytes_buf_init(&out, 256);
    assert_true(auth_json_append_string(&out, text));
    assert_true(bytes_buf_append_u8(&out, '\0'));
    assert_string_equal((const char *)bytes_buf_span(&out).data, json);
    bytes_buf_finish(&out);
}

static void strings_are_escaped_where_they_must_be(void **state)
{
    (void)state;
    written("", "\"\"");
    written("e_PlayerEntity/1", "\"e_PlayerEntity/1\"");
    written("a\"b\\c", "\"a\\\"b\\\\c\"");
    written("\x01\n\x1f\x7f", "\"\\u0001\\u000a\\u001f\x7f\"");
    written("Zo\xc3\xab", "\"Zo\xc3\xab\"");
    written("a\xff\xc3z", "\"a\\ufffd\\ufffdz\"");
}

static void every_byte_comes_back_from_a_parser(void **state)
{
    (void)state;
    char text[128];
    struct bytes_buf out;
    for (size_t i = 0; i < sizeof(text); i++) {
        text[i] = (char)(i + 1);
    }
    text[126] = 'x'; // 0x80 alone is not UTF-8
    text[127] = '\0';
    bytes_buf_init(&out, 1024);
    assert_true(auth_json_append_string(&out, text));
    json_t *value = auth_json_parse(bytes_buf_span(&out), 0);
    assert_string_equal(json_string_value(value), text);
    json_decref(value);
    bytes_buf_finish(&out);
}

static void a_full_buffer_is_said(void **state)
{
    (void)state;
    struct bytes_buf out;
    bytes_buf_init(&out, 6);
    assert_false(auth_json_append_string(&out, "12345"));
    bytes_buf_clear(&out);
    assert_true(auth_json_append_string(&out, "1234"));
    bytes_buf_finish(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_within_the_depth_parse),
        cmocka_unit_test(what_two_parsers_may_take_for_two_things_is_refused),
        cmocka_unit_test(a_hundred_thousand_brackets_cost_nothing),
        cmocka_unit_test(strings_are_escaped_where_they_must_be),
        cmocka_unit_test(every_byte_comes_back_from_a_parser),
        cmocka_unit_test(a_full_buffer_is_said),
    };
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
