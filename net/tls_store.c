// SPDX-License-Identifier: MIT
// Loads and judges the server's certificate, and makes the one for --dev (net/tls_selfsigned).

#include "net/tls_store.h"

#include <assert.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config/base/log.h"
#include "net/tls_selfsigned.h"

#define VERSION_MIN     "3.7.9"
#define FILE_BYTES_MAX  (1024 * 1024)
#define CHAIN_MAX       8
#define COMMON_NAME_MAX 256

struct net_tls_credentials {
    unsigned references;
    bool is_server;
    bool insecure;
    gnutls_certificate_credentials_t certificate;
    gnutls_priority_t priorities;
    gnutls_datum_t ticket_key;
};

struct net_tls_server {
    struct net_tls_credentials *credentials;
    struct bytes_buf chain_pem;
};

const char *net_tls_version(void)
{
    return gnutls_check_version(NULL);
}

// ---- credentials

static void credentials_destroy(struct net_tls_credentials *credentials)
{
    if (credentials->certificate) {
        gnutls_certificate_free_credentials(credentials->certificate);
    }
    if (credentials->priorities) {
        gnutls_priority_deinit(credentials->priorities);
    }
    if (credentials->ticket_key.data) {
        gnutls_memset(credentials->ticket_key.data, 0, credentials->ticket_key.size);
        gnutls_free(credentials->ticket_key.data);
    }
    free(credentials);
}

static bool set_priorities(struct net_tls_credentials *credentials, const char *text,
                           struct error *error)
{
    const char *at = text;
    int status = gnutls_priority_init2(&credentials->priorities, text, &at, 0);
    if (status != 0) {
        return error_set(error, "--tls-priorities: %s at character %zu, before \"%.40s\"",
                         gnutls_strerror(status), (size_t)(at - text) + 1, at);
    }
    return true;
}

static struct net_tls_credentials *credentials_create(bool is_server, const char *priorities,
                                                      struct error *error)
{
    struct net_tls_credentials *credentials = calloc(1, sizeof(*credentials));
    if (!credentials) {
        error_set(error, "out of memory");
        return NULL;
    }
    credentials->references = 1;
    credentials->is_server = is_server;
    if (!set_priorities(credentials, priorities, error)) {
        goto fail;
    }
    if (gnutls_certificate_allocate_credentials(&credentials->certificate) != 0 ||
        (is_server && gnutls_session_ticket_key_generate(&credentials->ticket_key) != 0)) {
        error_set(error, "out of memory");
        goto fail;
    }
    return credentials;

fail:
    credentials_destroy(credentials);
    return NULL;
}

struct net_tls_credentials *net_tls_credentials_ref(struct net_tls_credentials *credentials)
{
    credentials->references++;
    return credentials;
}

void net_tls_credentials_unref(struct net_tls_credentials *credentials)
{
    if (!credentials) {
        return;
    }
    assert(credentials->references > 0);
    if (--credentials->references == 0) {
        credentials_destroy(credentials);
    }
}

struct net_tls_credentials *net_tls_client_credentials_create(bool insecure, const char *ca_file,
                                                              struct error *error)
{
    struct net_tls_credentials *credentials = credentials_create(false, NET_TLS_PRIORITIES, error);
    if (!credentials) {
        return NULL;
    }
    credentials->insecure = insecure;
    int count = 0;
    if (!insecure && ca_file) {
        count = gnutls_certificate_set_x509_trust_file(credentials->certificate, ca_file,
                                                       GNUTLS_X509_FMT_PEM);
    } else if (!insecure) {
        count = gnutls_certificate_set_x509_system_trust(credentials->certificate);
    }
    if (count < 0 || (ca_file && !insecure && count == 0)) {
        error_set(error, "cannot read trusted certificates from %s: %s",
                  ca_file ? ca_file : "the system",
                  count < 0 ? gnutls_strerror(count) : "there are none in it");
        credentials_destroy(credentials);
        return NULL;
    }
    return credentials;
}

