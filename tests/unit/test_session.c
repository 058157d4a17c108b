// SPDX-License-Identifier: MIT
// One session, stepped by hand: seats in every phase, what is sent when, and what is counted.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/session_rig.h"
#include "tests/support/sim_duel.h"

#define RATE 60

// Ticks are seconds * RATE: lobby 1 s, countdown 1 s, intermission 1 s, grace 2 s.
static const char *const settings[] = {
    "players-per-session=4", "lobby-ms=1000",        "countdown-ms=1000",   "intermission-ms=1000",
    "rejoin-grace-ms=2000",  "session-idle-ms=3000", "time-limit-ms=60000", NULL};

struct fixture {
    struct session_rig rig;
    struct game_session *session;
    struct session_rig_peer *a, *b;
};

// A session with two seats taken, in the lobby.
static int setup(void **state)
{
    static struct fixture fixture;
    session_rig_init(&fixture.rig, settings);
    fixture.session = session_rig_open(&fixture.rig);
    fixture.a = session_rig_sit(&fixture.rig, fixture.session, "A");
    fixture.b = session_rig_sit(&fixture.rig, fixture.session, "B");
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    session_rig_finish(&fixture->rig);
    return 0;
}

static uint64_t seats(struct fixture *fixture, const char *event)
{
    return session_rig_count(&fixture->rig, "paddock_seats", "event", event);
}

// For the next tick.
static void send_input(struct fixture *fixture, unsigned slot, uint8_t add)
{
    const struct net_msg_input input = {.first_tick = fixture->rig.tick + 1,
                                        .inputs = bytes_of(&add, 1)};
    game_session_input(fixture->session, slot, &input);
}

// Steps until the session is in that phase.
static void go_to(struct fixture *fixture, enum net_phase phase)
{
    for (unsigned i = 0; i < 100 * RATE && fixture->session->phase != phase; i++) {
        if (phase == NET_PHASE_FINISHED && fixture->session->phase == NET_PHASE_RACING) {
            // Both count to the target as fast as the game allows.
            for (unsigned slot = 0; slot < 2; slot++) {
                if (fixture->session->seats[slot].taken) {
                    send_input(fixture, slot, DUEL_ADD_MAX);
                }
            }
        }
        session_rig_step(&fixture->rig, 1);
    }
    assert_int_equal(fixture->session->phase, phase);
    session_rig_run_ms(&fixture->rig, 1);
}

static const struct game_standing *standing_of(struct fixture *fixture, unsigned entity)
{
    static struct game_standing standings[LIMIT_PLAYERS_PER_SESSION];
    duel_sim.standings(fixture->session->state, standings);
    for (unsigned i = 0; i < fixture->session->setup.entities; i++) {
        if (standings[i].entity == entity) {
            return &standings[i];
        }
    }
    fail_msg("no entity %u", entity);
    return NULL;
}

static int32_t count_of_a(struct fixture *fixture)
{
    int32_t values[2 * DUEL_VALUES];
    duel_sim.view(fixture->session->state, values);
    return values[DUEL_VALUE_COUNT];
}

// ---- seats

static void a_seat_is_greeted_with_welcome_phase_and_roster_in_that_order(void **state)
{
    struct fixture *fixture = *state;
    static const uint8_t order[] = {NET_MSG_WELCOME, NET_MSG_PHASE, NET_MSG_ROSTER};
    assert_int_equal(fixture->b->order_count, 3);
    assert_memory_equal(fixture->b->order, order, sizeof(order));
    const struct net_msg_welcome *welcome = &fixture->b->welcome;
    assert_int_equal(welcome->version, NET_PROTOCOL_VERSION);
    assert_int_equal(welcome->slot, 1);
    assert_int_equal(welcome->slots, 4);
    assert_int_equal(welcome->tick_rate, RATE);
    assert_int_equal(welcome->snapshot_rate, 20);
    assert_int_equal(welcome->input_bytes, 1);
    assert_int_equal(welcome->entity_values, DUEL_VALUES);
    assert_false(welcome->resumed);
    assert_int_equal(fixture->b->roster.count, 2);
    assert_int_equal(fixture->a->count[NET_MSG_ROSTER], 2); // his own, and B's coming
    assert_int_equal(fixture->a->count[NET_MSG_WELCOME], 1);
}

