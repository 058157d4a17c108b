// SPDX-License-Identifier: MIT
// What the file says about which certificate is whose is not believed: the key tells
// (net/tls_certificate).

#include "net/tls_pkcs12.h"

#include <gnutls/pkcs12.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <string.h>

#define KEY_BYTES 16384

// ---- reading

static void find_friendly_name(gnutls_pkcs12_bag_t bag, const char *password,
                               char name[NET_TLS_NAME_BYTES])
{
    if (gnutls_pkcs12_bag_get_type(bag, 0) == GNUTLS_BAG_ENCRYPTED &&
        gnutls_pkcs12_bag_decrypt(bag, password) != 0) {
        return;
    }
    int count = gnutls_pkcs12_bag_get_count(bag);
    for (int i = 0; i < count && !name[0]; i++) {
        char *found = NULL; // the bag's
        if (gnutls_pkcs12_bag_get_friendly_name(bag, (unsigned)i, &found) == 0 && found) {
            snprintf(name, NET_TLS_NAME_BYTES, "%s", found);
        }
    }
}

static void read_friendly_name(gnutls_pkcs12_t file, const char *password,
                               char name[NET_TLS_NAME_BYTES])
{
    for (int i = 0; !name[0]; i++) {
        gnutls_pkcs12_bag_t bag;
        if (gnutls_pkcs12_bag_init(&bag) != 0) {
            return;
        }
        int status = gnutls_pkcs12_get_bag(file, i, bag);
        if (status == 0) {
            find_friendly_name(bag, password, name);
        }
        gnutls_pkcs12_bag_deinit(bag);
        if (status != 0) {
            return;
        }
    }
}

// Takes over what it keeps of the two lists and frees the rest.
static void keep_chain(struct net_tls_certificate *certificate, gnutls_x509_crt_t *list,
                       unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (certificate->chain_count < NET_TLS_CHAIN_MAX) {
            certificate->chain[certificate->chain_count++] = list[i];
        } else {
            gnutls_x509_crt_deinit(list[i]);
        }
    }
    gnutls_free(list);
}

static int open_pkcs12(struct net_tls_certificate *certificate, gnutls_pkcs12_t file,
                       const char *password)
{
    gnutls_x509_crt_t *chain = NULL;
    gnutls_x509_crt_t *extra = NULL;
    unsigned chain_count = 0;
    unsigned extra_count = 0;
    int status = gnutls_pkcs12_verify_mac(file, password);
    if (status == 0) {
        status = gnutls_pkcs12_simple_parse(file, password, &certificate->key, &chain, &chain_count,
                                            &extra, &extra_count, NULL, 0);
    }
    if (status == 0) {
        keep_chain(certificate, chain, chain_count);
        keep_chain(certificate, extra, extra_count);
        read_friendly_name(file, password, certificate->friendly_name);
    }
    return status;
}

static const char *pkcs12_problem_text(int status, bool has_password)
{
    switch (status) {
    case GNUTLS_E_MAC_VERIFY_FAILED:
    case GNUTLS_E_DECRYPTION_FAILED:
        return has_password ? "wrong password; PADDOCK_TLS_PASSWORD opens another file"
                            : "wrong password: none was given; set PADDOCK_TLS_PASSWORD or "
                              "PADDOCK_TLS_PASSWORD_FILE";
    case GNUTLS_E_ASN1_TAG_ERROR:
    case GNUTLS_E_ASN1_DER_ERROR:
        return "it is neither PEM nor PKCS#12";
    default:
        return gnutls_strerror(status);
    }
}

bool net_tls_pkcs12_read(struct net_tls_certificate *certificate, const struct bytes_buf *bytes,
                         const struct secret *password, const char *source, struct error *error)
{
    gnutls_pkcs12_t file;
    gnutls_datum_t data = {.data = bytes->memory + bytes->start, .size = (unsigned)bytes->size};
    char text[SECRET_BYTES_MAX + 1] = "";
    int status = gnutls_pkcs12_init(&file);
    if (status != 0) {
        return error_set(error, "out of memory");
    }
    if (password) {
        struct bytes_span span = secret_span(password);
        memcpy(text, span.data, span.size);
        text[span.size] = '\0';
    }
    status = gnutls_pkcs12_import(file, &data, GNUTLS_X509_FMT_DER, 0);
    if (status == 0) {
        status = open_pkcs12(certificate, file, text);
    }
    if (status == GNUTLS_E_MAC_VERIFY_FAILED && !password) {
        status = open_pkcs12(certificate, file, NULL); // no password and an empty one are two
    }
    secret_wipe(text, sizeof(text));
    gnutls_pkcs12_deinit(file);
    if (status == 0 && (certificate->chain_count == 0 || !certificate->key)) {
        return error_set(error, "cannot use %s: there is no %s in it", source,
                         certificate->key ? "certificate" : "private key");
    }
    return status == 0 ||
           error_set(error, "cannot use %s: %s", source, pkcs12_problem_text(status, password));
}

