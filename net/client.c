// SPDX-License-Identifier: MIT
// The client library: a host with its loop and hub, and the life of one player's connection.
//
// What the server's time is, which inputs it may lack and which snapshots it may refer to are in
// client_sync, client_inputs and client_snapshots; this file moves messages between them, the link
// and the user's callbacks. Nothing that a server sends is trusted: what does not fit the protocol
// ends the connection with 1002 or 1007. A client that has ended is freed at the end of the poll,
// since the user's callbacks may end it anywhere.

#include "net/client.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/prefetch.h"
#include "net/client_inputs.h"
#include "net/client_snapshots.h"
#include "net/client_sync.h"
#include "net/transport.h"

#define PING_NS               CLOCK_NS_PER_S
#define PONG_LOST_NS          (3 * CLOCK_NS_PER_S)
#define LOOK_NS               (50 * CLOCK_NS_PER_MS) // at clients that nothing happens to
#define INPUT_MESSAGES_PER_S  30
#define HELLO_BYTES_MAX       512
#define MESSAGE_UP_BYTES_MAX  1200
#define TOKEN_BYTES_MAX       512
#define CLIENT_NAME_BYTES_MAX 64
#define CLIENT_NAME_DEFAULT   "paddock-client"
#define NO_ENTITY             0xff
#define RTT_SAMPLES           64
#define INPUT_FETCH_BYTES     64  // of the inputs that wait: some, of a few bytes each
#define USER_FETCH_BYTES      256 // of the user's, for a callback

struct net_client_host {
    struct clock own_clock;
    struct net_hub own_hub;
    struct loop *own_loop; // NULL when they are the user's
    struct config *own_config;
    struct counters *own_counters;
    struct loop *loop;
    struct net_hub *hub;
    struct net_msg_decoder *decoder;
    struct net_client *clients;
    uint64_t looked_ns; // at all clients
    bool has_ended;     // some of them
    bool paced;
};

struct net_client {
    struct net_client *next; // net_client_host::clients
    struct net_client_host *host;
    struct net_link *link; // NULL when it has ended; then the client is freed after the poll
    struct net_client_callbacks callbacks;
    void *user;
    struct net_payload *hello; // until it is sent
    bool welcomed;
    uint32_t slot;
    uint32_t input_interval; // ticks from one input message to the next
    uint64_t ping_ns;        // when the last one was sent; 0 = none yet
    uint32_t ping_stamp;
    bool ping_out; // its pong has not come

    bool takes_part; // in the present or coming race
    bool racing;     // inputs are due from race_tick on
    uint32_t race_tick;
    uint32_t next_input_tick;
    uint32_t sent_input_tick; // the newest that has been sent; 0 = none in this race
    uint32_t sent_ack_tick;
    uint64_t sent_ns;

    struct net_client_sync sync;
    struct net_client_snapshots snapshots;
    struct net_client_stats stats; // without what the link and sync know
    struct net_client_inputs inputs;
};

static uint64_t client_now_ns(const struct net_client *client)
{
    return loop_now_ns(client->host->loop);
}

// ---- sending

static struct net_payload *encode(const struct net_msg *msg, size_t limit)
{
    struct bytes_buf out;
    bytes_buf_init(&out, limit);
    struct net_payload *payload =
        net_msg_encode(&out, msg) ? net_payload_create(bytes_buf_span(&out)) : NULL;
    bytes_buf_finish(&out);
    return payload;
}

// Without memory the message is as good as lost, and the next one comes soon.
static void send_msg(struct net_client *client, const struct net_msg *msg,
                     enum net_delivery delivery)
{
    uint8_t memory[MESSAGE_UP_BYTES_MAX];
    struct bytes_buf out = {.memory = memory, .capacity = sizeof(memory), .limit = sizeof(memory)};
    bool fits = net_msg_encode(&out, msg);
    assert(fits);
    struct net_payload *payload = net_payload_create(bytes_buf_span(&out));
    if (payload) {
        net_link_send(client->link, payload, delivery);
        net_payload_unref(payload);
    }
}

