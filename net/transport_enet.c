// SPDX-License-Identifier: MIT
// udp:// and dtls:// — links over ENet peers.
//
// Owns the mapping between ENet's peers and links; the hosts themselves are net/enet_host's.
// Channel 0 carries reliable messages, channel 1 the others, which ENet sequences (a late snapshot
// is dropped, never delivered after a newer one). Declines to know what messages mean. Driven by
// the hub: pump once a tick, flush once a turn, and by the socket itself while somebody is joining.
//
// Big unreliable messages are not marked ENET_PACKET_FLAG_UNRELIABLE_FRAGMENT, because ENet 1.3.17
// loses account of those: it then sends them as reliable fragments.

#include "net/transport_enet.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/prefetch.h"
#include "net/enet_host.h"
#include "net/enet_packet.h"
#include "net/enet_platform.h"
#include "net/tls_problem.h"
#include "net/tls_store.h"

enum {
    CHANNEL_RELIABLE,
    CHANNEL_UNRELIABLE,
    CHANNELS,
};

#define HANDSHAKE_NS       (5 * CLOCK_NS_PER_S)
#define DIAL_SERVICE_NS    (50 * CLOCK_NS_PER_MS) // a quiet dial's retransmissions and pings
#define TIMEOUT_MIN_MS     5000
#define TIMEOUT_MAX_MS     10000
#define TICK_NEAR_NS       (1 * CLOCK_NS_PER_MS) // too near for handshakes
#define PING_MS            1500 // a server's, of a client that it has to send nothing reliable
#define SPARE_PEERS_MAX    256
#define WAITING_BYTES      (64 << 10) // received and not yet taken, per peer of a listener
#define DIAL_WAITING_BYTES (1 << 20)  // a client may take its messages late

enum link_state {
    LINK_FREE,
    LINK_CONNECTING, // dialled
    LINK_OPEN,
    LINK_CLOSING, // its user has let go; ENet still delivers what was queued
};

// One per ENet peer, at the same index.
struct enet_link {
    struct net_link base;
    struct enet_port *port;
    struct net_enet_host *host; // the port's
    ENetPeer *peer;             // at the same index, for good
    enum link_state state;
    bool urgent;
    uint16_t failure;     // close code to end with at the next pump; 0 = none
    uint64_t deadline_ns; // of the handshake or of the closing
};

// One ENet host with the links of its peers.
struct enet_port {
    struct enet_port *next, *previous; // enet_endpoint::first
    struct enet_port *next_touched;    // enet_endpoint::touched
    bool touched;
    struct enet_endpoint *endpoint;
    struct net_enet_host *host;
    struct loop_fd watch;
    struct loop_timer wake; // for the host's own sake
    unsigned open_links;
    unsigned urgent_links;
    unsigned failed_links;
    struct net_enet_packets packets;
    size_t link_max;
    struct enet_link links[];
};

// A listener with its one port, or all dials of a hub with a port each. There may be thousands of
// those, so no turn looks at each: they stand in the order in which they were serviced last, and
// those that may have something to send, or are over, in a list of their own.
struct enet_endpoint {
    struct net_endpoint base;
    struct net_hub *hub;
    struct net_traffic traffic;
    struct net_udp_drops drops;
    struct net_dtls_counters handshakes;
    const struct net_acceptor *acceptor;     // NULL for dials
    struct net_tls_listener *tls;            // listeners with DTLS
    struct net_tls_credentials *credentials; // dials with DTLS
    bool accepting;
    struct enet_port *first, *last;
    struct enet_port *touched;
};

static const struct net_endpoint_impl endpoint_impl;
static const struct net_link_impl link_impl;

// ---- links

static struct enet_link *link_of(struct net_link *base)
{
    assert(base->impl == &link_impl);
    return (struct enet_link *)base;
}

static struct loop *port_loop(const struct enet_port *port)
{
    return port->endpoint->hub->loop;
}

// Something was done to it that the next flush has to see.
static void port_touch(struct enet_port *port)
{
    if (!port->touched) {
        port->touched = true;
        port->next_touched = port->endpoint->touched;
        port->endpoint->touched = port;
    }
}

