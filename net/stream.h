// SPDX-License-Identifier: MIT
// One stream link: a connected socket, its queue of unsent bytes, and the stack of layers between
// the socket and the link that others see.
//
// Private to net/transport_stream, which makes streams by accepting and dialling. Owns everything
// about one connection after that: when bytes are read and sent, deadlines, how it ends. Knows
// nothing of what its layers do.

#ifndef NET_STREAM_H
#define NET_STREAM_H

#include "config/base/loop.h"
#include "net/layer.h"
#include "net/transport.h"

#define NET_STREAM_LAYERS_MAX 4
// Read from one stream in one turn at most.
#define NET_STREAM_READ_BYTES 65536
// What one turn may spend on TLS handshakes at one endpoint, in reads: an ECDSA handshake takes
// about 0.2 ms of CPU, so that the next tick never waits for more than a millisecond of them; an
// RSA handshake takes 1.4 ms.
#define NET_STREAM_HANDSHAKES_PER_TURN      4
#define NET_STREAM_SLOW_HANDSHAKES_PER_TURN 1
// Accepted streams of one endpoint that are not up yet.
#define NET_STREAM_RISING_MAX 256

// Which layers a scheme is made of, lowest first.
struct net_stream_stack {
    const char *scheme;
    const char *alpn;
    bool has_tls;
    bool has_text;
    struct net_layer *(*layers[NET_STREAM_LAYERS_MAX + 1])(struct net_layer_env *env);
};

// A listener, or what all dials of one scheme share.
struct net_stream_endpoint {
    struct net_endpoint base;
    struct net_hub *hub;
    const struct net_stream_stack *stack;
    const struct net_acceptor *acceptor;     // NULL: dials
    struct url url;                          // listeners
    struct net_tls_credentials *credentials; // dials with TLS
    struct net_tls_listener *tls;            // listeners with TLS
    struct net_traffic traffic;
    struct net_stream *streams;
    struct net_stream *dirty; // have something to flush
    bool has_proxy;           // peers begin with a header of the PROXY protocol
    unsigned rising;          // accepted, and not up yet
    uint64_t *turned_away_many, *turned_away_fast; // instead of rising
    uint64_t handshakes_turn_ns;
    unsigned handshakes_left;
    uint8_t *scratch; // NET_STREAM_READ_BYTES, for one read at a time

    struct loop_fd watch; // listeners: the listening socket
    int reserve_fd;       // given up when the process is out of descriptors
    struct loop_timer resume;
};

// What a dial still needs until it is connected.
#define NET_STREAM_ADDRESSES_MAX 4
struct net_stream_dial {
    struct url url;
    char url_text[URL_TEXT_BYTES];
    struct net_addr addresses[NET_STREAM_ADDRESSES_MAX];
    unsigned address_count;
    unsigned address_next;
};

// Takes over fd, a connected socket, in every case. The acceptor is asked when the layers are up.
void net_stream_accept(struct net_stream_endpoint *endpoint, int fd, const struct net_addr *remote);
// Takes over `dial` (from malloc) in every case. NULL with *error when no address can be tried.
struct net_link *net_stream_connect(struct net_stream_endpoint *endpoint,
                                    struct net_stream_dial *dial,
                                    const struct net_link_handler *handler, void *user,
                                    struct error *error) BASE_MUST_USE;
void net_streams_flush(struct net_stream_endpoint *endpoint);
// Frees every stream at once, without a word to anybody.
void net_streams_destroy(struct net_stream_endpoint *endpoint);

#endif
