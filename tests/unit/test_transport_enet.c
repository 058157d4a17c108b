// SPDX-License-Identifier: MIT
// udp://: the shared transport suite, and what is ENet's own.

#include "net/transport_enet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <enet/enet.h>
#include <unistd.h>

#include "tests/support/transport_suite.h"

#define CLIENTS     3
#define STEP_NS     (2 * CLOCK_NS_PER_MS)
#define PATIENCE_NS (15 * CLOCK_NS_PER_S)

struct fixture {
    struct clock clock;
    struct loop *loop;
    struct config *config;
    struct counters *counters;
    struct net_hub server, client;
    struct net_acceptor acceptor;
    struct net_link *accepted[CLIENTS];
    struct net_link *dialled[CLIENTS];
    unsigned accepted_count, opened_count, messages;
    bool refuse_address;
    uint16_t closed_code; // of the last link that was ended from below
    unsigned closed_count;
};

static void on_opened(void *user, struct net_link *link)
{
    (void)link;
    ((struct fixture *)user)->opened_count++;
}

static void on_message(void *user, struct net_link *link, struct bytes_span message)
{
    (void)link;
    (void)message;
    ((struct fixture *)user)->messages++;
}

static void on_closed(void *user, struct net_link *link, uint16_t code, const char *reason)
{
    struct fixture *fixture = user;
    (void)link;
    assert_string_equal(reason, net_close_text(code));
    fixture->closed_code = code;
    fixture->closed_count++;
}

static const struct net_link_handler handler = {
    .opened = on_opened,
    .message = on_message,
    .closed = on_closed,
};

static uint16_t on_accept(void *user, struct net_link *link)
{
    struct fixture *fixture = user;
    assert_true(fixture->accepted_count < CLIENTS);
    net_link_attach(link, &handler, fixture);
    fixture->accepted[fixture->accepted_count++] = link;
    return 0;
}

static bool on_admit(void *user, const struct net_addr *remote)
{
    assert_true(net_addr_is_loopback(remote));
    return !((struct fixture *)user)->refuse_address;
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    struct error error = {""};
    clock_init_monotonic(&fixture->clock);
    fixture->loop = loop_create(&fixture->clock, &error);
    fixture->config = config_create_default();
    fixture->counters = counters_create();
    net_hub_init(&fixture->server, fixture->loop, fixture->config, fixture->counters);
    net_hub_init(&fixture->client, fixture->loop, fixture->config, fixture->counters);
    fixture->acceptor =
        (struct net_acceptor){.accept = on_accept, .admit_address = on_admit, .user = fixture};
    if (!net_hub_listen(&fixture->server, "udp://127.0.0.1:0", &fixture->acceptor, &error)) {
        fail_msg("%s", error.text);
    }
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    net_hub_finish(&fixture->client);
    net_hub_finish(&fixture->server);
    counters_destroy(fixture->counters);
    config_destroy(fixture->config);
    loop_destroy(fixture->loop);
    free(fixture);
    return 0;
}

static void turn(struct fixture *fixture)
{
    loop_turn(fixture->loop, loop_now_ns(fixture->loop) + STEP_NS);
    loop_poll_paced(fixture->loop);
    uint64_t now_ns = loop_refresh_now(fixture->loop);
    net_hub_pump(&fixture->server, now_ns);
    net_hub_flush(&fixture->server, now_ns);
    net_hub_pump(&fixture->client, now_ns);
    net_hub_flush(&fixture->client, now_ns);
}

static void run_for_ms(struct fixture *fixture, uint64_t ms)
{
    uint64_t end_ns = loop_refresh_now(fixture->loop) + ms * CLOCK_NS_PER_MS;
    while (loop_now_ns(fixture->loop) < end_ns) {
        turn(fixture);
    }
}

#define RUN_UNTIL(fixture, condition)                                                              \
    do {                                                                                           \
        uint64_t end_ns_ = loop_refresh_now((fixture)->loop) + PATIENCE_NS;                        \
        while (!(condition) && loop_now_ns((fixture)->loop) < end_ns_) {                           \
            turn(fixture);                                                                         \
        }                                                                                          \
        assert_true(condition);                                                                    \
    } while (0)

static void connect_clients(struct fixture *fixture, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct error error = {""};
        fixture->dialled[i] = net_hub_dial(&fixture->client, fixture->server.endpoints->url,
                                           &handler, fixture, &error);
        assert_non_null(fixture->dialled[i]);
    }
    RUN_UNTIL(fixture, fixture->accepted_count == count && fixture->opened_count == count);
}

