// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/transport_memory.h"
#include "tests/support/transport_suite.h"

struct world {
    struct config *config;
    struct clock clock;
    struct loop *loop;
    struct net_hub hub;
    struct net_acceptor acceptor;
    struct net_link *accepted; // NULL after it has ended
    struct net_addr remote;
    bool confidential;
    unsigned opened, closed, received;
    uint16_t code;
    uint64_t closed_ns;
};

static void on_opened(void *user, struct net_link *link)
{
    (void)link;
    ((struct world *)user)->opened++;
}

static void on_message(void *user, struct net_link *link, struct bytes_span message)
{
    (void)link, (void)message;
    ((struct world *)user)->received++;
}

static void on_closed(void *user, struct net_link *link, uint16_t code, const char *reason)
{
    struct world *world = user;
    (void)link, (void)reason;
    world->closed++;
    world->code = code;
    world->closed_ns = loop_now_ns(world->loop);
    world->accepted = NULL;
}

static const struct net_link_handler handler = {
    .opened = on_opened,
    .message = on_message,
    .closed = on_closed,
};

static uint16_t on_accept(void *user, struct net_link *link)
{
    struct world *world = user;
    world->accepted = link;
    world->remote = link->remote;
    world->confidential = link->confidential;
    net_link_attach(link, &handler, world);
    return 0;
}

static int setup(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    struct error error = {""};
    clock_init_virtual(&world->clock, CLOCK_NS_PER_S);
    world->loop = loop_create(&world->clock, &error);
    world->config = config_create_default();
    net_hub_init(&world->hub, world->loop, world->config, NULL);
    world->acceptor = (struct net_acceptor){.accept = on_accept, .user = world};
    assert_true(net_hub_listen(&world->hub, "memory://server", &world->acceptor, &error));
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    net_hub_finish(&world->hub);
    loop_destroy(world->loop);
    config_destroy(world->config);
    free(world);
    return 0;
}

static void run_for(struct world *world, uint64_t duration_ns)
{
    uint64_t end_ns = loop_now_ns(world->loop) + duration_ns;
    while (loop_now_ns(world->loop) < end_ns) {
        loop_turn(world->loop, end_ns);
    }
}

static struct net_link *dial(struct world *world, const char *url)
{
    struct error error = {""};
    struct net_link *link = net_hub_dial(&world->hub, url, &handler, world, &error);
    if (!link) {
        fail_msg("%s: %s", url, error.text);
    }
    return link;
}

static void a_name_can_be_taken_once(void **state)
{
    struct world *world = *state;
    struct error error = {""};
    assert_false(net_hub_listen(&world->hub, "memory://server", &world->acceptor, &error));
    assert_string_equal(error.text, "memory://server is taken");
    assert_true(net_hub_listen(&world->hub, "memory://other", &world->acceptor, &error));
}

static void dialling_a_name_that_nobody_has_ends_as_lost(void **state)
{
    struct world *world = *state;
    dial(world, "memory://nobody");
    run_for(world, CLOCK_NS_PER_S);
    assert_int_equal(world->opened, 0);
    assert_int_equal(world->closed, 1);
    assert_int_equal(world->code, NET_CLOSE_LOST);
    assert_int_equal(net_hub_link_count(&world->hub), 0);
}

static void peers_are_local_and_private_unless_the_url_says_else(void **state)
{
    struct world *world = *state;
    dial(world, "memory://server");
    run_for(world, CLOCK_NS_PER_MS);
    assert_true(net_addr_is_loopback(&world->remote));
    assert_true(world->confidential);
    dial(world, "memory://server?from=198.51.100.7&confidential=0");
    run_for(world, CLOCK_NS_PER_MS);
    struct net_addr from;
    assert_true(net_addr_parse_ip("198.51.100.7", &from));
    assert_true(net_addr_equal_ip(&world->remote, &from));
    assert_false(world->confidential);
}

