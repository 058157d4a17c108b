// SPDX-License-Identifier: MIT
// JSON as backends speak it: read strictly, written without a trace.
//
// Reading refuses what two parsers could understand differently or what costs too much: trailing
// bytes, repeated keys, \u0000, lone surrogates, invalid UTF-8, deep nesting. Writing goes straight
// into a buffer that its owner can wipe, because bodies carry tokens.

#ifndef AUTH_JSON_H
#define AUTH_JSON_H

#include "config/base/bytes.h"

struct json_t; // jansson's

// From now on jansson wipes what it frees, in all of the process: what it reads are tokens. Before
// its first use.
void auth_json_wipe_freed(void);
// NULL when `text` is not one JSON value that nests at most `depth_max` arrays and objects. The
// caller, who bounds the size, gives the value to json_decref().
struct json_t *auth_json_parse(struct bytes_span text, unsigned depth_max) BASE_MUST_USE;
// A string in quotes, escaped where RFC 8259 demands it; bytes that are not UTF-8 become U+FFFD.
bool auth_json_append_string(struct bytes_buf *out, const char *text) BASE_MUST_USE;

#endif
