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
#include "net/payload.h"

static void a_payload_holds_a_copy(void **state)
{
    (void)state;
    uint8_t bytes[] = {1, 2, 3};
    struct net_payload *payload = net_payload_create(bytes_of(bytes, sizeof(bytes)));
    bytes[0] = 9;
    assert_int_equal(payload->size, 3);
    assert_int_equal(net_payload_span(payload).data[0], 1);
    net_payload_unref(payload);
}

static void the_last_reference_frees_it(void **state)
{
    (void)state;
    struct net_payload *payload = net_payload_create(bytes_of("x", 1));
    assert_ptr_equal(net_payload_ref(payload), payload);
    assert_int_equal(payload->references, 2);
    net_payload_unref(payload);
    assert_int_equal(payload->references, 1);
    net_payload_unref(payload); // a leak here is the sanitizer's finding
}

static void sizes_from_nothing_to_the_limit_are_taken(void **state)
{
    (void)state;
    static const uint8_t bytes[LIMIT_MESSAGE_BYTES];
    struct net_payload *empty = net_payload_create(bytes_of(NULL, 0));
    struct net_payload *largest = net_payload_create(bytes_of(bytes, sizeof(bytes)));
    assert_int_equal(empty->size, 0);
    assert_int_equal(largest->size, LIMIT_MESSAGE_BYTES);
    net_payload_unref(empty);
    net_payload_unref(largest);
    net_payload_unref(NULL);
}

static void a_payload_goes_back_to_where_it_came_from(void **state)
{
    (void)state;
    struct blocks home;
    blocks_init(&home, 4096);
    struct net_payload *payload = net_payload_create_in(&home, bytes_of("x", 1));
    assert_int_equal(payload->size, 1);
    assert_int_equal(net_payload_span(payload).data[0], 'x');
    net_payload_unref(net_payload_ref(payload));
    assert_int_equal(home.kept, 0);
    net_payload_unref(payload);
    assert_int_equal(home.kept > 0, home.kept_max > 0);
    blocks_finish(&home);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_payload_holds_a_copy),
        cmocka_unit_test(the_last_reference_frees_it),
        cmocka_unit_test(a_payload_goes_back_to_where_it_came_from),
        cmocka_unit_test(sizes_from_nothing_to_the_limit_are_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
