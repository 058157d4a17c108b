// SPDX-License-Identifier: MIT
// Listener and server URLs: scheme://host:port[/path][?key=value&...].
//
// Knows the form and the ports that are ours by default, not what a scheme does: that is
// net/transports' business. Hosts are IPv4 or bracketed IPv6 literals or names.

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
    char scheme[URL_SCHEME_BYTES]; // lower case; empty after url_parse_address()
    char host[URL_HOST_BYTES];     // without brackets, lower case, IPv6 in its shortest form
    uint16_t port;                 // 0 = not given, or given as 0 (any free port)
    bool has_port;                 // a port was given, be it 0
    char path[URL_PATH_BYTES];     // starts with '/', or empty
    char query[URL_QUERY_BYTES];   // without '?', or empty
    bool host_is_v6;
};

// False with one line in *error that quotes what is wrong. User info, fragments, control bytes,
// spaces, malformed %-escapes and repeated query keys are refused.
bool url_parse(const char *text, struct url *url, struct error *error) BASE_MUST_USE;
// The same for "host:port" alone; the port is required.
bool url_parse_address(const char *text, struct url *url, struct error *error) BASE_MUST_USE;
// The canonical text, for logs and for telling duplicates.
void url_format(const struct url *url, char text[URL_TEXT_BYTES]);
// Copies the value of `key` in the query (percent-decoded) to value; false when it is absent or
// does not fit. A key without '=' has the empty value.
bool url_query(const struct url *url, const char *key, char *value, size_t size);
// Calls `each` for every key in the query, so that unknown keys can be refused.
void url_query_keys(const struct url *url, void (*each)(void *context, const char *key),
                    void *context);

// The port that a scheme has when none is given; 0 for a scheme that has none.
uint16_t url_default_port(const char *scheme);
// True for 127.0.0.0/8, ::1, their IPv4-mapped forms and the name localhost.
bool url_host_is_loopback(const struct url *url);

#endif
