// SPDX-License-Identifier: MIT
// Passes calls along a stack of layers. Knows none of them.

#include "net/layer.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "config/base/log.h"

void net_layer_init(struct net_layer *layer, const struct net_layer_impl *impl,
                    struct net_layer_env *env)
{
    *layer = (struct net_layer){.impl = impl, .env = env, .due_ns = CLOCK_NEVER};
}

void net_layer_join(struct net_layer *below, struct net_layer *above)
{
    assert(!below->above && !above->below);
    below->above = above;
    above->below = below;
}

void net_layer_destroy(struct net_layer *layer)
{
    if (layer) {
        layer->impl->destroy(layer);
    }
}

uint16_t net_layer_up(struct net_layer *layer)
{
    assert(!layer->is_up);
    if (layer->impl->up) {
        return layer->impl->up(layer);
    }
    layer->is_up = true;
    return net_layer_up(layer->above);
}

uint16_t net_layer_feed(struct net_layer *layer, struct bytes_span bytes)
{
    while (!layer->impl->feed) {
        layer = layer->above;
    }
    return layer->impl->feed(layer, bytes);
}

uint16_t net_layer_text(struct net_layer *layer, struct bytes_span text)
{
    while (!layer->impl->text) {
        layer = layer->above;
    }
    return layer->impl->text(layer, text);
}

void net_layer_ended(struct net_layer *layer, uint16_t code, const char *reason)
{
    while (!layer->impl->ended) {
        layer = layer->above;
    }
    layer->impl->ended(layer, code, reason);
}

bool net_layer_write(struct net_layer *layer, struct bytes_span bytes)
{
    while (!layer->impl->write) {
        layer = layer->below;
    }
    return layer->impl->write(layer, bytes);
}

bool net_layer_write_text(struct net_layer *layer, struct bytes_span text)
{
    return layer->impl->write_text(layer, text);
}

void net_layer_flush(struct net_layer *layer)
{
    while (!layer->impl->flush) {
        layer = layer->below;
    }
    layer->impl->flush(layer);
}

void net_layer_close(struct net_layer *layer, uint16_t code, const char *reason)
{
    if (layer->impl->close) {
        layer->impl->close(layer, code, reason);
    } else {
        net_layer_shut(layer);
    }
}

void net_layer_shut(struct net_layer *layer)
{
    while (!layer->impl->shut) {
        layer = layer->below;
    }
    layer->impl->shut(layer);
}

uint16_t net_layer_expire(struct net_layer *layer)
{
    if (layer->due_ns > layer->env->now_ns) {
        return 0;
    }
    return layer->impl->expired(layer);
}

bool net_layer_relocate(struct net_layer *layer, const struct net_addr *remote)
{
    struct net_layer_env *env = layer->env;
    if (env->admit_address && !env->admit_address(env, remote)) {
        return false;
    }
    char proxy[NET_ADDR_TEXT_BYTES];
    char client[NET_ADDR_TEXT_BYTES];
    net_addr_format(&env->remote, proxy);
    net_addr_format(remote, client);
    log_peer(LOG_DEBUG, "connection_behind_proxy", LOG_U("conn", env->number),
             LOG_S("remote", client), LOG_S("proxy", proxy), LOG_S("listener", env->url_text));
    env->remote = *remote;
    return true;
}

uint16_t net_layer_fail(struct net_layer *layer, uint16_t code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(layer->env->reason, sizeof(layer->env->reason), format, args);
    va_end(args);
    return code;
}
