// SPDX-License-Identifier: MIT
// The two ends take turns on a socket pair until neither has anything to do.

#include "tests/support/tls_pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <gnutls/x509.h>

#define TURNS 20

void tls_ticket_finish(struct tls_ticket *ticket)
{
    gnutls_free(ticket->data.data);
    ticket->data = (gnutls_datum_t){0};
}

static void look_at_peer(struct tls_pair *pair, gnutls_session_t client)
{
    unsigned count;
    gnutls_x509_crt_t crt;
    size_t size = sizeof(pair->name);
    const gnutls_datum_t *chain = gnutls_certificate_get_peers(client, &count);
    assert_non_null(chain);
    assert_int_equal(gnutls_x509_crt_init(&crt), 0);
    assert_int_equal(gnutls_x509_crt_import(crt, &chain[0], GNUTLS_X509_FMT_DER), 0);
    assert_int_equal(
        gnutls_x509_crt_get_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, 0, pair->name, &size),
        0);
    pair->key = gnutls_x509_crt_get_pk_algorithm(crt, NULL);
    gnutls_x509_crt_deinit(crt);
    pair->version = (int)gnutls_protocol_get_version(client);
    pair->exchange = (int)gnutls_kx_get(client);
    pair->resumed = gnutls_session_is_resumed(client);
}

static bool is_going_on(int status)
{
    return status < 0 && !gnutls_error_is_fatal(status);
}

static void take_turns(struct tls_pair *pair, gnutls_session_t client, gnutls_session_t server)
{
    pair->client_status = pair->server_status = GNUTLS_E_AGAIN;
    for (int i = 0; i < TURNS; i++) {
        if (is_going_on(pair->client_status)) {
            pair->client_status = gnutls_handshake(client);
        }
        if (is_going_on(pair->server_status)) {
            pair->server_status = gnutls_handshake(server);
            if (pair->server_status < 0 && !is_going_on(pair->server_status)) {
                gnutls_alert_send_appropriate(server, pair->server_status);
            }
        }
    }
}

// In TLS 1.3 the ticket comes with what is read after the handshake.
static void keep_ticket(struct tls_ticket *ticket, gnutls_session_t client)
{
    char byte;
    assert_int_equal(gnutls_record_recv(client, &byte, 1), GNUTLS_E_AGAIN);
    tls_ticket_finish(ticket);
    assert_int_equal(gnutls_session_get_data2(client, &ticket->data), 0);
}

void tls_pair_shake(struct tls_pair *pair, struct net_tls_credentials *credentials,
                    const char *host, const char *priorities, struct tls_ticket *ticket)
{
    int fds[2];
    gnutls_session_t client;
    gnutls_session_t server;
    gnutls_certificate_credentials_t trust;
    *pair = (struct tls_pair){0};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    assert_int_equal(gnutls_init(&client, GNUTLS_CLIENT | GNUTLS_NONBLOCK), 0);
    assert_int_equal(gnutls_init(&server, GNUTLS_SERVER | GNUTLS_NONBLOCK), 0);
    assert_int_equal(gnutls_certificate_allocate_credentials(&trust), 0);
    gnutls_credentials_set(client, GNUTLS_CRD_CERTIFICATE, trust);
    assert_int_equal(gnutls_priority_set_direct(client, priorities, NULL), 0);
    if (host) {
        gnutls_server_name_set(client, GNUTLS_NAME_DNS, host, strlen(host));
    }
    if (ticket && ticket->data.data) {
        gnutls_session_set_data(client, ticket->data.data, ticket->data.size);
    }
    assert_true(net_tls_credentials_apply(credentials, server, ""));
    gnutls_transport_set_int(client, fds[0]);
    gnutls_transport_set_int(server, fds[1]);
    take_turns(pair, client, server);
    if (pair->client_status == 0) {
        look_at_peer(pair, client);
    } else if (pair->client_status == GNUTLS_E_FATAL_ALERT_RECEIVED) {
        pair->client_status = -(int)gnutls_alert_get(client);
    }
    if (pair->client_status == 0 && ticket) {
        keep_ticket(ticket, client);
    }
    gnutls_deinit(client);
    gnutls_deinit(server);
    gnutls_certificate_free_credentials(trust);
    close(fds[0]);
    close(fds[1]);
}
