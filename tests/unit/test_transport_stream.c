// SPDX-License-Identifier: MIT
// tcp, tls, ws and wss pass the shared transport suite over loopback.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "net/tls_store.h"
#include "tests/support/transport_suite.h"

static struct config *config;

static void prepare(struct net_hub *server, struct net_hub *client)
{
    (void)client;
    struct error error = {""};
    config = config_create_default();
    config->dev = true;
    server->tls = net_tls_server_create(config, loop_clock(server->loop), &error);
    assert_string_equal(error.text, "");
}

static void finish(struct net_hub *server, struct net_hub *client)
{
    (void)client;
    net_tls_server_destroy(server->tls);
    config_destroy(config);
}

int main(void)
{
    static const struct transport_suite suites[] = {
        {.name = "tcp", .listen_url = "tcp://127.0.0.1:0", .opens_early = true, .stream = true},
        {.name = "tls",
         .listen_url = "tls://127.0.0.1:0",
         .stream = true,
         .prepare = prepare,
         .finish = finish},
        {.name = "ws", .listen_url = "ws://127.0.0.1:0", .stream = true},
        {.name = "wss",
         .listen_url = "wss://127.0.0.1:0",
         .stream = true,
         .prepare = prepare,
         .finish = finish},
    };
    int failures = 0;
    for (size_t i = 0; i < BASE_COUNT(suites); i++) {
        failures += transport_suite_run(&suites[i]);
    }
    return failures;
}
