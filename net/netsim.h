// SPDX-License-Identifier: MIT
// One direction of a simulated network: seeded loss, delay, jitter, duplication and reordering.
//
// Takes messages and gives them back later through a callback from a loop timer. Knows nothing of
// links or messages; the tag is the user's. The same seed and calls give the same fates.

#ifndef NET_NETSIM_H
#define NET_NETSIM_H

#include "config/base/loop.h"
#include "net/link.h"

struct netsim_options {
    uint32_t loss;      // per mille of transmissions, 0..900
    uint32_t duplicate; // per mille of unreliable messages, 0..1000
    uint64_t delay_ns;
    uint64_t jitter_ns; // added to the delay, uniformly 0..jitter; reorders unreliable messages
    uint64_t seed;
};

struct netsim_item {
    uint64_t due_ns;
    uint64_t order; // breaks ties in the order of sending
    struct net_payload *payload;
    uint32_t tag;
};

// Messages in flight at most; beyond, unreliable ones are lost and reliable ones refused.
#define NETSIM_ITEMS_MAX 8192

struct netsim {
    struct loop *loop;
    struct netsim_options options;
    void (*deliver)(void *user, struct net_payload *payload, uint32_t tag);
    void *user;
    struct loop_timer timer;
    struct netsim_item *items; // a heap, earliest first
    unsigned count, capacity;
    uint64_t order;
    uint64_t random;
    uint64_t reliable_due_ns; // reliable messages never overtake each other
};

// `deliver` borrows the payload; it may call netsim_send and netsim_clear, not netsim_finish.
void netsim_init(struct netsim *sim, struct loop *loop, const struct netsim_options *options,
                 void (*deliver)(void *user, struct net_payload *payload, uint32_t tag),
                 void *user);
void netsim_finish(struct netsim *sim);
// Takes a reference of its own; payload may be NULL. False when a reliable message found no room.
bool netsim_send(struct netsim *sim, struct net_payload *payload, uint32_t tag,
                 enum net_delivery delivery) BASE_MUST_USE;
// Forgets what is in flight.
void netsim_clear(struct netsim *sim);

#endif
