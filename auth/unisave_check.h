// SPDX-License-Identifier: MIT
// `paddock check` for the Unisave backend: one facet call that changes nothing, told in words.
//
// Asks whether a player may come in who cannot exist. A backend that is set up well says no, and on
// the way there proves that the network, TLS, the game, the build and the facet are as they should.

#ifndef AUTH_UNISAVE_CHECK_H
#define AUTH_UNISAVE_CHECK_H

#include <stdio.h>

#include "auth/http.h"
#include "auth/unisave_call.h"

struct auth_unisave_check {
    struct loop *loop;
    struct auth_http *http;
    const char *url;
    struct auth_unisave_caller caller; // of the method that verifies
    const char *id_prefix;
    unsigned timeout_ms;
};

// Blocking: turns the loop. False with one line in *error that says what to mend.
bool auth_unisave_check(const struct auth_unisave_check *check, FILE *out, struct error *error)
    BASE_MUST_USE;

#endif
