// SPDX-License-Identifier: MIT
// Which certificate a client is shown, by the name that it asks for and by what it is able to do.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <gnutls/gnutls.h>

#include "net/tls_credentials.h"
#include "tests/support/cert_files.h"
#include "tests/support/tls_pair.h"

#define ANY "NORMAL"
#define OLD "NORMAL:-VERS-ALL:+VERS-TLS1.2"
#define RSA "NORMAL:-SIGN-ALL:+SIGN-RSA-PSS-RSAE-SHA256:+SIGN-RSA-SHA256"

static struct config *config;
static struct error error;
static struct net_tls_certificates certificates;
static struct net_tls_credentials *credentials;

// What came of the last handshake.
static char shown[NET_TLS_NAME_BYTES]; // the common name of the server's certificate
static int shown_key, version, exchange;
static int server_status;

static void load(const char *file)
{
    char path[256];
    char key[256];
    snprintf(path, sizeof(path), "%s.pem", cert_files_path(file));
    snprintf(key, sizeof(key), "%s.key", cert_files_path(file));
    struct net_tls_certificate *certificate = net_tls_certificate_load(path, key, NULL, &error);
    assert_non_null(certificate);
    certificates.items[certificates.count++] = certificate;
}

static void use(void)
{
    credentials = net_tls_server_credentials_create(config, &certificates, &error);
    assert_string_equal(error.text, "");
    assert_non_null(credentials);
}

static int shake(const char *host, const char *priorities)
{
    struct tls_pair pair;
    tls_pair_shake(&pair, credentials, host, priorities, NULL);
    snprintf(shown, sizeof(shown), "%s", pair.name);
    shown_key = pair.key;
    version = pair.version;
    exchange = pair.exchange;
    server_status = pair.server_status;
    return pair.client_status;
}

static void expect(const char *host, const char *name)
{
    assert_int_equal(shake(host, ANY), 0);
    assert_string_equal(shown, name);
    assert_int_equal(shake(host, OLD), 0);
    assert_string_equal(shown, name);
}

static int group_setup(void **state)
{
    (void)state;
    static const struct cert_spec specs[] = {
        {.file = "default", .common_name = "default.example.com"},
        {.file = "ec", .common_name = "nw.example.com", .names = {"alias.example.com"}},
        {.file = "rsa", .common_name = "NW.example.com", .traits = CERT_RSA},
        {.file = "wild", .common_name = "*.example.com", .names = {"example.com"}},
        {.file = "photon", .common_name = "photon.local", .traits = CERT_RSA | CERT_NO_SIGNATURE},
        {.file = "nameless", .common_name = "nameless.local", .traits = CERT_NO_NAMES},
    };
    cert_files_begin();
    for (size_t i = 0; i < BASE_COUNT(specs); i++) {
        cert_files_make(&specs[i]);
    }
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    cert_files_end();
    return 0;
}

static int setup(void **state)
{
    (void)state;
    config = config_create_default();
    credentials = NULL;
    error.text[0] = '\0';
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    net_tls_credentials_unref(credentials);
    net_tls_certificates_finish(&certificates);
    config_destroy(config);
    return 0;
}

static void load_three(void)
{
    load("default");
    load("wild");
    load("ec");
    use();
}

static void the_name_that_is_asked_for_decides(void **state)
{
    (void)state;
    load_three();
    expect("nw.example.com", "nw.example.com");
    expect("alias.example.com", "nw.example.com");
    expect("default.example.com", "default.example.com");
    expect("NW.EXAMPLE.COM", "nw.example.com");
}

static void a_wildcard_yields_to_the_name_itself(void **state)
{
    (void)state;
    load_three();
    expect("other.example.com", "*.example.com");
    expect("OTHER.example.com", "*.example.com");
    expect("example.com", "*.example.com");
    expect("nw.example.com", "nw.example.com");
}

static void strangers_and_those_who_ask_for_nothing_get_the_default(void **state)
{
    (void)state;
    load_three();
    expect(NULL, "default.example.com");
    expect("example.org", "default.example.com");
    expect("a.b.example.com", "default.example.com");
}

static void sni_strict_refuses_strangers_only(void **state)
{
    (void)state;
    config->sni_strict = true;
    load_three();
    expect(NULL, "default.example.com");
    expect("nw.example.com", "nw.example.com");
    assert_int_equal(shake("example.org", ANY), -GNUTLS_A_UNRECOGNIZED_NAME);
    assert_int_equal(server_status, GNUTLS_E_UNRECOGNIZED_NAME);
    assert_int_equal(shake("example.org", OLD), -GNUTLS_A_UNRECOGNIZED_NAME);
}

static void two_key_types_for_one_name_serve_both_kinds_of_clients(void **state)
{
    (void)state;
    load("default");
    load("rsa");
    load("ec");
    use();
    assert_int_equal(shake("nw.example.com", RSA), 0);
    assert_int_equal(shown_key, GNUTLS_PK_RSA);
    assert_int_equal(shake("nw.example.com", RSA ":-VERS-ALL:+VERS-TLS1.2"), 0);
    assert_int_equal(shown_key, GNUTLS_PK_RSA);
    assert_int_equal(shake("nw.example.com", OLD), 0);
    assert_int_equal(shown_key, GNUTLS_PK_ECDSA);
    assert_int_equal(shake("nw.example.com", OLD ":-ECDHE-ECDSA"), 0);
    assert_int_equal(shown_key, GNUTLS_PK_RSA);
}

