// SPDX-License-Identifier: MIT
// Files with certificates and keys: read whole, written whole.
//
// Owns what an operator is told when one cannot be read. Declines to know what is in them.

#ifndef NET_TLS_FILE_H
#define NET_TLS_FILE_H

#include "config/base/bytes.h"
#include "config/base/error.h"

// A file of less than 256 KiB that is not empty; wipe with net_tls_wipe() what held a key.
bool net_tls_read_file(const char *path, struct bytes_buf *data, struct error *error) BASE_MUST_USE;
void net_tls_wipe(struct bytes_buf *buf);

// Readers see the old file or the new one, never a part, also after a power cut. `mode` as in
// open().
bool net_tls_write_file(const char *path, struct bytes_span bytes, unsigned mode,
                        struct error *error) BASE_MUST_USE;

#endif
