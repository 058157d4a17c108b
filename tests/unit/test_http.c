// SPDX-License-Identifier: MIT
// The HTTP client against a service that answers well, badly, slowly and not at all.

#include "auth/http.h"

#include <dlfcn.h>
#include <netdb.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/tls_make.h"
#include "tests/support/auth_rig.h"
#include "tests/support/http_server.h"
#include "tests/support/nobody.h"

#define OK_200      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define SLOW_HOST   "slow.test"
#define OTHER_NAME  "other.test" // of 127.0.0.1, and in no certificate
#define PATIENCE_MS 20000

static atomic_uint lookups; // of SLOW_HOST that are under way
static atomic_bool lookups_end;

// A resolver that takes as long as a test wants, in the place of libc's.
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **list)
{
    typedef int resolver(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    static resolver *real;
    if (node && strcmp(node, SLOW_HOST) == 0) {
        atomic_fetch_add(&lookups, 1);
        for (unsigned ms = 0; ms < 2 * PATIENCE_MS && !lookups_end; ms += 10) {
            poll(NULL, 0, 10);
        }
        atomic_fetch_sub(&lookups, 1);
        return EAI_NONAME;
    }
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    if (node && strcmp(node, OTHER_NAME) == 0) {
        node = "127.0.0.1";
    }
    return real(node, service, hints, list);
}

struct fixture {
    struct auth_rig rig;
    struct http_server *server;
    struct auth_http *http;
};

struct heard {
    unsigned answers;
    enum auth_http_failure failure;
    unsigned status;
    unsigned retry_after_s;
    bool was_sent;
    size_t body_size;
    char body[64]; // its beginning
    char detail[128];
    struct fixture *post_again; // from inside the callback
};

static void on_answer(void *context, const struct auth_http_answer *answer);

static struct auth_http_call *post(struct fixture *fixture, const struct auth_http_request *request,
                                   struct heard *heard)
{
    *heard = (struct heard){.post_again = heard->post_again};
    struct auth_http_call *call = auth_http_post(fixture->http, request, on_answer, heard);
    assert_non_null(call);
    assert_int_equal(heard->answers, 0);
    return call;
}

static void on_answer(void *context, const struct auth_http_answer *answer)
{
    struct heard *heard = context;
    struct fixture *again = heard->post_again;
    heard->answers++;
    heard->failure = answer->failure;
    heard->status = answer->status;
    heard->retry_after_s = answer->retry_after_s;
    heard->was_sent = answer->was_sent;
    heard->body_size = answer->body.size;
    snprintf(heard->body, sizeof(heard->body), "%.*s", (int)answer->body.size,
             answer->body.data ? (const char *)answer->body.data : "");
    snprintf(heard->detail, sizeof(heard->detail), "%s", answer->detail);
    if (again) {
        heard->post_again = NULL;
        struct auth_http_request request = {.url = http_server_url(again->server, "/again"),
                                            .timeout_ms = PATIENCE_MS};
        post(again, &request, heard);
    }
}

static struct heard ask(struct fixture *fixture, unsigned timeout_ms)
{
    struct heard heard = {0};
    struct auth_http_request request = {
        .url = http_server_url(fixture->server, "/hook"),
        .body = bytes_of_string("{\"a\":1}"),
        .timeout_ms = timeout_ms,
    };
    post(fixture, &request, &heard);
    auth_rig_until(&fixture->rig, &heard.answers, 1);
    return heard;
}

static struct heard ask_for(struct fixture *fixture, struct http_server_reply reply)
{
    http_server_reply(fixture->server, reply);
    return ask(fixture, PATIENCE_MS);
}

static void create(struct fixture *fixture)
{
    struct error error = {0};
    fixture->http =
        auth_http_create(fixture->rig.loop, &fixture->rig.config, fixture->rig.counters, &error);
    if (!fixture->http) {
        fail_msg("%s", error.text);
    }
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    auth_rig_init(&fixture->rig, false);
    fixture->server = http_server_start(NULL, NULL);
    http_server_reply(fixture->server, (struct http_server_reply){.bytes = OK_200});
    create(fixture);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    auth_http_destroy(fixture->http);
    http_server_stop(fixture->server);
    auth_rig_finish(&fixture->rig);
    free(fixture);
    return 0;
}

static uint64_t count(struct fixture *fixture, const char *outcome)
{
    char sample[96];
    snprintf(sample, sizeof(sample), "paddock_backend_requests_total{outcome=\"%s\"}", outcome);
    return auth_rig_counter(&fixture->rig, sample);
}

// ---- the request

static void the_request_is_what_a_service_expects(void **state)
{
    struct fixture *fixture = *state;
    const struct auth_http_header headers[] = {{"Idempotency-Key", "race-1"}};
    struct heard heard = {0};
    struct auth_http_request request = {
        .url = http_server_url(fixture->server, "/base/results"),
        .bearer = bytes_of_string("secret"),
        .headers = headers,
        .header_count = 1,
        .body = bytes_of_string("{\"a\":1}"),
        .timeout_ms = PATIENCE_MS,
    };
    post(fixture, &request, &heard);
    auth_rig_until(&fixture->rig, &heard.answers, 1);
    char wanted[512];
    snprintf(wanted, sizeof(wanted),
             "POST /base/results HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n"
             "User-Agent: paddock/" PADDOCK_VERSION "\r\nContent-Type: application/json\r\n"
             "Accept: application/json\r\nAuthorization: Bearer secret\r\n"
             "Idempotency-Key: race-1\r\nContent-Length: 7\r\n\r\n{\"a\":1}",
             http_server_port(fixture->server));
    assert_string_equal(http_server_request(fixture->server, 0), wanted);
    assert_int_equal(heard.status, 200);
    assert_string_equal(heard.body, "ok");
    assert_int_equal(count(fixture, "2xx"), 1);
}

static void one_connection_serves_many_requests(void **state)
{
    struct fixture *fixture = *state;
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(ask(fixture, PATIENCE_MS).status, 200);
    }
    assert_int_equal(http_server_requests(fixture->server), 5);
    assert_int_equal(http_server_connections(fixture->server), 1);
}

