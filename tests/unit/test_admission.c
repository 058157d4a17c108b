// SPDX-License-Identifier: MIT
// The admission table, event by event: what is promised, held and given back. That every close code
// reaches its player is in tests/scenario/test_admission.c.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/session_rig.h"

#define SLOW_MS (AUTH_FAKE_SLOW_MS + 1)

static const char *const settings[] = {"max-sessions=2", "players-per-session=2", NULL};

static int setup(void **state)
{
    static struct session_rig rig;
    session_rig_init(&rig, settings);
    session_rig_admit(&rig);
    *state = &rig;
    return 0;
}

static int teardown(void **state)
{
    session_rig_finish(*state);
    return 0;
}

static struct session_rig_peer *come(struct session_rig *rig, const char *player_id,
                                     const char *word, const char *session)
{
    struct session_rig_peer *peer = session_rig_dial(rig);
    session_rig_hello(peer, player_id, word, session);
    session_rig_run_ms(rig, 1);
    return peer;
}

static void counts_are(struct session_rig *rig, unsigned hello, unsigned verifying,
                       unsigned admitted)
{
    assert_int_equal(game_admission_count(rig->admission, GAME_ADMISSION_HELLO), hello);
    assert_int_equal(game_admission_count(rig->admission, GAME_ADMISSION_VERIFYING), verifying);
    assert_int_equal(game_admission_count(rig->admission, GAME_ADMISSION_ADMITTED), admitted);
    assert_int_equal(net_conns_count(rig->conns), hello + verifying + admitted);
    assert_int_equal(auth_verify_in_flight(rig->verify), verifying);
}

static unsigned promised(struct session_rig *rig)
{
    unsigned count = 0;
    for (unsigned i = 0; i < game_sessions_count(rig->sessions); i++) {
        count += game_sessions_at(rig->sessions, i)->reserved;
    }
    return count;
}

static void a_connection_goes_through_its_states(void **state)
{
    struct session_rig *rig = *state;
    struct session_rig_peer *peer = session_rig_dial(rig);
    counts_are(rig, 1, 0, 0);
    session_rig_hello(peer, "A", AUTH_FAKE_SLOW, "");
    counts_are(rig, 0, 1, 0);
    assert_int_equal(promised(rig), 1);
    session_rig_run_ms(rig, SLOW_MS);
    counts_are(rig, 0, 0, 1);
    assert_int_equal(promised(rig), 0);
    assert_int_equal(peer->count[NET_MSG_WELCOME], 1);
    session_rig_hang_up(peer);
    counts_are(rig, 0, 0, 0);
}

static void hanging_up_gives_back_what_was_held_in_any_state(void **state)
{
    struct session_rig *rig = *state;
    session_rig_hang_up(session_rig_dial(rig));
    counts_are(rig, 0, 0, 0);
    session_rig_hang_up(come(rig, "A", AUTH_FAKE_SLOW, ""));
    counts_are(rig, 0, 0, 0);
    assert_int_equal(promised(rig), 0);
    session_rig_hang_up(come(rig, "A", AUTH_FAKE_YES, ""));
    counts_are(rig, 0, 0, 0);
    unsigned slot;
    assert_null(game_sessions_find_player(rig->sessions, "A", &slot)); // the lobby keeps no seat
    assert_int_equal(auth_fake_counts(rig->backend).cancelled, 1);
}

static void a_no_gives_the_promise_back(void **state)
{
    struct session_rig *rig = *state;
    static const char *const words[] = {AUTH_FAKE_NO, AUTH_FAKE_ERROR, AUTH_FAKE_BUSY};
    for (size_t i = 0; i < BASE_COUNT(words); i++) {
        struct session_rig_peer *peer = come(rig, "A", words[i], "");
        assert_null(peer->link);
        counts_are(rig, 0, 0, 0);
        assert_int_equal(promised(rig), 0);
    }
}

