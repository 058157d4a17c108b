// SPDX-License-Identifier: MIT
// Counts on demand, by walking what is there, so that the tick pays nothing for it.

#include "game/status.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "game/cert_status.h"

#define TRANSPORTS_MAX 16 // by scheme

static const char *const phase_names[] = {"lobby", "countdown", "racing", "finished"};

// The states of a player who has a seat.
enum seat_state { SEAT_WAITING, SEAT_RACING, SEAT_WATCHING, SEAT_DROPPED, SEAT_STATES };

static const char *const seat_state_names[SEAT_STATES] = {"waiting", "racing", "watching",
                                                          "dropped"};

static enum seat_state seat_state(const struct game_session *session, const struct game_seat *seat)
{
    if (seat->conn.generation == 0) {
        return SEAT_DROPPED;
    }
    bool racing = seat->entity != GAME_NO_ENTITY && session->phase != NET_PHASE_LOBBY &&
                  session->phase != NET_PHASE_FINISHED;
    return racing ? SEAT_RACING : seat->spectator ? SEAT_WATCHING : SEAT_WAITING;
}

// NULL: none at the moment.
static const char *seat_transport(const struct game_status_source *source,
                                  const struct game_seat *seat)
{
    struct net_conn_info info;
    return net_conn_info(source->conns, seat->conn, &info) ? info.transport : NULL;
}

// ---- gauges

// Looked up once for all players, since a registry is searched by names.
struct gauges {
    uint64_t *sessions[BASE_COUNT(phase_names)];
    uint64_t *players[SEAT_STATES];
    struct {
        const char *scheme;
        uint64_t *connections, *players;
    } transports[TRANSPORTS_MAX];
    unsigned transport_count;
};

static uint64_t *gauge(const struct game_status_source *source, const char *name, const char *help,
                       const char *label, const char *value)
{
    uint64_t *cell = counter_cell(source->counters, COUNTER_GAUGE, name, help, label, value);
    *cell = 0;
    return cell;
}

static uint64_t *player_gauge(const struct game_status_source *source, const char *state)
{
    return gauge(source, "paddock_players",
                 "Players: verifying, waiting for a race, in one, watching, or dropped and awaited",
                 "state", state);
}

static unsigned find_transport(const struct gauges *gauges, const char *scheme)
{
    unsigned i = 0;
    while (i < gauges->transport_count && strcmp(gauges->transports[i].scheme, scheme) != 0) {
        i++;
    }
    return i;
}

static void find_gauges(const struct game_status_source *source, struct gauges *gauges)
{
    for (unsigned i = 0; i < BASE_COUNT(phase_names); i++) {
        gauges->sessions[i] =
            gauge(source, "paddock_sessions", "Open sessions", "phase", phase_names[i]);
    }
    for (unsigned i = 0; i < SEAT_STATES; i++) {
        gauges->players[i] = player_gauge(source, seat_state_names[i]);
    }
    gauges->transport_count = 0;
    for (const struct net_endpoint *at = source->hub->endpoints; at; at = at->next) {
        const char *scheme = at->transport->scheme;
        unsigned i = find_transport(gauges, scheme);
        if (i == gauges->transport_count) {
            assert(i < TRANSPORTS_MAX);
            gauges->transport_count++;
            gauges->transports[i].scheme = scheme;
            gauges->transports[i].connections =
                gauge(source, "paddock_connections", "Open connections", "transport", scheme);
            gauges->transports[i].players =
                gauge(source, "paddock_players_by_transport", "Connected players in a seat",
                      "transport", scheme);
        }
        *gauges->transports[i].connections += at->link_count;
    }
}

static void count_players(const struct game_status_source *source,
                          const struct game_session *session, const struct gauges *gauges)
{
    for (unsigned slot = 0; slot < session->seat_count; slot++) {
        const struct game_seat *seat = &session->seats[slot];
        if (!seat->taken) {
            continue;
        }
        *gauges->players[seat_state(session, seat)] += 1;
        const char *transport = seat_transport(source, seat);
        if (transport) {
            unsigned i = find_transport(gauges, transport);
            assert(i < gauges->transport_count); // every connection is of a listener in the hub
            *gauges->transports[i].players += 1;
        }
    }
}

void game_status_refresh(const struct game_status_source *source)
{
    struct gauges gauges;
    find_gauges(source, &gauges);
    *counter_cell(source->counters, COUNTER_TOTAL, "paddock_log_lines_lost",
                  "Log lines that were not taken at once where they go", NULL, NULL) =
        log_lines_lost();
    *player_gauge(source, "verifying") =
        game_admission_count(source->admission, GAME_ADMISSION_VERIFYING);
    for (unsigned i = 0; i < game_sessions_count(source->sessions); i++) {
        const struct game_session *session = game_sessions_at(source->sessions, i);
        *gauges.sessions[session->phase] += 1;
        count_players(source, session, &gauges);
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
                                            seat_state_names[seat_state(session, seat)],
                                            "transport", seat_transport(source, seat)));
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
