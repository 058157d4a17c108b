// SPDX-License-Identifier: MIT
// The seam to the game's backend: is this player valid, and here is a result.
//
// Both calls are asynchronous: the answer comes from the loop, never from inside the call, exactly
// once, unless the call is cancelled. Deadlines belong to the callers (auth/verify, auth/reporter),
// which cancel. A backend never decides what an error means: verify fails closed above it.

#ifndef AUTH_BACKEND_H
#define AUTH_BACKEND_H

#include <stdio.h>

#include "auth/token.h"
#include "config/base/counters.h"
#include "config/base/loop.h"
#include "config/base/worker.h"
#include "config/config.h"

// Nothing said means no: the yes is never what zeroed memory holds.
enum auth_verdict {
    AUTH_ERROR, // no answer that can be trusted: fail closed, 4503
    AUTH_NO,
    AUTH_YES,
};

enum auth_delivery {
    AUTH_DELIVERED, // the backend has it, now or from an earlier try under the same key
    AUTH_REFUSED,   // the backend will never take it (dead letter)
    AUTH_RETRY,     // not now
};

// What the backend says about a valid player beyond "yes"; zeroes where it says nothing.
struct auth_attributes {
    char display_name[65]; // UTF-8 without control characters
    bool spectator;        // sits in the session and watches, takes part in no race
    uint8_t kart;          // which kart he is shown with; the game's clients know what it means
};

// A header of the player's own request that the operator wants the backend to see.
struct auth_mapped_header {
    const char *name;
    const char *value;
};

// Everything a backend may want to know. Lives as long as the call. What the transport does not
// tell is NULL or empty.
struct auth_verify_request {
    uint64_t conn; // the connection's number in log lines
    const struct auth_token *token;
    const char *session;   // name asked for, maybe empty
    const char *transport; // "udp", ...
    const char *remote;    // "192.0.2.1:50123"
    const char *client;    // what the client calls itself, maybe empty
    const char *local;     // our own address that he is connected to
    const char *origin;    // of the web page
    const char *user_agent;
    const struct auth_mapped_header *headers;
    unsigned header_count; // at most LIMIT_MAPPED_HEADERS
};

// A player whom the backend had let in is gone. Lives as long as the call.
struct auth_notice {
    bool kicked; // by us; else he left, or was lost
    const char *player_id;
    const char *session;
    const char *transport;
    const char *remote;
    uint16_t code; // the close code and its name
    const char *reason;
};

// One delivery of a result. `key` is the idempotency key: stable over restarts. Lives as long as
// the call. attempt 1 promises that no earlier try under this key ever began, not even one that a
// crash cut short: attempts are counted on disk before they start. It is 1 again after an operator
// has sent a dead letter back, which is his word that the backend does not have it.
struct auth_report {
    const char *key;        // "<race id>" or "<race id>/<subject>"
    const char *subject;    // player id for per-player deliveries, else ""
    struct bytes_span body; // canonical JSON of the whole result (game/result.h)
    unsigned attempt;       // 1 = first
};

struct auth_backend;
struct auth_backend_env;
struct auth_call; // one call under way, made by the backend

typedef void auth_verify_done(void *context, enum auth_verdict verdict,
                              const struct auth_attributes *attributes);
typedef void auth_report_done(void *context, enum auth_delivery delivery);

struct auth_backend_impl {
    const char *name;
    // Whether it can work with settings that config_check_backend() has found good: for
    // --check-config, and the first step of create(). Reads the files that they name and touches
    // nothing else. False with one line in *error. NULL: it can work with any.
    bool (*preflight)(const struct config *config, struct error *error);
    // The settings have passed config_check_backend(). NULL with one line in *error that says what
    // to mend.
    struct auth_backend *(*create)(const struct auth_backend_env *env, struct error *error);
    // Whether a player of this backend may have such an id, by its form alone. Who has none that he
    // could have is denied unasked: verify() never sees him. NULL: any id will do.
    bool (*could_know)(struct auth_backend *backend, const char *player_id);
    // NULL: cannot begin now (then `done` is not called), treated as AUTH_ERROR / AUTH_RETRY.
    struct auth_call *(*verify)(struct auth_backend *backend,
                                const struct auth_verify_request *request, auth_verify_done *done,
                                void *context);
    struct auth_call *(*report)(struct auth_backend *backend, const struct auth_report *report,
                                auth_report_done *done, void *context);
    // After this `done` is not called. The call must still be under way.
    void (*cancel)(struct auth_backend *backend, struct auth_call *call);
    // How a result is split into deliveries: calls `each` with the subject of every one, in order.
    // NULL: one delivery of the whole result, subject "".
    void (*plan)(struct auth_backend *backend, struct bytes_span body,
                 void (*each)(void *context, const char *subject), void *context);
    // Best effort: nobody hears what becomes of it. NULL: not of interest.
    void (*notify)(struct auth_backend *backend, const struct auth_notice *notice);
    void (*destroy)(struct auth_backend *backend); // calls under way are cancelled
    // For `paddock check`, instead of create(): tries the backend as far as that is possible
    // without a player and without a result, and writes a line to `out` for each thing found in
    // order. Blocking: it may turn env->loop until it has its answers. False with one line in
    // *error that says what to mend. NULL: there is nothing to try.
    bool (*check)(const struct auth_backend_env *env, FILE *out, struct error *error);
};

struct auth_backend {
    const struct auth_backend_impl *impl;
};

// What a backend may use; all borrowed for the backend's lifetime.
struct auth_backend_env {
    struct loop *loop;
    struct worker *worker;
    struct counters *counters;
    const struct config *config;
};

// The row for config->backend in backends.c.
const struct auth_backend_impl *auth_backend_find(const struct config *config);

#endif
