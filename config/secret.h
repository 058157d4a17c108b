// SPDX-License-Identifier: MIT
// Memory that never prints: the server token and what else must not leak.
//
// The bytes live in a page of their own that is locked, left out of core dumps and wiped when it
// is freed. There is no log field and no format for a secret.

#ifndef CONFIG_SECRET_H
#define CONFIG_SECRET_H

#include "config/base/bytes.h"

struct secret;

#define SECRET_BYTES_MAX 1024

// Copies; the caller wipes its own copy. NULL when size is 0, over SECRET_BYTES_MAX, or memory is
// short.
struct secret *secret_create(struct bytes_span bytes) BASE_MUST_USE;
void secret_destroy(struct secret *secret);
struct bytes_span secret_span(const struct secret *secret);
// Overwrites memory in a way that the compiler keeps.
void secret_wipe(void *memory, size_t size);

#endif
