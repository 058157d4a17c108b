// SPDX-License-Identifier: MIT
// Peers that keep to no rules: a bare link of the memory transport.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/support/scenario.h"

static void on_opened(void *user, struct net_link *link)
{
    (void)link;
    struct scenario_raw *raw = user;
    raw->open = true;
}

static void on_message(void *user, struct net_link *link, struct bytes_span message)
{
    (void)link;
    struct scenario_raw *raw = user;
    raw->messages++;
    // [id, ...]: ids below 128 are one byte of msgpack.
    raw->last_type = message.size > 1 ? message.data[1] : 0;
}

static void on_closed(void *user, struct net_link *link, uint16_t code, const char *reason)
{
    (void)link, (void)reason;
    struct scenario_raw *raw = user;
    raw->link = NULL;
    raw->open = false;
    raw->closed_code = code;
}

void scenario_raw_dial(struct scenario *scenario, struct scenario_raw *raw, const char *query)
{
    static const struct net_link_handler handler = {
        .opened = on_opened,
        .message = on_message,
        .closed = on_closed,
    };
    char url[128];
    struct error error;
    snprintf(url, sizeof(url), "memory://arena?%s", query ? query : "seed=1");
    *raw = (struct scenario_raw){.scenario = scenario};
    raw->link = net_hub_dial(game_server_hub(scenario->server), url, &handler, raw, &error);
    if (!raw->link) {
        fail_msg("%s: %s", url, error.text);
    }
}

void scenario_raw_send_bytes(struct scenario_raw *raw, struct bytes_span bytes)
{
    struct net_payload *payload = net_payload_create(bytes);
    assert_non_null(payload);
    assert_non_null(raw->link);
    net_link_send(raw->link, payload, NET_RELIABLE);
    net_payload_unref(payload);
}

void scenario_raw_send(struct scenario_raw *raw, const struct net_msg *msg)
{
    struct bytes_buf bytes;
    bytes_buf_init(&bytes, LIMIT_MESSAGE_BYTES);
    assert_true(net_msg_encode(&bytes, msg));
    scenario_raw_send_bytes(raw, bytes_buf_span(&bytes));
    bytes_buf_finish(&bytes);
}

void scenario_raw_hello(struct scenario_raw *raw, const struct scenario_player *player)
{
    struct net_msg msg = {
        .type = NET_MSG_HELLO,
        .hello =
            {
                .version = NET_PROTOCOL_VERSION,
                .token = bytes_of_string(player->token),
                .session = bytes_of_string(player->session ? player->session : ""),
                .client = bytes_of_string("raw"),
            },
    };
    scenario_raw_send(raw, &msg);
}

bool scenario_raw_is_open(void *context)
{
    const struct scenario_raw *raw = context;
    return raw->open;
}

bool scenario_raw_is_closed(void *context)
{
    const struct scenario_raw *raw = context;
    return raw->closed_code != 0;
}
