// SPDX-License-Identifier: MIT
// The Unisave backend over the seam: the shared suite against a small gateway, and what it makes of
// gateways that answer otherwise.

#include "auth/backend_unisave.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "tests/support/backend_suite.h"
#include "tests/support/http_server.h"
#include "tests/support/nobody.h"

#define SERVER_TOKEN     "server-token-of-the-tests"
#define PLAYERS_MAX      32
#define PATIENCE_MS      60000 // the rig itself waits for 20 seconds
#define SILENCE_MS       2000 // how long one waits for a gateway that has taken a call and says nothing
#define SET(field, text) snprintf(rig->config.field, sizeof(rig->config.field), "%s", (text))

#define OK(returned, session)                                                                      \
    "{\"executionResult\":{\"result\":\"ok\",\"returned\":" returned ",\"exception\":null,"        \
    "\"special\":{\"sessionId\":" session ",\"executionDuration\":0.5}}}"
#define THROWN(name)                                                                               \
    "{\"executionResult\":{\"result\":\"exception\",\"returned\":null,\"exception\":{"             \
    "\"ClassName\":\"" name "\",\"Message\":\"m\"},\"special\":{\"sessionId\":null}}}"

static const struct auth_backend_impl *const impl = &auth_backend_unisave;

// ---- a gateway

static struct gateway {
    struct http_server *server;
    struct secret *token;
    unsigned players;
    struct auth_token issued[PLAYERS_MAX];
    unsigned results;
    char races[PLAYERS_MAX][64];
} gateway;

static bool is_valid(const json_t *arguments)
{
    const json_t *token = json_array_get(arguments, 0);
    const char *id = json_string_value(json_object_get(token, "unisavePlayerId"));
    const char *secret = json_string_value(json_object_get(token, "fusionPlayerToken"));
    for (unsigned i = 0; id && secret && i < gateway.players; i++) {
        if (strcmp(gateway.issued[i].player_id, id) == 0) {
            return strcmp(gateway.issued[i].player_token, secret) == 0;
        }
    }
    return false;
}

static bool store(const json_t *arguments)
{
    const char *token = json_string_value(json_array_get(arguments, 0));
    const char *player_id = json_string_value(json_array_get(arguments, 1));
    const char *race_id = json_string_value(json_array_get(arguments, 2));
    if (!token || !player_id || !race_id || strcmp(token, SERVER_TOKEN) != 0) {
        return false;
    }
    for (unsigned i = 0; i < gateway.results; i++) {
        if (strcmp(gateway.races[i], race_id) == 0) {
            return true;
        }
    }
    snprintf(gateway.races[gateway.results++ % PLAYERS_MAX], sizeof(gateway.races[0]), "%s",
             race_id);
    return true;
}

static void serve(void *context, const char *request, char answer[HTTP_SERVER_ANSWER_BYTES])
{
    const char *body = strstr(request, "\r\n\r\n") + 4;
    json_t *call = json_loads(body, 0, NULL);
    const json_t *arguments = json_object_get(call, "arguments");
    const char *facet = json_string_value(json_object_get(call, "facetName"));
    const char *text = THROWN("Unisave.Facets.FacetSearchException");
    (void)context;
    if (facet && strcmp(facet, "MyFusionAuthFacet") == 0) {
        text = is_valid(arguments) ? OK("true", "\"s1\"") : OK("false", "\"s1\"");
    } else if (facet && strcmp(facet, "MyRaceFacet") == 0) {
        text = store(arguments) ? OK("null", "null") : THROWN("System.Exception");
    }
    snprintf(answer, HTTP_SERVER_ANSWER_BYTES, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
             strlen(text), text);
    json_decref(call);
}

