// SPDX-License-Identifier: MIT
// What players are told to connect to, for each way in which a listener is reached from outside.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/public_host.h"
#include "net/public_url.h"

static struct config *config;
static struct error error;

static int setup(void **state)
{
    (void)state;
    config = config_create_default();
    return config ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    config_destroy(config);
    return 0;
}

static void set(const char *name, const char *value)
{
    assert_true(config_set(config, name, value, &error));
}

static void expect(const char *listener, const char *url_text)
{
    struct url url;
    char text[URL_TEXT_BYTES];
    const struct net_transport *transport = net_transport_of_listener(listener, &url, &error);
    assert_non_null(transport);
    net_public_url(config, transport, &url, text);
    assert_string_equal(text, url_text);
}

static void a_listener_is_where_it_listens(void **state)
{
    (void)state;
    expect("udp://192.0.2.1:5056", "udp://192.0.2.1:5056");
    expect("tls://[2001:db8::1]", "tls://[2001:db8::1]:7779");
    expect("wss://photon.example.com:9091", "wss://photon.example.com:9091/websocket");
    expect("wss://photon.example.com?cert=a", "wss://photon.example.com:9091/websocket");
}

static void all_addresses_need_a_name(void **state)
{
    (void)state;
    expect("wss://0.0.0.0:9091", "");
    expect("udp://[::]:5056", "");
    set("public-host", "photon.example.com");
    expect("wss://0.0.0.0:9091", "wss://photon.example.com:9091/websocket");
    expect("udp://[::]:5056", "udp://photon.example.com:5056");
    set("public-host", "[2001:db8::2]");
    expect("tcp://0.0.0.0:4531", "tcp://[2001:db8::2]:4531");
}

static void the_machines_name_can_be_a_part_of_it(void **state)
{
    (void)state;
    char machine[256];
    char url[URL_TEXT_BYTES];
    assert_int_equal(gethostname(machine, sizeof(machine)), 0);
    for (char *at = machine; *at; at++) {
        *at |= *at >= 'A' && *at <= 'Z' ? 0x20 : 0;
    }
    set("public-host", "eu.${HOSTNAME}.example.com");
    snprintf(url, sizeof(url), "udp://eu.%s.example.com:5056", machine);
    expect("udp://0.0.0.0:5056", url);
}

static void paths_lead_to_this_node(void **state)
{
    (void)state;
    set("websocket-path", "/game");
    expect("ws://127.0.0.1:9090", "ws://127.0.0.1:9090/game");
    set("node-id", "node1");
    expect("ws://127.0.0.1:9090", "ws://127.0.0.1:9090/game/node1");
    expect("tcp://127.0.0.1:4531", "tcp://127.0.0.1:4531");
}

static void a_listener_behind_a_proxy_says_it_all(void **state)
{
    (void)state;
    set("public-host", "photon.example.com");
    expect("ws://127.0.0.1:9090?public=wss://play.example.com/eu/1", "wss://play.example.com/eu/1");
    expect("udp://0.0.0.0:7777?public=udp://192.0.2.7:30007", "udp://192.0.2.7:30007");
}

static void what_is_no_url_of_ours_is_refused(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"ws://a:1?public=", "?public="},
        {"ws://a:1?public=play.example.com", "no scheme"},
        {"ws://a:1?public=https://play.example.com", "want one of udp, dtls, tcp, tls, ws, wss"},
        {"ws://a:1?public=wss://play.example.com?a", "without a query"},
    };
    struct url url;
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        assert_null(net_transport_of_listener(cases[i][0], &url, &error));
        assert_non_null(strstr(error.text, cases[i][1]));
        assert_memory_equal(error.text, "--listen: ws://a:1?public=", 26);
    }
}

static void a_public_host_is_a_host(void **state)
{
    (void)state;
    static const char *const bad[] = {"a:1",   "a/b",     "wss://a", "2001:db8::1",
                                      "a_b c", "${HOME}", "-a"};
    struct url url;
    for (size_t i = 0; i < BASE_COUNT(bad); i++) {
        set("public-host", bad[i]);
        assert_false(config_public_host(config, &url, &error));
        assert_string_equal(error.text,
                            "must be a name or an address (IPv6 in []), without a port");
    }
}

int main(void)
{
#define ONE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        ONE(a_listener_is_where_it_listens),
        ONE(all_addresses_need_a_name),
        ONE(the_machines_name_can_be_a_part_of_it),
        ONE(paths_lead_to_this_node),
        ONE(a_listener_behind_a_proxy_says_it_all),
        ONE(what_is_no_url_of_ours_is_refused),
        ONE(a_public_host_is_a_host),
    };
#undef ONE
    return cmocka_run_group_tests(tests, NULL, NULL);
}
