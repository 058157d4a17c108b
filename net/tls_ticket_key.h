// SPDX-License-Identifier: MIT
// The key that session tickets are sealed with: drawn, or one that the nodes of a cluster share.

#ifndef NET_TLS_TICKET_KEY_H
#define NET_TLS_TICKET_KEY_H

#include <stdint.h>

#include "config/base/bytes.h"
#include "config/base/error.h"

#define NET_TLS_TICKET_KEY_BYTES 64

bool net_tls_ticket_key_make(uint8_t key[NET_TLS_TICKET_KEY_BYTES]) BASE_MUST_USE;
// A file of just so many bytes that nobody but its owner, who is this user or root, may touch.
// False with one line in *error, and then `key` is as it was.
bool net_tls_ticket_key_read(const char *path, uint8_t key[NET_TLS_TICKET_KEY_BYTES],
                             struct error *error) BASE_MUST_USE;

#endif
