// SPDX-License-Identifier: MIT
// An ENet host with what it lacks: what comes in is looked at first, what goes out is sealed, and
// ENet's walks over its peers are few and short.

#include "net/enet_host.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/prefetch.h"
#include "config/secret.h"
#include "net/enet_memory.h"
#include "net/enet_platform.h"
#include "net/enet_sweep.h"
#include "net/enet_walk.h"

#define SWEEP_NS          (100 * CLOCK_NS_PER_MS)
#define AHEAD_MAX         256 // commands of one client that may be on the way
#define ASKS_MAX          4   // for a cookie
#define ASK_NS            (150 * CLOCK_NS_PER_MS)
#define UNPROVEN_MIN      16
#define RISING_MIN        64
#define CONNECT_ID        44    // where a connect request has its number
#define CONNECT_DATA      48    // and its data
#define UNPROVEN_RETRY_MS 60000 // long after the sweep has come
#define DIAL_AHEAD_MAX    4096  // of a server that we trust with more
#define SERVICE_CALLS_MAX 64
#define SERVICE_BATCH     255 // datagrams in one service call; after one more ENet would send
#define EVENTS_MAX        8192
#define FETCH_BYTES       256       // of a datagram that comes
#define SPARE_BYTES       (4 << 20) // of memory for a host beside what each peer may have waiting

static bool listens(const struct net_enet_host *host)
{
    return host->setup.bind != NULL;
}

// ---- what comes in

// A tick may wait for what is read: no system call is made meanwhile, and strangers whose answers
// find no place in the queue ask again.
static void send_answer(struct net_enet_host *host, const struct net_addr *to,
                        struct bytes_span datagram)
{
    if (host->reading && net_enet_socket_queued(host->socket) == NET_ENET_BATCH_OUT) {
        net_udp_drops_count(host->setup.drops, NET_UDP_UNSENT);
    } else {
        net_enet_socket_answer(host->socket, to, datagram);
    }
}

static void answer_ask(struct net_enet_host *host, const struct net_addr *from, uint32_t nonce)
{
    uint8_t answer[NET_UDP_COOKIE_ANSWER_BYTES];
    net_udp_cookie_put_answer(answer, nonce,
                              net_udp_cookie_make(&host->cookies, from, host->now_ns));
    send_answer(host, from, bytes_of(answer, sizeof(answer)));
}

// A forger can ask to connect in anybody's name, and each time a slot is taken for two seconds. So
// only some slots are for those who show no cookie; where cookies are required, none is.
static enum net_udp_drop check_connect(struct net_enet_host *host, const struct net_addr *from,
                                       uint8_t *datagram, size_t size)
{
    const struct net_enet_setup *setup = &host->setup;
    enum net_udp_drop reason = net_enet_guard_connect(&host->rules, datagram, size);
    if (reason != NET_UDP_KEPT) {
        return reason;
    }
    bool proven = setup->has_dtls || (setup->cookies != NET_UDP_COOKIE_OFF &&
                                      net_udp_cookie_valid(&host->cookies, from, host->now_ns,
                                                           bytes_get_u32(datagram + CONNECT_DATA)));
    if (!proven &&
        (setup->cookies == NET_UDP_COOKIE_REQUIRED || host->unproven >= host->unproven_max)) {
        return NET_UDP_COOKIE;
    }
    if (!(host->dtls ? net_dtls_may_begin(host->dtls, from)
                     : setup->calls->admit(setup->user, from))) {
        return NET_UDP_NOT_ADMITTED;
    }
    host->unproven += !proven;
    bytes_put_u32(datagram + CONNECT_DATA, proven); // ENet keeps it with the peer
    return NET_UDP_KEPT;
}

