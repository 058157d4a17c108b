// SPDX-License-Identifier: MIT
// What a certificate needs so that OpenSSL, GnuTLS and browsers take it, and nothing more.

#include "net/tls_make.h"

#include <arpa/inet.h>
#include <assert.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <string.h>
#include <time.h>

#define DEV_DAYS 825 // browsers take no more
#define DAY_S    (24 * 60 * 60)
#define KEY_ID   32

// ---- what is in it

static int add_name(gnutls_x509_crt_t crt, const char *name)
{
    uint8_t address[16];
    bool is_v4 = inet_pton(AF_INET, name, address) == 1;
    if (is_v4 || inet_pton(AF_INET6, name, address) == 1) {
        return gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, address,
                                                    is_v4 ? 4 : 16, GNUTLS_FSAN_APPEND);
    }
    return gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, name,
                                                (unsigned)strlen(name), GNUTLS_FSAN_APPEND);
}

static int set_names(gnutls_x509_crt_t crt, const struct net_tls_make *make)
{
    assert(make->name_count > 0);
    int status = gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, make->names[0],
                                               (unsigned)strlen(make->names[0]));
    for (unsigned i = 0; status == 0 && make->use != NET_TLS_USE_AUTHORITY && i < make->name_count;
         i++) {
        status = add_name(crt, make->names[i]);
    }
    return status;
}

static int set_times(gnutls_x509_crt_t crt, unsigned days)
{
    time_t since = time(NULL) - 60 * 60;
    int status = gnutls_x509_crt_set_activation_time(crt, since);
    return status ? status : gnutls_x509_crt_set_expiration_time(crt, since + (time_t)days * DAY_S);
}

static int set_serial(gnutls_x509_crt_t crt)
{
    uint8_t serial[16];
    int status = gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof(serial));
    serial[0] &= 0x7f; // positive
    serial[0] |= 0x40; // and of full length
    return status ? status : gnutls_x509_crt_set_serial(crt, serial, sizeof(serial));
}

static int set_use(gnutls_x509_crt_t crt, enum net_tls_use use)
{
    bool authority = use == NET_TLS_USE_AUTHORITY;
    int status = gnutls_x509_crt_set_basic_constraints(crt, authority, authority ? 0 : -1);
    if (status == 0) {
        status = gnutls_x509_crt_set_key_usage(crt, authority ? GNUTLS_KEY_KEY_CERT_SIGN
                                                              : GNUTLS_KEY_DIGITAL_SIGNATURE);
    }
    if (status == 0 && !authority) {
        status = gnutls_x509_crt_set_key_purpose_oid(
            crt, use == NET_TLS_USE_CLIENT ? GNUTLS_KP_TLS_WWW_CLIENT : GNUTLS_KP_TLS_WWW_SERVER,
            0);
    }
    return status;
}

// By which clients find the issuer of a certificate among several of one name.
static int set_key_ids(gnutls_x509_crt_t crt, gnutls_x509_crt_t issuer)
{
    uint8_t id[KEY_ID];
    size_t size = sizeof(id);
    int status = gnutls_x509_crt_get_key_id(crt, 0, id, &size);
    if (status == 0) {
        status = gnutls_x509_crt_set_subject_key_id(crt, id, size);
    }
    size = sizeof(id);
    if (status == 0 && (status = gnutls_x509_crt_get_key_id(issuer, 0, id, &size)) == 0) {
        status = gnutls_x509_crt_set_authority_key_id(crt, id, size);
    }
    return status;
}

static int fill_in(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key,
                   const struct net_tls_make *make)
{
    gnutls_x509_crt_t issuer = make->issuer ? make->issuer->chain[0] : crt;
    int status;
    if ((status = gnutls_x509_crt_set_version(crt, 3)) != 0 || (status = set_serial(crt)) != 0 ||
        (status = set_times(crt, make->days)) != 0 || (status = set_names(crt, make)) != 0 ||
        (status = set_use(crt, make->use)) != 0 ||
        (status = gnutls_x509_crt_set_key(crt, key)) != 0 ||
        (status = set_key_ids(crt, issuer)) != 0) {
        return status;
    }
    return gnutls_x509_crt_sign2(crt, issuer, make->issuer ? make->issuer->key : key,
                                 GNUTLS_DIG_SHA256, 0);
}

// ---- making

// Wipes what it appends, which may be a key.
static int append(struct bytes_buf *out, gnutls_datum_t *text)
{
    bool appended = bytes_buf_append(out, bytes_of(text->data, text->size));
    gnutls_memset(text->data, 0, text->size);
    gnutls_free(text->data);
    text->data = NULL;
    return appended ? 0 : GNUTLS_E_MEMORY_ERROR;
}

static int append_crt(struct bytes_buf *out, gnutls_x509_crt_t crt)
{
    gnutls_datum_t text = {0};
    int status = gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &text);
    return status ? status : append(out, &text);
}

static int make_key(gnutls_x509_privkey_t key, const struct net_tls_certificate *renews)
{
    return renews ? gnutls_x509_privkey_cpy(key, renews->key)
                  : gnutls_x509_privkey_generate(
                        key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
}

bool net_tls_make(const struct net_tls_make *make, struct bytes_buf *certificate,
                  struct bytes_buf *key, struct error *error)
{
    gnutls_x509_crt_t crt = NULL;
    gnutls_x509_privkey_t privkey = NULL;
    gnutls_datum_t text = {0};
    int status = gnutls_x509_crt_init(&crt);
    if (status != 0 || (status = gnutls_x509_privkey_init(&privkey)) != 0 ||
        (status = make_key(privkey, make->renews)) != 0 ||
        (status = fill_in(crt, privkey, make)) != 0 ||
        (status = append_crt(certificate, crt)) != 0) {
        goto done;
    }
    if (make->issuer && (status = append_crt(certificate, make->issuer->chain[0])) != 0) {
        goto done;
    }
    status = gnutls_x509_privkey_export2(privkey, GNUTLS_X509_FMT_PEM, &text);
    if (status == 0) {
        status = append(key, &text);
    }

done:
    if (crt) {
        gnutls_x509_crt_deinit(crt);
    }
    if (privkey) {
        gnutls_x509_privkey_deinit(privkey);
    }
    return status == 0 || error_set(error, "cannot make a certificate for %s: %s", make->names[0],
                                    gnutls_strerror(status));
}

bool net_tls_make_dev(struct bytes_buf *certificate, struct bytes_buf *key, struct error *error)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "::1"};
    struct net_tls_make make = {.names = names, .name_count = BASE_COUNT(names), .days = DEV_DAYS};
    return net_tls_make(&make, certificate, key, error);
}
