// SPDX-License-Identifier: MIT
// In-process links: two sides that know each other, with a simulated network in each direction.
//
// The first dial of a hub makes a switchboard endpoint, which owns every pair of sides. Listeners
// are only names to find. Nothing is freed inside a handler: a pair whose sides have both ended is
// freed from the loop's deferred tasks.

#include "net/transport_memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "net/netsim.h"

enum side_state {
    SIDE_WAITING, // dialled, no answer yet
    SIDE_OPEN,
    SIDE_CLOSING, // its user has let go; the close code is on its way
    SIDE_ENDED,
};

enum tag_kind {
    TAG_CONNECT,
    TAG_ACCEPTED,
    TAG_MESSAGE,
    TAG_TEXT,
    TAG_CLOSE, // the code stands above the kind's byte, the reason in the payload
};

#define TAG_CODE_SHIFT 8

struct memory_pair;

struct memory_side {
    struct net_link base;
    struct memory_pair *pair;
    struct memory_side *peer;
    struct memory_endpoint *endpoint; // where it is counted
    enum side_state state;
    struct netsim out;
};

struct memory_pair {
    struct memory_pair *next, *previous; // struct memory_endpoint::pairs
    struct memory_endpoint *switchboard;
    char name[URL_HOST_BYTES];
    struct memory_side client, server;
    struct loop_timer fail_timer;
    uint16_t fail_code; // not 0: nothing passes any more, and both sides will hear this
    struct loop_task free_task;
};

struct memory_endpoint {
    struct net_endpoint base;
    struct net_hub *hub;
    const struct net_acceptor *acceptor; // NULL: the switchboard, or no longer accepting
    char name[URL_HOST_BYTES];           // empty: the switchboard
    struct memory_pair *pairs;           // the switchboard's
    uint16_t dials;
};

static const struct net_endpoint_impl endpoint_impl;
static const struct net_link_impl link_impl;

static struct memory_side *side_of(struct net_link *link)
{
    assert(link->impl == &link_impl);
    return (struct memory_side *)link;
}

// The listener of that name; "" finds the switchboard.
static struct memory_endpoint *find(const struct net_hub *hub, const char *name)
{
    for (struct net_endpoint *at = hub->endpoints; at; at = at->next) {
        struct memory_endpoint *endpoint = (struct memory_endpoint *)at;
        if (at->impl == &endpoint_impl && strcmp(endpoint->name, name) == 0) {
            return endpoint;
        }
    }
    return NULL;
}

// ---- sides

static void side_end(struct memory_side *side)
{
    assert(side->state != SIDE_ENDED);
    side->state = SIDE_ENDED;
    side->endpoint->base.link_count--;
    if (side->peer->state == SIDE_ENDED) {
        loop_defer(side->endpoint->hub->loop, &side->pair->free_task);
    }
}

// Ends a side whose user is still there, and tells him.
static void side_closed(struct memory_side *side, uint16_t code, const char *reason)
{
    assert(side->state == SIDE_WAITING || side->state == SIDE_OPEN);
    side_end(side);
    side->base.handler->closed(side->base.user, &side->base, code, reason);
}

static void pair_fail(struct memory_pair *pair, uint16_t code, uint64_t after_ns)
{
    struct loop *loop = pair->switchboard->hub->loop;
    if (pair->fail_code != 0) {
        return;
    }
    pair->fail_code = code;
    netsim_clear(&pair->client.out);
    netsim_clear(&pair->server.out);
    loop_timer_set(loop, &pair->fail_timer, loop_now_ns(loop) + after_ns);
}

static void on_fail(void *context)
{
    struct memory_pair *pair = context;
    struct memory_side *sides[] = {&pair->client, &pair->server};
    for (size_t i = 0; i < BASE_COUNT(sides); i++) {
        if (sides[i]->state == SIDE_CLOSING) {
            side_end(sides[i]);
        } else if (sides[i]->state != SIDE_ENDED) {
            side_closed(sides[i], pair->fail_code, net_close_text(pair->fail_code));
        }
    }
}

