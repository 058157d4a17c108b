// SPDX-License-Identifier: MIT
// Unisave: facet calls of the game's own backend verify players and take results.
//
// Speaks to the public gateway as any build of the game does; what makes it the server is the
// server token, which the result facet compares. Asks auth/http, writes with auth/unisave_call,
// reads with auth/unisave_answer, and decides what an answer means: README.md has the table.

#ifndef AUTH_BACKEND_UNISAVE_H
#define AUTH_BACKEND_UNISAVE_H

#include "auth/backend.h"

extern const struct auth_backend_impl auth_backend_unisave;

// A method that throws, and not for a reason that is certain to last, is called so often in one
// process before the result becomes a dead letter.
#define AUTH_UNISAVE_THROWS_MAX 5

#endif
