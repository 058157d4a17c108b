// SPDX-License-Identifier: MIT
// Connections over links that only remember how they were closed; time is virtual.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/cookie_watch.h"

#include <fcntl.h>
#include <semaphore.h>
#include <sys/stat.h>
#include <unistd.h>

#define POLL_MS 1000
#define LINKS   3

static const char *const names[LINKS] = {"first-0123456789abcdef", "second-0123456789abcdef", ""};

static struct clock clock_now;
static struct loop *loop;
static struct worker *worker;
static struct counters *counters;
static struct config *config;
static struct net_hub hub;
static struct net_conns *conns;
static struct net_cookie_watch *watch;
static struct net_link links[LINKS];
static uint16_t codes[LINKS]; // with which each was closed
static unsigned seen;         // by net_conns_each
static char folder[64];

static void fake_send(struct net_link *link, struct net_payload *payload,
                      enum net_delivery delivery)
{
    (void)link, (void)payload, (void)delivery;
}

static void fake_close(struct net_link *link, uint16_t code, const char *reason)
{
    (void)reason;
    codes[link - links] = code;
}

static const struct net_link_impl fake_impl = {.send = fake_send, .close = fake_close};

static void on_conn(void *user, struct net_conn_id id)
{
    (void)user, (void)id;
}

static void on_message(void *user, struct net_conn_id id, const struct net_msg *msg)
{
    (void)user, (void)id, (void)msg;
}

static void on_closed(void *user, struct net_conn_id id, uint16_t code)
{
    (void)user, (void)id, (void)code;
}

static void path_of(const char *name, char path[256])
{
    snprintf(path, 256, "%s/%s", folder, name);
}

static void remove_file(const char *name)
{
    char path[256];
    path_of(name, path);
    unlink(path);
}

static void connect_one(unsigned index)
{
    char path[256];
    struct net_link *link = &links[index];
    *link = (struct net_link){.impl = &fake_impl, .transport = "ws"};
    codes[index] = 0;
    assert_true(net_addr_parse_ip("127.0.0.1", &link->remote));
    if (names[index][0]) {
        path_of(names[index], path);
        int fd = open(path, O_CREAT | O_WRONLY, 0600);
        assert_true(fd >= 0);
        close(fd);
        link->caller = calloc(1, sizeof(*link->caller));
        snprintf(link->caller->ticket.name, sizeof(link->caller->ticket.name), "%s", names[index]);
    }
    const struct net_acceptor *acceptor = net_conns_acceptor(conns);
    assert_int_equal(acceptor->accept(acceptor->user, link), 0);
}

static int begin(void **state)
{
    static const struct net_conn_events events = {
        .opened = on_conn, .message = on_message, .closed = on_closed};
    struct error error;
    (void)state;
    memcpy(folder, "/tmp/paddock-watch-XXXXXX", 26);
    assert_non_null(mkdtemp(folder));
    clock_init_virtual(&clock_now, CLOCK_NS_PER_S);
    loop = loop_create(&clock_now, &error);
    worker = worker_create(loop, "door", 8, false, &error);
    counters = counters_create();
    config = config_create_default();
    assert_true(config_set(config, "auth-token-dir", folder, &error));
    assert_true(config_set(config, "auth-token-poll-ms", "1000", &error));
    assert_true(config_set(config, "hello-ms", "60000", &error));
    net_hub_init(&hub, loop, config, counters);
    conns = net_conns_create(&hub, 16, &events, NULL, &error);
    watch = net_cookie_watch_create(conns, loop, worker, config);
    assert_non_null(watch);
    for (unsigned i = 0; i < LINKS; i++) {
        connect_one(i);
    }
    return 0;
}

static int end(void **state)
{
    (void)state;
    net_cookie_watch_destroy(watch);
    net_conns_destroy(conns);
    worker_destroy(worker);
    net_hub_finish(&hub);
    counters_destroy(counters);
    loop_destroy(loop);
    config_destroy(config);
    for (unsigned i = 0; i < LINKS; i++) {
        net_caller_destroy(links[i].caller);
        remove_file(names[i]);
    }
    rmdir(folder);
    return 0;
}

