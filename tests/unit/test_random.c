// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "game/random.h"

static void a_seed_gives_the_published_splitmix64_sequence(void **state)
{
    (void)state;
    // Vigna's reference implementation, seed 1234567.
    static const uint64_t expected[] = {
        UINT64_C(6457827717110365317),
        UINT64_C(3203168211198807973),
        UINT64_C(9817491932198370423),
    };
    struct game_random random = {.state = 1234567};
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        assert_true(game_random_u64(&random) == expected[i]);
    }
}

static void without_a_seed_the_kernel_is_asked_each_time(void **state)
{
    (void)state;
    struct game_random a = {0}, b = {0};
    assert_true(game_random_u64(&a) != game_random_u64(&b));
    assert_true(a.state == 0); // and stays unseeded
}

static void uuids_have_the_form_of_version_4(void **state)
{
    (void)state;
    struct game_random random = {.state = 99};
    static const char form[] = "xxxxxxxx-xxxx-4xxx-vxxx-xxxxxxxxxxxx";
    for (unsigned n = 0; n < 1000; n++) {
        char text[GAME_UUID_BYTES];
        game_random_uuid(&random, text);
        assert_int_equal(strlen(text), sizeof(form) - 1);
        for (size_t i = 0; i < sizeof(form) - 1; i++) {
            const char literal[] = {form[i], '\0'};
            const char *allowed = form[i] == 'x'   ? "0123456789abcdef"
                                  : form[i] == 'v' ? "89ab"
                                                   : literal;
            assert_non_null(strchr(allowed, text[i]));
        }
    }
}

static void a_seed_repeats_its_uuids_and_another_seed_does_not(void **state)
{
    (void)state;
    struct game_random a = {.state = 5}, b = {.state = 5}, c = {.state = 6};
    char of_a[GAME_UUID_BYTES], of_b[GAME_UUID_BYTES], of_c[GAME_UUID_BYTES];
    game_random_uuid(&a, of_a);
    game_random_uuid(&b, of_b);
    game_random_uuid(&c, of_c);
    assert_string_equal(of_a, of_b);
    assert_string_not_equal(of_a, of_c);
    game_random_uuid(&a, of_b);
    assert_string_not_equal(of_a, of_b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_seed_gives_the_published_splitmix64_sequence),
        cmocka_unit_test(without_a_seed_the_kernel_is_asked_each_time),
        cmocka_unit_test(uuids_have_the_form_of_version_4),
        cmocka_unit_test(a_seed_repeats_its_uuids_and_another_seed_does_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