static void prepare(struct auth_rig *rig)
{
    gateway = (struct gateway){.server = http_server_start(NULL, NULL)};
    http_server_handle(gateway.server, serve, NULL);
    rig->config.fusion_server_token = gateway.token = secret_create(bytes_of_string(SERVER_TOKEN));
    SET(backend_url, http_server_url(gateway.server, ""));
    SET(unisave_game_token, "game");
    SET(unisave_backend_hash, "hash");
    SET(unisave_build_guid, "guid");
    SET(unisave_device_id, "paddock");
    SET(unisave_auth_facet, "MyFusionAuthFacet");
    SET(unisave_auth_method, "IsFusionConnectionTokenValid");
    SET(unisave_result_facet, "MyRaceFacet");
    SET(unisave_result_method, "PlayerWonRace");
    SET(unisave_result_arguments, "server_token player_id race_id");
}

static void finish(struct auth_rig *rig)
{
    (void)rig;
    http_server_stop(gateway.server);
    secret_destroy(gateway.token);
}

static void issue(struct auth_rig *rig, const char *player_id, struct auth_token *token)
{
    (void)rig;
    assert_in_range(gateway.players, 0, PLAYERS_MAX - 1);
    snprintf(token->player_id, sizeof(token->player_id), "%s", player_id);
    snprintf(token->player_token, sizeof(token->player_token), "token/%u\"", gateway.players);
    gateway.issued[gateway.players++] = *token;
}

static unsigned stored(struct auth_rig *rig, const char *key)
{
    unsigned count = 0;
    (void)rig;
    for (unsigned i = 0; i < gateway.results; i++) {
        count += strcmp(gateway.races[i], key) == 0;
    }
    return count;
}

// ---- a backend against standing answers

struct fixture {
    struct auth_rig rig;
    struct auth_backend *backend;
};

