// SPDX-License-Identifier: MIT
// Slots of connections: who may come in, what they may send, and how they end.
//
// Every connection ends in end(), whoever wanted it, so that `closed` comes exactly once and the
// slot is free only after it. Handlers of the user above may close any connection at any time;
// nothing here touches a slot after calling them without looking its handle up again.

#include "net/conn.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/log.h"
#include "config/base/prefetch.h"
#include "net/addr_limit.h"
#include "net/bucket.h"

#define UNVERIFIED_MAX   256
#define TEXT_ECHOES_MAX  3
#define TEXT_BYTES_MAX   125
#define FETCH_BYTES      64 // of a connection: what a message needs stands first
#define VERDICT_COUNT    (NET_MSG_BAD_FIELDS + 1)
#define CLOSE_CELLS_MAX  32
#define CLOSE_CODE_OTHER 0

struct conn {
    struct net_conns *conns;
    struct net_link *link; // NULL: free, or ending
    uint32_t index;
    uint32_t generation; // of the present or, when free, of the next connection
    struct net_bucket messages, bytes;
    bool ending;
    uint8_t text_echoes;
    uint32_t next_free;
    struct net_conn_info info;  // a copy, valid until `closed` has returned
    struct loop_timer deadline; // of the hello, or now: what could not end the connection at once
    uint16_t deadline_code;
};

struct close_cell {
    uint16_t code;
    uint64_t *cell;
};

struct net_conns {
    struct net_hub *hub;
    struct net_conn_events events;
    void *user;
    struct net_acceptor acceptor;
    struct net_addr_limit *addr_limit;
    struct net_msg_decoder *decoder;
    struct bytes_buf scratch; // the message that net_conn_send_msg encodes
    bool refuse_new;
    unsigned count, unverified, unverified_max;
    uint64_t *dropped[VERDICT_COUNT];
    uint64_t *refused_open, *refused_rate, *refused_blocked;
    struct close_cell closes[CLOSE_CELLS_MAX];
    unsigned close_count;
    unsigned capacity;
    uint32_t first_free; // == capacity: none
    struct conn slots[];
};

static uint64_t now_ns(const struct net_conns *conns)
{
    return loop_now_ns(conns->hub->loop);
}

static struct net_conn_id id_of(const struct conn *conn)
{
    return (struct net_conn_id){conn->index, conn->generation};
}

// The slot as long as its user may speak of it; `ending` ones only for net_conn_info().
static const struct conn *look_up(const struct net_conns *conns, struct net_conn_id id)
{
    if (id.index >= conns->capacity || id.generation == 0) {
        return NULL;
    }
    const struct conn *conn = &conns->slots[id.index];
    return conn->generation == id.generation && (conn->link || conn->ending) ? conn : NULL;
}

static struct conn *find_open(struct net_conns *conns, struct net_conn_id id)
{
    const struct conn *conn = look_up(conns, id);
    return conn && !conn->ending ? &conns->slots[id.index] : NULL;
}

static void count_close(struct net_conns *conns, uint16_t code)
{
    const struct close_cell *other = &conns->closes[0];
    for (unsigned i = 1; i < conns->close_count; i++) {
        if (conns->closes[i].code == code) {
            other = &conns->closes[i];
        }
    }
    ++*other->cell;
}

// ---- the end of a connection

// Whoever tries tokens costs the backend a question each, and passwords cost us their hashes.
static void auth_failed(void *user, const struct net_addr *addr)
{
    struct net_conns *conns = user;
    if (net_addr_limit_fail(conns->addr_limit, addr, now_ns(conns))) {
        char remote[NET_ADDR_TEXT_BYTES];
        net_addr_format(addr, remote);
        log_peer(LOG_WARN, "address_blocked", LOG_S("remote", remote),
                 LOG_U("ms", NET_ADDR_BLOCK_MS),
                 LOG_S("why", "too many tokens or passwords were refused"));
    }
}

static void note_failure(struct net_conns *conns, const struct net_conn_info *info, uint16_t code)
{
    if (info->state != NET_STATE_PLAY &&
        (code == NET_CLOSE_AUTH_DENIED || code == NET_CLOSE_TOKEN_MALFORMED)) {
        auth_failed(conns, &info->remote);
    }
}

