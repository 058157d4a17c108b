// SPDX-License-Identifier: MIT
// Ends the connections whose auth-cookie no longer names a file (auth-token-poll-ms): whoever
// removes the file shuts the door for those who are in, too.
//
// The files are looked at on a worker's thread, so that a slow disk holds up no tick.

#ifndef NET_COOKIE_WATCH_H
#define NET_COOKIE_WATCH_H

#include "config/base/worker.h"
#include "net/conn.h"

struct net_cookie_watch;

// All are borrowed; the worker must be destroyed after the watch. NULL when memory is short.
struct net_cookie_watch *net_cookie_watch_create(struct net_conns *conns, struct loop *loop,
                                                 struct worker *worker, const struct config *config)
    BASE_MUST_USE;
// Before the connections are destroyed. NULL is fine.
void net_cookie_watch_destroy(struct net_cookie_watch *watch);

#endif
