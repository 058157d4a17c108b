// SPDX-License-Identifier: MIT
// Bounded msgpack: what may be on the wire at all, and fields read or written by one schema.
//
// The only file that knows msgpack-c. Bytes of a peer are scanned before the library sees them,
// because it believes declared lengths: five bytes that claim an array of 2^26 elements make it
// reserve 2 GiB. net/msg.c describes each message once, as a function over a `struct net_wire`;
// the same function then encodes and decodes it.

#ifndef NET_WIRE_H
#define NET_WIRE_H

#include "config/base/bytes.h"

#define NET_WIRE_DEPTH_MAX    8
#define NET_WIRE_ELEMENTS_MAX 1024

// True when `bytes` are exactly one msgpack value made of integers, booleans, strings, binaries and
// arrays, at most NET_WIRE_DEPTH_MAX arrays deep, with at most NET_WIRE_ELEMENTS_MAX values in all,
// and every declared length within the bytes that are there. Maps, floats, nil and extensions are
// in no message, so they are refused here. Iterative; looks at no byte twice.
bool net_wire_scan(struct bytes_span bytes) BASE_MUST_USE;

// The first element of the array that `bytes` begins with, without looking further; false when it
// is no array or its first element is not a natural number up to 2^32 - 1.
bool net_wire_peek_type(struct bytes_span bytes, uint32_t *type) BASE_MUST_USE;

struct net_wire_zone; // the memory of decoding, reused for every message

struct net_wire_zone *net_wire_zone_create(void) BASE_MUST_USE;
void net_wire_zone_destroy(struct net_wire_zone *zone);

struct msgpack_object;

// One message under way in either direction. In the first error `ok` turns false and stays so;
// fields after it are left alone, so schemas need not check each step.
struct net_wire {
    bool ok;
    struct bytes_buf *out; // NULL: reading
    size_t out_start;      // where in `out` the message begins
    unsigned depth;        // 0: among the message's own fields
    struct {
        const struct msgpack_object *next; // reading
        uint32_t left;                     // fields still to come in this array
    } arrays[NET_WIRE_DEPTH_MAX];
};

// Both begin a message, which is an array, and stand at its first field. Reading returns false when
// the bytes do not pass net_wire_scan() or are no array; what is read points into `bytes`.
bool net_wire_read(struct net_wire *wire, struct net_wire_zone *zone, struct bytes_span bytes)
    BASE_MUST_USE;
void net_wire_write(struct net_wire *wire, struct bytes_buf *out);
// True when everything was in order and nothing is left over. When writing failed (`out` is full)
// `out` is as it was before.
bool net_wire_end(struct net_wire *wire) BASE_MUST_USE;

// Fields. Reading checks type and range; writing asserts the range and never stores through the
// pointer. `count` is in elements, `min` and `max` of strings and binaries in bytes.
void net_wire_u32(struct net_wire *wire, uint32_t *value, uint32_t min, uint32_t max);
void net_wire_i32(struct net_wire *wire, int32_t *value);
void net_wire_bool(struct net_wire *wire, bool *value);
void net_wire_text(struct net_wire *wire, struct bytes_span *value, size_t max); // UTF-8
void net_wire_bin(struct net_wire *wire, struct bytes_span *value, size_t min, size_t max);
// Enters an array of exactly `fields` elements, or of *count up to max; leave it after as many.
void net_wire_group(struct net_wire *wire, uint32_t fields);
void net_wire_list(struct net_wire *wire, uint32_t *count, uint32_t max);
void net_wire_leave(struct net_wire *wire);
// The rest of the present array is of no interest, whatever it is. Nothing to do when writing.
void net_wire_skip_rest(struct net_wire *wire);

#endif
