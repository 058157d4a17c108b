// SPDX-License-Identifier: MIT
// A value becomes the name of a file, so it may consist of nothing but letters, digits, - and _:
// neither dots nor slashes, however they are escaped, lead anywhere.

#include "net/auth_cookie.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/cookie.h"

static bool is_file_name(const char *text)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t size = strlen(text);
    return size >= NET_AUTH_COOKIE_BYTES_MIN && strspn(text, letters) == size;
}

int net_auth_cookie_folder(const struct config *config)
{
    return open(config->auth_token_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

bool net_auth_cookie_file_exists(int folder, const struct net_auth_ticket *ticket)
{
    struct stat status;
    return fstatat(folder, ticket->name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISREG(status.st_mode);
}

bool net_auth_cookie_opens(const struct config *config, const struct net_http_head *head,
                           struct net_auth_ticket *ticket)
{
    *ticket = (struct net_auth_ticket){0};
    if (config->auth_cookie[0] == '\0') {
        return true;
    }
    if (net_cookie_find(head, config->auth_cookie, ticket->name, sizeof(ticket->name)) !=
            NET_COOKIE_FOUND ||
        !is_file_name(ticket->name)) {
        return false;
    }
    int folder = net_auth_cookie_folder(config);
    bool exists = folder >= 0 && net_auth_cookie_file_exists(folder, ticket);
    if (folder >= 0) {
        close(folder);
    }
    return exists;
}
