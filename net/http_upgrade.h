// SPDX-License-Identifier: MIT
// The opening handshake of a WebSocket (RFC 6455 4), both sides: which request is fit to become a
// WebSocket, what is answered to it and to every other one. No I/O and no time; net/layer_upgrade
// drives it.

#ifndef NET_HTTP_UPGRADE_H
#define NET_HTTP_UPGRADE_H

#include "config/config.h"
#include "net/http_head.h"
#include "net/ws_accept.h"

#define NET_WS_SUBPROTOCOL "paddock.v1"
// Enough for every answer and every request that is built here.
#define NET_HTTP_ANSWER_BYTES 16384

// What becomes of a request; all but NET_HTTP_SWITCH end the connection.
enum net_http_answer {
    NET_HTTP_SWITCH,
    NET_HTTP_PAGE,
    NET_HTTP_BAD_SYNTAX,
    NET_HTTP_BAD_LENGTH_OF_LINE,
    NET_HTTP_BAD_LENGTH,
    NET_HTTP_BAD_VERSION,
    NET_HTTP_BAD_METHOD,
    NET_HTTP_BAD_HOST,
    NET_HTTP_BAD_BODY,
    NET_HTTP_ROOT_PAGE,
    NET_HTTP_NOT_FOUND,
    NET_HTTP_NO_UPGRADE,
    NET_HTTP_BAD_WS_VERSION,
    NET_HTTP_BAD_KEY,
    NET_HTTP_BAD_IP_HEADER,
    NET_HTTP_BAD_MAPPED_HEADER,
    NET_HTTP_TOO_MANY,
    NET_HTTP_BAD_COOKIE,
    NET_HTTP_NO_PASSWORD,
    NET_HTTP_BAD_ORIGIN,
    NET_HTTP_BAD_SUBPROTOCOL,
    NET_HTTP_FULL,
    NET_HTTP_ENDING,
    NET_HTTP_TOO_SLOW,
    NET_HTTP_UNAVAILABLE,
    NET_HTTP_PLAIN_ON_TLS,
};

unsigned net_http_answer_status(enum net_http_answer answer); // 101, 400, ...

// What there is on a listener; the texts are borrowed.
struct net_http_site {
    const char *path;                  // of the WebSocket
    const char *node;                  // which is at <path>/<node> as well; empty: it has no name
    bool has_page;                     // the test page, at / and /websockets.html
    const struct config_list *origins; // rules of config/origin.h; NULL: every page may connect
    bool needs_origin;
};

// ---- server

// The answer to a head that is malformed or too large (not MORE, not COMPLETE).
enum net_http_answer net_http_upgrade_refuse(enum net_http_verdict verdict);
// Judges a complete request. With NET_HTTP_BAD_SUBPROTOCOL *unknown is the first one that was
// offered.
enum net_http_answer net_http_upgrade_judge(const struct net_http_head *head,
                                            const struct net_http_site *site,
                                            struct bytes_span *unknown);
// Appends the bytes of the answer; `path` is the site's. `head` is that of a request that may
// switch, else NULL. Nothing that the peer sent comes back in it but the accept value.
bool net_http_upgrade_answer(struct bytes_buf *out, enum net_http_answer answer, const char *path,
                             const struct net_http_head *head) BASE_MUST_USE;

// ---- client

// Appends the request. `host` is as it stands in a URL, with brackets and port.
bool net_http_upgrade_request(struct bytes_buf *out, const char *host, const char *target,
                              const char *key) BASE_MUST_USE;
// NULL when the response to a request with `key` makes this a WebSocket; else why not.
const char *net_http_upgrade_check(const struct net_http_head *head, const char *key);
// With which code a client ends that was refused: "try again later", or lost.
uint16_t net_http_upgrade_code(const struct net_http_head *head);

#endif
