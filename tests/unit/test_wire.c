// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/wire.h"

// Written as hex, spaces allowed.
static bool scan(const char *hex)
{
    static uint8_t memory[4096];
    size_t size = 0;
    for (const char *at = hex; *at; at++) {
        if (*at == ' ') {
            continue;
        }
        char digits[3] = {at[0], at[1], '\0'};
        memory[size++] = (uint8_t)strtoul(digits, NULL, 16);
        at++;
    }
    // An exact heap copy: reading past the end is the sanitizer's finding.
    uint8_t *copy = malloc(size ? size : 1);
    memcpy(copy, memory, size);
    bool ok = net_wire_scan(bytes_of(copy, size));
    free(copy);
    return ok;
}

static void every_kind_that_messages_use_passes(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "00",
        "7f",
        "e0",
        "ff",
        "c2",
        "c3",
        "ccff",
        "cdffff",
        "ceffffffff",
        "cfffffffffffffffff",
        "d080",
        "d18000",
        "d280000000",
        "d38000000000000000",
        "a0",
        "a161",
        "d9 01 61",
        "da 0001 61",
        "db 00000001 61",
        "c4 00",
        "c4 01 ff",
        "c5 0001 ff",
        "c6 00000001 ff",
        "90",
        "93 01 a161 c400",
        "dc 0002 01 02",
        "dd 00000002 01 02",
        "91 91 91 90",
    };
    for (size_t i = 0; i < BASE_COUNT(rows); i++) {
        if (!scan(rows[i])) {
            fail_msg("refused: %s", rows[i]);
        }
    }
}

static void kinds_that_no_message_uses_are_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "c0",                  // nil
        "c1",                  // never used
        "ca 3f800000",         // float
        "cb 3ff0000000000000", // double
        "80",
        "81 01 02",
        "de 0000",
        "df 00000000", // maps
        "c7 00 01",
        "c8 0000 01",
        "c9 00000000 01", // ext
        "d4 01 00",
        "d5 01 0000",
        "d6 01 00000000",
        "d7 01 0000000000000000",
        "d8 01 00000000000000000000000000000000",
        "92 01 c0",
        "91 80",
    };
    for (size_t i = 0; i < BASE_COUNT(rows); i++) {
        if (scan(rows[i])) {
            fail_msg("taken: %s", rows[i]);
        }
    }
}

static void what_is_cut_short_is_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",        "cc",          "cd ff",       "ce ffffff", "cf ffffffffffffff",
        "d0",      "d3 80",       "a1",          "d9",        "d9 01",
        "da 00",   "da 0002 61",  "db 000000",   "c4",        "c4 01",
        "c5 0001", "c6 00000001", "91",          "92 01",     "dc 00",
        "dc 0001", "dd 0000",     "dd 00000001", "91 91",
    };
    for (size_t i = 0; i < BASE_COUNT(rows); i++) {
        if (scan(rows[i])) {
            fail_msg("taken: %s", rows[i]);
        }
    }
}

static void declared_lengths_must_be_there(void **state)
{
    (void)state;
    assert_false(scan("dd 03000000")); // five bytes for which msgpack-c reserves 2 GiB
    assert_false(scan("dd ffffffff 01"));
    assert_false(scan("dc 0003 01 02"));
    assert_true(scan("dc 0003 01 02 03"));
    assert_false(scan("db ffffffff 61"));
    assert_false(scan("c6 80000000 61"));
    assert_false(scan("92 dd 00000002 01 02")); // inner elements counted as the outer's
}

static void trailing_bytes_are_refused(void **state)
{
    (void)state;
    assert_false(scan("01 01"));
    assert_false(scan("90 00"));
    assert_false(scan("91 01 02"));
    assert_false(scan("a161 c2"));
}

static bool scan_nested(unsigned depth)
{
    uint8_t bytes[32];
    memset(bytes, 0x91, sizeof(bytes));
    bytes[depth] = 0x01;
    return net_wire_scan(bytes_of(bytes, depth + 1));
}

static void depth_ends_at_its_limit(void **state)
{
    (void)state;
    assert_true(scan_nested(NET_WIRE_DEPTH_MAX - 1));
    assert_true(scan_nested(NET_WIRE_DEPTH_MAX));
    assert_false(scan_nested(NET_WIRE_DEPTH_MAX + 1));
}

// An array and `elements` numbers in it: elements + 1 values.
static bool scan_many(unsigned elements)
{
    static uint8_t bytes[NET_WIRE_ELEMENTS_MAX + 16];
    memset(bytes, 0, sizeof(bytes));
    bytes[0] = 0xdc;
    bytes_put_u16(bytes + 1, (uint16_t)elements);
    return net_wire_scan(bytes_of(bytes, elements + 3));
}

