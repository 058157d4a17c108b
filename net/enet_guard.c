// SPDX-License-Identifier: MIT
// The rules of enet_guard.h, cheapest first.
//
// A datagram: u16 peer id with two bits of session and two flags, u16 time if flagged, then
// commands. A command: u8 kind with two flags, u8 channel, u16 reliable sequence number, then what
// its kind has, then data bytes for those that carry any. Big-endian. Offsets below are from the
// command.

#include "net/enet_guard.h"

#include <assert.h>

#define FLAG_TIME        0x8000
#define FLAG_COMPRESSED  0x4000
#define FLAG_ACK         0x80
#define FLAG_UNSEQUENCED 0x40
#define KIND_MASK        0x0f
#define CONTROL          0xff // the channel of what is not a message

#define COMMANDS_MAX     32 // ENET_PROTOCOL_MAXIMUM_PACKET_COMMANDS
#define HEAD_BYTES       4
#define FRAGMENT_BYTES   24
#define THROTTLE_SCALE   32 // ENET_PEER_PACKET_THROTTLE_SCALE
#define THROTTLE_MS_MIN  1000
#define THROTTLE_MS_MAX  60000

enum kind {
    ACKNOWLEDGE = 1,
    CONNECT,
    VERIFY_CONNECT,
    DISCONNECT,
    PING,
    RELIABLE,
    UNRELIABLE,
    FRAGMENT,
    UNSEQUENCED,
    BANDWIDTH_LIMIT,
    THROTTLE_CONFIGURE,
    UNRELIABLE_FRAGMENT,
    KINDS,
};

static const uint8_t command_bytes[KINDS] = {
    [ACKNOWLEDGE] = 8,
    [CONNECT] = 48,
    [VERIFY_CONNECT] = 44,
    [DISCONNECT] = 8,
    [PING] = 4,
    [RELIABLE] = 6,
    [UNRELIABLE] = 8,
    [FRAGMENT] = FRAGMENT_BYTES,
    [UNSEQUENCED] = 8,
    [BANDWIDTH_LIMIT] = 12,
    [THROTTLE_CONFIGURE] = 16,
    [UNRELIABLE_FRAGMENT] = FRAGMENT_BYTES,
};

struct check {
    const struct net_enet_guard_rules *rules;
    const struct net_enet_guard_peer *peer;
    uint8_t *command; // the present one
    size_t left;      // bytes from there to the end of the datagram
    size_t data;      // bytes of data that follow it
    bool timed;
    bool goodbye; // the disconnect command was there
};

bool net_enet_guard_head(struct bytes_span datagram, struct net_enet_guard_head *head)
{
    if (datagram.size < HEAD_BYTES) {
        return false;
    }
    uint16_t first = bytes_get_u16(datagram.data);
    head->peer = first & NET_ENET_NOBODY;
    head->session = (first >> 12) & 3;
    head->size = first & FLAG_TIME ? 4 : 2;
    return !(first & FLAG_COMPRESSED) && datagram.size > head->size;
}

static void limit_u32(uint8_t *at, uint32_t min, uint32_t max)
{
    uint32_t value = bytes_get_u32(at);
    bytes_put_u32(at, value < min ? min : value > max ? max : value);
}

enum net_udp_drop net_enet_guard_connect(const struct net_enet_guard_rules *rules,
                                         uint8_t *datagram, size_t size)
{
    uint8_t *command = datagram + HEAD_BYTES;
    if (size != NET_ENET_CONNECT_BYTES || !(bytes_get_u16(datagram) & FLAG_TIME) ||
        command[0] != (CONNECT | FLAG_ACK) || command[1] != CONTROL) {
        return NET_UDP_CONNECT;
    }
    uint32_t channels = bytes_get_u32(command + 16);
    if (channels < 1 || channels > 255) {
        return NET_UDP_CONNECT;
    }
    limit_u32(command + 8, 0, rules->mtu_max);
    return NET_UDP_KEPT;
}

// ---- commands that carry data

static bool has_data(const struct check *check, size_t command_size, size_t *data)
{
    // The last two bytes of each of these commands, but for fragments, say how much.
    enum kind kind = check->command[0] & KIND_MASK;
    *data = bytes_get_u16(check->command + (kind == FRAGMENT ? 6 : command_size - 2));
    return *data > 0 && *data <= check->left - command_size;
}

static bool is_reliable(const struct check *check)
{
    return (check->command[0] & FLAG_ACK) && check->timed;
}

// `sequence` relative to the last reliable one in order: beyond 0 it is new.
static int ahead(const struct check *check, uint16_t sequence)
{
    return (int16_t)(uint16_t)(sequence - check->peer->taken_reliable[check->command[1]]);
}

// What comes too far ahead makes ENet keep it; what fills a gap may always come.
static enum net_udp_drop check_sequence(const struct check *check, uint16_t sequence, bool fills)
{
    int distance = ahead(check, sequence);
    if (distance > check->rules->ahead_max) {
        return NET_UDP_WINDOW;
    }
    bool kept = distance > (fills ? 1 : 0);
    return kept && check->peer->waiting_full ? NET_UDP_WAITING : NET_UDP_KEPT;
}

static enum net_udp_drop check_reliable(struct check *check)
{
    if (!is_reliable(check)) {
        return NET_UDP_COMMAND;
    }
    return check_sequence(check, bytes_get_u16(check->command + 2), true);
}

