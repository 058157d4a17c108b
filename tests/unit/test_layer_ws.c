// SPDX-License-Identifier: MIT

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/layer_ws.h"
#include "net/ws_frame.h"
#include "tests/support/layer_end.h"

static const layer_create stack[] = {net_layer_ws_create, NULL};

static int setup(void **state)
{
    struct layer_end *end = calloc(1, sizeof(*end));
    layer_end_init(end, true, stack);
    assert_int_equal(layer_end_up(end), 0);
    *state = end;
    return 0;
}

static int teardown(void **state)
{
    layer_end_finish(*state);
    free(*state);
    return 0;
}

static void reset(struct layer_end *end)
{
    layer_end_finish(end);
    layer_end_init(end, true, stack);
    assert_int_equal(layer_end_up(end), 0);
}

// A client's frame, masked, with that first byte.
static void append(struct bytes_buf *out, uint8_t first, const void *payload, size_t size)
{
    static const uint8_t mask[] = {0xa1, 0x0b, 0xc2, 0x33};
    static uint8_t masked[65535];
    uint8_t header[NET_WS_HEADER_BYTES_MAX];
    size_t header_size = net_ws_write_header(header, NET_WS_BINARY, size, mask);
    header[0] = first;
    net_ws_mask(masked, payload, size, mask, 0);
    assert_true(bytes_buf_append(out, bytes_of(header, header_size)) &&
                bytes_buf_append(out, bytes_of(masked, size)));
}

static uint16_t feed(struct layer_end *end, uint8_t first, const void *payload, size_t size,
                     size_t chop)
{
    struct bytes_buf bytes;
    bytes_buf_init(&bytes, 70000);
    append(&bytes, first, payload, size);
    uint16_t code = layer_end_feed(end, bytes_buf_span(&bytes), chop);
    bytes_buf_finish(&bytes);
    return code;
}

static uint16_t feed_close(struct layer_end *end, uint16_t status, const char *reason, size_t chop)
{
    uint8_t payload[125];
    bytes_put_u16(payload, status);
    memcpy(payload + 2, reason, strlen(reason));
    return feed(end, 0x88, payload, 2 + strlen(reason), chop);
}

static void a_binary_message_arrives_and_an_echo_is_not_masked(void **state)
{
    struct layer_end *end = *state;
    end->echoes = true;
    assert_int_equal(feed(end, 0x82, "hello", 5, 0), 0);
    layer_end_expect_last(end, "hello");
    assert_int_equal(end->messages, 1);
    layer_end_expect_sent(end, "\x82\x05hello", 7);
}

static void a_text_message_arrives_as_text(void **state)
{
    struct layer_end *end = *state;
    end->echoes = true;
    assert_int_equal(feed(end, 0x81, "h\xc3\xa9", 3, 1), 0);
    assert_int_equal(end->texts, 1);
    assert_int_equal(end->messages, 0);
    layer_end_expect_sent(end, "\x81\x03h\xc3\xa9", 5);
}

static void an_empty_message_arrives(void **state)
{
    struct layer_end *end = *state;
    assert_int_equal(feed(end, 0x82, "", 0, 0), 0);
    assert_int_equal(end->messages, 1);
    assert_int_equal(end->last.size, 0);
}

static void fragments_make_one_message_with_pings_answered_between(void **state)
{
    struct layer_end *end = *state;
    assert_int_equal(feed(end, 0x02, "abc", 3, 1), 0);
    assert_int_equal(feed(end, 0x89, "ping", 4, 1), 0);
    assert_int_equal(end->messages, 0);
    layer_end_expect_sent(end, "\x8a\x04ping", 6);
    assert_int_equal(feed(end, 0x00, "", 0, 1), 0);
    assert_int_equal(feed(end, 0x80, "def", 3, 1), 0);
    assert_int_equal(end->messages, 1);
    layer_end_expect_last(end, "abcdef");
}

