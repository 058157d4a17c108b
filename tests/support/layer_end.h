// SPDX-License-Identifier: MIT
// One side of a stream without a socket: a stack of layers between a pipe, which keeps what is
// sent, and a recorder, which keeps what arrives. Two of them make a connection in memory.

#ifndef TESTS_SUPPORT_LAYER_END_H
#define TESTS_SUPPORT_LAYER_END_H

#include "net/layer.h"

#define LAYER_END_MAX 3

typedef struct net_layer *(*layer_create)(struct net_layer_env *env);

struct layer_end {
    struct net_layer pipe, recorder;
    struct net_layer *layers[LAYER_END_MAX];
    unsigned layer_count;
    struct config *config;
    struct url url;
    struct net_layer_env env;

    struct bytes_buf sent; // what the other side has not got yet
    bool is_shut;          // our half has ended
    bool full;             // writes fail from now on
    unsigned writes;

    bool is_up;
    uint16_t answer_up; // what the recorder says to up() and to messages
    uint16_t answer_message;
    bool echoes; // messages and texts go back
    unsigned messages, texts;
    struct bytes_buf last; // the newest message or text
    struct bytes_buf all;  // every message, each with its size in front
    unsigned ended;
    uint16_t ended_code;
    char ended_reason[LIMIT_CLOSE_REASON_BYTES + 1];
    uint16_t code; // the first that feed, up or expire returned
};

// `layers`: NULL-terminated, lowest first.
void layer_end_init(struct layer_end *end, bool is_server, const layer_create *layers);
// The same with TLS: `url` is what a client dials.
void layer_end_init_tls(struct layer_end *end, bool is_server, const layer_create *layers,
                        const char *url, struct net_tls_credentials *credentials, const char *alpn);
void layer_end_finish(struct layer_end *end);
struct net_layer *layer_end_top(struct layer_end *end);
uint16_t layer_end_up(struct layer_end *end);
// In pieces of at most `chop` bytes (0: all at once), flushed after each, until one is refused.
uint16_t layer_end_feed(struct layer_end *end, struct bytes_span bytes, size_t chop);
// Moves the time on and lets every layer that is due expire.
uint16_t layer_end_wait_ms(struct layer_end *end, long ms);
void layer_end_close(struct layer_end *end, uint16_t code);
// Flushes, and compares and drops what was sent.
void layer_end_expect_sent(struct layer_end *end, const void *bytes, size_t size);
void layer_end_drop_sent(struct layer_end *end);
void layer_end_expect_last(const struct layer_end *end, const char *text);

// Carries bytes between the two until neither has any, in pieces of at most `chop`.
void layer_ends_run(struct layer_end *a, struct layer_end *b, size_t chop);

#endif
