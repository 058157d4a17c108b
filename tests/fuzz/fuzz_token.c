// SPDX-License-Identifier: MIT
// Connection tokens: whatever is accepted is within its rules, encodes and decodes to itself, and
// fits into the header of a hook.

#include <assert.h>
#include <string.h>

#include "auth/hook_json.h"
#include "auth/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct auth_token token;
    enum auth_token_error error = auth_token_decode(bytes_of(data, size), &token);
    assert(auth_token_error_name(error));
    if (error) {
        assert(token.player_id[0] == '\0' && token.player_token[0] == '\0');
        assert(size <= LIMIT_TOKEN_BYTES || error == AUTH_TOKEN_TOO_LARGE);
        return 0;
    }
    assert(size <= LIMIT_TOKEN_BYTES);
    assert(auth_token_check(&token) == AUTH_TOKEN_OK);
    struct bytes_buf encoded;
    bytes_buf_init(&encoded, LIMIT_TOKEN_BYTES);
    if (auth_token_encode(&token, &encoded)) {
        struct auth_token again;
        assert(auth_token_decode(bytes_buf_span(&encoded), &again) == AUTH_TOKEN_OK);
        assert(strcmp(again.player_id, token.player_id) == 0);
        assert(strcmp(again.player_token, token.player_token) == 0);
    }
    bytes_buf_finish(&encoded);
    char header[AUTH_HOOK_TOKEN_BYTES];
    assert(auth_hook_encode_token(&token, header));
    assert(strlen(header) < sizeof(header));
    return 0;
}
