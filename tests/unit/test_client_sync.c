// SPDX-License-Identifier: MIT
// The tick estimate: numbers in, numbers out, in a network that the test makes up.

#include "net/client_sync.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/base/clock.h"

#define RATE    50
#define TICK_NS (CLOCK_NS_PER_S / RATE)
#define MS      CLOCK_NS_PER_MS
#define START   (100 * CLOCK_NS_PER_S) // of the server's tick 1000

static uint64_t time_of(uint32_t tick)
{
    return START + (tick - 1000) * TICK_NS;
}

// 40 ms there and back, started with a welcome that came after 20 ms.
static struct net_client_sync started(void)
{
    struct net_client_sync sync = {0};
    net_client_sync_add_rtt(&sync, 40000);
    net_client_sync_start(&sync, RATE, 1000, time_of(1000) + 20 * MS);
    return sync;
}

static void nothing_is_known_before_the_start(void **state)
{
    (void)state;
    struct net_client_sync sync = {0};
    uint32_t oldest;
    assert_int_equal(net_client_sync_server_tick(&sync, START), 0);
    assert_int_equal(net_client_sync_input_tick(&sync, START, &oldest), 0);
}

static void the_servers_tick_is_right_when_the_path_is_even(void **state)
{
    (void)state;
    struct net_client_sync sync = started();
    assert_int_equal(net_client_sync_server_tick(&sync, time_of(1000) + MS), 1000);
    assert_int_equal(net_client_sync_server_tick(&sync, time_of(1234) + MS), 1234);
    assert_int_equal(net_client_sync_server_tick(&sync, time_of(1234) - MS), 1233);
}

static void an_input_leaves_in_time_to_arrive_before_its_tick(void **state)
{
    (void)state;
    struct net_client_sync sync = started();
    uint32_t oldest;
    // Sent at 1100, it is there one tick (20 ms) later; the lead is two and a half ticks.
    uint32_t tick = net_client_sync_input_tick(&sync, time_of(1100) + MS, &oldest);
    assert_int_equal(oldest, 1101);
    assert_int_equal(tick, 1103);
    assert_int_equal(net_client_sync_lead_ms(&sync), 20 + 50);
}

static void an_input_is_due_when_its_tick_comes_up_and_not_before(void **state)
{
    (void)state;
    struct net_client_sync sync = started();
    uint32_t oldest;
    for (uint32_t tick = 1100; tick < 1110; tick++) {
        uint64_t due_ns = net_client_sync_input_due_ns(&sync, tick);
        assert_int_equal(net_client_sync_input_tick(&sync, due_ns, &oldest), tick);
        assert_int_equal(net_client_sync_input_tick(&sync, due_ns - 1, &oldest), tick - 1);
    }
    assert_int_equal(net_client_sync_input_due_ns(&(struct net_client_sync){0}, 1), 0);
}

static void late_snapshots_do_not_move_the_estimate(void **state)
{
    (void)state;
    struct net_client_sync sync = started();
    for (uint32_t tick = 1001; tick < 1060; tick++) {
        uint64_t delay_ns = 20 * MS + (tick % 7) * 9 * MS;
        net_client_sync_heard(&sync, tick, time_of(tick) + delay_ns);
        assert_int_equal(net_client_sync_server_tick(&sync, time_of(1100) + MS), 1100);
    }
}

static void an_earlier_snapshot_corrects_a_late_welcome_at_once(void **state)
{
    (void)state;
    struct net_client_sync sync = {0};
    net_client_sync_add_rtt(&sync, 40000);
    net_client_sync_start(&sync, RATE, 1000, time_of(1000) + 300 * MS);
    assert_int_equal(net_client_sync_server_tick(&sync, time_of(1100) + MS), 1086);
    net_client_sync_heard(&sync, 1030, time_of(1030) + 20 * MS);
    assert_int_equal(net_client_sync_server_tick(&sync, time_of(1100) + MS), 1100);
}

static void a_server_that_skipped_ticks_is_followed(void **state)
{
    (void)state;
    struct net_client_sync sync = started();
    // From here on every tick is 200 ms later than it would have been.
    for (uint32_t tick = 1001; tick < 1300; tick++) {
        net_client_sync_heard(&sync, tick, time_of(tick) + 220 * MS);
    }
    assert_int_equal(net_client_sync_server_tick(&sync, time_of(1300) + 201 * MS), 1300);
}

static void the_least_of_the_newest_round_trips_counts(void **state)
{
    (void)state;
    struct net_client_sync sync = started();
    net_client_sync_add_rtt(&sync, 90000);
    assert_int_equal(net_client_sync_lead_ms(&sync), 70);
    for (unsigned i = 0; i < NET_CLIENT_SYNC_RTTS; i++) {
        net_client_sync_add_rtt(&sync, 90000);
    }
    assert_int_equal(net_client_sync_lead_ms(&sync), 45 + 50);
}