struct heard {
    unsigned answers;
    enum auth_verdict verdict;
    enum auth_delivery delivery;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    auth_rig_init(&fixture->rig, false);
    prepare(&fixture->rig);
    http_server_handle(gateway.server, NULL, NULL);
    fixture->rig.config.verify_ms = PATIENCE_MS;
    fixture->rig.config.report_ms = PATIENCE_MS;
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

// With another setting than set_up() has made.
static void create_again(struct fixture *fixture)
{
    impl->destroy(fixture->backend);
    fixture->backend = auth_rig_backend(&fixture->rig, impl);
}

static void reply(const char *status, const char *body, bool once)
{
    static char bytes[8][1024];
    static unsigned next;
    char *text = bytes[next++ % BASE_COUNT(bytes)];
    snprintf(text, sizeof(bytes[0]), "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n%s", status,
             strlen(body), body);
    if (once) {
        http_server_reply_once(gateway.server, (struct http_server_reply){.bytes = text});
    } else {
        http_server_reply(gateway.server, (struct http_server_reply){.bytes = text});
    }
}

static void on_verdict(void *context, enum auth_verdict verdict,
                       const struct auth_attributes *attributes)
{
    struct heard *heard = context;
    heard->answers++;
    heard->verdict = verdict;
    assert_string_equal(attributes->display_name, "");
    assert_false(attributes->spectator);
}

static void on_delivery(void *context, enum auth_delivery delivery)
{
    struct heard *heard = context;
    heard->answers++;
    heard->delivery = delivery;
}

static enum auth_verdict verify(struct fixture *fixture, const char *player_id)
{
    struct heard heard = {0};
    struct auth_token token = {.player_token = "t"};
    struct auth_verify_request request = {.token = &token};
    snprintf(token.player_id, sizeof(token.player_id), "%s", player_id);
    assert_non_null(impl->verify(fixture->backend, &request, on_verdict, &heard));
    assert_int_equal(heard.answers, 0);
    auth_rig_until(&fixture->rig, &heard.answers, 1);
    return heard.verdict;
}

static struct auth_call *begin_report(struct fixture *fixture, const char *race_id,
                                      const char *subject, unsigned attempt, struct heard *heard)
{
    char body[1024], key[192];
    snprintf(key, sizeof(key), "%s/%s", race_id, subject);
    struct auth_report request = {
        .key = key,
        .subject = subject,
        .body = bytes_of_string(auth_rig_body(race_id, body)),
        .attempt = attempt,
    };
    struct auth_call *call = impl->report(fixture->backend, &request, on_delivery, heard);
    assert_non_null(call);
    assert_int_equal(heard->answers, 0);
    return call;
}

static enum auth_delivery report(struct fixture *fixture, const char *race_id, unsigned attempt)
{
    struct heard heard = {0};
    begin_report(fixture, race_id, "P1", attempt, &heard);
    auth_rig_until(&fixture->rig, &heard.answers, 1);
    return heard.delivery;
}

static unsigned asked(void)
{
    return http_server_requests(gateway.server);
}

static bool asked_with(unsigned index, const char *text)
{
    return strstr(http_server_request(gateway.server, index), text);
}

static uint64_t counted(const struct fixture *fixture, const char *outcome)
{
    char sample[96];
    snprintf(sample, sizeof(sample), "paddock_unisave_answers_total{outcome=\"%s\"}", outcome);
    return auth_rig_counter(&fixture->rig, sample);
}

// ---- requests

static void a_request_has_the_headers_of_the_protocol_and_no_other(void **state)
{
    struct fixture *fixture = *state;
    char head[512];
    reply("200 OK", OK("true", "null"), false);
    verify(fixture, "P1");
    snprintf(head, sizeof(head),
             "POST /_api/call-facet HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n"
             "User-Agent: paddock/" PADDOCK_VERSION "\r\nContent-Type: application/json\r\n"
             "Accept: application/json\r\nContent-Length: ",
             http_server_port(gateway.server));
    const char *request = http_server_request(gateway.server, 0);
    assert_memory_equal(request, head, strlen(head));
    const char *body = strstr(request, "\r\n\r\n{\"facetName\":\"MyFusionAuthFacet\",");
    assert_non_null(body);
    assert_int_equal(strtoul(request + strlen(head), NULL, 10), strlen(body) - 4);
    assert_true(asked_with(0, "\"arguments\":[{\"unisavePlayerId\":\"P1\",\"fusionPlayerToken\":"
                              "\"t\"}],\"sessionId\":null,\"deviceId\":\"paddock\""));
}

static void the_path_is_appended_with_one_slash(void **state)
{
    struct fixture *fixture = *state;
    struct auth_rig *rig = &fixture->rig;
    static const char *const paths[][2] = {
        {"", "POST /_api/call-facet "},
        {"/", "POST /_api/call-facet "},
        {"/unisave", "POST /unisave/_api/call-facet "},
        {"/unisave/", "POST /unisave/_api/call-facet "},
    };
    reply("200 OK", OK("true", "null"), false);
    for (unsigned i = 0; i < BASE_COUNT(paths); i++) {
        SET(backend_url, http_server_url(gateway.server, paths[i][0]));
        create_again(fixture);
        verify(fixture, "P1");
        assert_true(asked_with(i, paths[i][1]));
    }
}

static void a_session_is_kept_until_another_comes(void **state)
{
    struct fixture *fixture = *state;
    reply("200 OK", OK("true", "\"12As+x==\""), true);
    reply("200 OK", OK("true", "null"), true);
    reply("200 OK", THROWN("System.Exception"), true);
    reply("200 OK", OK("true", "\"other\""), true);
    reply("200 OK", OK("null", "null"), true);
    reply("200 OK", OK("true", "null"), true);
    for (unsigned i = 0; i < 4; i++) {
        verify(fixture, "P1");
    }
    assert_int_equal(report(fixture, "race-1", 1), AUTH_DELIVERED);
    verify(fixture, "P1");
    assert_true(asked_with(0, "\"sessionId\":null"));
    assert_true(asked_with(1, "\"sessionId\":\"12As+x==\""));
    assert_true(asked_with(2, "\"sessionId\":\"12As+x==\""));
    assert_true(asked_with(3, "\"sessionId\":\"12As+x==\""));
    assert_true(asked_with(4, "\"sessionId\":\"other\""));
    assert_true(asked_with(5, "\"sessionId\":\"other\""));
    assert_int_equal(http_server_connections(gateway.server), 1);
}

static void only_ids_with_the_prefix_can_be_known(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *id;
        bool known;
    } ids[] = {
        {"e_PlayerEntity/1", true}, {"e_PlayerEntity//", true},   {"P1", false},
        {"e_PlayerEntity", false},  {"e_PlayerEntity/", false},   {"E_PlayerEntity/1", false},
        {"e_Player/1", false},      {" e_PlayerEntity/1", false},
    };
    struct auth_rig *rig = &fixture->rig;
    SET(unisave_id_prefix, "e_PlayerEntity/");
    for (unsigned i = 0; i < BASE_COUNT(ids); i++) {
        assert_int_equal(impl->could_know(fixture->backend, ids[i].id), ids[i].known);
    }
    SET(unisave_id_prefix, "");
    assert_true(impl->could_know(fixture->backend, "P1"));
}

