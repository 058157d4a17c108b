// SPDX-License-Identifier: MIT
// The request of a Unisave facet call, as bytes.
//
// Says what the Unity asset says, field for field, in its order; a server that is no Unity build
// has little to tell of its device. Pure: no I/O, no settings, no memory but the buffer given.
// Driven by auth/backend_unisave; what comes back is read by auth/unisave_answer.

#ifndef AUTH_UNISAVE_CALL_H
#define AUTH_UNISAVE_CALL_H

#include "auth/token.h"
#include "auth/unisave_result.h"
#include "config/base/error.h"

// Who calls whom, borrowed. All but the session id come from settings, none is a secret: every
// build of a game that was ever shipped contains them.
struct auth_unisave_caller {
    const char *facet;
    const char *method;
    const char *session_id; // empty: none yet
    const char *device_id;
    const char *game_token;
    const char *backend_hash;
    const char *build_guid;
};

// More than the longest of all values take together.
#define AUTH_UNISAVE_CALL_BYTES_MAX 8192

// The one argument is the connection token, under the names of the class that backends declare.
// Appends to `out`, whose limit must be AUTH_UNISAVE_CALL_BYTES_MAX; false when it does not fit or
// memory is short. `out` then holds a secret: give it to auth_unisave_call_wipe().
bool auth_unisave_call_verify(const struct auth_unisave_caller *caller,
                              const struct auth_token *token, struct bytes_buf *out) BASE_MUST_USE;

enum auth_unisave_argument {
    AUTH_UNISAVE_SERVER_TOKEN,
    AUTH_UNISAVE_PLAYER_ID,
    AUTH_UNISAVE_PLACE,
    AUTH_UNISAVE_TIME_MS,
    AUTH_UNISAVE_RACE_ID,
    AUTH_UNISAVE_ARGUMENTS, // how many there are
};

// The parameters of the result method, in its order.
struct auth_unisave_arguments {
    unsigned count;
    enum auth_unisave_argument at[AUTH_UNISAVE_ARGUMENTS];
};

// Takes "server_token player_id ..." apart: each at most once, these two always. A method without
// the server token could be called by anybody who has the game. False with one line in *error.
bool auth_unisave_arguments_parse(const char *text, struct auth_unisave_arguments *arguments,
                                  struct error *error) BASE_MUST_USE;
bool auth_unisave_arguments_have(const struct auth_unisave_arguments *arguments,
                                 enum auth_unisave_argument argument);

// As auth_unisave_call_verify(). The server token must be text and not empty (asserted).
bool auth_unisave_call_result(const struct auth_unisave_caller *caller,
                              const struct auth_unisave_arguments *arguments,
                              struct bytes_span server_token,
                              const struct auth_unisave_standing *standing, struct bytes_buf *out)
    BASE_MUST_USE;

// Wipes and releases; a zeroed buffer is fine.
void auth_unisave_call_wipe(struct bytes_buf *out);

#endif
