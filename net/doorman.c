// SPDX-License-Identifier: MIT
// What is logged here is for the operator who looks for a player that cannot come in; the answers,
// which the player sees, say no more than what to do.

#include "net/doorman.h"

#include <stdio.h>

#include "config/base/log.h"
#include "net/caller.h"
#include "net/origins.h"
#include "net/proxy.h"

#define ORIGIN_LOG_BYTES 200

static const struct config_list *origins_of(const struct net_layer_env *env)
{
    if (env->origins) {
        return net_origins_rules(env->origins);
    }
    return config_has_origins(env->config) ? &env->config->allow_origins : NULL;
}

static struct net_http_site site_of(const struct net_layer_env *env)
{
    const struct config *config = env->config;
    return (struct net_http_site){
        .path = config->websocket_path,
        .node = config->node_id,
        .has_page = config->test_page == CONFIG_TEST_PAGE_ON ||
                    (config->test_page == CONFIG_TEST_PAGE_DEV && config->dev),
        .origins = origins_of(env),
        .needs_origin = config->require_origin,
    };
}

// Two lines as the Photon documentation shows them, because that is what people search for.
static void log_unknown_subprotocol(const struct net_doorman *doorman, struct bytes_span unknown)
{
    char remote[NET_ADDR_TEXT_BYTES];
    char name[64 + 1];
    char text[128];
    net_addr_format(&doorman->env->remote, remote);
    bool is_token = net_http_is_token(unknown);
    snprintf(name, sizeof(name), "%.*s", is_token ? (int)unknown.size : 0,
             (const char *)unknown.data);
    snprintf(text, sizeof(text), "Subprotocol %s is unknown", is_token ? name : "(not a token)");
    log_peer(LOG_WARN, "subprotocol_unknown", LOG_S("text", text),
             LOG_U("conn", doorman->env->number), LOG_S("remote", remote),
             LOG_S("supported", NET_WS_SUBPROTOCOL));
    snprintf(text, sizeof(text), "Failed to parse init request for WebSocket peer: %zu bytes",
             doorman->head->size);
    log_peer(LOG_WARN, "websocket_init_failed", LOG_S("text", text),
             LOG_U("conn", doorman->env->number), LOG_S("remote", remote));
}

static void log_refused_origin(const struct net_doorman *doorman)
{
    char remote[NET_ADDR_TEXT_BYTES];
    struct bytes_span origin = {0};
    net_addr_format(&doorman->env->remote, remote);
    net_http_head_find(doorman->head, "origin", &origin);
    origin.size = origin.size < ORIGIN_LOG_BYTES ? origin.size : ORIGIN_LOG_BYTES;
    log_peer(LOG_WARN, "origin_refused", LOG_U("conn", doorman->env->number),
             LOG_S("remote", remote), LOG_B("origin", origin));
}

static void log_ignored_ip_header(const struct net_doorman *doorman, const char *why)
{
    char remote[NET_ADDR_TEXT_BYTES];
    net_addr_format(&doorman->env->remote, remote);
    log_peer(LOG_WARN, "ip_header_ignored", LOG_U("conn", doorman->env->number),
             LOG_S("remote", remote), LOG_S("header", doorman->env->config->ip_header),
             LOG_S("why", why));
}

// Whoever has a proxy in front and has not told us so sees one address for all players, which no
// limit applies to.
static void warn_of_silence(const struct net_doorman *doorman)
{
    static const char *const signs[] = {"x-forwarded-for", "x-real-ip", "x-client-ip", "forwarded",
                                        "via"};
    const struct net_layer_env *env = doorman->env;
    bool is_proxied = env->config->ip_header[0] != '\0';
    char remote[NET_ADDR_TEXT_BYTES];
    for (size_t i = 0; i < BASE_COUNT(signs) && !is_proxied; i++) {
        struct bytes_span value;
        is_proxied = net_http_head_find(doorman->head, signs[i], &value) > 0;
    }
    if (!is_proxied || !net_proxy_is_trusted(env->config, &env->remote)) {
        return;
    }
    net_addr_format(&env->remote, remote);
    log_peer(LOG_WARN, "client_address_unknown", LOG_U("conn", env->number),
             LOG_S("remote", remote),
             LOG_S("text", "a trusted proxy does not say whose request this is, so limits per "
                           "address are off: set --ip-header to a header that the proxy sets"));
}