// Reliable, since on a stream an unreliable one could take the place of an input.
static void send_ping(struct net_client *client, uint64_t now_ns)
{
    client->ping_ns = now_ns;
    client->ping_stamp = (uint32_t)(now_ns / CLOCK_NS_PER_US);
    client->ping_out = true;
    struct net_msg msg = {.type = NET_MSG_PING, .ping = {.stamp = client->ping_stamp}};
    send_msg(client, &msg, NET_RELIABLE);
}

// The newest input and every one before it that the server may lack. Without any it acknowledges.
static void send_inputs(struct net_client *client)
{
    uint8_t packed[LIMIT_INPUTS_PER_MESSAGE * LIMIT_INPUT_BYTES];
    const struct net_client_inputs *inputs = &client->inputs;
    struct net_msg msg = {
        .type = NET_MSG_INPUT,
        .input = {.ack_tick = client->snapshots.newest_tick,
                  .first_tick = inputs->first,
                  .inputs = net_client_inputs_pack(inputs, packed)},
    };
    send_msg(client, &msg, NET_UNRELIABLE);
    client->sent_ack_tick = client->snapshots.newest_tick;
    if (inputs->count > 0) {
        client->sent_input_tick = inputs->first + inputs->count - 1;
    }
}

// Called when something has happened to a client, and now and then.
static void client_update(struct net_client *client, uint64_t now_ns)
{
    if (!client->link || client->hello) {
        return; // over, or not open yet
    }
    uint32_t newest = client->inputs.first + client->inputs.count - 1;
    bool input = client->inputs.count > 0 && newest > client->sent_input_tick;
    bool input_due = input && newest - client->sent_input_tick >= client->input_interval;
    // While inputs flow the rest goes along with them.
    uint64_t interval_ns = client->input_interval * client->sync.tick_ns;
    bool flowing = client->inputs.count > 0 && now_ns - client->sent_ns <= 2 * interval_ns;
    bool ack_due = !flowing && client->snapshots.newest_tick > client->sent_ack_tick;
    uint64_t pause_ns = client->ping_out ? PONG_LOST_NS : PING_NS;
    bool ping_due = client->ping_ns == 0 || now_ns - client->ping_ns >= pause_ns;
    if (ping_due && (input_due || !flowing)) {
        send_ping(client, now_ns);
    }
    if (input_due || ack_due) {
        client->sent_ns = now_ns;
        send_inputs(client);
    }
}

// ---- the end

static void client_free(struct net_client *client)
{
    net_payload_unref(client->hello);
    net_client_snapshots_finish(&client->snapshots);
    free(client);
}

// The user hears of the end; `close_code` is what the server gets to hear, 0 when the link has
// ended by itself.
static void client_end(struct net_client *client, uint16_t close_code, uint16_t code,
                       const char *reason)
{
    struct net_link *link = client->link;
    client->stats.bytes_in = link->bytes_in;
    client->stats.bytes_out = link->bytes_out;
    client->link = NULL;
    client->host->has_ended = true;
    if (close_code) {
        net_link_close(link, close_code, NULL);
    }
    if (client->callbacks.closed) {
        client->callbacks.closed(client->user, code, reason);
    }
}

static void client_fail(struct net_client *client, uint16_t code)
{
    client_end(client, code, code, net_close_text(code));
}

static void host_free_ended(struct net_client_host *host)
{
    if (!host->has_ended) {
        return;
    }
    host->has_ended = false;
    for (struct net_client **at = &host->clients; *at;) {
        struct net_client *client = *at;
        if (client->link) {
            at = &client->next;
        } else {
            *at = client->next;
            client_free(client);
        }
    }
}

void net_client_disconnect(struct net_client *client)
{
    if (!client->link) {
        return; // from inside its own last callback
    }
    if (!client->hello) {
        struct net_msg msg = {.type = NET_MSG_BYE};
        send_msg(client, &msg, NET_RELIABLE);
    }
    net_link_close(client->link, NET_CLOSE_NORMAL, NULL);
    client->link = NULL;
    client->host->has_ended = true;
}

// ---- messages

