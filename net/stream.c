// SPDX-License-Identifier: MIT
// Life of a stream: connecting -> rising (its layers shake hands) -> open -> closing (goodbyes are
// said, our half is shut when all is sent, the peer's end is awaited) -> dead (freed at the end of
// the turn, so that whoever is still on the call stack finds its memory).
//
// Bytes go up when the socket is readable. What is written only queues; the hub's flush at the end
// of the turn sends each stream's bytes in one go.

#include "net/stream_parts.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config/secret.h"
#include "net/caller.h"
#include "net/tls_store.h"

// Unreliable messages wait in their slot when more than this is queued before them.
#define UNRELIABLE_BEHIND_BYTES 65536
// What one message may cost beyond its own bytes: framing, and TLS records for 16 KiB.
#define MESSAGE_OVERHEAD_BYTES 64
// How long a peer that was refused before it was up may take to read why.
#define REFUSED_LINGER_MS 1000

static struct loop *loop_of(const struct net_stream *stream)
{
    return stream->endpoint->hub->loop;
}

static const struct config *config_of(const struct net_stream *stream)
{
    return stream->endpoint->hub->config;
}

static uint64_t in_ms(const struct net_stream *stream, long ms)
{
    return loop_now_ns(loop_of(stream)) + (uint64_t)ms * CLOCK_NS_PER_MS;
}

// Every way into the stack from outside begins here and ends with leave().
static void enter(struct net_stream *stream)
{
    stream->env.now_ns = loop_now_ns(loop_of(stream));
}

static void mark_dirty(struct net_stream *stream)
{
    struct net_stream_endpoint *endpoint = stream->endpoint;
    if (stream->dirty_at || stream->state == NET_STREAM_DEAD) {
        return;
    }
    stream->dirty_next = endpoint->dirty;
    stream->dirty_at = &endpoint->dirty;
    if (stream->dirty_next) {
        stream->dirty_next->dirty_at = &stream->dirty_next;
    }
    endpoint->dirty = stream;
}

static void unmark_dirty(struct net_stream *stream)
{
    if (!stream->dirty_at) {
        return;
    }
    *stream->dirty_at = stream->dirty_next;
    if (stream->dirty_next) {
        stream->dirty_next->dirty_at = stream->dirty_at;
    }
    stream->dirty_at = NULL;
}

static void set_watch(struct net_stream *stream)
{
    if (!stream->watch.added) {
        return;
    }
    bool connecting = stream->state == NET_STREAM_CONNECTING;
    unsigned interest = stream->peer_ended || connecting ? 0 : LOOP_READ;
    if (stream->socket.blocked || connecting) {
        interest |= LOOP_WRITE;
    }
    bool paced = stream->is_paced && stream->state == NET_STREAM_OPEN;
    loop_fd_set(loop_of(stream), &stream->watch, interest, paced ? LOOP_PACED : LOOP_URGENT);
}

// Arms the one timer for whatever is due first; that a deadline was moved on is found when it
// fires.
void net_stream_set_timer(struct net_stream *stream)
{
    uint64_t due_ns = stream->deadline_ns;
    if (stream->state < NET_STREAM_CLOSING) {
        due_ns = stream->socket.base.due_ns < due_ns ? stream->socket.base.due_ns : due_ns;
        for (unsigned i = 0; i < stream->layer_count; i++) {
            due_ns = stream->layers[i]->due_ns < due_ns ? stream->layers[i]->due_ns : due_ns;
        }
    }
    if (stream->state == NET_STREAM_DEAD || due_ns == CLOCK_NEVER) {
        loop_timer_cancel(loop_of(stream), &stream->timer);
    } else if (stream->timer.slot == 0 || due_ns < stream->timer.due_ns) {
        loop_timer_set(loop_of(stream), &stream->timer, due_ns);
    }
}

// ---- ends

static void leave_rising(struct net_stream *stream)
{
    if (!stream->dial && stream->state == NET_STREAM_RISING) {
        stream->endpoint->rising--;
    }
}

