// SPDX-License-Identifier: MIT
// Everything on the way that has held a password is wiped.

#include "net/basic_auth.h"

#include <string.h>
#include <strings.h>

#include "config/secret.h"
#include "net/base64.h"

// Puts "Basic " aside.
static bool cut_scheme(struct bytes_span *value)
{
    static const char scheme[] = "Basic ";
    size_t size = sizeof(scheme) - 1;
    if (value->size <= size || strncasecmp((const char *)value->data, scheme, size) != 0) {
        return false;
    }
    while (size < value->size && value->data[size] == ' ') {
        size++;
    }
    *value = bytes_of(value->data + size, value->size - size);
    return true;
}

// crypt(3) takes texts: what is behind a NUL would not count.
static bool is_plain(struct bytes_span span)
{
    for (size_t i = 0; i < span.size; i++) {
        if (span.data[i] < 0x20 || span.data[i] == 0x7f) {
            return false;
        }
    }
    return true;
}

static bool split(struct bytes_span pair, struct net_basic_auth *auth)
{
    const uint8_t *colon = pair.size > 0 ? memchr(pair.data, ':', pair.size) : NULL;
    size_t name_size = colon ? (size_t)(colon - pair.data) : 0;
    if (name_size == 0 || name_size > NET_BASIC_AUTH_NAME_BYTES || !is_plain(pair) ||
        pair.size - name_size - 1 > NET_BASIC_AUTH_PASSWORD_BYTES) {
        return false;
    }
    memcpy(auth->name, pair.data, name_size);
    memcpy(auth->password, colon + 1, pair.size - name_size - 1);
    return true;
}

bool net_basic_auth_read(const struct net_http_head *head, struct net_basic_auth *auth)
{
    uint8_t pair[NET_BASIC_AUTH_NAME_BYTES + 1 + NET_BASIC_AUTH_PASSWORD_BYTES];
    struct bytes_span value;
    size_t size;
    memset(auth, 0, sizeof(*auth));
    if (net_http_head_find(head, "authorization", &value) != 1 || !cut_scheme(&value)) {
        return false;
    }
    bool good =
        net_base64_decode(value, pair, sizeof(pair), &size) && split(bytes_of(pair, size), auth);
    secret_wipe(pair, sizeof(pair));
    return good;
}
