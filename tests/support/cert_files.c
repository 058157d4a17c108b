// SPDX-License-Identifier: MIT
// Any failure here is the test's own: it stops at once.

#include "tests/support/cert_files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <gnutls/pkcs12.h>
#include <gnutls/x509.h>

#define DAY_S (24 * 60 * 60)

static char folder[64];

#define MUST(call) assert_int_equal((call), 0)

void cert_files_begin(void)
{
    snprintf(folder, sizeof(folder), "/tmp/paddock-certs-XXXXXX");
    assert_non_null(mkdtemp(folder));
}

void cert_files_end(void)
{
    pid_t child = fork();
    if (child == 0) {
        execlp("rm", "rm", "-rf", "--", folder, (char *)NULL);
        _exit(127);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

const char *cert_files_path(const char *name)
{
    static char paths[8][256];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

void cert_files_write(const char *name, const void *data, size_t size)
{
    FILE *file = fopen(cert_files_path(name), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

// Binary files have their size in *size.
static const char *read_bytes(const char *name, size_t *size)
{
    static char texts[2][32768];
    static unsigned next;
    char *text = texts[next++ % 2];
    FILE *file = fopen(cert_files_path(name), "rb");
    assert_non_null(file);
    *size = fread(text, 1, sizeof(texts[0]) - 1, file);
    text[*size] = '\0';
    fclose(file);
    return text;
}

const char *cert_files_read(const char *name)
{
    size_t size;
    return read_bytes(name, &size);
}

void cert_files_copy(const char *from, const char *to)
{
    size_t size;
    const char *bytes = read_bytes(from, &size);
    cert_files_write(to, bytes, size);
}

void cert_files_join(const char *first, const char *second, const char *to)
{
    char both[65536];
    int size =
        snprintf(both, sizeof(both), "%s%s", cert_files_read(first), cert_files_read(second));
    cert_files_write(to, both, (size_t)size);
}

void cert_files_make_folder(const char *name)
{
    assert_int_equal(mkdir(cert_files_path(name), 0700), 0);
}

static void file_name(char name[128], const char *file, const char *suffix)
{
    assert_true(snprintf(name, 128, "%s%s", file, suffix) < 128);
}

static gnutls_datum_t datum_of(const char *text)
{
    gnutls_datum_t data = {.size = (unsigned)strlen(text)};
    data.data = gnutls_malloc(data.size + 1);
    assert_non_null(data.data);
    memcpy(data.data, text, data.size + 1);
    return data;
}

static void read_pair(const char *file, gnutls_x509_crt_t *crt, gnutls_x509_privkey_t *key)
{
    char name[128];
    file_name(name, file, ".pem");
    gnutls_datum_t data = datum_of(cert_files_read(name));
    MUST(gnutls_x509_crt_init(crt));
    MUST(gnutls_x509_crt_import(*crt, &data, GNUTLS_X509_FMT_PEM));
    gnutls_free(data.data);
    file_name(name, file, ".key");
    data = datum_of(cert_files_read(name));
    MUST(gnutls_x509_privkey_init(key));
    MUST(gnutls_x509_privkey_import(*key, &data, GNUTLS_X509_FMT_PEM));
    gnutls_free(data.data);
}

static void set_names(gnutls_x509_crt_t crt, const struct cert_spec *spec)
{
    if (!(spec->traits & CERT_NO_COMMON_NAME)) {
        MUST(gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, spec->common_name,
                                           (unsigned)strlen(spec->common_name)));
    }
    if (spec->traits & CERT_NO_NAMES) {
        return;
    }
    MUST(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, spec->common_name,
                                              (unsigned)strlen(spec->common_name),
                                              GNUTLS_FSAN_SET));
    for (unsigned i = 0; i < 4 && spec->names[i]; i++) {
        MUST(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, spec->names[i],
                                                  (unsigned)strlen(spec->names[i]),
                                                  GNUTLS_FSAN_APPEND));
    }
}

static void set_use(gnutls_x509_crt_t crt, unsigned traits)
{
    unsigned usage = traits & CERT_NO_SIGNATURE ? GNUTLS_KEY_KEY_ENCIPHERMENT
                     : traits & CERT_RSA
                         ? GNUTLS_KEY_DIGITAL_SIGNATURE | GNUTLS_KEY_KEY_ENCIPHERMENT
                         : GNUTLS_KEY_DIGITAL_SIGNATURE;
    usage |= traits & CERT_CA ? GNUTLS_KEY_KEY_CERT_SIGN : 0;
    MUST(gnutls_x509_crt_set_basic_constraints(crt, (traits & CERT_CA) != 0, -1));
    MUST(gnutls_x509_crt_set_key_usage(crt, usage));
}

static void sign(gnutls_x509_crt_t crt, gnutls_x509_privkey_t own_key, const char *issuer)
{
    gnutls_x509_crt_t issuer_crt;
    gnutls_x509_privkey_t issuer_key;
    if (!issuer) {
        MUST(gnutls_x509_crt_sign2(crt, crt, own_key, GNUTLS_DIG_SHA256, 0));
        return;
    }
    read_pair(issuer, &issuer_crt, &issuer_key);
    MUST(gnutls_x509_crt_sign2(crt, issuer_crt, issuer_key, GNUTLS_DIG_SHA256, 0));
    gnutls_x509_crt_deinit(issuer_crt);
    gnutls_x509_privkey_deinit(issuer_key);
}

static void export_to(const char *file, const char *suffix, gnutls_datum_t *pem)
{
    char name[128];
    file_name(name, file, suffix);
    cert_files_write(name, pem->data, pem->size);
    gnutls_free(pem->data);
}

void cert_files_make(const struct cert_spec *spec)
{
    static uint8_t serial;
    gnutls_x509_crt_t crt;
    gnutls_x509_privkey_t key;
    gnutls_datum_t pem;
    time_t now = time(NULL);
    bool rsa = spec->traits & CERT_RSA;
    bool dated = spec->begins_s || spec->ends_s;
    serial++;
    MUST(gnutls_x509_crt_init(&crt));
    MUST(gnutls_x509_privkey_init(&key));
    MUST(gnutls_x509_privkey_generate(key, rsa ? GNUTLS_PK_RSA : GNUTLS_PK_ECDSA,
                                      rsa ? 2048 : GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1),
                                      0));
    MUST(gnutls_x509_crt_set_version(crt, 3));
    MUST(gnutls_x509_crt_set_serial(crt, &serial, 1));
    MUST(gnutls_x509_crt_set_activation_time(crt, now + (dated ? spec->begins_s : -DAY_S)));
    MUST(gnutls_x509_crt_set_expiration_time(crt, now + (dated ? spec->ends_s : 90 * DAY_S)));
    set_names(crt, spec);
    set_use(crt, spec->traits);
    MUST(gnutls_x509_crt_set_key(crt, key));
    sign(crt, key, spec->issuer);
    MUST(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem));
    export_to(spec->file, ".pem", &pem);
    MUST(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &pem));
    export_to(spec->file, ".key", &pem);
    gnutls_x509_crt_deinit(crt);
    gnutls_x509_privkey_deinit(key);
}

