// SPDX-License-Identifier: MIT
// Certificate stores: found by whom they are issued to, and every mistake named.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/tls_folder.h"
#include "tests/support/cert_files.h"

#define DAY_S (24 * 60 * 60)

static struct config *config;
static struct error error;
static struct net_tls_certificates found;

static void set(const char *name, const char *value)
{
    assert_true(config_set(config, name, value, &error));
}

static int setup(void **state)
{
    (void)state;
    cert_files_begin();
    cert_files_make_folder("MY");
    config = config_create_default();
    set("cert-machine-store", "true");
    set("cert-machine-dir", cert_files_path(""));
    error.text[0] = '\0';
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    net_tls_certificates_finish(&found);
    config_destroy(config);
    cert_files_end();
    return 0;
}

static void make(const char *file, const char *common_name)
{
    cert_files_make(&(struct cert_spec){.file = file, .common_name = common_name});
}

static void expect_found(const char *name, unsigned count)
{
    net_tls_certificates_finish(&found);
    if (!net_tls_folder_find(config, name, &found, &error)) {
        fail_msg("%s", error.text);
    }
    assert_int_equal(found.count, count);
}

static void expect_error(const char *name, const char *text)
{
    assert_false(net_tls_folder_find(config, name, &found, &error));
    assert_string_equal(error.text, text);
    assert_int_equal(found.count, 0);
}

static void a_certificate_is_found_by_whom_it_is_issued_to(void **state)
{
    (void)state;
    make("MY/a", "NW.exitgames.local");
    make("MY/b", "other");
    expect_found("nw.EXITGAMES.local", 1);
    assert_string_equal(found.items[0]->name, "NW.exitgames.local");
    assert_string_equal(found.items[0]->origin, "from store: \"MY\" using machine store");
}

static void a_file_name_is_no_name(void **state)
{
    (void)state;
    make("MY/a", "NW.exitgames.local");
    make("MY/b", "other");
    expect_error("b", "certificate \"b\" not found in store \"MY\"; it is a file name, use "
                      "\"other\"; it has \"NW.exitgames.local\", \"other\"");
    expect_error("a.pem", "certificate \"a.pem\" not found in store \"MY\"; it is a file name, use "
                          "\"NW.exitgames.local\"; it has \"NW.exitgames.local\", \"other\"");
}

static void a_friendly_name_is_no_name(void **state)
{
    (void)state;
    make("x", "www.myawesomegame.com");
    cert_files_make_pkcs12("x", "MY/cert.pfx", "photon_wss", "YourPassword");
    set("tls-password", "YourPassword");
    expect_found("www.myawesomegame.com", 1);
    net_tls_certificates_finish(&found);
    expect_error("photon_wss",
                 "certificate \"photon_wss\" not found in store \"MY\"; it is a friendly name, use "
                 "\"www.myawesomegame.com\"; it has \"www.myawesomegame.com\"");
}

static void a_wrong_password_is_said(void **state)
{
    (void)state;
    make("x", "www.myawesomegame.com");
    cert_files_make_pkcs12("x", "MY/cert.pfx", "photon_wss", "YourPassword");
    assert_false(net_tls_folder_find(config, "www.myawesomegame.com", &found, &error));
    assert_non_null(strstr(error.text, "cert.pfx: wrong password: none was given"));
    set("tls-password", "yourpassword");
    assert_false(net_tls_folder_find(config, "www.myawesomegame.com", &found, &error));
    assert_non_null(strstr(error.text, "cert.pfx: wrong password; PADDOCK_TLS_PASSWORD"));
}

static void at_most_twenty_names_are_listed(void **state)
{
    (void)state;
    char file[16];
    for (unsigned i = 0; i < 21; i++) {
        snprintf(file, sizeof(file), "MY/%02u", i);
        make(file, file + 3);
    }
    assert_false(net_tls_folder_find(config, "x", &found, &error));
    assert_non_null(strstr(error.text, "\"19\""));
    assert_null(strstr(error.text, "\"20\""));
    expect_found("20", 1);
}

static void every_form_of_storage_is_known(void **state)
{
    (void)state;
    make("one", "one.example.com");
    cert_files_join("one.key", "one.pem", "MY/whatever.cer");
    make("two", "two.example.com");
    cert_files_copy("two.pem", "MY/x.crt");
    cert_files_copy("two.key", "MY/x.key");
    make("three", "three.example.com");
    cert_files_make_folder("MY/certbot");
    cert_files_copy("three.pem", "MY/certbot/fullchain.pem");
    cert_files_copy("three.key", "MY/certbot/privkey.pem");
    make("four", "four.example.com");
    cert_files_make_folder("MY/kubernetes");
    cert_files_copy("four.pem", "MY/kubernetes/tls.crt");
    cert_files_copy("four.key", "MY/kubernetes/tls.key");
    make("five", "five.example.com");
    cert_files_make_pkcs12("five", "MY/five.P12", "five", "");
    cert_files_make_folder("MY/.hidden");
    cert_files_copy("one.pem", "MY/.hidden/tls.crt");
    cert_files_make_folder("MY/empty");
    cert_files_write("MY/README", "text", 4);
    static const char *const names[] = {"one", "two", "three", "four", "five"};
    for (size_t i = 0; i < BASE_COUNT(names); i++) {
        char name[64];
        snprintf(name, sizeof(name), "%s.example.com", names[i]);
        expect_found(name, 1);
    }
}

