// SPDX-License-Identifier: MIT
// The header of the PROXY protocol, and the layer that takes it off a stream.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "net/layer_proxy.h"
#include "net/proxy_header.h"
#include "tests/support/layer_end.h"

#define V2      "\r\n\r\n\0\r\nQUIT\n"
#define V4_BODY "\xc0\0\2\1\xc0\0\2\2\xff\xf0\1\xbb"
#define V6_BODY                                                                                    \
    "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"                                                       \
    "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\2"                                                       \
    "\0\7\0\x08"
#define V1_HEADER "PROXY TCP4 192.0.2.1 192.0.2.2 65520 443\r\n"

struct row {
    const char *bytes;
    size_t size;
    enum net_proxy_header_verdict verdict;
    const char *source; // with NAMED
    size_t used;        // of a complete header
};

#define ROW(literal, how, who, taken)                                                              \
    {                                                                                              \
        literal, sizeof(literal) - 1, NET_PROXY_HEADER_##how, who, taken                           \
    }
#define BAD(literal) ROW(literal, MALFORMED, NULL, 0)

static const struct row rows[] = {
    ROW(V1_HEADER "data", NAMED, "192.0.2.1:65520", sizeof(V1_HEADER) - 1),
    ROW("PROXY TCP6 2001:db8::1 ::1 1 65535\r\n", NAMED, "[2001:db8::1]:1", 36),
    ROW("PROXY TCP4 1.1.1.1 2.2.2.2 0 0\r\n", NAMED, "1.1.1.1:0", 32),
    ROW("PROXY UNKNOWN\r\n", LOCAL, NULL, 15),
    ROW("PROXY UNKNOWN ffff::1 ::1 1 2\r\nx", LOCAL, NULL, 31),
    ROW("", MORE, NULL, 0),
    ROW("PROX", MORE, NULL, 0),
    ROW("PROXY TCP4 192.0.2.1", MORE, NULL, 0),
    BAD("proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n"),
    BAD("PROXYTCP4 192.0.2.1 192.0.2.2 1 2\r\n"),
    BAD("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n"),
    BAD("PROXY TCP4 192.0.2.1 192.0.2.2 1 22\n"),
    BAD("PROXY \n"),
    BAD("PROXY \r\n"),
    BAD("PROXY TCP4\r\n"),
    BAD("PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n"),
    BAD("PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n"),
    BAD("PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n"),
    BAD("PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n"),
    BAD("PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n"),
    BAD("PROXY TCP4 192.0.2.1 192.0.2.2 18446744073709551617 2\r\n"), // 1 in 64 bits
    BAD("PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n"),
    BAD("PROXY TCP4 192.0.2.1 192.0.2.2 +1 2\r\n"),
    BAD("PROXY TCP4 192.0.2.1\0 192.0.2.2 1 2\r\n"),
    BAD("PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n"),
    BAD("PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n"),
    BAD("PROXY TCP6 2001:db8::1 192.0.2.2 1 2\r\n"),
    BAD("PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n"),
    BAD("GET / HTTP/1.1\r\n"),
    BAD("\x16\x03\x01"),
    ROW(V2 "\x21\x11\0\x0c" V4_BODY "data", NAMED, "192.0.2.1:65520", 28),
    ROW(V2 "\x21\x11\0\x0f" V4_BODY "\4\0\0", NAMED, "192.0.2.1:65520", 31), // with an extension
    ROW(V2 "\x21\x21\0\x24" V6_BODY, NAMED, "[2001:db8::1]:7", 52),
    ROW(V2 "\x20\x11\0\x0c" V4_BODY, LOCAL, NULL, 28),
    ROW(V2 "\x20\0\0\0", LOCAL, NULL, 16),
    ROW(V2 "\x21\0\0\0", LOCAL, NULL, 16),
    ROW(V2, MORE, NULL, 0),
    ROW(V2 "\x21\x11\0\x0c\xc0\0\2", MORE, NULL, 0),
    BAD(V2 "\x11\x11\0\x0c" V4_BODY), // version 1 in binary
    BAD(V2 "\x22\x11\0\x0c" V4_BODY), // an unknown command
    BAD(V2 "\x21\x12\0\x0c" V4_BODY), // datagrams
    BAD(V2 "\x21\x31\0\x0c" V4_BODY), // a path of the proxy's machine
    BAD(V2 "\x21\x11\0\x0b\xc0\0\2\1\xc0\0\2\2\xff\xf0\1"),
    BAD(V2 "\x21\x21\0\x0c" V4_BODY),
    BAD(V2 "\x21\x11\xff\xff"),
    BAD("\r\n\r\n\0\r\nQUIX"),
};

