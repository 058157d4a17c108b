// SPDX-License-Identifier: MIT
// Where players find a listener: its URL as the world has to write it.
//
// Ports are mapped, names lead to machines, proxies end TLS: what a listener is bound to is often
// not what it is reached at. Declines to know who is told (the log, /status).

#ifndef NET_PUBLIC_URL_H
#define NET_PUBLIC_URL_H

#include "net/transport.h"

// Of a listener bound at `bound`, whose port is known: its ?public=, or else where it listens, with
// --public-host for its host. Empty when it listens on all addresses and has no name for them.
void net_public_url(const struct config *config, const struct net_transport *transport,
                    const struct url *bound, char text[URL_TEXT_BYTES]);
// False with *error when ?public= is no URL of a transport.
bool net_public_url_check(const struct url *listener, struct error *error) BASE_MUST_USE;

#endif