// The Photon guide's own recipe.
static void a_certificate_without_digital_signature_is_served_by_static_rsa(void **state)
{
    (void)state;
    load("photon");
    load("ec");
    use();
    assert_int_equal(shake("photon.local", ANY), 0);
    assert_int_equal(version, GNUTLS_TLS1_2);
    assert_int_equal(exchange, GNUTLS_KX_RSA);
    assert_int_equal(shake(NULL, ANY), 0);
    assert_int_equal(exchange, GNUTLS_KX_RSA);
    // ... and harms no other.
    assert_int_equal(shake("nw.example.com", ANY), 0);
    assert_int_equal(version, GNUTLS_TLS1_3);
    assert_int_not_equal(shake("nw.example.com", "NORMAL:-KX-ALL:+RSA:-VERS-TLS1.3"), 0);
}

static void static_rsa_can_be_ruled_out(void **state)
{
    (void)state;
    assert_true(config_set(config, "tls-static-rsa", "never", &error));
    load("ec");
    load("photon");
    assert_null(net_tls_server_credentials_create(config, &certificates, &error));
    assert_non_null(strstr(error.text, "certificate \"photon.local\" from file: \""));
    assert_non_null(strstr(error.text, "lacks keyUsage digitalSignature, and --tls-static-rsa is "
                                       "never"));
}

static void without_alternative_names_the_common_name_counts(void **state)
{
    (void)state;
    load("default");
    load("nameless");
    use();
    expect("nameless.local", "nameless.local");
}

static void a_bad_priority_string_is_pointed_at(void **state)
{
    (void)state;
    assert_true(config_set(config, "tls-priorities", "NORMAL:+NONSENSE:-VERS-TLS1.0", &error));
    load("ec");
    assert_null(net_tls_server_credentials_create(config, &certificates, &error));
    assert_non_null(strstr(error.text, "--tls-priorities"));
    assert_non_null(strstr(error.text, "+NONSENSE"));
}

static void the_operators_priorities_are_taken(void **state)
{
    (void)state;
    assert_true(config_set(config, "tls-priorities", "NORMAL:-VERS-TLS1.3", &error));
    load("ec");
    use();
    assert_int_equal(shake(NULL, ANY), 0);
    assert_int_equal(version, GNUTLS_TLS1_2);
}

static void tickets_are_good_for_as_long_as_their_key(void **state)
{
    (void)state;
    static const char *const versions[] = {OLD, "NORMAL:-VERS-ALL:+VERS-TLS1.3"};
    static const uint8_t keys[2][NET_TLS_TICKET_KEY_BYTES] = {{1}, {2}};
    load("ec");
    use();
    for (size_t i = 0; i < BASE_COUNT(versions); i++) {
        struct tls_pair pair;
        struct tls_ticket ticket = {0};
        net_tls_credentials_set_ticket_key(credentials, keys[0]);
        tls_pair_shake(&pair, credentials, NULL, versions[i], &ticket);
        assert_false(pair.resumed);
        tls_pair_shake(&pair, credentials, NULL, versions[i], &ticket);
        assert_int_equal(pair.client_status, 0);
        assert_true(pair.resumed);
        net_tls_credentials_set_ticket_key(credentials, keys[1]);
        tls_pair_shake(&pair, credentials, NULL, versions[i], &ticket);
        assert_int_equal(pair.client_status, 0);
        assert_false(pair.resumed);
        tls_ticket_finish(&ticket);
    }
}

static void a_client_needs_readable_authorities(void **state)
{
    (void)state;
    cert_files_write("text.pem", "not a certificate\n", 18);
    credentials = net_tls_client_credentials_create(false, cert_files_path("ec.pem"), &error);
    assert_non_null(credentials);
    net_tls_credentials_unref(credentials);
    assert_null(net_tls_client_credentials_create(false, cert_files_path("absent.pem"), &error));
    assert_non_null(strstr(error.text, "absent.pem"));
    assert_null(net_tls_client_credentials_create(false, cert_files_path("text.pem"), &error));
    credentials = net_tls_client_credentials_create(true, cert_files_path("absent.pem"), &error);
    assert_non_null(credentials); // not asked for
}

int main(void)
{
#define ONE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        ONE(the_name_that_is_asked_for_decides),
        ONE(a_wildcard_yields_to_the_name_itself),
        ONE(strangers_and_those_who_ask_for_nothing_get_the_default),
        ONE(sni_strict_refuses_strangers_only),
        ONE(two_key_types_for_one_name_serve_both_kinds_of_clients),
        ONE(a_certificate_without_digital_signature_is_served_by_static_rsa),
        ONE(static_rsa_can_be_ruled_out),
        ONE(without_alternative_names_the_common_name_counts),
        ONE(a_bad_priority_string_is_pointed_at),
        ONE(the_operators_priorities_are_taken),
        ONE(tickets_are_good_for_as_long_as_their_key),
        ONE(a_client_needs_readable_authorities),
    };
#undef ONE
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
