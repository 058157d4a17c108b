// SPDX-License-Identifier: MIT
// The HTTP backend over the seam: the shared suite against a small service, and what it makes of
// services that answer otherwise.

#include "auth/backend_http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "auth/crypto.h"
#include "auth/hook_json.h"
#include "tests/support/backend_suite.h"
#include "tests/support/http_server.h"

#define SERVER_TOKEN "server-token-of-the-tests"
#define PLAYERS_MAX  32

static const struct auth_backend_impl *const impl = &auth_backend_http;

// ---- a service

static struct service {
    struct http_server *server;
    struct secret *token;
    unsigned players;
    struct auth_token issued[PLAYERS_MAX];
    unsigned results;
    char keys[PLAYERS_MAX][256];
} service;

// Copies a header's value; false when the request has none.
static bool header_of(const char *request, const char *name, char value[256])
{
    char line[80];
    snprintf(line, sizeof(line), "\r\n%s: ", name);
    const char *at = strstr(request, line);
    const char *end = at ? strstr(at + 2, "\r\n") : NULL;
    if (end) {
        at += strlen(line);
        snprintf(value, 256, "%.*s", (int)(end - at), at);
    }
    return end;
}

static const char *body_of(const char *request)
{
    return strstr(request, "\r\n\r\n") + 4;
}

static bool is_valid(const json_t *body)
{
    const char *id = json_string_value(json_object_get(body, "player_id"));
    const char *token = json_string_value(json_object_get(body, "player_token"));
    for (unsigned i = 0; id && token && i < service.players; i++) {
        if (strcmp(service.issued[i].player_id, id) == 0) {
            return strcmp(service.issued[i].player_token, token) == 0;
        }
    }
    return false;
}

static void store(const char *key)
{
    for (unsigned i = 0; i < service.results; i++) {
        if (strcmp(service.keys[i], key) == 0) {
            return;
        }
    }
    snprintf(service.keys[service.results++ % PLAYERS_MAX], sizeof(service.keys[0]), "%s", key);
}

static void serve(void *context, const char *request, char answer[HTTP_SERVER_ANSWER_BYTES])
{
    json_error_t error;
    char value[256];
    const char *text = "";
    (void)context;
    if (!header_of(request, "Authorization", value) || strcmp(value, "Bearer " SERVER_TOKEN) != 0) {
        snprintf(answer, HTTP_SERVER_ANSWER_BYTES, "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n");
        return;
    }
    if (strncmp(request, "POST /hooks/connect ", 20) == 0) {
        json_t *body = json_loads(body_of(request), 0, &error);
        text = is_valid(body) ? "{\"valid\":true,\"metadata\":{\"display_name\":\"Ann\"}}"
                              : "{\"valid\":false}";
        json_decref(body);
    } else if (strncmp(request, "POST /hooks/results ", 20) == 0 &&
               header_of(request, "Idempotency-Key", value)) {
        store(value);
    }
    snprintf(answer, HTTP_SERVER_ANSWER_BYTES, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
             strlen(text), text);
}

static void prepare(struct auth_rig *rig)
{
    service = (struct service){.server = http_server_start(NULL, NULL)};
    http_server_handle(service.server, serve, NULL);
    rig->config.fusion_server_token = service.token = secret_create(bytes_of_string(SERVER_TOKEN));
    snprintf(rig->config.backend_url, sizeof(rig->config.backend_url), "%s",
             http_server_url(service.server, "/hooks/"));
}

static void finish(struct auth_rig *rig)
{
    http_server_stop(service.server);
    secret_destroy(service.token);
    rig->config.fusion_server_token = NULL;
}

static void issue(struct auth_rig *rig, const char *player_id, struct auth_token *token)
{
    (void)rig;
    assert_in_range(service.players, 0, PLAYERS_MAX - 1);
    *token = (struct auth_token){.player_token = "issued"};
    snprintf(token->player_id, sizeof(token->player_id), "%s", player_id);
    service.issued[service.players++] = *token;
}

static unsigned stored(struct auth_rig *rig, const char *key)
{
    unsigned count = 0;
    (void)rig;
    for (unsigned i = 0; i < service.results; i++) {
        count += strcmp(service.keys[i], key) == 0;
    }
    return count;
}

// ---- other services

struct fixture {
    struct auth_rig rig;
    struct auth_backend *backend;
};

