// SPDX-License-Identifier: MIT
// The bodies of the HTTP hooks: what we say and what we understand.
//
// README.md describes them, tests/golden/hook_*.schema.json define them. Knows nothing of HTTP.

#ifndef AUTH_HOOK_JSON_H
#define AUTH_HOOK_JSON_H

#include "auth/backend.h"
#include "auth/crypto.h"

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
// The connection token for the header that goes with that document: its JSON in base64. It is
// written so that no token that was decoded becomes longer by it, '/' without a '\' above all:
// whoever could send one that does not fit could make the service look out of order. False for
// what is too long for any connection token.
#define AUTH_HOOK_TOKEN_HEADER "X-Paddock-Connection-Token"
#define AUTH_HOOK_TOKEN_BYTES  AUTH_CRYPTO_BASE64_BYTES(LIMIT_TOKEN_BYTES)
bool auth_hook_encode_token(const struct auth_token *token, char text[AUTH_HOOK_TOKEN_BYTES])
    BASE_MUST_USE;
// The answer 200 of /connect. On AUTH_ERROR *why says what is wrong with it; only AUTH_YES fills
// *attributes.
enum auth_verdict auth_hook_decode_connect(struct bytes_span body,
                                           struct auth_attributes *attributes, const char **why);
// The body of /disconnect.
bool auth_hook_encode_disconnect(const struct auth_notice *notice, const char *node_id,
                                 struct bytes_buf *out) BASE_MUST_USE;

#endif