static void announce(struct session_rig *rig, const struct session_rig_peer *peer)
{
    for (unsigned step = 0; step < NET_CONN_FETCH_STEPS; step++) {
        game_admission_fetch(rig->admission, peer->conn, step);
    }
}

static void announcing_a_message_changes_nothing_in_any_state(void **state)
{
    struct session_rig *rig = *state;
    struct session_rig_peer *peer = session_rig_dial(rig);
    announce(rig, peer);
    counts_are(rig, 1, 0, 0);
    session_rig_hello(peer, "A", AUTH_FAKE_SLOW, "");
    announce(rig, peer);
    counts_are(rig, 0, 1, 0);
    session_rig_run_ms(rig, SLOW_MS);
    announce(rig, peer);
    counts_are(rig, 0, 0, 1);
    game_sessions_close_all(rig->sessions, NET_CLOSE_SESSION_OVER);
    announce(rig, peer); // its place is empty
    counts_are(rig, 0, 0, 0);
}

// A connection's place is used again at once; the answer for the one before must not reach it.
static void an_answer_never_reaches_the_next_connection_in_the_same_place(void **state)
{
    struct session_rig *rig = *state;
    struct session_rig_peer *first = come(rig, "A", AUTH_FAKE_SLOW, "");
    uint32_t index = first->conn.index;
    session_rig_hang_up(first);
    struct session_rig_peer *second = session_rig_dial(rig);
    assert_int_equal(second->conn.index, index);
    session_rig_run_ms(rig, SLOW_MS);
    counts_are(rig, 1, 0, 0);
    assert_int_equal(second->count[NET_MSG_WELCOME], 0);
}

static void a_promised_session_that_has_ended_is_replaced(void **state)
{
    struct session_rig *rig = *state;
    struct session_rig_peer *peer = come(rig, "A", AUTH_FAKE_SLOW, "room");
    game_sessions_close_all(rig->sessions, NET_CLOSE_SESSION_OVER);
    counts_are(rig, 0, 1, 0);
    session_rig_run_ms(rig, SLOW_MS);
    counts_are(rig, 0, 0, 1);
    assert_non_null(peer->link);
    assert_non_null(game_sessions_find_named(rig->sessions, "room"));
    assert_int_equal(promised(rig), 0);
}

static void or_the_player_hears_that_there_is_no_room(void **state)
{
    struct session_rig *rig = *state;
    struct session_rig_peer *peer = come(rig, "A", AUTH_FAKE_SLOW, "room");
    game_sessions_close_all(rig->sessions, NET_CLOSE_SESSION_OVER);
    come(rig, "B", AUTH_FAKE_YES, "other");
    come(rig, "C", AUTH_FAKE_YES, "one more");
    session_rig_run_ms(rig, SLOW_MS);
    assert_int_equal(peer->closed_code, NET_CLOSE_OVERLOADED);
    counts_are(rig, 0, 0, 2);
}

// He came for the seat he has; while the backend was asked it was given up.
static void a_seat_that_is_gone_when_the_answer_comes_is_a_new_seat(void **state)
{
    struct session_rig *rig = *state;
    struct session_rig_peer *old = come(rig, "A", AUTH_FAKE_YES, "");
    struct session_rig_peer *newer = come(rig, "A", AUTH_FAKE_SLOW, "");
    assert_int_equal(promised(rig), 0);
    session_rig_hang_up(old);
    session_rig_run_ms(rig, SLOW_MS);
    assert_int_equal(newer->count[NET_MSG_WELCOME], 1);
    assert_false(newer->welcome.resumed);
    counts_are(rig, 0, 0, 1);
}

static void a_seat_may_be_full_when_it_is_gone(void **state)
{
    struct session_rig *rig = *state;
    struct session_rig_peer *old = come(rig, "A", AUTH_FAKE_YES, "room");
    struct session_rig_peer *newer = come(rig, "A", AUTH_FAKE_SLOW, "room");
    session_rig_hang_up(old);
    come(rig, "B", AUTH_FAKE_YES, "room");
    come(rig, "C", AUTH_FAKE_YES, "room");
    session_rig_run_ms(rig, SLOW_MS);
    assert_int_equal(newer->closed_code, NET_CLOSE_NO_SESSION);
    counts_are(rig, 0, 0, 2);
}

