// SPDX-License-Identifier: MIT
// Deltas of a hostile server: what decodes must encode and decode to the same values again, in no
// more bytes.

#include <assert.h>
#include <string.h>

#include "config/limits.h"
#include "net/delta.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HEADER_BYTES 3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int32_t baseline[LIMIT_SNAPSHOT_VALUES], values[LIMIT_SNAPSHOT_VALUES],
        again[LIMIT_SNAPSHOT_VALUES];
    if (size < HEADER_BYTES) {
        return 0;
    }
    unsigned per_entity = 1 + data[0] % 32;
    unsigned entities = data[1] % (LIMIT_PLAYERS_PER_SESSION + 1);
    unsigned count = entities * per_entity;
    for (unsigned i = 0; i < count; i++) {
        baseline[i] = (int32_t)(data[2] * 0x01010101u * (i + 1));
    }
    const int32_t *base = data[2] == 0 ? NULL : baseline;
    struct bytes_span delta = bytes_of(data + HEADER_BYTES, size - HEADER_BYTES);
    if (!net_delta_decode(delta, base, entities, per_entity, values)) {
        return 0;
    }
    struct bytes_buf buf;
    bytes_buf_init(&buf, LIMIT_MESSAGE_BYTES);
    bool ok = net_delta_encode(&buf, values, base, entities, per_entity);
    assert(ok && buf.size <= delta.size);
    memcpy(again, baseline, sizeof(again));
    ok = net_delta_decode(bytes_buf_span(&buf), base ? again : NULL, entities, per_entity, again);
    assert(ok && memcmp(values, again, count * sizeof(values[0])) == 0);
    assert(net_delta_checksum(values, count) == net_delta_checksum(again, count));
    bytes_buf_finish(&buf);
    return 0;
}
