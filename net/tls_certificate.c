// SPDX-License-Identifier: MIT
// The chain is put in order here, leaf first and each followed by its issuer, because half of the
// files in the world are not, and clients without the missing link refuse the server.

#include "net/tls_certificate.h"

#include <arpa/inet.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/tls_file.h"
#include "net/tls_name.h"
#include "net/tls_pkcs12.h"

#define KEY_ID_BYTES 32

// ---- PEM

// The library's functions want a pointer to non-const and write nothing there.
static gnutls_datum_t datum_of(struct bytes_span span)
{
    union {
        const uint8_t *given;
        unsigned char *wanted;
    } data = {.given = span.data};
    return (gnutls_datum_t){.data = data.wanted, .size = (unsigned)span.size};
}

static const char *problem_text(int status)
{
    switch (status) {
    case GNUTLS_E_BASE64_DECODING_ERROR:
    case GNUTLS_E_BASE64_UNEXPECTED_HEADER_ERROR:
    case GNUTLS_E_NO_CERTIFICATE_FOUND:
    case GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE:
        return "there is none in PEM form";
    case GNUTLS_E_DECRYPTION_FAILED:
    case GNUTLS_E_INVALID_PASSWORD:
        return "the private key is encrypted; use an unencrypted one, or a PKCS#12 file with "
               "PADDOCK_TLS_PASSWORD";
    case GNUTLS_E_SHORT_MEMORY_BUFFER:
        return "there are more than 8 certificates in it";
    default:
        return gnutls_strerror(status);
    }
}

static bool read_pem(struct net_tls_certificate *certificate, struct bytes_span chain,
                     struct bytes_span key, const char *source, struct error *error)
{
    unsigned count = NET_TLS_CHAIN_MAX;
    gnutls_datum_t data = datum_of(chain);
    int status = gnutls_x509_crt_list_import(certificate->chain, &count, &data, GNUTLS_X509_FMT_PEM,
                                             GNUTLS_X509_CRT_LIST_IMPORT_FAIL_IF_EXCEED);
    if (status <= 0) {
        return error_set(error, "cannot use the certificate in %s: %s", source,
                         problem_text(status));
    }
    certificate->chain_count = (unsigned)status;
    data = datum_of(key);
    status = gnutls_x509_privkey_init(&certificate->key);
    if (status == 0) {
        status = gnutls_x509_privkey_import2(certificate->key, &data, GNUTLS_X509_FMT_PEM, NULL, 0);
    }
    return status == 0 ||
           error_set(error, "cannot use the private key for the certificate in %s: %s", source,
                     problem_text(status));
}

// ---- the chain in order

static bool belongs_to_key(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key)
{
    uint8_t of_crt[KEY_ID_BYTES];
    uint8_t of_key[KEY_ID_BYTES];
    size_t crt_size = sizeof(of_crt);
    size_t key_size = sizeof(of_key);
    return gnutls_x509_crt_get_key_id(crt, GNUTLS_KEYID_USE_SHA256, of_crt, &crt_size) == 0 &&
           gnutls_x509_privkey_get_key_id(key, GNUTLS_KEYID_USE_SHA256, of_key, &key_size) == 0 &&
           bytes_equal(bytes_of(of_crt, crt_size), bytes_of(of_key, key_size));
}

static void swap(struct net_tls_certificate *certificate, unsigned a, unsigned b)
{
    gnutls_x509_crt_t at_a = certificate->chain[a];
    certificate->chain[a] = certificate->chain[b];
    certificate->chain[b] = at_a;
}

// What is no part of the leaf's chain is dropped.
static bool order_chain(struct net_tls_certificate *certificate)
{
    unsigned count = certificate->chain_count;
    unsigned leaf = 0;
    while (leaf < count && !belongs_to_key(certificate->chain[leaf], certificate->key)) {
        leaf++;
    }
    if (leaf == count) {
        return false;
    }
    swap(certificate, 0, leaf);
    unsigned done = 1;
    for (bool found = true; found && done < count;) {
        gnutls_x509_crt_t last = certificate->chain[done - 1];
        unsigned next = gnutls_x509_crt_check_issuer(last, last) ? count : done; // a root ends it
        while (next < count && !gnutls_x509_crt_check_issuer(last, certificate->chain[next])) {
            next++;
        }
        found = next < count;
        if (found) {
            swap(certificate, done++, next);
        }
    }
    while (certificate->chain_count > done) {
        gnutls_x509_crt_deinit(certificate->chain[--certificate->chain_count]);
    }
    return true;
}

// ---- what is in the leaf

// The names are for logs and JSON as well, and certificates can hold anything.
static void make_printable(char *text)
{
    struct bytes_span left = bytes_of_string(text);
    while (left.size > 0) {
        size_t length = bytes_utf8_sequence(left);
        if (length == 0) {
            text[strlen(text) - left.size] = '?';
            length = 1;
        }
        left = bytes_of(left.data + length, left.size - length);
    }
}

