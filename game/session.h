// SPDX-License-Identifier: MIT
// One session: seats, phases, and the simulation that is played in it.
//
// Phases: lobby -> countdown -> racing -> finished -> (lobby | end). A seat belongs to a player,
// not to a connection: a player who drops during a race keeps his seat and kart for the grace time
// and gets them back with his token; after that the simulation retires him. Who may sit down is
// decided elsewhere (game/admission); results leave through game/result.

#ifndef GAME_SESSION_H
#define GAME_SESSION_H

#include "game/input.h"
#include "game/maps.h"
#include "game/random.h"
#include "game/replay.h"
#include "game/snapshot.h"
#include "net/conn.h"

struct game_results;
struct auth_attributes;

struct game_session_id {
    uint32_t index;
    uint32_t generation; // 0 = none
};

#define GAME_SESSION_NONE ((struct game_session_id){0, 0})
#define GAME_NO_ENTITY    0xffu

struct game_session_counters {
    uint64_t *joins, *resumes, *drops, *leaves;
    uint64_t *races_started, *races_finished;
    uint64_t *inputs_taken, *inputs_late, *inputs_far, *inputs_forged;
    uint64_t *snapshots;
};

void game_session_counters_init(struct game_session_counters *cells, struct counters *counters);

// What all sessions share; everything is borrowed.
struct game_session_env {
    struct loop *loop;
    const struct config *config;
    struct net_conns *conns;
    const struct game_sim *sim;
    const struct game_maps *maps;
    struct game_results *results;
    struct game_random *random;
    struct game_session_counters counters;
    bool draining;
};

// What every input and tick needs stands first, in a line of the cache or two.
struct game_seat {
    bool taken;
    bool spectator;
    uint8_t kart;            // how he looks; the simulation does not know
    struct net_conn_id conn; // NET_CONN_NONE: dropped, the seat is kept until grace_tick
    uint32_t grace_tick;
    uint32_t entity; // in the present race, GAME_NO_ENTITY: waits for the next one
    uint32_t ack_tick;
    struct game_inputs inputs;
    uint64_t id_hash; // of player_id, so that looking for a player compares integers
    char player_id[LIMIT_PLAYER_ID_BYTES + 1];
    char name[65];
};

// Who took part, kept for the result even when the seat has been given up.
struct game_participant {
    unsigned slot;
    char player_id[LIMIT_PLAYER_ID_BYTES + 1];
};

// What every input and tick needs stands first, as in a seat.
struct game_session {
    const struct game_session_env *env;
    struct game_session_id id; // generation changes each time the place is used again
    struct game_seat *seats;   // players-per-session
    unsigned seat_count;
    enum net_phase phase;
    uint32_t tick;                        // the newest that has run
    uint32_t phase_tick, phase_ends_tick; // ends 0 = open
    bool open;
    bool was_seated;       // a promise was kept: there are or were players
    bool result_submitted; // of the race that has finished
    bool result_final;
    uint8_t *inputs;
    void *state;                // of the simulation
    struct game_replay *replay; // NULL: not recorded
    struct game_snapshots *snapshots;
    struct game_sim_setup setup;
    unsigned snapshot_number;
    uint32_t broadcast_tick; // the newest that was asked whether a snapshot is due

    unsigned reserved;        // seats promised to players who are being verified
    uint32_t idle_since_tick; // 0 = somebody is here
    char name[LIMIT_SESSION_NAME_BYTES + 1];
    char uuid[GAME_UUID_BYTES];
    unsigned races; // begun
    char race_id[GAME_UUID_BYTES];
    uint64_t race_started_wall_ms;
    struct game_participant *participants;
    struct net_payload *result_final_message;
};

// Reserves all memory that the session will ever need. False when memory is short.
bool game_session_open(struct game_session *session, const struct game_session_env *env,
                       struct game_session_id id, const char *name, uint32_t tick) BASE_MUST_USE;
// Closes every connection with `code` and frees what open() made; the struct may be opened again.
void game_session_close(struct game_session *session, uint16_t code);

// ---- seats (slot = index of the seat)

unsigned game_session_connected(const struct game_session *session);
bool game_session_has_room(const struct game_session *session);
// The slot of this player, or -1.
int game_session_find_player(const struct game_session *session, const char *player_id,
                             uint64_t id_hash);
uint64_t game_session_hash_player(const char *player_id);
// Sits a verified player down; the session must have room. Sends him welcome, roster and phase and
// the others the new roster. `attributes` is what his backend says of him.
unsigned game_session_seat(struct game_session *session, struct net_conn_id conn,
                           const char *player_id, const struct auth_attributes *attributes);
// Gives a kept or taken-over seat to a new connection of the same player. What the backend says of
// him now counts; who has become a spectator drives the race that is on to its end.
void game_session_resume(struct game_session *session, unsigned slot, struct net_conn_id conn,
                         const struct auth_attributes *attributes);
// The connection is gone: during a race the seat waits for him, otherwise it is free.
void game_session_drop(struct game_session *session, unsigned slot, struct net_conn_id conn);
// The player is gone for good: retired from the race, seat free.
void game_session_leave(struct game_session *session, unsigned slot);

// ---- running

void game_session_input(struct game_session *session, unsigned slot,
                        const struct net_msg_input *input);
// Hints (config/base/prefetch): first the session, open or not; when that has come, and is open,
// what an input of this slot needs, or what the next tick needs.
void game_session_fetch(const struct game_session *session);
void game_session_fetch_input(const struct game_session *session, unsigned slot);
void game_session_fetch_tick(const struct game_session *session);
// Likewise for a broadcast, in NET_CONN_SEND_STEPS steps.
void game_session_fetch_broadcast(const struct game_session *session, unsigned step);
// One tick: inputs, simulation, phases. False when the session is over and wants to be closed.
bool game_session_step(struct game_session *session, uint32_t tick) BASE_MUST_USE;
// Asked once after the last tick of a wake-up.
bool game_session_snapshot_due(struct game_session *session) BASE_MUST_USE;
// Takes a snapshot and sends it.
void game_session_broadcast(struct game_session *session);
// The result of race_id is on disk: players may hear that it is final.
void game_session_result_committed(struct game_session *session, const char *race_id);

// ---- used by the session's own files (session.c, session_race.c, session_send.c)

void game_session_send_roster(struct game_session *session);
void game_session_send_phase(struct game_session *session);
void game_session_greet(struct game_session *session, unsigned slot, bool resumed);
void game_session_send_all(struct game_session *session, struct net_payload *payload,
                           enum net_delivery delivery);
struct net_payload *game_session_encode(const struct net_msg *msg) BASE_MUST_USE;
void game_session_begin_phase(struct game_session *session, enum net_phase phase, long duration_ms);
uint32_t game_session_ticks(const struct game_session *session, long milliseconds);

#endif
