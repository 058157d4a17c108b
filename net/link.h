// SPDX-License-Identifier: MIT
// A message link to one peer: what every transport offers and every user of one sees.
//
// A transport makes links (by accepting or dialling), moves whole messages over them and knows
// nothing of what they mean. The user above (net/conn on servers, net/client in clients) attaches a
// handler. ENet peers, TCP and WebSocket streams and in-process test peers all embed this struct
// first.
//
// Lifetime: the transport owns the link. After net_link_close() or after handler->closed() the
// user must not touch it again; exactly one of the two ends every attached link. Handlers may call
// any function here, close included; the transport frees nothing before the handler has returned.

#ifndef NET_LINK_H
#define NET_LINK_H

#include <stdbool.h>

#include "net/addr.h"
#include "net/close.h"
#include "net/payload.h"

enum net_delivery {
    NET_RELIABLE,   // arrives once, in order with other reliable messages, or the link ends
    NET_UNRELIABLE, // may be lost; on streams "newest wins": an unsent older one is replaced
};

struct net_caller;
struct net_link;

struct net_link_handler {
    // A dialled link is up (accepted links are up from the start). May be NULL.
    void (*opened)(void *user, struct net_link *link);
    // One whole message, at most LIMIT_MESSAGE_BYTES, valid during the call.
    void (*message)(void *user, struct net_link *link, struct bytes_span message);
    // A WebSocket text message before the player is admitted; NULL: closed with 1003.
    void (*text)(void *user, struct net_link *link, struct bytes_span text);
    // The peer or the transport ended the link; code as in close.h, reason maybe empty, never NULL.
    void (*closed)(void *user, struct net_link *link, uint16_t code, const char *reason);
    // A hint, for attached links only: a message is about to come, so what it will need should be
    // in the cache then. Told once for each step in order, some time apart, so that a step can read
    // what the one before it has had fetched. Changes nothing, and not every message is announced.
    // May be NULL.
    void (*fetch)(void *user, unsigned step);
};

#define NET_LINK_FETCH_STEPS 4

struct net_link_impl {
    // Takes a reference of its own if it keeps the payload. Never fails towards the caller: a full
    // queue ends in closed(NET_CLOSE_SLOW_CONSUMER) from the loop, never from inside send.
    void (*send)(struct net_link *link, struct net_payload *payload, enum net_delivery delivery);
    // NULL where the transport has no text messages.
    void (*send_text)(struct net_link *link, struct bytes_span text);
    void (*close)(struct net_link *link, uint16_t code, const char *reason);
    // URGENT while the peer is joining, PACED once it plays. May be NULL.
    void (*set_urgent)(struct net_link *link, bool urgent);
    // A hint like the handler's: something is about to be sent. May be NULL.
    void (*fetch)(const struct net_link *link, unsigned step);
};

#define NET_LINK_SEND_FETCH_STEPS 3

struct net_link {
    const struct net_link_impl *impl;
    const struct net_link_handler *handler; // NULL until attached
    void *user;
    const char *transport; // "udp", "tcp", ... a static string
    uint64_t number;       // in log lines, where it stands for this link from its first to its last
    struct net_addr remote;
    struct net_addr local;
    struct net_caller *caller; // what a WebSocket's request said of it; NULL elsewhere
    bool confidential;         // encrypted, loopback or in-process: nobody on the way can read it
    uint64_t bytes_in, bytes_out; // payload bytes of messages; counted in link.c
    uint64_t messages_in, messages_out;
};

static inline void net_link_attach(struct net_link *link, const struct net_link_handler *handler,
                                   void *user)
{
    link->handler = handler;
    link->user = user;
}

void net_link_send(struct net_link *link, struct net_payload *payload, enum net_delivery delivery);
// Tells the peer code and reason (net_close_text(code) when reason is NULL), then lets go. What was
// queued reliably before is still delivered if the peer takes it within close-ms.
void net_link_close(struct net_link *link, uint16_t code, const char *reason);
void net_link_set_urgent(struct net_link *link, bool urgent);
void net_link_fetch(const struct net_link *link, unsigned step);

// For transports: counts a message that has come whole and hands it to the user above. The link may
// have been closed by its handler when this returns.
void net_link_deliver(struct net_link *link, struct bytes_span message);

#endif
