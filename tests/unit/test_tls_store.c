// SPDX-License-Identifier: MIT
// Certificates as operators have them: right, wrong, and as the guides make them.

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <gnutls/x509.h>

#include "config/base/log.h"
#include "net/tls_store.h"

static char folder[] = "/tmp/paddock-tls-XXXXXX";
static struct config *config;
static struct error error;
static FILE *log_file;

static const char *path_of(const char *name)
{
    static char paths[4][320];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

// The whole file, NUL-terminated; valid until the second call after it.
static const char *read_file(const char *name)
{
    static char texts[2][8192];
    static unsigned next;
    char *text = texts[next++ % 2];
    FILE *file = fopen(path_of(name), "rb");
    assert_non_null(file);
    text[fread(text, 1, sizeof(texts[0]) - 1, file)] = '\0';
    fclose(file);
    return text;
}

static void write_file(const char *name, const void *data, size_t size)
{
    FILE *file = fopen(path_of(name), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    fclose(file);
}

static void export_to(const char *name, gnutls_datum_t *pem)
{
    write_file(name, pem->data, pem->size);
    gnutls_free(pem->data);
}

enum trait {
    PLAIN = 0,
    EXPIRED = 1,
    FUTURE = 2,
    NO_NAMES = 4,
    RSA_ENCIPHERMENT = 8,
};

// NAME.pem and NAME.key: self-signed, CN = NAME.example.com.
static void make_certificate(const char *name, unsigned traits)
{
    char text[64];
    char common_name[64];
    gnutls_x509_crt_t crt;
    gnutls_x509_privkey_t key;
    gnutls_datum_t pem;
    time_t now = time(NULL);
    bool rsa = traits & RSA_ENCIPHERMENT;
    snprintf(common_name, sizeof(common_name), "%s.example.com", name);
    assert_int_equal(gnutls_x509_crt_init(&crt), 0);
    assert_int_equal(gnutls_x509_privkey_init(&key), 0);
    assert_int_equal(gnutls_x509_privkey_generate(
                         key, rsa ? GNUTLS_PK_RSA : GNUTLS_PK_ECDSA,
                         rsa ? 2048 : GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0),
                     0);
    gnutls_x509_crt_set_version(crt, 3);
    gnutls_x509_crt_set_serial(crt, "\1", 1);
    gnutls_x509_crt_set_activation_time(crt, now + (traits & FUTURE ? 3600 : -7200));
    gnutls_x509_crt_set_expiration_time(crt, now + (traits & EXPIRED ? -3600 : 7200));
    gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, common_name,
                                  (unsigned)strlen(common_name));
    if (!(traits & NO_NAMES)) {
        gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, common_name,
                                             (unsigned)strlen(common_name), GNUTLS_FSAN_SET);
    }
    gnutls_x509_crt_set_key_usage(crt,
                                  rsa ? GNUTLS_KEY_KEY_ENCIPHERMENT : GNUTLS_KEY_DIGITAL_SIGNATURE);
    gnutls_x509_crt_set_key(crt, key);
    assert_int_equal(gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0), 0);
    assert_int_equal(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem), 0);
    snprintf(text, sizeof(text), "%s.pem", name);
    export_to(text, &pem);
    assert_int_equal(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &pem), 0);
    snprintf(text, sizeof(text), "%s.key", name);
    export_to(text, &pem);
    gnutls_x509_crt_deinit(crt);
    gnutls_x509_privkey_deinit(key);
}

static void configure(const char *certificate, const char *key)
{
    assert_true(config_set(config, "tls-cert", certificate ? path_of(certificate) : "", &error));
    assert_true(config_set(config, "tls-key", key ? path_of(key) : "", &error));
}

// What was logged since the last call.
static const char *logged(void)
{
    static char text[8192];
    rewind(log_file);
    size_t size = fread(text, 1, sizeof(text) - 1, log_file);
    text[size] = '\0';
    assert_int_equal(ftruncate(fileno(log_file), 0), 0);
    rewind(log_file);
    return text;
}

static void expect_logged(const char *certificate, const char *key, const char *event)
{
    configure(certificate, key);
    struct net_tls_server *server = net_tls_server_create(config, &error);
    assert_non_null(server);
    const char *text = logged();
    if (!strstr(text, event)) {
        fail_msg("no %s in: %s", event, text);
    }
    net_tls_server_destroy(server);
}

static void expect_refused(const char *certificate, const char *key, const char *part)
{
    configure(certificate, key);
    error.text[0] = '\0';
    assert_null(net_tls_server_create(config, &error));
    if (!strstr(error.text, part)) {
        fail_msg("%s", error.text);
    }
}

