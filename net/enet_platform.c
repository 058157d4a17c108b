// SPDX-License-Identifier: MIT
// What libenet.so calls, and the proof that it does.
//
// Stock ENet ends a round of reading at an empty datagram (anybody can starve all players with a
// few of them), reports a truncated one or an ICMP error as the host's failure, gives up sending to
// all peers when one cannot be reached, takes the time from the wall clock, which steps, seeds the
// numbers that tell connections apart with the second at which it started, and makes one system
// call for each datagram. The rest of it is as good here as unchanged.

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

// The library must find our definitions also in a program that is built with hidden visibility.
#pragma GCC visibility push(default)
#include <enet/enet.h>
#pragma GCC visibility pop

#include "config/base/clock.h"
#include "net/enet_memory.h"
#include "net/enet_platform.h"

// Within this ENet asks to wait, however slow the machine is; ours does not.
#define PATIENCE_MS 5000

_Static_assert(sizeof(ENetBuffer) == sizeof(struct iovec) &&
                   offsetof(ENetBuffer, dataLength) == offsetof(struct iovec, iov_len),
               "ENet's buffers are the kernel's");

// The functions carry no context but a descriptor, so this has to be the process's.
static struct {
    bool started;
    struct net_enet_socket **sockets; // by descriptor
    size_t capacity;
    uint32_t time_base_ms;
    struct {
        unsigned receive, send, wait, time, seed, destroy;
    } calls;
} platform;

static struct net_enet_socket *find(ENetSocket fd)
{
    return fd >= 0 && (size_t)fd < platform.capacity ? platform.sockets[fd] : NULL;
}

bool net_enet_platform_attach(ENetHost *host, struct net_enet_socket *socket)
{
    int fd = net_enet_socket_fd(socket);
    size_t needed = (size_t)fd + 1;
    if (needed > platform.capacity) {
        size_t capacity = needed < 64 ? 64 : 2 * needed;
        void *grown = realloc(platform.sockets, capacity * sizeof(*platform.sockets));
        if (!grown) {
            return false;
        }
        platform.sockets = grown;
        for (size_t i = platform.capacity; i < capacity; i++) {
            platform.sockets[i] = NULL;
        }
        platform.capacity = capacity;
    }
    enet_socket_destroy(host->socket);
    host->socket = fd;
    platform.sockets[fd] = socket;
    return true;
}

// ---- what libenet.so calls

// A host without net_enet_platform_attach() has a plain descriptor.
static int receive_plain(ENetSocket fd, ENetAddress *address, ENetBuffer *buffers, size_t count)
{
    struct sockaddr_in from;
    struct msghdr header = {
        .msg_name = &from,
        .msg_namelen = sizeof(from),
        .msg_iov = (struct iovec *)(void *)buffers,
        .msg_iovlen = count,
    };
    for (unsigned i = 0; i < NET_ENET_TURN_MAX; i++) {
        ssize_t size = recvmsg(fd, &header, MSG_DONTWAIT);
        if (size > 0 && !(header.msg_flags & MSG_TRUNC)) {
            *address = (ENetAddress){.host = from.sin_addr.s_addr, .port = ntohs(from.sin_port)};
            return (int)size;
        }
        if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            break;
        }
    }
    return 0;
}

int enet_socket_receive(ENetSocket fd, ENetAddress *address, ENetBuffer *buffers, size_t count)
{
    platform.calls.receive++;
    struct net_enet_socket *socket = find(fd);
    if (!socket) {
        return receive_plain(fd, address, buffers, count);
    }
    struct net_enet_name from;
    assert(count == 1);
    size_t size = net_enet_socket_receive(socket, &from, buffers->data, buffers->dataLength);
    if (size > 0) {
        *address = (ENetAddress){.host = from.host, .port = from.port};
    }
    return (int)size;
}

static void send_plain(ENetSocket fd, const ENetAddress *address, struct iovec *parts, size_t count)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = address->host,
        .sin_port = htons(address->port),
    };
    struct msghdr header = {
        .msg_name = &to,
        .msg_namelen = sizeof(to),
        .msg_iov = parts,
        .msg_iovlen = count,
    };
    // What the kernel does not take now is lost on the way for ENet.
    (void)!sendmsg(fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
}

