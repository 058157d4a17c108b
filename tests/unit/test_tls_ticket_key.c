// SPDX-License-Identifier: MIT
// A key that nodes share: only 64 bytes that are nobody else's.

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/tls_ticket_key.h"
#include "tests/support/cert_files.h"

static struct error error;
static uint8_t bytes[NET_TLS_TICKET_KEY_BYTES + 1];

static int setup(void **state)
{
    (void)state;
    cert_files_begin();
    for (unsigned i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(i + 1);
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    cert_files_end();
    return 0;
}

static const char *give(const void *data, size_t size, mode_t mode)
{
    const char *path = cert_files_path("ticket.key");
    unlink(path);
    cert_files_write("ticket.key", data, size);
    assert_int_equal(chmod(path, mode), 0);
    return path;
}

static void expect_good(const char *path)
{
    uint8_t key[NET_TLS_TICKET_KEY_BYTES] = {0};
    if (!net_tls_ticket_key_read(path, key, &error)) {
        fail_msg("%s", error.text);
    }
    assert_memory_equal(key, bytes, sizeof(key));
}

static void expect_bad(const char *path, const char *part)
{
    uint8_t key[NET_TLS_TICKET_KEY_BYTES] = {7};
    error.text[0] = '\0';
    assert_false(net_tls_ticket_key_read(path, key, &error));
    if (!strstr(error.text, part) || !strstr(error.text, path)) {
        fail_msg("%s", error.text);
    }
    assert_int_equal(key[0], 7);
    assert_int_equal(key[1], 0);
}

static void a_key_has_64_bytes(void **state)
{
    (void)state;
    expect_good(give(bytes, 64, 0600));
    expect_bad(give(bytes, 63, 0600), "must be 64 random bytes");
    expect_bad(give(bytes, 65, 0600), "must be 64 random bytes");
    expect_bad(give(bytes, 0, 0600), "is empty");
    expect_bad("/nowhere/ticket.key", "there is no such file");
    expect_bad("/", "it is a folder");
}

static void zeroes_are_no_key(void **state)
{
    (void)state;
    static const uint8_t zeroes[NET_TLS_TICKET_KEY_BYTES];
    uint8_t nearly[NET_TLS_TICKET_KEY_BYTES] = {0};
    nearly[sizeof(nearly) - 1] = 1;
    expect_bad(give(zeroes, sizeof(zeroes), 0600), "must be 64 random bytes");
    uint8_t key[NET_TLS_TICKET_KEY_BYTES];
    assert_true(net_tls_ticket_key_read(give(nearly, sizeof(nearly), 0600), key, &error));
}

static void nobody_else_may_touch_it(void **state)
{
    (void)state;
    static const mode_t others[] = {0040, 0020, 0010, 0004, 0002, 0001};
    expect_good(give(bytes, 64, 0400));
    for (unsigned i = 0; i < BASE_COUNT(others); i++) {
        expect_bad(give(bytes, 64, 0600 | others[i]), "chmod 600");
    }
}

static void it_may_be_behind_a_link_whose_mode_means_nothing(void **state)
{
    (void)state;
    const char *path = give(bytes, 64, 0600);
    assert_int_equal(symlink(path, cert_files_path("link")), 0);
    expect_good(cert_files_path("link"));
    assert_int_equal(chmod(path, 0644), 0);
    expect_bad(cert_files_path("link"), "chmod 600");
}

static void it_belongs_to_nobody_else(void **state)
{
    (void)state;
    const char *path = give(bytes, 64, 0600);
    if (chown(path, 4711, (gid_t)-1) != 0) {
        skip(); // only root gives files away
    }
    expect_bad(path, "the server's user"); // whether root may read it or not
}

static void keys_that_are_made_are_not_the_same(void **state)
{
    (void)state;
    uint8_t one[NET_TLS_TICKET_KEY_BYTES];
    uint8_t other[NET_TLS_TICKET_KEY_BYTES];
    assert_true(net_tls_ticket_key_make(one));
    assert_true(net_tls_ticket_key_make(other));
    assert_memory_not_equal(one, other, sizeof(one));
}

int main(void)
{
#define ONE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        ONE(a_key_has_64_bytes),        ONE(zeroes_are_no_key),
        ONE(nobody_else_may_touch_it),  ONE(it_may_be_behind_a_link_whose_mode_means_nothing),
        ONE(it_belongs_to_nobody_else), ONE(keys_that_are_made_are_not_the_same),
    };
#undef ONE
    return cmocka_run_group_tests(tests, NULL, NULL);
}
