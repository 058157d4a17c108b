// SPDX-License-Identifier: MIT
// The scan before msgpack-c, and typed fields over what it makes.

#include "net/wire.h"

#include <assert.h>
#include <stdlib.h>

#include <msgpack.h>

// Room for every element of the largest message, so that the zone never grows after it is made:
// clearing keeps this one chunk, and decoding allocates nothing.
#define ZONE_BYTES ((NET_WIRE_ELEMENTS_MAX + NET_WIRE_DEPTH_MAX) * sizeof(struct msgpack_object))

struct net_wire_zone {
    msgpack_zone zone;
};

// ---- scan

struct header {
    size_t size;    // of the header itself, first byte included
    size_t payload; // bytes that follow and belong to the value
    bool is_array;  // then `elements` values follow instead
    size_t elements;
};

static size_t big_endian(const uint8_t *at, size_t size)
{
    size_t value = 0;
    for (size_t i = 0; i < size; i++) {
        value = value << 8 | at[i];
    }
    return value;
}

// Reads the header of the value at the front; false when it is cut short or of a kind that no
// message has.
static bool read_header(struct bytes_span bytes, struct header *header)
{
    *header = (struct header){.size = 1};
    if (bytes.size == 0) {
        return false;
    }
    uint8_t first = bytes.data[0];
    size_t length_size = 0;
    if (first <= 0x7f || first >= 0xe0 || first == 0xc2 || first == 0xc3) {
        return true; // fixint, false, true
    }
    if (first >= 0xa0 && first <= 0xbf) { // fixstr
        header->payload = first & 0x1f;
        return true;
    }
    if (first >= 0x90 && first <= 0x9f) { // fixarray
        header->is_array = true;
        header->elements = first & 0x0f;
        return true;
    }
    if (first >= 0xcc && first <= 0xd3) { // uint 8..64, int 8..64
        header->payload = (size_t)1 << (first & 3);
        return true;
    }
    if (first >= 0xc4 && first <= 0xc6) { // bin 8, 16, 32
        length_size = (size_t)1 << (first - 0xc4);
    } else if (first >= 0xd9 && first <= 0xdb) { // str 8, 16, 32
        length_size = (size_t)1 << (first - 0xd9);
    } else if (first == 0xdc || first == 0xdd) { // array 16, 32
        length_size = first == 0xdc ? 2 : 4;
        header->is_array = true;
    } else {
        return false; // nil, float, map, ext, never used
    }
    if (bytes.size < 1 + length_size) {
        return false;
    }
    header->size = 1 + length_size;
    size_t length = big_endian(bytes.data + 1, length_size);
    if (header->is_array) {
        header->elements = length;
    } else {
        header->payload = length;
    }
    return true;
}

bool net_wire_scan(struct bytes_span bytes)
{
    size_t left[NET_WIRE_DEPTH_MAX]; // values still to come in each open array
    unsigned depth = 0;
    for (unsigned values = 0; values < NET_WIRE_ELEMENTS_MAX; values++) {
        struct header header;
        if (!read_header(bytes, &header)) {
            return false;
        }
        bytes = bytes_of(bytes.data + header.size, bytes.size - header.size);
        // Every element has at least one byte.
        if (header.payload > bytes.size || header.elements > bytes.size) {
            return false;
        }
        bytes = bytes_of(bytes.data + header.payload, bytes.size - header.payload);
        if (depth > 0) {
            left[depth - 1]--;
        }
        if (header.is_array) {
            if (depth == NET_WIRE_DEPTH_MAX) {
                return false;
            }
            left[depth++] = header.elements;
        }
        while (depth > 0 && left[depth - 1] == 0) {
            depth--;
        }
        if (depth == 0) {
            return bytes.size == 0;
        }
    }
    return false;
}

bool net_wire_peek_type(struct bytes_span bytes, uint32_t *type)
{
    struct header array, first;
    if (!read_header(bytes, &array) || !array.is_array || array.elements == 0) {
        return false;
    }
    bytes = bytes_of(bytes.data + array.size, bytes.size - array.size);
    if (!read_header(bytes, &first) || first.payload > bytes.size - first.size) {
        return false;
    }
    if (bytes.data[0] <= 0x7f) {
        *type = bytes.data[0];
        return true;
    }
    if (bytes.data[0] < 0xcc || bytes.data[0] > 0xce) { // uint 8, 16, 32
        return false;
    }
    *type = (uint32_t)big_endian(bytes.data + 1, first.payload);
    return true;
}

