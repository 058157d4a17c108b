// SPDX-License-Identifier: MIT
// The cookie that lets a browser in: its value is the name of a file in a folder that the
// operator's web site fills (auth-cookie, auth-token-dir). Whoever removes the file shuts the door.
//
// Knows names and files, not what a token means. The value is never logged.

#ifndef NET_AUTH_COOKIE_H
#define NET_AUTH_COOKIE_H

#include "config/config.h"
#include "net/http_head.h"

#define NET_AUTH_COOKIE_BYTES_MIN 16
#define NET_AUTH_COOKIE_BYTES_MAX 128

struct net_auth_ticket {
    char name[NET_AUTH_COOKIE_BYTES_MAX + 1]; // of the file; empty: no cookie was asked for
};

// True as well when no cookie is asked for. *ticket is what opened.
bool net_auth_cookie_opens(const struct config *config, const struct net_http_head *head,
                           struct net_auth_ticket *ticket);

// The folder, for looking at several files in it: -1 with errno when it cannot be opened, else the
// caller closes it.
int net_auth_cookie_folder(const struct config *config);
bool net_auth_cookie_file_exists(int folder, const struct net_auth_ticket *ticket);

#endif