static void everybody_sees_what_the_backend_says_of_a_player(void **state)
{
    struct fixture *fixture = *state;
    const struct auth_attributes fast = {.display_name = "Zo\xc3\xab \"the\" Fast", .kart = 255};
    struct session_rig_peer *peer = session_rig_dial(&fixture->rig);
    game_session_seat(fixture->session, peer->conn, "C", &fast);
    session_rig_run_ms(&fixture->rig, 1);
    assert_string_equal(peer->roster_names[0], "Player 1");
    assert_string_equal(peer->roster_names[1], "Player 2");
    assert_string_equal(peer->roster_names[2], "Zo\xc3\xab \"the\" Fast");
    assert_int_equal(peer->roster.entries[1].kart, 0);
    assert_int_equal(peer->roster.entries[2].kart, 255);
    assert_false(peer->roster.entries[2].spectator);
}

// The backend is asked at every connect, and what it says then counts.
static void what_the_backend_says_at_a_return_counts(void **state)
{
    struct fixture *fixture = *state;
    const struct auth_attributes other = {.display_name = "Other", .kart = 9, .spectator = true};
    go_to(fixture, NET_PHASE_RACING);
    game_session_drop(fixture->session, 0, fixture->a->conn);
    struct session_rig_peer *back = session_rig_dial(&fixture->rig);
    game_session_resume(fixture->session, 0, back->conn, &other);
    session_rig_run_ms(&fixture->rig, 1);
    assert_string_equal(fixture->b->roster_names[0], "Other");
    assert_int_equal(fixture->b->roster.entries[0].kart, 9);
    assert_true(fixture->b->roster.entries[0].spectator);
    assert_int_equal(fixture->session->seats[0].entity, 0); // he drives this race to its end
    session_rig_sit(&fixture->rig, fixture->session, "C");
    go_to(fixture, NET_PHASE_FINISHED);
    go_to(fixture, NET_PHASE_RACING);
    assert_int_equal(fixture->session->seats[0].entity, GAME_NO_ENTITY);
    assert_int_equal(fixture->session->setup.entities, 2);
}

static void a_spectator_has_no_kart_and_no_race_waits_for_him_or_starts_for_him(void **state)
{
    struct fixture *fixture = *state;
    fixture->session->seats[1].spectator = true;
    session_rig_step(&fixture->rig, 3 * RATE); // one racer is too few
    assert_int_equal(fixture->session->phase, NET_PHASE_LOBBY);
    assert_int_equal(fixture->session->phase_ends_tick, 0);
    session_rig_sit(&fixture->rig, fixture->session, "C");
    go_to(fixture, NET_PHASE_RACING);
    assert_int_equal(fixture->session->setup.entities, 2);
    assert_int_equal(fixture->session->seats[1].entity, GAME_NO_ENTITY);
    assert_int_equal(fixture->session->seats[2].entity, 1);
    assert_true(fixture->b->count[NET_MSG_SNAPSHOT] > 0); // he sees it
}

static void room_counts_seats_and_promises(void **state)
{
    struct fixture *fixture = *state;
    struct game_session *session = fixture->session;
    assert_true(game_session_has_room(session));
    session->reserved = 1;
    assert_true(game_session_has_room(session));
    session->reserved = 2;
    assert_false(game_session_has_room(session));
    session->reserved = 0;
    session_rig_sit(&fixture->rig, session, "C");
    session_rig_sit(&fixture->rig, session, "D");
    assert_false(game_session_has_room(session));
    game_session_leave(session, 1);
    assert_true(game_session_has_room(session));
}

static void players_are_found_by_their_whole_id(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *id;
        int slot;
    } rows[] = {{"A", 0}, {"B", 1}, {"", -1}, {"a", -1}, {"AB", -1}};
    for (size_t i = 0; i < BASE_COUNT(rows); i++) {
        uint64_t hash = game_session_hash_player(rows[i].id);
        assert_int_equal(game_session_find_player(fixture->session, rows[i].id, hash),
                         rows[i].slot);
    }
    // Equal hashes are not enough.
    uint64_t hash_of_a = game_session_hash_player("A");
    assert_int_equal(game_session_find_player(fixture->session, "X", hash_of_a), -1);
}

