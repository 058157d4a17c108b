// SPDX-License-Identifier: MIT
// The connection token: one valid token, then one thing broken at a time and one exact reason.

#include "auth/token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TOKEN44 "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA="

static enum auth_token_error decode(const char *text, struct auth_token *token)
{
    return auth_token_decode(bytes_of_string(text), token);
}

static void expect(const char *text, enum auth_token_error error)
{
    static const struct auth_token wiped;
    struct auth_token token;
    memset(&token, 'x', sizeof(token));
    enum auth_token_error got = decode(text, &token);
    if (got != error) {
        fail_msg("%s: %s instead of %s", text, auth_token_error_name(got),
                 auth_token_error_name(error));
    }
    if (error) {
        assert_memory_equal(&token, &wiped, sizeof(token));
    }
}

static void expect_fields(const char *text, const char *player_id, const char *player_token)
{
    struct auth_token token;
    assert_int_equal(decode(text, &token), AUTH_TOKEN_OK);
    assert_string_equal(token.player_id, player_id);
    assert_string_equal(token.player_token, player_token);
}

static void the_real_serializers_token_is_decoded(void **state)
{
    (void)state;
    expect_fields("{\"unisavePlayerId\":\"e_PlayerEntity\\/8445747209\","
                  "\"fusionPlayerToken\":\"" TOKEN44 "\"}",
                  "e_PlayerEntity/8445747209", TOKEN44);
}

static void order_white_space_and_escapes_do_not_matter(void **state)
{
    (void)state;
    expect_fields(
        " {\n\"fusionPlayerToken\" : \"a\\u0062\" , \"unisavePlayerId\":\"\\u00e9/\\\"\"}\r\n",
        "\xc3\xa9/\"", "ab");
    expect_fields("{\"unisavePlayerId\":\"\\ud83d\\ude00\",\"fusionPlayerToken\":\"\xc3\xa9\"}",
                  "\xf0\x9f\x98\x80", "\xc3\xa9");
}

static void further_fields_are_ignored(void **state)
{
    (void)state;
    expect_fields("{\"unisavePlayerId\":\"a\",\"x\":[1,{\"y\":null}],\"fusionPlayerToken\":\"b\","
                  "\"$type\":\"FusionConnectionToken\"}",
                  "a", "b");
}

static void a_token_of_128_bytes_is_decoded_and_one_of_129_is_not_even_parsed(void **state)
{
    (void)state;
    char text[131];
    // 45 bytes around the two fields.
    snprintf(text, sizeof(text), "{\"unisavePlayerId\":\"%041d\",\"fusionPlayerToken\":\"%042d\"}",
             7, 7);
    assert_int_equal(strlen(text), 128);
    expect(text, AUTH_TOKEN_OK);
    text[128] = ' ';
    text[129] = '\0';
    expect(text, AUTH_TOKEN_TOO_LARGE);
    memset(text, '\xff', 129); // would be not_utf8
    expect(text, AUTH_TOKEN_TOO_LARGE);
}

static void what_is_not_one_json_object_is_refused(void **state)
{
    (void)state;
    struct auth_token token;
    assert_int_equal(auth_token_decode(bytes_of(NULL, 0), &token), AUTH_TOKEN_EMPTY);
    expect(" ", AUTH_TOKEN_NOT_JSON);
    expect("e_PlayerEntity/8445747209", AUTH_TOKEN_NOT_JSON);
    expect("{\"unisavePlayerId\":\"a\",\"fusionPlayerToken\":\"b\"", AUTH_TOKEN_NOT_JSON);
    expect("{\"unisavePlayerId\":\"a\",\"fusionPlayerToken\":\"b\",}", AUTH_TOKEN_NOT_JSON);
    expect("{'unisavePlayerId':'a','fusionPlayerToken':'b'}", AUTH_TOKEN_NOT_JSON);
    expect("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", AUTH_TOKEN_NOT_JSON);
    expect("null", AUTH_TOKEN_NOT_OBJECT);
    expect("\"a\"", AUTH_TOKEN_NOT_OBJECT);
    expect("1", AUTH_TOKEN_NOT_OBJECT);
    expect("[\"a\",\"b\"]", AUTH_TOKEN_NOT_OBJECT);
}

