// SPDX-License-Identifier: MIT
// Version 1 is a line of text, version 2 is binary. Both are read strictly: whoever sends them is a
// proxy of ours, and anything else at this place is a mistake in its configuration or an attack.

#include "net/proxy_header.h"

#include <string.h>

#define V1_BYTES       107 // with CR LF
#define V2_START_BYTES 16
#define V2_V4_BYTES    12 // two addresses, two ports
#define V2_V6_BYTES    36
#define MAPPED_AT      12

static const uint8_t v1_mark[] = {'P', 'R', 'O', 'X', 'Y', ' '};
static const uint8_t v2_mark[] = {'\r', '\n', '\r', '\n', 0, '\r', '\n', 'Q', 'U', 'I', 'T', '\n'};

// Whether bytes could become, or are, what begins with the mark.
static bool begins(struct bytes_span bytes, const uint8_t *mark, size_t size)
{
    return memcmp(bytes.data, mark, bytes.size < size ? bytes.size : size) == 0;
}

// ---- version 1

// An address without port, of the family that was announced.
static bool read_ip(struct bytes_span word, bool is_v6, struct net_addr *addr)
{
    char text[NET_ADDR_TEXT_BYTES];
    if (word.size >= sizeof(text)) {
        return false;
    }
    memcpy(text, word.data, word.size);
    text[word.size] = '\0';
    return strlen(text) == word.size && (strchr(text, ':') != NULL) == is_v6 &&
           net_addr_parse_ip(text, addr);
}

static bool read_port(struct bytes_span word, uint16_t *port)
{
    unsigned long number = 0;
    for (size_t i = 0; i < word.size; i++) {
        if (word.data[i] < '0' || word.data[i] > '9' || i == 5) {
            return false;
        }
        number = 10 * number + (word.data[i] - '0');
    }
    *port = (uint16_t)number;
    return number <= UINT16_MAX && word.size > 0 && (word.size == 1 || word.data[0] != '0');
}

static enum net_proxy_header_verdict read_v1_line(struct bytes_span line, struct net_addr *source)
{
    struct net_addr to;
    struct bytes_span family = bytes_cut(&line, ' ');
    if (bytes_equal(family, bytes_of_string("UNKNOWN"))) {
        return NET_PROXY_HEADER_LOCAL; // whatever follows is to be ignored
    }
    bool is_v6 = bytes_equal(family, bytes_of_string("TCP6"));
    if (!is_v6 && !bytes_equal(family, bytes_of_string("TCP4"))) {
        return NET_PROXY_HEADER_MALFORMED;
    }
    bool good = read_ip(bytes_cut(&line, ' '), is_v6, source) &&
                read_ip(bytes_cut(&line, ' '), is_v6, &to) &&
                read_port(bytes_cut(&line, ' '), &source->port) && read_port(line, &to.port);
    return good ? NET_PROXY_HEADER_NAMED : NET_PROXY_HEADER_MALFORMED;
}

static enum net_proxy_header_verdict parse_v1(struct bytes_span bytes, size_t *size,
                                              struct net_addr *source)
{
    size_t most = bytes.size < V1_BYTES ? bytes.size : V1_BYTES;
    const uint8_t *end = memchr(bytes.data, '\n', most);
    if (!end) {
        return most < V1_BYTES ? NET_PROXY_HEADER_MORE : NET_PROXY_HEADER_MALFORMED;
    }
    *size = (size_t)(end - bytes.data) + 1;
    if (*size < sizeof(v1_mark) + 2 || end[-1] != '\r') {
        return NET_PROXY_HEADER_MALFORMED;
    }
    return read_v1_line(bytes_of(bytes.data + sizeof(v1_mark), *size - sizeof(v1_mark) - 2),
                        source);
}

// ---- version 2

static enum net_proxy_header_verdict read_v2_address(uint8_t family, struct bytes_span body,
                                                     struct net_addr *source)
{
    struct net_addr addr = {0};
    if (family == 0x11 && body.size >= V2_V4_BYTES) {
        addr.ip[MAPPED_AT - 2] = addr.ip[MAPPED_AT - 1] = 0xff;
        memcpy(addr.ip + MAPPED_AT, body.data, 4);
        addr.port = (uint16_t)(body.data[8] << 8 | body.data[9]);
    } else if (family == 0x21 && body.size >= V2_V6_BYTES) {
        memcpy(addr.ip, body.data, 16);
        addr.port = (uint16_t)(body.data[32] << 8 | body.data[33]);
    } else {
        return family == 0 ? NET_PROXY_HEADER_LOCAL : NET_PROXY_HEADER_MALFORMED;
    }
    *source = addr;
    return NET_PROXY_HEADER_NAMED;
}

static enum net_proxy_header_verdict parse_v2(struct bytes_span bytes, size_t *size,
                                              struct net_addr *source)
{
    if (bytes.size < V2_START_BYTES) {
        return NET_PROXY_HEADER_MORE;
    }
    uint8_t command = bytes.data[12];
    size_t body_size = (size_t)bytes.data[14] << 8 | bytes.data[15];
    *size = V2_START_BYTES + body_size;
    if ((command != 0x20 && command != 0x21) || *size > NET_PROXY_HEADER_BYTES) {
        return NET_PROXY_HEADER_MALFORMED;
    }
    if (bytes.size < *size) {
        return NET_PROXY_HEADER_MORE;
    }
    return command == 0x20
               ? NET_PROXY_HEADER_LOCAL
               : read_v2_address(bytes.data[13], bytes_of(bytes.data + V2_START_BYTES, body_size),
                                 source);
}

enum net_proxy_header_verdict net_proxy_header_parse(struct bytes_span bytes, size_t *size,
                                                     struct net_addr *source)
{
    if (bytes.size == 0) {
        return NET_PROXY_HEADER_MORE;
    }
    if (begins(bytes, v1_mark, sizeof(v1_mark))) {
        return parse_v1(bytes, size, source);
    }
    return begins(bytes, v2_mark, sizeof(v2_mark)) ? parse_v2(bytes, size, source)
                                                   : NET_PROXY_HEADER_MALFORMED;
}

bool net_proxy_header_begins(struct bytes_span bytes)
{
    return (bytes.size >= sizeof(v1_mark) && begins(bytes, v1_mark, sizeof(v1_mark))) ||
           (bytes.size >= sizeof(v2_mark) && begins(bytes, v2_mark, sizeof(v2_mark)));
}