static bool is_ip_literal(const char *host)
{
    return strchr(host, ':') || strspn(host, "0123456789.") == strlen(host);
}

bool net_tls_credentials_apply(const struct net_tls_credentials *credentials,
                               struct gnutls_session_int *session, const char *host)
{
    if (gnutls_priority_set(session, credentials->priorities) != 0 ||
        gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials->certificate) != 0) {
        return false;
    }
    if (credentials->is_server) {
        return gnutls_session_ticket_enable_server(session, &credentials->ticket_key) == 0;
    }
    if (!credentials->insecure) {
        gnutls_session_set_verify_cert(session, host, 0);
    }
    // RFC 6066: the server name is never an address.
    return is_ip_literal(host) ||
           gnutls_server_name_set(session, GNUTLS_NAME_DNS, host, strlen(host)) == 0;
}

// ---- the certificate: what about it will trouble players

static void warn(const char *event, const char *name, const char *text)
{
    log_event(LOG_WARN, event, LOG_S("certificate", name), LOG_S("text", text));
}

static bool has_alternative_name(gnutls_x509_crt_t leaf)
{
    char name[COMMON_NAME_MAX];
    size_t size = sizeof(name);
    unsigned critical;
    int status = gnutls_x509_crt_get_subject_alt_name(leaf, 0, name, &size, &critical);
    return status >= 0 || status == GNUTLS_E_SHORT_MEMORY_BUFFER;
}

// RSA keys for key encipherment only, as the Photon guide's recipe makes them, can do nothing but
// static RSA in TLS 1.2: without this a person who follows it has a listener that nobody can reach.
static bool needs_static_rsa(gnutls_x509_crt_t leaf)
{
    unsigned usage;
    unsigned critical;
    return gnutls_x509_crt_get_key_usage(leaf, &usage, &critical) >= 0 &&
           !(usage & GNUTLS_KEY_DIGITAL_SIGNATURE) && (usage & GNUTLS_KEY_KEY_ENCIPHERMENT) &&
           gnutls_x509_crt_get_pk_algorithm(leaf, NULL) == GNUTLS_PK_RSA;
}

static void common_name(gnutls_x509_crt_t leaf, char name[COMMON_NAME_MAX])
{
    size_t size = COMMON_NAME_MAX;
    if (gnutls_x509_crt_get_dn_by_oid(leaf, GNUTLS_OID_X520_COMMON_NAME, 0, 0, name, &size) != 0) {
        name[0] = '\0';
    }
}

static void diagnose(gnutls_x509_crt_t leaf, const char *name)
{
    time_t now = time(NULL);
    if (gnutls_x509_crt_get_expiration_time(leaf) < now) {
        warn("certificate_expired", name, "certificate has expired: clients will refuse it");
    }
    if (gnutls_x509_crt_get_activation_time(leaf) > now) {
        warn("certificate_not_yet_valid", name,
             "certificate is not valid yet: clients will refuse it; is the clock right?");
    }
    if (!has_alternative_name(leaf)) {
        warn("certificate_without_names", name,
             "certificate has no subjectAltName; browsers will refuse it");
    }
    if (needs_static_rsa(leaf)) {
        warn("certificate_key_usage", name,
             "certificate lacks keyUsage digitalSignature: TLS 1.3 and ECDHE disabled; re-issue "
             "with keyUsage=digitalSignature,keyEncipherment");
    }
}

// ---- loading

static bool load_file(const char *path, struct bytes_buf *data, struct error *error)
{
    FILE *file = fopen(path, "rbe");
    if (!file) {
        return error_set(error, "cannot read %s: %s", path, strerror(errno));
    }
    uint8_t *at = bytes_buf_reserve(data, FILE_BYTES_MAX);
    size_t size = at ? fread(at, 1, FILE_BYTES_MAX, file) : 0;
    bool failed = !at || ferror(file);
    fclose(file);
    if (failed || size == 0 || size == FILE_BYTES_MAX) {
        return error_set(error, "cannot read %s: %s", path,
                         failed      ? "read error"
                         : size == 0 ? "the file is empty"
                                     : "the file is too large for a certificate or key");
    }
    bytes_buf_commit(data, size);
    return true;
}

