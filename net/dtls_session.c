// SPDX-License-Identifier: MIT
// GnuTLS pulls from the one datagram that is given to it, and pushes either to the wire or, while a
// record is being sealed, to where the caller wants it.

#include "net/dtls_session.h"

#include <assert.h>
#include <errno.h>
#include <gnutls/dtls.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <string.h>

#include "config/secret.h"
#include "net/tls_problem.h"

#define HEAD_BYTES  13
#define EPOCH_AT    3
#define LENGTH_AT   11
#define HELLO_BYTES (HEAD_BYTES + 12 + 34) // of a hello up to its session id, at least
#define HELLO_TYPE  1
// First retransmission of a lost flight; each later one takes twice as long. Deadlines are
// net/dtls's.
#define RETRANSMIT_MS 500
#define NO_DEADLINE   3600000

struct net_dtls_session {
    gnutls_session_t tls;
    struct net_tls_credentials *credentials;
    char *host; // GnuTLS looks at it when the certificate comes
    void (*send)(void *user, struct bytes_span datagram);
    void *user;
    struct bytes_span input; // the datagram, until it is pulled
    bool starved;            // it was pulled in vain
    bool up;
    uint8_t *sealed; // where the next record goes; NULL: to the wire
    size_t sealed_size;
    unsigned discarded;
    int failure;
    const char *alert;
};

bool net_dtls_head_get(struct bytes_span datagram, struct net_dtls_head *head)
{
    const uint8_t *bytes = datagram.data;
    if (datagram.size <= HEAD_BYTES || bytes[0] < NET_DTLS_CHANGE_CIPHER_SPEC ||
        bytes[0] > NET_DTLS_DATA || bytes[1] != 0xfe || (bytes[2] != 0xff && bytes[2] != 0xfd)) {
        return false;
    }
    size_t size = HEAD_BYTES + (size_t)bytes_get_u16(bytes + LENGTH_AT);
    head->content = bytes[0];
    head->encrypted = bytes_get_u16(bytes + EPOCH_AT) > 0;
    head->hello = head->content == NET_DTLS_HANDSHAKE && !head->encrypted && size > HELLO_BYTES &&
                  bytes[HEAD_BYTES] == HELLO_TYPE;
    return size == datagram.size || (size < datagram.size && head->content != NET_DTLS_DATA);
}

// ---- memory in the place of a socket

static ssize_t on_pull(gnutls_transport_ptr_t context, void *to, size_t room)
{
    struct net_dtls_session *session = context;
    size_t size = session->input.size;
    if (size == 0) {
        session->starved = true;
        gnutls_transport_set_errno(session->tls, EAGAIN);
        return -1;
    }
    assert(size <= room);
    memcpy(to, session->input.data, size);
    session->input = bytes_of(NULL, 0);
    return (ssize_t)size;
}

static int on_wait(gnutls_transport_ptr_t context, unsigned wait_ms)
{
    (void)wait_ms; // waiting is the loop's
    return ((struct net_dtls_session *)context)->input.size > 0;
}

static ssize_t on_push(gnutls_transport_ptr_t context, const void *from, size_t size)
{
    struct net_dtls_session *session = context;
    if (!session->sealed) {
        session->send(session->user, bytes_of(from, size));
    } else if (size <= NET_DTLS_DATAGRAM_BYTES) {
        memcpy(session->sealed, from, size);
        session->sealed_size = size;
    }
    return (ssize_t)size; // what is lost on the way is sent again if it matters
}

// ---- life

struct net_dtls_session *net_dtls_session_create(const struct net_dtls_session_setup *setup)
{
    unsigned side = setup->host ? GNUTLS_CLIENT : GNUTLS_SERVER;
    struct net_dtls_session *session = calloc(1, sizeof(*session));
    if (!session) {
        return NULL;
    }
    if (gnutls_init(&session->tls, side | GNUTLS_DATAGRAM | GNUTLS_NONBLOCK) != 0) {
        free(session);
        return NULL;
    }
    session->credentials = net_tls_credentials_ref(setup->credentials);
    session->send = setup->send;
    session->user = setup->user;
    gnutls_transport_set_ptr(session->tls, session);
    gnutls_transport_set_pull_function(session->tls, on_pull);
    gnutls_transport_set_pull_timeout_function(session->tls, on_wait);
    gnutls_transport_set_push_function(session->tls, on_push);
    gnutls_dtls_set_mtu(session->tls, NET_DTLS_DATAGRAM_BYTES);
    gnutls_dtls_set_timeouts(session->tls, RETRANSMIT_MS, NO_DEADLINE);
    gnutls_handshake_set_timeout(session->tls, NO_DEADLINE);
    if (setup->hello) {
        gnutls_dtls_prestate_st prestate = {
            .record_seq = setup->hello->record,
            .hsk_read_seq = setup->hello->read,
            .hsk_write_seq = setup->hello->write,
        };
        gnutls_dtls_prestate_set(session->tls, &prestate);
    }
    session->host = setup->host ? strdup(setup->host) : NULL;
    if ((setup->host && !session->host) ||
        !net_tls_credentials_apply(session->credentials, session->tls, session->host)) {
        net_dtls_session_destroy(session);
        return NULL;
    }
    return session;
}