static void transmit(struct memory_side *side, struct net_payload *payload, uint32_t tag,
                     enum net_delivery delivery)
{
    if (side->pair->fail_code == 0 && !netsim_send(&side->out, payload, tag, delivery)) {
        pair_fail(side->pair, NET_CLOSE_SLOW_CONSUMER, 0);
    }
}

static void transmit_close(struct memory_side *side, uint16_t code, const char *reason)
{
    // Without memory for it the reason is left out.
    struct net_payload *payload = net_payload_create(bytes_of_string(reason));
    transmit(side, payload, TAG_CLOSE | (uint32_t)code << TAG_CODE_SHIFT, NET_RELIABLE);
    net_payload_unref(payload);
}

// ---- arrivals: `side` is the one that receives

static void receive_connect(struct memory_side *side)
{
    struct memory_endpoint *listener = find(side->pair->switchboard->hub, side->pair->name);
    const struct net_acceptor *acceptor = listener ? listener->acceptor : NULL;
    if (!acceptor ||
        (acceptor->admit_address && !acceptor->admit_address(acceptor->user, &side->base.remote))) {
        transmit_close(side, NET_CLOSE_LOST, "");
        return;
    }
    side->endpoint = listener;
    side->state = SIDE_OPEN;
    listener->base.link_count++;
    transmit(side, NULL, TAG_ACCEPTED, NET_RELIABLE);
    uint16_t code = acceptor->accept(acceptor->user, &side->base);
    if (code != 0) {
        transmit_close(side, code, net_close_text(code));
        side->state = SIDE_CLOSING;
    }
}

static void receive_text(struct memory_side *side, struct bytes_span text)
{
    if (side->base.handler->text) {
        side->base.handler->text(side->base.user, &side->base, text);
        return;
    }
    transmit_close(side, NET_CLOSE_UNSUPPORTED, net_close_text(NET_CLOSE_UNSUPPORTED));
    side_closed(side, NET_CLOSE_UNSUPPORTED, net_close_text(NET_CLOSE_UNSUPPORTED));
}

static void receive_close(struct memory_side *side, uint16_t code, struct bytes_span reason)
{
    if (side->peer->state == SIDE_CLOSING) {
        side_end(side->peer);
    }
    if (side->state == SIDE_WAITING || side->state == SIDE_OPEN) {
        char text[LIMIT_CLOSE_REASON_BYTES + 1] = "";
        size_t size = reason.size < sizeof(text) ? reason.size : sizeof(text) - 1;
        if (size > 0) {
            memcpy(text, reason.data, size);
        }
        side_closed(side, code, text);
    }
}

static void on_arrival(void *user, struct net_payload *payload, uint32_t tag)
{
    struct memory_side *sender = user;
    struct memory_side *side = sender->peer;
    struct bytes_span bytes = payload ? net_payload_span(payload) : bytes_of(NULL, 0);
    enum tag_kind kind = tag & 0xff;
    if (kind == TAG_CONNECT) {
        receive_connect(side);
    } else if (kind == TAG_CLOSE) {
        receive_close(side, (uint16_t)(tag >> TAG_CODE_SHIFT), bytes);
    } else if (kind == TAG_ACCEPTED && side->state == SIDE_WAITING) {
        side->state = SIDE_OPEN;
        if (side->base.handler->opened) {
            side->base.handler->opened(side->base.user, &side->base);
        }
    } else if (kind == TAG_MESSAGE && side->state == SIDE_OPEN) {
        if (bytes.size <= LIMIT_MESSAGE_BYTES) {
            net_link_deliver(&side->base, bytes);
        } else {
            transmit_close(side, NET_CLOSE_TOO_BIG, net_close_text(NET_CLOSE_TOO_BIG));
            side_closed(side, NET_CLOSE_TOO_BIG, net_close_text(NET_CLOSE_TOO_BIG));
        }
    } else if (kind == TAG_TEXT && side->state == SIDE_OPEN) {
        receive_text(side, bytes);
    }
}

// ---- links

static void link_send(struct net_link *link, struct net_payload *payload,
                      enum net_delivery delivery)
{
    transmit(side_of(link), payload, TAG_MESSAGE, delivery);
}

