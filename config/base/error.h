// SPDX-License-Identifier: MIT
// How a fallible start-up step tells the operator what is wrong: one line of text.
//
// Three kinds of failure have three answers in Paddock. Our own bug: assert(), which stays on in
// every build. A peer's bytes: a run-time check, counted, dropped or kicked with a close code
// (net/close_codes.def). The world and the operator (a taken port, an unreadable file, a wrong
// setting): the function returns false and leaves one line here that says what and how to mend it.

#ifndef CONFIG_BASE_ERROR_H
#define CONFIG_BASE_ERROR_H

#include <stdbool.h>

#define ERROR_TEXT_BYTES 512

struct error {
    char text[ERROR_TEXT_BYTES]; // empty = no error; never holds a secret
};

// Sets the line (truncated to fit) and returns false, so that callers write
// `return error_set(error, "...")`. `error` may be NULL when nobody asks why.
bool error_set(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));
// Puts `prefix: ` in front of the line that is already there; returns false.
bool error_prefix(struct error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// A list of error lines, for --check-config, which reports all that it finds. Bounded: after
// ERROR_LIST_MAX lines only `count` goes on.
#define ERROR_LIST_MAX 32

struct error_list {
    struct error lines[ERROR_LIST_MAX];
    unsigned count;
};

void error_list_add(struct error_list *list, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
