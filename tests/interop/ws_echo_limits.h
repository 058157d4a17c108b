// SPDX-License-Identifier: MIT
// Put in front of the sources of tests/interop/ws_echo.c and of the layers that it takes from net/:
// they are compiled once more with limits beyond what conformance tests send, and are otherwise the
// server's to the letter.

#ifndef TESTS_INTEROP_WS_ECHO_LIMITS_H
#define TESTS_INTEROP_WS_ECHO_LIMITS_H

#include "config/limits.h"
#include "net/layer_ws.h"
#include "net/ws_frame.h"

#undef LIMIT_MESSAGE_BYTES
#define LIMIT_MESSAGE_BYTES 16777216 // case 9.1.6
#undef NET_WS_FRAGMENTS_MAX
#define NET_WS_FRAGMENTS_MAX 65536 // case 9.3.1
#undef NET_WS_ASSEMBLY_MS
#define NET_WS_ASSEMBLY_MS 600000

#endif
