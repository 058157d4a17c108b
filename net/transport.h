// SPDX-License-Identifier: MIT
// The seam between the server and a way of moving messages: listen, dial, pump, flush.
//
// A transport is one row in transports.c (scheme, default port, functions) and one pair of files.
// All of a process's listeners and dials hang off a `struct net_hub`, which is what the server
// pumps; adding a transport changes nothing above this header.

#ifndef NET_TRANSPORT_H
#define NET_TRANSPORT_H

#include "config/base/blocks.h"
#include "config/base/counters.h"
#include "config/base/loop.h"
#include "config/config.h"
#include "config/url.h"
#include "net/handshake_rate.h"
#include "net/link.h"

// Who is told of a new link on a listener. Return 0 after attaching a handler, or the close code
// with which the transport turns the peer away.
struct net_acceptor {
    uint16_t (*accept)(void *user, struct net_link *link);
    // Asked before anything is spent on a peer (before TLS): may this address connect? Asked again
    // when a trusted proxy has said whom it speaks for. May be NULL.
    bool (*admit_address)(void *user, const struct net_addr *remote);
    // 0, or the code with which accept() would turn away whoever came now. Asked before a WebSocket
    // is promised, because HTTP can say so to proxies as well. May be NULL.
    uint16_t (*refusal)(void *user);
    // Somebody at this address has failed to prove who he is. May be NULL.
    void (*auth_failed)(void *user, const struct net_addr *remote);
    void *user;
};

struct net_hub;
struct net_origins;
struct net_passwords;
struct net_endpoint; // a listener, or the shared part of dials; embedded first by transports

struct net_transport {
    const char *scheme; // "udp"
    uint16_t default_port;
    bool confidential; // encrypted on the wire
    bool needs_certificate;
    bool has_path;    // --websocket-path
    bool takes_proxy; // ?proxy=1: each peer begins with a header of the PROXY protocol
    // NULL with one line in *error when the address cannot be listened on.
    struct net_endpoint *(*listen)(struct net_hub *hub, const struct net_transport *self,
                                   const struct url *url, const struct net_acceptor *acceptor,
                                   struct error *error);
    // Begins a connection; the answer comes through handler->opened or handler->closed, from the
    // loop, never from inside this call. NULL with *error when it cannot even begin.
    struct net_link *(*dial)(struct net_hub *hub, const struct net_transport *self,
                             const struct url *url, const struct net_link_handler *handler,
                             void *user, struct error *error);
};

// The rows, in the order of transports.c; NULL when the scheme is unknown.
const struct net_transport *net_transport_find(const char *scheme);
// What a listener's URL names, and the URL with its port; NULL with *error when nobody could listen
// there.
const struct net_transport *net_transport_of_listener(const char *url_text, struct url *url,
                                                      struct error *error);
// "udp, dtls, tcp, tls, ws, wss" for error lines.
const char *net_transport_schemes(void);

struct net_endpoint_impl {
    // Called once a tick before inputs are used, and in turns in which urgent work arrived: reads
    // what has come (bounded) and lets protocol timers run. NULL where the loop's descriptors do
    // all of it.
    void (*pump)(struct net_endpoint *endpoint, uint64_t now_ns);
    // Called once at the end of each turn in which something may have been sent.
    void (*flush)(struct net_endpoint *endpoint, uint64_t now_ns);
    // No new peers from now on; those that are there stay.
    void (*stop_accepting)(struct net_endpoint *endpoint);
    void (*destroy)(struct net_endpoint *endpoint);
};

struct net_endpoint {
    struct net_endpoint *next; // net_hub
    const struct net_endpoint_impl *impl;
    const struct net_transport *transport;
    char url[URL_TEXT_BYTES];        // as it is really bound (port 0 resolved); empty for dials
    char public_url[URL_TEXT_BYTES]; // where players find it (net/public_url)
    unsigned link_count;
};

// What all transports of a process share. The loop, config and counters are borrowed.
struct net_hub {
    struct loop *loop;
    const struct config *config;
    struct counters *counters;
    struct net_endpoint *endpoints;
    uint64_t last_number; // of a link
    struct net_handshake_rate handshake_rate;
    struct blocks blocks;              // for messages to single players
    const struct net_origins *origins; // NULL: those of the settings
    struct net_passwords *passwords;   // NULL: WebSockets need none
    struct net_tls_server *tls;        // certificates of listeners; NULL when there are none
    // How dials check certificates; see net/client.h.
    bool dial_insecure;
    const char *dial_ca_file;
};

void net_hub_init(struct net_hub *hub, struct loop *loop, const struct config *config,
                  struct counters *counters);
// Closes and frees every endpoint with its links; handlers are no longer called.
void net_hub_finish(struct net_hub *hub);
bool net_hub_listen(struct net_hub *hub, const char *url_text, const struct net_acceptor *acceptor,
                    struct error *error) BASE_MUST_USE;
struct net_link *net_hub_dial(struct net_hub *hub, const char *url_text,
                              const struct net_link_handler *handler, void *user,
                              struct error *error) BASE_MUST_USE;
void net_hub_pump(struct net_hub *hub, uint64_t now_ns);
void net_hub_flush(struct net_hub *hub, uint64_t now_ns);
void net_hub_stop_accepting(struct net_hub *hub);
// Links that are open or closing, over all endpoints: 0 means that all was delivered.
unsigned net_hub_link_count(const struct net_hub *hub);

// For transports: registers an endpoint that they have made.
void net_hub_add(struct net_hub *hub, struct net_endpoint *endpoint);
// For transports: false, with what the operator has to do, when a listener lacks a certificate.
bool net_hub_has_certificate(const struct net_hub *hub, const struct net_transport *transport,
                             const struct url *url, struct error *error) BASE_MUST_USE;
// For transports: false, with why (an errno) the listener cannot be had and what helps.
bool net_hub_cannot_listen(const struct url *url, int problem, struct error *error);

// Counters by transport, made on first use; `transport` is a scheme.
struct net_traffic {
    uint64_t *bytes_in, *bytes_out;     // on the wire as far as user space sees it
    uint64_t *packets_in, *packets_out; // datagrams, or reads and writes of a stream
    uint64_t *dropped;                  // hostile or malformed input that was ignored
    uint64_t *replaced;                 // unreliable messages that a newer one replaced unsent
};
void net_traffic_init(struct net_traffic *traffic, struct counters *counters,
                      const char *transport);

#endif
