// SPDX-License-Identifier: MIT
// The road: geometry worked out from map data, and where on it something is.
//
// Everything here follows from the bytes in race.h, so the server, a bot and a predicting client
// have the same road. Looking up where a kart is costs a handful of segments, because it starts
// from where the kart was; the full search is for those who have lost the road.

#ifndef GAME_RACE_RACE_TRACK_H
#define GAME_RACE_RACE_TRACK_H

#include "config/base/bytes.h"
#include "config/base/error.h"
#include "game/race/race_fixed.h"

#define RACE_TRACK_POINTS_MIN      16
#define RACE_TRACK_POINTS_MAX      512
#define RACE_TRACK_CHECKPOINTS_MIN 3 // with fewer, driving to and fro over the line makes laps
#define RACE_TRACK_CHECKPOINTS_MAX 64
#define RACE_TRACK_TITLE_BYTES_MAX 48
#define RACE_TRACK_COLUMNS_MAX     4
#define RACE_TRACK_ROW_DM_MIN      30
#define RACE_TRACK_ROW_DM_MAX      200

// In decimetres, as in files and map data.
#define RACE_TRACK_COORDINATE_DM_MAX 32000
#define RACE_TRACK_WIDTH_DM_MIN      60
#define RACE_TRACK_WIDTH_DM_MAX      400
#define RACE_TRACK_SEGMENT_DM_MIN    40 // a kart passes less than two in a tick
#define RACE_TRACK_SEGMENT_DM_MAX    500

// In metres along the road.
#define RACE_TRACK_LAP_MIN  300
#define RACE_TRACK_LAP_MAX  10000
#define RACE_TRACK_GATE_MIN 20 // between checkpoints; a kart passes at most one in a tick
#define RACE_TRACK_GATE_MAX 300

// One point of the centre line and the straight segment from it to the next point.
struct race_track_point {
    struct race_vector at;
    struct race_vector along; // unit vector to the next point
    int32_t length;           // to the next point
    int32_t arc;              // from point 0, along the centre line
    int32_t half_width;
};

struct race_track {
    unsigned count; // points, and segments: it is a loop
    unsigned checkpoints;
    unsigned grid_columns;
    int32_t grid_row;                          // distance of rows
    int32_t length;                            // of a lap
    int32_t gates[RACE_TRACK_CHECKPOINTS_MAX]; // arc of each checkpoint
    struct race_track_point points[RACE_TRACK_POINTS_MAX];
};

// Whether these bytes can be map data at all: version, sizes, ranges of every field. Says nothing
// about the shape of the road; see race_track_check().
bool race_track_data_valid(struct bytes_span data) BASE_MUST_USE;
// Works out the road from valid data; cannot fail.
void race_track_init(struct race_track *track, struct bytes_span data);

// Whether the road is fit to race on. If not, *error says which rule it breaks and *point where
// (count: the lap as a whole). Quadratic: start-up only.
bool race_track_check(const struct race_track *track, unsigned *point, struct error *error)
    BASE_MUST_USE;

// A place relative to the road: the nearest point of the centre line.
struct race_place {
    unsigned segment;
    int32_t arc;    // along the lap, 0 .. length - 1
    int64_t square; // squared distance from the centre line, Q32
};
// Looks at `segment` and its neighbours, two on either side.
struct race_place race_track_near(const struct race_track *track, unsigned segment,
                                  struct race_vector at);
// Looks at the whole lap.
struct race_place race_track_search(const struct race_track *track, struct race_vector at);
// True when `place` is at most half the road's width plus `margin` from the centre line.
bool race_track_within(const struct race_track *track, const struct race_place *place,
                       int32_t margin);
// to - from along the lap, the short way round: -length/2 .. length/2.
int32_t race_track_ahead(const struct race_track *track, int32_t from, int32_t to);
// Any arc brought into 0 .. length - 1.
int32_t race_track_wrap(const struct race_track *track, int64_t arc);
// The point of the centre line at this arc, moved `left` metres (Q16) square to the road, and the
// segment that it is on. Binary search.
struct race_vector race_track_at(const struct race_track *track, int32_t arc, int32_t left,
                                 unsigned *segment);

#endif