static void link_wants_flush(const struct enet_link *link)
{
    net_enet_host_wants_flush(link->port->host, link->peer);
    port_touch(link->port);
}

// Joins are served at once; once everybody plays, the socket is read at tick edges only.
static void port_set_pace(struct enet_port *port)
{
    bool urgent =
        port->urgent_links > 0 || port->open_links == 0 || net_enet_host_is_rising(port->host);
    loop_fd_set(port_loop(port), &port->watch, LOOP_READ, urgent ? LOOP_URGENT : LOOP_PACED);
}

static void link_take(struct enet_link *link, enum link_state state)
{
    struct enet_port *port = link->port;
    assert(link->state == LINK_FREE);
    link->base = (struct net_link){
        .impl = &link_impl,
        .transport = port->endpoint->base.transport->scheme,
        .number = ++port->endpoint->hub->last_number,
    };
    net_enet_host_remote(port->host, link->peer, &link->base.remote);
    link->base.confidential =
        port->endpoint->base.transport->confidential || net_addr_is_loopback(&link->base.remote);
    link->state = state;
    link->urgent = true;
    link->failure = 0;
    port->open_links++;
    port->urgent_links++;
    port->endpoint->base.link_count++;
    port_set_pace(port);
}

// Its user is gone or going; the slot stays taken until ENet has said goodbye.
static void link_let_go(struct enet_link *link)
{
    struct enet_port *port = link->port;
    assert(link->state == LINK_CONNECTING || link->state == LINK_OPEN);
    link->state = LINK_CLOSING;
    link->deadline_ns = loop_now_ns(port_loop(port)) +
                        (uint64_t)port->endpoint->hub->config->close_ms * CLOCK_NS_PER_MS;
    port->open_links--;
    port->urgent_links -= link->urgent;
    port->failed_links -= link->failure != 0;
    link_wants_flush(link);
    port_set_pace(port);
}

static void link_free(struct enet_link *link)
{
    assert(link->state == LINK_CLOSING);
    link->state = LINK_FREE;
    link->port->endpoint->base.link_count--;
}

static void link_report_closed(struct enet_link *link, uint16_t code)
{
    const char *problem = link->port->host->problem.text;
    link->base.handler->closed(link->base.user, &link->base, code,
                               problem[0] ? problem : net_close_text(code));
}

// The end comes from below: ENet's peer is already gone.
static void link_lost(struct enet_link *link, uint16_t code)
{
    if (link->state != LINK_CLOSING) {
        link_let_go(link);
        link_report_closed(link, code);
    }
    link_free(link);
}

static void enet_link_close(struct net_link *base, uint16_t code, const char *reason)
{
    (void)reason; // ENet carries 32 bits; the peer looks the text up by the code
    struct enet_link *link = link_of(base);
    link_let_go(link);
    enet_peer_disconnect_later(link->peer, code);
    if (link->peer->state == ENET_PEER_STATE_DISCONNECTED) {
        link_free(link); // it had never been connected: no event will come
    }
}

static void enet_link_set_urgent(struct net_link *base, bool urgent)
{
    struct enet_link *link = link_of(base);
    if (urgent != link->urgent) {
        link->urgent = urgent;
        link->port->urgent_links += urgent ? 1u : -1u;
        port_set_pace(link->port);
    }
}

static void link_fail(struct enet_link *link, uint16_t code)
{
    link->failure = code;
    link->port->failed_links++;
}

// Bytes that ENet holds for the peer: on the way, and waiting for the window. Every waiting command
// counts for what it costs in memory, so the walk is bounded by queue-bytes.
static bool link_is_full(const struct enet_link *link)
{
    const ENetPeer *peer = link->peer;
    size_t limit = (size_t)link->port->endpoint->hub->config->queue_bytes;
    size_t bytes = peer->reliableDataInTransit;
    const ENetListNode *end = &peer->outgoingCommands.sentinel;
    for (const ENetListNode *node = end->next; node != end && bytes <= limit; node = node->next) {
        bytes += ((const ENetOutgoingCommand *)node)->fragmentLength + sizeof(ENetOutgoingCommand);
    }
    return bytes > limit;
}

