// SPDX-License-Identifier: MIT
// An entry: shaking hands -> idle (up, not in use yet) -> used -> ended (until that was told).
//
// A client that has lost its session begins anew from the same address. Anybody can send a hello in
// his name, so the old session stays until the new one has come up, which only he can achieve (RFC
// 6347, section 4.2.8): one address may have an entry that shakes hands beside one that is up.

#include "net/dtls.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/clock.h"
#include "config/base/prefetch.h"
#include "config/secret.h"
#include "net/handshake_rate.h"

#define NOBODY              UINT32_MAX
#define QUEUED_MAX          256 // datagrams of handshakes, in all
#define DIAL_QUEUED_MAX     8
#define QUEUED_PER_ENTRY    8
#define TIMERS_NS           (50 * CLOCK_NS_PER_MS)
#define SESSION_FETCH_BYTES 128 // of a session, for a record

enum entry_state {
    ENTRY_FREE,
    ENTRY_SHAKING,
    ENTRY_IDLE,
    ENTRY_USED,
    ENTRY_ENDED,
};

struct entry {
    enum entry_state state;
    bool admitted; // and has not begun anything yet
    bool goodbye;
    struct net_addr remote;
    struct net_dtls *table;
    struct net_dtls_session *session;
    uint64_t began_ns;
    uint32_t generation;
    uint32_t next;   // of those with the same hash, of the free ones, or of the ended ones
    uint32_t rising; // place in net_dtls::rising
    unsigned queued;
    unsigned uses;
    uint32_t user; // the latest
};

struct queued {
    struct net_dtls_handle to;
    size_t size;
    uint8_t bytes[NET_DTLS_DATAGRAM_BYTES];
};

struct net_dtls {
    struct net_dtls_setup setup;
    struct net_dtls_cookies cookies;
    struct net_addr_key key;
    struct entry *entries;
    uint32_t entry_count;
    uint32_t *buckets; // a power of two of them
    uint32_t bucket_mask;
    uint32_t free, ended;
    uint32_t *rising; // what is shaking hands or idle
    unsigned rising_count;
    struct queued *queue; // a ring
    unsigned queue_max, queue_first, queue_count;
    uint64_t timers_ns;
    uint16_t code; // of a dial that failed
    struct error problem;
    uint8_t plain[NET_DTLS_DATA_BYTES];
};

void net_dtls_counters_init(struct net_dtls_counters *counters, struct counters *registry)
{
    static const char name[] = "paddock_dtls_handshakes";
    static const char help[] = "DTLS handshakes that came to an end";
    counters->cookies = counter_cell(registry, COUNTER_TOTAL, "paddock_dtls_cookies",
                                     "hellos answered with a cookie", NULL, NULL);
    counters->done = counter_cell(registry, COUNTER_TOTAL, name, help, "outcome", "done");
    counters->failed = counter_cell(registry, COUNTER_TOTAL, name, help, "outcome", "failed");
    counters->expired = counter_cell(registry, COUNTER_TOTAL, name, help, "outcome", "timeout");
}

// ---- the table

static bool is_dial(const struct net_dtls *dtls)
{
    return dtls->setup.is_dial;
}

static uint32_t index_of(const struct entry *entry)
{
    return (uint32_t)(entry - entry->table->entries);
}

static struct net_dtls_handle handle_of(const struct entry *entry)
{
    return (struct net_dtls_handle){.index = index_of(entry) + 1, .generation = entry->generation};
}

static struct entry *entry_of(const struct net_dtls *dtls, struct net_dtls_handle handle)
{
    struct entry *entry = handle.index > 0 ? &dtls->entries[handle.index - 1] : NULL;
    return entry && entry->generation == handle.generation ? entry : NULL;
}

static uint32_t *bucket_of(const struct net_dtls *dtls, const struct net_addr *remote)
{
    return &dtls->buckets[net_addr_hash(&dtls->key, remote->ip, remote->port) & dtls->bucket_mask];
}

static struct entry *find(const struct net_dtls *dtls, const struct net_addr *remote, bool shaking)
{
    for (uint32_t at = *bucket_of(dtls, remote); at != NOBODY; at = dtls->entries[at].next) {
        struct entry *entry = &dtls->entries[at];
        if ((entry->state == ENTRY_SHAKING) == shaking && net_addr_equal(&entry->remote, remote)) {
            return entry;
        }
    }
    return NULL;
}

