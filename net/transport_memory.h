// SPDX-License-Identifier: MIT
// Peers inside one process, for tests: memory://name, over a simulated network.
//
// A listener and the dials of the same hub meet by the URL's host. A dial says in its query how bad
// the network is, both ways alike:
//
//     memory://server?loss=50&duplicate=20&delay_ms=40&jitter_ms=10&seed=7
//
// loss and duplicate are per mille. Loss hurts unreliable messages; reliable ones arrive once, in
// order, the later for it. from=198.51.100.7 gives the dialler an address (default 127.0.0.1),
// confidential=0 makes the link count as readable by others. Everything is driven by the loop's
// timers, so virtual time works and a seed repeats a run exactly.

#ifndef NET_TRANSPORT_MEMORY_H
#define NET_TRANSPORT_MEMORY_H

#include "net/transport.h"

// A peer that has vanished is noticed after so long.
#define NET_MEMORY_TIMEOUT_NS (5 * CLOCK_NS_PER_S)

struct net_endpoint *net_memory_listen(struct net_hub *hub, const struct net_transport *self,
                                       const struct url *url, const struct net_acceptor *acceptor,
                                       struct error *error);
struct net_link *net_memory_dial(struct net_hub *hub, const struct net_transport *self,
                                 const struct url *url, const struct net_link_handler *handler,
                                 void *user, struct error *error);

// Cuts the cable of a link of this transport, either side's: nothing passes any more and both
// sides hear closed(NET_CLOSE_LOST) after NET_MEMORY_TIMEOUT_NS.
void net_memory_cut(struct net_link *link);
// The same for every link that was dialled with from=`ip`; returns how many there are.
unsigned net_memory_cut_from(struct net_hub *hub, const char *ip);

#endif
