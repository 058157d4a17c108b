// SPDX-License-Identifier: MIT
// Reference counting of encoded messages.

#include "net/payload.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "config/limits.h"

static struct net_payload *fill(void *memory, struct blocks *home, struct bytes_span span)
{
    struct net_payload *payload = memory;
    if (!payload) {
        return NULL;
    }
    payload->home = home;
    payload->references = 1;
    payload->size = (uint32_t)span.size;
    if (span.size > 0) {
        memcpy(payload->bytes, span.data, span.size);
    }
    return payload;
}

struct net_payload *net_payload_create(struct bytes_span span)
{
    assert(span.size <= LIMIT_MESSAGE_BYTES);
    return fill(malloc(sizeof(struct net_payload) + span.size), NULL, span);
}

struct net_payload *net_payload_create_in(struct blocks *home, struct bytes_span span)
{
    assert(span.size <= LIMIT_MESSAGE_BYTES);
    return fill(blocks_take(home, sizeof(struct net_payload) + span.size), home, span);
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
    if (--payload->references > 0) {
        return;
    }
    if (payload->home) {
        blocks_give(payload->home, payload);
    } else {
        free(payload);
    }
}
