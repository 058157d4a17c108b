// SPDX-License-Identifier: MIT
// The bytes of a facet call, whole: what the gateway documents, with its own sample values.

#include "auth/unisave_call.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/secret.h"

#define TOKEN "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA="
#define HEAD_VERIFY                                                                                \
    "{\"facetName\":\"MyFusionAuthFacet\",\"methodName\":\"IsFusionConnectionTokenValid\","        \
    "\"arguments\":["
#define HEAD_RESULT                                                                                \
    "{\"facetName\":\"MyRaceFacet\",\"methodName\":\"PlayerWonRace\",\"arguments\":["
#define TAIL                                                                                       \
    ",\"deviceId\":\"race-server-1\",\"device\":{\"platform\":\"Custom\",\"deviceModel\":null,"    \
    "\"graphicsDeviceName\":null,\"graphicsDeviceID\":null,\"graphicsDeviceVendorID\":null,"       \
    "\"graphicsMemorySize\":null,\"graphicsDeviceType\":null,\"systemMemorySize\":null,"           \
    "\"processorCount\":null,\"processorFrequency\":null,\"processorType\":null},"                 \
    "\"gameToken\":\"X6Mn9QTp51GYYfbCACelq9mL\",\"editorKey\":null,\"client\":{"                   \
    "\"backendHash\":\"220783ec00546c5a9e05585049853e90\",\"buildGuid\":\"raceServerBuild\","      \
    "\"frameworkVersion\":\"none\",\"assetVersion\":\"none\",\"versionString\":\"none\"}}"

static struct auth_unisave_caller verifier(void)
{
    return (struct auth_unisave_caller){
        .facet = "MyFusionAuthFacet",
        .method = "IsFusionConnectionTokenValid",
        .session_id = "",
        .device_id = "race-server-1",
        .game_token = "X6Mn9QTp51GYYfbCACelq9mL",
        .backend_hash = "220783ec00546c5a9e05585049853e90",
        .build_guid = "raceServerBuild",
    };
}

static struct auth_unisave_caller reporter(void)
{
    struct auth_unisave_caller caller = verifier();
    caller.facet = "MyRaceFacet";
    caller.method = "PlayerWonRace";
    return caller;
}

static void check_verify(const struct auth_unisave_caller *caller, const char *player_id,
                         const char *player_token, const char *wanted)
{
    struct auth_token token;
    struct bytes_buf out;
    snprintf(token.player_id, sizeof(token.player_id), "%s", player_id);
    snprintf(token.player_token, sizeof(token.player_token), "%s", player_token);
    bytes_buf_init(&out, AUTH_UNISAVE_CALL_BYTES_MAX);
    assert_true(auth_unisave_call_verify(caller, &token, &out));
    assert_true(bytes_buf_append_u8(&out, '\0'));
    assert_string_equal((const char *)bytes_buf_span(&out).data, wanted);
    auth_unisave_call_wipe(&out);
}

static void check_result(const char *arguments_text, const struct auth_unisave_standing *standing,
                         const char *wanted)
{
    struct auth_unisave_caller caller = reporter();
    struct auth_unisave_arguments arguments;
    struct bytes_buf out;
    struct error error = {0};
    assert_true(auth_unisave_arguments_parse(arguments_text, &arguments, &error));
    bytes_buf_init(&out, AUTH_UNISAVE_CALL_BYTES_MAX);
    assert_true(
        auth_unisave_call_result(&caller, &arguments, bytes_of_string(TOKEN), standing, &out));
    assert_true(bytes_buf_append_u8(&out, '\0'));
    assert_string_equal((const char *)bytes_buf_span(&out).data, wanted);
    auth_unisave_call_wipe(&out);
}

static void a_verification_is_742_bytes_of_the_documented_form(void **state)
{
    (void)state;
    static const char wanted[] =
        HEAD_VERIFY "{\"unisavePlayerId\":\"e_PlayerEntity/8445747209\",\"fusionPlayerToken\":"
                    "\"" TOKEN "\"}],\"sessionId\":null" TAIL;
    struct auth_unisave_caller caller = verifier();
    assert_int_equal(sizeof(wanted) - 1, 742);
    check_verify(&caller, "e_PlayerEntity/8445747209", TOKEN, wanted);
}