static void close_socket(struct net_stream *stream)
{
    loop_fd_remove(loop_of(stream), &stream->watch);
    if (stream->socket.fd >= 0) {
        close(stream->socket.fd);
        stream->socket.fd = -1;
    }
}

static void kill_stream(struct net_stream *stream)
{
    if (stream->state == NET_STREAM_DEAD) {
        return;
    }
    leave_rising(stream);
    stream->state = NET_STREAM_DEAD;
    close_socket(stream);
    unmark_dirty(stream);
    loop_timer_cancel(loop_of(stream), &stream->timer);
    loop_task_cancel(loop_of(stream), &stream->fail_task);
    if (stream->is_counted) {
        stream->endpoint->base.link_count--;
    }
    loop_defer(loop_of(stream), &stream->free_task);
}

void net_stream_destroy(struct net_stream *stream)
{
    for (unsigned i = stream->layer_count; i > 0; i--) {
        net_layer_destroy(stream->layers[i - 1]);
    }
    if (stream->previous) {
        stream->previous->next = stream->next;
    } else {
        stream->endpoint->streams = stream->next;
    }
    if (stream->next) {
        stream->next->previous = stream->previous;
    }
    net_payload_unref(stream->newest);
    net_layer_socket_finish(&stream->socket);
    net_caller_destroy(stream->env.caller);
    free(stream->dial);
    free(stream);
}

static void begin_close(struct net_stream *stream, uint16_t code, const char *reason)
{
    long linger_ms =
        stream->state == NET_STREAM_OPEN ? config_of(stream)->close_ms : REFUSED_LINGER_MS;
    leave_rising(stream);
    stream->state = NET_STREAM_CLOSING;
    stream->base.handler = NULL;
    stream->deadline_ns = in_ms(stream, linger_ms);
    net_payload_unref(stream->newest);
    stream->newest = NULL;
    net_layer_close(net_stream_protocol(stream), code, reason);
    mark_dirty(stream);
    set_watch(stream);
    net_stream_set_timer(stream);
}

// The stream has ended and the user, if there is one, does not know yet.
static void end_stream(struct net_stream *stream, uint16_t code, const char *reason)
{
    if (stream->state >= NET_STREAM_CLOSING) {
        return;
    }
    const struct net_link_handler *handler = stream->base.handler;
    if (code == NET_CLOSE_LOST || stream->socket.broken) {
        kill_stream(stream);
    } else {
        begin_close(stream, code, reason);
    }
    if (handler) {
        handler->closed(stream->base.user, &stream->base, code, reason);
    }
}

static void on_fail(void *context)
{
    struct net_stream *stream = context;
    enter(stream);
    end_stream(stream, stream->fail_code, net_close_text(stream->fail_code));
}

// For where the user may be on the call stack and is not to be called back.
static void fail_later(struct net_stream *stream, uint16_t code)
{
    if (stream->fail_code == 0 && stream->state < NET_STREAM_CLOSING) {
        stream->fail_code = code;
        loop_defer(loop_of(stream), &stream->fail_task);
    }
}

static bool is_malformed_input(uint16_t code)
{
    return code == NET_CLOSE_PROTOCOL || code == NET_CLOSE_BAD_DATA || code == NET_CLOSE_TOO_BIG ||
           code == NET_CLOSE_POLICY;
}

// The end of the stream as the stack sees it: told to the user, or, when he has gone, the end of
// the goodbyes.
static void take_code(struct net_stream *stream, uint16_t code)
{
    if (code == 0) {
        return;
    }
    if (stream->state < NET_STREAM_CLOSING) {
        *stream->endpoint->traffic.dropped += is_malformed_input(code);
        end_stream(stream, code, stream->env.reason);
    } else {
        stream->peer_ended |= code == NET_CLOSE_LOST;
        net_layer_shut(net_stream_protocol(stream));
    }
}

// ---- the upper end of the stack: the link