// `code` is what happened, `by_us` whether the peer has to be told.
static void end(struct conn *conn, uint16_t code, bool by_us)
{
    struct net_conns *conns = conn->conns;
    assert(conn->link && !conn->ending);
    struct net_link *link = conn->link;
    conn->link = NULL;
    conn->ending = true;
    conn->info.ended_by_us = by_us;
    conn->info.caller = NULL; // goes with the link
    loop_timer_cancel(conns->hub->loop, &conn->deadline);
    net_addr_limit_close(conns->addr_limit, &conn->info.remote);
    conns->count--;
    if (conn->info.state != NET_STATE_PLAY) {
        conns->unverified--;
    }
    count_close(conns, code);
    char remote[NET_ADDR_TEXT_BYTES];
    net_addr_format(&conn->info.remote, remote);
    log_peer(LOG_DEBUG, "connection_closed", LOG_U("conn", conn->info.number),
             LOG_S("remote", remote), LOG_S("transport", conn->info.transport), LOG_U("code", code),
             LOG_S("reason", net_close_name(code)), LOG_T("by_us", by_us));
    if (by_us) {
        note_failure(conns, &conn->info, code);
        net_link_close(link, code, NULL);
    }
    conns->events.closed(conns->user, id_of(conn), code);
    conn->ending = false;
    conn->generation = conn->generation == UINT32_MAX ? 1 : conn->generation + 1;
    conn->next_free = conns->first_free;
    conns->first_free = conn->index;
}

static void on_deadline(void *context)
{
    struct conn *conn = context;
    end(conn, conn->deadline_code, true);
}

static void on_closed(void *user, struct net_link *link, uint16_t code, const char *reason)
{
    struct conn *conn = user;
    assert(conn->link == link);
    (void)reason; // the peer's words; the code says enough
    end(conn, code, false);
}

// ---- what comes in

// False when the budget is used up; the connection is then gone.
static bool within_budget(struct conn *conn, size_t size)
{
    const struct config *config = conn->conns->hub->config;
    uint64_t messages = (uint64_t)config->messages_per_second;
    uint64_t bytes = (uint64_t)config->bytes_per_second;
    uint64_t now = now_ns(conn->conns);
    if (net_bucket_take(&conn->messages, now, messages, 2 * messages, 1) &&
        net_bucket_take(&conn->bytes, now, bytes, 2 * bytes, size)) {
        return true;
    }
    end(conn, NET_CLOSE_FLOODING, true);
    return false;
}

// Junk is dropped and counted, because a peer may be newer than we are; what no honest peer of any
// version sends ends the connection.
static void on_bad_message(struct conn *conn, enum net_msg_verdict verdict)
{
    ++*conn->conns->dropped[verdict];
    char remote[NET_ADDR_TEXT_BYTES];
    net_addr_format(&conn->info.remote, remote);
    log_peer(LOG_DEBUG, "message_dropped", LOG_U("conn", conn->info.number),
             LOG_S("remote", remote), LOG_S("transport", conn->info.transport),
             LOG_S("why", net_msg_verdict_name(verdict)));
    if (verdict == NET_MSG_MALFORMED || verdict == NET_MSG_WRONG_DIRECTION) {
        end(conn, NET_CLOSE_BAD_DATA, true);
    } else if (verdict == NET_MSG_TOO_BIG) {
        end(conn, NET_CLOSE_TOO_BIG, true);
    }
}

static void on_message(void *user, struct net_link *link, struct bytes_span message)
{
    struct conn *conn = user;
    struct net_conns *conns = conn->conns;
    assert(conn->link == link);
    if (!within_budget(conn, message.size)) {
        return;
    }
    struct net_msg msg;
    enum net_msg_verdict verdict =
        net_msg_decode(conns->decoder, message, NET_UP, conn->info.state, &msg);
    if (verdict != NET_MSG_OK) {
        on_bad_message(conn, verdict);
        return;
    }
    conns->events.message(conns->user, id_of(conn), &msg);
}

