// SPDX-License-Identifier: MIT
// Drives the opening handshake: a server reads one request and answers it, a client writes one and
// reads the answer. What is right and what is said is net/http_upgrade's; this layer owns the
// bytes, the deadline and the log lines. Bytes behind the blank line are the WebSocket's and go up
// at once.

#include "net/layer_upgrade.h"

#include <stdio.h>
#include <stdlib.h>

#include "config/base/log.h"
#include "config/secret.h"
#include "net/auth_cookie.h"
#include "net/caller.h"
#include "net/http_upgrade.h"
#include "net/layer_proxy.h"
#include "net/origins.h"
#include "net/proxy.h"

#define ORIGIN_LOG_BYTES 200

struct layer_upgrade {
    struct net_layer base;
    struct net_http_head *head; // only while the handshake lasts
    char key[NET_WS_KEY_BYTES + 1];
    bool refused;
};

static struct layer_upgrade *upgrade_of(struct net_layer *layer)
{
    return (struct layer_upgrade *)layer;
}

// It may have held cookies and passwords.
static void free_head(struct layer_upgrade *upgrade)
{
    if (upgrade->head) {
        secret_wipe(upgrade->head, sizeof(*upgrade->head));
        free(upgrade->head);
        upgrade->head = NULL;
    }
}

static uint16_t switch_over(struct layer_upgrade *upgrade)
{
    struct net_layer *layer = &upgrade->base;
    free_head(upgrade);
    layer->due_ns = CLOCK_NEVER;
    layer->is_up = true;
    return net_layer_up(layer->above);
}

// ---- server

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

static bool write_answer(struct layer_upgrade *upgrade, enum net_http_answer answer)
{
    struct net_layer *layer = &upgrade->base;
    struct bytes_buf out;
    bytes_buf_init(&out, NET_HTTP_ANSWER_BYTES);
    bool written =
        net_http_upgrade_answer(&out, answer, layer->env->config->websocket_path, upgrade->head) &&
        net_layer_write(layer->below, bytes_buf_span(&out));
    bytes_buf_finish(&out);
    return written;
}

static void log_answer(const struct net_layer_env *env, enum net_http_answer answer)
{
    char remote[NET_ADDR_TEXT_BYTES];
    net_addr_format(&env->remote, remote);
    log_peer(LOG_DEBUG, "http_answered", LOG_U("conn", env->number), LOG_S("remote", remote),
             LOG_S("listener", env->url_text), LOG_U("status", net_http_answer_status(answer)));
}

static uint16_t refuse(struct layer_upgrade *upgrade, enum net_http_answer answer)
{
    struct net_layer *layer = &upgrade->base;
    upgrade->refused = true;
    layer->due_ns = CLOCK_NEVER;
    log_answer(layer->env, answer);
    if (!write_answer(upgrade, answer)) {
        return net_layer_fail(layer, NET_CLOSE_LOST, "out of memory");
    }
    return net_layer_fail(layer, answer == NET_HTTP_PAGE ? NET_CLOSE_NORMAL : NET_CLOSE_PROTOCOL,
                          "answered with HTTP status %u", net_http_answer_status(answer));
}

// Two lines as the Photon documentation shows them, because that is what people search for.
static void log_unknown_subprotocol(const struct layer_upgrade *upgrade, struct bytes_span unknown)
{
    char remote[NET_ADDR_TEXT_BYTES];
    char name[64 + 1];
    char text[128];
    net_addr_format(&upgrade->base.env->remote, remote);
    bool is_token = net_http_is_token(unknown);
    snprintf(name, sizeof(name), "%.*s", is_token ? (int)unknown.size : 0,
             (const char *)unknown.data);
    snprintf(text, sizeof(text), "Subprotocol %s is unknown", is_token ? name : "(not a token)");
    log_peer(LOG_WARN, "subprotocol_unknown", LOG_S("text", text),
             LOG_U("conn", upgrade->base.env->number), LOG_S("remote", remote),
             LOG_S("supported", NET_WS_SUBPROTOCOL));
    snprintf(text, sizeof(text), "Failed to parse init request for WebSocket peer: %zu bytes",
             upgrade->head->size);
    log_peer(LOG_WARN, "websocket_init_failed", LOG_S("text", text),
             LOG_U("conn", upgrade->base.env->number), LOG_S("remote", remote));
}