// Who may not connect gets no answer at all: his address is not proven yet, and silence cannot be
// turned against a third party.
static enum net_enet_filter_verdict filter_plain(void *user, const struct net_addr *from,
                                                 uint8_t *datagram, size_t *size, size_t room)
{
    struct net_enet_host *host = user;
    struct bytes_span span = bytes_of(datagram, *size);
    struct net_enet_guard_head head;
    uint32_t nonce;
    (void)room;
    if (host->setup.cookies != NET_UDP_COOKIE_OFF && net_udp_cookie_get_ask(span, &nonce)) {
        answer_ask(host, from, nonce);
        return NET_ENET_FILTER_DROP;
    }
    enum net_udp_drop reason = NET_UDP_HEADER;
    if (net_enet_guard_head(span, &head)) {
        if (head.peer != NET_ENET_NOBODY) {
            return NET_ENET_FILTER_KNOWN;
        }
        reason = check_connect(host, from, datagram, *size);
    }
    if (reason != NET_UDP_KEPT) {
        net_udp_drops_count(host->setup.drops, reason);
        return NET_ENET_FILTER_DROP;
    }
    return NET_ENET_FILTER_TAKE;
}

// What a peer has beside itself, which tells where.
static void fetch_around(const struct net_enet_host *host, const ENetPeer *peer)
{
    prefetch(peer->channels, host->setup.channels * sizeof(ENetChannel));
    prefetch(&host->peers[net_enet_host_index(host, peer)], sizeof(*host->peers));
}

// Thousands of peers do not fit into the cache, and each datagram is for another one: waiting for
// memory is most of what reading costs beside the kernel.
static void fetch_peer(const struct net_enet_host *host, size_t index, unsigned step)
{
    if (index >= host->peers_used || step >= NET_ENET_PEER_FETCH_STEPS) {
        return;
    }
    const ENetPeer *peer = &host->enet->peers[index];
    if (step == 0) {
        prefetch(peer, sizeof(*peer));
    } else if (step == 1) {
        fetch_around(host, peer);
    }
    if (host->setup.calls->fetch) {
        host->setup.calls->fetch(host->setup.user, peer, step);
    }
}

static void fetch_plain(void *user, const struct net_addr *from, struct bytes_span datagram,
                        const void **found, unsigned step)
{
    struct net_enet_guard_head head;
    (void)from, (void)found;
    if (net_enet_guard_head(datagram, &head)) {
        fetch_peer(user, head.peer, step);
    }
}

// Which peer it is for cannot be read yet, but who has the session that it belongs to is known.
static void fetch_dtls(void *user, const struct net_addr *from, struct bytes_span datagram,
                       const void **found, unsigned step)
{
    const struct net_enet_host *host = user;
    uint32_t index;
    (void)datagram;
    if (step == 0) {
        *found = net_dtls_fetch(host->dtls, from);
    } else if (*found && net_dtls_fetch_use(*found, &index)) {
        fetch_peer(host, index, step - 1);
    }
}

// What ENet does not see of a session's datagrams is counted as traffic here.
static enum net_enet_filter_verdict filter_dtls(void *user, const struct net_addr *from,
                                                uint8_t *datagram, size_t *size, size_t room)
{
    struct net_enet_host *host = user;
    size_t sealed = *size;
    if (!net_dtls_open(host->dtls, from, datagram, size, host->now_ns)) {
        *host->setup.traffic->bytes_in += sealed;
        *host->setup.traffic->packets_in += 1;
        return NET_ENET_FILTER_DROP;
    }
    *host->setup.traffic->bytes_in += sealed - *size;
    return listens(host) ? filter_plain(user, from, datagram, size, room) : NET_ENET_FILTER_TAKE;
}

static size_t seal(void *user, const struct net_addr *to, const struct iovec *parts, size_t count,
                   uint8_t sealed[NET_ENET_MTU])
{
    struct net_enet_host *host = user;
    size_t size = net_dtls_seal(host->dtls, to, parts, count, sealed);
    *host->setup.traffic->bytes_out += size;
    for (size_t i = 0; i < count; i++) {
        *host->setup.traffic->bytes_out -= parts[i].iov_len; // which ENet counts
    }
    return size;
}

static void send_handshake(void *user, const struct net_addr *to, struct bytes_span datagram)
{
    struct net_enet_host *host = user;
    *host->setup.traffic->bytes_out += datagram.size;
    *host->setup.traffic->packets_out += 1;
    send_answer(host, to, datagram);
}

static bool admit_handshake(void *user, const struct net_addr *from)
{
    const struct net_enet_setup *setup = &((struct net_enet_host *)user)->setup;
    return setup->calls->admit(setup->user, from);
}