static void late_inputs_raise_the_lead_at_once_but_only_once_a_round_trip(void **state)
{
    (void)state;
    struct net_client_sync sync = started();
    net_client_sync_add_margin(&sync, -40, START);
    assert_int_equal(net_client_sync_lead_ms(&sync), 70 + 40 + 30);
    net_client_sync_add_margin(&sync, -40, START + 100 * MS); // tells of the same lateness
    assert_int_equal(net_client_sync_lead_ms(&sync), 70 + 40 + 30);
    net_client_sync_add_margin(&sync, -40, START + 200 * MS);
    assert_int_equal(net_client_sync_lead_ms(&sync), 70 + 2 * (40 + 30));
}

static void a_margin_of_one_tick_is_left_alone(void **state)
{
    (void)state;
    struct net_client_sync sync = started();
    net_client_sync_add_margin(&sync, 20, START);
    assert_int_equal(net_client_sync_lead_ms(&sync), 70);
    net_client_sync_add_margin(&sync, 19, START);
    assert_int_equal(net_client_sync_lead_ms(&sync), 81);
}

// A server says how many ticks it were, in whole milliseconds.
static void a_tick_that_is_no_whole_number_of_milliseconds_is_one_all_the_same(void **state)
{
    (void)state;
    struct net_client_sync sync = {0};
    net_client_sync_start(&sync, 60, 1000, START);
    int32_t lead_ms = net_client_sync_lead_ms(&sync);
    net_client_sync_add_margin(&sync, 16, START);
    assert_int_equal(net_client_sync_lead_ms(&sync), lead_ms);
    net_client_sync_add_margin(&sync, 15, START);
    assert_int_equal(net_client_sync_lead_ms(&sync), lead_ms + 10);
}

static void a_margin_of_two_ticks_lowers_the_lead_more_slowly_still(void **state)
{
    (void)state;
    struct net_client_sync sync = started();
    for (unsigned i = 0; i < 16; i++) {
        net_client_sync_add_margin(&sync, 40, START);
    }
    assert_int_equal(net_client_sync_lead_ms(&sync), 70 - 20);
    struct net_client_sync beyond = started();
    net_client_sync_add_margin(&beyond, 41, START);
    assert_int_equal(net_client_sync_lead_ms(&beyond), 68);
}

static void a_large_margin_lowers_the_lead_slowly(void **state)
{
    (void)state;
    struct net_client_sync sync = started();
    net_client_sync_add_margin(&sync, 110, START);
    assert_int_equal(net_client_sync_lead_ms(&sync), 60);
}

static void a_hostile_margin_cannot_drive_the_lead_out_of_bounds(void **state)
{
    (void)state;
    struct net_client_sync sync = started();
    for (uint64_t i = 0; i < 1000; i++) {
        net_client_sync_add_margin(&sync, INT32_MIN, START + i * CLOCK_NS_PER_S);
    }
    assert_int_equal(net_client_sync_lead_ms(&sync), 20 + 500);
    for (uint64_t i = 0; i < 1000; i++) {
        net_client_sync_add_margin(&sync, INT32_MAX, START + i * CLOCK_NS_PER_S);
    }
    assert_int_equal(net_client_sync_lead_ms(&sync), 20 - 250);
    uint32_t oldest;
    uint32_t tick = net_client_sync_input_tick(&sync, time_of(1100), &oldest);
    assert_true(oldest <= tick);
}

static void the_largest_tick_does_not_overflow(void **state)
{
    (void)state;
    struct net_client_sync sync = {0};
    net_client_sync_start(&sync, 1, UINT32_MAX, 1);
    uint32_t oldest;
    assert_int_equal(net_client_sync_server_tick(&sync, START), UINT32_MAX - 1);
    assert_int_equal(net_client_sync_input_tick(&sync, START, &oldest), UINT32_MAX - 1);
    net_client_sync_heard(&sync, 0, START);
    assert_int_equal(net_client_sync_server_tick(&sync, START), UINT32_MAX - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_known_before_the_start),
        cmocka_unit_test(the_servers_tick_is_right_when_the_path_is_even),
        cmocka_unit_test(an_input_leaves_in_time_to_arrive_before_its_tick),
        cmocka_unit_test(an_input_is_due_when_its_tick_comes_up_and_not_before),
        cmocka_unit_test(late_snapshots_do_not_move_the_estimate),
        cmocka_unit_test(an_earlier_snapshot_corrects_a_late_welcome_at_once),
        cmocka_unit_test(a_server_that_skipped_ticks_is_followed),
        cmocka_unit_test(the_least_of_the_newest_round_trips_counts),
        cmocka_unit_test(late_inputs_raise_the_lead_at_once_but_only_once_a_round_trip),
        cmocka_unit_test(a_margin_of_one_tick_is_left_alone),
        cmocka_unit_test(a_tick_that_is_no_whole_number_of_milliseconds_is_one_all_the_same),
        cmocka_unit_test(a_margin_of_two_ticks_lowers_the_lead_more_slowly_still),
        cmocka_unit_test(a_large_margin_lowers_the_lead_slowly),
        cmocka_unit_test(a_hostile_margin_cannot_drive_the_lead_out_of_bounds),
        cmocka_unit_test(the_largest_tick_does_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