static void add_bag(gnutls_pkcs12_t file, gnutls_pkcs12_bag_t bag, const char *friendly_name,
                    const char *password)
{
    MUST(gnutls_pkcs12_bag_set_friendly_name(bag, 0, friendly_name));
    MUST(gnutls_pkcs12_bag_encrypt(bag, password, GNUTLS_PKCS_PBES2_AES_256));
    MUST(gnutls_pkcs12_set_bag(file, bag));
    gnutls_pkcs12_bag_deinit(bag);
}

void cert_files_make_pkcs12(const char *file, const char *to, const char *friendly_name,
                            const char *password)
{
    gnutls_x509_crt_t crt;
    gnutls_x509_privkey_t key;
    gnutls_pkcs12_t container;
    gnutls_pkcs12_bag_t bag;
    gnutls_datum_t bytes;
    uint8_t key_bytes[4096];
    size_t size = sizeof(key_bytes);
    read_pair(file, &crt, &key);
    MUST(gnutls_pkcs12_init(&container));
    MUST(gnutls_pkcs12_bag_init(&bag));
    assert_true(gnutls_pkcs12_bag_set_crt(bag, crt) >= 0);
    add_bag(container, bag, friendly_name, password);
    MUST(gnutls_x509_privkey_export_pkcs8(key, GNUTLS_X509_FMT_DER, NULL, GNUTLS_PKCS_PLAIN,
                                          key_bytes, &size));
    bytes = (gnutls_datum_t){.data = key_bytes, .size = (unsigned)size};
    MUST(gnutls_pkcs12_bag_init(&bag));
    assert_true(gnutls_pkcs12_bag_set_data(bag, GNUTLS_BAG_PKCS8_KEY, &bytes) >= 0);
    add_bag(container, bag, friendly_name, password);
    MUST(gnutls_pkcs12_generate_mac2(container, GNUTLS_MAC_SHA256, password));
    MUST(gnutls_pkcs12_export2(container, GNUTLS_X509_FMT_DER, &bytes));
    cert_files_write(to, bytes.data, bytes.size);
    gnutls_free(bytes.data);
    gnutls_pkcs12_deinit(container);
    gnutls_x509_crt_deinit(crt);
    gnutls_x509_privkey_deinit(key);
}
