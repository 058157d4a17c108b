// SPDX-License-Identifier: MIT
// What is made can be read back, and says what was asked for.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/tls_file.h"
#include "net/tls_make.h"
#include "net/tls_pkcs12.h"
#include "tests/support/cert_files.h"

#define DAY_S (24 * 60 * 60)

static struct error error;
static struct bytes_buf certificate_pem, key_pem;

static int setup(void **state)
{
    (void)state;
    cert_files_begin();
    bytes_buf_init(&certificate_pem, 65536);
    bytes_buf_init(&key_pem, 65536);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    net_tls_wipe(&key_pem);
    bytes_buf_finish(&certificate_pem);
    cert_files_end();
    return 0;
}

static struct net_tls_certificate *make(struct net_tls_make what)
{
    bytes_buf_clear(&certificate_pem);
    bytes_buf_clear(&key_pem);
    assert_true(net_tls_make(&what, &certificate_pem, &key_pem, &error));
    struct net_tls_certificate *made = net_tls_certificate_parse(
        bytes_buf_span(&certificate_pem), bytes_buf_span(&key_pem), "test", &error);
    assert_non_null(made);
    return made;
}

static struct net_tls_certificate *make_authority(const char *name,
                                                  const struct net_tls_certificate *renews)
{
    return make((struct net_tls_make){.use = NET_TLS_USE_AUTHORITY,
                                      .names = &name,
                                      .name_count = 1,
                                      .days = 10,
                                      .renews = renews});
}

static void names_and_days_are_as_asked_for(void **state)
{
    (void)state;
    static const char *const names[] = {"a.example.com", "*.example.com", "192.0.2.7",
                                        "2001:db8::7"};
    struct net_tls_certificate *made =
        make((struct net_tls_make){.names = names, .name_count = 4, .days = 365});
    assert_string_equal(made->name, "a.example.com");
    assert_int_equal(made->name_count, 4);
    for (unsigned i = 0; i < 4; i++) {
        assert_string_equal(made->names[i], names[i]);
    }
    assert_int_equal(made->not_after_s - made->not_before_s, 365 * DAY_S);
    assert_int_equal(made->use, NET_TLS_USE_SERVER);
    assert_false(made->is_slow);
    assert_true(net_tls_certificate_is_by(made, made));
    net_tls_certificate_destroy(made);
}

static void an_authority_signs_and_keeps_its_key(void **state)
{
    (void)state;
    const char *host = "a.example.com";
    struct net_tls_certificate *authority = make_authority("Our CA", NULL);
    struct net_tls_certificate *other = make_authority("Our CA", NULL);
    struct net_tls_certificate *leaf = make((struct net_tls_make){.use = NET_TLS_USE_CLIENT,
                                                                  .names = &host,
                                                                  .name_count = 1,
                                                                  .days = 1,
                                                                  .issuer = authority});
    struct net_tls_certificate *renewed = make_authority("Our CA", authority);
    assert_int_equal(authority->use, NET_TLS_USE_AUTHORITY);
    assert_int_equal(authority->name_count, 1); // its common name: it has no host names
    assert_int_equal(leaf->use, NET_TLS_USE_CLIENT);
    assert_int_equal(leaf->chain_count, 2);
    assert_string_equal(leaf->issuer, "CN=Our CA");
    assert_true(net_tls_certificate_is_by(leaf, authority));
    assert_true(net_tls_certificate_is_by(leaf, renewed));
    assert_string_not_equal(renewed->serial, authority->serial);
    assert_false(net_tls_certificate_is_by(leaf, other)); // of the same name, with another key
    assert_false(net_tls_certificate_is_by(leaf, leaf));
    net_tls_certificate_destroy(authority);
    net_tls_certificate_destroy(other);
    net_tls_certificate_destroy(leaf);
    net_tls_certificate_destroy(renewed);
}

static void pkcs12_goes_there_and_back(void **state)
{
    (void)state;
    const char *host = "a.example.com";
    struct bytes_buf bytes;
    struct secret *password = secret_create(bytes_of_string("YourPassword"));
    struct secret *wrong = secret_create(bytes_of_string("yourpassword"));
    struct net_tls_certificate *authority = make_authority("Our CA", NULL);
    struct net_tls_certificate *leaf = make(
        (struct net_tls_make){.names = &host, .name_count = 1, .days = 1, .issuer = authority});
    bytes_buf_init(&bytes, 65536);
    assert_true(net_tls_pkcs12_write(leaf, password, &bytes, &error));
    const char *path = cert_files_path("c.pfx");
    assert_true(net_tls_write_file(path, bytes_buf_span(&bytes), 0600, &error));
    struct net_tls_certificate *back = net_tls_certificate_load(path, NULL, password, &error);
    assert_non_null(back);
    assert_string_equal(back->sha256, leaf->sha256);
    assert_string_equal(back->friendly_name, "a.example.com");
    assert_int_equal(back->chain_count, 2);
    assert_null(net_tls_certificate_load(path, NULL, wrong, &error));
    assert_non_null(strstr(error.text, "wrong password"));
    bytes_buf_finish(&bytes);
    net_tls_certificate_destroy(back);
    net_tls_certificate_destroy(leaf);
    net_tls_certificate_destroy(authority);
    secret_destroy(password);
    secret_destroy(wrong);
}

static void a_file_that_cannot_be_written_is_named(void **state)
{
    (void)state;
    assert_false(
        net_tls_write_file(cert_files_path("no/such"), bytes_of_string("x"), 0600, &error));
    assert_non_null(strstr(error.text, "no/such: No such file or directory"));
}

int main(void)
{
#define ONE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        ONE(names_and_days_are_as_asked_for),
        ONE(an_authority_signs_and_keeps_its_key),
        ONE(pkcs12_goes_there_and_back),
        ONE(a_file_that_cannot_be_written_is_named),
    };
#undef ONE
    return cmocka_run_group_tests(tests, NULL, NULL);
}