static void read_common_name(gnutls_x509_crt_t leaf, char name[NET_TLS_NAME_BYTES])
{
    size_t size = NET_TLS_NAME_BYTES;
    int status =
        gnutls_x509_crt_get_dn_by_oid(leaf, GNUTLS_OID_X520_COMMON_NAME, 0, 0, name, &size);
    if (status != 0 || strlen(name) != size) { // one with a NUL in it is nobody's
        name[0] = '\0';
    }
}

// False when there is no such name or it is of a kind that no client asks for.
static bool format_name(const uint8_t *value, size_t size, unsigned type,
                        char name[NET_TLS_NAME_BYTES])
{
    if (type == GNUTLS_SAN_DNSNAME) {
        snprintf(name, NET_TLS_NAME_BYTES, "%.*s", (int)size, (const char *)value);
        return strlen(name) == size;
    }
    return type == GNUTLS_SAN_IPADDRESS && (size == 4 || size == 16) &&
           inet_ntop(size == 4 ? AF_INET : AF_INET6, value, name, NET_TLS_NAME_BYTES);
}

static bool read_names(struct net_tls_certificate *certificate)
{
    gnutls_x509_crt_t leaf = certificate->chain[0];
    certificate->names = calloc(NET_TLS_NAMES_MAX, sizeof(certificate->names[0]));
    if (!certificate->names) {
        return false;
    }
    for (unsigned i = 0; i < NET_TLS_NAMES_MAX; i++) {
        uint8_t value[NET_TLS_NAME_BYTES];
        size_t size = sizeof(value);
        unsigned type;
        int status = gnutls_x509_crt_get_subject_alt_name2(leaf, i, value, &size, &type, NULL);
        if (status == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE) {
            break;
        }
        certificate->has_alternative_names = true;
        if (status >= 0 &&
            format_name(value, size, type, certificate->names[certificate->name_count])) {
            make_printable(certificate->names[certificate->name_count++]);
        }
    }
    read_common_name(leaf, certificate->name);
    make_printable(certificate->name);
    if (!certificate->has_alternative_names && certificate->name[0]) {
        memcpy(certificate->names[certificate->name_count++], certificate->name,
               NET_TLS_NAME_BYTES);
    }
    if (!certificate->name[0] && certificate->name_count > 0) {
        memcpy(certificate->name, certificate->names[0], NET_TLS_NAME_BYTES);
    }
    return true;
}

// RSA keys for key encipherment only, as the Photon guide's recipe makes them, can do nothing but
// static RSA in TLS 1.2: without it a person who follows it has a listener that nobody can reach.
static bool needs_static_rsa(gnutls_x509_crt_t leaf)
{
    unsigned usage;
    return gnutls_x509_crt_get_key_usage(leaf, &usage, NULL) >= 0 &&
           !(usage & GNUTLS_KEY_DIGITAL_SIGNATURE) && (usage & GNUTLS_KEY_KEY_ENCIPHERMENT) &&
           gnutls_x509_crt_get_pk_algorithm(leaf, NULL) == GNUTLS_PK_RSA;
}

static enum net_tls_use find_use(gnutls_x509_crt_t leaf)
{
    char purpose[64];
    size_t size = sizeof(purpose);
    if (gnutls_x509_crt_get_ca_status(leaf, NULL) > 0) {
        return NET_TLS_USE_AUTHORITY;
    }
    return gnutls_x509_crt_get_key_purpose_oid(leaf, 0, purpose, &size, NULL) == 0 &&
                   strcmp(purpose, GNUTLS_KP_TLS_WWW_CLIENT) == 0
               ? NET_TLS_USE_CLIENT
               : NET_TLS_USE_SERVER;
}

static bool describe(struct net_tls_certificate *certificate)
{
    gnutls_x509_crt_t leaf = certificate->chain[0];
    uint8_t digest[32];
    uint8_t serial[20];
    size_t size = sizeof(certificate->subject);
    unsigned bits = 0;
    (void)gnutls_x509_crt_get_dn(leaf, certificate->subject, &size); // empty: it has none
    size = sizeof(certificate->issuer);
    (void)gnutls_x509_crt_get_issuer_dn(leaf, certificate->issuer, &size);
    size = sizeof(digest);
    if (gnutls_x509_crt_get_fingerprint(leaf, GNUTLS_DIG_SHA256, digest, &size) == 0) {
        bytes_to_hex(bytes_of(digest, size), certificate->sha256);
    }
    size = sizeof(serial);
    if (gnutls_x509_crt_get_serial(leaf, serial, &size) == 0) {
        bytes_to_hex(bytes_of(serial, size), certificate->serial);
    }
    make_printable(certificate->subject);
    make_printable(certificate->issuer);
    certificate->not_before_s = gnutls_x509_crt_get_activation_time(leaf);
    certificate->not_after_s = gnutls_x509_crt_get_expiration_time(leaf);
    certificate->key_algorithm = gnutls_x509_crt_get_pk_algorithm(leaf, &bits);
    snprintf(certificate->key_type, sizeof(certificate->key_type), "%.20s %u",
             gnutls_pk_algorithm_get_name((gnutls_pk_algorithm_t)certificate->key_algorithm), bits);
    certificate->is_slow = certificate->key_algorithm == GNUTLS_PK_RSA ||
                           certificate->key_algorithm == GNUTLS_PK_RSA_PSS;
    certificate->needs_static_rsa = needs_static_rsa(leaf);
    certificate->use = find_use(leaf);
    return read_names(certificate);
}