static void messages_are_the_same_in_every_cut(void **state)
{
    struct layer_end *whole = *state;
    static uint8_t payload[LIMIT_MESSAGE_BYTES];
    static const size_t sizes[] = {0, 1, 125, 126, 4095, 4096, 4097, 16384};
    struct bytes_buf bytes;
    bytes_buf_init(&bytes, 100000);
    for (unsigned i = 0; i < BASE_COUNT(sizes); i++) {
        memset(payload, (int)i, sizeof(payload));
        append(&bytes, 0x82, payload, sizes[i]);
    }
    assert_int_equal(layer_end_feed(whole, bytes_buf_span(&bytes), 0), 0);
    assert_int_equal(whole->messages, BASE_COUNT(sizes));
    static const size_t chops[] = {1, 2, 3, 5, 1000, 4096, 16384};
    for (unsigned i = 0; i < BASE_COUNT(chops); i++) {
        struct layer_end cut;
        layer_end_init(&cut, true, stack);
        assert_int_equal(layer_end_up(&cut), 0);
        assert_int_equal(layer_end_feed(&cut, bytes_buf_span(&bytes), chops[i]), 0);
        assert_true(bytes_equal(bytes_buf_span(&cut.all), bytes_buf_span(&whole->all)));
        layer_end_finish(&cut);
    }
    bytes_buf_finish(&bytes);
}

static void a_message_over_the_limit_is_refused_with_its_code(void **state)
{
    struct layer_end *end = *state;
    static const uint8_t payload[LIMIT_MESSAGE_BYTES + 1];
    assert_int_equal(feed(end, 0x82, payload, sizeof(payload), 0), NET_CLOSE_TOO_BIG);
    assert_int_equal(end->messages, 0);
    layer_end_close(end, NET_CLOSE_TOO_BIG);
    assert_true(end->is_shut); // who breaks the protocol is not waited for
    layer_end_expect_sent(end, "\x88\x11\x03\xf1message too big", 19);
}

static void invalid_utf8_is_refused_before_the_message_ends(void **state)
{
    struct layer_end *end = *state;
    assert_int_equal(feed(end, 0x01, "a\xc0", 2, 0), NET_CLOSE_BAD_DATA);
    reset(end);
    assert_int_equal(feed(end, 0x81, "\xed\xa0\x80", 3, 1), NET_CLOSE_BAD_DATA); // surrogate
    reset(end);
    assert_int_equal(feed(end, 0x81, "\xf4\x90\x80\x80", 4, 0), NET_CLOSE_BAD_DATA); // > U+10FFFF
    reset(end);
    assert_int_equal(feed(end, 0x81, "\xef\xbf\xbe", 3, 0), 0);          // a noncharacter is fine
    assert_int_equal(feed(end, 0x81, "\xc3", 1, 0), NET_CLOSE_BAD_DATA); // cut off
    assert_int_equal(end->texts, 1);
}

static void a_code_point_may_be_cut_by_fragments(void **state)
{
    struct layer_end *end = *state;
    assert_int_equal(feed(end, 0x01, "\xe2\x82", 2, 1), 0);
    assert_int_equal(feed(end, 0x80, "\xac", 1, 1), 0);
    layer_end_expect_last(end, "\xe2\x82\xac");
}

static void a_message_that_is_refused_above_ends_the_feed(void **state)
{
    struct layer_end *end = *state;
    end->answer_message = NET_CLOSE_FLOODING;
    struct bytes_buf bytes;
    bytes_buf_init(&bytes, 100);
    append(&bytes, 0x82, "a", 1);
    append(&bytes, 0x82, "b", 1);
    assert_int_equal(layer_end_feed(end, bytes_buf_span(&bytes), 0), NET_CLOSE_FLOODING);
    assert_int_equal(end->messages, 1);
    bytes_buf_finish(&bytes);
}

// ---- closing

static void a_close_is_echoed_once_and_ends_our_half(void **state)
{
    struct layer_end *end = *state;
    assert_int_equal(feed_close(end, 4003, "no", 1), 0);
    assert_int_equal(end->ended, 1);
    assert_int_equal(end->ended_code, 4003);
    assert_string_equal(end->ended_reason, "no");
    assert_true(end->is_shut);
    layer_end_expect_sent(end, "\x88\x02\x0f\xa3", 4);
    assert_int_equal(feed(end, 0x82, "late", 4, 0), 0); // ignored (RFC 6455 5.5.1)
    assert_int_equal(feed(end, 0xff, "nonsense", 8, 0), 0);
    assert_int_equal(end->messages, 0);
}

static void a_close_without_status_is_a_normal_end_and_is_echoed_empty(void **state)
{
    struct layer_end *end = *state;
    assert_int_equal(feed(end, 0x88, "", 0, 0), 0);
    assert_int_equal(end->ended_code, NET_CLOSE_NORMAL);
    layer_end_expect_sent(end, "\x88\x00", 2);
}