static struct net_tls_credentials *credentials(void *user)
{
    const struct net_enet_setup *setup = &((struct net_enet_host *)user)->setup;
    return setup->calls->credentials(setup->user);
}

static void handshake_failed(void *user, const struct net_addr *from, const char *problem,
                             const char *alert)
{
    const struct net_enet_setup *setup = &((struct net_enet_host *)user)->setup;
    setup->calls->failed(setup->user, from, problem, alert);
}

static const struct net_dtls_user dtls_user = {
    .send = send_handshake,
    .admit = admit_handshake,
    .failed = handshake_failed,
    .credentials = credentials,
};

// ---- what ENet is shown

// ENet wants a datagram.
static bool wants_more(void *user)
{
    struct net_enet_host *host = user;
    net_enet_walk_heard(host);
    if (!host->leaving) {
        net_enet_walk_hide(host);
    }
    return host->reading && host->taken < SERVICE_BATCH;
}

static bool is_from(const ENetHost *enet, const ENetPeer *peer)
{
    return peer->address.host == enet->receivedAddress.host &&
           peer->address.port == enet->receivedAddress.port;
}

// Who has not shown that he hears us is told less than he says: one answer for each request, which
// is the longer of the two. ENet would repeat its answer after a while, and be silent when the
// request comes again; for him it is the other way round.
static void answer_again(ENetPeer *peer)
{
    if (peer->eventData == 0 && !enet_list_empty(&peer->sentReliableCommands)) {
        void *answer = enet_list_remove(enet_list_begin(&peer->sentReliableCommands));
        enet_list_insert(enet_list_end(&peer->outgoingCommands), answer);
    }
}

// ENet takes the first free peer among the first peerCount ones.
static void prepare_peer(struct net_enet_host *host)
{
    ENetHost *enet = host->enet;
    const uint8_t *request = enet->receivedData;
    ENetPeer *vacant = NULL;
    for (size_t i = 0; i < host->peers_used; i++) {
        ENetPeer *peer = &enet->peers[i];
        if (peer->state == ENET_PEER_STATE_DISCONNECTED) {
            vacant = vacant ? vacant : peer;
        } else if (peer->state == ENET_PEER_STATE_ACKNOWLEDGING_CONNECT && is_from(enet, peer) &&
                   memcmp(&peer->connectID, request + CONNECT_ID, sizeof(peer->connectID)) == 0) {
            answer_again(peer);
            host->heard = peer;
            return;
        }
    }
    if (!vacant && host->peers_used < host->peers_max) {
        vacant = &enet->peers[host->peers_used++];
        net_enet_walk_show(host);
    }
    if (vacant) {
        bool proven = bytes_get_u32(request + CONNECT_DATA);
        host->half_open = true;
        host->heard = vacant;
        vacant->roundTripTime = proven ? ENET_PEER_DEFAULT_ROUND_TRIP_TIME : UNPROVEN_RETRY_MS;
    }
}

// As ENet looks it up.
static ENetPeer *sender(ENetHost *enet, const struct net_enet_guard_head *head)
{
    if (head->peer >= enet->peerCount) {
        return NULL;
    }
    ENetPeer *peer = &enet->peers[head->peer];
    bool there =
        peer->state != ENET_PEER_STATE_DISCONNECTED && peer->state != ENET_PEER_STATE_ZOMBIE;
    bool dialling = peer->outgoingPeerID == ENET_PROTOCOL_MAXIMUM_PEER_ID;
    return there && is_from(enet, peer) && (dialling || head->session == peer->incomingSessionID)
               ? peer
               : NULL;
}

static unsigned count_up_to(const ENetList *list, unsigned max)
{
    unsigned count = 0;
    for (const ENetListNode *node = list->sentinel.next; node != &list->sentinel && count < max;
         node = node->next) {
        count++;
    }
    return count;
}