static uint16_t server_port(const struct fixture *fixture)
{
    struct url url;
    assert_true(url_parse(fixture->server.endpoints->url, &url, NULL));
    return url.port;
}

static uint64_t dropped(const struct fixture *fixture)
{
    return *counter_cell(fixture->counters, COUNTER_TOTAL, "paddock_dropped_packets", "",
                         "transport", "udp");
}

// Makes the socket behind a dialled link deaf: connected to nobody's port, it hears nothing more,
// so that its ENet acknowledges nothing.
static void vanish(struct net_link *link)
{
    assert_int_not_equal(link->local.port, 0);
    for (int fd = 3; fd < 256; fd++) {
        struct sockaddr_in name = {0};
        socklen_t size = sizeof(name);
        if (getsockname(fd, (struct sockaddr *)&name, &size) == 0 && name.sin_family == AF_INET &&
            ntohs(name.sin_port) == link->local.port) {
            struct sockaddr_in nobody = {
                .sin_family = AF_INET,
                .sin_port = htons(9),
                .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
            };
            assert_int_equal(connect(fd, (struct sockaddr *)&nobody, sizeof(nobody)), 0);
            return;
        }
    }
    fail_msg("no socket with port %u", link->local.port);
}

// An ENet client as anybody may build it, outside the code under test.
struct stock {
    ENetHost *host;
    ENetPeer *peer;
};

static void stock_connect(struct fixture *fixture, struct stock *stock, size_t channels)
{
    ENetAddress address = {.port = server_port(fixture)};
    assert_int_equal(enet_address_set_host_ip(&address, "127.0.0.1"), 0);
    stock->host = enet_host_create(NULL, 1, 2, 0, 0);
    stock->peer = enet_host_connect(stock->host, &address, channels, 0);
    assert_non_null(stock->peer);
}

static void stock_run_until_accepted(struct fixture *fixture, struct stock *stock)
{
    for (unsigned i = 0; fixture->accepted_count == 0 && i < 1000; i++) {
        ENetEvent event;
        enet_host_service(stock->host, &event, 0);
        turn(fixture);
    }
    assert_int_equal(fixture->accepted_count, 1);
}

// ---- the tests

static void a_payload_for_many_is_held_once(void **state)
{
    struct fixture *fixture = *state;
    connect_clients(fixture, CLIENTS);
    struct net_payload *payload = net_payload_create(bytes_of("snapshot", 8));
    for (unsigned i = 0; i < CLIENTS; i++) {
        net_link_send(fixture->accepted[i], payload, NET_UNRELIABLE);
    }
    assert_int_equal(payload->references, 2);
    for (unsigned i = 0; i < CLIENTS; i++) {
        net_link_send(fixture->accepted[i], payload, NET_RELIABLE);
    }
    assert_int_equal(payload->references, 3);
    RUN_UNTIL(fixture, fixture->messages == 2 * CLIENTS && payload->references == 1);
    net_payload_unref(payload);
}

static void another_payload_is_not_taken_for_the_last_one(void **state)
{
    struct fixture *fixture = *state;
    connect_clients(fixture, 1);
    struct net_payload *a = net_payload_create(bytes_of("a", 1));
    struct net_payload *b = net_payload_create(bytes_of("b", 1));
    net_link_send(fixture->accepted[0], a, NET_UNRELIABLE);
    net_link_send(fixture->accepted[0], b, NET_UNRELIABLE);
    net_link_send(fixture->accepted[0], a, NET_UNRELIABLE);
    assert_int_equal(a->references, 3);
    assert_int_equal(b->references, 2);
    RUN_UNTIL(fixture, fixture->messages == 3);
    assert_int_equal(a->references, 1);
    assert_int_equal(b->references, 1);
    net_payload_unref(a);
    net_payload_unref(b);
}

static void a_peer_that_plays_is_read_at_ticks_only(void **state)
{
    struct fixture *fixture = *state;
    connect_clients(fixture, 1);
    run_for_ms(fixture, 20);
    net_link_set_urgent(fixture->accepted[0], false);
    struct net_payload *payload = net_payload_create(bytes_of("input", 5));
    net_link_send(fixture->dialled[0], payload, NET_UNRELIABLE);
    net_payload_unref(payload);
    net_hub_flush(&fixture->client, loop_now_ns(fixture->loop));
    loop_turn(fixture->loop, loop_now_ns(fixture->loop) + 20 * CLOCK_NS_PER_MS);
    assert_int_equal(fixture->messages, 0);
    net_hub_pump(&fixture->server, loop_refresh_now(fixture->loop));
    assert_int_equal(fixture->messages, 1);
}