// ---- one message

struct net_wire_zone *net_wire_zone_create(void)
{
    struct net_wire_zone *zone = malloc(sizeof(*zone));
    if (zone && !msgpack_zone_init(&zone->zone, ZONE_BYTES)) {
        free(zone);
        return NULL;
    }
    return zone;
}

void net_wire_zone_destroy(struct net_wire_zone *zone)
{
    if (zone) {
        msgpack_zone_destroy(&zone->zone);
        free(zone);
    }
}

bool net_wire_read(struct net_wire *wire, struct net_wire_zone *zone, struct bytes_span bytes)
{
    *wire = (struct net_wire){.ok = true};
    if (!net_wire_scan(bytes)) {
        return false;
    }
    msgpack_zone_clear(&zone->zone);
    msgpack_object root;
    size_t offset = 0;
    if (msgpack_unpack((const char *)bytes.data, bytes.size, &offset, &zone->zone, &root) !=
            MSGPACK_UNPACK_SUCCESS ||
        root.type != MSGPACK_OBJECT_ARRAY) {
        return false;
    }
    wire->arrays[0].next = root.via.array.ptr;
    wire->arrays[0].left = root.via.array.size;
    return true;
}

// How many fields there are is known at the end, so the array's header is filled in there: with at
// most FIELDS_MAX it is one byte.
#define FIELDS_MAX     15
#define FIXARRAY_EMPTY 0x90

void net_wire_write(struct net_wire *wire, struct bytes_buf *out)
{
    *wire = (struct net_wire){.out = out, .out_start = out->size};
    wire->arrays[0].left = FIELDS_MAX;
    wire->ok = bytes_buf_append_u8(out, FIXARRAY_EMPTY);
}

bool net_wire_end(struct net_wire *wire)
{
    assert(!wire->ok || wire->depth == 0);
    if (!wire->out) {
        return wire->ok && wire->arrays[0].left == 0;
    }
    if (!wire->ok) {
        wire->out->size = wire->out_start;
        return false;
    }
    uint32_t fields = FIELDS_MAX - wire->arrays[0].left;
    wire->out->memory[wire->out->start + wire->out_start] = (uint8_t)(FIXARRAY_EMPTY | fields);
    return true;
}

static int append(void *data, const char *bytes, size_t size)
{
    return bytes_buf_append(data, bytes_of(bytes, size)) ? 0 : -1;
}

static msgpack_packer packer(struct net_wire *wire)
{
    return (msgpack_packer){.data = wire->out, .callback = append};
}

// Takes the next place in the present array. While reading *object is what stands there, of type
// `type`; while writing it is NULL. False when there is nothing (more) to do.
static bool take(struct net_wire *wire, msgpack_object_type type, const msgpack_object **object)
{
    *object = NULL;
    if (!wire->ok) {
        return false;
    }
    if (wire->arrays[wire->depth].left == 0) {
        assert(!wire->out);
        wire->ok = false;
        return false;
    }
    wire->arrays[wire->depth].left--;
    if (!wire->out) {
        *object = wire->arrays[wire->depth].next++;
        wire->ok = (*object)->type == type;
    }
    return wire->ok;
}

void net_wire_u32(struct net_wire *wire, uint32_t *value, uint32_t min, uint32_t max)
{
    const msgpack_object *object;
    if (!take(wire, MSGPACK_OBJECT_POSITIVE_INTEGER, &object)) {
        return;
    }
    if (object) {
        wire->ok = object->via.u64 >= min && object->via.u64 <= max;
        *value = wire->ok ? (uint32_t)object->via.u64 : 0;
    } else {
        assert(*value >= min && *value <= max);
        msgpack_packer pack = packer(wire);
        wire->ok = msgpack_pack_uint32(&pack, *value) == 0;
    }
}

