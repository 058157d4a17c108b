// SPDX-License-Identifier: MIT
// The phases of a session by the clock: lobby, countdown, race, intermission, and the next one.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "game/sessions.h"
#include "tests/support/scenario.h"

#define RACE_LIMIT_MS 180000

static struct scenario *with(const char *const *settings)
{
    const struct scenario_options options = {.settings = settings};
    return scenario_create(&options);
}

static enum net_phase phase_after(struct scenario *scenario, uint64_t milliseconds)
{
    scenario_run_ms(scenario, milliseconds);
    return scenario_session(scenario)->phase;
}

static void the_lobby_waits_for_enough_players_and_then_its_time(void **state)
{
    (void)state;
    static const char *const settings[] = {"min-players=3", "lobby-ms=5000", NULL};
    struct scenario *scenario = with(settings);
    scenario_join(scenario);
    struct scenario_player *second = scenario_join(scenario);
    assert_int_equal(phase_after(scenario, 60000), NET_PHASE_LOBBY);
    assert_int_equal(second->phase_ends_tick, 0); // open
    scenario_join(scenario);
    assert_int_equal(phase_after(scenario, 100), NET_PHASE_LOBBY);
    assert_int_equal(second->phase_ends_tick - second->phase_tick, 5 * 60);
    assert_int_equal(phase_after(scenario, 4850), NET_PHASE_LOBBY);
    assert_int_equal(phase_after(scenario, 100), NET_PHASE_COUNTDOWN);
    assert_int_equal(second->phase, NET_PHASE_COUNTDOWN);
    assert_int_equal(second->phase_ends_tick - second->phase_tick, 60);
    assert_int_equal(phase_after(scenario, 900), NET_PHASE_COUNTDOWN);
    assert_int_equal(phase_after(scenario, 120), NET_PHASE_RACING);
    scenario_destroy(scenario);
}

static void the_lobbys_time_begins_anew_when_too_few_are_left(void **state)
{
    (void)state;
    static const char *const settings[] = {"lobby-ms=5000", NULL};
    struct scenario *scenario = with(settings);
    struct scenario_player *stays = scenario_join(scenario);
    struct scenario_player *goes = scenario_join(scenario);
    scenario_run_ms(scenario, 4000);
    assert_true(stays->phase_ends_tick > 0);
    scenario_leave(goes);
    assert_int_equal(phase_after(scenario, 3000), NET_PHASE_LOBBY);
    assert_int_equal(stays->phase_ends_tick, 0);
    scenario_join(scenario);
    assert_int_equal(phase_after(scenario, 4900), NET_PHASE_LOBBY);
    assert_int_equal(phase_after(scenario, 200), NET_PHASE_COUNTDOWN);
    scenario_destroy(scenario);
}

static void a_full_session_starts_at_once(void **state)
{
    (void)state;
    static const char *const settings[] = {"lobby-ms=600000", "players-per-session=3", NULL};
    struct scenario *scenario = with(settings);
    scenario_join(scenario);
    scenario_join(scenario);
    assert_int_equal(phase_after(scenario, 10000), NET_PHASE_LOBBY);
    scenario_join(scenario);
    assert_int_equal(phase_after(scenario, 50), NET_PHASE_COUNTDOWN);
    scenario_destroy(scenario);
}

static void without_waits_a_race_follows_the_other(void **state)
{
    (void)state;
    static const char *const settings[] = {"lobby-ms=0",         "countdown-ms=0",
                                           "intermission-ms=0",  "min-players=1",
                                           "time-limit-ms=1000", NULL};
    struct scenario *scenario = with(settings);
    struct scenario_player *player = scenario_join(scenario);
    assert_int_equal(phase_after(scenario, 50), NET_PHASE_RACING);
    scenario_run_ms(scenario, 10000);
    assert_in_range(player->results_final, 8, 10);
    assert_int_equal(player->result.entries[0].place, 0); // a second is too short
    scenario_destroy(scenario);
}

static void tracks_take_turns(void **state)
{
    (void)state;
    static const char *const settings[] = {"time-limit-ms=1000", NULL};
    struct scenario *scenario = with(settings);
    struct scenario_player *player = scenario_join(scenario);
    scenario_join(scenario);
    const struct game_sim *race = game_sim_find("race");
    unsigned maps = 0;
    while (race->builtin_map(maps)) {
        maps++;
    }
    assert_true(maps >= 2);
    for (unsigned i = 0; i < 2 * maps; i++) {
        scenario_wait(scenario, scenario_is_racing, player, 10000);
        assert_string_equal(player->map, race->builtin_map(i % maps)->name);
        scenario_wait(scenario, scenario_is_finished, player, 5000);
    }
    scenario_destroy(scenario);
}

static void one_track_may_be_chosen(void **state)
{
    (void)state;
    const char *name = game_sim_find("race")->builtin_map(1)->name;
    char track[80];
    snprintf(track, sizeof(track), "track=%s", name);
    const char *const settings[] = {"time-limit-ms=1000", track, NULL};
    struct scenario *scenario = with(settings);
    struct scenario_player *player = scenario_join(scenario);
    scenario_join(scenario);
    for (unsigned i = 0; i < 3; i++) {
        scenario_wait(scenario, scenario_is_racing, player, 10000);
        assert_string_equal(player->map, name);
        scenario_wait(scenario, scenario_is_finished, player, 5000);
    }
    scenario_destroy(scenario);
}

