// SPDX-License-Identifier: MIT
// A fixed array of places and a dense list of those in use, so that a tick visits only these.

#include "game/sessions.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct game_sessions {
    const struct game_session_env *env;
    unsigned max;
    struct game_session *places;
    uint32_t *generations;
    unsigned *open;            // indexes of open places, in order of opening
    struct game_session **due; // for a snapshot, while all are asked
    unsigned count;
};

struct game_sessions *game_sessions_create(const struct game_session_env *env, unsigned max)
{
    struct game_sessions *sessions = calloc(1, sizeof(*sessions));
    if (!sessions) {
        return NULL;
    }
    sessions->env = env;
    sessions->max = max;
    sessions->places = calloc(max, sizeof(*sessions->places));
    sessions->generations = calloc(max, sizeof(*sessions->generations));
    sessions->open = calloc(max, sizeof(*sessions->open));
    sessions->due = calloc(max, sizeof(*sessions->due));
    if (!sessions->places || !sessions->generations || !sessions->open || !sessions->due) {
        game_sessions_destroy(sessions);
        return NULL;
    }
    return sessions;
}

void game_sessions_destroy(struct game_sessions *sessions)
{
    if (!sessions) {
        return;
    }
    game_sessions_close_all(sessions, NET_CLOSE_GOING_AWAY);
    free(sessions->places);
    free(sessions->generations);
    free(sessions->open);
    free(sessions->due);
    free(sessions);
}

struct game_session *game_sessions_get(struct game_sessions *sessions, struct game_session_id id)
{
    if (id.generation == 0 || id.index >= sessions->max) {
        return NULL;
    }
    struct game_session *session = &sessions->places[id.index];
    return session->open && session->id.generation == id.generation ? session : NULL;
}

void game_sessions_fetch(const struct game_sessions *sessions, struct game_session_id id)
{
    assert(id.index < sessions->max);
    game_session_fetch(&sessions->places[id.index]);
}

static struct game_session *open_session(struct game_sessions *sessions, const char *name,
                                         uint32_t tick)
{
    if (sessions->count == sessions->max) {
        return NULL;
    }
    unsigned index = 0;
    while (sessions->places[index].open) {
        index++;
    }
    struct game_session *session = &sessions->places[index];
    struct game_session_id id = {index, ++sessions->generations[index]};
    if (!game_session_open(session, sessions->env, id, name, tick)) {
        return NULL;
    }
    sessions->open[sessions->count++] = index;
    return session;
}

static void close_session(struct game_sessions *sessions, unsigned place, uint16_t code)
{
    unsigned index = sessions->open[place];
    sessions->count--;
    memmove(&sessions->open[place], &sessions->open[place + 1],
            (sessions->count - place) * sizeof(*sessions->open));
    game_session_close(&sessions->places[index], code);
}

void game_sessions_give_back(struct game_sessions *sessions, struct game_session *session)
{
    assert(session->open && session->reserved > 0);
    session->reserved--;
    if (session->reserved > 0 || session->was_seated) {
        return;
    }
    unsigned place = 0;
    while (sessions->open[place] != session->id.index) {
        place++;
    }
    close_session(sessions, place, NET_CLOSE_SESSION_OVER);
}

struct game_session *game_sessions_find_named(struct game_sessions *sessions, const char *name)
{
    for (unsigned i = 0; i < sessions->count; i++) {
        struct game_session *session = &sessions->places[sessions->open[i]];
        if (strcmp(session->name, name) == 0) {
            return session;
        }
    }
    return NULL;
}

struct game_session *game_sessions_find_room(struct game_sessions *sessions, const char *name,
                                             uint32_t tick, uint16_t *code)
{
    struct game_session *found = NULL;
    if (name[0]) {
        found = game_sessions_find_named(sessions, name);
        if (found && !game_session_has_room(found)) {
            *code = NET_CLOSE_NO_SESSION;
            return NULL;
        }
    }
    for (unsigned i = 0; !name[0] && !found && i < sessions->count; i++) {
        struct game_session *session = &sessions->places[sessions->open[i]];
        if (game_session_has_room(session)) {
            found = session;
        }
    }
    if (!found) {
        found = open_session(sessions, name, tick);
        *code = NET_CLOSE_OVERLOADED;
    }
    return found;
}

struct game_session *game_sessions_find_player(struct game_sessions *sessions,
                                               const char *player_id, unsigned *slot)
{
    uint64_t hash = game_session_hash_player(player_id);
    for (unsigned i = 0; i < sessions->count; i++) {
        struct game_session *session = &sessions->places[sessions->open[i]];
        int found = game_session_find_player(session, player_id, hash);
        if (found >= 0) {
            *slot = (unsigned)found;
            return session;
        }
    }
    return NULL;
}

// While one is stepped, what the next one's tick needs is fetched, and before that the session.
static void fetch_next(const struct game_sessions *sessions, unsigned i)
{
    if (i + 2 < sessions->count) {
        game_session_fetch(&sessions->places[sessions->open[i + 2]]);
    }
    if (i + 1 < sessions->count) {
        game_session_fetch_tick(&sessions->places[sessions->open[i + 1]]);
    }
}

void game_sessions_step(struct game_sessions *sessions, uint32_t tick)
{
    uint16_t over = sessions->env->draining ? NET_CLOSE_GOING_AWAY : NET_CLOSE_SESSION_OVER;
    for (unsigned i = 0; i < sessions->count;) {
        fetch_next(sessions, i);
        if (game_session_step(&sessions->places[sessions->open[i]], tick)) {
            i++;
        } else {
            close_session(sessions, i, over);
        }
    }
}

void game_sessions_broadcast(struct game_sessions *sessions)
{
    unsigned count = 0;
    for (unsigned i = 0; i < sessions->count; i++) {
        struct game_session *session = &sessions->places[sessions->open[i]];
        if (game_session_snapshot_due(session)) {
            sessions->due[count++] = session;
        }
    }
    // While one sends, what the next few need is fetched, each a step nearer than the one behind.
    for (unsigned i = 0; i < count + NET_CONN_SEND_STEPS; i++) {
        for (unsigned step = 0; step < NET_CONN_SEND_STEPS; step++) {
            if (i >= step && i - step < count) {
                game_session_fetch_broadcast(sessions->due[i - step], step);
            }
        }
        if (i >= NET_CONN_SEND_STEPS) {
            game_session_broadcast(sessions->due[i - NET_CONN_SEND_STEPS]);
        }
    }
}

void game_sessions_close_all(struct game_sessions *sessions, uint16_t code)
{
    while (sessions->count > 0) {
        close_session(sessions, sessions->count - 1, code);
    }
}

unsigned game_sessions_count(const struct game_sessions *sessions)
{
    return sessions->count;
}

const struct game_session *game_sessions_at(const struct game_sessions *sessions, unsigned i)
{
    assert(i < sessions->count);
    return &sessions->places[sessions->open[i]];
}