static void on_welcome(struct net_client *client, const struct net_msg_welcome *welcome)
{
    if (welcome->version != NET_PROTOCOL_VERSION) {
        client_fail(client, NET_CLOSE_VERSION);
        return;
    }
    if (client->welcomed) {
        client_fail(client, NET_CLOSE_PROTOCOL);
        return;
    }
    if (welcome->slot >= welcome->slots ||
        welcome->slots * welcome->entity_values > LIMIT_SNAPSHOT_VALUES) {
        client_fail(client, NET_CLOSE_BAD_DATA);
        return;
    }
    if (!net_client_snapshots_init(&client->snapshots, welcome->slots, welcome->entity_values)) {
        client_fail(client, NET_CLOSE_INTERNAL);
        return;
    }
    client->welcomed = true;
    client->slot = welcome->slot;
    client->inputs.input_bytes = welcome->input_bytes;
    client->input_interval = (welcome->tick_rate + INPUT_MESSAGES_PER_S - 1) / INPUT_MESSAGES_PER_S;
    net_client_sync_start(&client->sync, welcome->tick_rate, welcome->tick, client_now_ns(client));
    net_link_set_urgent(client->link, !client->host->paced);
    if (client->callbacks.welcome) {
        client->callbacks.welcome(client->user, welcome);
    }
}

// Inputs are due from the end of the countdown on, which is known before it comes: so the first
// ones arrive in time.
static void on_phase(struct net_client *client, const struct net_msg_phase *phase)
{
    bool counting = phase->phase == NET_PHASE_COUNTDOWN && phase->ends_tick != 0;
    client->takes_part =
        client->slot < phase->slots && phase->entity_of_slot[client->slot] != NO_ENTITY;
    client->racing = counting || phase->phase == NET_PHASE_RACING;
    client->race_tick = counting ? phase->ends_tick : phase->tick;
    if (phase->phase != NET_PHASE_RACING) {
        client->inputs.count = 0;
        client->sent_input_tick = 0;
        client->next_input_tick = 0;
    }
    if (client->callbacks.phase) {
        client->callbacks.phase(client->user, phase);
    }
}

static void on_snapshot(struct net_client *client, const struct net_msg_snapshot *msg)
{
    const int32_t *values = NULL;
    switch (net_client_snapshots_apply(&client->snapshots, msg, &values)) {
    case NET_CLIENT_SNAPSHOT_BAD:
        client_fail(client, NET_CLOSE_BAD_DATA);
        return;
    case NET_CLIENT_SNAPSHOT_STALE:
        client->stats.snapshots_stale++;
        return;
    case NET_CLIENT_SNAPSHOT_CHECKSUM:
        client->stats.checksum_failures++;
        return;
    case NET_CLIENT_SNAPSHOT_APPLIED:
        break;
    }
    client->stats.snapshots++;
    net_client_sync_heard(&client->sync, msg->tick, client_now_ns(client));
    net_client_inputs_drop_through(&client->inputs, msg->tick);
    if (client->callbacks.snapshot) {
        const struct net_client_snapshot snapshot = {
            .tick = msg->tick,
            .entities = msg->entities,
            .values_per_entity = client->snapshots.per_entity,
            .values = values,
            .received_ns = client_now_ns(client),
        };
        client->callbacks.snapshot(client->user, &snapshot);
    }
    client_update(client, client_now_ns(client));
}

static void on_pong(struct net_client *client, const struct net_msg_pong *pong)
{
    if (!client->ping_out || pong->stamp != client->ping_stamp) {
        return;
    }
    client->ping_out = false;
    uint64_t now_ns = client_now_ns(client);
    uint32_t rtt_us = (uint32_t)(now_ns / CLOCK_NS_PER_US) - pong->stamp;
    struct net_client_stats *stats = &client->stats;
    stats->rtt_us = stats->rtt_count == 0 ? rtt_us : stats->rtt_us - stats->rtt_us / 8 + rtt_us / 8;
    stats->rtt_samples[stats->rtt_count++ % RTT_SAMPLES] = rtt_us;
    net_client_sync_add_rtt(&client->sync, rtt_us);
    if (client->welcomed) {
        net_client_sync_heard(&client->sync, pong->tick, now_ns);
    }
}

