// SPDX-License-Identifier: MIT
// The hub: every listener and dial of a process in one list, to be pumped and flushed as one.

#include "net/transport.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "net/public_url.h"

// A timing message for each of a few thousand players, and what a slow one has yet to read.
#define BLOCKS_KEPT_MAX (1u << 20)

void net_hub_init(struct net_hub *hub, struct loop *loop, const struct config *config,
                  struct counters *counters)
{
    memset(hub, 0, sizeof(*hub));
    hub->loop = loop;
    hub->config = config;
    hub->counters = counters;
    hub->handshake_rate.per_second = (uint64_t)config->tls_handshake_rate;
    blocks_init(&hub->blocks, BLOCKS_KEPT_MAX);
}

void net_hub_finish(struct net_hub *hub)
{
    while (hub->endpoints) {
        struct net_endpoint *endpoint = hub->endpoints;
        hub->endpoints = endpoint->next;
        endpoint->impl->destroy(endpoint);
    }
    blocks_finish(&hub->blocks);
}

void net_hub_add(struct net_hub *hub, struct net_endpoint *endpoint)
{
    assert(endpoint->impl && endpoint->transport);
    endpoint->next = hub->endpoints;
    hub->endpoints = endpoint;
}

bool net_hub_has_certificate(const struct net_hub *hub, const struct net_transport *transport,
                             const struct url *url, struct error *error)
{
    char text[URL_TEXT_BYTES];
    if (!transport->needs_certificate || hub->tls) {
        return true;
    }
    url_format(url, text);
    return error_set(error,
                     "%s needs a certificate: give --tls-cert and --tls-key, or --dev for a "
                     "self-signed one",
                     text);
}

bool net_hub_cannot_listen(const struct url *url, int problem, struct error *error)
{
    char text[URL_TEXT_BYTES];
    const char *advice = "";
    switch (problem) {
    case EADDRINUSE:
        advice =
            ": another process, or listener, has the port; stop it, or give another with --listen";
        break;
    case EADDRNOTAVAIL:
        advice = ": this machine does not have the address; 0.0.0.0 or [::] means all that it has";
        break;
    case EACCES:
        advice = ": ports below 1024 need CAP_NET_BIND_SERVICE; give a higher one with --listen";
        break;
    default:
        break;
    }
    url_format(url, text);
    return error_set(error, "cannot listen on %s: %s%s", text, strerror(problem), advice);
}

// Parses the URL and fills in the scheme's port; NULL when either is not known.
static const struct net_transport *look_up(const char *text, struct url *url, struct error *error)
{
    if (!url_parse(text, url, error)) {
        return NULL;
    }
    const struct net_transport *transport = net_transport_find(url->scheme);
    if (!transport) {
        error_set(error, "%s: unknown scheme \"%s\", use one of %s", text, url->scheme,
                  net_transport_schemes());
        return NULL;
    }
    if (!url->has_port) {
        url->port = transport->default_port;
    }
    return transport;
}

struct unknown_key {
    const struct net_transport *transport;
    char name[32];
};

static void note_unknown_key(void *context, const char *key)
{
    struct unknown_key *unknown = context;
    bool is_known = strcmp(key, "public") == 0 ||
                    (unknown->transport->needs_certificate && strcmp(key, "cert") == 0) ||
                    (unknown->transport->takes_proxy && strcmp(key, "proxy") == 0);
    if (!is_known) {
        snprintf(unknown->name, sizeof(unknown->name), "%s", key);
    }
}

