// SPDX-License-Identifier: MIT
// A small HTTP or HTTPS service on loopback that answers with the very bytes it is told, in threads
// of its own, so that tests see the client against anything a service may send. Up to 64
// connections, each for as long as both sides keep it.

#ifndef TESTS_SUPPORT_HTTP_SERVER_H
#define TESTS_SUPPORT_HTTP_SERVER_H

#include "config/base/bytes.h"

#define HTTP_SERVER_REQUESTS_MAX 32

struct http_server;

// What is done with a request.
struct http_server_reply {
    const char *bytes; // NUL-terminated, sent as it is; NULL: nothing
    size_t padding;    // then so many bytes 'x'
    const char *tail;  // and then this; may be NULL
    unsigned drip_ms;  // pause after each byte
    bool hang;         // then nothing until the client goes away
    bool hang_up;      // then the connection ends; else it waits for the next request
};

// NULL certificate and key (PEM files): plain HTTP.
struct http_server *http_server_start(const char *certificate, const char *key) BASE_MUST_USE;
void http_server_stop(struct http_server *server);
unsigned http_server_port(const struct http_server *server);
// "http://127.0.0.1:port/path", valid until the next call.
const char *http_server_url(struct http_server *server, const char *path);

// Makes the answer to a request: a text of less than HTTP_SERVER_ANSWER_BYTES. Called from the
// server's threads, one at a time.
#define HTTP_SERVER_ANSWER_BYTES 1024
typedef void http_server_handler(void *context, const char *request,
                                 char answer[HTTP_SERVER_ANSWER_BYTES]);
// Takes the place of the standing reply.
void http_server_handle(struct http_server *server, http_server_handler *handler, void *context);

// What every request gets from now on. Copies the struct, not the texts.
void http_server_reply(struct http_server *server, struct http_server_reply reply);
// One request from then on gets `reply` before the standing one comes back; up to 8 wait in order.
void http_server_reply_once(struct http_server *server, struct http_server_reply reply);

unsigned http_server_connections(struct http_server *server);
unsigned http_server_requests(struct http_server *server);
// The index-th request as it came, head and body; valid until stop.
const char *http_server_request(struct http_server *server, unsigned index);

#endif
