// SPDX-License-Identifier: MIT
// jansson parses, recursively, up to 2048 levels deep; so depth is counted before it begins.

#include "auth/json.h"

#include <jansson.h>
#include <string.h>

#include "auth/wiped.h"

// Right for every text that is JSON; what is not, jansson refuses.
static bool is_deeper(struct bytes_span text, unsigned depth_max)
{
    unsigned depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i];
        if (in_string) {
            i += byte == '\\';
            in_string = byte != '"';
        } else if (byte == '"') {
            in_string = true;
        } else if (byte == '{' || byte == '[') {
            if (++depth > depth_max) {
                return true;
            }
        } else if ((byte == '}' || byte == ']') && depth > 0) {
            depth--;
        }
    }
    return false;
}

void auth_json_wipe_freed(void)
{
    json_set_alloc_funcs(auth_wiped_malloc, auth_wiped_free);
}

struct json_t *auth_json_parse(struct bytes_span text, unsigned depth_max)
{
    json_error_t error;
    return text.size == 0 || is_deeper(text, depth_max)
               ? NULL
               : json_loadb((const char *)text.data, text.size,
                            JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
}

static bool append_escaped(struct bytes_buf *out, uint8_t byte)
{
    return byte < 0x20 ? bytes_buf_append_format(out, "\\u%04x", byte)
                       : bytes_buf_append_u8(out, '\\') && bytes_buf_append_u8(out, byte);
}

bool auth_json_append_string(struct bytes_buf *out, const char *text)
{
    bool ok = bytes_buf_append_u8(out, '"');
    struct bytes_span rest = bytes_of_string(text);
    while (ok && rest.size > 0) {
        size_t size = bytes_utf8_sequence(rest);
        if (size == 0) {
            ok = bytes_buf_append_text(out, "\\ufffd");
            size = 1;
        } else if (rest.data[0] < 0x20 || strchr("\"\\", rest.data[0])) {
            ok = append_escaped(out, rest.data[0]);
        } else {
            ok = bytes_buf_append(out, bytes_of(rest.data, size));
        }
        rest = bytes_of(rest.data + size, rest.size - size);
    }
    return ok && bytes_buf_append_u8(out, '"');
}
