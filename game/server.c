// SPDX-License-Identifier: MIT
// Composition, the loop as a list, and the way down.

#include "game/server.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "auth/outbox.h"
#include "auth/reporter.h"
#include "auth/verify.h"
#include "config/paths.h"
#include "game/admin.h"
#include "game/admission.h"
#include "game/preflight.h"
#include "game/result.h"
#include "game/sessions.h"
#include "game/status.h"
#include "game/tick.h"
#include "net/conn.h"
#include "net/cookie_watch.h"
#include "net/origins.h"
#include "net/passwords.h"
#include "net/tls_store.h"

#define WORKER_JOBS_MAX 4096
#define DOOR_JOBS_MAX   64
// After the races, from when everybody is told: how long closing handshakes may take (who answers
// does so at once, also when the goodbye has to be sent three times; who has vanished never does),
// and with them deliveries to the backend.
#define GOODBYE_MS 2000
#define FLUSH_MS   5000
// A tick that began so long ago means that the loop hangs: /healthz says so.
#define STUCK_MS 2000

enum stage {
    STAGE_SERVING,
    STAGE_DRAINING, // races under way go on
    STAGE_PARTING,  // everybody was told; who answers is waited for
    STAGE_FLUSHING, // the outbox empties itself
    STAGE_STOPPED,
};

struct game_server {
    struct game_server_env env;
    const struct game_sim *sim;
    struct loop *loop;
    struct counters *counters;
    struct worker *worker;
    struct worker *door_worker; // for what is looked up before somebody is let in
    struct net_origins *origins;
    struct net_passwords *passwords;
    struct net_cookie_watch *cookie_watch;
    struct net_hub hub;
    struct net_tls_server *tls;
    struct net_conns *conns;
    struct auth_backend *backend;
    struct auth_verify *verify;
    struct auth_outbox *outbox;
    struct auth_reporter *reporter;
    struct game_maps *maps;
    struct game_results *results;
    struct game_random random;
    struct game_session_env session_env;
    struct game_sessions *sessions;
    struct game_admission *admission;
    struct game_admin *admin;
    struct game_tick tick;
    enum stage stage;
    struct loop_timer stage_timer; // the end of DRAINING, PARTING or FLUSHING at the latest
    uint64_t told_ns;              // when PARTING began
};

// ---- wiring: events of one part are calls of the next

static void on_opened(void *user, struct net_conn_id conn)
{
    struct game_server *server = user;
    game_tick_start(&server->tick, loop_now_ns(server->loop));
    game_admission_opened(server->admission, conn);
}

static void on_message(void *user, struct net_conn_id conn, const struct net_msg *msg)
{
    struct game_server *server = user;
    game_admission_message(server->admission, conn, msg);
}

static void on_fetch(void *user, struct net_conn_id conn, unsigned step)
{
    struct game_server *server = user;
    game_admission_fetch(server->admission, conn, step);
}

static void on_closed(void *user, struct net_conn_id conn, uint16_t code)
{
    struct game_server *server = user;
    game_admission_closed(server->admission, conn, code);
}

static void on_verified(void *user, uint64_t owner, enum auth_outcome outcome,
                        const struct auth_attributes *attributes)
{
    struct game_server *server = user;
    game_admission_verified(server->admission, owner, outcome, attributes);
}

static void on_result_committed(void *user, struct game_session_id id, const char *race_id)
{
    struct game_server *server = user;
    struct game_session *session = game_sessions_get(server->sessions, id);
    if (session) {
        game_session_result_committed(session, race_id);
    }
}

static void on_replay(void *user, const char *race_id, struct bytes_span bytes)
{
    struct game_server *server = user;
    server->env.replay(server->env.replay_user, race_id, bytes);
}

static bool is_healthy(void *user)
{
    const struct game_server *server = user;
    uint64_t now = loop_now_ns(server->loop);
    return !server->tick.running || now < server->tick.last_run_ns + STUCK_MS * CLOCK_NS_PER_MS;
}

