// SPDX-License-Identifier: MIT
// The inputs that the server may not have yet. See client_inputs.h.

#include "net/client_inputs.h"

#include <string.h>

void net_client_inputs_add(struct net_client_inputs *inputs, uint32_t tick, const void *input)
{
    uint32_t next = inputs->first + inputs->count;
    if (inputs->count > 0 && tick < next) {
        return;
    }
    if (inputs->count == 0 || tick != next) {
        inputs->first = tick;
        inputs->count = 0;
    } else if (inputs->count == LIMIT_INPUTS_PER_MESSAGE) {
        inputs->first++;
        inputs->count--;
    }
    size_t size = inputs->input_bytes;
    memcpy(inputs->ring + tick % LIMIT_INPUTS_PER_MESSAGE * size, input, size);
    inputs->count++;
}

void net_client_inputs_drop_through(struct net_client_inputs *inputs, uint32_t tick)
{
    if (tick < inputs->first) {
        return;
    }
    uint32_t moot = tick - inputs->first;
    if (moot >= inputs->count) {
        inputs->count = 0;
    } else {
        inputs->first += moot + 1;
        inputs->count -= moot + 1;
    }
}

struct bytes_span
net_client_inputs_pack(const struct net_client_inputs *inputs,
                       uint8_t packed[LIMIT_INPUTS_PER_MESSAGE * LIMIT_INPUT_BYTES])
{
    size_t size = inputs->input_bytes;
    for (uint32_t i = 0; i < inputs->count; i++) {
        size_t at = (inputs->first + i) % LIMIT_INPUTS_PER_MESSAGE;
        memcpy(packed + i * size, inputs->ring + at * size, size);
    }
    return bytes_of(packed, inputs->count * size);
}
