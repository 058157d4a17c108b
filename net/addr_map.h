// SPDX-License-Identifier: MIT
// 32-bit stand-ins for IPv6 addresses, for ENet, whose addresses have 32 bits.
//
// A stand-in lies in 240.0.0.0/4, where no IPv4 host is, and stays its address's for as long as it
// is asked for now and then. Memory is fixed when the map is made.

#ifndef NET_ADDR_MAP_H
#define NET_ADDR_MAP_H

#include "net/addr.h"

struct net_addr_map;

#define NET_ADDR_MAP_ENTRIES 16384
// A stand-in may be given to another address after this much quiet: longer than it takes until a
// peer that says nothing is given up.
#define NET_ADDR_MAP_IDLE_NS (15 * UINT64_C(1000000000))

// NULL with errno set.
struct net_addr_map *net_addr_map_create(void);
void net_addr_map_destroy(struct net_addr_map *map);
// The stand-in of addr's IP and scope (its port does not count), in network byte order as in
// s_addr; made when `make` is set and there is none yet. False when there is none or no room.
bool net_addr_map_name(struct net_addr_map *map, const struct net_addr *addr, uint64_t now_ns,
                       bool make, uint32_t *name) BASE_MUST_USE;
// Sets addr's IP and scope to what `name` stands for and counts as use. False when it stands for
// nothing.
bool net_addr_map_find(struct net_addr_map *map, uint32_t name, uint64_t now_ns,
                       struct net_addr *addr) BASE_MUST_USE;

#endif