static void enet_link_send(struct net_link *base, struct net_payload *payload,
                           enum net_delivery delivery)
{
    struct enet_link *link = link_of(base);
    if (link->state != LINK_OPEN || link->failure) {
        return;
    }
    bool reliable = delivery == NET_RELIABLE;
    if (reliable && link_is_full(link)) {
        link_fail(link, NET_CLOSE_SLOW_CONSUMER);
        return;
    }
    // A stock client may have asked for one channel.
    bool apart = !reliable && link->peer->channelCount > CHANNEL_UNRELIABLE;
    enet_uint8 channel = apart ? CHANNEL_UNRELIABLE : CHANNEL_RELIABLE;
    ENetPacket *packet = net_enet_packets_get(&link->port->packets, payload, delivery);
    bool queued = packet && enet_peer_send(link->peer, channel, packet) == 0;
    if (packet && packet->referenceCount == 0) {
        enet_packet_destroy(packet);
    }
    if (!queued && reliable) {
        bool too_big = payload->size > LIMIT_MESSAGE_BYTES;
        link_fail(link, too_big ? NET_CLOSE_TOO_BIG : NET_CLOSE_INTERNAL);
        return;
    }
    link_wants_flush(link);
}

static void enet_link_fetch(const struct net_link *base, unsigned step)
{
    const struct enet_link *link = (const struct enet_link *)base;
    switch (step) {
    case 0:
        prefetch(link, sizeof(*link));
        break;
    case 1:
        prefetch(link->port, sizeof(*link->port));
        net_enet_host_fetch(link->host, link->peer, 0);
        break;
    case 2:
        net_enet_host_fetch(link->host, link->peer, 1);
        break;
    default:
        break;
    }
}

static const struct net_link_impl link_impl = {
    .send = enet_link_send,
    .close = enet_link_close,
    .set_urgent = enet_link_set_urgent,
    .fetch = enet_link_fetch,
};

// ---- events

static void peer_configure(ENetPeer *peer)
{
    enet_peer_timeout(peer, ENET_PEER_TIMEOUT_LIMIT, TIMEOUT_MIN_MS, TIMEOUT_MAX_MS);
    // ENet answers a rising round trip by dropping unreliable packets before they are sent, all of
    // them in the end. Snapshots are small and paced already: it shall recover at once and never
    // throttle.
    enet_peer_throttle_configure(peer, ENET_PEER_PACKET_THROTTLE_INTERVAL,
                                 ENET_PEER_PACKET_THROTTLE_SCALE, 0);
}

static void on_connect(struct enet_link *link)
{
    bool dialled = link->state == LINK_CONNECTING;
    if (dialled) {
        link->state = LINK_OPEN;
    } else {
        link_take(link, LINK_OPEN);
    }
    net_enet_socket_local(link->port->host->socket, &link->base.local);
    peer_configure(link->peer);
    if (!dialled) {
        enet_peer_ping_interval(link->peer, PING_MS);
    }
    link_wants_flush(link);
    if (dialled) {
        if (link->base.handler->opened) {
            link->base.handler->opened(link->base.user, &link->base);
        }
        return;
    }
    const struct net_acceptor *acceptor = link->port->endpoint->acceptor;
    uint16_t refused = acceptor->accept(acceptor->user, &link->base);
    if (refused) {
        link_let_go(link);
        enet_peer_disconnect(link->peer, refused);
    }
}

// What the peer's goodbye means. Our own side sends close codes; a stock client sends 0.
static uint16_t goodbye_code(const struct enet_link *link, enet_uint32 data)
{
    if (data >= NET_CLOSE_NORMAL && data <= 4999 && data != NET_CLOSE_LOST) {
        return (uint16_t)data;
    }
    bool left = net_enet_host_left(link->port->host, link->peer);
    return left && link->state != LINK_CONNECTING ? NET_CLOSE_NORMAL : NET_CLOSE_LOST;
}

