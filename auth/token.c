// SPDX-License-Identifier: MIT
// Decodes and encodes the connection token. jansson does the parsing; the size is checked before
// it, so that what a peer can make it do is bounded by 128 bytes, and what it accepts too freely
// is refused after it.

#include "auth/token.h"

#include <assert.h>
#include <jansson.h>
#include <string.h>

#include "auth/crypto.h"
#include "config/secret.h"

struct field {
    const char *name;
    enum auth_token_error missing;
    enum auth_token_error null;
    enum auth_token_error empty;
};

static const struct field field_player_id = {
    .name = "unisavePlayerId",
    .missing = AUTH_TOKEN_MISSING_PLAYER_ID,
    .null = AUTH_TOKEN_NULL_PLAYER_ID,
    .empty = AUTH_TOKEN_EMPTY_PLAYER_ID,
};

static const struct field field_player_token = {
    .name = "fusionPlayerToken",
    .missing = AUTH_TOKEN_MISSING_PLAYER_TOKEN,
    .null = AUTH_TOKEN_NULL_PLAYER_TOKEN,
    .empty = AUTH_TOKEN_EMPTY_PLAYER_TOKEN,
};

static const char *const error_names[] = {
    [AUTH_TOKEN_OK] = "ok",
    [AUTH_TOKEN_TOO_LARGE] = "too_large",
    [AUTH_TOKEN_EMPTY] = "empty",
    [AUTH_TOKEN_NOT_UTF8] = "not_utf8",
    [AUTH_TOKEN_NOT_JSON] = "not_json",
    [AUTH_TOKEN_NOT_OBJECT] = "not_object",
    [AUTH_TOKEN_DUPLICATE_FIELD] = "duplicate_field",
    [AUTH_TOKEN_MISSING_PLAYER_ID] = "missing_player_id",
    [AUTH_TOKEN_MISSING_PLAYER_TOKEN] = "missing_player_token",
    [AUTH_TOKEN_NULL_PLAYER_ID] = "null_player_id",
    [AUTH_TOKEN_NULL_PLAYER_TOKEN] = "null_player_token",
    [AUTH_TOKEN_WRONG_TYPE] = "wrong_type",
    [AUTH_TOKEN_EMPTY_PLAYER_ID] = "empty_player_id",
    [AUTH_TOKEN_EMPTY_PLAYER_TOKEN] = "empty_player_token",
    [AUTH_TOKEN_CONTROL_CHARACTER] = "control_character",
};

const char *auth_token_error_name(enum auth_token_error error)
{
    assert((size_t)error < BASE_COUNT(error_names));
    return error_names[error];
}

// C0, DEL, and C1, which is C2 80..C2 9F in UTF-8: what could drive a terminal or forge a log line
// further on. `text` is valid UTF-8.
static bool has_control_character(const char *text)
{
    for (; *text; text++) {
        uint8_t byte = (uint8_t)text[0];
        if (byte < 0x20 || byte == 0x7f || (byte == 0xc2 && (uint8_t)text[1] < 0xa0)) {
            return true;
        }
    }
    return false;
}

static enum auth_token_error check_field(const struct field *field, const char *text)
{
    if (text[0] == '\0') {
        return field->empty;
    }
    if (!bytes_is_utf8(bytes_of_string(text))) {
        return AUTH_TOKEN_NOT_UTF8;
    }
    return has_control_character(text) ? AUTH_TOKEN_CONTROL_CHARACTER : AUTH_TOKEN_OK;
}

enum auth_token_error auth_token_check(const struct auth_token *token)
{
    enum auth_token_error error = check_field(&field_player_id, token->player_id);
    return error ? error : check_field(&field_player_token, token->player_token);
}

static enum auth_token_error read_field(const json_t *root, const struct field *field, char *text,
                                        size_t text_size)
{
    const json_t *value = json_object_get(root, field->name);
    if (!value) {
        return field->missing;
    }
    if (json_is_null(value)) {
        return field->null;
    }
    if (!json_is_string(value)) {
        return AUTH_TOKEN_WRONG_TYPE;
    }
    size_t length = json_string_length(value);
    assert(length < text_size); // unescaping never makes a token longer
    memcpy(text, json_string_value(value), length);
    text[length] = '\0';
    if (strlen(text) != length) {
        return AUTH_TOKEN_CONTROL_CHARACTER; // \u0000
    }
    return check_field(field, text);
}

static enum auth_token_error decode(struct bytes_span bytes, struct auth_token *token)
{
    if (bytes.size > LIMIT_TOKEN_BYTES) {
        return AUTH_TOKEN_TOO_LARGE;
    }
    if (bytes.size == 0) {
        return AUTH_TOKEN_EMPTY;
    }
    if (!bytes_is_utf8(bytes)) {
        return AUTH_TOKEN_NOT_UTF8;
    }
    json_error_t reason;
    json_t *root = json_loadb((const char *)bytes.data, bytes.size,
                              JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &reason);
    if (!root) {
        return json_error_code(&reason) == json_error_duplicate_key ? AUTH_TOKEN_DUPLICATE_FIELD
                                                                    : AUTH_TOKEN_NOT_JSON;
    }
    enum auth_token_error error = AUTH_TOKEN_NOT_OBJECT;
    if (json_is_object(root)) {
        error = read_field(root, &field_player_id, token->player_id, sizeof(token->player_id));
        if (!error) {
            error = read_field(root, &field_player_token, token->player_token,
                               sizeof(token->player_token));
        }
    }
    json_decref(root);
    return error;
}

enum auth_token_error auth_token_decode(struct bytes_span bytes, struct auth_token *token)
{
    enum auth_token_error error = decode(bytes, token);
    if (error) {
        auth_token_wipe(token);
    }
    return error;
}

void auth_token_wipe(struct auth_token *token)
{
    secret_wipe(token, sizeof(*token));
}

static bool append_escaped(struct bytes_buf *out, const char *text)
{
    for (; *text; text++) {
        bool escape = *text == '"' || *text == '\\' || *text == '/';
        if ((escape && !bytes_buf_append_u8(out, '\\')) ||
            !bytes_buf_append_u8(out, (uint8_t)*text)) {
            return false;
        }
    }
    return true;
}

bool auth_token_encode(const struct auth_token *token, struct bytes_buf *out)
{
    assert(auth_token_check(token) == AUTH_TOKEN_OK);
    struct bytes_buf text;
    bytes_buf_init(&text, LIMIT_TOKEN_BYTES);
    // All the room at once, so that no growing leaves a copy behind.
    bool fits = bytes_buf_reserve(&text, LIMIT_TOKEN_BYTES) &&
                bytes_buf_append_text(&text, "{\"unisavePlayerId\":\"") &&
                append_escaped(&text, token->player_id) &&
                bytes_buf_append_text(&text, "\",\"fusionPlayerToken\":\"") &&
                append_escaped(&text, token->player_token) && bytes_buf_append_text(&text, "\"}") &&
                bytes_buf_append(out, bytes_buf_span(&text));
    if (text.memory) {
        secret_wipe(text.memory, text.capacity);
    }
    bytes_buf_finish(&text);
    return fits;
}

void auth_token_fingerprint(struct bytes_span token, char text[9])
{
    uint8_t digest[AUTH_CRYPTO_SHA256_BYTES];
    auth_crypto_sha256(token, digest);
    bytes_to_hex(bytes_of(digest, 4), text);
}
