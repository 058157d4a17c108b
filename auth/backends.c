// SPDX-License-Identifier: MIT
// The registry: which implementation the setting `backend` means. To add a backend: one pair of
// files, one row here, one choice in config/options.def, one test that runs the suite of
// tests/support/backend_suite.h.

#include <assert.h>

#include "auth/backend.h"
#include "auth/backend_embedded.h"
#include "auth/backend_http.h"
#include "auth/backend_unisave.h"

// Sorted by name.
static const struct auth_backend_impl *const backends[] = {
    &auth_backend_embedded,
    &auth_backend_http,
    &auth_backend_unisave,
};

const struct auth_backend_impl *auth_backend_find(const struct config *config)
{
    for (size_t i = 0; i < BASE_COUNT(backends); i++) {
        if (config_choice_is("backend", config->backend, backends[i]->name)) {
            return backends[i];
        }
    }
    assert(!"every choice of the setting has a row");
    return NULL;
}
