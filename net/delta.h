// SPDX-License-Identifier: MIT
// Delta coding of snapshots: int32 values against a baseline that the receiver has.
//
// A snapshot is `entities` groups of `per_entity` int32 values (what they mean is the
// simulation's business). For each entity: a bit mask of the values that differ, in
// ceil(per_entity / 8) bytes, least significant bit first; then for each set bit, in order, the
// ZigZag varint of (value - baseline value), modulo 2^32. Trailing entities without any change are
// left out. The baseline of a full snapshot is all zeroes.

#ifndef NET_DELTA_H
#define NET_DELTA_H

#include "config/base/bytes.h"

// `baseline` NULL = all zeroes. False when `out` is full.
bool net_delta_encode(struct bytes_buf *out, const int32_t *values, const int32_t *baseline,
                      unsigned entities, unsigned per_entity) BASE_MUST_USE;
// Writes entities * per_entity values. False (values undefined) on truncated, over-long or
// trailing bytes, bits beyond per_entity, or a varint over 32 bits. values may be == baseline.
bool net_delta_decode(struct bytes_span delta, const int32_t *baseline, unsigned entities,
                      unsigned per_entity, int32_t *values) BASE_MUST_USE;
// FNV-1a (32 bit) over the values as little-endian bytes: what a client compares after decoding.
uint32_t net_delta_checksum(const int32_t *values, unsigned count);

#endif
