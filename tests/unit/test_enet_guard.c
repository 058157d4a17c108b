// SPDX-License-Identifier: MIT
// The guard's rules, each at its edge: a valid datagram, one thing broken, one reason. What honest
// ENet hosts say to each other is in test_enet_host.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/limits.h"
#include "net/enet_guard.h"
#include "net/enet_socket.h"

#define MTU   1200u
#define PIECE (MTU - 28)
#define TAKEN 1000 // the last reliable sequence number in order on channel 0

static const struct net_enet_guard_rules rules = {
    .message_max = LIMIT_MESSAGE_BYTES,
    .mtu_max = NET_ENET_MTU,
    .ahead_max = 256,
    .listens = true,
};

static const struct net_enet_guard_peer peer = {
    .mtu = MTU,
    .channels = 2,
    .taken_reliable = {TAKEN, 0xfffe},
};

// A datagram under construction.
struct datagram {
    uint8_t bytes[4096];
    size_t size;
    uint8_t *last; // command
};

static void begin(struct datagram *datagram, bool timed)
{
    bytes_put_u16(datagram->bytes, timed ? 0x8003 : 0x0003);
    bytes_put_u16(datagram->bytes + 2, 12345);
    datagram->size = timed ? 4 : 2;
}

static uint8_t *add(struct datagram *datagram, uint8_t kind, uint8_t channel, uint16_t sequence,
                    size_t size)
{
    uint8_t *command = datagram->bytes + datagram->size;
    assert_true(datagram->size + size <= sizeof(datagram->bytes));
    memset(command, 0, size);
    command[0] = kind;
    command[1] = channel;
    bytes_put_u16(command + 2, sequence);
    datagram->size += size;
    datagram->last = command;
    return command;
}

static void add_reliable(struct datagram *datagram, uint16_t sequence, uint16_t data)
{
    uint8_t *command = add(datagram, 0x86, 0, sequence, 6u + data);
    bytes_put_u16(command + 4, data);
}

static void add_unreliable(struct datagram *datagram, uint8_t channel, uint16_t sequence,
                           uint16_t data)
{
    uint8_t *command = add(datagram, 0x07, channel, sequence, 8u + data);
    bytes_put_u16(command + 6, data);
}

// Piece `number` of a message of `total` bytes that begins with sequence number `start`.
static void add_fragment(struct datagram *datagram, uint16_t start, uint32_t number, uint32_t total)
{
    uint32_t count = (total + PIECE - 1) / PIECE;
    uint32_t data = number + 1 < count ? PIECE : total - number * PIECE;
    uint8_t *command = add(datagram, 0x88, 0, (uint16_t)(start + number), 24 + data);
    bytes_put_u16(command + 4, start);
    bytes_put_u16(command + 6, (uint16_t)data);
    bytes_put_u32(command + 8, count);
    bytes_put_u32(command + 12, number);
    bytes_put_u32(command + 16, total);
    bytes_put_u32(command + 20, number * PIECE);
}

static enum net_udp_drop check_as(struct datagram *datagram, const struct net_enet_guard_peer *as)
{
    size_t goodbye;
    return net_enet_guard_check(&rules, as, datagram->bytes, datagram->size, &goodbye);
}

static enum net_udp_drop check(struct datagram *datagram)
{
    return check_as(datagram, &peer);
}

#define ASSERT_CHECK(datagram, reason) assert_int_equal(check(datagram), NET_UDP_##reason)

// ---- the header

static void a_header_without_a_command_is_dropped(void **state)
{
    (void)state;
    struct net_enet_guard_head head;
    const uint8_t bytes[] = {0x80, 0x03, 0, 0, 0x85};
    assert_false(net_enet_guard_head(bytes_of(bytes, 3), &head));
    assert_false(net_enet_guard_head(bytes_of(bytes, 4), &head));
    assert_true(net_enet_guard_head(bytes_of(bytes, 5), &head));
    const uint8_t untimed[] = {0x00, 0x03, 0x01, 0};
    assert_true(net_enet_guard_head(bytes_of(untimed, 4), &head));
}

