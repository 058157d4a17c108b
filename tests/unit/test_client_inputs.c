// SPDX-License-Identifier: MIT
// The window of inputs that the server may lack.

#include "net/client_inputs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define SIZE 4

static void add(struct net_client_inputs *inputs, uint32_t tick)
{
    uint8_t input[SIZE];
    bytes_put_u32(input, tick * 3);
    net_client_inputs_add(inputs, tick, input);
}

// The window holds exactly first .. first + count - 1, each with its own input.
static void expect(const struct net_client_inputs *inputs, uint32_t first, uint32_t count)
{
    uint8_t packed[LIMIT_INPUTS_PER_MESSAGE * LIMIT_INPUT_BYTES];
    struct bytes_span span = net_client_inputs_pack(inputs, packed);
    assert_int_equal(span.size, count * SIZE);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(bytes_get_u32(span.data + (size_t)i * SIZE), (first + i) * 3);
    }
    if (count > 0) {
        assert_int_equal(inputs->first, first);
    }
}

static void consecutive_ticks_pile_up(void **state)
{
    (void)state;
    struct net_client_inputs inputs = {.input_bytes = SIZE};
    expect(&inputs, 0, 0);
    for (uint32_t tick = 100; tick < 110; tick++) {
        add(&inputs, tick);
    }
    expect(&inputs, 100, 10);
}

static void a_full_window_loses_its_oldest(void **state)
{
    (void)state;
    struct net_client_inputs inputs = {.input_bytes = SIZE};
    for (uint32_t tick = 1; tick <= LIMIT_INPUTS_PER_MESSAGE; tick++) {
        add(&inputs, tick);
    }
    expect(&inputs, 1, LIMIT_INPUTS_PER_MESSAGE);
    add(&inputs, LIMIT_INPUTS_PER_MESSAGE + 1);
    expect(&inputs, 2, LIMIT_INPUTS_PER_MESSAGE);
}

static void a_gap_starts_anew(void **state)
{
    (void)state;
    struct net_client_inputs inputs = {.input_bytes = SIZE};
    add(&inputs, 10);
    add(&inputs, 11);
    add(&inputs, 13);
    expect(&inputs, 13, 1);
}

static void an_old_tick_is_ignored(void **state)
{
    (void)state;
    struct net_client_inputs inputs = {.input_bytes = SIZE};
    add(&inputs, 10);
    add(&inputs, 11);
    uint8_t other[SIZE] = {0};
    net_client_inputs_add(&inputs, 11, other);
    net_client_inputs_add(&inputs, 3, other);
    expect(&inputs, 10, 2);
}

static void what_the_server_has_simulated_is_dropped(void **state)
{
    (void)state;
    struct net_client_inputs inputs = {.input_bytes = SIZE};
    for (uint32_t tick = 10; tick < 20; tick++) {
        add(&inputs, tick);
    }
    net_client_inputs_drop_through(&inputs, 9);
    expect(&inputs, 10, 10);
    net_client_inputs_drop_through(&inputs, 10);
    expect(&inputs, 11, 9);
    net_client_inputs_drop_through(&inputs, 18);
    expect(&inputs, 19, 1);
    net_client_inputs_drop_through(&inputs, 19);
    expect(&inputs, 0, 0);
    net_client_inputs_drop_through(&inputs, UINT32_MAX);
    expect(&inputs, 0, 0);
    add(&inputs, 50);
    expect(&inputs, 50, 1);
    net_client_inputs_drop_through(&inputs, 51); // the next one
    expect(&inputs, 0, 0);
}

static void the_largest_inputs_fill_a_message_exactly(void **state)
{
    (void)state;
    struct net_client_inputs inputs = {.input_bytes = LIMIT_INPUT_BYTES};
    uint8_t input[LIMIT_INPUT_BYTES];
    memset(input, 7, sizeof(input));
    for (uint32_t tick = 1; tick <= 2 * LIMIT_INPUTS_PER_MESSAGE; tick++) {
        net_client_inputs_add(&inputs, tick, input);
    }
    uint8_t packed[LIMIT_INPUTS_PER_MESSAGE * LIMIT_INPUT_BYTES];
    assert_int_equal(net_client_inputs_pack(&inputs, packed).size, sizeof(packed));
    for (size_t i = 0; i < sizeof(packed); i++) {
        assert_int_equal(packed[i], 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(consecutive_ticks_pile_up),
        cmocka_unit_test(a_full_window_loses_its_oldest),
        cmocka_unit_test(a_gap_starts_anew),
        cmocka_unit_test(an_old_tick_is_ignored),
        cmocka_unit_test(what_the_server_has_simulated_is_dropped),
        cmocka_unit_test(the_largest_inputs_fill_a_message_exactly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
