// SPDX-License-Identifier: MIT
// The registry: every way to move messages, one row. A new transport is one pair of files, one row
// here, and a run of the shared transport suite.

#include <string.h>

#include "net/transport.h"
#include "net/transport_enet.h"
#include "net/transport_memory.h"
#include "net/transport_stream.h"

static const struct net_transport transports[] = {
    {.scheme = "memory",
     .default_port = 1,
     .confidential = true,
     .listen = net_memory_listen,
     .dial = net_memory_dial},
    {.scheme = "udp", .default_port = 7777, .listen = net_enet_listen, .dial = net_enet_dial},
    {.scheme = "dtls",
     .default_port = 7778,
     .confidential = true,
     .needs_certificate = true,
     .listen = net_enet_listen,
     .dial = net_enet_dial},
    {.scheme = "tcp",
     .default_port = 7778,
     .takes_proxy = true,
     .listen = net_stream_listen,
     .dial = net_stream_dial},
    {.scheme = "tls",
     .default_port = 7779,
     .confidential = true,
     .needs_certificate = true,
     .takes_proxy = true,
     .listen = net_stream_listen,
     .dial = net_stream_dial},
    {.scheme = "ws",
     .default_port = 9090,
     .has_path = true,
     .takes_proxy = true,
     .listen = net_stream_listen,
     .dial = net_stream_dial},
    {.scheme = "wss",
     .default_port = 9091,
     .has_path = true,
     .confidential = true,
     .needs_certificate = true,
     .takes_proxy = true,
     .listen = net_stream_listen,
     .dial = net_stream_dial},
};

const struct net_transport *net_transport_find(const char *scheme)
{
    for (size_t i = 0; i < BASE_COUNT(transports); i++) {
        if (strcmp(transports[i].scheme, scheme) == 0) {
            return &transports[i];
        }
    }
    return NULL;
}

// Without memory, which is for tests inside one process.
const char *net_transport_schemes(void)
{
    return "udp, dtls, tcp, tls, ws, wss";
}