static void the_header_is_read(void **state)
{
    (void)state;
    struct net_enet_guard_head head;
    const uint8_t bytes[] = {0xae, 0x57, 0, 0, 1};
    assert_true(net_enet_guard_head(bytes_of(bytes, sizeof(bytes)), &head));
    assert_int_equal(head.peer, 0xe57);
    assert_int_equal(head.session, 2);
    assert_int_equal(head.size, 4);
}

static void compressed_datagrams_are_dropped(void **state)
{
    (void)state;
    struct net_enet_guard_head head;
    const uint8_t bytes[] = {0xc0, 0x03, 0, 0, 1};
    assert_false(net_enet_guard_head(bytes_of(bytes, sizeof(bytes)), &head));
}

// ---- connect

static void make_connect(struct datagram *datagram)
{
    bytes_put_u16(datagram->bytes, 0x8fff);
    datagram->size = 4;
    add(datagram, 0x82, 0xff, 1, 48);
    bytes_put_u32(datagram->last + 8, 1400);
    bytes_put_u32(datagram->last + 16, 2);
}

static enum net_udp_drop connect_verdict(struct datagram *datagram)
{
    return net_enet_guard_connect(&rules, datagram->bytes, datagram->size);
}

static void a_connect_is_kept_and_its_mtu_cut_down(void **state)
{
    (void)state;
    struct datagram datagram;
    make_connect(&datagram);
    assert_int_equal(datagram.size, NET_ENET_CONNECT_BYTES);
    assert_int_equal(connect_verdict(&datagram), NET_UDP_KEPT);
    assert_int_equal(bytes_get_u32(datagram.last + 8), NET_ENET_MTU);
    bytes_put_u32(datagram.last + 8, 900);
    assert_int_equal(connect_verdict(&datagram), NET_UDP_KEPT);
    assert_int_equal(bytes_get_u32(datagram.last + 8), 900);
}

static void a_connect_comes_alone_and_whole(void **state)
{
    (void)state;
    struct datagram datagram;
    make_connect(&datagram);
    datagram.size--;
    assert_int_equal(connect_verdict(&datagram), NET_UDP_CONNECT);
    make_connect(&datagram);
    add(&datagram, 0x85, 0xff, 2, 4);
    assert_int_equal(connect_verdict(&datagram), NET_UDP_CONNECT);
}

static void a_connect_is_reliable_timed_and_on_the_control_channel(void **state)
{
    (void)state;
    struct datagram datagram;
    make_connect(&datagram);
    datagram.last[0] = 0x02;
    assert_int_equal(connect_verdict(&datagram), NET_UDP_CONNECT);
    make_connect(&datagram);
    datagram.last[1] = 0;
    assert_int_equal(connect_verdict(&datagram), NET_UDP_CONNECT);
    make_connect(&datagram);
    datagram.bytes[0] = 0x0f;
    assert_int_equal(connect_verdict(&datagram), NET_UDP_CONNECT);
}

static void a_connect_asks_for_1_to_255_channels(void **state)
{
    (void)state;
    static const struct {
        uint32_t channels;
        enum net_udp_drop reason;
    } rows[] = {
        {0, NET_UDP_CONNECT}, {1, NET_UDP_KEPT}, {255, NET_UDP_KEPT}, {256, NET_UDP_CONNECT}};
    for (size_t i = 0; i < BASE_COUNT(rows); i++) {
        struct datagram datagram;
        make_connect(&datagram);
        bytes_put_u32(datagram.last + 16, rows[i].channels);
        assert_int_equal(connect_verdict(&datagram), rows[i].reason);
    }
}

static void nobody_else_says_connect(void **state)
{
    (void)state;
    struct datagram datagram;
    begin(&datagram, true);
    add(&datagram, 0x82, 0xff, 1, 48);
    ASSERT_CHECK(&datagram, COMMAND);
}

// ---- commands

