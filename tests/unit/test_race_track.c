// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "game/race/race_track.h"
#include "tests/support/race_field.h"

#define DATA_BYTES_MAX 4096
#define RING_POINTS    40

struct fixture {
    const struct game_map *map;
    struct race_track track;
    uint8_t bytes[DATA_BYTES_MAX + 1]; // the ring's data, to be broken
    size_t size;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture.map = race_ring_load();
    fixture.size = fixture.map->data.size;
    memset(fixture.bytes, 0, sizeof(fixture.bytes));
    memcpy(fixture.bytes, fixture.map->data.data, fixture.size);
    race_track_init(&fixture.track, fixture.map->data);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    race_sim.free_map(fixture->map);
    return 0;
}

// ---- map data

static bool valid(const struct fixture *fixture)
{
    return race_track_data_valid(bytes_of(fixture->bytes, fixture->size));
}

static void good_data_is_valid(void **state)
{
    struct fixture *fixture = *state;
    assert_true(valid(fixture));
    const struct game_map *map;
    for (unsigned i = 0; (map = race_sim.builtin_map(i)); i++) {
        assert_true(race_track_data_valid(map->data));
    }
}

static void data_cut_anywhere_or_too_long_is_not_valid(void **state)
{
    struct fixture *fixture = *state;
    size_t whole = fixture->size;
    for (fixture->size = 0; fixture->size < whole; fixture->size++) {
        assert_false(valid(fixture));
    }
    fixture->size = whole + 1;
    assert_false(valid(fixture));
    fixture->size = DATA_BYTES_MAX + 1;
    assert_false(valid(fixture));
}

static void two_points_at_one_spot_are_not_valid(void **state)
{
    struct fixture *fixture = *state;
    memcpy(fixture->bytes + 12 + 6, fixture->bytes + 12, 4);
    assert_false(valid(fixture));
}

static void every_field_has_its_range(void **state)
{
    struct fixture *fixture = *state;
    const size_t points = 12, gates = points + RING_POINTS * 6;
    const struct {
        size_t at;
        uint16_t value;
        bool wide; // u16, else u8
    } rows[] = {
        {0, 0, false},              // version
        {0, 2, false},              //
        {1, 49, false},             // title
        {2, 15, true},              // points
        {2, 513, true},             //
        {2, RING_POINTS - 1, true}, // sizes do not add up
        {2, RING_POINTS + 1, true}, //
        {4, 2, true},               // checkpoints
        {4, 65, true},              //
        {6, 0, false},              // columns
        {6, 5, false},              //
        {7, 29, false},             // rows
        {7, 201, false},            //
        {8, 31, false},             // title
        {11, 127, false},           //
        {points, 32001, true},      // x
        {points, 65536 - 32001, true},
        {points + 2, 32001, true},
        {points + 2, 65536 - 32001, true},
        {points + 4, 59, true}, // width
        {points + 4, 401, true},
        {points, 1500, true},   // last and first segment too long
        {gates, 1, true},       // the first is not the line
        {gates + 2, 0, true},   // not ascending
        {gates + 4, 6, true},   // the same as the one before
        {gates + 10, 40, true}, // no such point
    };
    for (size_t i = 0; i < BASE_COUNT(rows); i++) {
        memcpy(fixture->bytes, fixture->map->data.data, fixture->size);
        if (rows[i].wide) {
            bytes_put_u16(fixture->bytes + rows[i].at, rows[i].value);
        } else {
            fixture->bytes[rows[i].at] = (uint8_t)rows[i].value;
        }
        if (valid(fixture)) {
            fail_msg("row %zu is taken", i);
        }
    }
}

// ---- geometry

static void the_lap_is_the_sum_of_its_segments(void **state)
{
    struct fixture *fixture = *state;
    const struct race_track *track = &fixture->track;
    int32_t sum = 0;
    for (unsigned i = 0; i < track->count; i++) {
        assert_int_equal(track->points[i].arc, sum);
        sum += track->points[i].length;
        int64_t unit = race_square_length(track->points[i].along);
        assert_true(llabs(unit - (int64_t)RACE_ONE * RACE_ONE) < 4 * RACE_ONE);
        assert_int_equal(track->points[i].half_width, RACE_METRES(6));
    }
    assert_int_equal(track->length, sum);
    assert_in_range(track->length, RACE_METRES(627), RACE_METRES(628)); // just below 2 pi 100
    assert_int_equal(track->gates[0], 0);
    assert_int_equal(track->gates[1], track->points[6].arc);
}

