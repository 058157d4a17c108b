// SPDX-License-Identifier: MIT
// PKCS#12 (.pfx, .p12): certificate, chain and key in one file under a password, as Windows has it.

#ifndef NET_TLS_PKCS12_H
#define NET_TLS_PKCS12_H

#include "net/tls_certificate.h"

// Fills in key, chain and friendly name of a new certificate, in any order; also after a failure
// some of it may be there. `password` NULL: the file has none. `source` names it in errors.
bool net_tls_pkcs12_read(struct net_tls_certificate *certificate, const struct bytes_buf *bytes,
                         const struct secret *password, const char *source, struct error *error)
    BASE_MUST_USE;
// Appends certificate, chain and key, under the password.
bool net_tls_pkcs12_write(const struct net_tls_certificate *certificate,
                          const struct secret *password, struct bytes_buf *out, struct error *error)
    BASE_MUST_USE;

#endif