// ---- verdicts

static void nothing_but_true_is_a_yes(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *status;
        const char *body;
        enum auth_verdict verdict;
    } cases[] = {
        {"200 OK", OK("true", "null"), AUTH_YES},
        {"200 OK", OK("false", "null"), AUTH_NO},
        {"200 OK", OK("null", "null"), AUTH_ERROR},
        {"200 OK", OK("1", "null"), AUTH_ERROR},
        {"200 OK", OK("\"true\"", "null"), AUTH_ERROR},
        {"200 OK", "", AUTH_ERROR},
        {"200 OK", "true", AUTH_ERROR},
        {"200 OK", THROWN("System.NullReferenceException"), AUTH_NO},
        {"200 OK", THROWN("System.Exception"), AUTH_NO},
        {"200 OK", THROWN("Unisave.Serialization.UnisaveSerializationException"), AUTH_ERROR},
        {"200 OK", THROWN("Unisave.Facets.FacetSearchException"), AUTH_ERROR},
        {"200 OK", THROWN("Unisave.Facets.MethodSearchException"), AUTH_ERROR},
        {"200 OK", THROWN("Unisave.Exceptions.BackendExecutionTimeoutException"), AUTH_ERROR},
        {"200 OK", "Build hasn't been registered", AUTH_ERROR},
        {"400 Bad", "Build hasn't been registered", AUTH_ERROR},
        {"201 Created", OK("true", "null"), AUTH_ERROR},
        {"302 Found", OK("true", "null"), AUTH_ERROR},
        {"400 Bad", OK("true", "null"), AUTH_ERROR},
        {"401 No", OK("true", "null"), AUTH_ERROR},
        {"500 Oops", OK("true", "null"), AUTH_ERROR},
    };
    for (unsigned i = 0; i < BASE_COUNT(cases); i++) {
        reply(cases[i].status, cases[i].body, false);
        if (verify(fixture, "P1") != cases[i].verdict) {
            fail_msg("%s %s", cases[i].status, cases[i].body);
        }
        assert_int_equal(asked(), i + 1);
    }
    assert_int_equal(counted(fixture, "returned"), 5);
    assert_int_equal(counted(fixture, "no_build"), 2);
    assert_int_equal(counted(fixture, "no_method"), 2);
    assert_int_equal(counted(fixture, "failed"), 3);
}

static void a_gateway_that_hangs_up_or_hangs_gives_no_verdict(void **state)
{
    struct fixture *fixture = *state;
    http_server_reply(gateway.server, (struct http_server_reply){.hang_up = true});
    assert_int_equal(verify(fixture, "P1"), AUTH_ERROR);
    fixture->rig.config.verify_ms = SILENCE_MS;
    http_server_reply(gateway.server, (struct http_server_reply){.hang = true});
    uint64_t before_ms = auth_rig_now_ms(&fixture->rig);
    assert_int_equal(verify(fixture, "P1"), AUTH_ERROR);
    assert_true(auth_rig_now_ms(&fixture->rig) - before_ms >= SILENCE_MS - 5);
    assert_int_equal(counted(fixture, "no_answer"), 2);
}

