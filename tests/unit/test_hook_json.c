// SPDX-License-Identifier: MIT
// The hooks' bodies: what we say, byte for byte, and what we take for a yes.

#include "auth/hook_json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#define UUID "8ef8fa79-a726-44d3-a20a-fe27b94bc51f"

static const char *text_of(struct bytes_buf *out)
{
    assert_true(bytes_buf_append_u8(out, '\0'));
    return (const char *)bytes_buf_span(out).data;
}

// ---- what we say

static const struct auth_token token = {.player_id = "e_PlayerEntity/1", .player_token = "a+b=\"c"};

static void connect_says_what_is_known_and_nothing_else(void **state)
{
    (void)state;
    struct auth_verify_request request = {
        .token = &token,
        .session = "",
        .transport = "udp",
        .remote = "192.0.2.1:50123",
        .client = "",
    };
    struct bytes_buf out;
    bytes_buf_init(&out, AUTH_HOOK_BODY_BYTES_MAX);
    assert_true(auth_hook_encode_connect(&request, "node", "/a:1/b:2-" UUID, false, &out));
    assert_string_equal(text_of(&out),
                        "{\"player_id\":\"e_PlayerEntity/1\",\"player_token\":\"a+b=\\\"c\","
                        "\"node_id\":\"node\",\"session_id\":\"/a:1/b:2-" UUID "\","
                        "\"transport\":\"udp\",\"remote\":\"192.0.2.1:50123\"}");
    bytes_buf_clear(&out);
    const struct auth_mapped_header headers[] = {{"X-Client-IP", "192.0.2.9:1"}, {"X-A", "b"}};
    request.session = "friday";
    request.client = "test/1";
    request.local = "198.51.100.7:443";
    request.origin = "https://game.example";
    request.user_agent = "Mozilla/5.0";
    request.headers = headers;
    request.header_count = 2;
    assert_true(auth_hook_encode_connect(&request, "node", "/a:1/b:2-" UUID, false, &out));
    assert_string_equal(
        text_of(&out),
        "{\"player_id\":\"e_PlayerEntity/1\",\"player_token\":\"a+b=\\\"c\","
        "\"node_id\":\"node\",\"session_id\":\"/a:1/b:2-" UUID "\",\"session\":\"friday\","
        "\"transport\":\"udp\",\"remote\":\"192.0.2.1:50123\",\"local\":\"198.51.100.7:443\","
        "\"client\":\"test/1\",\"origin\":\"https://game.example\",\"user_agent\":\"Mozilla/5.0\","
        "\"headers\":{\"X-Client-IP\":\"192.0.2.9:1\",\"X-A\":\"b\"}}");
    bytes_buf_finish(&out);
}

// The document of Flashphoner's manual, from what a server in that place knows.
static void the_flashphoner_form_has_exactly_the_documents_keys_and_values(void **state)
{
    (void)state;
    json_error_t error;
    json_t *golden = json_load_file("tests/golden/flashphoner_connect.json", 0, &error);
    assert_non_null(golden);
    const struct auth_mapped_header header = {"X-Client-IP", "192.168.23.83:65520"};
    struct auth_verify_request request = {
        .token = &token,
        .session = "friday",
        .transport = "wss",
        .remote = "192.168.23.83:65520",
        .client = "0.5.28",
        .local = "127.0.0.1:8443",
        .origin = "https://wcs.yourdomain.com",
        .user_agent = json_string_value(json_object_get(golden, "clientBrowserVersion")),
        .headers = &header,
        .header_count = 1,
    };
    struct bytes_buf out;
    bytes_buf_init(&out, AUTH_HOOK_BODY_BYTES_MAX);
    assert_true(auth_hook_encode_connect(
        &request, json_string_value(json_object_get(golden, "nodeId")),
        json_string_value(json_object_get(golden, "sessionId")), true, &out));
    char *wanted = json_dumps(golden, JSON_COMPACT);
    assert_string_equal(text_of(&out), wanted);
    free(wanted);
    json_decref(golden);
    bytes_buf_finish(&out);
}

