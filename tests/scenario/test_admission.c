// SPDX-License-Identifier: MIT
// Who gets in: tokens, versions, deadlines, and a backend that is slow, gone or says no.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "game/admission.h"
#include "game/sessions.h"
#include "tests/support/scenario.h"

static struct auth_fake_counts backend_counts(struct scenario *scenario)
{
    return auth_fake_counts(game_server_backend(scenario->server));
}

static unsigned in_state(struct scenario *scenario, enum game_admission_state state)
{
    return game_admission_count(scenario_status(scenario).admission, state);
}

// Nobody is anywhere: no seat, no promise, no question to the backend.
static void nothing_is_held(struct scenario *scenario)
{
    struct game_status_source status = scenario_status(scenario);
    for (unsigned i = 0; i < game_sessions_count(status.sessions); i++) {
        const struct game_session *session = game_sessions_at(status.sessions, i);
        assert_int_equal(session->reserved, 0);
        assert_int_equal(game_session_connected(session), 0);
    }
    assert_int_equal(in_state(scenario, GAME_ADMISSION_HELLO), 0);
    assert_int_equal(in_state(scenario, GAME_ADMISSION_VERIFYING), 0);
    assert_int_equal(in_state(scenario, GAME_ADMISSION_ADMITTED), 0);
    assert_int_equal(net_conns_count(status.conns), 0);
    assert_int_equal(backend_counts(scenario).under_way, 0);
}

static void whoever_the_backend_does_not_know_is_kicked(void **state)
{
    (void)state;
    static const struct {
        const char *word;
        uint16_t code;
        unsigned after_ms;
    } rows[] = {
        {AUTH_FAKE_NO, NET_CLOSE_AUTH_DENIED, 0},
        {"some other token", NET_CLOSE_AUTH_DENIED, 0},
        {AUTH_FAKE_ERROR, NET_CLOSE_BACKEND_DOWN, 0},
        {AUTH_FAKE_BUSY, NET_CLOSE_BACKEND_DOWN, 0},
        {AUTH_FAKE_HANG, NET_CLOSE_BACKEND_DOWN, 5000}, // --verify-ms
    };
    for (size_t i = 0; i < BASE_COUNT(rows); i++) {
        struct scenario *scenario = scenario_create(NULL);
        struct scenario_player *player = scenario_player(scenario, NULL, rows[i].word);
        scenario_connect(player);
        if (rows[i].after_ms > 0) {
            scenario_run_ms(scenario, rows[i].after_ms - 10);
            assert_int_equal(player->closed_code, 0);
        }
        scenario_wait(scenario, scenario_is_closed, player, 100);
        assert_int_equal(player->closed_code, rows[i].code);
        assert_false(player->welcomed);
        scenario_run_ms(scenario, 100);
        nothing_is_held(scenario);
        assert_int_equal(scenario_count(scenario, "paddock_seats", "event", "join"), 0);
        scenario_destroy(scenario);
    }
}

static void a_malformed_token_is_refused_by_its_reason_before_the_backend_is_asked(void **state)
{
    (void)state;
    static const struct {
        const char *token, *reason;
    } rows[] = {
        {"{\"unisavePlayerId\":\"P\",\"fusionPlayerToken\":\"yes\",\"more\":"
         "\"0123456789012345678901"
         "234567890123456789012345678901234567890123456789012345678901\"}",
         "too_large"},
        {"{\"unisavePlayerId\":\"P\xff\",\"fusionPlayerToken\":\"yes\"}", "not_utf8"},
        {"yes", "not_json"},
        {"{\"unisavePlayerId\":\"P\",\"fusionPlayerToken\":\"yes\"}x", "not_json"},
        {"[\"P\",\"yes\"]", "not_object"},
        {"{\"unisavePlayerId\":\"P\",\"unisavePlayerId\":\"Q\",\"fusionPlayerToken\":\"yes\"}",
         "duplicate_field"},
        {"{\"fusionPlayerToken\":\"yes\"}", "missing_player_id"},
        {"{\"unisavePlayerId\":\"P\"}", "missing_player_token"},
        {"{\"unisavePlayerId\":null,\"fusionPlayerToken\":\"yes\"}", "null_player_id"},
        {"{\"unisavePlayerId\":\"P\",\"fusionPlayerToken\":null}", "null_player_token"},
        {"{\"unisavePlayerId\":\"P\",\"fusionPlayerToken\":1}", "wrong_type"},
        {"{\"unisavePlayerId\":\"\",\"fusionPlayerToken\":\"yes\"}", "empty_player_id"},
        {"{\"unisavePlayerId\":\"P\",\"fusionPlayerToken\":\"\"}", "empty_player_token"},
        {"{\"unisavePlayerId\":\"P\\n\",\"fusionPlayerToken\":\"yes\"}", "control_character"},
    };
    struct scenario *scenario = scenario_create(NULL);
    for (size_t i = 0; i < BASE_COUNT(rows); i++) {
        uint64_t before =
            scenario_count(scenario, "paddock_tokens_refused", "reason", rows[i].reason);
        struct scenario_player *player = scenario_player(scenario, NULL, "");
        snprintf(player->token, sizeof(player->token), "%s", rows[i].token);
        scenario_connect(player);
        scenario_wait(scenario, scenario_is_closed, player, 100);
        assert_int_equal(player->closed_code, NET_CLOSE_TOKEN_MALFORMED);
        uint64_t after =
            scenario_count(scenario, "paddock_tokens_refused", "reason", rows[i].reason);
        if (after != before + 1) {
            fail_msg("%s: not counted as %s", rows[i].token, rows[i].reason);
        }
    }
    assert_int_equal(backend_counts(scenario).verify_calls, 0);
    nothing_is_held(scenario);
    scenario_destroy(scenario);
}

