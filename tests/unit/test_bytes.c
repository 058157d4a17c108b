// SPDX-License-Identifier: MIT
// Buffers keep their ceiling and their contents; UTF-8 and varints are taken strictly.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/base/bytes.h"

static bool utf8(const char *text)
{
    return bytes_is_utf8(bytes_of_string(text));
}

static void spans_are_equal_by_size_and_content(void **state)
{
    (void)state;
    assert_true(bytes_equal(bytes_of("ab", 2), bytes_of_string("ab")));
    assert_false(bytes_equal(bytes_of("ab", 2), bytes_of("ab", 1)));
    assert_false(bytes_equal(bytes_of("ab", 2), bytes_of("ac", 2)));
    assert_true(bytes_equal(bytes_of(NULL, 0), bytes_of("x", 0)));
}

static void utf8_at_the_edges_of_each_length_is_taken(void **state)
{
    (void)state;
    assert_true(utf8(""));
    assert_true(utf8("\x7f"));
    assert_true(utf8("\xc2\x80"));
    assert_true(utf8("\xdf\xbf"));
    assert_true(utf8("\xe0\xa0\x80"));
    assert_true(utf8("\xed\x9f\xbf"));
    assert_true(utf8("\xee\x80\x80"));
    assert_true(utf8("\xef\xbf\xbf"));
    assert_true(utf8("\xf0\x90\x80\x80"));
    assert_true(utf8("\xf4\x8f\xbf\xbf"));
    assert_true(bytes_is_utf8(bytes_of("a\0b", 3)));
    assert_int_equal(bytes_utf8_sequence(bytes_of_string("\xf0\x9f\x8f\x81x")), 4);
}

static void utf8_overlongs_are_refused(void **state)
{
    (void)state;
    assert_false(utf8("\xc0\x80"));
    assert_false(utf8("\xc1\xbf"));
    assert_false(utf8("\xe0\x9f\xbf"));
    assert_false(utf8("\xf0\x8f\xbf\xbf"));
}

static void utf8_surrogates_and_beyond_unicode_are_refused(void **state)
{
    (void)state;
    assert_false(utf8("\xed\xa0\x80"));
    assert_false(utf8("\xed\xbf\xbf"));
    assert_false(utf8("\xf4\x90\x80\x80"));
    assert_false(utf8("\xf5\x80\x80\x80"));
    assert_false(utf8("\xff"));
}

static void utf8_broken_sequences_are_refused(void **state)
{
    (void)state;
    assert_false(utf8("\x80"));
    assert_false(utf8("a\xbf"));
    assert_false(utf8("\xc3"));
    assert_false(utf8("\xe2\x82"));
    assert_false(utf8("\xf0\x9f\x8f"));
    assert_false(utf8("\xe2\x28\xa1"));
    assert_false(utf8("\xe2\x82\x28"));
    assert_false(utf8("\xf0\x9f\x8f\x28"));
}

static void a_buffer_takes_its_limit_and_not_one_byte_more(void **state)
{
    (void)state;
    struct bytes_buf buf;
    bytes_buf_init(&buf, 100);
    uint8_t fill[100] = {0};
    assert_true(bytes_buf_append(&buf, bytes_of(fill, 99)));
    assert_false(bytes_buf_append(&buf, bytes_of("xy", 2)));
    assert_int_equal(buf.size, 99);
    assert_true(bytes_buf_append_u8(&buf, 'z'));
    assert_false(bytes_buf_append_u8(&buf, 'z'));
    assert_int_equal(bytes_buf_span(&buf).size, 100);
    assert_int_equal(bytes_buf_span(&buf).data[99], 'z');
    assert_true(bytes_buf_append(&buf, bytes_of(NULL, 0)));
    bytes_buf_finish(&buf);
}

static void a_huge_append_does_not_wrap_around(void **state)
{
    (void)state;
    struct bytes_buf buf;
    bytes_buf_init(&buf, 16);
    assert_true(bytes_buf_append_text(&buf, "x"));
    assert_null(bytes_buf_reserve(&buf, SIZE_MAX));
    assert_null(bytes_buf_reserve(&buf, 16));
    assert_non_null(bytes_buf_reserve(&buf, 15));
    bytes_buf_finish(&buf);
}

