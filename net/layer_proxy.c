// SPDX-License-Identifier: MIT
// Nobody comes in without the header, and strangers not even with it: a listener that believed
// everybody would let everybody choose an address. The layers above wait until it has been read, so
// that no TLS handshake is spent on an address that has too many connections already.

#include "net/layer_proxy.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/log.h"
#include "net/proxy.h"
#include "net/proxy_header.h"

struct layer_proxy {
    struct net_layer base;
    size_t size;
    uint8_t bytes[NET_PROXY_HEADER_BYTES];
};

static struct layer_proxy *proxy_of(struct net_layer *layer)
{
    return (struct layer_proxy *)layer;
}

static uint16_t refuse(struct net_layer *layer, const char *why)
{
    char remote[NET_ADDR_TEXT_BYTES];
    layer->due_ns = CLOCK_NEVER;
    net_addr_format(&layer->env->remote, remote);
    log_peer(LOG_WARN, "proxy_header_refused", LOG_S("listener", layer->env->url_text),
             LOG_U("conn", layer->env->number), LOG_S("remote", remote), LOG_S("why", why));
    return net_layer_fail(layer, NET_CLOSE_LOST, "%s", why);
}

bool net_layer_proxy_is_stray(const struct net_layer *layer, struct bytes_span first)
{
    char remote[NET_ADDR_TEXT_BYTES];
    if (!layer->env->is_server || !net_proxy_header_begins(first)) {
        return false;
    }
    net_addr_format(&layer->env->remote, remote);
    log_peer(LOG_WARN, "proxy_header_unexpected", LOG_S("listener", layer->env->url_text),
             LOG_U("conn", layer->env->number), LOG_S("remote", remote),
             LOG_S("text", "a header of the PROXY protocol on a listener without ?proxy=1"));
    return true;
}

static uint16_t proxy_up(struct net_layer *layer)
{
    if (!net_proxy_is_trusted(layer->env->config, &layer->env->remote)) {
        return refuse(layer, "the peer is not among --trusted-proxies");
    }
    layer->due_ns = net_layer_in_ms(layer, NET_LAYER_PROXY_MS);
    return 0;
}

static uint16_t switch_over(struct net_layer *layer, struct bytes_span rest)
{
    layer->due_ns = CLOCK_NEVER;
    layer->is_up = true;
    uint16_t code = net_layer_up(layer->above);
    return code || rest.size == 0 ? code : net_layer_feed(layer->above, rest);
}

static uint16_t proxy_feed(struct net_layer *layer, struct bytes_span bytes)
{
    struct layer_proxy *proxy = proxy_of(layer);
    if (layer->is_up) {
        return net_layer_feed(layer->above, bytes);
    }
    size_t room = sizeof(proxy->bytes) - proxy->size;
    size_t taken = bytes.size < room ? bytes.size : room;
    size_t had = proxy->size;
    size_t used = 0;
    struct net_addr source;
    memcpy(proxy->bytes + had, bytes.data, taken);
    proxy->size += taken;
    switch (net_proxy_header_parse(bytes_of(proxy->bytes, proxy->size), &used, &source)) {
    case NET_PROXY_HEADER_MORE:
        assert(proxy->size < sizeof(proxy->bytes));
        return 0;
    case NET_PROXY_HEADER_MALFORMED:
        return refuse(layer, "no header of the PROXY protocol");
    case NET_PROXY_HEADER_NAMED:
        if (!net_layer_relocate(layer, &source)) {
            return net_layer_fail(layer, NET_CLOSE_LOST, "%s", net_close_text(NET_CLOSE_POLICY));
        }
        break;
    case NET_PROXY_HEADER_LOCAL:
        break;
    }
    assert(used > had);
    return switch_over(layer, bytes_of(bytes.data + (used - had), bytes.size - (used - had)));
}

static uint16_t proxy_expired(struct net_layer *layer)
{
    return refuse(layer, "no header of the PROXY protocol in time");
}

static void proxy_destroy(struct net_layer *layer)
{
    free(layer);
}

static const struct net_layer_impl proxy_impl = {
    .name = "proxy",
    .up = proxy_up,
    .feed = proxy_feed,
    .expired = proxy_expired,
    .destroy = proxy_destroy,
};

struct net_layer *net_layer_proxy_create(struct net_layer_env *env)
{
    struct layer_proxy *proxy = calloc(1, sizeof(*proxy));
    if (!proxy) {
        return NULL;
    }
    net_layer_init(&proxy->base, &proxy_impl, env);
    return &proxy->base;
}
