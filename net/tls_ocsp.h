// SPDX-License-Identifier: MIT
// What an authority says of a certificate that it has issued, in a file beside it (OCSP, RFC 6960):
// stapled to handshakes, so that clients need not ask the authority themselves.

#ifndef NET_TLS_OCSP_H
#define NET_TLS_OCSP_H

#include <stdint.h>

#include "config/base/bytes.h"

#define NET_TLS_OCSP_SUFFIX ".ocsp" // chain.pem.ocsp, in DER

struct gnutls_x509_crt_int;

// Zeroed: there is none.
struct net_tls_ocsp {
    struct bytes_buf response;
    int64_t until_s;     // since 1970; the next one is due by then
    const char *problem; // why it cannot be stapled; NULL: it can
};

// Reads `path`; that there is no such file is no problem. `issuer` NULL: its signature is not
// looked at.
void net_tls_ocsp_load(struct net_tls_ocsp *ocsp, const char *path,
                       struct gnutls_x509_crt_int *leaf, struct gnutls_x509_crt_int *issuer);
void net_tls_ocsp_finish(struct net_tls_ocsp *ocsp);
// "none", "good", "expired", or what is wrong with it.
const char *net_tls_ocsp_status(const struct net_tls_ocsp *ocsp, uint64_t wall_ms);

#endif