static int group_setup(void **state)
{
    (void)state;
    static struct clock clock;
    clock_init_monotonic(&clock);
    log_file = tmpfile();
    log_open(fileno(log_file), LOG_INFO, LOG_FORMAT_TEXT, &clock);
    assert_non_null(mkdtemp(folder));
    make_certificate("good", PLAIN);
    make_certificate("other", PLAIN);
    make_certificate("expired", EXPIRED);
    make_certificate("future", FUTURE);
    make_certificate("nameless", NO_NAMES);
    make_certificate("photon", RSA_ENCIPHERMENT);
    write_file("empty.pem", "", 0);
    write_file("text.pem", "not a certificate\n", 18);
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    DIR *listing = opendir(folder);
    assert_non_null(listing);
    for (struct dirent *entry; (entry = readdir(listing));) {
        unlink(path_of(entry->d_name)); // fails for . and ..
    }
    closedir(listing);
    log_open(STDERR_FILENO, LOG_ERROR, LOG_FORMAT_TEXT, NULL);
    fclose(log_file);
    return rmdir(folder);
}

static int setup(void **state)
{
    (void)state;
    config = config_create_default();
    error.text[0] = '\0';
    logged();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    config_destroy(config);
    return 0;
}

static void a_good_certificate_is_reported_in_one_line(void **state)
{
    (void)state;
    char line[512];
    configure("good.pem", "good.key");
    struct net_tls_server *server = net_tls_server_create(config, &error);
    assert_non_null(server);
    snprintf(line, sizeof(line),
             "Secured using certificate: \\\"good.example.com\\\" from file: "
             "\\\"%s\\\"",
             path_of("good.pem"));
    const char *text = logged();
    if (!strstr(text, line) || strchr(text, '\n') != text + strlen(text) - 1) {
        fail_msg("%s is not %s", text, line);
    }
    net_tls_server_destroy(server);
}

static void one_file_may_hold_certificate_and_key(void **state)
{
    (void)state;
    char both[8192];
    int size = snprintf(both, sizeof(both), "%s%s", read_file("good.key"), read_file("good.pem"));
    write_file("both.pem", both, (size_t)size);
    expect_logged("both.pem", NULL, "secured");
}

static void the_key_never_leaves_with_the_certificate(void **state)
{
    (void)state;
    configure("both.pem", NULL);
    struct net_tls_server *server = net_tls_server_create(config, &error);
    assert_non_null(server);
    assert_true(net_tls_server_write_certificate(server, path_of("written.pem"), &error));
    const char *text = read_file("written.pem");
    assert_non_null(strstr(text, "BEGIN CERTIFICATE"));
    assert_null(strstr(text, "KEY"));
    net_tls_server_destroy(server);
}

static void operators_mistakes_are_explained(void **state)
{
    (void)state;
    expect_refused("absent.pem", "good.key", "absent.pem: No such file");
    expect_refused("good.pem", "absent.key", "absent.key: No such file");
    expect_refused("empty.pem", "good.key", "the file is empty");
    expect_refused("text.pem", "good.key", "cannot use the certificate");
    expect_refused("good.pem", "text.pem", "there is none in PEM form");
    expect_refused("good.pem", "other.key", "does not belong to the certificate");
    expect_refused("good.pem", NULL, "cannot use the private key");
    expect_refused(NULL, NULL, "--dev");
}

static void a_bad_priority_string_is_pointed_at(void **state)
{
    (void)state;
    assert_true(config_set(config, "tls-priorities", "NORMAL:+NONSENSE:-VERS-TLS1.0", &error));
    expect_refused("good.pem", "good.key", "--tls-priorities");
    assert_non_null(strstr(error.text, "+NONSENSE"));
}

static void what_will_trouble_players_is_warned_of(void **state)
{
    (void)state;
    expect_logged("expired.pem", "expired.key", "certificate_expired");
    expect_logged("future.pem", "future.key", "certificate_not_yet_valid");
    expect_logged("nameless.pem", "nameless.key",
                  "certificate has no subjectAltName; browsers will refuse it");
    expect_logged("photon.pem", "photon.key", "lacks keyUsage digitalSignature");
}