struct heard {
    unsigned answers;
    enum auth_verdict verdict;
    enum auth_delivery delivery;
    struct auth_attributes attributes;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    auth_rig_init(&fixture->rig, false);
    fixture->rig.config.verify_ms = 60000; // the rig itself waits for 20 seconds
    prepare(&fixture->rig);
    fixture->backend = auth_rig_backend(&fixture->rig, impl);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    impl->destroy(fixture->backend);
    finish(&fixture->rig);
    auth_rig_finish(&fixture->rig);
    free(fixture);
    return 0;
}

static void on_verdict(void *context, enum auth_verdict verdict,
                       const struct auth_attributes *attributes)
{
    struct heard *heard = context;
    heard->answers++;
    heard->verdict = verdict;
    heard->attributes = *attributes;
}

static void on_delivery(void *context, enum auth_delivery delivery)
{
    struct heard *heard = context;
    heard->answers++;
    heard->delivery = delivery;
}

static struct auth_call *begin_verify(struct fixture *fixture, struct heard *heard)
{
    struct auth_token token = {.player_id = "P1", .player_token = "secret of P1"};
    struct auth_verify_request request = {
        .token = &token,
        .session = "friday",
        .transport = "tcp",
        .remote = "192.0.2.1:50123",
        .client = "test/1",
        .local = "198.51.100.7:7778",
    };
    struct auth_call *call = impl->verify(fixture->backend, &request, on_verdict, heard);
    assert_non_null(call);
    return call;
}

static struct heard verify(struct fixture *fixture)
{
    struct heard heard = {0};
    begin_verify(fixture, &heard);
    auth_rig_until(&fixture->rig, &heard.answers, 1);
    return heard;
}

static enum auth_delivery report(struct fixture *fixture)
{
    char body[1024];
    struct heard heard = {0};
    struct auth_report request = {
        .key = "race-1",
        .subject = "",
        .body = bytes_of_string(auth_rig_body("race-1", body)),
        .attempt = 1,
    };
    assert_non_null(impl->report(fixture->backend, &request, on_delivery, &heard));
    auth_rig_until(&fixture->rig, &heard.answers, 1);
    return heard.delivery;
}

static struct http_server_reply status_reply(unsigned status, const char *body)
{
    static char text[8][512];
    static unsigned next;
    char *here = text[next++ % 8];
    snprintf(here, sizeof(text[0]), "HTTP/1.1 %u Status\r\nContent-Length: %zu\r\n\r\n%s", status,
             strlen(body), body);
    return (struct http_server_reply){.bytes = here};
}

static unsigned requests(void)
{
    return http_server_requests(service.server);
}

// ---- verification

static void a_yes_brings_the_name(void **state)
{
    struct fixture *fixture = *state;
    http_server_reply_once(
        service.server,
        status_reply(200, "{\"valid\":true,\"metadata\":{\"display_name\":\"Zo\xc3\xab\"}}"));
    struct heard heard = verify(fixture);
    assert_int_equal(heard.verdict, AUTH_YES);
    assert_string_equal(heard.attributes.display_name, "Zo\xc3\xab");
    assert_false(heard.attributes.spectator);
}

static void statuses_mean_what_the_readme_says(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        unsigned status;
        enum auth_verdict verdict;
        enum auth_delivery delivery;
    } cases[] = {
        // A yes in the body counts with 200 only.
        {201, AUTH_ERROR, AUTH_DELIVERED}, {204, AUTH_ERROR, AUTH_DELIVERED},
        {301, AUTH_ERROR, AUTH_RETRY},     {307, AUTH_ERROR, AUTH_RETRY},
        {400, AUTH_NO, AUTH_REFUSED},      {401, AUTH_ERROR, AUTH_RETRY},
        {403, AUTH_NO, AUTH_REFUSED},      {404, AUTH_NO, AUTH_REFUSED},
        {408, AUTH_ERROR, AUTH_RETRY},     {409, AUTH_NO, AUTH_DELIVERED},
        {422, AUTH_NO, AUTH_REFUSED},      {425, AUTH_ERROR, AUTH_RETRY},
        {429, AUTH_ERROR, AUTH_RETRY},     {500, AUTH_ERROR, AUTH_RETRY},
        {502, AUTH_ERROR, AUTH_RETRY},     {503, AUTH_ERROR, AUTH_RETRY},
        {599, AUTH_ERROR, AUTH_RETRY},
    };
    http_server_handle(service.server, NULL, NULL);
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        const char *body = cases[i].status == 204 ? "" : "{\"valid\":true}";
        http_server_reply(service.server, status_reply(cases[i].status, body));
        enum auth_verdict verdict = verify(fixture).verdict;
        enum auth_delivery delivery = report(fixture);
        if (verdict != cases[i].verdict || delivery != cases[i].delivery) {
            fail_msg("%u: verdict %d, delivery %d", cases[i].status, verdict, delivery);
        }
    }
    http_server_reply(service.server, status_reply(200, "{\"valid\":1}"));
    assert_int_equal(verify(fixture).verdict, AUTH_ERROR);
    http_server_reply(service.server, status_reply(200, "not even JSON"));
    assert_int_equal(verify(fixture).verdict, AUTH_ERROR);
    assert_int_equal(report(fixture), AUTH_DELIVERED); // its body is not of interest
}

