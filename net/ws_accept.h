// SPDX-License-Identifier: MIT
// The Sec-WebSocket-Accept computation of RFC 6455 4.2.2 and keys for it.

#ifndef NET_WS_ACCEPT_H
#define NET_WS_ACCEPT_H

#include "config/base/bytes.h"

#define NET_WS_KEY_BYTES    24 // base64 of 16 bytes
#define NET_WS_ACCEPT_BYTES 28 // base64 of a SHA-1

// True when it is base64 of 16 bytes.
bool net_ws_key_is_valid(struct bytes_span key);
// A new random key, with NUL.
void net_ws_key_make(char key[NET_WS_KEY_BYTES + 1]);
// What a server answers to a valid key, with NUL.
void net_ws_accept(struct bytes_span key, char accept[NET_WS_ACCEPT_BYTES + 1]);

#endif
