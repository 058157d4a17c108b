// SPDX-License-Identifier: MIT
// The seam between the layers of a stream: TCP = frame; TLS = frame over tls; WS = ws over
// upgrade; WSS = ws over upgrade over tls; each over proxy where a listener has ?proxy=1.
//
// Bytes that the socket read are pushed up, bytes to send are pushed down into the socket's queue,
// all through memory: no layer does I/O, blocks, or knows more than its two neighbours. The two
// ends are layers as well (net/stream.c: the socket below, the link above; in tests, pipes).
//
// A call that goes up and finds the stream unfit returns the close code with which it has to end,
// and leaves why in env->reason; 0 = go on. The code travels back down the call stack to whoever
// owns the stack, who then tells the user and calls net_layer_close() from the top. NET_CLOSE_LOST
// means that there is nobody to say goodbye to.

#ifndef NET_LAYER_H
#define NET_LAYER_H

#include "config/base/clock.h"
#include "config/config.h"
#include "config/url.h"
#include "net/addr.h"
#include "net/close.h"

struct net_caller;
struct net_origins;
struct net_passwords;
struct net_tls_credentials;

struct net_layer_env;

// What all layers of one stream know. Borrowed pointers live as long as the stream.
struct net_layer_env {
    const struct config *config;
    const struct url *url;                   // the listener's, or what a client dials
    const char *url_text;                    // the same for log lines
    struct net_tls_credentials *credentials; // NULL when no layer needs them
    const struct net_origins *origins;       // NULL: those of the settings
    struct net_passwords *passwords;         // NULL: none is asked for
    const char *alpn;                        // what TLS has to negotiate; NULL: nothing
    struct net_caller *caller; // what the request of a WebSocket said; the stream frees it
    struct net_addr remote;    // the peer, or whom a trusted proxy speaks for: net_layer_relocate()
    // Asked before that changes; NULL: everybody may.
    bool (*admit_address)(struct net_layer_env *env, const struct net_addr *remote);
    // 0, or the close code of a server that takes nobody now; NULL: it takes everybody.
    uint16_t (*refusal)(const struct net_layer_env *env);
    // Somebody behind this address has failed to prove who he is; NULL: of no interest.
    void (*auth_failed)(struct net_layer_env *env);
    // From outside of the stack: a layer has moved its due_ns. NULL without passwords.
    void (*wake)(struct net_layer_env *env);
    uint64_t number; // of the link, for log lines
    bool is_server;
    uint64_t now_ns; // set by the owner of the stack before each call into it
    char reason[LIMIT_CLOSE_REASON_BYTES + 1];
};

struct net_layer;

// A NULL entry passes the call on to the next layer in its direction, except where it says else.
struct net_layer_impl {
    const char *name;

    // ---- upwards

    // The layer below can carry bytes. Passed on when this layer can, too.
    uint16_t (*up)(struct net_layer *layer);
    // Consumes all of the bytes; what is not complete yet is kept by the layer.
    uint16_t (*feed)(struct net_layer *layer, struct bytes_span bytes);
    // A WebSocket text message, for the upper end.
    uint16_t (*text)(struct net_layer *layer, struct bytes_span text);
    // The peer has said goodbye in this stream's protocol; for the upper end.
    void (*ended)(struct net_layer *layer, uint16_t code, const char *reason);

    // ---- downwards

    // False when the queue is full or memory is short; the stream is then beyond repair.
    bool (*write)(struct net_layer *layer, struct bytes_span bytes);
    // Top layer only; NULL where the protocol has no text messages.
    bool (*write_text)(struct net_layer *layer, struct bytes_span text);
    // Everything written so far shall leave now.
    void (*flush)(struct net_layer *layer);
    // Say goodbye, then shut. Called on the top layer only, also before it is up; more than once
    // is allowed. NULL: shut at once.
    void (*close)(struct net_layer *layer, uint16_t code, const char *reason);
    // Nothing more will be written: our half of the stream ends. More than once is allowed.
    void (*shut)(struct net_layer *layer);

    // ---- neither

    // layer->due_ns has passed. The layer moves it before returning.
    uint16_t (*expired)(struct net_layer *layer);
    void (*destroy)(struct net_layer *layer);
};

struct net_layer {
    const struct net_layer_impl *impl;
    struct net_layer *above;
    struct net_layer *below;
    struct net_layer_env *env;
    uint64_t due_ns; // when expired() wants to be called; CLOCK_NEVER = not
    bool is_up;
};

void net_layer_init(struct net_layer *layer, const struct net_layer_impl *impl,
                    struct net_layer_env *env);
void net_layer_join(struct net_layer *below, struct net_layer *above);
void net_layer_destroy(struct net_layer *layer); // NULL is fine

// Each calls the entry of `layer`, or of the first one behind it that has one.
uint16_t net_layer_up(struct net_layer *layer);
uint16_t net_layer_feed(struct net_layer *layer, struct bytes_span bytes);
uint16_t net_layer_text(struct net_layer *layer, struct bytes_span text);
void net_layer_ended(struct net_layer *layer, uint16_t code, const char *reason);
bool net_layer_write(struct net_layer *layer, struct bytes_span bytes) BASE_MUST_USE;
bool net_layer_write_text(struct net_layer *layer, struct bytes_span text) BASE_MUST_USE;
void net_layer_flush(struct net_layer *layer);
void net_layer_close(struct net_layer *layer, uint16_t code, const char *reason);
void net_layer_shut(struct net_layer *layer);
// Calls expired() if the layer's time has come.
uint16_t net_layer_expire(struct net_layer *layer);

// Leaves the reason in env->reason (cut to fit) and returns the code.
uint16_t net_layer_fail(struct net_layer *layer, uint16_t code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// A trusted proxy says who is behind it. False when nobody from there may connect now.
bool net_layer_relocate(struct net_layer *layer, const struct net_addr *remote) BASE_MUST_USE;

// A deadline from now, for due_ns.
static inline uint64_t net_layer_in_ms(const struct net_layer *layer, long ms)
{
    return layer->env->now_ns + (uint64_t)ms * CLOCK_NS_PER_MS;
}

#endif
