// SPDX-License-Identifier: MIT
// HMAC-SHA256 cut to 32 bits, which is what ENet's connect command has room for. Guessing one takes
// two thousand million datagrams, each of which is dropped unanswered.

#include "net/udp_cookie.h"

#include <assert.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <string.h>
#include <sys/random.h>

#include "config/secret.h"

#define MAC_BYTES 32

// ENet's first two bytes with all flags set, to nobody; then who we are and which of the two it is.
static const uint8_t ask_begin[8] = {0xff, 0xff, 'P', 'C', 0};
static const uint8_t answer_begin[8] = {0xff, 0xff, 'P', 'C', 1};

bool net_udp_cookies_init(struct net_udp_cookies *cookies)
{
    return getrandom(cookies->secret, sizeof(cookies->secret), 0) ==
           (ssize_t)sizeof(cookies->secret);
}

void net_udp_cookies_finish(struct net_udp_cookies *cookies)
{
    secret_wipe(cookies, sizeof(*cookies));
}

static uint32_t make(const struct net_udp_cookies *cookies, const struct net_addr *addr,
                     uint64_t epoch)
{
    uint8_t input[sizeof(addr->ip) + 2 + 8], mac[MAC_BYTES];
    memcpy(input, addr->ip, sizeof(addr->ip));
    bytes_put_u16(input + sizeof(addr->ip), addr->port);
    bytes_put_u32(input + sizeof(addr->ip) + 2, (uint32_t)(epoch >> 32));
    bytes_put_u32(input + sizeof(addr->ip) + 6, (uint32_t)epoch);
    int result = gnutls_hmac_fast(GNUTLS_MAC_SHA256, cookies->secret, sizeof(cookies->secret),
                                  input, sizeof(input), mac);
    assert(result == 0);
    uint32_t cookie = bytes_get_u32(mac);
    return cookie ? cookie : 1;
}

uint32_t net_udp_cookie_make(const struct net_udp_cookies *cookies, const struct net_addr *addr,
                             uint64_t now_ns)
{
    return make(cookies, addr, now_ns / NET_UDP_COOKIE_EPOCH_NS);
}

// Whether a 32-bit guess was right shows in the answer anyway, so how long it takes tells nothing.
bool net_udp_cookie_valid(const struct net_udp_cookies *cookies, const struct net_addr *addr,
                          uint64_t now_ns, uint32_t cookie)
{
    uint64_t epoch = now_ns / NET_UDP_COOKIE_EPOCH_NS;
    return cookie != 0 && (cookie == make(cookies, addr, epoch) ||
                           (epoch > 0 && cookie == make(cookies, addr, epoch - 1)));
}

void net_udp_cookie_put_ask(uint8_t bytes[NET_UDP_COOKIE_ASK_BYTES], uint32_t nonce)
{
    memset(bytes, 0, NET_UDP_COOKIE_ASK_BYTES);
    memcpy(bytes, ask_begin, sizeof(ask_begin));
    bytes_put_u32(bytes + 8, nonce);
}

bool net_udp_cookie_get_ask(struct bytes_span datagram, uint32_t *nonce)
{
    if (datagram.size != NET_UDP_COOKIE_ASK_BYTES ||
        memcmp(datagram.data, ask_begin, sizeof(ask_begin)) != 0) {
        return false;
    }
    *nonce = bytes_get_u32(datagram.data + 8);
    return true;
}

void net_udp_cookie_put_answer(uint8_t bytes[NET_UDP_COOKIE_ANSWER_BYTES], uint32_t nonce,
                               uint32_t cookie)
{
    memcpy(bytes, answer_begin, sizeof(answer_begin));
    bytes_put_u32(bytes + 8, nonce);
    bytes_put_u32(bytes + 12, cookie);
}

bool net_udp_cookie_get_answer(struct bytes_span datagram, uint32_t nonce, uint32_t *cookie)
{
    if (datagram.size != NET_UDP_COOKIE_ANSWER_BYTES ||
        memcmp(datagram.data, answer_begin, sizeof(answer_begin)) != 0 ||
        bytes_get_u32(datagram.data + 8) != nonce) {
        return false;
    }
    *cookie = bytes_get_u32(datagram.data + 12);
    return true;
}
