// SPDX-License-Identifier: MIT
// Key by key, so that it reads like the request. The bytes hold secrets: they pass through one
// buffer, which is wiped, and leave nothing in a heap.

#include "auth/unisave_call.h"

#include <assert.h>
#include <string.h>

#include "auth/json.h"
#include "config/secret.h"

static const char *const argument_names[AUTH_UNISAVE_ARGUMENTS] = {
    [AUTH_UNISAVE_SERVER_TOKEN] = "server_token",
    [AUTH_UNISAVE_PLAYER_ID] = "player_id",
    [AUTH_UNISAVE_PLACE] = "place",
    [AUTH_UNISAVE_TIME_MS] = "time_ms",
    [AUTH_UNISAVE_RACE_ID] = "race_id",
};

static bool put_text(struct bytes_buf *out, const char *before, const char *text)
{
    return bytes_buf_append_text(out, before) && auth_json_append_string(out, text);
}

// ---- the request

static bool put_head(const struct auth_unisave_caller *caller, struct bytes_buf *out)
{
    assert(out->limit == AUTH_UNISAVE_CALL_BYTES_MAX && out->size == 0);
    // All the room at once, so that no growing leaves a copy behind.
    return bytes_buf_reserve(out, AUTH_UNISAVE_CALL_BYTES_MAX) &&
           put_text(out, "{\"facetName\":", caller->facet) &&
           put_text(out, ",\"methodName\":", caller->method) &&
           bytes_buf_append_text(out, ",\"arguments\":[");
}

// The device must be there and is not looked at; null is what the gateway takes for "not known".
static bool put_tail(const struct auth_unisave_caller *caller, struct bytes_buf *out)
{
    static const char device[] =
        ",\"device\":{\"platform\":\"Custom\",\"deviceModel\":null,\"graphicsDeviceName\":null,"
        "\"graphicsDeviceID\":null,\"graphicsDeviceVendorID\":null,\"graphicsMemorySize\":null,"
        "\"graphicsDeviceType\":null,\"systemMemorySize\":null,\"processorCount\":null,"
        "\"processorFrequency\":null,\"processorType\":null}";
    static const char versions[] =
        ",\"frameworkVersion\":\"none\",\"assetVersion\":\"none\",\"versionString\":\"none\"}}";
    bool ok = caller->session_id[0] ? put_text(out, "],\"sessionId\":", caller->session_id)
                                    : bytes_buf_append_text(out, "],\"sessionId\":null");
    return ok && put_text(out, ",\"deviceId\":", caller->device_id) &&
           bytes_buf_append_text(out, device) &&
           put_text(out, ",\"gameToken\":", caller->game_token) &&
           bytes_buf_append_text(out, ",\"editorKey\":null") &&
           put_text(out, ",\"client\":{\"backendHash\":", caller->backend_hash) &&
           put_text(out, ",\"buildGuid\":", caller->build_guid) &&
           bytes_buf_append_text(out, versions);
}

bool auth_unisave_call_verify(const struct auth_unisave_caller *caller,
                              const struct auth_token *token, struct bytes_buf *out)
{
    assert(token->player_id[0] && token->player_token[0]);
    return put_head(caller, out) && put_text(out, "{\"unisavePlayerId\":", token->player_id) &&
           put_text(out, ",\"fusionPlayerToken\":", token->player_token) &&
           bytes_buf_append_u8(out, '}') && put_tail(caller, out);
}

static bool put_secret(struct bytes_buf *out, const char *before, struct bytes_span secret)
{
    char text[SECRET_BYTES_MAX + 1];
    assert(secret.size < sizeof(text) && !memchr(secret.data, '\0', secret.size));
    memcpy(text, secret.data, secret.size);
    text[secret.size] = '\0';
    bool ok = put_text(out, before, text);
    secret_wipe(text, secret.size);
    return ok;
}

static bool put_argument(enum auth_unisave_argument argument, const char *before,
                         struct bytes_span server_token,
                         const struct auth_unisave_standing *standing, struct bytes_buf *out)
{
    switch (argument) {
    case AUTH_UNISAVE_SERVER_TOKEN:
        return put_secret(out, before, server_token);
    case AUTH_UNISAVE_PLAYER_ID:
        return put_text(out, before, standing->player_id);
    case AUTH_UNISAVE_PLACE:
        return bytes_buf_append_format(out, "%s%u", before, standing->place);
    case AUTH_UNISAVE_TIME_MS:
        return bytes_buf_append_format(out, "%s%u", before, standing->time_ms);
    case AUTH_UNISAVE_RACE_ID:
        return put_text(out, before, standing->race_id);
    case AUTH_UNISAVE_ARGUMENTS:
        break;
    }
    assert(!"an argument that has a name");
    return false;
}

bool auth_unisave_call_result(const struct auth_unisave_caller *caller,
                              const struct auth_unisave_arguments *arguments,
                              struct bytes_span server_token,
                              const struct auth_unisave_standing *standing, struct bytes_buf *out)
{
    assert(server_token.size > 0 && standing->player_id[0]);
    bool ok = put_head(caller, out);
    for (unsigned i = 0; ok && i < arguments->count; i++) {
        ok = put_argument(arguments->at[i], i == 0 ? "" : ",", server_token, standing, out);
    }
    return ok && put_tail(caller, out);
}

void auth_unisave_call_wipe(struct bytes_buf *out)
{
    if (out->memory) {
        secret_wipe(out->memory, out->capacity);
    }
    bytes_buf_finish(out);
}

// ---- the arguments of the result method

bool auth_unisave_arguments_have(const struct auth_unisave_arguments *arguments,
                                 enum auth_unisave_argument argument)
{
    for (unsigned i = 0; i < arguments->count; i++) {
        if (arguments->at[i] == argument) {
            return true;
        }
    }
    return false;
}

static enum auth_unisave_argument find_argument(const char *word, size_t size)
{
    unsigned argument = 0;
    while (argument < AUTH_UNISAVE_ARGUMENTS &&
           !bytes_equal(bytes_of(word, size), bytes_of_string(argument_names[argument]))) {
        argument++;
    }
    return argument;
}

bool auth_unisave_arguments_parse(const char *text, struct auth_unisave_arguments *arguments,
                                  struct error *error)
{
    *arguments = (struct auth_unisave_arguments){0};
    for (const char *at = text + strspn(text, " "); *at; at += strspn(at, " ")) {
        size_t size = strcspn(at, " ");
        enum auth_unisave_argument argument = find_argument(at, size);
        if (argument == AUTH_UNISAVE_ARGUMENTS) {
            return error_set(error,
                             "'%.*s' is none of server_token, player_id, place, time_ms, race_id",
                             size > 40 ? 40 : (int)size, at);
        }
        if (auth_unisave_arguments_have(arguments, argument)) {
            return error_set(error, "%s stands there twice", argument_names[argument]);
        }
        arguments->at[arguments->count++] = argument;
        at += size;
    }
    if (!auth_unisave_arguments_have(arguments, AUTH_UNISAVE_SERVER_TOKEN)) {
        return error_set(error, "server_token must be there: a method that does not get it could "
                                "be called by anybody who has the game");
    }
    return auth_unisave_arguments_have(arguments, AUTH_UNISAVE_PLAYER_ID) ||
           error_set(error, "player_id must be there");
}
