// SPDX-License-Identifier: MIT
// What the embedded backend keeps in its file, as blocking functions.
//
// Three tables: players (id and SHA-256 of the token), results (the body as it came, and how often
// it was delivered) and standings (one row a participant). Knows nothing of threads: the worker
// calls the first group while the server runs, the command line the second.

#ifndef AUTH_EMBEDDED_STORE_H
#define AUTH_EMBEDDED_STORE_H

#include <stdio.h>

#include "auth/backend.h"
#include "auth/db.h"

struct auth_embedded_totals {
    long long players, results;
};

// Close with auth_db_close().
struct auth_db *auth_embedded_store_open(const char *path, enum auth_db_open how,
                                         struct error *error) BASE_MUST_USE;

enum auth_verdict auth_embedded_store_verify(struct auth_db *db, const struct auth_token *token);
// Keyed by race id: the second time only counts the delivery. On anything but AUTH_DELIVERED
// nothing is stored and *error (empty before) says why.
enum auth_delivery auth_embedded_store_result(struct auth_db *db, const char *race_id,
                                              const char *body, struct error *error);

// See auth/backend_embedded.h.
bool auth_embedded_store_issue(struct auth_db *db, const char *player_id,
                               struct bytes_buf *token_json, struct error *error) BASE_MUST_USE;
bool auth_embedded_store_count(struct auth_db *db, struct auth_embedded_totals *totals,
                               struct error *error) BASE_MUST_USE;
bool auth_embedded_store_print(struct auth_db *db, FILE *out, bool json, struct error *error)
    BASE_MUST_USE;

#endif
