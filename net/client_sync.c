// SPDX-License-Identifier: MIT
// The client's idea of the server's time. See client_sync.h.
//
// Snapshots, pongs and the welcome say "it is tick T here"; each arrives late by the network's
// delay, so the earliest arrival relative to its tick is the best sample (the minimum filter that
// NTP uses), and samples age out so that a slow drift or a server that skipped ticks is followed.
// An input must leave one delay up before its tick; together with the delay that is in the samples
// this makes a round trip, plus a lead for jitter that the server's `timing` messages steer: up at
// once when inputs come with less than a tick to spare, down slowly when they come too early, and
// the slower the less there is to gain: what was needed once may be needed again.

#include "net/client_sync.h"

#include "config/base/clock.h"

#define WINDOW_NS      (2 * CLOCK_NS_PER_S)
#define LEAD_MIN_NS    (-250 * (int64_t)CLOCK_NS_PER_MS)
#define LEAD_MAX_NS    (500 * (int64_t)CLOCK_NS_PER_MS)
#define MARGIN_MAX_MS  1000
#define SETTLE_MIN_NS  (100 * CLOCK_NS_PER_MS)
#define RTT_MAX_US     2000000u
#define RTT_DEFAULT_US 50000u           // until the first pong
#define TICK_MAX       (UINT32_MAX - 1) // so that every tick has a next one

void net_client_sync_start(struct net_client_sync *sync, uint32_t tick_rate, uint32_t tick,
                           uint64_t now_ns)
{
    sync->tick_ns = CLOCK_NS_PER_S / tick_rate;
    sync->window_ns = now_ns;
    sync->lead_ns = (int64_t)sync->tick_ns * 5 / 2;
    sync->epoch_ns[0] = sync->epoch_ns[1] =
        (int64_t)now_ns - (int64_t)tick * (int64_t)sync->tick_ns;
}

void net_client_sync_heard(struct net_client_sync *sync, uint32_t tick, uint64_t now_ns)
{
    int64_t epoch_ns = (int64_t)now_ns - (int64_t)tick * (int64_t)sync->tick_ns;
    if (now_ns - sync->window_ns >= WINDOW_NS) {
        sync->window_ns = now_ns;
        sync->epoch_ns[1] = sync->epoch_ns[0];
        sync->epoch_ns[0] = epoch_ns;
    } else if (epoch_ns < sync->epoch_ns[0]) {
        sync->epoch_ns[0] = epoch_ns;
    }
}

void net_client_sync_add_rtt(struct net_client_sync *sync, uint32_t rtt_us)
{
    sync->rtt_us[sync->rtt_count++ % NET_CLIENT_SYNC_RTTS] =
        rtt_us < RTT_MAX_US ? rtt_us : RTT_MAX_US;
}

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

static int64_t least_rtt_ns(const struct net_client_sync *sync)
{
    uint32_t count =
        sync->rtt_count < NET_CLIENT_SYNC_RTTS ? sync->rtt_count : NET_CLIENT_SYNC_RTTS;
    uint32_t least_us = count ? UINT32_MAX : RTT_DEFAULT_US;
    for (uint32_t i = 0; i < count; i++) {
        if (sync->rtt_us[i] < least_us) {
            least_us = sync->rtt_us[i];
        }
    }
    return (int64_t)least_us * (int64_t)CLOCK_NS_PER_US;
}

void net_client_sync_add_margin(struct net_client_sync *sync, int32_t margin_ms, uint64_t now_ns)
{
    int64_t tick_ns = (int64_t)sync->tick_ns;
    int64_t aim_ns = tick_ns * 3 / 2;
    int64_t margin_ns = clamp(margin_ms, -MARGIN_MAX_MS, MARGIN_MAX_MS) * (int64_t)CLOCK_NS_PER_MS;
    bool is_small = margin_ns + (int64_t)CLOCK_NS_PER_MS <= tick_ns; // of ms, fractions are cut off
    if (is_small) {
        // What we do now shows in the server's messages only after a round trip; until then they
        // tell of the same lateness again.
        if (now_ns >= sync->settles_ns) {
            sync->lead_ns += aim_ns - margin_ns;
            sync->settles_ns = now_ns + SETTLE_MIN_NS + (uint64_t)least_rtt_ns(sync);
        }
    } else if (margin_ns > 2 * tick_ns) {
        sync->lead_ns -= (margin_ns - aim_ns) / 8;
    } else if (margin_ns > tick_ns) {
        sync->lead_ns -= (margin_ns - tick_ns) / 16;
    }
    sync->lead_ns = clamp(sync->lead_ns, LEAD_MIN_NS, LEAD_MAX_NS);
}

static int64_t earliest_epoch_ns(const struct net_client_sync *sync)
{
    return sync->epoch_ns[0] < sync->epoch_ns[1] ? sync->epoch_ns[0] : sync->epoch_ns[1];
}

// The tick that the server will be at `ahead_ns` after the one that we hear of at now_ns.
static uint32_t tick_ahead(const struct net_client_sync *sync, uint64_t now_ns, int64_t ahead_ns)
{
    if (sync->tick_ns == 0) {
        return 0;
    }
    int64_t since_ns = (int64_t)now_ns - earliest_epoch_ns(sync) + ahead_ns;
    int64_t tick = since_ns < 0 ? 0 : since_ns / (int64_t)sync->tick_ns;
    return (uint32_t)clamp(tick, 0, TICK_MAX);
}

uint32_t net_client_sync_server_tick(const struct net_client_sync *sync, uint64_t now_ns)
{
    return tick_ahead(sync, now_ns, least_rtt_ns(sync) / 2);
}

uint32_t net_client_sync_input_tick(const struct net_client_sync *sync, uint64_t now_ns,
                                    uint32_t *oldest)
{
    int64_t rtt_ns = least_rtt_ns(sync);
    uint32_t tick = tick_ahead(sync, now_ns, rtt_ns + sync->lead_ns);
    uint32_t arrival = tick_ahead(sync, now_ns, rtt_ns);
    *oldest = arrival < tick ? arrival : tick;
    return tick;
}

uint64_t net_client_sync_input_due_ns(const struct net_client_sync *sync, uint32_t tick)
{
    int64_t ahead_ns = least_rtt_ns(sync) + sync->lead_ns;
    int64_t due_ns = earliest_epoch_ns(sync) + (int64_t)tick * (int64_t)sync->tick_ns - ahead_ns;
    return due_ns < 0 ? 0 : (uint64_t)due_ns;
}

int32_t net_client_sync_lead_ms(const struct net_client_sync *sync)
{
    return (int32_t)((least_rtt_ns(sync) / 2 + sync->lead_ns) / (int64_t)CLOCK_NS_PER_MS);
}
