// SPDX-License-Identifier: MIT

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/close.h"
#include "net/ws_frame.h"

#define LIMIT 1000

// What a reader made of its bytes.
struct outcome {
    uint16_t code;
    const char *why;
    unsigned controls;
    uint8_t control_opcode;
    struct bytes_buf control; // the payload of the last one
    struct bytes_buf data;    // everything that went to the assembler
    size_t left;              // bytes behind the one that was refused
    bool amid;
};

static struct outcome outcome;

static void run(bool wants_mask, const void *bytes, size_t size, size_t chop)
{
    struct net_ws_reader reader;
    net_ws_reader_init(&reader, wants_mask, LIMIT);
    outcome.code = 0;
    outcome.why = NULL;
    outcome.controls = 0;
    bytes_buf_clear(&outcome.control);
    bytes_buf_clear(&outcome.data);
    for (size_t at = 0; at < size && !outcome.code; at += chop) {
        size_t count = chop < size - at ? chop : size - at;
        struct bytes_span span = bytes_of((const uint8_t *)bytes + at, count);
        while (span.size > 0 && !outcome.code) {
            struct net_ws_piece piece;
            outcome.code = net_ws_reader_next(&reader, &span, &piece, &outcome.why);
            if (piece.kind == NET_WS_CONTROL) {
                outcome.controls++;
                outcome.control_opcode = (uint8_t)piece.opcode;
                bytes_buf_clear(&outcome.control);
                assert_true(bytes_buf_append(&outcome.control, piece.bytes));
            } else if (piece.kind == NET_WS_DATA) {
                assert_true(bytes_buf_append(&outcome.data, piece.bytes));
            }
        }
        outcome.left = size - at - count + span.size;
    }
    outcome.amid = net_ws_reader_is_amid(&reader);
}

// As a client, whose peer does not mask, so that tests are readable; in one piece and in bytes.
static void expect(const void *bytes, size_t size, uint16_t code)
{
    for (size_t chop = 1; chop <= size; chop += size > 1 ? size - 1 : 1) {
        run(false, bytes, size, chop);
        assert_int_equal(outcome.code, code);
        assert_true((outcome.why != NULL) == (code != 0));
    }
}

static int setup(void **state)
{
    (void)state;
    bytes_buf_init(&outcome.control, 200);
    bytes_buf_init(&outcome.data, 100000);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    bytes_buf_finish(&outcome.control);
    bytes_buf_finish(&outcome.data);
    return 0;
}

static void a_data_frame_goes_on_as_it_is(void **state)
{
    (void)state;
    expect("\x82\x03"
           "abc",
           5, 0);
    assert_int_equal(outcome.data.size, 5);
    assert_memory_equal(bytes_buf_span(&outcome.data).data,
                        "\x82\x03"
                        "abc",
                        5);
    assert_false(outcome.amid);
}

static void a_control_frame_comes_whole_and_unmasked(void **state)
{
    (void)state;
    for (size_t chop = 1; chop <= 9; chop++) {
        run(true, "\x89\x83\x01\x02\x03\x04\x60\x60\x60", 9, chop);
        assert_int_equal(outcome.code, 0);
        assert_int_equal(outcome.controls, 1);
        assert_int_equal(outcome.control_opcode, NET_WS_PING);
        assert_memory_equal(bytes_buf_span(&outcome.control).data, "abc", 3);
    }
}

static void an_empty_control_frame_is_complete_with_its_header(void **state)
{
    (void)state;
    expect("\x8a\x00", 2, 0);
    assert_int_equal(outcome.controls, 1);
    assert_int_equal(outcome.control.size, 0);
    assert_false(outcome.amid);
}

static void control_frames_may_stand_between_fragments(void **state)
{
    (void)state;
    expect("\x01\x01"
           "a"
           "\x89\x01p"
           "\x80\x01"
           "b",
           9, 0);
    assert_int_equal(outcome.controls, 1);
    assert_int_equal(outcome.data.size, 6);
    assert_false(outcome.amid);
}

