// SPDX-License-Identifier: MIT
// An upgrade that has to wait for a password. What needs no waiting is in test_http_upgrade.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/caller.h"
#include "net/layer_upgrade.h"
#include "net/passwords.h"
#include "tests/support/layer_end.h"

#include <unistd.h>

#define REQUEST_TO(path)                                                                           \
    "GET " path " HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"            \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"                 \
    "Origin: https://a.example\r\n"
#define REQUEST REQUEST_TO("/websocket")
#define GOOD    "Authorization: Basic YmVydDpiZWU=\r\n" // bert:bee
#define WRONG   "Authorization: Basic YmVydDp3YXNw\r\n" // bert:wasp

static const layer_create stack[] = {net_layer_upgrade_create, NULL};
static struct clock clock_now;
static struct loop *loop;
static struct worker *worker;
static struct config *config;
static struct net_passwords *passwords;
static struct layer_end end;
static unsigned wakes, failures;

static void on_wake(struct net_layer_env *env)
{
    assert_ptr_equal(env, &end.env);
    wakes++;
}

static void on_auth_failed(struct net_layer_env *env)
{
    assert_ptr_equal(env, &end.env);
    failures++;
}

static int begin(void **state)
{
    static const char line[] =
        "bert:$2b$04$abcdefghijklmnopqrstuuuz8dLDKHdaIkqWTeEJl8dWScfl4UwcG\n";
    struct error error;
    char path[] = "/tmp/paddock-upgrade-XXXXXX";
    (void)state;
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, line, sizeof(line) - 1) == sizeof(line) - 1);
    close(fd);
    clock_init_virtual(&clock_now, CLOCK_NS_PER_S);
    loop = loop_create(&clock_now, &error);
    worker = worker_create(loop, "door", 1, false, &error);
    config = config_create_default();
    assert_true(config_set(config, "basic-auth-file", path, &error));
    passwords = net_passwords_create(config, worker, &error);
    assert_non_null(passwords);
    unlink(path);
    wakes = failures = 0;
    layer_end_init(&end, true, stack);
    end.env.passwords = passwords;
    end.env.wake = on_wake;
    end.env.auth_failed = on_auth_failed;
    assert_int_equal(layer_end_up(&end), 0);
    return 0;
}

static int finish(void **state)
{
    (void)state;
    layer_end_finish(&end);
    worker_destroy(worker);
    net_passwords_destroy(passwords);
    config_destroy(config);
    loop_destroy(loop);
    return 0;
}

static uint16_t feed(const char *text)
{
    return layer_end_feed(&end, bytes_of_string(text), 0);
}

static void hear_the_worker(void)
{
    loop_turn(loop, loop_now_ns(loop) + 1);
}

static void expect_status(const char *status)
{
    assert_true(end.sent.size > strlen(status));
    assert_memory_equal(bytes_buf_span(&end.sent).data, status, strlen(status));
}

static void a_good_password_switches_when_it_is_known_and_loses_no_byte(void **state)
{
    (void)state;
    assert_int_equal(feed(REQUEST GOOD "\r\nfirst"), 0);
    assert_int_equal(feed(" frame"), 0);
    assert_int_equal(end.sent.size, 0);
    assert_false(end.is_up);
    hear_the_worker();
    assert_int_equal(wakes, 1);
    assert_int_equal(layer_end_wait_ms(&end, 0), 0);
    expect_status("HTTP/1.1 101 ");
    assert_true(end.is_up);
    layer_end_expect_last(&end, "first frame");
    assert_string_equal(end.env.caller->origin, "https://a.example");
    assert_int_equal(feed("!"), 0);
    layer_end_expect_last(&end, "!");
    assert_int_equal(failures, 0);
    assert_int_equal(layer_end_wait_ms(&end, 100000), 0);
}

// F-04, as nginx answers it.
static void without_a_password_there_is_401_at_once(void **state)
{
    (void)state;
    assert_int_equal(feed(REQUEST "\r\n"), NET_CLOSE_PROTOCOL);
    expect_status("HTTP/1.1 401 Unauthorized\r\n"
                  "WWW-Authenticate: Basic realm=\"Restricted Area\"\r\n");
    assert_int_equal(failures | worker_pending(worker), 0);
}