static void who_says_nothing_is_closed_with_4001_and_a_ping_is_nothing(void **state)
{
    (void)state;
    struct scenario *scenario = scenario_create(NULL);
    struct scenario_raw mute, pinging;
    scenario_raw_dial(scenario, &mute, NULL);
    scenario_raw_dial(scenario, &pinging, NULL);
    const struct net_msg ping = {.type = NET_MSG_PING, .ping = {.stamp = 7}};
    for (unsigned second = 0; second < 9; second++) {
        scenario_run_ms(scenario, 1000);
        scenario_raw_send(&pinging, &ping);
    }
    scenario_run_ms(scenario, 990);
    assert_true(mute.open && pinging.open);
    assert_int_equal(pinging.messages, 9);
    assert_int_equal(pinging.last_type, NET_MSG_PONG);
    scenario_run_ms(scenario, 20);
    assert_int_equal(mute.closed_code, NET_CLOSE_AUTH_TIMEOUT);
    assert_int_equal(pinging.closed_code, NET_CLOSE_AUTH_TIMEOUT);
    nothing_is_held(scenario);
    scenario_destroy(scenario);
}

static void another_protocol_version_is_told_so(void **state)
{
    (void)state;
    struct scenario *scenario = scenario_create(NULL);
    static const char *const hellos[] = {
        "\x93\x01\x02\xa5later", // [1, 2, "later"]
        "\x93\x01\x00\xa5older",
    };
    struct scenario_raw raw;
    for (size_t i = 0; i < BASE_COUNT(hellos); i++) {
        scenario_raw_dial(scenario, &raw, NULL);
        scenario_wait(scenario, scenario_raw_is_open, &raw, 100);
        scenario_raw_send_bytes(&raw, bytes_of(hellos[i], 9));
        scenario_wait(scenario, scenario_raw_is_closed, &raw, 100);
        assert_int_equal(raw.closed_code, NET_CLOSE_VERSION);
    }
    assert_int_equal(backend_counts(scenario).verify_calls, 0);
    scenario_destroy(scenario);
}

static void messages_of_another_state_are_dropped_and_counted(void **state)
{
    (void)state;
    struct scenario *scenario = scenario_create(NULL);
    struct scenario_player *slow = scenario_player(scenario, NULL, AUTH_FAKE_SLOW);
    struct scenario_raw raw;
    scenario_raw_dial(scenario, &raw, NULL);
    scenario_wait(scenario, scenario_raw_is_open, &raw, 100);
    const struct net_msg input = {.type = NET_MSG_INPUT, .input = {.first_tick = 1}};
    scenario_raw_send(&raw, &input);
    scenario_raw_hello(&raw, slow);
    scenario_raw_hello(&raw, slow);
    scenario_raw_send(&raw, &input);
    scenario_run_ms(scenario, 1000);
    assert_int_equal(in_state(scenario, GAME_ADMISSION_VERIFYING), 1);
    assert_int_equal(scenario_count(scenario, "paddock_messages_dropped", "reason", "wrong_state"),
                     3);
    scenario_run_ms(scenario, AUTH_FAKE_SLOW_MS);
    assert_int_equal(in_state(scenario, GAME_ADMISSION_ADMITTED), 1);
    scenario_raw_hello(&raw, slow);
    scenario_run_ms(scenario, 100);
    assert_int_equal(in_state(scenario, GAME_ADMISSION_ADMITTED), 1);
    assert_int_equal(backend_counts(scenario).verify_calls, 1);
    scenario_destroy(scenario);
}