// Before the token a few short texts are echoed, so that a WebSocket test page can tell whether the
// way to the server works. It buys no time: the hello deadline stands.
static void on_text(void *user, struct net_link *link, struct bytes_span text)
{
    struct conn *conn = user;
    assert(conn->link == link);
    if (!within_budget(conn, text.size)) {
        return;
    }
    if (conn->info.state != NET_STATE_HELLO || text.size > TEXT_BYTES_MAX ||
        conn->text_echoes == TEXT_ECHOES_MAX || !link->impl->send_text) {
        end(conn, NET_CLOSE_UNSUPPORTED, true);
        return;
    }
    conn->text_echoes++;
    link->impl->send_text(link, text);
}

static void on_fetch(void *user, unsigned step)
{
    const struct conn *conn = user;
    if (step == 0) {
        prefetch(conn, FETCH_BYTES);
    } else if (conn->conns->events.fetch) {
        conn->conns->events.fetch(conn->conns->user, id_of(conn), step - 1);
    }
}

static const struct net_link_handler link_handler = {
    .message = on_message,
    .text = on_text,
    .closed = on_closed,
    .fetch = on_fetch,
};

// ---- who comes in

static bool admit_address(void *user, const struct net_addr *remote)
{
    struct net_conns *conns = user;
    switch (net_addr_limit_attempt(conns->addr_limit, remote, now_ns(conns))) {
    case NET_ADDR_TOO_MANY:
        ++*conns->refused_open;
        return false;
    case NET_ADDR_TOO_FAST:
        ++*conns->refused_rate;
        return false;
    case NET_ADDR_BLOCKED:
        ++*conns->refused_blocked;
        return false;
    case NET_ADDR_OK:
        break;
    }
    return true;
}

// The newest unverified ones are shed first: those who play are never touched by those who want to
// come in.
static uint16_t reason_to_refuse_anybody(const struct net_conns *conns)
{
    if (conns->refuse_new) {
        return NET_CLOSE_GOING_AWAY;
    }
    bool is_full =
        conns->first_free == conns->capacity || conns->unverified >= conns->unverified_max;
    return is_full ? NET_CLOSE_OVERLOADED : 0;
}

// 0, or why this link cannot become a connection now.
static uint16_t reason_to_refuse(struct net_conns *conns, const struct net_link *link)
{
    uint16_t refused = reason_to_refuse_anybody(conns);
    if (refused != 0) {
        return refused;
    }
    // Asked a second time: others of the same address may have opened during the handshake.
    if (!net_addr_limit_open(conns->addr_limit, &link->remote)) {
        ++*conns->refused_open;
        return NET_CLOSE_POLICY;
    }
    return 0;
}

static uint16_t refusal(void *user)
{
    struct net_conns *conns = user;
    uint16_t refused = reason_to_refuse_anybody(conns);
    if (refused != 0) {
        count_close(conns, refused);
    }
    return refused;
}

static void log_opened(const struct conn *conn)
{
    char remote[NET_ADDR_TEXT_BYTES];
    char local[NET_ADDR_TEXT_BYTES];
    net_addr_format(&conn->info.remote, remote);
    net_addr_format(&conn->info.local, local);
    log_peer(LOG_DEBUG, "connection_opened", LOG_U("conn", conn->info.number),
             LOG_S("remote", remote), LOG_S("transport", conn->info.transport),
             LOG_S("local", local));
}

static uint16_t accept_link(void *user, struct net_link *link)
{
    struct net_conns *conns = user;
    uint16_t refused = reason_to_refuse(conns, link);
    if (refused != 0) {
        count_close(conns, refused);
        return refused;
    }
    struct conn *conn = &conns->slots[conns->first_free];
    conns->first_free = conn->next_free;
    conns->count++;
    conns->unverified++;
    conn->link = link;
    conn->text_echoes = 0;
    conn->messages = conn->bytes = (struct net_bucket){0};
    conn->info = (struct net_conn_info){
        .transport = link->transport,
        .number = link->number,
        .remote = link->remote,
        .local = link->local,
        .caller = link->caller,
        .confidential = link->confidential,
        .state = NET_STATE_HELLO,
        .opened_ns = now_ns(conns),
    };
    log_opened(conn);
    uint64_t hello_ns = (uint64_t)conns->hub->config->hello_ms * CLOCK_NS_PER_MS;
    conn->deadline_code = NET_CLOSE_AUTH_TIMEOUT;
    loop_timer_set(conns->hub->loop, &conn->deadline, now_ns(conns) + hello_ns);
    net_link_attach(link, &link_handler, conn);
    net_link_set_urgent(link, true);
    conns->events.opened(conns->user, id_of(conn));
    return 0;
}

