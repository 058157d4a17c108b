// SPDX-License-Identifier: MIT
// malloc and its kin for libraries that copy secrets: what is freed is wiped first.
//
// A library frees its copies of a token as if they were any other text, and they stay in the heap
// until somebody else is given that memory. curl and jansson let the program choose these
// functions; memory of the one kind may be freed by the other.

#ifndef AUTH_WIPED_H
#define AUTH_WIPED_H

#include <stddef.h>

void *auth_wiped_malloc(size_t size);
void *auth_wiped_calloc(size_t count, size_t size);
void *auth_wiped_realloc(void *memory, size_t size);
char *auth_wiped_strdup(const char *text);
void auth_wiped_free(void *memory);

#endif