static void a_busy_gateway_is_asked_again_while_the_player_waits(void **state)
{
    struct fixture *fixture = *state;
    reply("200 OK", OK("true", "null"), false);
    reply("429 Busy", "", true);
    reply("503 Busy", "{\"statusCode\":503,\"error\":true,\"errorNumber\":1000}", true);
    uint64_t before_ms = auth_rig_now_ms(&fixture->rig);
    assert_int_equal(verify(fixture, "P1"), AUTH_YES);
    assert_int_equal(asked(), 3);
    assert_true(auth_rig_now_ms(&fixture->rig) - before_ms >= 295); // 100 and 200 ms
}

static void a_gateway_that_stays_busy_is_no_verdict_and_not_pressed(void **state)
{
    struct fixture *fixture = *state;
    fixture->rig.config.verify_ms = 3000;
    reply("503 Busy", "", false);
    uint64_t before_ms = auth_rig_now_ms(&fixture->rig);
    assert_int_equal(verify(fixture, "P1"), AUTH_ERROR);
    // At 0, 100, 300, 700 and 1500 ms, as the next would be too late; a slow machine may miss some.
    assert_in_range(asked(), 2, 5);
    assert_true(auth_rig_now_ms(&fixture->rig) - before_ms >= 95);
}

static void what_the_gateway_asks_for_is_waited_or_given_up_at_once(void **state)
{
    struct fixture *fixture = *state;
    static const char soon[] = "HTTP/1.1 429 Busy\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n";
    static const char late[] = "HTTP/1.1 429 Busy\r\nRetry-After: 60\r\nContent-Length: 0\r\n\r\n";
    http_server_reply(gateway.server, (struct http_server_reply){.bytes = late});
    assert_int_equal(verify(fixture, "P1"), AUTH_ERROR);
    reply("200 OK", OK("true", "null"), false);
    http_server_reply_once(gateway.server, (struct http_server_reply){.bytes = soon});
    uint64_t before_ms = auth_rig_now_ms(&fixture->rig);
    assert_int_equal(verify(fixture, "P1"), AUTH_YES);
    assert_true(auth_rig_now_ms(&fixture->rig) - before_ms >= 995);
}

static void a_verification_that_pauses_can_be_cancelled(void **state)
{
    struct fixture *fixture = *state;
    struct heard heard = {0};
    struct auth_token token = {.player_id = "P1", .player_token = "t"};
    struct auth_verify_request request = {.token = &token};
    reply("503 Busy", "", false);
    struct auth_call *call = impl->verify(fixture->backend, &request, on_verdict, &heard);
    while (counted(fixture, "busy") == 0) {
        auth_rig_run_ms(&fixture->rig, 1);
    }
    impl->cancel(fixture->backend, call);
    auth_rig_run_ms(&fixture->rig, 300);
    assert_int_equal(heard.answers, 0);
    assert_int_equal(asked(), 1);
}

// ---- reports

static void whatever_the_result_method_returns_it_has_the_result(void **state)
{
    struct fixture *fixture = *state;
    static const char *const bodies[] = {OK("null", "null"), OK("false", "null"), OK("7", "null"),
                                         "{\"executionResult\":{\"result\":\"ok\"}}"};
    for (unsigned i = 0; i < BASE_COUNT(bodies); i++) {
        reply("200 OK", bodies[i], false);
        assert_int_equal(report(fixture, "race-1", 1), AUTH_DELIVERED);
    }
    assert_true(asked_with(0, "\"arguments\":[\"" SERVER_TOKEN "\",\"P1\",\"race-1\"]"));
}

static void what_will_be_no_better_next_time_is_refused_at_once(void **state)
{
    struct fixture *fixture = *state;
    reply("200 OK", THROWN("System.NullReferenceException"), false);
    assert_int_equal(report(fixture, "race-1", 1), AUTH_REFUSED);
    reply("200 OK", THROWN("Unisave.Serialization.UnisaveSerializationException"), false);
    assert_int_equal(report(fixture, "race-1", 1), AUTH_REFUSED);
}

