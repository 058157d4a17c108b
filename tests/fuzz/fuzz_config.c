// SPDX-License-Identifier: MIT
// Property: any bytes as a settings file either give errors, or settings whose dump reads back to
// the same dump.

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "config/config_option.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *print_effective(const struct config *config)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out) {
        abort();
    }
    config_print_effective(config, out);
    if (fclose(out) != 0) {
        abort();
    }
    return text;
}

static struct config *load(struct bytes_span text, struct error_list *errors)
{
    struct config *config = config_create_default();
    if (!config) {
        abort();
    }
    errors->count = 0;
    config_load_text(config, "fuzz.ini", text, errors);
    return config;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct error_list errors;
    struct config *config = load(bytes_of(data, size), &errors);
    for (unsigned i = 0; i < errors.count && i < ERROR_LIST_MAX; i++) {
        assert(errors.lines[i].text[0]);
    }
    if (errors.count == 0) {
        char *first = print_effective(config);
        struct config *again = load(bytes_of_string(first), &errors);
        assert(errors.count == 0);
        char *second = print_effective(again);
        assert(strcmp(first, second) == 0);
        bool good = config_check(config, &errors);
        assert(good == (errors.count == 0));
        (void)good;
        config_destroy(again);
        free(first);
        free(second);
    }
    config_destroy(config);
    return 0;
}
