// SPDX-License-Identifier: MIT
// The client library on a stage: a scripted server and a simulated network in virtual time.
//
// The server is small and exact: it welcomes, answers pings, sends deltas against what was
// acknowledged and timing messages, and notes for each tick whether its input came in time. Values
// of snapshots follow from their tick, so that the client's side can check every one.

#ifndef TESTS_SUPPORT_CLIENT_STAGE_H
#define TESTS_SUPPORT_CLIENT_STAGE_H

#include "net/client.h"
#include "net/transport.h"

#define STAGE_RATE           60
#define STAGE_FRAME_NS       (4 * CLOCK_NS_PER_MS) // of the client
#define STAGE_SNAPSHOT_TICKS 3
#define STAGE_SLOT           2
#define STAGE_SLOTS          4
#define STAGE_VALUES         3
#define STAGE_INPUT_BYTES    4
#define STAGE_TICKS_MAX      8192
#define STAGE_RING           64

// What the client heard.
struct client_stage_heard {
    unsigned welcomes, rosters, phases, snapshots, results, closes;
    uint16_t code;
    char reason[LIMIT_CLOSE_REASON_BYTES + 1];
    uint32_t tick;
    bool values_wrong;
    uint8_t leave_in; // message type in whose callback the client is disconnected; 0: none
};

struct client_stage {
    struct clock clock;
    struct loop *loop;
    struct config *config;
    struct counters *counters;
    struct net_hub hub;
    struct net_acceptor acceptor;
    struct net_msg_decoder *decoder;
    struct net_client_host *host;
    struct net_client *client;
    struct client_stage_heard heard;
    bool frozen; // the client's program hangs: no polls

    // The server.
    struct net_link *link;
    uint32_t tick;
    uint64_t next_tick_ns;
    bool silent; // answers nothing by itself
    bool snapshots_on;
    uint32_t race_tick; // inputs are wanted from here on; 0 = no race
    uint32_t ack_tick;
    uint32_t ring[STAGE_RING];
    unsigned ring_next;
    bool hello_seen, bye_seen;
    char hello_text[3][128];
    unsigned messages, inputs_empty;
    uint16_t closed_code;
    uint8_t arrived[STAGE_TICKS_MAX]; // by tick: 1 = in time, 2 = late
    int32_t margin_ticks;
    bool margin_known;
    uint32_t late, late_total;
    int32_t margin_least, margin_most; // over what the test looks at
};

// For cmocka; *state is the stage.
int client_stage_setup(void **state);
int client_stage_teardown(void **state);

// Connects with token "secret", session "room" and name "test/1".
void client_stage_connect(struct client_stage *stage, const char *url);
// Turns client and server for so long.
void client_stage_run(struct client_stage *stage, uint64_t duration_ns);
// Connects and waits until the client is welcomed.
void client_stage_join(struct client_stage *stage, const char *url);
// Counts down a second, and then races.
void client_stage_begin_race(struct client_stage *stage);
// Ticks from..to - 1 whose input did not come in time.
unsigned client_stage_missing(const struct client_stage *stage, uint32_t from, uint32_t to);
struct net_client_stats client_stage_stats(const struct client_stage *stage);
extern const struct net_client_callbacks client_stage_callbacks;

// What the server says.
void client_stage_send(struct client_stage *stage, const struct net_msg *msg,
                       enum net_delivery delivery);
void client_stage_send_bytes(struct client_stage *stage, const void *bytes, size_t size);
void client_stage_send_snapshot(struct client_stage *stage);
struct net_msg client_stage_welcome(const struct client_stage *stage);
struct net_msg client_stage_phase(enum net_phase phase, uint32_t tick, uint32_t ends_tick);

#endif
