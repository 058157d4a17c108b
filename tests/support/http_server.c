// SPDX-License-Identifier: MIT
// A thread that accepts and one for each connection; blocking sockets with a poll in front, so that
// stop is heard.

#include "tests/support/http_server.h"

#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST_BYTES_MAX (256 * 1024)
#define ONCE_MAX          8
#define CONNECTIONS_MAX   64

struct connection {
    struct http_server *server;
    pthread_t thread;
    int fd;
    gnutls_session_t session;
};

struct http_server {
    int listener;
    int stop_event;
    unsigned port;
    char url[128];
    pthread_t acceptor;
    gnutls_certificate_credentials_t credentials; // NULL: plain HTTP
    pthread_mutex_t lock;                         // of everything below
    http_server_handler *handler;                 // NULL: the standing reply
    void *handler_context;
    struct http_server_reply standing;
    struct http_server_reply once[ONCE_MAX];
    unsigned once_count;
    unsigned connection_count;
    struct connection connections[CONNECTIONS_MAX];
    unsigned request_count;
    char *requests[HTTP_SERVER_REQUESTS_MAX];
};

// Not cmocka's: most of this runs in threads that it does not know.
static void must(bool ok)
{
    if (!ok) {
        abort();
    }
}

// ---- bytes

// False when the server stops instead, or `timeout_ms` is over.
static bool wait_readable(struct http_server *server, int fd, int timeout_ms)
{
    struct pollfd polls[] = {{.fd = server->stop_event, .events = POLLIN},
                             {.fd = fd, .events = POLLIN}};
    return poll(polls, 2, timeout_ms) > 0 && polls[0].revents == 0;
}

static ssize_t receive(struct connection *connection, void *to, size_t size)
{
    if (connection->session) {
        return gnutls_record_check_pending(connection->session) > 0 ||
                       wait_readable(connection->server, connection->fd, -1)
                   ? gnutls_record_recv(connection->session, to, size)
                   : 0;
    }
    return wait_readable(connection->server, connection->fd, -1) ? recv(connection->fd, to, size, 0)
                                                                 : 0;
}

static bool send_all(struct connection *connection, const char *from, size_t size)
{
    while (size > 0) {
        ssize_t sent = connection->session ? gnutls_record_send(connection->session, from, size)
                                           : send(connection->fd, from, size, MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
        from += sent;
        size -= (size_t)sent;
    }
    return true;
}

// ---- a request and its reply

// The whole request, to be freed; NULL when the client goes away or the server stops.
static char *read_request(struct connection *connection)
{
    char *text = calloc(1, REQUEST_BYTES_MAX + 1);
    size_t size = 0;
    size_t wanted = 0;
    must(text);
    while (wanted == 0 || size < wanted) {
        must(size < REQUEST_BYTES_MAX);
        ssize_t got = receive(connection, text + size, REQUEST_BYTES_MAX - size);
        if (got <= 0) {
            free(text);
            return NULL;
        }
        size += (size_t)got;
        const char *end = strstr(text, "\r\n\r\n");
        const char *length = end ? strcasestr(text, "\r\nContent-Length:") : NULL;
        if (end) {
            wanted = (size_t)(end + 4 - text) + (length ? strtoul(length + 17, NULL, 10) : 0);
        }
    }
    return text;
}

static struct http_server_reply take_reply(struct http_server *server, char *request,
                                           char made[HTTP_SERVER_ANSWER_BYTES])
{
    pthread_mutex_lock(&server->lock);
    struct http_server_reply reply = server->standing;
    if (server->once_count > 0) {
        reply = server->once[0];
        server->once_count--;
        memmove(&server->once[0], &server->once[1], server->once_count * sizeof(reply));
    } else if (server->handler) {
        server->handler(server->handler_context, request, made);
        reply = (struct http_server_reply){.bytes = made};
    }
    if (server->request_count < HTTP_SERVER_REQUESTS_MAX) {
        server->requests[server->request_count] = request;
    } else {
        free(request);
    }
    server->request_count++;
    pthread_mutex_unlock(&server->lock);
    return reply;
}

static bool send_slowly(struct connection *connection, const char *text, unsigned drip_ms)
{
    for (; *text; text++) {
        if (!send_all(connection, text, 1) ||
            wait_readable(connection->server, connection->fd, (int)drip_ms)) {
            return false;
        }
    }
    return true;
}

static bool send_padding(struct connection *connection, size_t size)
{
    char block[4096];
    memset(block, 'x', sizeof(block));
    for (size_t part; size > 0; size -= part) {
        part = size < sizeof(block) ? size : sizeof(block);
        if (!send_all(connection, block, part)) {
            return false;
        }
    }
    return true;
}

// False when the connection is over.
static bool answer(struct connection *connection, const struct http_server_reply *reply)
{
    const char *text = reply->bytes ? reply->bytes : "";
    bool sent = reply->drip_ms ? send_slowly(connection, text, reply->drip_ms)
                               : send_all(connection, text, strlen(text));
    sent = sent && send_padding(connection, reply->padding) &&
           (!reply->tail || send_all(connection, reply->tail, strlen(reply->tail)));
    if (sent && reply->hang) {
        char byte;
        receive(connection, &byte, 1);
    }
    return sent && !reply->hang && !reply->hang_up;
}

static bool begin_tls(struct connection *connection)
{
    gnutls_certificate_credentials_t credentials = connection->server->credentials;
    if (!credentials) {
        return true;
    }
    must(gnutls_init(&connection->session, GNUTLS_SERVER) == 0);
    must(gnutls_set_default_priority(connection->session) == 0);
    must(gnutls_credentials_set(connection->session, GNUTLS_CRD_CERTIFICATE, credentials) == 0);
    gnutls_transport_set_int(connection->session, connection->fd);
    return gnutls_handshake(connection->session) == 0;
}

static void *serve(void *context)
{
    struct connection *connection = context;
    bool going = begin_tls(connection);
    while (going) {
        char *request = read_request(connection);
        if (!request) {
            break;
        }
        char made[HTTP_SERVER_ANSWER_BYTES];
        struct http_server_reply reply = take_reply(connection->server, request, made);
        going = answer(connection, &reply);
    }
    if (connection->session) {
        gnutls_deinit(connection->session);
    }
    close(connection->fd);
    return NULL;
}

static void *run(void *context)
{
    struct http_server *server = context;
    while (wait_readable(server, server->listener, -1)) {
        int fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);
        must(fd >= 0);
        pthread_mutex_lock(&server->lock);
        must(server->connection_count < CONNECTIONS_MAX);
        struct connection *connection = &server->connections[server->connection_count++];
        pthread_mutex_unlock(&server->lock);
        *connection = (struct connection){.server = server, .fd = fd};
        must(pthread_create(&connection->thread, NULL, serve, connection) == 0);
    }
    return NULL;
}