static void a_method_that_keeps_throwing_is_given_up(void **state)
{
    struct fixture *fixture = *state;
    reply("200 OK", THROWN("System.Exception"), false);
    for (unsigned attempt = 3; attempt < 2 + AUTH_UNISAVE_THROWS_MAX; attempt++) {
        assert_int_equal(report(fixture, "race-1", attempt), AUTH_RETRY);
    }
    assert_int_equal(report(fixture, "race-1", 2 + AUTH_UNISAVE_THROWS_MAX), AUTH_REFUSED);
    assert_int_equal(report(fixture, "race-2", 1), AUTH_RETRY); // another one begins anew
}

// A row at the head of the queue would otherwise fall to the first hiccup after a long outage.
static void only_throws_count_as_throws(void **state)
{
    struct fixture *fixture = *state;
    unsigned attempt = 0;
    reply("500 Oops", "", false);
    while (attempt < 3 * AUTH_UNISAVE_THROWS_MAX) {
        assert_int_equal(report(fixture, "race-1", ++attempt), AUTH_RETRY);
    }
    reply("200 OK", THROWN("System.Exception"), false);
    assert_int_equal(report(fixture, "race-1", ++attempt), AUTH_RETRY);
}

static void what_the_operator_must_mend_is_waited_for(void **state)
{
    struct fixture *fixture = *state;
    static const char *const bodies[] = {THROWN("Unisave.Facets.FacetSearchException"),
                                         THROWN("Unisave.Facets.MethodSearchException"),
                                         "Build hasn't been registered"};
    unsigned attempt = 0;
    for (unsigned i = 0; i < 2 * AUTH_UNISAVE_THROWS_MAX * BASE_COUNT(bodies); i++) {
        reply("200 OK", bodies[i % BASE_COUNT(bodies)], false);
        assert_int_equal(report(fixture, "race-1", ++attempt), AUTH_RETRY);
    }
    reply("200 OK", OK("null", "null"), false);
    assert_int_equal(report(fixture, "race-1", ++attempt), AUTH_DELIVERED);
}

static void at_least_once_tries_again_whatever_may_have_happened(void **state)
{
    struct fixture *fixture = *state;
    http_server_reply(gateway.server, (struct http_server_reply){.hang_up = true});
    assert_int_equal(report(fixture, "race-1", 1), AUTH_RETRY);
    reply("500 Oops", "", false);
    assert_int_equal(report(fixture, "race-1", 2), AUTH_RETRY);
    reply("200 OK", "rubbish", false);
    assert_int_equal(report(fixture, "race-1", 3), AUTH_RETRY);
    reply("200 OK", THROWN("Unisave.Exceptions.BackendExecutionTimeoutException"), false);
    assert_int_equal(report(fixture, "race-1", 4), AUTH_RETRY);
}

static void at_most_once(struct fixture *fixture)
{
    fixture->rig.config.unisave_result_delivery = 1;
}

static void at_most_once_refuses_what_may_have_run(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *status;
        const char *body;
    } cases[] = {
        {"500 Oops", ""},
        {"503 Busy", "upstream connect error"},
        {"200 OK", "rubbish"},
        {"200 OK", THROWN("System.Exception")},
        {"200 OK", THROWN("Unisave.Exceptions.BackendExecutionTimeoutException")},
        {"408 Slow", ""},
        {"302 Found", ""},
    };
    at_most_once(fixture);
    for (unsigned i = 0; i < BASE_COUNT(cases); i++) {
        reply(cases[i].status, cases[i].body, false);
        assert_int_equal(report(fixture, "race-1", 1), AUTH_REFUSED);
    }
    http_server_reply(gateway.server, (struct http_server_reply){.hang_up = true});
    assert_int_equal(report(fixture, "race-1", 1), AUTH_REFUSED);
    fixture->rig.config.report_ms = SILENCE_MS;
    http_server_reply(gateway.server, (struct http_server_reply){.hang = true});
    assert_int_equal(report(fixture, "race-1", 1), AUTH_REFUSED);
    assert_int_equal(asked(), BASE_COUNT(cases) + 2);
    assert_int_equal(auth_rig_counter(&fixture->rig, "paddock_unisave_not_repeated_total"),
                     BASE_COUNT(cases) + 2);
}

