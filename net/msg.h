// SPDX-License-Identifier: MIT
// The messages of the protocol: checked decoding and encoding, both sides.
//
// On the wire a message is one msgpack array [id, field, ...] with the fields in the order of the
// structs below. net/README.md is the normative description; this header mirrors it. Decoding
// pre-scans the bytes (net/wire.h) before msgpack-c sees them, checks type, size, range and count
// of every field, and yields spans into the caller's bytes. Encoding of our own messages asserts.

#ifndef NET_MSG_H
#define NET_MSG_H

#include "config/base/bytes.h"
#include "config/limits.h"

#define NET_PROTOCOL_VERSION 1

enum net_msg_type {
#define MESSAGE(constant, id, name, direction, max_bytes, states) NET_MSG_##constant = (id),
#include "net/messages.def"
#undef MESSAGE
};

// Bits for the `states` column.
enum net_msg_states {
    NET_STATE_NONE = 0,
    NET_STATE_HELLO = 1,
    NET_STATE_WAIT = 2,
    NET_STATE_PLAY = 4,
};

// ---- client to server

struct net_msg_hello {
    uint32_t version;          // NET_PROTOCOL_VERSION
    struct bytes_span token;   // bin: the connection token's bytes as they are, 0..512
    struct bytes_span session; // str, UTF-8, 0..64: a name to join or make, empty = quick-join
    struct bytes_span client;  // str, UTF-8, 0..64: name and version of the client, for the log
};

struct net_msg_input {
    uint32_t ack_tick;        // newest snapshot that the client has applied, 0 = none
    uint32_t first_tick;      // server tick of the oldest input in the message
    struct bytes_span inputs; // bin: count * input_bytes, oldest first, one per tick, 0..64
};

struct net_msg_ping {
    uint32_t stamp; // any value; comes back in pong
};

// ---- server to client

struct net_msg_welcome {
    uint32_t version;
    struct bytes_span session_name; // str
    struct bytes_span session_id;   // str, UUID text
    uint32_t slot;                  // this player's seat, 0..63
    uint32_t slots;                 // seats in the session
    uint32_t tick_rate, snapshot_rate;
    uint32_t tick;          // server tick when this was sent
    struct bytes_span game; // str: name of the simulation, "race"
    uint32_t input_bytes;   // size of one tick's input
    uint32_t entity_values; // int32 values per entity in a snapshot
    bool resumed;           // true: back in a seat that was kept
};

struct net_msg_roster_entry {
    uint32_t slot;
    bool connected;
    struct bytes_span name; // str, UTF-8, 0..64: display name; never the player id
    bool spectator;         // watches, has no kart in the next race
    uint32_t kart;          // 0..255: which kart he is shown with; all drive alike
};

struct net_msg_roster {
    uint32_t count;
    struct net_msg_roster_entry entries[LIMIT_PLAYERS_PER_SESSION];
};

enum net_phase {
    NET_PHASE_LOBBY,
    NET_PHASE_COUNTDOWN,
    NET_PHASE_RACING,
    NET_PHASE_FINISHED,
};

struct net_msg_phase {
    uint32_t phase;            // enum net_phase
    uint32_t tick;             // server tick at which it began
    uint32_t ends_tick;        // when it ends at the latest; 0 = open
    struct bytes_span race_id; // str, UUID text; empty in the lobby
    struct bytes_span map;     // str: track name; empty in the lobby
    // bin, <= 4096: the simulation's description of the map. Sent in COUNTDOWN, and to whoever sits
    // down later in the phase that is on; else empty.
    struct bytes_span map_data;
    uint32_t entity_of_slot[LIMIT_PLAYERS_PER_SESSION]; // 0xff = does not take part
    uint32_t slots;                                     // how many of entity_of_slot count
};

struct net_msg_snapshot {
    uint32_t tick;
    uint32_t baseline_tick;  // 0 = full (against all zeroes)
    uint32_t checksum;       // net_delta_checksum of the reconstructed values
    uint32_t entities;       // entities in this snapshot
    struct bytes_span delta; // bin, see net/delta.h
};

struct net_msg_timing {
    uint32_t tick;     // the newest tick for which an input of this player has come
    int32_t margin_ms; // least lead of his inputs since the last timing message; < 0: late
    uint32_t late;     // inputs dropped as late since the last one
};

struct net_msg_result_entry {
    uint32_t slot;
    uint32_t place;           // 1.., 0 = did not finish
    uint32_t time_ms;         // 0 when DNF
    struct bytes_span reason; // str: "" or why there is no time ("time_limit", "left")
};

struct net_msg_result {
    struct bytes_span race_id; // str
    bool final;                // true: committed to disk, will reach the backend
    uint32_t count;
    struct net_msg_result_entry entries[LIMIT_PLAYERS_PER_SESSION];
};

struct net_msg_pong {
    uint32_t stamp;
    uint32_t tick;
};

struct net_msg_closing {
    uint32_t code;
    struct bytes_span reason; // str
};

struct net_msg {
    enum net_msg_type type;
    union {
        struct net_msg_hello hello;
        struct net_msg_input input;
        struct net_msg_ping ping;
        struct net_msg_welcome welcome;
        struct net_msg_roster roster;
        struct net_msg_phase phase;
        struct net_msg_snapshot snapshot;
        struct net_msg_timing timing;
        struct net_msg_result result;
        struct net_msg_pong pong;
        struct net_msg_closing closing;
    };
};

enum net_direction {
    NET_UP,
    NET_DOWN,
};

enum net_msg_verdict {
    NET_MSG_OK,
    NET_MSG_UNKNOWN_TYPE,
    NET_MSG_WRONG_DIRECTION,
    NET_MSG_WRONG_STATE,
    NET_MSG_TOO_BIG,
    NET_MSG_MALFORMED,  // not msgpack, or outside the pre-scan's bounds
    NET_MSG_BAD_FIELDS, // wrong count, type, range or UTF-8
};
const char *net_msg_verdict_name(enum net_msg_verdict verdict);
const char *net_msg_name(enum net_msg_type type);

// Scratch memory for decoding (one msgpack zone that is reused): one per thread of use.
struct net_msg_decoder;
struct net_msg_decoder *net_msg_decoder_create(void) BASE_MUST_USE;
void net_msg_decoder_destroy(struct net_msg_decoder *decoder);

// Cheapest check first: type -> direction -> size -> state -> structure -> fields. `state` is a bit
// of enum net_msg_states (ignored for NET_DOWN). On NET_MSG_OK *msg holds spans into `bytes`.
enum net_msg_verdict net_msg_decode(struct net_msg_decoder *decoder, struct bytes_span bytes,
                                    enum net_direction direction, unsigned state,
                                    struct net_msg *msg) BASE_MUST_USE;
// Appends msg's bytes to out. Asserts that our own fields are in range; false only when `out` is
// full (its limit is smaller than the message's max_bytes).
bool net_msg_encode(struct bytes_buf *out, const struct net_msg *msg) BASE_MUST_USE;

#endif