// ---- writing

// Takes the bag over.
static int add_bag(gnutls_pkcs12_t file, gnutls_pkcs12_bag_t bag, const char *name,
                   const char *password)
{
    int status = gnutls_pkcs12_bag_set_friendly_name(bag, 0, name);
    if (status >= 0) {
        status = gnutls_pkcs12_bag_encrypt(bag, password, GNUTLS_PKCS_PBES2_AES_256);
    }
    if (status >= 0) {
        status = gnutls_pkcs12_set_bag(file, bag);
    }
    gnutls_pkcs12_bag_deinit(bag);
    return status;
}

static int add_chain(gnutls_pkcs12_t file, const struct net_tls_certificate *certificate,
                     const char *password)
{
    gnutls_pkcs12_bag_t bag;
    int status = gnutls_pkcs12_bag_init(&bag);
    if (status != 0) {
        return status;
    }
    for (unsigned i = 0; status >= 0 && i < certificate->chain_count; i++) {
        status = gnutls_pkcs12_bag_set_crt(bag, certificate->chain[i]);
    }
    if (status < 0) {
        gnutls_pkcs12_bag_deinit(bag);
        return status;
    }
    return add_bag(file, bag, certificate->name, password);
}

static int add_key(gnutls_pkcs12_t file, const struct net_tls_certificate *certificate,
                   const char *password)
{
    uint8_t bytes[KEY_BYTES];
    size_t size = sizeof(bytes);
    gnutls_pkcs12_bag_t bag;
    int status = gnutls_x509_privkey_export_pkcs8(certificate->key, GNUTLS_X509_FMT_DER, NULL,
                                                  GNUTLS_PKCS_PLAIN, bytes, &size);
    if (status == 0 && (status = gnutls_pkcs12_bag_init(&bag)) == 0) {
        gnutls_datum_t key = {.data = bytes, .size = (unsigned)size};
        status = gnutls_pkcs12_bag_set_data(bag, GNUTLS_BAG_PKCS8_KEY, &key);
        if (status < 0) {
            gnutls_pkcs12_bag_deinit(bag);
        } else {
            status = add_bag(file, bag, certificate->name, password);
        }
    }
    gnutls_memset(bytes, 0, sizeof(bytes));
    return status;
}

bool net_tls_pkcs12_write(const struct net_tls_certificate *certificate,
                          const struct secret *password, struct bytes_buf *out, struct error *error)
{
    char text[SECRET_BYTES_MAX + 1];
    struct bytes_span span = secret_span(password);
    gnutls_pkcs12_t file = NULL;
    gnutls_datum_t bytes = {0};
    memcpy(text, span.data, span.size);
    text[span.size] = '\0';
    int status = gnutls_pkcs12_init(&file);
    if (status != 0 || (status = add_chain(file, certificate, text)) < 0 ||
        (status = add_key(file, certificate, text)) < 0 ||
        (status = gnutls_pkcs12_generate_mac2(file, GNUTLS_MAC_SHA256, text)) != 0 ||
        (status = gnutls_pkcs12_export2(file, GNUTLS_X509_FMT_DER, &bytes)) != 0) {
        goto done;
    }
    status = bytes_buf_append(out, bytes_of(bytes.data, bytes.size)) ? 0 : GNUTLS_E_MEMORY_ERROR;

done:
    gnutls_free(bytes.data);
    secret_wipe(text, sizeof(text));
    if (file) {
        gnutls_pkcs12_deinit(file);
    }
    return status >= 0 ||
           error_set(error, "cannot make a PKCS#12 file: %s", gnutls_strerror(status));
}