static void a_joining_peer_is_read_at_once(void **state)
{
    struct fixture *fixture = *state;
    connect_clients(fixture, 2);
    run_for_ms(fixture, 20);
    net_link_set_urgent(fixture->accepted[0], false); // the other one still joins
    struct net_payload *payload = net_payload_create(bytes_of("hello", 5));
    net_link_send(fixture->dialled[1], payload, NET_RELIABLE);
    net_payload_unref(payload);
    net_hub_flush(&fixture->client, loop_now_ns(fixture->loop));
    for (unsigned i = 0; fixture->messages == 0 && i < 5; i++) {
        loop_turn(fixture->loop, loop_now_ns(fixture->loop) + 20 * CLOCK_NS_PER_MS);
    }
    assert_int_equal(fixture->messages, 1);
}

static void a_peer_that_takes_nothing_is_closed_as_slow(void **state)
{
    struct fixture *fixture = *state;
    connect_clients(fixture, 1);
    vanish(fixture->dialled[0]);
    static uint8_t bytes[LIMIT_MESSAGE_BYTES];
    for (long sent = 0; sent < fixture->config->queue_bytes; sent += (long)sizeof(bytes)) {
        struct net_payload *payload = net_payload_create(bytes_of(bytes, sizeof(bytes)));
        net_link_send(fixture->accepted[0], payload, NET_RELIABLE);
        net_payload_unref(payload);
        turn(fixture);
        assert_int_equal(fixture->closed_count, 0);
    }
    struct net_payload *payload = net_payload_create(bytes_of(bytes, sizeof(bytes)));
    net_link_send(fixture->accepted[0], payload, NET_RELIABLE);
    assert_int_equal(fixture->closed_count, 0); // never from inside send
    turn(fixture);
    assert_int_equal(fixture->closed_count, 1);
    assert_int_equal(fixture->closed_code, NET_CLOSE_SLOW_CONSUMER);
    assert_int_equal(payload->references, 1);
    net_payload_unref(payload);
}

static void a_close_that_nobody_hears_ends_within_close_ms(void **state)
{
    struct fixture *fixture = *state;
    fixture->config->close_ms = 300;
    connect_clients(fixture, 1);
    vanish(fixture->dialled[0]);
    net_link_close(fixture->accepted[0], NET_CLOSE_GOING_AWAY, NULL);
    assert_int_equal(net_hub_link_count(&fixture->server), 1);
    RUN_UNTIL(fixture, net_hub_link_count(&fixture->server) == 0);
    assert_int_equal(fixture->closed_count, 0);
}

static void a_dial_that_nobody_answers_is_lost_after_the_handshake_time(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {""};
    uint64_t begin_ns = loop_refresh_now(fixture->loop);
    assert_non_null(net_hub_dial(&fixture->client, "udp://127.0.0.1:9", &handler, fixture, &error));
    RUN_UNTIL(fixture, fixture->closed_count == 1);
    assert_int_equal(fixture->closed_code, NET_CLOSE_LOST);
    assert_true(loop_now_ns(fixture->loop) - begin_ns >= 4900 * CLOCK_NS_PER_MS);
    assert_int_equal(net_hub_link_count(&fixture->client), 0);
}

static void a_stock_client_that_leaves_with_0_has_closed_normally(void **state)
{
    struct fixture *fixture = *state;
    struct stock stock;
    stock_connect(fixture, &stock, 2);
    stock_run_until_accepted(fixture, &stock);
    // Longer than it takes to be thought lost: the pings keep it alive.
    for (unsigned i = 0; i < 1500; i++) {
        ENetEvent event;
        enet_host_service(stock.host, &event, 0);
        turn(fixture);
    }
    enet_peer_disconnect_now(stock.peer, 0);
    RUN_UNTIL(fixture, fixture->closed_count == 1);
    assert_int_equal(fixture->closed_code, NET_CLOSE_NORMAL);
    enet_host_destroy(stock.host);
}

