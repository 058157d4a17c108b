// SPDX-License-Identifier: MIT
// Reads byte by byte, judges line by line. Stricter than RFC 7230 asks, because everything that
// proxies read in two ways is refused: bare CR or LF, folded lines, space before a colon, control
// bytes, names that are no tokens.

#include "net/http_head.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

#define BLANKS " \t"

bool net_http_equal(struct bytes_span span, const char *text)
{
    return span.size == strlen(text) && strncasecmp((const char *)span.data, text, span.size) == 0;
}

static bool is_tchar(uint8_t byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= 'a' && byte <= 'z') || (byte != '\0' && strchr("!#$%&'*+-.^_`|~", byte));
}

bool net_http_is_token(struct bytes_span span)
{
    for (size_t i = 0; i < span.size; i++) {
        if (!is_tchar(span.data[i])) {
            return false;
        }
    }
    return span.size > 0;
}

static enum net_http_verdict take_field(struct net_http_head *head, struct bytes_span line)
{
    const uint8_t *colon = memchr(line.data, ':', line.size);
    if (!colon) {
        return NET_HTTP_MALFORMED;
    }
    struct bytes_span name = bytes_of(line.data, (size_t)(colon - line.data));
    struct bytes_span value = bytes_trim(bytes_of(colon + 1, line.size - name.size - 1), BLANKS);
    if (!net_http_is_token(name)) {
        return NET_HTTP_MALFORMED;
    }
    if (name.size > NET_HTTP_NAME_BYTES || value.size > NET_HTTP_VALUE_BYTES ||
        head->field_count == NET_HTTP_FIELDS) {
        return NET_HTTP_TOO_LARGE;
    }
    head->fields[head->field_count++] = (struct net_http_field){.name = name, .value = value};
    return NET_HTTP_MORE;
}

static enum net_http_verdict take_line(struct net_http_head *head)
{
    struct bytes_span line =
        bytes_of(head->bytes + head->line_start, head->size - 2 - head->line_start);
    head->line_start = head->size;
    if (!head->has_line) {
        head->has_line = true;
        head->line = line;
        return line.size > 0 ? NET_HTTP_MORE : NET_HTTP_MALFORMED;
    }
    return line.size > 0 ? take_field(head, line) : NET_HTTP_COMPLETE;
}

static enum net_http_verdict take_byte(struct net_http_head *head, uint8_t byte)
{
    bool after_cr = head->size > head->line_start && head->bytes[head->size - 1] == '\r';
    if (after_cr != (byte == '\n') || (byte < ' ' && !strchr("\r\n\t", byte)) || byte == 0x7f ||
        byte == '\0') {
        return NET_HTTP_MALFORMED;
    }
    if (!head->has_line && byte != '\r' && byte != '\n' && head->size == NET_HTTP_LINE_BYTES) {
        return NET_HTTP_LINE_TOO_LONG;
    }
    if (head->size == sizeof(head->bytes)) {
        return NET_HTTP_TOO_LARGE;
    }
    head->bytes[head->size++] = byte;
    return byte == '\n' ? take_line(head) : NET_HTTP_MORE;
}

enum net_http_verdict net_http_head_feed(struct net_http_head *head, struct bytes_span *bytes)
{
    enum net_http_verdict verdict = NET_HTTP_MORE;
    size_t taken = 0;
    while (verdict == NET_HTTP_MORE && taken < bytes->size) {
        verdict = take_byte(head, bytes->data[taken++]);
    }
    *bytes = bytes_of(bytes->data + taken, bytes->size - taken);
    return verdict;
}

unsigned net_http_head_find(const struct net_http_head *head, const char *name,
                            struct bytes_span *value)
{
    unsigned count = 0;
    for (unsigned i = 0; i < head->field_count; i++) {
        if (net_http_equal(head->fields[i].name, name) && count++ == 0) {
            *value = head->fields[i].value;
        }
    }
    return count;
}

bool net_http_list_next(struct bytes_span *list, struct bytes_span *element)
{
    while (list->size > 0) {
        *element = bytes_trim(bytes_cut(list, ','), BLANKS);
        if (element->size > 0) {
            return true;
        }
    }
    return false;
}

bool net_http_head_lists(const struct net_http_head *head, const char *name, const char *token)
{
    for (unsigned i = 0; i < head->field_count; i++) {
        struct bytes_span list = head->fields[i].value;
        struct bytes_span element;
        while (net_http_equal(head->fields[i].name, name) && net_http_list_next(&list, &element)) {
            if (net_http_equal(element, token)) {
                return true;
            }
        }
    }
    return false;
}
