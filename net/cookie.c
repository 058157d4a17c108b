// SPDX-License-Identifier: MIT
// Two different values under one name are no value: which of them counted would depend on the
// proxy in front.

#include "net/cookie.h"

#include <string.h>

#include "config/secret.h"

static int hex_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9'   ? byte - '0'
           : byte >= 'a' && byte <= 'f' ? byte - 'a' + 10
           : byte >= 'A' && byte <= 'F' ? byte - 'A' + 10
                                        : -1;
}

// Takes one byte, escaped or not, from the front of *rest; 0 when it is none that a text may have.
static uint8_t take_byte(struct bytes_span *rest)
{
    uint8_t byte = rest->data[0];
    size_t taken = 1;
    if (byte == '%') {
        int high = rest->size > 2 ? hex_digit(rest->data[1]) : -1;
        int low = rest->size > 2 ? hex_digit(rest->data[2]) : -1;
        if (high < 0 || low < 0) {
            return 0;
        }
        byte = (uint8_t)(high * 16 + low);
        taken = 3;
    }
    *rest = bytes_of(rest->data + taken, rest->size - taken);
    return byte;
}

// With `compare`, whether it is what stands there already.
static bool decode(struct bytes_span rest, char *value, size_t size, bool compare)
{
    size_t used = 0;
    while (rest.size > 0) {
        uint8_t byte = take_byte(&rest);
        if (byte == 0 || used == size - 1 || (compare && value[used] != (char)byte)) {
            return false;
        }
        value[used++] = (char)byte;
    }
    if (compare && value[used] != '\0') {
        return false;
    }
    value[used] = '\0';
    return true;
}

// Cuts "name=value" off a Cookie header, blanks around it dropped. False at the end.
static bool next_pair(struct bytes_span *list, struct bytes_span *name, struct bytes_span *value)
{
    while (list->size > 0 && (list->data[0] == ' ' || list->data[0] == '\t')) {
        *list = bytes_of(list->data + 1, list->size - 1);
    }
    if (list->size == 0) {
        return false;
    }
    *value = bytes_cut(list, ';');
    *name = bytes_cut(value, '=');
    return true;
}

enum net_cookie_verdict net_cookie_find(const struct net_http_head *head, const char *cookie,
                                        char *value, size_t size)
{
    bool found = false;
    for (unsigned i = 0; i < head->field_count; i++) {
        struct bytes_span list = head->fields[i].value;
        struct bytes_span name;
        struct bytes_span coded;
        if (!net_http_equal(head->fields[i].name, "cookie")) {
            continue;
        }
        while (next_pair(&list, &name, &coded)) {
            if (!bytes_equal(name, bytes_of_string(cookie))) {
                continue;
            }
            if (!decode(coded, value, size, found)) {
                secret_wipe(value, size);
                return NET_COOKIE_UNFIT;
            }
            found = true;
        }
    }
    if (!found) {
        secret_wipe(value, size);
    }
    return found ? NET_COOKIE_FOUND : NET_COOKIE_ABSENT;
}