static void requests_at_once_do_not_wait_for_each_other(void **state)
{
    struct fixture *fixture = *state;
    struct heard hung = {0};
    http_server_reply_once(fixture->server, (struct http_server_reply){.hang = true});
    struct auth_http_request request = {.url = http_server_url(fixture->server, "/"),
                                        .timeout_ms = PATIENCE_MS};
    struct auth_http_call *call = post(fixture, &request, &hung);
    while (http_server_requests(fixture->server) == 0) {
        auth_rig_run_ms(&fixture->rig, 1);
    }
    assert_int_equal(ask(fixture, PATIENCE_MS).status, 200);
    assert_int_equal(auth_rig_counter(&fixture->rig, "paddock_backend_requests_in_flight"), 1);
    auth_http_cancel(call);
    assert_int_equal(auth_rig_counter(&fixture->rig, "paddock_backend_requests_in_flight"), 0);
}

static void an_answers_callback_may_ask_the_next(void **state)
{
    struct fixture *fixture = *state;
    struct heard heard = {.post_again = fixture};
    struct auth_http_request request = {.url = http_server_url(fixture->server, "/first"),
                                        .timeout_ms = PATIENCE_MS};
    post(fixture, &request, &heard);
    while (http_server_requests(fixture->server) < 2 || heard.answers < 1) {
        auth_rig_run_ms(&fixture->rig, 1);
    }
    assert_int_equal(heard.status, 200);
}

// ---- statuses

static void statuses_come_as_they_are_and_redirects_are_not_followed(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *bytes;
        unsigned status;
    } cases[] = {
        {"HTTP/1.1 204 No Content\r\n\r\n", 204},
        {"HTTP/1.1 301 Moved\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n", 301},
        {"HTTP/1.1 307 Moved\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", 307},
        {"HTTP/1.1 401 No\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n", 401},
        {"HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\noops", 500},
        {"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", 200},
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Made\r\nContent-Length: 0\r\n\r\n", 201},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        struct heard heard = ask_for(fixture, (struct http_server_reply){.bytes = cases[i].bytes});
        assert_int_equal(heard.failure, AUTH_HTTP_OK);
        assert_int_equal(heard.status, cases[i].status);
    }
    assert_int_equal(http_server_requests(fixture->server), BASE_COUNT(cases));
    assert_int_equal(count(fixture, "3xx"), 2);
}