// What a drop does depends on the phase and on whether the player takes part.
static void a_drop_keeps_the_seat_only_in_a_race_under_way(void **state)
{
    static const struct {
        enum net_phase phase;
        bool kept;
    } rows[] = {
        {NET_PHASE_LOBBY, false},
        {NET_PHASE_COUNTDOWN, true},
        {NET_PHASE_RACING, true},
        {NET_PHASE_FINISHED, false},
    };
    for (size_t i = 0; i < BASE_COUNT(rows); i++) {
        setup(state);
        struct fixture *fixture = *state;
        go_to(fixture, rows[i].phase);
        unsigned rosters = fixture->b->count[NET_MSG_ROSTER];
        game_session_drop(fixture->session, 0, fixture->a->conn);
        session_rig_run_ms(&fixture->rig, 1);
        assert_int_equal(fixture->session->seats[0].taken, rows[i].kept);
        assert_int_equal(seats(fixture, "drop"), 1);
        assert_int_equal(seats(fixture, "leave"), rows[i].kept ? 0 : 1);
        assert_int_equal(fixture->b->count[NET_MSG_ROSTER], rosters + 1);
        assert_int_equal(fixture->b->roster.count, rows[i].kept ? 2 : 1);
        if (rows[i].kept) {
            assert_false(fixture->b->roster.entries[0].connected);
        }
        teardown(state);
    }
}

static void a_late_comer_who_drops_in_a_race_keeps_nothing(void **state)
{
    struct fixture *fixture = *state;
    go_to(fixture, NET_PHASE_RACING);
    struct session_rig_peer *late = session_rig_sit(&fixture->rig, fixture->session, "C");
    assert_int_equal(fixture->session->seats[2].entity, GAME_NO_ENTITY);
    game_session_drop(fixture->session, 2, late->conn);
    assert_false(fixture->session->seats[2].taken);
}

static void the_end_of_an_older_connection_is_no_drop(void **state)
{
    struct fixture *fixture = *state;
    game_session_drop(fixture->session, 0, fixture->b->conn);
    assert_true(fixture->session->seats[0].taken);
    assert_int_equal(seats(fixture, "drop"), 0);
    game_session_drop(fixture->session, 3, fixture->a->conn); // an empty seat
    assert_int_equal(seats(fixture, "drop"), 0);
}

static void leaving_retires_the_kart_only_in_a_race_under_way(void **state)
{
    static const struct {
        enum net_phase phase;
        enum game_dnf dnf;
    } rows[] = {
        {NET_PHASE_COUNTDOWN, GAME_DNF_LEFT},
        {NET_PHASE_RACING, GAME_DNF_LEFT},
        {NET_PHASE_FINISHED, GAME_DNF_NONE},
    };
    for (size_t i = 0; i < BASE_COUNT(rows); i++) {
        setup(state);
        struct fixture *fixture = *state;
        go_to(fixture, rows[i].phase);
        unsigned entity = fixture->session->seats[0].entity;
        game_session_leave(fixture->session, 0);
        assert_int_equal(standing_of(fixture, entity)->dnf, rows[i].dnf);
        assert_int_equal(standing_of(fixture, 1 - entity)->dnf, GAME_DNF_NONE);
        teardown(state);
    }
}

static void coming_back_starts_without_baselines_and_old_inputs(void **state)
{
    struct fixture *fixture = *state;
    go_to(fixture, NET_PHASE_RACING);
    struct game_seat *seat = &fixture->session->seats[0];
    const uint8_t add = 5;
    const struct net_msg_input input = {.ack_tick = fixture->rig.tick,
                                        .first_tick = fixture->rig.tick + 3,
                                        .inputs = bytes_of(&add, 1)};
    game_session_input(fixture->session, 0, &input);
    assert_true(seat->ack_tick > 0 && seat->inputs.newest_tick > 0);
    uint32_t entity = seat->entity;
    game_session_drop(fixture->session, 0, fixture->a->conn);
    struct session_rig_peer *back = session_rig_dial(&fixture->rig);
    game_session_resume(fixture->session, 0, back->conn, &(struct auth_attributes){0});
    session_rig_run_ms(&fixture->rig, 1);
    assert_true(back->welcome.resumed);
    assert_int_equal(back->phase.phase, NET_PHASE_RACING);
    assert_int_equal(back->phase.entity_of_slot[0], entity);
    assert_int_equal(back->map_data_size, 4);
    assert_int_equal(seat->ack_tick, 0);
    assert_int_equal(seat->inputs.newest_tick, 0);
    assert_int_equal(seats(fixture, "resume"), 1);
    session_rig_step(&fixture->rig, 3);
    session_rig_run_ms(&fixture->rig, 1);
    assert_int_equal(back->snapshot.baseline_tick, 0);
}

