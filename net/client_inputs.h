// SPDX-License-Identifier: MIT
// The inputs that the server may not have yet: a window of consecutive ticks.
//
// Part of the client library. Every input message carries the whole window, so a lost datagram
// costs nothing; a snapshot of tick T makes the inputs up to T moot.

#ifndef NET_CLIENT_INPUTS_H
#define NET_CLIENT_INPUTS_H

#include "config/base/bytes.h"
#include "config/limits.h"

struct net_client_inputs {
    uint32_t first; // tick of the oldest
    uint32_t count;
    uint32_t input_bytes;
    uint8_t ring[LIMIT_INPUTS_PER_MESSAGE * LIMIT_INPUT_BYTES]; // by tick, of input_bytes each
};

// A tick that does not follow the newest one starts the window anew (the ones between can no
// longer be in time); one that is not newer is ignored. A full window loses its oldest input.
void net_client_inputs_add(struct net_client_inputs *inputs, uint32_t tick, const void *input);
// The server has simulated `tick`.
void net_client_inputs_drop_through(struct net_client_inputs *inputs, uint32_t tick);
// Writes the window, oldest first.
struct bytes_span
net_client_inputs_pack(const struct net_client_inputs *inputs,
                       uint8_t packed[LIMIT_INPUTS_PER_MESSAGE * LIMIT_INPUT_BYTES]);

#endif