static void every_reserved_bit_is_refused_in_the_first_byte(void **state)
{
    (void)state;
    static const uint8_t bits[] = {0x40, 0x20, 0x10, 0x70};
    for (unsigned i = 0; i < BASE_COUNT(bits); i++) {
        uint8_t byte = (uint8_t)(0x82 | bits[i]);
        expect(&byte, 1, NET_CLOSE_PROTOCOL);
    }
}

static void every_reserved_opcode_is_refused_in_the_first_byte(void **state)
{
    (void)state;
    static const uint8_t opcodes[] = {3, 4, 5, 6, 7, 11, 12, 13, 14, 15};
    for (unsigned i = 0; i < BASE_COUNT(opcodes); i++) {
        uint8_t byte = (uint8_t)(0x80 | opcodes[i]);
        expect(&byte, 1, NET_CLOSE_PROTOCOL);
    }
}

static void a_fragmented_control_frame_is_refused(void **state)
{
    (void)state;
    expect("\x08", 1, NET_CLOSE_PROTOCOL);
    expect("\x09", 1, NET_CLOSE_PROTOCOL);
    expect("\x0a", 1, NET_CLOSE_PROTOCOL);
}

static void a_control_frame_carries_125_bytes_and_not_126(void **state)
{
    (void)state;
    uint8_t ping[127] = {0x89, 125};
    expect(ping, sizeof(ping), 0);
    assert_int_equal(outcome.control.size, 125);
    expect("\x89\x7e", 2, NET_CLOSE_PROTOCOL);
    expect("\x88\x7f", 2, NET_CLOSE_PROTOCOL);
}

static void a_continuation_needs_a_beginning(void **state)
{
    (void)state;
    expect("\x80", 1, NET_CLOSE_PROTOCOL);
    expect("\x00", 1, NET_CLOSE_PROTOCOL);
    expect("\x82\x00\x80", 3, NET_CLOSE_PROTOCOL);
}

static void a_new_message_inside_a_fragmented_one_is_refused(void **state)
{
    (void)state;
    expect("\x02\x00\x82", 3, NET_CLOSE_PROTOCOL);
    expect("\x02\x00\x01", 3, NET_CLOSE_PROTOCOL);
    expect("\x02\x00\x00\x00\x81", 5, NET_CLOSE_PROTOCOL);
}

static void a_server_refuses_an_unmasked_frame(void **state)
{
    (void)state;
    run(true, "\x82\x00", 2, 2);
    assert_int_equal(outcome.code, NET_CLOSE_PROTOCOL);
    run(true, "\x82\x80\0\0\0\0", 6, 6);
    assert_int_equal(outcome.code, 0);
}

static void a_client_refuses_a_masked_frame(void **state)
{
    (void)state;
    expect("\x82\x80", 2, NET_CLOSE_PROTOCOL);
}

static void a_length_must_be_in_its_shortest_form(void **state)
{
    (void)state;
    expect("\x82\x7e\x00\x7d", 4, NET_CLOSE_PROTOCOL);
    expect("\x82\x7e\x00\x7e", 4, 0);
    expect("\x82\x7f\0\0\0\0\0\0\xff\xff", 10, NET_CLOSE_PROTOCOL);
    expect("\x82\x7f\0\0\0\0\0\1\0\0", 10, NET_CLOSE_TOO_BIG);
    expect("\x82\x7f\x80\0\0\0\0\1\0\0", 10, NET_CLOSE_PROTOCOL);
    expect("\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff", 10, NET_CLOSE_TOO_BIG);
}

static void a_message_at_the_limit_passes_and_one_more_byte_does_not(void **state)
{
    (void)state;
    expect("\x82\x7e\x03\xe8", 4, 0);
    expect("\x82\x7e\x03\xe9", 4, NET_CLOSE_TOO_BIG);
}