static void a_busy_service_is_asked_twice_and_not_three_times(void **state)
{
    struct fixture *fixture = *state;
    http_server_handle(service.server, NULL, NULL);
    http_server_reply(service.server, status_reply(200, "{\"valid\":true}"));
    http_server_reply_once(service.server, status_reply(503, ""));
    assert_int_equal(verify(fixture).verdict, AUTH_YES);
    assert_int_equal(requests(), 2);
    assert_string_equal(body_of(http_server_request(service.server, 0)),
                        body_of(http_server_request(service.server, 1)));
    http_server_reply(service.server, status_reply(429, ""));
    assert_int_equal(verify(fixture).verdict, AUTH_ERROR);
    assert_int_equal(requests(), 4);
    http_server_reply(service.server, status_reply(500, ""));
    assert_int_equal(verify(fixture).verdict, AUTH_ERROR);
    assert_int_equal(requests(), 5);
}

static void a_wish_to_wait_is_heard_within_the_deadline(void **state)
{
    struct fixture *fixture = *state;
    http_server_handle(service.server, NULL, NULL);
    http_server_reply(service.server, status_reply(200, "{\"valid\":true}"));
    http_server_reply_once(
        service.server,
        (struct http_server_reply){
            .bytes = "HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"});
    uint64_t before_ms = auth_rig_now_ms(&fixture->rig);
    assert_int_equal(verify(fixture).verdict, AUTH_YES);
    assert_true(auth_rig_now_ms(&fixture->rig) - before_ms >= 999);
    // Longer than the player's patience: said at once.
    http_server_reply_once(
        service.server,
        (struct http_server_reply){
            .bytes = "HTTP/1.1 503 Busy\r\nRetry-After: 60\r\nContent-Length: 0\r\n\r\n"});
    assert_int_equal(verify(fixture).verdict, AUTH_ERROR);
}

static void a_service_that_is_away_is_an_error_for_players_and_later_for_results(void **state)
{
    struct fixture *fixture = *state;
    http_server_handle(service.server, NULL, NULL);
    http_server_reply(service.server, (struct http_server_reply){.hang_up = true});
    assert_int_equal(verify(fixture).verdict, AUTH_ERROR);
    assert_int_equal(requests(), 2);
    assert_int_equal(report(fixture), AUTH_RETRY);
}

static void cancelling_between_two_tries_asks_no_more(void **state)
{
    struct fixture *fixture = *state;
    struct heard heard = {0};
    http_server_handle(service.server, NULL, NULL);
    http_server_reply(service.server, status_reply(503, ""));
    struct auth_call *call = begin_verify(fixture, &heard);
    while (auth_rig_counter(&fixture->rig, "paddock_backend_requests_total{outcome=\"5xx\"}") ==
           0) {
        auth_rig_run_ms(&fixture->rig, 1);
    }
    impl->cancel(fixture->backend, call);
    auth_rig_run_ms(&fixture->rig, 400);
    assert_int_equal(heard.answers, 0);
    assert_int_equal(requests(), 1);
}

// ---- what it sends

static void results_are_signed_and_carry_their_key(void **state)
{
    struct fixture *fixture = *state;
    char value[256], body[1024], hex[65], wanted[80];
    uint8_t digest[AUTH_CRYPTO_SHA256_BYTES];
    assert_int_equal(report(fixture), AUTH_DELIVERED);
    const char *request = http_server_request(service.server, 0);
    assert_true(header_of(request, "Idempotency-Key", value));
    assert_string_equal(value, "race-1");
    assert_true(header_of(request, "Authorization", value));
    assert_string_equal(value, "Bearer " SERVER_TOKEN);
    assert_string_equal(body_of(request), auth_rig_body("race-1", body));
    auth_crypto_hmac_sha256(bytes_of_string(SERVER_TOKEN), bytes_of_string(body), digest);
    bytes_to_hex(bytes_of(digest, sizeof(digest)), hex);
    snprintf(wanted, sizeof(wanted), "sha256=%s", hex);
    assert_true(header_of(request, "X-Paddock-Signature", value));
    assert_string_equal(value, wanted);
}

