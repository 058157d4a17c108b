// SPDX-License-Identifier: MIT
// Listening sockets, the stack of layers of each scheme, and what the dials of a scheme share. What
// happens on a connection after it is accepted or dialled is net/stream's.

#include "net/transport_stream.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config/base/log.h"
#include "net/layer_frame.h"
#include "net/layer_tls.h"
#include "net/layer_upgrade.h"
#include "net/layer_ws.h"
#include "net/stream.h"
#include "net/tls_store.h"

#define LISTEN_BACKLOG   512
#define ACCEPTS_PER_TURN 32
#define ACCEPT_PAUSE_MS  100 // when there are no descriptors or no memory

static const struct net_stream_stack stacks[] = {
    {.scheme = "tcp", .layers = {net_layer_frame_create}},
    {.scheme = "tls", .has_tls = true, .layers = {net_layer_tls_create, net_layer_frame_create}},
    {.scheme = "ws", .has_text = true, .layers = {net_layer_upgrade_create, net_layer_ws_create}},
    {.scheme = "wss",
     .alpn = "http/1.1",
     .has_tls = true,
     .has_text = true,
     .layers = {net_layer_tls_create, net_layer_upgrade_create, net_layer_ws_create}},
};

static const struct net_stream_stack *find_stack(const char *scheme)
{
    for (size_t i = 0; i < BASE_COUNT(stacks); i++) {
        if (strcmp(stacks[i].scheme, scheme) == 0) {
            return &stacks[i];
        }
    }
    assert(!"a row of transports.c without a stack");
    return NULL;
}

// ---- accepting

static void set_accepting(struct net_stream_endpoint *endpoint, bool accepting)
{
    loop_fd_set(endpoint->hub->loop, &endpoint->watch, accepting ? LOOP_READ : 0, LOOP_URGENT);
}

static void on_resume(void *context)
{
    set_accepting(context, true);
}

static void pause_accepting(struct net_stream_endpoint *endpoint)
{
    struct loop *loop = endpoint->hub->loop;
    set_accepting(endpoint, false);
    loop_timer_set(loop, &endpoint->resume, loop_now_ns(loop) + ACCEPT_PAUSE_MS * CLOCK_NS_PER_MS);
}

// Out of descriptors: the connection that waits would make the socket readable for ever. With the
// one descriptor that is kept for this it is taken and closed, which at least tells its peer.
static void shed_connection(struct net_stream_endpoint *endpoint, int problem)
{
    log_peer(LOG_WARN, "accept_failed", LOG_S("listener", endpoint->base.url),
             LOG_S("error", strerror(problem)),
             LOG_S("text", "raise the limit of open files (ulimit -n) or lower max-sessions"));
    if (endpoint->reserve_fd >= 0) {
        close(endpoint->reserve_fd);
        int fd = accept4(endpoint->watch.fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0) {
            close(fd);
        }
    }
    endpoint->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    pause_accepting(endpoint);
}

// Whoever is turned away comes again; those who are in are not kept waiting for him.
static bool turn_away(struct net_stream_endpoint *endpoint, const struct net_addr *from,
                      uint64_t *count, const char *why, uint64_t limit)
{
    char remote[NET_ADDR_TEXT_BYTES];
    net_addr_format(from, remote);
    ++*count;
    log_peer(LOG_WARN, "handshake_turned_away", LOG_S("listener", endpoint->base.url),
             LOG_S("remote", remote), LOG_S("why", why), LOG_U("limit", limit));
    return false;
}

static bool may_rise(struct net_stream_endpoint *endpoint, const struct net_addr *remote)
{
    struct net_hub *hub = endpoint->hub;
    struct net_handshake_rate *rate = &hub->handshake_rate;
    if (endpoint->rising >= NET_STREAM_RISING_MAX) {
        return turn_away(endpoint, remote, endpoint->turned_away_many, "too many at once",
                         NET_STREAM_RISING_MAX);
    }
    if (endpoint->stack->has_tls && !net_handshake_rate_take(rate, loop_now_ns(hub->loop))) {
        return turn_away(endpoint, remote, endpoint->turned_away_fast, "too many in a second",
                         rate->per_second);
    }
    return true;
}

static void take_connection(struct net_stream_endpoint *endpoint, int fd,
                            const struct net_addr *remote)
{
    const struct net_acceptor *acceptor = endpoint->acceptor;
    if (acceptor->admit_address && !acceptor->admit_address(acceptor->user, remote)) {
        close(fd);
        return;
    }
    if (!may_rise(endpoint, remote)) {
        close(fd);
        return;
    }
    net_stream_accept(endpoint, fd, remote);
}

