// SPDX-License-Identifier: MIT
// Counts on demand, by walking what is there, so that the tick pays nothing for it.

#include "game/status.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "game/cert_status.h"

static const char *const phase_names[] = {"lobby", "countdown", "racing", "finished"};

static uint64_t *gauge(struct counters *counters, const char *name, const char *help,
                       const char *label, const char *value)
{
    return counter_cell(counters, COUNTER_GAUGE, name, help, label, value);
}

static uint64_t *connections_gauge(const struct game_status_source *source, const char *transport)
{
    return gauge(source->counters, "paddock_connections", "Open connections", "transport",
                 transport);
}

static uint64_t *transport_gauge(const struct game_status_source *source, const char *transport)
{
    return gauge(source->counters, "paddock_players_by_transport", "Connected players in a seat",
                 "transport", transport);
}

static uint64_t *player_gauge(const struct game_status_source *source, const char *state)
{
    return gauge(source->counters, "paddock_players",
                 "Players: verifying, waiting for a race, in one, watching, or dropped and awaited",
                 "state", state);
}

static uint64_t *session_gauge(const struct game_status_source *source, unsigned phase)
{
    return gauge(source->counters, "paddock_sessions", "Open sessions", "phase",
                 phase_names[phase]);
}

static const char *seat_state(const struct game_session *session, const struct game_seat *seat)
{
    if (seat->conn.generation == 0) {
        return "dropped";
    }
    bool racing = seat->entity != GAME_NO_ENTITY && session->phase != NET_PHASE_LOBBY &&
                  session->phase != NET_PHASE_FINISHED;
    return racing ? "racing" : seat->spectator ? "watching" : "waiting";
}

static const char *seat_transport(const struct game_status_source *source,
                                  const struct game_seat *seat)
{
    struct net_conn_info info;
    return net_conn_info(source->conns, seat->conn, &info) ? info.transport : NULL;
}

static void clear_gauges(const struct game_status_source *source)
{
    static const char *const states[] = {"verifying", "waiting", "racing", "watching", "dropped"};
    for (unsigned i = 0; i < BASE_COUNT(states); i++) {
        *player_gauge(source, states[i]) = 0;
    }
    for (unsigned i = 0; i < BASE_COUNT(phase_names); i++) {
        *session_gauge(source, i) = 0;
    }
    for (const struct net_endpoint *at = source->hub->endpoints; at; at = at->next) {
        *connections_gauge(source, at->transport->scheme) = 0;
        *transport_gauge(source, at->transport->scheme) = 0;
    }
}

void game_status_refresh(const struct game_status_source *source)
{
    clear_gauges(source);
    *counter_cell(source->counters, COUNTER_TOTAL, "paddock_log_lines_lost",
                  "Log lines that were not taken at once where they go", NULL, NULL) =
        log_lines_lost();
    *player_gauge(source, "verifying") =
        game_admission_count(source->admission, GAME_ADMISSION_VERIFYING);
    for (const struct net_endpoint *at = source->hub->endpoints; at; at = at->next) {
        *connections_gauge(source, at->transport->scheme) += at->link_count;
    }
    for (unsigned i = 0; i < game_sessions_count(source->sessions); i++) {
        const struct game_session *session = game_sessions_at(source->sessions, i);
        *session_gauge(source, session->phase) += 1;
        for (unsigned slot = 0; slot < session->seat_count; slot++) {
            const struct game_seat *seat = &session->seats[slot];
            const char *transport = seat->taken ? seat_transport(source, seat) : NULL;
            if (seat->taken) {
                *player_gauge(source, seat_state(session, seat)) += 1;
            }
            if (transport) {
                *transport_gauge(source, transport) += 1;
            }
        }
    }
}

// ---- /status

