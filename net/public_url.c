// SPDX-License-Identifier: MIT
// With a node's id the URL is the node's own: a proxy in front of several leads to this one by it.

#include "net/public_url.h"

#include <stdio.h>
#include <string.h>

#include "config/public_host.h"

static bool is_any_address(const struct url *url)
{
    return strcmp(url->host, "0.0.0.0") == 0 || strcmp(url->host, "::") == 0;
}

void net_public_url(const struct config *config, const struct net_transport *transport,
                    const struct url *bound, char text[URL_TEXT_BYTES])
{
    struct url url = *bound;
    char given[URL_QUERY_BYTES];
    url.query[0] = '\0';
    url.has_port = true;
    text[0] = '\0';
    if (url_query(bound, "public", given, sizeof(given))) {
        snprintf(text, URL_TEXT_BYTES, "%s", given);
        return;
    }
    if (config->public_host[0] ? !config_public_host(config, &url, NULL) : is_any_address(&url)) {
        return;
    }
    url_format(&url, text);
    if (transport->has_path) {
        size_t size = strlen(text);
        snprintf(text + size, URL_TEXT_BYTES - size, "%s%s%s", config->websocket_path,
                 config->node_id[0] ? "/" : "", config->node_id);
    }
}

bool net_public_url_check(const struct url *listener, struct error *error)
{
    char given[URL_QUERY_BYTES];
    struct url url;
    if (!url_query(listener, "public", given, sizeof(given))) {
        return true;
    }
    if (!url_parse(given, &url, error)) {
        return error_prefix(error, "?public=");
    }
    return (net_transport_find(url.scheme) && !url.query[0]) ||
           error_set(error, "?public=%.200s: want one of %s, with host and port, without a query",
                     given, net_transport_schemes());
}