static void look_at(const ENetPeer *peer, struct net_enet_guard_peer *seen)
{
    *seen = (struct net_enet_guard_peer){.mtu = peer->mtu};
    seen->channels = (uint8_t)peer->channelCount;
    unsigned waiting = 0;
    for (unsigned i = 0; i < seen->channels; i++) {
        const ENetChannel *channel = &peer->channels[i];
        seen->taken_reliable[i] = channel->incomingReliableSequenceNumber;
        waiting += count_up_to(&channel->incomingReliableCommands, NET_ENET_WAITING_MAX);
        waiting += count_up_to(&channel->incomingUnreliableCommands, NET_ENET_WAITING_MAX);
    }
    seen->waiting_full = waiting >= NET_ENET_WAITING_MAX;
}

// ENet shows every datagram here first; 1 = it shall not see it.
static int ENET_CALLBACK intercept(ENetHost *enet, ENetEvent *event)
{
    (void)event;
    struct net_enet_host *host = ((struct net_enet_peer *)enet->peers[0].data)->host;
    struct net_enet_guard_head head;
    struct bytes_span datagram = bytes_of(enet->receivedData, enet->receivedDataLength);
    host->taken++;
    net_enet_walk_show(host);
    if (host->asking && net_udp_cookie_get_answer(datagram, host->nonce, &host->cookie)) {
        return 1;
    }
    enum net_udp_drop reason = NET_UDP_HEADER;
    if (net_enet_guard_head(datagram, &head)) {
        if (head.peer == NET_ENET_NOBODY && listens(host)) {
            prepare_peer(host);
            return 0; // the filter has seen to it
        }
        ENetPeer *peer = sender(enet, &head);
        reason = NET_UDP_STRANGER;
        if (peer) {
            struct net_enet_guard_peer seen;
            size_t goodbye = 0;
            host->heard = peer;
            look_at(peer, &seen);
            reason = net_enet_guard_check(&host->rules, &seen, enet->receivedData, datagram.size,
                                          &goodbye);
            if (reason == NET_UDP_KEPT) {
                if (goodbye > 0) {
                    return net_enet_sweep_holds(host, peer, head.size, goodbye);
                }
                host->peers[head.peer].goodbye_ns = 0;
                return 0;
            }
        }
    }
    net_udp_drops_count(host->setup.drops, reason);
    return 1;
}

// ---- service

static void count_traffic(struct net_enet_host *host)
{
    struct net_traffic *traffic = host->setup.traffic;
    ENetHost *enet = host->enet;
    *traffic->bytes_in += enet->totalReceivedData;
    *traffic->packets_in += enet->totalReceivedPackets;
    *traffic->bytes_out += enet->totalSentData;
    *traffic->packets_out += enet->totalSentPackets;
    enet->totalReceivedData = enet->totalReceivedPackets = 0;
    enet->totalSentData = enet->totalSentPackets = 0;
}

static void release_session(struct net_enet_host *host, const ENetPeer *peer)
{
    struct net_enet_peer *known = &host->peers[net_enet_host_index(host, peer)];
    if (host->dtls) {
        net_dtls_release(host->dtls, known->session);
        known->session = (struct net_dtls_handle){0};
    }
}

static void on_event(struct net_enet_host *host, const ENetEvent *event)
{
    if (event->type == ENET_EVENT_TYPE_CONNECT) {
        struct net_enet_peer *known = &host->peers[net_enet_host_index(host, event->peer)];
        struct net_addr remote;
        *known = (struct net_enet_peer){.host = host};
        if (host->dtls) {
            net_enet_host_remote(host, event->peer, &remote);
            known->session =
                net_dtls_use(host->dtls, &remote, (uint32_t)net_enet_host_index(host, event->peer));
        }
    }
    host->setup.calls->event(host->setup.user, event);
    if (event->type == ENET_EVENT_TYPE_DISCONNECT) {
        release_session(host, event->peer); // after what ENet had to say at last
    }
}

// Whoever used that session is gone, and so is a dial, whether it has got as far as that or not. A
// listener's peer that has just asked to connect from the same address does so in a new session.
static void end_peers(struct net_enet_host *host, const struct net_dtls_end *end)
{
    host->problem = end->problem;
    for (size_t i = 0; i < host->peers_used; i++) {
        struct net_enet_peer *known = &host->peers[i];
        bool same = known->session.index == end->session.index &&
                    known->session.generation == end->session.generation;
        if (same || !listens(host)) {
            ENetPeer *peer = &host->enet->peers[i];
            const ENetEvent event = {
                .type = ENET_EVENT_TYPE_DISCONNECT,
                .peer = peer,
                .data = end->code,
            };
            host->asking = false;
            known->left = end->goodbye;
            known->session = (struct net_dtls_handle){0};
            enet_peer_reset(peer);
            host->setup.calls->event(host->setup.user, &event);
        }
    }
}

