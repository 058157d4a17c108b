// SPDX-License-Identifier: MIT
// Two shapes: the answer proper, always with status 200, and refusals, whose documentation is thin:
// their status is trusted as far as HTTP defines it, their bodies only where they are known.

#include "auth/unisave_answer.h"

#include <assert.h>
#include <jansson.h>
#include <string.h>

#include "auth/json.h"

// Exceptions wrap exceptions and carry data; what nests deeper is no answer.
#define DEPTH_MAX 32

static const char *const kind_names[AUTH_UNISAVE_KINDS] = {
    [AUTH_UNISAVE_RETURNED] = "returned",   [AUTH_UNISAVE_THREW] = "threw",
    [AUTH_UNISAVE_TIMED_OUT] = "timed_out", [AUTH_UNISAVE_NO_METHOD] = "no_method",
    [AUTH_UNISAVE_MISMATCH] = "mismatch",   [AUTH_UNISAVE_NO_BUILD] = "no_build",
    [AUTH_UNISAVE_BUSY] = "busy",           [AUTH_UNISAVE_REJECTED] = "rejected",
    [AUTH_UNISAVE_FAILED] = "failed",       [AUTH_UNISAVE_MALFORMED] = "malformed",
};

const char *auth_unisave_kind_name(enum auth_unisave_kind kind)
{
    assert((size_t)kind < AUTH_UNISAVE_KINDS);
    return kind_names[kind];
}

const char *auth_unisave_kind_mend(enum auth_unisave_kind kind)
{
    static const char *const mends[AUTH_UNISAVE_KINDS] = {
        [AUTH_UNISAVE_RETURNED] = "the method must return bool; see --unisave-auth-method",
        [AUTH_UNISAVE_THREW] = "the backend's own log in the web console says why",
        [AUTH_UNISAVE_NO_METHOD] =
            "upload a backend that has this facet and public method, or mend the names in "
            "--unisave-...-facet and -method, or --unisave-backend-hash",
        [AUTH_UNISAVE_MISMATCH] =
            "the method's parameters must be a FusionConnectionToken, or for results those of "
            "--unisave-result-arguments",
        [AUTH_UNISAVE_NO_BUILD] =
            "register a build in the web console (Builds, Register build manually) with the GUID "
            "of --unisave-build-guid",
        [AUTH_UNISAVE_REJECTED] =
            "check --backend-url, --unisave-game-token and --unisave-backend-hash",
        [AUTH_UNISAVE_MALFORMED] = "is --backend-url a Unisave server?",
    };
    assert((size_t)kind < AUTH_UNISAVE_KINDS);
    return mends[kind] ? mends[kind] : "";
}