static void on_timing(struct net_client *client, const struct net_msg_timing *timing)
{
    client->stats.inputs_late += timing->late;
    net_client_sync_add_margin(&client->sync, timing->margin_ms, client_now_ns(client));
}

static void on_closing(struct net_client *client, const struct net_msg_closing *closing)
{
    char reason[LIMIT_CLOSE_REASON_BYTES + 1];
    snprintf(reason, sizeof(reason), "%.*s", (int)closing->reason.size,
             (const char *)closing->reason.data);
    client_end(client, NET_CLOSE_NORMAL, (uint16_t)closing->code, reason);
}

// What may come before the welcome: it is reliable, so what is not can overtake it.
static bool is_early(const struct net_client *client, enum net_msg_type type)
{
    return !client->welcomed && (type == NET_MSG_SNAPSHOT || type == NET_MSG_TIMING);
}

static bool is_out_of_place(const struct net_client *client, enum net_msg_type type)
{
    return !client->welcomed &&
           (type == NET_MSG_ROSTER || type == NET_MSG_PHASE || type == NET_MSG_RESULT);
}

static void dispatch(struct net_client *client, const struct net_msg *msg)
{
    const struct net_client_callbacks *callbacks = &client->callbacks;
    if (is_early(client, msg->type)) {
        client->stats.snapshots_stale += msg->type == NET_MSG_SNAPSHOT;
        return;
    }
    if (is_out_of_place(client, msg->type)) {
        client_fail(client, NET_CLOSE_PROTOCOL);
        return;
    }
    switch (msg->type) {
    case NET_MSG_WELCOME:
        on_welcome(client, &msg->welcome);
        break;
    case NET_MSG_ROSTER:
        if (callbacks->roster) {
            callbacks->roster(client->user, &msg->roster);
        }
        break;
    case NET_MSG_PHASE:
        on_phase(client, &msg->phase);
        break;
    case NET_MSG_SNAPSHOT:
        on_snapshot(client, &msg->snapshot);
        break;
    case NET_MSG_TIMING:
        on_timing(client, &msg->timing);
        break;
    case NET_MSG_RESULT:
        if (callbacks->result) {
            callbacks->result(client->user, &msg->result);
        }
        break;
    case NET_MSG_PONG:
        on_pong(client, &msg->pong);
        break;
    case NET_MSG_CLOSING:
        on_closing(client, &msg->closing);
        break;
    case NET_MSG_HELLO:
    case NET_MSG_INPUT:
    case NET_MSG_PING:
    case NET_MSG_BYE:
        assert(false); // the decoder takes no message of ours from a server
    }
}

// ---- the link

static void link_opened(void *user, struct net_link *link)
{
    struct net_client *client = user;
    net_link_send(link, client->hello, NET_RELIABLE);
    net_payload_unref(client->hello);
    client->hello = NULL;
    client_update(client, client_now_ns(client));
}

static void link_message(void *user, struct net_link *link, struct bytes_span message)
{
    (void)link;
    struct net_client *client = user;
    struct net_msg msg;
    switch (net_msg_decode(client->host->decoder, message, NET_DOWN, NET_STATE_NONE, &msg)) {
    case NET_MSG_OK:
        dispatch(client, &msg);
        break;
    case NET_MSG_MALFORMED:
    case NET_MSG_BAD_FIELDS:
        client_fail(client, NET_CLOSE_BAD_DATA);
        break;
    case NET_MSG_UNKNOWN_TYPE:
        break; // the server is newer
    case NET_MSG_WRONG_DIRECTION:
    case NET_MSG_WRONG_STATE:
    case NET_MSG_TOO_BIG:
        client_fail(client, NET_CLOSE_PROTOCOL);
        break;
    }
}

static void link_closed(void *user, struct net_link *link, uint16_t code, const char *reason)
{
    (void)link;
    client_end(user, 0, code, reason);
}

static void fetch_client(const struct net_client *client)
{
    prefetch(client, offsetof(struct net_client, stats.rtt_samples));
    prefetch(&client->inputs, offsetof(struct net_client_inputs, ring) + INPUT_FETCH_BYTES);
}

