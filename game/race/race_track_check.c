// SPDX-License-Identifier: MIT
// Which roads are fit to race on. Decides on shapes; race_track_text.c says on which line.

#include "config/limits.h"
#include "game/race/race_track.h"

// The road may turn by at most 60 degrees at one point: cos 60 = 1/2.
#define TURN_COSINE_MIN (RACE_ONE / 2)
// Two stretches that lie further apart along the lap than four half widths (pi would be a hairpin
// whose inner edge is a point) must not share ground.
#define OVERLAP_ARC_HALF_WIDTHS 4

static bool check_turns(const struct race_track *track, unsigned *point, struct error *error)
{
    for (unsigned i = 0; i < track->count; i++) {
        const struct race_track_point *before = &track->points[i > 0 ? i - 1 : track->count - 1];
        if (race_dot(before->along, track->points[i].along) < TURN_COSINE_MIN) {
            *point = i;
            return error_set(error, "the road turns by more than 60 degrees at this point");
        }
    }
    return true;
}

// Sign of the turn from a to b to c.
static int side(struct race_vector a, struct race_vector b, struct race_vector c)
{
    struct race_vector ab = race_subtract(b, a);
    struct race_vector ac = race_subtract(c, a);
    int64_t cross = (int64_t)ab.x * ac.y - (int64_t)ab.y * ac.x;
    return (cross > 0) - (cross < 0);
}

static int64_t square_from_segment(const struct race_track *track, unsigned segment,
                                   struct race_vector at)
{
    const struct race_track_point *point = &track->points[segment];
    struct race_vector from_point = race_subtract(at, point->at);
    int32_t along = (int32_t)race_clamp(race_dot(from_point, point->along), 0, point->length);
    return race_square_length(race_subtract(from_point, race_scale(point->along, along)));
}

// Whether the roads of segments i and j touch: they cross, or an end of one is too near the other.
static bool segments_meet(const struct race_track *track, unsigned i, unsigned j, int64_t reach)
{
    unsigned i_next = (i + 1) % track->count;
    unsigned j_next = (j + 1) % track->count;
    struct race_vector a = track->points[i].at, b = track->points[i_next].at;
    struct race_vector c = track->points[j].at, d = track->points[j_next].at;
    if (side(a, b, c) != side(a, b, d) && side(c, d, a) != side(c, d, b)) {
        return true;
    }
    int64_t square = reach * reach;
    return square_from_segment(track, i, c) < square || square_from_segment(track, i, d) < square ||
           square_from_segment(track, j, a) < square || square_from_segment(track, j, b) < square;
}

static bool check_overlap(const struct race_track *track, unsigned *point, struct error *error)
{
    for (unsigned j = 1; j < track->count; j++) {
        for (unsigned i = 0; i < j; i++) {
            const struct race_track_point *a = &track->points[i];
            const struct race_track_point *b = &track->points[j];
            int64_t reach = (int64_t)a->half_width + b->half_width;
            int32_t gap = b->arc - (a->arc + a->length);
            int32_t gap_back = track->length - (b->arc + b->length) + a->arc;
            int32_t apart = gap < gap_back ? gap : gap_back;
            if (apart > OVERLAP_ARC_HALF_WIDTHS * reach / 2 && segments_meet(track, i, j, reach)) {
                *point = j;
                return error_set(error, "the road crosses or touches itself here and at point %u",
                                 i + 1);
            }
        }
    }
    return true;
}

static bool check_gates(const struct race_track *track, unsigned *point, struct error *error)
{
    for (unsigned i = 0; i < track->checkpoints; i++) {
        bool last = i + 1 == track->checkpoints;
        int32_t gap = (last ? track->length : track->gates[i + 1]) - track->gates[i];
        if (gap < RACE_METRES(RACE_TRACK_GATE_MIN) || gap > RACE_METRES(RACE_TRACK_GATE_MAX)) {
            *point = 0;
            while (track->points[*point].arc != track->gates[i]) {
                *point += 1;
            }
            return error_set(error, "the next checkpoint must come after %d to %d metres of road",
                             RACE_TRACK_GATE_MIN, RACE_TRACK_GATE_MAX);
        }
    }
    return true;
}

// Half a lap, because whoever is further back than that counts as ahead.
static bool check_lap(const struct race_track *track, unsigned *point, struct error *error)
{
    *point = track->count;
    if (track->length < RACE_METRES(RACE_TRACK_LAP_MIN) ||
        track->length > RACE_METRES(RACE_TRACK_LAP_MAX)) {
        return error_set(error, "a lap must have %d to %d metres, this one has %d",
                         RACE_TRACK_LAP_MIN, RACE_TRACK_LAP_MAX, track->length / RACE_ONE);
    }
    int64_t rows = (LIMIT_PLAYERS_PER_SESSION + track->grid_columns - 1) / track->grid_columns;
    if ((rows + 1) * track->grid_row > track->length / 2) {
        return error_set(error, "a grid of %d karts does not fit on half a lap of %d metres",
                         LIMIT_PLAYERS_PER_SESSION, track->length / RACE_ONE);
    }
    return true;
}

bool race_track_check(const struct race_track *track, unsigned *point, struct error *error)
{
    return check_lap(track, point, error) && check_turns(track, point, error) &&
           check_overlap(track, point, error) && check_gates(track, point, error);
}
