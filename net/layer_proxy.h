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

// For listeners without ?proxy=1: whether the first bytes that the lowest layer sees are such a
// header all the same. The log then says so, and the caller ends the connection.
bool net_layer_proxy_is_stray(const struct net_layer *layer, struct bytes_span first);

#endif
