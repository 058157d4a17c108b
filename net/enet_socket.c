// SPDX-License-Identifier: MIT
// Datagram sockets for ENet hosts: batches, stand-ins for addresses, and what never gets further.
//
// A socket never reports an error to ENet. Empty datagrams, truncated ones and ICMP errors are
// nothing; what cannot reach its address is left out; what is lost is retransmitted if it matters.
// Nothing here allocates once a socket is made.

#include "net/enet_socket.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config/secret.h"
#include "net/addr_map.h"

#define BUFFER_BYTES   2048 // more than any datagram may have
#define PUT_BACK_MAX   64
#define PUT_BACK_BYTES 16
#define INTERRUPTS_MAX 8
#define FETCH_APART    2 // datagrams; a miss in the cache takes about as long as the work for one
#define FETCH_AHEAD    (NET_ENET_FETCH_STEPS * FETCH_APART)
#define KERNEL_BYTES   (4 << 20) // asked for; the kernel caps it at net.core.rmem_max and wmem_max
// Where a dial's IPv6 peer is for ENet; nothing has this address.
#define DIALLED_V6 UINT32_C(0xf0ffffff)

struct put_back {
    struct net_enet_name from;
    uint8_t size;
    uint8_t bytes[PUT_BACK_BYTES];
};

// What was read in one system call and not yet handed on.
struct batch_in {
    struct mmsghdr headers[NET_ENET_BATCH_IN];
    struct iovec iov[NET_ENET_BATCH_IN];
    struct sockaddr_storage names[NET_ENET_BATCH_IN];
    uint8_t bytes[NET_ENET_BATCH_IN][BUFFER_BYTES];
    const void *found[NET_ENET_BATCH_IN]; // the filter's
    unsigned count, next;
};

// What waits to be sent in one system call.
struct batch_out {
    struct mmsghdr headers[NET_ENET_BATCH_OUT];
    struct iovec iov[NET_ENET_BATCH_OUT];
    struct sockaddr_storage names[NET_ENET_BATCH_OUT];
    uint8_t bytes[NET_ENET_BATCH_OUT][NET_ENET_MTU];
    unsigned count;
};

struct net_enet_socket {
    int fd;
    bool v6;
    struct net_udp_drops *drops;
    const struct net_enet_filter *filter;
    struct net_addr_map *map; // for a listener that takes IPv6
    struct batch_in *in;      // NULL for a dial, as are the rest
    struct batch_out *out;
    struct net_addr remote; // of a dial
    uint64_t now_ns;
    unsigned budget;
    unsigned put_back_count;
    struct put_back put_back[PUT_BACK_MAX];
};

_Static_assert(offsetof(struct net_enet_socket, put_back) <= NET_ENET_SOCKET_USED, "fetched");

// ---- making one

// Keeps errno, so that it can undo a failure.
void net_enet_socket_destroy(struct net_enet_socket *socket)
{
    int reason = errno;
    if (socket) {
        if (socket->fd >= 0) {
            close(socket->fd);
        }
        net_addr_map_destroy(socket->map);
        free(socket->in);
        free(socket->out);
        free(socket);
    }
    errno = reason;
}

static struct net_enet_socket *socket_make(bool v6, struct net_udp_drops *drops)
{
    struct net_enet_socket *made = calloc(1, sizeof(*made));
    if (!made) {
        return NULL;
    }
    made->v6 = v6;
    made->drops = drops;
    made->budget = NET_ENET_TURN_MAX;
    made->fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (made->fd < 0) {
        net_enet_socket_destroy(made);
        return NULL;
    }
    return made;
}

static struct net_enet_socket *socket_fail(struct net_enet_socket *socket)
{
    net_enet_socket_destroy(socket);
    return NULL;
}

static void batch_point(struct mmsghdr *header, struct iovec *iov, struct sockaddr_storage *name,
                        uint8_t *bytes, size_t size)
{
    *iov = (struct iovec){.iov_base = bytes, .iov_len = size};
    header->msg_hdr = (struct msghdr){
        .msg_name = name,
        .msg_namelen = sizeof(*name),
        .msg_iov = iov,
        .msg_iovlen = 1,
    };
}

