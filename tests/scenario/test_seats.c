// SPDX-License-Identifier: MIT
// Which session a player gets into, and what happens when the same player comes twice.

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

static struct scenario *small(const char *duplicate_player)
{
    const char *const settings[] = {"max-sessions=2", "players-per-session=2", duplicate_player,
                                    NULL};
    const struct scenario_options options = {.settings = settings};
    return scenario_create(&options);
}

static struct scenario_player *join_named(struct scenario *scenario, const char *session)
{
    struct scenario_player *player = scenario_player(scenario, NULL, AUTH_FAKE_YES);
    player->session = session;
    scenario_connect(player);
    scenario_run_ms(scenario, 50);
    return player;
}

static struct scenario_player *same_player(struct scenario *scenario,
                                           const struct scenario_player *as, const char *word)
{
    return scenario_player(scenario, as->id, word);
}

static unsigned session_count(struct scenario *scenario)
{
    return game_sessions_count(scenario_status(scenario).sessions);
}

static void quick_join_fills_a_session_before_it_opens_the_next(void **state)
{
    (void)state;
    struct scenario *scenario = small(NULL);
    struct scenario_player *players[4];
    for (unsigned i = 0; i < 4; i++) {
        players[i] = join_named(scenario, NULL);
        assert_true(players[i]->welcomed);
        assert_int_equal(players[i]->slot, i % 2);
        assert_int_equal(session_count(scenario), i / 2 + 1);
        assert_string_equal(players[i]->session_id, players[i / 2 * 2]->session_id);
    }
    assert_string_not_equal(players[0]->session_id, players[2]->session_id);
    assert_int_equal(join_named(scenario, NULL)->closed_code, NET_CLOSE_OVERLOADED);
    scenario_destroy(scenario);
}

static void names_lead_to_sessions(void **state)
{
    (void)state;
    struct scenario *scenario = small(NULL);
    struct scenario_player *a = join_named(scenario, "red room");
    struct scenario_player *b = join_named(scenario, "blue");
    struct scenario_player *c = join_named(scenario, "red room");
    assert_string_equal(a->session_name, "red room");
    assert_string_equal(c->session_id, a->session_id);
    assert_string_not_equal(b->session_id, a->session_id);
    assert_int_equal(join_named(scenario, "red room")->closed_code, NET_CLOSE_NO_SESSION);
    assert_int_equal(join_named(scenario, "green")->closed_code, NET_CLOSE_OVERLOADED);
    struct scenario_player *d = join_named(scenario, NULL); // quick-join takes what is there
    assert_string_equal(d->session_id, b->session_id);
    scenario_destroy(scenario);
}

static void a_session_without_a_name_is_found_by_its_id(void **state)
{
    (void)state;
    struct scenario *scenario = small(NULL);
    struct scenario_player *a = join_named(scenario, NULL);
    assert_string_equal(a->session_name, a->session_id);
    struct scenario_player *friend = join_named(scenario, a->session_id);
    assert_string_equal(friend->session_id, a->session_id);
    scenario_destroy(scenario);
}

// Whoever waits for the backend holds a promise; the seat is not given to others meanwhile.
static void a_promised_seat_is_taken(void **state)
{
    (void)state;
    const char *const settings[] = {"max-sessions=1", "players-per-session=2", NULL};
    const struct scenario_options options = {.settings = settings};
    struct scenario *scenario = scenario_create(&options);
    struct scenario_player *waiting[2];
    for (unsigned i = 0; i < 2; i++) {
        waiting[i] = scenario_player(scenario, NULL, i ? AUTH_FAKE_HANG : AUTH_FAKE_SLOW);
        scenario_connect(waiting[i]);
    }
    scenario_run_ms(scenario, 50);
    assert_int_equal(join_named(scenario, NULL)->closed_code, NET_CLOSE_OVERLOADED);
    scenario_run_ms(scenario, AUTH_FAKE_SLOW_MS);
    assert_true(waiting[0]->welcomed);
    assert_int_equal(join_named(scenario, NULL)->closed_code, NET_CLOSE_OVERLOADED);
    scenario_run_ms(scenario, 5000); // the promise to the one that hangs ends
    assert_int_equal(scenario_session(scenario)->reserved, 0);
    assert_true(join_named(scenario, NULL)->welcomed);
    scenario_destroy(scenario);
}

