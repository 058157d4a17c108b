// SPDX-License-Identifier: MIT
// Which certificate names stand for which hosts (RFC 6125): pure text, no certificate in sight.

#ifndef NET_TLS_NAME_H
#define NET_TLS_NAME_H

#include <stdbool.h>

// ASCII letters in either case are the same, as in all host names.
bool net_tls_name_equal(const char *a, const char *b);
bool net_tls_name_is_wildcard(const char *pattern);
// "*.example.com" stands for any one label in front of ".example.com", and for nothing else; a star
// anywhere else is a letter like any other.
bool net_tls_name_matches(const char *pattern, const char *host);

#endif
