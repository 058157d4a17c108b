// SPDX-License-Identifier: MIT
// "Did you mean": the setting whose name is nearest to one that does not exist. Knows names only;
// driven by whoever reports an unknown one.

#include <string.h>

#include "config/config_option.h"

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

// Letters to insert, drop, change or swap with their neighbour to make one of the other. Both are
// shorter than CONFIG_NAME_BYTES. rows[i][j] is the distance between the first i and j letters;
// only the last three rows are kept.
static unsigned distance(const char *a, const char *b)
{
    unsigned rows[3][CONFIG_NAME_BYTES] = {{0}};
    size_t height = strlen(a);
    size_t width = strlen(b);
    for (size_t j = 0; j <= width; j++) {
        rows[0][j] = (unsigned)j;
    }
    for (size_t i = 1; i <= height; i++) {
        const unsigned *before = rows[(i - 1) % 3];
        unsigned *row = rows[i % 3];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= width; j++) {
            row[j] =
                least(before[j - 1] + (a[i - 1] != b[j - 1]), least(row[j - 1], before[j]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                row[j] = least(row[j], rows[(i - 2) % 3][j - 2] + 1);
            }
        }
    }
    return rows[height % 3][width];
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
    unsigned best = 2 + (unsigned)length / 5; // a longer name may be off by more
    for (unsigned i = 0; i < count; i++) {
        if (options[i].type != CONFIG_GROUP) {
            unsigned found = distance(name, options[i].name);
            nearest = found < best ? options[i].name : nearest;
            best = found < best ? found : best;
        }
    }
    return nearest;
}