static void unlink_entry(struct net_dtls *dtls, struct entry *entry)
{
    uint32_t *at = bucket_of(dtls, &entry->remote);
    while (*at != index_of(entry)) {
        at = &dtls->entries[*at].next;
    }
    *at = entry->next;
}

static void leave_rising(struct net_dtls *dtls, struct entry *entry)
{
    if (entry->state == ENTRY_SHAKING || entry->state == ENTRY_IDLE) {
        uint32_t last = dtls->rising[--dtls->rising_count];
        dtls->rising[entry->rising] = last;
        dtls->entries[last].rising = entry->rising;
    }
}

static void free_entry(struct net_dtls *dtls, struct entry *entry)
{
    entry->state = ENTRY_FREE;
    entry->generation++;
    entry->next = dtls->free;
    dtls->free = index_of(entry);
}

// Whoever uses the session, or waits for it to come up, is told.
static void end_entry(struct net_dtls *dtls, struct entry *entry, bool goodbye)
{
    bool reported = entry->uses > 0 || (is_dial(dtls) && entry->state != ENTRY_USED);
    leave_rising(dtls, entry);
    unlink_entry(dtls, entry);
    net_dtls_session_destroy(entry->session);
    entry->session = NULL;
    if (!reported) {
        free_entry(dtls, entry);
        return;
    }
    entry->state = ENTRY_ENDED;
    entry->goodbye = goodbye;
    entry->next = dtls->ended;
    dtls->ended = index_of(entry);
}

static void on_send(void *user, struct bytes_span datagram)
{
    struct entry *entry = user;
    const struct net_dtls_setup *setup = &entry->table->setup;
    setup->calls->send(setup->user, &entry->remote, datagram);
}

// NULL without a free entry or memory.
static struct entry *begin_entry(struct net_dtls *dtls, const struct net_addr *remote,
                                 const char *host, const struct net_dtls_prestate *hello,
                                 uint64_t now_ns)
{
    if (dtls->free == NOBODY) {
        return NULL;
    }
    struct entry *entry = &dtls->entries[dtls->free];
    struct net_dtls_session_setup setup = {
        .credentials = dtls->setup.calls->credentials(dtls->setup.user),
        .host = host,
        .hello = hello,
        .send = on_send,
        .user = entry,
    };
    struct net_dtls_session *session = net_dtls_session_create(&setup);
    net_tls_credentials_unref(setup.credentials);
    if (!session) {
        return NULL;
    }
    dtls->free = entry->next;
    uint32_t *bucket = bucket_of(dtls, remote);
    *entry = (struct entry){
        .state = ENTRY_SHAKING,
        .admitted = true,
        .remote = *remote,
        .table = dtls,
        .session = session,
        .began_ns = now_ns,
        .generation = entry->generation,
        .next = *bucket,
        .rising = dtls->rising_count,
    };
    *bucket = dtls->rising[dtls->rising_count++] = index_of(entry);
    return entry;
}

// ---- life

static bool allocate(struct net_dtls *dtls)
{
    uint32_t buckets = 1;
    while (buckets < dtls->entry_count) {
        buckets *= 2;
    }
    dtls->bucket_mask = buckets - 1;
    dtls->entries = calloc(dtls->entry_count, sizeof(*dtls->entries));
    dtls->buckets = malloc(buckets * sizeof(*dtls->buckets));
    dtls->rising = calloc(dtls->setup.rising_max, sizeof(*dtls->rising));
    dtls->queue = calloc(dtls->queue_max, sizeof(*dtls->queue));
    if (!dtls->entries || !dtls->buckets || !dtls->rising || !dtls->queue) {
        return false;
    }
    memset(dtls->buckets, 0xff, buckets * sizeof(*dtls->buckets));
    dtls->free = dtls->ended = NOBODY;
    for (uint32_t i = dtls->entry_count; i > 0; i--) {
        dtls->entries[i - 1].table = dtls;
        free_entry(dtls, &dtls->entries[i - 1]);
    }
    return true;
}

struct net_dtls *net_dtls_create(const struct net_dtls_setup *setup)
{
    struct net_dtls *dtls = calloc(1, sizeof(*dtls));
    if (!dtls) {
        return NULL;
    }
    dtls->setup = *setup;
    dtls->entry_count = setup->sessions_max + setup->rising_max;
    dtls->queue_max = is_dial(dtls) ? DIAL_QUEUED_MAX : QUEUED_MAX;
    if (!net_addr_key_init(&dtls->key) || !net_dtls_cookies_init(&dtls->cookies) ||
        !allocate(dtls)) {
        int reason = errno;
        net_dtls_destroy(dtls);
        errno = reason;
        return NULL;
    }
    return dtls;
}

