// SPDX-License-Identifier: MIT

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/layer_socket.h"

#define QUEUE_BYTES (4 * 1024 * 1024) // more than a pair of sockets takes
#define PIECE_BYTES 65536

static struct config *config;
static struct counters *counters;
static struct net_traffic traffic;
static struct net_layer_env env;
static struct net_layer_socket ours;
static int peer;
static uint8_t bytes[PIECE_BYTES];

static int setup(void **state)
{
    (void)state;
    int fds[2];
    config = config_create_default();
    counters = counters_create();
    net_traffic_init(&traffic, counters, "test");
    env = (struct net_layer_env){.config = config, .now_ns = 100 * CLOCK_NS_PER_S};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    net_layer_socket_init(&ours, &env, QUEUE_BYTES, &traffic);
    ours.fd = fds[0];
    peer = fds[1];
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    net_layer_socket_finish(&ours);
    close(ours.fd);
    if (peer >= 0) {
        close(peer);
    }
    counters_destroy(counters);
    config_destroy(config);
    return 0;
}

static bool write_ours(size_t size)
{
    return net_layer_write(&ours.base, bytes_of(bytes, size));
}

static void close_peer(void)
{
    close(peer);
    peer = -1;
}

// What the peer has got; 0 when there is nothing now.
static size_t read_peer(size_t size)
{
    ssize_t count = recv(peer, bytes, size < sizeof(bytes) ? size : sizeof(bytes), 0);
    return count > 0 ? (size_t)count : 0;
}

// Until the kernel takes no more: the queue is not empty then.
static void fill(void)
{
    while (!ours.blocked) {
        assert_true(write_ours(sizeof(bytes)));
        net_layer_flush(&ours.base);
    }
    assert_true(ours.backlog > 0);
}

static uint16_t wait_ms(long ms)
{
    env.now_ns += (uint64_t)ms * CLOCK_NS_PER_MS;
    return net_layer_expire(&ours.base);
}

static void what_is_written_leaves_with_the_flush(void **state)
{
    (void)state;
    assert_true(write_ours(3));
    assert_true(write_ours(4));
    assert_int_equal(read_peer(100), 0);
    net_layer_flush(&ours.base);
    assert_int_equal(read_peer(100), 7);
    assert_int_equal(*traffic.bytes_out, 7);
    assert_int_equal(*traffic.packets_out, 1);
    assert_int_equal(ours.backlog, 0);
}

static void the_queue_holds_its_limit_and_not_a_byte_more(void **state)
{
    (void)state;
    for (size_t size = 0; size < QUEUE_BYTES; size += sizeof(bytes)) {
        assert_true(write_ours(sizeof(bytes)));
    }
    assert_false(ours.broken);
    assert_false(write_ours(1));
    assert_true(ours.broken);
    net_layer_flush(&ours.base);
    assert_false(write_ours(1)); // there is room, but a byte is missing
}

static void a_peer_that_takes_nothing_is_let_go_after_stall_ms(void **state)
{
    (void)state;
    fill();
    assert_int_equal(wait_ms(config->stall_ms - 1), 0);
    net_layer_flush(&ours.base); // in vain: buys no time
    assert_int_equal(wait_ms(1), NET_CLOSE_SLOW_CONSUMER);
    assert_string_equal(env.reason, net_close_text(NET_CLOSE_SLOW_CONSUMER));
}

static void a_peer_that_takes_something_has_all_of_its_time_again(void **state)
{
    (void)state;
    fill();
    assert_int_equal(wait_ms(config->stall_ms - 1), 0);
    for (size_t backlog = ours.backlog; ours.backlog == backlog;) {
        assert_true(read_peer(sizeof(bytes)) > 0);
        net_layer_flush(&ours.base);
    }
    fill();
    assert_int_equal(wait_ms(config->stall_ms - 1), 0);
    assert_int_equal(wait_ms(1), NET_CLOSE_SLOW_CONSUMER);
}

static void a_peer_that_has_taken_everything_may_be_silent(void **state)
{
    (void)state;
    fill();
    while (ours.backlog > 0) {
        assert_true(read_peer(sizeof(bytes)) > 0);
        net_layer_flush(&ours.base);
    }
    assert_false(ours.blocked);
    assert_int_equal(wait_ms(1000 * config->stall_ms), 0);
}

static void our_half_ends_when_all_is_sent(void **state)
{
    (void)state;
    fill();
    net_layer_shut(&ours.base);
    assert_true(write_ours(1)); // nobody will read it
    net_layer_flush(&ours.base);
    assert_false(ours.is_shut);
    while (!ours.is_shut) {
        assert_true(read_peer(sizeof(bytes)) > 0);
        net_layer_flush(&ours.base);
    }
    uint64_t got = 0;
    ssize_t count;
    while ((count = recv(peer, bytes, sizeof(bytes), 0)) > 0) {
        got += (uint64_t)count;
    }
    assert_int_equal(count, 0); // the end, not EAGAIN
    assert_true(got > 0);
    assert_int_equal(*traffic.bytes_out % sizeof(bytes), 0); // without the last byte
}

static void nothing_yet_is_not_the_end(void **state)
{
    (void)state;
    assert_int_equal(net_layer_socket_read(&ours, bytes, sizeof(bytes)), 0);
    assert_int_equal(send(peer, "hello", 5, 0), 5);
    assert_int_equal(net_layer_socket_read(&ours, bytes, sizeof(bytes)), 5);
    assert_int_equal(*traffic.bytes_in, 5);
    close_peer();
    assert_int_equal(net_layer_socket_read(&ours, bytes, sizeof(bytes)), -1);
    assert_string_equal(env.reason, net_close_text(NET_CLOSE_LOST));
}

static void what_a_peer_said_before_it_left_can_still_be_read(void **state)
{
    (void)state;
    assert_int_equal(send(peer, "bye", 3, 0), 3);
    close_peer();
    assert_true(write_ours(1));
    net_layer_flush(&ours.base); // fails, and nobody is told so here
    assert_false(ours.broken);
    assert_int_equal(net_layer_socket_read(&ours, bytes, sizeof(bytes)), 3);
    assert_int_equal(net_layer_socket_read(&ours, bytes, sizeof(bytes)), -1);
}

int main(void)
{
#define ONE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        ONE(what_is_written_leaves_with_the_flush),
        ONE(the_queue_holds_its_limit_and_not_a_byte_more),
        ONE(a_peer_that_takes_nothing_is_let_go_after_stall_ms),
        ONE(a_peer_that_takes_something_has_all_of_its_time_again),
        ONE(a_peer_that_has_taken_everything_may_be_silent),
        ONE(our_half_ends_when_all_is_sent),
        ONE(nothing_yet_is_not_the_end),
        ONE(what_a_peer_said_before_it_left_can_still_be_read),
    };
#undef ONE
    return cmocka_run_group_tests(tests, NULL, NULL);
}
