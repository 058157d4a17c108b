// SPDX-License-Identifier: MIT
// A response that is not about the certificate, not by its issuer or not good is worse than none:
// clients that are shown one refuse the server.

#include "net/tls_ocsp.h"

#include <gnutls/ocsp.h>
#include <gnutls/x509.h>
#include <string.h>
#include <unistd.h>

#include "net/tls_certificate.h"
#include "net/tls_file.h"

static const char *judge(struct net_tls_ocsp *ocsp, gnutls_ocsp_resp_t response,
                         gnutls_x509_crt_t leaf, gnutls_x509_crt_t issuer)
{
    unsigned status;
    unsigned problems = 0;
    time_t until = -1;
    if (gnutls_ocsp_resp_get_status(response) != GNUTLS_OCSP_RESP_SUCCESSFUL) {
        return "the authority did not answer";
    }
    if (gnutls_ocsp_resp_check_crt(response, 0, leaf) != 0 ||
        gnutls_ocsp_resp_get_single(response, 0, NULL, NULL, NULL, NULL, &status, NULL, &until,
                                    NULL, NULL) < 0) {
        return "of another certificate";
    }
    if (status != GNUTLS_OCSP_CERT_GOOD) {
        return status == GNUTLS_OCSP_CERT_REVOKED ? "revoked" : "unknown to the authority";
    }
    if (issuer &&
        (gnutls_ocsp_resp_verify_direct(response, issuer, &problems, 0) != 0 || problems != 0)) {
        return "not signed by the certificate's issuer";
    }
    ocsp->until_s = until > 0 ? until : INT64_MAX; // RFC 6960 2.4: without a next one, always new
    return NULL;
}

void net_tls_ocsp_load(struct net_tls_ocsp *ocsp, const char *path, gnutls_x509_crt_t leaf,
                       gnutls_x509_crt_t issuer)
{
    gnutls_ocsp_resp_t response;
    if (access(path, F_OK) != 0) {
        return;
    }
    if (!net_tls_read_file(path, &ocsp->response, NULL)) {
        ocsp->problem = "unreadable";
        return;
    }
    if (gnutls_ocsp_resp_init(&response) != 0) {
        ocsp->problem = "out of memory";
        return;
    }
    gnutls_datum_t data = {.data = ocsp->response.memory + ocsp->response.start,
                           .size = (unsigned)ocsp->response.size};
    ocsp->problem = gnutls_ocsp_resp_import(response, &data) != 0
                        ? "not an OCSP response"
                        : judge(ocsp, response, leaf, issuer);
    gnutls_ocsp_resp_deinit(response);
}

void net_tls_ocsp_finish(struct net_tls_ocsp *ocsp)
{
    bytes_buf_finish(&ocsp->response);
}

const char *net_tls_ocsp_status(const struct net_tls_ocsp *ocsp, uint64_t wall_ms)
{
    return ocsp->problem                                ? ocsp->problem
           : ocsp->response.size == 0                   ? "none"
           : ocsp->until_s <= (int64_t)(wall_ms / 1000) ? "expired"
                                                        : "good";
}
