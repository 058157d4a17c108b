// SPDX-License-Identifier: MIT
// How many handshakes of TLS and DTLS a process begins in a second, whoever asks for them.
//
// Whoever has many addresses meets no limit of an address; with this one the handshakes of all of
// them together take a tenth of a core, or two thirds of one with RSA. One for all listeners of a
// net_hub; asked last, so that what an address may not have takes nothing from the others.

#ifndef NET_HANDSHAKE_RATE_H
#define NET_HANDSHAKE_RATE_H

#include "net/bucket.h"

struct net_handshake_rate {
    struct net_bucket bucket;
    uint64_t per_second; // and as many saved up; 0: no limit
};

static inline bool net_handshake_rate_take(struct net_handshake_rate *rate, uint64_t now_ns)
{
    return rate->per_second == 0 ||
           net_bucket_take(&rate->bucket, now_ns, rate->per_second, rate->per_second, 1);
}

#endif
