// SPDX-License-Identifier: MIT
// The client library in a race: inputs in time, deltas that survive the network.

#include "net/client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/client_stage.h"

// ---- inputs

static void every_tick_of_a_race_gets_its_input_in_time(void **state)
{
    struct client_stage *stage = *state;
    client_stage_join(stage, "memory://server?delay_ms=40&jitter_ms=8&seed=3");
    client_stage_begin_race(stage);
    client_stage_run(stage, 10 * CLOCK_NS_PER_S);
    // From the very first tick on, but for what the client needs to learn its margin.
    assert_in_range(client_stage_missing(stage, stage->race_tick, stage->tick), 0, 12);
    assert_int_equal(client_stage_missing(stage, stage->race_tick + STAGE_RATE, stage->tick), 0);
    assert_int_equal(client_stage_stats(stage).inputs_late, stage->late_total);
}

static void no_input_is_made_before_the_race(void **state)
{
    struct client_stage *stage = *state;
    client_stage_join(stage, "memory://server?delay_ms=20");
    client_stage_begin_race(stage);
    client_stage_run(stage, CLOCK_NS_PER_S);
    for (uint32_t tick = 0; tick < stage->race_tick; tick++) {
        assert_int_equal(stage->arrived[tick], 0);
    }
    struct net_msg msg = client_stage_phase(NET_PHASE_FINISHED, stage->tick, 0);
    client_stage_send(stage, &msg, NET_RELIABLE);
    client_stage_run(stage, CLOCK_NS_PER_S);
    uint32_t tick;
    assert_false(net_client_input_due(stage->client, &tick));
    assert_true(net_client_input_due_ns(stage->client) == CLOCK_NEVER);
}

static void who_does_not_take_part_sends_no_inputs_but_acknowledges(void **state)
{
    struct client_stage *stage = *state;
    client_stage_join(stage, "memory://server");
    stage->snapshots_on = true;
    struct net_msg msg = client_stage_phase(NET_PHASE_RACING, stage->tick, 0);
    msg.phase.entity_of_slot[STAGE_SLOT] = 0xff;
    client_stage_send(stage, &msg, NET_RELIABLE);
    client_stage_run(stage, CLOCK_NS_PER_S);
    for (uint32_t tick = 0; tick < STAGE_TICKS_MAX; tick++) {
        assert_int_equal(stage->arrived[tick], 0);
    }
    assert_in_range(stage->inputs_empty, STAGE_RATE / STAGE_SNAPSHOT_TICKS - 2,
                    STAGE_RATE / STAGE_SNAPSHOT_TICKS + 2);
    assert_true(stage->ack_tick + 2 * STAGE_SNAPSHOT_TICKS > stage->tick);
}

static void lost_messages_cost_no_inputs(void **state)
{
    struct client_stage *stage = *state;
    client_stage_join(stage, "memory://server?delay_ms=40&loss=100&seed=11");
    client_stage_begin_race(stage);
    client_stage_run(stage, 3 * CLOCK_NS_PER_S); // the lead adapts to what loss costs
    uint32_t from = stage->tick;
    client_stage_run(stage, 30 * CLOCK_NS_PER_S);
    unsigned of = stage->tick - from;
    assert_in_range(client_stage_missing(stage, from, stage->tick), 0, of / 50);
}

static void the_lead_settles_at_a_few_ticks(void **state)
{
    static const char *const urls[] = {
        "memory://server",
        "memory://server?delay_ms=10&jitter_ms=2&seed=1",
        "memory://server?delay_ms=150&jitter_ms=10&seed=1",
    };
    for (size_t i = 0; i < BASE_COUNT(urls); i++) {
        void *inner = NULL;
        client_stage_setup(&inner);
        struct client_stage *stage = inner;
        client_stage_join(stage, urls[i]);
        client_stage_begin_race(stage);
        client_stage_run(stage, 20 * CLOCK_NS_PER_S);
        stage->margin_least = INT32_MAX;
        stage->margin_most = INT32_MIN;
        client_stage_run(stage, 10 * CLOCK_NS_PER_S);
        assert_in_range(stage->margin_least, 0, 3);
        assert_in_range(stage->margin_most, 1, 6);
        client_stage_teardown(&inner);
    }
    (void)state;
}

