// SPDX-License-Identifier: MIT
// A token bucket in one number: the time at which everything taken so far would have been earned.
//
// (GCRA, as in ATM's conformance test.) No refill step, no rounding drift; a zeroed bucket is full.

#ifndef NET_BUCKET_H
#define NET_BUCKET_H

#include "config/base/clock.h"

struct net_bucket {
    uint64_t earned_ns;
};

// Takes `amount` at `rate` per second with up to `burst` saved; false, with nothing taken, when
// that is more than there is. rate and burst must be > 0.
static inline bool net_bucket_take(struct net_bucket *bucket, uint64_t now_ns, uint64_t rate,
                                   uint64_t burst, uint64_t amount)
{
    uint64_t from_ns = bucket->earned_ns > now_ns ? bucket->earned_ns : now_ns;
    uint64_t earned_ns = from_ns + amount * CLOCK_NS_PER_S / rate;
    if (earned_ns - now_ns > burst * CLOCK_NS_PER_S / rate) {
        return false;
    }
    bucket->earned_ns = earned_ns;
    return true;
}

#endif