bool game_server_ready(const struct game_server *server)
{
    return server->stage == STAGE_SERVING && !game_results_failing(server->results);
}

static bool is_ready(void *user)
{
    return game_server_ready(user);
}

struct game_status_source game_server_status(struct game_server *server)
{
    return (struct game_status_source){
        .counters = server->counters,
        .hub = &server->hub,
        .conns = server->conns,
        .sessions = server->sessions,
        .admission = server->admission,
        .backend = server->backend->impl->name,
        .verify = server->verify,
        .outbox = server->outbox,
        .tick = &server->tick,
        .draining = server->stage != STAGE_SERVING,
    };
}

static void refresh_gauges(void *user)
{
    struct game_server *server = user;
    struct game_status_source source = game_server_status(server);
    game_status_refresh(&source);
    if (server->tls) {
        net_tls_server_refresh(server->tls);
    }
}

static bool write_status(void *user, unsigned part, struct bytes_buf *out, bool *more)
{
    struct game_status_source source = game_server_status(user);
    return game_status_write(&source, part, out, more);
}

// ---- composition

static bool open_backend(struct game_server *server, struct error *error)
{
    const struct config *config = server->env.config;
    struct auth_backend_env env = {
        .loop = server->loop,
        .worker = server->worker,
        .counters = server->counters,
        .config = config,
    };
    char path[LIMIT_PATH_BYTES];
    const struct auth_backend_impl *impl =
        server->env.backend ? server->env.backend : auth_backend_find(config);
    server->backend = impl->create(&env, error);
    if (!server->backend ||
        !config_data_path(config, config->outbox_db, "outbox.db", path, error)) {
        return false;
    }
    server->outbox = auth_outbox_open(path, server->worker, server->counters, error);
    if (!server->outbox) {
        return false;
    }
    server->reporter = auth_reporter_create(server->loop, server->outbox, server->backend, config,
                                            server->counters, server->env.random_seed);
    server->verify = auth_verify_create(server->loop, server->backend, config, server->counters,
                                        server->env.random_seed, on_verified, server);
    return (server->reporter && server->verify) || error_set(error, "out of memory");
}

static bool open_sessions(struct game_server *server, struct error *error)
{
    const struct config *config = server->env.config;
    server->maps = game_maps_load(server->sim, config, error);
    if (!server->maps) {
        return false;
    }
    struct game_results_env results = {
        .loop = server->loop,
        .worker = server->worker,
        .reporter = server->reporter,
        .counters = server->counters,
        .replay_dir = config->replay_dir,
        .committed = on_result_committed,
        .replay = server->env.replay ? on_replay : NULL,
        .user = server,
    };
    server->results = game_results_create(&results);
    server->session_env = (struct game_session_env){
        .loop = server->loop,
        .config = config,
        .conns = server->conns,
        .sim = server->sim,
        .maps = server->maps,
        .results = server->results,
        .random = &server->random,
    };
    game_session_counters_init(&server->session_env.counters, server->counters);
    server->sessions = game_sessions_create(&server->session_env, (unsigned)config->max_sessions);
    return (server->results && server->sessions) || error_set(error, "out of memory");
}

// Seats for all sessions, and places for those who are still being verified or turned away.
static unsigned connection_capacity(const struct config *config)
{
    unsigned seats = (unsigned)(config->max_sessions * config->players_per_session);
    unsigned spare = seats / 4 < 256 ? seats / 4 : 256;
    return seats + (spare < 32 ? 32 : spare);
}

static bool open_connections(struct game_server *server, struct error *error)
{
    static const struct net_conn_events events = {
        .opened = on_opened, .message = on_message, .closed = on_closed, .fetch = on_fetch};
    const struct config *config = server->env.config;
    unsigned capacity = connection_capacity(config);
    server->conns = net_conns_create(&server->hub, capacity, &events, server, error);
    if (!server->conns || !open_sessions(server, error)) {
        return false;
    }
    struct game_admission_env admission = {
        .config = config,
        .counters = server->counters,
        .conns = server->conns,
        .sessions = server->sessions,
        .verify = server->verify,
        .backend = server->backend,
        .tick = &server->tick,
    };
    server->admission = game_admission_create(&admission, capacity);
    return server->admission || error_set(error, "out of memory");
}