static void the_flashphoner_form_has_them_all_for_players_without_a_browser_too(void **state)
{
    (void)state;
    struct auth_verify_request request = {
        .token = &token, .session = "", .transport = "udp", .remote = "192.0.2.1:5", .client = ""};
    struct bytes_buf out;
    bytes_buf_init(&out, AUTH_HOOK_BODY_BYTES_MAX);
    assert_true(auth_hook_encode_connect(&request, "node", "id", true, &out));
    json_error_t error;
    json_t *root = json_loads(text_of(&out), 0, &error);
    assert_int_equal(json_object_size(root), 13);
    assert_string_equal(json_string_value(json_object_get(root, "origin")), "");
    assert_string_equal(json_string_value(json_object_get(root, "clientOSVersion")), "");
    json_decref(root);
    bytes_buf_finish(&out);
}

static void the_longest_of_everything_fits(void **state)
{
    (void)state;
    char origin[257], agent[513], value[257];
    memset(origin, 1, sizeof(origin)); // each byte becomes six
    memset(agent, 1, sizeof(agent));
    memset(value, 1, sizeof(value));
    origin[256] = agent[512] = value[256] = '\0';
    struct auth_token long_token;
    memset(&long_token, '"', sizeof(long_token));
    long_token.player_id[LIMIT_PLAYER_ID_BYTES] = '\0';
    long_token.player_token[LIMIT_TOKEN_BYTES] = '\0';
    char name[65];
    memset(name, 'X', sizeof(name));
    name[64] = '\0';
    struct auth_mapped_header headers[LIMIT_MAPPED_HEADERS];
    for (unsigned i = 0; i < LIMIT_MAPPED_HEADERS; i++) {
        headers[i] = (struct auth_mapped_header){name, value};
    }
    struct auth_verify_request request = {
        .token = &long_token,
        .session = "s",
        .transport = "wss",
        .remote = "[2001:db8::1]:50123",
        .client = "c",
        .local = "[2001:db8::2]:50123",
        .origin = origin,
        .user_agent = agent,
        .headers = headers,
        .header_count = LIMIT_MAPPED_HEADERS,
    };
    struct bytes_buf out;
    bytes_buf_init(&out, AUTH_HOOK_BODY_BYTES_MAX);
    assert_true(auth_hook_encode_connect(&request, "node", "id", false, &out));
    bytes_buf_finish(&out);
    bytes_buf_init(&out, 1000);
    assert_false(auth_hook_encode_connect(&request, "node", "id", false, &out));
    bytes_buf_finish(&out);
}

static void disconnect_says_who_why_and_whether_it_was_our_doing(void **state)
{
    (void)state;
    struct auth_notice notice = {
        .kicked = true,
        .player_id = "P1",
        .session = "friday",
        .transport = "tcp",
        .remote = "192.0.2.1:5",
        .code = 4029,
        .reason = "flooding",
    };
    struct bytes_buf out;
    bytes_buf_init(&out, AUTH_HOOK_BODY_BYTES_MAX);
    assert_true(auth_hook_encode_disconnect(&notice, "node", &out));
    assert_string_equal(text_of(&out),
                        "{\"event\":\"kicked\",\"player_id\":\"P1\",\"node_id\":\"node\","
                        "\"session\":\"friday\",\"transport\":\"tcp\",\"remote\":\"192.0.2.1:5\","
                        "\"code\":4029,\"reason\":\"flooding\"}");
    bytes_buf_finish(&out);
}

// ---- what we take

struct answer {
    enum auth_verdict verdict;
    struct auth_attributes attributes;
    const char *why;
};

static struct answer decode(const char *body)
{
    struct answer answer;
    memset(&answer, 'x', sizeof(answer)); // all of it must be written
    answer.verdict =
        auth_hook_decode_connect(bytes_of_string(body), &answer.attributes, &answer.why);
    assert_true((answer.verdict == AUTH_ERROR) == (answer.why != NULL));
    return answer;
}