static struct net_stream *stream_of_top(struct net_layer *layer)
{
    return (struct net_stream *)(void *)((char *)layer - offsetof(struct net_stream, top));
}

static bool hears_messages(const struct net_stream *stream)
{
    return stream->state == NET_STREAM_OPEN && stream->fail_code == 0;
}

static uint16_t top_up(struct net_layer *layer)
{
    struct net_stream *stream = stream_of_top(layer);
    const struct net_acceptor *acceptor = stream->endpoint->acceptor;
    leave_rising(stream);
    stream->state = NET_STREAM_OPEN;
    layer->is_up = true;
    if (!acceptor) {
        if (stream->base.handler->opened) {
            stream->base.handler->opened(stream->base.user, &stream->base);
        }
        return 0;
    }
    stream->is_counted = true;
    stream->endpoint->base.link_count++;
    stream->base.remote = stream->env.remote;
    stream->base.caller = stream->env.caller;
    uint16_t code = acceptor->accept(acceptor->user, &stream->base);
    return code ? net_layer_fail(layer, code, "%s", net_close_text(code)) : 0;
}

static uint16_t top_feed(struct net_layer *layer, struct bytes_span message)
{
    struct net_stream *stream = stream_of_top(layer);
    if (hears_messages(stream)) {
        net_link_deliver(&stream->base, message);
    }
    return 0;
}

static uint16_t top_text(struct net_layer *layer, struct bytes_span text)
{
    struct net_stream *stream = stream_of_top(layer);
    if (!hears_messages(stream)) {
        return 0;
    }
    if (!stream->base.handler->text) {
        return net_layer_fail(layer, NET_CLOSE_UNSUPPORTED, "%s",
                              net_close_text(NET_CLOSE_UNSUPPORTED));
    }
    stream->base.handler->text(stream->base.user, &stream->base, text);
    return 0;
}

static void top_ended(struct net_layer *layer, uint16_t code, const char *reason)
{
    end_stream(stream_of_top(layer), code, reason);
}

static const struct net_layer_impl top_impl = {
    .name = "link",
    .up = top_up,
    .feed = top_feed,
    .text = top_text,
    .ended = top_ended,
};

// ---- what the loop calls

// After a call into the stack: what it left to do.
static void leave(struct net_stream *stream)
{
    if (stream->socket.broken) {
        fail_later(stream, NET_CLOSE_SLOW_CONSUMER);
    }
    mark_dirty(stream);
    set_watch(stream);
    net_stream_set_timer(stream);
}

static void read_stream(struct net_stream *stream)
{
    uint8_t *scratch = stream->endpoint->scratch;
    ssize_t count = net_layer_socket_read(&stream->socket, scratch, NET_STREAM_READ_BYTES);
    if (count < 0) {
        take_code(stream, NET_CLOSE_LOST);
    } else if (count > 0 && !stream->socket.wants_shut) {
        take_code(stream, net_layer_feed(&stream->socket.base, bytes_of(scratch, (size_t)count)));
        secret_wipe(scratch, (size_t)count); // it may have been a token
    } // else whatever still comes is only read to get to its end
}

// TLS is the lowest layer, or the one on the PROXY header, whose bytes may come with TLS's first.
static bool is_shaking_hands(const struct net_stream *stream)
{
    const struct net_stream_endpoint *endpoint = stream->endpoint;
    return stream->state == NET_STREAM_RISING && endpoint->stack->has_tls &&
           !stream->layers[endpoint->has_proxy ? 1 : 0]->is_up;
}

// False when this turn has done enough handshaking; the socket stays readable for the next one.
static bool may_read(struct net_stream *stream)
{
    struct net_stream_endpoint *endpoint = stream->endpoint;
    if (!is_shaking_hands(stream)) {
        return true;
    }
    uint64_t now_ns = loop_now_ns(loop_of(stream));
    if (endpoint->handshakes_turn_ns != now_ns) {
        endpoint->handshakes_turn_ns = now_ns;
        endpoint->handshakes_left = endpoint->tls && net_tls_listener_is_slow(endpoint->tls)
                                        ? NET_STREAM_SLOW_HANDSHAKES_PER_TURN
                                        : NET_STREAM_HANDSHAKES_PER_TURN;
    }
    if (endpoint->handshakes_left == 0) {
        return false;
    }
    endpoint->handshakes_left--;
    return true;
}