// False when no more should be accepted in this turn.
static bool accept_one(struct net_stream_endpoint *endpoint)
{
    struct sockaddr_storage from;
    socklen_t size = sizeof(from);
    int fd =
        accept4(endpoint->watch.fd, (struct sockaddr *)&from, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        struct net_addr remote;
        net_addr_from_sockaddr(&remote, &from);
        take_connection(endpoint, fd, &remote);
        return true;
    }
    switch (errno) {
    case EAGAIN:
        return false;
    case EMFILE:
    case ENFILE:
        shed_connection(endpoint, errno);
        return false;
    case ENOBUFS:
    case ENOMEM:
        pause_accepting(endpoint);
        return false;
    default:
        return true; // the peer's network failed it: accept(2) names a dozen ways
    }
}

static void on_acceptable(void *context, unsigned ready)
{
    (void)ready;
    struct net_stream_endpoint *endpoint = context;
    for (unsigned i = 0; i < ACCEPTS_PER_TURN && accept_one(endpoint); i++) {
    }
}

// ---- endpoints

static void endpoint_flush(struct net_endpoint *base, uint64_t now_ns)
{
    (void)now_ns;
    net_streams_flush((struct net_stream_endpoint *)base);
}

static void endpoint_stop_accepting(struct net_endpoint *base)
{
    struct net_stream_endpoint *endpoint = (struct net_stream_endpoint *)base;
    if (endpoint->watch.added) {
        loop_timer_cancel(endpoint->hub->loop, &endpoint->resume);
        loop_fd_remove(endpoint->hub->loop, &endpoint->watch);
        close(endpoint->watch.fd);
    }
}

static void endpoint_destroy(struct net_endpoint *base)
{
    struct net_stream_endpoint *endpoint = (struct net_stream_endpoint *)base;
    net_streams_destroy(endpoint);
    endpoint_stop_accepting(base);
    if (endpoint->reserve_fd >= 0) {
        close(endpoint->reserve_fd);
    }
    net_tls_credentials_unref(endpoint->credentials);
    free(endpoint->scratch);
    free(endpoint);
}

static const struct net_endpoint_impl endpoint_impl = {
    .flush = endpoint_flush,
    .stop_accepting = endpoint_stop_accepting,
    .destroy = endpoint_destroy,
};

static uint64_t *turned_away(struct net_hub *hub, const char *reason)
{
    return counter_cell(hub->counters, COUNTER_TOTAL, "paddock_handshakes_turned_away",
                        "accepted connections closed before a handshake", "reason", reason);
}

static struct net_stream_endpoint *
endpoint_create(struct net_hub *hub, const struct net_transport *self, struct error *error)
{
    struct net_stream_endpoint *endpoint = calloc(1, sizeof(*endpoint));
    uint8_t *scratch = malloc(NET_STREAM_READ_BYTES);
    if (!endpoint || !scratch) {
        error_set(error, "out of memory");
        free(scratch);
        free(endpoint);
        return NULL;
    }
    endpoint->base.impl = &endpoint_impl;
    endpoint->base.transport = self;
    endpoint->hub = hub;
    endpoint->stack = find_stack(self->scheme);
    endpoint->scratch = scratch;
    endpoint->reserve_fd = -1;
    loop_timer_init(&endpoint->resume, on_resume, endpoint);
    endpoint->turned_away_many = turned_away(hub, "too_many");
    endpoint->turned_away_fast = turned_away(hub, "too_fast");
    net_traffic_init(&endpoint->traffic, hub->counters, self->scheme);
    return endpoint;
}

// ---- listening

// A listening socket, or -1 with errno.
static int open_listener(const struct net_addr *addr, bool as_v6)
{
    static const int on = 1;
    static const int off = 0;
    struct sockaddr_storage at;
    socklen_t size = net_addr_to_sockaddr(addr, as_v6, &at);
    int fd = socket(as_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (as_v6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)); // [::] serves IPv4 as well
    }
    if (bind(fd, (struct sockaddr *)&at, size) != 0 || listen(fd, LISTEN_BACKLOG) != 0) {
        int problem = errno;
        close(fd);
        errno = problem;
        return -1;
    }
    return fd;
}

static uint16_t bound_port(int fd)
{
    struct sockaddr_storage local;
    struct net_addr addr = {0};
    socklen_t size = sizeof(local);
    if (getsockname(fd, (struct sockaddr *)&local, &size) == 0) {
        net_addr_from_sockaddr(&addr, &local);
    }
    return addr.port;
}