static void a_free_seat_goes_to_the_next_one(void **state)
{
    (void)state;
    struct scenario *scenario = small(NULL);
    struct scenario_player *a = join_named(scenario, "room");
    join_named(scenario, "room");
    scenario_leave(a);
    scenario_run_ms(scenario, 50);
    struct scenario_player *c = join_named(scenario, "room");
    assert_true(c->welcomed);
    assert_int_equal(c->slot, 0);
    scenario_destroy(scenario);
}

// ---- the same player twice

struct twins {
    struct scenario *scenario;
    struct scenario_player *old, *other, *newer;
};

// A race with `old` and `other`; then `old` comes a second time.
static struct twins race_with_twins(const char *duplicate_player, const char *word)
{
    struct twins twins = {.scenario = small(duplicate_player)};
    twins.old = scenario_join(twins.scenario);
    twins.other = scenario_join(twins.scenario);
    scenario_wait(twins.scenario, scenario_is_racing, twins.old, 10000);
    scenario_run_ms(twins.scenario, 5000);
    twins.newer = same_player(twins.scenario, twins.old, word);
    scenario_connect(twins.newer);
    return twins;
}

static void the_newest_connection_takes_over_seat_and_kart(void **state)
{
    (void)state;
    struct twins twins = race_with_twins(NULL, AUTH_FAKE_YES);
    uint32_t slot = twins.old->slot, entity = twins.old->entity;
    int32_t gates = twins.old->values[entity * RACE_VALUES + RACE_VALUE_GATES];
    assert_true(gates > 0);
    scenario_wait(twins.scenario, scenario_is_closed, twins.old, 100);
    assert_int_equal(twins.old->closed_code, NET_CLOSE_REPLACED);
    scenario_run_ms(twins.scenario, 200);
    assert_true(twins.newer->welcomed && twins.newer->resumed);
    assert_int_equal(twins.newer->slot, slot);
    assert_int_equal(twins.newer->entity, entity);
    assert_int_equal(twins.newer->phase, NET_PHASE_RACING);
    assert_true(twins.newer->values[entity * RACE_VALUES + RACE_VALUE_GATES] >= gates);
    assert_int_equal(twins.other->roster_connected, 2);
    scenario_wait(twins.scenario, scenario_has_final_result, twins.newer, RACE_LIMIT_MS);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(twins.newer->result.entries[i].place, i + 1);
    }
    assert_int_equal(scenario_count(twins.scenario, "paddock_seats", "event", "resume"), 1);
    assert_int_equal(scenario_count(twins.scenario, "paddock_seats", "event", "drop"), 0);
    assert_int_equal(scenario_count(twins.scenario, "paddock_seats", "event", "join"), 2);
    scenario_destroy(twins.scenario);
}

static void or_is_refused(void **state)
{
    (void)state;
    struct twins twins = race_with_twins("duplicate-player=refuse", AUTH_FAKE_YES);
    scenario_wait(twins.scenario, scenario_is_closed, twins.newer, 100);
    assert_int_equal(twins.newer->closed_code, NET_CLOSE_DUPLICATE);
    assert_non_null(twins.old->client);
    scenario_wait(twins.scenario, scenario_has_final_result, twins.old, RACE_LIMIT_MS);
    assert_int_equal(twins.old->result.entries[1].place, 2);
    assert_int_equal(scenario_session(twins.scenario)->reserved, 0);
    scenario_destroy(twins.scenario);
}

