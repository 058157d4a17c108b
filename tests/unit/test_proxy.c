// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/proxy.h"
#include "tests/support/request_head.h"

static struct config *config;

static int begin(void **state)
{
    struct error error;
    (void)state;
    config = config_create_default();
    assert_true(config_set(config, "trusted-proxies", "127.0.0.0/8 10.0.0.0/8 ::1", &error));
    return 0;
}

static int end(void **state)
{
    (void)state;
    config_destroy(config);
    return 0;
}

// The verdict over a request with `fields` from `peer`; the address, if one is named, in *named.
static enum net_proxy_verdict read_from(const char *peer_ip, const char *fields,
                                        char named[NET_ADDR_TEXT_BYTES])
{
    struct net_addr peer;
    struct net_addr real;
    assert_true(net_addr_parse_ip(peer_ip, &peer));
    enum net_proxy_verdict verdict = net_proxy_read(config, request_head(fields), &peer, &real);
    named[0] = '\0';
    if (verdict == NET_PROXY_NAMED) {
        net_addr_format(&real, named);
    }
    return verdict;
}

static void use_header(const char *name)
{
    struct error error;
    assert_true(config_set(config, "ip-header", name, &error));
}

static void expect(const char *peer, const char *fields, enum net_proxy_verdict verdict,
                   const char *named)
{
    char text[NET_ADDR_TEXT_BYTES];
    enum net_proxy_verdict got = read_from(peer, fields, text);
    if (got != verdict || strcmp(text, named) != 0) {
        fail_msg("%s from %s: %d \"%s\"", fields, peer, got, text);
    }
}

static void without_ip_header_no_header_counts(void **state)
{
    (void)state;
    expect("127.0.0.1", "X-Real-IP: 192.0.2.1\r\nX-Forwarded-For: 192.0.2.1\r\n", NET_PROXY_SILENT,
           "");
}

static void a_trusted_proxy_names_the_client_in_every_form(void **state)
{
    (void)state;
    use_header("X-Real-IP");
    expect("127.0.0.1", "X-Real-IP: 192.0.2.1\r\n", NET_PROXY_NAMED, "192.0.2.1:0");
    expect("10.1.2.3", "x-real-ip: 192.0.2.1:65520\r\n", NET_PROXY_NAMED, "192.0.2.1:65520");
    expect("::1", "X-REAL-IP:  2001:db8::1 \r\n", NET_PROXY_NAMED, "[2001:db8::1]:0");
    expect("127.0.0.1", "X-Real-IP: [2001:db8::1]:443\r\n", NET_PROXY_NAMED, "[2001:db8::1]:443");
    expect("127.0.0.1", "X-Real-IP: ::ffff:192.0.2.1\r\n", NET_PROXY_NAMED, "192.0.2.1:0");
}

static void only_the_configured_header_is_read(void **state)
{
    (void)state;
    use_header("X-Client-IP");
    expect("127.0.0.1",
           "X-Real-IP: 7.7.7.7\r\nX-Forwarded-For: 7.7.7.7\r\nForwarded: for=7.7.7.7\r\n",
           NET_PROXY_SILENT, "");
    expect("127.0.0.1", "X-Forwarded-For: 7.7.7.7\r\nX-Client-IP: 192.0.2.1\r\n", NET_PROXY_NAMED,
           "192.0.2.1:0");
}

static void strangers_and_nonsense_are_not_believed(void **state)
{
    (void)state;
    static const char *const nonsense[] = {
        "",
        "unknown",
        "localhost",
        "192.0.2.1:",
        "192.0.2.1:65536",
        "192.0.2.1 ,1.1.1.1",
        "192.0.2.256",
        "192.0.2.1:0x1",
        "[192.0.2.1]",
        "[2001:db8::1]443",
        "[2001:db8::1",
        "2001:db8::1]",
        "fe80::1%eth0",
        "192.0.2.1 7.7.7.7",
        "_hidden",
        "192.0.2.1:+1",
    };
    use_header("X-Real-IP");
    expect("192.0.2.9", "X-Real-IP: 7.7.7.7\r\n", NET_PROXY_UNTRUSTED, "");
    expect("11.0.0.1", "X-Real-IP: 7.7.7.7\r\nX-Real-IP: 7.7.7.8\r\n", NET_PROXY_UNTRUSTED, "");
    expect("127.0.0.1", "X-Real-IP: 7.7.7.7\r\nX-Real-IP: 7.7.7.7\r\n", NET_PROXY_AMBIGUOUS, "");
    for (size_t i = 0; i < BASE_COUNT(nonsense); i++) {
        char fields[256];
        snprintf(fields, sizeof(fields), "X-Real-IP: %s\r\n", nonsense[i]);
        expect("127.0.0.1", fields, NET_PROXY_MALFORMED, "");
    }
}

static void of_a_list_the_last_stranger_is_the_client(void **state)
{
    (void)state;
    use_header("X-Forwarded-For");
    expect("127.0.0.1", "X-Forwarded-For: 192.0.2.1\r\n", NET_PROXY_NAMED, "192.0.2.1:0");
    // What the client wrote itself stands further left.
    expect("127.0.0.1", "X-Forwarded-For: 7.7.7.7, 192.0.2.1\r\n", NET_PROXY_NAMED, "192.0.2.1:0");
    expect("127.0.0.1", "X-Forwarded-For: \"junk, 192.0.2.1\r\n", NET_PROXY_NAMED, "192.0.2.1:0");
    expect("127.0.0.1", "X-Forwarded-For: 7.7.7.7, 192.0.2.1, 10.0.0.5, 127.0.0.1\r\n",
           NET_PROXY_NAMED, "192.0.2.1:0");
    // Some proxies add a header of their own.
    expect("127.0.0.1", "X-Forwarded-For: 7.7.7.7\r\nX-Forwarded-For: 192.0.2.1\r\n",
           NET_PROXY_NAMED, "192.0.2.1:0");
    expect("127.0.0.1", "X-Forwarded-For: 10.0.0.5, 127.0.0.1\r\n", NET_PROXY_NAMED, "10.0.0.5:0");
    // Whom a proxy of ours had before it is not known: nobody further left is believed instead.
    expect("127.0.0.1", "X-Forwarded-For: 192.0.2.1, unknown, 10.0.0.5\r\n", NET_PROXY_MALFORMED,
           "");
    expect("127.0.0.1", "X-Forwarded-For: ,\r\n", NET_PROXY_SILENT, "");
    expect("192.0.2.9", "X-Forwarded-For: 7.7.7.7\r\n", NET_PROXY_UNTRUSTED, "");
}

#define WITH_CONFIG(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CONFIG(without_ip_header_no_header_counts),
        WITH_CONFIG(a_trusted_proxy_names_the_client_in_every_form),
        WITH_CONFIG(only_the_configured_header_is_read),
        WITH_CONFIG(strangers_and_nonsense_are_not_believed),
        WITH_CONFIG(of_a_list_the_last_stranger_is_the_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
