// SPDX-License-Identifier: MIT
// From a connection to a seat: hello -> token -> backend -> admitted or kicked.
//
// A table of state x event says what happens; a cell without an entry cannot happen, or is input
// that the connection layer has dropped already. While the backend is asked a player holds a
// promise of a seat and can change nothing. Whoever claims an id gets nothing by it before the
// backend has said yes: replacing an older connection and taking a kept seat back come after that.

#ifndef GAME_ADMISSION_H
#define GAME_ADMISSION_H

#include "auth/verify.h"
#include "game/sessions.h"

struct game_admission;

struct game_admission_env {
    const struct config *config;
    struct counters *counters;
    struct net_conns *conns;
    struct game_sessions *sessions;
    struct auth_verify *verify;
    struct auth_backend *backend; // is told who left, where it wants to know
    const struct game_tick *tick;
};

enum game_admission_state {
    GAME_ADMISSION_NONE,
    GAME_ADMISSION_HELLO,     // connected, no token yet
    GAME_ADMISSION_VERIFYING, // the backend is asked
    GAME_ADMISSION_ADMITTED,
    GAME_ADMISSION_STATES,
};

// `capacity` is that of the connections; their indexes are ours.
struct game_admission *game_admission_create(const struct game_admission_env *env,
                                             unsigned capacity) BASE_MUST_USE;
void game_admission_destroy(struct game_admission *admission);

// What the connection layer and the verifier report; hand these on as they come.
void game_admission_opened(struct game_admission *admission, struct net_conn_id conn);
void game_admission_message(struct game_admission *admission, struct net_conn_id conn,
                            const struct net_msg *msg);
void game_admission_closed(struct game_admission *admission, struct net_conn_id conn,
                           uint16_t code);
// A hint, as in struct net_conn_events.
void game_admission_fetch(struct game_admission *admission, struct net_conn_id conn, unsigned step);
void game_admission_verified(struct game_admission *admission, uint64_t owner,
                             enum auth_outcome outcome, const struct auth_attributes *attributes);

// Closes everybody who is not admitted yet (drain; nobody new must come after).
void game_admission_turn_away(struct game_admission *admission, uint16_t code);

unsigned game_admission_count(const struct game_admission *admission,
                              enum game_admission_state state);

#endif
