// SPDX-License-Identifier: MIT
// Reading that takes time, which in virtual time nothing does by itself: one more listener, whose
// descriptors hold so much to read as time has gone by since they were read.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/scenario.h"

#define TICK_NS      (CLOCK_NS_PER_S / 60)
#define READING_PART 8 // of all time: 2 ms a tick

struct busy_endpoint {
    struct net_endpoint base;
    struct clock *clock;
    uint64_t read_ns; // when it was read to the end
    unsigned pumps;
};

static void busy_pump(struct net_endpoint *base, uint64_t now_ns)
{
    struct busy_endpoint *endpoint = (struct busy_endpoint *)base;
    endpoint->clock->virtual_now_ns = now_ns + (now_ns - endpoint->read_ns) / READING_PART;
    endpoint->read_ns = now_ns;
    endpoint->pumps++;
}

static void busy_destroy(struct net_endpoint *base)
{
    (void)base; // on the test's stack
}

// The server alone: its clients would read what is the server's to read.
static void turn_server_ms(struct scenario *scenario, uint64_t milliseconds)
{
    uint64_t end_ns = clock_now_ns(&scenario->clock) + milliseconds * CLOCK_NS_PER_MS;
    while (clock_now_ns(&scenario->clock) < end_ns) {
        game_server_turn(scenario->server);
    }
}

static void much_to_read_makes_no_tick_late(void **state)
{
    (void)state;
    static const struct net_endpoint_impl impl = {.pump = busy_pump, .destroy = busy_destroy};
    struct scenario *scenario = scenario_create(NULL);
    scenario_wait(scenario, scenario_is_welcomed, scenario_join(scenario), 1000);
    struct busy_endpoint endpoint = {
        .base = {.impl = &impl, .transport = net_transport_find("memory")},
        .clock = &scenario->clock,
        .read_ns = clock_now_ns(&scenario->clock),
    };
    net_hub_add(game_server_hub(scenario->server), &endpoint.base);
    turn_server_ms(scenario, 200); // the first tick has nothing to go by
    const struct game_tick *tick = scenario_status(scenario).tick;
    struct histogram before = *tick->lateness;
    unsigned pumps = endpoint.pumps;
    turn_server_ms(scenario, 5000);
    uint64_t ticks = tick->lateness->count - before.count;
    assert_in_range(ticks, 299, 301);
    // Once ahead and once at the tick, which has only what came between the two to read.
    assert_in_range(endpoint.pumps - pumps, 2 * ticks - 2, 2 * ticks + 2);
    assert_true((tick->lateness->sum_ns - before.sum_ns) / ticks < TICK_NS / READING_PART / 4);
    assert_int_equal(*tick->skipped, 0);
    scenario_destroy(scenario);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(much_to_read_makes_no_tick_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
