// SPDX-License-Identifier: MIT
// The schema of every message, read once by the decoder and once by the encoder.
//
// One function per message lists its fields in order with their ranges; net/wire.c runs it in
// either direction, so the two can never disagree. What the fields mean is in README.md.

#include "net/msg.h"

#include <assert.h>
#include <stdlib.h>

#include "net/wire.h"

#define VERSION_MAX        UINT32_MAX
#define TICK_MAX           UINT32_MAX
#define RATE_MAX           255
#define SLOT_MAX           (LIMIT_PLAYERS_PER_SESSION - 1)
#define KART_MAX           255
#define NO_ENTITY          0xff
#define NAME_BYTES_MAX     64
#define UUID_BYTES_MAX     36
#define REASON_BYTES_MAX   32
#define MAP_DATA_BYTES_MAX 4096
#define TOKEN_BYTES_MAX    512 // longer than a valid one, so that admission can say what is wrong
#define DELTA_BYTES_MAX    (LIMIT_MESSAGE_BYTES - 32)
#define CLOSE_CODE_MIN     1000
#define CLOSE_CODE_MAX     4999

// ---- client to server

static void hello(struct net_wire *wire, struct net_msg *msg)
{
    struct net_msg_hello *m = &msg->hello;
    net_wire_u32(wire, &m->version, 0, VERSION_MAX);
    // Other versions may go on differently; they are to hear of it, not to be malformed.
    if (wire->ok && m->version != NET_PROTOCOL_VERSION) {
        net_wire_skip_rest(wire);
        return;
    }
    net_wire_bin(wire, &m->token, 0, TOKEN_BYTES_MAX);
    net_wire_text(wire, &m->session, LIMIT_SESSION_NAME_BYTES);
    net_wire_text(wire, &m->client, NAME_BYTES_MAX);
}

static void input(struct net_wire *wire, struct net_msg *msg)
{
    struct net_msg_input *m = &msg->input;
    net_wire_u32(wire, &m->ack_tick, 0, TICK_MAX);
    net_wire_u32(wire, &m->first_tick, 0, TICK_MAX);
    net_wire_bin(wire, &m->inputs, 0, LIMIT_INPUTS_PER_MESSAGE * LIMIT_INPUT_BYTES);
}

static void ping(struct net_wire *wire, struct net_msg *msg)
{
    net_wire_u32(wire, &msg->ping.stamp, 0, UINT32_MAX);
}

static void bye(struct net_wire *wire, struct net_msg *msg)
{
    (void)wire;
    (void)msg;
}

// ---- server to client

static void welcome(struct net_wire *wire, struct net_msg *msg)
{
    struct net_msg_welcome *m = &msg->welcome;
    net_wire_u32(wire, &m->version, 0, VERSION_MAX);
    net_wire_text(wire, &m->session_name, LIMIT_SESSION_NAME_BYTES);
    net_wire_text(wire, &m->session_id, UUID_BYTES_MAX);
    net_wire_u32(wire, &m->slot, 0, SLOT_MAX);
    net_wire_u32(wire, &m->slots, 1, LIMIT_PLAYERS_PER_SESSION);
    net_wire_u32(wire, &m->tick_rate, 1, RATE_MAX);
    net_wire_u32(wire, &m->snapshot_rate, 1, RATE_MAX);
    net_wire_u32(wire, &m->tick, 0, TICK_MAX);
    net_wire_text(wire, &m->game, NAME_BYTES_MAX);
    net_wire_u32(wire, &m->input_bytes, 1, LIMIT_INPUT_BYTES);
    net_wire_u32(wire, &m->entity_values, 1, LIMIT_SNAPSHOT_VALUES);
    net_wire_bool(wire, &m->resumed);
}

static void roster(struct net_wire *wire, struct net_msg *msg)
{
    struct net_msg_roster *m = &msg->roster;
    net_wire_list(wire, &m->count, LIMIT_PLAYERS_PER_SESSION);
    for (uint32_t i = 0; wire->ok && i < m->count; i++) {
        struct net_msg_roster_entry *entry = &m->entries[i];
        net_wire_group(wire, 5);
        net_wire_u32(wire, &entry->slot, 0, SLOT_MAX);
        net_wire_bool(wire, &entry->connected);
        net_wire_text(wire, &entry->name, NAME_BYTES_MAX);
        net_wire_bool(wire, &entry->spectator);
        net_wire_u32(wire, &entry->kart, 0, KART_MAX);
        net_wire_leave(wire);
    }
    net_wire_leave(wire);
}