static void a_command_is_known_and_whole(void **state)
{
    (void)state;
    static const uint8_t sizes[] = {4, 8, 0, 0, 8, 4, 0, 0, 0, 0, 12, 16, 0, 4, 4, 4};
    for (uint8_t kind = 0; kind < 16; kind++) {
        bool known = kind == 1 || kind == 4 || kind == 5 || kind == 10 || kind == 11;
        struct datagram datagram;
        begin(&datagram, true);
        if (sizes[kind] == 0) {
            continue; // tested on its own
        }
        add(&datagram, kind | 0x80, 0xff, 2, sizes[kind]);
        assert_int_equal(check(&datagram), known ? NET_UDP_KEPT : NET_UDP_COMMAND);
        datagram.size--;
        ASSERT_CHECK(&datagram, COMMAND);
    }
}

static void bytes_behind_the_last_command_are_none_of_enets(void **state)
{
    (void)state;
    struct datagram datagram;
    begin(&datagram, true);
    add_reliable(&datagram, TAKEN + 1, 5);
    datagram.bytes[datagram.size++] = 0;
    ASSERT_CHECK(&datagram, COMMAND);
}

static void a_datagram_has_at_most_32_commands(void **state)
{
    (void)state;
    struct datagram datagram;
    begin(&datagram, true);
    for (unsigned i = 0; i < 32; i++) {
        add(&datagram, 0x85, 0xff, 2, 4);
    }
    ASSERT_CHECK(&datagram, KEPT);
    add(&datagram, 0x85, 0xff, 2, 4);
    ASSERT_CHECK(&datagram, COMMANDS_MANY);
}

static void what_is_to_be_acknowledged_is_timed(void **state)
{
    (void)state;
    struct datagram datagram;
    begin(&datagram, false);
    add(&datagram, 0x85, 0xff, 2, 4);
    ASSERT_CHECK(&datagram, COMMAND);
    begin(&datagram, false);
    add_reliable(&datagram, TAKEN + 1, 5);
    ASSERT_CHECK(&datagram, COMMAND);
    begin(&datagram, true);
    add_reliable(&datagram, TAKEN + 1, 5);
    datagram.last[0] = 0x06;
    ASSERT_CHECK(&datagram, COMMAND);
}

static void only_a_server_verifies_a_connect(void **state)
{
    (void)state;
    struct datagram datagram;
    begin(&datagram, true);
    add(&datagram, 0x83, 0xff, 1, 44);
    ASSERT_CHECK(&datagram, COMMAND);
    struct net_enet_guard_rules dialling = rules;
    dialling.listens = false;
    size_t goodbye;
    assert_int_equal(
        net_enet_guard_check(&dialling, &peer, datagram.bytes, datagram.size, &goodbye),
        NET_UDP_KEPT);
}

static void a_goodbye_is_found_among_others(void **state)
{
    (void)state;
    struct datagram datagram;
    size_t goodbye;
    begin(&datagram, false);
    add(&datagram, 0x44, 0xff, 7, 8); // enet_peer_disconnect_now()
    assert_int_equal(net_enet_guard_check(&rules, &peer, datagram.bytes, datagram.size, &goodbye),
                     NET_UDP_KEPT);
    assert_int_equal(goodbye, 2);
    begin(&datagram, true);
    add(&datagram, 0x01, 0, 1, 8);
    add(&datagram, 0x44, 0xff, 7, 8);
    add(&datagram, 0x85, 0xff, 8, 4); // which ENet may pack behind it
    assert_int_equal(net_enet_guard_check(&rules, &peer, datagram.bytes, datagram.size, &goodbye),
                     NET_UDP_KEPT);
    assert_int_equal(goodbye, 12);
    begin(&datagram, true);
    add(&datagram, 0x85, 0xff, 8, 4);
    assert_int_equal(net_enet_guard_check(&rules, &peer, datagram.bytes, datagram.size, &goodbye),
                     NET_UDP_KEPT);
    assert_int_equal(goodbye, 0);
}

