// SPDX-License-Identifier: MIT
// TLS between two memories: what passes, what is refused, and what the other side is told.

#include <errno.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <gnutls/gnutls.h>

#include "net/layer_frame.h"
#include "net/layer_tls.h"
#include "net/layer_upgrade.h"
#include "net/layer_ws.h"
#include "net/tls_store.h"
#include "tests/support/layer_end.h"

static const layer_create tls_stack[] = {net_layer_tls_create, NULL};
static const layer_create frame_stack[] = {net_layer_tls_create, net_layer_frame_create, NULL};
static const layer_create wss_stack[] = {net_layer_tls_create, net_layer_upgrade_create,
                                         net_layer_ws_create, NULL};

static struct config *dev_config;
static struct net_tls_server *server_store;
static struct net_tls_credentials *server_credentials;
static struct net_tls_credentials *insecure;
static struct net_tls_credentials *trusting;    // trusts the server's certificate
static struct net_tls_credentials *distrusting; // trusts some other one
static struct layer_end server, client;

static struct net_tls_credentials *trust(const struct net_tls_server *store)
{
    struct error error = {""};
    char path[] = "/tmp/paddock-ca-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_true(net_tls_server_write_dev(store, path, &error));
    struct net_tls_credentials *credentials =
        net_tls_client_credentials_create(false, path, &error);
    unlink(path);
    assert_non_null(credentials);
    return credentials;
}

static int group_setup(void **state)
{
    (void)state;
    struct error error = {""};
    static struct clock clock;
    struct url url;
    clock_init_monotonic(&clock);
    dev_config = config_create_default();
    assert_true(config_set(dev_config, "dev", "true", &error));
    server_store = net_tls_server_create(dev_config, &clock, &error);
    assert_non_null(server_store);
    assert_true(url_parse("tls://localhost:1", &url, &error));
    struct net_tls_listener *listener = net_tls_listener_open(server_store, &url, &error);
    assert_non_null(listener);
    server_credentials = net_tls_listener_credentials(listener);
    insecure = net_tls_client_credentials_create(true, NULL, &error);
    trusting = trust(server_store);
    struct net_tls_server *other = net_tls_server_create(dev_config, &clock, &error);
    distrusting = trust(other);
    net_tls_server_destroy(other);
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    net_tls_credentials_unref(server_credentials);
    net_tls_credentials_unref(insecure);
    net_tls_credentials_unref(trusting);
    net_tls_credentials_unref(distrusting);
    net_tls_server_destroy(server_store);
    config_destroy(dev_config);
    return 0;
}

static void join(const layer_create *stack, struct net_tls_credentials *credentials,
                 const char *server_alpn, const char *client_alpn, const char *url)
{
    layer_end_init_tls(&server, true, stack, url, server_credentials, server_alpn);
    layer_end_init_tls(&client, false, stack, url, credentials, client_alpn);
    assert_int_equal(layer_end_up(&server), 0);
    assert_int_equal(layer_end_up(&client), 0);
}

static int teardown(void **state)
{
    (void)state;
    layer_end_finish(&client);
    layer_end_finish(&server);
    return 0;
}

static void run(size_t chop)
{
    layer_ends_run(&client, &server, chop);
}

static void write_to(struct layer_end *end, const void *bytes, size_t size)
{
    assert_true(net_layer_write(layer_end_top(end), bytes_of(bytes, size)));
}

// ---- what passes

static void messages_pass_both_ways_in_every_cut(void **state)
{
    static uint8_t payload[LIMIT_MESSAGE_BYTES];
    static const size_t chops[] = {1, 2, 5, 100, 1460, 0};
    for (unsigned i = 0; i < BASE_COUNT(chops); i++) {
        join(frame_stack, trusting, NULL, NULL, "tls://localhost:1");
        server.echoes = true;
        run(chops[i]);
        assert_true(server.is_up && client.is_up);
        for (unsigned j = 0; j < 20; j++) {
            memset(payload, (int)j, sizeof(payload));
            write_to(&client, payload, j * 800 + 1);
        }
        write_to(&client, payload, sizeof(payload));
        run(chops[i]);
        assert_int_equal(client.messages, 21);
        assert_true(bytes_equal(bytes_buf_span(&client.all), bytes_buf_span(&server.all)));
        assert_int_equal(server.code | client.code, 0);
        teardown(state);
    }
    join(frame_stack, trusting, NULL, NULL, "tls://localhost:1");
}

