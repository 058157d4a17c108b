// SPDX-License-Identifier: MIT

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/layer_frame.h"
#include "net/msg.h"
#include "tests/support/layer_end.h"

static const layer_create stack[] = {net_layer_frame_create, NULL};

static int setup(void **state)
{
    struct layer_end *end = calloc(1, sizeof(*end));
    layer_end_init(end, true, stack);
    assert_int_equal(layer_end_up(end), 0);
    assert_true(end->is_up);
    *state = end;
    return 0;
}

static int teardown(void **state)
{
    layer_end_finish(*state);
    free(*state);
    return 0;
}

static uint16_t feed(struct layer_end *end, const char *bytes, size_t size)
{
    return layer_end_feed(end, bytes_of(bytes, size), 0);
}

static void append_frame(struct bytes_buf *out, struct bytes_span message)
{
    uint8_t header[4];
    bytes_put_u32(header, (uint32_t)message.size);
    assert_true(bytes_buf_append(out, bytes_of(header, 4)) && bytes_buf_append(out, message));
}

// `closing` with that code, framed.
static void append_closing(struct bytes_buf *out, uint32_t code, const char *reason)
{
    struct bytes_buf message;
    bytes_buf_init(&message, 256);
    const struct net_msg msg = {.type = NET_MSG_CLOSING,
                                .closing = {.code = code, .reason = bytes_of_string(reason)}};
    assert_true(net_msg_encode(&message, &msg));
    append_frame(out, bytes_buf_span(&message));
    bytes_buf_finish(&message);
}

static void a_whole_frame_is_one_message(void **state)
{
    struct layer_end *end = *state;
    assert_int_equal(feed(end, "\0\0\0\5hello", 9), 0);
    assert_int_equal(end->messages, 1);
    layer_end_expect_last(end, "hello");
}

static void frames_in_one_read_are_as_many_messages(void **state)
{
    struct layer_end *end = *state;
    assert_int_equal(feed(end, "\0\0\0\1a\0\0\0\2bc\0\0\0\1d\0\0", 18), 0);
    assert_int_equal(end->messages, 3);
    layer_end_expect_last(end, "d");
    assert_int_equal(feed(end, "\0\3xyz", 5), 0);
    assert_int_equal(end->messages, 4);
    layer_end_expect_last(end, "xyz");
}

