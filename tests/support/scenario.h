// SPDX-License-Identifier: MIT
// A whole server and its players inside one process, on simulated networks and in virtual time.
//
// The server is the real one: game_server with a memory:// listener. The players are real clients
// of net/client.h that drive with game/race/race_driver, each over a network of its own. One seed
// decides everything, so that a run repeats to the byte. Nothing sleeps: hours pass in seconds.

#ifndef TESTS_SUPPORT_SCENARIO_H
#define TESTS_SUPPORT_SCENARIO_H

#include "auth/backend_fake.h"
#include "game/race/race_driver.h"
#include "game/server.h"
#include "net/client.h"
#include "net/transport_memory.h"

#define SCENARIO_PLAYERS_MAX 1024
#define SCENARIO_COURSES_MAX 8
#define SCENARIO_REPLAYS_MAX 64 // whose bytes are kept; later ones are only verified

struct scenario;

struct scenario_player {
    struct scenario *scenario;
    unsigned number; // from 1
    char id[LIMIT_PLAYER_ID_BYTES + 1];
    char address[32];    // of its own, so that its cable can be cut
    char token[256];     // what it sends; scenario_player() makes a valid one
    const char *session; // wanted; NULL: quick-join
    const char *network; // "loss=50&delay_ms=20"; NULL: a perfect one
    bool idle;           // gives no inputs
    // Instead of the race driver. `input` is zeroed.
    void (*drive)(struct scenario_player *player, uint32_t tick, uint8_t *input);

    // The present or last connection.
    struct net_client *client; // NULL: none
    uint16_t closed_code;      // 0: open, or never was
    bool welcomed, resumed;
    uint32_t slot, tick_rate;
    char session_name[LIMIT_SESSION_NAME_BYTES + 1];
    char session_id[40];

    // What it has heard, over all connections.
    unsigned connections, closes;
    enum net_phase phase;
    uint32_t phase_tick, phase_ends_tick;
    uint32_t entity; // 0xff: takes no part
    char race_id[40];
    char map[65];
    unsigned phases[4]; // how often each began for it
    unsigned results, results_final;
    struct net_msg_result result; // the newest; its spans are dangling
    char result_race_id[40];
    uint64_t snapshots;
    uint32_t snapshot_tick;
    unsigned values_per_entity;
    int32_t values[LIMIT_SNAPSHOT_VALUES];
    unsigned roster_count, roster_connected;
    uint64_t checksum_failures, inputs_late; // of connections that have ended

    const struct race_course *course;
    struct race_driver driver;
};

struct scenario_options {
    const struct game_sim *sim;  // NULL: the race
    uint64_t seed;               // 0: 1
    const char *const *settings; // "name=value", ended by NULL, after the harness's own
};

struct scenario_course {
    char name[65]; // of the map
    struct race_course *course;
};

struct scenario {
    struct clock clock;
    struct config *config;
    struct game_server *server;
    struct net_client_host *host;
    struct loop_timer alarm, drain;
    uint64_t seed;
    bool is_race;
    struct scenario_player *players[SCENARIO_PLAYERS_MAX];
    unsigned player_count;
    struct scenario_course courses[SCENARIO_COURSES_MAX];
    unsigned course_count;
    // In order of the races' ends. Those of the race are verified at once.
    unsigned replay_count;
    struct bytes_buf replays[SCENARIO_REPLAYS_MAX];
};

// Never NULL: a server that does not start fails the test. options NULL = all defaults.
struct scenario *scenario_create(const struct scenario_options *options);
// Fails the test when a snapshot's checksum was wrong for anybody or a replay does not verify.
void scenario_destroy(struct scenario *scenario);

// ---- players

// A player with the token `token_word` (AUTH_FAKE_YES ...), not connected yet. id NULL: "P1", "P2",
// ... The scenario owns it.
struct scenario_player *scenario_player(struct scenario *scenario, const char *id,
                                        const char *token_word);
void scenario_connect(struct scenario_player *player);
// scenario_player() with a good token, and scenario_connect().
struct scenario_player *scenario_join(struct scenario *scenario);
void scenario_leave(struct scenario_player *player); // says goodbye
// Its cable is cut; both sides notice after NET_MEMORY_TIMEOUT_NS.
void scenario_cut(struct scenario_player *player);
// Of all connections, the present one included.
uint64_t scenario_inputs_late(const struct scenario_player *player);
uint64_t scenario_checksum_failures(const struct scenario_player *player);

// ---- time

// One turn of the server and of the clients.
void scenario_turn(struct scenario *scenario);
void scenario_run_ms(struct scenario *scenario, uint64_t milliseconds);
uint64_t scenario_now_ms(const struct scenario *scenario);
// Turns until `done` says so; false when that takes longer than the limit.
bool scenario_run_until(struct scenario *scenario, bool (*done)(void *context), void *context,
                        uint64_t limit_ms) BASE_MUST_USE;

// For scenario_run_until(); the context is a struct scenario_player, or a struct scenario where the
// name speaks of all.
bool scenario_is_welcomed(void *player);
bool scenario_is_closed(void *player);
bool scenario_is_racing(void *player);   // the race has begun and it takes part
bool scenario_is_finished(void *player); // its session is in the phase after a race
bool scenario_is_in_lobby(void *player);
bool scenario_has_final_result(void *player);
bool scenario_all_have_final_results(void *scenario); // all who are connected
bool scenario_is_stopped(void *scenario);
// scenario_run_until() that fails the test when it takes too long.
#define scenario_wait(scenario, done, context, limit_ms)                                           \
    scenario_wait_at((scenario), (done), (context), (limit_ms), __FILE__, __LINE__)
void scenario_wait_at(struct scenario *scenario, bool (*done)(void *context), void *context,
                      uint64_t limit_ms, const char *file, int line);

// ---- what the server thinks

// Of counters by name without _total; label NULL where the family has none.
uint64_t scenario_count(struct scenario *scenario, const char *name, const char *label,
                        const char *value);
struct game_status_source scenario_status(struct scenario *scenario);
// The first open session, or NULL.
const struct game_session *scenario_session(struct scenario *scenario);
// As from the signal handler, inside a turn of the loop.
void scenario_drain(struct scenario *scenario);

// ---- peers that keep to no rules

// A link without a client above it.
struct scenario_raw {
    struct scenario *scenario;
    struct net_link *link; // NULL: ended
    bool open;
    uint16_t closed_code;
    unsigned messages;
    uint32_t last_type;
};

void scenario_raw_dial(struct scenario *scenario, struct scenario_raw *raw, const char *query);
void scenario_raw_send(struct scenario_raw *raw, const struct net_msg *msg);
void scenario_raw_send_bytes(struct scenario_raw *raw, struct bytes_span bytes);
// A hello of this protocol version with the player's token.
void scenario_raw_hello(struct scenario_raw *raw, const struct scenario_player *player);
bool scenario_raw_is_open(void *raw);
bool scenario_raw_is_closed(void *raw);

// ---- for the harness's own files

void scenario_player_drive(struct scenario_player *player); // gives the inputs that are due
const struct race_course *scenario_course(struct scenario *scenario, struct bytes_span name,
                                          struct bytes_span map_data);

#endif
