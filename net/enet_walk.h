// SPDX-License-Identifier: MIT
// Which peers ENet gets to see, and when.
//
// Part of net/enet_host. ENet walks all its peers before and after it reads and each time it is
// asked to send, which is many walks a tick at thousands of peers, and sends acknowledgements and
// pings as datagrams of their own that might have gone along with the next snapshot. Here it sees
// those who have something to be sent, those whose time is up, and all of them only while it has a
// datagram in hand.

#ifndef NET_ENET_WALK_H
#define NET_ENET_WALK_H

#include "net/enet_host.h"

void net_enet_walk_hide(struct net_enet_host *host);
void net_enet_walk_show(struct net_enet_host *host);

// The next flush has something to send to this peer, maybe.
void net_enet_walk_touch(struct net_enet_host *host, const ENetPeer *peer);
// ENet is done with the datagram of host->heard.
void net_enet_walk_heard(struct net_enet_host *host);
// Sends what is queued for those who were touched.
void net_enet_walk_flush(struct net_enet_host *host);

// Whether it is time for net_enet_walk_next(), and when in a second ENet itself has to see all.
bool net_enet_walk_due(struct net_enet_host *host) BASE_MUST_USE;
bool net_enet_walk_throttles(const struct net_enet_host *host) BASE_MUST_USE;
// Repeats what was lost, and acknowledges and pings where nothing went along. Goes on at *at, which
// begins with 0; false at the end, true when there is an event first.
bool net_enet_walk_next(struct net_enet_host *host, size_t *at, ENetEvent *event) BASE_MUST_USE;

#endif
