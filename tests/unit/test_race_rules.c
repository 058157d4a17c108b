// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "game/race/race_rules.h"
#include "tests/support/race_field.h"

#define RATE  60
#define LAPS  2
#define GATES 6 // of the ring

// One kart on the ring, moved by hand.
struct fixture {
    const struct game_map *map;
    struct race_track track;
    struct race_terms terms;
    struct race_entrant kart;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    memset(&fixture, 0, sizeof(fixture));
    fixture.map = race_ring_load();
    race_track_init(&fixture.track, fixture.map->data);
    assert_int_equal(fixture.track.checkpoints, GATES);
    fixture.terms = (struct race_terms){&fixture.track, RATE, LAPS, 0};
    race_rules_line_up(&fixture.terms, &fixture.kart);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    race_sim.free_map(fixture->map);
    return 0;
}

// Sets the kart down beside the road's middle, as the next tick finds it.
static void hop(struct fixture *fixture, int64_t arc, int32_t left)
{
    unsigned segment;
    fixture->kart.kart.at =
        race_track_at(&fixture->track, race_track_wrap(&fixture->track, arc), left, &segment);
    fixture->terms.tick++;
    race_rules_follow(&fixture->terms, &fixture->kart, false);
}

// Takes the kart along the road in steps of a metre, forwards or backwards, from where it is.
static void go(struct fixture *fixture, int32_t metres, int32_t left)
{
    int32_t direction = metres < 0 ? -1 : 1;
    int64_t arc = fixture->kart.place.arc;
    for (int32_t i = 0; i < abs(metres); i++) {
        arc += direction * RACE_METRES(1);
        hop(fixture, arc, left);
    }
}

static int32_t metres_to_gate(const struct fixture *fixture, unsigned gate)
{
    int32_t ahead = race_track_ahead(&fixture->track, fixture->kart.place.arc,
                                     fixture->track.gates[gate % GATES]);
    return ahead / RACE_ONE;
}

static void the_first_crossing_of_the_line_begins_lap_one(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(fixture->kart.gates, 0);
    assert_true(fixture->kart.along < 0);
    assert_int_equal(race_lap_of(0, GATES), 0);
    go(fixture, 10, 0);
    assert_int_equal(fixture->kart.gates, 1);
    assert_int_equal(race_lap_of(1, GATES), 1);
    assert_in_range(fixture->kart.along, RACE_METRES(1), RACE_METRES(10));
}

static void a_lap_is_all_checkpoints_in_order(void **state)
{
    struct fixture *fixture = *state;
    go(fixture, 10, 0);
    for (unsigned gate = 1; gate <= GATES; gate++) {
        assert_int_equal(fixture->kart.gates, gate);
        go(fixture, metres_to_gate(fixture, gate) + 3, 0);
    }
    assert_int_equal(fixture->kart.gates, GATES + 1);
    assert_int_equal(race_lap_of(GATES, GATES), 1);
    assert_int_equal(race_lap_of(GATES + 1, GATES), 2);
    assert_false(fixture->kart.finished);
}

static void the_race_ends_on_the_line_after_the_last_lap(void **state)
{
    struct fixture *fixture = *state;
    go(fixture, 2 * 627, 0);
    assert_false(fixture->kart.finished);
    assert_int_equal(fixture->kart.gates, LAPS * GATES);
    go(fixture, 10, 0);
    assert_true(fixture->kart.finished);
    assert_int_equal(fixture->kart.gates, LAPS * GATES + 1);
    // Whatever comes after it changes nothing.
    uint64_t finish = fixture->kart.finish;
    go(fixture, 630, 0);
    assert_int_equal(fixture->kart.gates, LAPS * GATES + 1);
    assert_true(fixture->kart.finish == finish);
}

static void going_to_and_fro_over_the_line_gains_nothing(void **state)
{
    struct fixture *fixture = *state;
    for (unsigned i = 0; i < 20; i++) {
        go(fixture, 12, 0);
        go(fixture, -12, 0);
    }
    assert_int_equal(fixture->kart.gates, 1);
}