static void a_wish_to_wait_is_told_and_capped(void **state)
{
    struct fixture *fixture = *state;
    struct http_server_reply reply = {
        .bytes = "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"};
    assert_int_equal(ask_for(fixture, reply).retry_after_s, 7);
    reply.bytes = "HTTP/1.1 429 Slow\r\nRetry-After: 99999999\r\nContent-Length: 0\r\n\r\n";
    assert_int_equal(ask_for(fixture, reply).retry_after_s, AUTH_HTTP_RETRY_AFTER_S_MAX);
    reply.bytes = "HTTP/1.1 503 Busy\r\nRetry-After: soon\r\nContent-Length: 0\r\n\r\n";
    assert_int_equal(ask_for(fixture, reply).retry_after_s, 0);
}

// ---- sizes

static void a_body_at_the_cap_passes_and_one_byte_more_does_not(void **state)
{
    struct fixture *fixture = *state;
    struct http_server_reply reply = {
        .bytes = "HTTP/1.1 200 OK\r\nContent-Length: 65536\r\n\r\n",
        .padding = 65536,
    };
    struct heard heard = ask_for(fixture, reply);
    assert_int_equal(heard.failure, AUTH_HTTP_OK);
    assert_int_equal(heard.body_size, 65536);
    reply.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 65537\r\n\r\n";
    reply.padding = 65537;
    reply.hang_up = true;
    assert_int_equal(ask_for(fixture, reply).failure, AUTH_HTTP_TOO_LARGE);
    // The announcement is enough.
    assert_int_equal(
        ask_for(fixture, (struct http_server_reply){.bytes = reply.bytes, .hang = true}).failure,
        AUTH_HTTP_TOO_LARGE);
    // Without a length, until the connection ends.
    reply.bytes = "HTTP/1.1 200 OK\r\n\r\n";
    assert_int_equal(ask_for(fixture, reply).failure, AUTH_HTTP_TOO_LARGE);
    reply.padding = 1024 * 1024;
    assert_int_equal(ask_for(fixture, reply).failure, AUTH_HTTP_TOO_LARGE);
    // In one chunk.
    reply.bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10001\r\n";
    reply.padding = 65537;
    reply.tail = "\r\n0\r\n\r\n";
    assert_int_equal(ask_for(fixture, reply).failure, AUTH_HTTP_TOO_LARGE);
    assert_int_equal(count(fixture, "too_large"), 5);
}

static void headers_have_a_cap_too(void **state)
{
    struct fixture *fixture = *state;
    struct http_server_reply reply = {
        .bytes = "HTTP/1.1 200 OK\r\nX: ",
        .padding = 16 * 1024 - 43,
        .tail = "\r\nContent-Length: 0\r\n\r\n",
    };
    assert_int_equal(ask_for(fixture, reply).failure, AUTH_HTTP_OK);
    reply.padding++;
    assert_int_equal(ask_for(fixture, reply).failure, AUTH_HTTP_TOO_LARGE);
    // One line without an end.
    reply.padding = 200 * 1024;
    reply.tail = NULL;
    assert_int_equal(ask_for(fixture, reply).failure, AUTH_HTTP_OTHER); // libcurl's own bound
}

static void chunks_are_put_together(void **state)
{
    struct fixture *fixture = *state;
    struct heard heard = ask_for(
        fixture,
        (struct http_server_reply){.bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                            "2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n"});
    assert_int_equal(heard.failure, AUTH_HTTP_OK);
    assert_string_equal(heard.body, "abcde");
}

// ---- what is no answer

