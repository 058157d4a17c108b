// SPDX-License-Identifier: MIT
// The phases of a session and what happens in each tick of them.

#include "game/session.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "config/base/prefetch.h"
#include "game/result.h"

// A missing input is stood in for by the last one for so long, then the player lets go.
#define REPEAT_INPUT_MS 500
// One in so many snapshots of a player brings him a timing message: five a second at 20 Hz.
#define SNAPSHOTS_PER_TIMING 4
// What a message of a player goes ahead by at most, as a rule.
#define FETCH_TICKS 6
// Of a simulation's state.
#define FETCH_STATE_BYTES 4096

uint32_t game_session_ticks(const struct game_session *session, long milliseconds)
{
    return (uint32_t)(milliseconds * session->env->config->tick_rate / 1000);
}

void game_session_begin_phase(struct game_session *session, enum net_phase phase, long duration_ms)
{
    static const char *const names[] = {"lobby", "countdown", "racing", "finished"};
    session->phase = phase;
    session->phase_tick = session->tick;
    session->phase_ends_tick =
        duration_ms > 0 ? session->tick + game_session_ticks(session, duration_ms) : 0;
    log_event(LOG_DEBUG, "phase", LOG_S("session", session->name), LOG_S("phase", names[phase]),
              LOG_U("tick", session->tick));
    game_session_send_phase(session);
}

// ---- lobby

static void take_part(struct game_session *session)
{
    unsigned entities = 0;
    for (unsigned i = 0; i < session->seat_count; i++) {
        struct game_seat *seat = &session->seats[i];
        seat->entity = GAME_NO_ENTITY;
        if (seat->taken && !seat->spectator) {
            struct game_participant *participant = &session->participants[entities];
            participant->slot = i;
            memcpy(participant->player_id, seat->player_id, sizeof(participant->player_id));
            seat->entity = entities++;
            seat->ack_tick = 0;
            game_inputs_clear(&seat->inputs);
        }
    }
    session->setup.entities = entities;
}

static void begin_countdown(struct game_session *session)
{
    const struct game_session_env *env = session->env;
    take_part(session);
    session->setup.map = game_maps_for_race(env->maps, session->races);
    session->setup.seed = game_random_u64(env->random);
    session->races++;
    session->result_submitted = false;
    session->result_final = false;
    game_random_uuid(env->random, session->race_id);
    memset(session->state, 0, env->sim->state_bytes(&session->setup));
    env->sim->init(session->state, &session->setup);
    game_snapshots_reset(session->snapshots, session->setup.entities);
    session->replay = game_results_begin_replay(env->results, env->sim, &session->setup);
    game_session_begin_phase(session, NET_PHASE_COUNTDOWN, env->config->countdown_ms);
}

static unsigned connected_racers(const struct game_session *session)
{
    unsigned count = 0;
    for (unsigned i = 0; i < session->seat_count; i++) {
        const struct game_seat *seat = &session->seats[i];
        count += seat->taken && seat->conn.generation != 0 && !seat->spectator;
    }
    return count;
}

static void step_lobby(struct game_session *session)
{
    const struct config *config = session->env->config;
    if (connected_racers(session) < (unsigned)config->min_players) {
        if (session->phase_ends_tick != 0) {
            game_session_begin_phase(session, NET_PHASE_LOBBY, 0);
        }
        return;
    }
    bool full = game_session_connected(session) == session->seat_count;
    if (session->phase_ends_tick == 0 && !full && config->lobby_ms > 0) {
        game_session_begin_phase(session, NET_PHASE_LOBBY, config->lobby_ms);
    } else if (full || session->tick >= session->phase_ends_tick) {
        begin_countdown(session);
    }
}

// ---- racing

static void gather_inputs(struct game_session *session)
{
    unsigned size = session->env->sim->input_bytes;
    unsigned repeat_max = game_session_ticks(session, REPEAT_INPUT_MS);
    memset(session->inputs, 0, (size_t)session->setup.entities * size);
    for (unsigned i = 0; i < session->seat_count; i++) {
        struct game_seat *seat = &session->seats[i];
        if (seat->taken && seat->entity != GAME_NO_ENTITY) {
            game_inputs_take(&seat->inputs, session->tick, repeat_max,
                             session->inputs + (size_t)seat->entity * size, size);
        }
    }
}

static void retire_the_lost(struct game_session *session)
{
    for (unsigned i = 0; i < session->seat_count; i++) {
        struct game_seat *seat = &session->seats[i];
        if (seat->taken && seat->conn.generation == 0 && session->tick >= seat->grace_tick) {
            game_session_leave(session, i);
        }
    }
}