static void phase(struct net_wire *wire, struct net_msg *msg)
{
    struct net_msg_phase *m = &msg->phase;
    net_wire_u32(wire, &m->phase, NET_PHASE_LOBBY, NET_PHASE_FINISHED);
    net_wire_u32(wire, &m->tick, 0, TICK_MAX);
    net_wire_u32(wire, &m->ends_tick, 0, TICK_MAX);
    net_wire_text(wire, &m->race_id, UUID_BYTES_MAX);
    net_wire_text(wire, &m->map, NAME_BYTES_MAX);
    net_wire_bin(wire, &m->map_data, 0, MAP_DATA_BYTES_MAX);
    net_wire_list(wire, &m->slots, LIMIT_PLAYERS_PER_SESSION);
    for (uint32_t i = 0; wire->ok && i < m->slots; i++) {
        net_wire_u32(wire, &m->entity_of_slot[i], 0, NO_ENTITY);
    }
    net_wire_leave(wire);
}

static void snapshot(struct net_wire *wire, struct net_msg *msg)
{
    struct net_msg_snapshot *m = &msg->snapshot;
    net_wire_u32(wire, &m->tick, 0, TICK_MAX);
    net_wire_u32(wire, &m->baseline_tick, 0, TICK_MAX);
    net_wire_u32(wire, &m->checksum, 0, UINT32_MAX);
    net_wire_u32(wire, &m->entities, 0, LIMIT_PLAYERS_PER_SESSION);
    net_wire_bin(wire, &m->delta, 0, DELTA_BYTES_MAX);
}

static void timing(struct net_wire *wire, struct net_msg *msg)
{
    struct net_msg_timing *m = &msg->timing;
    net_wire_u32(wire, &m->tick, 0, TICK_MAX);
    net_wire_i32(wire, &m->margin_ms);
    net_wire_u32(wire, &m->late, 0, UINT32_MAX);
}

static void result(struct net_wire *wire, struct net_msg *msg)
{
    struct net_msg_result *m = &msg->result;
    net_wire_text(wire, &m->race_id, UUID_BYTES_MAX);
    net_wire_bool(wire, &m->final);
    net_wire_list(wire, &m->count, LIMIT_PLAYERS_PER_SESSION);
    for (uint32_t i = 0; wire->ok && i < m->count; i++) {
        struct net_msg_result_entry *entry = &m->entries[i];
        net_wire_group(wire, 4);
        net_wire_u32(wire, &entry->slot, 0, SLOT_MAX);
        net_wire_u32(wire, &entry->place, 0, LIMIT_PLAYERS_PER_SESSION);
        net_wire_u32(wire, &entry->time_ms, 0, UINT32_MAX);
        net_wire_text(wire, &entry->reason, REASON_BYTES_MAX);
        net_wire_leave(wire);
    }
    net_wire_leave(wire);
}

static void pong(struct net_wire *wire, struct net_msg *msg)
{
    net_wire_u32(wire, &msg->pong.stamp, 0, UINT32_MAX);
    net_wire_u32(wire, &msg->pong.tick, 0, TICK_MAX);
}

static void closing(struct net_wire *wire, struct net_msg *msg)
{
    net_wire_u32(wire, &msg->closing.code, CLOSE_CODE_MIN, CLOSE_CODE_MAX);
    net_wire_text(wire, &msg->closing.reason, LIMIT_CLOSE_REASON_BYTES);
}

// ---- the table

struct row {
    enum net_msg_type type;
    const char *name;
    enum net_direction direction;
    size_t max_bytes;
    unsigned states;
    void (*fields)(struct net_wire *wire, struct net_msg *msg);
};

