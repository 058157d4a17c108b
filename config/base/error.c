// SPDX-License-Identifier: MIT
// One line of text per failure, always terminated, never allocated, so that telling why cannot
// itself fail. Driven by every fallible start-up step.

#include "config/base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool error_set(struct error *error, const char *format, ...)
{
    if (error) {
        va_list args;
        va_start(args, format);
        vsnprintf(error->text, sizeof(error->text), format, args);
        va_end(args);
    }
    return false;
}

bool error_prefix(struct error *error, const char *format, ...)
{
    if (error) {
        char rest[ERROR_TEXT_BYTES];
        memcpy(rest, error->text, sizeof(rest));
        va_list args;
        va_start(args, format);
        vsnprintf(error->text, sizeof(error->text), format, args);
        va_end(args);
        size_t used = strlen(error->text);
        // Truncation is the documented answer to a line that is too long.
        int length = snprintf(error->text + used, sizeof(error->text) - used, ": %s", rest);
        (void)length;
    }
    return false;
}

void error_list_add(struct error_list *list, const char *format, ...)
{
    if (list->count < ERROR_LIST_MAX) {
        struct error *line = &list->lines[list->count];
        va_list args;
        va_start(args, format);
        vsnprintf(line->text, sizeof(line->text), format, args);
        va_end(args);
    }
    list->count++;
}
