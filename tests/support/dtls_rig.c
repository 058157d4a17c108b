// SPDX-License-Identifier: MIT
// The rig of dtls_rig.h.

#include "tests/support/dtls_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TURNS_MAX 200

static void put_on_wire(struct dtls_rig *rig, bool to_server, const struct net_addr *client,
                        struct bytes_span datagram)
{
    assert_true(rig->wire_count < DTLS_RIG_WIRE);
    assert_in_range(datagram.size, 1, NET_DTLS_DATAGRAM_BYTES);
    struct dtls_datagram *slot = &rig->wire[rig->wire_count++];
    slot->to_server = to_server;
    slot->client = *client;
    slot->size = datagram.size;
    memcpy(slot->bytes, datagram.data, datagram.size);
}

// ---- what a table calls

static void on_server_send(void *user, const struct net_addr *to, struct bytes_span datagram)
{
    put_on_wire(user, false, to, datagram);
}

static bool on_admit(void *user, const struct net_addr *remote)
{
    struct dtls_rig *rig = user;
    (void)remote;
    rig->admitted += !rig->refuse;
    return !rig->refuse;
}

static void on_failed(void *user, const struct net_addr *remote, const char *problem,
                      const char *alert)
{
    struct dtls_rig *rig = user;
    (void)remote;
    rig->failed++;
    snprintf(rig->problem, sizeof(rig->problem), "%s", problem);
    snprintf(rig->alert, sizeof(rig->alert), "%s", alert ? alert : "");
}

static struct net_tls_credentials *on_server_credentials(void *user)
{
    return net_tls_listener_credentials(((struct dtls_rig *)user)->listener);
}

static const struct net_dtls_user server_calls = {
    .send = on_server_send,
    .admit = on_admit,
    .failed = on_failed,
    .credentials = on_server_credentials,
};

static void on_client_send(void *user, const struct net_addr *to, struct bytes_span datagram)
{
    struct dtls_client *client = user;
    (void)to;
    put_on_wire(client->rig, true, &client->addr, datagram);
}

static struct net_tls_credentials *on_client_credentials(void *user)
{
    return net_tls_credentials_ref(((struct dtls_client *)user)->rig->client_credentials);
}

static const struct net_dtls_user client_calls = {
    .send = on_client_send,
    .credentials = on_client_credentials,
};

// ---- life

int dtls_rig_setup(void **state)
{
    struct dtls_rig *rig = calloc(1, sizeof(*rig));
    struct error error = {""};
    struct url url;
    clock_init_virtual(&rig->clock, 1000 * CLOCK_NS_PER_S);
    rig->now_ns = 1000 * CLOCK_NS_PER_S;
    rig->config = config_create_default();
    rig->config->dev = true;
    rig->tls = net_tls_server_create(rig->config, &rig->clock, &error);
    assert_string_equal(error.text, "");
    assert_true(url_parse("dtls://127.0.0.1:1", &url, &error));
    rig->listener = net_tls_listener_open(rig->tls, &url, &error);
    assert_string_equal(error.text, "");
    rig->trusting = net_tls_client_credentials_create(true, NULL, &error);
    assert_non_null(rig->trusting);
    rig->client_credentials = rig->trusting;
    rig->counters = counters_create();
    net_udp_drops_init(&rig->drops, rig->counters, &rig->dropped);
    rig->client_drops.total = &rig->dropped; // those of clients are nobody's business
    for (unsigned i = NET_UDP_KEPT + 1; i < NET_UDP_DROPS; i++) {
        rig->client_drops.cells[i] = &rig->dropped;
    }
    net_dtls_counters_init(&rig->handshakes, rig->counters);
    const struct net_dtls_setup setup = {
        .sessions_max = DTLS_RIG_SESSIONS,
        .rising_max = DTLS_RIG_RISING,
        .patience_ns = DTLS_RIG_PATIENCE_NS,
        .calls = &server_calls,
        .user = rig,
        .drops = &rig->drops,
        .counters = &rig->handshakes,
        .handshake_rate = &rig->handshake_rate,
    };
    rig->server = net_dtls_create(&setup);
    assert_non_null(rig->server);
    *state = rig;
    return 0;
}

int dtls_rig_teardown(void **state)
{
    struct dtls_rig *rig = *state;
    net_dtls_destroy(rig->server);
    for (unsigned i = 0; i < rig->client_count; i++) {
        net_dtls_destroy(rig->clients[i].table);
    }
    net_tls_credentials_unref(rig->trusting);
    net_tls_server_destroy(rig->tls);
    counters_destroy(rig->counters);
    config_destroy(rig->config);
    free(rig);
    return 0;
}

uint64_t dtls_rig_drops(const struct dtls_rig *rig, enum net_udp_drop reason)
{
    return *rig->drops.cells[reason];
}

static struct net_addr v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port)
{
    return (struct net_addr){
        .ip = {[10] = 0xff, [11] = 0xff, [12] = a, [13] = b, [14] = c, [15] = d},
        .port = port,
    };
}

struct net_addr dtls_rig_address(unsigned host, uint16_t port)
{
    return v4(192, 0, 2, (uint8_t)host, port);
}