// ---- the whole

static void make_close_cell(void *context, uint16_t code, const char *name)
{
    struct net_conns *conns = context;
    assert(conns->close_count < CLOSE_CELLS_MAX);
    conns->closes[conns->close_count++] = (struct close_cell){
        .code = code,
        .cell = counter_cell(conns->hub->counters, COUNTER_TOTAL, "paddock_closes",
                             "connections ended or turned away, by close code", "code", name),
    };
}

static void make_counters(struct net_conns *conns)
{
    struct counters *counters = conns->hub->counters;
    make_close_cell(conns, CLOSE_CODE_OTHER, net_close_name(CLOSE_CODE_OTHER));
    net_close_each(make_close_cell, conns);
    for (unsigned i = NET_MSG_OK + 1; i < VERDICT_COUNT; i++) {
        conns->dropped[i] =
            counter_cell(counters, COUNTER_TOTAL, "paddock_messages_dropped",
                         "messages that were not acted on", "reason", net_msg_verdict_name(i));
    }
    static const char help[] = "connections refused because of what their address already has";
    conns->refused_open = counter_cell(counters, COUNTER_TOTAL, "paddock_addresses_refused", help,
                                       "reason", "too_many");
    conns->refused_rate = counter_cell(counters, COUNTER_TOTAL, "paddock_addresses_refused", help,
                                       "reason", "too_fast");
    conns->refused_blocked = counter_cell(counters, COUNTER_TOTAL, "paddock_addresses_refused",
                                          help, "reason", "blocked");
}

struct net_conns *net_conns_create(struct net_hub *hub, unsigned capacity,
                                   const struct net_conn_events *events, void *user,
                                   struct error *error)
{
    assert(capacity > 0);
    struct net_conns *conns = calloc(1, sizeof(*conns) + capacity * sizeof(struct conn));
    if (!conns) {
        error_set(error, "out of memory for %u connections", capacity);
        return NULL;
    }
    conns->hub = hub;
    conns->events = *events;
    conns->user = user;
    conns->capacity = capacity;
    conns->acceptor =
        (struct net_acceptor){accept_link, admit_address, refusal, auth_failed, conns};
    conns->unverified_max = capacity / 4 < UNVERIFIED_MAX ? (capacity + 3) / 4 : UNVERIFIED_MAX;
    for (uint32_t i = 0; i < capacity; i++) {
        struct conn *conn = &conns->slots[i];
        conn->conns = conns;
        conn->index = i;
        conn->generation = 1;
        conn->next_free = i + 1;
        loop_timer_init(&conn->deadline, on_deadline, conn);
    }
    bytes_buf_init(&conns->scratch, LIMIT_MESSAGE_BYTES);
    make_counters(conns);
    conns->addr_limit = net_addr_limit_create(hub->config, capacity, error);
    if (!conns->addr_limit) {
        goto fail;
    }
    conns->decoder = net_msg_decoder_create();
    if (!conns->decoder) {
        error_set(error, "out of memory for decoding messages");
        goto fail;
    }
    return conns;
fail:
    net_conns_destroy(conns);
    return NULL;
}

static void deaf_message(void *user, struct net_link *link, struct bytes_span message)
{
    (void)user, (void)link, (void)message;
}

static void deaf_closed(void *user, struct net_link *link, uint16_t code, const char *reason)
{
    (void)user, (void)link, (void)code, (void)reason;
}