// Finds out who is calling before anything is judged, so that limits and log lines are about them.
static enum net_http_answer identify(struct net_doorman *doorman, struct net_layer *layer)
{
    struct net_addr real;
    switch (net_proxy_read(layer->env->config, doorman->head, &layer->env->remote, &real)) {
    case NET_PROXY_NAMED:
        return net_layer_relocate(layer, &real) ? NET_HTTP_SWITCH : NET_HTTP_TOO_MANY;
    case NET_PROXY_AMBIGUOUS:
        return NET_HTTP_BAD_IP_HEADER;
    case NET_PROXY_UNTRUSTED:
        log_ignored_ip_header(doorman, "the peer is not among --trusted-proxies");
        break;
    case NET_PROXY_MALFORMED:
        log_ignored_ip_header(doorman, "not an address");
        break;
    case NET_PROXY_SILENT:
        warn_of_silence(doorman);
        break;
    }
    return NET_HTTP_SWITCH;
}

// Files are looked at last, for requests that are good otherwise.
static bool has_cookie(struct net_doorman *doorman)
{
    char remote[NET_ADDR_TEXT_BYTES];
    if (net_auth_cookie_opens(doorman->env->config, doorman->head, &doorman->ticket)) {
        return true;
    }
    net_addr_format(&doorman->env->remote, remote);
    log_peer(LOG_INFO, "cookie_refused", LOG_U("conn", doorman->env->number),
             LOG_S("remote", remote));
    return false;
}

// A page cannot see why an upgrade was refused: that its cookie is no token it hears as 4004.
static void take_token(struct net_doorman *doorman)
{
    struct net_layer_env *env = doorman->env;
    char remote[NET_ADDR_TEXT_BYTES];
    if (!net_caller_take_token(env->caller, env->config, doorman->head)) {
        net_addr_format(&env->remote, remote);
        log_peer(LOG_INFO, "token_cookie_malformed", LOG_U("conn", env->number),
                 LOG_S("remote", remote));
    }
}

static enum net_http_answer keep_caller(struct net_doorman *doorman)
{
    struct net_layer_env *env = doorman->env;
    switch (net_caller_read(env->config, doorman->head, doorman->by_proxy, &env->caller)) {
    case NET_CALLER_UNFIT:
        return NET_HTTP_BAD_MAPPED_HEADER;
    case NET_CALLER_NO_MEMORY:
        return NET_HTTP_UNAVAILABLE;
    case NET_CALLER_READ:
        break;
    }
    env->caller->ticket = doorman->ticket;
    take_token(doorman);
    return NET_HTTP_SWITCH;
}

// For requests that are good otherwise: is there room for a player?
static enum net_http_answer find_room(const struct net_doorman *doorman)
{
    const struct net_layer_env *env = doorman->env;
    uint16_t code = env->refusal ? env->refusal(env) : 0;
    return code == 0                      ? NET_HTTP_SWITCH
           : code == NET_CLOSE_GOING_AWAY ? NET_HTTP_ENDING
                                          : NET_HTTP_FULL;
}

enum net_http_answer net_doorman_judge(struct net_doorman *doorman, struct net_layer *layer,
                                       const struct net_http_head *head)
{
    struct net_http_site site = site_of(layer->env);
    struct bytes_span unknown;
    *doorman = (struct net_doorman){
        .env = layer->env,
        .head = head,
        .by_proxy = net_proxy_is_trusted(layer->env->config, &layer->env->remote),
    };
    enum net_http_answer answer = identify(doorman, layer);
    if (answer == NET_HTTP_SWITCH) {
        answer = net_http_upgrade_judge(head, &site, &unknown);
    }
    if (answer == NET_HTTP_SWITCH && !has_cookie(doorman)) {
        answer = NET_HTTP_BAD_COOKIE;
    }
    if (answer == NET_HTTP_BAD_SUBPROTOCOL) {
        log_unknown_subprotocol(doorman, unknown);
    }
    if (answer == NET_HTTP_BAD_ORIGIN) {
        log_refused_origin(doorman);
    }
    return answer;
}

enum net_http_answer net_doorman_admit(struct net_doorman *doorman)
{
    enum net_http_answer answer = find_room(doorman);
    return answer == NET_HTTP_SWITCH ? keep_caller(doorman) : answer;
}
