// SPDX-License-Identifier: MIT
// Whatever a service answers to /connect: a yes needs `"valid"` and `true`, and what comes with it
// is fit for everybody's screen.

#include <assert.h>
#include <string.h>

#include "auth/hook_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct auth_attributes attributes;
    const char *why;
    enum auth_verdict verdict = auth_hook_decode_connect(bytes_of(data, size), &attributes, &why);
    size_t length = strnlen(attributes.display_name, sizeof(attributes.display_name));
    assert((verdict == AUTH_ERROR) == (why != NULL));
    assert(length < sizeof(attributes.display_name));
    if (verdict != AUTH_YES) {
        assert(length == 0 && !attributes.spectator && attributes.kart == 0);
        return 0;
    }
    assert(memmem(data, size, "true", 4));
    assert(bytes_is_utf8(bytes_of(attributes.display_name, length)));
    for (size_t i = 0; i < length; i++) {
        assert((uint8_t)attributes.display_name[i] >= 0x20 && attributes.display_name[i] != 0x7f);
    }
    return 0;
}
