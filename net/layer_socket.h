// SPDX-License-Identifier: MIT
// The lower end of every stack: a connected socket and the bytes that it has not taken yet.
//
// Writes only queue; flush sends. Embedded in its stream, which watches the descriptor, reads from
// it and closes it.

#ifndef NET_LAYER_SOCKET_H
#define NET_LAYER_SOCKET_H

#include "net/layer.h"
#include "net/transport.h"

struct net_layer_socket {
    struct net_layer base; // due_ns: by when the kernel has to take something
    struct net_traffic *traffic;
    int fd; // -1: not connected
    struct bytes_buf queue;
    size_t backlog;  // of `queue`, what the last flush left behind
    bool blocked;    // the kernel took less than all
    bool broken;     // bytes were lost on the way to the queue: the rest makes no sense to the peer
    bool wants_shut; // our half ends when all is sent
    bool is_shut;
};

void net_layer_socket_init(struct net_layer_socket *socket, struct net_layer_env *env,
                           size_t queue_bytes_max, struct net_traffic *traffic);
// Releases the queue; the descriptor is the caller's.
void net_layer_socket_finish(struct net_layer_socket *socket);
// Small packets at once, dead peers noticed, little held in the kernel.
void net_layer_socket_tune(int fd);
// Reads once: the number of bytes, 0 when there are none now, -1 when there will be none any more,
// with the reason in env->reason.
ssize_t net_layer_socket_read(struct net_layer_socket *socket, uint8_t *to, size_t size);

#endif
