// SPDX-License-Identifier: MIT
// An IP address and port of either family, and address prefixes.

#ifndef NET_ADDR_H
#define NET_ADDR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "config/base/bytes.h"
#include "config/base/error.h"

// IPv4 addresses are held IPv4-mapped (::ffff:a.b.c.d), so that one comparison serves both.
struct net_addr {
    uint8_t ip[16];
    uint16_t port;
    uint32_t scope; // the interface, where the same address may be behind several (fe80::/10)
};

struct net_prefix {
    uint8_t ip[16];
    uint8_t bits; // 0..128, counted in the mapped form (10.0.0.0/8 is 104 bits)
};

#define NET_ADDR_TEXT_BYTES 64

void net_addr_from_sockaddr(struct net_addr *addr, const struct sockaddr_storage *from);
socklen_t net_addr_to_sockaddr(const struct net_addr *addr, bool as_v6,
                               struct sockaddr_storage *to);
bool net_addr_is_v4(const struct net_addr *addr);
bool net_addr_is_loopback(const struct net_addr *addr);
bool net_addr_is_any(const struct net_addr *addr);
bool net_addr_equal(const struct net_addr *a, const struct net_addr *b);
// Same IP, ports and scopes ignored.
bool net_addr_equal_ip(const struct net_addr *a, const struct net_addr *b);
// For hash tables: keyed, so that nobody can choose addresses that meet in one place.
struct net_addr_key {
    uint64_t halves[2];
};
// False without randomness.
bool net_addr_key_init(struct net_addr_key *key) BASE_MUST_USE;
uint32_t net_addr_hash(const struct net_addr_key *key, const uint8_t ip[16], uint16_t port);
// "192.0.2.1:7777", "[2001:db8::1]:7777".
void net_addr_format(const struct net_addr *addr, char text[NET_ADDR_TEXT_BYTES]);
// An IP literal without port; no name is looked up.
bool net_addr_parse_ip(const char *text, struct net_addr *addr) BASE_MUST_USE;
// As proxies write it: an IP literal, or one with a port: "192.0.2.1:7", "[2001:db8::1]:7".
bool net_addr_parse(struct bytes_span text, struct net_addr *addr) BASE_MUST_USE;
// Literal or name ("localhost"); blocking look-up for names, so only at start-up and in clients'
// dials. Fills up to `max` addresses, returns how many, 0 with *error set.
unsigned net_addr_resolve(const char *host, uint16_t port, struct net_addr *addrs, unsigned max,
                          struct error *error) BASE_MUST_USE;
bool net_prefix_parse(const char *text, struct net_prefix *prefix, struct error *error)
    BASE_MUST_USE;
bool net_prefix_contains(const struct net_prefix *prefix, const struct net_addr *addr);

#endif
