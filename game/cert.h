// SPDX-License-Identifier: MIT
// `paddock cert`: certificates made, renewed and shown from the command line.
//
// All it makes lies in --cert-dir. A running server takes renewed files by itself (net/tls_store),
// so nothing here needs to know whether there is one.

#ifndef GAME_CERT_H
#define GAME_CERT_H

#include "config/config.h"

#define GAME_CERT_WORDS_MAX 64

// words[0] is what to do. False with one line in *error.
bool game_cert_command(const struct config *config, char **words, int count, struct error *error)
    BASE_MUST_USE;

#endif
