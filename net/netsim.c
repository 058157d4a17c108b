// SPDX-License-Identifier: MIT
// Fates and arrival times of messages, in a heap by arrival.

#include "net/netsim.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

// Even a perfect network takes a moment, so that two peers that answer each other at once cannot
// stop virtual time.
#define DELAY_MIN_NS (10 * CLOCK_NS_PER_US)

// Added to a round trip before a lost reliable message is sent again, as a real sender waits.
#define RETRANSMIT_EXTRA_NS   (20 * CLOCK_NS_PER_MS)
#define RETRANSMITS_MAX       32
#define NETSIM_CAPACITY_FIRST 16

// SplitMix64: every seed gives a good sequence, zero included.
static uint64_t random_next(struct netsim *sim)
{
    uint64_t z = sim->random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static bool chance(struct netsim *sim, uint32_t per_mille)
{
    return random_next(sim) % 1000 < per_mille;
}

static uint64_t travel_ns(struct netsim *sim)
{
    uint64_t jitter = random_next(sim) % (sim->options.jitter_ns + 1);
    return DELAY_MIN_NS + sim->options.delay_ns + jitter;
}

static bool earlier(const struct netsim_item *a, const struct netsim_item *b)
{
    return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->order < b->order;
}

static void swap(struct netsim_item *a, struct netsim_item *b)
{
    struct netsim_item held = *a;
    *a = *b;
    *b = held;
}

static bool push(struct netsim *sim, struct net_payload *payload, uint32_t tag, uint64_t due_ns)
{
    if (sim->count == sim->capacity) {
        unsigned capacity = sim->capacity ? sim->capacity * 2 : NETSIM_CAPACITY_FIRST;
        if (capacity > NETSIM_ITEMS_MAX) {
            return false;
        }
        struct netsim_item *items = realloc(sim->items, capacity * sizeof(*items));
        if (!items) {
            return false;
        }
        sim->items = items;
        sim->capacity = capacity;
    }
    unsigned at = sim->count++;
    sim->items[at] = (struct netsim_item){
        .due_ns = due_ns,
        .order = sim->order++,
        .payload = payload ? net_payload_ref(payload) : NULL,
        .tag = tag,
    };
    while (at > 0 && earlier(&sim->items[at], &sim->items[(at - 1) / 2])) {
        swap(&sim->items[at], &sim->items[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    loop_timer_set(sim->loop, &sim->timer, sim->items[0].due_ns);
    return true;
}

static struct netsim_item pop(struct netsim *sim)
{
    struct netsim_item first = sim->items[0];
    sim->items[0] = sim->items[--sim->count];
    unsigned at = 0;
    for (;;) {
        unsigned least = at;
        for (unsigned child = 2 * at + 1; child <= 2 * at + 2 && child < sim->count; child++) {
            if (earlier(&sim->items[child], &sim->items[least])) {
                least = child;
            }
        }
        if (least == at) {
            return first;
        }
        swap(&sim->items[at], &sim->items[least]);
        at = least;
    }
}

static void on_timer(void *context)
{
    struct netsim *sim = context;
    uint64_t now_ns = loop_now_ns(sim->loop);
    while (sim->count > 0 && sim->items[0].due_ns <= now_ns) {
        struct netsim_item item = pop(sim);
        sim->deliver(sim->user, item.payload, item.tag);
        net_payload_unref(item.payload);
    }
    if (sim->count > 0) {
        loop_timer_set(sim->loop, &sim->timer, sim->items[0].due_ns);
    }
}

void netsim_init(struct netsim *sim, struct loop *loop, const struct netsim_options *options,
                 void (*deliver)(void *user, struct net_payload *payload, uint32_t tag), void *user)
{
    assert(options->loss <= 900 && options->duplicate <= 1000);
    memset(sim, 0, sizeof(*sim));
    sim->loop = loop;
    sim->options = *options;
    sim->deliver = deliver;
    sim->user = user;
    sim->random = options->seed;
    loop_timer_init(&sim->timer, on_timer, sim);
}

void netsim_finish(struct netsim *sim)
{
    if (sim->loop) {
        netsim_clear(sim);
    }
    free(sim->items);
    sim->items = NULL;
    sim->capacity = 0;
}

void netsim_clear(struct netsim *sim)
{
    loop_timer_cancel(sim->loop, &sim->timer);
    for (unsigned i = 0; i < sim->count; i++) {
        net_payload_unref(sim->items[i].payload);
    }
    sim->count = 0;
}

static bool send_reliable(struct netsim *sim, struct net_payload *payload, uint32_t tag)
{
    uint64_t due_ns = loop_now_ns(sim->loop) + travel_ns(sim);
    uint64_t round_trip_ns = 2 * (sim->options.delay_ns + sim->options.jitter_ns);
    for (unsigned i = 0; i < RETRANSMITS_MAX && chance(sim, sim->options.loss); i++) {
        due_ns += round_trip_ns + RETRANSMIT_EXTRA_NS;
    }
    if (due_ns < sim->reliable_due_ns) {
        due_ns = sim->reliable_due_ns;
    }
    sim->reliable_due_ns = due_ns;
    return push(sim, payload, tag, due_ns);
}

// Full or lost is the same to the receiver of an unreliable message.
static void send_unreliable(struct netsim *sim, struct net_payload *payload, uint32_t tag)
{
    if (!chance(sim, sim->options.loss)) {
        (void)push(sim, payload, tag, loop_now_ns(sim->loop) + travel_ns(sim));
    }
}

bool netsim_send(struct netsim *sim, struct net_payload *payload, uint32_t tag,
                 enum net_delivery delivery)
{
    if (delivery == NET_RELIABLE) {
        return send_reliable(sim, payload, tag);
    }
    send_unreliable(sim, payload, tag);
    if (chance(sim, sim->options.duplicate)) {
        send_unreliable(sim, payload, tag);
    }
    return true;
}
