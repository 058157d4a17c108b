// SPDX-License-Identifier: MIT
// What the request behind a WebSocket says of who is calling, for whoever decides about players:
// the web page, the program, and the headers that a proxy has added (map-headers).
//
// Bounded texts, copied out of the request. Their meaning is the backend's business.

#ifndef NET_CALLER_H
#define NET_CALLER_H

#include "config/config.h"
#include "net/auth_cookie.h"

#define NET_CALLER_ORIGIN_BYTES 256
#define NET_CALLER_AGENT_BYTES  512
#define NET_CALLER_VALUE_BYTES  256

struct net_caller_header {
    const char *name; // as the settings spell it
    char value[NET_CALLER_VALUE_BYTES + 1];
};

struct net_caller {
    char origin[NET_CALLER_ORIGIN_BYTES + 1];    // empty: none was sent
    char user_agent[NET_CALLER_AGENT_BYTES + 1]; // cut to fit; the same
    struct net_auth_ticket ticket;
    size_t token_size; // of the connection token in the cookie token-cookie; 0: none, or used up
    uint8_t token[LIMIT_TOKEN_BYTES];
    unsigned header_count; // at most LIMIT_MAPPED_HEADERS
    struct net_caller_header headers[];
};

enum net_caller_verdict {
    NET_CALLER_READ,
    NET_CALLER_UNFIT,     // a header that is to be handed on is too long, or holds a tab
    NET_CALLER_NO_MEMORY, // to keep it
};

// Reads a complete request. Headers are taken only from a trusted proxy (by_proxy): nobody else may
// write what the backend is told. With NET_CALLER_READ the caller of this owns *caller.
enum net_caller_verdict net_caller_read(const struct config *config,
                                        const struct net_http_head *head, bool by_proxy,
                                        struct net_caller **caller) BASE_MUST_USE;
// Takes the token out of its cookie, if there is one. False: the cookie is no token.
bool net_caller_take_token(struct net_caller *caller, const struct config *config,
                           const struct net_http_head *head);
void net_caller_forget_token(struct net_caller *caller); // NULL is fine
void net_caller_destroy(struct net_caller *caller);      // NULL is fine

#endif