// The one that --dev makes lives as long as the process; its public half is put beside the
// databases, so that clients can trust it instead of trusting anybody.
static bool open_certificate(struct game_server *server, struct error *error)
{
    const struct config *config = server->env.config;
    char path[LIMIT_PATH_BYTES];
    server->tls = net_tls_server_create(config, server->env.clock, error);
    server->hub.tls = server->tls;
    if (!server->tls || !net_tls_server_has_dev(server->tls)) {
        return server->tls;
    }
    if (!config_data_path(config, "", "dev-certificate.pem", path, error) ||
        !net_tls_server_write_dev(server->tls, path, error)) {
        return false;
    }
    log_event(LOG_INFO, "dev_certificate", LOG_S("path", path));
    return true;
}

// What stands in front of WebSockets besides constant settings. It has a worker of its own, because
// results must not wait behind it.
static bool open_doors(struct game_server *server, struct error *error)
{
    const struct config *config = server->env.config;
    server->origins = net_origins_create(config, error);
    server->hub.origins = server->origins;
    bool has_work = config->auth_token_poll_ms > 0 || config->basic_auth_file[0] != '\0';
    if (!server->origins || !has_work) {
        return server->origins;
    }
    server->door_worker =
        worker_create(server->loop, "door", DOOR_JOBS_MAX, !server->env.single_threaded, error);
    if (!server->door_worker) {
        return false;
    }
    if (config->basic_auth_file[0] != '\0') {
        server->passwords = net_passwords_create(config, server->door_worker, error);
        server->hub.passwords = server->passwords;
        if (!server->passwords) {
            return false;
        }
    }
    if (config->auth_token_poll_ms > 0) {
        server->cookie_watch =
            net_cookie_watch_create(server->conns, server->loop, server->door_worker, config);
        return server->cookie_watch || error_set(error, "out of memory");
    }
    return true;
}

static bool open_listeners(struct game_server *server, struct error *error)
{
    const struct config *config = server->env.config;
    if (game_preflight_needs_certificate(config) && !open_certificate(server, error)) {
        return false;
    }
    for (unsigned i = 0; i < config->listen.count; i++) {
        if (!net_hub_listen(&server->hub, config->listen.items[i],
                            net_conns_acceptor(server->conns), error)) {
            return false;
        }
        log_event(LOG_INFO, "listening", LOG_S("url", server->hub.endpoints->url),
                  LOG_S("public", server->hub.endpoints->public_url));
    }
    if (server->tls) {
        net_tls_server_watch(server->tls, server->loop, server->worker, server->counters);
    }
    return true;
}

static bool open_admin(struct game_server *server, struct error *error)
{
    const char *where = server->env.config->admin;
    struct game_admin_source source = {
        .healthy = is_healthy,
        .ready = is_ready,
        .refresh = refresh_gauges,
        .status = write_status,
        .user = server,
    };
    if (strcmp(where, "off") == 0) {
        return true;
    }
    server->admin = game_admin_create(server->loop, server->counters, where, &source, error);
    if (!server->admin) {
        return false;
    }
    log_event(LOG_INFO, "admin_listening", LOG_S("address", game_admin_address(server->admin)));
    return true;
}

static void on_stage_timer(void *context);

