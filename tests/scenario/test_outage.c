// SPDX-License-Identifier: MIT
// The backend is away for ten minutes while twenty races go on and others knock: nobody is let in
// unverified, nothing is lost, and when it is back it is neither stormed nor waited for.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "auth/outbox.h"
#include "game/sessions.h"
#include "tests/support/scenario.h"

#define RACES           20
#define RACERS          (2 * RACES)
#define KNOCKERS        10
#define OUTAGE_S        600
#define RECOVERY_S      60
#define REPORTS_A_S_MAX 20

static const char *const settings[] = {
    "max-sessions=30",
    "players-per-session=2",
    "tick-rate=10",
    "snapshot-rate=1",
    "lobby-ms=500",
    "time-limit-ms=60000",
    "countdown-ms=500",
    "intermission-ms=500",
    "session-idle-ms=0",
    "connects-per-second=0",
    NULL,
};

struct outage {
    struct scenario *scenario;
    struct scenario_player *knockers[KNOCKERS];
    char rooms[RACES][16];
    unsigned knocks;
    unsigned reports_a_s_max;
};

static struct auth_backend *backend_of(struct outage *outage)
{
    return game_server_backend(outage->scenario->server);
}

static void set_up_races(struct outage *outage)
{
    for (unsigned i = 0; i < RACERS; i++) {
        struct scenario_player *racer = scenario_player(outage->scenario, NULL, AUTH_FAKE_YES);
        snprintf(outage->rooms[i / 2], sizeof(outage->rooms[0]), "room %u", i / 2);
        racer->session = outage->rooms[i / 2];
        racer->idle = true;
        scenario_connect(racer);
        scenario_run_ms(outage->scenario, 50); // a quarter of the places is for newcomers
    }
    for (unsigned i = 0; i < KNOCKERS; i++) {
        outage->knockers[i] = scenario_player(outage->scenario, NULL, AUTH_FAKE_YES);
        outage->knockers[i]->idle = true;
    }
    scenario_run_ms(outage->scenario, 10000);
    for (unsigned i = 0; i < RACERS; i++) {
        assert_int_equal(outage->scenario->players[i]->phase, NET_PHASE_RACING);
    }
}

// A second in which everybody who is out knocks.
static void run_second(struct outage *outage)
{
    unsigned reports = auth_fake_counts(backend_of(outage)).report_calls;
    for (unsigned i = 0; i < KNOCKERS; i++) {
        if (!outage->knockers[i]->client) {
            scenario_connect(outage->knockers[i]);
            outage->knocks++;
        }
        scenario_run_ms(outage->scenario, 1000 / KNOCKERS);
    }
    reports = auth_fake_counts(backend_of(outage)).report_calls - reports;
    if (reports > outage->reports_a_s_max) {
        outage->reports_a_s_max = reports;
    }
}

static bool all_knockers_are_in(const struct outage *outage)
{
    unsigned in = 0;
    for (unsigned i = 0; i < KNOCKERS; i++) {
        in += outage->knockers[i]->welcomed;
    }
    return in == KNOCKERS;
}

static unsigned pending(struct outage *outage)
{
    return auth_outbox_count(scenario_status(outage->scenario).outbox, AUTH_OUTBOX_PENDING);
}

static void nobody_gets_in_and_the_backend_is_left_alone(struct outage *outage)
{
    struct auth_fake_counts before = auth_fake_counts(backend_of(outage));
    auth_fake_set_down(backend_of(outage), true);
    for (unsigned second = 0; second < OUTAGE_S; second++) {
        run_second(outage);
    }
    struct auth_fake_counts after = auth_fake_counts(backend_of(outage));
    for (unsigned i = 0; i < KNOCKERS; i++) {
        assert_false(outage->knockers[i]->welcomed);
        if (!outage->knockers[i]->client) {
            assert_int_equal(outage->knockers[i]->closed_code, NET_CLOSE_BACKEND_DOWN);
        }
    }
    assert_in_range(outage->knocks, KNOCKERS * OUTAGE_S * 9 / 10, KNOCKERS * OUTAGE_S);
    // Five to open the breaker, and a probe each 15 to 30 s in the end; tries to report alike.
    assert_in_range(after.verify_calls - before.verify_calls, 5 + OUTAGE_S / 30, 60);
    assert_in_range(after.report_calls - before.report_calls, OUTAGE_S / 30, 60);
    assert_true(auth_verify_breaker_open(scenario_status(outage->scenario).verify));
}

static void those_who_were_in_have_raced_on(struct outage *outage)
{
    for (unsigned i = 0; i < RACERS; i++) {
        assert_int_equal(outage->scenario->players[i]->closes, 0);
        assert_in_range(outage->scenario->players[i]->results_final, 8, 10);
    }
    assert_in_range(pending(outage), RACES * 8, RACES * 10);
}

static void when_it_is_back_all_goes_through_within_a_minute(struct outage *outage)
{
    unsigned seconds = 0;
    auth_fake_set_down(backend_of(outage), false);
    outage->reports_a_s_max = 0;
    while (seconds < RECOVERY_S && (!all_knockers_are_in(outage) || pending(outage) > RACES)) {
        run_second(outage);
        seconds++;
    }
    assert_true(all_knockers_are_in(outage));
    assert_in_range(pending(outage), 0, RACES); // what a round of races has just brought
    assert_in_range(outage->reports_a_s_max, 10, REPORTS_A_S_MAX + 1);
    assert_false(auth_verify_breaker_open(scenario_status(outage->scenario).verify));
}

// Every final result that a player saw was delivered; none is dead, none is waiting.
static void nothing_is_lost(struct outage *outage)
{
    scenario_drain(outage->scenario);
    scenario_wait(outage->scenario, scenario_is_stopped, outage->scenario, 120000);
    const struct auth_outbox *outbox = scenario_status(outage->scenario).outbox;
    uint64_t committed = scenario_count(outage->scenario, "paddock_results_committed", NULL, NULL);
    assert_int_equal(auth_outbox_count(outbox, AUTH_OUTBOX_PENDING), 0);
    assert_int_equal(auth_outbox_count(outbox, AUTH_OUTBOX_DEAD), 0);
    assert_int_equal(auth_outbox_count(outbox, AUTH_OUTBOX_DELIVERED), committed);
    unsigned told = 0;
    for (unsigned i = 0; i < outage->scenario->player_count; i++) {
        told += outage->scenario->players[i]->results_final;
    }
    assert_int_equal(told, 2 * committed);
    assert_in_range(committed, RACES * 8, RACES * 14);
}

static void ten_minutes_without_a_backend(void **state)
{
    (void)state;
    const struct scenario_options options = {.settings = settings};
    struct outage outage = {.scenario = scenario_create(&options)};
    set_up_races(&outage);
    nobody_gets_in_and_the_backend_is_left_alone(&outage);
    those_who_were_in_have_raced_on(&outage);
    when_it_is_back_all_goes_through_within_a_minute(&outage);
    nothing_is_lost(&outage);
    scenario_destroy(outage.scenario);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_minutes_without_a_backend),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
