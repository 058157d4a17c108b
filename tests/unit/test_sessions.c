// SPDX-License-Identifier: MIT
// The table of sessions: handles, names, limits, and sessions that end while others go on.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/session_rig.h"

static const char *const settings[] = {"max-sessions=3", "players-per-session=2",
                                       "session-idle-ms=1000", NULL};

static int setup(void **state)
{
    static struct session_rig rig;
    session_rig_init(&rig, settings);
    *state = &rig;
    return 0;
}

static int teardown(void **state)
{
    session_rig_finish(*state);
    return 0;
}

// The session that this wish leads to; NULL with the code in *code.
static struct game_session *find(struct session_rig *rig, const char *name, uint16_t *code)
{
    *code = 0;
    return game_sessions_find_room(rig->sessions, name, rig->tick, code);
}

static struct game_session *must_find(struct session_rig *rig, const char *name)
{
    uint16_t code;
    struct game_session *session = find(rig, name, &code);
    assert_non_null(session);
    return session;
}

static void a_handle_resolves_until_its_session_has_ended(void **state)
{
    struct session_rig *rig = *state;
    struct game_session *session = must_find(rig, "one");
    struct game_session_id id = session->id;
    assert_ptr_equal(game_sessions_get(rig->sessions, id), session);
    assert_null(game_sessions_get(rig->sessions, GAME_SESSION_NONE));
    assert_null(game_sessions_get(rig->sessions, (struct game_session_id){3, 1}));
    game_sessions_close_all(rig->sessions, NET_CLOSE_GOING_AWAY);
    assert_null(game_sessions_get(rig->sessions, id));
    struct game_session *next = must_find(rig, "one");
    assert_int_equal(next->id.index, id.index); // the same place
    assert_int_not_equal(next->id.generation, id.generation);
    assert_null(game_sessions_get(rig->sessions, id));
}

static void rooms_are_found_made_and_limited(void **state)
{
    struct session_rig *rig = *state;
    uint16_t code;
    struct game_session *one = must_find(rig, "");
    assert_ptr_equal(must_find(rig, ""), one); // it still has room
    one->reserved = 2;
    struct game_session *two = must_find(rig, "");
    assert_ptr_not_equal(two, one);
    struct game_session *named = must_find(rig, "named");
    assert_int_equal(game_sessions_count(rig->sessions), 3);
    assert_null(find(rig, "other", &code));
    assert_int_equal(code, NET_CLOSE_OVERLOADED);
    named->reserved = 2;
    assert_null(find(rig, "named", &code));
    assert_int_equal(code, NET_CLOSE_NO_SESSION);
    assert_ptr_equal(must_find(rig, ""), two);
    two->reserved = 2;
    assert_null(find(rig, "", &code));
    assert_int_equal(code, NET_CLOSE_OVERLOADED);
    one->reserved = two->reserved = named->reserved = 0;
}

static void names_are_compared_whole(void **state)
{
    struct session_rig *rig = *state;
    struct game_session *session = must_find(rig, "Room");
    assert_ptr_equal(game_sessions_find_named(rig->sessions, "Room"), session);
    assert_null(game_sessions_find_named(rig->sessions, "room"));
    assert_null(game_sessions_find_named(rig->sessions, "Roo"));
    assert_null(game_sessions_find_named(rig->sessions, ""));
}

static void the_longest_name_fits(void **state)
{
    struct session_rig *rig = *state;
    char name[LIMIT_SESSION_NAME_BYTES + 1];
    memset(name, 'x', LIMIT_SESSION_NAME_BYTES);
    name[LIMIT_SESSION_NAME_BYTES] = '\0';
    struct game_session *session = must_find(rig, name);
    assert_string_equal(session->name, name);
    session_rig_sit(rig, session, "A");
}

static void a_player_is_found_in_whichever_session_he_sits(void **state)
{
    struct session_rig *rig = *state;
    unsigned slot;
    session_rig_sit(rig, must_find(rig, "one"), "A");
    struct game_session *two = must_find(rig, "two");
    session_rig_sit(rig, two, "B");
    session_rig_sit(rig, two, "C");
    assert_ptr_equal(game_sessions_find_player(rig->sessions, "C", &slot), two);
    assert_int_equal(slot, 1);
    assert_ptr_equal(game_sessions_find_player(rig->sessions, "A", &slot), must_find(rig, "one"));
    assert_int_equal(slot, 0);
    assert_null(game_sessions_find_player(rig->sessions, "D", &slot));
}

// The one in the middle ends; those before and after it are stepped all the same.
static void a_session_that_ends_takes_no_other_with_it(void **state)
{
    struct session_rig *rig = *state;
    struct game_session *one = must_find(rig, "one");
    struct game_session *two = must_find(rig, "two");
    struct game_session *three = must_find(rig, "three");
    session_rig_sit(rig, one, "A");
    session_rig_sit(rig, three, "C");
    // Nobody is in the second: it ends after its idle time.
    session_rig_step(rig, 61);
    assert_int_equal(game_sessions_count(rig->sessions), 2);
    assert_ptr_equal(game_sessions_at(rig->sessions, 0), one);
    assert_ptr_equal(game_sessions_at(rig->sessions, 1), three);
    assert_int_equal(one->tick, rig->tick);
    assert_int_equal(three->tick, rig->tick);
    assert_false(two->open);
}

static void what_ends_together_ends_in_one_tick(void **state)
{
    struct session_rig *rig = *state;
    must_find(rig, "one");
    must_find(rig, "two");
    must_find(rig, "three");
    session_rig_step(rig, 60);
    assert_int_equal(game_sessions_count(rig->sessions), 3);
    session_rig_step(rig, 1);
    assert_int_equal(game_sessions_count(rig->sessions), 0);
}

static void a_drain_ends_lobbies_and_countdowns_with_1001(void **state)
{
    struct session_rig *rig = *state;
    struct game_session *session = must_find(rig, "one");
    struct session_rig_peer *peer = session_rig_sit(rig, session, "A");
    rig->env.draining = true;
    session_rig_step(rig, 1);
    session_rig_run_ms(rig, 1);
    assert_int_equal(game_sessions_count(rig->sessions), 0);
    assert_int_equal(peer->closed_code, NET_CLOSE_GOING_AWAY);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_handle_resolves_until_its_session_has_ended),
        TEST(rooms_are_found_made_and_limited),
        TEST(names_are_compared_whole),
        TEST(the_longest_name_fits),
        TEST(a_player_is_found_in_whichever_session_he_sits),
        TEST(a_session_that_ends_takes_no_other_with_it),
        TEST(what_ends_together_ends_in_one_tick),
        TEST(a_drain_ends_lobbies_and_countdowns_with_1001),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