static void what_is_written_in_one_turn_leaves_as_one_record(void **state)
{
    (void)state;
    join(tls_stack, insecure, NULL, NULL, "tls://localhost:1");
    run(0);
    for (unsigned i = 0; i < 10; i++) {
        write_to(&server, "0123456789", 10);
    }
    assert_int_equal(server.sent.size, 0);
    net_layer_flush(layer_end_top(&server));
    assert_true(server.sent.size > 100 && server.sent.size < 150);
    assert_int_equal(bytes_buf_span(&server.sent).data[0], 23); // application data
    assert_int_equal(bytes_get_u16(bytes_buf_span(&server.sent).data + 3), server.sent.size - 5);
    run(0);
    assert_int_equal(client.last.size, 100);
}

static void the_certificate_is_checked_against_name_and_address(void **state)
{
    static const struct {
        const char *url;
        bool passes;
    } cases[] = {
        {"tls://localhost:1", true},  {"tls://127.0.0.1:1", true},    {"tls://[::1]:1", true},
        {"tls://127.0.0.2:1", false}, {"tls://example.com:1", false},
    };
    for (unsigned i = 0; i < BASE_COUNT(cases); i++) {
        join(tls_stack, trusting, NULL, NULL, cases[i].url);
        run(0);
        if (client.is_up != cases[i].passes || server.is_up != cases[i].passes) {
            fail_msg("%s", cases[i].url);
        }
        assert_int_equal(client.code, cases[i].passes ? 0 : NET_CLOSE_LOST);
        teardown(state);
    }
    join(tls_stack, distrusting, NULL, NULL, "tls://localhost:1");
    run(0);
    assert_false(client.is_up || server.is_up);
    assert_non_null(strstr(client.env.reason, "certificate"));
    assert_non_null(strstr(server.env.reason, "ertificate")); // the alert that it got
}

static void wss_passes_messages_and_closes(void **state)
{
    (void)state;
    join(wss_stack, trusting, "http/1.1", "http/1.1", "wss://localhost:1");
    server.echoes = true;
    run(3);
    assert_true(server.is_up && client.is_up);
    write_to(&client, "hello", 5);
    run(1);
    layer_end_expect_last(&client, "hello");
    layer_end_close(&server, NET_CLOSE_GOING_AWAY);
    run(1);
    assert_int_equal(client.ended_code, NET_CLOSE_GOING_AWAY);
    assert_true(client.is_shut && server.is_shut);
}

static void a_farewell_is_followed_by_close_notify(void **state)
{
    (void)state;
    join(frame_stack, insecure, NULL, NULL, "tls://localhost:1");
    run(0);
    layer_end_close(&server, NET_CLOSE_SESSION_OVER);
    assert_true(server.is_shut);
    run(0);
    assert_int_equal(client.ended_code, NET_CLOSE_SESSION_OVER);
    assert_int_equal(client.code, NET_CLOSE_LOST); // the end of TLS, after the farewell
}

// ---- alpn

static void alpn_must_agree_when_both_sides_ask_for_it(void **state)
{
    static const struct {
        const char *server_alpn, *client_alpn;
        bool passes;
    } cases[] = {
        {"http/1.1", "http/1.1", true},
        {"http/1.1", NULL, true},
        {NULL, NULL, true},
        {"http/1.1", "h2", false},
    };
    for (unsigned i = 0; i < BASE_COUNT(cases); i++) {
        join(tls_stack, insecure, cases[i].server_alpn, cases[i].client_alpn, "tls://localhost:1");
        run(0);
        assert_int_equal(server.is_up, cases[i].passes);
        assert_int_equal(client.is_up, cases[i].passes);
        if (!cases[i].passes) { // told by an alert, not left waiting
            assert_non_null(strstr(client.env.reason, "application protocol"));
        }
        teardown(state);
    }
    join(tls_stack, insecure, NULL, NULL, "tls://localhost:1");
}

// ---- what is refused

