// SPDX-License-Identifier: MIT
// Why a handshake failed, for the log and for the user of a client; TLS and DTLS alike.

#ifndef NET_TLS_PROBLEM_H
#define NET_TLS_PROBLEM_H

#include "config/base/error.h"
#include "net/addr.h"

struct gnutls_session_int;

// One line in *error, and the close code for it: `status` is GnuTLS's, `alert` what the peer calls
// it, or NULL.
uint16_t net_tls_explain(struct gnutls_session_int *session, int status, const char *alert,
                         struct error *error);
// A client of this listener got no session; `number` is that of its link, `alert` may be NULL.
void net_tls_log_failure(const char *listener, uint64_t number, const struct net_addr *remote,
                         const char *problem, const char *alert);

#endif
