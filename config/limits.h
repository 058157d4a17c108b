// SPDX-License-Identifier: MIT
// Hard bounds: what no setting can exceed, so that arrays have sizes and loops have ends.
//
// A bound that operators may want to change is a row in options.def instead; its range ends here.

#ifndef CONFIG_LIMITS_H
#define CONFIG_LIMITS_H

#define LIMIT_LISTENERS           16
#define LIMIT_CERTIFICATES        16 // of one listener
#define LIMIT_PLAYERS_PER_SESSION 64
#define LIMIT_SESSIONS            1024
#define LIMIT_UDP_PEERS           4095  // ENet: 12-bit peer ids
#define LIMIT_SESSION_NAME_BYTES  64    // UTF-8, without NUL
#define LIMIT_PLAYER_ID_BYTES     128   // can never exceed the connection token
#define LIMIT_TOKEN_BYTES         128   // connection token: Photon's limit (seed guide)
#define LIMIT_MESSAGE_BYTES       16384 // one wire message, either direction
#define LIMIT_CLOSE_REASON_BYTES  123   // RFC 6455 5.5.1: a close frame carries 125 with the code
#define LIMIT_INPUT_BYTES         16    // one tick's input of one player
#define LIMIT_INPUTS_PER_MESSAGE  64    // redundancy: every unacknowledged tick, newest last
#define LIMIT_SNAPSHOT_VALUES     2048  // int32 values in a snapshot: 64 players * 32 fields
#define LIMIT_PATH_BYTES          1024
#define LIMIT_MAPPED_HEADERS      8 // of a WebSocket's request, for the backend

#endif
