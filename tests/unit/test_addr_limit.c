// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/addr_limit.h"

#define S CLOCK_NS_PER_S

static char proxies[][CONFIG_LIST_ITEM_BYTES] = {"127.0.0.0/8", "2001:db8:ffff::/48"};

static struct config *config_with(long open, long rate)
{
    struct config *config = calloc(1, sizeof(*config));
    config->connections_per_address = open;
    config->connects_per_second = rate;
    config->trusted_proxies.count = 2;
    config->trusted_proxies.items = proxies;
    return config;
}

static struct net_addr_limit *limit_with(long open, long rate)
{
    struct error error = {""};
    struct config *config = config_with(open, rate);
    struct net_addr_limit *limit = net_addr_limit_create(config, 100, &error);
    assert_non_null(limit);
    free(config); // only its values were taken
    return limit;
}

static struct net_addr_limit *limit_with_failures(long failures)
{
    struct error error = {""};
    struct config *config = config_with(0, 0);
    config->auth_failures = failures;
    struct net_addr_limit *limit = net_addr_limit_create(config, 100, &error);
    assert_non_null(limit);
    free(config);
    return limit;
}

static struct net_addr ip(const char *text)
{
    struct net_addr addr;
    assert_true(net_addr_parse_ip(text, &addr));
    return addr;
}

static void an_address_may_open_up_to_its_limit(void **state)
{
    (void)state;
    struct net_addr_limit *limit = limit_with(3, 0);
    struct net_addr a = ip("192.0.2.1"), b = ip("192.0.2.2");
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(net_addr_limit_attempt(limit, &a, S), NET_ADDR_OK);
        assert_true(net_addr_limit_open(limit, &a));
    }
    assert_int_equal(net_addr_limit_attempt(limit, &a, S), NET_ADDR_TOO_MANY);
    assert_false(net_addr_limit_open(limit, &a));
    assert_true(net_addr_limit_open(limit, &b)); // a neighbour is not hurt
    net_addr_limit_close(limit, &a);
    assert_int_equal(net_addr_limit_attempt(limit, &a, S), NET_ADDR_OK);
    assert_true(net_addr_limit_open(limit, &a));
    net_addr_limit_destroy(limit);
}

static void the_ports_of_an_address_share_its_limit(void **state)
{
    (void)state;
    struct net_addr_limit *limit = limit_with(1, 0);
    struct net_addr a = ip("192.0.2.1");
    a.port = 1000;
    assert_true(net_addr_limit_open(limit, &a));
    a.port = 1001;
    assert_false(net_addr_limit_open(limit, &a));
    net_addr_limit_destroy(limit);
}

static void an_ipv6_subnet_counts_as_one_address(void **state)
{
    (void)state;
    struct net_addr_limit *limit = limit_with(1, 0);
    struct net_addr a = ip("2001:db8::1"), same = ip("2001:db8::ffff:1"),
                    other = ip("2001:db8:0:1::1"), first = ip("::5");
    assert_true(net_addr_limit_open(limit, &a));
    assert_false(net_addr_limit_open(limit, &same));
    assert_true(net_addr_limit_open(limit, &other));
    assert_true(net_addr_limit_open(limit, &first));
    assert_false(net_addr_limit_open(limit, &first));
    net_addr_limit_destroy(limit);
}

static void new_connections_have_a_rate_with_a_burst_of_two_seconds(void **state)
{
    (void)state;
    struct net_addr_limit *limit = limit_with(0, 10);
    struct net_addr a = ip("192.0.2.1");
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(net_addr_limit_attempt(limit, &a, 7 * S), NET_ADDR_OK);
    }
    assert_int_equal(net_addr_limit_attempt(limit, &a, 7 * S), NET_ADDR_TOO_FAST);
    assert_int_equal(net_addr_limit_attempt(limit, &a, 7 * S + S / 10), NET_ADDR_OK);
    assert_int_equal(net_addr_limit_attempt(limit, &a, 7 * S + S / 10), NET_ADDR_TOO_FAST);
    net_addr_limit_destroy(limit);
}

static void ten_refused_tokens_in_a_minute_pass_and_one_more_blocks_for_a_minute(void **state)
{
    (void)state;
    struct net_addr_limit *limit = limit_with_failures(10);
    struct net_addr a = ip("192.0.2.1"), b = ip("192.0.2.2");
    for (unsigned i = 0; i < 10; i++) {
        assert_false(net_addr_limit_fail(limit, &a, 7 * S));
    }
    assert_int_equal(net_addr_limit_attempt(limit, &a, 7 * S), NET_ADDR_OK);
    assert_true(net_addr_limit_fail(limit, &a, 7 * S));
    assert_false(net_addr_limit_fail(limit, &a, 7 * S)); // it is already
    assert_int_equal(net_addr_limit_attempt(limit, &a, 7 * S), NET_ADDR_BLOCKED);
    assert_int_equal(net_addr_limit_attempt(limit, &b, 7 * S), NET_ADDR_OK);
    assert_int_equal(net_addr_limit_attempt(limit, &a, 67 * S - 1), NET_ADDR_BLOCKED);
    assert_int_equal(net_addr_limit_attempt(limit, &a, 67 * S), NET_ADDR_OK);
    assert_false(net_addr_limit_fail(limit, &a, 67 * S));
    net_addr_limit_destroy(limit);
}

