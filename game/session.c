// SPDX-License-Identifier: MIT
// Seats: who sits where, who dropped, who came back.

#include "game/session.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/backend.h"

void game_session_counters_init(struct game_session_counters *cells, struct counters *counters)
{
    static const char seats_help[] = "Seats taken, taken back, lost with a connection, given up";
    static const char inputs_help[] =
        "Inputs in time, after their tick, beyond the window, and out of range when taken";
    const struct {
        uint64_t **cell;
        const char *name, *help, *label, *value;
    } rows[] = {
        {&cells->joins, "paddock_seats", seats_help, "event", "join"},
        {&cells->resumes, "paddock_seats", seats_help, "event", "resume"},
        {&cells->drops, "paddock_seats", seats_help, "event", "drop"},
        {&cells->leaves, "paddock_seats", seats_help, "event", "leave"},
        {&cells->races_started, "paddock_races", "Races", "event", "started"},
        {&cells->races_finished, "paddock_races", "Races", "event", "finished"},
        {&cells->inputs_taken, "paddock_inputs", inputs_help, "verdict", "taken"},
        {&cells->inputs_late, "paddock_inputs", inputs_help, "verdict", "late"},
        {&cells->inputs_far, "paddock_inputs", inputs_help, "verdict", "far"},
        {&cells->inputs_forged, "paddock_inputs", inputs_help, "verdict", "forged"},
        {&cells->snapshots, "paddock_snapshots", "Snapshots sent to players", NULL, NULL},
    };
    for (unsigned i = 0; i < BASE_COUNT(rows); i++) {
        *rows[i].cell = counter_cell(counters, COUNTER_TOTAL, rows[i].name, rows[i].help,
                                     rows[i].label, rows[i].value);
    }
}

bool game_session_open(struct game_session *session, const struct game_session_env *env,
                       struct game_session_id id, const char *name, uint32_t tick)
{
    *session = (struct game_session){.env = env, .id = id, .tick = tick};
    const struct game_sim *sim = env->sim;
    session->seat_count = (unsigned)env->config->players_per_session;
    session->setup = (struct game_sim_setup){
        .map = game_maps_for_race(env->maps, 0),
        .tick_rate = (unsigned)env->config->tick_rate,
        .entities = session->seat_count,
        .laps = (unsigned)env->config->laps,
        .time_limit_ticks = game_session_ticks(session, env->config->time_limit_ms),
    };
    session->seats = calloc(session->seat_count, sizeof(*session->seats));
    session->participants = calloc(session->seat_count, sizeof(*session->participants));
    session->inputs = calloc(session->seat_count, sim->input_bytes);
    session->state = calloc(1, sim->state_bytes(&session->setup));
    session->snapshots = game_snapshots_create(session->seat_count, sim->values_per_entity);
    session->open = true;
    if (!session->seats || !session->participants || !session->inputs || !session->state ||
        !session->snapshots) {
        game_session_close(session, NET_CLOSE_INTERNAL);
        return false;
    }
    game_random_uuid(env->random, session->uuid);
    // A session without a wish for a name is known by its id.
    snprintf(session->name, sizeof(session->name), "%s", name[0] ? name : session->uuid);
    log_peer(LOG_INFO, "session_open", LOG_S("session", session->name), LOG_S("id", session->uuid));
    game_session_begin_phase(session, NET_PHASE_LOBBY, 0);
    return true;
}

// Every seat is freed here: joins minus leaves are the seats that are taken.
static void free_seat(struct game_session *session, struct game_seat *seat)
{
    *session->env->counters.leaves += 1;
    *seat = (struct game_seat){0};
}

void game_session_close(struct game_session *session, uint16_t code)
{
    if (!session->open) {
        return;
    }
    session->open = false;
    for (unsigned i = 0; session->seats && i < session->seat_count; i++) {
        struct game_seat *seat = &session->seats[i];
        struct net_conn_id conn = seat->conn;
        if (seat->taken) {
            free_seat(session, seat); // before the close, whose event comes back to this session
            net_conn_close(session->env->conns, conn, code);
        }
    }
    if (session->name[0]) {
        log_peer(LOG_INFO, "session_end", LOG_S("session", session->name),
                 LOG_S("id", session->uuid), LOG_U("races", session->races));
    }
    game_replay_discard(session->replay);
    net_payload_unref(session->result_final_message);
    game_snapshots_destroy(session->snapshots);
    free(session->state);
    free(session->inputs);
    free(session->participants);
    free(session->seats);
    *session = (struct game_session){0};
}