static bool bind_endpoint(struct net_stream_endpoint *endpoint, const struct url *url,
                          struct error *error)
{
    struct net_addr addr;
    char url_text[URL_TEXT_BYTES];
    char value[URL_QUERY_BYTES];
    url_format(url, url_text);
    if (!net_hub_has_certificate(endpoint->hub, endpoint->base.transport, url, error)) {
        return false;
    }
    if (net_addr_resolve(url->host, url->port, &addr, 1, error) == 0) {
        return error_prefix(error, "%s", url_text);
    }
    int fd = open_listener(&addr, url->host_is_v6 || !net_addr_is_v4(&addr));
    if (fd < 0) {
        return net_hub_cannot_listen(url, errno, error);
    }
    if (!loop_fd_add(endpoint->hub->loop, &endpoint->watch, fd, LOOP_READ, LOOP_URGENT,
                     on_acceptable, endpoint)) {
        int problem = errno;
        close(fd);
        return net_hub_cannot_listen(url, problem, error);
    }
    endpoint->url = *url;
    endpoint->has_proxy = url_query(url, "proxy", value, sizeof(value));
    endpoint->url.port = bound_port(fd);
    url_format(&endpoint->url, endpoint->base.url);
    endpoint->tls = endpoint->stack->has_tls
                        ? net_tls_listener_open(endpoint->hub->tls, &endpoint->url, error)
                        : NULL;
    return endpoint->tls || !endpoint->stack->has_tls;
}

struct net_endpoint *net_stream_listen(struct net_hub *hub, const struct net_transport *self,
                                       const struct url *url, const struct net_acceptor *acceptor,
                                       struct error *error)
{
    struct net_stream_endpoint *endpoint = endpoint_create(hub, self, error);
    if (!endpoint) {
        return NULL;
    }
    endpoint->acceptor = acceptor;
    endpoint->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (!bind_endpoint(endpoint, url, error)) {
        endpoint_destroy(&endpoint->base);
        return NULL;
    }
    net_hub_add(hub, &endpoint->base);
    return &endpoint->base;
}

// ---- dialling

// What all dials of one scheme share, above all the trusted certificates, which are costly to load.
static struct net_stream_endpoint *
dial_endpoint(struct net_hub *hub, const struct net_transport *self, struct error *error)
{
    for (struct net_endpoint *at = hub->endpoints; at; at = at->next) {
        if (at->impl == &endpoint_impl && at->transport == self &&
            !((struct net_stream_endpoint *)at)->acceptor) {
            return (struct net_stream_endpoint *)at;
        }
    }
    struct net_stream_endpoint *endpoint = endpoint_create(hub, self, error);
    if (!endpoint) {
        return NULL;
    }
    if (endpoint->stack->has_tls) {
        endpoint->credentials =
            net_tls_client_credentials_create(hub->dial_insecure, hub->dial_ca_file, error);
        if (!endpoint->credentials) {
            endpoint_destroy(&endpoint->base);
            return NULL;
        }
    }
    net_hub_add(hub, &endpoint->base);
    return endpoint;
}

static bool prepare_dial(struct net_stream_dial *dial, const struct net_stream_stack *stack,
                         const struct url *url, struct error *error)
{
    dial->url = *url;
    url_format(url, dial->url_text);
    if (!stack->has_text && (url->path[0] != '\0' || url->query[0] != '\0')) {
        return error_set(error, "%s: only ws:// and wss:// have a path", dial->url_text);
    }
    dial->address_count =
        net_addr_resolve(url->host, url->port, dial->addresses, NET_STREAM_ADDRESSES_MAX, error);
    return dial->address_count > 0 || error_prefix(error, "%s", dial->url_text);
}

struct net_link *net_stream_dial(struct net_hub *hub, const struct net_transport *self,
                                 const struct url *url, const struct net_link_handler *handler,
                                 void *user, struct error *error)
{
    struct net_stream_dial *dial = calloc(1, sizeof(*dial));
    if (!dial) {
        error_set(error, "out of memory");
        return NULL;
    }
    if (!prepare_dial(dial, find_stack(self->scheme), url, error)) {
        free(dial);
        return NULL;
    }
    struct net_stream_endpoint *endpoint = dial_endpoint(hub, self, error);
    if (!endpoint) {
        free(dial);
        return NULL;
    }
    return net_stream_connect(endpoint, dial, handler, user, error);
}
