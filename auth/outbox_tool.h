// SPDX-License-Identifier: MIT
// The outbox for operators: look into it, send dead letters again, take copies.
//
// For the command line, which opens the file from another process while the server runs; the
// server notices within seconds what has changed. Every function is blocking and returns false with
// one line in *error.

#ifndef AUTH_OUTBOX_TOOL_H
#define AUTH_OUTBOX_TOOL_H

#include <stdio.h>

#include "auth/outbox.h"

// Everything that is not delivered, oldest first, and the counts by state; as text or as one JSON
// object.
bool auth_outbox_print(const char *path, FILE *out, bool json, struct error *error) BASE_MUST_USE;
// Moves dead rows back to pending: those of `key`, which is a row's key or a race id, or all of
// them (NULL). *count says how many; none at all is no error. Attempts begin anew: whoever says so
// has looked at the backend, and a policy of at most one attempt must let him.
bool auth_outbox_retry(const char *path, const char *key, unsigned *count, struct error *error)
    BASE_MUST_USE;
// One JSON object a line for each row, its body included, oldest first. `state` NULL: all, else
// "pending", "delivered" or "dead".
bool auth_outbox_export(const char *path, FILE *out, const char *state, unsigned *count,
                        struct error *error) BASE_MUST_USE;

#endif
