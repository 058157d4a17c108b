// SPDX-License-Identifier: MIT
// Writing: one object per body, key by key, so that each function reads like its schema.

#include "auth/hook_json.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "auth/json.h"
#include "config/secret.h"

// An object under construction. The first failure sticks.
struct writer {
    struct bytes_buf *out;
    bool ok;
    bool has_keys;
};

static void begin(struct writer *writer)
{
    writer->ok = writer->ok && bytes_buf_append_u8(writer->out, '{');
    writer->has_keys = false;
}

static void end(struct writer *writer)
{
    writer->ok = writer->ok && bytes_buf_append_u8(writer->out, '}');
    writer->has_keys = true;
}

static void put_key(struct writer *writer, const char *key)
{
    writer->ok = writer->ok && (!writer->has_keys || bytes_buf_append_u8(writer->out, ',')) &&
                 auth_json_append_string(writer->out, key) && bytes_buf_append_u8(writer->out, ':');
    writer->has_keys = true;
}

// Ready-made JSON.
static void put_json(struct writer *writer, const char *key, const char *json)
{
    put_key(writer, key);
    writer->ok = writer->ok && bytes_buf_append_text(writer->out, json);
}

static void put_text(struct writer *writer, const char *key, const char *value)
{
    put_key(writer, key);
    writer->ok = writer->ok && auth_json_append_string(writer->out, value);
}

// Left out where it is not known.
static void put_known(struct writer *writer, const char *key, const char *value)
{
    if (value && value[0]) {
        put_text(writer, key, value);
    }
}

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

static void put_headers(struct writer *writer, const struct auth_verify_request *request)
{
    for (unsigned i = 0; i < request->header_count; i++) {
        put_text(writer, request->headers[i].name, request->headers[i].value);
    }
}

static bool encode_flashphoner(const struct auth_verify_request *request, const char *node_id,
                               const char *session_id, struct bytes_buf *out)
{
    static const char mozilla[] = "Mozilla/";
    const char *browser = or_empty(request->user_agent);
    bool is_mozilla = strncmp(browser, mozilla, sizeof(mozilla) - 1) == 0;
    struct writer writer = {.out = out, .ok = true};
    begin(&writer);
    put_text(&writer, "nodeId", node_id);
    put_text(&writer, "appKey", "defaultApp");
    put_text(&writer, "sessionId", session_id);
    put_json(&writer, "useWsTunnel", "false");
    put_json(&writer, "useWsTunnelPacketization2", "false");
    put_json(&writer, "msePacketizationVersion", "2");
    put_json(&writer, "useBase64BinaryEncoding", "false");
    put_json(&writer, "mediaProviders", "[\"WebRTC\",\"MSE\",\"WSPlayer\"]");
    put_text(&writer, "clientVersion", or_empty(request->client));
    put_text(&writer, "clientOSVersion", browser + (is_mozilla ? sizeof(mozilla) - 1 : 0));
    put_text(&writer, "clientBrowserVersion", browser);
    put_json(&writer, "keepAlive", "false");
    put_text(&writer, "origin", or_empty(request->origin));
    put_headers(&writer, request);
    end(&writer);
    return writer.ok;
}

bool auth_hook_encode_connect(const struct auth_verify_request *request, const char *node_id,
                              const char *session_id, bool flashphoner, struct bytes_buf *out)
{
    if (flashphoner) {
        return encode_flashphoner(request, node_id, session_id, out);
    }
    struct writer writer = {.out = out, .ok = true};
    begin(&writer);
    put_text(&writer, "player_id", request->token->player_id);
    put_text(&writer, "player_token", request->token->player_token);
    put_text(&writer, "node_id", node_id);
    put_text(&writer, "session_id", session_id);
    put_known(&writer, "session", request->session);
    put_text(&writer, "transport", request->transport);
    put_text(&writer, "remote", request->remote);
    put_known(&writer, "local", request->local);
    put_known(&writer, "client", request->client);
    put_known(&writer, "origin", request->origin);
    put_known(&writer, "user_agent", request->user_agent);
    if (request->header_count > 0) {
        put_key(&writer, "headers");
        begin(&writer);
        put_headers(&writer, request);
        end(&writer);
    }
    end(&writer);
    return writer.ok;
}

