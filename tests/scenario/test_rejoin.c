// SPDX-License-Identifier: MIT
// Players who drop, come back, leave, or come late.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "game/sessions.h"
#include "tests/support/scenario.h"

#define RACE_LIMIT_MS 180000
#define NOTICE_MS     (NET_MEMORY_TIMEOUT_NS / CLOCK_NS_PER_MS)

struct race {
    struct scenario *scenario;
    struct scenario_player *a, *b;
};

// `a` and `b` on the road for a few seconds. A drop is noticed after NOTICE_MS.
static struct race race_of_two(const char *setting)
{
    const char *const settings[] = {"rejoin-grace-ms=15000", "players-per-session=4",
                                    "session-idle-ms=4000", setting, NULL};
    const struct scenario_options options = {.settings = settings};
    struct race race = {.scenario = scenario_create(&options)};
    race.a = scenario_join(race.scenario);
    race.b = scenario_join(race.scenario);
    scenario_wait(race.scenario, scenario_is_racing, race.a, 10000);
    scenario_run_ms(race.scenario, 4000);
    return race;
}

// `a` did not finish because he left, `b` won.
static void a_is_out_and_b_has_won(struct race *race)
{
    scenario_wait(race->scenario, scenario_has_final_result, race->b, RACE_LIMIT_MS);
    assert_int_equal(race->b->result.count, 2);
    assert_int_equal(race->b->result.entries[0].slot, race->b->slot);
    assert_int_equal(race->b->result.entries[0].place, 1);
    assert_int_equal(race->b->result.entries[1].slot, race->a->slot);
    assert_int_equal(race->b->result.entries[1].place, 0);
    const struct auth_backend *backend = game_server_backend(race->scenario->server);
    const struct auth_fake_call_record *report = auth_fake_report_at(backend, 0);
    assert_non_null(report);
    static const char expected[] =
        "{\"player_id\":\"P1\",\"place\":2,\"time_ms\":null,\"dnf\":\"left\"}";
    assert_non_null(memmem(report->body.memory + report->body.start, report->body.size, expected,
                           sizeof(expected) - 1));
}

static void whoever_comes_back_in_time_has_his_kart_again_and_finishes(void **state)
{
    (void)state;
    struct race race = race_of_two(NULL);
    uint32_t slot = race.a->slot, entity = race.a->entity;
    scenario_cut(race.a);
    scenario_wait(race.scenario, scenario_is_closed, race.a, NOTICE_MS + 100);
    assert_int_equal(race.a->closed_code, NET_CLOSE_LOST);
    scenario_run_ms(race.scenario, 14000); // just within the grace time
    assert_int_equal(race.b->roster_count, 2);
    assert_int_equal(race.b->roster_connected, 1);
    scenario_connect(race.a);
    scenario_wait(race.scenario, scenario_is_racing, race.a, 200);
    assert_true(race.a->resumed);
    assert_int_equal(race.a->slot, slot);
    assert_int_equal(race.a->entity, entity);
    scenario_run_ms(race.scenario, 50);
    assert_int_equal(race.b->roster_connected, 2);
    scenario_wait(race.scenario, scenario_has_final_result, race.a, RACE_LIMIT_MS);
    assert_int_equal(race.a->result.entries[1].place, 2);
    assert_int_equal(race.a->result.entries[1].slot, slot); // the pause has cost him the win
    assert_int_equal(scenario_count(race.scenario, "paddock_seats", "event", "drop"), 1);
    assert_int_equal(scenario_count(race.scenario, "paddock_seats", "event", "resume"), 1);
    assert_int_equal(scenario_count(race.scenario, "paddock_seats", "event", "leave"), 0);
    scenario_destroy(race.scenario);
}

// --duplicate-player refuse is about connections that are there, not about seats that are kept.
static void a_kept_seat_is_handed_back_where_twins_are_refused(void **state)
{
    (void)state;
    struct race race = race_of_two("duplicate-player=refuse");
    scenario_cut(race.a);
    scenario_run_ms(race.scenario, NOTICE_MS + 100);
    scenario_connect(race.a);
    scenario_run_ms(race.scenario, 100);
    assert_true(race.a->resumed);
    assert_int_equal(race.a->phase, NET_PHASE_RACING);
    scenario_destroy(race.scenario);
}