static void consumed_room_is_used_again(void **state)
{
    (void)state;
    struct bytes_buf buf;
    bytes_buf_init(&buf, 64);
    uint8_t next_in = 0;
    uint8_t next_out = 0;
    for (int round = 0; round < 1000; round++) {
        while (bytes_buf_append_u8(&buf, next_in)) {
            next_in++;
        }
        assert_int_equal(buf.size, 64);
        size_t take = (size_t)(round % 64) + 1;
        for (size_t i = 0; i < take; i++) {
            assert_int_equal(bytes_buf_span(&buf).data[i], next_out++);
        }
        bytes_buf_consume(&buf, take);
        assert_int_equal(buf.size, 64 - take);
    }
    assert_true(buf.capacity <= 64);
    bytes_buf_finish(&buf);
}

static void reserved_bytes_count_only_when_committed(void **state)
{
    (void)state;
    struct bytes_buf buf;
    bytes_buf_init(&buf, 10);
    uint8_t *at = bytes_buf_reserve(&buf, 10);
    assert_non_null(at);
    memcpy(at, "abcdefghij", 10);
    assert_int_equal(buf.size, 0);
    bytes_buf_commit(&buf, 4);
    assert_true(bytes_equal(bytes_buf_span(&buf), bytes_of_string("abcd")));
    bytes_buf_clear(&buf);
    assert_int_equal(buf.size, 0);
    bytes_buf_finish(&buf);
    bytes_buf_finish(&buf);
}

static void formatted_text_fills_a_buffer_exactly(void **state)
{
    (void)state;
    struct bytes_buf buf;
    bytes_buf_init(&buf, 8);
    assert_true(bytes_buf_append_format(&buf, "%s-%03d", "lap", 7));
    assert_true(bytes_equal(bytes_buf_span(&buf), bytes_of_string("lap-007")));
    assert_false(bytes_buf_append_format(&buf, "%d", 10));
    assert_true(bytes_buf_append_format(&buf, "%d", 1));
    assert_true(bytes_equal(bytes_buf_span(&buf), bytes_of_string("lap-0071")));
    assert_true(bytes_buf_append_format(&buf, "%s", ""));
    bytes_buf_finish(&buf);
}

static void integers_are_big_endian(void **state)
{
    (void)state;
    uint8_t at[4];
    bytes_put_u32(at, 0x01020304u);
    assert_memory_equal(at, "\x01\x02\x03\x04", 4);
    assert_int_equal(bytes_get_u32(at), 0x01020304u);
    bytes_put_u16(at, 0xfffeu);
    assert_memory_equal(at, "\xff\xfe", 2);
    assert_int_equal(bytes_get_u16(at), 0xfffeu);
    bytes_put_u32(at, UINT32_MAX);
    assert_int_equal(bytes_get_u32(at), UINT32_MAX);
}

static void varints_round_trip_at_every_width(void **state)
{
    (void)state;
    static const struct {
        uint32_t value;
        size_t size;
    } cases[] = {{0, 1},         {1, 1},          {0x7f, 1},      {0x80, 2},
                 {0x3fff, 2},    {0x4000, 3},     {0x1fffff, 3},  {0x200000, 4},
                 {0xfffffff, 4}, {0x10000000, 5}, {UINT32_MAX, 5}};
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        struct bytes_buf buf;
        uint32_t value = ~cases[i].value;
        bytes_buf_init(&buf, 8);
        assert_true(bytes_buf_append_varint(&buf, cases[i].value));
        assert_int_equal(buf.size, cases[i].size);
        struct bytes_span span = bytes_buf_span(&buf);
        assert_true(bytes_take_varint(&span, &value));
        assert_int_equal(value, cases[i].value);
        assert_int_equal(span.size, 0);
        // One byte short of each is not enough.
        span = bytes_of(bytes_buf_span(&buf).data, cases[i].size - 1);
        assert_false(bytes_take_varint(&span, &value));
        assert_int_equal(span.size, cases[i].size - 1);
        bytes_buf_finish(&buf);
    }
}

static void varints_over_32_bits_are_refused(void **state)
{
    (void)state;
    uint32_t value;
    struct bytes_span span = bytes_of("\xff\xff\xff\xff\x0f", 5);
    assert_true(bytes_take_varint(&span, &value));
    assert_int_equal(value, UINT32_MAX);
    span = bytes_of("\xff\xff\xff\xff\x10", 5);
    assert_false(bytes_take_varint(&span, &value));
    span = bytes_of("\x80\x80\x80\x80\x80\x00", 6);
    assert_false(bytes_take_varint(&span, &value));
}

