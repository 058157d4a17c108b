// SPDX-License-Identifier: MIT
// Names and texts of close codes, straight from close_codes.def.

#include "net/close.h"

#include <stddef.h>

#include "config/base/bytes.h"
#include "config/limits.h"

struct close_row {
    uint16_t code;
    const char *name;
    const char *text;
};

static const struct close_row rows[] = {
#define CLOSE(constant, number, name, text) {(number), (name), (text)},
#include "net/close_codes.def"
#undef CLOSE
};

// A close frame has room for no more (RFC 6455 5.5.1).
#define CLOSE(constant, number, name, text)                                                        \
    _Static_assert(sizeof(text) - 1 <= LIMIT_CLOSE_REASON_BYTES, name ": reason is too long");
#include "net/close_codes.def"
#undef CLOSE

static const struct close_row *find(uint16_t code)
{
    for (size_t i = 0; i < BASE_COUNT(rows); i++) {
        if (rows[i].code == code) {
            return &rows[i];
        }
    }
    return NULL;
}

const char *net_close_name(uint16_t code)
{
    const struct close_row *row = find(code);
    return row ? row->name : "other";
}

const char *net_close_text(uint16_t code)
{
    const struct close_row *row = find(code);
    return row ? row->text : "";
}

void net_close_each(void (*each)(void *context, uint16_t code, const char *name), void *context)
{
    for (size_t i = 0; i < BASE_COUNT(rows); i++) {
        each(context, rows[i].code, rows[i].name);
    }
}
