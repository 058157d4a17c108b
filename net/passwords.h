// SPDX-License-Identifier: MIT
// Who may come in by name and password: a file as htpasswd writes it (basic-auth-file), which can
// be read again while players play.
//
// Hashes that are worth having take milliseconds of CPU, so a worker's thread computes them and the
// loop hears of it later. A name that is not in the file takes as long as one that is.

#ifndef NET_PASSWORDS_H
#define NET_PASSWORDS_H

#include "config/base/worker.h"
#include "config/config.h"
#include "net/basic_auth.h"

#define NET_PASSWORDS_MAX        4096 // names
#define NET_PASSWORDS_HASH_BYTES 255

struct net_passwords;
struct net_password_check; // one under way

// NULL with one line in *error when the file cannot be read or a line is no name and hash. `worker`
// is borrowed and may be NULL where nobody is to be checked.
struct net_passwords *net_passwords_create(const struct config *config, struct worker *worker,
                                           struct error *error);
void net_passwords_destroy(struct net_passwords *passwords); // NULL is fine
// Reads the file again. A file that is not good changes nothing: the log says why.
void net_passwords_reload(struct net_passwords *passwords);

// Copies what it needs. `done` comes from the loop, later, once. NULL when too many are under way
// or memory is short.
struct net_password_check *net_passwords_check(struct net_passwords *passwords,
                                               const struct net_basic_auth *auth,
                                               void (*done)(void *context, bool good),
                                               void *context) BASE_MUST_USE;
// `done` will not be called. NULL is fine.
void net_password_check_cancel(struct net_password_check *check);

#endif