static void on_event(void *user, const ENetEvent *event)
{
    struct enet_port *port = user;
    struct enet_link *link = &port->links[net_enet_host_index(port->host, event->peer)];
    switch (event->type) {
    case ENET_EVENT_TYPE_CONNECT:
        on_connect(link);
        break;
    case ENET_EVENT_TYPE_RECEIVE:
        if (link->state == LINK_OPEN) {
            struct bytes_span message = bytes_of(event->packet->data, event->packet->dataLength);
            net_link_deliver(&link->base, message);
        }
        enet_packet_destroy(event->packet);
        break;
    case ENET_EVENT_TYPE_DISCONNECT:
        if (link->state != LINK_FREE) {
            link_lost(link, goodbye_code(link, event->data));
        }
        break;
    case ENET_EVENT_TYPE_NONE:
        break;
    }
}

// ---- ports

static bool on_admit(void *user, const struct net_addr *remote)
{
    const struct enet_endpoint *endpoint = ((struct enet_port *)user)->endpoint;
    const struct net_acceptor *acceptor = endpoint->acceptor;
    return endpoint->accepting &&
           (!acceptor->admit_address || acceptor->admit_address(acceptor->user, remote));
}

static struct net_tls_credentials *on_credentials(void *user)
{
    const struct enet_endpoint *endpoint = ((struct enet_port *)user)->endpoint;
    return endpoint->tls ? net_tls_listener_credentials(endpoint->tls)
                         : net_tls_credentials_ref(endpoint->credentials);
}

// There is no link yet that could have a number.
static void on_failed(void *user, const struct net_addr *remote, const char *problem,
                      const char *alert)
{
    const struct enet_endpoint *endpoint = ((struct enet_port *)user)->endpoint;
    net_tls_log_failure(endpoint->base.url, ++endpoint->hub->last_number, remote, problem, alert);
}

_Static_assert(NET_ENET_PEER_FETCH_STEPS == 1 + NET_LINK_FETCH_STEPS,
               "the link, and what it leads to");

static void on_fetch(void *user, const ENetPeer *peer, unsigned step)
{
    const struct enet_port *port = user;
    const struct enet_link *link = &port->links[net_enet_host_index(port->host, peer)];
    if (step == 0) {
        prefetch(link, sizeof(*link));
    } else if (link->state == LINK_OPEN && link->base.handler->fetch) {
        link->base.handler->fetch(link->base.user, step - 1);
    }
}

static const struct net_enet_user host_user = {
    .fetch = on_fetch,
    .admit = on_admit,
    .event = on_event,
    .credentials = on_credentials,
    .failed = on_failed,
};

static void port_end_failed(struct enet_port *port)
{
    for (size_t i = 0; port->failed_links > 0 && i < port->link_max; i++) {
        struct enet_link *link = &port->links[i];
        if (link->state == LINK_OPEN && link->failure) {
            uint16_t code = link->failure;
            link_let_go(link);
            enet_peer_disconnect(link->peer, code);
            link_report_closed(link, code);
        }
    }
}

static void port_end_overdue(struct enet_port *port, uint64_t now_ns)
{
    for (size_t i = 0; i < port->link_max; i++) {
        struct enet_link *link = &port->links[i];
        bool waits = link->state == LINK_CONNECTING || link->state == LINK_CLOSING;
        if (waits && now_ns >= link->deadline_ns) {
            net_enet_host_drop(port->host, link->peer);
            link_lost(link, NET_CLOSE_LOST);
        }
    }
}

static void ports_remove(struct enet_endpoint *endpoint, struct enet_port *port)
{
    *(port->previous ? &port->previous->next : &endpoint->first) = port->next;
    *(port->next ? &port->next->previous : &endpoint->last) = port->previous;
}

static void ports_append(struct enet_endpoint *endpoint, struct enet_port *port)
{
    port->next = NULL;
    port->previous = endpoint->last;
    *(port->previous ? &port->previous->next : &endpoint->first) = port;
    endpoint->last = port;
}

static void port_service(struct enet_port *port, uint64_t now_ns, bool readable)
{
    ports_remove(port->endpoint, port);
    ports_append(port->endpoint, port);
    bool swept = net_enet_host_service(port->host, now_ns, readable);
    if (net_enet_host_is_unsent(port->host) || port->links[0].state == LINK_FREE) {
        port_touch(port);
    }
    port_end_failed(port);
    if (swept) {
        port_end_overdue(port, now_ns);
    }
}

