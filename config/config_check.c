// SPDX-License-Identifier: MIT
// What settings must be to each other. Rows of options.def check themselves; here stands what spans
// several, each as one sentence that says how to mend it. Knows of listeners what their URLs say,
// not which schemes exist. Driven by main after config_load().

#include <assert.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>

#include "config/config_option.h"
#include "config/origin.h"
#include "config/public_host.h"
#include "config/secret.h"
#include "config/url.h"

// "--name=value (where it came from): what is wrong"; `value` NULL: nothing was given.
static void complain(const struct config *config, struct error_list *errors, const char *name,
                     const char *value, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

static void complain(const struct config *config, struct error_list *errors, const char *name,
                     const char *value, const char *format, ...)
{
    const struct config_option *option = config_option_find(name);
    assert(option);
    const char *origin = config_option_origin(config, option);
    char text[ERROR_TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    error_list_add(errors, "--%s%s%.100s%s%s%s: %s", name, value ? "=" : "", value ? value : "",
                   origin[0] ? " (" : "", origin, origin[0] ? ")" : "", text);
}

static uint16_t port_of(const struct url *url)
{
    return url->has_port ? url->port : url_default_port(url->scheme);
}

// Listeners of one kind cannot share an address and port.
static const char *kind_of(const struct url *url)
{
    static const struct {
        const char *scheme;
        const char *kind;
    } kinds[] = {
        {"dtls", "udp"}, {"tcp", "tcp"}, {"tls", "tcp"}, {"ws", "tcp"}, {"wss", "tcp"},
    };
    for (size_t i = 0; i < BASE_COUNT(kinds); i++) {
        if (strcmp(url->scheme, kinds[i].scheme) == 0) {
            return kinds[i].kind;
        }
    }
    return url->scheme;
}

// All addresses of this machine, and these of IPv4: what else listens there has no room left.
static bool covers(const struct url *all, const struct url *one)
{
    return strcmp(all->host, "::") == 0 || (strcmp(all->host, "0.0.0.0") == 0 && !one->host_is_v6);
}

static bool clash(const struct url *a, const struct url *b)
{
    bool same_host = strcmp(a->host, b->host) == 0 || covers(a, b) || covers(b, a);
    return strcmp(kind_of(a), kind_of(b)) == 0 && same_host && port_of(a) == port_of(b) &&
           port_of(a) != 0; // 0: each takes a free one
}

static bool asks_for_certificates(const struct url *url)
{
    static const char *const asking[] = {"dtls", "tls", "wss"};
    for (size_t i = 0; i < BASE_COUNT(asking); i++) {
        if (strcmp(url->scheme, asking[i]) == 0) {
            return true;
        }
    }
    return false;
}

// The setting for which browsers send a password or a cookie along with a WebSocket's request.
static const char *sent_along(const struct config *config)
{
    return config->basic_auth_file[0] ? "basic-auth-file"
           : config->auth_cookie[0]   ? "auth-cookie"
           : config->token_cookie[0]  ? "token-cookie"
                                      : NULL;
}

static void check_listener(const struct config *config, const char *text, const struct url *url,
                           struct error_list *errors)
{
    const char *secret = sent_along(config);
    if (secret && strcmp(url->scheme, "ws") == 0 && !url_host_is_loopback(url) &&
        !config->allow_plaintext) {
        complain(config, errors, "listen", text,
                 "what --%s asks for could be read by anybody on the way; use wss://, listen on "
                 "127.0.0.1 behind a proxy, or say --allow-plaintext",
                 secret);
    }
    if (config->require_client_cert && !asks_for_certificates(url) && !url_host_is_loopback(url)) {
        complain(
            config, errors, "listen", text,
            "takes clients without a certificate, which --require-client-cert forbids; use "
            "dtls://, tls:// or wss://, or listen on 127.0.0.1 behind a proxy that asks for one");
    }
    if (config->dev && !url_host_is_loopback(url)) {
        complain(config, errors, "listen", text,
                 "--dev serves only this machine; listen on 127.0.0.1, or drop --dev and set "
                 "FUSION_SERVER_TOKEN");
    }
}

static void check_listeners(const struct config *config, struct error_list *errors)
{
    struct url urls[LIMIT_LISTENERS];
    unsigned good = 0;
    unsigned asking = 0;
    assert(config->listen.count <= LIMIT_LISTENERS);
    if (config->listen.count == 0) {
        complain(config, errors, "listen", NULL, "nobody could connect; give at least one URL");
    }
    for (unsigned i = 0; i < config->listen.count; i++) {
        const char *text = config->listen.items[i];
        struct url *url = &urls[good];
        struct error error;
        if (!url_parse(text, url, &error)) {
            complain(config, errors, "listen", NULL, "%s", error.text);
            continue;
        }
        check_listener(config, text, url, errors);
        asking += asks_for_certificates(url);
        for (unsigned j = 0; j < good; j++) {
            if (clash(&urls[j], url)) {
                char other[URL_TEXT_BYTES];
                url_format(&urls[j], other);
                complain(config, errors, "listen", text, "the same address and port as %.100s",
                         other);
                break;
            }
        }
        good++;
    }
    if (config->client_ca[0] && asking == 0) {
        complain(config, errors, "client-ca", config->client_ca,
                 "useless without a dtls://, tls:// or wss:// listener");
    }
}

static void check_order(const struct config *config, struct error_list *errors, long low,
                        const char *low_name, long high, const char *high_name)
{
    char value[24];
    if (low > high) {
        snprintf(value, sizeof(value), "%ld", low);
        const char *origin = config_option_origin(config, config_option_find(high_name));
        complain(config, errors, low_name, value, "must not exceed --%s, which is %ld%s%s%s",
                 high_name, high, origin[0] ? " (" : "", origin, origin[0] ? ")" : "");
    }
}

static void check_admin(const struct config *config, struct error_list *errors)
{
    struct url url;
    struct error error;
    if (strcmp(config->admin, "off") != 0 && !url_parse_address(config->admin, &url, &error)) {
        complain(config, errors, "admin", NULL, "%s; or say 'off'", error.text);
    }
}

// Visible ASCII without any of `without`.
static bool is_plain(const char *text, const char *without)
{
    for (const char *at = text; *at; at++) {
        if (*at <= 0x20 || *at >= 0x7F || strchr(without, *at)) {
            return false;
        }
    }
    return true;
}

static void check_websocket_path(const struct config *config, struct error_list *errors)
{
    const char *path = config->websocket_path;
    const char *node = config->node_id;
    if (path[0] != '/' || !is_plain(path, "?#%")) {
        complain(config, errors, "websocket-path", path,
                 "must begin with / and hold only visible ASCII without ?, # and %%");
    }
    if (!is_plain(node, "/?#%") || strcmp(node, ".") == 0 || strcmp(node, "..") == 0) {
        complain(config, errors, "node-id", node,
                 "is part of a path, so it must be visible ASCII without /, ?, # and %%, and "
                 "neither . nor ..");
    }
}

static bool is_header_name(const char *text)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-";
    return strspn(text, letters) == strlen(text);
}

static void check_public_host(const struct config *config, struct error_list *errors)
{
    struct url url;
    struct error error;
    if (config->public_host[0] && !config_public_host(config, &url, &error)) {
        complain(config, errors, "public-host", config->public_host, "%s", error.text);
    }
}

static void check_ip_header(const struct config *config, struct error_list *errors)
{
    if (!is_header_name(config->ip_header)) {
        complain(config, errors, "ip-header", config->ip_header,
                 "must be a header name: letters, digits and -");
    }
    if (config->ip_header[0] && config->trusted_proxies.count == 0) {
        complain(config, errors, "ip-header", config->ip_header,
                 "useless without --trusted-proxies, whom to believe");
    }
}

// "X-" in front keeps them apart from every other key in what backends are sent.
static void check_map_headers(const struct config *config, struct error_list *errors)
{
    for (unsigned i = 0; i < config->map_headers.count; i++) {
        const char *name = config->map_headers.items[i];
        size_t size = strlen(name);
        if (strncmp(name, "X-", 2) != 0 || size < 3 || size > 64 || !is_header_name(name)) {
            complain(config, errors, "map-headers", name,
                     "must be X- and 1 to 62 letters, digits and -");
        }
        for (unsigned j = 0; j < i; j++) {
            if (strcasecmp(config->map_headers.items[j], name) == 0) {
                complain(config, errors, "map-headers", name, "is there twice");
            }
        }
    }
    if (config->map_headers.count > 0 && config->trusted_proxies.count == 0) {
        complain(config, errors, "map-headers", NULL,
                 "useless without --trusted-proxies, whom to believe");
    }
}

bool config_has_origins(const struct config *config)
{
    return config->allow_origins.count > 0 || config->allow_origins_file[0] != '\0';
}

static void check_cookie(const struct config *config, struct error_list *errors,
                         const char *setting, const char *name)
{
    if (!is_plain(name, "=;,\"\\()<>@:/[]?{}")) {
        complain(config, errors, setting, name,
                 "must be the name of a cookie: visible ASCII without separators");
    }
    // Browsers send cookies along whosever page it is that connects.
    if (name[0] && !config_has_origins(config)) {
        complain(config, errors, setting, name,
                 "needs --allow-origins, or any page could connect with its visitors' cookies");
    }
}

static void check_cookies(const struct config *config, struct error_list *errors)
{
    const char *name = config->auth_cookie;
    if (name[0] && !config->auth_token_dir[0]) {
        complain(config, errors, "auth-cookie", name, "needs --auth-token-dir");
    }
    check_cookie(config, errors, "auth-cookie", name);
    if (config->auth_token_dir[0] && !name[0]) {
        complain(config, errors, "auth-token-dir", NULL, "useless without --auth-cookie");
    }
    if (config->auth_token_poll_ms > 0 && !name[0]) {
        complain(config, errors, "auth-token-poll-ms", NULL, "useless without --auth-cookie");
    }
    if (config->basic_auth_file[0] && !config_has_origins(config)) {
        complain(config, errors, "basic-auth-file", NULL,
                 "needs --allow-origins, or any page could connect with its visitors' passwords");
    }
    check_cookie(config, errors, "token-cookie", config->token_cookie);
    if (name[0] && strcmp(name, config->token_cookie) == 0) {
        complain(config, errors, "token-cookie", name, "is the --auth-cookie already");
    }
}

static void check_origins(const struct config *config, struct error_list *errors)
{
    struct error error;
    for (unsigned i = 0; i < config->allow_origins.count; i++) {
        if (!config_origin_rule_check(config->allow_origins.items[i], &error)) {
            complain(config, errors, "allow-origins", NULL, "%s", error.text);
        }
    }
}

bool config_backend_url(const struct config *config, const char *setting, const char *text,
                        struct url *url, struct error *error)
{
    struct error why;
    if (!url_parse(text, url, &why)) {
        return error_set(error, "--%s=%s", setting, why.text);
    }
    bool plain = strcmp(url->scheme, "http") == 0;
    if ((!plain && strcmp(url->scheme, "https") != 0) || url->query[0]) {
        return error_set(error, "--%s=%.200s: must be https://host[:port][/path] without a query",
                         setting, text);
    }
    if (plain && !url_host_is_loopback(url) && !config->allow_plaintext_backend) {
        return error_set(error,
                         "--%s=%.200s: would send the server token where anybody on the way can "
                         "read it; use https://, or say --allow-plaintext-backend",
                         setting, text);
    }
    return true;
}

static void check_unisave(const struct config *config, struct error_list *errors)
{
    const struct {
        const char *name;
        const char *value;
    } needed[] = {
        {"unisave-game-token", config->unisave_game_token},
        {"unisave-backend-hash", config->unisave_backend_hash},
        {"unisave-build-guid", config->unisave_build_guid},
        {"unisave-device-id", config->unisave_device_id},
        {"unisave-auth-facet", config->unisave_auth_facet},
        {"unisave-auth-method", config->unisave_auth_method},
        {"unisave-result-facet", config->unisave_result_facet},
        {"unisave-result-method", config->unisave_result_method},
    };
    for (size_t i = 0; i < BASE_COUNT(needed); i++) {
        if (!needed[i].value[0]) {
            complain(config, errors, needed[i].name, NULL, "the unisave backend needs it");
        } else if (!bytes_is_utf8(bytes_of_string(needed[i].value))) {
            complain(config, errors, needed[i].name, NULL, "travels in JSON, so it must be UTF-8");
        }
    }
}

// It names what is to be mended and never the value.
static void check_token_of_service(const struct config *config, bool is_unisave,
                                   struct error_list *errors)
{
    // A facet of the guide compares what it gets with what it has, and null with null is equal.
    if (!config->fusion_server_token) {
        error_list_add(errors,
                       "the server token is missing: the %s backend needs it, also with --dev; set "
                       "FUSION_SERVER_TOKEN or FUSION_SERVER_TOKEN_FILE",
                       is_unisave ? "unisave" : "http");
        return;
    }
    struct bytes_span token = secret_span(config->fusion_server_token);
    bool good = !is_unisave || bytes_is_utf8(token);
    for (size_t i = 0; i < token.size; i++) {
        uint8_t byte = token.data[i];
        good = good && byte != 0x7f && (is_unisave ? byte >= 0x20 : byte > 0x20 && byte < 0x7f);
    }
    if (!good) {
        complain(config, errors, "fusion-server-token", NULL, "%s",
                 is_unisave
                     ? "travels in JSON, so it must be UTF-8 without control characters"
                     : "travels in an HTTP header, so it must be visible ASCII without spaces");
    }
}

static bool backend_is_service(const struct config *config)
{
    return !config_choice_is("backend", config->backend, "embedded");
}

static void check_backend(const struct config *config, struct error_list *errors)
{
    bool is_unisave = config_choice_is("backend", config->backend, "unisave");
    struct url url;
    struct error error;
    if (backend_is_service(config)) {
        check_token_of_service(config, is_unisave, errors);
    }
    if (is_unisave) {
        check_unisave(config, errors);
    } else if (backend_is_service(config) && !config->backend_url[0]) {
        complain(config, errors, "backend-url", NULL, "the http backend needs it");
    }
    if (config->backend_url[0] &&
        !config_backend_url(config, "backend-url", config->backend_url, &url, &error)) {
        error_list_add(errors, "%s", error.text);
    }
    if (config->backend_key[0] && !config->backend_cert[0]) {
        complain(config, errors, "backend-key", NULL, "useless without --backend-cert");
    }
}

bool config_check_backend(const struct config *config, struct error_list *errors)
{
    unsigned errors_before = errors->count;
    check_backend(config, errors);
    return errors->count == errors_before;
}

// A store's name is one folder's, not a path to any other.
static bool is_folder_name(const char *name)
{
    return name[0] && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static void check_certificates(const struct config *config, struct error_list *errors)
{
    unsigned keys = config->tls_key.count;
    if (keys > 0 && config->tls_cert.count == 0) {
        complain(config, errors, "tls-key", NULL, "useless without --tls-cert");
    } else if (keys > 0 && keys != config->tls_cert.count) {
        complain(
            config, errors, "tls-key", NULL,
            "%u given for %u of --tls-cert; give one for each in the same order ('-': it is in "
            "the certificate's file), or none",
            keys, config->tls_cert.count);
    }
    if (config->require_client_cert && !config->client_ca[0]) {
        complain(config, errors, "require-client-cert", NULL, "useless without --client-ca");
    }
    if (config->tls_ticket_key_file[0] && (config->tls_ticket_hours == 0 || config->client_ca[0])) {
        complain(config, errors, "tls-ticket-key-file", NULL,
                 "useless without session tickets, of which there are none with %s",
                 config->client_ca[0] ? "--client-ca" : "--tls-ticket-hours=0");
    }
    if (!is_folder_name(config->cert_store_name)) {
        complain(config, errors, "cert-store-name", config->cert_store_name,
                 "must be the name of one folder");
    }
}

bool config_check(const struct config *config, struct error_list *errors)
{
    unsigned errors_before = errors->count;
    check_order(config, errors, config->snapshot_rate, "snapshot-rate", config->tick_rate,
                "tick-rate");
    check_order(config, errors, config->min_players, "min-players", config->players_per_session,
                "players-per-session");
    check_order(config, errors, config->report_retry_ms, "report-retry-ms",
                config->report_retry_max_ms, "report-retry-max-ms");
    check_order(config, errors, config->breaker_probe_ms, "breaker-probe-ms",
                config->breaker_probe_max_ms, "breaker-probe-max-ms");
    check_listeners(config, errors);
    check_admin(config, errors);
    check_websocket_path(config, errors);
    check_public_host(config, errors);
    check_ip_header(config, errors);
    check_map_headers(config, errors);
    check_origins(config, errors);
    check_cookies(config, errors);
    check_backend(config, errors);
    check_certificates(config, errors);
    if (strcmp(config->outbox_db, ":memory:") == 0) {
        complain(config, errors, "outbox-db", config->outbox_db,
                 "must be a file: results outlive the process");
    }
    if (!config->dev && !config->fusion_server_token && !backend_is_service(config)) {
        error_list_add(errors, "the server token is missing: set FUSION_SERVER_TOKEN, "
                               "FUSION_SERVER_TOKEN_FILE or --fusion-server-token, or start with "
                               "--dev on a laptop");
    }
    return errors->count == errors_before;
}
