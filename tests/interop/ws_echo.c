// SPDX-License-Identifier: MIT
// ws-echo: sends back what comes, over ws and wss, through the streams, layers and links that the
// server has. What tests/interop/test_ws_conformance.py and soak/ws_mutants.py talk to.
//
// Prints its two URLs, then serves until its standard input ends.

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "config/base/log.h"
#include "net/tls_store.h"
#include "net/transport.h"

static void on_message(void *user, struct net_link *link, struct bytes_span message)
{
    (void)user;
    struct net_payload *payload = net_payload_create(message);
    if (payload) {
        net_link_send(link, payload, NET_RELIABLE);
        net_payload_unref(payload);
    }
}

static void on_text(void *user, struct net_link *link, struct bytes_span text)
{
    (void)user;
    link->impl->send_text(link, text);
}

static void on_closed(void *user, struct net_link *link, uint16_t code, const char *reason)
{
    (void)user, (void)link, (void)code, (void)reason;
}

static uint16_t on_accept(void *user, struct net_link *link)
{
    static const struct net_link_handler handler = {
        .message = on_message, .text = on_text, .closed = on_closed};
    (void)user;
    net_link_attach(link, &handler, NULL);
    return 0;
}

static void on_input_end(void *context, unsigned ready)
{
    (void)ready;
    bool *stopped = context;
    *stopped = true;
}

static bool listen_on_both(struct net_hub *hub, const struct net_acceptor *acceptor,
                           struct error *error)
{
    if (!net_hub_listen(hub, "ws://127.0.0.1:0", acceptor, error) ||
        !net_hub_listen(hub, "wss://127.0.0.1:0", acceptor, error)) {
        return false;
    }
    for (const struct net_endpoint *at = hub->endpoints; at; at = at->next) {
        printf("%s/websocket\n", at->url);
    }
    fflush(stdout);
    return true;
}

static bool serve(struct net_hub *hub, struct error *error)
{
    static const struct net_acceptor acceptor = {.accept = on_accept};
    struct loop_fd input = {0};
    bool stopped = false;
    if (!listen_on_both(hub, &acceptor, error)) {
        return false;
    }
    if (!loop_fd_add(hub->loop, &input, STDIN_FILENO, LOOP_READ, LOOP_URGENT, on_input_end,
                     &stopped)) {
        return error_set(error, "standard input has to be a pipe");
    }
    while (!stopped) {
        loop_turn(hub->loop, CLOCK_NEVER);
        net_hub_flush(hub, loop_now_ns(hub->loop));
    }
    loop_fd_remove(hub->loop, &input);
    return true;
}

// Nobody is hurried, and whole echoes of the longest messages are queued.
static struct config *make_config(struct error *error)
{
    struct config *config = config_create_default();
    if (config && config_set(config, "dev", "true", error)) {
        config->queue_bytes = 4L * LIMIT_MESSAGE_BYTES;
        config->ping_ms = config->stall_ms = config->close_ms = 600000;
        config->upgrade_ms = config->tls_handshake_ms = 600000;
    }
    return config;
}

int main(void)
{
    struct error error = {""};
    struct clock clock;
    struct net_hub hub;
    clock_init_monotonic(&clock);
    log_open(STDERR_FILENO, LOG_ERROR, LOG_FORMAT_TEXT, &clock);
    struct config *config = make_config(&error);
    struct counters *counters = counters_create();
    struct loop *loop = loop_create(&clock, &error);
    if (!config || !counters || !loop) {
        fprintf(stderr, "ws-echo: out of memory\n");
        return 1;
    }
    net_hub_init(&hub, loop, config, counters);
    hub.tls = net_tls_server_create(config, &clock, &error);
    bool served = hub.tls && serve(&hub, &error);
    if (!served) {
        fprintf(stderr, "ws-echo: %s\n", error.text);
    }
    net_hub_finish(&hub);
    net_tls_server_destroy(hub.tls);
    loop_destroy(loop);
    counters_destroy(counters);
    config_destroy(config);
    return !served;
}