void net_conns_destroy(struct net_conns *conns)
{
    // The links live on until the hub is finished, but must not reach slots that are gone.
    static const struct net_link_handler deaf = {.message = deaf_message, .closed = deaf_closed};
    if (!conns) {
        return;
    }
    for (unsigned i = 0; i < conns->capacity; i++) {
        struct conn *conn = &conns->slots[i];
        loop_timer_cancel(conns->hub->loop, &conn->deadline);
        if (conn->link) {
            net_link_attach(conn->link, &deaf, NULL);
        }
    }
    net_msg_decoder_destroy(conns->decoder);
    net_addr_limit_destroy(conns->addr_limit);
    bytes_buf_finish(&conns->scratch);
    free(conns);
}

const struct net_acceptor *net_conns_acceptor(struct net_conns *conns)
{
    return &conns->acceptor;
}

void net_conns_refuse_new(struct net_conns *conns)
{
    conns->refuse_new = true;
}

void net_conns_each(struct net_conns *conns,
                    void (*each)(void *context, struct net_conn_id id,
                                 const struct net_conn_info *info),
                    void *context)
{
    for (unsigned i = 0; i < conns->capacity; i++) {
        const struct conn *conn = &conns->slots[i];
        if (conn->link) {
            each(context, id_of(conn), &conn->info);
        }
    }
}

// ---- by handle

bool net_conn_info(const struct net_conns *conns, struct net_conn_id id, struct net_conn_info *info)
{
    const struct conn *conn = look_up(conns, id);
    if (conn) {
        *info = conn->info;
    }
    return conn != NULL;
}

void net_conn_set_state(struct net_conns *conns, struct net_conn_id id, unsigned state)
{
    struct conn *conn = find_open(conns, id);
    if (!conn || conn->info.state == state) {
        return;
    }
    assert(state == conn->info.state << 1 || state == NET_STATE_PLAY); // only ever forward
    conn->info.state = state;
    loop_timer_cancel(conns->hub->loop, &conn->deadline);
    net_caller_forget_token(conn->link->caller);
    if (state == NET_STATE_PLAY) {
        conns->unverified--;
        net_link_set_urgent(conn->link, false);
    }
}

void net_conn_send(struct net_conns *conns, struct net_conn_id id, struct net_payload *payload,
                   enum net_delivery delivery)
{
    struct conn *conn = find_open(conns, id);
    if (conn) {
        net_link_send(conn->link, payload, delivery);
    }
}

void net_conn_fetch_send(const struct net_conns *conns, struct net_conn_id id, unsigned step)
{
    assert(id.index < conns->capacity);
    const struct conn *conn = &conns->slots[id.index];
    const struct net_link *link;
    if (step == 0) {
        prefetch(conn, FETCH_BYTES);
    } else if ((link = conn->link)) {
        if (step == 1) {
            prefetch(link, sizeof(*link) + PREFETCH_LINE_BYTES); // and what its transport adds
        } else {
            net_link_fetch(link, step - 1);
        }
    }
}

void net_conn_send_msg(struct net_conns *conns, struct net_conn_id id, const struct net_msg *msg,
                       enum net_delivery delivery)
{
    struct conn *conn = find_open(conns, id);
    if (!conn) {
        return;
    }
    bytes_buf_clear(&conns->scratch);
    struct net_payload *payload = NULL;
    if (net_msg_encode(&conns->scratch, msg)) {
        payload = net_payload_create_in(&conns->hub->blocks, bytes_buf_span(&conns->scratch));
    }
    if (!payload) {
        // No memory. A reliable message that is missing would be a lie, so the connection ends; but
        // not inside a send, where callers do not expect it.
        conn->deadline_code = NET_CLOSE_INTERNAL;
        loop_timer_set(conns->hub->loop, &conn->deadline, now_ns(conns));
        return;
    }
    net_conn_send(conns, id, payload, delivery);
    net_payload_unref(payload);
}

void net_conn_close(struct net_conns *conns, struct net_conn_id id, uint16_t code)
{
    struct conn *conn = find_open(conns, id);
    if (conn) {
        end(conn, code, true);
    }
}

void net_conns_close_all(struct net_conns *conns, uint16_t code)
{
    for (unsigned i = 0; i < conns->capacity; i++) {
        if (conns->slots[i].link) {
            end(&conns->slots[i], code, true);
        }
    }
}

unsigned net_conns_count(const struct net_conns *conns)
{
    return conns->count;
}
