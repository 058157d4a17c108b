// SPDX-License-Identifier: MIT
// Spans, capped buffers and byte queues. Knows no format beyond big-endian, varint and UTF-8; every
// module that holds bytes drives it. The ceiling of a buffer is checked in one place, buf_room().

#include "config/base/bytes.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUF_CAPACITY_MIN 64

struct bytes_span bytes_of_string(const char *text)
{
    return bytes_of(text, strlen(text));
}

bool bytes_equal(struct bytes_span a, struct bytes_span b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

struct bytes_span bytes_cut(struct bytes_span *rest, char mark)
{
    const uint8_t *end = rest->size > 0 ? memchr(rest->data, mark, rest->size) : NULL;
    size_t size = end ? (size_t)(end - rest->data) : rest->size;
    size_t taken = end ? size + 1 : size;
    struct bytes_span front = bytes_of(rest->data, size);
    *rest = bytes_of(rest->data + taken, rest->size - taken);
    return front;
}

static bool is_one_of(uint8_t byte, const char *bytes)
{
    return byte != '\0' && strchr(bytes, byte);
}

struct bytes_span bytes_trim(struct bytes_span span, const char *blanks)
{
    while (span.size > 0 && is_one_of(span.data[0], blanks)) {
        span = bytes_of(span.data + 1, span.size - 1);
    }
    while (span.size > 0 && is_one_of(span.data[span.size - 1], blanks)) {
        span.size--;
    }
    return span;
}

size_t bytes_utf8_sequence(struct bytes_span span)
{
    const uint8_t *at = span.data;
    if (span.size == 0) {
        return 0;
    }
    if (at[0] < 0x80) {
        return 1;
    }
    // RFC 3629 section 4: the second byte's range depends on the first; that is what keeps
    // overlongs (E0, F0), surrogates (ED) and values over U+10FFFF (F4) out.
    size_t length = at[0] >= 0xF0 ? 4 : at[0] >= 0xE0 ? 3 : 2;
    uint8_t low = at[0] == 0xE0 ? 0xA0 : at[0] == 0xF0 ? 0x90 : 0x80;
    uint8_t high = at[0] == 0xED ? 0x9F : at[0] == 0xF4 ? 0x8F : 0xBF;
    if (at[0] < 0xC2 || at[0] > 0xF4 || span.size < length || at[1] < low || at[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < length; i++) {
        if ((at[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    return length;
}

bool bytes_is_utf8(struct bytes_span span)
{
    while (span.size > 0) {
        size_t length = bytes_utf8_sequence(span);
        if (length == 0) {
            return false;
        }
        span = bytes_of(span.data + length, span.size - length);
    }
    return true;
}

void bytes_buf_init(struct bytes_buf *buf, size_t limit)
{
    assert(limit > 0 && limit < SIZE_MAX / 2);
    *buf = (struct bytes_buf){.limit = limit};
}

void bytes_buf_finish(struct bytes_buf *buf)
{
    free(buf->memory);
    *buf = (struct bytes_buf){.limit = buf->limit};
}

struct bytes_span bytes_buf_span(const struct bytes_buf *buf)
{
    return bytes_of(buf->memory ? buf->memory + buf->start : NULL, buf->size);
}

// Makes `size` bytes writable behind the unread part. The memory has one byte more than `capacity`
// says, so that vsnprintf() may put its NUL behind a buffer that is exactly full.
static bool buf_room(struct bytes_buf *buf, size_t size)
{
    assert(buf->limit > 0 && buf->size <= buf->limit);
    if (size > buf->limit - buf->size) {
        return false;
    }
    if (buf->memory && buf->capacity - buf->start - buf->size >= size) {
        return true;
    }
    if (buf->start > 0) {
        memmove(buf->memory, buf->memory + buf->start, buf->size);
        buf->start = 0;
        if (buf->capacity - buf->size >= size) {
            return true;
        }
    }
    size_t capacity = buf->capacity < BUF_CAPACITY_MIN ? BUF_CAPACITY_MIN : buf->capacity;
    while (capacity < buf->size + size) {
        capacity *= 2;
    }
    capacity = capacity < buf->limit ? capacity : buf->limit;
    uint8_t *memory = realloc(buf->memory, capacity + 1);
    if (!memory) {
        return false;
    }
    buf->memory = memory;
    buf->capacity = capacity;
    return true;
}

uint8_t *bytes_buf_reserve(struct bytes_buf *buf, size_t size)
{
    return buf_room(buf, size) ? buf->memory + buf->start + buf->size : NULL;
}

void bytes_buf_commit(struct bytes_buf *buf, size_t size)
{
    assert(size <= buf->capacity - buf->start - buf->size);
    buf->size += size;
}

bool bytes_buf_append(struct bytes_buf *buf, struct bytes_span span)
{
    if (span.size == 0) {
        return true;
    }
    uint8_t *at = bytes_buf_reserve(buf, span.size);
    if (!at) {
        return false;
    }
    memcpy(at, span.data, span.size);
    buf->size += span.size;
    return true;
}

bool bytes_buf_append_u8(struct bytes_buf *buf, uint8_t value)
{
    return bytes_buf_append(buf, bytes_of(&value, 1));
}

bool bytes_buf_append_text(struct bytes_buf *buf, const char *text)
{
    return bytes_buf_append(buf, bytes_of_string(text));
}

bool bytes_buf_append_format(struct bytes_buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    uint8_t *at = length < 0 ? NULL : bytes_buf_reserve(buf, (size_t)length);
    if (!at) {
        return false;
    }
    va_start(args, format);
    vsnprintf((char *)at, (size_t)length + 1, format, args);
    va_end(args);
    buf->size += (size_t)length;
    return true;
}

void bytes_buf_consume(struct bytes_buf *buf, size_t size)
{
    assert(size <= buf->size);
    buf->size -= size;
    buf->start = buf->size == 0 ? 0 : buf->start + size;
}

void bytes_buf_clear(struct bytes_buf *buf)
{
    bytes_buf_consume(buf, buf->size);
}

bool bytes_buf_append_varint(struct bytes_buf *buf, uint32_t value)
{
    uint8_t text[5];
    size_t size = 0;
    while (value >= 0x80) {
        text[size++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    text[size++] = (uint8_t)value;
    return bytes_buf_append(buf, bytes_of(text, size));
}

bool bytes_take_varint(struct bytes_span *span, uint32_t *value)
{
    uint32_t result = 0;
    for (size_t i = 0; i < 5 && i < span->size; i++) {
        uint8_t byte = span->data[i];
        if (i == 4 && byte > 0x0F) {
            return false; // bits 32 and up, or a sixth byte
        }
        result |= (uint32_t)(byte & 0x7F) << (7 * i);
        if (!(byte & 0x80)) {
            *span = bytes_of(span->data + i + 1, span->size - i - 1);
            *value = result;
            return true;
        }
    }
    return false;
}

uint64_t bytes_hash(uint64_t hash, struct bytes_span span)
{
    for (size_t i = 0; i < span.size; i++) {
        hash = (hash ^ span.data[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

void bytes_to_hex(struct bytes_span span, char *text)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < span.size; i++) {
        *text++ = digits[span.data[i] >> 4];
        *text++ = digits[span.data[i] & 0x0F];
    }
    *text = '\0';
}