static void text_that_is_no_name_is_refused(void **state)
{
    (void)state;
    struct scenario *scenario = scenario_create(NULL);
    struct scenario_player *player = scenario_player(scenario, NULL, AUTH_FAKE_YES);
    for (unsigned which = 0; which < 2; which++) {
        struct scenario_raw raw;
        scenario_raw_dial(scenario, &raw, NULL);
        scenario_wait(scenario, scenario_raw_is_open, &raw, 100);
        struct net_msg hello = {
            .type = NET_MSG_HELLO,
            .hello = {.version = NET_PROTOCOL_VERSION,
                      .token = bytes_of_string(player->token),
                      .session = bytes_of_string("s"),
                      .client = bytes_of_string("c")},
        };
        *(which == 0 ? &hello.hello.session : &hello.hello.client) = bytes_of("a\0b", 3);
        scenario_raw_send(&raw, &hello);
        scenario_wait(scenario, scenario_raw_is_closed, &raw, 100);
        assert_int_equal(raw.closed_code, NET_CLOSE_BAD_DATA);
    }
    assert_int_equal(backend_counts(scenario).verify_calls, 0);
    scenario_destroy(scenario);
}

static void leaving_while_verified_cancels_the_question(void **state)
{
    (void)state;
    struct scenario *scenario = scenario_create(NULL);
    struct scenario_player *goodbye = scenario_player(scenario, NULL, AUTH_FAKE_SLOW);
    struct scenario_player *cut = scenario_player(scenario, NULL, AUTH_FAKE_HANG);
    scenario_connect(goodbye);
    scenario_connect(cut);
    scenario_run_ms(scenario, 100);
    assert_int_equal(in_state(scenario, GAME_ADMISSION_VERIFYING), 2);
    assert_int_equal(scenario_session(scenario)->reserved, 2);
    scenario_leave(goodbye);
    scenario_run_ms(scenario, 100);
    assert_int_equal(in_state(scenario, GAME_ADMISSION_VERIFYING), 1);
    assert_int_equal(scenario_session(scenario)->reserved, 1);
    assert_int_equal(backend_counts(scenario).cancelled, 1);
    scenario_cut(cut);
    scenario_run_ms(scenario, 6000);
    assert_int_equal(backend_counts(scenario).cancelled, 2);
    nothing_is_held(scenario);
    scenario_destroy(scenario);
}

// Many wait for a slow backend while a race goes on: not a tick is missed, not an input is late.
static void a_slow_backend_does_not_touch_the_race(void **state)
{
    (void)state;
    struct scenario *scenario = scenario_create(NULL);
    struct scenario_player *racer = scenario_join(scenario);
    scenario_join(scenario);
    scenario_wait(scenario, scenario_is_racing, racer, 10000);
    for (unsigned i = 0; i < 30; i++) {
        scenario_connect(scenario_player(scenario, NULL, i % 3 ? AUTH_FAKE_SLOW : AUTH_FAKE_HANG));
    }
    uint64_t ticks = scenario_count(scenario, "paddock_ticks", NULL, NULL);
    uint64_t inputs = scenario_count(scenario, "paddock_inputs", "verdict", "taken");
    uint64_t snapshots = racer->snapshots;
    scenario_run_ms(scenario, 1000);
    assert_int_equal(in_state(scenario, GAME_ADMISSION_VERIFYING), 30);
    assert_int_equal(scenario_count(scenario, "paddock_ticks", NULL, NULL) - ticks, 60);
    assert_in_range(racer->snapshots - snapshots, 19, 21);
    inputs = scenario_count(scenario, "paddock_inputs", "verdict", "taken") - inputs;
    assert_in_range(inputs, 2 * 57, 2 * 63);
    scenario_run_ms(scenario, 6000);
    assert_int_equal(in_state(scenario, GAME_ADMISSION_VERIFYING), 0);
    assert_int_equal(in_state(scenario, GAME_ADMISSION_ADMITTED), 2 + 20);
    assert_int_equal(scenario_status(scenario).tick->lateness->max_ns, 0);
    assert_int_equal(scenario_inputs_late(racer), 0);
    scenario_destroy(scenario);
}

