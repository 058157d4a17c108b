// SPDX-License-Identifier: MIT
// The counters behind udp_drops.h.

#include "net/udp_drops.h"

void net_udp_drops_init(struct net_udp_drops *drops, struct counters *counters, uint64_t *total)
{
    static const char *const names[NET_UDP_DROPS] = {
#define X(name, text) [NET_UDP_##name] = text,
        NET_UDP_DROP_LIST(X)
#undef X
    };
    drops->total = total;
    drops->cells[NET_UDP_KEPT] = NULL;
    for (unsigned i = NET_UDP_KEPT + 1; i < NET_UDP_DROPS; i++) {
        drops->cells[i] =
            counter_cell(counters, COUNTER_TOTAL, "paddock_udp_dropped",
                         "datagrams dropped before ENet saw them", "reason", names[i]);
    }
}
