// SPDX-License-Identifier: MIT
// GnuTLS makes and checks the cookies, a keyed hash of the address; the keys and their age are
// ours.

#include "net/dtls_cookie.h"

#include <gnutls/dtls.h>
#include <gnutls/gnutls.h>
#include <string.h>
#include <sys/random.h>

#include "config/secret.h"

#define CLIENT_BYTES  18
#define RECORD_SEQ_AT 10 // the last byte of either number
#define HELLO_SEQ_AT  18

struct answer {
    uint8_t *bytes;
    size_t size;
};

bool net_dtls_cookies_init(struct net_dtls_cookies *cookies)
{
    cookies->since_ns = 0;
    return getrandom(cookies->keys, sizeof(cookies->keys), 0) == (ssize_t)sizeof(cookies->keys);
}

void net_dtls_cookies_finish(struct net_dtls_cookies *cookies)
{
    secret_wipe(cookies, sizeof(*cookies));
}

// Without randomness the key stays as it is, which is better than one that can be guessed. After a
// long silence there is no one before either.
static void age(struct net_dtls_cookies *cookies, uint64_t now_ns)
{
    struct net_dtls_cookies fresh;
    uint64_t age_ns = now_ns - cookies->since_ns;
    if (age_ns < NET_DTLS_COOKIE_KEY_NS || !net_dtls_cookies_init(&fresh)) {
        return;
    }
    if (age_ns < 2 * NET_DTLS_COOKIE_KEY_NS) {
        memcpy(fresh.keys[1], cookies->keys[0], sizeof(fresh.keys[1]));
    }
    fresh.since_ns = now_ns;
    *cookies = fresh;
    secret_wipe(&fresh, sizeof(fresh));
}

static void client_of(const struct net_addr *from, uint8_t client[CLIENT_BYTES])
{
    memcpy(client, from->ip, sizeof(from->ip));
    bytes_put_u16(client + sizeof(from->ip), from->port);
}

// The library's functions take pointers to what they do not change.
static gnutls_datum_t key_of(const uint8_t key[NET_DTLS_COOKIE_KEY_BYTES],
                             uint8_t copy[NET_DTLS_COOKIE_KEY_BYTES])
{
    memcpy(copy, key, NET_DTLS_COOKIE_KEY_BYTES);
    return (gnutls_datum_t){.data = copy, .size = NET_DTLS_COOKIE_KEY_BYTES};
}

bool net_dtls_cookies_check(struct net_dtls_cookies *cookies, const struct net_addr *from,
                            uint64_t now_ns, struct bytes_span datagram,
                            struct net_dtls_prestate *prestate)
{
    uint8_t client[CLIENT_BYTES], bytes[NET_DTLS_DATAGRAM_BYTES];
    uint8_t copy[NET_DTLS_COOKIE_KEY_BYTES];
    bool good = false;
    age(cookies, now_ns);
    client_of(from, client);
    memcpy(bytes, datagram.data, datagram.size);
    for (unsigned i = 0; i < BASE_COUNT(cookies->keys) && !good; i++) {
        gnutls_datum_t key = key_of(cookies->keys[i], copy);
        gnutls_dtls_prestate_st found = {0};
        good = gnutls_dtls_cookie_verify(&key, client, sizeof(client), bytes, datagram.size,
                                         &found) == 0;
        // It has had as many answers as its hello has been sent before.
        *prestate = (struct net_dtls_prestate){
            .record = found.record_seq,
            .read = found.hsk_read_seq,
            .write = found.hsk_read_seq > 0 ? found.hsk_read_seq - 1 : 0,
        };
    }
    secret_wipe(copy, sizeof(copy));
    return good;
}

static ssize_t on_push(gnutls_transport_ptr_t context, const void *from, size_t size)
{
    struct answer *answer = context;
    if (size <= NET_DTLS_COOKIE_ANSWER_BYTES) {
        memcpy(answer->bytes, from, size);
        answer->size = size;
    }
    return (ssize_t)size;
}

// RFC 6347: the answer has the numbers of the hello, so that two answers differ.
size_t net_dtls_cookies_answer(const struct net_dtls_cookies *cookies, const struct net_addr *from,
                               struct bytes_span hello, uint8_t bytes[NET_DTLS_COOKIE_ANSWER_BYTES])
{
    uint8_t client[CLIENT_BYTES], copy[NET_DTLS_COOKIE_KEY_BYTES];
    struct answer answer = {.bytes = bytes};
    gnutls_datum_t key = key_of(cookies->keys[0], copy);
    gnutls_dtls_prestate_st prestate = {
        .record_seq = hello.data[RECORD_SEQ_AT],
        .hsk_write_seq = hello.data[HELLO_SEQ_AT],
    };
    client_of(from, client);
    int status = gnutls_dtls_cookie_send(&key, client, sizeof(client), &prestate, &answer, on_push);
    secret_wipe(copy, sizeof(copy));
    return status > 0 && answer.size < hello.size ? answer.size : 0;
}
