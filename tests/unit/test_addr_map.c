// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "net/addr_map.h"

#define START 1000

static int setup(void **state)
{
    *state = net_addr_map_create();
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    net_addr_map_destroy(*state);
    return 0;
}

static struct net_addr address(uint32_t number)
{
    struct net_addr addr = {.ip = {0x20, 0x01, 0x0d, 0xb8}, .port = 7};
    bytes_put_u32(addr.ip + 12, number);
    return addr;
}

static void a_name_stands_for_its_address(void **state)
{
    struct net_addr_map *map = *state;
    struct net_addr a = address(1), b = address(2), found = {0};
    uint32_t name_a, name_b, again;
    assert_true(net_addr_map_name(map, &a, START, true, &name_a));
    assert_true(net_addr_map_name(map, &b, START, true, &name_b));
    assert_int_not_equal(name_a, name_b);
    assert_true(net_addr_map_name(map, &a, START, false, &again));
    assert_int_equal(again, name_a);
    assert_true(net_addr_map_find(map, name_b, START, &found));
    assert_true(net_addr_equal_ip(&found, &b));
}

static void the_same_address_behind_two_interfaces_is_two(void **state)
{
    struct net_addr a = {.ip = {0xfe, 0x80, [15] = 1}, .scope = 1}, b = a, found = {0};
    uint32_t name_a, name_b;
    b.scope = 2;
    assert_true(net_addr_map_name(*state, &a, START, true, &name_a));
    assert_true(net_addr_map_name(*state, &b, START, true, &name_b));
    assert_int_not_equal(name_a, name_b);
    assert_true(net_addr_map_find(*state, name_b, START, &found));
    assert_true(net_addr_equal_ip(&found, &b));
    assert_int_equal(found.scope, 2);
}

static void a_name_is_no_hosts_address(void **state)
{
    struct net_addr a = address(1);
    uint32_t name;
    assert_true(net_addr_map_name(*state, &a, START, true, &name));
    assert_int_equal(ntohl(name) >> 28, 0xf);
    assert_int_not_equal(name, INADDR_BROADCAST);
}

static void the_port_does_not_count(void **state)
{
    struct net_addr a = address(1);
    uint32_t name, again;
    assert_true(net_addr_map_name(*state, &a, START, true, &name));
    a.port = 8;
    assert_true(net_addr_map_name(*state, &a, START, false, &again));
    assert_int_equal(again, name);
}

static void nothing_is_made_unasked_and_nothing_found_that_is_not_there(void **state)
{
    struct net_addr a = address(1);
    uint32_t name;
    assert_false(net_addr_map_name(*state, &a, START, false, &name));
    assert_false(net_addr_map_find(*state, htonl(0xf0000000), START, &a));
    assert_false(net_addr_map_find(*state, htonl(0x7f000001), START, &a));
    assert_false(net_addr_map_find(*state, htonl(0xf0000000 + NET_ADDR_MAP_ENTRIES), START, &a));
}

// A full table takes nobody until some name has been quiet for long enough.
static void names_are_given_anew_after_quiet_only(void **state)
{
    struct net_addr_map *map = *state;
    uint32_t names = 0, refused = 0, name;
    for (uint32_t i = 0; i < 4 * NET_ADDR_MAP_ENTRIES; i++) {
        struct net_addr a = address(i);
        if (net_addr_map_name(map, &a, START, true, &name)) {
            names++;
        } else {
            refused = i;
        }
    }
    assert_in_range(names, NET_ADDR_MAP_ENTRIES * 9 / 10, NET_ADDR_MAP_ENTRIES);
    assert_int_not_equal(refused, 0);
    struct net_addr late = address(refused), first = address(0);
    assert_true(net_addr_map_name(map, &first, START + 1, false, &name));
    assert_false(net_addr_map_name(map, &late, START + NET_ADDR_MAP_IDLE_NS - 1, true, &name));
    assert_true(net_addr_map_name(map, &late, START + NET_ADDR_MAP_IDLE_NS, true, &name));
}

static void use_keeps_a_name(void **state)
{
    struct net_addr_map *map = *state;
    struct net_addr kept = address(0), found;
    uint32_t name, other;
    assert_true(net_addr_map_name(map, &kept, START, true, &name));
    uint64_t now_ns = START;
    for (unsigned round = 0; round < 4; round++) {
        now_ns += NET_ADDR_MAP_IDLE_NS - 1;
        assert_true(net_addr_map_find(map, name, now_ns, &found));
        for (uint32_t i = 0; i < 2 * NET_ADDR_MAP_ENTRIES; i++) {
            struct net_addr a = address(1 + round * 2 * NET_ADDR_MAP_ENTRIES + i);
            (void)!net_addr_map_name(map, &a, now_ns, true, &other);
        }
    }
    assert_true(net_addr_map_find(map, name, now_ns, &found));
    assert_true(net_addr_equal_ip(&found, &kept));
}

int main(void)
{
#define ONE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        ONE(a_name_stands_for_its_address),
        ONE(the_same_address_behind_two_interfaces_is_two),
        ONE(a_name_is_no_hosts_address),
        ONE(the_port_does_not_count),
        ONE(nothing_is_made_unasked_and_nothing_found_that_is_not_there),
        ONE(names_are_given_anew_after_quiet_only),
        ONE(use_keeps_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
