// SPDX-License-Identifier: MIT
// Races over networks that lose, delay, shuffle and duplicate. The harness verifies every replay
// (the server's state hashes against a second run of the same inputs) and every snapshot's checksum
// at every client.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/support/scenario.h"

#define PLAYERS       4
#define RACE_LIMIT_MS 240000

// A race of PLAYERS on that network, to its end.
static struct scenario *race(const char *network, uint64_t seed)
{
    const struct scenario_options options = {.seed = seed};
    struct scenario *scenario = scenario_create(&options);
    for (unsigned i = 0; i < PLAYERS; i++) {
        struct scenario_player *player = scenario_player(scenario, NULL, AUTH_FAKE_YES);
        player->network = network;
        scenario_connect(player);
    }
    if (!scenario_run_until(scenario, scenario_all_have_final_results, scenario, RACE_LIMIT_MS)) {
        fail_msg("\"%s\" with seed %u: no result", network, (unsigned)seed);
    }
    assert_int_equal(scenario->replay_count, 1);
    return scenario;
}

static void everybody_has_finished(const struct scenario *scenario)
{
    for (unsigned i = 0; i < PLAYERS; i++) {
        const struct scenario_player *player = scenario->players[i];
        assert_int_equal(player->connections, 1);
        assert_int_equal(player->results_final, 1);
        assert_int_equal(player->result.count, PLAYERS);
        assert_int_equal(player->result.entries[i].place, i + 1); // 0 would be a DNF
    }
}

static void races_finish_on_bad_networks(void **state)
{
    (void)state;
    static const unsigned losses[] = {0, 50, 200}, delays_ms[] = {20, 100};
    static const char *const extras[] = {"", "&jitter_ms=15", "&jitter_ms=60&duplicate=300"};
    for (size_t loss = 0; loss < BASE_COUNT(losses); loss++) {
        for (size_t delay = 0; delay < BASE_COUNT(delays_ms); delay++) {
            for (size_t extra = 0; extra < BASE_COUNT(extras); extra++) {
                char network[96];
                snprintf(network, sizeof(network), "loss=%u&delay_ms=%u%s", losses[loss],
                         delays_ms[delay], extras[extra]);
                struct scenario *scenario = race(network, 1 + loss + delay + extra);
                everybody_has_finished(scenario);
                scenario_destroy(scenario);
            }
        }
    }
}

// Inputs carry those before them and the client leads by what the server tells it: even here only
// few inputs come too late.
static void few_inputs_are_late_on_a_usual_network(void **state)
{
    (void)state;
    struct scenario *scenario = race("loss=20&delay_ms=40&jitter_ms=10&duplicate=10", 3);
    uint64_t taken = scenario_count(scenario, "paddock_inputs", "verdict", "taken");
    uint64_t late = scenario_count(scenario, "paddock_inputs", "verdict", "late");
    assert_true(taken > 4000);
    if (late * 100 > taken) {
        fail_msg("%u of %u inputs were late", (unsigned)late, (unsigned)(taken + late));
    }
    scenario_destroy(scenario);
}

// The machine stands still now and then: missed ticks are caught up with, what is beyond the cap is
// given up and counted, and nobody's picture of the race breaks.
static void a_server_that_hangs_now_and_then_goes_on(void **state)
{
    (void)state;
    static const unsigned hangs_ms[] = {20, 50, 100, 400, 3000};
    struct scenario *scenario = scenario_create(NULL);
    for (unsigned i = 0; i < PLAYERS; i++) {
        scenario_join(scenario);
    }
    scenario_wait(scenario, scenario_is_racing, scenario->players[0], 10000);
    for (size_t i = 0; i < BASE_COUNT(hangs_ms); i++) {
        scenario_run_ms(scenario, 1500);
        scenario->clock.virtual_now_ns += hangs_ms[i] * CLOCK_NS_PER_MS;
    }
    // 5 ticks (83 ms) are caught up with; the rest of 100, 400 and 3000 ms is not.
    scenario_run_ms(scenario, 100);
    uint64_t skipped = scenario_count(scenario, "paddock_ticks_skipped", NULL, NULL);
    assert_in_range(skipped, (17 + 317 + 2917) * 60 / 1000 - 6, (17 + 317 + 2917) * 60 / 1000 + 6);
    scenario_wait(scenario, scenario_all_have_final_results, scenario, RACE_LIMIT_MS);
    everybody_has_finished(scenario);
    assert_int_equal(scenario_count(scenario, "paddock_ticks_skipped", NULL, NULL), skipped);
    scenario_destroy(scenario);
}

static bool same_race(const struct scenario *a, const struct scenario *b)
{
    return bytes_equal(bytes_buf_span(&a->replays[0]), bytes_buf_span(&b->replays[0]));
}

static void a_seed_repeats_the_race_to_the_byte(void **state)
{
    (void)state;
    static const char *const networks[] = {"", "loss=100&delay_ms=50&jitter_ms=20&duplicate=100"};
    for (size_t i = 0; i < BASE_COUNT(networks); i++) {
        for (uint64_t seed = 1; seed <= 3; seed++) {
            struct scenario *first = race(networks[i], seed);
            struct scenario *again = race(networks[i], seed);
            struct scenario *other = race(networks[i], seed + 100);
            assert_true(same_race(first, again));
            assert_string_equal(first->players[0]->result_race_id,
                                again->players[0]->result_race_id);
            assert_int_equal(first->players[0]->result.entries[0].time_ms,
                             again->players[0]->result.entries[0].time_ms);
            assert_int_equal(scenario_now_ms(first), scenario_now_ms(again));
            assert_false(same_race(first, other));
            scenario_destroy(first);
            scenario_destroy(again);
            scenario_destroy(other);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(races_finish_on_bad_networks),
        cmocka_unit_test(few_inputs_are_late_on_a_usual_network),
        cmocka_unit_test(a_server_that_hangs_now_and_then_goes_on),
        cmocka_unit_test(a_seed_repeats_the_race_to_the_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
