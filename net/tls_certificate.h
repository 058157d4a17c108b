// SPDX-License-Identifier: MIT
// One certificate with its chain and private key: read, put in order, taken apart for people.
//
// Owns what is in the files, whatever their form (PEM or PKCS#12). Declines to know where they were
// found (net/tls_lookup) and who is shown them (net/tls_credentials). Logs nothing, so that any
// thread may load one; it then belongs to one thread at a time.

#ifndef NET_TLS_CERTIFICATE_H
#define NET_TLS_CERTIFICATE_H

#include <stdint.h>

#include "config/base/bytes.h"
#include "config/base/error.h"
#include "config/limits.h"
#include "config/secret.h"
#include "net/tls_ocsp.h"

#define NET_TLS_NAME_BYTES 256
#define NET_TLS_CHAIN_MAX  8
#define NET_TLS_NAMES_MAX  256 // subject alternative names

struct gnutls_x509_crt_int;
struct gnutls_x509_privkey_int;

enum net_tls_use {
    NET_TLS_USE_SERVER,
    NET_TLS_USE_CLIENT,
    NET_TLS_USE_AUTHORITY, // signs others
};

// Read-only for others.
struct net_tls_certificate {
    char name[NET_TLS_NAME_BYTES];          // to whom it is issued: common name, or first DNS name
    char friendly_name[NET_TLS_NAME_BYTES]; // what PKCS#12 files call it; empty: nothing
    char origin[LIMIT_PATH_BYTES + 64];     // `from file: "..."`, as the log says it
    char path[LIMIT_PATH_BYTES];            // empty: it was never in a file
    char subject[512];
    char issuer[512];
    char serial[64];      // hex
    char sha256[65];      // hex, of the whole certificate
    char key_type[32];    // "EC/ECDSA 256"
    int key_algorithm;    // the library's number: two of one kind compete, two of different do not
    int64_t not_before_s; // since 1970
    int64_t not_after_s;
    char (*names)[NET_TLS_NAME_BYTES]; // subject alternative names; without any, the common name
    unsigned name_count;
    bool has_alternative_names;
    bool needs_static_rsa; // keyUsage allows nothing else
    bool is_slow;          // RSA: a handshake costs six times what it costs with P-256
    enum net_tls_use use;
    struct gnutls_x509_crt_int *chain[NET_TLS_CHAIN_MAX]; // leaf first
    unsigned chain_count;
    struct gnutls_x509_privkey_int *key;
    struct net_tls_ocsp ocsp; // from the file beside the certificate
};

// `key_path` NULL: the key is in the certificate's file. `password` opens PKCS#12 files; NULL: they
// have none. NULL with one line in *error that names the file and what is wrong with it.
struct net_tls_certificate *net_tls_certificate_load(const char *path, const char *key_path,
                                                     const struct secret *password,
                                                     struct error *error) BASE_MUST_USE;
// The same from PEM in memory; `source` names it in errors.
struct net_tls_certificate *net_tls_certificate_parse(struct bytes_span certificate,
                                                      struct bytes_span key, const char *source,
                                                      struct error *error) BASE_MUST_USE;
void net_tls_certificate_destroy(struct net_tls_certificate *certificate); // NULL is fine

bool net_tls_certificate_is_for(const struct net_tls_certificate *certificate, const char *host);

// True when the issuer has signed it, be it valid now or not.
bool net_tls_certificate_is_by(const struct net_tls_certificate *certificate,
                               const struct net_tls_certificate *issuer);

#endif
