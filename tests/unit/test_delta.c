// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/limits.h"
#include "net/delta.h"

#define PER 3

static void expect_bytes(const struct bytes_buf *buf, const char *hex)
{
    char text[512];
    assert_true(buf->size * 2 < sizeof(text));
    bytes_to_hex(bytes_buf_span(buf), text);
    assert_string_equal(text, hex);
}

static void expect_coding(const int32_t *values, const int32_t *baseline, unsigned entities,
                          const char *hex)
{
    struct bytes_buf buf;
    int32_t decoded[64];
    bytes_buf_init(&buf, 1024);
    assert_true(net_delta_encode(&buf, values, baseline, entities, PER));
    expect_bytes(&buf, hex);
    memset(decoded, 0xee, sizeof(decoded));
    assert_true(net_delta_decode(bytes_buf_span(&buf), baseline, entities, PER, decoded));
    assert_memory_equal(decoded, values, entities * PER * sizeof(int32_t));
    bytes_buf_finish(&buf);
}

static void changes_are_a_mask_and_zigzag_varints(void **state)
{
    (void)state;
    const int32_t base[] = {100, 200, 300, 1, 2, 3};
    const int32_t one[] = {100, 203, 300, 1, 2, 3};
    const int32_t two[] = {99, 200, 428, 1, 2, 4};
    expect_coding(one, base, 2, "0206");
    expect_coding(two, base, 2, "050180020402");
}

static void no_change_is_no_bytes(void **state)
{
    (void)state;
    const int32_t values[] = {100, 200, 300, 1, 2, 3};
    expect_coding(values, values, 2, "");
    const int32_t zeroes[6] = {0};
    expect_coding(zeroes, NULL, 2, "");
}

static void an_unchanged_entity_before_a_changed_one_is_an_empty_mask(void **state)
{
    (void)state;
    const int32_t base[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    const int32_t values[] = {1, 2, 3, 4, 5, 5, 7, 8, 9};
    expect_coding(values, base, 3, "000401");
}

static void differences_wrap_at_32_bits(void **state)
{
    (void)state;
    const int32_t base[] = {INT32_MIN, INT32_MAX, 0};
    const int32_t values[] = {INT32_MAX, INT32_MIN, INT32_MIN};
    expect_coding(values, base, 1, "070102ffffffff0f");
}

static void a_full_snapshot_is_against_zeroes(void **state)
{
    (void)state;
    const int32_t values[] = {1, -1, 64};
    expect_coding(values, NULL, 1, "0702018001");
}

static void many_values_use_as_many_mask_bytes_as_they_need(void **state)
{
    (void)state;
    for (unsigned per = 1; per <= 17; per++) {
        int32_t values[17] = {0}, decoded[17];
        struct bytes_buf buf;
        bytes_buf_init(&buf, 64);
        values[per - 1] = 1;
        assert_true(net_delta_encode(&buf, values, NULL, 1, per));
        assert_int_equal(buf.size, (per + 7) / 8 + 1);
        assert_true(net_delta_decode(bytes_buf_span(&buf), NULL, 1, per, decoded));
        assert_memory_equal(values, decoded, per * sizeof(values[0]));
        bytes_buf_finish(&buf);
    }
}

static void decoding_onto_the_baseline_itself_works(void **state)
{
    (void)state;
    int32_t values[] = {100, 200, 300};
    const uint8_t delta[] = {0x02, 0x06};
    assert_true(net_delta_decode(bytes_of(delta, 2), values, 1, PER, values));
    assert_int_equal(values[1], 203);
    assert_int_equal(values[0], 100);
}

static void broken_deltas_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *why;
        uint8_t bytes[12];
        size_t size;
    } rows[] = {
        {"varint missing", {0x02}, 1},
        {"varint cut short", {0x02, 0x80}, 2},
        {"second value missing", {0x03, 0x02}, 2},
        {"bit beyond the values", {0x08}, 1},
        {"highest bit", {0x80}, 1},
        {"33 bits", {0x01, 0xff, 0xff, 0xff, 0xff, 0x1f}, 6},
        {"six bytes", {0x01, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00}, 7},
        {"trailing byte", {0x01, 0x02, 0x01, 0x02, 0x00}, 5},
    };
    for (size_t i = 0; i < BASE_COUNT(rows); i++) {
        int32_t values[2 * PER];
        if (net_delta_decode(bytes_of(rows[i].bytes, rows[i].size), NULL, 2, PER, values)) {
            fail_msg("taken: %s", rows[i].why);
        }
    }
}

static void a_full_buffer_is_reported(void **state)
{
    (void)state;
    const int32_t values[] = {1, 2, 3};
    struct bytes_buf buf;
    bytes_buf_init(&buf, 3);
    assert_false(net_delta_encode(&buf, values, NULL, 1, PER));
    bytes_buf_finish(&buf);
    bytes_buf_init(&buf, 4);
    assert_true(net_delta_encode(&buf, values, NULL, 1, PER));
    bytes_buf_finish(&buf);
}

static void the_worst_snapshot_fits_into_a_message(void **state)
{
    (void)state;
    static int32_t values[LIMIT_SNAPSHOT_VALUES];
    for (unsigned i = 0; i < LIMIT_SNAPSHOT_VALUES; i++) {
        values[i] = INT32_MIN;
    }
    struct bytes_buf buf;
    bytes_buf_init(&buf, LIMIT_MESSAGE_BYTES - 64);
    assert_true(net_delta_encode(&buf, values, NULL, LIMIT_PLAYERS_PER_SESSION,
                                 LIMIT_SNAPSHOT_VALUES / LIMIT_PLAYERS_PER_SESSION));
    bytes_buf_finish(&buf);
}

static void the_checksum_is_fnv_1a_over_little_endian_values(void **state)
{
    (void)state;
    assert_int_equal(net_delta_checksum(NULL, 0), 0x811c9dc5u);
    const int32_t values[] = {0x64636261}; // "abcd"
    assert_int_equal(net_delta_checksum(values, 1), 0xce3479bdu);
    const int32_t other[] = {0x64636260};
    assert_int_not_equal(net_delta_checksum(other, 1), 0xce3479bdu);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_are_a_mask_and_zigzag_varints),
        cmocka_unit_test(no_change_is_no_bytes),
        cmocka_unit_test(an_unchanged_entity_before_a_changed_one_is_an_empty_mask),
        cmocka_unit_test(differences_wrap_at_32_bits),
        cmocka_unit_test(a_full_snapshot_is_against_zeroes),
        cmocka_unit_test(many_values_use_as_many_mask_bytes_as_they_need),
        cmocka_unit_test(decoding_onto_the_baseline_itself_works),
        cmocka_unit_test(broken_deltas_are_refused),
        cmocka_unit_test(a_full_buffer_is_reported),
        cmocka_unit_test(the_worst_snapshot_fits_into_a_message),
        cmocka_unit_test(the_checksum_is_fnv_1a_over_little_endian_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
