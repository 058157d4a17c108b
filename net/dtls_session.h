// SPDX-License-Identifier: MIT
// One DTLS 1.2 session over memory: shakes hands, then seals and opens one record per datagram.
//
// Wraps GnuTLS and never sees a socket: it is given one datagram at a time and hands out what it
// has to say. Replays are refused, and nothing that fails to authenticate changes its state once it
// is up. Declines to know addresses, deadlines and how many sessions there are (net/dtls).

#ifndef NET_DTLS_SESSION_H
#define NET_DTLS_SESSION_H

#include "net/tls_credentials.h"

// The largest datagram: with its headers it fits into 1280 bytes, which every IPv6 path takes.
#define NET_DTLS_DATAGRAM_BYTES 1200
// What of it a record of AES-GCM takes for itself; one of ChaCha20-Poly1305 takes 8 less.
#define NET_DTLS_RECORD_BYTES 37
#define NET_DTLS_DATA_BYTES   (NET_DTLS_DATAGRAM_BYTES - NET_DTLS_RECORD_BYTES)

// ---- what a datagram says of itself, unencrypted

enum net_dtls_content {
    NET_DTLS_CHANGE_CIPHER_SPEC = 20,
    NET_DTLS_ALERT,
    NET_DTLS_HANDSHAKE,
    NET_DTLS_DATA,
};

struct net_dtls_head {
    enum net_dtls_content content; // of the first record
    bool encrypted;                // after a handshake
    bool hello;                    // the first record is that of a client who wants a session
};

// False for what cannot be DTLS. A record of data must be alone in its datagram.
bool net_dtls_head_get(struct bytes_span datagram, struct net_dtls_head *head) BASE_MUST_USE;

// ---- sessions

struct net_dtls_session;

struct net_dtls_session_setup {
    struct net_tls_credentials *credentials; // referred to
    const char *host;                        // copied: whom a client wants to reach; NULL: a server
    const struct net_dtls_prestate *hello;   // a server's: from net_dtls_cookies_check()
    void (*send)(void *user, struct bytes_span datagram);
    void *user;
};

// What the client's hello and our answer to it have used up of either side's numbers.
struct net_dtls_prestate {
    unsigned record, read, write;
};

enum net_dtls_progress {
    NET_DTLS_SHAKING,
    NET_DTLS_UP,
    NET_DTLS_FAILED,
};

// NULL without memory. Nothing is sent yet.
struct net_dtls_session *net_dtls_session_create(const struct net_dtls_session_setup *setup)
    BASE_MUST_USE;
void net_dtls_session_destroy(struct net_dtls_session *session); // NULL is fine

// Goes on with the handshake; an empty datagram looks at the time only. After NET_DTLS_FAILED only
// the explanation is left to be had.
enum net_dtls_progress net_dtls_session_shake(struct net_dtls_session *session,
                                              struct bytes_span datagram);
// For the log: GnuTLS's name of what went wrong, and of the peer's alert or NULL.
const char *net_dtls_session_problem(const struct net_dtls_session *session, const char **alert);
// For the user of a client: one line in *error, and the close code for it.
uint16_t net_dtls_session_explain(const struct net_dtls_session *session, struct error *error);

enum net_dtls_opened {
    NET_DTLS_OPENED,    // *size bytes of data
    NET_DTLS_HANDLED,   // nothing for anybody else
    NET_DTLS_DISCARDED, // forged, damaged, or it has come before
    NET_DTLS_CLOSED,    // the peer says goodbye
    NET_DTLS_BROKEN,    // the peer, and nobody else, breaks the protocol
};

// Only when up. Opens in place.
enum net_dtls_opened net_dtls_session_open(struct net_dtls_session *session,
                                           const struct net_dtls_head *head, uint8_t *datagram,
                                           size_t *size);
// Only when up. Writes one record to `sealed`: its size, or 0 when that is more than
// NET_DTLS_DATAGRAM_BYTES.
size_t net_dtls_session_seal(struct net_dtls_session *session, struct bytes_span data,
                             uint8_t sealed[NET_DTLS_DATAGRAM_BYTES]);
// Says goodbye. Only when up.
void net_dtls_session_bye(struct net_dtls_session *session);

#endif
