// SPDX-License-Identifier: MIT
// A list of names goes through the request, never the other way round: what is not named is not
// looked at, and no header can take the place of another.

#include "net/caller.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/secret.h"
#include "net/base64.h"
#include "net/cookie.h"

// What is mapped unless the operator says otherwise is the header with the client's address.
static unsigned count_names(const struct config *config, bool by_proxy)
{
    if (!by_proxy) {
        return 0;
    }
    return config->map_headers.count > 0 ? config->map_headers.count
                                         : strncasecmp(config->ip_header, "X-", 2) == 0;
}

static const char *name_at(const struct config *config, unsigned index)
{
    return config->map_headers.count > 0 ? config->map_headers.items[index] : config->ip_header;
}

// False when there is no room for it.
static bool append(char *text, size_t text_size, struct bytes_span more)
{
    size_t used = strlen(text);
    if (more.size >= text_size - used) {
        return false;
    }
    memcpy(text + used, more.data, more.size);
    text[used + more.size] = '\0';
    return true;
}

// A field that comes more than once is one list (RFC 9110 5.3).
static bool read_values(const struct net_http_head *head, const char *name, char *text,
                        size_t text_size, bool *found)
{
    *found = false;
    for (unsigned i = 0; i < head->field_count; i++) {
        struct bytes_span value = head->fields[i].value;
        if (!net_http_equal(head->fields[i].name, name)) {
            continue;
        }
        // The head's reader has let no other control byte through.
        if ((value.size > 0 && memchr(value.data, '\t', value.size)) ||
            (*found && !append(text, text_size, bytes_of_string(", "))) ||
            !append(text, text_size, value)) {
            return false;
        }
        *found = true;
    }
    return true;
}

static void read_start(const struct net_http_head *head, const char *name, char *text, size_t size)
{
    struct bytes_span value;
    if (net_http_head_find(head, name, &value) > 0) {
        memcpy(text, value.data, value.size < size ? value.size : size - 1);
    }
}

enum net_caller_verdict net_caller_read(const struct config *config,
                                        const struct net_http_head *head, bool by_proxy,
                                        struct net_caller **caller)
{
    unsigned name_count = count_names(config, by_proxy);
    struct net_caller *made = calloc(1, sizeof(*made) + name_count * sizeof(made->headers[0]));
    if (!made) {
        return NET_CALLER_NO_MEMORY;
    }
    read_start(head, "origin", made->origin, sizeof(made->origin));
    read_start(head, "user-agent", made->user_agent, sizeof(made->user_agent));
    for (unsigned i = 0; i < name_count; i++) {
        struct net_caller_header *header = &made->headers[made->header_count];
        bool found;
        header->name = name_at(config, i);
        if (!read_values(head, header->name, header->value, sizeof(header->value), &found)) {
            net_caller_destroy(made);
            return NET_CALLER_UNFIT;
        }
        made->header_count += found;
    }
    *caller = made;
    return NET_CALLER_READ;
}

bool net_caller_take_token(struct net_caller *caller, const struct config *config,
                           const struct net_http_head *head)
{
    char text[LIMIT_TOKEN_BYTES * 4 / 3 + 4];
    bool good = false;
    if (config->token_cookie[0] == '\0') {
        return true;
    }
    switch (net_cookie_find(head, config->token_cookie, text, sizeof(text))) {
    case NET_COOKIE_ABSENT:
        return true;
    case NET_COOKIE_UNFIT:
        return false;
    case NET_COOKIE_FOUND:
        good = net_base64_decode(bytes_of_string(text), caller->token, sizeof(caller->token),
                                 &caller->token_size);
        break;
    }
    secret_wipe(text, sizeof(text));
    if (!good) {
        net_caller_forget_token(caller);
    }
    return good;
}

void net_caller_forget_token(struct net_caller *caller)
{
    if (caller) {
        secret_wipe(caller->token, sizeof(caller->token));
        caller->token_size = 0;
    }
}

void net_caller_destroy(struct net_caller *caller)
{
    net_caller_forget_token(caller);
    free(caller);
}
