// SPDX-License-Identifier: MIT
// Queue and send. A peer that takes nothing for stall-ms while something is queued for it has
// expired; one whose queue overflows has broken the stream.

#include "net/layer_socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

// A dead peer is noticed after so long without acknowledgement, idle or not.
#define DEAD_PEER_MS 20000
// The kernel holds no more than this unsent, so that "newest wins" is decided by us and not behind
// megabytes of old snapshots.
#define KERNEL_UNSENT_BYTES 16384

static struct net_layer_socket *socket_of(struct net_layer *layer)
{
    return (struct net_layer_socket *)layer;
}

static bool socket_write(struct net_layer *layer, struct bytes_span bytes)
{
    struct net_layer_socket *socket = socket_of(layer);
    if (socket->wants_shut) {
        return true; // nobody will read it
    }
    socket->broken = socket->broken || !bytes_buf_append(&socket->queue, bytes);
    return !socket->broken;
}

// A write error is only noted: what the peer said before it left can still be read, and the read
// after that tells that it has left.
static void give_up_writing(struct net_layer_socket *socket)
{
    bytes_buf_clear(&socket->queue);
    socket->wants_shut = true;
    socket->is_shut = true;
}

static void send_queue(struct net_layer_socket *socket)
{
    uint64_t stall_ns = socket->base.due_ns;
    socket->blocked = false;
    socket->base.due_ns = CLOCK_NEVER;
    while (socket->queue.size > 0 && !socket->blocked) {
        struct bytes_span bytes = bytes_buf_span(&socket->queue);
        ssize_t sent = send(socket->fd, bytes.data, bytes.size, MSG_NOSIGNAL);
        if (sent >= 0) {
            bytes_buf_consume(&socket->queue, (size_t)sent);
            *socket->traffic->bytes_out += (uint64_t)sent;
            *socket->traffic->packets_out += 1;
            stall_ns = CLOCK_NEVER; // progress
        } else if (errno == EAGAIN) {
            socket->blocked = true;
        } else if (errno != EINTR) {
            give_up_writing(socket);
        }
    }
    if (socket->blocked) {
        socket->base.due_ns =
            stall_ns != CLOCK_NEVER
                ? stall_ns
                : net_layer_in_ms(&socket->base, socket->base.env->config->stall_ms);
    }
    socket->backlog = socket->queue.size;
}

static void socket_flush(struct net_layer *layer)
{
    struct net_layer_socket *socket = socket_of(layer);
    if (socket->fd < 0) {
        return;
    }
    send_queue(socket);
    if (socket->wants_shut && !socket->is_shut && socket->queue.size == 0) {
        shutdown(socket->fd, SHUT_WR);
        socket->is_shut = true;
    }
}

static void socket_shut(struct net_layer *layer)
{
    socket_of(layer)->wants_shut = true;
}

static uint16_t socket_expired(struct net_layer *layer)
{
    layer->due_ns = CLOCK_NEVER;
    return net_layer_fail(layer, NET_CLOSE_SLOW_CONSUMER, "%s",
                          net_close_text(NET_CLOSE_SLOW_CONSUMER));
}

static const struct net_layer_impl socket_impl = {
    .name = "socket",
    .write = socket_write,
    .flush = socket_flush,
    .shut = socket_shut,
    .expired = socket_expired,
};

void net_layer_socket_init(struct net_layer_socket *socket, struct net_layer_env *env,
                           size_t queue_bytes_max, struct net_traffic *traffic)
{
    *socket = (struct net_layer_socket){.fd = -1, .traffic = traffic};
    net_layer_init(&socket->base, &socket_impl, env);
    bytes_buf_init(&socket->queue, queue_bytes_max);
}

void net_layer_socket_finish(struct net_layer_socket *socket)
{
    bytes_buf_finish(&socket->queue);
}

// A socket that refuses one of these works all the same.
void net_layer_socket_tune(int fd)
{
    static const struct {
        int level, option, value;
    } rows[] = {
        {IPPROTO_TCP, TCP_NODELAY, 1},
        {IPPROTO_TCP, TCP_NOTSENT_LOWAT, KERNEL_UNSENT_BYTES},
        {IPPROTO_TCP, TCP_USER_TIMEOUT, DEAD_PEER_MS},
        {SOL_SOCKET, SO_KEEPALIVE, 1},
        {IPPROTO_TCP, TCP_KEEPIDLE, DEAD_PEER_MS / 2000},
        {IPPROTO_TCP, TCP_KEEPINTVL, DEAD_PEER_MS / 8000},
        {IPPROTO_TCP, TCP_KEEPCNT, 4},
    };
    for (size_t i = 0; i < BASE_COUNT(rows); i++) {
        setsockopt(fd, rows[i].level, rows[i].option, &rows[i].value, sizeof(rows[i].value));
    }
}

ssize_t net_layer_socket_read(struct net_layer_socket *socket, uint8_t *to, size_t size)
{
    ssize_t count = recv(socket->fd, to, size, 0);
    if (count > 0) {
        *socket->traffic->bytes_in += (uint64_t)count;
        *socket->traffic->packets_in += 1;
        return count;
    }
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
        return 0;
    }
    net_layer_fail(&socket->base, NET_CLOSE_LOST, "%s",
                   count < 0 ? strerror(errno) : net_close_text(NET_CLOSE_LOST));
    return -1;
}
