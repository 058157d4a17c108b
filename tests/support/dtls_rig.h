// SPDX-License-Identifier: MIT
// One table of DTLS sessions that serves, and clients of it, over a wire in memory and in virtual
// time. What is on the wire can be looked at, lost, and sent again by somebody else.

#ifndef TESTS_SUPPORT_DTLS_RIG_H
#define TESTS_SUPPORT_DTLS_RIG_H

#include "net/dtls.h"
#include "net/handshake_rate.h"
#include "net/tls_store.h"

#define DTLS_RIG_SESSIONS    8
#define DTLS_RIG_RISING      20
#define DTLS_RIG_PATIENCE_NS (5 * CLOCK_NS_PER_S)
#define DTLS_RIG_CLIENTS     24
#define DTLS_RIG_WIRE        512

struct dtls_datagram {
    bool to_server;
    struct net_addr client; // who sends it or gets it
    size_t size;
    uint8_t bytes[NET_DTLS_DATAGRAM_BYTES];
};

struct dtls_client {
    struct dtls_rig *rig;
    struct net_addr addr;
    struct net_dtls *table;
    unsigned received;
    uint8_t last[NET_DTLS_DATA_BYTES]; // as it was received
    size_t last_size;
};

struct dtls_rig {
    struct clock clock;
    struct config *config;
    struct net_tls_server *tls;
    struct net_tls_listener *listener;
    struct net_tls_credentials *trusting; // of clients that trust anybody
    struct net_tls_credentials *client_credentials;
    struct counters *counters;
    uint64_t dropped;
    struct net_udp_drops drops, client_drops;
    struct net_dtls_counters handshakes;
    struct net_handshake_rate handshake_rate;
    struct net_dtls *server;
    struct dtls_client clients[DTLS_RIG_CLIENTS];
    unsigned client_count;
    struct dtls_datagram wire[DTLS_RIG_WIRE];
    unsigned wire_count;
    uint64_t now_ns;
    bool refuse;
    unsigned admitted, failed;
    char problem[64]; // of the last failure, and what the client called it
    char alert[64];
    unsigned received; // by the server
    uint8_t last[NET_DTLS_DATA_BYTES];
    size_t last_size;
};

// For cmocka: *state is the rig.
int dtls_rig_setup(void **state);
int dtls_rig_teardown(void **state);
uint64_t dtls_rig_drops(const struct dtls_rig *rig, enum net_udp_drop reason);
struct net_addr dtls_rig_address(unsigned host, uint16_t port); // 192.0.2.host
struct net_addr dtls_rig_loopback(uint16_t port);

// A client that has sent its first hello, which is still on the wire.
struct dtls_client *dtls_rig_dial(struct dtls_rig *rig, const struct net_addr *addr);
// A datagram to the server, or to a client, now: true when it held data.
bool dtls_rig_give_server(struct dtls_rig *rig, const struct net_addr *from, const void *bytes,
                          size_t size);
// Everything that is on the wire arrives, and is answered to the wire.
void dtls_rig_deliver(struct dtls_rig *rig);
// A millisecond later both sides go on with what they have.
void dtls_rig_advance(struct dtls_rig *rig);
// Both of these until the client is up, or until nothing more comes of it.
struct dtls_client *dtls_rig_connect(struct dtls_rig *rig, const struct net_addr *addr);
void dtls_rig_settle(struct dtls_rig *rig);
// Seals it and puts it on the wire; to the server, or to the client.
struct dtls_datagram *dtls_rig_send(struct dtls_client *client, const void *data, size_t size);
struct dtls_datagram *dtls_rig_reply(struct dtls_client *client, const void *data, size_t size);

#endif