static void a_broken_answer_has_a_name_and_never_a_status(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *bytes;
        enum auth_http_failure failure;
    } cases[] = {
        {"", AUTH_HTTP_CLOSED},
        {"HTTP/1.1 200 OK\r\nContent-Le", AUTH_HTTP_CLOSED},
        {"HTTP/1.1 200 OK\r\n", AUTH_HTTP_CLOSED},
        {"HTTP/1.1 100 Continue\r\n\r\n", AUTH_HTTP_CLOSED},
        {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", AUTH_HTTP_CLOSED},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", AUTH_HTTP_CLOSED},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n", AUTH_HTTP_CLOSED},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 4\r\n\r\nabcd",
         AUTH_HTTP_PROTOCOL},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         AUTH_HTTP_PROTOCOL},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n",
         AUTH_HTTP_PROTOCOL},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
         AUTH_HTTP_PROTOCOL},
        {"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nab", AUTH_HTTP_PROTOCOL},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nab", AUTH_HTTP_PROTOCOL},
        {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nab", AUTH_HTTP_PROTOCOL},
        {"HTTP/2 200 OK\r\n\r\n", AUTH_HTTP_PROTOCOL},
        {"{\"valid\":true}", AUTH_HTTP_PROTOCOL},
        {"SSH-2.0-OpenSSH_9.2\r\n", AUTH_HTTP_PROTOCOL},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        struct heard heard =
            ask_for(fixture, (struct http_server_reply){.bytes = cases[i].bytes, .hang_up = true});
        if (heard.failure != cases[i].failure) {
            fail_msg("case %zu: %s (%s)", i, auth_http_failure_name(heard.failure), heard.detail);
        }
        assert_int_equal(heard.status, 0);
        assert_int_equal(heard.body_size, 0);
        assert_true(heard.detail[0]);
    }
}

static void nobody_there_is_a_failure_to_connect(void **state)
{
    struct fixture *fixture = *state;
    char where[NOBODY_BYTES], url[64];
    int fd = nobody_open(where);
    snprintf(url, sizeof(url), "http://%s/", where);
    struct heard heard = {0};
    struct auth_http_request request = {.url = url, .timeout_ms = PATIENCE_MS};
    post(fixture, &request, &heard);
    auth_rig_until(&fixture->rig, &heard.answers, 1);
    assert_int_equal(heard.failure, AUTH_HTTP_CONNECT);
    assert_false(heard.was_sent);
    assert_int_equal(count(fixture, "connect"), 1);
    close(fd);
}

static void the_environment_has_no_say(void **state)
{
    struct fixture *fixture = *state;
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
    assert_int_equal(ask(fixture, PATIENCE_MS).status, 200);
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
}

// ---- time

static void a_dripping_answer_ends_at_the_deadline(void **state)
{
    struct fixture *fixture = *state;
    http_server_reply(fixture->server, (struct http_server_reply){.bytes = OK_200, .drip_ms = 500});
    uint64_t before_ms = auth_rig_now_ms(&fixture->rig);
    struct heard heard = ask(fixture, 2000); // a busy machine may take long to send it
    assert_int_equal(heard.failure, AUTH_HTTP_TIMEOUT);
    assert_true(heard.was_sent);
    assert_true(auth_rig_now_ms(&fixture->rig) - before_ms >= 1995);
}

static void a_cancelled_call_is_not_answered(void **state)
{
    struct fixture *fixture = *state;
    struct heard heard = {0};
    http_server_reply(fixture->server, (struct http_server_reply){.bytes = OK_200, .drip_ms = 500});
    struct auth_http_request request = {.url = http_server_url(fixture->server, "/"),
                                        .timeout_ms = PATIENCE_MS};
    auth_http_cancel(post(fixture, &request, &heard)); // before anything was sent
    struct auth_http_call *call = post(fixture, &request, &heard);
    while (http_server_requests(fixture->server) == 0) {
        auth_rig_run_ms(&fixture->rig, 1);
    }
    auth_http_cancel(call); // in the middle of the answer
    auth_rig_run_ms(&fixture->rig, 600);
    assert_int_equal(heard.answers, 0);
    http_server_reply(fixture->server, (struct http_server_reply){.bytes = OK_200});
    assert_int_equal(ask(fixture, PATIENCE_MS).status, 200);
}

