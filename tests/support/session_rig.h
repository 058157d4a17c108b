// SPDX-License-Identifier: MIT
// What the tests of game/session, sessions, result and admission stand on: connections over the
// memory transport in virtual time, the counting duel as the game, the fake backend, an outbox in
// memory. No server and no clients: tests call the parts themselves and look at what peers get.

#ifndef TESTS_SUPPORT_SESSION_RIG_H
#define TESTS_SUPPORT_SESSION_RIG_H

#include "auth/backend_fake.h"
#include "auth/outbox.h"
#include "auth/reporter.h"
#include "game/admission.h"
#include "game/result.h"
#include "game/sessions.h"
#include "game/tick.h"
#include "net/transport.h"

#define SESSION_RIG_PEERS_MAX 80
#define SESSION_RIG_TYPES     128

struct session_rig_peer {
    struct session_rig *rig;
    struct net_link *link; // NULL: closed
    struct net_conn_id conn;
    uint16_t closed_code;
    unsigned count[SESSION_RIG_TYPES]; // messages by type
    uint8_t order[16];                 // the first types that came
    unsigned order_count;
    // The newest of each; spans dangle, texts are copied.
    struct net_msg_welcome welcome;
    struct net_msg_roster roster;
    struct net_msg_phase phase;
    struct net_msg_snapshot snapshot;
    struct net_msg_timing timing;
    struct net_msg_result result;
    struct net_msg_pong pong;
    size_t map_data_size;
    char roster_names[LIMIT_PLAYERS_PER_SESSION][65];
};

struct session_rig {
    struct clock clock;
    struct loop *loop;
    struct config *config;
    struct counters *counters;
    struct worker *worker;
    struct net_hub hub;
    struct net_conns *conns;
    struct net_msg_decoder *decoder;
    struct auth_backend *backend;
    struct auth_outbox *outbox;
    struct auth_reporter *reporter;
    struct game_maps *maps;
    struct game_results *results;
    struct game_random random;
    struct game_session_env env;
    struct game_sessions *sessions;
    uint32_t tick; // the newest that session_rig_step() has run

    // Only after session_rig_admit(); events then go there.
    struct auth_verify *verify;
    struct game_admission *admission;
    struct game_tick ticks;

    struct session_rig_peer peers[SESSION_RIG_PEERS_MAX];
    unsigned peer_count;
    struct net_conn_id newest_conn;
    struct net_conn_id lost[SESSION_RIG_PEERS_MAX]; // connections that have ended, in order
    unsigned lost_count;
    char committed[GAME_UUID_BYTES]; // the newest race whose result is on disk
    unsigned committed_count;
};

// `settings` as "name=value", ended by NULL; may be NULL. Fails the test when a part does not
// start.
void session_rig_init(struct session_rig *rig, const char *const *settings);
void session_rig_finish(struct session_rig *rig);
void session_rig_admit(struct session_rig *rig);

// A connected peer that has said nothing, in state PLAY when there is no admission.
struct session_rig_peer *session_rig_dial(struct session_rig *rig);
void session_rig_say(struct session_rig_peer *peer, const struct net_msg *msg);
void session_rig_hello(struct session_rig_peer *peer, const char *player_id, const char *word,
                       const char *session);
void session_rig_hang_up(struct session_rig_peer *peer);
// Dials and sits down under the id in the session.
struct session_rig_peer *session_rig_sit(struct session_rig *rig, struct game_session *session,
                                         const char *player_id);
// Lets messages arrive and timers fire.
void session_rig_run_ms(struct session_rig *rig, uint64_t milliseconds);
// So many ticks of all sessions, each followed by a broadcast, without letting time pass.
void session_rig_step(struct session_rig *rig, unsigned ticks);
// Opens a session "room".
struct game_session *session_rig_open(struct session_rig *rig);
uint64_t session_rig_count(struct session_rig *rig, const char *name, const char *label,
                           const char *value);

#endif
