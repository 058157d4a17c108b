// SPDX-License-Identifier: MIT
// The road: from map data to geometry, and where on it something is.
//
// race_track_check.c decides which roads are fit to race on; race_track_text.c reads track files.

#include "game/race/race_track.h"

#include <assert.h>

#include "game/race/race.h"

#define NEAR 2 // segments on either side of the last known one

static int32_t from_decimetres(int32_t decimetres)
{
    return (int32_t)race_divide((int64_t)decimetres * RACE_ONE, 10);
}

static int32_t get_i16(const uint8_t *at)
{
    int32_t value = bytes_get_u16(at);
    return value < 32768 ? value : value - 65536;
}

static const uint8_t *data_points(struct bytes_span data)
{
    return data.data + RACE_MAP_HEAD_BYTES + data.data[1];
}

static unsigned data_count(struct bytes_span data)
{
    return bytes_get_u16(data.data + 2);
}

static bool in_range(int64_t value, int64_t low, int64_t high)
{
    return value >= low && value <= high;
}

static bool points_valid(const uint8_t *points, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        const uint8_t *point = points + (size_t)i * RACE_MAP_POINT_BYTES;
        const uint8_t *next = points + (size_t)((i + 1) % count) * RACE_MAP_POINT_BYTES;
        int32_t x = get_i16(point);
        int32_t y = get_i16(point + 2);
        int64_t dx = get_i16(next) - x;
        int64_t dy = get_i16(next + 2) - y;
        if (!in_range(x, -RACE_TRACK_COORDINATE_DM_MAX, RACE_TRACK_COORDINATE_DM_MAX) ||
            !in_range(y, -RACE_TRACK_COORDINATE_DM_MAX, RACE_TRACK_COORDINATE_DM_MAX) ||
            !in_range(bytes_get_u16(point + 4), RACE_TRACK_WIDTH_DM_MIN, RACE_TRACK_WIDTH_DM_MAX) ||
            !in_range(dx * dx + dy * dy, RACE_TRACK_SEGMENT_DM_MIN * RACE_TRACK_SEGMENT_DM_MIN,
                      RACE_TRACK_SEGMENT_DM_MAX * RACE_TRACK_SEGMENT_DM_MAX)) {
            return false;
        }
    }
    return true;
}

static bool gates_valid(const uint8_t *gate, unsigned gates, unsigned count)
{
    for (unsigned i = 0; i < gates; i++, gate += RACE_MAP_GATE_BYTES) {
        unsigned point = bytes_get_u16(gate);
        bool in_order = i == 0 ? point == 0 : point > bytes_get_u16(gate - RACE_MAP_GATE_BYTES);
        if (!in_order || point >= count) {
            return false;
        }
    }
    return true;
}

bool race_track_data_valid(struct bytes_span data)
{
    if (!in_range((int64_t)data.size, RACE_MAP_HEAD_BYTES, RACE_MAP_BYTES_MAX) ||
        data.data[0] != RACE_MAP_VERSION || data.data[1] > RACE_TRACK_TITLE_BYTES_MAX) {
        return false;
    }
    unsigned title = data.data[1];
    unsigned count = data_count(data);
    unsigned gates = bytes_get_u16(data.data + 4);
    size_t points_bytes = (size_t)count * RACE_MAP_POINT_BYTES;
    if (!in_range(count, RACE_TRACK_POINTS_MIN, RACE_TRACK_POINTS_MAX) ||
        !in_range(gates, RACE_TRACK_CHECKPOINTS_MIN, RACE_TRACK_CHECKPOINTS_MAX) ||
        !in_range(data.data[6], 1, RACE_TRACK_COLUMNS_MAX) ||
        !in_range(data.data[7], RACE_TRACK_ROW_DM_MIN, RACE_TRACK_ROW_DM_MAX) ||
        data.size != RACE_MAP_HEAD_BYTES + title + points_bytes + gates * RACE_MAP_GATE_BYTES) {
        return false;
    }
    for (unsigned i = 0; i < title; i++) {
        if (!in_range(data.data[RACE_MAP_HEAD_BYTES + i], ' ', '~')) {
            return false;
        }
    }
    return points_valid(data_points(data), count) &&
           gates_valid(data_points(data) + points_bytes, gates, count);
}

