// SPDX-License-Identifier: MIT
// IP addresses of either family in one form, and prefixes of them.

#include "net/addr.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

#define MAPPED_BITS 96

void net_addr_from_sockaddr(struct net_addr *addr, const struct sockaddr_storage *from)
{
    memset(addr, 0, sizeof(*addr));
    if (from->ss_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, from, sizeof(v4));
        memcpy(addr->ip, mapped_prefix, sizeof(mapped_prefix));
        memcpy(addr->ip + sizeof(mapped_prefix), &v4.sin_addr, 4);
        addr->port = ntohs(v4.sin_port);
    } else if (from->ss_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, from, sizeof(v6));
        memcpy(addr->ip, &v6.sin6_addr, sizeof(addr->ip));
        addr->port = ntohs(v6.sin6_port);
        addr->scope = v6.sin6_scope_id;
    }
}

socklen_t net_addr_to_sockaddr(const struct net_addr *addr, bool as_v6, struct sockaddr_storage *to)
{
    memset(to, 0, sizeof(*to));
    if (!as_v6 && net_addr_is_v4(addr)) {
        struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(addr->port)};
        memcpy(&v4.sin_addr, addr->ip + sizeof(mapped_prefix), 4);
        memcpy(to, &v4, sizeof(v4));
        return sizeof(v4);
    }
    struct sockaddr_in6 v6 = {
        .sin6_family = AF_INET6,
        .sin6_port = htons(addr->port),
        .sin6_scope_id = addr->scope,
    };
    memcpy(&v6.sin6_addr, addr->ip, sizeof(addr->ip));
    memcpy(to, &v6, sizeof(v6));
    return sizeof(v6);
}

bool net_addr_is_v4(const struct net_addr *addr)
{
    return memcmp(addr->ip, mapped_prefix, sizeof(mapped_prefix)) == 0;
}

bool net_addr_is_loopback(const struct net_addr *addr)
{
    static const uint8_t v6_loopback[16] = {[15] = 1};
    return net_addr_is_v4(addr) ? addr->ip[12] == 127
                                : memcmp(addr->ip, v6_loopback, sizeof(v6_loopback)) == 0;
}

bool net_addr_is_any(const struct net_addr *addr)
{
    static const uint8_t zeroes[16];
    return net_addr_is_v4(addr) ? memcmp(addr->ip + sizeof(mapped_prefix), zeroes, 4) == 0
                                : memcmp(addr->ip, zeroes, sizeof(zeroes)) == 0;
}

bool net_addr_equal(const struct net_addr *a, const struct net_addr *b)
{
    return a->port == b->port && a->scope == b->scope && net_addr_equal_ip(a, b);
}

bool net_addr_equal_ip(const struct net_addr *a, const struct net_addr *b)
{
    return memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

bool net_addr_key_init(struct net_addr_key *key)
{
    return getrandom(key, sizeof(*key), 0) == (ssize_t)sizeof(*key);
}

static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 33)) * UINT64_C(0xff51afd7ed558ccd);
    x = (x ^ (x >> 33)) * UINT64_C(0xc4ceb9fe1a85ec53);
    return x ^ (x >> 33);
}

uint32_t net_addr_hash(const struct net_addr_key *key, const uint8_t ip[16], uint16_t port)
{
    uint64_t halves[2];
    memcpy(halves, ip, sizeof(halves));
    return (uint32_t)mix(mix(halves[0] ^ key->halves[0]) ^ halves[1] ^ key->halves[1] ^ port);
}

void net_addr_format(const struct net_addr *addr, char text[NET_ADDR_TEXT_BYTES])
{
    char ip[INET6_ADDRSTRLEN];
    if (net_addr_is_v4(addr)) {
        inet_ntop(AF_INET, addr->ip + sizeof(mapped_prefix), ip, sizeof(ip));
        snprintf(text, NET_ADDR_TEXT_BYTES, "%s:%u", ip, addr->port);
    } else {
        inet_ntop(AF_INET6, addr->ip, ip, sizeof(ip));
        snprintf(text, NET_ADDR_TEXT_BYTES, "[%s]:%u", ip, addr->port);
    }
}

bool net_addr_parse_ip(const char *text, struct net_addr *addr)
{
    struct net_addr parsed = {0};
    if (inet_pton(AF_INET, text, parsed.ip + sizeof(mapped_prefix)) == 1) {
        memcpy(parsed.ip, mapped_prefix, sizeof(mapped_prefix));
    } else if (inet_pton(AF_INET6, text, parsed.ip) != 1) {
        return false;
    }
    *addr = parsed;
    return true;
}

