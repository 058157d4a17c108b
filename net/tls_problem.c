// SPDX-License-Identifier: MIT
// The texts of tls_problem.h.

#include "net/tls_problem.h"

#include <gnutls/gnutls.h>

#include "config/base/log.h"
#include "net/close.h"

static uint16_t explain_verification(gnutls_session_t session, struct error *error)
{
    gnutls_datum_t text = {0};
    unsigned problems = gnutls_session_get_verify_cert_status(session);
    int status = gnutls_certificate_verification_status_print(problems, GNUTLS_CRT_X509, &text, 0);
    error_set(error, "TLS: %s", status == 0 ? (const char *)text.data : "bad certificate");
    gnutls_free(text.data);
    return NET_CLOSE_LOST;
}

uint16_t net_tls_explain(struct gnutls_session_int *session, int status, const char *alert,
                         struct error *error)
{
    if (status == GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR) {
        return explain_verification(session, error);
    }
    error_set(error, "TLS handshake: %s", alert ? alert : gnutls_strerror(status));
    return NET_CLOSE_PROTOCOL;
}

// What a person who looks for the cause of ERR_CERT_... in a browser will look for in our log.
void net_tls_log_failure(const char *listener, uint64_t number, const struct net_addr *remote,
                         const char *problem, const char *alert)
{
    char text[NET_ADDR_TEXT_BYTES];
    net_addr_format(remote, text);
    log_peer(LOG_INFO, "tls_handshake_failed", LOG_S("listener", listener), LOG_U("conn", number),
             LOG_S("remote", text), LOG_S("error", problem), LOG_S("alert", alert));
}
