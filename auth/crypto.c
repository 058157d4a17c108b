// SPDX-License-Identifier: MIT
// GnuTLS' hash, constant-time comparison and random generator, and base64 of our own, because
// GnuTLS' encoder leaves the text of a secret in heap memory that it frees unwiped.

#include "auth/crypto.h"

#include <assert.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

void auth_crypto_sha256(struct bytes_span span, uint8_t digest[AUTH_CRYPTO_SHA256_BYTES])
{
    int status = gnutls_hash_fast(GNUTLS_DIG_SHA256, span.data, span.size, digest);
    assert(status == 0); // SHA-256 is always there
}

void auth_crypto_hmac_sha256(struct bytes_span key, struct bytes_span span,
                             uint8_t digest[AUTH_CRYPTO_SHA256_BYTES])
{
    int status =
        gnutls_hmac_fast(GNUTLS_MAC_SHA256, key.data, key.size, span.data, span.size, digest);
    assert(status == 0);
}

bool auth_crypto_equal(const void *a, const void *b, size_t size)
{
    return gnutls_memcmp(a, b, size) == 0;
}

bool auth_crypto_random(void *memory, size_t size)
{
    return gnutls_rnd(GNUTLS_RND_KEY, memory, size) == 0;
}

void auth_crypto_base64(struct bytes_span span, char *text)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t at = 0; at < span.size; at += 3) {
        size_t left = span.size - at;
        uint32_t group = (uint32_t)span.data[at] << 16;
        group |= left > 1 ? (uint32_t)span.data[at + 1] << 8 : 0;
        group |= left > 2 ? span.data[at + 2] : 0;
        *text++ = alphabet[group >> 18];
        *text++ = alphabet[group >> 12 & 63];
        *text++ = left > 1 ? alphabet[group >> 6 & 63] : '=';
        *text++ = left > 2 ? alphabet[group & 63] : '=';
    }
    *text = '\0';
}