static void the_end_cancels_everything(void **state)
{
    struct fixture *fixture = *state;
    struct heard heard = {0};
    http_server_reply(fixture->server, (struct http_server_reply){.hang = true});
    struct auth_http_request request = {.url = http_server_url(fixture->server, "/"),
                                        .timeout_ms = PATIENCE_MS};
    post(fixture, &request, &heard);
    auth_rig_run_ms(&fixture->rig, 20);
    auth_http_destroy(fixture->http);
    auth_rig_run_ms(&fixture->rig, 20);
    assert_int_equal(heard.answers, 0);
    create(fixture);
}

static void wait_for_lookups(struct fixture *fixture, unsigned count)
{
    for (unsigned ms = 0; ms < PATIENCE_MS && lookups != count; ms++) {
        auth_rig_run_ms(&fixture->rig, 1);
    }
    assert_int_equal(lookups, count);
}

// A name server that does not answer must not hold up the loop when a player has gone meanwhile, or
// when the call's time is over.
static void a_slow_name_server_holds_up_nobody(void **state)
{
    struct fixture *fixture = *state;
    struct heard heard = {0};
    struct auth_http_request request = {.url = "http://" SLOW_HOST "/", .timeout_ms = PATIENCE_MS};
    lookups_end = false;
    struct auth_http_call *call = post(fixture, &request, &heard);
    wait_for_lookups(fixture, 1);
    auth_http_cancel(call);
    assert_int_equal(lookups, 1); // which it has not waited for
    request.timeout_ms = 300;
    uint64_t before_ms = auth_rig_now_ms(&fixture->rig);
    post(fixture, &request, &heard);
    auth_rig_until(&fixture->rig, &heard.answers, 1);
    assert_int_equal(heard.failure, AUTH_HTTP_TIMEOUT);
    assert_false(heard.was_sent);
    assert_true(auth_rig_now_ms(&fixture->rig) - before_ms >= 290);
    assert_true(lookups >= 1);
    // The threads that still wait for libc end by themselves.
    lookups_end = true;
    wait_for_lookups(fixture, 0);
    request.timeout_ms = PATIENCE_MS;
    post(fixture, &request, &heard);
    auth_rig_until(&fixture->rig, &heard.answers, 1);
    assert_int_equal(heard.failure, AUTH_HTTP_RESOLVE);
}

// ---- sent twice?

// The service hangs up on a kept connection after it has read the request.
static void a_request_on_a_kept_connection_is_sent_again_unless_forbidden(void **state)
{
    struct fixture *fixture = *state;
    struct heard heard = {0};
    assert_int_equal(ask(fixture, PATIENCE_MS).status, 200);
    http_server_reply_once(fixture->server, (struct http_server_reply){.hang_up = true});
    assert_int_equal(ask(fixture, PATIENCE_MS).status, 200);
    assert_int_equal(http_server_requests(fixture->server), 3);
    http_server_reply_once(fixture->server, (struct http_server_reply){.hang_up = true});
    struct auth_http_request request = {.url = http_server_url(fixture->server, "/"),
                                        .timeout_ms = PATIENCE_MS,
                                        .at_most_once = true};
    post(fixture, &request, &heard);
    auth_rig_until(&fixture->rig, &heard.answers, 1);
    assert_int_equal(heard.failure, AUTH_HTTP_CLOSED);
    assert_true(heard.was_sent);
    assert_int_equal(http_server_requests(fixture->server), 4);
}

// What is left on a kept connection is nobody's answer, least of all the next one's.
static void a_second_answer_to_one_request_is_no_answer_to_the_next(void **state)
{
    struct fixture *fixture = *state;
    http_server_reply_once(
        fixture->server,
        (struct http_server_reply){.bytes = "HTTP/1.1 201 Made\r\nContent-Length: 3\r\n\r\n"
                                            "oneHTTP/1.1 202 Taken\r\n"
                                            "Content-Length: 3\r\n\r\ntwo"});
    assert_string_equal(ask(fixture, PATIENCE_MS).body, "one");
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(ask(fixture, PATIENCE_MS).status, 200);
    }
    assert_int_equal(http_server_requests(fixture->server), 3);
    assert_int_equal(http_server_connections(fixture->server), 2);
}

