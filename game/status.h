// SPDX-License-Identifier: MIT
// What operators see of the running server: gauges for /metrics and the JSON of /status.

#ifndef GAME_STATUS_H
#define GAME_STATUS_H

#include "auth/outbox.h"
#include "game/admission.h"
#include "game/sessions.h"
#include "game/tick.h"
#include "net/conn.h"
#include "net/transport.h"

// All borrowed, for one call.
struct game_status_source {
    struct counters *counters;
    const struct net_hub *hub;
    const struct net_conns *conns;
    const struct game_sessions *sessions;
    const struct game_admission *admission;
    const char *backend; // its name
    const struct auth_verify *verify;
    const struct auth_outbox *outbox;
    const struct game_tick *tick;
    bool draining;
};

// Brings the gauges up to date: connections and players by transport, players by state, sessions
// by phase.
void game_status_refresh(const struct game_status_source *source);
// One JSON object: listeners, sessions with their players, tick figures, backend, outbox. No
// tokens, no addresses. It comes in parts, 0 and on until *more is false: first all but the
// sessions, then one session each, so that nobody waits for a page about thousands of players.
// Each part is of its own moment: a session that opens or ends meanwhile may be missing or come
// twice. False when `out` is full or memory is short.
bool game_status_write(const struct game_status_source *source, unsigned part,
                       struct bytes_buf *out, bool *more) BASE_MUST_USE;

#endif
