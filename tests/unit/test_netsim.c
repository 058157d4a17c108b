// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/netsim.h"

#define MS CLOCK_NS_PER_MS

// What came out of one simulated wire, in order.
struct sink {
    struct clock clock;
    struct loop *loop;
    struct netsim sim;
    unsigned count;
    uint32_t tags[4096];
    uint64_t times[4096];
};

static void deliver(void *user, struct net_payload *payload, uint32_t tag)
{
    struct sink *sink = user;
    (void)payload;
    sink->tags[sink->count] = tag;
    sink->times[sink->count++] = loop_now_ns(sink->loop);
}

static struct sink *sink_create(const struct netsim_options *options)
{
    struct sink *sink = calloc(1, sizeof(*sink));
    struct error error;
    clock_init_virtual(&sink->clock, CLOCK_NS_PER_S);
    sink->loop = loop_create(&sink->clock, &error);
    assert_non_null(sink->loop);
    netsim_init(&sink->sim, sink->loop, options, deliver, sink);
    return sink;
}

static void sink_destroy(struct sink *sink)
{
    netsim_finish(&sink->sim);
    loop_destroy(sink->loop);
    free(sink);
}

static void run_for(struct sink *sink, uint64_t duration_ns)
{
    uint64_t end_ns = loop_now_ns(sink->loop) + duration_ns;
    while (loop_now_ns(sink->loop) < end_ns) {
        loop_turn(sink->loop, end_ns);
    }
}

static void send_many(struct sink *sink, unsigned count, enum net_delivery delivery)
{
    for (unsigned i = 0; i < count; i++) {
        assert_true(netsim_send(&sink->sim, NULL, i, delivery));
    }
}

static void a_perfect_wire_keeps_order_and_loses_nothing(void **state)
{
    (void)state;
    struct sink *sink = sink_create(&(struct netsim_options){0});
    send_many(sink, 100, NET_UNRELIABLE);
    assert_int_equal(sink->count, 0); // never from inside send
    run_for(sink, MS);
    assert_int_equal(sink->count, 100);
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(sink->tags[i], i);
    }
    sink_destroy(sink);
}

static void messages_arrive_within_delay_and_jitter(void **state)
{
    (void)state;
    struct sink *sink =
        sink_create(&(struct netsim_options){.delay_ns = 40 * MS, .jitter_ns = 10 * MS});
    uint64_t sent_ns = loop_now_ns(sink->loop);
    send_many(sink, 500, NET_UNRELIABLE);
    run_for(sink, 100 * MS);
    assert_int_equal(sink->count, 500);
    bool reordered = false;
    for (unsigned i = 0; i < 500; i++) {
        assert_in_range(sink->times[i] - sent_ns, 40 * MS, 51 * MS);
        reordered |= sink->tags[i] != i;
    }
    assert_true(reordered);
    sink_destroy(sink);
}

static void unreliable_messages_are_lost_and_doubled_at_the_given_rates(void **state)
{
    (void)state;
    struct sink *sink = sink_create(&(struct netsim_options){.loss = 100, .seed = 5});
    send_many(sink, 2000, NET_UNRELIABLE);
    run_for(sink, MS);
    assert_in_range(sink->count, 1750, 1850);
    sink_destroy(sink);
    sink = sink_create(&(struct netsim_options){.duplicate = 200, .seed = 5});
    send_many(sink, 2000, NET_UNRELIABLE);
    run_for(sink, MS);
    assert_in_range(sink->count, 2330, 2470);
    sink_destroy(sink);
}

static void reliable_messages_arrive_once_and_in_order_whatever_happens(void **state)
{
    (void)state;
    struct sink *sink = sink_create(&(struct netsim_options){
        .loss = 300, .duplicate = 300, .delay_ns = 20 * MS, .jitter_ns = 20 * MS, .seed = 9});
    uint64_t sent_ns = loop_now_ns(sink->loop);
    send_many(sink, 500, NET_RELIABLE);
    run_for(sink, 10000 * MS);
    assert_int_equal(sink->count, 500);
    for (unsigned i = 0; i < 500; i++) {
        assert_int_equal(sink->tags[i], i);
    }
    assert_true(sink->times[499] - sent_ns > 100 * MS); // lost ones were sent again, later
    sink_destroy(sink);
}

static void the_same_seed_repeats_the_run_and_another_does_not(void **state)
{
    (void)state;
    struct sink *runs[3];
    for (unsigned i = 0; i < 3; i++) {
        runs[i] = sink_create(&(struct netsim_options){
            .loss = 200, .duplicate = 100, .jitter_ns = 30 * MS, .seed = i == 2 ? 8 : 7});
        send_many(runs[i], 1000, NET_UNRELIABLE);
        run_for(runs[i], 100 * MS);
    }
    assert_int_equal(runs[0]->count, runs[1]->count);
    assert_memory_equal(runs[0]->tags, runs[1]->tags, sizeof(runs[0]->tags));
    assert_memory_equal(runs[0]->times, runs[1]->times, sizeof(runs[0]->times));
    assert_memory_not_equal(runs[0]->tags, runs[2]->tags, sizeof(runs[0]->tags));
    for (unsigned i = 0; i < 3; i++) {
        sink_destroy(runs[i]);
    }
}

static void payloads_are_held_until_they_arrive_or_are_forgotten(void **state)
{
    (void)state;
    struct sink *sink = sink_create(&(struct netsim_options){.delay_ns = 5 * MS});
    struct net_payload *payload = net_payload_create(bytes_of("x", 1));
    assert_true(netsim_send(&sink->sim, payload, 1, NET_RELIABLE));
    assert_int_equal(payload->references, 2);
    run_for(sink, 10 * MS);
    assert_int_equal(payload->references, 1);
    assert_true(netsim_send(&sink->sim, payload, 2, NET_RELIABLE));
    netsim_clear(&sink->sim);
    assert_int_equal(payload->references, 1);
    run_for(sink, 10 * MS);
    assert_int_equal(sink->count, 1);
    net_payload_unref(payload);
    sink_destroy(sink);
}

static void a_full_wire_loses_unreliable_and_refuses_reliable_messages(void **state)
{
    (void)state;
    struct sink *sink = sink_create(&(struct netsim_options){.delay_ns = 1000 * MS});
    send_many(sink, NETSIM_ITEMS_MAX, NET_RELIABLE);
    assert_false(netsim_send(&sink->sim, NULL, 0, NET_RELIABLE));
    assert_true(netsim_send(&sink->sim, NULL, 0, NET_UNRELIABLE));
    assert_int_equal(sink->sim.count, NETSIM_ITEMS_MAX);
    sink_destroy(sink);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_perfect_wire_keeps_order_and_loses_nothing),
        cmocka_unit_test(messages_arrive_within_delay_and_jitter),
        cmocka_unit_test(unreliable_messages_are_lost_and_doubled_at_the_given_rates),
        cmocka_unit_test(reliable_messages_arrive_once_and_in_order_whatever_happens),
        cmocka_unit_test(the_same_seed_repeats_the_run_and_another_does_not),
        cmocka_unit_test(payloads_are_held_until_they_arrive_or_are_forgotten),
        cmocka_unit_test(a_full_wire_loses_unreliable_and_refuses_reliable_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