static void end_sessions(struct net_enet_host *host)
{
    struct net_dtls_end end;
    while (host->dtls && net_dtls_take_end(host->dtls, &end)) {
        end_peers(host, &end);
    }
}

static unsigned drain_events(struct net_enet_host *host, unsigned budget)
{
    unsigned count = 0;
    ENetEvent event;
    while (count < budget && enet_host_check_events(host->enet, &event) > 0) {
        on_event(host, &event);
        count++;
    }
    return count;
}

// ENet must get an event to fill: without one it holds a connect back until the next dispatch and
// refuses the hello that came in the same datagram, which costs half a second of retransmission.
// It then stops reading at each connect, so it is called until the socket is empty, within bounds.
static void receive(struct net_enet_host *host)
{
    unsigned events = drain_events(host, EVENTS_MAX);
    bool throttles = net_enet_walk_throttles(host);
    for (unsigned calls = 0; calls < SERVICE_CALLS_MAX && events < EVENTS_MAX; calls++) {
        ENetEvent event = {.type = ENET_EVENT_TYPE_NONE};
        host->taken = 0;
        host->leaving = false;
        if (!throttles || calls > 0) {
            net_enet_walk_hide(host);
        }
        int result = enet_host_service(host->enet, &event, 0);
        net_enet_walk_heard(host);
        net_enet_walk_show(host);
        bool drained = host->taken < SERVICE_BATCH;
        if (result > 0) {
            on_event(host, &event);
            events += 1 + drain_events(host, EVENTS_MAX);
        }
        bool stopped_early =
            event.type == ENET_EVENT_TYPE_CONNECT || event.type == ENET_EVENT_TYPE_DISCONNECT;
        if (drained && !stopped_early) {
            break;
        }
    }
    if (listens(host) && host->enet->totalReceivedPackets > 0) {
        // Where ENet has datagrams put: a token of the last ones would stay there.
        secret_wipe(host->enet->packetData[0], sizeof(host->enet->packetData[0]));
    }
}

// What time has brought up.
static void walk(struct net_enet_host *host)
{
    size_t at = 0;
    ENetEvent event;
    while (net_enet_walk_next(host, &at, &event)) {
        on_event(host, &event);
    }
}

// ---- a dial's cookie

static void ask(struct net_enet_host *host)
{
    uint8_t bytes[NET_UDP_COOKIE_ASK_BYTES];
    net_udp_cookie_put_ask(bytes, host->nonce);
    struct net_enet_name to = net_enet_socket_peer(host->socket);
    const struct iovec part = {.iov_base = bytes, .iov_len = sizeof(bytes)};
    net_enet_socket_send(host->socket, &to, &part, 1);
    host->asked++;
    host->ask_ns = host->now_ns + ASK_NS;
}

// Without memory nothing is sent, and the dial ends with its time.
static void connect_now(struct net_enet_host *host)
{
    struct net_enet_name to = net_enet_socket_peer(host->socket);
    ENetAddress address = {.host = to.host, .port = to.port};
    host->asking = false;
    const ENetPeer *peer =
        enet_host_connect(host->enet, &address, host->setup.channels, host->cookie);
    if (peer) {
        net_enet_walk_touch(host, peer);
    }
}

static void advance_dial(struct net_enet_host *host)
{
    bool due = host->now_ns >= host->ask_ns;
    if (host->dtls) {
        if (net_dtls_is_up(host->dtls)) {
            connect_now(host);
        }
    } else if (host->cookie || (due && host->asked == ASKS_MAX)) {
        connect_now(host);
    } else if (due) {
        ask(host);
    }
}