// A newer connection of the player takes the seat without a drop before it: what the older one has
// sent ahead is not for the newer one to answer for.
static void taking_over_forgets_inputs_that_were_sent_ahead(void **state)
{
    struct fixture *fixture = *state;
    go_to(fixture, NET_PHASE_RACING);
    uint8_t adds[60];
    memset(adds, DUEL_ADD_MAX, sizeof(adds));
    const struct net_msg_input input = {.first_tick = fixture->rig.tick + 1,
                                        .inputs = bytes_of(adds, sizeof(adds))};
    game_session_input(fixture->session, 0, &input);
    game_session_resume(fixture->session, 0, session_rig_dial(&fixture->rig)->conn,
                        &(struct auth_attributes){0});
    session_rig_step(&fixture->rig, 60);
    assert_int_equal(count_of_a(fixture), 0);
}

static void a_dropped_player_lets_go_of_everything(void **state)
{
    struct fixture *fixture = *state;
    go_to(fixture, NET_PHASE_RACING);
    send_input(fixture, 0, 1);
    session_rig_step(&fixture->rig, 3); // the input and two repetitions
    game_session_drop(fixture->session, 0, fixture->a->conn);
    session_rig_step(&fixture->rig, 30);
    assert_int_equal(count_of_a(fixture), 3);
}

static void a_missing_input_is_stood_in_for_by_the_last_one_for_half_a_second(void **state)
{
    struct fixture *fixture = *state;
    go_to(fixture, NET_PHASE_RACING);
    send_input(fixture, 0, 1);
    session_rig_step(&fixture->rig, 1 + RATE / 2);
    assert_int_equal(count_of_a(fixture), 1 + RATE / 2);
    session_rig_step(&fixture->rig, RATE);
    assert_int_equal(count_of_a(fixture), 1 + RATE / 2);
}

static void the_grace_time_ends_on_its_tick(void **state)
{
    struct fixture *fixture = *state;
    go_to(fixture, NET_PHASE_RACING);
    game_session_drop(fixture->session, 0, fixture->a->conn);
    session_rig_step(&fixture->rig, 2 * RATE - 1);
    assert_true(fixture->session->seats[0].taken);
    session_rig_step(&fixture->rig, 1);
    assert_false(fixture->session->seats[0].taken);
    assert_int_equal(standing_of(fixture, 0)->dnf, GAME_DNF_LEFT);
    assert_int_equal(seats(fixture, "leave"), 1);
}

static void closing_says_why_and_frees_every_seat(void **state)
{
    struct fixture *fixture = *state;
    go_to(fixture, NET_PHASE_RACING);
    game_sessions_close_all(fixture->rig.sessions, NET_CLOSE_SESSION_OVER);
    session_rig_run_ms(&fixture->rig, 1);
    assert_int_equal(fixture->a->closed_code, NET_CLOSE_SESSION_OVER);
    assert_int_equal(fixture->b->closed_code, NET_CLOSE_SESSION_OVER);
    assert_int_equal(fixture->rig.lost_count, 2);
    assert_int_equal(seats(fixture, "leave"), 2);
    assert_false(fixture->session->open);
    game_session_close(fixture->session, NET_CLOSE_NORMAL); // a second time does nothing
}

// ---- snapshots, timing, phases

static void map_data_is_sent_once_with_the_countdown(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(fixture->a->map_data_size, 0);
    go_to(fixture, NET_PHASE_COUNTDOWN);
    assert_int_equal(fixture->a->map_data_size, 4);
    go_to(fixture, NET_PHASE_RACING);
    assert_int_equal(fixture->a->map_data_size, 0);
    struct session_rig_peer *late = session_rig_sit(&fixture->rig, fixture->session, "C");
    assert_int_equal(late->map_data_size, 4);
    go_to(fixture, NET_PHASE_FINISHED);
    assert_int_equal(fixture->a->map_data_size, 0);
}

