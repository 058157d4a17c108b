// SPDX-License-Identifier: MIT
// The registry: which implementation the setting `backend` means. To add a backend: one pair of
// files, one row here, one choice in config/options.def, one fixture in tests/support/
// backend_suite.h's manner.

#include <assert.h>
#include <string.h>

#include "auth/backend.h"
#include "auth/backend_embedded.h"

// Sorted by name.
static const struct auth_backend_impl *const backends[] = {
    &auth_backend_embedded,
};

static const struct {
    const char *option;
    const char *choices; // "a|b|c"
} enums[] = {
#define OPTION_GROUP(title)
#define OPTION_BOOL(field, name, def, help)
#define OPTION_INT(field, name, def, min, max, unit, help)
#define OPTION_TEXT(field, name, def, max_bytes, help)
#define OPTION_ENUM(field, name, def, choices, help) {(name), (choices)},
#define OPTION_LIST(field, name, def, max_items, help)
#define OPTION_SECRET(field, name, help)
#include "config/options.def"
#undef OPTION_GROUP
#undef OPTION_BOOL
#undef OPTION_INT
#undef OPTION_TEXT
#undef OPTION_ENUM
#undef OPTION_LIST
#undef OPTION_SECRET
};

static const char *backend_choices(void)
{
    size_t i = 0;
    while (strcmp(enums[i].option, "backend") != 0) {
        i++;
    }
    return enums[i].choices;
}

// By name, so that neither list has to be in the other's order.
const struct auth_backend_impl *auth_backend_find(const struct config *config)
{
    const char *choice = backend_choices();
    for (int skip = config->backend; skip > 0; skip--) {
        choice = strchr(choice, '|') + 1;
    }
    size_t length = strcspn(choice, "|");
    for (size_t i = 0; i < BASE_COUNT(backends); i++) {
        if (strlen(backends[i]->name) == length && memcmp(backends[i]->name, choice, length) == 0) {
            return backends[i];
        }
    }
    assert(!"every choice of the setting has a row");
    return NULL;
}
