// SPDX-License-Identifier: MIT
// What a TLS session is made with: certificates, priorities, ticket key. Held by count.
//
// A session keeps the credentials it began with until it ends, so that new ones can be put in place
// while old sessions play on. Declines to know where certificates come from (net/tls_store).

#ifndef NET_TLS_CREDENTIALS_H
#define NET_TLS_CREDENTIALS_H

#include "config/config.h"
#include "net/tls_certificate.h"
#include "net/tls_ticket_key.h"

struct gnutls_session_int;
struct net_tls_credentials;

// TLS 1.2 and 1.3 and DTLS 1.2, ephemeral keys and AEAD only (RFC 9325). Each kind of session takes
// the versions that are its own.
#define NET_TLS_PRIORITIES                                                                         \
    "NONE:+VERS-TLS1.3:+VERS-TLS1.2:+VERS-DTLS1.2:+ECDHE-ECDSA:+ECDHE-RSA:+AES-128-GCM:"           \
    "+AES-256-GCM:+CHACHA20-POLY1305:+AEAD:+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1:+SIGN-" \
    "ALL:"                                                                                         \
    "-SIGN-RSA-SHA1:-SIGN-ECDSA-SHA1:+COMP-NULL:+CTYPE-SRV-X509:%SERVER_PRECEDENCE"

struct net_tls_certificates {
    struct net_tls_certificate *items[LIMIT_CERTIFICATES]; // the first is the default
    unsigned count;
};
void net_tls_certificates_finish(struct net_tls_certificates *certificates);

// For a server that shows these certificates, which are copied. Those issued to one name stand side
// by side: the client's abilities decide between RSA and ECDSA. NULL with one line in *error.
struct net_tls_credentials *
net_tls_server_credentials_create(const struct config *config,
                                  const struct net_tls_certificates *certificates,
                                  struct error *error) BASE_MUST_USE;
// With which session tickets of new sessions are sealed; before the first call there are none, but
// with --tls-ticket-key-file.
void net_tls_credentials_set_ticket_key(struct net_tls_credentials *credentials,
                                        const uint8_t key[NET_TLS_TICKET_KEY_BYTES]);

// For a client: trust in the authorities of `ca_file`, or of the system when it is NULL. With
// `insecure` any certificate passes. NULL with *error when the file cannot be used.
struct net_tls_credentials *net_tls_client_credentials_create(bool insecure, const char *ca_file,
                                                              struct error *error) BASE_MUST_USE;

struct net_tls_credentials *net_tls_credentials_ref(struct net_tls_credentials *credentials);
void net_tls_credentials_unref(struct net_tls_credentials *credentials); // NULL is fine
// Prepares a new session; on clients `host` is the name or address that the server's certificate
// must carry. The session must not outlive its reference, and its user pointer is taken.
bool net_tls_credentials_apply(struct net_tls_credentials *credentials,
                               struct gnutls_session_int *session, const char *host) BASE_MUST_USE;

#endif