static void port_ready(void *context, unsigned ready)
{
    (void)ready;
    struct enet_port *port = context;
    port_service(port, loop_now_ns(port_loop(port)), true);
}

_Static_assert(LOOP_FETCH_STEPS == 1 + NET_LINK_FETCH_STEPS, "the port, and what it leads to");

// A dial's.
static void port_fetch(void *context, unsigned step)
{
    const struct enet_port *port = context;
    const struct enet_link *link = port->links; // nothing of it was read yet
    if (step == 0) {
        prefetch(port, sizeof(*port));
    }
    enet_link_fetch(&link->base, step);
    if (step > 0 && link->state == LINK_OPEN && link->base.handler->fetch) {
        link->base.handler->fetch(link->base.user, step - 1);
    }
}

static void port_woken(void *context)
{
    port_ready(context, 0);
}

// Handshakes wait for a moment at which no tick is near.
static unsigned port_steps(const struct enet_port *port, uint64_t now_ns)
{
    const struct net_tls_listener *tls = port->endpoint->tls;
    uint64_t deadline_ns = loop_deadline_ns(port_loop(port));
    if (deadline_ns > now_ns && deadline_ns - now_ns < TICK_NEAR_NS) {
        return 0;
    }
    return tls && net_tls_listener_is_slow(tls) ? NET_DTLS_SLOW_STEPS : NET_DTLS_STEPS;
}

static void port_flush(struct enet_port *port, uint64_t now_ns)
{
    struct loop *loop = port_loop(port);
    unsigned steps = port_steps(port, now_ns);
    net_enet_host_flush(port->host, now_ns, steps);
    uint64_t due_ns = net_enet_host_due_ns(port->host);
    if (due_ns == CLOCK_NEVER) {
        loop_timer_cancel(loop, &port->wake);
    } else {
        loop_timer_set(loop, &port->wake, steps > 0 ? due_ns : loop_deadline_ns(loop));
    }
    port_set_pace(port);
}

// For a listener `bind`, for a dial `remote`. NULL with errno set.
static struct enet_port *port_create(struct enet_endpoint *endpoint, const struct net_addr *bind,
                                     const struct net_addr *remote, size_t peers)
{
    const struct config *config = endpoint->hub->config;
    bool has_dtls = endpoint->base.transport->needs_certificate;
    struct enet_port *port = calloc(1, sizeof(*port) + peers * sizeof(port->links[0]));
    if (!port) {
        return NULL;
    }
    const struct net_enet_setup setup = {
        .bind = bind,
        .remote = remote,
        .peers = peers,
        .channels = CHANNELS,
        .waiting_bytes = bind ? WAITING_BYTES : DIAL_WAITING_BYTES,
        .cookies = has_dtls ? NET_UDP_COOKIE_OFF : (enum net_udp_cookie_mode)config->udp_cookie,
        .has_dtls = has_dtls,
        .handshake_ns = (uint64_t)config->tls_handshake_ms * CLOCK_NS_PER_MS,
        .handshakes = &endpoint->handshakes,
        .handshake_rate = &endpoint->hub->handshake_rate,
        .calls = &host_user,
        .user = port,
        .traffic = &endpoint->traffic,
        .drops = &endpoint->drops,
    };
    loop_timer_init(&port->wake, port_woken, port);
    port->endpoint = endpoint;
    port->link_max = peers;
    port->host = net_enet_host_create(&setup);
    if (!port->host) {
        goto fail;
    }
    for (size_t i = 0; i < peers; i++) {
        port->links[i].port = port;
        port->links[i].host = port->host;
        port->links[i].peer = &port->host->enet->peers[i];
    }
    if (!loop_fd_add(endpoint->hub->loop, &port->watch, net_enet_socket_fd(port->host->socket),
                     LOOP_READ, LOOP_URGENT, port_ready, port)) {
        goto fail;
    }
    port->watch.fetch = remote ? port_fetch : NULL;
    ports_append(endpoint, port);
    port_touch(port);
    return port;

fail:;
    int reason = errno;
    net_enet_host_destroy(port->host);
    free(port);
    errno = reason;
    return NULL;
}