static void headers_are_read_strictly(void **state)
{
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(rows); i++) {
        struct net_addr source;
        size_t used = 0;
        char text[NET_ADDR_TEXT_BYTES];
        enum net_proxy_header_verdict verdict =
            net_proxy_header_parse(bytes_of(rows[i].bytes, rows[i].size), &used, &source);
        if (verdict != rows[i].verdict || (rows[i].used > 0 && used != rows[i].used)) {
            fail_msg("row %zu: %d, %zu bytes", i, verdict, used);
        }
        if (verdict == NET_PROXY_HEADER_NAMED) {
            net_addr_format(&source, text);
            assert_string_equal(text, rows[i].source);
        }
    }
}

static enum net_proxy_header_verdict judge(const uint8_t *bytes, size_t size)
{
    struct net_addr source;
    size_t used;
    return net_proxy_header_parse(bytes_of(bytes, size), &used, &source);
}

static void headers_have_an_end(void **state)
{
    (void)state;
    uint8_t line[108];
    memset(line, 'x', sizeof(line));
    memcpy(line, "PROXY UNKNOWN ", 14);
    assert_int_equal(judge(line, 106), NET_PROXY_HEADER_MORE);
    assert_int_equal(judge(line, 107), NET_PROXY_HEADER_MALFORMED);
    memcpy(line + 105, "\r\n", 2);
    assert_int_equal(judge(line, 107), NET_PROXY_HEADER_LOCAL);
    memcpy(line + 105, "x\r\n", 3);
    assert_int_equal(judge(line, 108), NET_PROXY_HEADER_MALFORMED);

    static uint8_t binary[NET_PROXY_HEADER_BYTES];
    memcpy(binary, V2 "\x21\x11\x07\xf0" V4_BODY, 28); // 16 + 2032
    assert_int_equal(judge(binary, sizeof(binary) - 1), NET_PROXY_HEADER_MORE);
    assert_int_equal(judge(binary, sizeof(binary)), NET_PROXY_HEADER_NAMED);
    binary[15]++;
    assert_int_equal(judge(binary, sizeof(binary)), NET_PROXY_HEADER_MALFORMED);
}

static void a_header_is_known_by_its_mark_and_by_no_less(void **state)
{
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(rows); i++) {
        bool is_good = rows[i].used > 0;
        size_t mark = rows[i].bytes[0] == 'P' ? 6 : 12;
        assert_true(!is_good || net_proxy_header_begins(bytes_of(rows[i].bytes, mark)));
        assert_false(is_good && net_proxy_header_begins(bytes_of(rows[i].bytes, mark - 1)));
    }
    assert_false(net_proxy_header_begins(bytes_of_string("PROXYING / HTTP/1.1")));
    assert_false(net_proxy_header_begins(bytes_of_string("GET / HTTP/1.1\r\n\r\n")));
    assert_false(net_proxy_header_begins(bytes_of(NULL, 0)));
}

// ---- the layer

static const layer_create stack[] = {net_layer_proxy_create, NULL};
static bool may_connect;

static bool admit(struct net_layer_env *env, const struct net_addr *remote)
{
    (void)env, (void)remote;
    return may_connect;
}

static uint16_t begin(struct layer_end *end, const char *peer)
{
    layer_end_init(end, true, stack);
    may_connect = true;
    end->env.admit_address = admit;
    assert_true(net_addr_parse_ip(peer, &end->env.remote));
    return layer_end_up(end);
}

static void expect_remote(const struct layer_end *end, const char *expected)
{
    char text[NET_ADDR_TEXT_BYTES];
    net_addr_format(&end->env.remote, text);
    assert_string_equal(text, expected);
}

