// SPDX-License-Identifier: MIT
// Built in the order of game/server.c, taken down in the reverse.

#include "tests/support/session_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/sim_duel.h"

// ---- the server's side of connections

static void on_opened(void *user, struct net_conn_id conn)
{
    struct session_rig *rig = user;
    rig->newest_conn = conn;
    if (rig->admission) {
        game_admission_opened(rig->admission, conn);
    }
}

static void on_message(void *user, struct net_conn_id conn, const struct net_msg *msg)
{
    struct session_rig *rig = user;
    if (rig->admission) {
        game_admission_message(rig->admission, conn, msg);
    }
}

static void on_fetch(void *user, struct net_conn_id conn, unsigned step)
{
    struct session_rig *rig = user;
    if (rig->admission) {
        game_admission_fetch(rig->admission, conn, step);
    }
}

static void on_closed(void *user, struct net_conn_id conn, uint16_t code)
{
    struct session_rig *rig = user;
    assert_true(rig->lost_count < SESSION_RIG_PEERS_MAX);
    rig->lost[rig->lost_count++] = conn;
    if (rig->admission) {
        game_admission_closed(rig->admission, conn, code);
    }
}

static void on_verified(void *user, uint64_t owner, enum auth_outcome outcome,
                        const struct auth_attributes *attributes)
{
    struct session_rig *rig = user;
    game_admission_verified(rig->admission, owner, outcome, attributes);
}

static void on_committed(void *user, struct game_session_id id, const char *race_id)
{
    struct session_rig *rig = user;
    struct game_session *session = game_sessions_get(rig->sessions, id);
    snprintf(rig->committed, sizeof(rig->committed), "%s", race_id);
    rig->committed_count++;
    if (session) {
        game_session_result_committed(session, race_id);
    }
}

// ---- what peers get

static void note(struct session_rig_peer *peer, const struct net_msg *msg)
{
    switch (msg->type) {
    case NET_MSG_WELCOME:
        peer->welcome = msg->welcome;
        break;
    case NET_MSG_ROSTER:
        peer->roster = msg->roster;
        for (uint32_t i = 0; i < msg->roster.count; i++) {
            const struct bytes_span name = msg->roster.entries[i].name;
            snprintf(peer->roster_names[i], sizeof(peer->roster_names[i]), "%.*s", (int)name.size,
                     (const char *)name.data);
        }
        break;
    case NET_MSG_PHASE:
        peer->phase = msg->phase;
        peer->map_data_size = msg->phase.map_data.size;
        break;
    case NET_MSG_SNAPSHOT:
        peer->snapshot = msg->snapshot;
        break;
    case NET_MSG_TIMING:
        peer->timing = msg->timing;
        break;
    case NET_MSG_RESULT:
        peer->result = msg->result;
        break;
    case NET_MSG_PONG:
        peer->pong = msg->pong;
        break;
    default:
        break;
    }
}

static void link_message(void *user, struct net_link *link, struct bytes_span bytes)
{
    (void)link;
    struct session_rig_peer *peer = user;
    struct net_msg msg;
    assert_int_equal(net_msg_decode(peer->rig->decoder, bytes, NET_DOWN, 0, &msg), NET_MSG_OK);
    assert_true(msg.type < SESSION_RIG_TYPES);
    peer->count[msg.type]++;
    if (peer->order_count < sizeof(peer->order)) {
        peer->order[peer->order_count++] = (uint8_t)msg.type;
    }
    note(peer, &msg);
}

static void link_closed(void *user, struct net_link *link, uint16_t code, const char *reason)
{
    (void)link, (void)reason;
    struct session_rig_peer *peer = user;
    peer->link = NULL;
    peer->closed_code = code;
}

// ---- life

static void apply(struct config *config, const char *const *settings)
{
    for (; settings && *settings; settings++) {
        char name[64];
        const char *equals = strchr(*settings, '=');
        assert_non_null(equals);
        snprintf(name, sizeof(name), "%.*s", (int)(equals - *settings), *settings);
        assert_true(config_set(config, name, equals + 1, NULL));
    }
}