static void link_fetch(void *user, unsigned step)
{
    const struct net_client *client = user;
    if (step == 0) {
        fetch_client(client);
    } else if (step == 1 && client->welcomed) {
        net_client_snapshots_fetch(&client->snapshots);
        prefetch(client->user, USER_FETCH_BYTES);
    }
}

static const struct net_link_handler link_handler = {
    .opened = link_opened,
    .message = link_message,
    .closed = link_closed,
    .fetch = link_fetch,
};

// ---- connecting

static struct net_payload *make_hello(const struct net_client_options *options, struct error *error)
{
    struct bytes_span session = bytes_of_string(options->session ? options->session : "");
    struct bytes_span name =
        bytes_of_string(options->client_name ? options->client_name : CLIENT_NAME_DEFAULT);
    if (options->token.size == 0 || options->token.size > TOKEN_BYTES_MAX) {
        error_set(error, "a connection token has 1 to %d bytes, not %zu", LIMIT_TOKEN_BYTES,
                  options->token.size);
        return NULL;
    }
    if (session.size > LIMIT_SESSION_NAME_BYTES || !bytes_is_utf8(session)) {
        error_set(error, "a session name is UTF-8 of at most %d bytes", LIMIT_SESSION_NAME_BYTES);
        return NULL;
    }
    if (name.size > CLIENT_NAME_BYTES_MAX || !bytes_is_utf8(name)) {
        error_set(error, "a client name is UTF-8 of at most %d bytes", CLIENT_NAME_BYTES_MAX);
        return NULL;
    }
    struct net_msg msg = {
        .type = NET_MSG_HELLO,
        .hello = {.version = NET_PROTOCOL_VERSION,
                  .token = options->token,
                  .session = session,
                  .client = name},
    };
    struct net_payload *payload = encode(&msg, HELLO_BYTES_MAX);
    if (!payload) {
        error_set(error, "token, session and client name do not fit into %d bytes",
                  HELLO_BYTES_MAX);
    }
    return payload;
}

struct net_client *net_client_connect(struct net_client_host *host, const char *url,
                                      const struct net_client_options *options,
                                      const struct net_client_callbacks *callbacks, void *user,
                                      struct error *error)
{
    struct net_client *client = calloc(1, sizeof(*client));
    if (!client) {
        error_set(error, "no memory for a client");
        return NULL;
    }
    client->host = host;
    client->callbacks = *callbacks;
    client->user = user;
    client->hello = make_hello(options, error);
    if (!client->hello) {
        goto fail;
    }
    client->link = net_hub_dial(host->hub, url, &link_handler, client, error);
    if (!client->link) {
        goto fail;
    }
    client->next = host->clients;
    host->clients = client;
    return client;

fail:
    client_free(client);
    return NULL;
}

// ---- inputs

static bool is_driving(const struct net_client *client)
{
    return client->link && client->racing && client->takes_part;
}

static uint32_t next_input_tick(const struct net_client *client)
{
    return client->next_input_tick > client->race_tick ? client->next_input_tick
                                                       : client->race_tick;
}

bool net_client_input_due(struct net_client *client, uint32_t *tick)
{
    if (!is_driving(client)) {
        return false;
    }
    uint32_t oldest;
    uint32_t newest = net_client_sync_input_tick(&client->sync, client_now_ns(client), &oldest);
    client->next_input_tick = next_input_tick(client);
    if (client->next_input_tick < oldest) {
        client->next_input_tick = oldest;
    }
    if (client->next_input_tick > newest) {
        return false;
    }
    *tick = client->next_input_tick++;
    return true;
}

uint64_t net_client_input_due_ns(const struct net_client *client)
{
    return is_driving(client) ? net_client_sync_input_due_ns(&client->sync, next_input_tick(client))
                              : CLOCK_NEVER;
}

_Static_assert(NET_CLIENT_FETCH_STEPS == 1 + NET_LINK_SEND_FETCH_STEPS,
               "the client, then its link");

void net_client_fetch(const struct net_client *client, unsigned step)
{
    if (step == 0) {
        fetch_client(client);
    } else if (client->link) {
        net_link_fetch(client->link, step - 1);
    }
}

