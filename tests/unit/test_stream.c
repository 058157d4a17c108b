// SPDX-License-Identifier: MIT
// Streams against peers that are no Paddock clients: raw sockets that stall, vanish, speak the
// wrong protocol or come in crowds. What every transport must do is in the transport suite.

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/stream.h"
#include "net/tls_store.h"
#include "net/transport.h"

#define PATIENCE_NS (20 * CLOCK_NS_PER_S)
#define STEP_NS     (2 * CLOCK_NS_PER_MS)
#define CROWD       300

#define UPGRADE_REQUEST                                                                            \
    "GET /websocket HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"          \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"

static struct clock monotonic;
static struct loop *loop;
static struct config *config;
static struct counters *counters;
static struct net_hub hub;
static struct net_acceptor acceptor;
static struct error error;

// The newest accepted link, and what happened on all of them.
static struct net_link *link_now;
static unsigned accepted, messages, closed;
static uint16_t closed_code;
static bool inside_send;

static void on_message(void *user, struct net_link *link, struct bytes_span message)
{
    (void)user, (void)link, (void)message;
    messages++;
}

static void on_text(void *user, struct net_link *link, struct bytes_span text)
{
    (void)user;
    link->impl->send_text(link, text);
}

static void on_closed(void *user, struct net_link *link, uint16_t code, const char *reason)
{
    (void)user, (void)reason;
    assert_false(inside_send);
    closed++;
    closed_code = code;
    link_now = link == link_now ? NULL : link_now;
}

static const struct net_link_handler handler = {
    .message = on_message, .text = on_text, .closed = on_closed};
static const struct net_link_handler handler_without_text = {.message = on_message,
                                                             .closed = on_closed};
static const struct net_link_handler *accept_with;

static uint16_t on_accept(void *user, struct net_link *link)
{
    (void)user;
    accepted++;
    link_now = link;
    net_link_attach(link, accept_with, NULL);
    return 0;
}

static int setup(void **state)
{
    (void)state;
    clock_init_monotonic(&monotonic);
    loop = loop_create(&monotonic, &error);
    config = config_create_default();
    counters = counters_create();
    assert_non_null(loop);
    assert_true(config_set(config, "dev", "true", &error));
    net_hub_init(&hub, loop, config, counters);
    hub.dial_insecure = true;
    hub.tls = net_tls_server_create(config, &monotonic, &error);
    assert_non_null(hub.tls);
    acceptor = (struct net_acceptor){.accept = on_accept};
    accept_with = &handler;
    link_now = NULL;
    accepted = messages = closed = 0;
    closed_code = 0;
    error.text[0] = '\0';
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    net_hub_finish(&hub);
    net_tls_server_destroy(hub.tls);
    counters_destroy(counters);
    config_destroy(config);
    loop_destroy(loop);
    return 0;
}

static void set(const char *name, const char *value)
{
    assert_true(config_set(config, name, value, &error));
}

static void listen_on(const char *url)
{
    if (!net_hub_listen(&hub, url, &acceptor, &error)) {
        fail_msg("%s", error.text);
    }
}

static void turn(void)
{
    loop_turn(loop, loop_refresh_now(loop) + STEP_NS);
    net_hub_flush(&hub, loop_now_ns(loop));
}