bool net_enet_host_connect(struct net_enet_host *host, const char *name, uint64_t now_ns)
{
    host->now_ns = now_ns;
    if (host->dtls) {
        struct net_addr remote;
        net_enet_host_remote(host, host->enet->peers, &remote);
        host->asking = true;
        return net_dtls_dial(host->dtls, &remote, name, now_ns);
    }
    if (host->setup.cookies == NET_UDP_COOKIE_OFF) {
        connect_now(host);
        return true;
    }
    host->asking = true;
    host->nonce = enet_host_random_seed();
    ask(host);
    return true;
}

bool net_enet_host_service(struct net_enet_host *host, uint64_t now_ns, bool readable)
{
    if (host->serviced_ns == now_ns) {
        return false;
    }
    host->serviced_ns = host->now_ns = now_ns;
    net_enet_socket_begin(host->socket, now_ns, readable);
    host->reading = true;
    receive(host);
    host->reading = false;
    if (net_enet_walk_due(host)) {
        walk(host);
    }
    end_sessions(host);
    if (host->asking) {
        advance_dial(host);
    }
    bool due = now_ns - host->swept_ns >= SWEEP_NS;
    if (due) {
        host->swept_ns = now_ns;
        net_enet_sweep(host);
        net_enet_walk_show(host);
    }
    count_traffic(host);
    return due;
}

void net_enet_host_flush(struct net_enet_host *host, uint64_t now_ns, unsigned steps)
{
    if (host->dtls) {
        net_dtls_advance(host->dtls, now_ns, steps);
    }
    if (host->unsent) {
        net_enet_walk_flush(host);
        count_traffic(host);
    }
    // Also what ENet said while it was serviced. What the kernel does not take waits for the next
    // turn.
    net_enet_socket_flush(host->socket);
}

uint64_t net_enet_host_due_ns(const struct net_enet_host *host)
{
    uint64_t sweep_ns = host->half_open ? host->swept_ns + SWEEP_NS : CLOCK_NEVER;
    uint64_t dtls_ns = host->dtls ? net_dtls_due_ns(host->dtls) : CLOCK_NEVER;
    return sweep_ns < dtls_ns ? sweep_ns : dtls_ns;
}

bool net_enet_host_is_rising(const struct net_enet_host *host)
{
    return host->dtls && net_dtls_is_rising(host->dtls);
}

// ---- lifetime

static bool open_dtls(struct net_enet_host *host)
{
    const struct net_enet_setup *setup = &host->setup;
    const unsigned peers = (unsigned)setup->peers;
    const struct net_dtls_setup made = {
        .is_dial = !setup->bind,
        .sessions_max = peers,
        .rising_max = !setup->bind             ? 1
                      : peers / 4 > RISING_MIN ? peers / 4
                                               : RISING_MIN,
        .patience_ns = setup->handshake_ns,
        .calls = &dtls_user,
        .user = host,
        .drops = setup->drops,
        .counters = setup->handshakes,
        .handshake_rate = setup->handshake_rate,
    };
    host->dtls = net_dtls_create(&made);
    return host->dtls;
}

static bool open_socket(struct net_enet_host *host)
{
    const struct net_enet_setup *setup = &host->setup;
    host->filter = (struct net_enet_filter){
        .wants_more = wants_more,
        .fetch = host->dtls ? fetch_dtls : fetch_plain,
        .receive = host->dtls    ? filter_dtls
                   : setup->bind ? filter_plain
                                 : NULL,
        .seal = host->dtls ? seal : NULL,
        .user = host,
    };
    host->socket = setup->bind ? net_enet_socket_listen(setup->bind, &host->filter, setup->drops)
                               : net_enet_socket_dial(setup->remote, &host->filter, setup->drops);
    if (host->socket && !net_enet_platform_attach(host->enet, host->socket)) {
        net_enet_socket_destroy(host->socket);
        host->socket = NULL;
    }
    return host->socket != NULL;
}

