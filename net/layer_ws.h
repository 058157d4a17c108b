// SPDX-License-Identifier: MIT
// The top layer of WS and WSS streams: WebSocket frames (RFC 6455 5 to 7), server and client.

#ifndef NET_LAYER_WS_H
#define NET_LAYER_WS_H

#include "net/layer.h"

#define NET_WS_ASSEMBLY_MS         5000 // from the first byte of a message to its last
#define NET_WS_CONTROLS_PER_SECOND 10
#define NET_WS_CONTROLS_BURST      20

// NULL when memory is short.
struct net_layer *net_layer_ws_create(struct net_layer_env *env) BASE_MUST_USE;

#endif