static void only_true_is_yes_and_only_false_is_no(void **state)
{
    (void)state;
    assert_int_equal(decode("{\"valid\":true}").verdict, AUTH_YES);
    assert_int_equal(decode(" { \"valid\" : true , \"more\" : 1 } ").verdict, AUTH_YES);
    assert_int_equal(decode("{\"valid\":false}").verdict, AUTH_NO);
    assert_int_equal(decode("{\"valid\":false,\"metadata\":7}").verdict, AUTH_NO);
    static const char *const neither[] = {
        "",
        "true",
        "[true]",
        "{}",
        "{\"valid\":1}",
        "{\"valid\":\"true\"}",
        "{\"valid\":null}",
        "{\"valid\":[true]}",
        "{\"valid\":{\"valid\":true}}",
        "{\"Valid\":true}",
        "{\"valid\":true",
        "{\"valid\":true}{\"valid\":true}",
        "{\"valid\":false,\"valid\":true}",
        "{\"valid\":true,\"x\":\"\xff\"}",
        "{\"valid\":true,\"x\":\"\\u0000\"}",
        "<html>{\"valid\":true}</html>",
    };
    for (size_t i = 0; i < BASE_COUNT(neither); i++) {
        assert_int_equal(decode(neither[i]).verdict, AUTH_ERROR);
    }
}

static void metadata_becomes_attributes(void **state)
{
    (void)state;
    struct answer answer = decode("{\"valid\":true}");
    assert_string_equal(answer.attributes.display_name, "");
    assert_false(answer.attributes.spectator);
    assert_int_equal(answer.attributes.kart, 0);
    answer = decode("{\"valid\":true,\"metadata\":null}");
    assert_int_equal(answer.verdict, AUTH_YES);
    answer = decode("{\"valid\":true,\"metadata\":{\"display_name\":null,\"spectator\":false,"
                    "\"kart\":null}}");
    assert_int_equal(answer.verdict, AUTH_YES);
    assert_int_equal(answer.attributes.kart, 0);
    answer = decode("{\"valid\":true,\"metadata\":{\"kart\":255}}");
    assert_int_equal(answer.attributes.kart, 255);
    answer = decode("{\"valid\":true,\"metadata\":{\"display_name\":\"Zo\\u00eb \\\"Z\\\"\","
                    "\"spectator\":true,\"clan\":{\"id\":[7]}}}");
    assert_int_equal(answer.verdict, AUTH_YES);
    assert_string_equal(answer.attributes.display_name, "Zo\xc3\xab \"Z\"");
    assert_true(answer.attributes.spectator);
}

static void metadata_that_is_wrong_keeps_the_player_out(void **state)
{
    (void)state;
    static const struct {
        const char *metadata;
        const char *why;
    } cases[] = {
        {"7", "metadata is no object"},
        {"\"x\"", "metadata is no object"},
        {"[]", "metadata is no object"},
        {"{\"display_name\":7}", "metadata.display_name is no plain text"},
        {"{\"display_name\":\"a\\nb\"}", "metadata.display_name is no plain text"},
        {"{\"display_name\":\"a\\u001b[2Jb\"}", "metadata.display_name is no plain text"},
        {"{\"display_name\":\"a\\u007f\"}", "metadata.display_name is no plain text"},
        {"{\"display_name\":\"a\\u0085\"}", "metadata.display_name is no plain text"},
        {"{\"spectator\":1}", "metadata.spectator is neither true nor false"},
        {"{\"spectator\":null}", "metadata.spectator is neither true nor false"},
        {"{\"kart\":256}", "metadata.kart is no integer from 0 to 255"},
        {"{\"kart\":-1}", "metadata.kart is no integer from 0 to 255"},
        {"{\"kart\":1.0}", "metadata.kart is no integer from 0 to 255"},
        {"{\"kart\":\"7\"}", "metadata.kart is no integer from 0 to 255"},
        {"{\"kart\":true}", "metadata.kart is no integer from 0 to 255"},
        {"{\"a\":{\"b\":{\"c\":{}}}}", "no JSON object, or too deep"},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        char body[128];
        snprintf(body, sizeof(body), "{\"valid\":true,\"metadata\":%s}", cases[i].metadata);
        struct answer answer = decode(body);
        assert_int_equal(answer.verdict, AUTH_ERROR);
        assert_string_equal(answer.why, cases[i].why);
        assert_string_equal(answer.attributes.display_name, "");
        assert_false(answer.attributes.spectator);
        assert_int_equal(answer.attributes.kart, 0);
    }
    assert_int_equal(decode("{\"valid\":true,\"metadata\":{\"a\":{\"b\":{}}}}").verdict, AUTH_YES);
}

