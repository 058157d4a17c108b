// SPDX-License-Identifier: MIT
// Certificates and what else TLS sessions share: found, checked, reported, and held by count.
//
// Owns the files' contents and their diagnosis. Declines to move bytes: net/layer_tls asks for
// credentials and hands them to its session. A session keeps the credentials it began with until it
// ends, so that a new certificate can be put in place while old sessions play on.

#ifndef NET_TLS_STORE_H
#define NET_TLS_STORE_H

#include "config/base/bytes.h"
#include "config/base/error.h"
#include "config/config.h"

struct gnutls_session_int;
struct net_tls_credentials;
struct net_tls_server;

// TLS 1.2 and 1.3, ephemeral keys and AEAD only (RFC 9325).
#define NET_TLS_PRIORITIES                                                                         \
    "NONE:+VERS-TLS1.3:+VERS-TLS1.2:+ECDHE-ECDSA:+ECDHE-RSA:+AES-128-GCM:+AES-256-GCM:"            \
    "+CHACHA20-POLY1305:+AEAD:+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1:+SIGN-ALL:"          \
    "-SIGN-RSA-SHA1:-SIGN-ECDSA-SHA1:+COMP-NULL:+CTYPE-SRV-X509:%SERVER_PRECEDENCE"

// ---- the server's certificate

// Loads tls-cert and tls-key, or, with dev set and no tls-cert, makes a self-signed certificate for
// localhost in memory. Logs one line `secured`, and one for each thing about the certificate that
// will trouble players. NULL with *error when there is no usable certificate.
struct net_tls_server *net_tls_server_create(const struct config *config, struct error *error)
    BASE_MUST_USE;
void net_tls_server_destroy(struct net_tls_server *server); // NULL is fine
// What new sessions get; the caller has a reference and gives it back.
struct net_tls_credentials *net_tls_server_credentials(struct net_tls_server *server);
// Writes the certificate chain as PEM, without the key, for clients that shall trust it.
bool net_tls_server_write_certificate(const struct net_tls_server *server, const char *path,
                                      struct error *error) BASE_MUST_USE;

// ---- clients

// Trust in the authorities of `ca_file`, or of the system when it is NULL. With `insecure` any
// certificate passes. NULL with *error when the file cannot be used.
struct net_tls_credentials *net_tls_client_credentials_create(bool insecure, const char *ca_file,
                                                              struct error *error) BASE_MUST_USE;

// ---- sessions

struct net_tls_credentials *net_tls_credentials_ref(struct net_tls_credentials *credentials);
void net_tls_credentials_unref(struct net_tls_credentials *credentials); // NULL is fine
// Gives a new session certificate, priorities and ticket key; on clients `host` is the name or
// address that the server's certificate must carry. The session must not outlive its reference.
bool net_tls_credentials_apply(const struct net_tls_credentials *credentials,
                               struct gnutls_session_int *session, const char *host) BASE_MUST_USE;

// The version of the GnuTLS that is really loaded. net_tls_server_create() warns when it is older
// than 3.7.9, the last one for which distributions still mend what matters here.
const char *net_tls_version(void);

#endif