unsigned game_session_connected(const struct game_session *session)
{
    unsigned count = 0;
    for (unsigned i = 0; i < session->seat_count; i++) {
        count += session->seats[i].taken && session->seats[i].conn.generation != 0;
    }
    return count;
}

static unsigned taken(const struct game_session *session)
{
    unsigned count = 0;
    for (unsigned i = 0; i < session->seat_count; i++) {
        count += session->seats[i].taken;
    }
    return count;
}

bool game_session_has_room(const struct game_session *session)
{
    return taken(session) + session->reserved < session->seat_count;
}

// A collision costs one string comparison.
uint64_t game_session_hash_player(const char *player_id)
{
    return bytes_hash(BYTES_HASH_NONE, bytes_of_string(player_id));
}

int game_session_find_player(const struct game_session *session, const char *player_id,
                             uint64_t id_hash)
{
    for (unsigned i = 0; i < session->seat_count; i++) {
        const struct game_seat *seat = &session->seats[i];
        if (seat->taken && seat->id_hash == id_hash && strcmp(seat->player_id, player_id) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static void take_attributes(struct game_seat *seat, unsigned slot,
                            const struct auth_attributes *attributes)
{
    if (attributes->display_name[0]) {
        snprintf(seat->name, sizeof(seat->name), "%s", attributes->display_name);
    } else {
        snprintf(seat->name, sizeof(seat->name), "Player %u", slot + 1);
    }
    seat->spectator = attributes->spectator;
    seat->kart = attributes->kart;
}

unsigned game_session_seat(struct game_session *session, struct net_conn_id conn,
                           const char *player_id, const struct auth_attributes *attributes)
{
    unsigned slot = 0;
    while (slot < session->seat_count && session->seats[slot].taken) {
        slot++;
    }
    assert(slot < session->seat_count);
    struct game_seat *seat = &session->seats[slot];
    *seat = (struct game_seat){
        .taken = true,
        .conn = conn,
        .entity = GAME_NO_ENTITY,
        .id_hash = game_session_hash_player(player_id),
    };
    snprintf(seat->player_id, sizeof(seat->player_id), "%s", player_id);
    take_attributes(seat, slot, attributes);
    session->was_seated = true;
    *session->env->counters.joins += 1;
    game_session_greet(session, slot, false);
    game_session_send_roster(session);
    return slot;
}

void game_session_resume(struct game_session *session, unsigned slot, struct net_conn_id conn,
                         const struct auth_attributes *attributes)
{
    struct game_seat *seat = &session->seats[slot];
    assert(seat->taken);
    take_attributes(seat, slot, attributes);
    seat->conn = conn;
    seat->ack_tick = 0; // a new connection has no baselines
    game_inputs_clear(&seat->inputs);
    *session->env->counters.resumes += 1;
    game_session_greet(session, slot, true);
    game_session_send_roster(session);
}

// Its kart is on the grid or on the track.
static bool in_race(const struct game_session *session, const struct game_seat *seat)
{
    return seat->entity != GAME_NO_ENTITY &&
           (session->phase == NET_PHASE_COUNTDOWN || session->phase == NET_PHASE_RACING);
}

void game_session_drop(struct game_session *session, unsigned slot, struct net_conn_id conn)
{
    struct game_seat *seat = &session->seats[slot];
    if (!seat->taken || !net_conn_id_equal(seat->conn, conn)) {
        return; // the seat has moved on to a newer connection
    }
    *session->env->counters.drops += 1;
    if (!in_race(session, seat)) {
        game_session_leave(session, slot);
        return;
    }
    seat->conn = NET_CONN_NONE;
    seat->grace_tick =
        session->tick + game_session_ticks(session, session->env->config->rejoin_grace_ms);
    game_inputs_clear(&seat->inputs);
    game_session_send_roster(session);
}

void game_session_leave(struct game_session *session, unsigned slot)
{
    struct game_seat *seat = &session->seats[slot];
    assert(seat->taken);
    if (in_race(session, seat)) {
        session->env->sim->retire(session->state, seat->entity);
        game_replay_retire(session->replay, seat->entity);
    }
    free_seat(session, seat);
    game_session_send_roster(session);
}