static void a_wrong_one_is_told_a_second_after_it_came_and_counted(void **state)
{
    (void)state;
    assert_int_equal(feed(REQUEST WRONG "\r\n"), 0);
    hear_the_worker();
    assert_int_equal(failures, 1);
    assert_int_equal(wakes, 1);
    assert_int_equal(layer_end_wait_ms(&end, 999), 0);
    assert_int_equal(end.sent.size, 0);
    assert_int_equal(layer_end_wait_ms(&end, 1), NET_CLOSE_PROTOCOL);
    expect_status("HTTP/1.1 401 ");
    assert_null(end.env.caller);
    assert_int_equal(feed("more"), 0); // falls on deaf ears
    assert_false(end.is_up);
}

static void what_is_wrong_otherwise_is_told_first(void **state)
{
    (void)state;
    assert_int_equal(feed(REQUEST_TO("/other") GOOD "\r\n"), NET_CLOSE_PROTOCOL);
    expect_status("HTTP/1.1 404 ");
    assert_int_equal(worker_pending(worker), 0);
}

static void the_page_needs_it_as_well(void **state)
{
    (void)state;
    struct error error;
    assert_true(config_set(end.config, "test-page", "on", &error));
    assert_int_equal(feed("GET / HTTP/1.1\r\nHost: a\r\n" GOOD "\r\n"), 0);
    hear_the_worker();
    assert_int_equal(layer_end_wait_ms(&end, 0), NET_CLOSE_NORMAL);
    expect_status("HTTP/1.1 200 ");
}

static void an_answer_that_does_not_come_is_503(void **state)
{
    (void)state;
    assert_int_equal(feed(REQUEST GOOD "\r\n"), 0);
    assert_int_equal(layer_end_wait_ms(&end, end.config->upgrade_ms - 1), 0);
    assert_int_equal(layer_end_wait_ms(&end, 1), NET_CLOSE_PROTOCOL);
    expect_status("HTTP/1.1 503 ");
    hear_the_worker();
    assert_int_equal(wakes | failures, 0);
}

static void a_busy_worker_is_503_at_once(void **state)
{
    (void)state;
    struct layer_end other;
    assert_int_equal(feed(REQUEST GOOD "\r\n"), 0);
    layer_end_init(&other, true, stack);
    other.env.passwords = passwords;
    assert_int_equal(layer_end_up(&other), 0);
    assert_int_equal(layer_end_feed(&other, bytes_of_string(REQUEST GOOD "\r\n"), 0),
                     NET_CLOSE_PROTOCOL);
    assert_memory_equal(bytes_buf_span(&other.sent).data, "HTTP/1.1 503 ", 13);
    layer_end_finish(&other);
}

static void who_leaves_meanwhile_is_forgotten(void **state)
{
    (void)state;
    assert_int_equal(feed(REQUEST WRONG "\r\n"), 0);
    layer_end_finish(&end);
    hear_the_worker();
    assert_int_equal(wakes | failures, 0);
    layer_end_init(&end, true, stack); // for finish()
}

static void only_so_much_may_come_before_the_answer(void **state)
{
    (void)state;
    static const char bytes[LIMIT_MESSAGE_BYTES];
    assert_int_equal(feed(REQUEST GOOD "\r\n"), 0);
    assert_int_equal(layer_end_feed(&end, bytes_of(bytes, sizeof(bytes)), 0), 0);
    assert_int_equal(layer_end_feed(&end, bytes_of(bytes, 1), 0), NET_CLOSE_LOST);
}

#define WITH_PASSWORDS(test) cmocka_unit_test_setup_teardown(test, begin, finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PASSWORDS(a_good_password_switches_when_it_is_known_and_loses_no_byte),
        WITH_PASSWORDS(without_a_password_there_is_401_at_once),
        WITH_PASSWORDS(a_wrong_one_is_told_a_second_after_it_came_and_counted),
        WITH_PASSWORDS(what_is_wrong_otherwise_is_told_first),
        WITH_PASSWORDS(the_page_needs_it_as_well),
        WITH_PASSWORDS(an_answer_that_does_not_come_is_503),
        WITH_PASSWORDS(a_busy_worker_is_503_at_once),
        WITH_PASSWORDS(who_leaves_meanwhile_is_forgotten),
        WITH_PASSWORDS(only_so_much_may_come_before_the_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
