// SPDX-License-Identifier: MIT
// The DTLS sessions of one UDP socket, by address.
//
// Everything is kept between an address and its datagrams: who has shown that he hears what is sent
// there, who is shaking hands and for how long he may, who has a session. Handshakes cost, so their
// datagrams are queued and worked off a few at a time when there is time for it. Declines to know
// sockets, ENet and cryptography (net/dtls_session). Driven by net/enet_host.

#ifndef NET_DTLS_H
#define NET_DTLS_H

#include <sys/uio.h>

#include "config/base/counters.h"
#include "net/dtls_cookie.h"
#include "net/udp_drops.h"

// What one call of net_dtls_advance() may work off, in datagrams: a whole handshake is four of
// them, which take 0.2 ms with an elliptic curve and 1.4 ms with RSA.
#define NET_DTLS_STEPS      8
#define NET_DTLS_SLOW_STEPS 2
// Handshakes that one IPv4 address or IPv6 /64 may have going on, this machine excepted.
#define NET_DTLS_RISING_PER_HOST 16

struct net_dtls_counters {
    uint64_t *cookies, *done, *failed, *expired;
};
void net_dtls_counters_init(struct net_dtls_counters *counters, struct counters *registry);

struct net_dtls_user {
    void (*send)(void *user, const struct net_addr *to, struct bytes_span datagram);
    // Not called for a dial: may this client, who is proven to be there, have a session? And: he
    // has not got one; `alert` is what he calls the problem, or NULL.
    bool (*admit)(void *user, const struct net_addr *remote);
    void (*failed)(void *user, const struct net_addr *remote, const char *problem,
                   const char *alert);
    // What the next session begins with: a reference of its own.
    struct net_tls_credentials *(*credentials)(void *user);
};

struct net_dtls_setup {
    bool is_dial;
    unsigned sessions_max;
    unsigned rising_max;  // of sessions beside those, which are not in use yet
    uint64_t patience_ns; // from a client's hello until its session is in use
    const struct net_dtls_user *calls;
    void *user;
    struct net_udp_drops *drops; // borrowed, as are the counters and the rate
    struct net_dtls_counters *counters;
    struct net_handshake_rate *handshake_rate; // unused by a dial
};

struct net_dtls;

// NULL with errno set.
struct net_dtls *net_dtls_create(const struct net_dtls_setup *setup) BASE_MUST_USE;
// Says goodbye in every session.
void net_dtls_destroy(struct net_dtls *dtls);

// Begins the one session of a dial; `host` is the name that the certificate must carry. False
// without memory.
bool net_dtls_dial(struct net_dtls *dtls, const struct net_addr *remote, const char *host,
                   uint64_t now_ns) BASE_MUST_USE;
// Whether it has come up.
bool net_dtls_is_up(const struct net_dtls *dtls);

// A datagram has come, of at most NET_DTLS_DATAGRAM_BYTES. True when it held data, which then
// stands in its place; otherwise it was for this table, or nobody's and is counted.
bool net_dtls_open(struct net_dtls *dtls, const struct net_addr *from, uint8_t *datagram,
                   size_t *size, uint64_t now_ns) BASE_MUST_USE;
// One record for `to`, of parts that are no more than NET_DTLS_DATA_BYTES: its size; 0 when there
// is no session.
size_t net_dtls_seal(struct net_dtls *dtls, const struct net_addr *to, const struct iovec *parts,
                     size_t count, uint8_t sealed[NET_DTLS_DATAGRAM_BYTES]);

// Goes on with handshakes, `steps` datagrams of them, and with what time brings.
void net_dtls_advance(struct net_dtls *dtls, uint64_t now_ns, unsigned steps);
// When to do so next; CLOCK_NEVER: when something comes.
uint64_t net_dtls_due_ns(const struct net_dtls *dtls);
// Somebody is shaking hands, or has done so and nothing more yet.
bool net_dtls_is_rising(const struct net_dtls *dtls);

// ---- what sessions are used for

// Zero is nobody's.
struct net_dtls_handle {
    uint32_t index; // plus one
    uint32_t generation;
};

// Somebody who has this address wants to begin something: may he? Whoever was admitted with a
// session may once, without being asked for again.
bool net_dtls_may_begin(struct net_dtls *dtls, const struct net_addr *remote) BASE_MUST_USE;
// From now on the session of this address is in use, by `user`; once more each time.
struct net_dtls_handle net_dtls_use(struct net_dtls *dtls, const struct net_addr *remote,
                                    uint32_t user);
// One use less; the last one ends the session. No-op when it has ended.
void net_dtls_release(struct net_dtls *dtls, struct net_dtls_handle handle);

// Hints (config/base/prefetch): a datagram of this address is about to come. Looks up what, some
// time later, tells who has used its session last; NULL if nobody does.
const void *net_dtls_fetch(const struct net_dtls *dtls, const struct net_addr *remote);
bool net_dtls_fetch_use(const void *found, uint32_t *user);

// A session that was in use, or a dial's, has come to an end from outside.
struct net_dtls_end {
    struct net_dtls_handle session;
    bool goodbye;         // the peer said so
    uint16_t code;        // of a dial that failed to come up, else 0
    struct error problem; // likewise
};
// The next of these; false when there is none. To be asked after datagrams were opened.
bool net_dtls_take_end(struct net_dtls *dtls, struct net_dtls_end *end) BASE_MUST_USE;

#endif