// Up from the bottom, as far as the layers get by themselves.
static void begin_rising(struct net_stream *stream)
{
    struct sockaddr_storage local;
    socklen_t size = sizeof(local);
    if (getsockname(stream->socket.fd, (struct sockaddr *)&local, &size) == 0) {
        net_addr_from_sockaddr(&stream->base.local, &local);
    }
    stream->state = NET_STREAM_RISING;
    stream->deadline_ns = CLOCK_NEVER;
    take_code(stream, net_layer_up(&stream->socket.base));
}

static void finish_connect(struct net_stream *stream)
{
    int status = 0;
    socklen_t size = sizeof(status);
    if (getsockopt(stream->socket.fd, SOL_SOCKET, SO_ERROR, &status, &size) != 0) {
        status = errno;
    }
    if (status == 0) {
        begin_rising(stream);
        return;
    }
    close_socket(stream);
    if (!net_stream_connect_next(stream)) {
        end_stream(stream, NET_CLOSE_LOST, strerror(status));
    }
}

static void on_ready(void *context, unsigned ready)
{
    struct net_stream *stream = context;
    enter(stream);
    if (stream->state == NET_STREAM_CONNECTING) {
        finish_connect(stream);
    } else if (ready & LOOP_READ && may_read(stream)) {
        read_stream(stream);
    }
    leave(stream);
}

static void on_timer(void *context)
{
    struct net_stream *stream = context;
    enter(stream);
    if (stream->deadline_ns <= stream->env.now_ns) {
        if (stream->state == NET_STREAM_CLOSING) {
            kill_stream(stream);
        } else {
            end_stream(stream, NET_CLOSE_LOST, "connecting took too long");
        }
    } else if (stream->state < NET_STREAM_CLOSING) {
        uint16_t code = net_layer_expire(&stream->socket.base);
        for (unsigned i = 0; i < stream->layer_count && !code; i++) {
            code = net_layer_expire(stream->layers[i]);
        }
        take_code(stream, code);
    }
    leave(stream);
}

// ---- the link

static struct net_stream *stream_of(struct net_link *link)
{
    return (struct net_stream *)link;
}

static void write_message(struct net_stream *stream, struct bytes_span message, bool is_text)
{
    struct net_layer *protocol = net_stream_protocol(stream);
    bool written =
        is_text ? net_layer_write_text(protocol, message) : net_layer_write(protocol, message);
    if (!written) {
        fail_later(stream, NET_CLOSE_SLOW_CONSUMER);
    }
    stream->turn_bytes += message.size + MESSAGE_OVERHEAD_BYTES;
    mark_dirty(stream);
}

// Writes, or decides that this peer has to go because too much is queued for it.
static void queue_message(struct net_stream *stream, struct bytes_span message, bool is_text)
{
    size_t queued = stream->socket.backlog + stream->turn_bytes;
    if (queued + message.size + MESSAGE_OVERHEAD_BYTES > (size_t)config_of(stream)->queue_bytes) {
        fail_later(stream, NET_CLOSE_SLOW_CONSUMER);
    } else {
        enter(stream);
        write_message(stream, message, is_text);
    }
}

static void link_send(struct net_link *link, struct net_payload *payload,
                      enum net_delivery delivery)
{
    struct net_stream *stream = stream_of(link);
    if (!hears_messages(stream)) {
        return;
    }
    size_t queued = stream->socket.backlog + stream->turn_bytes;
    if (delivery == NET_RELIABLE ||
        (!stream->socket.blocked && queued <= UNRELIABLE_BEHIND_BYTES)) {
        queue_message(stream, net_payload_span(payload), false);
        return;
    }
    *stream->endpoint->traffic.replaced += stream->newest != NULL;
    net_payload_unref(stream->newest);
    stream->newest = net_payload_ref(payload);
}

