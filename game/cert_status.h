// SPDX-License-Identifier: MIT
// What operators ask of certificates: until when, for whom, by whom. For /status and the command.

#ifndef GAME_CERT_STATUS_H
#define GAME_CERT_STATUS_H

#include <stdio.h>

#include "net/tls_store.h"

struct json_t;

// An array with one object for each certificate of each listener; `tls` NULL: empty. The caller
// owns it; NULL when memory is short.
struct json_t *game_cert_status(const struct net_tls_server *tls, const struct config *config,
                                uint64_t wall_ms);

// `paddock cert status`: loads what the settings give each listener and prints it. False when there
// is a listener whose players would be refused, with how many such there are in *error.
bool game_cert_print_status(const struct config *config, bool as_json, FILE *out,
                            struct error *error) BASE_MUST_USE;

#endif