// ---- the outside

struct http_server *http_server_start(const char *certificate, const char *key)
{
    struct http_server *server = calloc(1, sizeof(*server));
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    must(server);
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(bind(server->listener, (struct sockaddr *)&address, size) == 0);
    must(listen(server->listener, 16) == 0);
    must(getsockname(server->listener, (struct sockaddr *)&address, &size) == 0);
    server->port = ntohs(address.sin_port);
    server->stop_event = eventfd(0, EFD_CLOEXEC);
    if (certificate) {
        must(gnutls_certificate_allocate_credentials(&server->credentials) == 0);
        must(gnutls_certificate_set_x509_key_file(server->credentials, certificate, key,
                                                  GNUTLS_X509_FMT_PEM) == 0);
    }
    pthread_mutex_init(&server->lock, NULL);
    must(pthread_create(&server->acceptor, NULL, run, server) == 0);
    return server;
}

void http_server_stop(struct http_server *server)
{
    must(eventfd_write(server->stop_event, 1) == 0);
    pthread_join(server->acceptor, NULL);
    for (unsigned i = 0; i < server->connection_count; i++) {
        pthread_join(server->connections[i].thread, NULL);
    }
    if (server->credentials) {
        gnutls_certificate_free_credentials(server->credentials);
    }
    for (unsigned i = 0; i < HTTP_SERVER_REQUESTS_MAX; i++) {
        free(server->requests[i]);
    }
    close(server->listener);
    close(server->stop_event);
    pthread_mutex_destroy(&server->lock);
    free(server);
}

unsigned http_server_port(const struct http_server *server)
{
    return server->port;
}

const char *http_server_url(struct http_server *server, const char *path)
{
    snprintf(server->url, sizeof(server->url), "%s://127.0.0.1:%u%s",
             server->credentials ? "https" : "http", server->port, path);
    return server->url;
}

void http_server_handle(struct http_server *server, http_server_handler *handler, void *context)
{
    pthread_mutex_lock(&server->lock);
    server->handler = handler;
    server->handler_context = context;
    pthread_mutex_unlock(&server->lock);
}

void http_server_reply(struct http_server *server, struct http_server_reply reply)
{
    pthread_mutex_lock(&server->lock);
    server->standing = reply;
    pthread_mutex_unlock(&server->lock);
}

void http_server_reply_once(struct http_server *server, struct http_server_reply reply)
{
    pthread_mutex_lock(&server->lock);
    must(server->once_count < ONCE_MAX);
    server->once[server->once_count++] = reply;
    pthread_mutex_unlock(&server->lock);
}

unsigned http_server_connections(struct http_server *server)
{
    pthread_mutex_lock(&server->lock);
    unsigned count = server->connection_count;
    pthread_mutex_unlock(&server->lock);
    return count;
}

unsigned http_server_requests(struct http_server *server)
{
    pthread_mutex_lock(&server->lock);
    unsigned count = server->request_count;
    pthread_mutex_unlock(&server->lock);
    return count;
}

const char *http_server_request(struct http_server *server, unsigned index)
{
    pthread_mutex_lock(&server->lock);
    must(index < server->request_count && index < HTTP_SERVER_REQUESTS_MAX);
    const char *request = server->requests[index];
    pthread_mutex_unlock(&server->lock);
    return request;
}
