// SPDX-License-Identifier: MIT
// `paddock check` for the HTTP hooks: one /connect that changes nothing, told in words.
//
// Asks whether a player may come in who cannot exist. A service that is set up well says no, and on
// the way there proves that the network, TLS and the server token are as they should.

#ifndef AUTH_HOOK_CHECK_H
#define AUTH_HOOK_CHECK_H

#include <stdio.h>

#include "auth/backend.h"
#include "auth/http.h"

struct auth_hook_check {
    struct loop *loop;
    struct auth_http *http;
    const char *url; // of /connect
    const char *node_id;
    bool flashphoner; // in that form
    struct bytes_span server_token;
    unsigned timeout_ms;
};

// Blocking: turns the loop. False with one line in *error that says what to mend.
bool auth_hook_check(const struct auth_hook_check *check, FILE *out, struct error *error)
    BASE_MUST_USE;

#endif
