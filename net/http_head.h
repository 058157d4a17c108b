// SPDX-License-Identifier: MIT
// The first line and the header fields of one HTTP/1.1 message, strictly read within fixed bounds.
//
// Knows the grammar, not what any field means. Fed with chunks of any size: the verdict and what is
// left over do not depend on how the bytes were cut.

#ifndef NET_HTTP_HEAD_H
#define NET_HTTP_HEAD_H

#include "config/base/bytes.h"

#define NET_HTTP_HEAD_BYTES  8192 // all of it, with the blank line
#define NET_HTTP_LINE_BYTES  2048 // first line without CR LF
#define NET_HTTP_FIELDS      64
#define NET_HTTP_NAME_BYTES  64
#define NET_HTTP_VALUE_BYTES 4096

enum net_http_verdict {
    NET_HTTP_MORE, // well-formed so far, the blank line has not come
    NET_HTTP_COMPLETE,
    NET_HTTP_MALFORMED,
    NET_HTTP_LINE_TOO_LONG,
    NET_HTTP_TOO_LARGE,
};

struct net_http_field {
    struct bytes_span name;
    struct bytes_span value; // without white space around it
};

// Spans point into `bytes`: a head must stay where it is. All zero = ready for the first byte.
struct net_http_head {
    uint8_t bytes[NET_HTTP_HEAD_BYTES];
    size_t size;
    size_t line_start; // of the line that is being read
    bool has_line;
    struct bytes_span line;
    unsigned field_count;
    struct net_http_field fields[NET_HTTP_FIELDS];
};

// Takes bytes from the front of *bytes up to and including the blank line; what stays belongs to
// whatever follows. After any verdict but NET_HTTP_MORE it must not be called again.
enum net_http_verdict net_http_head_feed(struct net_http_head *head, struct bytes_span *bytes)
    BASE_MUST_USE;

// How often a field is there, names compared without case; *value is the first one's (when > 0).
unsigned net_http_head_find(const struct net_http_head *head, const char *name,
                            struct bytes_span *value);
// Takes the next element of a comma-separated list from the front of *list, white space cut off,
// empty elements skipped. False at the end.
bool net_http_list_next(struct bytes_span *list, struct bytes_span *element);
// True when any field `name` has the element `token`, both compared without case.
bool net_http_head_lists(const struct net_http_head *head, const char *name, const char *token);

bool net_http_equal(struct bytes_span span, const char *text); // without case
bool net_http_is_token(struct bytes_span span);                // RFC 7230 tchar, at least one

#endif