static void phases_end_on_the_tick_that_was_announced(void **state)
{
    struct fixture *fixture = *state;
    static const enum net_phase timed[] = {NET_PHASE_LOBBY, NET_PHASE_COUNTDOWN,
                                           NET_PHASE_FINISHED};
    for (size_t i = 0; i < BASE_COUNT(timed); i++) {
        go_to(fixture, timed[i]);
        session_rig_step(&fixture->rig, 1); // the lobby's time begins with the second player
        session_rig_run_ms(&fixture->rig, 1);
        uint32_t ends_tick = fixture->a->phase.ends_tick;
        assert_int_equal(fixture->a->phase.phase, timed[i]);
        assert_int_equal(ends_tick - fixture->a->phase.tick, RATE);
        session_rig_step(&fixture->rig, ends_tick - 1 - fixture->rig.tick);
        assert_int_equal(fixture->session->phase, timed[i]);
        session_rig_step(&fixture->rig, 1);
        assert_int_not_equal(fixture->session->phase, timed[i]);
        session_rig_run_ms(&fixture->rig, 1);
        assert_int_equal(fixture->a->phase.tick, ends_tick);
    }
}

static void snapshots_come_at_their_rate_from_the_countdown_on(void **state)
{
    struct fixture *fixture = *state;
    session_rig_step(&fixture->rig, RATE / 2);
    session_rig_run_ms(&fixture->rig, 1);
    assert_int_equal(fixture->a->count[NET_MSG_SNAPSHOT], 0);
    go_to(fixture, NET_PHASE_COUNTDOWN);
    unsigned before = fixture->a->count[NET_MSG_SNAPSHOT];
    session_rig_step(&fixture->rig, RATE);
    session_rig_run_ms(&fixture->rig, 1);
    assert_int_equal(fixture->a->count[NET_MSG_SNAPSHOT] - before, 20);
    assert_int_equal(fixture->a->snapshot.entities, 2);
}

// So that not all encode at once.
static void sessions_take_turns_with_their_snapshots(void **state)
{
    struct fixture *fixture = *state;
    uint16_t code;
    struct game_session *other =
        game_sessions_find_room(fixture->rig.sessions, "other", fixture->rig.tick, &code);
    struct session_rig_peer *c = session_rig_sit(&fixture->rig, other, "C");
    session_rig_sit(&fixture->rig, other, "D");
    go_to(fixture, NET_PHASE_RACING);
    assert_int_equal(other->phase, NET_PHASE_RACING);
    for (unsigned i = 0; i < RATE; i++) {
        unsigned of_a = fixture->a->count[NET_MSG_SNAPSHOT], of_c = c->count[NET_MSG_SNAPSHOT];
        session_rig_step(&fixture->rig, 1);
        session_rig_run_ms(&fixture->rig, 1);
        assert_false(fixture->a->count[NET_MSG_SNAPSHOT] > of_a &&
                     c->count[NET_MSG_SNAPSHOT] > of_c);
    }
}

// A server that wakes up late runs several ticks and broadcasts once: the rate holds nevertheless.
static void a_late_wake_up_skips_no_snapshot(void **state)
{
    struct fixture *fixture = *state;
    for (unsigned at_once = 2; at_once <= 3; at_once++) {
        go_to(fixture, NET_PHASE_RACING);
        unsigned before = fixture->a->count[NET_MSG_SNAPSHOT];
        for (unsigned i = 0; i < RATE; i += at_once) {
            for (unsigned n = 0; n < at_once; n++) {
                game_sessions_step(fixture->rig.sessions, ++fixture->rig.tick);
            }
            game_sessions_broadcast(fixture->rig.sessions);
        }
        session_rig_run_ms(&fixture->rig, 1);
        assert_int_equal(fixture->a->count[NET_MSG_SNAPSHOT] - before, 20);
    }
}

static void an_acknowledged_snapshot_becomes_the_baseline(void **state)
{
    struct fixture *fixture = *state;
    go_to(fixture, NET_PHASE_RACING);
    session_rig_step(&fixture->rig, 3);
    session_rig_run_ms(&fixture->rig, 1);
    uint32_t acknowledged = fixture->a->snapshot.tick;
    assert_true(acknowledged > 0);
    const struct net_msg_input input = {.ack_tick = acknowledged};
    game_session_input(fixture->session, 0, &input);
    session_rig_step(&fixture->rig, 3);
    session_rig_run_ms(&fixture->rig, 1);
    assert_int_equal(fixture->a->snapshot.baseline_tick, acknowledged);
    assert_int_equal(fixture->b->snapshot.baseline_tick, 0);
    assert_int_equal(fixture->a->snapshot.checksum, fixture->b->snapshot.checksum);
}