void net_dtls_destroy(struct net_dtls *dtls)
{
    if (!dtls) {
        return;
    }
    for (uint32_t i = 0; dtls->entries && i < dtls->entry_count; i++) {
        struct entry *entry = &dtls->entries[i];
        if (entry->state == ENTRY_IDLE || entry->state == ENTRY_USED) {
            net_dtls_session_bye(entry->session);
        }
        net_dtls_session_destroy(entry->session);
    }
    net_dtls_cookies_finish(&dtls->cookies);
    secret_wipe(dtls->plain, sizeof(dtls->plain));
    free(dtls->queue);
    free(dtls->rising);
    free(dtls->buckets);
    free(dtls->entries);
    free(dtls);
}

// ---- handshakes

static void tell_failure(const struct entry *entry, const char *problem, const char *alert)
{
    const struct net_dtls_setup *setup = &entry->table->setup;
    if (!setup->is_dial) {
        setup->calls->failed(setup->user, &entry->remote, problem, alert);
    }
}

static void come_up(struct net_dtls *dtls, struct entry *entry)
{
    struct entry *before = find(dtls, &entry->remote, false);
    entry->state = ENTRY_IDLE;
    (*dtls->setup.counters->done)++;
    if (before) {
        end_entry(dtls, before, false);
    }
}

static void give_up(struct net_dtls *dtls, struct entry *entry)
{
    const char *alert;
    const char *problem = net_dtls_session_problem(entry->session, &alert);
    tell_failure(entry, problem, alert);
    if (is_dial(dtls)) {
        dtls->code = net_dtls_session_explain(entry->session, &dtls->problem);
    }
    (*dtls->setup.counters->failed)++;
    end_entry(dtls, entry, false);
}

static void shake(struct net_dtls *dtls, struct entry *entry, struct bytes_span datagram)
{
    switch (net_dtls_session_shake(entry->session, datagram)) {
    case NET_DTLS_SHAKING:
        break;
    case NET_DTLS_UP:
        come_up(dtls, entry);
        break;
    case NET_DTLS_FAILED:
        give_up(dtls, entry);
        break;
    }
}

static void expire(struct net_dtls *dtls, struct entry *entry)
{
    if (entry->state == ENTRY_SHAKING) {
        tell_failure(entry, "timeout", NULL);
        (*dtls->setup.counters->expired)++;
    } else {
        net_dtls_session_bye(entry->session);
    }
    net_udp_drops_count(dtls->setup.drops, NET_UDP_HALF_OPEN);
    end_entry(dtls, entry, false);
}

static void run_timers(struct net_dtls *dtls, uint64_t now_ns)
{
    dtls->timers_ns = now_ns;
    for (unsigned i = dtls->rising_count; i > 0; i--) { // one that ends takes the last one's place
        struct entry *entry = &dtls->entries[dtls->rising[i - 1]];
        if (now_ns - entry->began_ns >= dtls->setup.patience_ns) {
            expire(dtls, entry);
        } else if (entry->state == ENTRY_SHAKING && entry->queued == 0) {
            shake(dtls, entry, bytes_of(NULL, 0));
        }
    }
}

void net_dtls_advance(struct net_dtls *dtls, uint64_t now_ns, unsigned steps)
{
    for (; steps > 0 && dtls->queue_count > 0; steps--) {
        struct queued *first = &dtls->queue[dtls->queue_first];
        struct entry *entry = entry_of(dtls, first->to);
        dtls->queue_first = (dtls->queue_first + 1) % dtls->queue_max;
        dtls->queue_count--;
        if (entry && entry->state == ENTRY_SHAKING) {
            entry->queued--;
            shake(dtls, entry, bytes_of(first->bytes, first->size));
        }
    }
    if (now_ns - dtls->timers_ns >= TIMERS_NS) {
        run_timers(dtls, now_ns);
    }
}

uint64_t net_dtls_due_ns(const struct net_dtls *dtls)
{
    bool at_once = dtls->queue_count > 0 || dtls->ended != NOBODY;
    return at_once ? 0 : dtls->rising_count > 0 ? dtls->timers_ns + TIMERS_NS : CLOCK_NEVER;
}