// wslay 1.1.1 answers 1002 to the first and 1007 to the second.
static void a_close_with_a_newer_code_or_a_cut_reason_is_understood(void **state)
{
    struct layer_end *end = *state;
    assert_int_equal(feed_close(end, 1013, "", 0), 0);
    assert_int_equal(end->ended_code, 1013);
    reset(end);
    assert_int_equal(feed_close(end, 1000, "\xe2\x82\xac", 1), 0);
    assert_string_equal(end->ended_reason, "\xe2\x82\xac");
}

static void a_malformed_close_is_answered_with_the_exact_code(void **state)
{
    struct layer_end *end = *state;
    assert_int_equal(feed(end, 0x88, "\x03", 1, 0), NET_CLOSE_PROTOCOL);
    reset(end);
    assert_int_equal(feed_close(end, 1005, "", 0), NET_CLOSE_PROTOCOL);
    reset(end);
    assert_int_equal(feed_close(end, 1000, "\xff", 0), NET_CLOSE_BAD_DATA);
    assert_int_equal(end->ended, 0);
}

static void our_close_waits_for_the_peers(void **state)
{
    struct layer_end *end = *state;
    layer_end_close(end, NET_CLOSE_REPLACED);
    assert_false(end->is_shut);
    assert_memory_equal(bytes_buf_span(&end->sent).data + 2, "\x0f\xa9", 2);
    layer_end_drop_sent(end);
    assert_int_equal(feed(end, 0x82, "late", 4, 0), 0);
    assert_int_equal(feed(end, 0x89, "ping", 4, 0), 0);
    assert_int_equal(end->messages, 0);
    assert_int_equal(feed_close(end, 4009, "", 0), 0);
    assert_int_equal(end->ended, 0); // our user has let go
    assert_true(end->is_shut);
    layer_end_expect_sent(end, "", 0); // neither a pong nor a second close
}

static void after_our_close_nothing_is_written(void **state)
{
    struct layer_end *end = *state;
    layer_end_close(end, NET_CLOSE_NORMAL);
    layer_end_drop_sent(end);
    assert_true(net_layer_write(layer_end_top(end), bytes_of("x", 1)));
    assert_true(net_layer_write_text(layer_end_top(end), bytes_of("x", 1)));
    layer_end_close(end, NET_CLOSE_NORMAL);
    layer_end_expect_sent(end, "", 0);
}

static void a_broken_frame_after_our_close_ends_our_half(void **state)
{
    struct layer_end *end = *state;
    layer_end_close(end, NET_CLOSE_NORMAL);
    assert_int_equal(layer_end_feed(end, bytes_of("\x83", 1), 0), NET_CLOSE_PROTOCOL);
    layer_end_close(end, NET_CLOSE_PROTOCOL);
    assert_true(end->is_shut);
}

// ---- time

static void a_ping_goes_out_each_interval_and_its_pong_is_awaited(void **state)
{
    struct layer_end *end = *state;
    long ms = end->config->ping_ms;
    assert_int_equal(layer_end_wait_ms(end, ms - 1), 0);
    layer_end_expect_sent(end, "", 0);
    assert_int_equal(layer_end_wait_ms(end, 1), 0);
    layer_end_expect_sent(end, "\x89\x00", 2);
    assert_int_equal(feed(end, 0x8a, "", 0, 0), 0);
    assert_int_equal(layer_end_wait_ms(end, ms), 0);
    layer_end_expect_sent(end, "\x89\x00", 2);
    assert_int_equal(layer_end_wait_ms(end, ms - 1), 0);
    assert_int_equal(layer_end_wait_ms(end, 1), NET_CLOSE_LOST);
}

static void an_unasked_pong_does_not_put_off_the_ping(void **state)
{
    struct layer_end *end = *state;
    assert_int_equal(layer_end_wait_ms(end, end->config->ping_ms - 1), 0);
    assert_int_equal(feed(end, 0x8a, "", 0, 0), 0);
    assert_int_equal(layer_end_wait_ms(end, 1), 0);
    layer_end_expect_sent(end, "\x89\x00", 2);
}