static void whoever_comes_back_too_late_waits_for_the_next_race(void **state)
{
    (void)state;
    struct race race = race_of_two("rejoin-grace-ms=2000");
    scenario_cut(race.a);
    scenario_run_ms(race.scenario, NOTICE_MS + 1900);
    assert_int_equal(race.b->roster_count, 2);
    scenario_run_ms(race.scenario, 200);
    assert_int_equal(race.b->roster_count, 1);
    assert_int_equal(scenario_session(race.scenario)->phase, NET_PHASE_RACING);
    scenario_connect(race.a);
    scenario_run_ms(race.scenario, 200);
    assert_true(race.a->welcomed);
    assert_false(race.a->resumed);
    assert_int_equal(race.a->entity, 0xff);
    a_is_out_and_b_has_won(&race);
    scenario_wait(race.scenario, scenario_is_racing, race.a, 10000); // the next one
    scenario_destroy(race.scenario);
}

static void goodbye_is_a_dnf_at_once(void **state)
{
    (void)state;
    struct race race = race_of_two(NULL);
    scenario_leave(race.a);
    scenario_run_ms(race.scenario, 50);
    assert_int_equal(race.b->roster_count, 1);
    a_is_out_and_b_has_won(&race);
    scenario_destroy(race.scenario);
}

// Dropped, not back yet, and the race is over: others do not wait for him in the lobby, and he gets
// a seat like anybody.
static void a_seat_kept_in_vain_is_free_in_the_next_lobby(void **state)
{
    (void)state;
    struct race race = race_of_two("rejoin-grace-ms=600000");
    scenario_run_ms(race.scenario, 10000);
    scenario_cut(race.a);
    scenario_run_ms(race.scenario, NOTICE_MS);
    // A race that nobody else runs ends when its time is up: 180 s.
    scenario_wait(race.scenario, scenario_has_final_result, race.b, 200000);
    assert_int_equal(race.b->result.entries[1].place, 0);
    assert_int_equal(race.b->roster_count, 2);
    scenario_wait(race.scenario, scenario_is_in_lobby, race.b, 3000);
    scenario_run_ms(race.scenario, 50);
    assert_int_equal(race.b->roster_count, 1);
    scenario_connect(race.a);
    scenario_run_ms(race.scenario, 100);
    assert_true(race.a->welcomed);
    assert_false(race.a->resumed);
    scenario_destroy(race.scenario);
}

// Who comes back between the end of the race and the next lobby still hears what counts.
static void whoever_comes_back_after_the_race_hears_the_final_result(void **state)
{
    (void)state;
    struct race race = race_of_two("rejoin-grace-ms=600000");
    race.a->idle = true;
    scenario_run_ms(race.scenario, 150000);
    scenario_cut(race.a);
    scenario_wait(race.scenario, scenario_has_final_result, race.b, 60000);
    assert_int_equal(race.a->results_final, 0);
    scenario_connect(race.a);
    scenario_run_ms(race.scenario, 100);
    assert_true(race.a->resumed);
    assert_int_equal(race.a->phase, NET_PHASE_FINISHED);
    assert_int_equal(race.a->results_final, 1);
    assert_string_equal(race.a->result_race_id, race.b->result_race_id);
    scenario_destroy(race.scenario);
}

static void a_late_comer_watches_and_waits_for_the_next_race(void **state)
{
    (void)state;
    struct race race = race_of_two(NULL);
    struct scenario_player *late = scenario_join(race.scenario);
    scenario_run_ms(race.scenario, 1000);
    assert_int_equal(late->phase, NET_PHASE_RACING);
    assert_int_equal(late->entity, 0xff);
    assert_string_equal(late->race_id, race.a->race_id);
    assert_string_equal(late->map, race.a->map);
    assert_non_null(late->course); // he was given the map
    assert_in_range(late->snapshots, 17, 21);
    uint64_t taken = scenario_count(race.scenario, "paddock_inputs", "verdict", "taken");
    assert_true(taken > 0);
    scenario_wait(race.scenario, scenario_has_final_result, late, RACE_LIMIT_MS);
    assert_int_equal(late->result.count, 2);
    scenario_wait(race.scenario, scenario_is_racing, late, 10000);
    assert_string_not_equal(late->race_id, late->result_race_id);
    assert_true(late->entity < 3);
    scenario_wait(race.scenario, scenario_is_finished, late, RACE_LIMIT_MS);
    scenario_run_ms(race.scenario, 100);
    assert_int_equal(late->result.count, 3);
    scenario_destroy(race.scenario);
}

