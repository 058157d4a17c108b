// SPDX-License-Identifier: MIT
// The layer under WebSocket framing: HTTP/1.1 until the upgrade, then nothing but a passage.

#ifndef NET_LAYER_UPGRADE_H
#define NET_LAYER_UPGRADE_H

#include "net/layer.h"

#define NET_UPGRADE_DEFAULT_PATH "/websocket"

// NULL when memory is short.
struct net_layer *net_layer_upgrade_create(struct net_layer_env *env) BASE_MUST_USE;

#endif