bool net_tls_certificate_is_for(const struct net_tls_certificate *certificate, const char *host)
{
    for (unsigned i = 0; i < certificate->name_count; i++) {
        if (net_tls_name_matches(certificate->names[i], host)) {
            return true;
        }
    }
    return false;
}

bool net_tls_certificate_is_by(const struct net_tls_certificate *certificate,
                               const struct net_tls_certificate *issuer)
{
    unsigned problems;
    return gnutls_x509_crt_check_issuer(certificate->chain[0], issuer->chain[0]) &&
           gnutls_x509_crt_verify(certificate->chain[0], &issuer->chain[0], 1,
                                  GNUTLS_VERIFY_DISABLE_TIME_CHECKS |
                                      GNUTLS_VERIFY_ALLOW_SIGN_WITH_SHA1,
                                  &problems) == 0 &&
           problems == 0;
}

// ---- life

static struct net_tls_certificate *create(struct error *error)
{
    struct net_tls_certificate *certificate = calloc(1, sizeof(*certificate));
    if (!certificate) {
        error_set(error, "out of memory");
    }
    return certificate;
}

// Takes `certificate` over; `read` says whether there is something in it.
static struct net_tls_certificate *complete(struct net_tls_certificate *certificate, bool read,
                                            const char *source, struct error *error)
{
    if (read && !order_chain(certificate)) {
        read = error_set(error,
                         "cannot use the private key for the certificate in %s: the private key "
                         "does not belong to the certificate",
                         source);
    }
    if (read && !describe(certificate)) {
        read = error_set(error, "out of memory");
    }
    if (!read) {
        net_tls_certificate_destroy(certificate);
        return NULL;
    }
    return certificate;
}

struct net_tls_certificate *net_tls_certificate_parse(struct bytes_span chain,
                                                      struct bytes_span key, const char *source,
                                                      struct error *error)
{
    struct net_tls_certificate *certificate = create(error);
    return certificate ? complete(certificate, read_pem(certificate, chain, key, source, error),
                                  source, error)
                       : NULL;
}

static void load_ocsp(struct net_tls_certificate *certificate)
{
    char path[LIMIT_PATH_BYTES + sizeof(NET_TLS_OCSP_SUFFIX)];
    snprintf(path, sizeof(path), "%s" NET_TLS_OCSP_SUFFIX, certificate->path);
    net_tls_ocsp_load(&certificate->ocsp, path, certificate->chain[0],
                      certificate->chain_count > 1 ? certificate->chain[1] : NULL);
}

// PKCS#12 is DER, which begins with a byte that no text does.
static bool is_binary(struct bytes_span bytes)
{
    return bytes.data[0] == 0x30;
}

struct net_tls_certificate *net_tls_certificate_load(const char *path, const char *key_path,
                                                     const struct secret *password,
                                                     struct error *error)
{
    struct bytes_buf chain = {0};
    struct bytes_buf key = {0};
    struct net_tls_certificate *certificate = NULL;
    if (!net_tls_read_file(path, &chain, error)) {
        return NULL;
    }
    struct bytes_span chain_span = bytes_buf_span(&chain);
    if (is_binary(chain_span)) {
        certificate = create(error);
        if (certificate) {
            certificate = complete(certificate,
                                   net_tls_pkcs12_read(certificate, &chain, password, path, error),
                                   path, error);
        }
    } else if (!key_path || net_tls_read_file(key_path, &key, error)) {
        certificate = net_tls_certificate_parse(
            chain_span, key_path ? bytes_buf_span(&key) : chain_span, path, error);
    }
    if (certificate) {
        snprintf(certificate->path, sizeof(certificate->path), "%s", path);
        snprintf(certificate->origin, sizeof(certificate->origin), "from file: \"%s\"", path);
        load_ocsp(certificate);
    }
    net_tls_wipe(&key);
    net_tls_wipe(&chain);
    return certificate;
}

void net_tls_certificate_destroy(struct net_tls_certificate *certificate)
{
    if (!certificate) {
        return;
    }
    for (unsigned i = 0; i < certificate->chain_count; i++) {
        gnutls_x509_crt_deinit(certificate->chain[i]);
    }
    if (certificate->key) {
        gnutls_x509_privkey_deinit(certificate->key);
    }
    net_tls_ocsp_finish(&certificate->ocsp);
    free(certificate->names);
    free(certificate);
}