static void finish_secret(struct bytes_buf *buf)
{
    if (buf->memory) {
        gnutls_memset(buf->memory, 0, buf->capacity);
    }
    bytes_buf_finish(buf);
}

// The library's functions want a pointer to non-const and write nothing there.
static gnutls_datum_t datum_of(struct bytes_buf *buf)
{
    return (gnutls_datum_t){.data = buf->memory + buf->start, .size = (unsigned)buf->size};
}

static const char *problem_text(int status)
{
    switch (status) {
    case GNUTLS_E_CERTIFICATE_KEY_MISMATCH:
        return "the private key does not belong to the certificate";
    case GNUTLS_E_BASE64_DECODING_ERROR:
    case GNUTLS_E_BASE64_UNEXPECTED_HEADER_ERROR:
    case GNUTLS_E_NO_CERTIFICATE_FOUND:
    case GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE:
        return "there is none in PEM form";
    case GNUTLS_E_DECRYPTION_FAILED:
    case GNUTLS_E_INVALID_PASSWORD:
        return "the private key is encrypted; only unencrypted keys can be used";
    default:
        return gnutls_strerror(status);
    }
}

static bool read_leaf(struct bytes_buf *pem, const char *source, gnutls_x509_crt_t *leaf,
                      struct error *error)
{
    gnutls_x509_crt_t chain[CHAIN_MAX];
    unsigned count = CHAIN_MAX;
    gnutls_datum_t data = datum_of(pem);
    int status = gnutls_x509_crt_list_import(chain, &count, &data, GNUTLS_X509_FMT_PEM,
                                             GNUTLS_X509_CRT_LIST_IMPORT_FAIL_IF_EXCEED);
    if (status <= 0) {
        return error_set(error, "cannot use the certificate in %s: %s", source,
                         status == GNUTLS_E_SHORT_MEMORY_BUFFER ? "more than 8 in the chain"
                                                                : problem_text(status));
    }
    for (int i = 1; i < status; i++) {
        gnutls_x509_crt_deinit(chain[i]);
    }
    *leaf = chain[0];
    return true;
}

// Keeps the chain alone, since the file may hold the key as well.
static bool keep_chain(struct net_tls_server *server)
{
    gnutls_x509_crt_t *chain;
    unsigned count = 0;
    if (gnutls_certificate_get_x509_crt(server->credentials->certificate, 0, &chain, &count) != 0) {
        return false;
    }
    bool kept = true;
    for (unsigned i = 0; i < count; i++) {
        gnutls_datum_t text = {0};
        kept = kept && gnutls_x509_crt_export2(chain[i], GNUTLS_X509_FMT_PEM, &text) == 0 &&
               bytes_buf_append(&server->chain_pem, bytes_of(text.data, text.size));
        gnutls_free(text.data);
        gnutls_x509_crt_deinit(chain[i]);
    }
    gnutls_free(chain);
    return kept;
}

static bool use_pair(struct net_tls_server *server, struct bytes_buf *certificate,
                     struct bytes_buf *key, const char *source, const char *priorities,
                     struct error *error)
{
    gnutls_datum_t certificate_data = datum_of(certificate);
    gnutls_datum_t key_data = datum_of(key);
    server->credentials = credentials_create(true, priorities, error);
    if (!server->credentials) {
        return false;
    }
    int status =
        gnutls_certificate_set_x509_key_mem2(server->credentials->certificate, &certificate_data,
                                             &key_data, GNUTLS_X509_FMT_PEM, NULL, 0);
    if (status < 0) {
        return error_set(error, "cannot use the private key for the certificate in %s: %s", source,
                         problem_text(status));
    }
    return keep_chain(server) || error_set(error, "out of memory");
}

// ---- the server

