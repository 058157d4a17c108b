// SPDX-License-Identifier: MIT
// From the whole result of a race to the single players whom a facet is told about.
//
// Reads the canonical body (game/result.h), which is our own work: it is either as it must be, or
// it is damaged, and then that is said and nothing is guessed. Driven by auth/backend_unisave.

#ifndef AUTH_UNISAVE_RESULT_H
#define AUTH_UNISAVE_RESULT_H

#include "config/base/bytes.h"
#include "config/limits.h"

#define AUTH_UNISAVE_RACE_ID_BYTES 64

// In the order of the setting's choices.
enum auth_unisave_placings {
    AUTH_UNISAVE_WINNER, // whoever finished first; nobody when nobody finished
    AUTH_UNISAVE_PODIUM, // the first three of those who finished
    AUTH_UNISAVE_ALL,    // everybody, also who did not finish
};

struct auth_unisave_standing {
    char race_id[AUTH_UNISAVE_RACE_ID_BYTES];
    char player_id[LIMIT_PLAYER_ID_BYTES + 1];
    unsigned place;   // 0: did not finish
    unsigned time_ms; // 0: did not finish
};

// Calls `each` for every player to be told about, best first. False when the body cannot be read
// (then nobody was called).
bool auth_unisave_result_each(struct bytes_span body, enum auth_unisave_placings placings,
                              void (*each)(void *context, const char *player_id), void *context)
    BASE_MUST_USE;
// False when the body cannot be read or knows no such player.
bool auth_unisave_result_find(struct bytes_span body, const char *player_id,
                              struct auth_unisave_standing *standing) BASE_MUST_USE;

#endif
