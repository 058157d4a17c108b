// SPDX-License-Identifier: MIT
// A player's connection on the server, the same for every transport.
//
// Owns the slots, handles, message budgets, the deadline for the first message and the
// per-address limits. Declines to know who the player is (game/admission) and how bytes travel
// (net/link). A handle {index, generation} is what others keep; a stale one resolves to nobody.

#ifndef NET_CONN_H
#define NET_CONN_H

#include "net/caller.h"
#include "net/msg.h"
#include "net/transport.h"

struct net_conn_id {
    uint32_t index;
    uint32_t generation; // 0 = no connection
};

#define NET_CONN_NONE ((struct net_conn_id){0, 0})

static inline bool net_conn_id_equal(struct net_conn_id a, struct net_conn_id b)
{
    return a.index == b.index && a.generation == b.generation;
}

static inline uint64_t net_conn_id_key(struct net_conn_id id)
{
    return (uint64_t)id.generation << 32 | id.index;
}

struct net_conns;

struct net_conn_events {
    void (*opened)(void *user, struct net_conn_id id);
    void (*message)(void *user, struct net_conn_id id, const struct net_msg *msg);
    // The last word about id; also called for closes that we ask for, before net_conn_close
    // returns, so that there is one place that cleans up.
    void (*closed)(void *user, struct net_conn_id id, uint16_t code);
    // A message of id is about to come, as in struct net_link_handler. May be NULL.
    void (*fetch)(void *user, struct net_conn_id id, unsigned step);
};

#define NET_CONN_FETCH_STEPS (NET_LINK_FETCH_STEPS - 1)

struct net_conn_info {
    unsigned state; // enum net_msg_states
    const char *transport;
    uint64_t number; // in log lines
    struct net_addr remote;
    struct net_addr local;
    const struct net_caller *caller; // as link.h has it; NULL in closed()
    bool confidential;
    bool ended_by_us; // during closed(): we told the peer the code
    uint64_t opened_ns;
};

// `capacity` connections at most, of which min(256, capacity / 4) may be without a verified player.
// config, hub and events are borrowed.
struct net_conns *net_conns_create(struct net_hub *hub, unsigned capacity,
                                   const struct net_conn_events *events, void *user,
                                   struct error *error) BASE_MUST_USE;
// Forgets all connections without calling events; their links are ended by net_hub_finish().
void net_conns_destroy(struct net_conns *conns);
// What to hand to net_hub_listen().
const struct net_acceptor *net_conns_acceptor(struct net_conns *conns);
// New connections are turned away with 1001 from now on (drain).
void net_conns_refuse_new(struct net_conns *conns);

// Functions on an id do nothing (or return false) when it no longer exists.
bool net_conn_info(const struct net_conns *conns, struct net_conn_id id,
                   struct net_conn_info *info);
// HELLO -> WAIT -> PLAY. Leaving HELLO wipes the token that came in a cookie. PLAY paces the link
// and lifts the cap on unverified connections.
void net_conn_set_state(struct net_conns *conns, struct net_conn_id id, unsigned state);
void net_conn_send(struct net_conns *conns, struct net_conn_id id, struct net_payload *payload,
                   enum net_delivery delivery);
// A hint: something is about to be sent. To be told of each step in order, some time apart.
void net_conn_fetch_send(const struct net_conns *conns, struct net_conn_id id, unsigned step);
#define NET_CONN_SEND_STEPS (1 + NET_LINK_SEND_FETCH_STEPS)
// Encodes into a payload and sends it.
void net_conn_send_msg(struct net_conns *conns, struct net_conn_id id, const struct net_msg *msg,
                       enum net_delivery delivery);
// Delivers the code on every transport; on TCP and TLS as a `closing` message before the end.
void net_conn_close(struct net_conns *conns, struct net_conn_id id, uint16_t code);
void net_conns_close_all(struct net_conns *conns, uint16_t code);
// Every open connection; `each` opens and closes none.
void net_conns_each(struct net_conns *conns,
                    void (*each)(void *context, struct net_conn_id id,
                                 const struct net_conn_info *info),
                    void *context);
unsigned net_conns_count(const struct net_conns *conns);

#endif