static bool find_pair(const struct config *config, struct bytes_buf *certificate,
                      struct bytes_buf *key, struct error *error)
{
    if (config->tls_cert[0] != '\0') {
        const char *key_path = config->tls_key[0] ? config->tls_key : config->tls_cert;
        return load_file(config->tls_cert, certificate, error) && load_file(key_path, key, error);
    }
    if (config->dev) {
        return net_tls_selfsigned_make(certificate, key, error);
    }
    return error_set(error, "tls:// and wss:// need a certificate: give --tls-cert and --tls-key, "
                            "or --dev for a self-signed one");
}

static void report(const struct config *config, gnutls_x509_crt_t leaf)
{
    char name[COMMON_NAME_MAX];
    char text[COMMON_NAME_MAX + sizeof(config->tls_cert) + 64];
    common_name(leaf, name);
    if (config->tls_cert[0] != '\0') {
        snprintf(text, sizeof(text), "Secured using certificate: \"%s\" from file: \"%s\"", name,
                 config->tls_cert);
    } else {
        snprintf(text, sizeof(text), "Secured using certificate: \"%s\" made for --dev", name);
    }
    log_event(LOG_INFO, "secured", LOG_S("text", text));
    diagnose(leaf, name);
}

static void warn_of_old_library(void)
{
    if (!gnutls_check_version(VERSION_MIN)) {
        log_event(LOG_WARN, "gnutls_old", LOG_S("version", net_tls_version()),
                  LOG_S("text", "GnuTLS is older than " VERSION_MIN
                                ": known security holes are open, upgrade it"));
    }
}

struct net_tls_server *net_tls_server_create(const struct config *config, struct error *error)
{
    struct bytes_buf certificate;
    struct bytes_buf key;
    gnutls_x509_crt_t leaf = NULL;
    bool ready = false;
    struct net_tls_server *server = calloc(1, sizeof(*server));
    if (!server) {
        error_set(error, "out of memory");
        return NULL;
    }
    warn_of_old_library();
    bytes_buf_init(&server->chain_pem, FILE_BYTES_MAX);
    bytes_buf_init(&certificate, FILE_BYTES_MAX);
    bytes_buf_init(&key, FILE_BYTES_MAX);
    const char *source = config->tls_cert[0] ? config->tls_cert : "--dev";
    if (!find_pair(config, &certificate, &key, error) ||
        !read_leaf(&certificate, source, &leaf, error)) {
        goto done;
    }
    const char *priorities = config->tls_priorities[0] ? config->tls_priorities
                             : needs_static_rsa(leaf)  ? NET_TLS_PRIORITIES ":+RSA"
                                                       : NET_TLS_PRIORITIES;
    if (!use_pair(server, &certificate, &key, source, priorities, error)) {
        goto done;
    }
    report(config, leaf);
    ready = true;

done:
    if (leaf) {
        gnutls_x509_crt_deinit(leaf);
    }
    finish_secret(&key);
    finish_secret(&certificate);
    if (!ready) {
        net_tls_server_destroy(server);
        server = NULL;
    }
    return server;
}

void net_tls_server_destroy(struct net_tls_server *server)
{
    if (server) {
        net_tls_credentials_unref(server->credentials);
        bytes_buf_finish(&server->chain_pem);
        free(server);
    }
}

struct net_tls_credentials *net_tls_server_credentials(struct net_tls_server *server)
{
    return net_tls_credentials_ref(server->credentials);
}

bool net_tls_server_write_certificate(const struct net_tls_server *server, const char *path,
                                      struct error *error)
{
    struct bytes_span pem = bytes_buf_span(&server->chain_pem);
    FILE *file = fopen(path, "wbe");
    if (!file) {
        return error_set(error, "cannot write %s: %s", path, strerror(errno));
    }
    bool written = fwrite(pem.data, 1, pem.size, file) == pem.size;
    written = fclose(file) == 0 && written;
    return written || error_set(error, "cannot write %s: %s", path, strerror(errno));
}
