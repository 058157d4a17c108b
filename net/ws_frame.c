// SPDX-License-Identifier: MIT
// RFC 6455 5.2 to the letter. A header is judged as soon as each byte of it can be: a peer that is
// wrong in the first byte is told so without a second one.

#include "net/ws_frame.h"

#include <string.h>

#include "net/close.h"

void net_ws_reader_init(struct net_ws_reader *reader, bool wants_mask, size_t message_bytes_max)
{
    *reader = (struct net_ws_reader){
        .wants_mask = wants_mask,
        .message_bytes_max = message_bytes_max,
    };
}

bool net_ws_reader_is_amid(const struct net_ws_reader *reader)
{
    return reader->header_size > 0 || reader->in_payload || reader->in_message;
}

static enum net_ws_opcode header_opcode(const struct net_ws_reader *reader)
{
    return (enum net_ws_opcode)(reader->header[0] & 0x0f);
}

static bool header_fin(const struct net_ws_reader *reader)
{
    return reader->header[0] & 0x80;
}

static bool is_control(const struct net_ws_reader *reader)
{
    return reader->header[0] & 0x08;
}

// How long the header is, as far as its first bytes tell.
static size_t header_length(const struct net_ws_reader *reader)
{
    if (reader->header_size < 2) {
        return 2;
    }
    uint8_t length = reader->header[1] & 0x7f;
    return 2u + (length == 126 ? 2 : length == 127 ? 8 : 0) + (reader->wants_mask ? 4 : 0);
}

static uint64_t payload_length(const struct net_ws_reader *reader)
{
    uint8_t length = reader->header[1] & 0x7f;
    if (length == 127) {
        return (uint64_t)bytes_get_u32(reader->header + 2) << 32 |
               bytes_get_u32(reader->header + 6);
    }
    return length == 126 ? bytes_get_u16(reader->header + 2) : length;
}

static uint16_t fail(const char **why, uint16_t code, const char *text)
{
    *why = text;
    return code;
}

static uint16_t judge_first_byte(const struct net_ws_reader *reader, const char **why)
{
    if (reader->header[0] & 0x70) {
        return fail(why, NET_CLOSE_PROTOCOL, "reserved bit set");
    }
    switch (header_opcode(reader)) {
    case NET_WS_CONTINUATION:
        return reader->in_message
                   ? 0
                   : fail(why, NET_CLOSE_PROTOCOL, "continuation without a beginning");
    case NET_WS_TEXT:
    case NET_WS_BINARY:
        return reader->in_message
                   ? fail(why, NET_CLOSE_PROTOCOL, "new message inside a fragmented one")
                   : 0;
    case NET_WS_CLOSE:
    case NET_WS_PING:
    case NET_WS_PONG:
        return header_fin(reader) ? 0 : fail(why, NET_CLOSE_PROTOCOL, "fragmented control frame");
    default:
        return fail(why, NET_CLOSE_PROTOCOL, "reserved opcode");
    }
}

static uint16_t judge_second_byte(const struct net_ws_reader *reader, const char **why)
{
    if ((bool)(reader->header[1] & 0x80) != reader->wants_mask) {
        return fail(why, NET_CLOSE_PROTOCOL,
                    reader->wants_mask ? "frame is not masked" : "frame is masked");
    }
    if (is_control(reader) && (reader->header[1] & 0x7f) > NET_WS_CONTROL_BYTES_MAX) {
        return fail(why, NET_CLOSE_PROTOCOL, "control frame is too long");
    }
    return 0;
}

static uint16_t judge_length(const struct net_ws_reader *reader, const char **why)
{
    uint8_t form = reader->header[1] & 0x7f;
    uint64_t length = payload_length(reader);
    if ((form == 126 && length < 126) || (form == 127 && (length <= UINT16_MAX || length >> 63))) {
        return fail(why, NET_CLOSE_PROTOCOL, "length is not in its shortest form");
    }
    if (is_control(reader)) {
        return 0;
    }
    if (length > reader->message_bytes_max - reader->message_bytes) {
        return fail(why, NET_CLOSE_TOO_BIG, "message too big");
    }
    if (reader->fragments == NET_WS_FRAGMENTS_MAX) {
        return fail(why, NET_CLOSE_POLICY, "too many fragments");
    }
    return 0;
}

// Adds bytes to the header until it is complete or `bytes` is empty.
static uint16_t take_header(struct net_ws_reader *reader, struct bytes_span *bytes,
                            const char **why)
{
    while (bytes->size > 0 && reader->header_size < header_length(reader)) {
        reader->header[reader->header_size++] = bytes->data[0];
        *bytes = bytes_of(bytes->data + 1, bytes->size - 1);
        uint16_t code = 0;
        // Where the length ends, which is before the mask.
        size_t length_end = header_length(reader) - (reader->wants_mask ? 4 : 0);
        if (reader->header_size == 1) {
            code = judge_first_byte(reader, why);
        } else if (reader->header_size == 2) {
            code = judge_second_byte(reader, why);
        }
        if (!code && reader->header_size >= 2 && reader->header_size == length_end) {
            code = judge_length(reader, why);
        }
        if (code) {
            return code;
        }
    }
    return 0;
}