static void a_session_is_sent_when_there_is_one(void **state)
{
    (void)state;
    struct auth_unisave_caller caller = verifier();
    caller.session_id = "12AsdS8ad3+SF5Sd-x==";
    check_verify(&caller, "e_PlayerEntity/8445747209", TOKEN,
                 HEAD_VERIFY "{\"unisavePlayerId\":\"e_PlayerEntity/8445747209\","
                             "\"fusionPlayerToken\":\"" TOKEN
                             "\"}],\"sessionId\":\"12AsdS8ad3+SF5Sd-x==\"" TAIL);
}

static void what_players_choose_cannot_leave_its_string(void **state)
{
    (void)state;
    struct auth_unisave_caller caller = verifier();
    check_verify(&caller, "a\"}],\"gameToken\":\"b\\", "\xc3\xa9/",
                 HEAD_VERIFY "{\"unisavePlayerId\":\"a\\\"}],\\\"gameToken\\\":\\\"b\\\\\","
                             "\"fusionPlayerToken\":\"\xc3\xa9/\"}],\"sessionId\":null" TAIL);
}

static const struct auth_unisave_standing winner = {
    .race_id = "7d2b1c1e-0d56-4b0b-a3c5-7a4e18b3a7d1",
    .player_id = "e_PlayerEntity/8445747209",
    .place = 1,
    .time_ms = 61234,
};

static void a_result_is_681_bytes_of_the_documented_form(void **state)
{
    (void)state;
    static const char wanted[] = HEAD_RESULT "\"" TOKEN "\",\"e_PlayerEntity/8445747209\"],"
                                             "\"sessionId\":null" TAIL;
    assert_int_equal(sizeof(wanted) - 1, 681);
    check_result("server_token player_id", &winner, wanted);
}

static void arguments_come_in_the_order_asked_for(void **state)
{
    (void)state;
    check_result(" race_id player_id  time_ms place server_token ", &winner,
                 HEAD_RESULT "\"7d2b1c1e-0d56-4b0b-a3c5-7a4e18b3a7d1\","
                             "\"e_PlayerEntity/8445747209\",61234,1,\"" TOKEN
                             "\"],\"sessionId\":null" TAIL);
}

static void check_arguments(const char *text, const char *why)
{
    struct auth_unisave_arguments arguments;
    struct error error = {0};
    assert_false(auth_unisave_arguments_parse(text, &arguments, &error));
    if (!strstr(error.text, why)) {
        fail_msg("%s", error.text);
    }
}

static void arguments_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    check_arguments("", "server_token must be there");
    check_arguments("player_id", "server_token must be there");
    check_arguments("server_token", "player_id must be there");
    check_arguments("server_token player_id coins", "'coins' is none of");
    check_arguments("server_token player_id player_id", "player_id stands there twice");
    check_arguments("server_token,player_id", "'server_token,player_id' is none of");
    check_arguments("server_toke player_id", "'server_toke' is none of");
}

// The limit is a promise to create(), which makes no call that could turn out too long.
static void the_longest_call_fits(void **state)
{
    (void)state;
    char setting[128], id[LIMIT_PLAYER_ID_BYTES + 1], secret[SECRET_BYTES_MAX + 1];
    struct auth_unisave_standing standing = winner;
    struct auth_unisave_arguments arguments;
    struct bytes_buf out;
    memset(setting, '"', sizeof(setting));
    memset(id, '"', sizeof(id));
    memset(secret, '"', sizeof(secret));
    setting[sizeof(setting) - 1] = id[sizeof(id) - 1] = '\0';
    memcpy(standing.player_id, id, sizeof(id));
    struct auth_unisave_caller caller = {setting, setting, setting, setting,
                                         setting, setting, setting};
    assert_true(auth_unisave_arguments_parse("server_token player_id place time_ms race_id",
                                             &arguments, NULL));
    bytes_buf_init(&out, AUTH_UNISAVE_CALL_BYTES_MAX);
    assert_true(auth_unisave_call_result(&caller, &arguments, bytes_of(secret, SECRET_BYTES_MAX),
                                         &standing, &out));
    auth_unisave_call_wipe(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_verification_is_742_bytes_of_the_documented_form),
        cmocka_unit_test(a_session_is_sent_when_there_is_one),
        cmocka_unit_test(what_players_choose_cannot_leave_its_string),
        cmocka_unit_test(a_result_is_681_bytes_of_the_documented_form),
        cmocka_unit_test(arguments_come_in_the_order_asked_for),
        cmocka_unit_test(arguments_that_make_no_sense_are_refused),
        cmocka_unit_test(the_longest_call_fits),
    };
    return cmocka_run_group_tests_name("unisave_call", tests, NULL, NULL);
}
