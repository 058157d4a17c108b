// SPDX-License-Identifier: MIT
// Name and password out of a request (RFC 7617). Knows nobody.

#ifndef NET_BASIC_AUTH_H
#define NET_BASIC_AUTH_H

#include "net/http_head.h"

#define NET_BASIC_AUTH_NAME_BYTES     64
#define NET_BASIC_AUTH_PASSWORD_BYTES 128

struct net_basic_auth {
    char name[NET_BASIC_AUTH_NAME_BYTES + 1];
    char password[NET_BASIC_AUTH_PASSWORD_BYTES + 1];
};

// False, with *auth wiped, when the request has not exactly one Authorization header, or one that
// is not of this scheme, malformed, too long, or holds control characters. The caller wipes *auth.
bool net_basic_auth_read(const struct net_http_head *head, struct net_basic_auth *auth)
    BASE_MUST_USE;

#endif
