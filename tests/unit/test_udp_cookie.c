// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/udp_cookie.h"

#define EPOCH NET_UDP_COOKIE_EPOCH_NS

static const struct net_udp_cookies cookies = {.secret = {1, 2, 3}};
static const struct net_addr addr = {.ip = {0x20, 0x01, [15] = 7}, .port = 7777};

static void a_cookie_is_good_in_its_epoch_and_the_next(void **state)
{
    (void)state;
    uint64_t made_ns = 5 * EPOCH + 3;
    uint32_t cookie = net_udp_cookie_make(&cookies, &addr, made_ns);
    assert_int_not_equal(cookie, 0);
    assert_false(net_udp_cookie_valid(&cookies, &addr, 5 * EPOCH - 1, cookie));
    assert_true(net_udp_cookie_valid(&cookies, &addr, 5 * EPOCH, cookie));
    assert_true(net_udp_cookie_valid(&cookies, &addr, 7 * EPOCH - 1, cookie));
    assert_false(net_udp_cookie_valid(&cookies, &addr, 7 * EPOCH, cookie));
}

static void a_cookie_is_good_in_the_first_epoch_of_all(void **state)
{
    (void)state;
    uint32_t cookie = net_udp_cookie_make(&cookies, &addr, 0);
    assert_true(net_udp_cookie_valid(&cookies, &addr, 1, cookie));
    assert_false(net_udp_cookie_valid(&cookies, &addr, 1, cookie + 1));
}

static void nothing_is_no_cookie(void **state)
{
    (void)state;
    for (uint64_t epoch = 0; epoch < 1000; epoch++) {
        assert_false(net_udp_cookie_valid(&cookies, &addr, epoch * EPOCH, 0));
    }
}

static void another_address_port_or_secret_makes_another_cookie(void **state)
{
    (void)state;
    uint32_t cookie = net_udp_cookie_make(&cookies, &addr, EPOCH);
    struct net_addr other = addr;
    other.ip[15]++;
    assert_false(net_udp_cookie_valid(&cookies, &other, EPOCH, cookie));
    other = addr;
    other.port++;
    assert_false(net_udp_cookie_valid(&cookies, &other, EPOCH, cookie));
    struct net_udp_cookies fresh[2];
    assert_true(net_udp_cookies_init(&fresh[0]));
    assert_true(net_udp_cookies_init(&fresh[1]));
    assert_int_not_equal(net_udp_cookie_make(&fresh[0], &addr, EPOCH),
                         net_udp_cookie_make(&fresh[1], &addr, EPOCH));
    net_udp_cookies_finish(&fresh[0]);
    assert_int_equal(fresh[0].secret[0] | fresh[0].secret[31], 0);
}

static void a_question_is_read_as_it_was_written(void **state)
{
    (void)state;
    uint8_t ask[NET_UDP_COOKIE_ASK_BYTES + 1] = {0};
    uint32_t nonce = 0;
    net_udp_cookie_put_ask(ask, 0xdeadbeef);
    assert_memory_equal(ask, "\xff\xffPC\0\0\0\0\xde\xad\xbe\xef", 12);
    assert_true(net_udp_cookie_get_ask(bytes_of(ask, NET_UDP_COOKIE_ASK_BYTES), &nonce));
    assert_int_equal(nonce, 0xdeadbeef);
    assert_false(net_udp_cookie_get_ask(bytes_of(ask, NET_UDP_COOKIE_ASK_BYTES - 1), &nonce));
    assert_false(net_udp_cookie_get_ask(bytes_of(ask, NET_UDP_COOKIE_ASK_BYTES + 1), &nonce));
    for (unsigned i = 0; i < 8; i++) {
        ask[i] ^= 1;
        assert_false(net_udp_cookie_get_ask(bytes_of(ask, NET_UDP_COOKIE_ASK_BYTES), &nonce));
        ask[i] ^= 1;
    }
}

static void an_answer_is_read_with_its_nonce_only(void **state)
{
    (void)state;
    uint8_t answer[NET_UDP_COOKIE_ANSWER_BYTES + 1] = {0};
    size_t size = NET_UDP_COOKIE_ANSWER_BYTES;
    uint32_t cookie = 0;
    net_udp_cookie_put_answer(answer, 7, 0x01020304);
    assert_memory_equal(answer, "\xff\xffPC\1\0\0\0\0\0\0\7\1\2\3\4", size);
    assert_false(net_udp_cookie_get_answer(bytes_of(answer, size), 8, &cookie));
    assert_false(net_udp_cookie_get_answer(bytes_of(answer, size - 1), 7, &cookie));
    assert_false(net_udp_cookie_get_answer(bytes_of(answer, size + 1), 7, &cookie));
    assert_int_equal(cookie, 0);
    assert_true(net_udp_cookie_get_answer(bytes_of(answer, size), 7, &cookie));
    assert_int_equal(cookie, 0x01020304);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cookie_is_good_in_its_epoch_and_the_next),
        cmocka_unit_test(a_cookie_is_good_in_the_first_epoch_of_all),
        cmocka_unit_test(nothing_is_no_cookie),
        cmocka_unit_test(another_address_port_or_secret_makes_another_cookie),
        cmocka_unit_test(a_question_is_read_as_it_was_written),
        cmocka_unit_test(an_answer_is_read_with_its_nonce_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
