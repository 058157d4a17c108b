// SPDX-License-Identifier: MIT
// Where the bots' connection tokens come from.

#include "tests/bots/tokens.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/embedded_store.h"

static bool keep(struct bots_token *token, struct bytes_span bytes)
{
    if (bytes.size == 0 || bytes.size > sizeof(token->bytes)) {
        return false;
    }
    memcpy(token->bytes, bytes.data, bytes.size);
    token->size = (uint16_t)bytes.size;
    return true;
}

// One transaction, or a thousand bots would wait for a thousand disk flushes.
static bool issue_all(struct bots_tokens *tokens, struct auth_db *db, const char *prefix,
                      struct error *error)
{
    if (!auth_db_begin(db)) {
        return error_set(error, "cannot write: %s", auth_db_reason(db));
    }
    struct bytes_buf json;
    bytes_buf_init(&json, LIMIT_TOKEN_BYTES);
    bool ok = true;
    for (unsigned i = 0; ok && i < tokens->count; i++) {
        char player_id[LIMIT_PLAYER_ID_BYTES + 1];
        snprintf(player_id, sizeof(player_id), "%s-%04u", prefix, i + 1);
        bytes_buf_clear(&json);
        ok = auth_embedded_store_issue(db, player_id, &json, error) &&
             keep(&tokens->tokens[i], bytes_buf_span(&json));
    }
    bytes_buf_finish(&json);
    if (ok && !auth_db_commit(db)) {
        ok = error_set(error, "cannot write: %s", auth_db_reason(db));
    }
    if (!ok) {
        auth_db_rollback(db);
    }
    return ok;
}

static bool issue(struct bots_tokens *tokens, const struct bots_options *options,
                  struct error *error)
{
    struct auth_db *db = auth_embedded_store_open(options->token_db, AUTH_DB_CREATE, error);
    bool ok = db && issue_all(tokens, db, options->name, error);
    auth_db_close(db);
    return ok;
}

static bool read_file(struct bots_tokens *tokens, const char *path, struct error *error)
{
    FILE *file = fopen(path, "r");
    if (!file) {
        return error_set(error, "--tokens %s: %s", path, strerror(errno));
    }
    char line[1024];
    unsigned count = 0;
    bool ok = true;
    while (ok && count < tokens->count && fgets(line, sizeof(line), file)) {
        size_t length = strcspn(line, "\r\n");
        if (length > 0) {
            ok = keep(&tokens->tokens[count++], bytes_of(line, length));
        }
    }
    fclose(file);
    if (!ok) {
        return error_set(error, "--tokens %s: token %u is too long", path, count);
    }
    return count == tokens->count ||
           error_set(error, "--tokens %s: %u tokens for %u bots", path, count, tokens->count);
}

static bool one_for_all(struct bots_tokens *tokens, const char *text, struct error *error)
{
    for (unsigned i = 0; i < tokens->count; i++) {
        if (!keep(&tokens->tokens[i], bytes_of_string(text))) {
            return error_set(error, "--token: 1 to %zu bytes are wanted",
                             sizeof(tokens->tokens[i].bytes));
        }
    }
    return true;
}

bool bots_tokens_load(struct bots_tokens *tokens, const struct bots_options *options,
                      struct error *error)
{
    tokens->count = options->count;
    tokens->tokens = calloc(options->count, sizeof(*tokens->tokens));
    if (!tokens->tokens) {
        return error_set(error, "no memory for %u tokens", options->count);
    }
    if (options->token_db) {
        return issue(tokens, options, error);
    }
    if (options->tokens_file) {
        return read_file(tokens, options->tokens_file, error);
    }
    return one_for_all(tokens, options->token, error);
}

void bots_tokens_finish(struct bots_tokens *tokens)
{
    free(tokens->tokens);
    *tokens = (struct bots_tokens){0};
}

struct bytes_span bots_tokens_get(const struct bots_tokens *tokens, unsigned bot)
{
    return bytes_of(tokens->tokens[bot].bytes, tokens->tokens[bot].size);
}
