// SPDX-License-Identifier: MIT
// The two ends of a stack, for tests.

#include "tests/support/layer_end.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/caller.h"

#define KEPT_BYTES_MAX (4 * 1024 * 1024)
#define START_NS       (1000 * CLOCK_NS_PER_S)
#define ROUNDS_MAX     10000000

static struct layer_end *end_of_pipe(struct net_layer *layer)
{
    return (struct layer_end *)(void *)((char *)layer - offsetof(struct layer_end, pipe));
}

static struct layer_end *end_of_recorder(struct net_layer *layer)
{
    return (struct layer_end *)(void *)((char *)layer - offsetof(struct layer_end, recorder));
}

static bool pipe_write(struct net_layer *layer, struct bytes_span bytes)
{
    struct layer_end *end = end_of_pipe(layer);
    if (end->is_shut) {
        return true;
    }
    end->writes++;
    return !end->full && bytes_buf_append(&end->sent, bytes);
}

static void pipe_flush(struct net_layer *layer)
{
    (void)layer;
}

static void pipe_shut(struct net_layer *layer)
{
    end_of_pipe(layer)->is_shut = true;
}

static const struct net_layer_impl pipe_impl = {
    .name = "pipe",
    .write = pipe_write,
    .flush = pipe_flush,
    .shut = pipe_shut,
};

static void record(struct layer_end *end, struct bytes_span bytes)
{
    uint8_t size[4];
    bytes_put_u32(size, (uint32_t)bytes.size);
    bytes_buf_clear(&end->last);
    assert_true(bytes_buf_append(&end->last, bytes));
    assert_true(bytes_buf_append(&end->all, bytes_of(size, sizeof(size))));
    assert_true(bytes_buf_append(&end->all, bytes));
}

static uint16_t recorder_up(struct net_layer *layer)
{
    struct layer_end *end = end_of_recorder(layer);
    end->is_up = true;
    return end->answer_up;
}

static uint16_t recorder_feed(struct net_layer *layer, struct bytes_span message)
{
    struct layer_end *end = end_of_recorder(layer);
    assert_true(end->is_up);
    end->messages++;
    record(end, message);
    if (end->echoes) {
        assert_true(net_layer_write(layer->below, message));
    }
    return end->answer_message;
}

static uint16_t recorder_text(struct net_layer *layer, struct bytes_span text)
{
    struct layer_end *end = end_of_recorder(layer);
    end->texts++;
    record(end, text);
    if (end->echoes) {
        assert_true(net_layer_write_text(layer->below, text));
    }
    return end->answer_message;
}

// As a stream does: whoever is told of the end says goodbye in turn.
static void recorder_ended(struct net_layer *layer, uint16_t code, const char *reason)
{
    struct layer_end *end = end_of_recorder(layer);
    end->ended++;
    end->ended_code = code;
    snprintf(end->ended_reason, sizeof(end->ended_reason), "%s", reason);
    net_layer_close(layer->below, code, reason);
}

static const struct net_layer_impl recorder_impl = {
    .name = "recorder",
    .up = recorder_up,
    .feed = recorder_feed,
    .text = recorder_text,
    .ended = recorder_ended,
};

void layer_end_init(struct layer_end *end, bool is_server, const layer_create *layers)
{
    layer_end_init_tls(end, is_server, layers, "wss://localhost:9091", NULL, NULL);
}

void layer_end_init_tls(struct layer_end *end, bool is_server, const layer_create *layers,
                        const char *url, struct net_tls_credentials *credentials, const char *alpn)
{
    struct error error = {""};
    *end = (struct layer_end){.config = config_create_default()};
    assert_non_null(end->config);
    assert_true(url_parse(url, &end->url, &error));
    end->env = (struct net_layer_env){
        .config = end->config,
        .url = &end->url,
        .url_text = "test://",
        .credentials = credentials,
        .alpn = alpn,
        .is_server = is_server,
        .now_ns = START_NS,
    };
    bytes_buf_init(&end->sent, KEPT_BYTES_MAX);
    bytes_buf_init(&end->last, KEPT_BYTES_MAX);
    bytes_buf_init(&end->all, KEPT_BYTES_MAX);
    net_layer_init(&end->pipe, &pipe_impl, &end->env);
    net_layer_init(&end->recorder, &recorder_impl, &end->env);
    struct net_layer *below = &end->pipe;
    while (layers[end->layer_count]) {
        struct net_layer *layer = layers[end->layer_count](&end->env);
        assert_non_null(layer);
        net_layer_join(below, layer);
        end->layers[end->layer_count++] = layer;
        below = layer;
    }
    net_layer_join(below, &end->recorder);
}

