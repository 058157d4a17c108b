// SPDX-License-Identifier: MIT
// The certificates of the server's listeners: found, reported, watched, and exchanged in flight.
//
// Owns which certificates each listener shows and tells operators about them. Files are read on the
// worker, the exchange happens on the loop between two turns: new sessions get what is newest, old
// ones keep what they began with, and what cannot be used changes nothing. Declines to know what is
// in certificates (net/tls_certificate) and in sessions (net/tls_credentials).

#ifndef NET_TLS_STORE_H
#define NET_TLS_STORE_H

#include "config/base/counters.h"
#include "config/base/loop.h"
#include "config/base/worker.h"
#include "config/config.h"
#include "net/tls_credentials.h"

struct net_tls_server;

// One listener's part. Others read, on the loop's thread.
struct net_tls_listener {
    struct net_tls_listener *next;
    struct net_tls_server *server;
    char url[URL_TEXT_BYTES];
    char names[URL_QUERY_BYTES];              // ?cert=; empty: what the settings say
    struct net_tls_certificates certificates; // what new sessions are shown
    struct net_tls_credentials *credentials;
    uint64_t loaded_ms;             // wall time
    char problem[ERROR_TEXT_BYTES]; // why newer ones are not shown; empty: they are
    bool is_dev;
    uint64_t *not_after; // gauge

    struct { // the worker's while a check runs
        uint64_t signature;
        bool failed;
        bool loaded;
        struct net_tls_certificates certificates;
        struct net_tls_credentials *credentials;
        struct error error;
    } fresh;
};

// `clock` says what time it is for people. With --dev and no other certificate named, makes one for
// localhost, in memory. Warns when the TLS library is too old. NULL with *error.
struct net_tls_server *net_tls_server_create(const struct config *config, const struct clock *clock,
                                             struct error *error) BASE_MUST_USE;
// After the worker, whose jobs end here; NULL is fine.
void net_tls_server_destroy(struct net_tls_server *server);
const struct net_tls_listener *net_tls_server_listeners(const struct net_tls_server *server);

// Loads what the listener is to show and logs one line `secured` for each certificate, and one for
// each thing about it that will trouble players. The server's, and lives as long. NULL with *error
// when there is no usable certificate. All listeners are opened before net_tls_server_watch().
struct net_tls_listener *net_tls_listener_open(struct net_tls_server *server, const struct url *url,
                                               struct error *error) BASE_MUST_USE;
// What new sessions get; the caller has a reference and gives it back.
struct net_tls_credentials *net_tls_listener_credentials(struct net_tls_listener *listener);
// A handshake costs many times what it costs with an elliptic curve.
bool net_tls_listener_is_slow(const struct net_tls_listener *listener);

// From now on: looks for changed files every --cert-poll-ms, tells daily what is about to expire,
// and changes the key of session tickets.
void net_tls_server_watch(struct net_tls_server *server, struct loop *loop, struct worker *worker,
                          struct counters *counters);
// Loads everything again, whether it has changed or not; what comes of it is logged. Only while
// watching.
void net_tls_server_reload(struct net_tls_server *server);
// Brings the gauges up to date.
void net_tls_server_refresh(struct net_tls_server *server);

// "valid", "expiring" (in less than --cert-warn-days), "expired", or "invalid": not yet valid.
const char *net_tls_status(const struct config *config,
                           const struct net_tls_certificate *certificate, uint64_t wall_ms);
int64_t net_tls_days_left(const struct net_tls_certificate *certificate, uint64_t wall_ms);

// Writes the certificate of --dev as PEM, without its key, for clients that shall trust it. There
// must be one.
bool net_tls_server_has_dev(const struct net_tls_server *server);
bool net_tls_server_write_dev(const struct net_tls_server *server, const char *path,
                              struct error *error) BASE_MUST_USE;

// The version of the GnuTLS that is really loaded. net_tls_server_create() warns when it is older
// than 3.7.9, the last one for which distributions still mend what matters here.
const char *net_tls_version(void);

#endif