static void every_way_of_cutting_gives_the_same_messages(void **state)
{
    struct layer_end *whole = *state;
    struct bytes_buf bytes;
    bytes_buf_init(&bytes, 200000);
    uint8_t message[LIMIT_MESSAGE_BYTES];
    memset(message, 7, sizeof(message));
    static const size_t sizes[] = {1, 2, 3, 255, 256, 4000, 16383, 16384, 5};
    for (unsigned i = 0; i < BASE_COUNT(sizes); i++) {
        message[0] = (uint8_t)i;
        append_frame(&bytes, bytes_of(message, sizes[i]));
    }
    assert_int_equal(layer_end_feed(whole, bytes_buf_span(&bytes), 0), 0);
    assert_int_equal(whole->messages, BASE_COUNT(sizes));
    static const size_t chops[] = {1, 2, 3, 4, 5, 7, 1460, 16387, 16388, 16389};
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

static void a_length_of_0_is_a_protocol_error(void **state)
{
    assert_int_equal(feed(*state, "\0\0\0\0", 4), NET_CLOSE_PROTOCOL);
}

static void a_length_over_the_limit_is_too_big_before_its_bytes_come(void **state)
{
    struct layer_end *end = *state;
    assert_int_equal(feed(end, "\0\0\x40\0", 4), 0); // 16384 is the limit
    layer_end_finish(end);
    layer_end_init(end, true, stack);
    assert_int_equal(layer_end_up(end), 0);
    assert_int_equal(feed(end, "\0\0\x40\1", 4), NET_CLOSE_TOO_BIG);
}

static void a_bad_length_is_found_in_every_cut(void **state)
{
    struct layer_end *end = *state;
    assert_int_equal(layer_end_feed(end, bytes_of("\0\0\0\1a\xff\0\0\0b", 10), 1),
                     NET_CLOSE_TOO_BIG);
    assert_int_equal(end->messages, 1);
}

static void a_tls_handshake_is_cut_off_without_a_word(void **state)
{
    struct layer_end *end = *state;
    assert_int_equal(feed(end, "\x16\x03\x01\x02\x00\x01", 6), NET_CLOSE_LOST);
    assert_int_equal(end->sent.size, 0);
}

// What looks like one later is only a length.
static void a_tls_handshake_is_the_first_thing_that_comes(void **state)
{
    (void)state;
    for (size_t chop = 0; chop < 2; chop++) {
        struct layer_end end;
        layer_end_init(&end, true, stack);
        assert_int_equal(layer_end_up(&end), 0);
        assert_int_equal(layer_end_feed(&end, bytes_of("\0\0\0\1a\x16\x03\x01\x02", 9), chop),
                         NET_CLOSE_TOO_BIG);
        layer_end_finish(&end);
    }
}

static void a_message_that_is_refused_above_ends_the_feed(void **state)
{
    struct layer_end *end = *state;
    end->answer_message = NET_CLOSE_FLOODING;
    assert_int_equal(feed(end, "\0\0\0\1a\0\0\0\1b", 10), NET_CLOSE_FLOODING);
    assert_int_equal(end->messages, 1);
}

static void writing_puts_the_length_in_front(void **state)
{
    struct layer_end *end = *state;
    assert_true(net_layer_write(layer_end_top(end), bytes_of("hello", 5)));
    layer_end_expect_sent(end, "\0\0\0\5hello", 9);
}

static void closing_says_code_and_reason_once_and_ends_our_half(void **state)
{
    struct layer_end *end = *state;
    struct bytes_buf expected;
    bytes_buf_init(&expected, 256);
    append_closing(&expected, NET_CLOSE_AUTH_DENIED, net_close_text(NET_CLOSE_AUTH_DENIED));
    layer_end_close(end, NET_CLOSE_AUTH_DENIED);
    layer_end_close(end, NET_CLOSE_NORMAL);
    assert_true(end->is_shut);
    layer_end_expect_sent(end, bytes_buf_span(&expected).data, expected.size);
    bytes_buf_finish(&expected);
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

static void a_heard_closing_reports_its_code_and_is_not_answered(void **state)
{
    (void)state;
    struct bytes_buf bytes;
    bytes_buf_init(&bytes, 1024);
    append_frame(&bytes, bytes_of("a", 1));
    append_closing(&bytes, 4503, "later");
    append_frame(&bytes, bytes_of("never heard", 11));
    for (size_t chop = 0; chop < 3; chop++) {
        struct layer_end cut;
        layer_end_init(&cut, true, stack);
        assert_int_equal(layer_end_up(&cut), 0);
        assert_int_equal(layer_end_feed(&cut, bytes_buf_span(&bytes), chop), 0);
        assert_int_equal(cut.messages, 1);
        assert_int_equal(cut.ended, 1);
        assert_int_equal(cut.ended_code, 4503);
        assert_string_equal(cut.ended_reason, "later");
        assert_true(cut.is_shut);
        assert_int_equal(cut.sent.size, 0);
        layer_end_finish(&cut);
    }
    bytes_buf_finish(&bytes);
}

static void closing_with_a_code_that_is_never_sent_is_malformed(void **state)
{
    (void)state;
    static const uint32_t codes[] = {999, 1004, 1005, 1006, 1015, 5000};
    for (unsigned i = 0; i < BASE_COUNT(codes); i++) {
        struct layer_end end;
        layer_end_init(&end, true, stack);
        assert_int_equal(layer_end_up(&end), 0);
        const uint8_t closing[] = {
            0,   0, 0, 6, 0x93, NET_MSG_CLOSING, 0xcd, (uint8_t)(codes[i] >> 8), (uint8_t)codes[i],
            0xa0};
        assert_int_equal(layer_end_feed(&end, bytes_of(closing, sizeof(closing)), 0),
                         NET_CLOSE_BAD_DATA);
        assert_int_equal(end.ended, 0);
        layer_end_finish(&end);
    }
}

static void a_closing_that_does_not_decode_is_malformed(void **state)
{
    struct layer_end *end = *state;
    assert_int_equal(feed(end, "\0\0\0\3\x93\x47\xc0", 7), NET_CLOSE_BAD_DATA);
    assert_int_equal(end->messages, 0);
}

static void a_full_queue_fails_the_write(void **state)
{
    struct layer_end *end = *state;
    end->full = true;
    assert_false(net_layer_write(layer_end_top(end), bytes_of("x", 1)));
}

int main(void)
{
#define ONE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        ONE(a_whole_frame_is_one_message),
        ONE(frames_in_one_read_are_as_many_messages),
        ONE(every_way_of_cutting_gives_the_same_messages),
        ONE(a_length_of_0_is_a_protocol_error),
        ONE(a_length_over_the_limit_is_too_big_before_its_bytes_come),
        ONE(a_bad_length_is_found_in_every_cut),
        ONE(a_tls_handshake_is_cut_off_without_a_word),
        cmocka_unit_test(a_tls_handshake_is_the_first_thing_that_comes),
        ONE(a_message_that_is_refused_above_ends_the_feed),
        ONE(writing_puts_the_length_in_front),
        ONE(closing_says_code_and_reason_once_and_ends_our_half),
        ONE(closing_before_it_is_up_says_nothing),
        ONE(a_heard_closing_reports_its_code_and_is_not_answered),
        ONE(closing_with_a_code_that_is_never_sent_is_malformed),
        ONE(a_closing_that_does_not_decode_is_malformed),
        ONE(a_full_queue_fails_the_write),
    };
#undef ONE
    return cmocka_run_group_tests(tests, NULL, NULL);
}