static void a_wrong_query_is_refused_and_named(void **state)
{
    struct world *world = *state;
    static const struct {
        const char *query, *reason;
    } rows[] = {
        {"lose=10", "unknown key \"lose\""},
        {"loss=901", "loss must be 0..900"},
        {"loss=-1", "loss must be 0..900"},
        {"delay_ms=", "delay_ms must be 0..10000"},
        {"jitter_ms=1x", "jitter_ms must be 0..10000"},
        {"from=nowhere", "from must be an IP address"},
    };
    for (size_t i = 0; i < BASE_COUNT(rows); i++) {
        char url[128];
        struct error error = {""};
        snprintf(url, sizeof(url), "memory://server?%s", rows[i].query);
        assert_null(net_hub_dial(&world->hub, url, &handler, world, &error));
        if (!strstr(error.text, rows[i].reason)) {
            fail_msg("%s: %s", url, error.text);
        }
    }
    assert_int_equal(net_hub_link_count(&world->hub), 0);
}

static void the_delay_of_the_url_is_what_a_message_takes(void **state)
{
    struct world *world = *state;
    struct net_link *link = dial(world, "memory://server?delay_ms=40");
    run_for(world, 100 * CLOCK_NS_PER_MS);
    assert_int_equal(world->opened, 1);
    struct net_payload *payload = net_payload_create(bytes_of("x", 1));
    net_link_send(link, payload, NET_RELIABLE);
    net_payload_unref(payload);
    run_for(world, 39 * CLOCK_NS_PER_MS);
    assert_int_equal(world->received, 0);
    run_for(world, 2 * CLOCK_NS_PER_MS);
    assert_int_equal(world->received, 1);
}

static void a_cut_cable_is_noticed_by_both_sides_after_the_timeout(void **state)
{
    struct world *world = *state;
    struct net_link *link = dial(world, "memory://server");
    run_for(world, CLOCK_NS_PER_MS);
    uint64_t cut_ns = loop_now_ns(world->loop);
    net_memory_cut(link);
    struct net_payload *payload = net_payload_create(bytes_of("x", 1));
    net_link_send(link, payload, NET_RELIABLE);
    net_link_send(world->accepted, payload, NET_RELIABLE);
    net_payload_unref(payload);
    run_for(world, NET_MEMORY_TIMEOUT_NS - CLOCK_NS_PER_MS);
    assert_int_equal(world->closed, 0);
    run_for(world, 2 * CLOCK_NS_PER_MS);
    assert_int_equal(world->closed, 2);
    assert_int_equal(world->code, NET_CLOSE_LOST);
    assert_int_equal(world->closed_ns - cut_ns, NET_MEMORY_TIMEOUT_NS);
    assert_int_equal(world->received, 0);
    assert_int_equal(net_hub_link_count(&world->hub), 0);
}

static void a_side_that_closes_over_a_cut_cable_hears_nothing_more(void **state)
{
    struct world *world = *state;
    struct net_link *link = dial(world, "memory://server");
    run_for(world, CLOCK_NS_PER_MS);
    net_memory_cut(link);
    net_link_close(link, NET_CLOSE_NORMAL, NULL);
    run_for(world, 2 * NET_MEMORY_TIMEOUT_NS);
    assert_int_equal(world->closed, 1); // the other side
    assert_int_equal(world->code, NET_CLOSE_LOST);
    assert_int_equal(net_hub_link_count(&world->hub), 0);
}

int main(void)
{
    const struct transport_suite perfect = {
        .name = "memory",
        .listen_url = "memory://suite",
        .dial_url = "memory://suite",
        .virtual_time = true,
        .one_hub = true,
        .vanish = net_memory_cut,
        .vanish_ms = 6000,
    };
    struct transport_suite slow = perfect;
    slow.name = "memory, 60 ms away";
    slow.dial_url = "memory://suite?delay_ms=50&jitter_ms=10&seed=3";
#define ONE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        ONE(a_name_can_be_taken_once),
        ONE(dialling_a_name_that_nobody_has_ends_as_lost),
        ONE(peers_are_local_and_private_unless_the_url_says_else),
        ONE(a_wrong_query_is_refused_and_named),
        ONE(the_delay_of_the_url_is_what_a_message_takes),
        ONE(a_cut_cable_is_noticed_by_both_sides_after_the_timeout),
        ONE(a_side_that_closes_over_a_cut_cable_hears_nothing_more),
    };
#undef ONE
    return transport_suite_run(&perfect) + transport_suite_run(&slow) +
           cmocka_run_group_tests(tests, NULL, NULL);
}