static bool is_one_of(const char *text, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(text, list[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_absent(const json_t *value)
{
    return !value || json_is_null(value);
}

// ---- exceptions

static void copy_class(const char *name, char to[AUTH_UNISAVE_CLASS_BYTES])
{
    size_t size = strlen(name);
    for (size_t i = 0; i < size; i++) {
        bool letter = (name[i] | 0x20) >= 'a' && (name[i] | 0x20) <= 'z';
        bool digit = name[i] >= '0' && name[i] <= '9';
        if (!letter && !digit && !strchr("._+`", name[i])) {
            return;
        }
    }
    if (size < AUTH_UNISAVE_CLASS_BYTES) {
        memcpy(to, name, size + 1);
    }
}

// What backends written after the guide throw for an id that the database does not know, and what
// is as certain to come again.
static bool is_for_good(const char *name, const json_t *exception)
{
    static const char *const classes[] = {
        "System.NullReferenceException",  "System.ArgumentException",
        "System.ArgumentNullException",   "System.ArgumentOutOfRangeException",
        "System.FormatException",         "System.InvalidCastException",
        "System.NotImplementedException", "Unisave.Serialization.UnisaveSerializationException",
    };
    json_int_t status = json_integer_value(json_object_get(exception, "HttpStatus"));
    const char *short_name = strrchr(name, '.');
    bool is_database = short_name && strcmp(short_name, ".ArangoException") == 0;
    // 409 and 412 are two writers at once.
    return is_one_of(name, classes, BASE_COUNT(classes)) ||
           (is_database && status >= 400 && status < 500 && status != 409 && status != 412);
}

static void read_exception(const json_t *exception, struct auth_unisave_answer *answer)
{
    static const char *const search[] = {
        "Unisave.Facets.FacetSearchException",
        "Unisave.Facets.MethodSearchException",
    };
    const char *name = json_string_value(json_object_get(exception, "ClassName"));
    answer->kind = AUTH_UNISAVE_THREW;
    if (!name) {
        return;
    }
    copy_class(name, answer->exception);
    if (is_one_of(name, search, BASE_COUNT(search))) {
        answer->kind = AUTH_UNISAVE_NO_METHOD;
        answer->may_have_run = false;
    } else if (strcmp(name, "Unisave.Exceptions.BackendExecutionTimeoutException") == 0) {
        answer->kind = AUTH_UNISAVE_TIMED_OUT;
    } else if (strcmp(name, "Unisave.Serialization.UnisaveSerializationException") == 0) {
        answer->kind = AUTH_UNISAVE_MISMATCH;
    } else {
        answer->for_good = is_for_good(name, exception);
    }
}

// ---- status 200

// Ids are base64 with '-' for '/'; what is not at least printable and short is no id.
static void read_session(const json_t *special, struct auth_unisave_answer *answer)
{
    const char *id = json_string_value(json_object_get(special, "sessionId"));
    size_t size = id ? strlen(id) : 0;
    for (size_t i = 0; i < size; i++) {
        if (id[i] <= 0x20 || id[i] >= 0x7f) {
            return;
        }
    }
    if (size > 0 && size < AUTH_UNISAVE_SESSION_BYTES) {
        memcpy(answer->session_id, id, size + 1);
    }
}

static enum auth_unisave_returned read_returned(const json_t *returned)
{
    return is_absent(returned)       ? AUTH_UNISAVE_NOTHING
           : json_is_true(returned)  ? AUTH_UNISAVE_TRUE
           : json_is_false(returned) ? AUTH_UNISAVE_FALSE
                                     : AUTH_UNISAVE_OTHER;
}

// `returned` and `exception` are null or missing where they do not apply; one that is there where
// it does not apply makes the whole answer one that nobody should act on.
static void read_execution(const json_t *execution, struct auth_unisave_answer *answer)
{
    const char *result = json_string_value(json_object_get(execution, "result"));
    const json_t *returned = json_object_get(execution, "returned");
    const json_t *exception = json_object_get(execution, "exception");
    const json_t *special = json_object_get(execution, "special");
    if (!result || (!is_absent(special) && !json_is_object(special))) {
        return;
    }
    if (strcmp(result, "ok") == 0 && is_absent(exception)) {
        answer->kind = AUTH_UNISAVE_RETURNED;
        answer->returned = read_returned(returned);
    } else if (strcmp(result, "exception") == 0 && is_absent(returned) &&
               json_is_object(exception)) {
        read_exception(exception, answer);
    } else {
        return;
    }
    read_session(special, answer);
}

// ---- other statuses

// The worker's own refusals: shutting down, and two ways of not having started.
static bool worker_never_began(const json_t *root)
{
    json_int_t number = json_integer_value(json_object_get(root, "errorNumber"));
    return json_is_true(json_object_get(root, "error")) &&
           (number == 1000 || number == 3001 || number == 3002);
}

static void read_status(unsigned status, const json_t *root, struct auth_unisave_answer *answer)
{
    if (status == 429) {
        answer->kind = AUTH_UNISAVE_BUSY;
        answer->may_have_run = false;
    } else if (status == 503) {
        // Proxies say it also when the service behind them hung up in the middle of a request.
        answer->kind = AUTH_UNISAVE_BUSY;
        answer->may_have_run = !worker_never_began(root);
    } else if (status >= 400 && status < 500 && status != 408) {
        answer->kind = AUTH_UNISAVE_REJECTED;
        answer->may_have_run = false;
    } else {
        answer->kind = AUTH_UNISAVE_FAILED;
    }
}

// Plain text, with a status that is documented nowhere.
static bool is_no_build(struct bytes_span body)
{
    struct bytes_span text = bytes_of_string("Build hasn't been registered");
    return body.size >= text.size && memcmp(body.data, text.data, text.size) == 0;
}

void auth_unisave_answer_parse(unsigned status, struct bytes_span body,
                               struct auth_unisave_answer *answer)
{
    *answer = (struct auth_unisave_answer){.kind = AUTH_UNISAVE_MALFORMED, .may_have_run = true};
    if (is_no_build(body)) {
        answer->kind = AUTH_UNISAVE_NO_BUILD;
        answer->may_have_run = false;
        return;
    }
    json_t *root = auth_json_parse(body, DEPTH_MAX);
    if (status == 200) {
        read_execution(json_object_get(root, "executionResult"), answer);
    } else {
        read_status(status, root, answer);
    }
    json_decref(root);
}
