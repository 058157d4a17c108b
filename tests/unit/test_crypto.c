// SPDX-License-Identifier: MIT
// auth/crypto against published vectors.

#include "auth/crypto.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void sha256_matches_the_standards_examples(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *hex; // FIPS 180-4 examples
    } vectors[] = {
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    };
    for (size_t i = 0; i < BASE_COUNT(vectors); i++) {
        uint8_t digest[AUTH_CRYPTO_SHA256_BYTES];
        char hex[2 * sizeof(digest) + 1];
        auth_crypto_sha256(bytes_of_string(vectors[i].text), digest);
        bytes_to_hex(bytes_of(digest, sizeof(digest)), hex);
        assert_string_equal(hex, vectors[i].hex);
    }
}

static void base64_matches_rfc_4648(void **state)
{
    (void)state;
    static const char *const vectors[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
        {"\xfb\xef\xff", "++//"},
    };
    for (size_t i = 0; i < BASE_COUNT(vectors); i++) {
        char text[AUTH_CRYPTO_BASE64_BYTES(6)];
        auth_crypto_base64(bytes_of_string(vectors[i][0]), text);
        assert_string_equal(text, vectors[i][1]);
    }
}

static void equal_looks_at_every_byte(void **state)
{
    (void)state;
    uint8_t a[32] = {0};
    for (size_t i = 0; i < sizeof(a); i++) {
        uint8_t b[32] = {0};
        assert_true(auth_crypto_equal(a, b, sizeof(a)));
        b[i] = 0x80;
        assert_false(auth_crypto_equal(a, b, sizeof(a)));
    }
}

static void random_bytes_differ_from_draw_to_draw(void **state)
{
    (void)state;
    uint8_t a[32] = {0};
    uint8_t b[32] = {0};
    assert_true(auth_crypto_random(a, sizeof(a)));
    assert_true(auth_crypto_random(b, sizeof(b)));
    assert_memory_not_equal(a, b, sizeof(a));
}

static void hmac_is_that_of_rfc_4231(void **state)
{
    (void)state;
    uint8_t digest[AUTH_CRYPTO_SHA256_BYTES];
    char hex[65];
    auth_crypto_hmac_sha256(bytes_of_string("Jefe"),
                            bytes_of_string("what do ya want for nothing?"), digest); // 4.3
    bytes_to_hex(bytes_of(digest, sizeof(digest)), hex);
    assert_string_equal(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_matches_the_standards_examples),
        cmocka_unit_test(hmac_is_that_of_rfc_4231),
        cmocka_unit_test(base64_matches_rfc_4648),
        cmocka_unit_test(equal_looks_at_every_byte),
        cmocka_unit_test(random_bytes_differ_from_draw_to_draw),
    };
    return cmocka_run_group_tests_name("crypto", tests, NULL, NULL);
}