static bool parse_port(const char *digits, uint16_t *port)
{
    char *end;
    unsigned long number = strtoul(digits, &end, 10);
    *port = (uint16_t)number;
    return *digits >= '0' && *digits <= '9' && *end == '\0' && end - digits <= 5 &&
           number <= UINT16_MAX;
}

bool net_addr_parse(struct bytes_span span, struct net_addr *addr)
{
    char text[NET_ADDR_TEXT_BYTES];
    if (span.size >= sizeof(text) || memchr(span.data, '\0', span.size)) {
        return false;
    }
    memcpy(text, span.data, span.size);
    text[span.size] = '\0';
    if (net_addr_parse_ip(text, addr)) {
        return true;
    }
    bool is_v6 = text[0] == '[';
    char *colon = strrchr(text, ':');
    if (!colon || (is_v6 && colon[-1] != ']') || (!is_v6 && strchr(text, ':') != colon)) {
        return false;
    }
    *(is_v6 ? colon - 1 : colon) = '\0';
    uint16_t port;
    if (!parse_port(colon + 1, &port) || !net_addr_parse_ip(text + is_v6, addr) ||
        (is_v6 && !strchr(text, ':'))) {
        return false;
    }
    addr->port = port;
    return true;
}

unsigned net_addr_resolve(const char *host, uint16_t port, struct net_addr *addrs, unsigned max,
                          struct error *error)
{
    assert(max > 0);
    if (net_addr_parse_ip(host, &addrs[0])) {
        addrs[0].port = port;
        return 1;
    }
    // One socket type, else each address comes three times.
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int status = getaddrinfo(host, NULL, &hints, &found);
    if (status != 0) {
        error_set(error, "cannot look up \"%s\": %s", host, gai_strerror(status));
        return 0;
    }
    unsigned count = 0;
    for (const struct addrinfo *at = found; at && count < max; at = at->ai_next) {
        struct sockaddr_storage storage = {0};
        if (at->ai_family != AF_INET && at->ai_family != AF_INET6) {
            continue;
        }
        memcpy(&storage, at->ai_addr, at->ai_addrlen);
        net_addr_from_sockaddr(&addrs[count], &storage);
        addrs[count++].port = port;
    }
    freeaddrinfo(found);
    if (count == 0) {
        error_set(error, "\"%s\" has no IPv4 or IPv6 address", host);
    }
    return count;
}

// The bits of byte `index` that lie beyond the prefix.
static uint8_t host_mask(unsigned bits, unsigned index)
{
    if (bits >= (index + 1) * 8) {
        return 0;
    }
    return bits <= index * 8 ? 0xff : (uint8_t)(0xff >> (bits - index * 8));
}

bool net_prefix_parse(const char *text, struct net_prefix *prefix, struct error *error)
{
    char ip[NET_ADDR_TEXT_BYTES];
    size_t ip_size = strcspn(text, "/");
    if (ip_size >= sizeof(ip)) {
        return error_set(error, "\"%s\" is not an address or prefix", text);
    }
    memcpy(ip, text, ip_size);
    ip[ip_size] = '\0';
    struct net_addr addr;
    if (!net_addr_parse_ip(ip, &addr)) {
        return error_set(error, "\"%s\" is not an address or prefix such as 10.0.0.0/8", text);
    }
    unsigned offset = net_addr_is_v4(&addr) && !strchr(ip, ':') ? MAPPED_BITS : 0;
    unsigned long bits = 128 - offset;
    if (text[ip_size] == '/') {
        const char *digits = text + ip_size + 1;
        char *end;
        bits = strtoul(digits, &end, 10);
        if (*digits < '0' || *digits > '9' || *end != '\0' || bits > 128 - offset) {
            return error_set(error, "\"%s\": the prefix length must be 0..%u", text, 128 - offset);
        }
    }
    prefix->bits = (uint8_t)(bits + offset);
    for (unsigned i = 0; i < 16; i++) {
        prefix->ip[i] = addr.ip[i];
        if (addr.ip[i] & host_mask(prefix->bits, i)) {
            return error_set(error, "\"%s\" has bits set beyond its length of %lu", text, bits);
        }
    }
    return true;
}

bool net_prefix_contains(const struct net_prefix *prefix, const struct net_addr *addr)
{
    for (unsigned i = 0; i < 16; i++) {
        if ((prefix->ip[i] ^ addr->ip[i]) & (uint8_t)~host_mask(prefix->bits, i)) {
            return false;
        }
    }
    return true;
}
