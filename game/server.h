// SPDX-License-Identifier: MIT
// The server: composes all parts and turns the loop.
//
// One thread, one loop. game_server_turn() is the whole life of the process read as a list. Nothing
// here decides anything about players or races; it wires events of one part to the next.

#ifndef GAME_SERVER_H
#define GAME_SERVER_H

#include "auth/backend.h"
#include "config/config.h"
#include "game/sim.h"
#include "game/status.h"
#include "net/transport.h"

struct game_server;

// What tests replace; zeroes mean the real thing. `config` and `clock` are borrowed.
struct game_server_env {
    const struct config *config;
    struct clock *clock;
    bool single_threaded;                    // blocking work runs in the loop (virtual time)
    uint64_t random_seed;                    // 0 = the kernel's randomness
    const struct game_sim *sim;              // NULL = --game
    const struct auth_backend_impl *backend; // NULL = --backend
    void (*replay)(void *user, const char *race_id, struct bytes_span bytes);
    void *replay_user;
};

// Opens databases, certificates and listeners. NULL with one line in *error that says what to mend.
struct game_server *game_server_create(const struct game_server_env *env, struct error *error)
    BASE_MUST_USE;
void game_server_destroy(struct game_server *server);

// One turn of the loop: sleeps until there is something to do, then does it.
void game_server_turn(struct game_server *server);
// Turns until the server has stopped.
void game_server_run(struct game_server *server);

// Loads certificates again, whether they have changed or not. What comes of it is logged; sessions
// that are there notice nothing.
void game_server_reload(struct game_server *server);
// No new players; races under way go on up to --drain-timeout-ms, then everybody is told 1001 and
// results are delivered as far as possible. A second call, and game_server_stop(), end at once.
void game_server_drain(struct game_server *server);
void game_server_stop(struct game_server *server);
bool game_server_stopped(const struct game_server *server);
// Whether new players should be sent here: not while it shuts down, nor while results do not get to
// the disk. Those who come all the same may play.
bool game_server_ready(const struct game_server *server);

// For tests: what shares the server's loop and listeners.
struct net_hub *game_server_hub(struct game_server *server);
struct loop *game_server_loop(struct game_server *server);
struct auth_backend *game_server_backend(struct game_server *server);
struct counters *game_server_counters(struct game_server *server);
// Everything that operators can see, for as long as the server lives.
struct game_status_source game_server_status(struct game_server *server);

#endif