static void end_frame(struct net_ws_reader *reader)
{
    reader->header_size = 0;
    reader->in_payload = false;
    if (!is_control(reader)) {
        reader->in_message = !header_fin(reader);
        if (!reader->in_message) {
            reader->message_bytes = 0;
            reader->fragments = 0;
        }
    }
}

static void begin_payload(struct net_ws_reader *reader, struct net_ws_piece *piece)
{
    reader->payload_left = (size_t)payload_length(reader);
    reader->in_payload = true;
    reader->control_size = 0;
    if (!is_control(reader)) {
        reader->message_bytes += reader->payload_left;
        reader->fragments++;
        *piece = (struct net_ws_piece){
            .kind = NET_WS_DATA,
            .opcode = header_opcode(reader),
            .bytes = bytes_of(reader->header, reader->header_size),
        };
    }
}

static void take_payload(struct net_ws_reader *reader, struct bytes_span *bytes,
                         struct net_ws_piece *piece)
{
    size_t count = bytes->size < reader->payload_left ? bytes->size : reader->payload_left;
    struct bytes_span slice = bytes_of(bytes->data, count);
    *bytes = bytes_of(bytes->data + count, bytes->size - count);
    reader->payload_left -= count;
    if (!is_control(reader)) {
        if (count > 0) {
            *piece = (struct net_ws_piece){
                .kind = NET_WS_DATA, .opcode = header_opcode(reader), .bytes = slice};
        }
    } else {
        uint8_t *to = reader->control + reader->control_size;
        if (reader->wants_mask) {
            net_ws_mask(to, slice.data, count, reader->header + reader->header_size - 4,
                        reader->control_size);
        } else if (count > 0) {
            memcpy(to, slice.data, count);
        }
        reader->control_size += count;
        if (reader->payload_left == 0) {
            *piece = (struct net_ws_piece){
                .kind = NET_WS_CONTROL,
                .opcode = header_opcode(reader),
                .bytes = bytes_of(reader->control, reader->control_size),
            };
        }
    }
    if (reader->payload_left == 0) {
        end_frame(reader);
    }
}

uint16_t net_ws_reader_next(struct net_ws_reader *reader, struct bytes_span *bytes,
                            struct net_ws_piece *piece, const char **why)
{
    *piece = (struct net_ws_piece){.kind = NET_WS_NOTHING};
    if (!reader->in_payload) {
        uint16_t code = take_header(reader, bytes, why);
        if (code || reader->header_size < header_length(reader)) {
            return code;
        }
        begin_payload(reader, piece);
        if (piece->kind != NET_WS_NOTHING) {
            // An empty data frame ends with its header: nothing more would come to end it.
            if (reader->payload_left == 0) {
                end_frame(reader);
            }
            return 0;
        }
    }
    take_payload(reader, bytes, piece);
    return 0;
}

uint16_t net_ws_read_close(struct bytes_span payload, uint16_t *status, struct bytes_span *reason)
{
    *status = 1005;
    *reason = bytes_of("", 0);
    if (payload.size == 0) {
        return 0;
    }
    if (payload.size == 1) {
        return NET_CLOSE_PROTOCOL;
    }
    *status = bytes_get_u16(payload.data);
    *reason = bytes_of(payload.data + 2, payload.size - 2);
    bool may_be_sent = (*status >= 1000 && *status <= 1003) ||
                       (*status >= 1007 && *status <= 1014) || // 1012..1014: IANA registry
                       (*status >= 3000 && *status <= 4999);
    if (!may_be_sent) {
        return NET_CLOSE_PROTOCOL;
    }
    return bytes_is_utf8(*reason) ? 0 : NET_CLOSE_BAD_DATA;
}

size_t net_ws_write_header(uint8_t header[NET_WS_HEADER_BYTES_MAX], enum net_ws_opcode opcode,
                           size_t payload_size, const uint8_t mask[4])
{
    uint8_t mask_bit = mask ? 0x80 : 0;
    size_t size = 2;
    header[0] = (uint8_t)(0x80 | opcode);
    if (payload_size < 126) {
        header[1] = (uint8_t)(mask_bit | payload_size);
    } else if (payload_size <= UINT16_MAX) {
        header[1] = mask_bit | 126;
        bytes_put_u16(header + 2, (uint16_t)payload_size);
        size = 4;
    } else {
        header[1] = mask_bit | 127;
        bytes_put_u32(header + 2, (uint32_t)((uint64_t)payload_size >> 32));
        bytes_put_u32(header + 6, (uint32_t)payload_size);
        size = 10;
    }
    if (mask) {
        memcpy(header + size, mask, 4);
        size += 4;
    }
    return size;
}

void net_ws_mask(uint8_t *to, const uint8_t *from, size_t size, const uint8_t mask[4],
                 size_t offset)
{
    for (size_t i = 0; i < size; i++) {
        to[i] = from[i] ^ mask[(offset + i) & 3];
    }
}
