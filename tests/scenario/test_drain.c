// SPDX-License-Identifier: MIT
// The way down: what SIGTERM does, without the signal.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "game/admission.h"
#include "game/sessions.h"
#include "tests/support/scenario.h"

#define RACE_LIMIT_MS 180000

struct race {
    struct scenario *scenario;
    struct scenario_player *a, *b;
};

static struct race race_of_two(const char *setting)
{
    const char *const settings[] = {"drain-timeout-ms=200000", setting, NULL};
    const struct scenario_options options = {.settings = settings};
    struct race race = {.scenario = scenario_create(&options)};
    race.a = scenario_join(race.scenario);
    race.b = scenario_join(race.scenario);
    scenario_wait(race.scenario, scenario_is_racing, race.a, 10000);
    scenario_run_ms(race.scenario, 2000);
    return race;
}

static unsigned reports(struct scenario *scenario)
{
    return auth_fake_counts(game_server_backend(scenario->server)).report_calls;
}

static bool is_told_final(void *context)
{
    const struct race *race = context;
    return race->a->results_final > 0 && race->b->results_final > 0;
}

static void a_race_under_way_ends_first_and_its_result_is_delivered(void **state)
{
    (void)state;
    struct race race = race_of_two(NULL);
    scenario_drain(race.scenario);
    scenario_run_ms(race.scenario, 5000);
    assert_int_equal(scenario_session(race.scenario)->phase, NET_PHASE_RACING);
    assert_true(scenario_status(race.scenario).draining);
    scenario_wait(race.scenario, is_told_final, &race, RACE_LIMIT_MS);
    assert_int_equal(race.a->closed_code, 0); // first the result, then the end
    scenario_wait(race.scenario, scenario_is_stopped, race.scenario, 1000);
    assert_int_equal(race.a->closed_code, NET_CLOSE_GOING_AWAY);
    assert_int_equal(race.b->closed_code, NET_CLOSE_GOING_AWAY);
    assert_int_equal(reports(race.scenario), 1);
    assert_int_equal(scenario_count(race.scenario, "paddock_races", "event", "started"), 1);
    scenario_destroy(race.scenario);
}

static void nobody_new_gets_in(void **state)
{
    (void)state;
    struct race race = race_of_two(NULL);
    struct scenario_raw mute;
    scenario_raw_dial(race.scenario, &mute, NULL);
    struct scenario_player *verifying = scenario_player(race.scenario, NULL, AUTH_FAKE_SLOW);
    scenario_connect(verifying);
    scenario_run_ms(race.scenario, 100);
    scenario_drain(race.scenario);
    scenario_run_ms(race.scenario, 100);
    assert_int_equal(mute.closed_code, NET_CLOSE_GOING_AWAY);
    assert_int_equal(verifying->closed_code, NET_CLOSE_GOING_AWAY);
    assert_int_equal(scenario_session(race.scenario)->reserved, 0);
    struct scenario_player *late = scenario_join(race.scenario);
    scenario_run_ms(race.scenario, 100);
    assert_int_not_equal(late->closed_code, 0);
    assert_false(late->welcomed);
    assert_non_null(race.a->client);
    scenario_destroy(race.scenario);
}

static void without_a_race_it_ends_at_once(void **state)
{
    (void)state;
    static const char *const settings[] = {"lobby-ms=10000", "countdown-ms=10000", NULL};
    static const uint64_t waits_ms[] = {0, 5000, 15000}; // empty, in the lobby, in the countdown
    for (size_t i = 0; i < BASE_COUNT(waits_ms); i++) {
        const struct scenario_options options = {.settings = settings};
        struct scenario *scenario = scenario_create(&options);
        if (waits_ms[i] > 0) {
            scenario_join(scenario);
            scenario_join(scenario);
            scenario_run_ms(scenario, waits_ms[i]);
        }
        uint64_t before_ms = scenario_now_ms(scenario);
        scenario_drain(scenario);
        scenario_wait(scenario, scenario_is_stopped, scenario, 1000);
        assert_in_range(scenario_now_ms(scenario) - before_ms, 0, 100);
        for (unsigned j = 0; j < scenario->player_count; j++) {
            assert_int_equal(scenario->players[j]->closed_code, NET_CLOSE_GOING_AWAY);
        }
        assert_int_equal(scenario_count(scenario, "paddock_races", "event", "started"), 0);
        assert_int_equal(reports(scenario), 0);
        scenario_destroy(scenario);
    }
}

