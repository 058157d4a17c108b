// SPDX-License-Identifier: MIT
// What is said of a staple, at the second at which it changes. Real responses are integration's.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/tls_ocsp.h"
#include "tests/support/cert_files.h"

static int setup(void **state)
{
    (void)state;
    cert_files_begin();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    cert_files_end();
    return 0;
}

static void no_file_is_no_problem(void **state)
{
    (void)state;
    struct net_tls_ocsp ocsp = {0};
    net_tls_ocsp_load(&ocsp, cert_files_path("absent"), NULL, NULL);
    assert_null(ocsp.problem);
    assert_string_equal(net_tls_ocsp_status(&ocsp, 0), "none");
    net_tls_ocsp_finish(&ocsp);
}

static void rubbish_is(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        const char *status;
    } cases[] = {
        {"", 0, "unreadable"},
        {"text", 4, "not an OCSP response"},
        {"0\x03\x0a\x01\x06", 5, "the authority did not answer"}, // unauthorized
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        struct net_tls_ocsp ocsp = {0};
        cert_files_write("r", cases[i].bytes, cases[i].size);
        net_tls_ocsp_load(&ocsp, cert_files_path("r"), NULL, NULL);
        assert_string_equal(net_tls_ocsp_status(&ocsp, 0), cases[i].status);
        net_tls_ocsp_finish(&ocsp);
    }
}

static void a_good_one_expires(void **state)
{
    (void)state;
    struct net_tls_ocsp ocsp = {.until_s = 100};
    bytes_buf_init(&ocsp.response, 16);
    assert_true(bytes_buf_append_text(&ocsp.response, "x"));
    assert_string_equal(net_tls_ocsp_status(&ocsp, 99999), "good");
    assert_string_equal(net_tls_ocsp_status(&ocsp, 100000), "expired");
    net_tls_ocsp_finish(&ocsp);
}

int main(void)
{
#define ONE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        ONE(no_file_is_no_problem),
        ONE(rubbish_is),
        ONE(a_good_one_expires),
    };
#undef ONE
    return cmocka_run_group_tests(tests, NULL, NULL);
}
