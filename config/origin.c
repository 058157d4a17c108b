// SPDX-License-Identifier: MIT
// Rule and origin are taken apart by the same strict reader and compared part by part, never as
// text: "https://example.com.evil.org" and "https://example.com@evil.org" look alike only as text.

#include "config/origin.h"

#include <string.h>
#include <strings.h>

#include "config/config.h"

struct origin {
    struct bytes_span scheme;
    struct bytes_span host; // an IPv6 address with its brackets
    struct bytes_span port; // digits; empty: the scheme's own
};

static bool is_alphanumeric(uint8_t byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= 'a' && byte <= 'z');
}

// At least one, each a letter, a digit or one of `more`.
static bool consists_of(struct bytes_span span, const char *more)
{
    for (size_t i = 0; i < span.size; i++) {
        uint8_t byte = span.data[i];
        if (byte == '\0' || !(is_alphanumeric(byte) || strchr(more, byte))) {
            return false;
        }
    }
    return span.size > 0;
}

static bool is_port(struct bytes_span port)
{
    unsigned long number = 0;
    for (size_t i = 0; i < port.size; i++) {
        if (port.data[i] < '0' || port.data[i] > '9' || i == 5) {
            return false;
        }
        number = 10 * number + (port.data[i] - '0');
    }
    return number > 0 && number <= 65535;
}

static struct bytes_span behind(struct bytes_span span, size_t count)
{
    return bytes_of(span.data + count, span.size - count);
}

// Cuts the host, or with brackets the address, from the front of *rest.
static bool cut_host(struct bytes_span *rest, struct bytes_span *host)
{
    bool is_v6 = rest->size > 0 && rest->data[0] == '[';
    const uint8_t *end = rest->size > 0 ? memchr(rest->data, is_v6 ? ']' : ':', rest->size) : NULL;
    if (is_v6 && !end) {
        return false;
    }
    size_t size = end ? (size_t)(end - rest->data) + is_v6 : rest->size;
    *host = bytes_of(rest->data, size);
    *rest = behind(*rest, size);
    return is_v6 ? consists_of(bytes_of(host->data + 1, size - 2), ":.")
                 : consists_of(*host, "-._*");
}

static bool parse(struct bytes_span text, struct origin *origin)
{
    const uint8_t *colon = text.size > 0 ? memchr(text.data, ':', text.size) : NULL;
    size_t scheme_size = colon ? (size_t)(colon - text.data) : 0;
    if (!colon || text.size < scheme_size + 3 || memcmp(colon, "://", 3) != 0) {
        return false;
    }
    origin->scheme = bytes_of(text.data, scheme_size);
    struct bytes_span rest = behind(text, scheme_size + 3);
    if (!consists_of(origin->scheme, "+-.") || !cut_host(&rest, &origin->host)) {
        return false;
    }
    origin->port = bytes_of("", 0);
    if (rest.size == 0) {
        return true;
    }
    origin->port = behind(rest, 1);
    return rest.data[0] == ':' &&
           (is_port(origin->port) || bytes_equal(origin->port, bytes_of_string("*")));
}

static bool equal_without_case(struct bytes_span a, struct bytes_span b)
{
    return a.size == b.size && strncasecmp((const char *)a.data, (const char *)b.data, a.size) == 0;
}

static bool has_star(struct bytes_span host)
{
    return memchr(host.data, '*', host.size) != NULL;
}

static bool host_matches(struct bytes_span rule, struct bytes_span host)
{
    if (!has_star(rule)) {
        return equal_without_case(rule, host);
    }
    struct bytes_span suffix = behind(rule, 1); // with its dot
    return host.size > suffix.size && host.data[0] != '.' &&
           equal_without_case(suffix, behind(host, host.size - suffix.size));
}

static struct bytes_span port_of(const struct origin *origin)
{
    if (origin->port.size > 0) {
        return origin->port;
    }
    bool is_secure = equal_without_case(origin->scheme, bytes_of_string("https"));
    bool is_plain = equal_without_case(origin->scheme, bytes_of_string("http"));
    return bytes_of_string(is_secure ? "443" : is_plain ? "80" : "");
}

bool config_origin_matches(const char *rule, struct bytes_span text)
{
    struct origin want;
    struct origin origin;
    bool is_null = bytes_equal(text, bytes_of_string("null"));
    if (is_null || strcmp(rule, "null") == 0) {
        return is_null && strcmp(rule, "null") == 0;
    }
    if (!parse(text, &origin) || has_star(origin.host) ||
        bytes_equal(origin.port, bytes_of_string("*"))) {
        return false;
    }
    if (strcmp(rule, "*") == 0) {
        return true;
    }
    return parse(bytes_of_string(rule), &want) && equal_without_case(want.scheme, origin.scheme) &&
           host_matches(want.host, origin.host) &&
           (bytes_equal(want.port, bytes_of_string("*")) ||
            bytes_equal(port_of(&want), port_of(&origin)));
}

bool config_origin_rule_check(const char *rule, struct error *error)
{
    const char *text = rule + (rule[0] == '!');
    struct origin want;
    if (strcmp(text, "*") == 0 || strcmp(text, "null") == 0) {
        return true;
    }
    bool good = parse(bytes_of_string(text), &want);
    if (good && has_star(want.host)) {
        // One star, as the whole first label, and something behind it.
        good = want.host.size > 2 && want.host.data[0] == '*' && want.host.data[1] == '.' &&
               !has_star(behind(want.host, 1));
    }
    return good ||
           error_set(error,
                     "\"%.100s\" is not an origin such as https://example.com, "
                     "https://*.example.com, https://example.com:8443, * or null, with ! in "
                     "front to deny it",
                     rule);
}

bool config_origin_is_allowed(const struct config_list *rules, struct bytes_span origin)
{
    for (unsigned i = 0; i < rules->count; i++) {
        const char *rule = rules->items[i];
        bool is_denial = rule[0] == '!';
        if (config_origin_matches(rule + is_denial, origin)) {
            return !is_denial;
        }
    }
    return false;
}