static void make_results(struct session_rig *rig)
{
    const struct game_results_env env = {
        .loop = rig->loop,
        .worker = rig->worker,
        .reporter = rig->reporter,
        .counters = rig->counters,
        .replay_dir = rig->config->replay_dir,
        .committed = on_committed,
        .user = rig,
    };
    rig->results = game_results_create(&env);
    assert_non_null(rig->results);
}

static void make_sessions(struct session_rig *rig)
{
    struct error error;
    rig->maps = game_maps_load(&duel_sim, rig->config, &error);
    assert_non_null(rig->maps);
    make_results(rig);
    rig->env = (struct game_session_env){
        .loop = rig->loop,
        .config = rig->config,
        .conns = rig->conns,
        .sim = &duel_sim,
        .maps = rig->maps,
        .results = rig->results,
        .random = &rig->random,
    };
    game_session_counters_init(&rig->env.counters, rig->counters);
    rig->sessions = game_sessions_create(&rig->env, (unsigned)rig->config->max_sessions);
    assert_non_null(rig->sessions);
}

void session_rig_init(struct session_rig *rig, const char *const *settings)
{
    static const struct net_conn_events events = {
        .opened = on_opened, .message = on_message, .closed = on_closed, .fetch = on_fetch};
    struct error error;
    *rig = (struct session_rig){.random.state = 1};
    clock_init_virtual(&rig->clock, CLOCK_NS_PER_S);
    rig->loop = loop_create(&rig->clock, &error);
    rig->config = config_create_default();
    rig->counters = counters_create();
    rig->worker = worker_create(rig->loop, "rig", 64, false, &error);
    rig->decoder = net_msg_decoder_create();
    assert_true(rig->loop && rig->config && rig->worker && rig->decoder);
    apply(rig->config, settings);
    net_hub_init(&rig->hub, rig->loop, rig->config, rig->counters);
    rig->conns = net_conns_create(&rig->hub, 4 * SESSION_RIG_PEERS_MAX, &events, rig, &error);
    assert_non_null(rig->conns);
    assert_true(net_hub_listen(&rig->hub, "memory://rig", net_conns_acceptor(rig->conns), &error));
    rig->backend = auth_fake_create(rig->loop);
    rig->outbox = auth_outbox_open(":memory:", rig->worker, rig->counters, &error);
    assert_non_null(rig->outbox);
    rig->reporter =
        auth_reporter_create(rig->loop, rig->outbox, rig->backend, rig->config, rig->counters, 1);
    assert_non_null(rig->reporter);
    game_tick_init(&rig->ticks, (unsigned)rig->config->tick_rate, 5, rig->counters);
    make_sessions(rig);
}

void session_rig_admit(struct session_rig *rig)
{
    rig->verify = auth_verify_create(rig->loop, rig->backend, rig->config, rig->counters, 1,
                                     on_verified, rig);
    const struct game_admission_env env = {
        .config = rig->config,
        .counters = rig->counters,
        .conns = rig->conns,
        .sessions = rig->sessions,
        .verify = rig->verify,
        .backend = rig->backend,
        .tick = &rig->ticks,
    };
    rig->admission = game_admission_create(&env, 4 * SESSION_RIG_PEERS_MAX);
    assert_true(rig->verify && rig->admission);
}

void session_rig_finish(struct session_rig *rig)
{
    game_sessions_destroy(rig->sessions);
    net_conns_destroy(rig->conns);
    net_hub_finish(&rig->hub);
    auth_verify_destroy(rig->verify);
    auth_reporter_destroy(rig->reporter);
    worker_destroy(rig->worker);
    game_results_destroy(rig->results);
    auth_outbox_close(rig->outbox);
    rig->backend->impl->destroy(rig->backend);
    game_admission_destroy(rig->admission);
    game_maps_destroy(rig->maps);
    net_msg_decoder_destroy(rig->decoder);
    loop_destroy(rig->loop);
    counters_destroy(rig->counters);
    config_destroy(rig->config);
}

