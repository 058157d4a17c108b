// SPDX-License-Identifier: MIT
// Base64 as it comes in headers and cookies (RFC 4648, both alphabets), strictly read: one text for
// each value and nothing besides.

#ifndef NET_BASE64_H
#define NET_BASE64_H

#include "config/base/bytes.h"

// Both alphabets, but not mixed; padding complete or left out. False, with *size and some of `out`
// written, for anything else or what does not fit.
bool net_base64_decode(struct bytes_span text, uint8_t *out, size_t room, size_t *size)
    BASE_MUST_USE;

#endif
