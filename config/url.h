// SPDX-License-Identifier: MIT
// Listener and server URLs: scheme://host:port[/path][?key=value&...].
//
// Knows the form, not the schemes: which schemes exist is net/transports' business. Hosts are IPv4
// or bracketed IPv6 literals or names; an absent port takes the scheme's default from the caller.

#ifndef CONFIG_URL_H
#define CONFIG_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "config/base/bytes.h"
#include "config/base/error.h"

#define URL_SCHEME_BYTES 8
#define URL_HOST_BYTES   256
#define URL_PATH_BYTES   128
#define URL_QUERY_BYTES  512
#define URL_TEXT_BYTES   1024

struct url {
    char scheme[URL_SCHEME_BYTES]; // lower case
    char host[URL_HOST_BYTES];     // without brackets, lower case
    uint16_t port;                 // 0 when absent, or given as 0: any free port
    bool has_port;                 // a port was given, be it 0
    char path[URL_PATH_BYTES];     // starts with '/', or empty
    char query[URL_QUERY_BYTES];   // without '?', or empty
    bool host_is_v6;
};

// False with one line in *error that quotes what is wrong. User info, fragments, control bytes and
// spaces are refused.
bool url_parse(const char *text, struct url *url, struct error *error) BASE_MUST_USE;
// The canonical text, for logs and for telling duplicates.
void url_format(const struct url *url, char text[URL_TEXT_BYTES]);
// Copies the value of `key` in the query (percent-decoded) to value; false when it is absent or
// does not fit.
bool url_query(const struct url *url, const char *key, char *value, size_t size);
// Calls `each` for every key in the query, so that unknown keys can be refused.
void url_query_keys(const struct url *url, void (*each)(void *context, const char *key),
                    void *context);

#endif