static void timing_tells_lead_and_lateness_with_every_fourth_snapshot(void **state)
{
    struct fixture *fixture = *state;
    go_to(fixture, NET_PHASE_RACING);
    session_rig_step(&fixture->rig, RATE);
    session_rig_run_ms(&fixture->rig, 1);
    assert_int_equal(fixture->a->count[NET_MSG_TIMING], 0); // nothing has come from him
    uint8_t adds[2] = {1, 1};
    struct net_msg_input input = {.first_tick = fixture->rig.tick + 6, .inputs = bytes_of(adds, 1)};
    game_session_input(fixture->session, 0, &input); // 5 ticks ahead of the next one
    session_rig_step(&fixture->rig, 12);
    session_rig_run_ms(&fixture->rig, 1);
    assert_int_equal(fixture->a->count[NET_MSG_TIMING], 1);
    assert_int_equal(fixture->a->timing.tick, input.first_tick);
    assert_int_equal(fixture->a->timing.margin_ms, 5 * 1000 / RATE);
    assert_int_equal(fixture->a->timing.late, 0);
    input =
        (struct net_msg_input){.first_tick = fixture->rig.tick - 5, .inputs = bytes_of(adds, 2)};
    game_session_input(fixture->session, 0, &input);
    session_rig_step(&fixture->rig, 12);
    session_rig_run_ms(&fixture->rig, 1);
    assert_int_equal(fixture->a->count[NET_MSG_TIMING], 2);
    assert_int_equal(fixture->a->timing.margin_ms, -6 * 1000 / RATE);
    assert_int_equal(fixture->a->timing.late, 2);
    assert_int_equal(fixture->b->count[NET_MSG_TIMING], 0);
}

// ---- the end of a race

static void a_result_is_told_twice_and_final_only_when_it_is_on_disk(void **state)
{
    struct fixture *fixture = *state;
    go_to(fixture, NET_PHASE_RACING);
    while (fixture->session->phase == NET_PHASE_RACING) {
        session_rig_step(&fixture->rig, RATE); // no time passes: the disk has no chance to answer
    }
    assert_false(fixture->session->result_final);
    session_rig_run_ms(&fixture->rig, 1);
    assert_int_equal(fixture->a->count[NET_MSG_RESULT], 2);
    assert_true(fixture->a->result.final);
    assert_int_equal(fixture->a->result.count, 2);
    assert_int_equal(fixture->a->result.entries[0].place, 0); // nobody has counted
    assert_int_equal(fixture->a->result.entries[0].time_ms, 0);
    // The same again, or one of another race, is not told.
    char race_id[GAME_UUID_BYTES];
    memcpy(race_id, fixture->session->race_id, sizeof(race_id));
    game_session_result_committed(fixture->session, race_id);
    race_id[0] ^= 1;
    fixture->session->result_final = false;
    game_session_result_committed(fixture->session, race_id);
    session_rig_run_ms(&fixture->rig, 1);
    assert_int_equal(fixture->a->count[NET_MSG_RESULT], 2);
    fixture->session->result_final = true;
}

static void whoever_sits_down_after_the_race_hears_its_final_result(void **state)
{
    struct fixture *fixture = *state;
    go_to(fixture, NET_PHASE_FINISHED);
    assert_true(fixture->session->result_final);
    struct session_rig_peer *late = session_rig_sit(&fixture->rig, fixture->session, "C");
    assert_int_equal(late->count[NET_MSG_RESULT], 1);
    assert_true(late->result.final);
    go_to(fixture, NET_PHASE_LOBBY);
    struct session_rig_peer *later = session_rig_sit(&fixture->rig, fixture->session, "D");
    assert_int_equal(later->count[NET_MSG_RESULT], 0);
}

static void the_next_race_is_another_one(void **state)
{
    struct fixture *fixture = *state;
    go_to(fixture, NET_PHASE_FINISHED);
    char first[GAME_UUID_BYTES];
    memcpy(first, fixture->session->race_id, sizeof(first));
    uint64_t seed = fixture->session->setup.seed;
    const struct net_msg_input acknowledgement = {.ack_tick = fixture->rig.tick};
    game_session_input(fixture->session, 0, &acknowledgement);
    assert_true(fixture->session->seats[0].ack_tick > 0);
    go_to(fixture, NET_PHASE_LOBBY);
    assert_int_equal(fixture->session->seats[0].entity, GAME_NO_ENTITY);
    go_to(fixture, NET_PHASE_COUNTDOWN);
    assert_string_not_equal(fixture->session->race_id, first);
    assert_int_equal(fixture->session->seats[0].inputs.newest_tick, 0);
    assert_true(fixture->session->setup.seed != seed);
    assert_int_equal(fixture->session->races, 2);
    assert_int_equal(fixture->session->seats[0].ack_tick, 0);
}

