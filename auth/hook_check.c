// SPDX-License-Identifier: MIT
// The call goes to auth/http directly, because the seam's verdict would not say enough.

#include "auth/hook_check.h"

#include "auth/crypto.h"
#include "auth/hook_json.h"

#define TURN_MS 50
// In the form of every other, with an id that no connection gets.
#define SESSION_ID "/127.0.0.1:0/127.0.0.1:0-00000000-0000-4000-8000-000000000000"

struct outcome {
    bool is_there;
    enum auth_http_failure failure;
    char detail[200];
    unsigned status;
    enum auth_verdict verdict; // of an answer 200
    const char *why;
};

static void on_answer(void *context, const struct auth_http_answer *http)
{
    struct outcome *outcome = context;
    struct auth_attributes attributes = {0};
    outcome->is_there = true;
    outcome->failure = http->failure;
    outcome->status = http->status;
    snprintf(outcome->detail, sizeof(outcome->detail), "%s", http->detail);
    if (http->failure == AUTH_HTTP_OK && http->status == 200) {
        outcome->verdict = auth_hook_decode_connect(http->body, &attributes, &outcome->why);
    }
}

// A token that nobody has.
static bool invent_player(struct auth_token *token)
{
    uint8_t random[32];
    if (!auth_crypto_random(random, sizeof(random))) {
        return false;
    }
    snprintf(token->player_id, sizeof(token->player_id), "paddock-check");
    auth_crypto_base64(bytes_of(random, sizeof(random)), token->player_token);
    return true;
}

static bool ask(const struct auth_hook_check *check, struct outcome *outcome)
{
    struct auth_token token;
    struct bytes_buf body;
    char text[AUTH_HOOK_TOKEN_BYTES];
    struct auth_http_call *call = NULL;
    struct auth_verify_request player = {
        .token = &token,
        .session = "",
        .transport = "tcp",
        .remote = "127.0.0.1:0",
        .client = "paddock check",
    };
    bytes_buf_init(&body, AUTH_HOOK_BODY_BYTES_MAX);
    if (invent_player(&token) && auth_hook_encode_token(&token, text) &&
        auth_hook_encode_connect(&player, check->node_id, SESSION_ID, check->flashphoner, &body)) {
        const struct auth_http_header header = {AUTH_HOOK_TOKEN_HEADER, text};
        const struct auth_http_request request = {
            .url = check->url,
            .bearer = check->server_token,
            .headers = &header,
            .header_count = check->flashphoner ? 1 : 0,
            .body = bytes_buf_span(&body),
            .timeout_ms = check->timeout_ms,
        };
        call = auth_http_post(check->http, &request, on_answer, outcome);
    }
    bytes_buf_finish(&body);
    while (call && !outcome->is_there) {
        loop_turn(check->loop, loop_now_ns(check->loop) + TURN_MS * CLOCK_NS_PER_MS);
    }
    return call;
}

static bool judge(const struct auth_hook_check *check, const struct outcome *outcome, FILE *out,
                  struct error *error)
{
    if (outcome->failure != AUTH_HTTP_OK) {
        return error_set(error, "no answer from %s: %s, %s", check->url,
                         auth_http_failure_name(outcome->failure), outcome->detail);
    }
    fprintf(out, "%s answers\n", check->url);
    if (outcome->status == 401) {
        return error_set(error, "status 401: does the service know this server's "
                                "FUSION_SERVER_TOKEN?");
    }
    if (outcome->status == 404 || outcome->status == 405) {
        return error_set(error, "status %u: nothing takes POST there; is --backend-url right?",
                         outcome->status);
    }
    if (outcome->status != 200 && outcome->status != 403) {
        return error_set(error, "status %u, where 200 or 403 tells about a player",
                         outcome->status);
    }
    if (outcome->status == 200 && outcome->verdict == AUTH_ERROR) {
        return error_set(error, "status 200, but %s", outcome->why);
    }
    if (outcome->status == 200 && outcome->verdict == AUTH_YES) {
        return error_set(error, "the service says yes to a player who does not exist; nobody may "
                                "come in that way");
    }
    fprintf(out, "a player who does not exist is denied\n"
                 "not tried: /results, because that would be a result\n");
    return true;
}

bool auth_hook_check(const struct auth_hook_check *check, FILE *out, struct error *error)
{
    struct outcome outcome = {0};
    if (!ask(check, &outcome)) {
        return error_set(error, "out of memory");
    }
    return judge(check, &outcome, out, error);
}
