// SPDX-License-Identifier: MIT
// The lowest layer of streams on listeners with ?proxy=1: takes the header of the PROXY protocol
// off the front and believes it, if the peer is a trusted proxy. Servers only.

#ifndef NET_LAYER_PROXY_H
#define NET_LAYER_PROXY_H

#include "net/layer.h"

// Proxies send the header with the connection.
#define NET_LAYER_PROXY_MS 5000

// NULL when memory is short.
struct net_layer *net_layer_proxy_create(struct net_layer_env *env) BASE_MUST_USE;

#endif