#define UP    NET_UP
#define DOWN  NET_DOWN
#define NONE  NET_STATE_NONE
#define HELLO NET_STATE_HELLO
#define WAIT  NET_STATE_WAIT
#define PLAY  NET_STATE_PLAY
static const struct row rows[] = {
#define MESSAGE(constant, id, name, direction, max_bytes, states)                                  \
    {(id), #name, (direction), (max_bytes), (states), name},
#include "net/messages.def"
#undef MESSAGE
};
#undef UP
#undef DOWN
#undef NONE
#undef HELLO
#undef WAIT
#undef PLAY

#define MESSAGE(constant, id, name, direction, max_bytes, states)                                  \
    _Static_assert((max_bytes) <= LIMIT_MESSAGE_BYTES, #name ": no transport carries more");
#include "net/messages.def"
#undef MESSAGE

static const struct row *find(uint32_t type)
{
    for (size_t i = 0; i < BASE_COUNT(rows); i++) {
        if ((uint32_t)rows[i].type == type) {
            return &rows[i];
        }
    }
    return NULL;
}

const char *net_msg_name(enum net_msg_type type)
{
    const struct row *row = find(type);
    return row ? row->name : "unknown";
}

const char *net_msg_verdict_name(enum net_msg_verdict verdict)
{
    static const char *const names[] = {
        [NET_MSG_OK] = "ok",
        [NET_MSG_UNKNOWN_TYPE] = "unknown_type",
        [NET_MSG_WRONG_DIRECTION] = "wrong_direction",
        [NET_MSG_WRONG_STATE] = "wrong_state",
        [NET_MSG_TOO_BIG] = "too_big",
        [NET_MSG_MALFORMED] = "malformed",
        [NET_MSG_BAD_FIELDS] = "bad_fields",
    };
    assert((size_t)verdict < BASE_COUNT(names));
    return names[verdict];
}

// ---- decoding

struct net_msg_decoder {
    struct net_wire_zone *zone;
};

struct net_msg_decoder *net_msg_decoder_create(void)
{
    struct net_msg_decoder *decoder = malloc(sizeof(*decoder));
    if (!decoder) {
        return NULL;
    }
    decoder->zone = net_wire_zone_create();
    if (!decoder->zone) {
        free(decoder);
        return NULL;
    }
    return decoder;
}

void net_msg_decoder_destroy(struct net_msg_decoder *decoder)
{
    if (decoder) {
        net_wire_zone_destroy(decoder->zone);
        free(decoder);
    }
}

enum net_msg_verdict net_msg_decode(struct net_msg_decoder *decoder, struct bytes_span bytes,
                                    enum net_direction direction, unsigned state,
                                    struct net_msg *msg)
{
    uint32_t type;
    if (!net_wire_peek_type(bytes, &type)) {
        return NET_MSG_MALFORMED;
    }
    const struct row *row = find(type);
    if (!row) {
        return NET_MSG_UNKNOWN_TYPE;
    }
    if (row->direction != direction) {
        return NET_MSG_WRONG_DIRECTION;
    }
    if (bytes.size > row->max_bytes) {
        return NET_MSG_TOO_BIG;
    }
    if (direction == NET_UP && !(row->states & state)) {
        return NET_MSG_WRONG_STATE;
    }
    struct net_wire wire;
    if (!net_wire_read(&wire, decoder->zone, bytes)) {
        return NET_MSG_MALFORMED;
    }
    msg->type = row->type;
    net_wire_u32(&wire, &type, type, type);
    row->fields(&wire, msg);
    return net_wire_end(&wire) ? NET_MSG_OK : NET_MSG_BAD_FIELDS;
}

// ---- encoding

bool net_msg_encode(struct bytes_buf *out, const struct net_msg *msg)
{
    const struct row *row = find(msg->type);
    assert(row);
    // Writing stores nothing through its pointers (net/wire.h), reading does: one schema for both.
    union {
        const struct net_msg *given;
        struct net_msg *schema;
    } fields = {.given = msg};
    uint32_t type = msg->type;
    size_t start = out->size;
    struct net_wire wire;
    net_wire_write(&wire, out);
    net_wire_u32(&wire, &type, type, type);
    row->fields(&wire, fields.schema);
    assert(out->size - start <= row->max_bytes);
    return net_wire_end(&wire);
}