static void link_send_text(struct net_link *link, struct bytes_span text)
{
    struct net_stream *stream = stream_of(link);
    if (hears_messages(stream)) {
        queue_message(stream, text, true);
    }
}

static void link_close(struct net_link *link, uint16_t code, const char *reason)
{
    struct net_stream *stream = stream_of(link);
    assert(stream->state < NET_STREAM_CLOSING);
    enter(stream);
    stream->base.handler = NULL;
    if (stream->state < NET_STREAM_OPEN || stream->socket.broken) {
        kill_stream(stream);
    } else {
        begin_close(stream, code, reason);
    }
}

static void link_set_urgent(struct net_link *link, bool urgent)
{
    struct net_stream *stream = stream_of(link);
    stream->is_paced = !urgent;
    set_watch(stream);
}

static const struct net_link_impl link_impl = {
    .send = link_send,
    .close = link_close,
    .set_urgent = link_set_urgent,
};

static const struct net_link_impl link_with_text_impl = {
    .send = link_send,
    .send_text = link_send_text,
    .close = link_close,
    .set_urgent = link_set_urgent,
};

// ---- for whoever makes streams

bool net_stream_attach(struct net_stream *stream, int fd, const struct net_addr *remote,
                       unsigned interest)
{
    if (!loop_fd_add(loop_of(stream), &stream->watch, fd, interest, LOOP_URGENT, on_ready,
                     stream)) {
        return false;
    }
    stream->socket.fd = fd;
    stream->base.remote = *remote;
    stream->env.remote = *remote;
    stream->base.confidential =
        stream->endpoint->base.transport->confidential || net_addr_is_loopback(remote);
    return true;
}

void net_stream_rise(struct net_stream *stream)
{
    begin_rising(stream);
    leave(stream);
}

static void on_free(void *context)
{
    net_stream_destroy(context);
}

void net_stream_init(struct net_stream *stream)
{
    struct net_stream_endpoint *endpoint = stream->endpoint;
    enter(stream);
    stream->deadline_ns = CLOCK_NEVER;
    stream->base.impl = endpoint->stack->has_text ? &link_with_text_impl : &link_impl;
    stream->base.transport = endpoint->stack->scheme;
    net_layer_init(&stream->top, &top_impl, &stream->env);
    loop_timer_init(&stream->timer, on_timer, stream);
    loop_task_init(&stream->fail_task, on_fail, stream);
    loop_task_init(&stream->free_task, on_free, stream);
    stream->next = endpoint->streams;
    if (stream->next) {
        stream->next->previous = stream;
    }
    endpoint->streams = stream;
}

// ---- all streams of an endpoint

static void flush_stream(struct net_stream *stream)
{
    enter(stream);
    net_layer_flush(net_stream_protocol(stream));
    if (stream->newest && !stream->socket.blocked) {
        write_message(stream, net_payload_span(stream->newest), false);
        net_payload_unref(stream->newest);
        stream->newest = NULL;
        net_layer_flush(net_stream_protocol(stream));
    }
    stream->turn_bytes = 0;
    leave(stream);
    unmark_dirty(stream);
    if (stream->state == NET_STREAM_CLOSING && stream->socket.is_shut && stream->peer_ended) {
        kill_stream(stream);
    }
}

void net_streams_flush(struct net_stream_endpoint *endpoint)
{
    while (endpoint->dirty) {
        flush_stream(endpoint->dirty);
    }
}

void net_streams_destroy(struct net_stream_endpoint *endpoint)
{
    while (endpoint->streams) {
        struct net_stream *stream = endpoint->streams;
        kill_stream(stream);
        loop_task_cancel(loop_of(stream), &stream->free_task);
        net_stream_destroy(stream);
    }
}
