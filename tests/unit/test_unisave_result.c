// SPDX-License-Identifier: MIT
// Who is told about, of whom; and bodies that are not ours.

#include "auth/unisave_result.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TOLD_BYTES 32
#define FINISHED(id, place, ms)                                                                    \
    "{\"player_id\":\"" id "\",\"place\":" place ",\"time_ms\":" ms ",\"dnf\":null}"
#define DNF(id, place)                                                                             \
    "{\"player_id\":\"" id "\",\"place\":" place ",\"time_ms\":null,\"dnf\":\"time_limit\"}"
#define RACE(standings)                                                                            \
    "{\"race_id\":\"race-1\",\"session\":\"friday\",\"laps\":3,\"standings\":[" standings "]}"

static const char full[] =
    RACE(FINISHED("A", "1", "61234") "," FINISHED("B", "2", "61235") "," FINISHED(
        "C", "3", "61236") "," FINISHED("D", "4", "61237") "," DNF("E", "5"));

static void note(void *context, const char *player_id)
{
    size_t used = strlen(context);
    snprintf((char *)context + used, TOLD_BYTES - used, "%s", player_id);
}

static void check(const char *body, enum auth_unisave_placings placings, const char *wanted)
{
    char told[TOLD_BYTES] = "";
    assert_true(auth_unisave_result_each(bytes_of_string(body), placings, note, told));
    assert_string_equal(told, wanted);
}

static void the_setting_says_who_is_told_about(void **state)
{
    (void)state;
    check(full, AUTH_UNISAVE_WINNER, "A");
    check(full, AUTH_UNISAVE_PODIUM, "ABC");
    check(full, AUTH_UNISAVE_ALL, "ABCDE");
}

static void who_did_not_finish_has_won_nothing(void **state)
{
    (void)state;
    static const char nobody[] = RACE(DNF("A", "1") "," DNF("B", "2"));
    static const char two[] =
        RACE(FINISHED("A", "1", "5") "," FINISHED("B", "2", "6") "," DNF("C", "3"));
    check(nobody, AUTH_UNISAVE_WINNER, "");
    check(nobody, AUTH_UNISAVE_PODIUM, "");
    check(nobody, AUTH_UNISAVE_ALL, "AB");
    check(two, AUTH_UNISAVE_PODIUM, "AB");
    check(RACE(""), AUTH_UNISAVE_ALL, "");
}

static void a_player_is_found_with_all_that_can_be_told(void **state)
{
    (void)state;
    struct auth_unisave_standing standing;
    assert_true(auth_unisave_result_find(bytes_of_string(full), "B", &standing));
    assert_string_equal(standing.race_id, "race-1");
    assert_string_equal(standing.player_id, "B");
    assert_int_equal(standing.place, 2);
    assert_int_equal(standing.time_ms, 61235);
    assert_true(auth_unisave_result_find(bytes_of_string(full), "E", &standing));
    assert_int_equal(standing.place, 0);
    assert_int_equal(standing.time_ms, 0);
    assert_false(auth_unisave_result_find(bytes_of_string(full), "F", &standing));
    assert_false(auth_unisave_result_find(bytes_of_string(full), "", &standing));
}

static void a_damaged_body_is_said_to_be_one(void **state)
{
    static const char *const bodies[] = {
        "",
        "{}",
        "[]",
        "{\"race_id\":\"race-1\"}",
        "{\"race_id\":\"race-1\",\"standings\":{}}",
        "{\"race_id\":1,\"standings\":[]}",
        "{\"race_id\":\""
        "race-1race-1race-1race-1race-1race-1race-1race-1race-1race-1race-1"
        "\",\"standings\":[" FINISHED("A", "1", "5") "]}",
        RACE("1"),
        RACE("{}"),
        RACE(FINISHED("", "1", "5")),
        RACE(FINISHED("A", "0", "5")),
        RACE(FINISHED("A", "-1", "5")),
        RACE(FINISHED("A", "\"1\"", "5")),
        RACE(FINISHED("A", "1", "null")),
        RACE(FINISHED("A", "1", "-5")),
        RACE(FINISHED("A", "1", "5.0")),
        RACE(FINISHED("A", "1", "2147483648")),
        RACE(FINISHED("A", "1", "5") ",{\"player_id\":\"B\"}"),
        RACE(FINISHED("A", "1", "5")) "x",
    };
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(bodies); i++) {
        char told[TOLD_BYTES] = "";
        struct auth_unisave_standing standing;
        struct bytes_span body = bytes_of_string(bodies[i]);
        if (auth_unisave_result_each(body, AUTH_UNISAVE_ALL, note, told) ||
            auth_unisave_result_find(body, "A", &standing)) {
            fail_msg("taken: %s", bodies[i]);
        }
        assert_string_equal(told, "");
    }
}

static void a_full_grid_is_read_and_one_more_is_not(void **state)
{
    (void)state;
    for (unsigned players = LIMIT_PLAYERS_PER_SESSION; players <= LIMIT_PLAYERS_PER_SESSION + 1;
         players++) {
        struct bytes_buf body;
        char told[TOLD_BYTES] = "";
        bytes_buf_init(&body, 65536);
        bool ok = bytes_buf_append_text(&body, "{\"race_id\":\"race-1\",\"standings\":[");
        for (unsigned i = 0; i < players; i++) {
            ok =
                ok && bytes_buf_append_format(&body, "%s" DNF("P%u", "%u"), i ? "," : "", i, i + 1);
        }
        ok = ok && bytes_buf_append_text(&body, "]}");
        assert_true(ok);
        assert_int_equal(
            auth_unisave_result_each(bytes_buf_span(&body), AUTH_UNISAVE_WINNER, note, told),
            players == LIMIT_PLAYERS_PER_SESSION);
        bytes_buf_finish(&body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_setting_says_who_is_told_about),
        cmocka_unit_test(who_did_not_finish_has_won_nothing),
        cmocka_unit_test(a_player_is_found_with_all_that_can_be_told),
        cmocka_unit_test(a_damaged_body_is_said_to_be_one),
        cmocka_unit_test(a_full_grid_is_read_and_one_more_is_not),
    };
    return cmocka_run_group_tests_name("unisave_result", tests, NULL, NULL);
}