static void goodbye_in_any_state_is_answered_with_1000(void **state)
{
    struct session_rig *rig = *state;
    const struct net_msg bye = {.type = NET_MSG_BYE};
    struct session_rig_peer *peers[] = {session_rig_dial(rig), come(rig, "A", AUTH_FAKE_SLOW, ""),
                                        come(rig, "B", AUTH_FAKE_YES, "")};
    counts_are(rig, 1, 1, 1);
    for (size_t i = 0; i < BASE_COUNT(peers); i++) {
        session_rig_say(peers[i], &bye);
        session_rig_run_ms(rig, 1);
        assert_int_equal(peers[i]->closed_code, NET_CLOSE_NORMAL);
    }
    counts_are(rig, 0, 0, 0);
    assert_int_equal(promised(rig), 0);
    assert_int_equal(session_rig_count(rig, "paddock_seats", "event", "leave"), 1);
    assert_int_equal(session_rig_count(rig, "paddock_seats", "event", "drop"), 0);
}

static void the_backend_hears_who_left_and_who_was_kicked_of_those_it_let_in(void **state)
{
    struct session_rig *rig = *state;
    session_rig_hang_up(session_rig_dial(rig));
    session_rig_hang_up(come(rig, "A", AUTH_FAKE_SLOW, ""));
    come(rig, "A", AUTH_FAKE_NO, "");
    struct auth_fake_counts counts = auth_fake_counts(rig->backend);
    assert_int_equal(counts.left + counts.kicked, 0);
    session_rig_hang_up(come(rig, "A", AUTH_FAKE_YES, ""));
    counts = auth_fake_counts(rig->backend);
    assert_int_equal(counts.left, 1);
    struct session_rig_peer *peer = come(rig, "A", AUTH_FAKE_YES, "");
    net_conn_close(rig->conns, peer->conn, NET_CLOSE_FLOODING);
    counts = auth_fake_counts(rig->backend);
    assert_int_equal(counts.kicked, 1);
    assert_int_equal(counts.notice_code, NET_CLOSE_FLOODING);
    // The end of a session or of the server is nobody's fault.
    static const uint16_t no_fault[] = {NET_CLOSE_GOING_AWAY, NET_CLOSE_SESSION_OVER,
                                        NET_CLOSE_NORMAL};
    for (unsigned i = 0; i < BASE_COUNT(no_fault); i++) {
        peer = come(rig, "A", AUTH_FAKE_YES, "");
        net_conn_close(rig->conns, peer->conn, no_fault[i]);
        counts = auth_fake_counts(rig->backend);
        assert_int_equal(counts.left, 2 + i);
        assert_int_equal(counts.notice_code, no_fault[i]);
    }
    assert_int_equal(counts.kicked, 1);
}

static void an_id_that_the_backend_cannot_know_is_denied_unasked(void **state)
{
    struct session_rig *rig = *state;
    struct session_rig_peer *peer = come(rig, AUTH_FAKE_FOREIGN "1", AUTH_FAKE_YES, "");
    assert_int_equal(peer->closed_code, NET_CLOSE_AUTH_DENIED);
    assert_int_equal(auth_fake_counts(rig->backend).verify_calls, 0);
    counts_are(rig, 0, 0, 0);
    assert_int_equal(promised(rig), 0);
}

static void what_the_backend_says_of_a_player_is_his_seats(void **state)
{
    struct session_rig *rig = *state;
    come(rig, "A", AUTH_FAKE_YES, "room");
    come(rig, "B", AUTH_FAKE_WATCH, "room");
    const struct game_seat *seats = game_sessions_find_named(rig->sessions, "room")->seats;
    assert_false(seats[0].spectator);
    assert_true(seats[1].spectator);
    assert_string_equal(seats[1].name, "Fake B");
    assert_int_equal(seats[1].kart, AUTH_FAKE_KART);
    // He comes again over another connection, and is allowed to race now.
    struct session_rig_peer *again = come(rig, "B", AUTH_FAKE_YES, "room");
    assert_true(again->welcome.resumed);
    assert_false(seats[1].spectator);
}