static json_t *describe_listeners(const struct game_status_source *source)
{
    json_t *list = json_array();
    for (const struct net_endpoint *at = source->hub->endpoints; at; at = at->next) {
        if (at->url[0]) {
            json_array_append_new(list,
                                  json_pack("{s:s, s:s, s:i}", "url", at->url, "public_url",
                                            at->public_url, "connections", (int)at->link_count));
        }
    }
    return list;
}

static json_t *describe_session(const struct game_status_source *source,
                                const struct game_session *session)
{
    json_t *players = json_array();
    for (unsigned slot = 0; slot < session->seat_count; slot++) {
        const struct game_seat *seat = &session->seats[slot];
        if (seat->taken) {
            json_array_append_new(players,
                                  json_pack("{s:i, s:s, s:i, s:s, s:s?}", "slot", (int)slot, "name",
                                            seat->name, "kart", (int)seat->kart, "state",
                                            seat_state(session, seat), "transport",
                                            seat_transport(source, seat)));
        }
    }
    return json_pack("{s:s, s:s, s:s, s:s, s:i, s:i, s:o}", "name", session->name, "id",
                     session->uuid, "phase", phase_names[session->phase], "race_id",
                     session->race_id, "races", (int)session->races, "seats",
                     (int)session->seat_count, "players", players);
}

static json_t *describe_tick(const struct game_tick *tick)
{
    return json_pack("{s:i, s:I, s:b, s:I, s:I, s:I, s:I}", "rate", (int)tick->rate, "number",
                     (json_int_t)(tick->next - 1), "running", tick->running, "run",
                     (json_int_t)*tick->run, "skipped", (json_int_t)*tick->skipped,
                     "lateness_p99_us",
                     (json_int_t)(histogram_quantile_ns(tick->lateness, 990) / CLOCK_NS_PER_US),
                     "duration_p99_us",
                     (json_int_t)(histogram_quantile_ns(tick->duration, 990) / CLOCK_NS_PER_US));
}

static json_t *describe_server(const struct game_status_source *source)
{
    json_t *outbox = json_pack(
        "{s:i, s:i, s:i}", "pending", (int)auth_outbox_count(source->outbox, AUTH_OUTBOX_PENDING),
        "delivered", (int)auth_outbox_count(source->outbox, AUTH_OUTBOX_DELIVERED), "dead",
        (int)auth_outbox_count(source->outbox, AUTH_OUTBOX_DEAD));
    json_t *backend = json_pack("{s:s, s:b}", "name", source->backend, "breaker_open",
                                auth_verify_breaker_open(source->verify));
    return json_pack("{s:s, s:b, s:i, s:i, s:o, s:o, s:o, s:o, s:o}", "version", PADDOCK_VERSION,
                     "draining", source->draining, "connections",
                     (int)net_conns_count(source->conns), "verifying",
                     (int)game_admission_count(source->admission, GAME_ADMISSION_VERIFYING), "tick",
                     describe_tick(source->tick), "backend", backend, "outbox", outbox, "listeners",
                     describe_listeners(source), "certificates",
                     game_cert_status(source->hub->tls, source->hub->config,
                                      clock_wall_ms(loop_clock(source->hub->loop))));
}

// Takes `object` over. All of its text but so many bytes at the end.
static bool append_object(struct bytes_buf *out, json_t *object, size_t but)
{
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    bool ok = text && bytes_buf_append(out, bytes_of(text, strlen(text) - but));
    free(text);
    json_decref(object);
    return ok;
}

bool game_status_write(const struct game_status_source *source, unsigned part,
                       struct bytes_buf *out, bool *more)
{
    *more = true;
    if (part == 0) { // an object that is still open
        return append_object(out, describe_server(source), 1) &&
               bytes_buf_append_text(out, ",\"sessions\":[");
    }
    unsigned i = part - 1;
    if (i >= game_sessions_count(source->sessions)) {
        *more = false;
        return bytes_buf_append_text(out, "]}\n");
    }
    return (i == 0 || bytes_buf_append_text(out, ",")) &&
           append_object(out, describe_session(source, game_sessions_at(source->sessions, i)), 0);
}
