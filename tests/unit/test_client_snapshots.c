// SPDX-License-Identifier: MIT
// The client's baselines: apply good deltas, tell stale, damaged and malformed ones apart.

#include "net/client_snapshots.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "net/delta.h"

#define ENTITIES 4
#define VALUES   3
#define COUNT    (ENTITIES * VALUES)

struct fixture {
    struct net_client_snapshots snapshots;
    struct bytes_buf delta;
    struct net_msg_snapshot msg;
    int32_t last[COUNT]; // what was sent, by the newest tick
};

static int setup(void **state)
{
    static struct fixture fixture;
    memset(&fixture, 0, sizeof(fixture));
    assert_true(net_client_snapshots_init(&fixture.snapshots, ENTITIES, VALUES));
    bytes_buf_init(&fixture.delta, 4096);
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    net_client_snapshots_finish(&fixture->snapshots);
    net_client_snapshots_finish(&fixture->snapshots);
    bytes_buf_finish(&fixture->delta);
    return 0;
}

static void fill(int32_t values[COUNT], uint32_t tick)
{
    for (int32_t i = 0; i < COUNT; i++) {
        values[i] = i % 2 ? (int32_t)tick * (i + 1) : -i;
    }
}

// A valid message for `tick` against `baseline_tick` (0: full).
static void make(struct fixture *fixture, uint32_t tick, uint32_t baseline_tick, unsigned entities)
{
    int32_t values[COUNT], baseline[COUNT];
    fill(values, tick);
    fill(baseline, baseline_tick);
    bytes_buf_clear(&fixture->delta);
    assert_true(net_delta_encode(&fixture->delta, values, baseline_tick ? baseline : NULL, entities,
                                 VALUES));
    fixture->msg = (struct net_msg_snapshot){
        .tick = tick,
        .baseline_tick = baseline_tick,
        .checksum = net_delta_checksum(values, entities * VALUES),
        .entities = entities,
        .delta = bytes_buf_span(&fixture->delta),
    };
    memcpy(fixture->last, values, sizeof(values));
}

static enum net_client_snapshot_verdict apply(struct fixture *fixture)
{
    const int32_t *values = NULL;
    enum net_client_snapshot_verdict verdict =
        net_client_snapshots_apply(&fixture->snapshots, &fixture->msg, &values);
    if (verdict == NET_CLIENT_SNAPSHOT_APPLIED) {
        assert_memory_equal(values, fixture->last,
                            (size_t)fixture->msg.entities * VALUES * sizeof(int32_t));
    }
    return verdict;
}

static void a_full_one_and_deltas_on_it_apply(void **state)
{
    struct fixture *fixture = *state;
    make(fixture, 10, 0, ENTITIES);
    assert_int_equal(apply(fixture), NET_CLIENT_SNAPSHOT_APPLIED);
    for (uint32_t tick = 13; tick < 600; tick += 3) {
        make(fixture, tick, tick - 3, ENTITIES);
        assert_int_equal(apply(fixture), NET_CLIENT_SNAPSHOT_APPLIED);
    }
    assert_int_equal(fixture->snapshots.newest_tick, 598);
}

static void the_oldest_kept_baseline_serves_and_the_one_before_is_gone(void **state)
{
    struct fixture *fixture = *state;
    for (uint32_t tick = 1; tick <= NET_CLIENT_BASELINES + 1; tick++) {
        make(fixture, tick, 0, ENTITIES);
        assert_int_equal(apply(fixture), NET_CLIENT_SNAPSHOT_APPLIED);
    }
    make(fixture, 100, 1, ENTITIES);
    assert_int_equal(apply(fixture), NET_CLIENT_SNAPSHOT_STALE);
    make(fixture, 100, 2, ENTITIES);
    assert_int_equal(apply(fixture), NET_CLIENT_SNAPSHOT_APPLIED);
}

// What is older than a baseline in use makes way, so that the memory in use stays small.
static void deltas_on_recent_ones_use_few_places(void **state)
{
    struct fixture *fixture = *state;
    make(fixture, 1, 0, ENTITIES);
    assert_int_equal(apply(fixture), NET_CLIENT_SNAPSHOT_APPLIED);
    make(fixture, 2, 1, ENTITIES);
    assert_int_equal(apply(fixture), NET_CLIENT_SNAPSHOT_APPLIED);
    for (uint32_t tick = 3; tick < 600; tick++) {
        make(fixture, tick, tick - 2, ENTITIES);
        assert_int_equal(apply(fixture), NET_CLIENT_SNAPSHOT_APPLIED);
        assert_true(fixture->snapshots.newest < 4);
        assert_true(fixture->snapshots.spare < 4);
    }
}