static void a_made_up_close_code_counts_as_normal(void **state)
{
    struct fixture *fixture = *state;
    struct stock stock;
    stock_connect(fixture, &stock, 2);
    stock_run_until_accepted(fixture, &stock);
    enet_peer_disconnect_now(stock.peer, 0xdeadbeef);
    RUN_UNTIL(fixture, fixture->closed_count == 1);
    assert_int_equal(fixture->closed_code, NET_CLOSE_NORMAL);
    enet_host_destroy(stock.host);
}

static void a_stock_client_with_one_channel_gets_everything(void **state)
{
    struct fixture *fixture = *state;
    struct stock stock;
    stock_connect(fixture, &stock, 1);
    stock_run_until_accepted(fixture, &stock);
    struct net_payload *payload = net_payload_create(bytes_of("snapshot", 8));
    net_link_send(fixture->accepted[0], payload, NET_UNRELIABLE);
    net_payload_unref(payload);
    unsigned received = 0;
    for (unsigned i = 0; received == 0 && i < 1000; i++) {
        turn(fixture);
        ENetEvent event;
        if (enet_host_service(stock.host, &event, 0) > 0 && event.type == ENET_EVENT_TYPE_RECEIVE) {
            received++;
            enet_packet_destroy(event.packet);
        }
    }
    assert_int_equal(received, 1);
    enet_host_destroy(stock.host);
}

static void a_half_open_peer_frees_its_slot_after_two_seconds(void **state)
{
    struct fixture *fixture = *state;
    struct stock stock;
    stock_connect(fixture, &stock, 2);
    enet_host_flush(stock.host); // CONNECT, and then silence, as with a forged source
    uint64_t begin_ns = loop_refresh_now(fixture->loop);
    RUN_UNTIL(fixture, dropped(fixture) == 1);
    assert_true(loop_now_ns(fixture->loop) - begin_ns >= 1800 * CLOCK_NS_PER_MS);
    assert_int_equal(fixture->accepted_count, 0);
    enet_host_destroy(stock.host);
}

static void a_refused_address_gets_no_answer_at_all(void **state)
{
    struct fixture *fixture = *state;
    fixture->refuse_address = true;
    struct stock stock;
    stock_connect(fixture, &stock, 2);
    enet_host_flush(stock.host);
    run_for_ms(fixture, 100);
    uint8_t answer[64];
    assert_int_equal(recv(stock.host->socket, answer, sizeof(answer), MSG_DONTWAIT), -1);
    assert_int_equal(dropped(fixture), 1);
    enet_host_destroy(stock.host);
}