static void intermission_is_cut_short(void **state)
{
    (void)state;
    struct race race = race_of_two("intermission-ms=600000");
    scenario_wait(race.scenario, is_told_final, &race, RACE_LIMIT_MS);
    scenario_drain(race.scenario);
    scenario_wait(race.scenario, scenario_is_stopped, race.scenario, 1000);
    assert_int_equal(race.a->closed_code, NET_CLOSE_GOING_AWAY);
    assert_int_equal(reports(race.scenario), 1);
    scenario_destroy(race.scenario);
}

static void a_race_that_takes_too_long_is_given_up(void **state)
{
    (void)state;
    struct race race = race_of_two("drain-timeout-ms=3000");
    scenario_drain(race.scenario);
    scenario_run_ms(race.scenario, 2900);
    assert_non_null(race.a->client);
    scenario_wait(race.scenario, scenario_is_stopped, race.scenario, 300);
    assert_int_equal(race.a->closed_code, NET_CLOSE_GOING_AWAY);
    assert_int_equal(race.a->results, 0);
    assert_int_equal(reports(race.scenario), 0);
    scenario_destroy(race.scenario);
}

static void the_second_call_ends_at_once(void **state)
{
    (void)state;
    struct race race = race_of_two(NULL);
    scenario_drain(race.scenario);
    scenario_run_ms(race.scenario, 1000);
    assert_false(game_server_stopped(race.scenario->server));
    scenario_drain(race.scenario);
    assert_true(game_server_stopped(race.scenario->server));
    scenario_destroy(race.scenario);
}

// The backend takes nothing: the server waits for it a little, then leaves the result to its
// successor.
static void an_undeliverable_result_does_not_hold_the_server_for_ever(void **state)
{
    (void)state;
    struct race race = race_of_two(NULL);
    auth_fake_set_report(game_server_backend(race.scenario->server), AUTH_FAKE_RETRY, 1000000);
    scenario_drain(race.scenario);
    scenario_wait(race.scenario, is_told_final, &race, RACE_LIMIT_MS);
    scenario_run_ms(race.scenario, 4000);
    assert_int_equal(race.a->closed_code, NET_CLOSE_GOING_AWAY); // players need not wait
    assert_false(game_server_stopped(race.scenario->server));
    scenario_wait(race.scenario, scenario_is_stopped, race.scenario, 2000);
    assert_true(reports(race.scenario) > 2);
    assert_int_equal(auth_outbox_count(scenario_status(race.scenario).outbox, AUTH_OUTBOX_PENDING),
                     1);
    scenario_destroy(race.scenario);
}

// Neither does a player who no longer answers.
static void a_dead_connection_does_not_hold_the_server_for_ever(void **state)
{
    (void)state;
    struct race race = race_of_two("drain-timeout-ms=1000");
    scenario_cut(race.a);
    scenario_drain(race.scenario);
    scenario_wait(race.scenario, scenario_is_stopped, race.scenario, 1000 + 2100);
    assert_int_equal(race.b->closed_code, NET_CLOSE_GOING_AWAY);
    scenario_destroy(race.scenario);
}

static void a_server_may_be_destroyed_in_the_middle_of_everything(void **state)
{
    (void)state;
    struct race race = race_of_two("players-per-session=4");
    for (unsigned i = 0; i < 10; i++) {
        scenario_connect(
            scenario_player(race.scenario, NULL, i % 2 ? AUTH_FAKE_HANG : AUTH_FAKE_SLOW));
    }
    struct scenario_raw mute;
    scenario_raw_dial(race.scenario, &mute, NULL);
    scenario_run_ms(race.scenario, 500);
    scenario_destroy(race.scenario); // AddressSanitizer watches
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_race_under_way_ends_first_and_its_result_is_delivered),
        cmocka_unit_test(nobody_new_gets_in),
        cmocka_unit_test(without_a_race_it_ends_at_once),
        cmocka_unit_test(intermission_is_cut_short),
        cmocka_unit_test(a_race_that_takes_too_long_is_given_up),
        cmocka_unit_test(the_second_call_ends_at_once),
        cmocka_unit_test(an_undeliverable_result_does_not_hold_the_server_for_ever),
        cmocka_unit_test(a_dead_connection_does_not_hold_the_server_for_ever),
        cmocka_unit_test(a_server_may_be_destroyed_in_the_middle_of_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