static void at_most_once_tries_again_what_has_certainly_not_run(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *status;
        const char *body;
    } cases[] = {
        {"429 Busy", ""},
        {"503 Busy", "{\"error\":true,\"errorNumber\":3001}"},
        {"400 Bad", "{\"status\":400}"},
        {"404 Not", ""},
        {"200 OK", THROWN("Unisave.Facets.FacetSearchException")},
        {"400 Bad", "Build hasn't been registered"},
    };
    unsigned attempt = 0;
    at_most_once(fixture);
    for (unsigned i = 0; i < BASE_COUNT(cases); i++) {
        reply(cases[i].status, cases[i].body, false);
        assert_int_equal(report(fixture, "race-1", ++attempt), AUTH_RETRY);
    }
    reply("200 OK", OK("null", "null"), false);
    assert_int_equal(report(fixture, "race-1", ++attempt), AUTH_DELIVERED);
    assert_int_equal(asked(), attempt);
}

static void at_most_once_survives_a_gateway_that_is_not_there(void **state)
{
    struct fixture *fixture = *state;
    struct auth_rig *rig = &fixture->rig;
    char where[NOBODY_BYTES], url[64];
    int fd = nobody_open(where);
    snprintf(url, sizeof(url), "http://%s/", where);
    SET(backend_url, url);
    create_again(fixture);
    at_most_once(fixture);
    assert_int_equal(report(fixture, "race-1", 1), AUTH_RETRY);
    assert_int_equal(report(fixture, "race-1", 2), AUTH_RETRY);
    assert_int_equal(counted(fixture, "no_answer"), 2);
    close(fd);
}

static void at_most_once_does_not_repeat_what_it_has_not_seen_end(void **state)
{
    struct fixture *fixture = *state;
    struct heard heard = {0};
    at_most_once(fixture);
    reply("200 OK", OK("null", "null"), false);
    // Of a process before this one.
    assert_int_equal(report(fixture, "race-1", 2), AUTH_REFUSED);
    // Of a call that the reporter's deadline has ended.
    impl->cancel(fixture->backend, begin_report(fixture, "race-2", "P1", 1, &heard));
    assert_int_equal(report(fixture, "race-2", 2), AUTH_REFUSED);
    assert_int_equal(asked(), 0);
    // An attempt that is missing, and another key, are other stories.
    reply("429 Busy", "", false);
    assert_int_equal(report(fixture, "race-3", 1), AUTH_RETRY);
    assert_int_equal(report(fixture, "race-3", 3), AUTH_REFUSED);
    assert_int_equal(report(fixture, "race-4", 1), AUTH_RETRY);
    assert_int_equal(report(fixture, "race-5", 2), AUTH_REFUSED);
    assert_int_equal(asked(), 2);
    assert_int_equal(heard.answers, 0);
}

static void at_most_once_never_goes_over_a_kept_connection(void **state)
{
    struct fixture *fixture = *state;
    at_most_once(fixture);
    reply("200 OK", OK("true", "null"), false);
    verify(fixture, "P1");
    verify(fixture, "P1");
    assert_int_equal(http_server_connections(gateway.server), 1);
    assert_int_equal(report(fixture, "race-1", 1), AUTH_DELIVERED);
    assert_int_equal(http_server_connections(gateway.server), 2);
}

static void a_delivery_that_is_not_for_this_backend_becomes_a_dead_letter(void **state)
{
    struct fixture *fixture = *state;
    static const char *const subjects[] = {"", "nobody"};
    for (unsigned i = 0; i < BASE_COUNT(subjects); i++) {
        struct heard heard = {0};
        begin_report(fixture, "race-1", subjects[i], 1, &heard);
        auth_rig_until(&fixture->rig, &heard.answers, 1);
        assert_int_equal(heard.delivery, AUTH_REFUSED);
    }
    assert_int_equal(asked(), 0);
}

static void note(void *context, const char *subject)
{
    char *told = context;
    size_t used = strlen(told);
    snprintf(told + used, 64 - used, "[%s]", subject);
}