#define RUN_UNTIL(condition)                                                                       \
    do {                                                                                           \
        uint64_t end_ns_ = loop_refresh_now(loop) + PATIENCE_NS;                                   \
        while (!(condition) && loop_now_ns(loop) < end_ns_) {                                      \
            turn();                                                                                \
        }                                                                                          \
        if (!(condition)) {                                                                        \
            fail_msg("in vain waited for: %s", #condition);                                        \
        }                                                                                          \
    } while (0)

static void run_for_ms(unsigned ms)
{
    uint64_t end_ns = loop_refresh_now(loop) + ms * CLOCK_NS_PER_MS;
    while (loop_now_ns(loop) < end_ns) {
        turn();
    }
}

// ---- raw peers

static int raw_socket(void)
{
    struct url url;
    struct net_addr addr;
    struct sockaddr_storage to;
    assert_true(url_parse(hub.endpoints->url, &url, &error));
    assert_true(net_addr_parse_ip(url.host_is_v6 ? "127.0.0.1" : url.host, &addr));
    addr.port = url.port;
    socklen_t size = net_addr_to_sockaddr(&addr, false, &to);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    assert_true(connect(fd, (struct sockaddr *)&to, size) == 0 || errno == EINPROGRESS);
    return fd;
}

static int raw_connect(void)
{
    int fd = raw_socket();
    run_for_ms(5);
    return fd;
}

static void raw_send(int fd, const void *bytes, size_t size)
{
    assert_int_equal(send(fd, bytes, size, MSG_NOSIGNAL), size);
}

// Everything that comes until the server ends the connection.
static char answer[8192];
static bool raw_read_to_end(int fd)
{
    size_t size = 0;
    uint64_t end_ns = loop_refresh_now(loop) + PATIENCE_NS;
    while (loop_now_ns(loop) < end_ns) {
        turn();
        ssize_t count = recv(fd, answer + size, sizeof(answer) - 1 - size, 0);
        if (count == 0 || (count < 0 && errno != EAGAIN)) {
            answer[size] = '\0';
            return true;
        }
        size += count > 0 ? (size_t)count : 0;
    }
    return false;
}

static void raw_expect(int fd, const void *bytes, size_t size)
{
    uint64_t end_ns = loop_refresh_now(loop) + PATIENCE_NS;
    size_t got = 0;
    while (got < size && loop_now_ns(loop) < end_ns) {
        turn();
        ssize_t count = recv(fd, answer + got, size - got, 0);
        got += count > 0 ? (size_t)count : 0;
    }
    assert_int_equal(got, size);
    assert_memory_equal(answer, bytes, size);
}

// ---- listening

static void a_taken_port_is_named_with_a_way_out(void **state)
{
    (void)state;
    listen_on("tcp://127.0.0.1:0");
    char url[URL_TEXT_BYTES];
    snprintf(url, sizeof(url), "%s", hub.endpoints->url);
    assert_false(net_hub_listen(&hub, url, &acceptor, &error));
    assert_non_null(strstr(error.text, url));
    assert_non_null(strstr(error.text, "--listen"));
    assert_null(strchr(error.text, '\n'));
}

static void urls_that_cannot_be_meant_are_refused(void **state)
{
    (void)state;
    assert_false(net_hub_listen(&hub, "wss://127.0.0.1:0/x", &acceptor, &error));
    assert_non_null(strstr(error.text, "--websocket-path"));
    assert_false(net_hub_listen(&hub, "tcp://127.0.0.1:0?a=b", &acceptor, &error));
    assert_non_null(strstr(error.text, "a listener has no ?a="));
    assert_false(net_hub_listen(&hub, "tcp://127.0.0.1:0?cert=b", &acceptor, &error));
    assert_non_null(strstr(error.text, "a listener has no ?cert="));
    assert_false(net_hub_listen(&hub, "wss://127.0.0.1:0?cert=b&a=b", &acceptor, &error));
    assert_non_null(strstr(error.text, "a listener has no ?a=; there is ?cert=NAME"));
    static const char *const queries[] = {
        "tcp://127.0.0.1:0?proxy=0",
        "tls://127.0.0.1:0?proxy",
        "ws://127.0.0.1:0?proxy=1&a",
        "wss://127.0.0.1:0?cert=x&proxy=11",
    };
    for (size_t i = 0; i < BASE_COUNT(queries); i++) {
        assert_false(net_hub_listen(&hub, queries[i], &acceptor, &error));
        assert_non_null(strstr(error.text, "?proxy=1"));
    }
    assert_false(net_hub_listen(&hub, "udp://127.0.0.1:0?proxy=1", &acceptor, &error));
    assert_non_null(strstr(error.text, "a listener has no ?proxy="));
    assert_false(net_hub_listen(&hub, "tcp://192.0.2.1:0", &acceptor, &error));
    assert_non_null(strstr(error.text, "0.0.0.0"));
    assert_null(net_hub_dial(&hub, "tcp://127.0.0.1:1/x", &handler, NULL, &error));
    net_tls_server_destroy(hub.tls);
    hub.tls = NULL;
    assert_false(net_hub_listen(&hub, "wss://127.0.0.1:0", &acceptor, &error));
    assert_non_null(strstr(error.text, "--tls-cert"));
    assert_null(hub.endpoints);
}

static void the_any_address_of_ipv6_serves_ipv4(void **state)
{
    (void)state;
    listen_on("tcp://[::]:0");
    int fd = raw_connect();
    RUN_UNTIL(accepted == 1);
    assert_true(net_addr_is_v4(&link_now->remote));
    close(fd);
}

static void a_dial_tries_every_address_of_a_name(void **state)
{
    (void)state;
    listen_on("tcp://127.0.0.1:0");
    char url[64];
    snprintf(url, sizeof(url), "tcp://localhost%s", strrchr(hub.endpoints->url, ':'));
    assert_non_null(net_hub_dial(&hub, url, &handler, NULL, &error));
    RUN_UNTIL(accepted == 1);
    assert_int_equal(closed, 0);
}

static void a_dial_that_nobody_answers_ends_as_lost(void **state)
{
    (void)state;
    if (net_hub_dial(&hub, "tcp://127.0.0.1:1", &handler, NULL, &error)) {
        RUN_UNTIL(closed == 1);
        assert_int_equal(closed_code, NET_CLOSE_LOST);
    } else {
        assert_non_null(strstr(error.text, "refused"));
    }
    assert_int_equal(net_hub_link_count(&hub), 0);
}

// ---- the wrong protocol

static void tls_on_a_plain_port_is_ended_at_once(void **state)
{
    (void)state;
    static const char *const urls[] = {"ws://127.0.0.1:0", "tcp://127.0.0.1:0"};
    set("upgrade-ms", "60000"); // longer than the patience here
    for (unsigned i = 0; i < BASE_COUNT(urls); i++) {
        listen_on(urls[i]);
        int fd = raw_connect();
        raw_send(fd, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);
        assert_true(raw_read_to_end(fd));
        assert_string_equal(answer, "");
        close(fd);
    }
}

static void plain_http_on_a_tls_port_is_told_to_use_wss(void **state)
{
    (void)state;
    listen_on("wss://127.0.0.1:0");
    int fd = raw_connect();
    raw_send(fd, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 27);
    assert_true(raw_read_to_end(fd));
    assert_memory_equal(answer, "HTTP/1.1 400 ", 13);
    assert_non_null(strstr(answer, "wss://"));
    assert_int_equal(accepted, 0);
    close(fd);
}

static void a_browser_on_a_ws_port_gets_a_page_or_a_text(void **state)
{
    (void)state;
    listen_on("ws://127.0.0.1:0");
    int fd = raw_connect();
    raw_send(fd, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 27);
    assert_true(raw_read_to_end(fd));
    assert_memory_equal(answer, "HTTP/1.1 200 ", 13);
    assert_non_null(strstr(answer, "</html>"));
    close(fd);
    fd = raw_connect();
    raw_send(fd, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n", 28);
    assert_true(raw_read_to_end(fd));
    assert_memory_equal(answer, "HTTP/1.1 404 ", 13);
    assert_non_null(strstr(answer, "/websocket"));
    close(fd);
}

// ---- WebSocket over the socket

static void a_frame_in_the_same_write_as_the_request_is_not_lost(void **state)
{
    (void)state;
    static const char all[] = UPGRADE_REQUEST "\x81\x82\0\0\0\0hi";
    listen_on("ws://127.0.0.1:0");
    int fd = raw_connect();
    raw_send(fd, all, sizeof(all) - 1);
    static const char expected[] =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\x81\x02hi";
    raw_expect(fd, expected, sizeof(expected) - 1);
    close(fd);
}

static void text_that_nobody_takes_is_closed_with_1003(void **state)
{
    (void)state;
    static const char all[] = UPGRADE_REQUEST "\x81\x82\0\0\0\0hi";
    accept_with = &handler_without_text;
    listen_on("ws://127.0.0.1:0");
    int fd = raw_connect();
    raw_send(fd, all, sizeof(all) - 1);
    RUN_UNTIL(closed == 1);
    assert_int_equal(closed_code, NET_CLOSE_UNSUPPORTED);
    raw_send(fd, "\x88\x82\0\0\0\0\x03\xeb", 8);
    assert_true(raw_read_to_end(fd));
    close(fd);
}

static void a_half_closed_client_is_noticed_at_once(void **state)
{
    (void)state;
    set("ping-ms", "300000"); // which would notice it, too
    listen_on("ws://127.0.0.1:0");
    int fd = raw_connect();
    raw_send(fd, UPGRADE_REQUEST, sizeof(UPGRADE_REQUEST) - 1);
    RUN_UNTIL(accepted == 1);
    shutdown(fd, SHUT_WR);
    RUN_UNTIL(closed == 1);
    assert_int_equal(closed_code, NET_CLOSE_LOST);
    close(fd);
}

// ---- time

static void a_silent_tls_peer_is_ended_when_its_time_is_over(void **state)
{
    (void)state;
    set("tls-handshake-ms", "100");
    listen_on("wss://127.0.0.1:0");
    int fd = raw_connect();
    raw_send(fd, "\x16\x03\x01", 3);
    assert_true(raw_read_to_end(fd));
    close(fd);
}

static void a_silent_http_peer_gets_408(void **state)
{
    (void)state;
    set("upgrade-ms", "100");
    listen_on("ws://127.0.0.1:0");
    int fd = raw_connect();
    raw_send(fd, "GET ", 4);
    assert_true(raw_read_to_end(fd));
    assert_memory_equal(answer, "HTTP/1.1 408 ", 13);
    close(fd);
}

static void a_peer_that_never_ends_is_let_go_after_close_ms(void **state)
{
    (void)state;
    set("close-ms", "100");
    listen_on("tcp://127.0.0.1:0");
    int fd = raw_connect();
    RUN_UNTIL(accepted == 1);
    uint64_t begin_ns = loop_now_ns(loop);
    net_link_close(link_now, NET_CLOSE_NORMAL, NULL);
    RUN_UNTIL(net_hub_link_count(&hub) == 0);
    assert_true(loop_now_ns(loop) - begin_ns >= 100 * CLOCK_NS_PER_MS);
    assert_int_equal(closed, 0);
    close(fd);
}

// ---- peers that do not read

static void send_bytes(size_t size, enum net_delivery delivery)
{
    static const uint8_t bytes[LIMIT_MESSAGE_BYTES];
    struct net_payload *payload = net_payload_create(bytes_of(bytes, size));
    inside_send = true;
    net_link_send(link_now, payload, delivery);
    inside_send = false;
    net_payload_unref(payload);
}

// A peer with a tiny window that never reads, and so much sent to it that the kernel is full.
static int stalled_peer(void)
{
    static const int tiny = 1;
    int fd = raw_socket();
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &tiny, sizeof(tiny));
    RUN_UNTIL(accepted == 1);
    for (unsigned i = 0; i < 400 && link_now; i++) {
        send_bytes(16000, NET_UNRELIABLE);
        turn();
    }
    return fd;
}

static void a_peer_that_takes_nothing_is_closed_after_stall_ms(void **state)
{
    (void)state;
    set("stall-ms", "300");
    listen_on("tcp://127.0.0.1:0");
    int fd = stalled_peer();
    RUN_UNTIL(closed == 1);
    assert_int_equal(closed_code, NET_CLOSE_SLOW_CONSUMER);
    close(fd);
}

static void old_unreliable_messages_are_replaced_and_counted(void **state)
{
    (void)state;
    uint64_t *replaced =
        counter_cell(counters, COUNTER_TOTAL, "paddock_replaced_messages",
                     "unreliable messages that a newer one replaced unsent", "transport", "tcp");
    uint64_t *bytes_out = counter_cell(counters, COUNTER_TOTAL, "paddock_sent_bytes", "bytes sent",
                                       "transport", "tcp");
    set("stall-ms", "60000");
    listen_on("tcp://127.0.0.1:0");
    int fd = stalled_peer();
    assert_int_equal(closed, 0); // nothing queued but one
    assert_true(*replaced > 100);
    uint64_t out = *bytes_out;
    uint64_t before = *replaced;
    send_bytes(100, NET_UNRELIABLE);
    send_bytes(100, NET_UNRELIABLE);
    assert_int_equal(*replaced, before + 2);
    assert_int_equal(*bytes_out, out);
    close(fd);
}

static void a_queue_that_overflows_ends_the_link_from_the_loop(void **state)
{
    (void)state;
    set("queue-bytes", "65536");
    listen_on("tcp://127.0.0.1:0");
    int fd = raw_connect();
    RUN_UNTIL(accepted == 1);
    for (unsigned i = 0; i < 4; i++) {
        send_bytes(16384 - 64, NET_RELIABLE); // with what each may cost: exactly queue-bytes
    }
    turn();
    assert_int_equal(closed, 0);
    for (unsigned i = 0; i < 4; i++) {
        send_bytes(16384 - 64, NET_RELIABLE);
    }
    send_bytes(1, NET_RELIABLE);
    assert_int_equal(closed, 0); // not from inside send
    RUN_UNTIL(closed == 1);
    assert_int_equal(closed_code, NET_CLOSE_SLOW_CONSUMER);
    close(fd);
}

// ---- crowds

static void the_257th_handshake_is_turned_away(void **state)
{
    (void)state;
    int fds[NET_STREAM_RISING_MAX + 1];
    listen_on("wss://127.0.0.1:0");
    const struct net_stream_endpoint *endpoint =
        (const struct net_stream_endpoint *)(const void *)hub.endpoints;
    for (unsigned i = 0; i < NET_STREAM_RISING_MAX; i++) {
        fds[i] = raw_socket();
        turn();
    }
    RUN_UNTIL(endpoint->rising == NET_STREAM_RISING_MAX);
    fds[NET_STREAM_RISING_MAX] = raw_connect();
    assert_true(raw_read_to_end(fds[NET_STREAM_RISING_MAX]));
    assert_int_equal(*endpoint->turned_away_many, 1);
    close(fds[0]); // and a place that gets free is given away
    RUN_UNTIL(endpoint->rising == NET_STREAM_RISING_MAX - 1);
    int fd = raw_connect();
    RUN_UNTIL(endpoint->rising == NET_STREAM_RISING_MAX);
    close(fd);
    for (unsigned i = 1; i <= NET_STREAM_RISING_MAX; i++) {
        close(fds[i]);
    }
    RUN_UNTIL(endpoint->rising == 0);
}

static void a_handshake_beyond_the_rate_is_turned_away_and_counted(void **state)
{
    (void)state;
    listen_on("tls://127.0.0.1:0");
    const struct net_stream_endpoint *endpoint =
        (const struct net_stream_endpoint *)(const void *)hub.endpoints;
    hub.handshake_rate.bucket.earned_ns = loop_refresh_now(loop) + 2 * PATIENCE_NS; // none is left
    int fd = raw_connect();
    assert_true(raw_read_to_end(fd));
    close(fd);
    assert_int_equal(*endpoint->turned_away_fast, 1);
    assert_int_equal(endpoint->rising, 0);
    hub.handshake_rate.bucket.earned_ns = 0;
    fd = raw_connect();
    RUN_UNTIL(endpoint->rising == 1);
    assert_int_equal(*endpoint->turned_away_fast, 1);
    assert_true(hub.handshake_rate.bucket.earned_ns > 0);
    close(fd);
}

static void one_turn_does_few_handshakes(void **state)
{
    (void)state;
    enum { DIALS = 40 };
    listen_on("tls://127.0.0.1:0");
    char url[URL_TEXT_BYTES];
    snprintf(url, sizeof(url), "%s", hub.endpoints->url);
    for (unsigned i = 0; i < DIALS; i++) {
        assert_non_null(net_hub_dial(&hub, url, &handler, NULL, &error));
    }
    uint64_t end_ns = loop_refresh_now(loop) + PATIENCE_NS;
    while (accepted < DIALS && loop_now_ns(loop) < end_ns) {
        unsigned before = accepted;
        turn();
        assert_true(accepted - before <= NET_STREAM_HANDSHAKES_PER_TURN);
    }
    assert_int_equal(accepted, DIALS);
}

static void one_turn_reads_only_so_much_of_one_peer(void **state)
{
    (void)state;
    enum { MESSAGES = 300, SIZE = 1000 };
    static uint8_t frames[MESSAGES][4 + SIZE];
    listen_on("tcp://127.0.0.1:0");
    int fd = raw_connect();
    RUN_UNTIL(accepted == 1);
    for (unsigned i = 0; i < MESSAGES; i++) {
        memcpy(frames[i], (const uint8_t[]){0, 0, SIZE >> 8, SIZE & 0xFF}, 4);
        raw_send(fd, frames[i], sizeof(frames[i]));
    }
    uint64_t end_ns = loop_refresh_now(loop) + PATIENCE_NS;
    while (messages < MESSAGES && loop_now_ns(loop) < end_ns) {
        unsigned before = messages;
        turn();
        // The first one may have come in part before.
        assert_true(messages - before <= NET_STREAM_READ_BYTES / sizeof(frames[0]) + 1);
    }
    assert_int_equal(messages, MESSAGES);
    close(fd);
}

static unsigned admitted;
static bool on_admit(void *user, const struct net_addr *remote)
{
    (void)user, (void)remote;
    admitted++;
    return true;
}

static void one_turn_does_few_handshakes_behind_a_proxy_either(void **state)
{
    (void)state;
    enum { PEERS = 40 };
    static const char header[] = "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n";
    int fds[PEERS];
    admitted = 0;
    acceptor.admit_address = on_admit;
    listen_on("tls://127.0.0.1:0?proxy=1");
    const struct net_stream_endpoint *endpoint =
        (const struct net_stream_endpoint *)(const void *)hub.endpoints;
    for (unsigned i = 0; i < PEERS; i++) {
        fds[i] = raw_connect();
        raw_send(fds[i], header, sizeof(header) - 1);
    }
    RUN_UNTIL(admitted == 2 * PEERS); // each with its own address, then with the one it brings
    assert_int_equal(endpoint->rising, PEERS);
    for (unsigned i = 0; i < PEERS; i++) {
        raw_send(fds[i], "\x16\x03\x01\xff\xff", 5); // fails, which costs a turn the same
    }
    uint64_t end_ns = loop_refresh_now(loop) + PATIENCE_NS;
    uint64_t failed = 0;
    while (failed < PEERS && loop_now_ns(loop) < end_ns) {
        uint64_t before = failed;
        turn();
        failed = *endpoint->traffic.dropped;
        assert_true(failed - before <= NET_STREAM_HANDSHAKES_PER_TURN);
    }
    assert_int_equal(failed, PEERS);
    for (unsigned i = 0; i < PEERS; i++) {
        close(fds[i]);
    }
    RUN_UNTIL(endpoint->rising == 0);
}

static void without_descriptors_old_links_live_and_the_loop_rests(void **state)
{
    (void)state;
    int fds[CROWD];
    struct rlimit before;
    listen_on("tcp://127.0.0.1:0");
    for (unsigned i = 0; i < CROWD; i++) { // in the backlog: not accepted yet
        fds[i] = raw_socket();
    }
    int next = dup(0);
    close(next);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit few = {.rlim_cur = (rlim_t)next + 10, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    unsigned turns = 0;
    uint64_t end_ns = loop_refresh_now(loop) + 500 * CLOCK_NS_PER_MS;
    while (loop_now_ns(loop) < end_ns) {
        loop_turn(loop, end_ns);
        net_hub_flush(&hub, loop_refresh_now(loop));
        turns++;
    }
    assert_true(turns < 50);
    assert_int_equal(accepted, 10);
    raw_send(fds[0], "\0\0\0\1x", 5);
    RUN_UNTIL(messages == 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    RUN_UNTIL(accepted > 250); // a few were shed, one each 100 ms
    for (unsigned i = 0; i < CROWD; i++) {
        close(fds[i]);
    }
    RUN_UNTIL(net_hub_link_count(&hub) == 0);
}

// Nobody can hold up the others by sending faster than it is read.
static void one_turn_reads_no_more_than_64_kib_of_a_stream(void **state)
{
    (void)state;
    enum { FRAMES = 2000, FRAME_BYTES = 104 };
    static uint8_t crowd[FRAMES][FRAME_BYTES];
    for (unsigned i = 0; i < FRAMES; i++) {
        bytes_put_u32(crowd[i], FRAME_BYTES - 4);
    }
    static const int large = sizeof(crowd);
    listen_on("tcp://127.0.0.1:0");
    int fd = raw_connect();
    RUN_UNTIL(accepted == 1);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &large, sizeof(large));
    uint64_t end_ns = loop_refresh_now(loop) + PATIENCE_NS;
    for (size_t sent = 0; messages < FRAMES && loop_now_ns(loop) < end_ns;) {
        unsigned before = messages;
        ssize_t count = send(fd, (uint8_t *)crowd + sent, sizeof(crowd) - sent, MSG_NOSIGNAL);
        sent += count > 0 ? (size_t)count : 0;
        turn();
        assert_true(messages - before <= NET_STREAM_READ_BYTES / FRAME_BYTES + 1);
    }
    assert_int_equal(messages, FRAMES);
    close(fd);
}

static void a_paced_link_waits_to_be_polled(void **state)
{
    (void)state;
    listen_on("tcp://127.0.0.1:0");
    int fd = raw_connect();
    RUN_UNTIL(accepted == 1);
    net_link_set_urgent(link_now, false);
    raw_send(fd, "\0\0\0\1x", 5);
    run_for_ms(30);
    assert_int_equal(messages, 0);
    loop_poll_paced(loop);
    assert_int_equal(messages, 1);
    net_link_set_urgent(link_now, true);
    raw_send(fd, "\0\0\0\1x", 5);
    RUN_UNTIL(messages == 2);
    close(fd);
}

int main(void)
{
#define ONE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        ONE(a_taken_port_is_named_with_a_way_out),
        ONE(urls_that_cannot_be_meant_are_refused),
        ONE(the_any_address_of_ipv6_serves_ipv4),
        ONE(a_dial_tries_every_address_of_a_name),
        ONE(a_dial_that_nobody_answers_ends_as_lost),
        ONE(tls_on_a_plain_port_is_ended_at_once),
        ONE(plain_http_on_a_tls_port_is_told_to_use_wss),
        ONE(a_browser_on_a_ws_port_gets_a_page_or_a_text),
        ONE(a_frame_in_the_same_write_as_the_request_is_not_lost),
        ONE(text_that_nobody_takes_is_closed_with_1003),
        ONE(a_half_closed_client_is_noticed_at_once),
        ONE(a_silent_tls_peer_is_ended_when_its_time_is_over),
        ONE(a_silent_http_peer_gets_408),
        ONE(a_peer_that_never_ends_is_let_go_after_close_ms),
        ONE(a_peer_that_takes_nothing_is_closed_after_stall_ms),
        ONE(old_unreliable_messages_are_replaced_and_counted),
        ONE(a_queue_that_overflows_ends_the_link_from_the_loop),
        ONE(the_257th_handshake_is_turned_away),
        ONE(one_turn_reads_only_so_much_of_one_peer),
        ONE(a_handshake_beyond_the_rate_is_turned_away_and_counted),
        ONE(one_turn_does_few_handshakes),
        ONE(one_turn_does_few_handshakes_behind_a_proxy_either),
        ONE(without_descriptors_old_links_live_and_the_loop_rests),
        ONE(one_turn_reads_no_more_than_64_kib_of_a_stream),
        ONE(a_paced_link_waits_to_be_polled),
    };
#undef ONE
    return cmocka_run_group_tests(tests, NULL, NULL);
}
