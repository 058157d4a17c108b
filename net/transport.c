// SPDX-License-Identifier: MIT
// The hub: every listener and dial of a process in one list, to be pumped and flushed as one.

#include "net/transport.h"

#include <assert.h>
#include <string.h>

void net_hub_init(struct net_hub *hub, struct loop *loop, const struct config *config,
                  struct counters *counters)
{
    memset(hub, 0, sizeof(*hub));
    hub->loop = loop;
    hub->config = config;
    hub->counters = counters;
}

void net_hub_finish(struct net_hub *hub)
{
    while (hub->endpoints) {
        struct net_endpoint *endpoint = hub->endpoints;
        hub->endpoints = endpoint->next;
        endpoint->impl->destroy(endpoint);
    }
}

void net_hub_add(struct net_hub *hub, struct net_endpoint *endpoint)
{
    assert(endpoint->impl && endpoint->transport);
    endpoint->next = hub->endpoints;
    hub->endpoints = endpoint;
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

static const struct net_transport *look_up_listener(const char *text, struct url *url,
                                                    struct error *error)
{
    const struct net_transport *transport = look_up(text, url, error);
    if (transport && (url->path[0] || url->query[0])) {
        error_set(error,
                  "%s: a listener has no path and no query; the path of ws:// and wss:// is "
                  "--websocket-path",
                  text);
        return NULL;
    }
    return transport;
}

const struct net_transport *net_transport_of_listener(const char *url_text, struct error *error)
{
    struct url url;
    return look_up_listener(url_text, &url, error);
}

bool net_hub_listen(struct net_hub *hub, const char *url_text, const struct net_acceptor *acceptor,
                    struct error *error)
{
    struct url url;
    const struct net_transport *transport = look_up_listener(url_text, &url, error);
    return transport && transport->listen(hub, transport, &url, acceptor, error);
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