struct game_server *game_server_create(const struct game_server_env *env, struct error *error)
{
    const struct config *config = env->config;
    struct game_server *server = calloc(1, sizeof(*server));
    if (!server) {
        error_set(error, "out of memory");
        return NULL;
    }
    server->env = *env;
    server->random.state = env->random_seed;
    server->sim = env->sim ? env->sim : game_sim_chosen(config);
    loop_timer_init(&server->stage_timer, on_stage_timer, server);
    server->counters = counters_create();
    server->loop = loop_create(env->clock, error);
    if (!server->counters || !server->loop) {
        goto fail;
    }
    net_hub_init(&server->hub, server->loop, config, server->counters);
    game_tick_init(&server->tick, (unsigned)config->tick_rate, (unsigned)config->catch_up_ticks,
                   server->counters);
    server->worker =
        worker_create(server->loop, "disk", WORKER_JOBS_MAX, !env->single_threaded, error);
    if (!server->worker || !game_preflight_folders(config, error) || !open_backend(server, error) ||
        !open_connections(server, error) || !open_doors(server, error) ||
        !open_listeners(server, error) || !open_admin(server, error)) {
        goto fail;
    }
    log_event(LOG_INFO, "ready", LOG_U("listeners", config->listen.count),
              LOG_S("game", server->sim->name), LOG_S("backend", server->backend->impl->name));
    return server;
fail:
    game_server_destroy(server);
    return NULL;
}

void game_server_destroy(struct game_server *server)
{
    if (!server) {
        return;
    }
    game_admin_destroy(server->admin);
    game_sessions_destroy(server->sessions); // needs connections to say goodbye
    net_cookie_watch_destroy(server->cookie_watch);
    net_conns_destroy(server->conns);
    if (server->loop) {
        net_hub_finish(&server->hub);
        loop_timer_cancel(server->loop, &server->stage_timer);
    }
    auth_verify_destroy(server->verify);
    auth_reporter_destroy(server->reporter);
    worker_destroy(server->door_worker);
    worker_destroy(server->worker); // what was queued for the disk still gets there
    game_results_destroy(server->results);
    auth_outbox_close(server->outbox);
    if (server->backend) {
        server->backend->impl->destroy(server->backend);
    }
    game_admission_destroy(server->admission);
    game_maps_destroy(server->maps);
    net_origins_destroy(server->origins);
    net_passwords_destroy(server->passwords);
    net_tls_server_destroy(server->tls);
    loop_destroy(server->loop);
    counters_destroy(server->counters);
    free(server);
}

// ---- the loop

// Those who play wake nobody: what they have sent is read when a tick is about to use it.
static void read_inputs(struct game_server *server)
{
    uint64_t began_ns = loop_now_ns(server->loop);
    loop_poll_paced(server->loop);
    net_hub_pump(&server->hub, began_ns);
    game_tick_read(&server->tick, loop_refresh_now(server->loop) - began_ns);
}

static bool read_ahead(struct game_server *server)
{
    if (!game_tick_reads_ahead(&server->tick, loop_refresh_now(server->loop))) {
        return false;
    }
    read_inputs(server);
    return true;
}

// A tick that is made up for begins when the one before it has ended.
static void run_due_ticks(struct game_server *server)
{
    unsigned due = game_tick_due(&server->tick, loop_refresh_now(server->loop));
    if (due == 0) {
        return;
    }
    read_inputs(server);
    uint64_t began_ns = loop_now_ns(server->loop);
    for (unsigned i = 0; i < due; i++) {
        game_sessions_step(server->sessions,
                           game_tick_begin(&server->tick, loop_refresh_now(server->loop)));
    }
    game_sessions_broadcast(server->sessions);
    game_tick_end(&server->tick, loop_refresh_now(server->loop) - began_ns);
}

// An empty server sleeps instead of ticking; the first connection starts the tick again.
static void stop_idle_tick(struct game_server *server)
{
    if (net_hub_link_count(&server->hub) == 0 && game_sessions_count(server->sessions) == 0) {
        game_tick_stop(&server->tick);
    }
}

// ---- the way down

static void begin_parting(struct game_server *server)
{
    server->stage = STAGE_PARTING;
    game_sessions_close_all(server->sessions, NET_CLOSE_GOING_AWAY);
    net_conns_close_all(server->conns, NET_CLOSE_GOING_AWAY);
    server->told_ns = loop_now_ns(server->loop);
    loop_timer_set(server->loop, &server->stage_timer,
                   server->told_ns + GOODBYE_MS * CLOCK_NS_PER_MS);
}