static void run_for_ms(unsigned ms)
{
    uint64_t end_ns = loop_now_ns(loop) + ms * CLOCK_NS_PER_MS;
    while (loop_now_ns(loop) < end_ns) {
        loop_turn(loop, end_ns);
    }
    loop_turn(loop, end_ns); // what was deferred in the last turn
}

static void who_has_lost_the_file_is_closed_at_the_next_look(void **state)
{
    (void)state;
    run_for_ms(2 * POLL_MS);
    assert_int_equal(codes[0] | codes[1] | codes[2], 0);
    remove_file(names[1]);
    run_for_ms(POLL_MS - 1);
    assert_int_equal(codes[1], 0);
    run_for_ms(1);
    assert_int_equal(codes[1], NET_CLOSE_AUTH_DENIED);
    assert_int_equal(codes[0] | codes[2], 0);
    remove_file(names[0]);
    run_for_ms(POLL_MS);
    assert_int_equal(codes[0], NET_CLOSE_AUTH_DENIED);
    assert_int_equal(codes[2], 0); // came by no cookie
}

static void a_folder_that_is_away_ends_nobody(void **state)
{
    (void)state;
    char away[80];
    snprintf(away, sizeof(away), "%s-away", folder);
    assert_int_equal(rename(folder, away), 0);
    run_for_ms(3 * POLL_MS);
    assert_int_equal(codes[0] | codes[1] | codes[2], 0);
    assert_int_equal(rename(away, folder), 0);
    remove_file(names[0]);
    run_for_ms(POLL_MS);
    assert_int_equal(codes[0], NET_CLOSE_AUTH_DENIED);
    assert_int_equal(codes[1], 0);
}

static void wait_for_word(void *context)
{
    assert_int_equal(sem_wait(context), 0);
}

static void ignore_end(void *context)
{
    (void)context;
}

// The worker is busy with something else, so the look is under way until that ends.
static void it_goes_while_the_worker_looks(void **state)
{
    (void)state;
    struct error error;
    sem_t word;
    struct worker_job busy = {.work = wait_for_word, .done = ignore_end, .context = &word};
    struct worker *slow = worker_create(loop, "slow", 8, true, &error);
    assert_non_null(slow);
    assert_int_equal(sem_init(&word, 0, 0), 0);
    assert_true(worker_submit(slow, &busy));
    net_cookie_watch_destroy(watch);
    watch = net_cookie_watch_create(conns, loop, slow, config);
    remove_file(names[0]);
    run_for_ms(POLL_MS);
    assert_int_equal(worker_pending(slow), 2);
    net_cookie_watch_destroy(watch);
    watch = NULL;
    assert_int_equal(sem_post(&word), 0);
    worker_destroy(slow);
    assert_int_equal(codes[0], 0);
    sem_destroy(&word);
}

static void count(void *context, struct net_conn_id conn, const struct net_conn_info *info)
{
    struct net_conn_info same;
    assert_ptr_equal(context, &seen);
    assert_true(net_conn_info(conns, conn, &same));
    assert_ptr_equal(same.caller, info->caller);
    seen++;
}

static void each_open_connection_is_seen_once(void **state)
{
    (void)state;
    seen = 0;
    net_conns_each(conns, count, &seen);
    assert_int_equal(seen, LINKS);
    links[1].handler->closed(links[1].user, &links[1], NET_CLOSE_LOST, "");
    seen = 0;
    net_conns_each(conns, count, &seen);
    assert_int_equal(seen, LINKS - 1);
}

#define WITH_CONNS(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CONNS(who_has_lost_the_file_is_closed_at_the_next_look),
        WITH_CONNS(a_folder_that_is_away_ends_nobody),
        WITH_CONNS(it_goes_while_the_worker_looks),
        WITH_CONNS(each_open_connection_is_seen_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