// An unreliable message waits for the reliable one that was sent before it.
static enum net_udp_drop check_unreliable(struct check *check)
{
    return check_sequence(check, bytes_get_u16(check->command + 2), false);
}

// ENet cuts a message into pieces of the same size, as large as the agreed MTU lets them be, and
// numbers them one after the other. So each piece's place follows from its number, and together
// they cover the message without a hole.
static enum net_udp_drop check_fragment(struct check *check)
{
    const uint8_t *command = check->command;
    uint16_t sequence = bytes_get_u16(command + 2);
    uint16_t start = bytes_get_u16(command + 4);
    uint32_t count = bytes_get_u32(command + 8);
    uint32_t number = bytes_get_u32(command + 12);
    uint32_t total = bytes_get_u32(command + 16);
    uint32_t offset = bytes_get_u32(command + 20);
    uint32_t piece = check->peer->mtu - HEAD_BYTES - FRAGMENT_BYTES;
    if (!is_reliable(check)) {
        return NET_UDP_COMMAND;
    }
    if (total > check->rules->message_max || total <= piece || number >= count ||
        count != (total + piece - 1) / piece) {
        return NET_UDP_FRAGMENT;
    }
    uint32_t expected = number + 1 < count ? piece : total - number * piece;
    if (offset != number * piece || check->data != expected ||
        (uint16_t)(sequence - start) != number) {
        return NET_UDP_FRAGMENT;
    }
    enum net_udp_drop reason = check_sequence(check, sequence, true);
    // Pieces of the message that is due fill the gap, whichever comes first.
    bool due = ahead(check, start) == 1;
    return reason == NET_UDP_WAITING && due ? NET_UDP_KEPT : reason;
}

static enum net_udp_drop check_message(struct check *check)
{
    enum kind kind = check->command[0] & KIND_MASK;
    if (kind == UNRELIABLE_FRAGMENT) {
        return NET_UDP_UNRELIABLE_FRAGMENT;
    }
    if (!has_data(check, command_bytes[kind], &check->data)) {
        return NET_UDP_NO_DATA;
    }
    if (check->command[1] >= check->peer->channels) {
        return NET_UDP_CHANNEL;
    }
    switch (kind) {
    case RELIABLE:
        return check_reliable(check);
    case UNRELIABLE:
        return check_unreliable(check);
    case FRAGMENT:
        return check_fragment(check);
    default: // an unsequenced one is handed on at once or dropped
        return NET_UDP_KEPT;
    }
}

// ---- all commands

static enum net_udp_drop check_control(struct check *check)
{
    uint8_t *command = check->command;
    switch (command[0] & KIND_MASK) {
    case ACKNOWLEDGE:
        return command[1] < check->peer->channels || command[1] == CONTROL ? NET_UDP_KEPT
                                                                           : NET_UDP_CHANNEL;
    case VERIFY_CONNECT:
        return check->rules->listens || !is_reliable(check) ? NET_UDP_COMMAND : NET_UDP_KEPT;
    case DISCONNECT:
        check->goodbye = true;
        return NET_UDP_KEPT;
    case PING:
    case BANDWIDTH_LIMIT:
        return is_reliable(check) ? NET_UDP_KEPT : NET_UDP_COMMAND;
    case THROTTLE_CONFIGURE:
        limit_u32(command + 4, THROTTLE_MS_MIN, THROTTLE_MS_MAX);
        limit_u32(command + 8, 0, THROTTLE_SCALE);
        limit_u32(command + 12, 0, THROTTLE_SCALE);
        return is_reliable(check) ? NET_UDP_KEPT : NET_UDP_COMMAND;
    default:
        return NET_UDP_COMMAND; // CONNECT is addressed to nobody
    }
}

static enum net_udp_drop check_command(struct check *check)
{
    unsigned kind = check->command[0] & KIND_MASK;
    if (check->left < 4 || kind == 0 || kind >= KINDS || check->left < command_bytes[kind]) {
        return NET_UDP_COMMAND;
    }
    check->data = 0;
    bool message = (kind >= RELIABLE && kind <= UNSEQUENCED) || kind == UNRELIABLE_FRAGMENT;
    return message ? check_message(check) : check_control(check);
}

enum net_udp_drop net_enet_guard_check(const struct net_enet_guard_rules *rules,
                                       const struct net_enet_guard_peer *peer, uint8_t *datagram,
                                       size_t size, size_t *goodbye)
{
    struct net_enet_guard_head head;
    assert(peer->channels <= NET_ENET_CHANNELS);
    if (!net_enet_guard_head(bytes_of(datagram, size), &head)) {
        return NET_UDP_HEADER;
    }
    struct check check = {
        .rules = rules,
        .peer = peer,
        .command = datagram + head.size,
        .left = size - head.size,
        .timed = head.size == 4,
    };
    unsigned commands = 0;
    *goodbye = 0;
    while (check.left > 0) {
        if (++commands > COMMANDS_MAX) {
            return NET_UDP_COMMANDS_MANY;
        }
        enum net_udp_drop reason = check_command(&check);
        if (reason != NET_UDP_KEPT) {
            return reason;
        }
        if (check.goodbye && *goodbye == 0) {
            *goodbye = (size_t)(check.command - datagram);
        }
        size_t used = command_bytes[check.command[0] & KIND_MASK] + check.data;
        check.command += used;
        check.left -= used;
    }
    return NET_UDP_KEPT;
}