static void the_one_that_lasts_longest_is_taken_of_each_key_type(void **state)
{
    (void)state;
    static const struct cert_spec specs[] = {
        {.file = "MY/a", .common_name = "n", .begins_s = -9 * DAY_S, .ends_s = -DAY_S},
        {.file = "MY/b", .common_name = "n", .begins_s = -DAY_S, .ends_s = 90 * DAY_S},
        {.file = "MY/c", .common_name = "N", .begins_s = -2 * DAY_S, .ends_s = 9 * DAY_S},
        {.file = "MY/d", .common_name = "n", .traits = CERT_RSA},
    };
    for (size_t i = 0; i < BASE_COUNT(specs); i++) {
        cert_files_make(&specs[i]);
    }
    expect_found("n", 2);
    assert_string_equal(found.items[0]->path, cert_files_path("/MY/b.pem"));
    assert_true(found.items[1]->is_slow);
}

static void without_a_common_name_the_first_dns_name_counts(void **state)
{
    (void)state;
    cert_files_make(&(struct cert_spec){.file = "MY/a",
                                        .common_name = "first.example.com",
                                        .names = {"second.example.com"},
                                        .traits = CERT_NO_COMMON_NAME});
    expect_found("first.example.com", 1);
    net_tls_certificates_finish(&found);
    expect_error("second.example.com", "certificate \"second.example.com\" not found in store "
                                       "\"MY\"; it has \"first.example.com\"");
}

static void a_broken_file_is_named_when_it_may_be_the_one(void **state)
{
    (void)state;
    make("MY/a", "a");
    make("MY/b", "b");
    cert_files_copy("MY/a.key", "MY/b.key");
    expect_found("a", 1);
    net_tls_certificates_finish(&found);
    assert_false(net_tls_folder_find(config, "b", &found, &error));
    assert_non_null(strstr(error.text, "\"b\" not found in store \"MY\""));
    assert_non_null(strstr(error.text, "MY/b.pem: the private key does not belong"));
}

static void an_empty_or_absent_store_is_said(void **state)
{
    (void)state;
    char text[512];
    snprintf(text, sizeof(text), "certificate \"x\" not found in store \"MY\"; there is none in %s",
             cert_files_path("/MY"));
    expect_error("x", text);
    set("cert-store-name", "ROOT");
    snprintf(text, sizeof(text),
             "certificate \"x\" not found in store \"ROOT\"; there is none in %s",
             cert_files_path("/ROOT"));
    expect_error("x", text);
}

static void expect_path(const char *expected)
{
    char path[LIMIT_PATH_BYTES];
    assert_true(net_tls_folder_path(config, path, &error));
    assert_string_equal(path, expected);
}

static void the_stores_are_where_they_should_be(void **state)
{
    (void)state;
    char path[LIMIT_PATH_BYTES];
    set("cert-machine-dir", "/etc/paddock/certs");
    setenv("HOME", "/home/anna", 1);
    unsetenv("XDG_CONFIG_HOME");
    expect_path("/etc/paddock/certs/MY");
    set("cert-machine-store", "false");
    expect_path("/home/anna/.config/paddock/certs/MY");
    setenv("XDG_CONFIG_HOME", "/settings", 1);
    set("cert-store-name", "Root");
    expect_path("/settings/paddock/certs/Root");
    setenv("XDG_CONFIG_HOME", "not/absolute", 1);
    unsetenv("HOME");
    assert_false(net_tls_folder_path(config, path, &error));
    assert_string_equal(error.text, "the user's certificate store needs HOME or XDG_CONFIG_HOME, "
                                    "and neither is set; use --cert-machine-store");
    set("cert-machine-store", "true");
    expect_path("/etc/paddock/certs/Root");
}

int main(void)
{
#define ONE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        ONE(a_certificate_is_found_by_whom_it_is_issued_to),
        ONE(a_file_name_is_no_name),
        ONE(a_friendly_name_is_no_name),
        ONE(a_wrong_password_is_said),
        ONE(at_most_twenty_names_are_listed),
        ONE(every_form_of_storage_is_known),
        ONE(the_one_that_lasts_longest_is_taken_of_each_key_type),
        ONE(without_a_common_name_the_first_dns_name_counts),
        ONE(a_broken_file_is_named_when_it_may_be_the_one),
        ONE(an_empty_or_absent_store_is_said),
        ONE(the_stores_are_where_they_should_be),
    };
#undef ONE
    return cmocka_run_group_tests(tests, NULL, NULL);
}
