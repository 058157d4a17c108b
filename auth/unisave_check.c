// SPDX-License-Identifier: MIT
// The call goes to auth/http directly, because the seam's verdict would not say enough.

#include "auth/unisave_check.h"

#include <stdlib.h>

#include "auth/crypto.h"
#include "auth/unisave_answer.h"

#define TURN_MS 50

struct outcome {
    bool is_there;
    enum auth_http_failure failure;
    char detail[200];
    unsigned status;
    struct auth_unisave_answer answer;
};

static void on_answer(void *context, const struct auth_http_answer *http)
{
    struct outcome *outcome = context;
    outcome->is_there = true;
    outcome->failure = http->failure;
    outcome->status = http->status;
    snprintf(outcome->detail, sizeof(outcome->detail), "%s", http->detail);
    if (http->failure == AUTH_HTTP_OK) {
        auth_unisave_answer_parse(http->status, http->body, &outcome->answer);
    }
}

// A key that no database makes, and a token that nobody has.
static bool invent_player(const struct auth_unisave_check *check, struct auth_token *token)
{
    uint8_t random[32];
    if (!auth_crypto_random(random, sizeof(random))) {
        return false;
    }
    snprintf(token->player_id, sizeof(token->player_id), "%spaddock-check", check->id_prefix);
    auth_crypto_base64(bytes_of(random, sizeof(random)), token->player_token);
    return true;
}

static bool ask(const struct auth_unisave_check *check, struct outcome *outcome)
{
    struct auth_token token;
    struct bytes_buf body;
    struct auth_http_call *call = NULL;
    bytes_buf_init(&body, AUTH_UNISAVE_CALL_BYTES_MAX);
    if (invent_player(check, &token) && auth_unisave_call_verify(&check->caller, &token, &body)) {
        const struct auth_http_request request = {
            .url = check->url,
            .body = bytes_buf_span(&body),
            .timeout_ms = check->timeout_ms,
        };
        call = auth_http_post(check->http, &request, on_answer, outcome);
    }
    auth_unisave_call_wipe(&body);
    while (call && !outcome->is_there) {
        loop_turn(check->loop, loop_now_ns(check->loop) + TURN_MS * CLOCK_NS_PER_MS);
    }
    return call;
}

static bool judge(const struct auth_unisave_check *check, const struct outcome *outcome, FILE *out,
                  struct error *error)
{
    const struct auth_unisave_answer *answer = &outcome->answer;
    const char *name = auth_unisave_kind_name(answer->kind);
    const char *mend = auth_unisave_kind_mend(answer->kind);
    if (outcome->failure != AUTH_HTTP_OK) {
        return error_set(error, "no answer from %s: %s, %s", check->url,
                         auth_http_failure_name(outcome->failure), outcome->detail);
    }
    fprintf(out, "%s answers\n", check->url);
    bool ran = answer->kind == AUTH_UNISAVE_RETURNED || answer->kind == AUTH_UNISAVE_THREW;
    if (!ran) {
        return error_set(error, "status %u, %s%s%s", outcome->status, name, mend[0] ? ": " : "",
                         mend);
    }
    fprintf(out, "game, backend and build are known, and so is %s.%s\n", check->caller.facet,
            check->caller.method);
    if (answer->kind == AUTH_UNISAVE_RETURNED && answer->returned == AUTH_UNISAVE_TRUE) {
        return error_set(error,
                         "%s.%s says yes to a player who does not exist; "
                         "nobody may come in that way",
                         check->caller.facet, check->caller.method);
    }
    if (answer->kind == AUTH_UNISAVE_RETURNED && answer->returned != AUTH_UNISAVE_FALSE) {
        return error_set(error, "%s.%s returned neither true nor false: %s", check->caller.facet,
                         check->caller.method, mend);
    }
    fprintf(out, "a player who does not exist is denied%s%s\n", answer->exception[0] ? " by " : "",
            answer->exception);
    fprintf(out, "not tried: the result method and the server token, because that would be a "
                 "result\n");
    return true;
}

bool auth_unisave_check(const struct auth_unisave_check *check, FILE *out, struct error *error)
{
    struct outcome outcome = {0};
    if (!ask(check, &outcome)) {
        return error_set(error, "out of memory");
    }
    return judge(check, &outcome, out, error);
}
