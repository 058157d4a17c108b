// SPDX-License-Identifier: MIT
// What every backend must do, as one group of tests that each backend's own test file runs.

#ifndef TESTS_SUPPORT_BACKEND_SUITE_H
#define TESTS_SUPPORT_BACKEND_SUITE_H

#include "tests/support/auth_rig.h"

struct backend_suite {
    const char *name; // of the group in the output
    const struct auth_backend_impl *impl;
    bool virtual_time;
    // Before impl->create: settings, a stub of a service. May be NULL.
    void (*prepare)(struct auth_rig *rig);
    // After impl->destroy. May be NULL.
    void (*finish)(struct auth_rig *rig);
    // Makes a player valid and gives his token.
    void (*issue)(struct auth_rig *rig, const char *player_id, struct auth_token *token);
    // How many results the backend holds under this key.
    unsigned (*stored)(struct auth_rig *rig, const char *key);
};

// Runs the group; the number of failed tests, for main().
int backend_suite_run(const struct backend_suite *suite);

#endif