static void begin_flush(struct game_server *server)
{
    server->stage = STAGE_FLUSHING;
    loop_timer_set(server->loop, &server->stage_timer,
                   server->told_ns + FLUSH_MS * CLOCK_NS_PER_MS);
}

static void on_stage_timer(void *context)
{
    struct game_server *server = context;
    if (server->stage == STAGE_DRAINING) {
        log_event(LOG_WARN, "drain_timeout",
                  LOG_U("sessions", game_sessions_count(server->sessions)));
        begin_parting(server);
    } else if (server->stage == STAGE_PARTING) {
        log_event(LOG_INFO, "goodbye_timeout", LOG_U("links", net_hub_link_count(&server->hub)));
        begin_flush(server);
    } else {
        log_event(LOG_WARN, "flush_timeout",
                  LOG_U("undelivered", auth_outbox_count(server->outbox, AUTH_OUTBOX_PENDING)));
        server->stage = STAGE_STOPPED;
    }
}

static void advance_stage(struct game_server *server)
{
    if (server->stage == STAGE_DRAINING && game_sessions_count(server->sessions) == 0) {
        begin_parting(server);
    }
    if (server->stage == STAGE_PARTING && net_hub_link_count(&server->hub) == 0) {
        begin_flush(server);
    }
    if (server->stage == STAGE_FLUSHING && game_results_pending(server->results) == 0 &&
        auth_reporter_idle(server->reporter)) {
        server->stage = STAGE_STOPPED;
    }
}

void game_server_drain(struct game_server *server)
{
    if (server->stage != STAGE_SERVING) {
        game_server_stop(server);
        return;
    }
    server->stage = STAGE_DRAINING;
    server->session_env.draining = true;
    net_conns_refuse_new(server->conns);
    net_hub_stop_accepting(&server->hub);
    log_event(LOG_INFO, "draining", LOG_U("sessions", game_sessions_count(server->sessions)),
              LOG_I("timeout_ms", server->env.config->drain_timeout_ms));
    game_admission_turn_away(server->admission, NET_CLOSE_GOING_AWAY);
    loop_timer_set(server->loop, &server->stage_timer,
                   loop_now_ns(server->loop) +
                       (uint64_t)server->env.config->drain_timeout_ms * CLOCK_NS_PER_MS);
}

void game_server_reload(struct game_server *server)
{
    net_origins_reload(server->origins);
    if (server->passwords) {
        net_passwords_reload(server->passwords);
    }
    if (server->tls) {
        net_tls_server_reload(server->tls);
    }
}

void game_server_stop(struct game_server *server)
{
    server->stage = STAGE_STOPPED;
}

bool game_server_stopped(const struct game_server *server)
{
    return server->stage == STAGE_STOPPED;
}

void game_server_turn(struct game_server *server)
{
    loop_turn(server->loop, game_tick_wake_ns(&server->tick));
    if (read_ahead(server)) {
        return; // what there is to answer goes with the tick
    }
    run_due_ticks(server);
    net_hub_flush(&server->hub, loop_now_ns(server->loop));
    stop_idle_tick(server);
    advance_stage(server);
}

void game_server_run(struct game_server *server)
{
    while (!game_server_stopped(server)) {
        game_server_turn(server);
    }
    log_event(LOG_INFO, "stopped",
              LOG_U("undelivered", auth_outbox_count(server->outbox, AUTH_OUTBOX_PENDING)));
}

// ---- for tests

struct net_hub *game_server_hub(struct game_server *server)
{
    return &server->hub;
}

struct loop *game_server_loop(struct game_server *server)
{
    return server->loop;
}

struct auth_backend *game_server_backend(struct game_server *server)
{
    return server->backend;
}

struct counters *game_server_counters(struct game_server *server)
{
    return server->counters;
}