static void throttle_settings_are_limited(void **state)
{
    (void)state;
    static const uint32_t rows[][2] = {
        {0, 1000}, {999, 1000}, {1000, 1000}, {60000, 60000}, {60001, 60000}};
    struct datagram datagram;
    for (size_t i = 0; i < BASE_COUNT(rows); i++) {
        begin(&datagram, true);
        add(&datagram, 0x8b, 0xff, 2, 16);
        bytes_put_u32(datagram.last + 4, rows[i][0]);
        bytes_put_u32(datagram.last + 8, 33);
        bytes_put_u32(datagram.last + 12, UINT32_MAX);
        ASSERT_CHECK(&datagram, KEPT);
        assert_int_equal(bytes_get_u32(datagram.last + 4), rows[i][1]);
        assert_int_equal(bytes_get_u32(datagram.last + 8), 32);
        assert_int_equal(bytes_get_u32(datagram.last + 12), 32);
    }
    begin(&datagram, false); // without a time it cannot be acknowledged
    add(&datagram, 0x8b, 0xff, 2, 16);
    ASSERT_CHECK(&datagram, COMMAND);
}

// ---- messages

static void a_message_is_not_empty_and_not_longer_than_the_datagram(void **state)
{
    (void)state;
    struct datagram datagram;
    begin(&datagram, true);
    add_reliable(&datagram, TAKEN + 1, 0);
    ASSERT_CHECK(&datagram, NO_DATA);
    begin(&datagram, true);
    add_reliable(&datagram, TAKEN + 1, 1);
    ASSERT_CHECK(&datagram, KEPT);
    bytes_put_u16(datagram.last + 4, 2);
    ASSERT_CHECK(&datagram, NO_DATA);
    begin(&datagram, true);
    add_unreliable(&datagram, 1, 0xfffe, 0);
    ASSERT_CHECK(&datagram, NO_DATA);
    begin(&datagram, true);
    uint8_t *unsequenced = add(&datagram, 0x49, 0, 0, 8);
    bytes_put_u16(unsequenced + 6, 0);
    ASSERT_CHECK(&datagram, NO_DATA);
}

static void a_message_goes_to_a_channel_that_was_agreed_on(void **state)
{
    (void)state;
    struct datagram datagram;
    begin(&datagram, false);
    add_unreliable(&datagram, 1, 0xfffe, 5);
    ASSERT_CHECK(&datagram, KEPT);
    datagram.last[1] = 2;
    ASSERT_CHECK(&datagram, CHANNEL);
    datagram.last[1] = 0xff;
    ASSERT_CHECK(&datagram, CHANNEL);
}

static void an_acknowledgement_is_for_such_a_channel_or_control(void **state)
{
    (void)state;
    struct datagram datagram;
    begin(&datagram, false);
    add(&datagram, 0x01, 1, 7, 8);
    ASSERT_CHECK(&datagram, KEPT);
    datagram.last[1] = 0xff;
    ASSERT_CHECK(&datagram, KEPT);
    datagram.last[1] = 2;
    ASSERT_CHECK(&datagram, CHANNEL);
}

static void reliable_numbers_are_at_most_256_ahead(void **state)
{
    (void)state;
    struct datagram datagram;
    static const struct {
        int ahead;
        enum net_udp_drop reason;
    } rows[] = {{-1000, NET_UDP_KEPT}, {0, NET_UDP_KEPT},     {1, NET_UDP_KEPT},
                {256, NET_UDP_KEPT},   {257, NET_UDP_WINDOW}, {32767, NET_UDP_WINDOW}};
    for (size_t i = 0; i < BASE_COUNT(rows); i++) {
        begin(&datagram, true);
        add_reliable(&datagram, (uint16_t)(TAKEN + rows[i].ahead), 5);
        assert_int_equal(check(&datagram), rows[i].reason);
        begin(&datagram, false);
        add_unreliable(&datagram, 0, (uint16_t)(TAKEN + rows[i].ahead), 5);
        assert_int_equal(check(&datagram), rows[i].reason);
    }
    begin(&datagram, false);
    add_unreliable(&datagram, 1, 254, 5); // around the end of 16 bits
    ASSERT_CHECK(&datagram, KEPT);
    bytes_put_u16(datagram.last + 2, 255);
    ASSERT_CHECK(&datagram, WINDOW);
}

