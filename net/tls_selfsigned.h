// SPDX-License-Identifier: MIT
// The self-signed certificate of --dev: for this machine only, made anew at each start.

#ifndef NET_TLS_SELFSIGNED_H
#define NET_TLS_SELFSIGNED_H

#include "config/base/bytes.h"
#include "config/base/error.h"

// P-256, for localhost, 127.0.0.1 and ::1, valid for 825 days (what browsers take at most). Appends
// both as PEM; the caller wipes the key.
bool net_tls_selfsigned_make(struct bytes_buf *certificate, struct bytes_buf *key,
                             struct error *error) BASE_MUST_USE;

#endif
