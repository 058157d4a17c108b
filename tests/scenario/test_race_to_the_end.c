// SPDX-License-Identifier: MIT
// The main job: players join, race, and the result reaches the backend.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "game/sessions.h"
#include "tests/support/scenario.h"

#define PLAYERS       8
#define RACE_LIMIT_MS 180000

static const char *text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    assert_non_null(text);
    return text;
}

// The report that the backend got, parsed; the caller releases it.
static json_t *parse_report(struct scenario *scenario, unsigned index)
{
    const struct auth_backend *backend = game_server_backend(scenario->server);
    const struct auth_fake_call_record *report = auth_fake_report_at(backend, index);
    assert_non_null(report);
    struct bytes_span body = bytes_buf_span(&report->body);
    json_t *result = json_loadb((const char *)body.data, body.size, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(result);
    assert_string_equal(report->key, text_at(result, "race_id"));
    assert_string_equal(report->subject, "");
    return result;
}

static struct scenario_player *player_of_id(struct scenario *scenario, const char *id)
{
    for (unsigned i = 0; i < scenario->player_count; i++) {
        if (strcmp(scenario->players[i]->id, id) == 0) {
            return scenario->players[i];
        }
    }
    fail_msg("nobody is %s", id);
    return NULL;
}

// What every player was told about everybody is what the backend was told.
static void same_standings(struct scenario *scenario, const json_t *result)
{
    const json_t *standings = json_object_get(result, "standings");
    assert_int_equal(json_array_size(standings), PLAYERS);
    uint32_t time_before = 0;
    for (size_t i = 0; i < PLAYERS; i++) {
        const json_t *standing = json_array_get(standings, i);
        const struct scenario_player *of = player_of_id(scenario, text_at(standing, "player_id"));
        uint32_t time_ms = (uint32_t)json_integer_value(json_object_get(standing, "time_ms"));
        assert_int_equal(json_integer_value(json_object_get(standing, "place")), i + 1);
        assert_true(json_is_null(json_object_get(standing, "dnf")));
        assert_true(time_ms >= time_before && time_ms > 0);
        time_before = time_ms;
        for (unsigned j = 0; j < scenario->player_count; j++) {
            const struct net_msg_result *told = &scenario->players[j]->result;
            assert_int_equal(told->count, PLAYERS);
            assert_int_equal(told->entries[i].slot, of->slot);
            assert_int_equal(told->entries[i].place, i + 1);
            assert_int_equal(told->entries[i].time_ms, time_ms);
        }
    }
}

static void everybody_finishes_and_the_backend_hears_of_it_once(void **state)
{
    (void)state;
    struct scenario *scenario = scenario_create(NULL);
    for (unsigned i = 0; i < PLAYERS; i++) {
        scenario_join(scenario);
    }
    scenario_wait(scenario, scenario_all_have_final_results, scenario, RACE_LIMIT_MS);
    scenario_run_ms(scenario, 1000);
    assert_int_equal(auth_fake_counts(game_server_backend(scenario->server)).report_calls, 1);
    json_t *result = parse_report(scenario, 0);
    for (unsigned i = 0; i < PLAYERS; i++) {
        const struct scenario_player *player = scenario->players[i];
        assert_int_equal(player->results, 1);
        assert_int_equal(player->results_final, 1);
        assert_true(player->result.final);
        assert_string_equal(player->result_race_id, text_at(result, "race_id"));
        assert_string_equal(player->session_name, text_at(result, "session"));
        assert_string_equal(player->map, text_at(result, "track"));
        // The last snapshot shows this player where the result puts him.
        const int32_t *kart = &player->values[player->entity * RACE_VALUES];
        assert_int_equal(kart[RACE_VALUE_STATUS] & RACE_STATUS_FINISHED, RACE_STATUS_FINISHED);
        const struct net_msg_result_entry *entry =
            &player->result.entries[kart[RACE_VALUE_PLACE] - 1];
        assert_int_equal(entry->slot, player->slot);
        assert_int_equal(entry->time_ms, kart[RACE_VALUE_TIME_MS]);
    }
    same_standings(scenario, result);
    json_decref(result);
    assert_int_equal(scenario_count(scenario, "paddock_races", "event", "started"), 1);
    assert_int_equal(scenario_count(scenario, "paddock_races", "event", "finished"), 1);
    assert_int_equal(scenario_count(scenario, "paddock_results_committed", NULL, NULL), 1);
    assert_int_equal(scenario_count(scenario, "paddock_inputs", "verdict", "late"), 0);
    assert_int_equal(scenario_count(scenario, "paddock_inputs", "verdict", "far"), 0);
    assert_int_equal(scenario_count(scenario, "paddock_inputs", "verdict", "forged"), 0);
    assert_int_equal(scenario_count(scenario, "paddock_ticks_skipped", NULL, NULL), 0);
    assert_int_equal(scenario->replay_count, 1);
    scenario_destroy(scenario);
}

// On a perfect network every tick has its input, and snapshots come at their rate.
static void nothing_is_lost_on_a_perfect_network(void **state)
{
    (void)state;
    struct scenario *scenario = scenario_create(NULL);
    struct scenario_player *player = scenario_join(scenario);
    scenario_join(scenario);
    scenario_wait(scenario, scenario_is_racing, player, 10000);
    scenario_run_ms(scenario, 1000);
    uint64_t snapshots = player->snapshots;
    uint64_t taken = scenario_count(scenario, "paddock_inputs", "verdict", "taken");
    scenario_run_ms(scenario, 10000);
    assert_in_range(player->snapshots - snapshots, 199, 201);
    taken = scenario_count(scenario, "paddock_inputs", "verdict", "taken") - taken;
    assert_in_range(taken, 2 * 598, 2 * 602);
    assert_int_equal(scenario_inputs_late(player), 0);
    scenario_destroy(scenario);
}

// The largest session there is.
static void a_full_grid_of_64_finishes(void **state)
{
    (void)state;
    static const char *const settings[] = {"players-per-session=64", "max-sessions=1",
                                           "connects-per-second=0", NULL};
    const struct scenario_options options = {.settings = settings};
    struct scenario *scenario = scenario_create(&options);
    for (unsigned i = 0; i < LIMIT_PLAYERS_PER_SESSION; i++) {
        scenario_join(scenario);
        scenario_run_ms(scenario, 10);
    }
    assert_int_equal(scenario_session(scenario)->phase, NET_PHASE_COUNTDOWN); // full: at once
    scenario_wait(scenario, scenario_all_have_final_results, scenario, RACE_LIMIT_MS);
    scenario_run_ms(scenario, 1000);
    for (unsigned i = 0; i < LIMIT_PLAYERS_PER_SESSION; i++) {
        const struct scenario_player *player = scenario->players[i];
        assert_int_equal(player->results_final, 1);
        assert_int_equal(player->result.count, LIMIT_PLAYERS_PER_SESSION);
        assert_int_equal(player->result.entries[i].place, i + 1);
    }
    assert_int_equal(auth_fake_counts(game_server_backend(scenario->server)).report_calls, 1);
    scenario_destroy(scenario);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everybody_finishes_and_the_backend_hears_of_it_once),
        cmocka_unit_test(nothing_is_lost_on_a_perfect_network),
        cmocka_unit_test(a_full_grid_of_64_finishes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