static void send_result(struct game_session *session, const struct game_standing *standings)
{
    static const char *const reasons[] = {"", "time_limit", "left"};
    struct net_msg msg = {.type = NET_MSG_RESULT};
    msg.result.race_id = bytes_of_string(session->race_id);
    msg.result.count = session->setup.entities;
    for (unsigned i = 0; i < session->setup.entities; i++) {
        const struct game_standing *standing = &standings[i];
        msg.result.entries[i] = (struct net_msg_result_entry){
            .slot = session->participants[standing->entity].slot,
            .place = standing->dnf == GAME_DNF_NONE ? standing->place : 0,
            .time_ms = standing->time_ms,
            .reason = bytes_of_string(reasons[standing->dnf]),
        };
    }
    struct net_payload *provisional = game_session_encode(&msg);
    game_session_send_all(session, provisional, NET_RELIABLE);
    net_payload_unref(provisional);
    msg.result.final = true;
    net_payload_unref(session->result_final_message);
    session->result_final_message = game_session_encode(&msg);
}

static void finish_race(struct game_session *session)
{
    const struct game_session_env *env = session->env;
    struct game_standing standings[LIMIT_PLAYERS_PER_SESSION];
    env->sim->standings(session->state, standings);
    *env->counters.races_finished += 1;
    game_session_begin_phase(session, NET_PHASE_FINISHED, env->config->intermission_ms);
    send_result(session, standings);
    session->result_submitted = game_results_submit(env->results, session, standings);
}

static void step_racing(struct game_session *session)
{
    const struct game_sim *sim = session->env->sim;
    retire_the_lost(session);
    gather_inputs(session);
    game_replay_inputs(session->replay, session->inputs);
    sim->step(session->state, session->inputs);
    game_replay_stepped(session->replay, session->state);
    if (sim->finished(session->state)) {
        finish_race(session);
    }
}

static void step_countdown(struct game_session *session)
{
    if (session->phase_ends_tick != 0 && session->tick < session->phase_ends_tick) {
        return;
    }
    session->env->sim->start(session->state);
    *session->env->counters.races_started += 1;
    session->race_started_wall_ms = clock_wall_ms(loop_clock(session->env->loop));
    game_session_begin_phase(session, NET_PHASE_RACING, 0);
    step_racing(session);
}

// ---- finished

void game_session_result_committed(struct game_session *session, const char *race_id)
{
    if (strcmp(session->race_id, race_id) != 0 || session->result_final) {
        return;
    }
    session->result_final = true;
    game_session_send_all(session, session->result_final_message, NET_RELIABLE);
}

// Memory was short when the race ended; the state of the simulation still tells how.
static void submit_again(struct game_session *session)
{
    struct game_standing standings[LIMIT_PLAYERS_PER_SESSION];
    session->env->sim->standings(session->state, standings);
    session->result_submitted = game_results_submit(session->env->results, session, standings);
}

// False when the session has raced enough, or the server shuts down. A result that is not on disk
// yet holds it open: players are owed the word that it is final.
static bool step_finished(struct game_session *session)
{
    if (!session->result_submitted) {
        submit_again(session);
    }
    if (session->tick < session->phase_ends_tick && !session->env->draining) {
        return true;
    }
    if (!session->result_final) {
        return true;
    }
    long races_max = session->env->config->races_per_session;
    bool enough = races_max > 0 && session->races >= (unsigned long)races_max;
    if (enough || session->env->draining) {
        return false;
    }
    for (unsigned i = 0; i < session->seat_count; i++) {
        struct game_seat *seat = &session->seats[i];
        if (seat->taken && seat->conn.generation == 0) {
            game_session_leave(session, i);
        }
        seat->entity = GAME_NO_ENTITY;
    }
    game_session_begin_phase(session, NET_PHASE_LOBBY, 0);
    return true;
}

// ---- every tick

static bool idle_too_long(struct game_session *session)
{
    if (session->reserved > 0 || session->phase != NET_PHASE_LOBBY ||
        game_session_connected(session) > 0) {
        session->idle_since_tick = 0;
        return false;
    }
    if (session->idle_since_tick == 0) {
        session->idle_since_tick = session->tick;
    }
    return session->tick - session->idle_since_tick >=
           game_session_ticks(session, session->env->config->session_idle_ms);
}

bool game_session_step(struct game_session *session, uint32_t tick)
{
    session->tick = tick;
    switch (session->phase) {
    case NET_PHASE_LOBBY:
        if (session->env->draining || idle_too_long(session)) {
            return false;
        }
        step_lobby(session);
        return true;
    case NET_PHASE_COUNTDOWN:
        if (session->env->draining) {
            return false;
        }
        step_countdown(session);
        return true;
    case NET_PHASE_RACING:
        step_racing(session);
        return true;
    case NET_PHASE_FINISHED:
        return step_finished(session);
    }
    assert(false);
    return false;
}

// Sessions take turns: each has its own offset, so that not all encode in the same tick. A wake-up
// that runs several ticks answers for all of them.
bool game_session_snapshot_due(struct game_session *session)
{
    if (session->phase == NET_PHASE_LOBBY) {
        return false;
    }
    uint64_t rate = session->setup.tick_rate;
    uint64_t per_second = (uint64_t)session->env->config->snapshot_rate;
    uint64_t now = (uint64_t)session->tick + session->id.index;
    uint64_t before = (uint64_t)session->broadcast_tick + session->id.index;
    session->broadcast_tick = session->tick;
    return now * per_second / rate != before * per_second / rate;
}