static void log_refused_origin(const struct layer_upgrade *upgrade)
{
    char remote[NET_ADDR_TEXT_BYTES];
    struct bytes_span origin = {0};
    net_addr_format(&upgrade->base.env->remote, remote);
    net_http_head_find(upgrade->head, "origin", &origin);
    origin.size = origin.size < ORIGIN_LOG_BYTES ? origin.size : ORIGIN_LOG_BYTES;
    log_peer(LOG_WARN, "origin_refused", LOG_U("conn", upgrade->base.env->number),
             LOG_S("remote", remote), LOG_B("origin", origin));
}

static void log_ignored_ip_header(const struct layer_upgrade *upgrade, const char *why)
{
    char remote[NET_ADDR_TEXT_BYTES];
    net_addr_format(&upgrade->base.env->remote, remote);
    log_peer(LOG_WARN, "ip_header_ignored", LOG_U("conn", upgrade->base.env->number),
             LOG_S("remote", remote), LOG_S("header", upgrade->base.env->config->ip_header),
             LOG_S("why", why));
}

// Whoever has a proxy in front and has not told us so sees one address for all players, which no
// limit applies to.
static void warn_of_silence(const struct layer_upgrade *upgrade)
{
    static const char *const signs[] = {"x-forwarded-for", "x-real-ip", "x-client-ip", "forwarded",
                                        "via"};
    const struct net_layer_env *env = upgrade->base.env;
    bool is_proxied = env->config->ip_header[0] != '\0';
    char remote[NET_ADDR_TEXT_BYTES];
    for (size_t i = 0; i < BASE_COUNT(signs) && !is_proxied; i++) {
        struct bytes_span value;
        is_proxied = net_http_head_find(upgrade->head, signs[i], &value) > 0;
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
static enum net_http_answer identify(struct layer_upgrade *upgrade)
{
    struct net_layer *layer = &upgrade->base;
    struct net_addr real;
    switch (net_proxy_read(layer->env->config, upgrade->head, &layer->env->remote, &real)) {
    case NET_PROXY_NAMED:
        return net_layer_relocate(layer, &real) ? NET_HTTP_SWITCH : NET_HTTP_TOO_MANY;
    case NET_PROXY_AMBIGUOUS:
        return NET_HTTP_BAD_IP_HEADER;
    case NET_PROXY_UNTRUSTED:
        log_ignored_ip_header(upgrade, "the peer is not among --trusted-proxies");
        break;
    case NET_PROXY_MALFORMED:
        log_ignored_ip_header(upgrade, "not an address");
        break;
    case NET_PROXY_SILENT:
        warn_of_silence(upgrade);
        break;
    }
    return NET_HTTP_SWITCH;
}

// Files are looked at last, for requests that are good otherwise.
static bool has_cookie(const struct layer_upgrade *upgrade, struct net_auth_ticket *ticket)
{
    char remote[NET_ADDR_TEXT_BYTES];
    if (net_auth_cookie_opens(upgrade->base.env->config, upgrade->head, ticket)) {
        return true;
    }
    net_addr_format(&upgrade->base.env->remote, remote);
    log_peer(LOG_INFO, "cookie_refused", LOG_U("conn", upgrade->base.env->number),
             LOG_S("remote", remote));
    return false;
}

// A page cannot see why an upgrade was refused: that its cookie is no token it hears as 4004.
static void take_token(struct layer_upgrade *upgrade)
{
    struct net_layer_env *env = upgrade->base.env;
    char remote[NET_ADDR_TEXT_BYTES];
    if (!net_caller_take_token(env->caller, env->config, upgrade->head)) {
        net_addr_format(&env->remote, remote);
        log_peer(LOG_INFO, "token_cookie_malformed", LOG_U("conn", env->number),
                 LOG_S("remote", remote));
    }
}

static enum net_http_answer keep_caller(struct layer_upgrade *upgrade, bool by_proxy,
                                        const struct net_auth_ticket *ticket)
{
    struct net_layer_env *env = upgrade->base.env;
    switch (net_caller_read(env->config, upgrade->head, by_proxy, &env->caller)) {
    case NET_CALLER_UNFIT:
        return NET_HTTP_BAD_MAPPED_HEADER;
    case NET_CALLER_NO_MEMORY:
        return NET_HTTP_UNAVAILABLE;
    case NET_CALLER_READ:
        break;
    }
    env->caller->ticket = *ticket;
    take_token(upgrade);
    return NET_HTTP_SWITCH;
}

// For requests that are good otherwise: is there room for a player?
static enum net_http_answer find_room(const struct layer_upgrade *upgrade)
{
    const struct net_layer_env *env = upgrade->base.env;
    uint16_t code = env->refusal ? env->refusal(env) : 0;
    return code == 0                      ? NET_HTTP_SWITCH
           : code == NET_CLOSE_GOING_AWAY ? NET_HTTP_ENDING
                                          : NET_HTTP_FULL;
}

static uint16_t serve(struct layer_upgrade *upgrade)
{
    struct net_layer *layer = &upgrade->base;
    struct net_http_site site = site_of(layer->env);
    struct net_auth_ticket ticket;
    struct bytes_span unknown;
    bool by_proxy = net_proxy_is_trusted(layer->env->config, &layer->env->remote);
    enum net_http_answer answer = identify(upgrade);
    if (answer == NET_HTTP_SWITCH) {
        answer = net_http_upgrade_judge(upgrade->head, &site, &unknown);
    }
    if (answer == NET_HTTP_SWITCH && !has_cookie(upgrade, &ticket)) {
        answer = NET_HTTP_BAD_COOKIE;
    }
    if (answer == NET_HTTP_SWITCH) {
        answer = find_room(upgrade);
    }
    if (answer == NET_HTTP_SWITCH) {
        answer = keep_caller(upgrade, by_proxy, &ticket);
    }
    if (answer == NET_HTTP_BAD_SUBPROTOCOL) {
        log_unknown_subprotocol(upgrade, unknown);
    }
    if (answer == NET_HTTP_BAD_ORIGIN) {
        log_refused_origin(upgrade);
    }
    if (answer != NET_HTTP_SWITCH) {
        return refuse(upgrade, answer);
    }
    if (!write_answer(upgrade, answer)) {
        return net_layer_fail(layer, NET_CLOSE_LOST, "out of memory");
    }
    return switch_over(upgrade);
}

static uint16_t refuse_tls(struct layer_upgrade *upgrade)
{
    struct net_layer *layer = &upgrade->base;
    char remote[NET_ADDR_TEXT_BYTES];
    net_addr_format(&layer->env->remote, remote);
    log_peer(LOG_WARN, "tls_on_plain_listener", LOG_S("listener", layer->env->url_text),
             LOG_U("conn", layer->env->number), LOG_S("remote", remote),
             LOG_S("text", "TLS handshake on a plain listener: connect with ws://, or listen with "
                           "wss://"));
    return net_layer_fail(layer, NET_CLOSE_LOST, "TLS handshake on a plain listener");
}

// ---- client

static uint16_t send_request(struct layer_upgrade *upgrade)
{
    struct net_layer *layer = &upgrade->base;
    const struct url *url = layer->env->url;
    char host[URL_HOST_BYTES + 16];
    char target[URL_PATH_BYTES + URL_QUERY_BYTES + 2];
    struct bytes_buf out;
    snprintf(host, sizeof(host), url->host_is_v6 ? "[%s]:%u" : "%s:%u", url->host, url->port);
    snprintf(target, sizeof(target), "%s%s%s", url->path[0] ? url->path : NET_UPGRADE_DEFAULT_PATH,
             url->query[0] ? "?" : "", url->query);
    net_ws_key_make(upgrade->key);
    bytes_buf_init(&out, NET_HTTP_ANSWER_BYTES);
    bool written = net_http_upgrade_request(&out, host, target, upgrade->key) &&
                   net_layer_write(layer->below, bytes_buf_span(&out));
    bytes_buf_finish(&out);
    return written ? 0 : net_layer_fail(layer, NET_CLOSE_LOST, "out of memory");
}

static uint16_t check_response(struct layer_upgrade *upgrade)
{
    const char *problem = net_http_upgrade_check(upgrade->head, upgrade->key);
    if (problem) {
        upgrade->refused = true;
        return net_layer_fail(&upgrade->base, net_http_upgrade_code(upgrade->head), "%s", problem);
    }
    return switch_over(upgrade);
}

// ---- the layer

static uint16_t upgrade_up(struct net_layer *layer)
{
    layer->due_ns = net_layer_in_ms(layer, layer->env->config->upgrade_ms);
    return layer->env->is_server ? 0 : send_request(upgrade_of(layer));
}

static uint16_t upgrade_feed(struct net_layer *layer, struct bytes_span bytes)
{
    struct layer_upgrade *upgrade = upgrade_of(layer);
    if (layer->is_up) {
        return net_layer_feed(layer->above, bytes);
    }
    if (upgrade->refused || bytes.size == 0) {
        return 0;
    }
    if (layer->env->is_server && upgrade->head->size == 0 && bytes.data[0] == 0x16) {
        upgrade->refused = true;
        return refuse_tls(upgrade);
    }
    if (upgrade->head->size == 0 && net_layer_proxy_is_stray(layer, bytes)) {
        upgrade->refused = true;
        return net_layer_fail(layer, NET_CLOSE_LOST, "a header of the PROXY protocol");
    }
    enum net_http_verdict verdict = net_http_head_feed(upgrade->head, &bytes);
    if (verdict == NET_HTTP_MORE) {
        return 0;
    }
    uint16_t code;
    if (layer->env->is_server) {
        code = verdict == NET_HTTP_COMPLETE ? serve(upgrade)
                                            : refuse(upgrade, net_http_upgrade_refuse(verdict));
    } else {
        code = verdict == NET_HTTP_COMPLETE
                   ? check_response(upgrade)
                   : net_layer_fail(layer, NET_CLOSE_LOST, "the server's answer is not HTTP/1.1");
    }
    return code || bytes.size == 0 ? code : net_layer_feed(layer->above, bytes);
}

static uint16_t upgrade_expired(struct net_layer *layer)
{
    layer->due_ns = CLOCK_NEVER;
    return layer->env->is_server ? refuse(upgrade_of(layer), NET_HTTP_TOO_SLOW)
                                 : net_layer_fail(layer, NET_CLOSE_LOST,
                                                  "the server did not answer the upgrade in time");
}

static void upgrade_destroy(struct net_layer *layer)
{
    free_head(upgrade_of(layer));
    free(layer);
}

static const struct net_layer_impl upgrade_impl = {
    .name = "upgrade",
    .up = upgrade_up,
    .feed = upgrade_feed,
    .expired = upgrade_expired,
    .destroy = upgrade_destroy,
};

struct net_layer *net_layer_upgrade_create(struct net_layer_env *env)
{
    struct layer_upgrade *upgrade = calloc(1, sizeof(*upgrade));
    if (!upgrade) {
        return NULL;
    }
    net_layer_init(&upgrade->base, &upgrade_impl, env);
    upgrade->head = calloc(1, sizeof(*upgrade->head));
    if (!upgrade->head) {
        free(upgrade);
        return NULL;
    }
    return &upgrade->base;
}
