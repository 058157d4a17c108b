// SPDX-License-Identifier: MIT
// What every link does the same, whatever moves its bytes.

#include "net/link.h"

#include <assert.h>

#include "config/limits.h"

void net_link_send(struct net_link *link, struct net_payload *payload, enum net_delivery delivery)
{
    assert(payload->size <= LIMIT_MESSAGE_BYTES);
    link->messages_out++;
    link->bytes_out += payload->size;
    link->impl->send(link, payload, delivery);
}

void net_link_close(struct net_link *link, uint16_t code, const char *reason)
{
    assert(code != NET_CLOSE_LOST);
    link->impl->close(link, code, reason ? reason : net_close_text(code));
}

void net_link_set_urgent(struct net_link *link, bool urgent)
{
    if (link->impl->set_urgent) {
        link->impl->set_urgent(link, urgent);
    }
}

void net_link_fetch(const struct net_link *link, unsigned step)
{
    if (link->impl->fetch) {
        link->impl->fetch(link, step);
    }
}

void net_link_deliver(struct net_link *link, struct bytes_span message)
{
    assert(message.size <= LIMIT_MESSAGE_BYTES);
    link->messages_in++;
    link->bytes_in += message.size;
    link->handler->message(link->user, link, message);
}
