// SPDX-License-Identifier: MIT
// What a server with these settings would stumble over at its start, as far as that can be seen
// without opening a port, a database or a backend. For --check-config, after config_check().

#ifndef GAME_PREFLIGHT_H
#define GAME_PREFLIGHT_H

#include "config/config.h"

// Adds a line to *errors for each listener nobody could open, unreadable certificate, bad track ...
// True when there is none.
bool game_preflight(const struct config *config, struct error_list *errors) BASE_MUST_USE;

// True when a listener speaks TLS or DTLS.
bool game_preflight_needs_certificate(const struct config *config);
// False with *error when --replay-dir or --auth-token-dir is given and cannot be used.
bool game_preflight_folders(const struct config *config, struct error *error) BASE_MUST_USE;

#endif