static const struct net_transport *look_up_listener(const char *url_text, struct url *url,
                                                    struct error *error)
{
    const struct net_transport *transport = look_up(url_text, url, error);
    struct unknown_key unknown = {.transport = transport};
    if (!transport) {
        return NULL;
    }
    if (url->path[0]) {
        error_set(error, "%s: a listener has no path; that of ws:// and wss:// is --websocket-path",
                  url_text);
        return NULL;
    }
    url_query_keys(url, note_unknown_key, &unknown);
    if (unknown.name[0]) {
        error_set(error, "%s: a listener has no ?%s=%s", url_text, unknown.name,
                  !transport->takes_proxy
                      ? (transport->needs_certificate ? "; there is ?cert=NAME and ?public=URL"
                                                      : "; there is ?public=URL")
                  : transport->needs_certificate ? "; there is ?cert=NAME, ?proxy=1 and ?public=URL"
                                                 : "; there is ?proxy=1 and ?public=URL");
        return NULL;
    }
    char value[URL_QUERY_BYTES];
    if (url_query(url, "proxy", value, sizeof(value)) && strcmp(value, "1") != 0) {
        error_set(error, "%s: there is nothing but ?proxy=1", url_text);
        return NULL;
    }
    if (!net_public_url_check(url, error)) {
        error_prefix(error, "%s", url_text);
        return NULL;
    }
    return transport;
}

const struct net_transport *net_transport_of_listener(const char *url_text, struct url *url,
                                                      struct error *error)
{
    const struct net_transport *transport = look_up_listener(url_text, url, error);
    if (!transport) {
        error_prefix(error, "--listen");
    }
    return transport;
}

bool net_hub_listen(struct net_hub *hub, const char *url_text, const struct net_acceptor *acceptor,
                    struct error *error)
{
    struct url url;
    const struct net_transport *transport = net_transport_of_listener(url_text, &url, error);
    struct net_endpoint *endpoint =
        transport ? transport->listen(hub, transport, &url, acceptor, error) : NULL;
    if (endpoint && look_up(endpoint->url, &url, NULL)) {
        net_public_url(hub->config, transport, &url, endpoint->public_url);
    }
    return endpoint;
}

struct net_link *net_hub_dial(struct net_hub *hub, const char *url_text,
                              const struct net_link_handler *handler, void *user,
                              struct error *error)
{
    struct url url;
    const struct net_transport *transport = look_up(url_text, &url, error);
    return transport ? transport->dial(hub, transport, &url, handler, user, error) : NULL;
}

void net_hub_pump(struct net_hub *hub, uint64_t now_ns)
{
    for (struct net_endpoint *at = hub->endpoints; at; at = at->next) {
        if (at->impl->pump) {
            at->impl->pump(at, now_ns);
        }
    }
}

void net_hub_flush(struct net_hub *hub, uint64_t now_ns)
{
    for (struct net_endpoint *at = hub->endpoints; at; at = at->next) {
        if (at->impl->flush) {
            at->impl->flush(at, now_ns);
        }
    }
}

void net_hub_stop_accepting(struct net_hub *hub)
{
    for (struct net_endpoint *at = hub->endpoints; at; at = at->next) {
        if (at->impl->stop_accepting) {
            at->impl->stop_accepting(at);
        }
    }
}

unsigned net_hub_link_count(const struct net_hub *hub)
{
    unsigned count = 0;
    for (const struct net_endpoint *at = hub->endpoints; at; at = at->next) {
        count += at->link_count;
    }
    return count;
}

void net_traffic_init(struct net_traffic *traffic, struct counters *counters, const char *transport)
{
    const struct {
        uint64_t **cell;
        const char *name;
        const char *help;
    } rows[] = {
        {&traffic->bytes_in, "paddock_received_bytes", "bytes received"},
        {&traffic->bytes_out, "paddock_sent_bytes", "bytes sent"},
        {&traffic->packets_in, "paddock_received_packets", "datagrams, or reads of a stream"},
        {&traffic->packets_out, "paddock_sent_packets", "datagrams, or writes of a stream"},
        {&traffic->dropped, "paddock_dropped_packets", "hostile or malformed input ignored"},
        {&traffic->replaced, "paddock_replaced_messages",
         "unreliable messages that a newer one replaced unsent"},
    };
    for (size_t i = 0; i < BASE_COUNT(rows); i++) {
        *rows[i].cell = counter_cell(counters, COUNTER_TOTAL, rows[i].name, rows[i].help,
                                     "transport", transport);
    }
}