static void driving_the_lap_backwards_gains_nothing(void **state)
{
    struct fixture *fixture = *state;
    go(fixture, -400, 0);
    int32_t along = fixture->kart.along;
    assert_true(along < -RACE_METRES(300)); // it is half a lap behind, not ahead, and stays so
    go(fixture, -220, 0);
    assert_int_equal(fixture->kart.along, along);
    go(fixture, -3 * 628, 0);
    assert_int_equal(fixture->kart.gates, 0);
    hop(fixture, -RACE_METRES(5), 0);
    go(fixture, 20, 0);
    assert_int_equal(fixture->kart.gates, 1);
    go(fixture, -628, 0);
    assert_int_equal(fixture->kart.gates, 1);
}

static void a_checkpoint_counts_only_on_the_road(void **state)
{
    struct fixture *fixture = *state;
    go(fixture, 10, 0);
    int32_t to_gate = metres_to_gate(fixture, 1);
    go(fixture, to_gate - 10, 0);
    go(fixture, 30, -RACE_METRES(12)); // round it on the grass
    assert_int_equal(fixture->kart.gates, 1);
    assert_int_equal(fixture->kart.side, RACE_BEYOND);
    int32_t along = fixture->kart.along;
    // The rest of the lap does not help.
    go(fixture, 300, 0);
    assert_int_equal(fixture->kart.gates, 1);
    assert_int_equal(fixture->kart.side, RACE_BEYOND);
    assert_int_equal(fixture->kart.along, along); // nor is it progress
    // Back and through it does.
    go(fixture, -340, 0);
    assert_int_equal(fixture->kart.side, RACE_ON_WAY);
    go(fixture, 40, 0);
    assert_int_equal(fixture->kart.gates, 2);
}

static void a_checkpoint_reaches_three_metres_beyond_the_road(void **state)
{
    struct fixture *fixture = *state;
    int32_t edge = RACE_METRES(6) + RACE_GATE_MARGIN;
    // Away from the points, where a segment's own distance is the one that counts.
    int64_t before = -RACE_METRES(2);
    int64_t after = RACE_METRES(2);
    hop(fixture, before, edge + RACE_MILLI(50));
    hop(fixture, after, edge + RACE_MILLI(50));
    assert_int_equal(fixture->kart.gates, 0);
    // From within to beyond, or back, is past it; and so is along its line.
    hop(fixture, before, edge - RACE_MILLI(50));
    hop(fixture, after, edge + RACE_MILLI(50));
    assert_int_equal(fixture->kart.gates, 0);
    hop(fixture, before, edge + RACE_MILLI(50));
    hop(fixture, after, edge - RACE_MILLI(50));
    assert_int_equal(fixture->kart.gates, 0);
    hop(fixture, 0, edge + RACE_METRES(1));
    hop(fixture, 0, 0);
    hop(fixture, after, 0);
    assert_int_equal(fixture->kart.gates, 0);
    hop(fixture, before, edge - RACE_MILLI(50));
    hop(fixture, after, edge - RACE_MILLI(50));
    assert_int_equal(fixture->kart.gates, 1);
}

static void the_moment_of_finishing_is_finer_than_a_tick(void **state)
{
    struct fixture *fixture = *state;
    fixture->kart.gates = LAPS * GATES;
    hop(fixture, -RACE_METRES(3), 0);
    fixture->terms.tick = 99;
    hop(fixture, RACE_METRES(1), 0); // tick 100: the line is three quarters of the way
    assert_true(fixture->kart.finished);
    assert_in_range(fixture->kart.finish, 99 * RACE_ONE + 49100, 99 * RACE_ONE + 49200);
}

static void reaching_the_line_exactly_counts_once(void **state)
{
    struct fixture *fixture = *state;
    hop(fixture, -RACE_METRES(2), 0);
    hop(fixture, 0, 0);
    assert_int_equal(fixture->kart.gates, 1);
    hop(fixture, RACE_METRES(2), 0);
    assert_int_equal(fixture->kart.gates, 1);
    fixture->kart.gates = LAPS * GATES;
    hop(fixture, -RACE_METRES(2), 0);
    fixture->terms.tick = 9;
    hop(fixture, 0, 0);
    assert_true(fixture->kart.finish == 10 * RACE_ONE);
}

static void off_the_road_is_grass(void **state)
{
    struct fixture *fixture = *state;
    hop(fixture, RACE_METRES(8), RACE_MILLI(5900));
    assert_false(fixture->kart.kart.on_grass);
    hop(fixture, RACE_METRES(8), RACE_MILLI(6100));
    assert_true(fixture->kart.kart.on_grass);
    hop(fixture, RACE_METRES(8), -RACE_MILLI(5900));
    assert_false(fixture->kart.kart.on_grass);
}