static void a_plan_follows_the_setting_and_loses_nothing(void **state)
{
    struct fixture *fixture = *state;
    char body[1024], told[64] = "";
    struct bytes_span span = bytes_of_string(auth_rig_body("race-1", body));
    impl->plan(fixture->backend, span, note, told);
    assert_string_equal(told, "[P1]"); // P2 did not finish
    fixture->rig.config.unisave_result_placings = 2;
    told[0] = '\0';
    impl->plan(fixture->backend, span, note, told);
    assert_string_equal(told, "[P1][P2]");
    told[0] = '\0';
    impl->plan(fixture->backend, bytes_of_string("rubbish"), note, told);
    assert_string_equal(told, "[]"); // ends as a dead letter, which somebody sees
}

// ---- the start

static void check_refused(struct fixture *fixture, const char *why)
{
    struct auth_backend_env env = auth_rig_env(&fixture->rig);
    struct error error = {0};
    assert_null(impl->create(&env, &error));
    if (!strstr(error.text, why) || strstr(error.text, SERVER_TOKEN)) {
        fail_msg("%s", error.text);
    }
}

static void settings_that_cannot_work_are_told(void **state)
{
    struct fixture *fixture = *state;
    struct auth_rig *rig = &fixture->rig;
    SET(unisave_result_arguments, "player_id");
    check_refused(fixture, "--unisave-result-arguments: server_token must be there");
    SET(unisave_result_arguments, "server_token player_id");
    rig->config.unisave_result_placings = 1;
    check_refused(fixture, "--unisave-result-arguments: without place");
    rig->config.unisave_result_placings = 0;
    SET(backend_url, "http://192.0.2.1/");
    check_refused(fixture, "--backend-url=http://192.0.2.1/: would send the server token");
    SET(backend_url, "https://192.0.2.1/?a=b");
    check_refused(fixture, "--backend-url=");
    SET(backend_url, "https://192.0.2.1/");
    SET(backend_ca, "/nowhere/ca.pem");
    check_refused(fixture, "--backend-ca=/nowhere/ca.pem");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    static const struct backend_suite suite = {
        .name = "backend_unisave: suite",
        .impl = &auth_backend_unisave,
        .prepare = prepare,
        .finish = finish,
        .issue = issue,
        .stored = stored,
    };
    const struct CMUnitTest tests[] = {
        TEST(a_request_has_the_headers_of_the_protocol_and_no_other),
        TEST(the_path_is_appended_with_one_slash),
        TEST(a_session_is_kept_until_another_comes),
        TEST(only_ids_with_the_prefix_can_be_known),
        TEST(nothing_but_true_is_a_yes),
        TEST(a_gateway_that_hangs_up_or_hangs_gives_no_verdict),
        TEST(a_busy_gateway_is_asked_again_while_the_player_waits),
        TEST(a_gateway_that_stays_busy_is_no_verdict_and_not_pressed),
        TEST(what_the_gateway_asks_for_is_waited_or_given_up_at_once),
        TEST(a_verification_that_pauses_can_be_cancelled),
        TEST(whatever_the_result_method_returns_it_has_the_result),
        TEST(what_will_be_no_better_next_time_is_refused_at_once),
        TEST(a_method_that_keeps_throwing_is_given_up),
        TEST(only_throws_count_as_throws),
        TEST(what_the_operator_must_mend_is_waited_for),
        TEST(at_least_once_tries_again_whatever_may_have_happened),
        TEST(at_most_once_refuses_what_may_have_run),
        TEST(at_most_once_tries_again_what_has_certainly_not_run),
        TEST(at_most_once_survives_a_gateway_that_is_not_there),
        TEST(at_most_once_does_not_repeat_what_it_has_not_seen_end),
        TEST(at_most_once_never_goes_over_a_kept_connection),
        TEST(a_delivery_that_is_not_for_this_backend_becomes_a_dead_letter),
        TEST(a_plan_follows_the_setting_and_loses_nothing),
        TEST(settings_that_cannot_work_are_told),
    };
    int failed = backend_suite_run(&suite);
    return failed + cmocka_run_group_tests_name("backend_unisave", tests, NULL, NULL);
}