static void elements_end_at_their_limit(void **state)
{
    (void)state;
    assert_true(scan_many(NET_WIRE_ELEMENTS_MAX - 2));
    assert_true(scan_many(NET_WIRE_ELEMENTS_MAX - 1));
    assert_false(scan_many(NET_WIRE_ELEMENTS_MAX));
}

static void the_type_is_seen_without_scanning_the_rest(void **state)
{
    (void)state;
    static const struct {
        uint8_t bytes[8];
        size_t size;
        bool ok;
        uint32_t type;
    } rows[] = {
        {{0x91, 0x04}, 2, true, 4},
        {{0x92, 0x04}, 2, true, 4}, // cut short, but that is found later
        {{0x91, 0xcc, 0x40}, 3, true, 64},
        {{0xdc, 0x00, 0x01, 0x04}, 4, true, 4},
        {{0xdd, 0x00, 0x00, 0x00, 0x01, 0x04}, 6, true, 4},
        {{0x91, 0xcd, 0x01, 0x00}, 4, true, 256},
        {{0x91, 0xce, 0xff, 0xff, 0xff, 0xff}, 6, true, UINT32_MAX},
        {{0x90}, 1, false, 0},
        {{0x91}, 1, false, 0},
        {{0x04}, 1, false, 0},
        {{0}, 0, false, 0},
        {{0x91, 0xff}, 2, false, 0},
        {{0x91, 0xa1, 0x04}, 3, false, 0},
        {{0x91, 0xcc}, 2, false, 0},
        {{0x91, 0xd0, 0x04}, 3, false, 0},
        {{0x91, 0xce, 0xff}, 3, false, 0},
    };
    for (size_t i = 0; i < BASE_COUNT(rows); i++) {
        uint32_t type = 0;
        bool ok = net_wire_peek_type(bytes_of(rows[i].bytes, rows[i].size), &type);
        if (ok != rows[i].ok || type != rows[i].type) {
            fail_msg("row %zu", i);
        }
    }
}

static void a_failed_write_leaves_the_buffer_as_it_was(void **state)
{
    (void)state;
    struct bytes_buf buf;
    bytes_buf_init(&buf, 6);
    assert_true(bytes_buf_append(&buf, bytes_of("abc", 3)));
    struct net_wire wire;
    uint32_t number = 100000;
    net_wire_write(&wire, &buf);
    net_wire_u32(&wire, &number, 0, UINT32_MAX);
    assert_false(net_wire_end(&wire));
    assert_int_equal(buf.size, 3);
    number = 5;
    net_wire_write(&wire, &buf);
    net_wire_u32(&wire, &number, 0, UINT32_MAX);
    assert_true(net_wire_end(&wire));
    assert_memory_equal(bytes_buf_span(&buf).data, "abc\x91\x05", 5);
    bytes_buf_finish(&buf);
}

static bool read_i32(const char *bytes, size_t size, int32_t *value)
{
    struct net_wire_zone *zone = net_wire_zone_create();
    struct net_wire wire;
    bool ok = net_wire_read(&wire, zone, bytes_of(bytes, size));
    if (ok) {
        net_wire_i32(&wire, value);
        ok = net_wire_end(&wire);
    }
    net_wire_zone_destroy(zone);
    return ok;
}

static void signed_numbers_have_32_bits(void **state)
{
    (void)state;
    int32_t value = 0;
    assert_true(read_i32("\x91\xd2\x80\x00\x00\x00", 6, &value));
    assert_int_equal(value, INT32_MIN);
    assert_true(read_i32("\x91\xce\x7f\xff\xff\xff", 6, &value));
    assert_int_equal(value, INT32_MAX);
    assert_true(read_i32("\x91\xff", 2, &value));
    assert_int_equal(value, -1);
    assert_false(read_i32("\x91\xce\x80\x00\x00\x00", 6, &value));
    assert_false(read_i32("\x91\xd3\xff\xff\xff\xff\x7f\xff\xff\xff", 10, &value));
    assert_false(read_i32("\x91\xcf\xff\xff\xff\xff\xff\xff\xff\xff", 10, &value));
    assert_false(read_i32("\x91\xa0", 2, &value));
    assert_false(read_i32("\x90", 1, &value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_that_messages_use_passes),
        cmocka_unit_test(kinds_that_no_message_uses_are_refused),
        cmocka_unit_test(what_is_cut_short_is_refused),
        cmocka_unit_test(declared_lengths_must_be_there),
        cmocka_unit_test(trailing_bytes_are_refused),
        cmocka_unit_test(depth_ends_at_its_limit),
        cmocka_unit_test(elements_end_at_their_limit),
        cmocka_unit_test(the_type_is_seen_without_scanning_the_rest),
        cmocka_unit_test(a_failed_write_leaves_the_buffer_as_it_was),
        cmocka_unit_test(signed_numbers_have_32_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
