// SPDX-License-Identifier: MIT
// A secret keeps its bytes in memory that no core dump takes, and wipes them.

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/secret.h"

static void a_secret_is_a_copy(void **state)
{
    (void)state;
    char text[] = "hush\0hush";
    struct secret *secret = secret_create(bytes_of(text, 9));
    assert_non_null(secret);
    memset(text, 'x', sizeof(text));
    assert_true(bytes_equal(secret_span(secret), bytes_of("hush\0hush", 9)));
    secret_destroy(secret);
    secret_destroy(NULL);
}

static void sizes_at_the_limits(void **state)
{
    (void)state;
    static uint8_t bytes[SECRET_BYTES_MAX + 1];
    assert_null(secret_create(bytes_of(bytes, 0)));
    assert_null(secret_create(bytes_of(bytes, SECRET_BYTES_MAX + 1)));
    struct secret *largest = secret_create(bytes_of(bytes, SECRET_BYTES_MAX));
    assert_non_null(largest);
    assert_int_equal(secret_span(largest).size, SECRET_BYTES_MAX);
    struct secret *smallest = secret_create(bytes_of(bytes, 1));
    assert_non_null(smallest);
    secret_destroy(largest);
    secret_destroy(smallest);
}

// The VmFlags that the kernel shows for the mapping at `address`; empty when there is none.
static void find_flags(const void *address, char flags[256])
{
    FILE *maps = fopen("/proc/self/smaps", "r");
    char line[256];
    bool ours = false;
    assert_non_null(maps);
    flags[0] = '\0';
    while (fgets(line, sizeof(line), maps)) {
        uintptr_t begin, end;
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &begin, &end) == 2) {
            ours = (uintptr_t)address >= begin && (uintptr_t)address < end;
        } else if (ours && strncmp(line, "VmFlags:", 8) == 0) {
            snprintf(flags, 256, "%s", line + 8);
        }
    }
    fclose(maps);
}

static void a_secret_stays_out_of_core_dumps(void **state)
{
    (void)state;
    char flags[256];
    struct secret *secret = secret_create(bytes_of_string("hush"));
    assert_non_null(secret);
    find_flags(secret_span(secret).data, flags);
    assert_non_null(strstr(flags, " dd")); // do not dump
    secret_destroy(secret);
}

static void wiping_leaves_zeroes(void **state)
{
    (void)state;
    static const uint8_t zeroes[8];
    uint8_t bytes[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    secret_wipe(bytes, sizeof(bytes));
    assert_memory_equal(bytes, zeroes, sizeof(bytes));
    secret_wipe(bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_secret_is_a_copy),
        cmocka_unit_test(sizes_at_the_limits),
        cmocka_unit_test(a_secret_stays_out_of_core_dumps),
        cmocka_unit_test(wiping_leaves_zeroes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