// ---- peers

struct session_rig_peer *session_rig_dial(struct session_rig *rig)
{
    static const struct net_link_handler handler = {.message = link_message, .closed = link_closed};
    assert_true(rig->peer_count < SESSION_RIG_PEERS_MAX);
    struct session_rig_peer *peer = &rig->peers[rig->peer_count++];
    struct error error;
    peer->rig = rig;
    peer->link = net_hub_dial(&rig->hub, "memory://rig", &handler, peer, &error);
    assert_non_null(peer->link);
    session_rig_run_ms(rig, 1);
    peer->conn = rig->newest_conn;
    if (!rig->admission) {
        net_conn_set_state(rig->conns, peer->conn, NET_STATE_WAIT);
        net_conn_set_state(rig->conns, peer->conn, NET_STATE_PLAY);
    }
    return peer;
}

void session_rig_say(struct session_rig_peer *peer, const struct net_msg *msg)
{
    struct bytes_buf bytes;
    bytes_buf_init(&bytes, LIMIT_MESSAGE_BYTES);
    assert_true(net_msg_encode(&bytes, msg));
    struct net_payload *payload = net_payload_create(bytes_buf_span(&bytes));
    assert_true(payload && peer->link);
    net_link_send(peer->link, payload, NET_RELIABLE);
    net_payload_unref(payload);
    bytes_buf_finish(&bytes);
    session_rig_run_ms(peer->rig, 1);
}

void session_rig_hello(struct session_rig_peer *peer, const char *player_id, const char *word,
                       const char *session)
{
    char token[256];
    snprintf(token, sizeof(token), "{\"unisavePlayerId\":\"%s\",\"fusionPlayerToken\":\"%s\"}",
             player_id, word);
    const struct net_msg msg = {
        .type = NET_MSG_HELLO,
        .hello = {.version = NET_PROTOCOL_VERSION,
                  .token = bytes_of_string(token),
                  .session = bytes_of_string(session),
                  .client = bytes_of_string("rig")},
    };
    session_rig_say(peer, &msg);
}

void session_rig_hang_up(struct session_rig_peer *peer)
{
    assert_non_null(peer->link);
    net_link_close(peer->link, NET_CLOSE_NORMAL, NULL);
    peer->link = NULL;
    session_rig_run_ms(peer->rig, 1);
}

struct session_rig_peer *session_rig_sit(struct session_rig *rig, struct game_session *session,
                                         const char *player_id)
{
    struct session_rig_peer *peer = session_rig_dial(rig);
    assert_true(game_session_has_room(session));
    game_session_seat(session, peer->conn, player_id, &(struct auth_attributes){0});
    session_rig_run_ms(rig, 1);
    return peer;
}

// ---- time

void session_rig_run_ms(struct session_rig *rig, uint64_t milliseconds)
{
    uint64_t end_ns = clock_now_ns(&rig->clock) + milliseconds * CLOCK_NS_PER_MS;
    while (clock_now_ns(&rig->clock) < end_ns) {
        loop_turn(rig->loop, end_ns);
    }
    loop_turn(rig->loop, end_ns);
}

void session_rig_step(struct session_rig *rig, unsigned ticks)
{
    for (unsigned i = 0; i < ticks; i++) {
        game_sessions_step(rig->sessions, ++rig->tick);
        game_sessions_broadcast(rig->sessions);
    }
}

struct game_session *session_rig_open(struct session_rig *rig)
{
    uint16_t code;
    struct game_session *session = game_sessions_find_room(rig->sessions, "room", rig->tick, &code);
    assert_non_null(session);
    return session;
}

uint64_t session_rig_count(struct session_rig *rig, const char *name, const char *label,
                           const char *value)
{
    return *counter_cell(rig->counters, COUNTER_TOTAL, name, "", label, value);
}