struct net_addr dtls_rig_loopback(uint16_t port)
{
    return v4(127, 0, 0, 1, port);
}

// ---- traffic

struct dtls_client *dtls_rig_dial(struct dtls_rig *rig, const struct net_addr *addr)
{
    static const struct net_addr server = {.port = 7778};
    assert_true(rig->client_count < DTLS_RIG_CLIENTS);
    struct dtls_client *client = &rig->clients[rig->client_count++];
    const struct net_dtls_setup setup = {
        .is_dial = true,
        .sessions_max = 1,
        .rising_max = 1,
        .patience_ns = 100 * DTLS_RIG_PATIENCE_NS,
        .calls = &client_calls,
        .user = client,
        .drops = &rig->client_drops,
        .counters = &rig->handshakes,
    };
    client->rig = rig;
    client->addr = *addr;
    client->table = net_dtls_create(&setup);
    assert_non_null(client->table);
    assert_true(net_dtls_dial(client->table, &server, "localhost", rig->now_ns));
    return client;
}

bool dtls_rig_give_server(struct dtls_rig *rig, const struct net_addr *from, const void *bytes,
                          size_t size)
{
    uint8_t datagram[NET_DTLS_DATAGRAM_BYTES];
    memcpy(datagram, bytes, size);
    if (!net_dtls_open(rig->server, from, datagram, &size, rig->now_ns)) {
        return false;
    }
    rig->received++;
    rig->last_size = size;
    memcpy(rig->last, datagram, size);
    return true;
}

// The newest client that has this address: one that was there before is gone.
static struct dtls_client *client_at(struct dtls_rig *rig, const struct net_addr *addr)
{
    for (unsigned i = rig->client_count; i > 0; i--) {
        if (net_addr_equal(&rig->clients[i - 1].addr, addr)) {
            return &rig->clients[i - 1];
        }
    }
    return NULL;
}

static void give_client(struct dtls_client *client, struct dtls_datagram *datagram)
{
    static const struct net_addr server = {.port = 7778};
    size_t size = datagram->size;
    if (net_dtls_open(client->table, &server, datagram->bytes, &size, client->rig->now_ns)) {
        client->received++;
        client->last_size = size;
        memcpy(client->last, datagram->bytes, size);
    }
}

void dtls_rig_deliver(struct dtls_rig *rig)
{
    unsigned count = rig->wire_count;
    for (unsigned i = 0; i < count; i++) {
        struct dtls_datagram *datagram = &rig->wire[i];
        struct dtls_client *client = client_at(rig, &datagram->client);
        if (datagram->to_server) {
            dtls_rig_give_server(rig, &datagram->client, datagram->bytes, datagram->size);
        } else if (client) {
            give_client(client, datagram);
        }
    }
    rig->wire_count -= count;
    memmove(rig->wire, rig->wire + count, rig->wire_count * sizeof(rig->wire[0]));
}

void dtls_rig_advance(struct dtls_rig *rig)
{
    rig->now_ns += CLOCK_NS_PER_MS;
    net_dtls_advance(rig->server, rig->now_ns, NET_DTLS_STEPS);
    for (unsigned i = 0; i < rig->client_count; i++) {
        net_dtls_advance(rig->clients[i].table, rig->now_ns, NET_DTLS_STEPS);
    }
}

void dtls_rig_settle(struct dtls_rig *rig)
{
    for (unsigned i = 0; i < TURNS_MAX && rig->wire_count > 0; i++) {
        dtls_rig_deliver(rig);
        dtls_rig_advance(rig);
    }
}

struct dtls_client *dtls_rig_connect(struct dtls_rig *rig, const struct net_addr *addr)
{
    struct dtls_client *client = dtls_rig_dial(rig, addr);
    dtls_rig_settle(rig);
    assert_true(net_dtls_is_up(client->table));
    return client;
}

static struct dtls_datagram *put_sealed(struct dtls_client *client, struct net_dtls *table,
                                        const struct net_addr *to, const void *data, size_t size)
{
    uint8_t copy[NET_DTLS_DATA_BYTES], sealed[NET_DTLS_DATAGRAM_BYTES];
    memcpy(copy, data, size);
    const struct iovec parts[2] = {
        {.iov_base = copy, .iov_len = size / 2},
        {.iov_base = copy + size / 2, .iov_len = size - size / 2},
    };
    size_t sealed_size = net_dtls_seal(table, to, parts, 2, sealed);
    if (sealed_size == 0) {
        return NULL;
    }
    put_on_wire(client->rig, table == client->table, &client->addr, bytes_of(sealed, sealed_size));
    return &client->rig->wire[client->rig->wire_count - 1];
}

struct dtls_datagram *dtls_rig_send(struct dtls_client *client, const void *data, size_t size)
{
    static const struct net_addr server = {.port = 7778};
    return put_sealed(client, client->table, &server, data, size);
}

struct dtls_datagram *dtls_rig_reply(struct dtls_client *client, const void *data, size_t size)
{
    return put_sealed(client, client->rig->server, &client->addr, data, size);
}