static void the_backend_gets_no_more_questions_at_once_than_allowed(void **state)
{
    (void)state;
    static const char *const settings[] = {"verify-max=3", "verify-queue-max=2", NULL};
    const struct scenario_options options = {.settings = settings};
    struct scenario *scenario = scenario_create(&options);
    for (unsigned i = 0; i < 6; i++) {
        scenario_connect(scenario_player(scenario, NULL, AUTH_FAKE_SLOW));
    }
    scenario_run_ms(scenario, 1000);
    assert_int_equal(backend_counts(scenario).under_way, 3);
    assert_int_equal(in_state(scenario, GAME_ADMISSION_VERIFYING), 5);
    unsigned refused = 0;
    for (unsigned i = 0; i < 6; i++) {
        refused += scenario->players[i]->closed_code == NET_CLOSE_BACKEND_DOWN;
    }
    assert_int_equal(refused, 1);
    scenario_run_ms(scenario, 2 * AUTH_FAKE_SLOW_MS);
    assert_int_equal(in_state(scenario, GAME_ADMISSION_ADMITTED), 5);
    assert_int_equal(backend_counts(scenario).under_way_max, 3);
    scenario_destroy(scenario);
}

static void a_token_travels_only_where_nobody_can_read_it(void **state)
{
    (void)state;
    for (unsigned allowed = 0; allowed < 2; allowed++) {
        static const char *const settings[] = {"allow-plaintext=true", NULL};
        const struct scenario_options options = {.settings = allowed ? settings : NULL};
        struct scenario *scenario = scenario_create(&options);
        struct scenario_player *player = scenario_player(scenario, NULL, AUTH_FAKE_YES);
        player->network = "confidential=0";
        scenario_connect(player);
        scenario_run_ms(scenario, 100);
        assert_int_equal(player->welcomed, allowed);
        assert_int_equal(player->closed_code, allowed ? 0 : NET_CLOSE_POLICY);
        assert_int_equal(backend_counts(scenario).verify_calls, allowed);
        scenario_destroy(scenario);
    }
}

// The number of those who have not proved themselves is bounded: nobody can take all places.
static void strangers_cannot_take_all_connections(void **state)
{
    (void)state;
    static const char *const settings[] = {"max-sessions=1", "players-per-session=2", NULL};
    const struct scenario_options options = {.settings = settings};
    struct scenario *scenario = scenario_create(&options);
    struct scenario_player *player = scenario_join(scenario);
    scenario_run_ms(scenario, 100);
    struct scenario_raw strangers[40];
    unsigned refused = 0, open = 0;
    for (size_t i = 0; i < BASE_COUNT(strangers); i++) {
        scenario_raw_dial(scenario, &strangers[i], NULL);
    }
    scenario_run_ms(scenario, 100);
    for (size_t i = 0; i < BASE_COUNT(strangers); i++) {
        refused += strangers[i].closed_code == NET_CLOSE_OVERLOADED;
        open += strangers[i].open;
    }
    assert_int_equal(open + refused, BASE_COUNT(strangers));
    assert_in_range(open, 1, 10);
    assert_non_null(player->client);
    // After their time is up there is room again.
    scenario_run_ms(scenario, 10000);
    struct scenario_player *second = scenario_join(scenario);
    scenario_wait(scenario, scenario_is_welcomed, second, 100);
    scenario_destroy(scenario);
}

static void flooding_ends_the_connection(void **state)
{
    (void)state;
    struct scenario *scenario = scenario_create(NULL);
    struct scenario_raw raw;
    scenario_raw_dial(scenario, &raw, NULL);
    scenario_wait(scenario, scenario_raw_is_open, &raw, 100);
    const struct net_msg ping = {.type = NET_MSG_PING};
    for (unsigned i = 0; i < 2 * 120; i++) { // the burst is twice --messages-per-second
        scenario_raw_send(&raw, &ping);
    }
    scenario_run_ms(scenario, 10);
    assert_true(raw.open);
    for (unsigned i = 0; i < 3; i++) {
        scenario_raw_send(&raw, &ping);
    }
    scenario_run_ms(scenario, 10);
    assert_int_equal(raw.closed_code, NET_CLOSE_FLOODING);
    nothing_is_held(scenario);
    scenario_destroy(scenario);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whoever_the_backend_does_not_know_is_kicked),
        cmocka_unit_test(a_malformed_token_is_refused_by_its_reason_before_the_backend_is_asked),
        cmocka_unit_test(who_says_nothing_is_closed_with_4001_and_a_ping_is_nothing),
        cmocka_unit_test(another_protocol_version_is_told_so),
        cmocka_unit_test(messages_of_another_state_are_dropped_and_counted),
        cmocka_unit_test(text_that_is_no_name_is_refused),
        cmocka_unit_test(leaving_while_verified_cancels_the_question),
        cmocka_unit_test(a_slow_backend_does_not_touch_the_race),
        cmocka_unit_test(the_backend_gets_no_more_questions_at_once_than_allowed),
        cmocka_unit_test(a_token_travels_only_where_nobody_can_read_it),
        cmocka_unit_test(strangers_cannot_take_all_connections),
        cmocka_unit_test(flooding_ends_the_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