static void trailing_bytes_are_refused(void **state)
{
    (void)state;
    static const char valid[] = "{\"unisavePlayerId\":\"a\",\"fusionPlayerToken\":\"b\"}";
    struct auth_token token;
    char text[64];
    snprintf(text, sizeof(text), "%sx", valid);
    expect(text, AUTH_TOKEN_NOT_JSON);
    snprintf(text, sizeof(text), "%s{}", valid);
    expect(text, AUTH_TOKEN_NOT_JSON);
    // With its NUL, as a careless C client would send it.
    assert_int_equal(auth_token_decode(bytes_of(valid, sizeof(valid)), &token),
                     AUTH_TOKEN_NOT_JSON);
    assert_int_equal(auth_token_decode(bytes_of(valid, sizeof(valid) - 1), &token), AUTH_TOKEN_OK);
}

static void invalid_utf8_is_refused_raw_and_escaped(void **state)
{
    (void)state;
    expect("{\"unisavePlayerId\":\"\xff\",\"fusionPlayerToken\":\"b\"}", AUTH_TOKEN_NOT_UTF8);
    expect("{\"unisavePlayerId\":\"\xc0\xaf\",\"fusionPlayerToken\":\"b\"}", AUTH_TOKEN_NOT_UTF8);
    expect("{\"unisavePlayerId\":\"\xed\xa0\x80\",\"fusionPlayerToken\":\"b\"}",
           AUTH_TOKEN_NOT_UTF8);
    expect("\xef\xbb\xbf{\"unisavePlayerId\":\"a\",\"fusionPlayerToken\":\"b\"}",
           AUTH_TOKEN_NOT_JSON);
    expect("{\"unisavePlayerId\":\"\\ud800\",\"fusionPlayerToken\":\"b\"}", AUTH_TOKEN_NOT_JSON);
    expect("{\"unisavePlayerId\":\"\\udc00\",\"fusionPlayerToken\":\"b\"}", AUTH_TOKEN_NOT_JSON);
}

static void a_repeated_field_is_refused(void **state)
{
    (void)state;
    expect("{\"unisavePlayerId\":\"a\",\"unisavePlayerId\":\"b\",\"fusionPlayerToken\":\"c\"}",
           AUTH_TOKEN_DUPLICATE_FIELD);
    expect("{\"unisavePlayerId\":\"a\",\"fusionPlayerToken\":\"b\",\"fusionPlayerToken\":\"b\"}",
           AUTH_TOKEN_DUPLICATE_FIELD);
    expect(
        "{\"unisavePlayerId\":\"a\",\"unisaveP\\u006cayerId\":\"b\",\"fusionPlayerToken\":\"c\"}",
        AUTH_TOKEN_DUPLICATE_FIELD);
    expect("{\"unisavePlayerId\":\"a\",\"fusionPlayerToken\":\"b\",\"x\":1,\"x\":2}",
           AUTH_TOKEN_DUPLICATE_FIELD);
}

static void each_wrong_field_has_its_own_reason(void **state)
{
    (void)state;
    expect("{}", AUTH_TOKEN_MISSING_PLAYER_ID);
    expect("{\"fusionPlayerToken\":\"b\"}", AUTH_TOKEN_MISSING_PLAYER_ID);
    expect("{\"unisavePlayerId\":\"a\"}", AUTH_TOKEN_MISSING_PLAYER_TOKEN);
    expect("{\"UnisavePlayerId\":\"a\",\"fusionPlayerToken\":\"b\"}", AUTH_TOKEN_MISSING_PLAYER_ID);
    expect("{\"unisavePlayerId\":null,\"fusionPlayerToken\":\"b\"}", AUTH_TOKEN_NULL_PLAYER_ID);
    expect("{\"unisavePlayerId\":\"a\",\"fusionPlayerToken\":null}", AUTH_TOKEN_NULL_PLAYER_TOKEN);
    expect("{\"unisavePlayerId\":\"\",\"fusionPlayerToken\":\"b\"}", AUTH_TOKEN_EMPTY_PLAYER_ID);
    expect("{\"unisavePlayerId\":\"a\",\"fusionPlayerToken\":\"\"}", AUTH_TOKEN_EMPTY_PLAYER_TOKEN);
    expect("{\"unisavePlayerId\":1,\"fusionPlayerToken\":\"b\"}", AUTH_TOKEN_WRONG_TYPE);
    expect("{\"unisavePlayerId\":\"a\",\"fusionPlayerToken\":true}", AUTH_TOKEN_WRONG_TYPE);
    expect("{\"unisavePlayerId\":\"a\",\"fusionPlayerToken\":[\"b\"]}", AUTH_TOKEN_WRONG_TYPE);
    expect("{\"unisavePlayerId\":{},\"fusionPlayerToken\":\"b\"}", AUTH_TOKEN_WRONG_TYPE);
}

