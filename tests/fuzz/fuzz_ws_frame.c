// SPDX-License-Identifier: MIT
// The frame reader, and the whole WebSocket layer behind it with wslay, on any bytes. Properties:
// what comes out and where it ends do not depend on how the bytes were cut; no message is over the
// limit.

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/layer_ws.h"
#include "net/ws_frame.h"

#define LIMIT       1000
#define OUT_BYTES   (1 << 20)
#define PEER_MASKS  1
#define CHOP_SHIFT  1
#define CHOP_MAX    64
#define RECORD_TEXT 0x80000000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void append(struct bytes_buf *out, uint32_t tag, struct bytes_span bytes)
{
    uint8_t header[8];
    bytes_put_u32(header, tag);
    bytes_put_u32(header + 4, (uint32_t)bytes.size);
    bool appended =
        bytes_buf_append(out, bytes_of(header, sizeof(header))) && bytes_buf_append(out, bytes);
    assert(appended);
}

// ---- the reader: control frames with what came before them, all data, and the end

static void read_all(struct bytes_buf *out, bool masked, struct bytes_span input, size_t chop)
{
    struct net_ws_reader reader;
    struct bytes_buf plain;
    uint16_t code = 0;
    const char *why = NULL;
    bytes_buf_init(&plain, OUT_BYTES);
    net_ws_reader_init(&reader, masked, LIMIT);
    while (input.size > 0 && !code) {
        size_t count = chop < input.size ? chop : input.size;
        struct bytes_span span = bytes_of(input.data, count);
        while (span.size > 0 && !code) {
            struct net_ws_piece piece;
            code = net_ws_reader_next(&reader, &span, &piece, &why);
            assert(!code == !why);
            if (piece.kind == NET_WS_DATA) {
                bool appended = bytes_buf_append(&plain, piece.bytes);
                assert(appended);
            } else if (piece.kind == NET_WS_CONTROL) {
                assert(piece.bytes.size <= NET_WS_CONTROL_BYTES_MAX);
                append(out, (uint32_t)plain.size, bytes_of(NULL, 0));
                append(out, piece.opcode, piece.bytes);
            }
        }
        input = bytes_of(input.data + count - span.size, input.size - count + span.size);
    }
    append(out, code, bytes_buf_span(&plain));
    append(out, (uint32_t)input.size, bytes_of(NULL, 0));
    append(out, net_ws_reader_is_amid(&reader), bytes_of(NULL, 0));
    bytes_buf_finish(&plain);
}

// ---- the layer between two ends that only record

struct ends {
    struct net_layer pipe, recorder;
    struct bytes_buf *out;
};

static uint16_t on_up(struct net_layer *layer)
{
    (void)layer;
    return 0;
}

static uint16_t on_feed(struct net_layer *layer, struct bytes_span message)
{
    struct ends *ends = (struct ends *)(void *)((char *)layer - offsetof(struct ends, recorder));
    assert(message.size <= LIMIT_MESSAGE_BYTES);
    append(ends->out, 0, message);
    return 0;
}

static uint16_t on_text(struct net_layer *layer, struct bytes_span text)
{
    struct ends *ends = (struct ends *)(void *)((char *)layer - offsetof(struct ends, recorder));
    assert(bytes_is_utf8(text));
    append(ends->out, RECORD_TEXT, text);
    return 0;
}

static void on_ended(struct net_layer *layer, uint16_t code, const char *reason)
{
    struct ends *ends = (struct ends *)(void *)((char *)layer - offsetof(struct ends, recorder));
    append(ends->out, code, bytes_of_string(reason));
    net_layer_close(layer->below, code, reason);
}

static bool on_write(struct net_layer *layer, struct bytes_span bytes)
{
    (void)layer;
    (void)bytes;
    return true;
}

static void on_shut(struct net_layer *layer)
{
    (void)layer;
}

static const struct net_layer_impl pipe_impl = {.write = on_write, .shut = on_shut};
static const struct net_layer_impl recorder_impl = {
    .up = on_up, .feed = on_feed, .text = on_text, .ended = on_ended};

static void run_layer(struct bytes_buf *out, bool masked, struct bytes_span input, size_t chop)
{
    static const struct config config = {.ping_ms = 1000};
    struct net_layer_env env = {.config = &config, .is_server = masked, .now_ns = 1};
    struct ends ends = {.out = out};
    struct net_layer *ws = net_layer_ws_create(&env);
    assert(ws);
    net_layer_init(&ends.pipe, &pipe_impl, &env);
    net_layer_init(&ends.recorder, &recorder_impl, &env);
    net_layer_join(&ends.pipe, ws);
    net_layer_join(ws, &ends.recorder);
    uint16_t code = net_layer_up(&ends.pipe);
    while (input.size > 0 && !code) {
        size_t count = chop < input.size ? chop : input.size;
        code = net_layer_feed(&ends.pipe, bytes_of(input.data, count));
        input = bytes_of(input.data + count, input.size - count);
    }
    append(out, code, bytes_of_string(env.reason));
    net_layer_destroy(ws);
}

// ---- both, whole and cut

static void compare(void (*run)(struct bytes_buf *out, bool masked, struct bytes_span input,
                                size_t chop),
                    bool masked, struct bytes_span input, size_t chop)
{
    struct bytes_buf whole;
    struct bytes_buf cut;
    bytes_buf_init(&whole, OUT_BYTES);
    bytes_buf_init(&cut, OUT_BYTES);
    run(&whole, masked, input, input.size + 1);
    run(&cut, masked, input, chop);
    assert(bytes_equal(bytes_buf_span(&whole), bytes_buf_span(&cut)));
    bytes_buf_finish(&whole);
    bytes_buf_finish(&cut);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    bool masked = data[0] & PEER_MASKS;
    size_t chop = (data[0] >> CHOP_SHIFT) % CHOP_MAX + 1;
    struct bytes_span input = bytes_of(data + 1, size - 1);
    compare(read_all, masked, input, chop);
    compare(run_layer, masked, input, chop);
    return 0;
}
