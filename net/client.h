// SPDX-License-Identifier: MIT
// The client library: connect to a Paddock server over any transport, send inputs, get snapshots.
//
// For game developers. One `struct net_client` is one player. Many clients can share one
// `struct net_client_host` (a loop and its sockets); bots do that. Nothing here starts threads or
// keeps globals: call net_client_host_poll() from your frame, callbacks run inside it.
//
//     struct net_client_host *host = net_client_host_create(NULL, &error);
//     struct net_client *client = net_client_connect(host, "wss://play.example.com:9091",
//                                                    &options, &callbacks, me, &error);
//     each frame:  net_client_host_poll(host, 0);
//                  if (net_client_input_due(client, &tick))
//                      net_client_input(client, tick, &my_input);
//
// The library keeps the estimate of the server's tick and the lead that makes inputs arrive just in
// time, resends every input that a snapshot has not yet made moot, acknowledges snapshots, applies
// deltas and verifies their checksums.

#ifndef NET_CLIENT_H
#define NET_CLIENT_H

#include "config/base/loop.h"
#include "net/addr.h"
#include "net/close.h"
#include "net/msg.h"

struct net_client_host;
struct net_client;
struct net_hub;

struct net_client_host_options {
    struct loop *loop;   // NULL: the host makes its own on the monotonic clock
    struct net_hub *hub; // NULL: its own; given (with its loop): for own counters, or memory://
    bool insecure;       // accept any certificate; for development only
    const char *ca_file; // PEM with the accepted authorities; NULL: the system's
    // Messages to players who have been welcomed end no poll's wait; the next poll takes them. For
    // who plays thousands of players and polls at his own pace.
    bool paced;
};

// options NULL = all defaults.
struct net_client_host *net_client_host_create(const struct net_client_host_options *options,
                                               struct error *error) BASE_MUST_USE;
// Disconnects what is left, without callbacks.
void net_client_host_destroy(struct net_client_host *host);
// Sends, waits at most timeout_ns for something to happen, receives, calls callbacks, sends. Not
// from inside a callback.
void net_client_host_poll(struct net_client_host *host, uint64_t timeout_ns);
uint64_t net_client_host_now_ns(const struct net_client_host *host);

struct net_client_options {
    struct bytes_span token; // the connection token as the backend gave it; copied
    const char *session;     // name to join; NULL or "": quick-join
    const char *client_name; // for the server's log, e.g. "my-game/1.2"; NULL: "paddock-client"
};

struct net_client_snapshot {
    uint32_t tick;
    unsigned entities;
    unsigned values_per_entity;
    const int32_t *values; // entities * values_per_entity, valid during the callback
    uint64_t received_ns;
};

// Any callback may be NULL. All run inside net_client_host_poll().
struct net_client_callbacks {
    void (*welcome)(void *user, const struct net_msg_welcome *welcome);
    void (*roster)(void *user, const struct net_msg_roster *roster);
    void (*phase)(void *user, const struct net_msg_phase *phase);
    void (*snapshot)(void *user, const struct net_client_snapshot *snapshot);
    void (*result)(void *user, const struct net_msg_result *result);
    // The end; the client is freed when this returns. code: net/close.h; 1006 = never got through
    // or lost.
    void (*closed)(void *user, uint16_t code, const char *reason);
};

// Begins to connect; hello goes out when the transport is up. NULL with *error when the URL is
// wrong or the connection cannot even begin.
struct net_client *net_client_connect(struct net_client_host *host, const char *url,
                                      const struct net_client_options *options,
                                      const struct net_client_callbacks *callbacks, void *user,
                                      struct error *error) BASE_MUST_USE;
// Says goodbye; `closed` is not called, the client is gone. Fine inside any callback.
void net_client_disconnect(struct net_client *client);
// True once for each tick that needs an input now, with that tick; call until it returns false.
// Always false outside a race. After a hitch, ticks that can no longer be in time are skipped.
bool net_client_input_due(struct net_client *client, uint32_t *tick);
// When it will be true next, as far as is known now: a snapshot or a phase may change that.
// CLOCK_NEVER outside a race.
uint64_t net_client_input_due_ns(const struct net_client *client);
// For who gives turns to thousands of players: this one's comes soon, and what it needs should be
// in the cache by then. In steps 0 to NET_CLIENT_FETCH_STEPS - 1, one for each turn before his.
#define NET_CLIENT_FETCH_STEPS 4
void net_client_fetch(const struct net_client *client, unsigned step);
// `input` has welcome.input_bytes bytes. Sent with the next poll, together with the unacknowledged
// ones before it.
void net_client_input(struct net_client *client, uint32_t tick, const void *input);

struct net_client_stats {
    uint32_t rtt_us;            // smoothed, from ping/pong each second; 0 = not known yet
    uint32_t rtt_count;         // samples ever taken
    uint64_t snapshots;         // applied
    uint64_t snapshots_stale;   // older than the newest, or against a baseline that is gone
    uint64_t checksum_failures; // must stay 0
    uint64_t inputs_late;       // as the server reports
    uint64_t bytes_in, bytes_out;
    int32_t lead_ms;          // present lead of inputs over the server's tick
    uint32_t rtt_samples[64]; // a ring of the newest, in us
};
void net_client_get_stats(const struct net_client *client, struct net_client_stats *stats);
uint32_t net_client_tick_estimate(const struct net_client *client);

#endif
