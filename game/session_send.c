// SPDX-License-Identifier: MIT
// What a session tells its players, apart from snapshots.

#include <assert.h>

#include "game/session.h"

struct net_payload *game_session_encode(const struct net_msg *msg)
{
    uint8_t memory[LIMIT_MESSAGE_BYTES];
    struct bytes_buf out = {.memory = memory, .capacity = sizeof(memory), .limit = sizeof(memory)};
    bool ok = net_msg_encode(&out, msg);
    assert(ok); // every message of ours fits its bound
    return net_payload_create(bytes_buf_span(&out));
}

void game_session_send_all(struct game_session *session, struct net_payload *payload,
                           enum net_delivery delivery)
{
    for (unsigned i = 0; payload && i < session->seat_count; i++) {
        const struct game_seat *seat = &session->seats[i];
        if (seat->taken && seat->conn.generation != 0) {
            net_conn_send(session->env->conns, seat->conn, payload, delivery);
        }
    }
}

static void fill_roster(const struct game_session *session, struct net_msg_roster *roster)
{
    roster->count = 0;
    for (unsigned i = 0; i < session->seat_count; i++) {
        const struct game_seat *seat = &session->seats[i];
        if (seat->taken) {
            roster->entries[roster->count++] = (struct net_msg_roster_entry){
                .slot = i,
                .connected = seat->conn.generation != 0,
                .name = bytes_of_string(seat->name),
                .spectator = seat->spectator,
                .kart = seat->kart,
            };
        }
    }
}

static void fill_phase(const struct game_session *session, bool with_map_data,
                       struct net_msg_phase *phase)
{
    bool in_lobby = session->phase == NET_PHASE_LOBBY;
    const struct game_map *map = session->setup.map;
    *phase = (struct net_msg_phase){
        .phase = session->phase,
        .tick = session->phase_tick,
        .ends_tick = session->phase_ends_tick,
        .race_id = bytes_of_string(in_lobby ? "" : session->race_id),
        .map = bytes_of_string(in_lobby ? "" : map->name),
        .map_data = in_lobby || !with_map_data ? bytes_of(NULL, 0) : map->data,
        .slots = session->seat_count,
    };
    for (unsigned i = 0; i < session->seat_count; i++) {
        const struct game_seat *seat = &session->seats[i];
        phase->entity_of_slot[i] = seat->taken ? seat->entity : GAME_NO_ENTITY;
    }
}

void game_session_send_roster(struct game_session *session)
{
    struct net_msg msg = {.type = NET_MSG_ROSTER};
    fill_roster(session, &msg.roster);
    struct net_payload *payload = game_session_encode(&msg);
    game_session_send_all(session, payload, NET_RELIABLE);
    net_payload_unref(payload);
}

void game_session_send_phase(struct game_session *session)
{
    struct net_msg msg = {.type = NET_MSG_PHASE};
    // Whoever has been here since the countdown has it; whoever came later was greeted with it.
    fill_phase(session, session->phase == NET_PHASE_COUNTDOWN, &msg.phase);
    struct net_payload *payload = game_session_encode(&msg);
    game_session_send_all(session, payload, NET_RELIABLE);
    net_payload_unref(payload);
}

void game_session_greet(struct game_session *session, unsigned slot, bool resumed)
{
    const struct game_sim *sim = session->env->sim;
    struct net_conns *conns = session->env->conns;
    struct net_conn_id conn = session->seats[slot].conn;
    struct net_msg msg = {
        .type = NET_MSG_WELCOME,
        .welcome =
            {
                .version = NET_PROTOCOL_VERSION,
                .session_name = bytes_of_string(session->name),
                .session_id = bytes_of_string(session->uuid),
                .slot = slot,
                .slots = session->seat_count,
                .tick_rate = session->setup.tick_rate,
                .snapshot_rate = (uint32_t)session->env->config->snapshot_rate,
                .tick = session->tick,
                .game = bytes_of_string(sim->name),
                .input_bytes = sim->input_bytes,
                .entity_values = sim->values_per_entity,
                .resumed = resumed,
            },
    };
    net_conn_send_msg(conns, conn, &msg, NET_RELIABLE);
    msg = (struct net_msg){.type = NET_MSG_PHASE};
    fill_phase(session, true, &msg.phase);
    net_conn_send_msg(conns, conn, &msg, NET_RELIABLE);
    if (session->phase == NET_PHASE_FINISHED && session->result_final &&
        session->result_final_message) {
        net_conn_send(conns, conn, session->result_final_message, NET_RELIABLE);
    }
}
