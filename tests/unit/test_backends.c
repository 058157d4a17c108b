// SPDX-License-Identifier: MIT
// The registry knows every choice of the setting.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "auth/backend.h"

#define OPTION_GROUP(title)
#define OPTION_BOOL(field, name, def, help)
#define OPTION_INT(field, name, def, min, max, unit, help)
#define OPTION_TEXT(field, name, def, max_bytes, help)
#define OPTION_ENUM(field, name, def, choices, help) static const char choices_##field[] = choices;
#define OPTION_LIST(field, name, def, max_items, help)
#define OPTION_SECRET(field, name, help)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-variable"
#pragma GCC diagnostic ignored "-Wunused-const-variable"
#include "config/options.def"
#pragma GCC diagnostic pop

static void every_choice_finds_the_backend_of_that_name(void **state)
{
    (void)state;
    struct config *config = calloc(1, sizeof(*config));
    assert_non_null(config);
    char list[sizeof(choices_backend)];
    memcpy(list, choices_backend, sizeof(list));
    char *rest = list;
    for (char *name; (name = strsep(&rest, "|")); config->backend++) {
        const struct auth_backend_impl *impl = auth_backend_find(config);
        assert_string_equal(impl->name, name);
        assert_non_null(impl->create);
        assert_non_null(impl->verify);
        assert_non_null(impl->report);
        assert_non_null(impl->cancel);
        assert_non_null(impl->destroy);
    }
    assert_true(config->backend >= 1);
    free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_choice_finds_the_backend_of_that_name),
    };
    return cmocka_run_group_tests_name("backends", tests, NULL, NULL);
}
