// SPDX-License-Identifier: MIT
// All sessions of the process: opening, finding, stepping and closing them.

#ifndef GAME_SESSIONS_H
#define GAME_SESSIONS_H

#include "game/session.h"

struct game_sessions;

// At most `max` sessions at once. env is borrowed and must outlive the table.
struct game_sessions *game_sessions_create(const struct game_session_env *env, unsigned max)
    BASE_MUST_USE;
// Closes what is open with NET_CLOSE_GOING_AWAY.
void game_sessions_destroy(struct game_sessions *sessions);
struct game_session *game_sessions_get(struct game_sessions *sessions, struct game_session_id id);
// A hint: it will be needed soon.
void game_sessions_fetch(const struct game_sessions *sessions, struct game_session_id id);
// A session with room: the one with that name (made when there is none), or with name "" the first
// that has a free seat (made when none has). NULL with the close code for the player in *code.
struct game_session *game_sessions_find_room(struct game_sessions *sessions, const char *name,
                                             uint32_t tick, uint16_t *code);
struct game_session *game_sessions_find_named(struct game_sessions *sessions, const char *name);
// Where this player has a seat; NULL when nowhere.
struct game_session *game_sessions_find_player(struct game_sessions *sessions,
                                               const char *player_id, unsigned *slot);
// A promised seat is not taken. What was opened for it and nobody ever came to ends with it, or
// made-up tokens could hold every place that there is for sessions.
void game_sessions_give_back(struct game_sessions *sessions, struct game_session *session);

void game_sessions_step(struct game_sessions *sessions, uint32_t tick);
void game_sessions_broadcast(struct game_sessions *sessions);
void game_sessions_close_all(struct game_sessions *sessions, uint16_t code);
unsigned game_sessions_count(const struct game_sessions *sessions);
// The i-th open session, i < count; the order is stable only between calls that change nothing.
const struct game_session *game_sessions_at(const struct game_sessions *sessions, unsigned i);

#endif
