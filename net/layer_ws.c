// SPDX-License-Identifier: MIT
// Joins the frame reader (net/ws_frame), which judges headers and cuts out control frames, with
// wslay, which unmasks data frames, joins them to messages and checks UTF-8 while it does. wslay
// reads from memory and writes nothing: our frames are never fragmented, so writing one is a header
// and the payload, without a copy or an allocation. Its buffering is off: what a message has held,
// maybe a token, could not be wiped in memory that it frees by itself.
//
// permessage-deflate is never negotiated: it costs some 300 KiB a connection, invites compression
// bombs, leaks secrets by length, and snapshots are packed already.

#include "net/layer_ws.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <wslay/wslay.h>

#include "config/secret.h"
#include "net/bucket.h"
#include "net/ws_frame.h"

#define MASK_POOL_BYTES  256
#define MASK_SLICE_BYTES 1024

struct layer_ws {
    struct net_layer base;
    struct net_ws_reader reader;
    wslay_event_context_ptr assembler;
    struct bytes_span input; // what wslay may read now
    size_t copied;           // what it has read since its memory was wiped
    struct bytes_buf message;
    bool starved;  // it has asked for more
    uint16_t code; // what the layer above answered to a message

    bool said_close;
    bool heard_close;
    bool failed;

    uint64_t ping_due_ns; // when to ping, or until when the pong has to come
    bool awaits_pong;
    uint64_t assembly_due_ns; // by when the message that has begun has to be complete
    unsigned messages;        // complete ones, and control frames outside of any
    struct net_bucket controls;

    uint8_t masks[MASK_POOL_BYTES]; // clients: randomness fetched ahead
    size_t masks_left;
};

static struct layer_ws *ws_of(struct net_layer *layer)
{
    return (struct layer_ws *)layer;
}

static void set_due(struct layer_ws *ws)
{
    ws->base.due_ns = ws->ping_due_ns < ws->assembly_due_ns ? ws->ping_due_ns : ws->assembly_due_ns;
}

// ---- writing

static const uint8_t *next_mask(struct layer_ws *ws)
{
    if (ws->masks_left < 4) {
        // Up to 256 bytes never come short and are never interrupted (getrandom(2)).
        if (getrandom(ws->masks, sizeof(ws->masks), 0) != (ssize_t)sizeof(ws->masks)) {
            abort();
        }
        ws->masks_left = sizeof(ws->masks);
    }
    ws->masks_left -= 4;
    return ws->masks + ws->masks_left;
}

static bool write_masked(struct layer_ws *ws, struct bytes_span payload, const uint8_t *mask)
{
    uint8_t slice[MASK_SLICE_BYTES];
    for (size_t offset = 0; offset < payload.size;) {
        size_t left = payload.size - offset;
        size_t size = left < sizeof(slice) ? left : sizeof(slice);
        net_ws_mask(slice, payload.data + offset, size, mask, offset);
        if (!net_layer_write(ws->base.below, bytes_of(slice, size))) {
            return false;
        }
        offset += size;
    }
    return true;
}

static bool write_frame(struct layer_ws *ws, enum net_ws_opcode opcode, struct bytes_span payload)
{
    uint8_t header[NET_WS_HEADER_BYTES_MAX];
    const uint8_t *mask = ws->base.env->is_server ? NULL : next_mask(ws);
    size_t size = net_ws_write_header(header, opcode, payload.size, mask);
    if (!net_layer_write(ws->base.below, bytes_of(header, size))) {
        return false;
    }
    return mask ? write_masked(ws, payload, mask) : net_layer_write(ws->base.below, payload);
}

static bool ws_write(struct net_layer *layer, struct bytes_span message)
{
    struct layer_ws *ws = ws_of(layer);
    return ws->said_close || write_frame(ws, NET_WS_BINARY, message);
}

static bool ws_write_text(struct net_layer *layer, struct bytes_span text)
{
    struct layer_ws *ws = ws_of(layer);
    return ws->said_close || write_frame(ws, NET_WS_TEXT, text);
}

// When it cannot be written the owner of the stack knows from the layer below.
static void say_close(struct layer_ws *ws, uint16_t status, const char *reason)
{
    uint8_t payload[NET_WS_CONTROL_BYTES_MAX + 1];
    size_t size = 0;
    if (status != 1005) {
        bytes_put_u16(payload, status);
        size = 2 + strnlen(reason, LIMIT_CLOSE_REASON_BYTES);
        memcpy(payload + 2, reason, size - 2);
    }
    ws->said_close = true;
    bool written = write_frame(ws, NET_WS_CLOSE, bytes_of(payload, size));
    (void)written;
}

static void ws_close(struct net_layer *layer, uint16_t code, const char *reason)
{
    struct layer_ws *ws = ws_of(layer);
    if (layer->is_up && !ws->said_close) {
        say_close(ws, code, reason);
    }
    // After both close frames the server ends TCP first (RFC 6455 7.1.1). A peer that broke the
    // protocol, or one that never got this far, is not waited for.
    if (!layer->is_up || ws->heard_close || ws->failed) {
        net_layer_shut(layer->below);
    }
}