static void the_limit_counts_all_fragments(void **state)
{
    (void)state;
    uint8_t bytes[1010] = {0x02, 0x7e, 0x03, 0xe7}; // 999 bytes
    bytes[1003] = 0x80;
    bytes[1004] = 1;
    expect(bytes, 1006, 0);
    assert_false(outcome.amid);
    bytes[1004] = 2;
    expect(bytes, 1005, NET_CLOSE_TOO_BIG);
    // and it begins anew with the next message
    bytes[1004] = 1;
    bytes[1006] = 0x82;
    bytes[1007] = 0x7e;
    bytes[1008] = 0x03;
    bytes[1009] = 0xe8;
    expect(bytes, 1010, 0);
    // control frames are not part of it
    uint8_t full[4 + LIMIT + 5] = {0x02, 0x7e, 0x03, 0xe8};
    memcpy(full + 4 + LIMIT, "\x89\x01p\x80\x00", 5);
    expect(full, sizeof(full), 0);
    assert_int_equal(outcome.controls, 1);
}

static void a_message_has_64_fragments_and_not_65(void **state)
{
    (void)state;
    uint8_t bytes[2 * NET_WS_FRAGMENTS_MAX + 2] = {0x02};
    expect(bytes, 2 * NET_WS_FRAGMENTS_MAX, 0);
    assert_true(outcome.amid);
    expect(bytes, 2 * NET_WS_FRAGMENTS_MAX + 2, NET_CLOSE_POLICY);
    bytes[2 * NET_WS_FRAGMENTS_MAX] = 0x89; // a ping is none
    expect(bytes, 2 * NET_WS_FRAGMENTS_MAX + 2, 0);
    bytes[2 * NET_WS_FRAGMENTS_MAX - 2] = 0x80;
    bytes[2 * NET_WS_FRAGMENTS_MAX] = 0x82; // and they begin anew with the next message
    expect(bytes, 2 * NET_WS_FRAGMENTS_MAX + 2, 0);
}

static void it_is_amid_a_message_until_the_last_byte(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0x02, 1, 'a', 0x00, 0, 0x80, 1, 'b'};
    for (size_t size = 1; size < sizeof(bytes); size++) {
        expect(bytes, size, 0);
        assert_true(outcome.amid);
    }
    expect(bytes, sizeof(bytes), 0);
    assert_false(outcome.amid);
    expect("\x82\x00", 2, 0);
    assert_false(outcome.amid);
}

static void nothing_behind_a_refused_byte_is_taken(void **state)
{
    (void)state;
    run(false, "\x89\x00\x83zzz", 6, 6);
    assert_int_equal(outcome.code, NET_CLOSE_PROTOCOL);
    assert_int_equal(outcome.controls, 1);
    assert_int_equal(outcome.left, 3);
}

// ---- close payloads

static void close_codes_that_may_be_sent_are_told_from_the_others(void **state)
{
    (void)state;
    for (unsigned code = 0; code <= UINT16_MAX; code++) {
        uint8_t payload[2];
        uint16_t status;
        struct bytes_span reason;
        bytes_put_u16(payload, (uint16_t)code);
        bool valid = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
                     (code >= 3000 && code <= 4999);
        uint16_t verdict = net_ws_read_close(bytes_of(payload, 2), &status, &reason);
        assert_int_equal(verdict, valid ? 0 : NET_CLOSE_PROTOCOL);
        assert_true(!valid || status == code);
    }
}

static void an_empty_close_has_no_status(void **state)
{
    (void)state;
    uint16_t status;
    struct bytes_span reason;
    assert_int_equal(net_ws_read_close(bytes_of("", 0), &status, &reason), 0);
    assert_int_equal(status, 1005);
    assert_int_equal(reason.size, 0);
}

static void half_a_close_status_is_a_protocol_error(void **state)
{
    (void)state;
    uint16_t status;
    struct bytes_span reason;
    assert_int_equal(net_ws_read_close(bytes_of("\x03", 1), &status, &reason), NET_CLOSE_PROTOCOL);
}

static void a_close_reason_must_be_utf8(void **state)
{
    (void)state;
    uint16_t status;
    struct bytes_span reason;
    assert_int_equal(net_ws_read_close(bytes_of("\x03\xe8\xc3\xa9", 4), &status, &reason), 0);
    assert_int_equal(reason.size, 2);
    assert_int_equal(net_ws_read_close(bytes_of("\x03\xe8\xc3", 3), &status, &reason),
                     NET_CLOSE_BAD_DATA);
    assert_int_equal(net_ws_read_close(bytes_of("\x03\xe8\xed\xa0\x80", 5), &status, &reason),
                     NET_CLOSE_BAD_DATA);
}

