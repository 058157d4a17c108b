// SPDX-License-Identifier: MIT
// An hour of coming and going on a full server. What must agree is checked every minute, and at the
// end nothing may be left: no seat, no promise, no connection, no question, no result.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "auth/outbox.h"
#include "game/admission.h"
#include "game/random.h"
#include "game/sessions.h"
#include "tests/support/scenario.h"

#define SESSIONS         16
#define SEATS            4
#define PLAYERS          90 // more than there are seats
#define MINUTES          60
#define STEPS_PER_MIN    120
#define ACTIONS_PER_STEP 3
#define MUTES            8

static const char *const settings[] = {
    "max-sessions=16",
    "players-per-session=4",
    "tick-rate=10",
    "snapshot-rate=5",
    "time-limit-ms=25000",
    "intermission-ms=1000",
    "rejoin-grace-ms=4000",
    "session-idle-ms=3000",
    "races-per-session=5",
    "hello-ms=2000",
    NULL,
};

struct churn {
    struct scenario *scenario;
    struct game_random random;
    struct scenario_raw mutes[MUTES];
    unsigned connects;
};

static unsigned below(struct churn *churn, unsigned bound)
{
    return (unsigned)(game_random_u64(&churn->random) % bound);
}

static const char *any(struct churn *churn, const char *const *of, unsigned count)
{
    return of[below(churn, count)];
}

// Mostly a good token; the rest of the token's words in turn.
static void come(struct churn *churn, struct scenario_player *player)
{
    static const char *const words[] = {
        AUTH_FAKE_YES,  AUTH_FAKE_YES, AUTH_FAKE_YES,   AUTH_FAKE_YES,  AUTH_FAKE_YES,
        AUTH_FAKE_SLOW, AUTH_FAKE_NO,  AUTH_FAKE_ERROR, AUTH_FAKE_HANG, AUTH_FAKE_BUSY,
    };
    static const char *const sessions[] = {NULL, NULL, NULL, NULL,  NULL,   NULL,
                                           NULL, NULL, NULL, "red", "blue", "a name with blanks"};
    static const char *const networks[] = {NULL, NULL, "delay_ms=30&jitter_ms=10",
                                           "loss=50&delay_ms=20&duplicate=20",
                                           "loss=200&delay_ms=80&jitter_ms=40"};
    snprintf(player->token, sizeof(player->token),
             "{\"unisavePlayerId\":\"%s\",\"fusionPlayerToken\":\"%s\"}", player->id,
             any(churn, words, BASE_COUNT(words)));
    player->session = any(churn, sessions, BASE_COUNT(sessions));
    player->network = any(churn, networks, BASE_COUNT(networks));
    scenario_connect(player);
    churn->connects++;
}

static void act(struct churn *churn)
{
    struct scenario_player *player = churn->scenario->players[below(churn, PLAYERS)];
    struct scenario_raw *mute = &churn->mutes[below(churn, MUTES)];
    if (!player->client) {
        come(churn, player);
    } else if (below(churn, 7) == 0) {
        scenario_leave(player);
    } else if (below(churn, 7) == 0) {
        scenario_cut(player);
    } else if (!mute->link) {
        scenario_raw_dial(churn->scenario, mute, NULL);
    }
}

static uint64_t seats(struct churn *churn, const char *event)
{
    return scenario_count(churn->scenario, "paddock_seats", "event", event);
}