// ---- TLS

static void write_file(const char *path, struct bytes_span span)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(span.data, span.size, 1, file), 1);
    fclose(file);
}

// Two self-signed certificates: the service's and another one.
static struct http_server *start_tls(struct fixture *fixture, char ours[AUTH_RIG_PATH_BYTES],
                                     char other[AUTH_RIG_PATH_BYTES])
{
    char key_path[AUTH_RIG_PATH_BYTES];
    struct error error = {0};
    struct bytes_buf certificate;
    struct bytes_buf key;
    auth_rig_path(&fixture->rig, "ours.pem", ours);
    auth_rig_path(&fixture->rig, "other.pem", other);
    auth_rig_path(&fixture->rig, "key.pem", key_path);
    for (unsigned i = 0; i < 2; i++) {
        bytes_buf_init(&certificate, 16384);
        bytes_buf_init(&key, 16384);
        assert_true(net_tls_make_dev(&certificate, &key, &error));
        write_file(i == 0 ? other : ours, bytes_buf_span(&certificate));
        write_file(key_path, bytes_buf_span(&key));
        bytes_buf_finish(&certificate);
        bytes_buf_finish(&key);
    }
    struct http_server *server = http_server_start(ours, key_path);
    http_server_reply(server, (struct http_server_reply){.bytes = OK_200});
    return server;
}

static struct heard ask_trusting(struct fixture *fixture, const char *ca, const char *url)
{
    struct heard heard = {0};
    struct auth_http_request request = {.url = url, .timeout_ms = PATIENCE_MS};
    auth_http_destroy(fixture->http);
    snprintf(fixture->rig.config.backend_ca, sizeof(fixture->rig.config.backend_ca), "%s", ca);
    create(fixture);
    post(fixture, &request, &heard);
    auth_rig_until(&fixture->rig, &heard.answers, 1);
    return heard;
}

static void certificates_are_checked(void **state)
{
    struct fixture *fixture = *state;
    char ours[AUTH_RIG_PATH_BYTES];
    char other[AUTH_RIG_PATH_BYTES];
    char wrong_name[64];
    struct http_server *server = start_tls(fixture, ours, other);
    const char *url = http_server_url(server, "/");
    snprintf(wrong_name, sizeof(wrong_name), "https://" OTHER_NAME ":%u/",
             http_server_port(server));
    assert_int_equal(ask_trusting(fixture, ours, url).status, 200);
    assert_int_equal(ask_trusting(fixture, other, url).failure, AUTH_HTTP_CERTIFICATE);
    assert_false(ask_trusting(fixture, other, url).was_sent);
    assert_int_equal(ask_trusting(fixture, "", url).failure, AUTH_HTTP_CERTIFICATE);
    assert_int_equal(ask_trusting(fixture, ours, wrong_name).failure, AUTH_HTTP_CERTIFICATE);
    assert_int_equal(http_server_requests(server), 1);
    http_server_stop(server);
}

static void plain_http_on_a_tls_port_and_the_reverse_fail(void **state)
{
    struct fixture *fixture = *state;
    char ours[AUTH_RIG_PATH_BYTES];
    char other[AUTH_RIG_PATH_BYTES];
    char url[64];
    struct http_server *server = start_tls(fixture, ours, other);
    snprintf(url, sizeof(url), "https://127.0.0.1:%u/", http_server_port(fixture->server));
    http_server_reply(fixture->server, (struct http_server_reply){.hang_up = true});
    struct heard heard = {0};
    struct auth_http_request request = {.url = url, .timeout_ms = 1000};
    post(fixture, &request, &heard);
    auth_rig_until(&fixture->rig, &heard.answers, 1);
    assert_true(heard.failure != AUTH_HTTP_OK && !heard.was_sent);
    // Nor when nothing comes of the handshake until the time is over.
    http_server_reply(fixture->server, (struct http_server_reply){.hang = true});
    request.timeout_ms = 200;
    post(fixture, &request, &heard);
    auth_rig_until(&fixture->rig, &heard.answers, 1);
    assert_true(heard.failure == AUTH_HTTP_TIMEOUT && !heard.was_sent);
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/", http_server_port(server));
    request.timeout_ms = 1000;
    post(fixture, &request, &heard);
    auth_rig_until(&fixture->rig, &heard.answers, 1);
    assert_true(heard.failure != AUTH_HTTP_OK);
    assert_int_equal(http_server_requests(server), 0);
    http_server_stop(server);
}