bool net_dtls_is_rising(const struct net_dtls *dtls)
{
    return dtls->rising_count > 0;
}

bool net_dtls_dial(struct net_dtls *dtls, const struct net_addr *remote, const char *host,
                   uint64_t now_ns)
{
    struct entry *entry = begin_entry(dtls, remote, host, NULL, now_ns);
    if (!entry) {
        return false;
    }
    shake(dtls, entry, bytes_of(NULL, 0));
    return true;
}

bool net_dtls_is_up(const struct net_dtls *dtls)
{
    return dtls->entries[0].state == ENTRY_IDLE || dtls->entries[0].state == ENTRY_USED;
}

// ---- datagrams

static void enqueue(struct net_dtls *dtls, struct entry *entry, struct bytes_span datagram)
{
    if (dtls->queue_count == dtls->queue_max || entry->queued == QUEUED_PER_ENTRY) {
        net_udp_drops_count(dtls->setup.drops, NET_UDP_HANDSHAKES);
        return;
    }
    unsigned at = (dtls->queue_first + dtls->queue_count++) % dtls->queue_max;
    dtls->queue[at].to = handle_of(entry);
    dtls->queue[at].size = datagram.size;
    memcpy(dtls->queue[at].bytes, datagram.data, datagram.size);
    entry->queued++;
}

static bool same_host(const struct net_addr *a, const struct net_addr *b)
{
    return net_addr_is_v4(a) ? net_addr_equal_ip(a, b) : memcmp(a->ip, b->ip, 8) == 0;
}

// Those who have shown that they are there can still ask for many handshakes.
static bool has_room(const struct net_dtls *dtls, const struct net_addr *from)
{
    unsigned same = 0;
    for (unsigned i = 0; i < dtls->rising_count; i++) {
        same += same_host(&dtls->entries[dtls->rising[i]].remote, from);
    }
    return dtls->rising_count < dtls->setup.rising_max &&
           (same < NET_DTLS_RISING_PER_HOST || net_addr_is_loopback(from));
}

static void send_cookie(struct net_dtls *dtls, const struct net_addr *from, struct bytes_span hello)
{
    uint8_t answer[NET_DTLS_COOKIE_ANSWER_BYTES];
    size_t size = net_dtls_cookies_answer(&dtls->cookies, from, hello, answer);
    if (size > 0) {
        (*dtls->setup.counters->cookies)++;
        dtls->setup.calls->send(dtls->setup.user, from, bytes_of(answer, size));
    }
}

// `shaking` is what has come of such a hello before, or NULL.
static void take_hello(struct net_dtls *dtls, const struct net_addr *from, struct entry *shaking,
                       struct bytes_span hello, uint64_t now_ns)
{
    const struct net_dtls_setup *setup = &dtls->setup;
    struct net_dtls_prestate prestate;
    if (!net_dtls_cookies_check(&dtls->cookies, from, now_ns, hello, &prestate)) {
        send_cookie(dtls, from, hello);
        return;
    }
    if (shaking) {
        enqueue(dtls, shaking, hello);
        return;
    }
    if (!has_room(dtls, from)) {
        net_udp_drops_count(setup->drops, NET_UDP_HANDSHAKES);
        return;
    }
    if (!setup->calls->admit(setup->user, from)) {
        net_udp_drops_count(setup->drops, NET_UDP_NOT_ADMITTED);
        return;
    }
    struct entry *entry = NULL;
    if (net_handshake_rate_take(setup->handshake_rate, now_ns)) {
        entry = begin_entry(dtls, from, NULL, &prestate, now_ns);
    }
    if (entry) {
        enqueue(dtls, entry, hello);
    } else {
        net_udp_drops_count(setup->drops, NET_UDP_HANDSHAKES);
    }
}

static bool open_record(struct net_dtls *dtls, struct entry *entry,
                        const struct net_dtls_head *head, uint8_t *datagram, size_t *size)
{
    enum net_dtls_opened opened = net_dtls_session_open(entry->session, head, datagram, size);
    if (opened == NET_DTLS_DISCARDED) {
        net_udp_drops_count(dtls->setup.drops, NET_UDP_RECORD_DISCARDED);
    } else if (opened == NET_DTLS_CLOSED || opened == NET_DTLS_BROKEN) {
        end_entry(dtls, entry, opened == NET_DTLS_CLOSED);
    }
    return opened == NET_DTLS_OPENED;
}