static bool make_batches(struct net_enet_socket *socket)
{
    socket->in = calloc(1, sizeof(*socket->in));
    socket->out = calloc(1, sizeof(*socket->out));
    if (!socket->in || !socket->out) {
        return false;
    }
    for (unsigned i = 0; i < NET_ENET_BATCH_IN; i++) {
        batch_point(&socket->in->headers[i], &socket->in->iov[i], &socket->in->names[i],
                    socket->in->bytes[i], BUFFER_BYTES);
    }
    for (unsigned i = 0; i < NET_ENET_BATCH_OUT; i++) {
        batch_point(&socket->out->headers[i], &socket->out->iov[i], &socket->out->names[i],
                    socket->out->bytes[i], 0);
    }
    return true;
}

struct net_enet_socket *net_enet_socket_listen(const struct net_addr *bind_to,
                                               const struct net_enet_filter *filter,
                                               struct net_udp_drops *drops)
{
    struct net_enet_socket *socket = socket_make(!net_addr_is_v4(bind_to), drops);
    if (!socket) {
        return NULL;
    }
    socket->filter = filter;
    if (!make_batches(socket)) {
        return socket_fail(socket);
    }
    if (socket->v6) {
        // [::] is everybody; any other IPv6 address is itself.
        int only_v6 = !net_addr_is_any(bind_to);
        socket->map = net_addr_map_create();
        if (!socket->map ||
            setsockopt(socket->fd, IPPROTO_IPV6, IPV6_V6ONLY, &only_v6, sizeof(only_v6)) != 0) {
            return socket_fail(socket);
        }
    }
    struct sockaddr_storage name;
    socklen_t name_size = net_addr_to_sockaddr(bind_to, socket->v6, &name);
    if (bind(socket->fd, (struct sockaddr *)&name, name_size) != 0) {
        return socket_fail(socket);
    }
    int bytes = KERNEL_BYTES; // what is beyond the kernel's cap is cut off, without an error
    setsockopt(socket->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
    setsockopt(socket->fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
    return socket;
}

struct net_enet_socket *net_enet_socket_dial(const struct net_addr *remote,
                                             const struct net_enet_filter *filter,
                                             struct net_udp_drops *drops)
{
    struct net_enet_socket *socket = socket_make(!net_addr_is_v4(remote), drops);
    if (!socket) {
        return NULL;
    }
    socket->filter = filter;
    socket->remote = *remote;
    struct sockaddr_storage name;
    socklen_t name_size = net_addr_to_sockaddr(remote, socket->v6, &name);
    if (connect(socket->fd, (struct sockaddr *)&name, name_size) != 0) {
        return socket_fail(socket);
    }
    return socket;
}

int net_enet_socket_fd(const struct net_enet_socket *socket)
{
    return socket->fd;
}

void net_enet_socket_local(const struct net_enet_socket *socket, struct net_addr *local)
{
    struct sockaddr_storage name = {0};
    socklen_t size = sizeof(name);
    int result = getsockname(socket->fd, (struct sockaddr *)&name, &size);
    assert(result == 0);
    net_addr_from_sockaddr(local, &name);
}

// ---- addresses

static uint32_t v4_of(const struct net_addr *addr)
{
    uint32_t host;
    memcpy(&host, addr->ip + 12, sizeof(host));
    return host;
}

void net_enet_socket_real(struct net_enet_socket *socket, const struct net_enet_name *name,
                          struct net_addr *addr)
{
    if (!socket->in) {
        *addr = socket->remote;
        return;
    }
    if (!socket->map || !net_addr_map_find(socket->map, name->host, socket->now_ns, addr)) {
        *addr = (struct net_addr){.ip = {[10] = 0xff, [11] = 0xff}};
        memcpy(addr->ip + 12, &name->host, sizeof(name->host));
    }
    addr->port = name->port;
}

struct net_enet_name net_enet_socket_peer(const struct net_enet_socket *socket)
{
    return (struct net_enet_name){
        .host = socket->v6 ? htonl(DIALLED_V6) : v4_of(&socket->remote),
        .port = socket->remote.port,
    };
}

// ---- receiving

void net_enet_socket_begin(struct net_enet_socket *socket, uint64_t now_ns, bool readable)
{
    socket->now_ns = now_ns;
    socket->budget = readable ? NET_ENET_TURN_MAX : 0;
}

bool net_enet_socket_put_back(struct net_enet_socket *socket, const struct net_enet_name *from,
                              struct bytes_span datagram)
{
    assert(datagram.size <= PUT_BACK_BYTES);
    if (socket->put_back_count == PUT_BACK_MAX) {
        return false;
    }
    struct put_back *slot = &socket->put_back[socket->put_back_count++];
    slot->from = *from;
    slot->size = (uint8_t)datagram.size;
    memcpy(slot->bytes, datagram.data, datagram.size);
    return true;
}

// After a failure. ICMP errors of datagrams that were sent earlier are reported when receiving, and
// mean nothing for others.
static bool may_try_again(unsigned *tries)
{
    return errno != EAGAIN && errno != EWOULDBLOCK && ++*tries < INTERRUPTS_MAX;
}

static int receive_some(struct net_enet_socket *socket, struct mmsghdr *headers, unsigned count)
{
    int received;
    unsigned tries = 0;
    do {
        received = recvmmsg(socket->fd, headers, count, MSG_DONTWAIT, NULL);
    } while (received < 0 && may_try_again(&tries));
    return received < 0 ? 0 : received;
}

// Below 0 when there is none.
static ssize_t receive_one(struct net_enet_socket *socket, uint8_t *bytes, size_t room)
{
    ssize_t size;
    unsigned tries = 0;
    do {
        size = recv(socket->fd, bytes, room, MSG_DONTWAIT);
    } while (size < 0 && may_try_again(&tries));
    return size;
}

// Takes the datagram `at` and those before it, which are under way, one step further.
static void fetch(const struct net_enet_socket *socket, unsigned at)
{
    const struct net_enet_filter *filter = socket->filter;
    struct batch_in *in = socket->in;
    struct net_addr from;
    if (filter->fetch && at < in->count) {
        net_addr_from_sockaddr(&from, &in->names[at]);
    }
    for (unsigned step = 0; filter->fetch && step < NET_ENET_FETCH_STEPS; step++) {
        unsigned i = at - step * FETCH_APART; // before the first one it is beyond the last
        if (i < in->count) {
            filter->fetch(filter->user, step == 0 ? &from : NULL,
                          bytes_of(in->bytes[i], in->headers[i].msg_len), &in->found[i], step);
        }
    }
}

static bool refill(struct net_enet_socket *socket)
{
    struct batch_in *in = socket->in;
    unsigned count = socket->budget < NET_ENET_BATCH_IN ? socket->budget : NET_ENET_BATCH_IN;
    if (count == 0) {
        return false;
    }
    for (unsigned i = 0; i < in->count; i++) {
        in->headers[i].msg_hdr.msg_namelen = sizeof(in->names[i]);
    }
    in->next = 0;
    in->count = (unsigned)receive_some(socket, in->headers, count);
    socket->budget -= in->count;
    for (unsigned i = 0; i < FETCH_AHEAD; i++) {
        fetch(socket, i);
    }
    return in->count > 0;
}

// What the kernel has cut off is too long as well: every buffer is longer than a datagram may be.
static enum net_udp_drop inspect(size_t size, const struct net_addr *from)
{
    if (size == 0) {
        return NET_UDP_EMPTY;
    }
    if (size > NET_ENET_MTU) {
        return NET_UDP_OVERSIZE;
    }
    return from->port == 0 ? NET_UDP_PORT_ZERO : NET_UDP_KEPT;
}

// The datagram's size and ENet's name for its sender; 0 when it is dropped.
static size_t take(struct net_enet_socket *socket, struct mmsghdr *header,
                   struct net_enet_name *name)
{
    struct net_addr from;
    size_t size = header->msg_len;
    net_addr_from_sockaddr(&from, header->msg_hdr.msg_name);
    enum net_udp_drop reason = inspect(size, &from);
    if (reason != NET_UDP_KEPT) {
        net_udp_drops_count(socket->drops, reason);
        return 0;
    }
    uint8_t *bytes = header->msg_hdr.msg_iov->iov_base;
    enum net_enet_filter_verdict verdict =
        socket->filter->receive(socket->filter->user, &from, bytes, &size, BUFFER_BYTES);
    if (verdict == NET_ENET_FILTER_DROP) {
        return 0;
    }
    name->port = from.port;
    if (net_addr_is_v4(&from)) {
        name->host = v4_of(&from);
        return size;
    }
    bool known = verdict == NET_ENET_FILTER_KNOWN;
    if (!net_addr_map_name(socket->map, &from, socket->now_ns, !known, &name->host)) {
        net_udp_drops_count(socket->drops, known ? NET_UDP_STRANGER : NET_UDP_ADDRESSES_FULL);
        return 0;
    }
    return size;
}

static size_t receive_batched(struct net_enet_socket *socket, struct net_enet_name *from,
                              uint8_t *bytes, size_t room)
{
    if (socket->put_back_count > 0) {
        const struct put_back *slot = &socket->put_back[--socket->put_back_count];
        *from = slot->from;
        memcpy(bytes, slot->bytes, slot->size);
        return slot->size;
    }
    struct batch_in *in = socket->in;
    while (in->next < in->count || refill(socket)) {
        unsigned at = in->next++;
        fetch(socket, at + FETCH_AHEAD);
        size_t size = take(socket, &in->headers[at], from);
        assert(size <= room);
        memcpy(bytes, in->bytes[at], size);
        secret_wipe(in->bytes[at], in->headers[at].msg_len); // it may have been a token
        if (size > 0) {
            return size;
        }
    }
    return 0;
}

static size_t receive_connected(struct net_enet_socket *socket, struct net_enet_name *from,
                                uint8_t *bytes, size_t room)
{
    const struct net_enet_filter *filter = socket->filter;
    assert(room > NET_ENET_MTU);
    while (socket->budget > 0) {
        ssize_t got = receive_one(socket, bytes, room);
        if (got < 0) {
            return 0;
        }
        socket->budget--;
        size_t size = (size_t)got;
        enum net_udp_drop reason = inspect(size, &socket->remote);
        if (reason != NET_UDP_KEPT) {
            net_udp_drops_count(socket->drops, reason);
        } else if (!filter->receive || filter->receive(filter->user, &socket->remote, bytes, &size,
                                                       room) != NET_ENET_FILTER_DROP) {
            *from = net_enet_socket_peer(socket);
            return size;
        }
    }
    return 0;
}

size_t net_enet_socket_receive(struct net_enet_socket *socket, struct net_enet_name *from,
                               uint8_t *bytes, size_t room)
{
    const struct net_enet_filter *filter = socket->filter;
    if (filter->wants_more && !filter->wants_more(filter->user)) {
        return 0;
    }
    return socket->in ? receive_batched(socket, from, bytes, room)
                      : receive_connected(socket, from, bytes, room);
}

// ---- sending

// Rare, so what is left is moved to the front rather than kept in a ring.
static void keep_rest(struct batch_out *out, unsigned done)
{
    unsigned left = out->count - done;
    for (unsigned i = 0; i < left && done > 0; i++) {
        size_t size = out->iov[done + i].iov_len;
        memcpy(out->bytes[i], out->bytes[done + i], size);
        out->iov[i].iov_len = size;
        out->names[i] = out->names[done + i];
        out->headers[i].msg_hdr.msg_namelen = out->headers[done + i].msg_hdr.msg_namelen;
    }
    out->count = left;
}

// Leaves out what cannot reach its address, so that all others get theirs.
void net_enet_socket_flush(struct net_enet_socket *socket)
{
    struct batch_out *out = socket->out;
    unsigned done = 0;
    while (out && done < out->count) {
        int sent = sendmmsg(socket->fd, out->headers + done, out->count - done, MSG_DONTWAIT);
        if (sent > 0) {
            done += (unsigned)sent;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS) {
            break;
        } else if (errno != EINTR) {
            net_udp_drops_count(socket->drops, NET_UDP_UNSENT);
            done++;
        }
    }
    if (out) {
        keep_rest(out, done);
    }
}

// Room for one more datagram, or NULL, counted, when the kernel takes no more. It is the queue's
// once queue_slot_filled() is called.
static uint8_t *queue_slot(struct net_enet_socket *socket)
{
    struct batch_out *out = socket->out;
    if (out->count == NET_ENET_BATCH_OUT) {
        net_enet_socket_flush(socket);
        if (out->count == NET_ENET_BATCH_OUT) {
            net_udp_drops_count(socket->drops, NET_UDP_UNSENT);
            return NULL;
        }
    }
    return out->bytes[out->count];
}

static void queue_slot_filled(struct net_enet_socket *socket, const struct net_addr *to,
                              size_t size)
{
    struct batch_out *out = socket->out;
    unsigned at = out->count++;
    out->headers[at].msg_hdr.msg_namelen = net_addr_to_sockaddr(to, socket->v6, &out->names[at]);
    out->iov[at].iov_len = size;
}

static void send_whole(struct net_enet_socket *socket, struct bytes_span datagram)
{
    if (send(socket->fd, datagram.data, datagram.size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
        net_udp_drops_count(socket->drops, NET_UDP_UNSENT);
    }
}

void net_enet_socket_answer(struct net_enet_socket *socket, const struct net_addr *to,
                            struct bytes_span datagram)
{
    assert(datagram.size <= NET_ENET_MTU);
    if (!socket->out) {
        send_whole(socket, datagram);
        return;
    }
    uint8_t *slot = queue_slot(socket);
    if (slot) {
        memcpy(slot, datagram.data, datagram.size);
        queue_slot_filled(socket, to, datagram.size);
    }
}

static size_t gather(const struct iovec *parts, size_t count, uint8_t to[NET_ENET_MTU])
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        assert(parts[i].iov_len <= NET_ENET_MTU - size);
        memcpy(to + size, parts[i].iov_base, parts[i].iov_len);
        size += parts[i].iov_len;
    }
    return size;
}

static size_t seal(struct net_enet_socket *socket, const struct net_addr *to,
                   const struct iovec *parts, size_t count, uint8_t sealed[NET_ENET_MTU])
{
    const struct net_enet_filter *filter = socket->filter;
    size_t size = filter->seal(filter->user, to, parts, count, sealed);
    if (size == 0) {
        net_udp_drops_count(socket->drops, NET_UDP_UNSENT);
    }
    return size;
}

// From a dial, at once.
static void send_connected(struct net_enet_socket *socket, bool sealed, const struct iovec *parts,
                           size_t count)
{
    uint8_t bytes[NET_ENET_MTU];
    size_t size =
        sealed ? seal(socket, &socket->remote, parts, count, bytes) : gather(parts, count, bytes);
    if (size > 0) {
        send_whole(socket, bytes_of(bytes, size));
    }
}

void net_enet_socket_send(struct net_enet_socket *socket, const struct net_enet_name *to,
                          const struct iovec *parts, size_t count)
{
    bool sealed = socket->filter->seal;
    assert(count <= NET_ENET_PARTS_MAX);
    if (!socket->out) {
        send_connected(socket, sealed, parts, count);
        return;
    }
    struct net_addr addr;
    net_enet_socket_real(socket, to, &addr);
    uint8_t *slot = queue_slot(socket);
    size_t size = !slot    ? 0
                  : sealed ? seal(socket, &addr, parts, count, slot)
                           : gather(parts, count, slot);
    if (size > 0) {
        queue_slot_filled(socket, &addr, size);
    }
}

unsigned net_enet_socket_queued(const struct net_enet_socket *socket)
{
    return socket->out ? socket->out->count : 0;
}