void net_wire_i32(struct net_wire *wire, int32_t *value)
{
    const msgpack_object *object;
    const msgpack_object *next = wire->arrays[wire->depth].next;
    bool negative = !wire->out && wire->ok && wire->arrays[wire->depth].left > 0 &&
                    next->type == MSGPACK_OBJECT_NEGATIVE_INTEGER;
    if (!take(wire, negative ? MSGPACK_OBJECT_NEGATIVE_INTEGER : MSGPACK_OBJECT_POSITIVE_INTEGER,
              &object)) {
        return;
    }
    if (object) {
        // A number over INT64_MAX is positive too, and then does not fit in i64.
        wire->ok = negative ? object->via.i64 >= INT32_MIN : object->via.u64 <= INT32_MAX;
        *value = wire->ok ? (int32_t)object->via.i64 : 0;
    } else {
        msgpack_packer pack = packer(wire);
        wire->ok = msgpack_pack_int32(&pack, *value) == 0;
    }
}

void net_wire_bool(struct net_wire *wire, bool *value)
{
    const msgpack_object *object;
    if (!take(wire, MSGPACK_OBJECT_BOOLEAN, &object)) {
        return;
    }
    if (object) {
        *value = object->via.boolean;
    } else {
        msgpack_packer pack = packer(wire);
        wire->ok = (*value ? msgpack_pack_true(&pack) : msgpack_pack_false(&pack)) == 0;
    }
}

void net_wire_text(struct net_wire *wire, struct bytes_span *value, size_t max)
{
    const msgpack_object *object;
    if (!take(wire, MSGPACK_OBJECT_STR, &object)) {
        return;
    }
    if (object) {
        *value = bytes_of(object->via.str.ptr, object->via.str.size);
        wire->ok = value->size <= max && bytes_is_utf8(*value);
    } else {
        assert(value->size <= max && bytes_is_utf8(*value));
        msgpack_packer pack = packer(wire);
        wire->ok = msgpack_pack_str(&pack, value->size) == 0 &&
                   msgpack_pack_str_body(&pack, value->data, value->size) == 0;
    }
}

void net_wire_bin(struct net_wire *wire, struct bytes_span *value, size_t min, size_t max)
{
    const msgpack_object *object;
    if (!take(wire, MSGPACK_OBJECT_BIN, &object)) {
        return;
    }
    if (object) {
        *value = bytes_of(object->via.bin.ptr, object->via.bin.size);
        wire->ok = value->size >= min && value->size <= max;
    } else {
        assert(value->size >= min && value->size <= max);
        msgpack_packer pack = packer(wire);
        wire->ok = msgpack_pack_bin(&pack, value->size) == 0 &&
                   msgpack_pack_bin_body(&pack, value->data, value->size) == 0;
    }
}

// ---- arrays

static void enter(struct net_wire *wire, const msgpack_object *object, uint32_t elements)
{
    assert(wire->depth + 1 < NET_WIRE_DEPTH_MAX);
    if (wire->out) {
        msgpack_packer pack = packer(wire);
        wire->ok = msgpack_pack_array(&pack, elements) == 0;
    }
    wire->depth++;
    wire->arrays[wire->depth].next = object ? object->via.array.ptr : NULL;
    wire->arrays[wire->depth].left = elements;
}

void net_wire_group(struct net_wire *wire, uint32_t fields)
{
    net_wire_list(wire, &fields, fields);
}

void net_wire_list(struct net_wire *wire, uint32_t *count, uint32_t max)
{
    const msgpack_object *object;
    if (!take(wire, MSGPACK_OBJECT_ARRAY, &object)) {
        return;
    }
    if (object) {
        wire->ok = object->via.array.size <= max;
        *count = wire->ok ? object->via.array.size : 0;
    } else {
        assert(*count <= max);
    }
    if (wire->ok) {
        enter(wire, object, *count);
    }
}

void net_wire_leave(struct net_wire *wire)
{
    if (!wire->ok) {
        return;
    }
    assert(wire->depth > 0);
    assert(!wire->out || wire->arrays[wire->depth].left == 0);
    wire->ok = wire->arrays[wire->depth].left == 0;
    wire->depth--;
}

void net_wire_skip_rest(struct net_wire *wire)
{
    if (wire->ok && !wire->out) {
        wire->arrays[wire->depth].left = 0;
    }
}
