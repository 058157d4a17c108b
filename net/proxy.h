// SPDX-License-Identifier: MIT
// Who stands behind a proxy: whose word counts, and how proxies say it.
//
// Only addresses in trusted-proxies are believed, and only the one header that ip-header names is
// read: proxies pass on what clients write into every other. Texts and bytes in, an address out;
// net/layer_upgrade acts on it.

#ifndef NET_PROXY_H
#define NET_PROXY_H

#include "config/config.h"
#include "net/addr.h"
#include "net/http_head.h"

bool net_proxy_is_trusted(const struct config *config, const struct net_addr *addr);

enum net_proxy_verdict {
    NET_PROXY_SILENT, // nothing is said: the peer is the client
    NET_PROXY_NAMED,
    NET_PROXY_UNTRUSTED, // said by somebody who is no trusted proxy
    NET_PROXY_MALFORMED,
    NET_PROXY_AMBIGUOUS, // the header is there more than once
};

// What the head of a request from `peer` says of its client. *real is set with NET_PROXY_NAMED
// only; its port is 0 when none is said. X-Forwarded-For is a list to which each proxy appends: the
// last one in it that is not a trusted proxy is the client.
enum net_proxy_verdict net_proxy_read(const struct config *config, const struct net_http_head *head,
                                      const struct net_addr *peer, struct net_addr *real);

#endif