static void a_ping_is_answered_in_any_state(void **state)
{
    struct session_rig *rig = *state;
    const struct net_msg ping = {.type = NET_MSG_PING, .ping = {.stamp = 77}};
    struct session_rig_peer *peers[] = {session_rig_dial(rig), come(rig, "A", AUTH_FAKE_SLOW, ""),
                                        come(rig, "B", AUTH_FAKE_YES, "")};
    for (size_t i = 0; i < BASE_COUNT(peers); i++) {
        session_rig_say(peers[i], &ping);
        session_rig_run_ms(rig, 1);
        assert_int_equal(peers[i]->count[NET_MSG_PONG], 1);
        assert_int_equal(peers[i]->pong.stamp, 77);
        assert_int_equal(peers[i]->pong.tick, rig->ticks.next - 1);
    }
}

static void turning_away_leaves_those_who_are_in(void **state)
{
    struct session_rig *rig = *state;
    struct session_rig_peer *in = come(rig, "A", AUTH_FAKE_YES, "");
    struct session_rig_peer *verifying = come(rig, "B", AUTH_FAKE_SLOW, "");
    struct session_rig_peer *mute = session_rig_dial(rig);
    game_admission_turn_away(rig->admission, NET_CLOSE_GOING_AWAY);
    session_rig_run_ms(rig, 1);
    assert_non_null(in->link);
    assert_int_equal(verifying->closed_code, NET_CLOSE_GOING_AWAY);
    assert_int_equal(mute->closed_code, NET_CLOSE_GOING_AWAY);
    counts_are(rig, 0, 0, 1);
    assert_int_equal(promised(rig), 0);
}

static void the_end_of_a_session_ends_its_players_and_not_the_promised(void **state)
{
    struct session_rig *rig = *state;
    struct session_rig_peer *in = come(rig, "A", AUTH_FAKE_YES, "room");
    come(rig, "B", AUTH_FAKE_HANG, "room");
    game_sessions_close_all(rig->sessions, NET_CLOSE_SESSION_OVER);
    session_rig_run_ms(rig, 1);
    assert_int_equal(in->closed_code, NET_CLOSE_SESSION_OVER);
    counts_are(rig, 0, 1, 0);
}

static void the_backends_name_is_what_others_see(void **state)
{
    struct session_rig *rig = *state;
    struct session_rig_peer *peer = come(rig, "A", AUTH_FAKE_YES, "");
    assert_string_equal(peer->roster_names[0], "Fake A");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(announcing_a_message_changes_nothing_in_any_state),
        TEST(a_connection_goes_through_its_states),
        TEST(hanging_up_gives_back_what_was_held_in_any_state),
        TEST(a_no_gives_the_promise_back),
        TEST(an_answer_never_reaches_the_next_connection_in_the_same_place),
        TEST(a_promised_session_that_has_ended_is_replaced),
        TEST(or_the_player_hears_that_there_is_no_room),
        TEST(a_seat_that_is_gone_when_the_answer_comes_is_a_new_seat),
        TEST(a_seat_may_be_full_when_it_is_gone),
        TEST(goodbye_in_any_state_is_answered_with_1000),
        TEST(a_ping_is_answered_in_any_state),
        TEST(the_backend_hears_who_left_and_who_was_kicked_of_those_it_let_in),
        TEST(an_id_that_the_backend_cannot_know_is_denied_unasked),
        TEST(what_the_backend_says_of_a_player_is_his_seats),
        TEST(turning_away_leaves_those_who_are_in),
        TEST(the_end_of_a_session_ends_its_players_and_not_the_promised),
        TEST(the_backends_name_is_what_others_see),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
