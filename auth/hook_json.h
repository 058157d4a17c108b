// SPDX-License-Identifier: MIT
// The bodies of the HTTP hooks: what we say and what we understand.
//
// README.md describes them, tests/golden/hook_*.schema.json define them. Knows nothing of HTTP.

#ifndef AUTH_HOOK_JSON_H
#define AUTH_HOOK_JSON_H

#include "auth/backend.h"

// Everything at its longest, with each byte written as six.
#define AUTH_HOOK_BODY_BYTES_MAX     (24 * 1024)
#define AUTH_HOOK_METADATA_BYTES_MAX 4096 // compact
#define AUTH_HOOK_METADATA_DEPTH_MAX 3    // the metadata object itself is the first level

// The body of /connect. With `flashphoner` it is the document that Flashphoner's Web Call Server
// sends to its /connect hook, with exactly its keys; the player's token has no place in it. False
// when `out` is full or memory is short.
bool auth_hook_encode_connect(const struct auth_verify_request *request, const char *node_id,
                              const char *session_id, bool flashphoner, struct bytes_buf *out)
    BASE_MUST_USE;
// The answer 200 of /connect. On AUTH_ERROR *why says what is wrong with it; only AUTH_YES fills
// *attributes.
enum auth_verdict auth_hook_decode_connect(struct bytes_span body,
                                           struct auth_attributes *attributes, const char **why);
// The body of /disconnect.
bool auth_hook_encode_disconnect(const struct auth_notice *notice, const char *node_id,
                                 struct bytes_buf *out) BASE_MUST_USE;

#endif
