// SPDX-License-Identifier: MIT
// Datagram sockets for ENet hosts.
//
// A listener's reads and writes in batches, limits what one turn reads, and shows each datagram to
// its filter while the address is still real; a dial's is connected and goes straight through. Owns
// descriptors, buffers and the stand-ins for IPv6 addresses. Knows nothing of ENet; enet_platform
// puts it under one.

#ifndef NET_ENET_SOCKET_H
#define NET_ENET_SOCKET_H

#include <stdbool.h>
#include <sys/uio.h>

#include "net/addr.h"
#include "net/udp_drops.h"

// The largest ENet datagram: with its headers it fits into 1280 bytes, which every IPv6 path takes.
#define NET_ENET_MTU 1200
// How many datagrams one turn reads at most; the rest stays with the kernel until the next one.
#define NET_ENET_TURN_MAX 4096
// How many datagrams one system call reads at most, and how many are queued before one is made.
#define NET_ENET_BATCH_IN  64
#define NET_ENET_BATCH_OUT 256
// Of how many parts ENet makes up a datagram: a header, and two for each of 32 commands.
#define NET_ENET_PARTS_MAX 65
// So much of a dial's socket, from its start, is used for each datagram.
#define NET_ENET_SOCKET_USED 128

// In how many steps what a datagram leads to is fetched.
#define NET_ENET_FETCH_STEPS 6

// What ENet calls an address: IPv4 as in s_addr or a stand-in for IPv6, and a port as a number.
struct net_enet_name {
    uint32_t host;
    uint16_t port;
};

enum net_enet_filter_verdict {
    NET_ENET_FILTER_DROP,  // the filter has counted it
    NET_ENET_FILTER_KNOWN, // ENet shall have it if its address has been heard of before
    NET_ENET_FILTER_TAKE,  // ENet shall have it
};

// Stands between the wire and ENet.
struct net_enet_filter {
    // Asked before each datagram: false ends the reading for now. May be NULL.
    bool (*wants_more)(void *user);
    // What a datagram is for should be in the cache when its turn comes: told of each in
    // NET_ENET_FETCH_STEPS steps, each when what the one before has had fetched is there. `from`
    // is told in the first step, what is found then can be kept in *found. May be NULL.
    void (*fetch)(void *user, const struct net_addr *from, struct bytes_span datagram,
                  const void **found, unsigned step);
    // May change the datagram in place (`room` bytes from its start are there) and its size. May be
    // NULL for a dial.
    enum net_enet_filter_verdict (*receive)(void *user, const struct net_addr *from,
                                            uint8_t *datagram, size_t *size, size_t room);
    // What goes to the wire in place of `parts`: its size; 0: nothing. NULL: they go as they are.
    size_t (*seal)(void *user, const struct net_addr *to, const struct iovec *parts, size_t count,
                   uint8_t sealed[NET_ENET_MTU]);
    void *user;
};

struct net_enet_socket;

// A bound socket that serves many peers; an unspecified IPv6 address serves both families. NULL
// with errno set. Filter and counters are borrowed.
struct net_enet_socket *net_enet_socket_listen(const struct net_addr *bind,
                                               const struct net_enet_filter *filter,
                                               struct net_udp_drops *drops) BASE_MUST_USE;
// A socket that is connected to `remote` and hears nobody else.
struct net_enet_socket *net_enet_socket_dial(const struct net_addr *remote,
                                             const struct net_enet_filter *filter,
                                             struct net_udp_drops *drops) BASE_MUST_USE;
// What was queued and not flushed is lost.
void net_enet_socket_destroy(struct net_enet_socket *socket);
int net_enet_socket_fd(const struct net_enet_socket *socket);
// The address that it is bound to.
void net_enet_socket_local(const struct net_enet_socket *socket, struct net_addr *local);

// The real address behind ENet's, and ENet's for the peer of a dial.
void net_enet_socket_real(struct net_enet_socket *socket, const struct net_enet_name *name,
                          struct net_addr *addr);
struct net_enet_name net_enet_socket_peer(const struct net_enet_socket *socket);

// A new turn begins. The kernel is not asked for datagrams when it is known to have none.
void net_enet_socket_begin(struct net_enet_socket *socket, uint64_t now_ns, bool readable);
// The size of the next datagram, at most NET_ENET_MTU; 0 when there is none or the turn is over.
size_t net_enet_socket_receive(struct net_enet_socket *socket, struct net_enet_name *from,
                               uint8_t *bytes, size_t room) BASE_MUST_USE;
// Seals and queues a datagram, or sends it where there is no queue. What cannot be sent is counted.
void net_enet_socket_send(struct net_enet_socket *socket, const struct net_enet_name *to,
                          const struct iovec *parts, size_t count);
// Hands what is queued to the kernel; what it does not take stays queued.
void net_enet_socket_flush(struct net_enet_socket *socket);
// Likewise, as it is, whether ENet knows the address or not.
void net_enet_socket_answer(struct net_enet_socket *socket, const struct net_addr *to,
                            struct bytes_span datagram);
// How much is queued, in datagrams.
unsigned net_enet_socket_queued(const struct net_enet_socket *socket);
// A small datagram of the past, to be received before all others. False when there are too many.
bool net_enet_socket_put_back(struct net_enet_socket *socket, const struct net_enet_name *from,
                              struct bytes_span datagram) BASE_MUST_USE;

#endif