static void refused_tokens_are_forgotten_one_by_one(void **state)
{
    (void)state;
    struct net_addr_limit *limit = limit_with_failures(10);
    struct net_addr a = ip("192.0.2.1");
    for (unsigned i = 0; i < 10; i++) {
        assert_false(net_addr_limit_fail(limit, &a, S));
    }
    assert_false(net_addr_limit_fail(limit, &a, 7 * S)); // a tenth of a minute later
    assert_true(net_addr_limit_fail(limit, &a, 13 * S - 1));
    net_addr_limit_destroy(limit);
}

static void refused_tokens_of_proxies_and_without_a_limit_block_nobody(void **state)
{
    (void)state;
    struct net_addr_limit *limit = limit_with_failures(1);
    struct net_addr proxy = ip("127.0.0.1"), a = ip("192.0.2.1");
    for (unsigned i = 0; i < 100; i++) {
        assert_false(net_addr_limit_fail(limit, &proxy, S));
    }
    assert_int_equal(net_addr_limit_attempt(limit, &proxy, S), NET_ADDR_OK);
    net_addr_limit_destroy(limit);
    limit = limit_with_failures(0);
    for (unsigned i = 0; i < 100; i++) {
        assert_false(net_addr_limit_fail(limit, &a, S));
    }
    net_addr_limit_destroy(limit);
}

static void zero_means_no_limit(void **state)
{
    (void)state;
    struct net_addr_limit *limit = limit_with(0, 0);
    struct net_addr a = ip("192.0.2.1");
    for (unsigned i = 0; i < 5000; i++) {
        assert_int_equal(net_addr_limit_attempt(limit, &a, S), NET_ADDR_OK);
        assert_true(net_addr_limit_open(limit, &a));
    }
    net_addr_limit_destroy(limit);
}

static void trusted_proxies_are_exempt(void **state)
{
    (void)state;
    static const char *const texts[] = {"127.0.0.1", "2001:db8:ffff:1::2"};
    struct net_addr_limit *limit = limit_with(1, 1);
    for (unsigned i = 0; i < 2; i++) {
        struct net_addr proxy = ip(texts[i]);
        for (unsigned n = 0; n < 100; n++) {
            assert_int_equal(net_addr_limit_attempt(limit, &proxy, S), NET_ADDR_OK);
            assert_true(net_addr_limit_open(limit, &proxy));
        }
        net_addr_limit_close(limit, &proxy);
    }
    net_addr_limit_destroy(limit);
}

// However many addresses knock, those who are in keep their count.
static void a_flood_of_addresses_never_forgets_an_open_connection(void **state)
{
    (void)state;
    struct net_addr_limit *limit = limit_with(1, 10);
    struct net_addr inside = ip("192.0.2.1");
    assert_true(net_addr_limit_open(limit, &inside));
    struct net_addr flood = ip("203.0.113.0");
    for (uint32_t i = 0; i < 200000; i++) {
        bytes_put_u32(flood.ip + 12, 0xcb000000u + i);
        (void)net_addr_limit_attempt(limit, &flood, S + i);
    }
    assert_false(net_addr_limit_open(limit, &inside));
    net_addr_limit_close(limit, &inside);
    assert_true(net_addr_limit_open(limit, &inside));
    net_addr_limit_destroy(limit);
}

// Whoever comes into the place of one that was blocked.
static void nobody_inherits_what_another_address_has_done(void **state)
{
    (void)state;
    struct net_addr_limit *limit = limit_with_failures(1);
    struct net_addr addr = ip("203.0.113.0");
    for (uint32_t i = 0; i < 5000; i++) {
        bytes_put_u32(addr.ip + 12, 0xcb000000u + i);
        assert_int_equal(net_addr_limit_attempt(limit, &addr, S), NET_ADDR_OK);
        assert_false(net_addr_limit_fail(limit, &addr, S));
        assert_true(net_addr_limit_fail(limit, &addr, S));
    }
    net_addr_limit_destroy(limit);
}

static void a_wrong_prefix_is_named(void **state)
{
    (void)state;
    struct config *config = config_with(1, 1);
    char wrong[1][CONFIG_LIST_ITEM_BYTES] = {"10.0.0.0/99"};
    struct error error = {""};
    config->trusted_proxies.count = 1;
    config->trusted_proxies.items = wrong;
    assert_null(net_addr_limit_create(config, 10, &error));
    assert_non_null(strstr(error.text, "--trusted-proxies: \"10.0.0.0/99\""));
    free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_may_open_up_to_its_limit),
        cmocka_unit_test(the_ports_of_an_address_share_its_limit),
        cmocka_unit_test(an_ipv6_subnet_counts_as_one_address),
        cmocka_unit_test(new_connections_have_a_rate_with_a_burst_of_two_seconds),
        cmocka_unit_test(ten_refused_tokens_in_a_minute_pass_and_one_more_blocks_for_a_minute),
        cmocka_unit_test(refused_tokens_are_forgotten_one_by_one),
        cmocka_unit_test(refused_tokens_of_proxies_and_without_a_limit_block_nobody),
        cmocka_unit_test(zero_means_no_limit),
        cmocka_unit_test(trusted_proxies_are_exempt),
        cmocka_unit_test(a_flood_of_addresses_never_forgets_an_open_connection),
        cmocka_unit_test(nobody_inherits_what_another_address_has_done),
        cmocka_unit_test(a_wrong_prefix_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