// ---- writing

static void a_header_is_as_short_as_its_length_allows(void **state)
{
    (void)state;
    uint8_t header[NET_WS_HEADER_BYTES_MAX];
    assert_int_equal(net_ws_write_header(header, NET_WS_BINARY, 125, NULL), 2);
    assert_memory_equal(header, "\x82\x7d", 2);
    assert_int_equal(net_ws_write_header(header, NET_WS_TEXT, 126, NULL), 4);
    assert_memory_equal(header, "\x81\x7e\x00\x7e", 4);
    assert_int_equal(net_ws_write_header(header, NET_WS_PING, 0, (const uint8_t[]){1, 2, 3, 4}), 6);
    assert_memory_equal(header, "\x89\x80\x01\x02\x03\x04", 6);
    assert_int_equal(
        net_ws_write_header(header, NET_WS_BINARY, 65535, (const uint8_t[]){1, 2, 3, 4}), 8);
    assert_memory_equal(header, "\x82\xfe\xff\xff\x01\x02\x03\x04", 8);
    assert_int_equal(net_ws_write_header(header, NET_WS_TEXT, 65536, NULL), 10);
    assert_memory_equal(header, "\x81\x7f\0\0\0\0\0\x01\0\0", 10);
}

static void a_mask_applies_from_any_offset(void **state)
{
    (void)state;
    static const uint8_t mask[] = {0x11, 0x22, 0x33, 0x44};
    uint8_t whole[10] = "abcdefghi";
    uint8_t parts[10];
    net_ws_mask(whole, whole, sizeof(whole), mask, 0);
    for (size_t at = 0; at < sizeof(parts); at++) {
        net_ws_mask(parts + at, (const uint8_t *)"abcdefghi" + at, 1, mask, at);
    }
    assert_memory_equal(whole, parts, sizeof(parts));
    net_ws_mask(whole, whole, sizeof(whole), mask, 0);
    assert_string_equal((char *)whole, "abcdefghi");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_data_frame_goes_on_as_it_is),
        cmocka_unit_test(a_control_frame_comes_whole_and_unmasked),
        cmocka_unit_test(an_empty_control_frame_is_complete_with_its_header),
        cmocka_unit_test(control_frames_may_stand_between_fragments),
        cmocka_unit_test(every_reserved_bit_is_refused_in_the_first_byte),
        cmocka_unit_test(every_reserved_opcode_is_refused_in_the_first_byte),
        cmocka_unit_test(a_fragmented_control_frame_is_refused),
        cmocka_unit_test(a_control_frame_carries_125_bytes_and_not_126),
        cmocka_unit_test(a_continuation_needs_a_beginning),
        cmocka_unit_test(a_new_message_inside_a_fragmented_one_is_refused),
        cmocka_unit_test(a_server_refuses_an_unmasked_frame),
        cmocka_unit_test(a_client_refuses_a_masked_frame),
        cmocka_unit_test(a_length_must_be_in_its_shortest_form),
        cmocka_unit_test(a_message_at_the_limit_passes_and_one_more_byte_does_not),
        cmocka_unit_test(the_limit_counts_all_fragments),
        cmocka_unit_test(a_message_has_64_fragments_and_not_65),
        cmocka_unit_test(it_is_amid_a_message_until_the_last_byte),
        cmocka_unit_test(nothing_behind_a_refused_byte_is_taken),
        cmocka_unit_test(close_codes_that_may_be_sent_are_told_from_the_others),
        cmocka_unit_test(an_empty_close_has_no_status),
        cmocka_unit_test(half_a_close_status_is_a_protocol_error),
        cmocka_unit_test(a_close_reason_must_be_utf8),
        cmocka_unit_test(a_header_is_as_short_as_its_length_allows),
        cmocka_unit_test(a_mask_applies_from_any_offset),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