static void a_message_must_end_within_its_time(void **state)
{
    struct layer_end *end = *state;
    assert_int_equal(feed(end, 0x02, "a", 1, 0), 0);
    assert_int_equal(layer_end_wait_ms(end, NET_WS_ASSEMBLY_MS - 1), 0);
    assert_int_equal(feed(end, 0x00, "b", 1, 0), 0); // a fragment buys no time
    assert_int_equal(layer_end_wait_ms(end, 1), NET_CLOSE_POLICY);
    reset(end);
    assert_int_equal(feed(end, 0x02, "a", 1, 0), 0);
    assert_int_equal(layer_end_wait_ms(end, NET_WS_ASSEMBLY_MS - 1), 0);
    assert_int_equal(feed(end, 0x89, "ping", 4, 0), 0); // nor does a ping in between
    assert_int_equal(layer_end_wait_ms(end, 1), NET_CLOSE_POLICY);
    reset(end);
    assert_int_equal(layer_end_feed(end, bytes_of("\x82", 1), 0), 0);
    assert_int_equal(layer_end_wait_ms(end, NET_WS_ASSEMBLY_MS), NET_CLOSE_POLICY);
    reset(end);
    assert_int_equal(feed(end, 0x02, "a", 1, 0), 0);
    assert_int_equal(layer_end_wait_ms(end, NET_WS_ASSEMBLY_MS - 1), 0);
    assert_int_equal(feed(end, 0x80, "b", 1, 0), 0);
    assert_int_equal(layer_end_wait_ms(end, NET_WS_ASSEMBLY_MS), 0); // complete: no deadline
}

// Each read ends amid a frame: with the rest of one comes the first byte of the next.
static void frames_that_each_end_in_time_may_go_on_for_ever(void **state)
{
    struct layer_end *end = *state;
    static const uint8_t reads[2][7] = {{0x81, 0, 0, 0, 0, 'x', 0x82},
                                        {0x81, 0, 0, 0, 0, 'x', 0x89}};
    assert_int_equal(layer_end_feed(end, bytes_of("\x89", 1), 0), 0);
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(layer_end_wait_ms(end, 150), 0); // 15 s: no ping of ours yet
        assert_int_equal(layer_end_feed(end, bytes_of(reads[i % 2], 7), 0), 0);
    }
    assert_int_equal(end->messages, 50);
}

static void twenty_control_frames_at_once_pass_and_one_more_does_not(void **state)
{
    struct layer_end *end = *state;
    for (unsigned i = 0; i < NET_WS_CONTROLS_BURST; i++) {
        assert_int_equal(feed(end, 0x89, "x", 1, 0), 0);
    }
    assert_int_equal(end->sent.size, 3 * NET_WS_CONTROLS_BURST);
    assert_int_equal(layer_end_wait_ms(end, 1000 / NET_WS_CONTROLS_PER_SECOND), 0);
    assert_int_equal(feed(end, 0x89, "x", 1, 0), 0);
    assert_int_equal(feed(end, 0x8a, "x", 1, 0), NET_CLOSE_POLICY);
}

// ---- the end

static void after_a_failure_nothing_is_read(void **state)
{
    struct layer_end *end = *state;
    assert_int_equal(layer_end_feed(end, bytes_of("\x83", 1), 0), NET_CLOSE_PROTOCOL);
    assert_int_equal(feed(end, 0x82, "late", 4, 0), 0);
    assert_int_equal(feed(end, 0x89, "ping", 4, 0), 0);
    assert_int_equal(feed(end, 0x88, "", 0, 0), 0);
    assert_int_equal(end->messages + end->ended, 0);
    layer_end_expect_sent(end, "", 0);
}

static void pongs_and_pings_that_find_no_room_end_it(void **state)
{
    struct layer_end *end = *state;
    end->full = true;
    assert_int_equal(feed(end, 0x89, "ping", 4, 0), NET_CLOSE_SLOW_CONSUMER);
    reset(end);
    end->full = true;
    assert_int_equal(layer_end_wait_ms(end, end->config->ping_ms), NET_CLOSE_SLOW_CONSUMER);
}

// ---- both sides

