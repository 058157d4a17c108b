// SPDX-License-Identifier: MIT
// The bots' connection tokens: issued, read from a file, or one for all.

#ifndef TESTS_BOTS_TOKENS_H
#define TESTS_BOTS_TOKENS_H

#include "tests/bots/options.h"

#include "config/base/bytes.h"

struct bots_tokens {
    unsigned count;
    struct bots_token {
        uint16_t size;
        uint8_t bytes[512];
    } * tokens;
};

// One for each of options->count bots. Blocking. False with one line in *error.
bool bots_tokens_load(struct bots_tokens *tokens, const struct bots_options *options,
                      struct error *error) BASE_MUST_USE;
void bots_tokens_finish(struct bots_tokens *tokens);
struct bytes_span bots_tokens_get(const struct bots_tokens *tokens, unsigned bot);

#endif
