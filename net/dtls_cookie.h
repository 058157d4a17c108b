// SPDX-License-Identifier: MIT
// The stateless cookie of RFC 6347, section 4.2.1: a client shows that it hears what is sent to its
// address before anything is kept of it.
//
// Owns the key, which changes; the one before is good, too. Declines to know what happens after.

#ifndef NET_DTLS_COOKIE_H
#define NET_DTLS_COOKIE_H

#include "net/addr.h"
#include "net/dtls_session.h"

#define NET_DTLS_COOKIE_KEY_BYTES 16
#define NET_DTLS_COOKIE_KEY_NS    (60 * UINT64_C(1000000000)) // how long a key makes new cookies
// Of the datagram that asks for the cookie; a hello that cookies are given for is longer.
#define NET_DTLS_COOKIE_ANSWER_BYTES 60

struct net_dtls_cookies {
    uint8_t keys[2][NET_DTLS_COOKIE_KEY_BYTES]; // the present one, and the one before
    uint64_t since_ns;                          // of the present one
};

// False without randomness.
bool net_dtls_cookies_init(struct net_dtls_cookies *cookies) BASE_MUST_USE;
void net_dtls_cookies_finish(struct net_dtls_cookies *cookies);

// For a datagram whose head says `hello`. True when it carries a cookie that was made for `from`,
// with what a session must begin with.
bool net_dtls_cookies_check(struct net_dtls_cookies *cookies, const struct net_addr *from,
                            uint64_t now_ns, struct bytes_span datagram,
                            struct net_dtls_prestate *prestate) BASE_MUST_USE;
// The answer to a hello without one: its size, always less than that of the hello; 0: none.
size_t net_dtls_cookies_answer(const struct net_dtls_cookies *cookies, const struct net_addr *from,
                               struct bytes_span hello,
                               uint8_t answer[NET_DTLS_COOKIE_ANSWER_BYTES]);

#endif
