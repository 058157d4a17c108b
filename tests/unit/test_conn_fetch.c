// SPDX-License-Identifier: MIT
// What connections hand on of hints: whose message is about to come, and to whom something goes.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/conn.h"

#define LINKS      2 // without a verified player: a quarter of the places
#define CAPACITY   8
#define ALL(steps) ((1u << (steps)) - 1)

struct fake_link {
    struct net_link base;
    unsigned fetched; // a bit for each step; the first, of the link itself, is not its own to take
};

struct fixture {
    struct clock clock;
    struct loop *loop;
    struct config *config;
    struct counters *counters;
    struct net_hub hub;
    struct net_conns *conns;
    struct fake_link links[LINKS];
    struct net_conn_id ids[LINKS];
    unsigned opened;
    struct net_conn_id announced;
    unsigned fetched; // a bit for each step
};

static void fake_close(struct net_link *link, uint16_t code, const char *reason)
{
    (void)link, (void)code, (void)reason;
}

static void fake_fetch(const struct net_link *link, unsigned step)
{
    assert_in_range(step, 1, NET_LINK_SEND_FETCH_STEPS - 1);
    ((struct fake_link *)(uintptr_t)link)->fetched |= 1u << step;
}

static const struct net_link_impl curious = {.close = fake_close, .fetch = fake_fetch};
static const struct net_link_impl incurious = {.close = fake_close};

static void on_opened(void *user, struct net_conn_id id)
{
    struct fixture *fixture = user;
    fixture->ids[fixture->opened++] = id;
}

static void on_closed(void *user, struct net_conn_id id, uint16_t code)
{
    (void)user, (void)id, (void)code;
}

static void on_fetch(void *user, struct net_conn_id id, unsigned step)
{
    struct fixture *fixture = user;
    assert_in_range(step, 0, NET_CONN_FETCH_STEPS - 1);
    fixture->announced = id;
    fixture->fetched |= 1u << step;
}

static struct fixture *create(const struct net_conn_events *events)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    struct error error;
    clock_init_virtual(&fixture->clock, CLOCK_NS_PER_S);
    fixture->loop = loop_create(&fixture->clock, &error);
    fixture->config = config_create_default();
    fixture->counters = counters_create();
    net_hub_init(&fixture->hub, fixture->loop, fixture->config, fixture->counters);
    fixture->conns = net_conns_create(&fixture->hub, CAPACITY, events, fixture, &error);
    assert_non_null(fixture->conns);
    const struct net_acceptor *acceptor = net_conns_acceptor(fixture->conns);
    for (unsigned i = 0; i < LINKS; i++) {
        struct net_link *link = &fixture->links[i].base;
        link->impl = &curious;
        link->transport = "udp";
        assert_true(net_addr_parse_ip("198.51.100.1", &link->remote));
        assert_int_equal(acceptor->accept(acceptor->user, link), 0);
    }
    return fixture;
}

static void destroy(struct fixture *fixture)
{
    net_conns_destroy(fixture->conns);
    net_hub_finish(&fixture->hub);
    counters_destroy(fixture->counters);
    config_destroy(fixture->config);
    loop_destroy(fixture->loop);
    free(fixture);
}

static void announce_message(const struct fixture *fixture, unsigned i)
{
    const struct net_link *link = &fixture->links[i].base;
    for (unsigned step = 0; step < NET_LINK_FETCH_STEPS; step++) {
        link->handler->fetch(link->user, step);
    }
}

static void announce_send(const struct fixture *fixture, struct net_conn_id id)
{
    for (unsigned step = 0; step < NET_CONN_SEND_STEPS; step++) {
        net_conn_fetch_send(fixture->conns, id, step);
    }
}

static void a_message_is_announced_to_the_user_by_its_handle(void **state)
{
    (void)state;
    static const struct net_conn_events events = {
        .opened = on_opened, .closed = on_closed, .fetch = on_fetch};
    struct fixture *fixture = create(&events);
    for (unsigned i = 0; i < LINKS; i++) {
        fixture->fetched = 0;
        announce_message(fixture, i);
        assert_int_equal(fixture->fetched, ALL(NET_CONN_FETCH_STEPS));
        assert_true(net_conn_id_equal(fixture->announced, fixture->ids[i]));
    }
    destroy(fixture);
}

static void a_user_need_not_want_to_know_of_messages_before(void **state)
{
    (void)state;
    static const struct net_conn_events events = {.opened = on_opened, .closed = on_closed};
    struct fixture *fixture = create(&events);
    announce_message(fixture, 0);
    assert_int_equal(fixture->fetched, 0);
    destroy(fixture);
}

static void what_is_to_be_sent_is_announced_to_links_that_are_open(void **state)
{
    (void)state;
    static const struct net_conn_events events = {.opened = on_opened, .closed = on_closed};
    struct fixture *fixture = create(&events);
    announce_send(fixture, fixture->ids[1]);
    assert_int_equal(fixture->links[0].fetched, 0);
    assert_int_equal(fixture->links[1].fetched, ALL(NET_LINK_SEND_FETCH_STEPS) - 1);
    net_conn_close(fixture->conns, fixture->ids[1], NET_CLOSE_NORMAL);
    fixture->links[1].fetched = 0;
    announce_send(fixture, fixture->ids[1]);
    assert_int_equal(fixture->links[1].fetched, 0);
    destroy(fixture);
}

static void nobody_and_links_that_do_not_want_to_know_are_no_matter(void **state)
{
    (void)state;
    static const struct net_conn_events events = {.opened = on_opened, .closed = on_closed};
    struct fixture *fixture = create(&events);
    announce_send(fixture, NET_CONN_NONE);
    fixture->links[0].fetched = 0;
    fixture->links[0].base.impl = &incurious;
    announce_send(fixture, fixture->ids[0]);
    assert_int_equal(fixture->links[0].fetched, 0);
    destroy(fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_is_announced_to_the_user_by_its_handle),
        cmocka_unit_test(a_user_need_not_want_to_know_of_messages_before),
        cmocka_unit_test(what_is_to_be_sent_is_announced_to_links_that_are_open),
        cmocka_unit_test(nobody_and_links_that_do_not_want_to_know_are_no_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