void net_dtls_session_destroy(struct net_dtls_session *session)
{
    if (session) {
        gnutls_deinit(session->tls);
        net_tls_credentials_unref(session->credentials);
        free(session->host);
        free(session);
    }
}

// ---- handshake

static enum net_dtls_progress fail(struct net_dtls_session *session, int status)
{
    session->failure = status;
    if (status == GNUTLS_E_FATAL_ALERT_RECEIVED) {
        session->alert = gnutls_alert_get_name(gnutls_alert_get(session->tls));
    } else {
        gnutls_alert_send_appropriate(session->tls, status); // else the peer waits for more
    }
    return NET_DTLS_FAILED;
}

const char *net_dtls_session_problem(const struct net_dtls_session *session, const char **alert)
{
    *alert = session->alert;
    return gnutls_strerror_name(session->failure);
}

uint16_t net_dtls_session_explain(const struct net_dtls_session *session, struct error *error)
{
    return net_tls_explain(session->tls, session->failure, session->alert, error);
}

// Reads what is left of the datagram, all of which is lost: data never begins before the handshake
// has ended, and a record that stayed behind would be taken for the next one.
static int drain(struct net_dtls_session *session)
{
    uint8_t record[NET_DTLS_DATAGRAM_BYTES];
    ssize_t status;
    session->starved = false;
    do {
        status = gnutls_record_recv(session->tls, record, sizeof(record));
    } while (!session->starved && (status > 0 || status == GNUTLS_E_AGAIN));
    return session->starved ? GNUTLS_E_AGAIN : (int)status;
}

enum net_dtls_progress net_dtls_session_shake(struct net_dtls_session *session,
                                              struct bytes_span datagram)
{
    int status;
    assert(!session->up && session->failure == 0);
    session->input = datagram;
    session->starved = false;
    do {
        status = gnutls_handshake(session->tls);
    } while (status < 0 && !gnutls_error_is_fatal(status) && session->input.size > 0);
    session->input = bytes_of(NULL, 0);
    if (status < 0) {
        return gnutls_error_is_fatal(status) ? fail(session, status) : NET_DTLS_SHAKING;
    }
    if (gnutls_dtls_get_data_mtu(session->tls) < NET_DTLS_DATA_BYTES) {
        return fail(session, GNUTLS_E_INSUFFICIENT_SECURITY); // no AEAD suite, whoever allowed it
    }
    (void)drain(session);
    session->discarded = gnutls_record_get_discarded(session->tls);
    session->up = true;
    return NET_DTLS_UP;
}

// ---- records

// GnuTLS's own copy is wiped: it may have been a token.
static enum net_dtls_opened open_data(struct net_dtls_session *session, uint8_t *datagram,
                                      size_t *size)
{
    gnutls_packet_t packet = NULL;
    ssize_t status = gnutls_record_recv_packet(session->tls, &packet);
    if (status <= 0) {
        return status == GNUTLS_E_AGAIN ? NET_DTLS_HANDLED : NET_DTLS_BROKEN;
    }
    gnutls_datum_t data;
    gnutls_packet_get(packet, &data, NULL);
    assert(data.size <= *size);
    memcpy(datagram, data.data, data.size);
    secret_wipe(data.data, data.size);
    *size = data.size;
    gnutls_packet_deinit(packet);
    return NET_DTLS_OPENED;
}

// Goodbyes, and the handshake's last flight when the peer has not got it. A new handshake inside
// the session is refused like any other breach.
static enum net_dtls_opened open_other(struct net_dtls_session *session)
{
    int status = drain(session);
    return status == GNUTLS_E_AGAIN ? NET_DTLS_HANDLED
           : status == 0            ? NET_DTLS_CLOSED
                                    : NET_DTLS_BROKEN;
}

enum net_dtls_opened net_dtls_session_open(struct net_dtls_session *session,
                                           const struct net_dtls_head *head, uint8_t *datagram,
                                           size_t *size)
{
    assert(session->up);
    session->input = bytes_of(datagram, *size);
    enum net_dtls_opened opened =
        head->content == NET_DTLS_DATA ? open_data(session, datagram, size) : open_other(session);
    session->input = bytes_of(NULL, 0);
    unsigned discarded = gnutls_record_get_discarded(session->tls);
    if (opened == NET_DTLS_HANDLED && discarded != session->discarded) {
        opened = NET_DTLS_DISCARDED;
    }
    session->discarded = discarded;
    return opened;
}

size_t net_dtls_session_seal(struct net_dtls_session *session, struct bytes_span data,
                             uint8_t sealed[NET_DTLS_DATAGRAM_BYTES])
{
    assert(session->up);
    session->sealed = sealed;
    session->sealed_size = 0;
    ssize_t sent = gnutls_record_send(session->tls, data.data, data.size);
    session->sealed = NULL;
    return sent == (ssize_t)data.size ? session->sealed_size : 0;
}

void net_dtls_session_bye(struct net_dtls_session *session)
{
    assert(session->up);
    (void)gnutls_bye(session->tls, GNUTLS_SHUT_WR);
}
