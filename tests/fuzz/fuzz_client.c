// SPDX-License-Identifier: MIT
// A server that says anything, to the client library.
//
// The first byte: 1 = begin with a valid welcome. Then messages, each behind its length (u16, big-
// endian), one a frame of the client, who makes every input that is due. However it ends, the user
// hears of it at most once, a frame never asks for more inputs than fit into a message twice, and
// statistics stay readable.

#include <assert.h>
#include <stdlib.h>

#include "net/client.h"
#include "net/transport.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FRAME_NS       (4 * CLOCK_NS_PER_MS)
#define MESSAGES_MAX   256
#define FRAMES_TO_OPEN 4
#define DUE_MAX        (2 * LIMIT_INPUTS_PER_MESSAGE)

struct stage {
    struct clock clock;
    struct loop *loop;
    struct net_hub hub;
    struct net_acceptor acceptor;
    struct net_client_host *host;
    struct net_link *link;
    struct net_client *client;
    uint32_t input_bytes;
    unsigned closes;
};

static void server_message(void *user, struct net_link *link, struct bytes_span message)
{
    (void)user;
    (void)link;
    assert(message.size > 0);
}

static void server_closed(void *user, struct net_link *link, uint16_t code, const char *reason)
{
    (void)link;
    (void)code;
    (void)reason;
    ((struct stage *)user)->link = NULL;
}

static uint16_t server_accept(void *user, struct net_link *link)
{
    static const struct net_link_handler handler = {
        .message = server_message,
        .closed = server_closed,
    };
    net_link_attach(link, &handler, user);
    ((struct stage *)user)->link = link;
    return 0;
}

static void on_welcome(void *user, const struct net_msg_welcome *welcome)
{
    assert(welcome->slot < welcome->slots);
    ((struct stage *)user)->input_bytes = welcome->input_bytes;
}

static void on_snapshot(void *user, const struct net_client_snapshot *snapshot)
{
    (void)user;
    int64_t sum = 0; // reads them all
    for (unsigned i = 0; i < snapshot->entities * snapshot->values_per_entity; i++) {
        sum += snapshot->values[i];
    }
    assert(sum <= INT64_MAX / 2);
}

static void on_closed(void *user, uint16_t code, const char *reason)
{
    struct stage *stage = user;
    assert(code >= NET_CLOSE_NORMAL && reason);
    stage->closes++;
    stage->client = NULL;
}

static const struct net_client_callbacks callbacks = {
    .welcome = on_welcome,
    .snapshot = on_snapshot,
    .closed = on_closed,
};

static struct stage *stage_create(void)
{
    struct stage *stage = calloc(1, sizeof(*stage));
    struct config *config = config_create_default();
    struct counters *counters = counters_create();
    assert(stage && config && counters);
    clock_init_virtual(&stage->clock, CLOCK_NS_PER_S);
    stage->loop = loop_create(&stage->clock, NULL);
    net_hub_init(&stage->hub, stage->loop, config, counters);
    stage->acceptor = (struct net_acceptor){.accept = server_accept, .user = stage};
    bool listening = net_hub_listen(&stage->hub, "memory://server", &stage->acceptor, NULL);
    const struct net_client_host_options options = {.loop = stage->loop, .hub = &stage->hub};
    stage->host = net_client_host_create(&options, NULL);
    assert(stage->loop && listening && stage->host);
    return stage;
}

static void frame(struct stage *stage)
{
    net_client_host_poll(stage->host, FRAME_NS);
    static const uint8_t input[LIMIT_INPUT_BYTES];
    uint32_t tick;
    unsigned due = 0;
    while (stage->client && net_client_input_due(stage->client, &tick)) {
        assert(++due <= DUE_MAX);
        net_client_input(stage->client, tick, input);
    }
}

static void say(struct stage *stage, struct bytes_span message)
{
    if (stage->link && message.size <= LIMIT_MESSAGE_BYTES) {
        struct net_payload *payload = net_payload_create(message);
        net_link_send(stage->link, payload, NET_RELIABLE);
        net_payload_unref(payload);
    }
    frame(stage);
}

static void say_welcome(struct stage *stage)
{
    uint8_t memory[512];
    struct bytes_buf out = {.memory = memory, .capacity = sizeof(memory), .limit = sizeof(memory)};
    const struct net_msg msg = {
        .type = NET_MSG_WELCOME,
        .welcome = {.version = NET_PROTOCOL_VERSION,
                    .slots = 4,
                    .tick_rate = 60,
                    .snapshot_rate = 20,
                    .tick = 100,
                    .input_bytes = 4,
                    .entity_values = 3},
    };
    bool fits = net_msg_encode(&out, &msg);
    assert(fits);
    say(stage, bytes_buf_span(&out));
}

static void play(struct stage *stage, struct bytes_span script)
{
    for (unsigned i = 0; script.size >= 2 && i < MESSAGES_MAX; i++) {
        size_t length = bytes_get_u16(script.data);
        script = bytes_of(script.data + 2, script.size - 2);
        length = length < script.size ? length : script.size;
        say(stage, bytes_of(script.data, length));
        script = bytes_of(script.data + length, script.size - length);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct stage *stage;
    if (!stage) {
        stage = stage_create();
    }
    if (size == 0) {
        return 0;
    }
    stage->closes = 0;
    const struct net_client_options options = {.token = bytes_of("t", 1)};
    stage->client =
        net_client_connect(stage->host, "memory://server", &options, &callbacks, stage, NULL);
    assert(stage->client);
    for (unsigned i = 0; i < FRAMES_TO_OPEN; i++) {
        frame(stage);
    }
    if (data[0] & 1) {
        say_welcome(stage);
    }
    play(stage, bytes_of(data + 1, size - 1));
    assert(stage->closes == (stage->client ? 0 : 1));
    if (stage->client) {
        struct net_client_stats stats;
        net_client_get_stats(stage->client, &stats);
        assert(stats.bytes_out > 0);
        net_client_disconnect(stage->client);
    }
    while (net_hub_link_count(&stage->hub) > 0) {
        net_client_host_poll(stage->host, FRAME_NS);
    }
    return 0;
}
