// SPDX-License-Identifier: MIT
// What every transport must do, as one group of tests that each transport's own test file runs.

#ifndef TESTS_SUPPORT_TRANSPORT_SUITE_H
#define TESTS_SUPPORT_TRANSPORT_SUITE_H

#include "net/transport.h"

struct transport_suite {
    const char *name;       // of the group in the output
    const char *listen_url; // "tcp://127.0.0.1:0"
    const char *dial_url;   // NULL: the URL that the listener says it is bound to
    bool virtual_time;
    bool one_hub;     // server and client meet inside one hub (memory)
    bool opens_early; // the kernel answers a dial before the server is asked (tcp)
    bool stream;      // unreliable means newest wins: a backlog is replaced, not sent
    bool foresees;    // messages are announced by the handler's fetch
    // Called after both hubs are made and before anything listens: certificates, trust. May be
    // NULL; `finish` undoes it after the hubs are finished.
    void (*prepare)(struct net_hub *server, struct net_hub *client);
    void (*finish)(struct net_hub *server, struct net_hub *client);
    // Makes the client's side of a link disappear without a word. NULL: its hub is finished.
    void (*vanish)(struct net_link *client);
    unsigned vanish_ms;   // until the server may notice, beside the patience of all tests
    uint16_t vanish_code; // what it takes it for; 0: lost
};

// For `prepare` and `finish`: the certificate of --dev, which clients do not check.
void transport_suite_make_certificate(struct net_hub *server, struct net_hub *client);
void transport_suite_drop_certificate(struct net_hub *server, struct net_hub *client);

// Runs the group; the number of failed tests, for main().
int transport_suite_run(const struct transport_suite *suite);

#endif