static void dev_makes_a_certificate_for_this_machine(void **state)
{
    (void)state;
    assert_true(config_set(config, "dev", "true", &error));
    struct net_tls_server *server = net_tls_server_create(config, &error);
    assert_non_null(server);
    assert_true(net_tls_server_write_certificate(server, path_of("dev.pem"), &error));
    unsigned char text[8192];
    gnutls_datum_t pem = {.data = text};
    pem.size = (unsigned)snprintf((char *)text, sizeof(text), "%s", read_file("dev.pem"));
    gnutls_x509_crt_t crt;
    gnutls_x509_crt_init(&crt);
    assert_int_equal(gnutls_x509_crt_import(crt, &pem, GNUTLS_X509_FMT_PEM), 0);
    assert_int_equal(gnutls_x509_crt_check_hostname(crt, "localhost"), 1);
    assert_int_equal(gnutls_x509_crt_check_hostname(crt, "127.0.0.1"), 1);
    assert_int_equal(gnutls_x509_crt_check_hostname(crt, "::1"), 1);
    assert_int_equal(gnutls_x509_crt_check_hostname(crt, "example.com"), 0);
    time_t days =
        (gnutls_x509_crt_get_expiration_time(crt) - gnutls_x509_crt_get_activation_time(crt)) /
        (24 * 60 * 60);
    assert_int_equal(days, 825);
    unsigned usage;
    char purpose[64];
    size_t size = sizeof(purpose);
    gnutls_x509_crt_get_key_usage(crt, &usage, NULL);
    assert_int_equal(usage, GNUTLS_KEY_DIGITAL_SIGNATURE);
    assert_int_equal(gnutls_x509_crt_get_key_purpose_oid(crt, 0, purpose, &size, NULL), 0);
    assert_string_equal(purpose, GNUTLS_KP_TLS_WWW_SERVER);
    assert_int_equal(gnutls_x509_crt_get_pk_algorithm(crt, NULL), GNUTLS_PK_ECDSA);
    gnutls_x509_crt_deinit(crt);
    net_tls_server_destroy(server);
}

static void two_starts_make_two_certificates(void **state)
{
    (void)state;
    assert_true(config_set(config, "dev", "true", &error));
    for (int i = 0; i < 2; i++) {
        struct net_tls_server *server = net_tls_server_create(config, &error);
        assert_true(net_tls_server_write_certificate(server, path_of(i ? "b" : "a"), &error));
        net_tls_server_destroy(server);
    }
    assert_string_not_equal(read_file("a"), read_file("b"));
}

static void an_unwritable_path_is_an_error(void **state)
{
    (void)state;
    configure("good.pem", "good.key");
    struct net_tls_server *server = net_tls_server_create(config, &error);
    assert_false(net_tls_server_write_certificate(server, path_of("no/such/folder"), &error));
    assert_non_null(strstr(error.text, "no/such/folder: No such file"));
    net_tls_server_destroy(server);
}

static void credentials_outlive_their_server(void **state)
{
    (void)state;
    configure("good.pem", "good.key");
    struct net_tls_server *server = net_tls_server_create(config, &error);
    struct net_tls_credentials *credentials = net_tls_server_credentials(server);
    net_tls_server_destroy(server);
    gnutls_session_t session;
    assert_int_equal(gnutls_init(&session, GNUTLS_SERVER), 0);
    assert_true(net_tls_credentials_apply(credentials, session, ""));
    gnutls_deinit(session);
    net_tls_credentials_unref(credentials);
    net_tls_credentials_unref(NULL);
    net_tls_server_destroy(NULL);
}

static void a_client_needs_readable_authorities(void **state)
{
    (void)state;
    struct net_tls_credentials *credentials =
        net_tls_client_credentials_create(false, path_of("good.pem"), &error);
    assert_non_null(credentials);
    net_tls_credentials_unref(credentials);
    assert_null(net_tls_client_credentials_create(false, path_of("absent.pem"), &error));
    assert_non_null(strstr(error.text, "absent.pem"));
    assert_null(net_tls_client_credentials_create(false, path_of("text.pem"), &error));
    credentials = net_tls_client_credentials_create(true, path_of("absent.pem"), &error);
    assert_non_null(credentials); // not asked for
    net_tls_credentials_unref(credentials);
}

int main(void)
{
#define ONE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        ONE(a_good_certificate_is_reported_in_one_line),
        ONE(one_file_may_hold_certificate_and_key),
        ONE(the_key_never_leaves_with_the_certificate),
        ONE(operators_mistakes_are_explained),
        ONE(a_bad_priority_string_is_pointed_at),
        ONE(what_will_trouble_players_is_warned_of),
        ONE(dev_makes_a_certificate_for_this_machine),
        ONE(two_starts_make_two_certificates),
        ONE(an_unwritable_path_is_an_error),
        ONE(credentials_outlive_their_server),
        ONE(a_client_needs_readable_authorities),
    };
#undef ONE
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