// Nobody may have touched it since the last flush, unless the whole endpoint goes.
static void port_destroy(struct enet_port *port)
{
    loop_timer_cancel(port_loop(port), &port->wake);
    loop_fd_remove(port_loop(port), &port->watch);
    ports_remove(port->endpoint, port);
    for (size_t i = 0; i < port->link_max; i++) {
        if (port->links[i].state == LINK_OPEN) {
            enet_peer_disconnect(port->links[i].peer, NET_CLOSE_GOING_AWAY);
        }
    }
    net_enet_host_destroy(port->host);
    free(port);
}

// ---- endpoints

static struct enet_endpoint *endpoint_of(struct net_endpoint *base)
{
    assert(base->impl == &endpoint_impl);
    return (struct enet_endpoint *)base;
}

// A dial's socket is read when the loop finds that something has come. Handlers may dial, but those
// have their turn in the next one.
static void endpoint_pump(struct net_endpoint *base, uint64_t now_ns)
{
    struct enet_endpoint *endpoint = endpoint_of(base);
    if (endpoint->acceptor) {
        port_service(endpoint->first, now_ns, true);
        return;
    }
    const struct enet_port *port = NULL, *last = endpoint->last;
    while (port != last && now_ns - endpoint->first->host->serviced_ns >= DIAL_SERVICE_NS) {
        port = endpoint->first;
        port_service(endpoint->first, now_ns, false);
    }
}

static void endpoint_flush(struct net_endpoint *base, uint64_t now_ns)
{
    struct enet_endpoint *endpoint = endpoint_of(base);
    struct enet_port *port;
    if (endpoint->acceptor) {
        port_touch(endpoint->first); // strangers may be shaking hands
    }
    while ((port = endpoint->touched)) {
        endpoint->touched = port->next_touched;
        port->touched = false;
        if (!endpoint->acceptor && port->links[0].state == LINK_FREE) {
            port_destroy(port);
        } else {
            port_flush(port, now_ns);
        }
    }
}

static void endpoint_stop_accepting(struct net_endpoint *base)
{
    endpoint_of(base)->accepting = false;
}

static void endpoint_destroy(struct net_endpoint *base)
{
    struct enet_endpoint *endpoint = endpoint_of(base);
    while (endpoint->first) {
        port_destroy(endpoint->first);
    }
    net_tls_credentials_unref(endpoint->credentials);
    free(endpoint);
}

static const struct net_endpoint_impl endpoint_impl = {
    .pump = endpoint_pump,
    .flush = endpoint_flush,
    .stop_accepting = endpoint_stop_accepting,
    .destroy = endpoint_destroy,
};

static struct enet_endpoint *endpoint_create(struct net_hub *hub, const struct net_transport *self,
                                             const struct net_acceptor *acceptor,
                                             struct error *error)
{
    if (!net_enet_platform_start(error)) {
        return NULL;
    }
    struct enet_endpoint *endpoint = calloc(1, sizeof(*endpoint));
    if (!endpoint) {
        error_set(error, "%s: no memory", self->scheme);
        return NULL;
    }
    endpoint->base.impl = &endpoint_impl;
    endpoint->base.transport = self;
    endpoint->hub = hub;
    endpoint->acceptor = acceptor;
    endpoint->accepting = acceptor != NULL;
    net_traffic_init(&endpoint->traffic, hub->counters, self->scheme);
    net_udp_drops_init(&endpoint->drops, hub->counters, endpoint->traffic.dropped);
    net_dtls_counters_init(&endpoint->handshakes, hub->counters);
    return endpoint;
}

// The first address of the name, IPv4 before IPv6.
static bool resolve(const struct url *url, struct net_addr *address, struct error *error)
{
    struct net_addr found[16];
    unsigned count = net_addr_resolve(url->host, url->port, found, BASE_COUNT(found), error);
    unsigned first = 0;
    while (first < count && !net_addr_is_v4(&found[first])) {
        first++;
    }
    if (count > 0) {
        *address = found[first < count ? first : 0];
    }
    return count > 0;
}

