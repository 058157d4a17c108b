// SPDX-License-Identifier: MIT
// Spans, capped buffers and byte queues.
//
// Every buffer in Paddock is made with a ceiling: an append that would pass it fails and changes
// nothing, so memory that a peer can make us hold is bounded where the buffer is created. Nothing
// here knows what the bytes mean. Integers on the wire are big-endian unless a format says else.

#ifndef CONFIG_BASE_BYTES_H
#define CONFIG_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BASE_MUST_USE     __attribute__((warn_unused_result))
#define BASE_COUNT(array) (sizeof(array) / sizeof((array)[0]))

// Bytes that somebody else owns and keeps alive for as long as the call says. `data` may be NULL
// when `size` is 0.
struct bytes_span {
    const uint8_t *data;
    size_t size;
};

static inline struct bytes_span bytes_of(const void *data, size_t size)
{
    return (struct bytes_span){.data = data, .size = size};
}

// A string literal or NUL-terminated string without its NUL.
struct bytes_span bytes_of_string(const char *text);
bool bytes_equal(struct bytes_span a, struct bytes_span b);
// Takes what stands before the first `mark` off the front of *rest, and the mark as well;
// everything when there is none.
struct bytes_span bytes_cut(struct bytes_span *rest, char mark);
// Without any of `blanks` at its ends.
struct bytes_span bytes_trim(struct bytes_span span, const char *blanks);
// True when the span is valid UTF-8 (RFC 3629: no overlongs, surrogates or values over U+10FFFF).
bool bytes_is_utf8(struct bytes_span span);
// Size in bytes (1..4) of the valid UTF-8 sequence at the front; 0 when there is none.
size_t bytes_utf8_sequence(struct bytes_span span);

// A growing buffer that owns its memory and never exceeds `limit`. The unread part is
// data[start .. start+size): appending adds at the end, consuming removes from the front, so that
// it serves as a message under construction and as a byte queue alike.
struct bytes_buf {
    uint8_t *memory;
    size_t capacity;
    size_t start;
    size_t size;
    size_t limit;
};

// Memory is first allocated on the first append. `limit` is in bytes and must be > 0.
void bytes_buf_init(struct bytes_buf *buf, size_t limit);
// Releases the memory; a finished or zeroed buffer may be finished again.
void bytes_buf_finish(struct bytes_buf *buf);
struct bytes_span bytes_buf_span(const struct bytes_buf *buf);
// False, with the contents unchanged, when the limit would be passed or memory is short. What is
// appended must not lie inside the buffer itself.
bool bytes_buf_append(struct bytes_buf *buf, struct bytes_span span) BASE_MUST_USE;
bool bytes_buf_append_u8(struct bytes_buf *buf, uint8_t value) BASE_MUST_USE;
bool bytes_buf_append_text(struct bytes_buf *buf, const char *text) BASE_MUST_USE;
bool bytes_buf_append_format(struct bytes_buf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3))) BASE_MUST_USE;
// Room for `size` more bytes at the end, or NULL when that would pass the limit; the bytes count
// only after bytes_buf_commit() with the number really written (<= size).
uint8_t *bytes_buf_reserve(struct bytes_buf *buf, size_t size) BASE_MUST_USE;
void bytes_buf_commit(struct bytes_buf *buf, size_t size);
// Drops `size` bytes from the front (size <= buf->size). An emptied buffer keeps its memory.
void bytes_buf_consume(struct bytes_buf *buf, size_t size);
void bytes_buf_clear(struct bytes_buf *buf);

static inline void bytes_put_u16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static inline void bytes_put_u32(uint8_t *at, uint32_t value)
{
    bytes_put_u16(at, (uint16_t)(value >> 16));
    bytes_put_u16(at + 2, (uint16_t)value);
}

static inline uint16_t bytes_get_u16(const uint8_t *at)
{
    return (uint16_t)((uint16_t)at[0] << 8 | at[1]);
}

static inline uint32_t bytes_get_u32(const uint8_t *at)
{
    return (uint32_t)bytes_get_u16(at) << 16 | bytes_get_u16(at + 2);
}

// LEB128 varints with ZigZag for signed values: at most 5 bytes for 32 bits.
bool bytes_buf_append_varint(struct bytes_buf *buf, uint32_t value) BASE_MUST_USE;
// Reads one varint from the front of *span and advances it; false on truncation or > 32 bits.
bool bytes_take_varint(struct bytes_span *span, uint32_t *value) BASE_MUST_USE;

static inline uint32_t bytes_zigzag(int32_t value)
{
    return ((uint32_t)value << 1) ^ (uint32_t)(value >> 31);
}

static inline int32_t bytes_unzigzag(uint32_t value)
{
    return (int32_t)((value >> 1) ^ (~(value & 1) + 1));
}

// FNV-1a, 64 bits, of what `hash` stands for (BYTES_HASH_NONE: nothing yet) and these bytes.
// Whoever chooses the bytes can make it collide.
#define BYTES_HASH_NONE UINT64_C(0xcbf29ce484222325)
uint64_t bytes_hash(uint64_t hash, struct bytes_span span);

// Writes `size` bytes as 2*size lower-case hex digits and a NUL.
void bytes_to_hex(struct bytes_span span, char *text);

#endif
