// SPDX-License-Identifier: MIT
// "Did you mean": the setting whose name is nearest to one that does not exist. Knows names only;
// driven by whoever reports an unknown one.

#include <string.h>

#include "config/config_option.h"

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
    unsigned least = a < b ? a : b;
    return least < c ? least : c;
}

// Levenshtein distance; both are shorter than CONFIG_NAME_BYTES.
static unsigned distance(const char *a, const char *b)
{
    unsigned row[CONFIG_NAME_BYTES];
    size_t width = strlen(b);
    for (size_t j = 0; j <= width; j++) {
        row[j] = (unsigned)j;
    }
    for (size_t i = 0; a[i]; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i + 1;
        for (size_t j = 0; j < width; j++) {
            unsigned changed = diagonal + (a[i] != b[j]);
            diagonal = row[j + 1];
            row[j + 1] = min3(changed, row[j] + 1, row[j + 1] + 1);
        }
    }
    return row[width];
}

const char *config_nearest_name(const char *name)
{
    unsigned count;
    const struct config_option *options = config_options(&count);
    const char *nearest = NULL;
    size_t length = strlen(name);
    if (length >= CONFIG_NAME_BYTES) {
        return NULL;
    }
    unsigned best = 2 + (unsigned)length / 4; // a longer name may be off by more
    for (unsigned i = 0; i < count; i++) {
        if (options[i].type != CONFIG_GROUP) {
            unsigned found = distance(name, options[i].name);
            nearest = found < best ? options[i].name : nearest;
            best = found < best ? found : best;
        }
    }
    return nearest;
}
