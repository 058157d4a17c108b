// SPDX-License-Identifier: MIT
// What silence means in an ENet host: who connects and says nothing has never been there, who says
// goodbye and then nothing has left.
//
// Part of net/enet_host, which calls it for each goodbye and ten times a second; looks after what
// ENet forgets of its peers, and counts those who may be forgers.

#ifndef NET_ENET_SWEEP_H
#define NET_ENET_SWEEP_H

#include "net/enet_host.h"

// Whether the goodbye in the datagram that ENet has in hand, `at` behind a header of `header`
// bytes, is to be held back for now.
bool net_enet_sweep_holds(struct net_enet_host *host, const ENetPeer *peer, size_t header,
                          size_t at) BASE_MUST_USE;
// Brings up to date how many peers are in use, which may be less, and who of them is not proven.
void net_enet_sweep(struct net_enet_host *host);

#endif
