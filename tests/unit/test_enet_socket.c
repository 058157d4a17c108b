// SPDX-License-Identifier: MIT
// What the kernel reports of datagrams that were sent earlier ends no turn: what others have sent
// since is received in the same one.

#include "net/enet_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/transport.h"

#define PATIENCE_MS 20000

static unsigned refusals; // calls that fail first

// In the place of libc's: the kernel reports ICMP errors to connected sockets, others only now and
// then.
int recvmmsg(int fd, struct mmsghdr *headers, unsigned count, int flags, struct timespec *timeout)
{
    if (refusals > 0) {
        refusals--;
        errno = ECONNREFUSED;
        return -1;
    }
    return (int)syscall(SYS_recvmmsg, fd, headers, count, flags, timeout);
}

struct fixture {
    struct counters *counters;
    struct net_traffic traffic;
    struct net_udp_drops drops;
    int peer;
    struct sockaddr_in peer_name;
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    socklen_t size = sizeof(fixture->peer_name);
    fixture->counters = counters_create();
    net_traffic_init(&fixture->traffic, fixture->counters, "udp");
    net_udp_drops_init(&fixture->drops, fixture->counters, fixture->traffic.dropped);
    fixture->peer_name =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    fixture->peer = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fixture->peer, (struct sockaddr *)&fixture->peer_name, size), 0);
    assert_int_equal(getsockname(fixture->peer, (struct sockaddr *)&fixture->peer_name, &size), 0);
    refusals = 0;
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    close(fixture->peer);
    counters_destroy(fixture->counters);
    free(fixture);
    return 0;
}

static void wait_for(int fd, short event)
{
    struct pollfd item = {.fd = fd, .events = POLLIN};
    for (int ms = 0; ms < PATIENCE_MS && !(item.revents & event); ms++) {
        poll(NULL, 0, ms > 0 ? 1 : 0);
        assert_int_not_equal(poll(&item, 1, 0), -1);
    }
    assert_true(item.revents & event);
}

static void send_to(struct fixture *fixture, const struct net_enet_socket *socket, const char *text)
{
    struct sockaddr_storage name;
    struct net_addr local;
    net_enet_socket_local(socket, &local);
    socklen_t size = net_addr_to_sockaddr(&local, false, &name);
    assert_int_equal(connect(fixture->peer, (struct sockaddr *)&name, size), 0);
    assert_int_equal(send(fixture->peer, text, strlen(text), 0), strlen(text));
    wait_for(net_enet_socket_fd(socket), POLLIN);
}

static size_t receive(struct net_enet_socket *socket)
{
    static uint8_t bytes[2 * NET_ENET_MTU];
    struct net_enet_name from;
    return net_enet_socket_receive(socket, &from, bytes, sizeof(bytes));
}

// ---- a dial

static enum net_enet_filter_verdict take_all(void *user, const struct net_addr *from,
                                             uint8_t *datagram, size_t *size, size_t room)
{
    (void)user, (void)from, (void)datagram, (void)size, (void)room;
    return NET_ENET_FILTER_TAKE;
}

static const struct net_enet_filter filter = {.receive = take_all};

static void a_dial_that_was_refused_receives_what_has_come_since(void **state)
{
    struct fixture *fixture = *state;
    struct net_addr remote;
    struct sockaddr_storage name = {0};
    memcpy(&name, &fixture->peer_name, sizeof(fixture->peer_name));
    net_addr_from_sockaddr(&remote, &name);
    struct net_enet_socket *dial = net_enet_socket_dial(&remote, &filter, &fixture->drops);
    assert_non_null(dial);
    // Connected to itself, the peer has no ear for others: they hear that nobody is there.
    assert_int_equal(
        connect(fixture->peer, (struct sockaddr *)&fixture->peer_name, sizeof(fixture->peer_name)),
        0);
    net_enet_socket_answer(dial, &remote, bytes_of_string("is anybody there?"));
    wait_for(net_enet_socket_fd(dial), POLLERR);
    send_to(fixture, dial, "yes");
    net_enet_socket_begin(dial, 0, true);
    assert_int_equal(receive(dial), 3);
    assert_int_equal(receive(dial), 0);
    net_enet_socket_destroy(dial);
}

// ---- a listener

// Somebody has said hello to it.
static struct net_enet_socket *greeted_listener(struct fixture *fixture)
{
    const struct net_addr loopback = {.ip = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1}};
    struct net_enet_socket *listener = net_enet_socket_listen(&loopback, &filter, &fixture->drops);
    assert_non_null(listener);
    send_to(fixture, listener, "hello");
    net_enet_socket_begin(listener, 0, true);
    return listener;
}

static void a_listener_receives_what_is_behind_an_error(void **state)
{
    struct net_enet_socket *listener = greeted_listener(*state);
    refusals = 1;
    assert_int_equal(receive(listener), 5);
    assert_int_equal(receive(listener), 0);
    net_enet_socket_destroy(listener);
}

static void errors_without_end_end_the_turn_and_no_more(void **state)
{
    struct net_enet_socket *listener = greeted_listener(*state);
    refusals = 1000;
    assert_int_equal(receive(listener), 0);
    assert_in_range(refusals, 900, 999);
    refusals = 0;
    net_enet_socket_begin(listener, 0, true);
    assert_int_equal(receive(listener), 5);
    net_enet_socket_destroy(listener);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_dial_that_was_refused_receives_what_has_come_since),
        TEST(a_listener_receives_what_is_behind_an_error),
        TEST(errors_without_end_end_the_turn_and_no_more),
    };
    return cmocka_run_group_tests_name("enet_socket", tests, NULL, NULL);
}
