// SPDX-License-Identifier: MIT
// The connect cookie: a client shows that it hears what is sent to its address, before it costs us
// anything. Stateless: the cookie is a keyed hash of the address and the time.
//
// The datagrams are no ENet ones (its flag for compression is set, which we do not use), so an ENet
// without cookies drops them. net/README.md has the format.

#ifndef NET_UDP_COOKIE_H
#define NET_UDP_COOKIE_H

#include "net/addr.h"

#define NET_UDP_COOKIE_ASK_BYTES    32 // twice as much as the answer has
#define NET_UDP_COOKIE_ANSWER_BYTES 16
#define NET_UDP_COOKIE_EPOCH_NS     (10 * UINT64_C(1000000000))

// --udp-cookie, in this order.
enum net_udp_cookie_mode {
    NET_UDP_COOKIE_OFF,
    NET_UDP_COOKIE_OPTIONAL, // needed while too many connect without one
    NET_UDP_COOKIE_REQUIRED,
};

struct net_udp_cookies {
    uint8_t secret[32];
};

// False without randomness.
bool net_udp_cookies_init(struct net_udp_cookies *cookies) BASE_MUST_USE;
void net_udp_cookies_finish(struct net_udp_cookies *cookies);
// Never 0.
uint32_t net_udp_cookie_make(const struct net_udp_cookies *cookies, const struct net_addr *addr,
                             uint64_t now_ns);
// Made in this epoch or the one before.
bool net_udp_cookie_valid(const struct net_udp_cookies *cookies, const struct net_addr *addr,
                          uint64_t now_ns, uint32_t cookie);

void net_udp_cookie_put_ask(uint8_t bytes[NET_UDP_COOKIE_ASK_BYTES], uint32_t nonce);
bool net_udp_cookie_get_ask(struct bytes_span datagram, uint32_t *nonce) BASE_MUST_USE;
void net_udp_cookie_put_answer(uint8_t bytes[NET_UDP_COOKIE_ANSWER_BYTES], uint32_t nonce,
                               uint32_t cookie);
// False also when it answers another question.
bool net_udp_cookie_get_answer(struct bytes_span datagram, uint32_t nonce, uint32_t *cookie)
    BASE_MUST_USE;

#endif
