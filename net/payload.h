// SPDX-License-Identifier: MIT
// One encoded message, shared by every connection that it goes to.
//
// A snapshot is encoded once per (session, baseline) and queued on all players who have that
// baseline; each queue holds a reference, none holds a copy. Immutable after it is made.

#ifndef NET_PAYLOAD_H
#define NET_PAYLOAD_H

#include "config/base/blocks.h"
#include "config/base/bytes.h"

struct net_payload {
    struct blocks *home; // what it goes back to; NULL = malloc's
    uint32_t references;
    uint32_t size;
    uint8_t bytes[];
};

// Copies `span` (at most LIMIT_MESSAGE_BYTES) into a payload with one reference, the caller's.
// NULL when memory is short.
struct net_payload *net_payload_create(struct bytes_span span) BASE_MUST_USE;
// The same from `home`, which outlives it: for messages that each player gets one of his own of.
struct net_payload *net_payload_create_in(struct blocks *home, struct bytes_span span)
    BASE_MUST_USE;
struct net_payload *net_payload_ref(struct net_payload *payload);
void net_payload_unref(struct net_payload *payload); // NULL is fine

static inline struct bytes_span net_payload_span(const struct net_payload *payload)
{
    return bytes_of(payload->bytes, payload->size);
}

#endif