static void plain_http_is_answered_in_plain_text(void **state)
{
    (void)state;
    static const char request[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    join(wss_stack, insecure, "http/1.1", "http/1.1", "wss://localhost:1");
    for (size_t chop = 0; chop < 2; chop++) {
        layer_end_finish(&server);
        layer_end_init_tls(&server, true, wss_stack, "wss://localhost:1", server_credentials,
                           "http/1.1");
        assert_int_equal(layer_end_up(&server), 0);
        assert_int_equal(layer_end_feed(&server, bytes_of_string(request), chop),
                         NET_CLOSE_PROTOCOL);
        layer_end_close(&server, NET_CLOSE_PROTOCOL);
        assert_true(bytes_buf_append_u8(&server.sent, 0));
        const char *answer = (const char *)bytes_buf_span(&server.sent).data;
        assert_memory_equal(answer, "HTTP/1.1 400 Bad Request\r\n", 26);
        assert_non_null(strstr(answer, "wss://"));
        assert_true(server.is_shut);
        assert_int_equal(layer_end_feed(&server, bytes_of_string(request), 0), 0);
    }
}

static void garbage_is_refused_with_an_alert(void **state)
{
    (void)state;
    join(tls_stack, insecure, NULL, NULL, "tls://localhost:1");
    assert_int_equal(layer_end_feed(&server, bytes_of("\0\0\0\5hello", 9), 0), NET_CLOSE_PROTOCOL);
    assert_true(server.sent.size >= 7);
    assert_int_equal(bytes_buf_span(&server.sent).data[0], 21); // alert
    assert_int_equal(layer_end_feed(&server, bytes_of("more", 4), 0), 0);
}

static void a_changed_record_ends_the_stream(void **state)
{
    (void)state;
    join(tls_stack, insecure, NULL, NULL, "tls://localhost:1");
    run(0);
    write_to(&client, "transfer 1", 10);
    net_layer_flush(layer_end_top(&client));
    client.sent.memory[client.sent.start + client.sent.size - 1] ^= 1;
    run(0);
    assert_int_equal(server.code, NET_CLOSE_LOST);
    assert_int_equal(server.messages, 0);
    assert_int_equal(client.code, NET_CLOSE_LOST);
    assert_non_null(strstr(client.env.reason, "alert"));
    write_to(&server, "x", 1); // harmless
    layer_end_close(&server, NET_CLOSE_INTERNAL);
}

static void a_handshake_must_end_in_time(void **state)
{
    (void)state;
    join(tls_stack, insecure, NULL, NULL, "tls://localhost:1");
    assert_int_equal(layer_end_feed(&server, bytes_of(bytes_buf_span(&client.sent).data, 20), 0),
                     0);
    assert_int_equal(layer_end_wait_ms(&server, server.config->tls_handshake_ms - 1), 0);
    assert_int_equal(layer_end_wait_ms(&server, 1), NET_CLOSE_LOST);
    assert_int_equal(layer_end_wait_ms(&client, client.config->tls_handshake_ms), NET_CLOSE_LOST);
}

static void once_up_there_is_no_deadline(void **state)
{
    (void)state;
    join(tls_stack, insecure, NULL, NULL, "tls://localhost:1");
    run(0);
    assert_int_equal(layer_end_wait_ms(&server, 1000000), 0);
    assert_int_equal(layer_end_wait_ms(&client, 1000000), 0);
}

static void a_full_queue_breaks_nothing_but_the_stream(void **state)
{
    (void)state;
    join(tls_stack, insecure, NULL, NULL, "tls://localhost:1");
    run(0);
    server.full = true;
    write_to(&server, "x", 1);
    net_layer_flush(layer_end_top(&server));
    write_to(&server, "y", 1);
    net_layer_flush(layer_end_top(&server));
    layer_end_close(&server, NET_CLOSE_SLOW_CONSUMER);
    assert_true(server.is_shut);
    assert_int_equal(server.sent.size, 0);
}

// ---- versions and renegotiation, against a client of the test's own

struct raw_client {
    gnutls_session_t session;
    gnutls_certificate_credentials_t credentials;
};

static ssize_t raw_pull(gnutls_transport_ptr_t context, void *to, size_t size)
{
    struct raw_client *raw = context;
    struct bytes_span bytes = bytes_buf_span(&server.sent);
    if (bytes.size == 0) {
        gnutls_transport_set_errno(raw->session, EAGAIN);
        return -1;
    }
    size = size < bytes.size ? size : bytes.size;
    memcpy(to, bytes.data, size);
    bytes_buf_consume(&server.sent, size);
    return (ssize_t)size;
}

static ssize_t raw_push(gnutls_transport_ptr_t context, const void *from, size_t size)
{
    (void)context;
    layer_end_feed(&server, bytes_of(from, size), 0);
    return (ssize_t)size;
}

static void raw_init(struct raw_client *raw, const char *priorities)
{
    assert_int_equal(gnutls_init(&raw->session, GNUTLS_CLIENT | GNUTLS_NONBLOCK), 0);
    gnutls_certificate_allocate_credentials(&raw->credentials);
    gnutls_credentials_set(raw->session, GNUTLS_CRD_CERTIFICATE, raw->credentials);
    assert_int_equal(gnutls_priority_set_direct(raw->session, priorities, NULL), 0);
    gnutls_transport_set_ptr(raw->session, raw);
    gnutls_transport_set_pull_function(raw->session, raw_pull);
    gnutls_transport_set_push_function(raw->session, raw_push);
}

static int raw_handshake(struct raw_client *raw)
{
    int status = GNUTLS_E_AGAIN;
    for (unsigned i = 0; i < 100 && status == GNUTLS_E_AGAIN; i++) {
        status = gnutls_handshake(raw->session);
    }
    return status;
}

static void raw_finish(struct raw_client *raw)
{
    gnutls_deinit(raw->session);
    gnutls_certificate_free_credentials(raw->credentials);
}

static void only_tls_1_2_and_1_3_are_spoken(void **state)
{
    static const struct {
        const char *version;
        bool passes;
    } cases[] = {{"+VERS-TLS1.3", true},
                 {"+VERS-TLS1.2", true},
                 {"+VERS-TLS1.1", false},
                 {"+VERS-TLS1.0", false}};
    for (unsigned i = 0; i < BASE_COUNT(cases); i++) {
        struct raw_client raw;
        char priorities[64];
        join(tls_stack, insecure, NULL, NULL, "tls://localhost:1");
        snprintf(priorities, sizeof(priorities), "NORMAL:-VERS-ALL:%s", cases[i].version);
        raw_init(&raw, priorities);
        int status = raw_handshake(&raw);
        assert_int_equal(server.is_up, cases[i].passes);
        assert_int_equal(status, cases[i].passes ? 0 : GNUTLS_E_FATAL_ALERT_RECEIVED);
        assert_true(cases[i].passes || gnutls_alert_get(raw.session) == GNUTLS_A_PROTOCOL_VERSION);
        raw_finish(&raw);
        teardown(state);
    }
    join(tls_stack, insecure, NULL, NULL, "tls://localhost:1");
}

static void renegotiation_ends_the_stream(void **state)
{
    (void)state;
    struct raw_client raw;
    join(tls_stack, insecure, NULL, NULL, "tls://localhost:1");
    raw_init(&raw, "NORMAL:-VERS-ALL:+VERS-TLS1.2");
    assert_int_equal(raw_handshake(&raw), 0);
    assert_int_equal(server.code, 0);
    assert_int_not_equal(raw_handshake(&raw), 0);
    assert_int_equal(server.code, NET_CLOSE_LOST);
    raw_finish(&raw);
}

// ---- what GnuTLS gives back

static const char token[] = "a token that GnuTLS had in its own memory";
static unsigned frees, frees_with_token;

static void watching_free(void *memory)
{
    frees += memory != NULL;
    frees_with_token +=
        memory && memmem(memory, malloc_usable_size(memory), token, sizeof(token) - 1) != NULL;
    free(memory);
}

static ssize_t watched_push(gnutls_transport_ptr_t context, const void *from, size_t size)
{
    gnutls_free_function plain_free = gnutls_free;
    gnutls_free = watching_free;
    raw_push(context, from, size);
    gnutls_free = plain_free;
    return (ssize_t)size;
}

static void no_memory_is_given_back_with_a_token_in_it(void **state)
{
    static const char *const versions[] = {"NORMAL:-VERS-ALL:+VERS-TLS1.2",
                                           "NORMAL:-VERS-ALL:+VERS-TLS1.3"};
    for (unsigned i = 0; i < BASE_COUNT(versions); i++) {
        struct raw_client raw;
        join(tls_stack, insecure, NULL, NULL, "tls://localhost:1");
        raw_init(&raw, versions[i]);
        assert_int_equal(raw_handshake(&raw), 0);
        frees = frees_with_token = 0;
        gnutls_transport_set_push_function(raw.session, watched_push);
        assert_int_equal(gnutls_record_send(raw.session, token, strlen(token)), strlen(token));
        layer_end_expect_last(&server, token);
        assert_true(frees > 0);
        assert_int_equal(frees_with_token, 0);
        raw_finish(&raw);
        teardown(state);
    }
    join(tls_stack, insecure, NULL, NULL, "tls://localhost:1");
}

int main(void)
{
#define ONE(function) cmocka_unit_test_teardown(function, teardown)
    const struct CMUnitTest tests[] = {
        ONE(messages_pass_both_ways_in_every_cut),
        ONE(what_is_written_in_one_turn_leaves_as_one_record),
        ONE(the_certificate_is_checked_against_name_and_address),
        ONE(wss_passes_messages_and_closes),
        ONE(a_farewell_is_followed_by_close_notify),
        ONE(alpn_must_agree_when_both_sides_ask_for_it),
        ONE(plain_http_is_answered_in_plain_text),
        ONE(garbage_is_refused_with_an_alert),
        ONE(a_changed_record_ends_the_stream),
        ONE(a_handshake_must_end_in_time),
        ONE(once_up_there_is_no_deadline),
        ONE(a_full_queue_breaks_nothing_but_the_stream),
        ONE(only_tls_1_2_and_1_3_are_spoken),
        ONE(renegotiation_ends_the_stream),
        ONE(no_memory_is_given_back_with_a_token_in_it),
    };
#undef ONE
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