static void a_path_that_grows_longer_is_followed(void **state)
{
    struct client_stage *stage = *state;
    client_stage_join(stage, "memory://server?delay_ms=10");
    client_stage_begin_race(stage);
    client_stage_run(stage, 3 * CLOCK_NS_PER_S);
    // The server falls 100 ms behind its own time, as when a machine is paused.
    stage->next_tick_ns += 100 * CLOCK_NS_PER_MS;
    client_stage_run(stage, 15 * CLOCK_NS_PER_S);
    uint32_t from = stage->tick;
    stage->margin_most = INT32_MIN;
    client_stage_run(stage, 3 * CLOCK_NS_PER_S);
    assert_int_equal(client_stage_missing(stage, from, stage->tick), 0);
    assert_in_range(stage->margin_most, 1, 6);
}

static void after_a_hitch_hopeless_ticks_are_skipped(void **state)
{
    struct client_stage *stage = *state;
    client_stage_join(stage, "memory://server?delay_ms=20");
    client_stage_begin_race(stage);
    client_stage_run(stage, 2 * CLOCK_NS_PER_S);
    uint32_t late_before = stage->late_total;
    stage->frozen = true;
    client_stage_run(stage, 2 * CLOCK_NS_PER_S);
    stage->frozen = false;
    uint32_t tick;
    unsigned due = 0;
    net_client_host_poll(stage->host, 0);
    while (net_client_input_due(stage->client, &tick)) {
        uint8_t input[STAGE_INPUT_BYTES];
        bytes_put_u32(input, tick);
        net_client_input(stage->client, tick, input);
        due++;
    }
    assert_in_range(due, 1, 8); // of 120
    client_stage_run(stage, CLOCK_NS_PER_S);
    assert_in_range(stage->late_total - late_before, 0, 8);
}

static void the_message_budget_is_kept(void **state)
{
    struct client_stage *stage = *state;
    client_stage_join(stage, "memory://server?delay_ms=100&loss=50&jitter_ms=30&seed=5");
    client_stage_begin_race(stage);
    for (unsigned second = 0; second < 10; second++) {
        unsigned before = stage->messages;
        client_stage_run(stage, CLOCK_NS_PER_S);
        assert_in_range(stage->messages - before, 20, 40);
    }
}

static void while_inputs_flow_the_rest_goes_along_with_them(void **state)
{
    struct client_stage *stage = *state;
    client_stage_join(stage, "memory://server?delay_ms=40&jitter_ms=8&seed=3");
    client_stage_begin_race(stage);
    client_stage_run(stage, 2 * CLOCK_NS_PER_S);
    unsigned before = stage->messages;
    client_stage_run(stage, 10 * CLOCK_NS_PER_S);
    assert_in_range(stage->messages - before, 300, 312); // 30 of inputs, and a ping
}

// ---- snapshots

static void deltas_survive_loss_reordering_and_duplicates(void **state)
{
    struct client_stage *stage = *state;
    client_stage_join(stage,
                      "memory://server?delay_ms=40&jitter_ms=60&loss=200&duplicate=200&seed=9");
    client_stage_begin_race(stage);
    client_stage_run(stage, 30 * CLOCK_NS_PER_S);
    struct net_client_stats stats = client_stage_stats(stage);
    assert_int_equal(stats.checksum_failures, 0);
    assert_int_equal(stats.snapshots, stage->heard.snapshots);
    assert_false(stage->heard.values_wrong);
    assert_in_range(stage->heard.snapshots, 300, 600); // of 640, some lost, some overtaken
    assert_true(stats.snapshots_stale > 0);
    assert_int_not_equal(stage->ack_tick, 0);
}

static void snapshots_that_overtake_the_welcome_are_stale(void **state)
{
    struct client_stage *stage = *state;
    stage->silent = true;
    client_stage_connect(stage, "memory://server");
    client_stage_run(stage, CLOCK_NS_PER_S / 10);
    client_stage_send_snapshot(stage);
    client_stage_run(stage, CLOCK_NS_PER_S / 10);
    assert_int_equal(stage->heard.closes, 0);
    assert_int_equal(client_stage_stats(stage).snapshots_stale, 1);
}
#define ONE(function)                                                                              \
    cmocka_unit_test_setup_teardown(function, client_stage_setup, client_stage_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ONE(every_tick_of_a_race_gets_its_input_in_time),
        ONE(no_input_is_made_before_the_race),
        ONE(who_does_not_take_part_sends_no_inputs_but_acknowledges),
        ONE(lost_messages_cost_no_inputs),
        cmocka_unit_test(the_lead_settles_at_a_few_ticks),
        ONE(a_path_that_grows_longer_is_followed),
        ONE(after_a_hitch_hopeless_ticks_are_skipped),
        ONE(the_message_budget_is_kept),
        ONE(while_inputs_flow_the_rest_goes_along_with_them),
        ONE(deltas_survive_loss_reordering_and_duplicates),
        ONE(snapshots_that_overtake_the_welcome_are_stale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
