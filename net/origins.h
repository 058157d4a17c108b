// SPDX-License-Identifier: MIT
// The web pages that may connect: the rules of allow-origins, then those of allow-origins-file,
// which can be read again while players play.

#ifndef NET_ORIGINS_H
#define NET_ORIGINS_H

#include "config/config.h"

#define NET_ORIGINS_MAX 1024 // rules

struct net_origins;

// NULL with one line in *error when the file cannot be read or holds what is no rule.
struct net_origins *net_origins_create(const struct config *config, struct error *error)
    BASE_MUST_USE;
void net_origins_destroy(struct net_origins *origins); // NULL is fine
// Reads the file again. A file that is not good changes nothing: the log says why.
void net_origins_reload(struct net_origins *origins);
// NULL: there is neither setting, and every page may connect. Good until the next reload.
const struct config_list *net_origins_rules(const struct net_origins *origins);

#endif
