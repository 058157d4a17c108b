// SPDX-License-Identifier: MIT
// Makes certificates: the one of --dev, self-signed ones, and those of a small authority of our
// own.
//
// P-256, because its handshakes cost a sixth of RSA-2048's. Declines to know where they are put.

#ifndef NET_TLS_MAKE_H
#define NET_TLS_MAKE_H

#include "config/base/bytes.h"
#include "config/base/error.h"
#include "net/tls_certificate.h"

struct net_tls_make {
    enum net_tls_use use;
    const char *const *names; // hosts or addresses, all in subjectAltName; the first is common name
    unsigned name_count;      // at least 1
    unsigned days;            // from an hour ago, since clocks differ
    const struct net_tls_certificate *issuer; // NULL: self-signed
    const struct net_tls_certificate *renews; // an authority that keeps its key; NULL: a new one
};

// Appends certificate (before its issuer, if it has one) and key as PEM; the caller wipes the key.
bool net_tls_make(const struct net_tls_make *make, struct bytes_buf *certificate,
                  struct bytes_buf *key, struct error *error) BASE_MUST_USE;
// For localhost, 127.0.0.1 and ::1, for as long as browsers take it.
bool net_tls_make_dev(struct bytes_buf *certificate, struct bytes_buf *key, struct error *error)
    BASE_MUST_USE;
#endif