static void client_and_server_talk_in_every_cut(void **state)
{
    (void)state;
    static uint8_t payload[LIMIT_MESSAGE_BYTES];
    for (size_t i = 0; i < sizeof(payload); i++) {
        payload[i] = (uint8_t)(i * 7);
    }
    static const size_t chops[] = {1, 2, 3, 7, 1000, 0};
    for (unsigned i = 0; i < BASE_COUNT(chops); i++) {
        struct layer_end server;
        struct layer_end client;
        layer_end_init(&server, true, stack);
        layer_end_init(&client, false, stack);
        server.echoes = true;
        assert_int_equal(layer_end_up(&server), 0);
        assert_int_equal(layer_end_up(&client), 0);
        assert_true(net_layer_write(layer_end_top(&client), bytes_of("small", 5)));
        assert_true(net_layer_write(layer_end_top(&client), bytes_of(payload, sizeof(payload))));
        assert_true(net_layer_write_text(layer_end_top(&client), bytes_of("text", 4)));
        layer_ends_run(&client, &server, chops[i]);
        assert_int_equal(client.messages, 2);
        assert_int_equal(client.texts, 1);
        assert_true(bytes_equal(bytes_buf_span(&client.all), bytes_buf_span(&server.all)));
        layer_end_close(&client, NET_CLOSE_NORMAL);
        layer_ends_run(&client, &server, chops[i]);
        assert_int_equal(server.ended_code, NET_CLOSE_NORMAL);
        assert_true(server.is_shut && client.is_shut);
        assert_int_equal(server.code | client.code, 0);
        layer_end_finish(&server);
        layer_end_finish(&client);
    }
}

static void a_client_masks_each_frame_anew(void **state)
{
    (void)state;
    struct layer_end client;
    uint8_t masks[100][4];
    layer_end_init(&client, false, stack);
    assert_int_equal(layer_end_up(&client), 0);
    for (unsigned i = 0; i < BASE_COUNT(masks); i++) {
        assert_true(net_layer_write(layer_end_top(&client), bytes_of("\0\0\0\0", 4)));
        const uint8_t *sent = bytes_buf_span(&client.sent).data;
        assert_memory_equal(sent, "\x82\x84", 2);
        assert_memory_equal(sent + 2, sent + 6, 4); // zeroes, masked, are the mask
        memcpy(masks[i], sent + 2, 4);
        layer_end_drop_sent(&client);
        for (unsigned j = 0; j < i; j++) {
            assert_memory_not_equal(masks[i], masks[j], 4);
        }
    }
    layer_end_finish(&client);
}

static void closing_before_it_is_up_says_nothing(void **state)
{
    (void)state;
    struct layer_end end;
    layer_end_init(&end, false, stack);
    layer_end_close(&end, NET_CLOSE_NORMAL);
    assert_true(end.is_shut);
    assert_int_equal(end.sent.size, 0);
    layer_end_finish(&end);
}

int main(void)
{
#define ONE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        ONE(a_binary_message_arrives_and_an_echo_is_not_masked),
        ONE(a_text_message_arrives_as_text),
        ONE(an_empty_message_arrives),
        ONE(fragments_make_one_message_with_pings_answered_between),
        ONE(messages_are_the_same_in_every_cut),
        ONE(a_message_over_the_limit_is_refused_with_its_code),
        ONE(invalid_utf8_is_refused_before_the_message_ends),
        ONE(a_code_point_may_be_cut_by_fragments),
        ONE(a_message_that_is_refused_above_ends_the_feed),
        ONE(a_close_is_echoed_once_and_ends_our_half),
        ONE(a_close_without_status_is_a_normal_end_and_is_echoed_empty),
        ONE(a_close_with_a_newer_code_or_a_cut_reason_is_understood),
        ONE(a_malformed_close_is_answered_with_the_exact_code),
        ONE(our_close_waits_for_the_peers),
        ONE(after_our_close_nothing_is_written),
        ONE(a_broken_frame_after_our_close_ends_our_half),
        ONE(a_ping_goes_out_each_interval_and_its_pong_is_awaited),
        ONE(an_unasked_pong_does_not_put_off_the_ping),
        ONE(a_message_must_end_within_its_time),
        ONE(frames_that_each_end_in_time_may_go_on_for_ever),
        ONE(twenty_control_frames_at_once_pass_and_one_more_does_not),
        ONE(after_a_failure_nothing_is_read),
        ONE(pongs_and_pings_that_find_no_room_end_it),
        ONE(client_and_server_talk_in_every_cut),
        ONE(a_client_masks_each_frame_anew),
        ONE(closing_before_it_is_up_says_nothing),
    };
#undef ONE
    return cmocka_run_group_tests(tests, NULL, NULL);
}