static void link_send_text(struct net_link *link, struct bytes_span text)
{
    struct memory_side *side = side_of(link);
    struct net_payload *payload = net_payload_create(text);
    if (payload) {
        transmit(side, payload, TAG_TEXT, NET_RELIABLE);
        net_payload_unref(payload);
    }
}

static void link_close(struct net_link *link, uint16_t code, const char *reason)
{
    struct memory_side *side = side_of(link);
    assert(side->state == SIDE_WAITING || side->state == SIDE_OPEN);
    transmit_close(side, code, reason);
    side->state = SIDE_CLOSING;
}

void net_memory_cut(struct net_link *link)
{
    pair_fail(side_of(link)->pair, NET_CLOSE_LOST, NET_MEMORY_TIMEOUT_NS);
}

unsigned net_memory_cut_from(struct net_hub *hub, const char *ip)
{
    struct net_addr from;
    const struct memory_endpoint *switchboard = find(hub, "");
    bool is_ip = net_addr_parse_ip(ip, &from);
    assert(is_ip);
    unsigned count = 0;
    for (struct memory_pair *at = switchboard ? switchboard->pairs : NULL; at; at = at->next) {
        if (net_addr_equal_ip(&at->server.base.remote, &from)) {
            net_memory_cut(&at->server.base);
            count++;
        }
    }
    return count;
}

static const struct net_link_impl link_impl = {
    .send = link_send,
    .send_text = link_send_text,
    .close = link_close,
};

// ---- pairs and endpoints

static void pair_free(void *context)
{
    struct memory_pair *pair = context;
    struct loop *loop = pair->switchboard->hub->loop;
    if (pair->previous) {
        pair->previous->next = pair->next;
    } else {
        pair->switchboard->pairs = pair->next;
    }
    if (pair->next) {
        pair->next->previous = pair->previous;
    }
    loop_timer_cancel(loop, &pair->fail_timer);
    loop_task_cancel(loop, &pair->free_task);
    netsim_finish(&pair->client.out);
    netsim_finish(&pair->server.out);
    free(pair);
}

static void endpoint_stop_accepting(struct net_endpoint *endpoint)
{
    ((struct memory_endpoint *)endpoint)->acceptor = NULL;
}

static void endpoint_destroy(struct net_endpoint *endpoint)
{
    struct memory_endpoint *self = (struct memory_endpoint *)endpoint;
    while (self->pairs) {
        pair_free(self->pairs);
    }
    free(self);
}

static const struct net_endpoint_impl endpoint_impl = {
    .stop_accepting = endpoint_stop_accepting,
    .destroy = endpoint_destroy,
};

static struct memory_endpoint *endpoint_create(struct net_hub *hub,
                                               const struct net_transport *self, const char *name,
                                               struct error *error)
{
    struct memory_endpoint *endpoint = calloc(1, sizeof(*endpoint));
    if (!endpoint) {
        error_set(error, "out of memory");
        return NULL;
    }
    endpoint->base.impl = &endpoint_impl;
    endpoint->base.transport = self;
    endpoint->hub = hub;
    memcpy(endpoint->name, name, strlen(name) + 1);
    net_hub_add(hub, &endpoint->base);
    return endpoint;
}

struct net_endpoint *net_memory_listen(struct net_hub *hub, const struct net_transport *self,
                                       const struct url *url, const struct net_acceptor *acceptor,
                                       struct error *error)
{
    if (find(hub, url->host)) {
        error_set(error, "memory://%s is taken", url->host);
        return NULL;
    }
    struct memory_endpoint *endpoint = endpoint_create(hub, self, url->host, error);
    if (!endpoint) {
        return NULL;
    }
    endpoint->acceptor = acceptor;
    url_format(url, endpoint->base.url);
    return &endpoint->base;
}

// ---- dialling

struct dial_options {
    struct netsim_options network;
    struct net_addr from;
    bool confidential;
};

static const struct {
    const char *key;
    uint32_t max;
} numbers[] = {
    {"loss", 900},        {"duplicate", 1000},  {"delay_ms", 10000},
    {"jitter_ms", 10000}, {"seed", UINT32_MAX}, {"confidential", 1},
};