// Every seat, and a spare quarter for those who are still to be verified or are about to leave.
static size_t peers_for(const struct config *config)
{
    size_t seats = (size_t)config->max_sessions * (size_t)config->players_per_session;
    size_t spare = seats / 4 < 16 ? 16 : seats / 4;
    size_t peers = seats + (spare < SPARE_PEERS_MAX ? spare : SPARE_PEERS_MAX);
    return peers < LIMIT_UDP_PEERS ? peers : LIMIT_UDP_PEERS;
}

// `bound` is the listener's URL with the port that it has got.
static bool show_certificate(struct enet_endpoint *endpoint, const struct url *bound,
                             struct error *error)
{
    if (endpoint->base.transport->needs_certificate) {
        endpoint->tls = net_tls_listener_open(endpoint->hub->tls, bound, error);
    }
    return endpoint->tls || !endpoint->base.transport->needs_certificate;
}

struct net_endpoint *net_enet_listen(struct net_hub *hub, const struct net_transport *self,
                                     const struct url *url, const struct net_acceptor *acceptor,
                                     struct error *error)
{
    struct net_addr address;
    if (!net_hub_has_certificate(hub, self, url, error) || !resolve(url, &address, error)) {
        return NULL;
    }
    struct enet_endpoint *endpoint = endpoint_create(hub, self, acceptor, error);
    if (!endpoint) {
        return NULL;
    }
    struct enet_port *port = port_create(endpoint, &address, NULL, peers_for(hub->config));
    if (!port) {
        net_hub_cannot_listen(url, errno, error);
        endpoint_destroy(&endpoint->base);
        return NULL;
    }
    struct net_addr local;
    net_enet_socket_local(port->host->socket, &local);
    struct url bound = *url;
    bound.port = local.port;
    url_format(&bound, endpoint->base.url);
    if (!show_certificate(endpoint, &bound, error)) {
        endpoint_destroy(&endpoint->base);
        return NULL;
    }
    net_hub_add(hub, &endpoint->base);
    return &endpoint->base;
}

static struct enet_endpoint *find_dialer(const struct net_hub *hub,
                                         const struct net_transport *self)
{
    for (struct net_endpoint *at = hub->endpoints; at; at = at->next) {
        if (at->impl == &endpoint_impl && at->transport == self && !endpoint_of(at)->acceptor) {
            return endpoint_of(at);
        }
    }
    return NULL;
}

// What all dials share, above all the trusted certificates, which are costly to load.
static struct enet_endpoint *dialer_create(struct net_hub *hub, const struct net_transport *self,
                                           struct error *error)
{
    struct enet_endpoint *dialer = endpoint_create(hub, self, NULL, error);
    if (dialer && self->needs_certificate) {
        dialer->credentials =
            net_tls_client_credentials_create(hub->dial_insecure, hub->dial_ca_file, error);
        if (!dialer->credentials) {
            endpoint_destroy(&dialer->base);
            return NULL;
        }
    }
    if (dialer) {
        net_hub_add(hub, &dialer->base);
    }
    return dialer;
}

struct net_link *net_enet_dial(struct net_hub *hub, const struct net_transport *self,
                               const struct url *url, const struct net_link_handler *handler,
                               void *user, struct error *error)
{
    struct net_addr address;
    if (!resolve(url, &address, error)) {
        return NULL;
    }
    struct enet_endpoint *dialer = find_dialer(hub, self);
    if (!dialer) {
        dialer = dialer_create(hub, self, error);
    }
    if (!dialer) {
        return NULL;
    }
    uint64_t now_ns = loop_now_ns(hub->loop);
    struct enet_port *port = port_create(dialer, NULL, &address, 1);
    if (!port || !net_enet_host_connect(port->host, url->host, now_ns)) {
        error_set(error, "%s://%s:%u: cannot connect: %s", self->scheme, url->host, url->port,
                  strerror(errno));
        return NULL;
    }
    link_take(&port->links[0], LINK_CONNECTING);
    port->links[0].deadline_ns = now_ns + HANDSHAKE_NS;
    net_link_attach(&port->links[0].base, handler, user);
    return &port->links[0].base;
}
