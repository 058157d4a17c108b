// SPDX-License-Identifier: MIT
// Property: what parses has a canonical text that parses to the same parts, and whose queries can
// be looked up.

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "config/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_key(void *context, const char *key)
{
    char value[URL_QUERY_BYTES];
    assert(key[0]);
    bool found = url_query(context, key, value, sizeof(value));
    assert(found); // it was just told, and no value is longer than its query
    (void)found;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    struct url url, again;
    struct error error;
    char canonical[URL_TEXT_BYTES], repeated[URL_TEXT_BYTES];
    if (!text) {
        abort();
    }
    if (size > 0) {
        memcpy(text, data, size);
    }
    text[size] = '\0';
    if (url_parse(text, &url, &error)) {
        url_format(&url, canonical);
        bool parsed = url_parse(canonical, &again, &error);
        assert(parsed);
        (void)parsed;
        url_format(&again, repeated);
        assert(strcmp(canonical, repeated) == 0);
        assert(again.port == url.port && again.has_port == url.has_port);
        url_query_keys(&url, on_key, &url);
        (void)url_host_is_loopback(&url);
    } else {
        assert(error.text[0]);
    }
    if (url_parse_address(text, &url, &error)) {
        assert(url.has_port && url.host[0] && !url.path[0]);
    }
    free(text);
    return 0;
}