static void control_characters_are_refused(void **state)
{
    (void)state;
    static const char *const escapes[] = {"\\u0000", "\\u0000x", "\\n",  "\\u001b", "\\u007f",
                                          "\\u0080", "\\u009f",  "\x7f", "\xc2\x9b"};
    char text[128];
    for (size_t i = 0; i < BASE_COUNT(escapes); i++) {
        snprintf(text, sizeof(text), "{\"unisavePlayerId\":\"a%s\",\"fusionPlayerToken\":\"b\"}",
                 escapes[i]);
        expect(text, AUTH_TOKEN_CONTROL_CHARACTER);
        snprintf(text, sizeof(text), "{\"unisavePlayerId\":\"a\",\"fusionPlayerToken\":\"b%s\"}",
                 escapes[i]);
        expect(text, AUTH_TOKEN_CONTROL_CHARACTER);
    }
    expect("{\"unisavePlayerId\":\"a\n\",\"fusionPlayerToken\":\"b\"}", AUTH_TOKEN_NOT_JSON);
    expect("{\"unisavePlayerId\":\"\\u00a0\",\"fusionPlayerToken\":\"b\"}", AUTH_TOKEN_OK);
}

static void every_reason_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int a = AUTH_TOKEN_OK; a <= AUTH_TOKEN_CONTROL_CHARACTER; a++) {
        assert_non_null(auth_token_error_name(a));
        for (int b = AUTH_TOKEN_OK; b < a; b++) {
            assert_string_not_equal(auth_token_error_name(a), auth_token_error_name(b));
        }
    }
}

static void a_token_is_encoded_as_the_real_serializer_does(void **state)
{
    (void)state;
    struct auth_token token = {.player_id = "e_PlayerEntity/1", .player_token = "a\"\\\xc3\xa9/="};
    struct bytes_buf out;
    bytes_buf_init(&out, 256);
    assert_true(auth_token_encode(&token, &out));
    struct bytes_span expected =
        bytes_of_string("{\"unisavePlayerId\":\"e_PlayerEntity\\/1\","
                        "\"fusionPlayerToken\":\"a\\\"\\\\\xc3\xa9\\/=\"}");
    assert_true(bytes_equal(bytes_buf_span(&out), expected));
    bytes_buf_finish(&out);
}

static void encoding_stops_at_128_bytes_and_leaves_the_buffer_alone(void **state)
{
    (void)state;
    struct auth_token token = {.player_token = TOKEN44};
    struct bytes_buf out;
    bytes_buf_init(&out, 256);
    snprintf(token.player_id, sizeof(token.player_id), "%039d", 7);
    assert_true(auth_token_encode(&token, &out));
    assert_int_equal(out.size, 128);
    bytes_buf_clear(&out);
    snprintf(token.player_id, sizeof(token.player_id), "%040d", 7);
    assert_false(auth_token_encode(&token, &out));
    snprintf(token.player_id, sizeof(token.player_id), "%038d/", 7); // '/' takes two
    assert_false(auth_token_encode(&token, &out));
    assert_int_equal(out.size, 0);
    bytes_buf_finish(&out);
}

static void a_fingerprint_is_the_start_of_sha256(void **state)
{
    (void)state;
    char text[9];
    auth_token_fingerprint(bytes_of_string("abc"), text); // FIPS 180-4, example B.1
    assert_string_equal(text, "ba7816bf");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_real_serializers_token_is_decoded),
        cmocka_unit_test(order_white_space_and_escapes_do_not_matter),
        cmocka_unit_test(further_fields_are_ignored),
        cmocka_unit_test(a_token_of_128_bytes_is_decoded_and_one_of_129_is_not_even_parsed),
        cmocka_unit_test(what_is_not_one_json_object_is_refused),
        cmocka_unit_test(trailing_bytes_are_refused),
        cmocka_unit_test(invalid_utf8_is_refused_raw_and_escaped),
        cmocka_unit_test(a_repeated_field_is_refused),
        cmocka_unit_test(each_wrong_field_has_its_own_reason),
        cmocka_unit_test(control_characters_are_refused),
        cmocka_unit_test(every_reason_has_a_name_of_its_own),
        cmocka_unit_test(a_token_is_encoded_as_the_real_serializer_does),
        cmocka_unit_test(encoding_stops_at_128_bytes_and_leaves_the_buffer_alone),
        cmocka_unit_test(a_fingerprint_is_the_start_of_sha256),
    };
    return cmocka_run_group_tests_name("token", tests, NULL, NULL);
}