static void a_place_on_the_road_is_found_again(void **state)
{
    struct fixture *fixture = *state;
    const struct race_track *track = &fixture->track;
    uint64_t random = 1;
    for (unsigned i = 0; i < 5000; i++) {
        int32_t arc = (int32_t)race_random_below(&random, (uint32_t)track->length);
        int32_t left = (int32_t)race_random_below(&random, RACE_METRES(8)) - RACE_METRES(4);
        unsigned segment;
        struct race_vector at = race_track_at(track, arc, left, &segment);
        struct race_place place = race_track_search(track, at);
        // At a bend the foot may lie on the neighbouring segment.
        assert_true(abs(race_track_ahead(track, place.arc, arc)) < RACE_METRES(1));
        int32_t distance = (int32_t)race_root((uint64_t)place.square);
        assert_true(abs(distance - abs(left)) < RACE_METRES(1) / 10);
        for (unsigned step = 0; step < 5; step++) {
            unsigned from = (place.segment + track->count + step - 2) % track->count;
            struct race_place near = race_track_near(track, from, at);
            assert_true(near.square == place.square);
        }
    }
}

static void looking_nearby_does_not_find_the_other_side(void **state)
{
    struct fixture *fixture = *state;
    const struct race_track *track = &fixture->track;
    struct race_vector opposite = track->points[RING_POINTS / 2].at;
    struct race_place place = race_track_near(track, 0, opposite);
    assert_true(place.segment <= 2 || place.segment >= RING_POINTS - 2);
    assert_true(place.square > (int64_t)RACE_METRES(100) * RACE_METRES(100));
    assert_int_equal(race_track_search(track, opposite).square, 0);
}

static void the_edge_of_the_road_is_exact(void **state)
{
    struct fixture *fixture = *state;
    struct race_place place = {.segment = 0};
    place.square = (int64_t)RACE_METRES(6) * RACE_METRES(6);
    assert_true(race_track_within(&fixture->track, &place, 0));
    place.square++;
    assert_false(race_track_within(&fixture->track, &place, 0));
    assert_true(race_track_within(&fixture->track, &place, 1));
}

static void arcs_wrap_round_the_lap(void **state)
{
    struct fixture *fixture = *state;
    const struct race_track *track = &fixture->track;
    int32_t length = track->length;
    assert_int_equal(race_track_wrap(track, 0), 0);
    assert_int_equal(race_track_wrap(track, length - 1), length - 1);
    assert_int_equal(race_track_wrap(track, length), 0);
    assert_int_equal(race_track_wrap(track, -1), length - 1);
    assert_int_equal(race_track_wrap(track, -length), 0);
    assert_int_equal(race_track_wrap(track, 3LL * length + 5), 5);
    assert_int_equal(race_track_ahead(track, 10, 30), 20);
    assert_int_equal(race_track_ahead(track, 30, 10), -20);
    assert_int_equal(race_track_ahead(track, length - 10, 10), 20);
    assert_int_equal(race_track_ahead(track, 10, length - 10), -20);
    assert_int_equal(race_track_ahead(track, 7, 7), 0);
}

static void left_is_left(void **state)
{
    struct fixture *fixture = *state;
    unsigned segment;
    // Counter-clockwise round the origin: the left side is the inner one.
    struct race_vector inside = race_track_at(&fixture->track, 0, RACE_METRES(5), &segment);
    assert_int_equal(segment, 0);
    assert_true(inside.x < RACE_METRES(96));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(good_data_is_valid, set_up, tear_down),
        cmocka_unit_test_setup_teardown(data_cut_anywhere_or_too_long_is_not_valid, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(two_points_at_one_spot_are_not_valid, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_field_has_its_range, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_lap_is_the_sum_of_its_segments, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_place_on_the_road_is_found_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(looking_nearby_does_not_find_the_other_side, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_edge_of_the_road_is_exact, set_up, tear_down),
        cmocka_unit_test_setup_teardown(arcs_wrap_round_the_lap, set_up, tear_down),
        cmocka_unit_test_setup_teardown(left_is_left, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
