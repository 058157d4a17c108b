// SPDX-License-Identifier: MIT
// SHA-1 is GnuTLS's; it proves nothing here but that the other side has read RFC 6455.

#include "net/ws_accept.h"

#include <assert.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <string.h>

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// 4 characters for each 3 bytes, and a NUL.
static void base64_encode(const uint8_t *bytes, size_t size, char *text)
{
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        uint32_t group = (uint32_t)bytes[i] << 16 | (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
                         (left > 2 ? bytes[i + 2] : 0);
        *text++ = base64_digits[group >> 18];
        *text++ = base64_digits[group >> 12 & 63];
        *text++ = left > 1 ? base64_digits[group >> 6 & 63] : '=';
        *text++ = left > 2 ? base64_digits[group & 63] : '=';
    }
    *text = '\0';
}

bool net_ws_key_is_valid(struct bytes_span key)
{
    if (key.size != NET_WS_KEY_BYTES || key.data[22] != '=' || key.data[23] != '=') {
        return false;
    }
    for (unsigned i = 0; i < 22; i++) {
        if (key.data[i] == '\0' || !strchr(base64_digits, key.data[i])) {
            return false;
        }
    }
    return true;
}

void net_ws_key_make(char key[NET_WS_KEY_BYTES + 1])
{
    uint8_t bytes[16];
    if (gnutls_rnd(GNUTLS_RND_NONCE, bytes, sizeof(bytes)) != 0) {
        abort(); // the kernel has no randomness: nothing on this machine can be secure
    }
    base64_encode(bytes, sizeof(bytes), key);
}

void net_ws_accept(struct bytes_span key, char accept[NET_WS_ACCEPT_BYTES + 1])
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    uint8_t joined[NET_WS_KEY_BYTES + sizeof(guid) - 1];
    uint8_t digest[20];
    assert(key.size == NET_WS_KEY_BYTES);
    memcpy(joined, key.data, NET_WS_KEY_BYTES);
    memcpy(joined + NET_WS_KEY_BYTES, guid, sizeof(guid) - 1);
    int status = gnutls_hash_fast(GNUTLS_DIG_SHA1, joined, sizeof(joined), digest);
    assert(status == 0);
    base64_encode(digest, sizeof(digest), accept);
}
