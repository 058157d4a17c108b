// SPDX-License-Identifier: MIT
// Cookies on any bytes: what the one that opens a door, and the one that carries a token, are taken
// for. Properties: a found value is a text within its room, and an unfit one leaves nothing behind;
// a name of a file leads nowhere else; a token is what its text encodes to, and only that text.

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/base64.h"
#include "net/caller.h"
#include "net/cookie.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

// The one text of these bytes, in the alphabet for URLs.
static size_t encode(const uint8_t *bytes, size_t size, char *text)
{
    size_t used = 0;
    for (size_t i = 0; i < size; i += 3) {
        uint32_t group = (uint32_t)bytes[i] << 16;
        group |= i + 1 < size ? (uint32_t)bytes[i + 1] << 8 : 0;
        group |= i + 2 < size ? bytes[i + 2] : 0;
        size_t digits = size - i >= 3 ? 4 : size - i + 1;
        for (size_t j = 0; j < digits; j++) {
            text[used++] = alphabet[group >> (18 - 6 * j) & 63];
        }
    }
    return used;
}

static void check_base64(const char *text)
{
    uint8_t bytes[256];
    char again[400];
    size_t size;
    if (!net_base64_decode(bytes_of_string(text), bytes, sizeof(bytes), &size)) {
        return;
    }
    size_t digits = encode(bytes, size, again);
    for (size_t i = 0; i < digits; i++) {
        char same = text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i];
        assert(same == again[i]);
    }
    assert(strspn(text + digits, "=") == strlen(text) - digits);
}

static void check_cookie(const struct net_http_head *head, size_t room)
{
    char *value = malloc(room);
    assert(value);
    memset(value, 'x', room);
    enum net_cookie_verdict verdict = net_cookie_find(head, "A", value, room);
    assert(memchr(value, '\0', room));
    if (verdict == NET_COOKIE_FOUND) {
        check_base64(value);
    } else {
        for (size_t i = 0; i < room; i++) {
            assert(value[i] == '\0');
        }
    }
    free(value);
}

static void check_settings(const struct net_http_head *head)
{
    static struct config *config;
    struct error error;
    struct net_auth_ticket ticket;
    struct net_caller *caller = NULL;
    if (!config) {
        config = config_create_default();
        assert(config && config_set(config, "auth-cookie", "A", &error) &&
               config_set(config, "auth-token-dir", "/nonexistent", &error) &&
               config_set(config, "token-cookie", "A", &error) &&
               config_set(config, "map-headers", "X-A X-B", &error));
    }
    assert(!net_auth_cookie_opens(config, head, &ticket));
    if (net_caller_read(config, head, true, &caller) == NET_CALLER_READ) {
        assert(strlen(caller->origin) <= NET_CALLER_ORIGIN_BYTES);
        assert(strlen(caller->user_agent) <= NET_CALLER_AGENT_BYTES);
        assert(caller->header_count <= 2);
        if (!net_caller_take_token(caller, config, head)) {
            assert(caller->token_size == 0);
        }
        assert(caller->token_size <= LIMIT_TOKEN_BYTES);
    }
    net_caller_destroy(caller);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char line[] = "GET / HTTP/1.1\r\n";
    struct net_http_head *head = calloc(1, sizeof(*head));
    assert(head);
    struct bytes_span first = bytes_of(line, sizeof(line) - 1);
    struct bytes_span rest = bytes_of(data, size);
    enum net_http_verdict verdict = net_http_head_feed(head, &first);
    assert(verdict == NET_HTTP_MORE);
    if (net_http_head_feed(head, &rest) == NET_HTTP_COMPLETE) {
        check_cookie(head, 1);
        check_cookie(head, 8);
        check_cookie(head, 256);
        check_settings(head);
    }
    free(head);
    return 0;
}
