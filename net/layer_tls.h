// SPDX-License-Identifier: MIT
// The lowest layer of TLS and WSS streams: GnuTLS, reading from and writing to memory.

#ifndef NET_LAYER_TLS_H
#define NET_LAYER_TLS_H

#include "net/layer.h"

// Takes a reference to env->credentials. NULL when memory is short.
struct net_layer *net_layer_tls_create(struct net_layer_env *env) BASE_MUST_USE;

#endif