static void when_all_leave_the_race_ends_and_then_the_session(void **state)
{
    (void)state;
    struct race race = race_of_two(NULL);
    scenario_leave(race.a);
    scenario_leave(race.b);
    scenario_run_ms(race.scenario, 500);
    assert_int_equal(scenario_session(race.scenario)->phase, NET_PHASE_FINISHED);
    assert_int_equal(scenario_count(race.scenario, "paddock_races", "event", "finished"), 1);
    const struct auth_backend *backend = game_server_backend(race.scenario->server);
    assert_int_equal(auth_fake_counts(backend).report_calls, 1); // two DNFs are a result too
    scenario_run_ms(race.scenario, 2000 + 3500); // intermission, almost --session-idle-ms
    assert_non_null(scenario_session(race.scenario));
    scenario_run_ms(race.scenario, 600);
    assert_null(scenario_session(race.scenario));
    // An empty server sleeps.
    uint64_t ticks = scenario_count(race.scenario, "paddock_ticks", NULL, NULL);
    scenario_run_ms(race.scenario, 60000);
    assert_int_equal(scenario_count(race.scenario, "paddock_ticks", NULL, NULL), ticks);
    // And wakes up for the next player.
    struct scenario_player *next = scenario_join(race.scenario);
    scenario_run_ms(race.scenario, 1000);
    assert_true(next->welcomed);
    ticks = scenario_count(race.scenario, "paddock_ticks", NULL, NULL) - ticks;
    assert_in_range(ticks, 59, 60);
    scenario_destroy(race.scenario);
}

// All drop and nobody comes back: the race waits for the grace time, not for its time limit.
static void when_all_drop_the_race_ends_after_the_grace_time(void **state)
{
    (void)state;
    struct race race = race_of_two(NULL);
    scenario_cut(race.a);
    scenario_cut(race.b);
    scenario_run_ms(race.scenario, NOTICE_MS + 14900);
    assert_int_equal(scenario_session(race.scenario)->phase, NET_PHASE_RACING);
    scenario_run_ms(race.scenario, 200);
    assert_int_equal(scenario_session(race.scenario)->phase, NET_PHASE_FINISHED);
    scenario_run_ms(race.scenario, 2000 + 4100);
    assert_null(scenario_session(race.scenario));
    assert_int_equal(scenario_count(race.scenario, "paddock_seats", "event", "leave"), 2);
    scenario_destroy(race.scenario);
}

static void a_drop_in_the_countdown_keeps_the_place_on_the_grid(void **state)
{
    (void)state;
    static const char *const settings[] = {"countdown-ms=10000", NULL};
    const struct scenario_options options = {.settings = settings};
    struct scenario *scenario = scenario_create(&options);
    struct scenario_player *a = scenario_join(scenario);
    struct scenario_player *b = scenario_join(scenario);
    scenario_run_ms(scenario, 2500);
    assert_int_equal(a->phase, NET_PHASE_COUNTDOWN);
    uint32_t entity = a->entity;
    scenario_cut(a);
    scenario_run_ms(scenario, NOTICE_MS + 100);
    scenario_connect(a);
    scenario_wait(scenario, scenario_is_racing, a, 10000);
    assert_true(a->resumed);
    assert_int_equal(a->entity, entity);
    scenario_wait(scenario, scenario_has_final_result, b, RACE_LIMIT_MS);
    assert_int_equal(b->result.entries[1].place, 2);
    scenario_destroy(scenario);
}

static void goodbye_in_the_countdown_is_a_dnf(void **state)
{
    (void)state;
    struct scenario *scenario = scenario_create(NULL);
    struct scenario_player *a = scenario_join(scenario);
    struct race race = {scenario, a, scenario_join(scenario)};
    scenario_run_ms(scenario, 2500);
    assert_int_equal(a->phase, NET_PHASE_COUNTDOWN);
    scenario_leave(a);
    a_is_out_and_b_has_won(&race);
    scenario_destroy(scenario);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whoever_comes_back_in_time_has_his_kart_again_and_finishes),
        cmocka_unit_test(a_kept_seat_is_handed_back_where_twins_are_refused),
        cmocka_unit_test(whoever_comes_back_too_late_waits_for_the_next_race),
        cmocka_unit_test(goodbye_is_a_dnf_at_once),
        cmocka_unit_test(a_seat_kept_in_vain_is_free_in_the_next_lobby),
        cmocka_unit_test(whoever_comes_back_after_the_race_hears_the_final_result),
        cmocka_unit_test(a_late_comer_watches_and_waits_for_the_next_race),
        cmocka_unit_test(when_all_leave_the_race_ends_and_then_the_session),
        cmocka_unit_test(when_all_drop_the_race_ends_after_the_grace_time),
        cmocka_unit_test(a_drop_in_the_countdown_keeps_the_place_on_the_grid),
        cmocka_unit_test(goodbye_in_the_countdown_is_a_dnf),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