static void everything_agrees(struct churn *churn)
{
    struct game_status_source status = scenario_status(churn->scenario);
    unsigned taken = 0, connected = 0, reserved = 0;
    for (unsigned i = 0; i < game_sessions_count(status.sessions); i++) {
        const struct game_session *session = game_sessions_at(status.sessions, i);
        unsigned here = 0;
        for (unsigned slot = 0; slot < session->seat_count; slot++) {
            here += session->seats[slot].taken;
        }
        assert_true(here + session->reserved <= SEATS);
        taken += here;
        connected += game_session_connected(session);
        reserved += session->reserved;
    }
    unsigned verifying = game_admission_count(status.admission, GAME_ADMISSION_VERIFYING);
    unsigned admitted = game_admission_count(status.admission, GAME_ADMISSION_ADMITTED);
    unsigned hello = game_admission_count(status.admission, GAME_ADMISSION_HELLO);
    assert_int_equal(seats(churn, "join") - seats(churn, "leave"), taken);
    assert_int_equal(admitted, connected);
    assert_true(reserved <= verifying); // who is to take his own seat back needs no promise
    assert_int_equal(net_conns_count(status.conns), hello + verifying + admitted);
    const struct auth_backend *backend = game_server_backend(churn->scenario->server);
    assert_int_equal(auth_fake_counts(backend).under_way, verifying);
}

static void everybody_goes(struct churn *churn)
{
    for (unsigned i = 0; i < churn->scenario->player_count; i++) {
        struct scenario_player *player = churn->scenario->players[i];
        if (player->client && i % 2) {
            scenario_leave(player);
        } else if (player->client) {
            scenario_cut(player);
        }
    }
    scenario_run_ms(churn->scenario, 60000);
}

static void nothing_is_left(struct churn *churn)
{
    struct scenario *scenario = churn->scenario;
    struct game_status_source status = scenario_status(scenario);
    everything_agrees(churn);
    assert_int_equal(game_sessions_count(status.sessions), 0);
    assert_int_equal(net_conns_count(status.conns), 0);
    assert_int_equal(net_hub_link_count(status.hub), 0);
    assert_int_equal(seats(churn, "join"), seats(churn, "leave"));
    assert_int_equal(auth_outbox_count(status.outbox, AUTH_OUTBOX_PENDING), 0);
    assert_false(status.tick->running);
    uint64_t finished = scenario_count(scenario, "paddock_races", "event", "finished");
    assert_int_equal(scenario_count(scenario, "paddock_results_committed", NULL, NULL), finished);
    const struct auth_backend *backend = game_server_backend(scenario->server);
    assert_int_equal(auth_fake_counts(backend).report_calls, finished);
    assert_int_equal(scenario->replay_count, finished);
}

// That the hour was one: otherwise it would prove nothing.
static void much_has_happened(struct churn *churn)
{
    struct scenario *scenario = churn->scenario;
    static const char *const closes[] = {"auth_denied",  "backend_down", "overloaded",
                                         "no_session",   "session_over", "lost",
                                         "auth_timeout", "normal"};
    for (size_t i = 0; i < BASE_COUNT(closes); i++) {
        uint64_t count = scenario_count(scenario, "paddock_closes", "code", closes[i]);
        if (count < 10) {
            fail_msg("hardly anybody was closed with %s", closes[i]);
        }
    }
    assert_true(churn->connects > 3000);
    assert_true(seats(churn, "join") > 1000);
    assert_true(seats(churn, "drop") > 200);
    assert_true(seats(churn, "resume") > 10);
    assert_true(scenario_count(scenario, "paddock_races", "event", "finished") > 500);
}

static void an_hour_of_coming_and_going_leaves_nothing_behind(void **state)
{
    (void)state;
    const struct scenario_options options = {.settings = settings, .seed = 20260101};
    struct churn churn = {.scenario = scenario_create(&options), .random = {.state = 7}};
    for (unsigned i = 0; i < PLAYERS; i++) {
        scenario_player(churn.scenario, NULL, AUTH_FAKE_YES);
    }
    for (unsigned minute = 0; minute < MINUTES; minute++) {
        for (unsigned step = 0; step < STEPS_PER_MIN; step++) {
            for (unsigned i = 0; i < ACTIONS_PER_STEP; i++) {
                act(&churn);
            }
            scenario_run_ms(churn.scenario, 60000 / STEPS_PER_MIN);
        }
        everything_agrees(&churn);
    }
    everybody_goes(&churn);
    nothing_is_left(&churn);
    much_has_happened(&churn);
    scenario_destroy(churn.scenario);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_hour_of_coming_and_going_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
