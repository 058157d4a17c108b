// SPDX-License-Identifier: MIT
// The backend that needs nothing else installed: one SQLite file with players and results.
//
// Issues connection tokens, keeps only their SHA-256, verifies in constant time, and stores each
// result once, however often it is delivered. The row of the seam is in backends.c; the functions
// here are for the command line, which opens the same file from another process while the server
// runs.

#ifndef AUTH_BACKEND_EMBEDDED_H
#define AUTH_BACKEND_EMBEDDED_H

#include <stdio.h>

#include "auth/backend.h"

extern const struct auth_backend_impl auth_backend_embedded;

// Registers the player, or gives him a new token: the old one is not valid from then on. Appends
// the token's bytes as a client sends them. Blocking. False with one line in *error, for example
// when the id is so long that the token would pass LIMIT_TOKEN_BYTES.
bool auth_embedded_issue(const char *path, const char *player_id, struct bytes_buf *token_json,
                         struct error *error) BASE_MUST_USE;
// Prints what was delivered, oldest race first, as text or as one JSON object. Blocking.
bool auth_embedded_print_results(const char *path, FILE *out, bool json, struct error *error)
    BASE_MUST_USE;

#endif
