// SPDX-License-Identifier: MIT
// Both ends of a measurement of TLS handshakes: a client that does nothing else, and the least that
// a GnuTLS server can be, to compare with. Driven by tests/bench/handshakes.
//
//   serve CERT KEY  prints its port; answers one client after the other until
//   killed drive PORT SECONDS CONNECTIONS  prints how many full handshakes it has done

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config/base/clock.h"
#include "net/tls_credentials.h"

#define CONNECTIONS_MAX 256

static gnutls_certificate_credentials_t credentials;
static gnutls_priority_t priorities;

static void prepare(void)
{
    int status = gnutls_certificate_allocate_credentials(&credentials);
    assert(status == 0);
    status = gnutls_priority_init2(&priorities, NET_TLS_PRIORITIES, NULL, 0);
    assert(status == 0);
}

static gnutls_session_t open_session(unsigned flags, int fd)
{
    static const int on = 1;
    gnutls_session_t session;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    int status = gnutls_init(&session, flags | GNUTLS_NO_SIGNAL);
    assert(status == 0);
    gnutls_priority_set(session, priorities);
    gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials);
    gnutls_transport_set_int(session, fd);
    return session;
}

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons(port),
                                .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
}

// ---- the least that a server can be

static int serve(const char *certificate, const char *key)
{
    struct sockaddr_in at = loopback(0);
    socklen_t size = sizeof(at);
    gnutls_datum_t ticket_key;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (gnutls_certificate_set_x509_key_file(credentials, certificate, key, GNUTLS_X509_FMT_PEM) <
            0 ||
        gnutls_session_ticket_key_generate(&ticket_key) != 0 ||
        bind(fd, (struct sockaddr *)&at, size) != 0 || listen(fd, CONNECTIONS_MAX) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &size) != 0) {
        perror("serve");
        return 1;
    }
    printf("%u\n", (unsigned)ntohs(at.sin_port));
    fflush(stdout);
    for (;;) {
        int peer = accept(fd, NULL, NULL);
        if (peer < 0) {
            return 1;
        }
        gnutls_session_t session = open_session(GNUTLS_SERVER, peer);
        gnutls_session_ticket_enable_server(session, &ticket_key);
        while (gnutls_handshake(session) == GNUTLS_E_AGAIN) {
        }
        gnutls_deinit(session);
        close(peer);
    }
}

// ---- a client that does nothing else

struct peer {
    int fd; // -1: may not connect yet
    gnutls_session_t session;
    bool shaken; // and waits for a ticket, which says that the server has finished as well
};

static struct sockaddr_in server_at;
static unsigned long begun, done, failed;

static void connect_peer(int epoll, struct peer *peer)
{
    static const struct linger reset = {.l_onoff = 1}; // ports are free again at once
    peer->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert(peer->fd >= 0);
    setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    int status = connect(peer->fd, (struct sockaddr *)&server_at, sizeof(server_at));
    assert(status == 0 || errno == EINPROGRESS);
    begun++;
    peer->session = open_session(GNUTLS_CLIENT | GNUTLS_NONBLOCK, peer->fd);
    peer->shaken = false;
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = peer};
    status = epoll_ctl(epoll, EPOLL_CTL_ADD, peer->fd, &event);
    assert(status == 0);
}

// True when this connection is over.
static bool go_on(struct peer *peer)
{
    char byte;
    if (!peer->shaken) {
        int status = gnutls_handshake(peer->session);
        if (status < 0) {
            failed += gnutls_error_is_fatal(status) != 0;
            return gnutls_error_is_fatal(status);
        }
        peer->shaken = true;
    }
    ssize_t status = gnutls_record_recv(peer->session, &byte, 1);
    if (status == 0 || (status < 0 && gnutls_error_is_fatal((int)status))) {
        failed++;
        return true;
    }
    if (!(gnutls_session_get_flags(peer->session) & GNUTLS_SFLAGS_SESSION_TICKET)) {
        return false;
    }
    done++;
    return true;
}

static void disconnect_peer(struct peer *peer)
{
    if (peer->fd >= 0) {
        gnutls_deinit(peer->session);
        close(peer->fd);
        peer->fd = -1;
    }
}

static int drive(uint16_t port, double seconds, unsigned count, double rate)
{
    static struct peer peers[CONNECTIONS_MAX];
    struct epoll_event events[CONNECTIONS_MAX];
    struct clock clock;
    int epoll = epoll_create1(0);
    clock_init_monotonic(&clock);
    server_at = loopback(port);
    for (unsigned i = 0; i < count; i++) {
        peers[i].fd = -1;
    }
    uint64_t begin_ns = clock_now_ns(&clock);
    for (double elapsed = 0; elapsed < seconds;) {
        for (unsigned i = 0; i < count && (double)begun < 1 + elapsed * rate; i++) {
            if (peers[i].fd < 0) {
                connect_peer(epoll, &peers[i]);
            }
        }
        int ready = epoll_wait(epoll, events, CONNECTIONS_MAX, 1);
        for (int i = 0; i < ready; i++) {
            struct peer *peer = events[i].data.ptr;
            if (go_on(peer)) {
                disconnect_peer(peer);
            }
        }
        elapsed = (double)(clock_now_ns(&clock) - begin_ns) / (double)CLOCK_NS_PER_S;
    }
    for (unsigned i = 0; i < count; i++) {
        disconnect_peer(&peers[i]);
    }
    close(epoll);
    printf("%lu %lu\n", done, failed);
    return 0;
}

int main(int argc, char **argv)
{
    prepare();
    if (argc == 4 && strcmp(argv[1], "serve") == 0) {
        return serve(argv[2], argv[3]);
    }
    long port = argc == 6 ? strtol(argv[2], NULL, 10) : 0;
    long count = argc == 6 ? strtol(argv[4], NULL, 10) : 0;
    if (argc != 6 || strcmp(argv[1], "drive") != 0 || port <= 0 || port > 65535 || count <= 0 ||
        count > CONNECTIONS_MAX) {
        fprintf(stderr, "usage: serve CERT KEY | drive PORT SECONDS CONNECTIONS RATE\n");
        return 2;
    }
    return drive((uint16_t)port, strtod(argv[3], NULL), (unsigned)count, strtod(argv[5], NULL));
}
