// SPDX-License-Identifier: MIT
// Cuts a byte stream into messages of 1..LIMIT_MESSAGE_BYTES bytes and puts lengths in front of
// ours. Since a plain stream has no close codes, either side's last message is `closing` with the
// code, which ends here and is not shown to the user as a message. Knows no other message.

#include "net/layer_frame.h"

#include <stdio.h>
#include <stdlib.h>

#include "config/base/log.h"
#include "config/secret.h"
#include "net/msg.h"

struct layer_frame {
    struct net_layer base;
    struct bytes_buf partial; // a message whose end has not come yet, with its header
    bool heard;               // a first header has come
    bool said_closing;
    bool heard_closing;
};

static struct layer_frame *frame_of(struct net_layer *layer)
{
    return (struct layer_frame *)layer;
}

// ---- upwards

// [71, code, reason] as msgpack: what can be nothing else is decoded, the rest is not looked at.
static bool looks_like_closing(struct bytes_span message)
{
    return message.size > 2 && message.data[0] == 0x93 && message.data[1] == NET_MSG_CLOSING;
}

static bool may_be_sent(uint32_t code)
{
    return code >= 1000 && code <= 4999 && code != 1004 && code != 1005 && code != 1006 &&
           code != 1015;
}

static uint16_t take_closing(struct layer_frame *frame, struct bytes_span message)
{
    struct net_layer *layer = &frame->base;
    struct net_msg msg;
    struct net_msg_decoder *decoder = net_msg_decoder_create();
    if (!decoder) {
        return net_layer_fail(layer, NET_CLOSE_INTERNAL, "out of memory");
    }
    enum net_msg_verdict verdict = net_msg_decode(decoder, message, NET_DOWN, NET_STATE_NONE, &msg);
    char reason[LIMIT_CLOSE_REASON_BYTES + 1];
    if (verdict == NET_MSG_OK) {
        snprintf(reason, sizeof(reason), "%.*s", (int)msg.closing.reason.size,
                 (const char *)msg.closing.reason.data);
    }
    net_msg_decoder_destroy(decoder);
    if (verdict != NET_MSG_OK || !may_be_sent(msg.closing.code)) {
        return net_layer_fail(layer, NET_CLOSE_BAD_DATA, "malformed closing message");
    }
    frame->heard_closing = true;
    net_layer_ended(layer->above, (uint16_t)msg.closing.code, reason);
    return 0;
}

static uint16_t take_message(struct layer_frame *frame, struct bytes_span message)
{
    if (looks_like_closing(message)) {
        return take_closing(frame, message);
    }
    return net_layer_feed(frame->base.above, message);
}

static uint16_t refuse_length(struct layer_frame *frame, const uint8_t *header)
{
    struct net_layer *layer = &frame->base;
    if (!frame->heard && layer->env->is_server && header[0] == 0x16 && header[1] == 0x03) {
        char remote[NET_ADDR_TEXT_BYTES];
        net_addr_format(&layer->env->remote, remote);
        log_peer(LOG_WARN, "tls_on_plain_listener", LOG_S("listener", layer->env->url_text),
                 LOG_U("conn", layer->env->number), LOG_S("remote", remote),
                 LOG_S("text", "TLS handshake on a plain listener: connect with tcp://, or listen "
                               "with tls://"));
        return net_layer_fail(layer, NET_CLOSE_LOST, "TLS handshake on a plain listener");
    }
    if (bytes_get_u32(header) == 0) {
        return net_layer_fail(layer, NET_CLOSE_PROTOCOL, "message length is 0");
    }
    return net_layer_fail(layer, NET_CLOSE_TOO_BIG, "message length is over %d",
                          LIMIT_MESSAGE_BYTES);
}

// The size of the frame that begins with `header`, or 0 when there can be no such frame.
static size_t frame_size(const uint8_t *header)
{
    uint32_t length = bytes_get_u32(header);
    return length == 0 || length > LIMIT_MESSAGE_BYTES ? 0 : NET_FRAME_HEADER_BYTES + length;
}

// Moves bytes to the unfinished frame until it has `size` of them. False when memory is short.
static bool collect(struct bytes_buf *partial, struct bytes_span *bytes, size_t size)
{
    size_t missing = partial->size < size ? size - partial->size : 0;
    size_t count = missing < bytes->size ? missing : bytes->size;
    if (!bytes_buf_append(partial, bytes_of(bytes->data, count))) {
        return false;
    }
    *bytes = bytes_of(bytes->data + count, bytes->size - count);
    return true;
}