static void the_hopelessly_lost_are_put_back_at_their_last_checkpoint(void **state)
{
    struct fixture *fixture = *state;
    go(fixture, 10, 0);
    go(fixture, metres_to_gate(fixture, 1) + 30, 0);
    fixture->kart.kart.velocity = (struct race_vector){RACE_METRES(10), 0};
    hop(fixture, fixture->kart.place.arc, -RACE_METRES(45));
    assert_int_equal(fixture->kart.waiting, 0);
    hop(fixture, fixture->kart.place.arc, -RACE_METRES(47));
    assert_int_equal(fixture->kart.waiting, 3 * RATE);
    assert_int_equal(fixture->kart.gates, 2);
    // On the road, square to it: a quarter of its width left of the middle, as on the grid.
    assert_true(race_track_within(&fixture->track, &fixture->kart.place, -RACE_METRES(2)));
    assert_true(abs(race_track_ahead(&fixture->track, fixture->track.gates[1],
                                     fixture->kart.place.arc)) < RACE_METRES(1));
    assert_int_equal(race_square_length(fixture->kart.kart.velocity), 0);
    struct race_vector along = fixture->track.points[fixture->kart.place.segment].along;
    assert_true(race_dot(along, race_direction(fixture->kart.kart.heading)) > RACE_MILLI(980));
}

static void before_the_first_checkpoint_one_is_put_back_on_the_grid(void **state)
{
    struct fixture *fixture = *state;
    struct race_vector grid = fixture->kart.kart.at;
    hop(fixture, -RACE_METRES(30), RACE_METRES(47));
    assert_int_equal(fixture->kart.kart.at.x, grid.x);
    assert_int_equal(fixture->kart.kart.at.y, grid.y);
    assert_int_equal(fixture->kart.waiting, 3 * RATE);
}

static void crossing_to_another_stretch_is_seen_but_passes_no_checkpoint(void **state)
{
    struct fixture *fixture = *state;
    go(fixture, 10, 0);
    // From just before checkpoint 1 to just behind it, as far as the lost-margin allows, by a jump
    // of segments instead of a drive.
    fixture->kart.place.arc = fixture->track.gates[1] - RACE_METRES(1);
    fixture->kart.place.segment = 5;
    unsigned segment;
    fixture->kart.kart.at = race_track_at(
        &fixture->track, fixture->track.gates[1] + RACE_METRES(60), RACE_METRES(8), &segment);
    race_rules_follow(&fixture->terms, &fixture->kart, true);
    assert_int_equal(fixture->kart.place.segment, segment);
    assert_int_equal(fixture->kart.gates, 1);
    assert_int_equal(fixture->kart.side, RACE_BEYOND);
    assert_true(fixture->kart.kart.on_grass);
    assert_int_equal(fixture->kart.waiting, 0);
}

static void the_wrong_way_is_said_after_half_a_second(void **state)
{
    struct fixture *fixture = *state;
    struct race_vector along = fixture->track.points[fixture->kart.place.segment].along;
    fixture->kart.kart.velocity = race_scale(along, -RACE_METRES(1)); // no faster is no way
    for (unsigned i = 0; i < RATE; i++) {
        race_rules_follow(&fixture->terms, &fixture->kart, false);
        assert_false(race_rules_wrong_way(&fixture->terms, &fixture->kart));
    }
    fixture->kart.kart.velocity = race_scale(along, -RACE_METRES(2));
    for (unsigned i = 0; i < RATE / 2 - 1; i++) {
        race_rules_follow(&fixture->terms, &fixture->kart, false);
        assert_false(race_rules_wrong_way(&fixture->terms, &fixture->kart));
    }
    race_rules_follow(&fixture->terms, &fixture->kart, false);
    assert_true(race_rules_wrong_way(&fixture->terms, &fixture->kart));
    // Standing does not take it back, driving on does.
    fixture->kart.kart.velocity = (struct race_vector){0, 0};
    race_rules_follow(&fixture->terms, &fixture->kart, false);
    assert_true(race_rules_wrong_way(&fixture->terms, &fixture->kart));
    fixture->kart.kart.velocity = along;
    race_rules_follow(&fixture->terms, &fixture->kart, false);
    assert_false(race_rules_wrong_way(&fixture->terms, &fixture->kart));
}