// ---- reading: control frames

static uint16_t fail(struct layer_ws *ws, uint16_t code, const char *why)
{
    ws->failed = true;
    return net_layer_fail(&ws->base, code, "%s", why);
}

static uint16_t take_close(struct layer_ws *ws, struct bytes_span payload)
{
    uint16_t status;
    struct bytes_span span;
    uint16_t code = net_ws_read_close(payload, &status, &span);
    if (code) {
        return fail(ws, code, "malformed close frame");
    }
    ws->heard_close = true;
    ws->ping_due_ns = CLOCK_NEVER;
    if (ws->said_close) {
        net_layer_shut(ws->base.below);
        return 0;
    }
    char reason[LIMIT_CLOSE_REASON_BYTES + 1];
    snprintf(reason, sizeof(reason), "%.*s", (int)span.size, (const char *)span.data);
    say_close(ws, status, "");
    // A browser's close() without arguments sends no status: that is a normal end.
    net_layer_ended(ws->base.above, status == 1005 ? NET_CLOSE_NORMAL : status, reason);
    return 0;
}

static uint16_t take_control(struct layer_ws *ws, const struct net_ws_piece *piece)
{
    if (piece->opcode == NET_WS_CLOSE) {
        return take_close(ws, piece->bytes);
    }
    if (!net_bucket_take(&ws->controls, ws->base.env->now_ns, NET_WS_CONTROLS_PER_SECOND,
                         NET_WS_CONTROLS_BURST, 1)) {
        return fail(ws, NET_CLOSE_POLICY, "too many control frames");
    }
    if (piece->opcode == NET_WS_PONG) {
        if (ws->awaits_pong) {
            ws->awaits_pong = false;
            ws->ping_due_ns = net_layer_in_ms(&ws->base, ws->base.env->config->ping_ms);
        }
        return 0;
    }
    if (!ws->said_close && !write_frame(ws, NET_WS_PONG, piece->bytes)) {
        return fail(ws, NET_CLOSE_SLOW_CONSUMER, "pongs are not read");
    }
    return 0;
}

// ---- reading: messages, through wslay