// Promises come before the backend has said yes: what they open must not outlive them.
static void a_session_that_nobody_came_to_ends_with_its_last_promise(void **state)
{
    struct fixture *fixture = *state;
    struct game_sessions *sessions = fixture->rig.sessions;
    uint16_t code = 0;
    struct game_session *session =
        game_sessions_find_room(sessions, "other", fixture->rig.tick, &code);
    assert_non_null(session);
    session->reserved = 2;
    game_sessions_give_back(sessions, session);
    session_rig_step(&fixture->rig, 10 * RATE);
    assert_int_equal(game_sessions_count(sessions), 2);
    game_sessions_give_back(sessions, session);
    assert_int_equal(game_sessions_count(sessions), 1);
    assert_ptr_equal(game_sessions_at(sessions, 0), fixture->session);
    // Where somebody is or was, a promise that is given back changes nothing else.
    fixture->session->reserved = 1;
    game_session_leave(fixture->session, 0);
    game_session_leave(fixture->session, 1);
    game_sessions_give_back(sessions, fixture->session);
    assert_int_equal(game_sessions_count(sessions), 1);
}

static void an_empty_session_ends_after_its_idle_time_unless_a_seat_is_promised(void **state)
{
    struct fixture *fixture = *state;
    game_session_leave(fixture->session, 0);
    game_session_leave(fixture->session, 1);
    fixture->session->reserved = 1;
    session_rig_step(&fixture->rig, 10 * RATE);
    assert_int_equal(game_sessions_count(fixture->rig.sessions), 1);
    fixture->session->reserved = 0;
    session_rig_step(&fixture->rig, 3 * RATE);
    assert_int_equal(game_sessions_count(fixture->rig.sessions), 1);
    session_rig_step(&fixture->rig, 1);
    assert_int_equal(game_sessions_count(fixture->rig.sessions), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_seat_is_greeted_with_welcome_phase_and_roster_in_that_order),
        TEST(everybody_sees_what_the_backend_says_of_a_player),
        TEST(what_the_backend_says_at_a_return_counts),
        TEST(room_counts_seats_and_promises),
        TEST(a_spectator_has_no_kart_and_no_race_waits_for_him_or_starts_for_him),
        TEST(players_are_found_by_their_whole_id),
        cmocka_unit_test(a_drop_keeps_the_seat_only_in_a_race_under_way),
        TEST(a_late_comer_who_drops_in_a_race_keeps_nothing),
        TEST(the_end_of_an_older_connection_is_no_drop),
        cmocka_unit_test(leaving_retires_the_kart_only_in_a_race_under_way),
        TEST(coming_back_starts_without_baselines_and_old_inputs),
        TEST(taking_over_forgets_inputs_that_were_sent_ahead),
        TEST(a_dropped_player_lets_go_of_everything),
        TEST(a_missing_input_is_stood_in_for_by_the_last_one_for_half_a_second),
        TEST(the_grace_time_ends_on_its_tick),
        TEST(closing_says_why_and_frees_every_seat),
        TEST(map_data_is_sent_once_with_the_countdown),
        TEST(phases_end_on_the_tick_that_was_announced),
        TEST(snapshots_come_at_their_rate_from_the_countdown_on),
        TEST(sessions_take_turns_with_their_snapshots),
        TEST(a_late_wake_up_skips_no_snapshot),
        TEST(an_acknowledged_snapshot_becomes_the_baseline),
        TEST(timing_tells_lead_and_lateness_with_every_fourth_snapshot),
        TEST(a_result_is_told_twice_and_final_only_when_it_is_on_disk),
        TEST(whoever_sits_down_after_the_race_hears_its_final_result),
        TEST(the_next_race_is_another_one),
        TEST(a_session_that_nobody_came_to_ends_with_its_last_promise),
        TEST(an_empty_session_ends_after_its_idle_time_unless_a_seat_is_promised),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