static void metadata_has_a_size(void **state)
{
    (void)state;
    static char body[AUTH_HOOK_METADATA_BYTES_MAX + 64];
    // {"x":"..."} is 8 bytes around the text.
    int text = AUTH_HOOK_METADATA_BYTES_MAX - 8;
    snprintf(body, sizeof(body), "{\"valid\":true,\"metadata\":{\"x\":\"%0*d\"}}", text, 0);
    assert_int_equal(decode(body).verdict, AUTH_YES);
    snprintf(body, sizeof(body), "{\"valid\":true,\"metadata\":{\"x\":\"%0*d\"}}", text + 1, 0);
    assert_string_equal(decode(body).why, "metadata is too large");
}

static void a_long_name_is_cut_at_the_end_of_a_character(void **state)
{
    (void)state;
    char body[256];
    char wanted[65];
    snprintf(body, sizeof(body), "{\"valid\":true,\"metadata\":{\"display_name\":\"%064d\"}}", 7);
    snprintf(wanted, sizeof(wanted), "%064d", 7);
    assert_string_equal(decode(body).attributes.display_name, wanted);
    snprintf(body, sizeof(body),
             "{\"valid\":true,\"metadata\":{\"display_name\":\"%062d\xe2\x82\xac!\"}}", 7);
    snprintf(wanted, sizeof(wanted), "%062d", 7); // not the '!' behind what did not fit
    assert_string_equal(decode(body).attributes.display_name, wanted);
}

// Escaped as the real serializer does it, these would be too long to send: a player could make the
// backend look out of order.
static void any_token_that_was_taken_fits_into_the_header(void **state)
{
    static const char head[] = "{\"unisavePlayerId\":\"";
    static const char middle[] = "\",\"fusionPlayerToken\":\"";
    char json[LIMIT_TOKEN_BYTES + 1];
    char wanted[AUTH_HOOK_TOKEN_BYTES];
    char text[AUTH_HOOK_TOKEN_BYTES];
    struct auth_token taken;
    int slashes = LIMIT_TOKEN_BYTES - (int)(strlen(head) + 1 + strlen(middle) + strlen("\"}"));
    (void)state;
    snprintf(json, sizeof(json), "%s/%s%0*d\"}", head, middle, slashes, 0);
    memset(json + strlen(head) + 1 + strlen(middle), '/', (size_t)slashes);
    assert_int_equal(strlen(json), LIMIT_TOKEN_BYTES);
    assert_int_equal(auth_token_decode(bytes_of_string(json), &taken), AUTH_TOKEN_OK);
    assert_true(auth_hook_encode_token(&taken, text));
    auth_crypto_base64(bytes_of_string(json), wanted);
    assert_string_equal(text, wanted);
    memset(taken.player_token, '\\', sizeof(taken.player_token) - 1); // no token was ever so long
    assert_false(auth_hook_encode_token(&taken, text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connect_says_what_is_known_and_nothing_else),
        cmocka_unit_test(the_flashphoner_form_has_exactly_the_documents_keys_and_values),
        cmocka_unit_test(the_flashphoner_form_has_them_all_for_players_without_a_browser_too),
        cmocka_unit_test(any_token_that_was_taken_fits_into_the_header),
        cmocka_unit_test(the_longest_of_everything_fits),
        cmocka_unit_test(disconnect_says_who_why_and_whether_it_was_our_doing),
        cmocka_unit_test(only_true_is_yes_and_only_false_is_no),
        cmocka_unit_test(metadata_becomes_attributes),
        cmocka_unit_test(metadata_that_is_wrong_keeps_the_player_out),
        cmocka_unit_test(metadata_has_a_size),
        cmocka_unit_test(a_long_name_is_cut_at_the_end_of_a_character),
    };
    return cmocka_run_group_tests_name("hook_json", tests, NULL, NULL);
}
