// SPDX-License-Identifier: MIT
// P-256, because its handshakes cost a ninth of RSA-2048's.

#include "net/tls_selfsigned.h"

#include <arpa/inet.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <string.h>
#include <time.h>

#define VALID_DAYS 825
#define DAY_S      (24 * 60 * 60)

static int set_names(gnutls_x509_crt_t crt)
{
    static const char name[] = "localhost";
    struct in_addr v4 = {.s_addr = htonl(INADDR_LOOPBACK)};
    int status =
        gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, name, sizeof(name) - 1);
    if (status == 0) {
        status = gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, name,
                                                      sizeof(name) - 1, GNUTLS_FSAN_SET);
    }
    if (status == 0) {
        status = gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, &v4, sizeof(v4),
                                                      GNUTLS_FSAN_APPEND);
    }
    if (status == 0) {
        status = gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, &in6addr_loopback,
                                                      sizeof(in6addr_loopback), GNUTLS_FSAN_APPEND);
    }
    return status;
}

// The clocks of the two sides may differ a little, so it is valid since an hour ago.
static int set_times(gnutls_x509_crt_t crt)
{
    time_t since = time(NULL) - 60 * 60;
    int status = gnutls_x509_crt_set_activation_time(crt, since);
    return status ? status : gnutls_x509_crt_set_expiration_time(crt, since + VALID_DAYS * DAY_S);
}

static int fill_in(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key)
{
    uint8_t serial[16];
    int status = gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof(serial));
    serial[0] &= 0x7f; // positive
    serial[0] |= 0x40; // and of full length
    if (status != 0 || (status = gnutls_x509_crt_set_version(crt, 3)) != 0 ||
        (status = gnutls_x509_crt_set_serial(crt, serial, sizeof(serial))) != 0 ||
        (status = set_times(crt)) != 0 || (status = set_names(crt)) != 0 ||
        (status = gnutls_x509_crt_set_basic_constraints(crt, 0, -1)) != 0 ||
        (status = gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_DIGITAL_SIGNATURE)) != 0 ||
        (status = gnutls_x509_crt_set_key_purpose_oid(crt, GNUTLS_KP_TLS_WWW_SERVER, 0)) != 0 ||
        (status = gnutls_x509_crt_set_key(crt, key)) != 0) {
        return status;
    }
    return gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0);
}

static int append(struct bytes_buf *out, gnutls_datum_t *text)
{
    bool appended = bytes_buf_append(out, bytes_of(text->data, text->size));
    gnutls_memset(text->data, 0, text->size);
    gnutls_free(text->data);
    return appended ? 0 : GNUTLS_E_MEMORY_ERROR;
}

bool net_tls_selfsigned_make(struct bytes_buf *certificate, struct bytes_buf *key,
                             struct error *error)
{
    gnutls_x509_crt_t crt = NULL;
    gnutls_x509_privkey_t privkey = NULL;
    gnutls_datum_t text = {0};
    int status = gnutls_x509_crt_init(&crt);
    if (status != 0 || (status = gnutls_x509_privkey_init(&privkey)) != 0) {
        goto done;
    }
    status = gnutls_x509_privkey_generate(privkey, GNUTLS_PK_ECDSA,
                                          GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
    if (status != 0 || (status = fill_in(crt, privkey)) != 0 ||
        (status = gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &text)) != 0 ||
        (status = append(certificate, &text)) != 0 ||
        (status = gnutls_x509_privkey_export2(privkey, GNUTLS_X509_FMT_PEM, &text)) != 0) {
        goto done;
    }
    status = append(key, &text);

done:
    if (crt) {
        gnutls_x509_crt_deinit(crt);
    }
    if (privkey) {
        gnutls_x509_privkey_deinit(privkey);
    }
    return status == 0 ||
           error_set(error, "cannot make a certificate for --dev: %s", gnutls_strerror(status));
}