struct net_enet_host *net_enet_host_create(const struct net_enet_setup *setup)
{
    struct net_enet_host *host = calloc(1, sizeof(*host));
    if (!host) {
        return NULL;
    }
    const uint32_t mtu = setup->has_dtls ? NET_DTLS_DATA_BYTES : NET_ENET_MTU;
    host->setup = *setup;
    host->peers_max = setup->peers;
    host->granted_bytes = SPARE_BYTES + setup->peers * (sizeof(ENetPeer) + setup->waiting_bytes);
    net_enet_memory_grant(host->granted_bytes);
    host->rules = (struct net_enet_guard_rules){
        .message_max = LIMIT_MESSAGE_BYTES,
        .mtu_max = mtu,
        .ahead_max = setup->bind ? AHEAD_MAX : DIAL_AHEAD_MAX,
        .listens = setup->bind != NULL,
    };
    size_t unproven_max = setup->peers / 8;
    host->unproven_max = unproven_max < UNPROVEN_MIN ? UNPROVEN_MIN : (unsigned)unproven_max;
    host->peers = calloc(setup->peers, sizeof(*host->peers));
    host->touched = calloc(setup->peers, sizeof(*host->touched));
    if (host->peers && host->touched && net_udp_cookies_init(&host->cookies)) {
        host->enet = enet_host_create(NULL, setup->peers, setup->channels, 0, 0);
    }
    if (!host->enet || (setup->has_dtls && !open_dtls(host)) || !open_socket(host)) {
        int reason = errno;
        net_enet_host_destroy(host);
        errno = reason;
        return NULL;
    }
    for (size_t i = 0; i < setup->peers; i++) {
        host->peers[i].host = host;
        host->enet->peers[i].data = &host->peers[i];
        host->enet->peers[i].mtu = mtu;
    }
    host->enet->intercept = intercept;
    host->enet->mtu = mtu;
    host->enet->maximumPacketSize = LIMIT_MESSAGE_BYTES;
    host->enet->maximumWaitingData = setup->waiting_bytes;
    host->peers_used = 1;
    net_enet_walk_show(host);
    return host;
}

void net_enet_host_destroy(struct net_enet_host *host)
{
    if (!host) {
        return;
    }
    if (host->enet && host->socket) {
        enet_host_flush(host->enet);
        count_traffic(host);
    }
    net_dtls_destroy(host->dtls); // has something to say, too
    if (host->enet) {
        if (host->socket) {
            net_enet_socket_flush(host->socket);
        }
        host->enet->peerCount = host->peers_max;
        enet_host_destroy(host->enet);
    }
    net_enet_memory_withdraw(host->granted_bytes);
    net_udp_cookies_finish(&host->cookies);
    free(host->peers);
    free(host->touched);
    free(host);
}

// ---- peers

void net_enet_host_wants_flush(struct net_enet_host *host, const ENetPeer *peer)
{
    net_enet_walk_touch(host, peer);
}

void net_enet_host_drop(struct net_enet_host *host, ENetPeer *peer)
{
    enet_peer_reset(peer);
    release_session(host, peer);
}

void net_enet_host_remote(struct net_enet_host *host, const ENetPeer *peer, struct net_addr *addr)
{
    struct net_enet_name name = {.host = peer->address.host, .port = peer->address.port};
    net_enet_socket_real(host->socket, &name, addr);
}

// ENet's host is large, but little of it is used for a few commands. A listener's is in use anyway.
static void fetch_dial(const struct net_enet_host *host)
{
    const ENetHost *enet = host->enet;
    prefetch(enet, offsetof(ENetHost, commands[2]));
    prefetch(&enet->bufferCount, sizeof(enet->bufferCount) + 4 * sizeof(enet->buffers[0]));
    prefetch(&enet->checksum,
             offsetof(ENetHost, packetData) - offsetof(ENetHost, checksum) + FETCH_BYTES);
    prefetch(&enet->receivedAddress, sizeof(*enet) - offsetof(ENetHost, receivedAddress));
    prefetch(host->socket, NET_ENET_SOCKET_USED);
}

void net_enet_host_fetch(const struct net_enet_host *host, const ENetPeer *peer, unsigned step)
{
    if (step == 0) {
        prefetch(host, offsetof(struct net_enet_host, problem));
        prefetch(peer, sizeof(*peer));
        return;
    }
    fetch_around(host, peer);
    if (!listens(host)) {
        fetch_dial(host);
    }
}

bool net_enet_host_left(const struct net_enet_host *host, const ENetPeer *peer)
{
    return host->peers[net_enet_host_index(host, peer)].left;
}
