// SPDX-License-Identifier: MIT
// What a stream is made of. Private to its two files: net/stream_make, how it comes to be, and
// net/stream, how it lives and ends.

#ifndef NET_STREAM_PARTS_H
#define NET_STREAM_PARTS_H

#include "net/layer_socket.h"
#include "net/stream.h"

enum net_stream_state {
    NET_STREAM_CONNECTING,
    NET_STREAM_RISING,
    NET_STREAM_OPEN,
    NET_STREAM_CLOSING, // the user has let go or been told
    NET_STREAM_DEAD,
};

struct net_stream {
    struct net_link base;
    struct net_stream_endpoint *endpoint;
    struct net_stream *next, *previous; // endpoint->streams
    struct net_stream *dirty_next, **dirty_at;
    enum net_stream_state state;
    bool is_counted; // in endpoint->base.link_count
    bool is_paced;
    bool peer_ended;

    // The stack: the socket below, layers, the link above.
    struct net_layer_socket socket;
    struct net_layer *layers[NET_STREAM_LAYERS_MAX];
    unsigned layer_count;
    struct net_layer top;
    struct net_layer_env env;

    struct loop_fd watch;
    struct loop_timer timer;
    uint64_t deadline_ns; // of connecting or closing

    size_t turn_bytes;          // of messages written since the last flush
    struct net_payload *newest; // the unreliable message that waits for room
    uint16_t fail_code;         // what fail_task will end the stream with
    struct loop_task fail_task;
    struct loop_task free_task;
    struct net_stream_dial *dial; // NULL on accepted streams
};

static inline struct net_layer *net_stream_protocol(struct net_stream *stream)
{
    return stream->layers[stream->layer_count - 1];
}

// ---- net/stream

// A zeroed stream with endpoint and env becomes one of the endpoint's; no layers yet.
void net_stream_init(struct net_stream *stream);
// From now on fd, which is connected or connecting, is the stream's; false, with errno: it is not.
bool net_stream_attach(struct net_stream *stream, int fd, const struct net_addr *remote,
                       unsigned interest) BASE_MUST_USE;
void net_stream_rise(struct net_stream *stream); // the socket is connected
void net_stream_set_timer(struct net_stream *stream);
void net_stream_destroy(struct net_stream *stream); // one without a socket

// ---- net/stream_make

// Tries the addresses that are left, until one does not fail at once; errno is the last one's.
bool net_stream_connect_next(struct net_stream *stream) BASE_MUST_USE;

#endif