static void when_much_waits_only_what_is_due_may_come(void **state)
{
    (void)state;
    struct net_enet_guard_peer full = peer;
    full.waiting_full = true;
    struct datagram datagram;
    begin(&datagram, true);
    add_reliable(&datagram, TAKEN + 1, 5);
    assert_int_equal(check_as(&datagram, &full), NET_UDP_KEPT);
    begin(&datagram, true);
    add_reliable(&datagram, TAKEN + 2, 5);
    assert_int_equal(check_as(&datagram, &full), NET_UDP_WAITING);
    begin(&datagram, false);
    add_unreliable(&datagram, 0, TAKEN, 5);
    assert_int_equal(check_as(&datagram, &full), NET_UDP_KEPT);
    begin(&datagram, false);
    add_unreliable(&datagram, 0, TAKEN + 1, 5);
    assert_int_equal(check_as(&datagram, &full), NET_UDP_WAITING);
    begin(&datagram, true);
    add_fragment(&datagram, TAKEN + 1, 3, 10000);
    assert_int_equal(check_as(&datagram, &full), NET_UDP_KEPT);
    begin(&datagram, true);
    add_fragment(&datagram, TAKEN + 2, 0, 10000);
    assert_int_equal(check_as(&datagram, &full), NET_UDP_WAITING);
}

// ---- fragments

static void every_piece_of_every_message_is_kept(void **state)
{
    (void)state;
    static const uint32_t totals[] = {PIECE + 1,     2 * PIECE - 1, 2 * PIECE,
                                      2 * PIECE + 1, 5000,          LIMIT_MESSAGE_BYTES};
    for (size_t i = 0; i < BASE_COUNT(totals); i++) {
        for (uint32_t number = 0; number * PIECE < totals[i]; number++) {
            struct datagram datagram;
            begin(&datagram, true);
            add_fragment(&datagram, TAKEN + 1, number, totals[i]);
            ASSERT_CHECK(&datagram, KEPT);
        }
    }
}

static void a_piece_is_of_a_message_that_needs_pieces_and_is_not_too_big(void **state)
{
    (void)state;
    struct datagram datagram;
    begin(&datagram, true);
    add_fragment(&datagram, TAKEN + 1, 0, PIECE);
    ASSERT_CHECK(&datagram, FRAGMENT);
    begin(&datagram, true);
    add_fragment(&datagram, TAKEN + 1, 0, LIMIT_MESSAGE_BYTES + 1);
    ASSERT_CHECK(&datagram, FRAGMENT);
}

static void a_piece_has_its_place(void **state)
{
    (void)state;
    static const struct {
        size_t field;
        uint32_t step;
    } rows[] = {{8, 1}, {12, 1}, {16, PIECE}, {20, 1}}; // count, number, total, offset
    for (size_t i = 0; i < BASE_COUNT(rows); i++) {
        for (unsigned down = 0; down < 2; down++) {
            struct datagram datagram;
            begin(&datagram, true);
            add_fragment(&datagram, TAKEN + 1, 1, 3 * PIECE - 1);
            uint8_t *field = datagram.last + rows[i].field;
            uint32_t value = bytes_get_u32(field);
            bytes_put_u32(field, down ? value - rows[i].step : value + rows[i].step);
            ASSERT_CHECK(&datagram, FRAGMENT);
        }
    }
    struct datagram datagram;
    begin(&datagram, true);
    add_fragment(&datagram, TAKEN + 1, 1, 3 * PIECE);
    bytes_put_u16(datagram.last + 2, TAKEN + 3);
    ASSERT_CHECK(&datagram, FRAGMENT);
}

