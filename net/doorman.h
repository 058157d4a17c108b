// SPDX-License-Identifier: MIT
// Who may open a WebSocket: asks one complete request everything that the settings want to know, in
// the order in which it costs more, and says in the log who was turned away and why.
//
// Knows no bytes and no deadlines; net/layer_upgrade drives it. A password takes time, so it is
// asked for between the two calls here.

#ifndef NET_DOORMAN_H
#define NET_DOORMAN_H

#include "net/auth_cookie.h"
#include "net/http_upgrade.h"
#include "net/layer.h"

struct net_doorman {
    struct net_layer_env *env;
    const struct net_http_head *head;
    bool by_proxy; // the request comes from a trusted proxy
    struct net_auth_ticket ticket;
};

// Where it comes from, whether it is well-formed, its page and its cookie. NET_HTTP_SWITCH and
// NET_HTTP_PAGE are a yes. `head` is borrowed for as long as the doorman is used.
enum net_http_answer net_doorman_judge(struct net_doorman *doorman, struct net_layer *layer,
                                       const struct net_http_head *head);
// For a request that shall become a WebSocket: is there room? Leaves what it says of its caller in
// env->caller with NET_HTTP_SWITCH, which is the yes.
enum net_http_answer net_doorman_admit(struct net_doorman *doorman);

#endif
