// SPDX-License-Identifier: MIT
// Reference counting of encoded messages.
//
// Plain malloc: glibc's per-thread cache already is the free list that a pool for small payloads
// would be (20 ns a pair), and a pool of our own would be a global or a handle in every caller.

#include "net/payload.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "config/limits.h"

struct net_payload *net_payload_create(struct bytes_span span)
{
    assert(span.size <= LIMIT_MESSAGE_BYTES);
    struct net_payload *payload = malloc(sizeof(*payload) + span.size);
    if (!payload) {
        return NULL;
    }
    payload->references = 1;
    payload->size = (uint32_t)span.size;
    if (span.size > 0) {
        memcpy(payload->bytes, span.data, span.size);
    }
    return payload;
}

struct net_payload *net_payload_ref(struct net_payload *payload)
{
    assert(payload->references > 0 && payload->references < UINT32_MAX);
    payload->references++;
    return payload;
}

void net_payload_unref(struct net_payload *payload)
{
    if (!payload) {
        return;
    }
    assert(payload->references > 0);
    if (--payload->references == 0) {
        free(payload);
    }
}