// Unit vector; `length` receives the whole length, > 0.
static struct race_vector normalise(struct race_vector v, int32_t *length)
{
    *length = (int32_t)race_root((uint64_t)race_square_length(v));
    return (struct race_vector){(int32_t)race_divide((int64_t)v.x * RACE_ONE, *length),
                                (int32_t)race_divide((int64_t)v.y * RACE_ONE, *length)};
}

void race_track_init(struct race_track *track, struct bytes_span data)
{
    assert(race_track_data_valid(data));
    track->count = data_count(data);
    track->checkpoints = bytes_get_u16(data.data + 4);
    track->grid_columns = data.data[6];
    track->grid_row = from_decimetres(data.data[7]);
    const uint8_t *from = data_points(data);
    for (unsigned i = 0; i < track->count; i++, from += RACE_MAP_POINT_BYTES) {
        struct race_track_point *point = &track->points[i];
        point->at.x = from_decimetres(get_i16(from));
        point->at.y = from_decimetres(get_i16(from + 2));
        point->half_width = from_decimetres(bytes_get_u16(from + 4)) / 2;
    }
    track->length = 0;
    for (unsigned i = 0; i < track->count; i++) {
        struct race_track_point *point = &track->points[i];
        struct race_vector next = track->points[(i + 1) % track->count].at;
        point->along = normalise(race_subtract(next, point->at), &point->length);
        point->arc = track->length;
        track->length += point->length;
    }
    for (unsigned i = 0; i < track->checkpoints; i++, from += RACE_MAP_GATE_BYTES) {
        track->gates[i] = track->points[bytes_get_u16(from)].arc;
    }
}

static struct race_place project(const struct race_track *track, unsigned segment,
                                 struct race_vector at)
{
    const struct race_track_point *point = &track->points[segment];
    struct race_vector from_point = race_subtract(at, point->at);
    int32_t along = (int32_t)race_clamp(race_dot(from_point, point->along), 0, point->length);
    struct race_vector foot = race_add(point->at, race_scale(point->along, along));
    int32_t arc = point->arc + along;
    return (struct race_place){
        .segment = segment,
        .arc = arc < track->length ? arc : arc - track->length,
        .square = race_square_length(race_subtract(at, foot)),
    };
}

struct race_place race_track_near(const struct race_track *track, unsigned segment,
                                  struct race_vector at)
{
    struct race_place best = project(track, segment, at);
    for (unsigned step = 1; step <= NEAR; step++) {
        unsigned around[2] = {
            segment + step < track->count ? segment + step : segment + step - track->count,
            segment >= step ? segment - step : segment + track->count - step,
        };
        for (unsigned side = 0; side < 2; side++) {
            struct race_place place = project(track, around[side], at);
            if (place.square < best.square) {
                best = place;
            }
        }
    }
    return best;
}

struct race_place race_track_search(const struct race_track *track, struct race_vector at)
{
    struct race_place best = project(track, 0, at);
    for (unsigned segment = 1; segment < track->count; segment++) {
        struct race_place place = project(track, segment, at);
        if (place.square < best.square) {
            best = place;
        }
    }
    return best;
}

bool race_track_within(const struct race_track *track, const struct race_place *place,
                       int32_t margin)
{
    int64_t reach = (int64_t)track->points[place->segment].half_width + margin;
    return place->square <= reach * reach;
}

int32_t race_track_wrap(const struct race_track *track, int64_t arc)
{
    int64_t wrapped = arc % track->length;
    return (int32_t)(wrapped < 0 ? wrapped + track->length : wrapped);
}

int32_t race_track_ahead(const struct race_track *track, int32_t from, int32_t to)
{
    int32_t ahead = race_track_wrap(track, (int64_t)to - from);
    return ahead > track->length / 2 ? ahead - track->length : ahead;
}

struct race_vector race_track_at(const struct race_track *track, int32_t arc, int32_t left,
                                 unsigned *segment)
{
    arc = race_track_wrap(track, arc);
    unsigned low = 0;
    unsigned high = track->count; // points[low].arc <= arc < points[high].arc
    while (high - low > 1) {
        unsigned middle = (low + high) / 2;
        if (track->points[middle].arc <= arc) {
            low = middle;
        } else {
            high = middle;
        }
    }
    *segment = low;
    const struct race_track_point *point = &track->points[low];
    struct race_vector across = {-point->along.y, point->along.x};
    return race_add(point->at,
                    race_add(race_scale(point->along, arc - point->arc), race_scale(across, left)));
}