static void send_timing(struct game_session *session, struct game_seat *seat)
{
    struct game_inputs *inputs = &seat->inputs;
    if (!inputs->margin_known) {
        return; // nothing new has come: the client will hear when it does
    }
    int32_t tick_rate = (int32_t)session->setup.tick_rate;
    struct net_msg msg = {
        .type = NET_MSG_TIMING,
        .timing = {.tick = inputs->newest_tick,
                   .margin_ms = inputs->margin_ticks * 1000 / tick_rate,
                   .late = inputs->late},
    };
    net_conn_send_msg(session->env->conns, seat->conn, &msg, NET_UNRELIABLE);
    game_inputs_reported(inputs);
}

void game_session_broadcast(struct game_session *session)
{
    session->snapshot_number++;
    game_snapshots_take(session->snapshots, session->tick, session->env->sim, session->state);
    for (unsigned i = 0; i < session->seat_count; i++) {
        struct game_seat *seat = &session->seats[i];
        if (!seat->taken || seat->conn.generation == 0) {
            continue;
        }
        struct net_payload *payload = game_snapshots_message(session->snapshots, seat->ack_tick);
        if (payload) {
            net_conn_send(session->env->conns, seat->conn, payload, NET_UNRELIABLE);
            *session->env->counters.snapshots += 1;
        }
        if ((session->snapshot_number + i) % SNAPSHOTS_PER_TIMING == 0) {
            send_timing(session, seat);
        }
    }
}

static void take_input(struct game_session *session, struct game_seat *seat, uint32_t tick,
                       const uint8_t *input)
{
    const struct game_session_counters *counters = &session->env->counters;
    const struct game_sim *sim = session->env->sim;
    uint8_t *cell = NULL;
    switch (game_inputs_claim(&seat->inputs, tick, session->tick + 1, &cell)) {
    case GAME_INPUT_TAKEN:
        memcpy(cell, input, sim->input_bytes);
        *counters->inputs_forged += sim->sanitize(cell);
        *counters->inputs_taken += 1;
        break;
    case GAME_INPUT_LATE:
        *counters->inputs_late += 1;
        break;
    case GAME_INPUT_FAR:
        *counters->inputs_far += 1;
        break;
    case GAME_INPUT_AGAIN:
        break;
    }
}

void game_session_input(struct game_session *session, unsigned slot,
                        const struct net_msg_input *input)
{
    struct game_seat *seat = &session->seats[slot];
    const struct game_sim *sim = session->env->sim;
    assert(seat->taken);
    if (input->ack_tick > seat->ack_tick && input->ack_tick <= session->tick) {
        seat->ack_tick = input->ack_tick;
    }
    bool taking = seat->entity != GAME_NO_ENTITY &&
                  (session->phase == NET_PHASE_COUNTDOWN || session->phase == NET_PHASE_RACING);
    if (!taking || input->inputs.size % sim->input_bytes != 0) {
        return;
    }
    unsigned count = (unsigned)(input->inputs.size / sim->input_bytes);
    for (unsigned i = 0; i < count && i < LIMIT_INPUTS_PER_MESSAGE; i++) {
        take_input(session, seat, input->first_tick + i,
                   input->inputs.data + (size_t)i * sim->input_bytes);
    }
}

void game_session_fetch(const struct game_session *session)
{
    prefetch(session, offsetof(struct game_session, reserved));
}

static void fetch_seat(const struct game_session *session, unsigned slot, unsigned ticks)
{
    const struct game_seat *seat = &session->seats[slot];
    prefetch(seat, offsetof(struct game_seat, inputs));
    game_inputs_fetch(&seat->inputs, session->tick + 1, ticks);
}

void game_session_fetch_input(const struct game_session *session, unsigned slot)
{
    fetch_seat(session, slot, FETCH_TICKS);
}

void game_session_fetch_tick(const struct game_session *session)
{
    const struct game_sim *sim = session->env->sim;
    size_t state_bytes = sim->state_bytes(&session->setup);
    prefetch(session->state, state_bytes < FETCH_STATE_BYTES ? state_bytes : FETCH_STATE_BYTES);
    prefetch(session->inputs, (size_t)session->setup.entities * sim->input_bytes);
    for (unsigned i = 0; i < session->seat_count; i++) {
        fetch_seat(session, i, 1);
    }
}

void game_session_fetch_broadcast(const struct game_session *session, unsigned step)
{
    if (step == 0) {
        game_snapshots_fetch(session->snapshots);
    }
    for (unsigned i = 0; i < session->seat_count; i++) {
        net_conn_fetch_send(session->env->conns, session->seats[i].conn, step);
    }
}
