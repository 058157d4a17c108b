// SPDX-License-Identifier: MIT
// Close codes as an enum, with names and texts, from close_codes.def.

#ifndef NET_CLOSE_H
#define NET_CLOSE_H

#include <stdbool.h>
#include <stdint.h>

enum net_close {
#define CLOSE(constant, number, name, text) NET_CLOSE_##constant = (number),
#include "net/close_codes.def"
#undef CLOSE
};

// For a number that is not in the table: "other" and "".
const char *net_close_name(uint16_t code);
const char *net_close_text(uint16_t code);
// Calls `each` for every row, so that counters exist before the first event.
void net_close_each(void (*each)(void *context, uint16_t code, const char *name), void *context);

#endif