static void check_key(void *context, const char *key)
{
    struct error *unknown = context;
    for (size_t i = 0; i < BASE_COUNT(numbers); i++) {
        if (strcmp(numbers[i].key, key) == 0) {
            return;
        }
    }
    if (strcmp(key, "from") != 0) {
        error_set(unknown, "unknown key \"%s\"", key);
    }
}

static bool parse_dial(const struct url *url, struct dial_options *options, struct error *error)
{
    uint32_t values[BASE_COUNT(numbers)] = {[5] = 1};
    struct error unknown = {""};
    url_query_keys(url, check_key, &unknown);
    if (unknown.text[0]) {
        return error_set(error, "memory://%s: %s", url->host, unknown.text);
    }
    char text[NET_ADDR_TEXT_BYTES];
    for (size_t i = 0; i < BASE_COUNT(numbers); i++) {
        if (url_query(url, numbers[i].key, text, sizeof(text))) {
            char *end;
            unsigned long value = strtoul(text, &end, 10);
            if (text[0] < '0' || text[0] > '9' || *end != '\0' || value > numbers[i].max) {
                return error_set(error, "memory://%s: %s must be 0..%u", url->host, numbers[i].key,
                                 numbers[i].max);
            }
            values[i] = (uint32_t)value;
        }
    }
    options->network = (struct netsim_options){
        .loss = values[0],
        .duplicate = values[1],
        .delay_ns = values[2] * CLOCK_NS_PER_MS,
        .jitter_ns = values[3] * CLOCK_NS_PER_MS,
        .seed = values[4],
    };
    options->confidential = values[5] != 0;
    if (!url_query(url, "from", text, sizeof(text))) {
        memcpy(text, "127.0.0.1", sizeof("127.0.0.1"));
    }
    if (!net_addr_parse_ip(text, &options->from)) {
        return error_set(error, "memory://%s: from must be an IP address", url->host);
    }
    return true;
}

static void side_init(struct memory_side *side, struct memory_pair *pair, struct memory_side *peer,
                      const struct dial_options *options, uint64_t direction)
{
    struct memory_endpoint *switchboard = pair->switchboard;
    struct netsim_options network = options->network;
    // Each direction of each pair has luck of its own.
    network.seed = network.seed << 32 | (uint64_t)switchboard->dials << 1 | direction;
    netsim_init(&side->out, switchboard->hub->loop, &network, on_arrival, side);
    side->base.impl = &link_impl;
    side->base.transport = "memory";
    side->base.number = ++switchboard->hub->last_number;
    side->base.confidential = options->confidential;
    side->pair = pair;
    side->peer = peer;
    side->endpoint = switchboard;
}

struct net_link *net_memory_dial(struct net_hub *hub, const struct net_transport *self,
                                 const struct url *url, const struct net_link_handler *handler,
                                 void *user, struct error *error)
{
    struct dial_options options;
    if (!parse_dial(url, &options, error)) {
        return NULL;
    }
    struct memory_endpoint *switchboard = find(hub, "");
    if (!switchboard && !(switchboard = endpoint_create(hub, self, "", error))) {
        return NULL;
    }
    struct memory_pair *pair = calloc(1, sizeof(*pair));
    if (!pair) {
        error_set(error, "out of memory");
        return NULL;
    }
    pair->switchboard = switchboard;
    memcpy(pair->name, url->host, sizeof(pair->name));
    loop_timer_init(&pair->fail_timer, on_fail, pair);
    loop_task_init(&pair->free_task, pair_free, pair);
    switchboard->dials++;
    side_init(&pair->client, pair, &pair->server, &options, 0);
    side_init(&pair->server, pair, &pair->client, &options, 1);
    pair->server.base.remote = options.from;
    pair->server.base.remote.port = switchboard->dials;
    pair->client.base.local = pair->server.base.remote;
    pair->client.state = SIDE_WAITING;
    pair->server.state = SIDE_ENDED; // until somebody accepts
    switchboard->base.link_count++;
    pair->next = switchboard->pairs;
    if (pair->next) {
        pair->next->previous = pair;
    }
    switchboard->pairs = pair;
    net_link_attach(&pair->client.base, handler, user);
    transmit(&pair->client, NULL, TAG_CONNECT, NET_RELIABLE);
    return &pair->client.base;
}
