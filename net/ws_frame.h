// SPDX-License-Identifier: MIT
// The strict reader of WebSocket frame headers that stands in front of wslay, and the writer of
// ours.
//
// wslay 1.1.1 assembles messages well, but answers bad headers with an empty close, checks sizes
// only when payload is there, refuses close codes that IANA has registered since and holds 96 bytes
// of heap for each one-byte fragment. So every header is judged here, before its payload is taken;
// wslay sees only data frames that are fit for it. Fed with chunks of any size; the verdict does
// not depend on how the bytes were cut.

#ifndef NET_WS_FRAME_H
#define NET_WS_FRAME_H

#include "config/base/bytes.h"

#define NET_WS_HEADER_BYTES_MAX  14
#define NET_WS_CONTROL_BYTES_MAX 125
#define NET_WS_FRAGMENTS_MAX     64

enum net_ws_opcode {
    NET_WS_CONTINUATION = 0,
    NET_WS_TEXT = 1,
    NET_WS_BINARY = 2,
    NET_WS_CLOSE = 8,
    NET_WS_PING = 9,
    NET_WS_PONG = 10,
};

// ---- reading

enum net_ws_piece_kind {
    NET_WS_NOTHING, // more bytes are needed
    NET_WS_DATA,    // the next bytes of a data frame as they came, header first, still masked
    NET_WS_CONTROL, // a whole control frame: opcode and unmasked payload
};

struct net_ws_piece {
    enum net_ws_piece_kind kind;
    enum net_ws_opcode opcode;
    struct bytes_span bytes; // valid until the next call
};

struct net_ws_reader {
    bool wants_mask; // true on servers: RFC 6455 5.1
    size_t message_bytes_max;
    uint8_t header[NET_WS_HEADER_BYTES_MAX];
    size_t header_size;
    bool in_payload;
    size_t payload_left;
    bool in_message; // a fragment without FIN came last
    size_t message_bytes;
    unsigned fragments;
    uint8_t control[NET_WS_CONTROL_BYTES_MAX];
    size_t control_size;
};

void net_ws_reader_init(struct net_ws_reader *reader, bool wants_mask, size_t message_bytes_max);
// Takes bytes from the front of *bytes until there is a piece or there are no more. Returns 0, or
// the close code with *why telling what is wrong; then it must not be called again.
uint16_t net_ws_reader_next(struct net_ws_reader *reader, struct bytes_span *bytes,
                            struct net_ws_piece *piece, const char **why);
// True inside a frame or between the fragments of a message.
bool net_ws_reader_is_amid(const struct net_ws_reader *reader);

// The status in the payload of a close frame: 0 and *status (1005 when there is none) and *reason,
// or the code to fail with.
uint16_t net_ws_read_close(struct bytes_span payload, uint16_t *status, struct bytes_span *reason);

// ---- writing

// The header of an unfragmented frame; `mask` is NULL on servers. Returns its size.
size_t net_ws_write_header(uint8_t header[NET_WS_HEADER_BYTES_MAX], enum net_ws_opcode opcode,
                           size_t payload_size, const uint8_t mask[4]);
// XORs the mask over bytes; `offset` is where in the payload they stand.
void net_ws_mask(uint8_t *to, const uint8_t *from, size_t size, const uint8_t mask[4],
                 size_t offset);

#endif
