// SPDX-License-Identifier: MIT
// The certificate for a client is chosen when its first message has come and before anything else
// is: the library's own choice knows no wildcards and minds the case of names, and a choice made
// later than this could no longer tell which versions of TLS the certificate allows.

#include "net/tls_credentials.h"

#include <assert.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdlib.h>
#include <string.h>

#include "net/tls_file.h"
#include "net/tls_name.h"

// Certificates that are issued to one name.
struct group {
    gnutls_certificate_credentials_t certificates;
    gnutls_priority_t priorities;
    char (*names)[NET_TLS_NAME_BYTES];
    unsigned name_count;
};

struct net_tls_credentials {
    unsigned references;
    bool is_server;
    bool insecure;
    bool sni_strict;
    gnutls_certificate_request_t client_request;
    bool has_ticket_key;
    uint8_t ticket_key[NET_TLS_TICKET_KEY_BYTES];
    unsigned group_count;
    struct group groups[LIMIT_CERTIFICATES]; // the first is the default
};

void net_tls_certificates_finish(struct net_tls_certificates *certificates)
{
    while (certificates->count > 0) {
        net_tls_certificate_destroy(certificates->items[--certificates->count]);
    }
}

// ---- life

static void credentials_destroy(struct net_tls_credentials *credentials)
{
    for (unsigned i = 0; i < credentials->group_count; i++) {
        struct group *group = &credentials->groups[i];
        if (group->certificates) {
            gnutls_certificate_free_credentials(group->certificates);
        }
        if (group->priorities) {
            gnutls_priority_deinit(group->priorities);
        }
        free(group->names);
    }
    gnutls_memset(credentials->ticket_key, 0, sizeof(credentials->ticket_key));
    free(credentials);
}

