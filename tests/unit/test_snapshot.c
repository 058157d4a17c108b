// SPDX-License-Identifier: MIT
// Snapshots as a client sees them: messages are decoded and applied to what it acknowledged.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "game/snapshot.h"
#include "net/delta.h"
#include "net/msg.h"

#define ENTITIES   8
#define PER_ENTITY 3
#define VALUES     (ENTITIES * PER_ENTITY)

// The state of this simulation is its view.
struct view_state {
    unsigned count;
    int32_t values[LIMIT_SNAPSHOT_VALUES];
};

static void view(const void *state, int32_t *values)
{
    const struct view_state *from = state;
    memcpy(values, from->values, from->count * sizeof(*values));
}

static const struct game_sim sim = {.values_per_entity = PER_ENTITY, .view = view};

struct fixture {
    struct game_snapshots *snapshots;
    struct net_msg_decoder *decoder;
    struct view_state now;
};

static int setup(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.now.count = VALUES};
    fixture.snapshots = game_snapshots_create(ENTITIES, PER_ENTITY);
    fixture.decoder = net_msg_decoder_create();
    *state = &fixture;
    game_snapshots_reset(fixture.snapshots, ENTITIES);
    return fixture.snapshots && fixture.decoder ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    game_snapshots_destroy(fixture->snapshots);
    net_msg_decoder_destroy(fixture->decoder);
    return 0;
}

// Changes a few values, differently at each tick, and takes the snapshot.
static void take(struct fixture *fixture, uint32_t tick)
{
    fixture->now.values[tick % VALUES] += (int32_t)(tick * 7919);
    fixture->now.values[tick * 5 % VALUES] -= 1;
    game_snapshots_take(fixture->snapshots, tick, &sim, &fixture->now);
}

// Decodes the message for `ack_tick`, applies it to `baseline` (NULL: zeroes) and requires that the
// result is the present view. Returns the baseline that the server has used.
static uint32_t check(struct fixture *fixture, uint32_t ack_tick, const int32_t *baseline)
{
    struct net_payload *payload = game_snapshots_message(fixture->snapshots, ack_tick);
    assert_non_null(payload);
    struct net_msg msg;
    assert_int_equal(net_msg_decode(fixture->decoder, net_payload_span(payload), NET_DOWN, 0, &msg),
                     NET_MSG_OK);
    assert_int_equal(msg.type, NET_MSG_SNAPSHOT);
    assert_int_equal(msg.snapshot.entities * PER_ENTITY, fixture->now.count);
    int32_t values[VALUES];
    const int32_t *used = msg.snapshot.baseline_tick == 0 ? NULL : baseline;
    assert_true(
        net_delta_decode(msg.snapshot.delta, used, msg.snapshot.entities, PER_ENTITY, values));
    assert_memory_equal(values, fixture->now.values, fixture->now.count * sizeof(values[0]));
    assert_int_equal(net_delta_checksum(values, fixture->now.count), msg.snapshot.checksum);
    return msg.snapshot.baseline_tick;
}

static void the_first_snapshot_is_full(void **state)
{
    struct fixture *fixture = *state;
    take(fixture, 3);
    assert_int_equal(check(fixture, 0, NULL), 0);
}

static void a_delta_gives_the_view_again_from_any_baseline_in_the_ring(void **state)
{
    struct fixture *fixture = *state;
    int32_t sent[200][VALUES];
    for (uint32_t tick = 1; tick < 200; tick++) {
        take(fixture, tick);
        memcpy(sent[tick], fixture->now.values, sizeof(sent[tick]));
        uint32_t oldest = tick >= GAME_SNAPSHOT_RING ? tick - GAME_SNAPSHOT_RING + 1 : 1;
        for (uint32_t ack = oldest; ack < tick; ack++) {
            assert_int_equal(check(fixture, ack, sent[ack]), ack);
        }
    }
}

static void the_edge_of_the_ring_falls_back_to_full(void **state)
{
    struct fixture *fixture = *state;
    int32_t first[VALUES];
    take(fixture, 1);
    memcpy(first, fixture->now.values, sizeof(first));
    for (uint32_t tick = 2; tick <= GAME_SNAPSHOT_RING; tick++) {
        take(fixture, tick);
    }
    assert_int_equal(check(fixture, 1, first), 1);
    take(fixture, GAME_SNAPSHOT_RING + 1);
    assert_int_equal(check(fixture, 1, first), 0);
}

static void acknowledging_what_was_never_sent_brings_full_snapshots(void **state)
{
    struct fixture *fixture = *state;
    take(fixture, 10);
    take(fixture, 20);
    static const uint32_t acks[] = {1, 9, 11, 19, 20 /* nobody can have it yet */, 21, UINT32_MAX};
    for (size_t i = 0; i < BASE_COUNT(acks); i++) {
        assert_int_equal(check(fixture, acks[i], NULL), 0);
    }
}