// Always says that all was sent: a failure would end ENet's round for every peer.
int enet_socket_send(ENetSocket fd, const ENetAddress *address, const ENetBuffer *buffers,
                     size_t count)
{
    platform.calls.send++;
    struct iovec parts[NET_ENET_PARTS_MAX];
    assert(count <= NET_ENET_PARTS_MAX);
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        parts[i] = (struct iovec){.iov_base = buffers[i].data, .iov_len = buffers[i].dataLength};
        size += buffers[i].dataLength;
    }
    struct net_enet_socket *socket = find(fd);
    if (socket) {
        struct net_enet_name to = {.host = address->host, .port = address->port};
        net_enet_socket_send(socket, &to, parts, count);
    } else {
        send_plain(fd, address, parts, count);
    }
    return (int)size;
}

// Waiting is the loop's.
int enet_socket_wait(ENetSocket fd, enet_uint32 *condition, enet_uint32 timeout)
{
    (void)fd;
    (void)timeout;
    platform.calls.wait++;
    *condition = ENET_SOCKET_WAIT_NONE;
    return 0;
}

void enet_socket_destroy(ENetSocket fd)
{
    platform.calls.destroy++;
    struct net_enet_socket *socket = find(fd);
    if (socket) {
        platform.sockets[fd] = NULL;
        net_enet_socket_destroy(socket);
    } else if (fd >= 0) {
        close(fd);
    }
}

static uint32_t monotonic_ms(void)
{
    struct clock clock;
    clock_init_monotonic(&clock);
    return (uint32_t)(clock_now_ns(&clock) / CLOCK_NS_PER_MS);
}

enet_uint32 enet_time_get(void)
{
    platform.calls.time++;
    return monotonic_ms() - platform.time_base_ms;
}

void enet_time_set(enet_uint32 now_ms)
{
    platform.time_base_ms = monotonic_ms() - now_ms;
}

// The numbers that tell connections apart start here; the second at which a process began is no
// secret.
enet_uint32 enet_host_random_seed(void)
{
    platform.calls.seed++;
    enet_uint32 seed = 0;
    ssize_t size = getrandom(&seed, sizeof(seed), 0);
    assert(size == (ssize_t)sizeof(seed));
    return seed;
}

// ---- the start

static enum net_enet_filter_verdict no_filter(void *user, const struct net_addr *from,
                                              uint8_t *datagram, size_t *size, size_t room)
{
    (void)user, (void)from, (void)datagram, (void)size, (void)room;
    return NET_ENET_FILTER_KNOWN;
}

// Has ENet connect to nowhere on a listener's socket, whose queue is thrown away unsent.
static bool enet_uses_our_functions(void)
{
    static const struct net_enet_filter filter = {.receive = no_filter};
    uint64_t uncounted = 0;
    struct net_udp_drops drops = {.total = &uncounted};
    for (unsigned i = 0; i < NET_UDP_DROPS; i++) {
        drops.cells[i] = &uncounted;
    }
    const struct net_addr loopback = {.ip = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1}};
    const ENetAddress nowhere = {.host = htonl(INADDR_LOOPBACK), .port = 9};
    ENetHost *host = enet_host_create(NULL, 1, 1, 0, 0);
    struct net_enet_socket *socket = net_enet_socket_listen(&loopback, &filter, &drops);
    bool attached = host && socket && net_enet_platform_attach(host, socket);
    bool ran = attached && enet_host_connect(host, &nowhere, 1, 0) &&
               enet_host_service(host, NULL, PATIENCE_MS) == 0 &&
               net_enet_socket_queued(socket) == 1;
    platform.calls.destroy = 0;
    if (host) {
        enet_host_destroy(host);
    }
    if (!attached) {
        net_enet_socket_destroy(socket);
    }
    return ran && platform.calls.receive && platform.calls.send && platform.calls.wait &&
           platform.calls.time && platform.calls.seed && platform.calls.destroy;
}

bool net_enet_platform_start(struct error *error)
{
    static const ENetCallbacks callbacks = {
        .malloc = net_enet_memory_alloc,
        .free = net_enet_memory_free,
        .no_memory = net_enet_memory_short,
    };
    const size_t granted = sizeof(ENetHost) + (64 << 10);
    if (platform.started) {
        return true;
    }
    if (enet_initialize_with_callbacks(ENET_VERSION, &callbacks) != 0) {
        return error_set(error, "libenet is older than the one that Paddock was built for");
    }
    net_enet_memory_grant(granted);
    platform.started = enet_uses_our_functions();
    net_enet_memory_withdraw(granted);
    if (!platform.started) {
        error_set(error, "libenet does not call Paddock's socket functions: this executable was "
                         "linked without exporting enet_socket_receive and its siblings");
    }
    return platform.started;
}
