// SPDX-License-Identifier: MIT
// What the scan accepts, msgpack-c must unpack whole, with memory in proportion.

#include <assert.h>
#include <stdlib.h>

#include <msgpack.h>

#include "net/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OBJECTS_BYTES_MAX ((NET_WIRE_ELEMENTS_MAX + NET_WIRE_DEPTH_MAX) * sizeof(msgpack_object))

// Values in the tree, to be held against the scan's promise; recursion ends at the promised depth.
static unsigned count(const msgpack_object *object, unsigned depth)
{
    unsigned values = 1;
    assert(object->type != MSGPACK_OBJECT_MAP && object->type != MSGPACK_OBJECT_EXT &&
           object->type != MSGPACK_OBJECT_NIL && object->type != MSGPACK_OBJECT_FLOAT32 &&
           object->type != MSGPACK_OBJECT_FLOAT64);
    if (object->type == MSGPACK_OBJECT_ARRAY) {
        assert(depth < NET_WIRE_DEPTH_MAX);
        for (uint32_t i = 0; i < object->via.array.size; i++) {
            values += count(&object->via.array.ptr[i], depth + 1);
        }
    }
    return values;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint32_t type;
    bool has_type = net_wire_peek_type(bytes_of(data, size), &type);
    if (!net_wire_scan(bytes_of(data, size))) {
        return 0;
    }
    msgpack_zone zone;
    msgpack_object object;
    size_t offset = 0;
    if (!msgpack_zone_init(&zone, OBJECTS_BYTES_MAX)) {
        abort();
    }
    const msgpack_zone_chunk *chunk = zone.chunk_list.head;
    msgpack_unpack_return status =
        msgpack_unpack((const char *)data, size, &offset, &zone, &object);
    assert(status == MSGPACK_UNPACK_SUCCESS);
    assert(offset == size);
    assert(zone.chunk_list.head == chunk); // it never had to grow
    assert(count(&object, 0) <= NET_WIRE_ELEMENTS_MAX);
    if (has_type) {
        assert(object.type == MSGPACK_OBJECT_ARRAY && object.via.array.size > 0);
        assert(object.via.array.ptr[0].via.u64 == type);
    }
    msgpack_zone_destroy(&zone);
    return 0;
}
