// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "net/base64.h"

static uint8_t out[64];
static size_t size;

static bool decode(const char *text, size_t room)
{
    memset(out, 0, sizeof(out));
    return net_base64_decode(bytes_of_string(text), out, room, &size);
}

static void the_vectors_of_rfc_4648_and_without_padding(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", ""},           {"Zg==", "f"},        {"Zm8=", "fo"},         {"Zm9v", "foo"},
        {"Zm9vYg", "foob"}, {"Zm9vYmE", "fooba"}, {"Zm9vYmFy", "foobar"}, {"Pz8/", "???"},
        {"Pz8_", "???"},    {"fn5-", "~~~"},      {"fn5+", "~~~"},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        if (!decode(cases[i][0], sizeof(out))) {
            fail_msg("%s", cases[i][0]);
        }
        assert_int_equal(size, strlen(cases[i][1]));
        assert_memory_equal(out, cases[i][1], size);
    }
}

static void each_value_has_one_text(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "Z",      "Zg=",  "Zg===",  "Zm8==", "Zm9v=", "Zm9v==",   "=",       "==",
        "====",   "Z===", "Zh==",   "Zh",    "Zm9",   "Zm9=",     "Zm9vY",   "Zm 9v",
        "Zm9v\n", "Z=g=", "Zg==Zg", "Zm9v.", "-+Pz",  "Pz8/Pz8_", "Zm9v%3D",
    };
    for (size_t i = 0; i < BASE_COUNT(bad); i++) {
        if (decode(bad[i], sizeof(out))) {
            fail_msg("%s", bad[i]);
        }
    }
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    assert_true(decode("Zm9v", 3));
    assert_false(decode("Zm9v", 2));
    assert_int_equal(out[2], 0);
    assert_true(decode("", 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_of_rfc_4648_and_without_padding),
        cmocka_unit_test(each_value_has_one_text),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
