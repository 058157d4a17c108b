// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "net/basic_auth.h"
#include "tests/support/request_head.h"

static struct net_basic_auth auth;

static bool read_auth(const char *fields)
{
    memset(&auth, 'x', sizeof(auth));
    return net_basic_auth_read(request_head(fields), &auth);
}

static void name_and_password_are_split_at_the_first_colon(void **state)
{
    (void)state;
    static const struct {
        const char *fields, *name, *password;
    } cases[] = {
        // RFC 7617 2
        {"Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n", "Aladdin", "open sesame"},
        {"authorization: bASIC   dGVzdDoxMjPCow==\r\n", "test", "123\xc2\xa3"},
        {"Authorization: Basic YTpiOmM=\r\n", "a", "b:c"},
        {"Authorization: Basic YTo=\r\n", "a", ""},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        assert_true(read_auth(cases[i].fields));
        assert_string_equal(auth.name, cases[i].name);
        assert_string_equal(auth.password, cases[i].password);
    }
}

static void everything_else_is_none(void **state)
{
    (void)state;
    static const struct net_basic_auth nothing;
    static const char *const cases[] = {
        "",
        "Authorization:\r\n",
        "Authorization: Basic\r\n",
        "Authorization: Basic =\r\n",
        "Authorization: Bearer YTpiOmM=\r\n",
        "Authorization: BasicYTpiOmM=\r\n",
        "Authorization: Basic YTpi OmM=\r\n",
        "Authorization: Basic YWJj\r\n",     // abc
        "Authorization: Basic OmI=\r\n",     // :b
        "Authorization: Basic YTpiAA==\r\n", // a:b NUL
        "Authorization: Basic YQA6Yg==\r\n", // a NUL :b
        "Authorization: Basic YTpiCg==\r\n", // a:b LF
        "Authorization: Basic YTpifw==\r\n", // a:b DEL
        "Authorization: Basic YTpi\r\nAuthorization: Basic YTpi\r\n",
        "Proxy-Authorization: Basic YTpi\r\n",
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        if (read_auth(cases[i])) {
            fail_msg("%s", cases[i]);
        }
        assert_memory_equal(&auth, &nothing, sizeof(auth));
    }
}

// Of bytes 'A' in threes: "QUFB".
static bool read_sizes(size_t name_size, size_t password_size)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint8_t pair[256];
    char fields[512] = "Authorization: Basic ";
    size_t size = name_size + 1 + password_size;
    size_t used = strlen(fields);
    memset(pair, 'A', sizeof(pair));
    pair[name_size] = ':';
    for (size_t i = 0; i < size; i += 3) {
        uint32_t group = (uint32_t)pair[i] << 16;
        group |= i + 1 < size ? (uint32_t)pair[i + 1] << 8 : 0;
        group |= i + 2 < size ? pair[i + 2] : 0;
        for (size_t j = 0; j < 4 && j <= size - i; j++) {
            fields[used++] = alphabet[group >> (18 - 6 * j) & 63];
        }
    }
    memcpy(fields + used, "\r\n", 3);
    return read_auth(fields);
}

static void names_have_64_bytes_and_passwords_128(void **state)
{
    (void)state;
    assert_true(read_sizes(64, 128));
    assert_int_equal(strlen(auth.name), 64);
    assert_int_equal(strlen(auth.password), 128);
    assert_false(read_sizes(65, 127));
    assert_false(read_sizes(64, 129));
    assert_false(read_sizes(1, 129));
    assert_true(read_sizes(1, 128));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(name_and_password_are_split_at_the_first_colon),
        cmocka_unit_test(everything_else_is_none),
        cmocka_unit_test(names_have_64_bytes_and_passwords_128),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
