// SPDX-License-Identifier: MIT
// The operators' port against raw sockets on loopback. The loop's clock is virtual, so that the
// five seconds a connection may take pass at once; the sockets are real.

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "game/admin.h"
#include "tests/support/nobody.h"

#define CLIENTS_MAX    20
#define SILENT_MAX     60
#define SPARE_MAX      256 // descriptors that this process may have while they are short
#define RESPONSE_BYTES (5 * 1024 * 1024)

struct fixture {
    struct clock clock;
    struct loop *loop;
    struct counters *counters;
    struct game_admin *admin;
    bool is_healthy;
    bool is_ready;
    unsigned refreshed;
    size_t status_bytes; // of each part of /status
    unsigned status_parts;
    unsigned status_calls;
    unsigned status_fails; // this part does not fit
    char *response;        // what the last exchange brought, NUL-terminated
};

static bool source_healthy(void *user)
{
    struct fixture *fixture = user;
    return fixture->is_healthy;
}

static bool source_ready(void *user)
{
    struct fixture *fixture = user;
    return fixture->is_ready;
}

static void source_refresh(void *user)
{
    struct fixture *fixture = user;
    fixture->refreshed++;
}

// "aaa...", "bbb..." and so on, each of status_bytes.
static bool source_status(void *user, unsigned part, struct bytes_buf *out, bool *more)
{
    struct fixture *fixture = user;
    assert_int_equal(part == 0 ? 0 : fixture->status_calls, part);
    fixture->status_calls = part + 1;
    *more = part + 1 < fixture->status_parts;
    uint8_t *room = bytes_buf_reserve(out, fixture->status_bytes);
    if (!room || part + 1 == fixture->status_fails) {
        return false;
    }
    memset(room, 'a' + (int)(part % 26), fixture->status_bytes);
    bytes_buf_commit(out, fixture->status_bytes);
    return true;
}

static struct game_admin_source source_of(struct fixture *fixture)
{
    return (struct game_admin_source){.healthy = source_healthy,
                                      .ready = source_ready,
                                      .refresh = source_refresh,
                                      .status = source_status,
                                      .user = fixture};
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    struct error error = {0};
    clock_init_virtual(&fixture->clock, CLOCK_NS_PER_S);
    fixture->loop = loop_create(&fixture->clock, &error);
    assert_non_null(fixture->loop);
    fixture->counters = counters_create();
    fixture->is_healthy = true;
    fixture->is_ready = true;
    fixture->status_bytes = 100;
    fixture->status_parts = 1;
    fixture->response = malloc(RESPONSE_BYTES);
    assert_non_null(fixture->response);
    struct game_admin_source source = source_of(fixture);
    fixture->admin =
        game_admin_create(fixture->loop, fixture->counters, "127.0.0.1:0", &source, &error);
    if (!fixture->admin) {
        fail_msg("%s", error.text);
    }
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    game_admin_destroy(fixture->admin);
    counters_destroy(fixture->counters);
    loop_destroy(fixture->loop);
    free(fixture->response);
    free(fixture);
    return 0;
}

// ---- a raw client