static void a_full_grid_stands_on_the_road_behind_the_line(void **state)
{
    struct fixture *fixture = *state;
    struct race_entrant grid[LIMIT_PLAYERS_PER_SESSION] = {0};
    for (unsigned i = 0; i < LIMIT_PLAYERS_PER_SESSION; i++) {
        grid[i].grid_slot = i;
        race_rules_line_up(&fixture->terms, &grid[i]);
        assert_true(grid[i].along < 0);
        assert_true(i == 0 || grid[i].along < grid[i - 1].along);
        assert_true(race_track_within(&fixture->track, &grid[i].place, -RACE_KART_RADIUS));
        for (unsigned k = 0; k < i; k++) {
            int64_t square = race_square_length(race_subtract(grid[i].kart.at, grid[k].kart.at));
            assert_true(square > 4LL * RACE_KART_RADIUS * RACE_KART_RADIUS);
        }
    }
}

// ---- who is ahead of whom

static const struct race_entrant winner = {.finished = true, .finish = 1000, .gates = 13};
static const struct race_entrant second = {.finished = true, .finish = 1001, .gates = 13};
static const struct race_entrant racing = {.gates = 12, .along = 5};
static const struct race_entrant behind = {.gates = 12, .along = 4};
static const struct race_entrant far_behind = {.gates = 11, .along = 900};
static const struct race_entrant left_late = {.dnf = GAME_DNF_LEFT, .gates = 12, .along = 99};
static const struct race_entrant left_early = {.dnf = GAME_DNF_LEFT, .gates = 2};
static const struct race_entrant on_grid = {.dnf = GAME_DNF_TIME_LIMIT, .along = -50};

static void finishers_come_before_racers_and_these_before_dnfs(void **state)
{
    (void)state;
    const struct race_entrant *order[] = {&winner,     &second,    &racing,     &behind,
                                          &far_behind, &left_late, &left_early, &on_grid};
    for (size_t a = 0; a < BASE_COUNT(order); a++) {
        for (size_t b = 0; b < BASE_COUNT(order); b++) {
            assert_int_equal(race_rules_before(order[a], order[b]), a < b);
        }
    }
}

static void a_dead_heat_goes_to_the_one_who_came_from_further_back(void **state)
{
    (void)state;
    struct race_entrant front = winner, back = winner;
    front.grid_slot = 0;
    back.grid_slot = 5;
    assert_true(race_rules_before(&back, &front));
    assert_false(race_rules_before(&front, &back));
}

static void on_the_road_a_tie_goes_by_the_grid(void **state)
{
    (void)state;
    struct race_entrant front = racing, back = racing;
    back.grid_slot = 5;
    assert_true(race_rules_before(&front, &back));
    assert_false(race_rules_before(&back, &front));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_first_crossing_of_the_line_begins_lap_one),
        TEST(a_lap_is_all_checkpoints_in_order),
        TEST(the_race_ends_on_the_line_after_the_last_lap),
        TEST(going_to_and_fro_over_the_line_gains_nothing),
        TEST(driving_the_lap_backwards_gains_nothing),
        TEST(a_checkpoint_counts_only_on_the_road),
        TEST(a_checkpoint_reaches_three_metres_beyond_the_road),
        TEST(the_moment_of_finishing_is_finer_than_a_tick),
        TEST(reaching_the_line_exactly_counts_once),
        TEST(off_the_road_is_grass),
        TEST(the_hopelessly_lost_are_put_back_at_their_last_checkpoint),
        TEST(before_the_first_checkpoint_one_is_put_back_on_the_grid),
        TEST(crossing_to_another_stretch_is_seen_but_passes_no_checkpoint),
        TEST(the_wrong_way_is_said_after_half_a_second),
        TEST(a_full_grid_stands_on_the_road_behind_the_line),
        cmocka_unit_test(finishers_come_before_racers_and_these_before_dnfs),
        cmocka_unit_test(a_dead_heat_goes_to_the_one_who_came_from_further_back),
        cmocka_unit_test(on_the_road_a_tie_goes_by_the_grid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
