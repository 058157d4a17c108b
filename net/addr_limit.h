// SPDX-License-Identifier: MIT
// How much one address may do: open connections, new ones a second, and tokens that are refused.
//
// An address is an IPv4 address or an IPv6 /64, whose holder can use any address in it. Memory is
// fixed when the table is made. Knows nothing of connections; net/conn asks and reports.

#ifndef NET_ADDR_LIMIT_H
#define NET_ADDR_LIMIT_H

#include "config/config.h"
#include "net/addr.h"

struct net_addr_limit;

enum net_addr_verdict {
    NET_ADDR_OK,
    NET_ADDR_TOO_MANY, // open connections
    NET_ADDR_TOO_FAST, // new connections
    NET_ADDR_BLOCKED,  // for NET_ADDR_BLOCK_MS after too many tokens that were refused
};

#define NET_ADDR_BLOCK_MS 60000

// The limits are those of *config; `connections` is how many can be open in all.
struct net_addr_limit *net_addr_limit_create(const struct config *config, unsigned connections,
                                             struct error *error) BASE_MUST_USE;
void net_addr_limit_destroy(struct net_addr_limit *limit);

// A new attempt from this address: is it within both limits? Counts against the rate when it is.
enum net_addr_verdict net_addr_limit_attempt(struct net_addr_limit *limit,
                                             const struct net_addr *addr, uint64_t now_ns);
// A connection is to be open from now on: false when there are too many. Each true needs one
// net_addr_limit_close().
bool net_addr_limit_open(struct net_addr_limit *limit, const struct net_addr *addr) BASE_MUST_USE;
void net_addr_limit_close(struct net_addr_limit *limit, const struct net_addr *addr);
// A token from this address was refused. True when it is blocked from now on.
bool net_addr_limit_fail(struct net_addr_limit *limit, const struct net_addr *addr, uint64_t now_ns)
    BASE_MUST_USE;

#endif
