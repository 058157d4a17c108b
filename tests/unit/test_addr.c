// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/addr.h"

#include <arpa/inet.h>
#include <netinet/in.h>

static struct net_addr ip(const char *text)
{
    struct net_addr addr;
    if (!net_addr_parse_ip(text, &addr)) {
        fail_msg("%s", text);
    }
    return addr;
}

static void both_families_are_formatted(void **state)
{
    (void)state;
    static const struct {
        const char *ip;
        const char *text;
    } rows[] = {
        {"192.0.2.1", "192.0.2.1:7777"},
        {"::ffff:192.0.2.1", "192.0.2.1:7777"},
        {"2001:db8::1", "[2001:db8::1]:7777"},
        {"::", "[::]:7777"},
    };
    for (size_t i = 0; i < BASE_COUNT(rows); i++) {
        struct net_addr addr = ip(rows[i].ip);
        char text[NET_ADDR_TEXT_BYTES];
        addr.port = 7777;
        net_addr_format(&addr, text);
        assert_string_equal(text, rows[i].text);
    }
}

static void an_address_may_carry_its_port(void **state)
{
    (void)state;
    static const struct {
        const char *text, *formatted; // NULL: refused
    } rows[] = {
        {"192.0.2.1", "192.0.2.1:0"},
        {"192.0.2.1:0", "192.0.2.1:0"},
        {"192.0.2.1:65535", "192.0.2.1:65535"},
        {"2001:db8::1", "[2001:db8::1]:0"},
        {"[2001:db8::1]:7", "[2001:db8::1]:7"},
        {"192.0.2.1:65536", NULL},
        {"192.0.2.1:000001", NULL},
        {"192.0.2.1:", NULL},
        {"192.0.2.1:-1", NULL},
        {"192.0.2.1: 1", NULL},
        {"[192.0.2.1]:7", NULL},
        {"[2001:db8::1]", NULL},
        {"[2001:db8::1]:", NULL},
        {"]:1", NULL},
        {":1", NULL},
        {"", NULL},
        {"localhost:1", NULL},
    };
    for (size_t i = 0; i < BASE_COUNT(rows); i++) {
        struct net_addr addr;
        char text[NET_ADDR_TEXT_BYTES] = "";
        if (net_addr_parse(bytes_of_string(rows[i].text), &addr)) {
            net_addr_format(&addr, text);
        }
        if (strcmp(text, rows[i].formatted ? rows[i].formatted : "") != 0) {
            fail_msg("\"%s\": \"%s\"", rows[i].text, text);
        }
    }
    struct net_addr addr;
    char longer[NET_ADDR_TEXT_BYTES + 1];
    memset(longer, '1', sizeof(longer));
    assert_false(net_addr_parse(bytes_of(longer, sizeof(longer)), &addr));
    assert_false(net_addr_parse(bytes_of("1.2.3.4\0", 8), &addr));
}

static void what_is_no_literal_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"",          "localhost", "1.2.3", "1.2.3.4.5",
                                        "256.1.1.1", "1.2.3.4:5", "[::1]", "1:2:3:4",
                                        ":::",       "::1 "};
    for (size_t i = 0; i < BASE_COUNT(texts); i++) {
        struct net_addr addr;
        if (net_addr_parse_ip(texts[i], &addr)) {
            fail_msg("taken: \"%s\"", texts[i]);
        }
    }
}

static void socket_addresses_go_there_and_back(void **state)
{
    (void)state;
    static const char *const texts[] = {"192.0.2.1", "2001:db8::1", "0.0.0.0"};
    for (size_t i = 0; i < BASE_COUNT(texts); i++) {
        for (unsigned as_v6 = 0; as_v6 < 2; as_v6++) {
            struct net_addr addr = ip(texts[i]), back;
            addr.port = 65535;
            struct sockaddr_storage storage;
            socklen_t size = net_addr_to_sockaddr(&addr, as_v6, &storage);
            bool v4 = !as_v6 && net_addr_is_v4(&addr);
            assert_int_equal(storage.ss_family, v4 ? AF_INET : AF_INET6);
            assert_int_equal(size, v4 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
            net_addr_from_sockaddr(&back, &storage);
            assert_memory_equal(&back, &addr, sizeof(addr));
        }
    }
}

static void loopback_and_any_are_known_in_both_families(void **state)
{
    (void)state;
    static const struct {
        const char *ip;
        bool loopback, any, v4;
    } rows[] = {
        {"127.0.0.1", true, false, true},
        {"127.255.255.255", true, false, true},
        {"128.0.0.1", false, false, true},
        {"::1", true, false, false},
        {"::2", false, false, false},
        {"0.0.0.0", false, true, true},
        {"::", false, true, false},
        {"0.0.0.1", false, false, true},
        {"::ffff:127.0.0.1", true, false, true},
    };
    for (size_t i = 0; i < BASE_COUNT(rows); i++) {
        struct net_addr addr = ip(rows[i].ip);
        assert_int_equal(net_addr_is_loopback(&addr), rows[i].loopback);
        assert_int_equal(net_addr_is_any(&addr), rows[i].any);
        assert_int_equal(net_addr_is_v4(&addr), rows[i].v4);
    }
}

static void equal_ips_may_have_different_ports(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool same_ip;
    } rows[] = {
        {"192.0.2.1", "192.0.2.1", true},      {"192.0.2.1", "192.0.2.2", false},
        {"2001:db8::1", "2001:db8::2", false}, {"2001:db8::1", "2001:db8:0::1", true},
        {"::1", "192.0.2.1", false}, // the first 8 bytes are alike
    };
    for (size_t i = 0; i < BASE_COUNT(rows); i++) {
        struct net_addr a = ip(rows[i].a), b = ip(rows[i].b);
        a.port = 1;
        assert_int_equal(net_addr_equal_ip(&a, &b), rows[i].same_ip);
    }
}

