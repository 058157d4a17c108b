// SPDX-License-Identifier: MIT
// The client's idea of the server's time: which tick it is there, and which tick an input that is
// made now should be for.
//
// Part of the client library (net/client.c), apart so that it can be tested with numbers alone.
// Knows ticks and nanoseconds, no messages; everything comes from the server and is bounded here.

#ifndef NET_CLIENT_SYNC_H
#define NET_CLIENT_SYNC_H

#include <stdbool.h>
#include <stdint.h>

#define NET_CLIENT_SYNC_RTTS 8

struct net_client_sync {
    uint64_t tick_ns; // 0 until net_client_sync_start()
    // When the server's tick 0 would have been heard of here: the earliest in this window of time
    // and in the one before. The message with the least delay tells most.
    int64_t epoch_ns[2];
    uint64_t window_ns;
    uint32_t rtt_us[NET_CLIENT_SYNC_RTTS]; // the newest
    uint32_t rtt_count;
    int64_t lead_ns; // beyond the network's delay
    uint64_t settles_ns;
};

// Zeroed memory is a valid start. The server was at `tick` when it sent what came at now_ns.
void net_client_sync_start(struct net_client_sync *sync, uint32_t tick_rate, uint32_t tick,
                           uint64_t now_ns);
void net_client_sync_heard(struct net_client_sync *sync, uint32_t tick, uint64_t now_ns);
void net_client_sync_add_rtt(struct net_client_sync *sync, uint32_t rtt_us);
// The server says by how much inputs came before their tick, at least.
void net_client_sync_add_margin(struct net_client_sync *sync, int32_t margin_ms, uint64_t now_ns);

// 0 until started.
uint32_t net_client_sync_server_tick(const struct net_client_sync *sync, uint64_t now_ns);
// The tick to make an input for, and the oldest for which it can still be in time.
uint32_t net_client_sync_input_tick(const struct net_client_sync *sync, uint64_t now_ns,
                                    uint32_t *oldest);
// When net_client_sync_input_tick() will come to this tick, if nothing new is heard until then.
uint64_t net_client_sync_input_due_ns(const struct net_client_sync *sync, uint32_t tick);
// By how much inputs are ahead of the server's tick.
int32_t net_client_sync_lead_ms(const struct net_client_sync *sync);

#endif