// ENet's CONNECT from a source port that no socket can have, which needs a raw one.
static void a_connect_from_port_0_is_dropped(void **state)
{
    struct fixture *fixture = *state;
    int raw = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_UDP);
    if (raw < 0) {
        skip(); // not root
    }
    int catcher = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t at_size = sizeof(at);
    assert_int_equal(bind(catcher, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(getsockname(catcher, (struct sockaddr *)&at, &at_size), 0);

    ENetAddress address = {.host = at.sin_addr.s_addr, .port = ntohs(at.sin_port)};
    ENetHost *host = enet_host_create(NULL, 1, 2, 0, 0);
    assert_non_null(enet_host_connect(host, &address, 2, 0));
    enet_host_flush(host);
    uint8_t datagram[8 + 512] = {0};
    ssize_t size = recv(catcher, datagram + 8, sizeof(datagram) - 8, 0);
    assert_in_range(size, 40, 100);
    bytes_put_u16(datagram + 2, server_port(fixture));
    bytes_put_u16(datagram + 4, (uint16_t)(size + 8)); // and no checksum
    at.sin_port = 0;
    assert_int_equal(sendto(raw, datagram, (size_t)size + 8, 0, (struct sockaddr *)&at, at_size),
                     size + 8);
    run_for_ms(fixture, 50);
    assert_int_equal(dropped(fixture), 1);
    connect_clients(fixture, 1); // and everybody else is served
    enet_host_destroy(host);
    close(catcher);
    close(raw);
}

static void datagrams_of_all_kinds_of_junk_do_no_harm(void **state)
{
    struct fixture *fixture = *state;
    connect_clients(fixture, 1);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = {
        .sin_family = AF_INET,
        .sin_port = htons(server_port(fixture)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    static uint8_t junk[8192];
    static const size_t sizes[] = {1, 2, 3, 4, 5, 7, 8, 52, 1400, 4096, 4097, 8192};
    for (unsigned round = 0; round < 256; round++) {
        memset(junk, (int)round, sizeof(junk));
        junk[0] = (uint8_t)(round & 1 ? 0x8f : 0x0f); // to no peer, with and without a time
        size_t size = sizes[round % BASE_COUNT(sizes)];
        assert_int_equal(send(fd, junk, size, 0), size);
    }
    close(fd);
    struct net_payload *payload = net_payload_create(bytes_of("input", 5));
    net_link_send(fixture->dialled[0], payload, NET_RELIABLE);
    net_payload_unref(payload);
    RUN_UNTIL(fixture, fixture->messages == 1);
    assert_int_equal(fixture->closed_count, 0);
}

static bool listens_on(struct fixture *fixture, const char *url)
{
    struct error error = {""};
    return net_hub_listen(&fixture->server, url, &fixture->acceptor, &error);
}

// The newest listener's port at another address.
static void dial_port_of_newest(struct fixture *fixture, const char *ip)
{
    char url[URL_TEXT_BYTES];
    struct error error = {""};
    snprintf(url, sizeof(url), "udp://%s:%u", ip, server_port(fixture));
    fixture->dialled[0] = net_hub_dial(&fixture->client, url, &handler, fixture, &error);
    assert_non_null(fixture->dialled[0]);
    RUN_UNTIL(fixture, fixture->accepted_count == 1 && fixture->opened_count == 1);
}

static void assert_remote(const struct fixture *fixture, const char *ip)
{
    char text[NET_ADDR_TEXT_BYTES];
    struct net_addr remote = fixture->accepted[0]->remote;
    assert_int_equal(remote.port, fixture->dialled[0]->local.port);
    net_addr_format(&remote, text);
    *strrchr(text, ':') = '\0';
    assert_string_equal(text, ip);
}

static void both_families_reach_one_listener(void **state)
{
    struct fixture *fixture = *state;
    if (!listens_on(fixture, "udp://[::]:0")) {
        skip(); // no IPv6 on this machine
    }
    dial_port_of_newest(fixture, "[::1]");
    assert_remote(fixture, "[::1]");
    fixture->accepted_count = fixture->opened_count = 0;
    dial_port_of_newest(fixture, "127.0.0.1");
    assert_remote(fixture, "127.0.0.1");
    struct net_payload *payload = net_payload_create(bytes_of("input", 5));
    net_link_send(fixture->accepted[0], payload, NET_RELIABLE);
    net_payload_unref(payload);
    RUN_UNTIL(fixture, fixture->messages == 1);
}

static void one_ipv6_address_serves_itself_only(void **state)
{
    struct fixture *fixture = *state;
    if (!listens_on(fixture, "udp://[::1]:0")) {
        skip(); // no IPv6 on this machine
    }
    dial_port_of_newest(fixture, "[::1]");
    assert_remote(fixture, "[::1]");
}

static void a_taken_port_is_said_so(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {""};
    assert_false(net_hub_listen(&fixture->server, fixture->server.endpoints->url,
                                &fixture->acceptor, &error));
    assert_non_null(
        strstr(error.text, "Address already in use: another process, or listener, has the port"));
}

#define ONE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    static const struct transport_suite suite = {
        .name = "udp",
        .listen_url = "udp://127.0.0.1:0",
        .foresees = true,
        .vanish = vanish,
        .vanish_ms = 11000,
    };
    const struct CMUnitTest tests[] = {
        ONE(a_payload_for_many_is_held_once),
        ONE(another_payload_is_not_taken_for_the_last_one),
        ONE(a_peer_that_plays_is_read_at_ticks_only),
        ONE(a_joining_peer_is_read_at_once),
        ONE(a_peer_that_takes_nothing_is_closed_as_slow),
        ONE(a_close_that_nobody_hears_ends_within_close_ms),
        ONE(a_dial_that_nobody_answers_is_lost_after_the_handshake_time),
        ONE(a_stock_client_that_leaves_with_0_has_closed_normally),
        ONE(a_made_up_close_code_counts_as_normal),
        ONE(a_stock_client_with_one_channel_gets_everything),
        ONE(a_half_open_peer_frees_its_slot_after_two_seconds),
        ONE(a_refused_address_gets_no_answer_at_all),
        ONE(a_connect_from_port_0_is_dropped),
        ONE(datagrams_of_all_kinds_of_junk_do_no_harm),
        ONE(both_families_reach_one_listener),
        ONE(one_ipv6_address_serves_itself_only),
        ONE(a_taken_port_is_said_so),
    };
    int failures = transport_suite_run(&suite);
    return failures + cmocka_run_group_tests_name("udp's own", tests, NULL, NULL);
}
