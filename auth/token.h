// SPDX-License-Identifier: MIT
// The connection token: UTF-8 JSON {"unisavePlayerId":"...","fusionPlayerToken":"..."}.
//
// Takes what the real serializer makes (any key order, "\/" escapes, raw UTF-8, further fields that
// a later version may add) and refuses everything else with a reason of its own, before any backend
// is asked. Above all a missing, null or empty player token is refused here, because backends
// written after the guide compare it with a null of their own and find it equal.

#ifndef AUTH_TOKEN_H
#define AUTH_TOKEN_H

#include "config/base/bytes.h"
#include "config/limits.h"

struct auth_token {
    char player_id[LIMIT_PLAYER_ID_BYTES + 1]; // UTF-8, no control bytes
    char player_token[LIMIT_TOKEN_BYTES + 1];  // wiped by auth_token_wipe
};

enum auth_token_error {
    AUTH_TOKEN_OK,
    AUTH_TOKEN_TOO_LARGE, // > LIMIT_TOKEN_BYTES, checked before parsing
    AUTH_TOKEN_EMPTY,
    AUTH_TOKEN_NOT_UTF8,
    AUTH_TOKEN_NOT_JSON, // also trailing bytes and lone surrogates
    AUTH_TOKEN_NOT_OBJECT,
    AUTH_TOKEN_DUPLICATE_FIELD,
    AUTH_TOKEN_MISSING_PLAYER_ID,
    AUTH_TOKEN_MISSING_PLAYER_TOKEN,
    AUTH_TOKEN_NULL_PLAYER_ID,
    AUTH_TOKEN_NULL_PLAYER_TOKEN,
    AUTH_TOKEN_WRONG_TYPE, // one of the two is neither string nor null
    AUTH_TOKEN_EMPTY_PLAYER_ID,
    AUTH_TOKEN_EMPTY_PLAYER_TOKEN,
    AUTH_TOKEN_CONTROL_CHARACTER, // in one of the two: C0 (also \u0000), DEL or C1
    AUTH_TOKEN_ERRORS,            // how many there are
};

// On anything but AUTH_TOKEN_OK *token is wiped.
enum auth_token_error auth_token_decode(struct bytes_span bytes, struct auth_token *token)
    BASE_MUST_USE;
// The part of the check that concerns the two fields: for tokens that are about to be issued.
enum auth_token_error auth_token_check(const struct auth_token *token) BASE_MUST_USE;
const char *auth_token_error_name(enum auth_token_error error); // "null_player_token", for logs
void auth_token_wipe(struct auth_token *token);
// The token must pass auth_token_check (asserted). Appends the form that the real serializer makes
// (fields in this order, '/' as "\/"). False, with `out` unchanged, when that would be over
// LIMIT_TOKEN_BYTES or does not fit. What this encodes decodes to the same again.
bool auth_token_encode(const struct auth_token *token, struct bytes_buf *out) BASE_MUST_USE;
// First 8 hex digits of SHA-256: all of a token that a log may hold.
void auth_token_fingerprint(struct bytes_span token, char text[9]);

#endif