static void the_session_ends_after_its_races(void **state)
{
    (void)state;
    static const char *const settings[] = {"races-per-session=2", "time-limit-ms=2000", NULL};
    struct scenario *scenario = with(settings);
    struct scenario_player *a = scenario_join(scenario);
    struct scenario_player *b = scenario_join(scenario);
    scenario_wait(scenario, scenario_is_closed, a, 30000);
    scenario_run_ms(scenario, 100);
    assert_int_equal(a->closed_code, NET_CLOSE_SESSION_OVER);
    assert_int_equal(b->closed_code, NET_CLOSE_SESSION_OVER);
    assert_int_equal(a->results_final, 2);
    assert_int_equal(a->phases[NET_PHASE_RACING], 2);
    assert_null(scenario_session(scenario));
    // The same names lead to a new session.
    struct scenario_player *c = scenario_join(scenario);
    scenario_run_ms(scenario, 100);
    assert_true(c->welcomed);
    assert_string_not_equal(c->session_id, a->session_id);
    scenario_destroy(scenario);
}

// A race in which nobody moves ends by the clock, with everybody out of time.
static void the_time_limit_ends_the_race(void **state)
{
    (void)state;
    static const char *const settings[] = {"time-limit-ms=30000", NULL};
    struct scenario *scenario = with(settings);
    struct scenario_player *a = scenario_join(scenario);
    scenario_join(scenario)->idle = true;
    a->idle = true;
    scenario_wait(scenario, scenario_is_racing, a, 10000);
    scenario_run_ms(scenario, 29900);
    assert_int_equal(a->results, 0);
    scenario_run_ms(scenario, 200);
    assert_int_equal(a->results, 1);
    const struct auth_fake_call_record *report =
        auth_fake_report_at(game_server_backend(scenario->server), 0);
    assert_non_null(report);
    static const char expected[] = "\"dnf\":\"time_limit\"}]}";
    assert_memory_equal(report->body.memory + report->body.start + report->body.size -
                            (sizeof(expected) - 1),
                        expected, sizeof(expected) - 1);
    scenario_destroy(scenario);
}

static void sessions_run_side_by_side_without_touching_each_other(void **state)
{
    (void)state;
    static const char *const settings[] = {"players-per-session=2", NULL};
    struct scenario *scenario = with(settings);
    for (unsigned i = 0; i < 8; i++) {
        scenario_join(scenario);
        scenario_run_ms(scenario, 700);
    }
    assert_int_equal(game_sessions_count(scenario_status(scenario).sessions), 4);
    scenario_wait(scenario, scenario_all_have_final_results, scenario, RACE_LIMIT_MS);
    for (unsigned i = 0; i < 8; i++) {
        const struct scenario_player *player = scenario->players[i];
        assert_string_equal(player->result_race_id, scenario->players[i ^ 1]->result_race_id);
        assert_int_equal(player->result.count, 2);
        for (unsigned j = 0; j < i / 2 * 2; j++) {
            assert_string_not_equal(player->result_race_id, scenario->players[j]->result_race_id);
        }
    }
    scenario_destroy(scenario);
}

// All of it at other rates: the numbers in messages are ticks of that rate.
static void other_tick_rates_keep_the_times(void **state)
{
    (void)state;
    static const struct {
        const char *tick_rate, *snapshot_rate;
        unsigned per_second, snapshots;
    } rows[] = {
        {"tick-rate=10", "snapshot-rate=10", 10, 10},
        {"tick-rate=30", "snapshot-rate=20", 30, 20},
        {"tick-rate=128", "snapshot-rate=20", 128, 20},
        {"tick-rate=128", "snapshot-rate=128", 128, 128},
        {"tick-rate=60", "snapshot-rate=1", 60, 1},
    };
    for (size_t i = 0; i < BASE_COUNT(rows); i++) {
        const char *const settings[] = {rows[i].tick_rate, rows[i].snapshot_rate,
                                        "messages-per-second=400", NULL};
        struct scenario *scenario = with(settings);
        struct scenario_player *a = scenario_join(scenario);
        scenario_join(scenario);
        scenario_wait(scenario, scenario_is_racing, a, 10000);
        uint64_t ticks = scenario_count(scenario, "paddock_ticks", NULL, NULL);
        uint64_t snapshots = a->snapshots;
        scenario_run_ms(scenario, 10000);
        ticks = scenario_count(scenario, "paddock_ticks", NULL, NULL) - ticks;
        assert_in_range(ticks, 10 * rows[i].per_second - 1, 10 * rows[i].per_second + 1);
        assert_in_range(a->snapshots - snapshots, 10 * rows[i].snapshots - 1,
                        10 * rows[i].snapshots + 1);
        scenario_wait(scenario, scenario_has_final_result, a, RACE_LIMIT_MS);
        // Both get home, even by one picture a second.
        assert_int_equal(a->result.entries[1].place, 2);
        scenario_destroy(scenario);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_lobby_waits_for_enough_players_and_then_its_time),
        cmocka_unit_test(the_lobbys_time_begins_anew_when_too_few_are_left),
        cmocka_unit_test(a_full_session_starts_at_once),
        cmocka_unit_test(without_waits_a_race_follows_the_other),
        cmocka_unit_test(tracks_take_turns),
        cmocka_unit_test(one_track_may_be_chosen),
        cmocka_unit_test(the_session_ends_after_its_races),
        cmocka_unit_test(the_time_limit_ends_the_race),
        cmocka_unit_test(sessions_run_side_by_side_without_touching_each_other),
        cmocka_unit_test(other_tick_rates_keep_the_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
