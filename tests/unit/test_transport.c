// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/transport.h"

static const struct config nothing_set;

static void an_unknown_scheme_is_named_with_those_that_exist(void **state)
{
    (void)state;
    struct net_hub hub;
    struct error error = {""};
    net_hub_init(&hub, NULL, &nothing_set, NULL);
    assert_false(net_hub_listen(&hub, "quic://127.0.0.1:1", NULL, &error));
    assert_non_null(strstr(error.text, "--listen: quic://127.0.0.1:1: unknown scheme \"quic\""));
    assert_non_null(strstr(error.text, "udp, dtls, tcp, tls, ws, wss"));
    assert_null(net_hub_dial(&hub, "quic://127.0.0.1:1", NULL, NULL, &error));
    assert_false(net_hub_listen(&hub, "not a url", NULL, &error));
    net_hub_finish(&hub);
}

static void every_scheme_that_is_named_has_a_row_and_a_port_of_its_own(void **state)
{
    (void)state;
    static const char *const schemes[] = {"udp", "dtls", "tcp", "tls", "ws", "wss"};
    char named[64] = "";
    for (size_t i = 0; i < BASE_COUNT(schemes); i++) {
        const struct net_transport *transport = net_transport_find(schemes[i]);
        assert_non_null(transport);
        assert_string_equal(transport->scheme, schemes[i]);
        assert_true(transport->default_port > 0);
        assert_non_null(transport->listen);
        assert_non_null(transport->dial);
        for (size_t j = 0; j < i; j++) {
            bool same_ports = (i < 2) == (j < 2); // those of UDP are not those of TCP
            assert_true(!same_ports ||
                        transport->default_port != net_transport_find(schemes[j])->default_port);
        }
        snprintf(named + strlen(named), sizeof(named) - strlen(named), "%s%s", i ? ", " : "",
                 schemes[i]);
    }
    assert_string_equal(named, net_transport_schemes());
    assert_null(net_transport_find("quic"));
    assert_null(net_transport_find(""));
}

static void encrypted_schemes_say_so_and_ask_for_a_certificate(void **state)
{
    (void)state;
    static const struct {
        const char *scheme;
        bool encrypted;
    } rows[] = {{"udp", false}, {"tcp", false}, {"ws", false},
                {"tls", true},  {"wss", true},  {"dtls", true}};
    for (size_t i = 0; i < BASE_COUNT(rows); i++) {
        const struct net_transport *transport = net_transport_find(rows[i].scheme);
        assert_int_equal(transport->confidential, rows[i].encrypted);
        assert_int_equal(transport->needs_certificate, rows[i].encrypted);
    }
}

struct fake_endpoint {
    struct net_endpoint base;
    unsigned pumped, flushed, stopped;
    unsigned *destroyed;
};

static void fake_pump(struct net_endpoint *endpoint, uint64_t now_ns)
{
    assert_int_equal(now_ns, 7);
    ((struct fake_endpoint *)endpoint)->pumped++;
}

static void fake_flush(struct net_endpoint *endpoint, uint64_t now_ns)
{
    assert_int_equal(now_ns, 8);
    ((struct fake_endpoint *)endpoint)->flushed++;
}

static void fake_stop(struct net_endpoint *endpoint)
{
    ((struct fake_endpoint *)endpoint)->stopped++;
}

static void fake_destroy(struct net_endpoint *endpoint)
{
    ++*((struct fake_endpoint *)endpoint)->destroyed;
}

static void the_hub_reaches_every_endpoint(void **state)
{
    (void)state;
    static const struct net_endpoint_impl full = {fake_pump, fake_flush, fake_stop, fake_destroy};
    static const struct net_endpoint_impl bare = {.destroy = fake_destroy};
    const struct net_transport *transport = net_transport_find("memory");
    unsigned destroyed = 0;
    struct fake_endpoint a = {{.impl = &full, .transport = transport, .link_count = 3},
                              .destroyed = &destroyed};
    struct fake_endpoint b = {{.impl = &bare, .transport = transport, .link_count = 4},
                              .destroyed = &destroyed};
    struct net_hub hub;
    net_hub_init(&hub, NULL, &nothing_set, NULL);
    net_hub_add(&hub, &a.base);
    net_hub_add(&hub, &b.base);
    net_hub_pump(&hub, 7);
    net_hub_flush(&hub, 8);
    net_hub_stop_accepting(&hub);
    assert_int_equal(a.pumped, 1);
    assert_int_equal(a.flushed, 1);
    assert_int_equal(a.stopped, 1);
    assert_int_equal(net_hub_link_count(&hub), 7);
    net_hub_finish(&hub);
    assert_int_equal(destroyed, 2);
    assert_int_equal(net_hub_link_count(&hub), 0);
}

static void traffic_is_counted_by_transport(void **state)
{
    (void)state;
    struct counters *counters = counters_create();
    struct net_traffic udp, again, tcp;
    net_traffic_init(&udp, counters, "udp");
    net_traffic_init(&again, counters, "udp");
    net_traffic_init(&tcp, counters, "tcp");
    *udp.bytes_in += 5;
    *tcp.replaced += 2;
    assert_ptr_equal(udp.bytes_in, again.bytes_in);
    struct bytes_buf out;
    bytes_buf_init(&out, 65536);
    assert_true(counters_render(counters, &out));
    assert_true(bytes_buf_append_u8(&out, 0));
    const char *text = (const char *)bytes_buf_span(&out).data;
    assert_non_null(strstr(text, "paddock_received_bytes_total{transport=\"udp\"} 5"));
    assert_non_null(strstr(text, "paddock_replaced_messages_total{transport=\"tcp\"} 2"));
    bytes_buf_finish(&out);
    counters_destroy(counters);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unknown_scheme_is_named_with_those_that_exist),
        cmocka_unit_test(every_scheme_that_is_named_has_a_row_and_a_port_of_its_own),
        cmocka_unit_test(encrypted_schemes_say_so_and_ask_for_a_certificate),
        cmocka_unit_test(the_hub_reaches_every_endpoint),
        cmocka_unit_test(traffic_is_counted_by_transport),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