// Completes the frame whose beginning came earlier, as far as `bytes` reach.
static uint16_t feed_partial(struct layer_frame *frame, struct bytes_span *bytes)
{
    struct bytes_buf *partial = &frame->partial;
    if (!collect(partial, bytes, NET_FRAME_HEADER_BYTES)) {
        return net_layer_fail(&frame->base, NET_CLOSE_INTERNAL, "out of memory");
    }
    if (partial->size < NET_FRAME_HEADER_BYTES) {
        return 0;
    }
    size_t size = frame_size(bytes_buf_span(partial).data);
    if (size == 0) {
        return refuse_length(frame, bytes_buf_span(partial).data);
    }
    frame->heard = true;
    // All the room at once, so that no growing leaves a copy behind.
    if (!bytes_buf_reserve(partial, partial->size < size ? size - partial->size : 0) ||
        !collect(partial, bytes, size)) {
        return net_layer_fail(&frame->base, NET_CLOSE_INTERNAL, "out of memory");
    }
    if (partial->size < size) {
        return 0;
    }
    const uint8_t *data = bytes_buf_span(partial).data;
    uint16_t code =
        take_message(frame, bytes_of(data + NET_FRAME_HEADER_BYTES, size - NET_FRAME_HEADER_BYTES));
    secret_wipe(partial->memory, partial->capacity); // it may have been a token
    bytes_buf_clear(partial);
    return code;
}

static uint16_t frame_feed(struct net_layer *layer, struct bytes_span bytes)
{
    struct layer_frame *frame = frame_of(layer);
    while (bytes.size > 0 && !frame->heard_closing) {
        size_t size = frame->partial.size == 0 && bytes.size >= NET_FRAME_HEADER_BYTES
                          ? frame_size(bytes.data)
                          : 0;
        uint16_t code;
        if (size > 0 && size <= bytes.size) { // the usual case: whole, so nothing is copied
            frame->heard = true;
            code = take_message(frame, bytes_of(bytes.data + NET_FRAME_HEADER_BYTES,
                                                size - NET_FRAME_HEADER_BYTES));
            bytes = bytes_of(bytes.data + size, bytes.size - size);
        } else {
            code = feed_partial(frame, &bytes);
        }
        if (code) {
            return code;
        }
    }
    return 0;
}

// ---- downwards

static bool frame_write(struct net_layer *layer, struct bytes_span message)
{
    uint8_t header[NET_FRAME_HEADER_BYTES];
    bytes_put_u32(header, (uint32_t)message.size);
    return net_layer_write(layer->below, bytes_of(header, sizeof(header))) &&
           net_layer_write(layer->below, message);
}

static void frame_close(struct net_layer *layer, uint16_t code, const char *reason)
{
    struct layer_frame *frame = frame_of(layer);
    if (layer->is_up && !frame->said_closing && !frame->heard_closing) {
        struct bytes_buf bytes;
        const struct net_msg msg = {
            .type = NET_MSG_CLOSING,
            .closing = {.code = code, .reason = bytes_of_string(reason)},
        };
        bytes_buf_init(&bytes, LIMIT_MESSAGE_BYTES);
        // When even this cannot be written, the owner of the stack knows from the layer below.
        if (net_msg_encode(&bytes, &msg)) {
            bool written = frame_write(layer, bytes_buf_span(&bytes));
            (void)written;
        }
        bytes_buf_finish(&bytes);
    }
    frame->said_closing = true;
    net_layer_shut(layer->below);
}

static void frame_destroy(struct net_layer *layer)
{
    struct layer_frame *frame = frame_of(layer);
    if (frame->partial.memory) {
        secret_wipe(frame->partial.memory, frame->partial.capacity);
    }
    bytes_buf_finish(&frame->partial);
    free(frame);
}

static const struct net_layer_impl frame_impl = {
    .name = "frame",
    .feed = frame_feed,
    .write = frame_write,
    .close = frame_close,
    .destroy = frame_destroy,
};

struct net_layer *net_layer_frame_create(struct net_layer_env *env)
{
    struct layer_frame *frame = calloc(1, sizeof(*frame));
    if (!frame) {
        return NULL;
    }
    net_layer_init(&frame->base, &frame_impl, env);
    bytes_buf_init(&frame->partial, NET_FRAME_HEADER_BYTES + LIMIT_MESSAGE_BYTES);
    return &frame->base;
}