static void only_servers_find_a_header_where_none_belongs(void **state)
{
    (void)state;
    struct layer_end end;
    assert_int_equal(begin(&end, "192.0.2.9"), NET_CLOSE_LOST);
    struct net_layer *layer = end.layers[0];
    assert_true(net_layer_proxy_is_stray(layer, bytes_of_string(V1_HEADER)));
    assert_false(net_layer_proxy_is_stray(layer, bytes_of_string("GET / HTTP/1.1\r\n")));
    end.env.is_server = false;
    assert_false(net_layer_proxy_is_stray(layer, bytes_of_string(V1_HEADER)));
    layer_end_finish(&end);
}

static void the_header_comes_off_and_the_rest_goes_up_in_every_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(rows); i++) {
        for (size_t chop = 0; chop < 4 && rows[i].used > 0; chop++) {
            struct layer_end end;
            assert_int_equal(begin(&end, "127.0.0.1"), 0);
            assert_int_equal(layer_end_feed(&end, bytes_of(rows[i].bytes, rows[i].size), chop), 0);
            assert_true(end.is_up);
            expect_remote(&end, rows[i].source ? rows[i].source : "127.0.0.1:0");
            size_t rest = rows[i].size - rows[i].used;
            assert_int_equal(end.all.size, rest + 4 * end.messages);
            assert_int_equal(layer_end_feed(&end, bytes_of_string("more"), 0), 0);
            layer_end_expect_last(&end, "more");
            assert_int_equal(layer_end_wait_ms(&end, 1000000), 0);
            layer_end_finish(&end);
        }
    }
}

static void whoever_has_no_header_is_cut_off(void **state)
{
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(rows); i++) {
        struct layer_end end;
        if (rows[i].verdict != NET_PROXY_HEADER_MALFORMED) {
            continue;
        }
        assert_int_equal(begin(&end, "127.0.0.1"), 0);
        assert_int_equal(layer_end_feed(&end, bytes_of(rows[i].bytes, rows[i].size), i % 3),
                         NET_CLOSE_LOST);
        assert_false(end.is_up);
        assert_int_equal(end.sent.size, 0);
        expect_remote(&end, "127.0.0.1:0");
        layer_end_finish(&end);
    }
}

static void strangers_are_cut_off_before_they_say_anything(void **state)
{
    (void)state;
    struct layer_end end;
    assert_int_equal(begin(&end, "192.0.2.9"), NET_CLOSE_LOST);
    assert_non_null(strstr(end.env.reason, "--trusted-proxies"));
    layer_end_finish(&end);
}

static void an_address_that_may_not_connect_gets_no_further(void **state)
{
    (void)state;
    struct layer_end end;
    assert_int_equal(begin(&end, "127.0.0.1"), 0);
    may_connect = false;
    assert_int_equal(layer_end_feed(&end, bytes_of_string(V1_HEADER), 0), NET_CLOSE_LOST);
    assert_false(end.is_up);
    layer_end_finish(&end);
}

static void the_header_has_to_come_in_time(void **state)
{
    (void)state;
    struct layer_end end;
    assert_int_equal(begin(&end, "127.0.0.1"), 0);
    assert_int_equal(layer_end_wait_ms(&end, NET_LAYER_PROXY_MS - 1), 0);
    assert_int_equal(layer_end_feed(&end, bytes_of_string("PROXY "), 0), 0); // buys no time
    assert_int_equal(layer_end_wait_ms(&end, 1), NET_CLOSE_LOST);
    layer_end_finish(&end);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_are_read_strictly),
        cmocka_unit_test(headers_have_an_end),
        cmocka_unit_test(a_header_is_known_by_its_mark_and_by_no_less),
        cmocka_unit_test(only_servers_find_a_header_where_none_belongs),
        cmocka_unit_test(the_header_comes_off_and_the_rest_goes_up_in_every_cut),
        cmocka_unit_test(whoever_has_no_header_is_cut_off),
        cmocka_unit_test(strangers_are_cut_off_before_they_say_anything),
        cmocka_unit_test(an_address_that_may_not_connect_gets_no_further),
        cmocka_unit_test(the_header_has_to_come_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
