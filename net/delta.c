// SPDX-License-Identifier: MIT
// Delta coding of int32 values: masks and ZigZag varints, nothing else.
//
// Differences are taken modulo 2^32, so every pair of values has one and no input overflows.

#include "net/delta.h"

#include <assert.h>
#include <string.h>

#include "config/limits.h"

#define MASK_BYTES_MAX (LIMIT_SNAPSHOT_VALUES / 8)

static int32_t base_value(const int32_t *baseline, size_t at)
{
    return baseline ? baseline[at] : 0;
}

static int32_t difference(int32_t value, int32_t base)
{
    return (int32_t)((uint32_t)value - (uint32_t)base);
}

static bool entity_changed(const int32_t *values, const int32_t *baseline, unsigned entity,
                           unsigned per_entity)
{
    for (unsigned i = 0; i < per_entity; i++) {
        size_t at = (size_t)entity * per_entity + i;
        if (values[at] != base_value(baseline, at)) {
            return true;
        }
    }
    return false;
}

static bool encode_entity(struct bytes_buf *out, const int32_t *values, const int32_t *baseline,
                          size_t first, unsigned per_entity)
{
    uint8_t mask[MASK_BYTES_MAX] = {0};
    for (unsigned i = 0; i < per_entity; i++) {
        if (values[first + i] != base_value(baseline, first + i)) {
            mask[i / 8] |= (uint8_t)(1u << i % 8);
        }
    }
    if (!bytes_buf_append(out, bytes_of(mask, (per_entity + 7) / 8))) {
        return false;
    }
    for (unsigned i = 0; i < per_entity; i++) {
        int32_t change = difference(values[first + i], base_value(baseline, first + i));
        if (change != 0 && !bytes_buf_append_varint(out, bytes_zigzag(change))) {
            return false;
        }
    }
    return true;
}

bool net_delta_encode(struct bytes_buf *out, const int32_t *values, const int32_t *baseline,
                      unsigned entities, unsigned per_entity)
{
    assert((size_t)entities * per_entity <= LIMIT_SNAPSHOT_VALUES);
    while (entities > 0 && !entity_changed(values, baseline, entities - 1, per_entity)) {
        entities--;
    }
    for (unsigned entity = 0; entity < entities; entity++) {
        if (!encode_entity(out, values, baseline, (size_t)entity * per_entity, per_entity)) {
            return false;
        }
    }
    return true;
}

static bool decode_entity(struct bytes_span *delta, const int32_t *baseline, size_t first,
                          unsigned per_entity, int32_t *values)
{
    size_t mask_bytes = (per_entity + 7) / 8;
    if (delta->size < mask_bytes) {
        return false;
    }
    const uint8_t *mask = delta->data;
    *delta = bytes_of(delta->data + mask_bytes, delta->size - mask_bytes);
    if (per_entity % 8 != 0 && mask[mask_bytes - 1] >> per_entity % 8 != 0) {
        return false;
    }
    for (unsigned i = 0; i < per_entity; i++) {
        uint32_t change = 0;
        if (mask[i / 8] >> i % 8 & 1 && !bytes_take_varint(delta, &change)) {
            return false;
        }
        uint32_t base = (uint32_t)base_value(baseline, first + i);
        values[first + i] = (int32_t)(base + (uint32_t)bytes_unzigzag(change));
    }
    return true;
}

bool net_delta_decode(struct bytes_span delta, const int32_t *baseline, unsigned entities,
                      unsigned per_entity, int32_t *values)
{
    unsigned entity = 0;
    for (; entity < entities && delta.size > 0; entity++) {
        if (!decode_entity(&delta, baseline, (size_t)entity * per_entity, per_entity, values)) {
            return false;
        }
    }
    for (size_t at = (size_t)entity * per_entity; at < (size_t)entities * per_entity; at++) {
        values[at] = base_value(baseline, at);
    }
    return delta.size == 0;
}

uint32_t net_delta_checksum(const int32_t *values, unsigned count)
{
    uint32_t hash = 2166136261u;
    for (unsigned i = 0; i < count; i++) {
        uint32_t value = (uint32_t)values[i];
        for (unsigned shift = 0; shift < 32; shift += 8) {
            hash = (hash ^ (value >> shift & 0xff)) * 16777619u;
        }
    }
    return hash;
}
