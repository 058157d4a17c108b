// SPDX-License-Identifier: MIT
// Which certificate a client is shown, by the name that it asks for and by what it is able to do.

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "net/tls_credentials.h"
#include "tests/support/cert_files.h"

#define ANY  "NORMAL"
#define OLD  "NORMAL:-VERS-ALL:+VERS-TLS1.2"
#define RSA  "NORMAL:-SIGN-ALL:+SIGN-RSA-PSS-RSAE-SHA256:+SIGN-RSA-SHA256"
#define BOTH 2 // ends of a socket pair

static struct config *config;
static struct error error;
static struct net_tls_certificates certificates;
static struct net_tls_credentials *credentials;

// What came of the last handshake.
static char shown[NET_TLS_NAME_BYTES]; // the common name of the server's certificate
static gnutls_pk_algorithm_t shown_key;
static gnutls_protocol_t version;
static gnutls_kx_algorithm_t exchange;
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

static void look_at_peer(gnutls_session_t client)
{
    unsigned count;
    gnutls_x509_crt_t crt;
    size_t size = sizeof(shown);
    const gnutls_datum_t *chain = gnutls_certificate_get_peers(client, &count);
    assert_non_null(chain);
    assert_int_equal(gnutls_x509_crt_init(&crt), 0);
    assert_int_equal(gnutls_x509_crt_import(crt, &chain[0], GNUTLS_X509_FMT_DER), 0);
    assert_int_equal(
        gnutls_x509_crt_get_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, 0, shown, &size), 0);
    shown_key = (gnutls_pk_algorithm_t)gnutls_x509_crt_get_pk_algorithm(crt, NULL);
    gnutls_x509_crt_deinit(crt);
    version = gnutls_protocol_get_version(client);
    exchange = gnutls_kx_get(client);
}

// Both ends in turn until both are done or one has failed; the client's status.
static int run(gnutls_session_t client, gnutls_session_t server)
{
    int client_status = GNUTLS_E_AGAIN;
    server_status = GNUTLS_E_AGAIN;
    for (int i = 0; i < 20; i++) {
        if (client_status < 0 && !gnutls_error_is_fatal(client_status)) {
            client_status = gnutls_handshake(client);
        }
        if (server_status < 0 && !gnutls_error_is_fatal(server_status)) {
            server_status = gnutls_handshake(server);
            if (server_status < 0 && gnutls_error_is_fatal(server_status)) {
                gnutls_alert_send_appropriate(server, server_status);
            }
        }
    }
    return client_status;
}

static int shake(const char *host, const char *priorities)
{
    int fds[BOTH];
    gnutls_session_t client;
    gnutls_session_t server;
    gnutls_certificate_credentials_t trust;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    gnutls_init(&client, GNUTLS_CLIENT | GNUTLS_NONBLOCK);
    gnutls_init(&server, GNUTLS_SERVER | GNUTLS_NONBLOCK);
    gnutls_certificate_allocate_credentials(&trust);
    gnutls_credentials_set(client, GNUTLS_CRD_CERTIFICATE, trust);
    assert_int_equal(gnutls_priority_set_direct(client, priorities, NULL), 0);
    if (host) {
        gnutls_server_name_set(client, GNUTLS_NAME_DNS, host, strlen(host));
    }
    assert_true(net_tls_credentials_apply(credentials, server, ""));
    gnutls_transport_set_int(client, fds[0]);
    gnutls_transport_set_int(server, fds[1]);
    int status = run(client, server);
    shown[0] = '\0';
    if (status == 0) {
        look_at_peer(client);
    } else if (status == GNUTLS_E_FATAL_ALERT_RECEIVED) {
        status = -(int)gnutls_alert_get(client);
    }
    gnutls_deinit(client);
    gnutls_deinit(server);
    gnutls_certificate_free_credentials(trust);
    close(fds[0]);
    close(fds[1]);
    return status;
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
        ONE(a_client_needs_readable_authorities),
    };
#undef ONE
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