static json_t *connect_body(struct fixture *fixture, unsigned index)
{
    json_error_t error;
    verify(fixture);
    json_t *body = json_loads(body_of(http_server_request(service.server, index)), 0, &error);
    assert_non_null(body);
    return body;
}

static const char *text_at(const json_t *body, const char *key)
{
    const char *text = json_string_value(json_object_get(body, key));
    return text ? text : "";
}

static void session_ids_are_of_flashphoners_shape_and_never_the_same(void **state)
{
    struct fixture *fixture = *state;
    static const char prefix[] = "/192.0.2.1:50123/198.51.100.7:7778-";
    static const char shape[] = "xxxxxxxx-xxxx-4xxx-vxxx-xxxxxxxxxxxx";
    json_t *first = connect_body(fixture, 0);
    json_t *second = connect_body(fixture, 1);
    const char *id = text_at(first, "session_id");
    assert_memory_equal(id, prefix, strlen(prefix));
    const char *uuid = id + strlen(prefix);
    assert_int_equal(strlen(uuid), strlen(shape));
    for (size_t i = 0; i < strlen(shape); i++) {
        const char *allowed = shape[i] == 'x'   ? "0123456789abcdef"
                              : shape[i] == 'v' ? "89ab"
                              : shape[i] == '4' ? "4"
                                                : "-";
        assert_non_null(strchr(allowed, uuid[i]));
    }
    assert_string_not_equal(id, text_at(second, "session_id"));
    assert_string_equal(text_at(first, "node_id"), text_at(second, "node_id"));
    json_decref(first);
    json_decref(second);
}

static void the_node_id_is_drawn_at_each_start_or_given(void **state)
{
    struct fixture *fixture = *state;
    json_t *body = connect_body(fixture, 0);
    char id[128];
    snprintf(id, sizeof(id), "%s", text_at(body, "node_id"));
    assert_in_range(strlen(id), 40, 48);
    assert_int_equal(strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"),
                     32);
    assert_int_equal(id[32], '@');
    assert_int_equal(strspn(id + 33, "0123456789."), strlen(id + 33));
    impl->destroy(fixture->backend);
    fixture->backend = auth_rig_backend(&fixture->rig, impl);
    json_t *again = connect_body(fixture, 1);
    assert_string_not_equal(id, text_at(again, "node_id"));
    impl->destroy(fixture->backend);
    snprintf(fixture->rig.config.node_id, sizeof(fixture->rig.config.node_id), "berlin-7");
    fixture->backend = auth_rig_backend(&fixture->rig, impl);
    json_t *given = connect_body(fixture, 2);
    assert_string_equal(text_at(given, "node_id"), "berlin-7");
    json_decref(body);
    json_decref(again);
    json_decref(given);
}

static void in_the_flashphoner_form_the_token_travels_in_a_header(void **state)
{
    struct fixture *fixture = *state;
    char value[256];
    char wanted[256];
    fixture->rig.config.hook_flashphoner_compat = true;
    json_t *body = connect_body(fixture, 0);
    assert_int_equal(json_object_size(body), 13);
    assert_string_equal(text_at(body, "clientVersion"), "test/1");
    const char *request = http_server_request(service.server, 0);
    assert_null(strstr(body_of(request), "secret of P1"));
    assert_true(header_of(request, "X-Paddock-Connection-Token", value));
    static const char json[] =
        "{\"unisavePlayerId\":\"P1\",\"fusionPlayerToken\":\"secret of P1\"}";
    auth_crypto_base64(bytes_of_string(json), wanted);
    assert_string_equal(value, wanted);
    json_decref(body);
}

// ---- notices

static const struct auth_notice notice = {
    .kicked = true,
    .player_id = "P1",
    .session = "friday",
    .transport = "tcp",
    .remote = "192.0.2.1:5",
    .code = 4029,
    .reason = "flooding",
};

static uint64_t notices(struct fixture *fixture, const char *outcome)
{
    char sample[96];
    snprintf(sample, sizeof(sample), "paddock_backend_notices_total{outcome=\"%s\"}", outcome);
    return auth_rig_counter(&fixture->rig, sample);
}