static void files_that_cannot_be_read_are_told_at_the_start(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {0};
    struct config *config = &fixture->rig.config;
    snprintf(config->backend_ca, sizeof(config->backend_ca), "/nowhere/ca.pem");
    assert_null(auth_http_create(fixture->rig.loop, config, fixture->rig.counters, &error));
    assert_string_equal(error.text,
                        "--backend-ca=/nowhere/ca.pem: cannot read it: No such file or directory");
    snprintf(config->backend_ca, sizeof(config->backend_ca), "/tmp");
    assert_false(auth_http_preflight(config, &error));
    assert_string_equal(error.text, "--backend-ca=/tmp: cannot read it: Is a directory");
    config->backend_ca[0] = '\0';
}

static void files_without_what_they_are_named_for_are_told_at_the_start(void **state)
{
    static const char certificate[] = "subject=CN = us\n-----BEGIN CERTIFICATE-----\n";
    static const char key[] = "-----BEGIN EC PRIVATE KEY-----\n";
    struct fixture *fixture = *state;
    struct config *config = &fixture->rig.config;
    struct error error = {0};
    char cert_path[AUTH_RIG_PATH_BYTES];
    char key_path[AUTH_RIG_PATH_BYTES];
    char wanted[256];
    write_file(auth_rig_path(&fixture->rig, "cert.pem", cert_path), bytes_of_string(certificate));
    write_file(auth_rig_path(&fixture->rig, "key.pem", key_path), bytes_of_string(key));
    snprintf(config->backend_cert, sizeof(config->backend_cert), "%s", cert_path);
    assert_false(auth_http_preflight(config, &error));
    snprintf(wanted, sizeof(wanted), "--backend-cert=%s: there is no PEM PRIVATE KEY in it",
             cert_path);
    assert_string_equal(error.text, wanted);
    snprintf(config->backend_key, sizeof(config->backend_key), "%s", key_path);
    assert_true(auth_http_preflight(config, &error));
    snprintf(config->backend_cert, sizeof(config->backend_cert), "%s", key_path);
    assert_false(auth_http_preflight(config, &error));
    snprintf(wanted, sizeof(wanted), "--backend-cert=%s: there is no PEM CERTIFICATE in it",
             key_path);
    assert_string_equal(error.text, wanted);
    config->backend_cert[0] = '\0';
    config->backend_key[0] = '\0';
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_request_is_what_a_service_expects),
        TEST(one_connection_serves_many_requests),
        TEST(requests_at_once_do_not_wait_for_each_other),
        TEST(an_answers_callback_may_ask_the_next),
        TEST(statuses_come_as_they_are_and_redirects_are_not_followed),
        TEST(a_wish_to_wait_is_told_and_capped),
        TEST(a_body_at_the_cap_passes_and_one_byte_more_does_not),
        TEST(headers_have_a_cap_too),
        TEST(chunks_are_put_together),
        TEST(a_broken_answer_has_a_name_and_never_a_status),
        TEST(nobody_there_is_a_failure_to_connect),
        TEST(the_environment_has_no_say),
        TEST(a_dripping_answer_ends_at_the_deadline),
        TEST(a_cancelled_call_is_not_answered),
        TEST(the_end_cancels_everything),
        TEST(a_slow_name_server_holds_up_nobody),
        TEST(a_request_on_a_kept_connection_is_sent_again_unless_forbidden),
        TEST(a_second_answer_to_one_request_is_no_answer_to_the_next),
        TEST(certificates_are_checked),
        TEST(plain_http_on_a_tls_port_and_the_reverse_fail),
        TEST(files_that_cannot_be_read_are_told_at_the_start),
        TEST(files_without_what_they_are_named_for_are_told_at_the_start),
    };
    return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