void layer_end_finish(struct layer_end *end)
{
    for (unsigned i = end->layer_count; i > 0; i--) {
        net_layer_destroy(end->layers[i - 1]);
    }
    net_caller_destroy(end->env.caller);
    bytes_buf_finish(&end->sent);
    bytes_buf_finish(&end->last);
    bytes_buf_finish(&end->all);
    config_destroy(end->config);
}

struct net_layer *layer_end_top(struct layer_end *end)
{
    return end->layers[end->layer_count - 1];
}

static uint16_t took(struct layer_end *end, uint16_t code)
{
    net_layer_flush(layer_end_top(end));
    end->code = end->code ? end->code : code;
    return code;
}

uint16_t layer_end_up(struct layer_end *end)
{
    return took(end, net_layer_up(&end->pipe));
}

uint16_t layer_end_feed(struct layer_end *end, struct bytes_span bytes, size_t chop)
{
    uint16_t code = 0;
    while (bytes.size > 0 && !code) {
        size_t size = chop && chop < bytes.size ? chop : bytes.size;
        // A heap copy of the exact size, so that ASan sees a read past the end.
        uint8_t *copy = malloc(size);
        assert_non_null(copy);
        memcpy(copy, bytes.data, size);
        code = took(end, net_layer_feed(&end->pipe, bytes_of(copy, size)));
        free(copy);
        bytes = bytes_of(bytes.data + size, bytes.size - size);
    }
    return code;
}

uint16_t layer_end_wait_ms(struct layer_end *end, long ms)
{
    uint16_t code = 0;
    end->env.now_ns += (uint64_t)ms * CLOCK_NS_PER_MS;
    for (unsigned i = 0; i < end->layer_count && !code; i++) {
        code = net_layer_expire(end->layers[i]);
    }
    return took(end, code);
}

void layer_end_close(struct layer_end *end, uint16_t code)
{
    net_layer_close(layer_end_top(end), code, net_close_text(code));
    net_layer_flush(layer_end_top(end));
}

void layer_end_expect_sent(struct layer_end *end, const void *bytes, size_t size)
{
    net_layer_flush(layer_end_top(end));
    assert_int_equal(end->sent.size, size);
    if (size > 0) {
        assert_memory_equal(bytes_buf_span(&end->sent).data, bytes, size);
    }
    layer_end_drop_sent(end);
}

void layer_end_drop_sent(struct layer_end *end)
{
    net_layer_flush(layer_end_top(end));
    bytes_buf_clear(&end->sent);
}

void layer_end_expect_last(const struct layer_end *end, const char *text)
{
    assert_int_equal(end->last.size, strlen(text));
    if (end->last.size > 0) {
        assert_memory_equal(bytes_buf_span(&end->last).data, text, strlen(text));
    }
}

static bool carry(struct layer_end *from, struct layer_end *to, size_t chop)
{
    struct bytes_span bytes = bytes_buf_span(&from->sent);
    size_t size = chop && chop < bytes.size ? chop : bytes.size;
    if (size == 0) {
        return false;
    }
    layer_end_feed(to, bytes_of(bytes.data, size), 0);
    bytes_buf_consume(&from->sent, size);
    return true;
}

void layer_ends_run(struct layer_end *a, struct layer_end *b, size_t chop)
{
    net_layer_flush(layer_end_top(a));
    net_layer_flush(layer_end_top(b));
    unsigned rounds = 0;
    while (carry(a, b, chop) || carry(b, a, chop)) {
        assert_true(++rounds < ROUNDS_MAX);
    }
}