static struct net_tls_credentials *credentials_create(struct error *error)
{
    struct net_tls_credentials *credentials = calloc(1, sizeof(*credentials));
    if (!credentials) {
        error_set(error, "out of memory");
        return NULL;
    }
    credentials->references = 1;
    return credentials;
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

void net_tls_credentials_set_ticket_key(struct net_tls_credentials *credentials,
                                        const uint8_t key[NET_TLS_TICKET_KEY_BYTES])
{
    memcpy(credentials->ticket_key, key, NET_TLS_TICKET_KEY_BYTES);
    credentials->has_ticket_key = true;
}

static bool share_ticket_key(struct net_tls_credentials *credentials, const struct config *config,
                             struct error *error)
{
    const char *path = config->tls_ticket_key_file;
    if (!path[0]) {
        return true;
    }
    credentials->has_ticket_key = net_tls_ticket_key_read(path, credentials->ticket_key, error);
    return credentials->has_ticket_key || error_prefix(error, "--tls-ticket-key-file");
}

// A place for a group that the caller fills; NULL with *error.
static struct group *add_group(struct net_tls_credentials *credentials, const char *priorities,
                               struct error *error)
{
    const char *at = priorities;
    struct group *group = &credentials->groups[credentials->group_count++];
    if (gnutls_certificate_allocate_credentials(&group->certificates) != 0) {
        error_set(error, "out of memory");
        return NULL;
    }
    gnutls_certificate_set_flags(group->certificates, GNUTLS_CERTIFICATE_API_V2); // for indexes
    int status = gnutls_priority_init2(&group->priorities, priorities, &at, 0);
    if (status != 0) {
        error_set(error, "--tls-priorities: %s at character %zu, before \"%.40s\"",
                  gnutls_strerror(status), (size_t)(at - priorities) + 1, at);
        return NULL;
    }
    return group;
}

// ---- server

static bool add_names(struct group *group, const struct net_tls_certificate *certificate)
{
    unsigned count = group->name_count + certificate->name_count;
    char(*names)[NET_TLS_NAME_BYTES] = realloc(group->names, (count + 1) * sizeof(names[0]));
    if (!names) {
        return false;
    }
    group->names = names;
    for (unsigned i = 0; i < certificate->name_count; i++) {
        memcpy(names[group->name_count++], certificate->names[i], sizeof(names[0]));
    }
    return true;
}

// A certificate is good without a staple. The library leaves out what expires later on.
static void staple(struct group *group, struct net_tls_certificate *certificate, unsigned index)
{
    struct bytes_buf *response = &certificate->ocsp.response;
    if (response->size == 0 || certificate->ocsp.problem) {
        return;
    }
    gnutls_datum_t data = {.data = response->memory + response->start,
                           .size = (unsigned)response->size};
    int status = gnutls_certificate_set_ocsp_status_request_mem(group->certificates, &data, index,
                                                                GNUTLS_X509_FMT_DER);
    if (status < 0) {
        certificate->ocsp.problem =
            status == GNUTLS_E_EXPIRED ? "expired" : gnutls_strerror(status);
    }
}

// The library's function takes an array of pointers that are not const, and copies all.
static bool add_certificate(struct group *group, struct net_tls_certificate *certificate,
                            struct error *error)
{
    int status = gnutls_certificate_set_x509_key(group->certificates, certificate->chain,
                                                 (int)certificate->chain_count, certificate->key);
    if (status < 0) {
        return error_set(error, "cannot use the certificate \"%s\" %s: %s", certificate->name,
                         certificate->origin, gnutls_strerror(status));
    }
    staple(group, certificate, (unsigned)status);
    return add_names(group, certificate) || error_set(error, "out of memory");
}

// Clients that show no certificate get here only where none is required.
static int verify_client(gnutls_session_t session)
{
    static char purpose[] = GNUTLS_KP_TLS_WWW_CLIENT;
    gnutls_typed_vdata_st wanted = {.type = GNUTLS_DT_KEY_PURPOSE_OID,
                                    .data = (unsigned char *)purpose};
    unsigned count = 0;
    unsigned problems = 0;
    if (!gnutls_certificate_get_peers(session, &count) || count == 0) {
        return 0;
    }
    int status = gnutls_certificate_verify_peers(session, &wanted, 1, &problems);
    return status == 0 && problems == 0 ? 0 : GNUTLS_E_CERTIFICATE_ERROR;
}

static bool set_client_authorities(struct group *group, const struct config *config,
                                   struct error *error)
{
    struct bytes_buf pem;
    if (!config->client_ca[0]) {
        return true;
    }
    if (!net_tls_read_file(config->client_ca, &pem, error)) {
        return error_prefix(error, "--client-ca");
    }
    gnutls_datum_t data = {.data = pem.memory + pem.start, .size = (unsigned)pem.size};
    int count =
        gnutls_certificate_set_x509_trust_mem(group->certificates, &data, GNUTLS_X509_FMT_PEM);
    bytes_buf_finish(&pem);
    gnutls_certificate_set_verify_function(group->certificates, verify_client);
    return count > 0 ||
           error_set(error, "--client-ca: there is no certificate in %s that can be used",
                     config->client_ca);
}

// All certificates from `first` on that are issued to the same name.
static bool make_group(struct net_tls_credentials *credentials, const struct config *config,
                       const struct net_tls_certificates *certificates, unsigned first,
                       struct error *error)
{
    const char *name = certificates->items[first]->name;
    bool static_rsa = false;
    for (unsigned i = first; i < certificates->count; i++) {
        static_rsa |= net_tls_name_equal(certificates->items[i]->name, name) &&
                      certificates->items[i]->needs_static_rsa;
    }
    const char *priorities = config->tls_priorities[0] ? config->tls_priorities
                             : static_rsa              ? NET_TLS_PRIORITIES ":+RSA"
                                                       : NET_TLS_PRIORITIES;
    struct group *group = add_group(credentials, priorities, error);
    if (group && !set_client_authorities(group, config, error)) {
        return false;
    }
    for (unsigned i = first; group && i < certificates->count; i++) {
        struct net_tls_certificate *certificate = certificates->items[i];
        if (net_tls_name_equal(certificate->name, name) &&
            !add_certificate(group, certificate, error)) {
            return false;
        }
    }
    return group;
}

static bool refuses(const struct config *config, const struct net_tls_certificate *certificate)
{
    return certificate->needs_static_rsa &&
           config_choice_is("tls-static-rsa", config->tls_static_rsa, "never");
}

static bool was_seen(const struct net_tls_certificates *certificates, unsigned index)
{
    for (unsigned i = 0; i < index; i++) {
        if (net_tls_name_equal(certificates->items[i]->name, certificates->items[index]->name)) {
            return true;
        }
    }
    return false;
}

struct net_tls_credentials *
net_tls_server_credentials_create(const struct config *config,
                                  const struct net_tls_certificates *certificates,
                                  struct error *error)
{
    assert(certificates->count > 0);
    struct net_tls_credentials *credentials = credentials_create(error);
    if (!credentials) {
        return NULL;
    }
    credentials->is_server = true;
    credentials->sni_strict = config->sni_strict;
    credentials->client_request = config->require_client_cert ? GNUTLS_CERT_REQUIRE
                                  : config->client_ca[0]      ? GNUTLS_CERT_REQUEST
                                                              : GNUTLS_CERT_IGNORE;
    if (!share_ticket_key(credentials, config, error)) {
        goto fail;
    }
    for (unsigned i = 0; i < certificates->count; i++) {
        const struct net_tls_certificate *certificate = certificates->items[i];
        if (refuses(config, certificate)) {
            error_set(error,
                      "certificate \"%s\" %s lacks keyUsage digitalSignature, and "
                      "--tls-static-rsa is never; re-issue with "
                      "keyUsage=digitalSignature,keyEncipherment",
                      certificate->name, certificate->origin);
            goto fail;
        }
        if (!was_seen(certificates, i) &&
            !make_group(credentials, config, certificates, i, error)) {
            goto fail;
        }
    }
    return credentials;

fail:
    credentials_destroy(credentials);
    return NULL;
}

// ---- the choice

// A name that is spelled out goes before a wildcard that covers it.
static const struct group *find_group(const struct net_tls_credentials *credentials,
                                      const char *host)
{
    const struct group *found = NULL;
    for (unsigned i = 0; i < credentials->group_count; i++) {
        const struct group *group = &credentials->groups[i];
        for (unsigned j = 0; j < group->name_count; j++) {
            if (net_tls_name_equal(group->names[j], host)) {
                return group;
            }
            if (!found && net_tls_name_matches(group->names[j], host)) {
                found = group;
            }
        }
    }
    return found;
}

// RFC 6066 section 3: a list (2 bytes of size) of one entry: type 0, 2 bytes of size, the name.
static int on_extension(void *context, unsigned id, const unsigned char *data, unsigned size)
{
    char *host = context;
    if (id != 0 || size < 5 || data[2] != 0) {
        return 0;
    }
    size_t length = bytes_get_u16(data + 3);
    if (length < NET_TLS_NAME_BYTES && length <= size - 5u && !memchr(data + 5, 0, length)) {
        memcpy(host, data + 5, length);
        host[length] = '\0';
    }
    return 0;
}

static int use_group(gnutls_session_t session, const struct group *group)
{
    int status = gnutls_priority_set(session, group->priorities);
    return status == 0
               ? gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, group->certificates)
               : status;
}