static void notices_are_sent_when_wanted_only(void **state)
{
    struct fixture *fixture = *state;
    impl->notify(fixture->backend, &notice);
    auth_rig_run_ms(&fixture->rig, 50);
    assert_int_equal(requests(), 0);
    fixture->rig.config.hook_notify = true;
    impl->notify(fixture->backend, &notice);
    while (notices(fixture, "sent") == 0) {
        auth_rig_run_ms(&fixture->rig, 1);
    }
    const char *request = http_server_request(service.server, 0);
    assert_int_equal(strncmp(request, "POST /hooks/disconnect HTTP/1.1\r\n", 33), 0);
    assert_non_null(strstr(body_of(request), "\"event\":\"kicked\",\"player_id\":\"P1\""));
    // One after the other, any number.
    for (unsigned i = 2; i <= 40; i++) {
        impl->notify(fixture->backend, &notice);
        while (notices(fixture, "sent") < i) {
            auth_rig_run_ms(&fixture->rig, 1);
        }
    }
    assert_int_equal(notices(fixture, "failed") + notices(fixture, "dropped"), 0);
}

static void a_slow_service_holds_a_bounded_number_of_notices(void **state)
{
    struct fixture *fixture = *state;
    fixture->rig.config.hook_notify = true;
    http_server_handle(service.server, NULL, NULL);
    http_server_reply(service.server, (struct http_server_reply){.hang = true});
    for (unsigned i = 0; i < 40; i++) {
        impl->notify(fixture->backend, &notice);
    }
    assert_int_equal(notices(fixture, "dropped"), 8);
    assert_int_equal(auth_rig_counter(&fixture->rig, "paddock_backend_requests_in_flight"), 32);
}

static void a_notice_that_fails_is_counted_and_forgotten(void **state)
{
    struct fixture *fixture = *state;
    fixture->rig.config.hook_notify = true;
    http_server_handle(service.server, NULL, NULL);
    static const unsigned statuses[] = {500, 404, 302};
    for (unsigned i = 0; i < BASE_COUNT(statuses); i++) {
        http_server_reply(service.server, status_reply(statuses[i], ""));
        impl->notify(fixture->backend, &notice);
        while (notices(fixture, "failed") + notices(fixture, "sent") <= i) {
            auth_rig_run_ms(&fixture->rig, 1);
        }
    }
    auth_rig_run_ms(&fixture->rig, 300);
    assert_int_equal(notices(fixture, "failed"), BASE_COUNT(statuses));
    assert_int_equal(requests(), BASE_COUNT(statuses));
}

// ---- starts

static void refuses(struct fixture *fixture, const char *why)
{
    struct auth_backend_env env = auth_rig_env(&fixture->rig);
    struct error error = {0};
    assert_null(impl->create(&env, &error));
    assert_string_equal(error.text, why);
}

static void what_cannot_work_is_told_at_the_start(void **state)
{
    struct fixture *fixture = *state;
    struct config *config = &fixture->rig.config;
    snprintf(config->backend_url, sizeof(config->backend_url), "http://hooks.example/paddock");
    refuses(fixture,
            "--backend-url=http://hooks.example/paddock: would send the server token where "
            "anybody on the way can read it; use https://, or say "
            "--allow-plaintext-backend");
    snprintf(config->backend_url, sizeof(config->backend_url), "ftp://127.0.0.1/");
    refuses(fixture,
            "--backend-url=ftp://127.0.0.1/: must be https://host[:port][/path] without a query");
    snprintf(config->backend_url, sizeof(config->backend_url), "https://hooks.example/");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    static const struct backend_suite suite = {
        .name = "backend suite: http",
        .impl = &auth_backend_http,
        .prepare = prepare,
        .finish = finish,
        .issue = issue,
        .stored = stored,
    };
    const struct CMUnitTest tests[] = {
        TEST(a_yes_brings_the_name),
        TEST(statuses_mean_what_the_readme_says),
        TEST(a_busy_service_is_asked_twice_and_not_three_times),
        TEST(a_wish_to_wait_is_heard_within_the_deadline),
        TEST(a_service_that_is_away_is_an_error_for_players_and_later_for_results),
        TEST(cancelling_between_two_tries_asks_no_more),
        TEST(results_are_signed_and_carry_their_key),
        TEST(session_ids_are_of_flashphoners_shape_and_never_the_same),
        TEST(the_node_id_is_drawn_at_each_start_or_given),
        TEST(in_the_flashphoner_form_the_token_travels_in_a_header),
        TEST(notices_are_sent_when_wanted_only),
        TEST(a_slow_service_holds_a_bounded_number_of_notices),
        TEST(a_notice_that_fails_is_counted_and_forgotten),
        TEST(what_cannot_work_is_told_at_the_start),
    };
    int failed = cmocka_run_group_tests_name("backend_http", tests, NULL, NULL);
    return failed + backend_suite_run(&suite);
}