bool auth_hook_encode_token(const struct auth_token *token, char text[AUTH_HOOK_TOKEN_BYTES])
{
    uint8_t memory[LIMIT_TOKEN_BYTES];
    struct bytes_buf out = {.memory = memory, .capacity = sizeof(memory), .limit = sizeof(memory)};
    struct writer writer = {.out = &out, .ok = true};
    begin(&writer);
    put_text(&writer, "unisavePlayerId", token->player_id);
    put_text(&writer, "fusionPlayerToken", token->player_token);
    end(&writer);
    if (writer.ok) {
        auth_crypto_base64(bytes_buf_span(&out), text);
    }
    secret_wipe(memory, sizeof(memory));
    return writer.ok;
}

bool auth_hook_encode_disconnect(const struct auth_notice *notice, const char *node_id,
                                 struct bytes_buf *out)
{
    char code[8];
    snprintf(code, sizeof(code), "%u", (unsigned)notice->code);
    struct writer writer = {.out = out, .ok = true};
    begin(&writer);
    put_text(&writer, "event", notice->kicked ? "kicked" : "left");
    put_text(&writer, "player_id", notice->player_id);
    put_text(&writer, "node_id", node_id);
    put_known(&writer, "session", notice->session);
    put_text(&writer, "transport", notice->transport);
    put_text(&writer, "remote", notice->remote);
    put_json(&writer, "code", code);
    put_text(&writer, "reason", notice->reason);
    end(&writer);
    return writer.ok;
}

// ---- reading

// What a player's name may be: text without what could forge a line or drive a terminal. Cut at a
// character's end where it is too long for everybody's roster.
static bool read_name(const json_t *value, char *name, size_t name_size)
{
    struct bytes_span rest = bytes_of(json_string_value(value), json_string_length(value));
    size_t used = 0;
    bool full = false;
    while (rest.size > 0) {
        size_t size = bytes_utf8_sequence(rest);
        if (size == 0 || rest.data[0] < 0x20 || rest.data[0] == 0x7f ||
            (rest.data[0] == 0xc2 && rest.data[1] < 0xa0)) {
            return false;
        }
        full = full || used + size >= name_size;
        if (!full) {
            memcpy(name + used, rest.data, size);
            used += size;
        }
        rest = bytes_of(rest.data + size, rest.size - size);
    }
    name[used] = '\0';
    return true;
}

static const char *read_metadata(const json_t *metadata, struct auth_attributes *attributes)
{
    if (!metadata || json_is_null(metadata)) {
        return NULL;
    }
    if (!json_is_object(metadata)) {
        return "metadata is no object";
    }
    if (json_dumpb(metadata, NULL, 0, JSON_COMPACT) > AUTH_HOOK_METADATA_BYTES_MAX) {
        return "metadata is too large";
    }
    const json_t *name = json_object_get(metadata, "display_name");
    if (name && !json_is_null(name) &&
        (!json_is_string(name) ||
         !read_name(name, attributes->display_name, sizeof(attributes->display_name)))) {
        return "metadata.display_name is no plain text";
    }
    const json_t *spectator = json_object_get(metadata, "spectator");
    if (spectator && !json_is_boolean(spectator)) {
        return "metadata.spectator is neither true nor false";
    }
    attributes->spectator = json_is_true(spectator);
    const json_t *kart = json_object_get(metadata, "kart");
    if (kart && !json_is_null(kart) &&
        (!json_is_integer(kart) || json_integer_value(kart) < 0 ||
         json_integer_value(kart) > UINT8_MAX)) {
        return "metadata.kart is no integer from 0 to 255";
    }
    attributes->kart = (uint8_t)json_integer_value(kart);
    return NULL;
}

static enum auth_verdict decode_connect(const json_t *root, struct auth_attributes *attributes,
                                        const char **why)
{
    const json_t *valid = json_object_get(root, "valid");
    if (!json_is_boolean(valid)) {
        *why = "valid is neither true nor false";
        return AUTH_ERROR;
    }
    if (!json_is_true(valid)) {
        return AUTH_NO;
    }
    *why = read_metadata(json_object_get(root, "metadata"), attributes);
    return *why ? AUTH_ERROR : AUTH_YES;
}

enum auth_verdict auth_hook_decode_connect(struct bytes_span body,
                                           struct auth_attributes *attributes, const char **why)
{
    *attributes = (struct auth_attributes){0};
    *why = NULL;
    json_t *root = auth_json_parse(body, 1 + AUTH_HOOK_METADATA_DEPTH_MAX);
    if (!json_is_object(root)) {
        json_decref(root);
        *why = "no JSON object, or too deep";
        return AUTH_ERROR;
    }
    enum auth_verdict verdict = decode_connect(root, attributes, why);
    json_decref(root);
    if (verdict != AUTH_YES) {
        *attributes = (struct auth_attributes){0};
    }
    return verdict;
}