static void prefixes_contain_what_they_say(void **state)
{
    (void)state;
    static const struct {
        const char *prefix, *ip;
        bool contains;
    } rows[] = {
        {"10.0.0.0/8", "10.255.0.1", true},
        {"10.0.0.0/8", "11.0.0.1", false},
        {"192.0.2.128/25", "192.0.2.128", true},
        {"192.0.2.128/25", "192.0.2.127", false},
        {"192.0.2.1", "192.0.2.1", true},
        {"192.0.2.1", "192.0.2.0", false},
        {"0.0.0.0/0", "255.1.2.3", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"::/0", "2001:db8::1", true},
        {"::/0", "192.0.2.1", true},
        {"2001:db8::/33", "2001:db8:7fff::", true},
        {"2001:db8::/33", "2001:db8:8000::", false},
        {"::1/128", "::1", true},
        {"::1", "::2", false},
    };
    for (size_t i = 0; i < BASE_COUNT(rows); i++) {
        struct net_prefix prefix;
        struct error error = {""};
        struct net_addr addr = ip(rows[i].ip);
        assert_true(net_prefix_parse(rows[i].prefix, &prefix, &error));
        if (net_prefix_contains(&prefix, &addr) != rows[i].contains) {
            fail_msg("%s %s", rows[i].prefix, rows[i].ip);
        }
    }
}

static void a_wrong_prefix_is_refused_with_its_reason(void **state)
{
    (void)state;
    static const struct {
        const char *text, *reason;
    } rows[] = {
        {"", "not an address"},
        {"localhost/8", "not an address"},
        {"10.0.0.0/33", "must be 0..32"},
        {"10.0.0.0/", "must be 0..32"},
        {"10.0.0.0/-1", "must be 0..32"},
        {"10.0.0.0/8x", "must be 0..32"},
        {"::/129", "must be 0..128"},
        {"10.0.0.1/8", "beyond its length of 8"},
        {"2001:db8::1/64", "beyond its length of 64"},
    };
    for (size_t i = 0; i < BASE_COUNT(rows); i++) {
        struct net_prefix prefix;
        struct error error = {""};
        assert_false(net_prefix_parse(rows[i].text, &prefix, &error));
        assert_non_null(strstr(error.text, rows[i].reason));
    }
}

static void literals_and_localhost_resolve(void **state)
{
    (void)state;
    struct net_addr addrs[4];
    struct error error = {""};
    assert_int_equal(net_addr_resolve("2001:db8::1", 80, addrs, 4, &error), 1);
    assert_int_equal(addrs[0].port, 80);
    unsigned count = net_addr_resolve("localhost", 81, addrs, 4, &error);
    assert_in_range(count, 1, 4);
    for (unsigned i = 0; i < count; i++) {
        assert_true(net_addr_is_loopback(&addrs[i]));
        assert_int_equal(addrs[i].port, 81);
    }
}

static void a_name_that_is_not_there_says_so(void **state)
{
    (void)state;
    struct net_addr addr;
    struct error error = {""};
    assert_int_equal(net_addr_resolve("no..such", 1, &addr, 1, &error), 0);
    assert_non_null(strstr(error.text, "cannot look up \"no..such\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_families_are_formatted),
        cmocka_unit_test(an_address_may_carry_its_port),
        cmocka_unit_test(what_is_no_literal_is_refused),
        cmocka_unit_test(socket_addresses_go_there_and_back),
        cmocka_unit_test(loopback_and_any_are_known_in_both_families),
        cmocka_unit_test(equal_ips_may_have_different_ports),
        cmocka_unit_test(prefixes_contain_what_they_say),
        cmocka_unit_test(a_wrong_prefix_is_refused_with_its_reason),
        cmocka_unit_test(literals_and_localhost_resolve),
        cmocka_unit_test(a_name_that_is_not_there_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