static int client_connect_with(const struct fixture *fixture, int receive_bytes)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const char *colon = strrchr(game_admin_address(fixture->admin), ':');
    assert_non_null(colon);
    name.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    if (receive_bytes > 0) { // before connecting, so that the window is small from the start
        assert_int_equal(
            setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof(receive_bytes)), 0);
    }
    assert_int_equal(connect(fd, (const struct sockaddr *)&name, sizeof(name)), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

static int client_connect(const struct fixture *fixture)
{
    return client_connect_with(fixture, 0);
}

// Sending may fail: the server is free to hang up on a client that says too much.
static void client_send(int fd, const char *text)
{
    ssize_t sent = send(fd, text, strlen(text), MSG_NOSIGNAL);
    assert_true(sent == (ssize_t)strlen(text) || errno == ECONNRESET || errno == EPIPE);
}

// Lets everything that is ready happen without moving the clock.
static void settle(struct fixture *fixture)
{
    for (unsigned i = 0; i < 50; i++) {
        loop_turn(fixture->loop, loop_now_ns(fixture->loop));
        poll(NULL, 0, i < 10 ? 1 : 0); // the kernel's time to deliver
    }
}

static void advance(struct fixture *fixture, uint64_t duration_ns)
{
    uint64_t until_ns = loop_now_ns(fixture->loop) + duration_ns;
    while (loop_now_ns(fixture->loop) < until_ns) {
        loop_turn(fixture->loop, until_ns);
    }
    settle(fixture);
}

// Appends what has come to fixture->response; true once the server has closed.
static bool client_drain(struct fixture *fixture, int fd, size_t *size)
{
    for (;;) {
        ssize_t got = recv(fd, fixture->response + *size, RESPONSE_BYTES - 1 - *size, 0);
        if (got <= 0) {
            fixture->response[*size] = '\0';
            return got == 0 || errno == ECONNRESET;
        }
        *size += (size_t)got;
    }
}

// Reads until the server closes, which it must without any time passing.
static void client_finish(struct fixture *fixture, int fd)
{
    size_t size = 0;
    bool closed = false;
    for (unsigned i = 0; i < 1000 && !closed; i++) {
        loop_turn(fixture->loop, loop_now_ns(fixture->loop));
        struct pollfd item = {.fd = fd, .events = POLLIN};
        poll(&item, 1, 5);
        closed = client_drain(fixture, fd, &size);
    }
    close(fd);
    assert_true(closed);
}

static const char *ask(struct fixture *fixture, const char *request)
{
    int fd = client_connect(fixture);
    client_send(fd, request);
    client_finish(fixture, fd);
    return fixture->response;
}

static void assert_starts(const char *text, const char *start)
{
    if (strncmp(text, start, strlen(start)) != 0) {
        fail_msg("expected '%s...', got '%.200s'", start, text);
    }
}

static void assert_contains(const char *text, const char *part)
{
    if (!strstr(text, part)) {
        fail_msg("expected '%s' in '%.400s'", part, text);
    }
}

static const char *body_of(const char *response)
{
    const char *end = strstr(response, "\r\n\r\n");
    assert_non_null(end);
    return end + 4;
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"

// ---- pages

static void test_healthz_is_200_while_the_server_is_healthy(void **state)
{
    const char *response = ask(*state, GET("/healthz"));
    assert_starts(response, "HTTP/1.1 200 ");
    assert_string_equal(body_of(response), "ok\n");
}

static void test_healthz_is_503_when_the_tick_is_stuck(void **state)
{
    struct fixture *fixture = *state;
    fixture->is_healthy = false;
    assert_starts(ask(fixture, GET("/healthz")), "HTTP/1.1 503 ");
}

static void test_readyz_follows_readiness_and_not_health(void **state)
{
    struct fixture *fixture = *state;
    fixture->is_healthy = false;
    assert_starts(ask(fixture, GET("/readyz")), "HTTP/1.1 200 ");
    fixture->is_ready = false;
    fixture->is_healthy = true;
    assert_starts(ask(fixture, GET("/readyz")), "HTTP/1.1 503 ");
}

static void test_metrics_are_openmetrics_rendered_after_a_refresh(void **state)
{
    struct fixture *fixture = *state;
    uint64_t *cell = counter_cell(fixture->counters, COUNTER_TOTAL, "paddock_test", "for the test",
                                  "kind", "one");
    *cell = 42;
    const char *response = ask(fixture, GET("/metrics"));
    assert_starts(response, "HTTP/1.1 200 ");
    assert_contains(response, "Content-Type: application/openmetrics-text; version=1.0.0; "
                              "charset=utf-8\r\n");
    assert_contains(body_of(response), "paddock_test_total{kind=\"one\"} 42\n");
    size_t size = strlen(response);
    assert_string_equal(response + size - strlen("# EOF\n"), "# EOF\n");
    assert_int_equal(fixture->refreshed, 1);
}

#define GET_OLD(path) "GET " path " HTTP/1.0\r\nHost: x\r\n\r\n" // answered without chunks

static void test_status_is_json(void **state)
{
    const char *response = ask(*state, GET_OLD("/status"));
    assert_starts(response, "HTTP/1.1 200 ");
    assert_contains(response, "Content-Type: application/json\r\n");
    assert_int_equal(strlen(body_of(response)), 100);
    assert_starts(body_of(response), "aaa");
}

static void test_a_page_may_be_large_when_its_parts_are_not(void **state)
{
    struct fixture *fixture = *state;
    fixture->status_bytes = 64 * 1024;
    fixture->status_parts = 60;
    const char *body = body_of(ask(fixture, GET_OLD("/status")));
    for (unsigned part = 0; part < fixture->status_parts; part++) {
        for (size_t i = 0; i < fixture->status_bytes; i++) {
            assert_int_equal(*body++, 'a' + part % 26);
        }
    }
    assert_int_equal(*body, '\0');
}

static void test_the_end_of_a_page_in_parts_can_be_seen(void **state)
{
    struct fixture *fixture = *state;
    fixture->status_parts = 3;
    const char *response = ask(fixture, GET("/status"));
    assert_contains(response, "Transfer-Encoding: chunked\r\n");
    assert_contains(response, "ccc");
    assert_string_equal(response + strlen(response) - 7, "\r\n0\r\n\r\n");
    fixture->status_fails = 3;
    response = ask(fixture, GET("/status"));
    assert_contains(response, "bbb");
    assert_null(strstr(response, "\r\n0\r\n\r\n"));
}

static void test_a_part_up_to_the_limit_comes_whole(void **state)
{
    struct fixture *fixture = *state;
    fixture->status_bytes = 512 * 1024;
    const char *response = ask(fixture, GET_OLD("/status"));
    assert_starts(response, "HTTP/1.1 200 ");
    assert_int_equal(strlen(body_of(response)), 512 * 1024);
}

static void test_a_first_part_over_the_limit_is_500(void **state)
{
    struct fixture *fixture = *state;
    fixture->status_bytes = 512 * 1024 + 1;
    const char *response = ask(fixture, GET("/status"));
    assert_starts(response, "HTTP/1.1 500 ");
    assert_null(strstr(response, "aaa"));
}

static void test_a_client_that_leaves_in_the_middle_of_a_page_is_forgotten(void **state)
{
    struct fixture *fixture = *state;
    fixture->status_bytes = 64 * 1024;
    fixture->status_parts = 60;
    int fd = client_connect_with(fixture, 4096);
    client_send(fd, GET("/status"));
    settle(fixture);
    assert_in_range(fixture->status_calls, 1, 20); // no more is rendered than is taken
    close(fd);
    settle(fixture);
    assert_in_range(fixture->status_calls, 1, 20);
    fixture->status_parts = 1;
    assert_starts(ask(fixture, GET_OLD("/status")), "HTTP/1.1 200 ");
}

static void test_head_has_the_headers_and_no_body(void **state)
{
    const char *response = ask(*state, "HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_starts(response, "HTTP/1.1 200 ");
    assert_contains(response, "Content-Length: 3\r\n");
    assert_string_equal(body_of(response), "");
    response = ask(*state, "HEAD /status HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_starts(response, "HTTP/1.1 200 ");
    assert_string_equal(body_of(response), "");
}

static void test_a_query_is_ignored(void **state)
{
    assert_starts(ask(*state, GET("/healthz?full=1")), "HTTP/1.1 200 ");
}

// ---- what is refused

static void test_other_paths_are_404(void **state)
{
    static const char *const requests[] = {GET("/"), GET("/healthz/"), GET("/Healthz"),
                                           GET("/status/../metrics"),
                                           "POST /nowhere HTTP/1.1\r\nHost: x\r\n\r\n"};
    for (size_t i = 0; i < BASE_COUNT(requests); i++) {
        assert_starts(ask(*state, requests[i]), "HTTP/1.1 404 ");
    }
}

static void test_other_methods_are_405_and_say_what_is_allowed(void **state)
{
    static const char *const requests[] = {
        "POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
        "POST /status HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nbody",
        "PUT /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "OPTIONS /readyz HTTP/1.1\r\nHost: x\r\n\r\n",
        "BREW /readyz HTTP/1.1\r\nHost: x\r\n\r\n",
    };
    for (size_t i = 0; i < BASE_COUNT(requests); i++) {
        const char *response = ask(*state, requests[i]);
        assert_starts(response, "HTTP/1.1 405 ");
        assert_contains(response, "Allow: GET, HEAD\r\n");
    }
}

static void test_one_connection_serves_one_request(void **state)
{
    const char *response = ask(*state, GET("/healthz") GET("/readyz"));
    assert_string_equal(body_of(response), "ok\n");
}

static void test_what_is_not_http_or_too_long_is_hung_up_on(void **state)
{
    struct fixture *fixture = *state;
    char big[9000];
    memset(big, 'a', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    memcpy(big, "GET /", 5);
    const char *const requests[] = {
        "\r\n\r\n\r\n\r\n",
        "\x16\x03\x01\x02\x01\x01\x01\xfc\x03\x03 a TLS client hello\r\n\r\n",
        "GET\r\n\r\n",
        "GET /healthz HTTP/9.9\r\n\r\n",
        big,
    };
    for (size_t i = 0; i < BASE_COUNT(requests); i++) {
        int fd = client_connect(fixture);
        client_send(fd, requests[i]);
        advance(fixture, 6 * CLOCK_NS_PER_S); // a few blank lines alone may be waited out
        client_finish(fixture, fd);
        assert_null(strstr(fixture->response, "HTTP/1.1 200"));
        assert_starts(ask(fixture, GET("/healthz")), "HTTP/1.1 200 ");
    }
}

// ---- time and number

static void test_a_client_that_drips_bytes_is_cut_after_five_seconds(void **state)
{
    struct fixture *fixture = *state;
    int fd = client_connect(fixture);
    size_t size = 0;
    client_send(fd, "GET /healthz HTTP/1.1\r\nX: ");
    settle(fixture);
    for (unsigned second = 1; second <= 4; second++) {
        advance(fixture, CLOCK_NS_PER_S);
        client_send(fd, "x");
        settle(fixture);
        assert_false(client_drain(fixture, fd, &size));
    }
    advance(fixture, CLOCK_NS_PER_S);
    assert_true(client_drain(fixture, fd, &size));
    close(fd);
}

static void test_a_client_that_does_not_read_is_cut_after_five_seconds(void **state)
{
    struct fixture *fixture = *state;
    fixture->status_bytes = 512 * 1024;
    int fds[16];
    for (unsigned i = 0; i < BASE_COUNT(fds); i++) {
        fds[i] = client_connect_with(fixture, 4096);
        client_send(fds[i], GET("/status"));
    }
    settle(fixture);
    int late = client_connect(fixture);
    client_send(late, GET("/healthz"));
    settle(fixture);
    size_t size = 0;
    assert_false(client_drain(fixture, late, &size)); // all seats are taken
    advance(fixture, 4 * CLOCK_NS_PER_S);
    assert_false(client_drain(fixture, late, &size));
    assert_int_equal(size, 0);
    advance(fixture, CLOCK_NS_PER_S);
    client_finish(fixture, late);
    assert_starts(fixture->response, "HTTP/1.1 200 ");
    for (unsigned i = 0; i < BASE_COUNT(fds); i++) {
        close(fds[i]);
    }
}

static void test_twenty_clients_at_once_are_all_served(void **state)
{
    struct fixture *fixture = *state;
    int fds[CLIENTS_MAX];
    for (unsigned i = 0; i < CLIENTS_MAX; i++) {
        fds[i] = client_connect(fixture);
        client_send(fds[i], GET("/readyz"));
    }
    for (unsigned i = 0; i < CLIENTS_MAX; i++) {
        client_finish(fixture, fds[i]);
        assert_string_equal(body_of(fixture->response), "ready\n");
    }
}

static void test_sixty_silent_clients_delay_an_answer_by_a_second_at_most(void **state)
{
    struct fixture *fixture = *state;
    int fds[SILENT_MAX];
    for (unsigned i = 0; i < SILENT_MAX; i++) {
        fds[i] = client_connect(fixture);
    }
    int late = client_connect(fixture);
    client_send(late, GET("/healthz"));
    settle(fixture);
    size_t size = 0;
    assert_false(client_drain(fixture, late, &size));
    advance(fixture, CLOCK_NS_PER_S);
    client_finish(fixture, late);
    assert_starts(fixture->response, "HTTP/1.1 200 ");
    // There is room now, so the last of them may stay for the time that everybody has.
    assert_false(client_drain(fixture, fds[SILENT_MAX - 1], &size));
    advance(fixture, 5 * CLOCK_NS_PER_S);
    for (unsigned i = 0; i < SILENT_MAX; i++) {
        assert_true(client_drain(fixture, fds[i], &size));
        close(fds[i]);
    }
}

// Takes every descriptor that the process may still have; returns how many of them are in fds[].
static unsigned take_descriptors(int fds[SPARE_MAX])
{
    unsigned count = 0;
    while (count < SPARE_MAX && (fds[count] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0) {
        count++;
    }
    assert_true(count < SPARE_MAX);
    assert_int_equal(errno, EMFILE);
    return count;
}

static void test_without_descriptors_one_after_the_other_is_served(void **state)
{
    struct fixture *fixture = *state;
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit few = {.rlim_cur = SPARE_MAX, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    int clients[4];
    int spare[SPARE_MAX];
    for (unsigned i = 0; i < BASE_COUNT(clients); i++) {
        clients[i] = client_connect(fixture);
    }
    unsigned spare_count = take_descriptors(spare);
    settle(fixture); // the first one, who says nothing, has the kept descriptor
    for (unsigned i = 1; i < BASE_COUNT(clients); i++) {
        client_send(clients[i], GET("/healthz"));
    }
    size_t size = 0;
    settle(fixture);
    assert_false(client_drain(fixture, clients[1], &size));
    advance(fixture, CLOCK_NS_PER_S / 2); // his time is short now
    for (unsigned i = 1; i < BASE_COUNT(clients); i++) {
        client_finish(fixture, clients[i]);
        assert_starts(fixture->response, "HTTP/1.1 200 ");
        // Somebody else takes what has become free, so that there is never more than the one.
        spare_count += take_descriptors(spare + spare_count);
    }
    for (unsigned i = 0; i < spare_count; i++) {
        close(spare[i]);
    }
    close(clients[0]);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_starts(ask(fixture, GET("/healthz")), "HTTP/1.1 200 ");
}

static void test_an_idle_port_arms_no_timer(void **state)
{
    struct fixture *fixture = *state;
    assert_starts(ask(fixture, GET("/healthz")), "HTTP/1.1 200 ");
    uint64_t deadline_ns = loop_now_ns(fixture->loop) + 3600 * CLOCK_NS_PER_S;
    loop_turn(fixture->loop, deadline_ns);
    assert_true(loop_now_ns(fixture->loop) == deadline_ns);
}

static void test_destroy_ends_open_connections(void **state)
{
    struct fixture *fixture = *state;
    int fd = client_connect(fixture);
    client_send(fd, "GET /hea");
    settle(fixture);
    game_admin_destroy(fixture->admin);
    fixture->admin = NULL;
    size_t size = 0;
    assert_true(client_drain(fixture, fd, &size));
    close(fd);
}

// ---- starting

static void test_a_taken_port_is_one_line_that_says_so(void **state)
{
    struct fixture *fixture = *state;
    struct game_admin_source source = source_of(fixture);
    const char *taken = game_admin_address(fixture->admin);
    struct error error = {0};
    assert_null(game_admin_create(fixture->loop, fixture->counters, taken, &source, &error));
    char expected[ERROR_TEXT_BYTES];
    snprintf(expected, sizeof(expected),
             "admin: cannot listen on %s: Address already in use; choose another address, or 'off'",
             taken);
    assert_string_equal(error.text, expected);
}

static void test_a_malformed_address_is_refused(void **state)
{
    static const char *const wrong[] = {"", "127.0.0.1", "127.0.0.1:65536", ":9464", "[::1]9464"};
    struct fixture *fixture = *state;
    struct game_admin_source source = source_of(fixture);
    for (size_t i = 0; i < BASE_COUNT(wrong); i++) {
        struct error error = {0};
        if (game_admin_create(fixture->loop, fixture->counters, wrong[i], &source, &error)) {
            fail_msg("'%s' was taken", wrong[i]);
        }
        assert_starts(error.text, "admin: ");
    }
}

// ---- the probe

struct probe {
    char where[64];
    struct error error;
    bool answer;
};

static void *probe_thread(void *context)
{
    struct probe *probe = context;
    probe->answer = game_admin_probe(probe->where, &probe->error);
    return NULL;
}

static void run_probe(struct fixture *fixture, struct probe *probe)
{
    pthread_t thread;
    snprintf(probe->where, sizeof(probe->where), "%s", game_admin_address(fixture->admin));
    assert_int_equal(pthread_create(&thread, NULL, probe_thread, probe), 0);
    while (pthread_tryjoin_np(thread, NULL) != 0) { // the probe ends by itself in two seconds
        loop_turn(fixture->loop, loop_now_ns(fixture->loop));
        poll(NULL, 0, 1);
    }
}

static void test_probe_is_true_when_healthy(void **state)
{
    struct probe probe = {0};
    run_probe(*state, &probe);
    assert_true(probe.answer);
}

static void test_probe_is_false_when_stuck_and_says_the_status(void **state)
{
    struct fixture *fixture = *state;
    fixture->is_healthy = false;
    struct probe probe = {0};
    run_probe(fixture, &probe);
    assert_false(probe.answer);
    assert_contains(probe.error.text, "answers HTTP/1.1 503");
}

static void test_probe_is_false_when_nobody_listens(void **state)
{
    (void)state;
    char where[NOBODY_BYTES];
    struct error error = {0};
    int fd = nobody_open(where);
    assert_false(game_admin_probe(where, &error));
    assert_contains(error.text, "Connection refused");
    close(fd);
    assert_false(game_admin_probe("[::1]:1", &error));
    assert_starts(error.text, "no answer from [::1]:1: ");
}

static void test_probe_gives_up_on_a_server_that_does_not_answer(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {0};
    struct clock clock;
    clock_init_monotonic(&clock);
    uint64_t began_ns = clock_now_ns(&clock);
    // The kernel completes the connection; the loop does not turn.
    assert_false(game_admin_probe(game_admin_address(fixture->admin), &error));
    assert_contains(error.text, "timed out");
    assert_true(clock_now_ns(&clock) - began_ns > 1900 * CLOCK_NS_PER_MS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_healthz_is_200_while_the_server_is_healthy),
        TEST(test_healthz_is_503_when_the_tick_is_stuck),
        TEST(test_readyz_follows_readiness_and_not_health),
        TEST(test_metrics_are_openmetrics_rendered_after_a_refresh),
        TEST(test_status_is_json),
        TEST(test_a_page_may_be_large_when_its_parts_are_not),
        TEST(test_the_end_of_a_page_in_parts_can_be_seen),
        TEST(test_a_part_up_to_the_limit_comes_whole),
        TEST(test_a_first_part_over_the_limit_is_500),
        TEST(test_a_client_that_leaves_in_the_middle_of_a_page_is_forgotten),
        TEST(test_head_has_the_headers_and_no_body),
        TEST(test_a_query_is_ignored),
        TEST(test_other_paths_are_404),
        TEST(test_other_methods_are_405_and_say_what_is_allowed),
        TEST(test_one_connection_serves_one_request),
        TEST(test_what_is_not_http_or_too_long_is_hung_up_on),
        TEST(test_a_client_that_drips_bytes_is_cut_after_five_seconds),
        TEST(test_a_client_that_does_not_read_is_cut_after_five_seconds),
        TEST(test_twenty_clients_at_once_are_all_served),
        TEST(test_sixty_silent_clients_delay_an_answer_by_a_second_at_most),
        TEST(test_without_descriptors_one_after_the_other_is_served),
        TEST(test_an_idle_port_arms_no_timer),
        TEST(test_destroy_ends_open_connections),
        TEST(test_a_taken_port_is_one_line_that_says_so),
        TEST(test_a_malformed_address_is_refused),
        TEST(test_probe_is_true_when_healthy),
        TEST(test_probe_is_false_when_stuck_and_says_the_status),
        TEST(test_probe_is_false_when_nobody_listens),
        TEST(test_probe_gives_up_on_a_server_that_does_not_answer),
    };
    return cmocka_run_group_tests_name("admin", tests, NULL, NULL);
}
