// SPDX-License-Identifier: MIT
// One cookie's value out of a request (RFC 6265). Knows no cookie's meaning.

#ifndef NET_COOKIE_H
#define NET_COOKIE_H

#include "net/http_head.h"

enum net_cookie_verdict {
    NET_COOKIE_ABSENT,
    NET_COOKIE_FOUND,
    NET_COOKIE_UNFIT, // malformed, longer than the room for it, or there with two different values
};

// The value of the cookie `name`, with one level of %-escapes undone, as pages write it; a text
// without NUL, of at most size - 1 bytes. `value` is wiped unless it is found.
enum net_cookie_verdict net_cookie_find(const struct net_http_head *head, const char *name,
                                        char *value, size_t size) BASE_MUST_USE;

#endif
