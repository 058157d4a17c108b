// SPDX-License-Identifier: MIT
// The heap knows how large a block is, so nothing has to be kept beside it.

#include "auth/wiped.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "config/secret.h"

void *auth_wiped_malloc(size_t size)
{
    return malloc(size);
}

void *auth_wiped_calloc(size_t count, size_t size)
{
    return calloc(count, size);
}

void auth_wiped_free(void *memory)
{
    if (memory) {
        secret_wipe(memory, malloc_usable_size(memory));
    }
    free(memory);
}

// realloc() itself may move the block and leave what it held behind.
void *auth_wiped_realloc(void *memory, size_t size)
{
    size_t room = memory ? malloc_usable_size(memory) : 0;
    if (memory && size > 0 && size <= room && size >= room / 2) {
        return memory;
    }
    void *larger = malloc(size);
    if (larger && memory) {
        memcpy(larger, memory, room < size ? room : size);
        auth_wiped_free(memory);
    }
    return larger;
}

char *auth_wiped_strdup(const char *text)
{
    return strdup(text);
}