static void zigzag_keeps_small_numbers_small(void **state)
{
    (void)state;
    assert_int_equal(bytes_zigzag(0), 0);
    assert_int_equal(bytes_zigzag(-1), 1);
    assert_int_equal(bytes_zigzag(1), 2);
    assert_int_equal(bytes_zigzag(INT32_MIN), UINT32_MAX);
    static const int32_t values[] = {0, 1, -1, 63, -64, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < BASE_COUNT(values); i++) {
        assert_int_equal(bytes_unzigzag(bytes_zigzag(values[i])), values[i]);
    }
}

static void hex_is_lower_case_and_terminated(void **state)
{
    (void)state;
    char text[9] = "????????";
    bytes_to_hex(bytes_of("\x00\xff\xa5\x10", 4), text);
    assert_string_equal(text, "00ffa510");
    bytes_to_hex(bytes_of(NULL, 0), text);
    assert_string_equal(text, "");
}

static void expect_cut(const char *text, const char *front, const char *left)
{
    struct bytes_span rest = bytes_of_string(text);
    assert_true(bytes_equal(bytes_cut(&rest, ','), bytes_of_string(front)));
    assert_true(bytes_equal(rest, bytes_of_string(left)));
}

static void a_cut_takes_the_mark_along(void **state)
{
    (void)state;
    expect_cut("one,two,three", "one", "two,three");
    expect_cut("one", "one", "");
    expect_cut("one,", "one", "");
    expect_cut(",one", "", "one");
    expect_cut(",", "", "");
    expect_cut("", "", "");
    struct bytes_span nothing = bytes_of(NULL, 0);
    assert_int_equal(bytes_cut(&nothing, ',').size, 0);
    assert_int_equal(nothing.size, 0);
}

static void expect_trimmed(struct bytes_span span, const char *wanted)
{
    assert_true(bytes_equal(bytes_trim(span, " \t"), bytes_of_string(wanted)));
}

static void blanks_are_trimmed_at_the_ends_only(void **state)
{
    (void)state;
    expect_trimmed(bytes_of_string(" \t a b\t "), "a b");
    expect_trimmed(bytes_of_string("a"), "a");
    expect_trimmed(bytes_of_string(" \t "), "");
    expect_trimmed(bytes_of(NULL, 0), "");
    assert_int_equal(bytes_trim(bytes_of("\0a\0", 3), " \t").size, 3); // which ends every string
}

// The figures are those of draft-eastlake-fnv.
static void a_hash_is_fnv_1a_in_one_piece_or_several(void **state)
{
    (void)state;
    struct bytes_span whole = bytes_of_string("foobar");
    assert_true(bytes_hash(BYTES_HASH_NONE, bytes_of(NULL, 0)) == UINT64_C(0xcbf29ce484222325));
    assert_true(bytes_hash(BYTES_HASH_NONE, bytes_of_string("a")) == UINT64_C(0xaf63dc4c8601ec8c));
    assert_true(bytes_hash(BYTES_HASH_NONE, whole) == UINT64_C(0x85944171f73967e8));
    uint64_t foo = bytes_hash(BYTES_HASH_NONE, bytes_of_string("foo"));
    assert_true(bytes_hash(foo, bytes_of_string("bar")) == bytes_hash(BYTES_HASH_NONE, whole));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spans_are_equal_by_size_and_content),
        cmocka_unit_test(a_cut_takes_the_mark_along),
        cmocka_unit_test(blanks_are_trimmed_at_the_ends_only),
        cmocka_unit_test(utf8_at_the_edges_of_each_length_is_taken),
        cmocka_unit_test(utf8_overlongs_are_refused),
        cmocka_unit_test(utf8_surrogates_and_beyond_unicode_are_refused),
        cmocka_unit_test(utf8_broken_sequences_are_refused),
        cmocka_unit_test(a_buffer_takes_its_limit_and_not_one_byte_more),
        cmocka_unit_test(a_huge_append_does_not_wrap_around),
        cmocka_unit_test(consumed_room_is_used_again),
        cmocka_unit_test(reserved_bytes_count_only_when_committed),
        cmocka_unit_test(formatted_text_fills_a_buffer_exactly),
        cmocka_unit_test(integers_are_big_endian),
        cmocka_unit_test(varints_round_trip_at_every_width),
        cmocka_unit_test(varints_over_32_bits_are_refused),
        cmocka_unit_test(zigzag_keeps_small_numbers_small),
        cmocka_unit_test(hex_is_lower_case_and_terminated),
        cmocka_unit_test(a_hash_is_fnv_1a_in_one_piece_or_several),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
