// SPDX-License-Identifier: MIT
// What operators see, held against a server whose state is known.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "game/status.h"
#include "tests/support/session_rig.h"

static const char *const settings[] = {"players-per-session=3", "lobby-ms=0", "countdown-ms=0",
                                       NULL};

static struct game_status_source source_of(struct session_rig *rig)
{
    return (struct game_status_source){
        .counters = rig->counters,
        .hub = &rig->hub,
        .conns = rig->conns,
        .sessions = rig->sessions,
        .admission = rig->admission,
        .backend = rig->backend->impl->name,
        .verify = rig->verify,
        .outbox = rig->outbox,
        .tick = &rig->ticks,
    };
}

static struct session_rig_peer *come(struct session_rig *rig, const char *player_id,
                                     const char *word)
{
    struct session_rig_peer *peer = session_rig_dial(rig);
    session_rig_hello(peer, player_id, word, "room");
    session_rig_run_ms(rig, 1);
    return peer;
}

// In "room": P1 racing, P2 dropped in the race, P3 waiting for the next one. In
// "other" a lobby. Beside them P4 at the backend, and one who has said nothing.
static int setup(void **state)
{
    static struct session_rig rig;
    session_rig_init(&rig, settings);
    session_rig_admit(&rig);
    come(&rig, "P1", AUTH_FAKE_YES);
    struct session_rig_peer *dropped = come(&rig, "P2", AUTH_FAKE_YES);
    session_rig_step(&rig, 3);
    session_rig_hang_up(dropped);
    come(&rig, "P3", AUTH_FAKE_YES);
    struct session_rig_peer *verifying = session_rig_dial(&rig);
    session_rig_hello(verifying, "P4", AUTH_FAKE_HANG, "other");
    session_rig_dial(&rig);
    session_rig_run_ms(&rig, 1);
    *state = &rig;
    return 0;
}

static int teardown(void **state)
{
    session_rig_finish(*state);
    return 0;
}

static uint64_t gauge(struct session_rig *rig, const char *name, const char *label,
                      const char *value)
{
    return *counter_cell(rig->counters, COUNTER_GAUGE, name, "", label, value);
}

static void gauges_are(struct session_rig *rig)
{
    assert_int_equal(gauge(rig, "paddock_players", "state", "verifying"), 1);
    assert_int_equal(gauge(rig, "paddock_players", "state", "waiting"), 1);
    assert_int_equal(gauge(rig, "paddock_players", "state", "racing"), 1);
    assert_int_equal(gauge(rig, "paddock_players", "state", "dropped"), 1);
    assert_int_equal(gauge(rig, "paddock_sessions", "phase", "lobby"), 1);
    assert_int_equal(gauge(rig, "paddock_sessions", "phase", "countdown"), 0);
    assert_int_equal(gauge(rig, "paddock_sessions", "phase", "racing"), 1);
    assert_int_equal(gauge(rig, "paddock_sessions", "phase", "finished"), 0);
    assert_int_equal(gauge(rig, "paddock_players_by_transport", "transport", "memory"), 2);
}

static void gauges_tell_what_is_and_do_not_add_up_over_time(void **state)
{
    struct session_rig *rig = *state;
    struct game_status_source source = source_of(rig);
    for (unsigned i = 0; i < 3; i++) {
        game_status_refresh(&source);
        gauges_are(rig);
    }
    game_sessions_close_all(rig->sessions, NET_CLOSE_GOING_AWAY);
    game_status_refresh(&source);
    assert_int_equal(gauge(rig, "paddock_players", "state", "racing"), 0);
    assert_int_equal(gauge(rig, "paddock_players", "state", "dropped"), 0);
    assert_int_equal(gauge(rig, "paddock_sessions", "phase", "racing"), 0);
    assert_int_equal(gauge(rig, "paddock_players_by_transport", "transport", "memory"), 0);
}

static const char *text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    assert_non_null(text);
    return text;
}

static void status_is_one_json_object_with_everything(void **state)
{
    struct session_rig *rig = *state;
    struct game_status_source source = source_of(rig);
    struct bytes_buf out;
    bytes_buf_init(&out, 65536);
    bool more = true;
    for (unsigned part = 0; more; part++) {
        assert_true(game_status_write(&source, part, &out, &more));
        assert_int_equal(more, part <= 2); // of the server, of two sessions, and the end
    }
    json_t *status =
        json_loadb((const char *)out.memory + out.start, out.size, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(status);
    assert_string_equal(text_at(status, "version"), PADDOCK_VERSION);
    assert_false(json_is_true(json_object_get(status, "draining")));
    assert_int_equal(json_integer_value(json_object_get(status, "connections")), 4);
    assert_int_equal(json_integer_value(json_object_get(status, "verifying")), 1);
    const json_t *backend = json_object_get(status, "backend");
    assert_string_equal(text_at(backend, "name"), "fake");
    assert_true(json_is_false(json_object_get(backend, "breaker_open")));
    const json_t *listeners = json_object_get(status, "listeners");
    assert_int_equal(json_array_size(listeners), 1); // dials are no listeners
    assert_non_null(strstr(text_at(json_array_get(listeners, 0), "url"), "memory://rig"));
    const json_t *sessions = json_object_get(status, "sessions");
    assert_int_equal(json_array_size(sessions), 2);
    const json_t *room = json_array_get(sessions, 0);
    assert_string_equal(text_at(room, "name"), "room");
    assert_string_equal(text_at(room, "phase"), "racing");
    static const char *const states[] = {"racing", "dropped", "waiting"};
    const json_t *players = json_object_get(room, "players");
    assert_int_equal(json_array_size(players), BASE_COUNT(states));
    for (size_t i = 0; i < BASE_COUNT(states); i++) {
        const json_t *player = json_array_get(players, i);
        assert_string_equal(text_at(player, "state"), states[i]);
        assert_int_equal(json_integer_value(json_object_get(player, "kart")), AUTH_FAKE_KART);
        assert_int_equal(json_is_null(json_object_get(player, "transport")), i == 1);
    }
    json_decref(status);
    bytes_buf_finish(&out);
}

static void who_watches_does_not_wait(void **state)
{
    struct session_rig *rig = *state;
    struct game_status_source source = source_of(rig);
    struct game_session *session = game_sessions_find_named(rig->sessions, "room");
    assert_non_null(session);
    session->seats[2].spectator = true;
    game_status_refresh(&source);
    assert_int_equal(gauge(rig, "paddock_players", "state", "watching"), 1);
    assert_int_equal(gauge(rig, "paddock_players", "state", "waiting"), 0);
    session->seats[0].spectator = true; // from the next race on
    game_status_refresh(&source);
    assert_int_equal(gauge(rig, "paddock_players", "state", "racing"), 1);
}

static void what_does_not_fit_is_refused(void **state)
{
    struct session_rig *rig = *state;
    struct game_status_source source = source_of(rig);
    struct bytes_buf out;
    bytes_buf_init(&out, 100);
    bool more;
    assert_false(game_status_write(&source, 0, &out, &more));
    assert_false(game_status_write(&source, 1, &out, &more));
    bytes_buf_finish(&out);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(gauges_tell_what_is_and_do_not_add_up_over_time),
        TEST(status_is_one_json_object_with_everything),
        TEST(who_watches_does_not_wait),
        TEST(what_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
