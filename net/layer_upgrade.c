// SPDX-License-Identifier: MIT
// Drives the opening handshake: a server reads one request and answers it, a client writes one and
// reads the answer. What is right and what is said is net/http_upgrade's, who may come in
// net/doorman's; this layer owns the bytes and the deadlines. Bytes behind the blank line are the
// WebSocket's and go up when it is one: at once, unless a password has to be looked at first.

#include "net/layer_upgrade.h"

#include <stdio.h>
#include <stdlib.h>

#include "config/base/log.h"
#include "config/secret.h"
#include "net/doorman.h"
#include "net/http_upgrade.h"
#include "net/layer_proxy.h"
#include "net/passwords.h"

// What may come behind a request before it is answered: proxies send on what they have.
#define EARLY_BYTES_MAX LIMIT_MESSAGE_BYTES
// A wrong password is answered so long after it came, so that trying them takes time.
#define WRONG_PASSWORD_MS 1000

enum password_state {
    PASSWORD_UNASKED,
    PASSWORD_ASKED,
    PASSWORD_GOOD,
    PASSWORD_WRONG,
};

struct layer_upgrade {
    struct net_layer base;
    struct net_http_head *head; // only while the handshake lasts
    char key[NET_WS_KEY_BYTES + 1];
    bool refused;
    struct net_doorman doorman;
    enum net_http_answer wanted; // what a good password leads to
    enum password_state password;
    uint64_t asked_ns;
    struct net_password_check *check; // PASSWORD_ASKED
    struct bytes_buf early;
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

static void free_early(struct layer_upgrade *upgrade)
{
    if (upgrade->early.memory) {
        secret_wipe(upgrade->early.memory, upgrade->early.capacity);
    }
    bytes_buf_finish(&upgrade->early);
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

// `answer` is a yes or a no to all but whether there is room.
static uint16_t conclude(struct layer_upgrade *upgrade, enum net_http_answer answer)
{
    struct net_layer *layer = &upgrade->base;
    if (answer == NET_HTTP_SWITCH) {
        answer = net_doorman_admit(&upgrade->doorman);
    }
    if (answer != NET_HTTP_SWITCH) {
        return refuse(upgrade, answer);
    }
    if (!write_answer(upgrade, answer)) {
        return net_layer_fail(layer, NET_CLOSE_LOST, "out of memory");
    }
    uint16_t code = switch_over(upgrade);
    struct bytes_span early = bytes_buf_span(&upgrade->early);
    if (code == 0 && early.size > 0) {
        code = net_layer_feed(layer->above, early);
    }
    free_early(upgrade);
    return code;
}

static void on_password(void *context, bool good)
{
    struct layer_upgrade *upgrade = context;
    struct net_layer *layer = &upgrade->base;
    struct net_layer_env *env = layer->env;
    upgrade->check = NULL;
    upgrade->password = good ? PASSWORD_GOOD : PASSWORD_WRONG;
    layer->due_ns = good ? 0 : upgrade->asked_ns + WRONG_PASSWORD_MS * CLOCK_NS_PER_MS;
    if (!good) {
        char remote[NET_ADDR_TEXT_BYTES];
        net_addr_format(&env->remote, remote);
        log_peer(LOG_INFO, "password_refused", LOG_U("conn", env->number), LOG_S("remote", remote));
        if (env->auth_failed) {
            env->auth_failed(env);
        }
    }
    env->wake(env);
}

// Nothing more than a request with a password is asked for here, so a browser's first, which has
// none, is no failure.
static uint16_t ask_password(struct layer_upgrade *upgrade)
{
    struct net_layer *layer = &upgrade->base;
    struct net_basic_auth auth;
    if (!net_basic_auth_read(upgrade->head, &auth)) {
        return refuse(upgrade, NET_HTTP_NO_PASSWORD);
    }
    upgrade->check = net_passwords_check(layer->env->passwords, &auth, on_password, upgrade);
    secret_wipe(&auth, sizeof(auth));
    if (!upgrade->check) {
        return refuse(upgrade, NET_HTTP_UNAVAILABLE);
    }
    upgrade->password = PASSWORD_ASKED;
    upgrade->asked_ns = layer->env->now_ns;
    layer->due_ns = net_layer_in_ms(layer, layer->env->config->upgrade_ms);
    return 0;
}

static uint16_t serve(struct layer_upgrade *upgrade)
{
    struct net_layer *layer = &upgrade->base;
    enum net_http_answer answer = net_doorman_judge(&upgrade->doorman, layer, upgrade->head);
    bool is_yes = answer == NET_HTTP_SWITCH || answer == NET_HTTP_PAGE;
    if (is_yes && layer->env->passwords) {
        upgrade->wanted = answer;
        return ask_password(upgrade);
    }
    return conclude(upgrade, answer);
}

static uint16_t serve_late(struct layer_upgrade *upgrade)
{
    switch (upgrade->password) {
    case PASSWORD_GOOD:
        return conclude(upgrade, upgrade->wanted);
    case PASSWORD_WRONG:
        return refuse(upgrade, NET_HTTP_NO_PASSWORD);
    case PASSWORD_ASKED:
        net_password_check_cancel(upgrade->check);
        upgrade->check = NULL;
        return refuse(upgrade, NET_HTTP_UNAVAILABLE);
    case PASSWORD_UNASKED:
        break;
    }
    return refuse(upgrade, NET_HTTP_TOO_SLOW);
}

static uint16_t keep_early(struct layer_upgrade *upgrade, struct bytes_span bytes)
{
    return bytes_buf_append(&upgrade->early, bytes)
               ? 0
               : net_layer_fail(&upgrade->base, NET_CLOSE_LOST, "too much before the answer");
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
    if (upgrade->password != PASSWORD_UNASKED) {
        return keep_early(upgrade, bytes);
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
    if (code || bytes.size == 0) {
        return code;
    }
    return layer->is_up ? net_layer_feed(layer->above, bytes) : keep_early(upgrade, bytes);
}

static uint16_t upgrade_expired(struct net_layer *layer)
{
    layer->due_ns = CLOCK_NEVER;
    return layer->env->is_server ? serve_late(upgrade_of(layer))
                                 : net_layer_fail(layer, NET_CLOSE_LOST,
                                                  "the server did not answer the upgrade in time");
}

static void upgrade_destroy(struct net_layer *layer)
{
    struct layer_upgrade *upgrade = upgrade_of(layer);
    net_password_check_cancel(upgrade->check);
    free_head(upgrade);
    free_early(upgrade);
    free(upgrade);
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
    bytes_buf_init(&upgrade->early, EARLY_BYTES_MAX);
    upgrade->head = calloc(1, sizeof(*upgrade->head));
    if (!upgrade->head) {
        free(upgrade);
        return NULL;
    }
    return &upgrade->base;
}
