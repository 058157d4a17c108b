// SPDX-License-Identifier: MIT
// A small text file of one entry a line: blank lines and lines that begin with # are not entries.

#ifndef NET_LINE_FILE_H
#define NET_LINE_FILE_H

#include "config/base/bytes.h"
#include "config/base/error.h"

#define NET_LINE_FILE_BYTES_MAX (256 * 1024)

// Calls `each` with every entry, without white space at its ends, until one is refused. False with
// one line in *error: the file cannot be read or is too large (then nothing was called), or what
// `each` found, with file and line number in front.
bool net_line_file_read(const char *path,
                        bool (*each)(void *context, struct bytes_span line, struct error *error),
                        void *context, struct error *error) BASE_MUST_USE;
// The same on a text that is there already.
bool net_line_file_parse(const char *path, struct bytes_span text,
                         bool (*each)(void *context, struct bytes_span line, struct error *error),
                         void *context, struct error *error) BASE_MUST_USE;

#endif