static int on_client_hello(gnutls_session_t session, unsigned type, unsigned when,
                           unsigned incoming, const gnutls_datum_t *message)
{
    (void)type;
    (void)when;
    const struct net_tls_credentials *credentials = gnutls_session_get_ptr(session);
    char host[NET_TLS_NAME_BYTES] = "";
    if (!incoming) {
        return 0;
    }
    // A client of DTLS counts its versions down from 0xfeff. What is malformed is refused where it
    // is read for good.
    bool is_dtls = message->size > 0 && message->data[0] == 0xfe;
    (void)gnutls_ext_raw_parse(host, on_extension, message,
                               is_dtls ? GNUTLS_EXT_RAW_FLAG_DTLS_CLIENT_HELLO
                                       : GNUTLS_EXT_RAW_FLAG_TLS_CLIENT_HELLO);
    const struct group *group = host[0] ? find_group(credentials, host) : NULL;
    if (!group && host[0] && credentials->sni_strict) {
        return GNUTLS_E_UNRECOGNIZED_NAME;
    }
    return use_group(session, group ? group : &credentials->groups[0]);
}

static bool apply_server(struct net_tls_credentials *credentials, gnutls_session_t session)
{
    gnutls_datum_t key = {.data = credentials->ticket_key, .size = NET_TLS_TICKET_KEY_BYTES};
    // A ticket would be a way around a certificate whose authority is not trusted any more.
    bool has_tickets =
        credentials->has_ticket_key && credentials->client_request == GNUTLS_CERT_IGNORE;
    gnutls_session_set_ptr(session, credentials);
    gnutls_certificate_server_set_request(session, credentials->client_request);
    // No certificates yet: once a session has had some that rule out TLS 1.3, it stays ruled out.
    gnutls_handshake_set_hook_function(session, GNUTLS_HANDSHAKE_CLIENT_HELLO, GNUTLS_HOOK_PRE,
                                       on_client_hello);
    return gnutls_priority_set(session, credentials->groups[0].priorities) == 0 &&
           (!has_tickets || gnutls_session_ticket_enable_server(session, &key) == 0);
}

// ---- client

struct net_tls_credentials *net_tls_client_credentials_create(bool insecure, const char *ca_file,
                                                              struct error *error)
{
    struct net_tls_credentials *credentials = credentials_create(error);
    struct group *group = credentials ? add_group(credentials, NET_TLS_PRIORITIES, error) : NULL;
    if (!group) {
        net_tls_credentials_unref(credentials);
        return NULL;
    }
    credentials->insecure = insecure;
    int count = 0;
    if (!insecure && ca_file) {
        count = gnutls_certificate_set_x509_trust_file(group->certificates, ca_file,
                                                       GNUTLS_X509_FMT_PEM);
    } else if (!insecure) {
        count = gnutls_certificate_set_x509_system_trust(group->certificates);
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

static bool apply_client(const struct net_tls_credentials *credentials, gnutls_session_t session,
                         const char *host)
{
    if (use_group(session, &credentials->groups[0]) != 0) {
        return false;
    }
    if (!credentials->insecure) {
        gnutls_session_set_verify_cert(session, host, 0);
    }
    // RFC 6066: the server name is never an address.
    return is_ip_literal(host) ||
           gnutls_server_name_set(session, GNUTLS_NAME_DNS, host, strlen(host)) == 0;
}

bool net_tls_credentials_apply(struct net_tls_credentials *credentials,
                               struct gnutls_session_int *session, const char *host)
{
    return credentials->is_server ? apply_server(credentials, session)
                                  : apply_client(credentials, session, host);
}
