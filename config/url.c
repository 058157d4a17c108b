// SPDX-License-Identifier: MIT
// Takes URLs apart, strictly: what is not plainly one of the documented forms is an error with
// a reason, since a listener that is understood otherwise than it was meant is a security hole.
// Knows no schemes beyond their default ports. Driven by config_check and net/.

#include "config/url.h"

#include <arpa/inet.h>
#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define SHOWN 100 // bytes of an operator's text that an error quotes

static bool copy(char *to, size_t to_size, const char *from, size_t size)
{
    if (size >= to_size) {
        return false;
    }
    memcpy(to, from, size);
    to[size] = '\0';
    return true;
}

static void lower(char *text)
{
    for (; *text; text++) {
        *text = (char)tolower((unsigned char)*text);
    }
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// ---- host and port

// RFC 1123 labels and '_', which container networks put into names.
static bool is_name(const char *host)
{
    size_t label = 0;
    for (const char *at = host; *at; at++) {
        if (*at == '.') {
            if (label == 0 || at[-1] == '-') {
                return false;
            }
            label = 0;
            continue;
        }
        bool inner = *at == '-' && label > 0;
        if ((!isalnum((unsigned char)*at) && *at != '_' && !inner) || ++label > 63) {
            return false;
        }
    }
    size_t length = strlen(host);
    return length > 0 && length <= 253 && label > 0 && host[length - 1] != '-';
}

static bool parse_host(const char *text, size_t size, struct url *url, struct error *error)
{
    url->host_is_v6 = size > 0 && text[0] == '[';
    if (url->host_is_v6) {
        text++;
        size -= 2;
    }
    if (!copy(url->host, sizeof(url->host), text, size)) {
        return error_set(error, "the host is too long");
    }
    lower(url->host);
    if (url->host_is_v6) {
        struct in6_addr v6;
        if (inet_pton(AF_INET6, url->host, &v6) != 1) {
            return error_set(error, "[%.*s] is not an IPv6 address", SHOWN, url->host);
        }
        inet_ntop(AF_INET6, &v6, url->host, sizeof(url->host));
        return true;
    }
    struct in_addr v4;
    bool numeric = url->host[strspn(url->host, "0123456789.")] == '\0';
    if (numeric ? inet_pton(AF_INET, url->host, &v4) != 1 : !is_name(url->host)) {
        return error_set(error, "\"%.*s\" is neither a host name nor an address (IPv6 needs [])",
                         SHOWN, url->host);
    }
    return true;
}

static bool parse_port(const char *text, size_t size, struct url *url, struct error *error)
{
    unsigned port = 0;
    bool good = size > 0 && size <= 5;
    for (size_t i = 0; good && i < size; i++) {
        good = text[i] >= '0' && text[i] <= '9';
        port = port * 10 + (unsigned)(text[i] - '0');
    }
    if (!good || port > 65535) {
        return error_set(error, "\"%.*s\" is not a port; 0 to 65535, 0 for any free one",
                         (int)(size < SHOWN ? size : SHOWN), text);
    }
    url->port = (uint16_t)port;
    url->has_port = true;
    return true;
}

// host[:port] of the given size.
static bool parse_authority(const char *text, size_t size, struct url *url, struct error *error)
{
    if (memchr(text, '@', size)) {
        return error_set(error, "user names and passwords do not belong here");
    }
    const char *end = text + size;
    const char *host_end = size > 0 && text[0] == '[' ? memchr(text, ']', size) : text;
    if (!host_end) {
        return error_set(error, "a [ without its ]");
    }
    host_end += host_end > text;
    while (host_end < end && *host_end != ':') {
        if (text[0] == '[') {
            return error_set(error, "only a port may follow the ]");
        }
        host_end++;
    }
    if (!parse_host(text, (size_t)(host_end - text), url, error)) {
        return false;
    }
    return host_end == end || parse_port(host_end + 1, (size_t)(end - host_end - 1), url, error);
}

// ---- query

// The next key=value of a query; false at its end.
static bool next_pair(const char **at, struct bytes_span *key, struct bytes_span *value)
{
    if (!**at) {
        return false;
    }
    size_t size = strcspn(*at, "&");
    size_t key_size = strcspn(*at, "=&");
    *key = bytes_of(*at, key_size);
    *value = key_size < size ? bytes_of(*at + key_size + 1, size - key_size - 1) : bytes_of(*at, 0);
    *at += size;
    *at += **at == '&';
    return true;
}

static bool check_query(const struct url *url, struct error *error)
{
    struct bytes_span key, value, other;
    size_t length = strlen(url->query);
    if (length > 0 && url->query[length - 1] == '&') {
        return error_set(error, "the query ends with &");
    }
    for (const char *at = url->query; next_pair(&at, &key, &value);) {
        if (key.size == 0) {
            return error_set(error, "a query parameter has no name");
        }
        for (const char *later = at; next_pair(&later, &other, &value);) {
            if (bytes_equal(key, other)) {
                return error_set(error, "the query parameter %.*s is given twice", (int)key.size,
                                 (const char *)key.data);
            }
        }
    }
    for (const char *at = strchr(url->query, '%'); at; at = strchr(at + 1, '%')) {
        int high = hex_digit(at[1]);
        int low = high < 0 ? -1 : hex_digit(at[2]);
        if (low < 0 || (high == 0 && low == 0)) {
            return error_set(error, "%.3s in the query is not a usable %%-escape", at);
        }
    }
    return true;
}

static bool decode(struct bytes_span from, char *to, size_t to_size)
{
    size_t used = 0;
    for (size_t i = 0; i < from.size; i++) {
        const char *at = (const char *)from.data + i;
        if (used + 1 >= to_size) {
            return false;
        }
        if (*at == '%') {
            assert(i + 2 < from.size); // url_parse() checked it
            to[used++] = (char)(hex_digit(at[1]) << 4 | hex_digit(at[2]));
            i += 2;
        } else {
            to[used++] = *at;
        }
    }
    to[used] = '\0';
    return true;
}

bool url_query(const struct url *url, const char *key, char *value, size_t size)
{
    struct bytes_span each, text;
    assert(size > 0);
    for (const char *at = url->query; next_pair(&at, &each, &text);) {
        if (bytes_equal(each, bytes_of_string(key))) {
            return decode(text, value, size);
        }
    }
    return false;
}

void url_query_keys(const struct url *url, void (*each)(void *context, const char *key),
                    void *context)
{
    struct bytes_span key, value;
    for (const char *at = url->query; next_pair(&at, &key, &value);) {
        char name[URL_QUERY_BYTES];
        bool fits = copy(name, sizeof(name), (const char *)key.data, key.size);
        assert(fits); // the whole query is no longer
        (void)fits;
        each(context, name);
    }
}

// ---- the whole

static bool check_bytes(const char *text, struct error *error)
{
    if (strlen(text) >= URL_TEXT_BYTES) {
        return error_set(error, "longer than %d bytes", URL_TEXT_BYTES - 1);
    }
    for (const char *at = text; *at; at++) {
        if (*at <= 0x20 || *at >= 0x7F) {
            return error_set(error, "holds a space, a control byte or a letter outside ASCII");
        }
    }
    return true;
}

static bool parse_scheme(const char *text, size_t size, struct url *url, struct error *error)
{
    if (!copy(url->scheme, sizeof(url->scheme), text, size)) {
        return error_set(error, "no known scheme is so long");
    }
    lower(url->scheme);
    bool good = isalpha((unsigned char)url->scheme[0]);
    for (const char *at = url->scheme; *at; at++) {
        good = good && isalnum((unsigned char)*at);
    }
    return good || error_set(error, "the scheme is made of letters and digits");
}

static bool parse_parts(const char *text, struct url *url, struct error *error)
{
    const char *separator = strstr(text, "://");
    if (!separator) {
        return error_set(
            error, "no scheme; say udp://, dtls://, tcp://, tls://, ws:// or wss:// in front");
    }
    if (!parse_scheme(text, (size_t)(separator - text), url, error)) {
        return false;
    }
    const char *authority = separator + 3;
    if (strchr(authority, '#')) {
        return error_set(error, "a fragment (#) does not belong here");
    }
    size_t size = strcspn(authority, "/?");
    const char *path = authority + size;
    size_t path_size = strcspn(path, "?");
    const char *query = path + path_size + (path[path_size] == '?');
    if (!parse_authority(authority, size, url, error)) {
        return false;
    }
    if (!copy(url->path, sizeof(url->path), path, path_size)) {
        return error_set(error, "the path is longer than %d bytes", URL_PATH_BYTES - 1);
    }
    if (!copy(url->query, sizeof(url->query), query, strlen(query))) {
        return error_set(error, "the query is longer than %d bytes", URL_QUERY_BYTES - 1);
    }
    return check_query(url, error);
}

bool url_parse(const char *text, struct url *url, struct error *error)
{
    memset(url, 0, sizeof(*url));
    if (!check_bytes(text, error)) {
        return error_prefix(error, "not a URL");
    }
    return parse_parts(text, url, error) || error_prefix(error, "\"%.*s\"", SHOWN, text);
}

bool url_parse_address(const char *text, struct url *url, struct error *error)
{
    memset(url, 0, sizeof(*url));
    if (!check_bytes(text, error)) {
        return error_prefix(error, "not an address");
    }
    if (!parse_authority(text, strlen(text), url, error)) {
        return error_prefix(error, "\"%.*s\"", SHOWN, text);
    }
    return url->has_port || error_set(error, "\"%.*s\": say host:port", SHOWN, text);
}

void url_format(const struct url *url, char text[URL_TEXT_BYTES])
{
    char port[8] = "";
    if (url->has_port) {
        snprintf(port, sizeof(port), ":%u", (unsigned)url->port);
    }
    int length =
        snprintf(text, URL_TEXT_BYTES, "%s%s%s%s%s%s%s%s%s", url->scheme,
                 url->scheme[0] ? "://" : "", url->host_is_v6 ? "[" : "", url->host,
                 url->host_is_v6 ? "]" : "", port, url->path, url->query[0] ? "?" : "", url->query);
    assert(length > 0 && length < URL_TEXT_BYTES); // the parts' bounds add up to less
    (void)length;
}

uint16_t url_default_port(const char *scheme)
{
    static const struct {
        const char *scheme;
        uint16_t port;
    } ports[] = {{"udp", 7777}, {"dtls", 7778}, {"tcp", 7778}, {"tls", 7779},
                 {"ws", 9090},  {"wss", 9091},  {"http", 80},  {"https", 443}};
    for (size_t i = 0; i < BASE_COUNT(ports); i++) {
        if (strcmp(ports[i].scheme, scheme) == 0) {
            return ports[i].port;
        }
    }
    return 0;
}

bool url_host_is_loopback(const struct url *url)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (url->host_is_v6) {
        return inet_pton(AF_INET6, url->host, &v6) == 1 &&
               (IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127));
    }
    return strcmp(url->host, "localhost") == 0 ||
           (inet_pton(AF_INET, url->host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127);
}
