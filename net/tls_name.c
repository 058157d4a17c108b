// SPDX-License-Identifier: MIT
// Locale-free on purpose: host names are ASCII, and tolower() of some locales is not.

#include "net/tls_name.h"

#include <string.h>

static char lower(char letter)
{
    return letter >= 'A' && letter <= 'Z' ? (char)(letter - 'A' + 'a') : letter;
}

bool net_tls_name_equal(const char *a, const char *b)
{
    while (*a && lower(*a) == lower(*b)) {
        a++;
        b++;
    }
    return lower(*a) == lower(*b);
}

bool net_tls_name_is_wildcard(const char *pattern)
{
    return pattern[0] == '*' && pattern[1] == '.' && pattern[2];
}

bool net_tls_name_matches(const char *pattern, const char *host)
{
    if (!net_tls_name_is_wildcard(pattern)) {
        return net_tls_name_equal(pattern, host);
    }
    const char *rest = strchr(host, '.');
    return rest && rest != host && net_tls_name_equal(pattern + 1, rest);
}
