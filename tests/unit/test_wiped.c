// SPDX-License-Identifier: MIT
// What libraries get in the place of malloc and its kin behaves like them. That what is freed is
// wiped can be seen from outside only: tests/integration/test_secrets.py.

#include "auth/wiped.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void growing_and_shrinking_keeps_what_fits(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 24, 25, 4096, 4000, 100, 1 << 20, 8};
    size_t size = 16;
    uint8_t *memory = auth_wiped_malloc(size);
    assert_non_null(memory);
    memset(memory, 0x5a, size);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        memory = auth_wiped_realloc(memory, sizes[i]);
        assert_non_null(memory);
        for (size_t at = 0; at < (size < sizes[i] ? size : sizes[i]); at++) {
            assert_int_equal(memory[at], 0x5a);
        }
        size = sizes[i];
        memset(memory, 0x5a, size);
    }
    auth_wiped_free(memory);
}

static void nothing_grows_to_something_and_nothing_is_freed(void **state)
{
    (void)state;
    uint8_t *memory = auth_wiped_realloc(NULL, 10);
    assert_non_null(memory);
    free(memory); // the plain kind takes it
    auth_wiped_free(NULL);
}

static void counted_memory_is_zeroed(void **state)
{
    (void)state;
    static const uint8_t zeros[300];
    uint8_t *memory = auth_wiped_calloc(3, 100);
    assert_memory_equal(memory, zeros, 300);
    auth_wiped_free(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(growing_and_shrinking_keeps_what_fits),
        cmocka_unit_test(nothing_grows_to_something_and_nothing_is_freed),
        cmocka_unit_test(counted_memory_is_zeroed),
    };
    return cmocka_run_group_tests_name("wiped", tests, NULL, NULL);
}
