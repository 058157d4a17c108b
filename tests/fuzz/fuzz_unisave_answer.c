// SPDX-License-Identifier: MIT
// Answers of a Unisave gateway. The input's first two bytes are the status (0: 200), the rest is
// the body. A yes is a yes exactly where a second reading, made of one jansson pattern and nothing
// of ours, finds one; and what may be logged or sent back is harmless.

#include <assert.h>
#include <jansson.h>
#include <string.h>

#include "auth/unisave_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char no_build[] = "Build hasn't been registered";

static bool is_null_or_missing(json_t *value)
{
    return !value || json_is_null(value);
}

// Whatever is nested deeper than an answer can be is left to the parser: here it must only not say
// yes where this says no.
static bool is_yes(unsigned status, struct bytes_span body)
{
    const char *result;
    int returned = 0;
    json_t *exception = NULL, *special = NULL;
    json_t *root = json_loadb((const char *)body.data, body.size, JSON_REJECT_DUPLICATES, NULL);
    bool yes =
        status == 200 && root &&
        json_unpack(root, "{s:{s:s, s:b, s?o, s?o}}", "executionResult", "result", &result,
                    "returned", &returned, "exception", &exception, "special", &special) == 0 &&
        strcmp(result, "ok") == 0 && returned && is_null_or_missing(exception) &&
        (is_null_or_missing(special) || json_is_object(special));
    json_decref(root);
    return yes;
}

static void check_texts(const struct auth_unisave_answer *answer)
{
    assert(memchr(answer->exception, '\0', sizeof(answer->exception)));
    assert(memchr(answer->session_id, '\0', sizeof(answer->session_id)));
    for (const char *at = answer->exception; *at; at++) {
        assert(*at > 0x20 && *at < 0x7f && *at != '"');
    }
    for (const char *at = answer->session_id; *at; at++) {
        assert(*at > 0x20 && *at < 0x7f);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    unsigned status = bytes_get_u16(data) ? bytes_get_u16(data) : 200;
    struct bytes_span body = bytes_of(data + 2, size - 2);
    struct auth_unisave_answer answer;
    auth_unisave_answer_parse(status, body, &answer);
    bool says_yes = answer.kind == AUTH_UNISAVE_RETURNED && answer.returned == AUTH_UNISAVE_TRUE;
    bool wants_yes = is_yes(status, body);
    bool may_be_deep = false;
    for (size_t i = 0, open = 0; i < body.size; i++) {
        open += body.data[i] == '[' || body.data[i] == '{';
        may_be_deep = may_be_deep || open > 32;
    }
    assert(says_yes ? wants_yes : !wants_yes || may_be_deep);
    assert(answer.kind != AUTH_UNISAVE_RETURNED || answer.may_have_run);
    assert(answer.kind != AUTH_UNISAVE_NO_BUILD ||
           memcmp(body.data, no_build, sizeof(no_build) - 1) == 0);
    assert(auth_unisave_kind_name(answer.kind) && auth_unisave_kind_mend(answer.kind));
    check_texts(&answer);
    return 0;
}
