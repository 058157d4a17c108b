// SPDX-License-Identifier: MIT
// The little cryptography that auth/ needs: a hash, a comparison, randomness.
//
// Wraps GnuTLS so that no other file includes it. Declines to know what is hashed or compared.

#ifndef AUTH_CRYPTO_H
#define AUTH_CRYPTO_H

#include "config/base/bytes.h"

#define AUTH_CRYPTO_SHA256_BYTES 32

void auth_crypto_sha256(struct bytes_span span, uint8_t digest[AUTH_CRYPTO_SHA256_BYTES]);
void auth_crypto_hmac_sha256(struct bytes_span key, struct bytes_span span,
                             uint8_t digest[AUTH_CRYPTO_SHA256_BYTES]);
// In a time that does not depend on where the two differ.
bool auth_crypto_equal(const void *a, const void *b, size_t size) BASE_MUST_USE;
// Fit for secrets. False when the kernel gives none.
bool auth_crypto_random(void *memory, size_t size) BASE_MUST_USE;

// Standard alphabet with padding. `text` has room for AUTH_CRYPTO_BASE64_BYTES(size).
#define AUTH_CRYPTO_BASE64_BYTES(size) (((size) + 2) / 3 * 4 + 1)
void auth_crypto_base64(struct bytes_span span, char *text);

#endif
