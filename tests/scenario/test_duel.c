// SPDX-License-Identifier: MIT
// Another game through the whole server: the seam of game/sim.h is enough, no other file knows.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "game/sessions.h"
#include "tests/support/scenario.h"
#include "tests/support/sim_duel.h"

static struct scenario *duel(const char *const *settings)
{
    const struct scenario_options options = {.sim = &duel_sim, .settings = settings};
    return scenario_create(&options);
}

// The higher the number, the faster: player 4 adds 4 a tick.
static void drive_steadily(struct scenario_player *player, uint32_t tick, uint8_t *input)
{
    (void)tick;
    input[0] = (uint8_t)player->number;
}

static void drive_forged(struct scenario_player *player, uint32_t tick, uint8_t *input)
{
    (void)player, (void)tick;
    input[0] = 255;
}

static void join(struct scenario *scenario, unsigned count, const char *network)
{
    for (unsigned i = 0; i < count; i++) {
        struct scenario_player *player = scenario_player(scenario, NULL, AUTH_FAKE_YES);
        player->drive = drive_steadily;
        player->network = network;
        scenario_connect(player);
    }
}

static void a_duel_is_decided_by_what_its_rules_say(void **state)
{
    (void)state;
    static const char *const networks[] = {"", "loss=100&delay_ms=40&jitter_ms=20&duplicate=50"};
    for (size_t n = 0; n < BASE_COUNT(networks); n++) {
        struct scenario *scenario = duel(NULL);
        join(scenario, 4, networks[n]);
        scenario_wait(scenario, scenario_all_have_final_results, scenario, 60000);
        scenario_run_ms(scenario, 1000); // the last snapshot of the duel is there
        const struct scenario_player *player = scenario->players[0];
        assert_string_equal(player->map, "thousand");
        assert_int_equal(player->values_per_entity, DUEL_VALUES);
        assert_int_equal(player->result.count, 4);
        for (unsigned i = 0; i < 4; i++) {
            const struct scenario_player *of = scenario->players[3 - i];
            assert_int_equal(player->result.entries[i].slot, of->slot);
            assert_int_equal(player->result.entries[i].place, i + 1);
            // 1000 in steps of 4, 3, 2, 1 at 60 a second, a few inputs late at the start.
            uint32_t least_ms = (1000 + of->number - 1) / of->number * 1000 / 60;
            assert_in_range(player->result.entries[i].time_ms, least_ms - 1, least_ms + 600);
            const int32_t *mine = &of->values[of->entity * DUEL_VALUES];
            assert_true(mine[DUEL_VALUE_COUNT] >= 1000);
            assert_int_equal(mine[DUEL_VALUE_PLACE], i + 1);
        }
        assert_int_equal(scenario->replay_count, 1);
        scenario_destroy(scenario);
    }
}

static void its_own_limits_hold(void **state)
{
    (void)state;
    struct scenario *scenario = duel(NULL);
    join(scenario, 2, NULL);
    scenario->players[1]->drive = drive_forged;
    scenario_wait(scenario, scenario_has_final_result, scenario->players[0], 60000);
    assert_true(scenario_count(scenario, "paddock_inputs", "verdict", "forged") >= 90);
    // 255 a tick would take 4 ticks; 10 a tick takes 100.
    assert_in_range(scenario->players[0]->result.entries[0].time_ms, 1666, 2300);
    scenario_destroy(scenario);
}

static void it_is_reported_under_its_own_name(void **state)
{
    (void)state;
    struct scenario *scenario = duel(NULL);
    join(scenario, 2, NULL);
    scenario_wait(scenario, scenario_all_have_final_results, scenario, 60000);
    scenario_run_ms(scenario, 100);
    const struct auth_fake_call_record *report =
        auth_fake_report_at(game_server_backend(scenario->server), 0);
    assert_non_null(report);
    static const char expected[] = "\"game\":\"duel\",\"track\":\"thousand\"";
    assert_non_null(memmem(report->body.memory + report->body.start, report->body.size, expected,
                           sizeof(expected) - 1));
    scenario_destroy(scenario);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_duel_is_decided_by_what_its_rules_say),
        cmocka_unit_test(its_own_limits_hold),
        cmocka_unit_test(it_is_reported_under_its_own_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