static ssize_t on_assembler_read(wslay_event_context_ptr assembler, uint8_t *buf, size_t size,
                                 int flags, void *user)
{
    (void)flags;
    struct layer_ws *ws = user;
    if (ws->input.size == 0) {
        // What it offers as room for more is what it is done with.
        secret_wipe(buf, ws->copied < size ? ws->copied : size);
        ws->copied = 0;
        ws->starved = true;
        wslay_event_set_error(assembler, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    size_t count = ws->input.size < size ? ws->input.size : size;
    memcpy(buf, ws->input.data, count);
    ws->input = bytes_of(ws->input.data + count, ws->input.size - count);
    ws->copied += count;
    return (ssize_t)count;
}

// All the room at once, so that no growing leaves a copy behind. When there is none, on_piece()
// tells.
static void on_frame(wslay_event_context_ptr assembler,
                     const struct wslay_event_on_frame_recv_start_arg *arg, void *user)
{
    (void)assembler;
    struct layer_ws *ws = user;
    uint8_t *room = bytes_buf_reserve(&ws->message, arg->payload_length);
    (void)room;
}

static void on_piece(wslay_event_context_ptr assembler,
                     const struct wslay_event_on_frame_recv_chunk_arg *arg, void *user)
{
    (void)assembler;
    struct layer_ws *ws = user;
    if (!ws->code && !bytes_buf_append(&ws->message, bytes_of(arg->data, arg->data_length))) {
        ws->code = fail(ws, NET_CLOSE_INTERNAL, "out of memory");
    }
}

static void wipe_message(struct layer_ws *ws)
{
    if (ws->message.memory) {
        secret_wipe(ws->message.memory, ws->message.capacity);
    }
    bytes_buf_clear(&ws->message);
}

static void on_assembler_message(wslay_event_context_ptr assembler,
                                 const struct wslay_event_on_msg_recv_arg *arg, void *user)
{
    (void)assembler;
    struct layer_ws *ws = user;
    struct bytes_span message = bytes_buf_span(&ws->message);
    ws->messages++;
    if (!ws->code) {
        ws->code = arg->opcode == WSLAY_TEXT_FRAME ? net_layer_text(ws->base.above, message)
                                                   : net_layer_feed(ws->base.above, message);
    }
    wipe_message(ws);
}

static uint16_t take_data(struct layer_ws *ws, struct bytes_span bytes)
{
    if (ws->said_close) {
        return 0; // only the peer's close frame is of interest now
    }
    ws->input = bytes;
    ws->starved = false;
    // wslay returns early when a read was short, so the end is when it has asked in vain.
    while (!ws->starved && wslay_event_get_read_enabled(ws->assembler)) {
        if (wslay_event_recv(ws->assembler) != 0) {
            return fail(ws, NET_CLOSE_INTERNAL, "out of memory");
        }
    }
    if (!ws->code && !wslay_event_get_read_enabled(ws->assembler)) {
        // The reader has let through nothing else that wslay would refuse.
        return fail(ws, NET_CLOSE_BAD_DATA, "text is not valid UTF-8");
    }
    return ws->code;
}

// A message that has begun has to end in time; each that ends gives the next one all of the time.
static void watch_assembly(struct layer_ws *ws, bool progress)
{
    if (!net_ws_reader_is_amid(&ws->reader)) {
        ws->assembly_due_ns = CLOCK_NEVER;
    } else if (progress || ws->assembly_due_ns == CLOCK_NEVER) {
        ws->assembly_due_ns = net_layer_in_ms(&ws->base, NET_WS_ASSEMBLY_MS);
    }
}

static uint16_t ws_feed(struct net_layer *layer, struct bytes_span bytes)
{
    struct layer_ws *ws = ws_of(layer);
    unsigned messages_before = ws->messages;
    while (bytes.size > 0 && !ws->heard_close && !ws->failed) {
        struct net_ws_piece piece;
        const char *why = NULL;
        uint16_t code = net_ws_reader_next(&ws->reader, &bytes, &piece, &why);
        if (code) {
            return fail(ws, code, why);
        }
        if (piece.kind == NET_WS_CONTROL) {
            code = take_control(ws, &piece);
            // Between fragments it is no progress: pings would keep a message open for ever.
            ws->messages += !ws->reader.in_message;
        } else if (piece.kind == NET_WS_DATA) {
            code = take_data(ws, piece.bytes);
        }
        if (code) {
            return code;
        }
    }
    watch_assembly(ws, ws->messages != messages_before);
    set_due(ws);
    return 0;
}

// ---- life

static uint16_t ws_up(struct net_layer *layer)
{
    struct layer_ws *ws = ws_of(layer);
    layer->is_up = true;
    ws->ping_due_ns = net_layer_in_ms(layer, layer->env->config->ping_ms);
    set_due(ws);
    return net_layer_up(layer->above);
}

static uint16_t ws_expired(struct net_layer *layer)
{
    struct layer_ws *ws = ws_of(layer);
    uint64_t now_ns = layer->env->now_ns;
    uint16_t code = 0;
    if (ws->assembly_due_ns <= now_ns) {
        ws->assembly_due_ns = CLOCK_NEVER;
        code = fail(ws, NET_CLOSE_POLICY, "message took too long");
    } else if (ws->ping_due_ns <= now_ns && ws->said_close) {
        ws->ping_due_ns = CLOCK_NEVER;
    } else if (ws->ping_due_ns <= now_ns && ws->awaits_pong) {
        ws->ping_due_ns = CLOCK_NEVER;
        code = net_layer_fail(layer, NET_CLOSE_LOST, "no pong in time");
    } else if (ws->ping_due_ns <= now_ns) {
        ws->awaits_pong = true;
        ws->ping_due_ns = net_layer_in_ms(layer, layer->env->config->ping_ms);
        if (!write_frame(ws, NET_WS_PING, bytes_of(NULL, 0))) {
            code = fail(ws, NET_CLOSE_SLOW_CONSUMER, "pings are not read");
        }
    }
    set_due(ws);
    return code;
}

static void ws_destroy(struct net_layer *layer)
{
    struct layer_ws *ws = ws_of(layer);
    wslay_event_context_free(ws->assembler);
    wipe_message(ws);
    bytes_buf_finish(&ws->message);
    free(ws);
}

static const struct net_layer_impl ws_impl = {
    .name = "ws",
    .up = ws_up,
    .feed = ws_feed,
    .write = ws_write,
    .write_text = ws_write_text,
    .close = ws_close,
    .expired = ws_expired,
    .destroy = ws_destroy,
};

struct net_layer *net_layer_ws_create(struct net_layer_env *env)
{
    static const struct wslay_event_callbacks callbacks = {
        .recv_callback = on_assembler_read,
        .on_frame_recv_start_callback = on_frame,
        .on_frame_recv_chunk_callback = on_piece,
        .on_msg_recv_callback = on_assembler_message,
    };
    struct layer_ws *ws = calloc(1, sizeof(*ws));
    if (!ws) {
        return NULL;
    }
    net_layer_init(&ws->base, &ws_impl, env);
    net_ws_reader_init(&ws->reader, env->is_server, LIMIT_MESSAGE_BYTES);
    bytes_buf_init(&ws->message, LIMIT_MESSAGE_BYTES);
    ws->ping_due_ns = CLOCK_NEVER;
    ws->assembly_due_ns = CLOCK_NEVER;
    int status = env->is_server ? wslay_event_context_server_init(&ws->assembler, &callbacks, ws)
                                : wslay_event_context_client_init(&ws->assembler, &callbacks, ws);
    if (status != 0) {
        free(ws);
        return NULL;
    }
    wslay_event_config_set_max_recv_msg_length(ws->assembler, LIMIT_MESSAGE_BYTES);
    wslay_event_config_set_no_buffering(ws->assembler, 1);
    return &ws->base;
}