// Records that are not encrypted belong to a handshake, encrypted ones to what is up, but for the
// last message of a handshake.
bool net_dtls_open(struct net_dtls *dtls, const struct net_addr *from, uint8_t *datagram,
                   size_t *size, uint64_t now_ns)
{
    struct bytes_span span = bytes_of(datagram, *size);
    struct net_dtls_head head;
    if (!net_dtls_head_get(span, &head)) {
        net_udp_drops_count(dtls->setup.drops, NET_UDP_RECORD);
        return false;
    }
    bool may_shake = head.content != NET_DTLS_DATA;
    struct entry *up = find(dtls, from, false);
    struct entry *shaking = may_shake ? find(dtls, from, true) : NULL;
    if (up && head.encrypted && !(shaking && head.content == NET_DTLS_HANDSHAKE)) {
        return open_record(dtls, up, &head, datagram, size);
    }
    if (head.hello && !is_dial(dtls)) {
        take_hello(dtls, from, shaking, span, now_ns);
    } else if (shaking) {
        enqueue(dtls, shaking, span);
    } else {
        net_udp_drops_count(dtls->setup.drops, NET_UDP_NO_SESSION);
    }
    return false;
}

size_t net_dtls_seal(struct net_dtls *dtls, const struct net_addr *to, const struct iovec *parts,
                     size_t count, uint8_t sealed[NET_DTLS_DATAGRAM_BYTES])
{
    struct entry *entry = find(dtls, to, false);
    size_t size = 0;
    for (size_t i = 0; entry && i < count; i++) {
        assert(parts[i].iov_len <= sizeof(dtls->plain) - size);
        memcpy(dtls->plain + size, parts[i].iov_base, parts[i].iov_len);
        size += parts[i].iov_len;
    }
    return entry ? net_dtls_session_seal(entry->session, bytes_of(dtls->plain, size), sealed) : 0;
}

// ---- what sessions are used for

bool net_dtls_may_begin(struct net_dtls *dtls, const struct net_addr *remote)
{
    struct entry *entry = find(dtls, remote, false);
    bool admitted = entry && entry->admitted;
    if (admitted) {
        entry->admitted = false;
    }
    return admitted || dtls->setup.calls->admit(dtls->setup.user, remote);
}

struct net_dtls_handle net_dtls_use(struct net_dtls *dtls, const struct net_addr *remote,
                                    uint32_t user)
{
    struct entry *entry = find(dtls, remote, false);
    if (!entry) {
        return (struct net_dtls_handle){0};
    }
    leave_rising(dtls, entry);
    entry->state = ENTRY_USED;
    entry->uses++;
    entry->user = user;
    return handle_of(entry);
}

// Entries stay where they are, and whose this one is by then does not matter to a hint.
const void *net_dtls_fetch(const struct net_dtls *dtls, const struct net_addr *remote)
{
    uint32_t at = *bucket_of(dtls, remote);
    const struct entry *entry = at == NOBODY ? NULL : &dtls->entries[at];
    if (entry) {
        prefetch(entry, sizeof(*entry));
    }
    return entry;
}

bool net_dtls_fetch_use(const void *found, uint32_t *user)
{
    const struct entry *entry = found;
    if (entry->state != ENTRY_USED) {
        return false;
    }
    prefetch(entry->session, SESSION_FETCH_BYTES);
    *user = entry->user;
    return true;
}

void net_dtls_release(struct net_dtls *dtls, struct net_dtls_handle handle)
{
    struct entry *entry = entry_of(dtls, handle);
    if (!entry || entry->state != ENTRY_USED) {
        return;
    }
    assert(entry->uses > 0);
    if (--entry->uses == 0) {
        net_dtls_session_bye(entry->session);
        end_entry(dtls, entry, true);
    }
}

bool net_dtls_take_end(struct net_dtls *dtls, struct net_dtls_end *end)
{
    if (dtls->ended == NOBODY) {
        return false;
    }
    struct entry *entry = &dtls->entries[dtls->ended];
    dtls->ended = entry->next;
    *end = (struct net_dtls_end){
        .session = handle_of(entry),
        .goodbye = entry->goodbye,
        .code = dtls->code,
        .problem = dtls->problem,
    };
    free_entry(dtls, entry);
    return true;
}