static void a_claimed_id_without_its_token_touches_nobody(void **state)
{
    (void)state;
    static const char *const words[] = {AUTH_FAKE_NO, AUTH_FAKE_ERROR, AUTH_FAKE_HANG};
    for (size_t i = 0; i < BASE_COUNT(words); i++) {
        struct twins twins = race_with_twins(NULL, words[i]);
        uint64_t snapshots = twins.old->snapshots;
        scenario_wait(twins.scenario, scenario_is_closed, twins.newer, 6000);
        assert_false(twins.newer->welcomed);
        scenario_run_ms(twins.scenario, 1000);
        assert_non_null(twins.old->client);
        assert_true(twins.old->snapshots >= snapshots + 19);
        assert_int_equal(scenario_session(twins.scenario)->reserved, 0);
        scenario_destroy(twins.scenario);
    }
}

static void twins_who_wait_together_get_one_seat(void **state)
{
    (void)state;
    struct scenario *scenario = small(NULL);
    struct scenario_player *first = scenario_player(scenario, NULL, AUTH_FAKE_SLOW);
    struct scenario_player *second = same_player(scenario, first, AUTH_FAKE_SLOW);
    scenario_connect(first);
    scenario_run_ms(scenario, 100);
    scenario_connect(second);
    scenario_run_ms(scenario, 100);
    assert_int_equal(scenario_session(scenario)->reserved, 2);
    scenario_run_ms(scenario, AUTH_FAKE_SLOW_MS + 100);
    assert_int_equal(first->closed_code, NET_CLOSE_REPLACED);
    assert_true(second->welcomed && second->resumed);
    assert_int_equal(scenario_session(scenario)->reserved, 0);
    assert_int_equal(game_session_connected(scenario_session(scenario)), 1);
    scenario_destroy(scenario);
}

static void asking_for_another_session_gives_up_the_seat_in_the_first(void **state)
{
    (void)state;
    struct twins twins = race_with_twins(NULL, AUTH_FAKE_YES);
    // The one that came is back in the race; a third connection of the player wants elsewhere.
    scenario_run_ms(twins.scenario, 200);
    struct scenario_player *third = same_player(twins.scenario, twins.old, AUTH_FAKE_YES);
    third->session = "elsewhere";
    scenario_connect(third);
    scenario_run_ms(twins.scenario, 200);
    assert_int_equal(twins.newer->closed_code, NET_CLOSE_REPLACED);
    assert_string_equal(third->session_name, "elsewhere");
    assert_false(third->resumed);
    assert_int_equal(twins.other->roster_count, 1); // given up, not kept for a while
    scenario_wait(twins.scenario, scenario_has_final_result, twins.other, RACE_LIMIT_MS);
    assert_int_equal(twins.other->result.entries[0].slot, twins.other->slot);
    assert_int_equal(twins.other->result.entries[0].place, 1);
    assert_int_equal(twins.other->result.entries[1].place, 0); // DNF
    scenario_destroy(twins.scenario);
}

// No seat is free there: the first one is kept, and the connection in it too.
static void asking_for_a_full_session_changes_nothing(void **state)
{
    (void)state;
    struct scenario *scenario = small(NULL);
    struct scenario_player *here = join_named(scenario, "here");
    join_named(scenario, "there");
    join_named(scenario, "there");
    struct scenario_player *twin = same_player(scenario, here, AUTH_FAKE_YES);
    twin->session = "there";
    scenario_connect(twin);
    scenario_run_ms(scenario, 100);
    assert_int_equal(twin->closed_code, NET_CLOSE_NO_SESSION);
    assert_non_null(here->client);
    scenario_destroy(scenario);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quick_join_fills_a_session_before_it_opens_the_next),
        cmocka_unit_test(names_lead_to_sessions),
        cmocka_unit_test(a_session_without_a_name_is_found_by_its_id),
        cmocka_unit_test(a_promised_seat_is_taken),
        cmocka_unit_test(a_free_seat_goes_to_the_next_one),
        cmocka_unit_test(the_newest_connection_takes_over_seat_and_kart),
        cmocka_unit_test(or_is_refused),
        cmocka_unit_test(a_claimed_id_without_its_token_touches_nobody),
        cmocka_unit_test(twins_who_wait_together_get_one_seat),
        cmocka_unit_test(asking_for_another_session_gives_up_the_seat_in_the_first),
        cmocka_unit_test(asking_for_a_full_session_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
