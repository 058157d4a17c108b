// SPDX-License-Identifier: MIT
// A value becomes the name of a file, so it may consist of nothing but letters, digits, - and _:
// neither dots nor slashes, however they are escaped, lead anywhere. Two different values in one
// request are no value: which of them counted would depend on the proxy in front.

#include "net/auth_cookie.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct token {
    char text[NET_AUTH_COOKIE_BYTES_MAX + 1];
};

static int hex_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9'   ? byte - '0'
           : byte >= 'a' && byte <= 'f' ? byte - 'a' + 10
           : byte >= 'A' && byte <= 'F' ? byte - 'A' + 10
                                        : -1;
}

static bool is_token_byte(int byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= 'a' && byte <= 'z') || byte == '-' || byte == '_';
}

// Pages write cookies URI-encoded: one level of escapes is undone, and only then is it judged.
static bool decode(struct bytes_span value, struct token *token)
{
    size_t size = 0;
    for (size_t i = 0; i < value.size; i++) {
        int byte = value.data[i];
        if (byte == '%') {
            if (value.size - i < 3) {
                return false;
            }
            int high = hex_digit(value.data[i + 1]);
            int low = hex_digit(value.data[i + 2]);
            byte = high < 0 || low < 0 ? -1 : high * 16 + low;
            i += 2;
        }
        if (!is_token_byte(byte) || size == NET_AUTH_COOKIE_BYTES_MAX) {
            return false;
        }
        token->text[size++] = (char)byte;
    }
    token->text[size] = '\0';
    return size >= NET_AUTH_COOKIE_BYTES_MIN;
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
    const uint8_t *end = memchr(list->data, ';', list->size);
    size_t size = end ? (size_t)(end - list->data) : list->size;
    size_t taken = end ? size + 1 : size;
    const uint8_t *equals = size > 0 ? memchr(list->data, '=', size) : NULL;
    size_t name_size = equals ? (size_t)(equals - list->data) : size;
    *name = bytes_of(list->data, name_size);
    *value = equals ? bytes_of(equals + 1, size - name_size - 1) : bytes_of(list->data, 0);
    *list = bytes_of(list->data + taken, list->size - taken);
    return true;
}

// The one token in all Cookie headers; false when there is none, or one that is none, or two.
static bool find_token(const struct net_http_head *head, const char *cookie, struct token *token)
{
    bool found = false;
    for (unsigned i = 0; i < head->field_count; i++) {
        struct bytes_span list = head->fields[i].value;
        struct bytes_span name;
        struct bytes_span value;
        if (!net_http_equal(head->fields[i].name, "cookie")) {
            continue;
        }
        while (next_pair(&list, &name, &value)) {
            struct token other;
            if (!bytes_equal(name, bytes_of_string(cookie))) {
                continue;
            }
            if (!decode(value, &other) || (found && strcmp(token->text, other.text) != 0)) {
                return false;
            }
            *token = other;
            found = true;
        }
    }
    return found;
}

static bool file_exists(const char *folder, const char *name)
{
    struct stat status;
    int dir = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0) {
        return false;
    }
    bool exists = fstatat(dir, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode);
    close(dir);
    return exists;
}

bool net_auth_cookie_opens(const struct config *config, const struct net_http_head *head)
{
    struct token token;
    return config->auth_cookie[0] == '\0' || (find_token(head, config->auth_cookie, &token) &&
                                              file_exists(config->auth_token_dir, token.text));
}
