// SPDX-License-Identifier: MIT
// Reads strictly: an address that could be read in two ways is no address.

#include "net/proxy.h"

#include <string.h>

bool net_proxy_is_trusted(const struct config *config, const struct net_addr *addr)
{
    for (unsigned i = 0; i < config->trusted_proxies.count; i++) {
        struct net_prefix prefix;
        struct error error;
        if (net_prefix_parse(config->trusted_proxies.items[i], &prefix, &error) &&
            net_prefix_contains(&prefix, addr)) {
            return true;
        }
    }
    return false;
}

// X-Forwarded-For, which may be cut into several headers. From the right, the first that is not one
// of ours decides; if all are, the left-most.
static enum net_proxy_verdict read_list(const struct config *config,
                                        const struct net_http_head *head, struct net_addr *real)
{
    enum net_proxy_verdict verdict = NET_PROXY_SILENT;
    for (unsigned i = 0; i < head->field_count; i++) {
        struct bytes_span list = head->fields[i].value;
        struct bytes_span element;
        if (!net_http_equal(head->fields[i].name, config->ip_header)) {
            continue;
        }
        while (net_http_list_next(&list, &element)) {
            struct net_addr addr;
            if (!net_addr_parse(element, &addr)) {
                verdict = NET_PROXY_MALFORMED;
            } else if (verdict == NET_PROXY_SILENT || !net_proxy_is_trusted(config, &addr)) {
                verdict = NET_PROXY_NAMED;
                *real = addr;
            }
        }
    }
    return verdict;
}

enum net_proxy_verdict net_proxy_read(const struct config *config, const struct net_http_head *head,
                                      const struct net_addr *peer, struct net_addr *real)
{
    struct bytes_span value;
    unsigned count =
        config->ip_header[0] != '\0' ? net_http_head_find(head, config->ip_header, &value) : 0;
    if (count == 0) {
        return NET_PROXY_SILENT;
    }
    if (!net_proxy_is_trusted(config, peer)) {
        return NET_PROXY_UNTRUSTED;
    }
    if (net_http_equal(bytes_of_string(config->ip_header), "x-forwarded-for")) {
        return read_list(config, head, real);
    }
    if (count > 1) {
        return NET_PROXY_AMBIGUOUS;
    }
    return net_addr_parse(value, real) ? NET_PROXY_NAMED : NET_PROXY_MALFORMED;
}
