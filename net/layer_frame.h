// SPDX-License-Identifier: MIT
// The top layer of TCP and TLS streams: a message is a 4-byte big-endian length and that many
// bytes.

#ifndef NET_LAYER_FRAME_H
#define NET_LAYER_FRAME_H

#include "net/layer.h"

#define NET_FRAME_HEADER_BYTES 4

// NULL when memory is short.
struct net_layer *net_layer_frame_create(struct net_layer_env *env) BASE_MUST_USE;

#endif