static void one_that_is_not_believed_costs_no_baseline(void **state)
{
    struct fixture *fixture = *state;
    for (uint32_t tick = 1; tick <= NET_CLIENT_BASELINES; tick++) {
        make(fixture, tick, 0, ENTITIES);
        assert_int_equal(apply(fixture), NET_CLIENT_SNAPSHOT_APPLIED);
    }
    make(fixture, 100, NET_CLIENT_BASELINES, ENTITIES);
    fixture->msg.checksum ^= 1;
    assert_int_equal(apply(fixture), NET_CLIENT_SNAPSHOT_CHECKSUM);
    fixture->msg.delta.size--;
    assert_int_equal(apply(fixture), NET_CLIENT_SNAPSHOT_BAD);
    for (uint32_t tick = 1; tick <= NET_CLIENT_BASELINES; tick++) {
        make(fixture, 100 + tick, tick, ENTITIES);
        assert_int_equal(apply(fixture), NET_CLIENT_SNAPSHOT_APPLIED);
    }
}

static void one_that_is_not_newer_is_stale(void **state)
{
    struct fixture *fixture = *state;
    make(fixture, 10, 0, ENTITIES);
    assert_int_equal(apply(fixture), NET_CLIENT_SNAPSHOT_APPLIED);
    assert_int_equal(apply(fixture), NET_CLIENT_SNAPSHOT_STALE);
    make(fixture, 9, 0, ENTITIES);
    assert_int_equal(apply(fixture), NET_CLIENT_SNAPSHOT_STALE);
    make(fixture, 0, 0, ENTITIES);
    assert_int_equal(apply(fixture), NET_CLIENT_SNAPSHOT_STALE);
}

static void a_wrong_checksum_is_not_believed_and_not_acknowledged(void **state)
{
    struct fixture *fixture = *state;
    make(fixture, 10, 0, ENTITIES);
    fixture->msg.checksum ^= 1;
    assert_int_equal(apply(fixture), NET_CLIENT_SNAPSHOT_CHECKSUM);
    assert_int_equal(fixture->snapshots.newest_tick, 0);
    fixture->msg.checksum ^= 1;
    assert_int_equal(apply(fixture), NET_CLIENT_SNAPSHOT_APPLIED);
}

static void a_truncated_delta_is_bad_and_changes_nothing(void **state)
{
    struct fixture *fixture = *state;
    make(fixture, 10, 0, ENTITIES);
    assert_int_equal(apply(fixture), NET_CLIENT_SNAPSHOT_APPLIED);
    make(fixture, 13, 10, ENTITIES);
    fixture->msg.delta.size--;
    assert_int_equal(apply(fixture), NET_CLIENT_SNAPSHOT_BAD);
    fixture->msg.delta.size++;
    assert_int_equal(apply(fixture), NET_CLIENT_SNAPSHOT_APPLIED);
}

static void more_entities_than_announced_are_bad(void **state)
{
    struct fixture *fixture = *state;
    make(fixture, 10, 0, ENTITIES);
    fixture->msg.entities = ENTITIES + 1;
    assert_int_equal(apply(fixture), NET_CLIENT_SNAPSHOT_BAD);
    fixture->msg.entities = UINT32_MAX;
    assert_int_equal(apply(fixture), NET_CLIENT_SNAPSHOT_BAD);
}

// Entities that a baseline did not have count as zeroes in it.
static void a_baseline_with_fewer_entities_is_zero_beyond_them(void **state)
{
    struct fixture *fixture = *state;
    make(fixture, 10, 0, ENTITIES);
    for (unsigned i = 0; i < NET_CLIENT_PLACES; i++) { // soil every place
        fixture->msg.tick = 10 + i;
        assert_int_equal(apply(fixture), NET_CLIENT_SNAPSHOT_APPLIED);
    }
    make(fixture, 100, 0, 2);
    assert_int_equal(apply(fixture), NET_CLIENT_SNAPSHOT_APPLIED);
    int32_t values[COUNT], baseline[COUNT] = {0};
    fill(baseline, 100);
    memset(baseline + (size_t)2 * VALUES, 0, (size_t)2 * VALUES * sizeof(int32_t));
    fill(values, 103);
    bytes_buf_clear(&fixture->delta);
    assert_true(net_delta_encode(&fixture->delta, values, baseline, ENTITIES, VALUES));
    fixture->msg = (struct net_msg_snapshot){
        .tick = 103,
        .baseline_tick = 100,
        .checksum = net_delta_checksum(values, COUNT),
        .entities = ENTITIES,
        .delta = bytes_buf_span(&fixture->delta),
    };
    memcpy(fixture->last, values, sizeof(values));
    assert_int_equal(apply(fixture), NET_CLIENT_SNAPSHOT_APPLIED);
}

#define ONE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ONE(a_full_one_and_deltas_on_it_apply),
        ONE(the_oldest_kept_baseline_serves_and_the_one_before_is_gone),
        ONE(deltas_on_recent_ones_use_few_places),
        ONE(one_that_is_not_believed_costs_no_baseline),
        ONE(one_that_is_not_newer_is_stale),
        ONE(a_wrong_checksum_is_not_believed_and_not_acknowledged),
        ONE(a_truncated_delta_is_bad_and_changes_nothing),
        ONE(more_entities_than_announced_are_bad),
        ONE(a_baseline_with_fewer_entities_is_zero_beyond_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