static void players_on_one_baseline_share_one_payload(void **state)
{
    struct fixture *fixture = *state;
    take(fixture, 1);
    take(fixture, 2);
    take(fixture, 3);
    struct net_payload *of_1 = game_snapshots_message(fixture->snapshots, 1);
    struct net_payload *of_2 = game_snapshots_message(fixture->snapshots, 2);
    struct net_payload *full = game_snapshots_message(fixture->snapshots, 0);
    assert_ptr_not_equal(of_1, of_2);
    assert_ptr_not_equal(of_1, full);
    for (unsigned i = 0; i < 2 * GAME_SNAPSHOT_RING; i++) {
        assert_ptr_equal(game_snapshots_message(fixture->snapshots, 1), of_1);
        assert_ptr_equal(game_snapshots_message(fixture->snapshots, 2), of_2);
        // However many different lies there are, all get the one full snapshot.
        assert_ptr_equal(game_snapshots_message(fixture->snapshots, 1000 + i), full);
    }
    assert_int_equal(of_1->references, 1); // borrowed: no reference was handed out
}

static void every_baseline_may_be_in_use_at_once(void **state)
{
    struct fixture *fixture = *state;
    for (uint32_t tick = 1; tick <= GAME_SNAPSHOT_RING; tick++) {
        take(fixture, tick);
    }
    for (uint32_t ack = 0; ack < GAME_SNAPSHOT_RING; ack++) {
        assert_non_null(game_snapshots_message(fixture->snapshots, ack));
    }
}

static void a_payload_outlives_the_next_snapshot_for_whoever_queued_it(void **state)
{
    struct fixture *fixture = *state;
    take(fixture, 1);
    struct net_payload *payload = net_payload_ref(game_snapshots_message(fixture->snapshots, 0));
    take(fixture, 2);
    assert_int_equal(payload->references, 1);
    assert_ptr_not_equal(game_snapshots_message(fixture->snapshots, 0), payload);
    net_payload_unref(payload);
}

static void nothing_changed_is_a_delta_without_bytes(void **state)
{
    struct fixture *fixture = *state;
    take(fixture, 1);
    game_snapshots_take(fixture->snapshots, 2, &sim, &fixture->now);
    assert_int_equal(check(fixture, 1, fixture->now.values), 1);
    size_t size = game_snapshots_message(fixture->snapshots, 1)->size;
    assert_true(size < game_snapshots_message(fixture->snapshots, 0)->size);
    assert_true(size <= 16);
}

static void reset_forgets_all_baselines(void **state)
{
    struct fixture *fixture = *state;
    for (uint32_t tick = 1; tick <= 5; tick++) {
        take(fixture, tick);
    }
    game_snapshots_reset(fixture->snapshots, ENTITIES);
    take(fixture, 6);
    for (uint32_t ack = 1; ack <= 5; ack++) {
        assert_int_equal(check(fixture, ack, NULL), 0);
    }
}

static void a_smaller_field_after_a_reset_sends_only_its_entities(void **state)
{
    struct fixture *fixture = *state;
    take(fixture, 1);
    game_snapshots_reset(fixture->snapshots, 2);
    fixture->now.count = 2 * PER_ENTITY;
    take(fixture, 2);
    assert_int_equal(check(fixture, 0, NULL), 0);
}

static void the_largest_snapshot_fits_its_message_at_its_worst(void **state)
{
    (void)state;
    enum { entities = LIMIT_PLAYERS_PER_SESSION, per_entity = LIMIT_SNAPSHOT_VALUES / entities };
    static const struct game_sim large = {.values_per_entity = per_entity, .view = view};
    static struct view_state now = {.count = LIMIT_SNAPSHOT_VALUES};
    for (size_t i = 0; i < LIMIT_SNAPSHOT_VALUES; i++) {
        now.values[i] = INT32_MIN; // 5 bytes as a varint
    }
    struct game_snapshots *snapshots = game_snapshots_create(entities, per_entity);
    assert_non_null(snapshots);
    game_snapshots_reset(snapshots, entities);
    game_snapshots_take(snapshots, UINT32_MAX, &large, &now);
    const struct net_payload *payload = game_snapshots_message(snapshots, 0);
    assert_non_null(payload);
    assert_in_range(payload->size, LIMIT_SNAPSHOT_VALUES * 5, LIMIT_MESSAGE_BYTES);
    game_snapshots_destroy(snapshots);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_first_snapshot_is_full),
        TEST(a_delta_gives_the_view_again_from_any_baseline_in_the_ring),
        TEST(the_edge_of_the_ring_falls_back_to_full),
        TEST(acknowledging_what_was_never_sent_brings_full_snapshots),
        TEST(players_on_one_baseline_share_one_payload),
        TEST(every_baseline_may_be_in_use_at_once),
        TEST(a_payload_outlives_the_next_snapshot_for_whoever_queued_it),
        TEST(nothing_changed_is_a_delta_without_bytes),
        TEST(reset_forgets_all_baselines),
        TEST(a_smaller_field_after_a_reset_sends_only_its_entities),
        cmocka_unit_test(the_largest_snapshot_fits_its_message_at_its_worst),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