static void a_piece_is_as_long_as_it_has_to_be(void **state)
{
    (void)state;
    struct datagram datagram;
    begin(&datagram, true);
    add_fragment(&datagram, TAKEN + 1, 0, 3 * PIECE);
    bytes_put_u16(datagram.last + 6, PIECE - 1);
    datagram.size--;
    ASSERT_CHECK(&datagram, FRAGMENT);
    begin(&datagram, true);
    add_fragment(&datagram, TAKEN + 1, 2, 2 * PIECE + 9);
    bytes_put_u16(datagram.last + 6, 10);
    datagram.size++;
    ASSERT_CHECK(&datagram, FRAGMENT);
}

static void a_bomb_of_a_million_fragments_is_dropped(void **state)
{
    (void)state;
    struct datagram datagram;
    begin(&datagram, true);
    add_fragment(&datagram, TAKEN + 1, 0, LIMIT_MESSAGE_BYTES);
    bytes_put_u32(datagram.last + 8, 1 << 20);
    ASSERT_CHECK(&datagram, FRAGMENT);
}

static void unreliable_fragments_are_dropped(void **state)
{
    (void)state;
    struct datagram datagram;
    begin(&datagram, true);
    add_fragment(&datagram, TAKEN + 1, 0, 3 * PIECE);
    datagram.last[0] = 0x0c;
    ASSERT_CHECK(&datagram, UNRELIABLE_FRAGMENT);
}

static void every_truncation_of_a_datagram_is_harmless(void **state)
{
    (void)state;
    struct datagram datagram;
    begin(&datagram, true);
    add(&datagram, 0x01, 0, 7, 8);
    add_reliable(&datagram, TAKEN + 1, 20);
    add_fragment(&datagram, TAKEN + 2, 0, 2000);
    size_t whole = datagram.size;
    for (size_t size = 0; size < whole; size++) {
        // In memory of its own, so that a sanitizer sees every byte too far.
        uint8_t *bytes = malloc(size + 1);
        memcpy(bytes, datagram.bytes, size);
        size_t goodbye;
        enum net_udp_drop reason = net_enet_guard_check(&rules, &peer, bytes, size, &goodbye);
        bool between = size == 12 || size == 12 + 26;
        assert_int_equal(reason == NET_UDP_KEPT, between);
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header_without_a_command_is_dropped),
        cmocka_unit_test(the_header_is_read),
        cmocka_unit_test(compressed_datagrams_are_dropped),
        cmocka_unit_test(a_connect_is_kept_and_its_mtu_cut_down),
        cmocka_unit_test(a_connect_comes_alone_and_whole),
        cmocka_unit_test(a_connect_is_reliable_timed_and_on_the_control_channel),
        cmocka_unit_test(a_connect_asks_for_1_to_255_channels),
        cmocka_unit_test(nobody_else_says_connect),
        cmocka_unit_test(a_command_is_known_and_whole),
        cmocka_unit_test(bytes_behind_the_last_command_are_none_of_enets),
        cmocka_unit_test(a_datagram_has_at_most_32_commands),
        cmocka_unit_test(what_is_to_be_acknowledged_is_timed),
        cmocka_unit_test(only_a_server_verifies_a_connect),
        cmocka_unit_test(a_goodbye_is_found_among_others),
        cmocka_unit_test(throttle_settings_are_limited),
        cmocka_unit_test(a_message_is_not_empty_and_not_longer_than_the_datagram),
        cmocka_unit_test(a_message_goes_to_a_channel_that_was_agreed_on),
        cmocka_unit_test(an_acknowledgement_is_for_such_a_channel_or_control),
        cmocka_unit_test(reliable_numbers_are_at_most_256_ahead),
        cmocka_unit_test(when_much_waits_only_what_is_due_may_come),
        cmocka_unit_test(every_piece_of_every_message_is_kept),
        cmocka_unit_test(a_piece_is_of_a_message_that_needs_pieces_and_is_not_too_big),
        cmocka_unit_test(a_piece_has_its_place),
        cmocka_unit_test(a_piece_is_as_long_as_it_has_to_be),
        cmocka_unit_test(a_bomb_of_a_million_fragments_is_dropped),
        cmocka_unit_test(unreliable_fragments_are_dropped),
        cmocka_unit_test(every_truncation_of_a_datagram_is_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
