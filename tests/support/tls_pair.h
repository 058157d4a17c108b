// SPDX-License-Identifier: MIT
// A TLS handshake between a plain GnuTLS client and a server with given credentials, in one thread.

#ifndef TESTS_SUPPORT_TLS_PAIR_H
#define TESTS_SUPPORT_TLS_PAIR_H

#include <gnutls/gnutls.h>

#include "net/tls_credentials.h"

// What came of it.
struct tls_pair {
    int client_status; // 0, GnuTLS's error, or the negative of the alert that it got
    int server_status;
    bool resumed;
    char name[NET_TLS_NAME_BYTES]; // the common name of the server's certificate
    int key, version, exchange;    // GnuTLS's numbers
};

// What a client needs to come back; zeroed: it was never there.
struct tls_ticket {
    gnutls_datum_t data;
};
void tls_ticket_finish(struct tls_ticket *ticket);

// `host` NULL: no name is asked for. `ticket` NULL: none is kept; otherwise it is used and
// replaced.
void tls_pair_shake(struct tls_pair *pair, struct net_tls_credentials *credentials,
                    const char *host, const char *priorities, struct tls_ticket *ticket);

#endif