void net_client_input(struct net_client *client, uint32_t tick, const void *input)
{
    assert(client->welcomed);
    net_client_inputs_add(&client->inputs, tick, input);
    client_update(client, client_now_ns(client));
}

// ---- what is known

void net_client_get_stats(const struct net_client *client, struct net_client_stats *stats)
{
    *stats = client->stats;
    stats->lead_ms = net_client_sync_lead_ms(&client->sync);
    if (client->link) {
        stats->bytes_in = client->link->bytes_in;
        stats->bytes_out = client->link->bytes_out;
    }
}

uint32_t net_client_tick_estimate(const struct net_client *client)
{
    return net_client_sync_server_tick(&client->sync, client_now_ns(client));
}

// ---- the host

static bool host_make_own(struct net_client_host *host, struct loop *loop, struct error *error)
{
    host->loop = loop;
    if (!loop) {
        clock_init_monotonic(&host->own_clock);
        host->loop = host->own_loop = loop_create(&host->own_clock, error);
        if (!host->loop) {
            return false;
        }
    }
    if (host->hub) {
        return true;
    }
    host->own_config = config_create_default();
    host->own_counters = counters_create();
    if (!host->own_config || !host->own_counters) {
        return error_set(error, "no memory for a client host");
    }
    host->hub = &host->own_hub;
    net_hub_init(host->hub, host->loop, host->own_config, host->own_counters);
    return true;
}

struct net_client_host *net_client_host_create(const struct net_client_host_options *options,
                                               struct error *error)
{
    static const struct net_client_host_options defaults = {0};
    options = options ? options : &defaults;
    assert(!options->hub || options->loop == options->hub->loop);
    struct net_client_host *host = calloc(1, sizeof(*host));
    if (!host) {
        error_set(error, "no memory for a client host");
        return NULL;
    }
    host->hub = options->hub;
    host->paced = options->paced;
    host->decoder = net_msg_decoder_create();
    if (!host->decoder) {
        error_set(error, "no memory for a client host");
        goto fail;
    }
    if (!host_make_own(host, options->loop, error)) {
        goto fail;
    }
    host->hub->dial_insecure = options->insecure;
    host->hub->dial_ca_file = options->ca_file;
    return host;

fail:
    net_client_host_destroy(host);
    return NULL;
}

void net_client_host_destroy(struct net_client_host *host)
{
    if (!host) {
        return;
    }
    for (struct net_client *client = host->clients; client; client = client->next) {
        net_client_disconnect(client);
    }
    host_free_ended(host);
    if (host->hub == &host->own_hub) {
        net_hub_flush(host->hub, loop_refresh_now(host->loop));
        net_hub_finish(host->hub);
    }
    if (host->own_loop) {
        loop_turn(host->own_loop, 0); // what the transports have left to free
        loop_destroy(host->own_loop);
    }
    counters_destroy(host->own_counters);
    config_destroy(host->own_config);
    net_msg_decoder_destroy(host->decoder);
    free(host);
}

static void host_send(struct net_client_host *host, uint64_t now_ns)
{
    if (now_ns - host->looked_ns >= LOOK_NS) {
        host->looked_ns = now_ns;
        for (struct net_client *client = host->clients; client; client = client->next) {
            client_update(client, now_ns);
        }
    }
    net_hub_flush(host->hub, now_ns);
}

void net_client_host_poll(struct net_client_host *host, uint64_t timeout_ns)
{
    uint64_t now_ns = loop_now_ns(host->loop);
    host_send(host, now_ns); // inputs that were given since the last poll do not wait with us
    loop_turn(host->loop, timeout_ns < CLOCK_NEVER - now_ns ? now_ns + timeout_ns : CLOCK_NEVER);
    loop_poll_paced(host->loop);
    now_ns = loop_now_ns(host->loop);
    net_hub_pump(host->hub, now_ns);
    host_send(host, now_ns);
    host_free_ended(host);
}

uint64_t net_client_host_now_ns(const struct net_client_host *host)
{
    return loop_now_ns(host->loop);
}
