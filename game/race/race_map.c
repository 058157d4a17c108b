// SPDX-License-Identifier: MIT
// Reads track files. Line based, strict: what is not understood is an error with its line.
//
// Start-up code for operators, so every refusal says what is allowed. The shape of the road is
// judged by race_track_check.c; here faults of a point get the line that the point stands on.

#include "game/race/race_map.h"

#include <stdlib.h>
#include <string.h>

#include "game/race/race.h"
#include "game/race/race_track.h"

#define LINE_BYTES_MAX    160
#define WIDTH_DM_DEFAULT  120
#define COLUMNS_DEFAULT   2
#define ROW_DM_DEFAULT    50
#define GATE_DM_WANTED    800 // where the file names no checkpoints
#define NUMBER_DIGITS_MAX 6

struct draft_point {
    int32_t x, y;
    int32_t width;
    unsigned line;
    bool gate;
};

// What the file has said so far.
struct draft {
    const char *label;
    struct error *error;
    unsigned line;
    char name[RACE_MAP_NAME_BYTES_MAX + 1];
    char title[RACE_TRACK_TITLE_BYTES_MAX + 1];
    int32_t width;   // 0 = not said
    int32_t columns; // 0 = not said
    int32_t row;
    bool gates; // some were said
    unsigned count;
    struct draft_point points[RACE_TRACK_POINTS_MAX];
};

static bool is_blank(uint8_t letter)
{
    return letter == ' ' || letter == '\t';
}

static void skip(struct bytes_span *span, size_t count)
{
    span->data += count;
    span->size -= count;
}

static void trim(struct bytes_span *span)
{
    while (span->size > 0 && is_blank(span->data[0])) {
        skip(span, 1);
    }
    while (span->size > 0 && is_blank(span->data[span->size - 1])) {
        span->size--;
    }
}

// Takes the next word of a trimmed line; empty at its end.
static struct bytes_span take_word(struct bytes_span *line)
{
    struct bytes_span word = {.data = line->data};
    while (word.size < line->size && !is_blank(line->data[word.size])) {
        word.size++;
    }
    skip(line, word.size);
    trim(line);
    return word;
}

static bool take_number(struct bytes_span *line, int32_t low, int32_t high, int32_t *number)
{
    struct bytes_span word = take_word(line);
    bool negative = word.size > 0 && word.data[0] == '-';
    if (negative) {
        skip(&word, 1);
    }
    if (word.size < 1 || word.size > NUMBER_DIGITS_MAX) {
        return false;
    }
    int32_t value = 0;
    for (size_t i = 0; i < word.size; i++) {
        if (word.data[i] < '0' || word.data[i] > '9') {
            return false;
        }
        value = value * 10 + (word.data[i] - '0');
    }
    *number = negative ? -value : value;
    return *number >= low && *number <= high;
}

static bool read_name(struct draft *draft, struct bytes_span rest)
{
    bool ok = rest.size >= 1 && rest.size <= RACE_MAP_NAME_BYTES_MAX;
    for (size_t i = 0; ok && i < rest.size; i++) {
        uint8_t letter = rest.data[i];
        ok = (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9') || letter == '-';
    }
    if (!ok) {
        return error_set(draft->error, "name: 1 to %d of a-z, 0-9 and '-'",
                         RACE_MAP_NAME_BYTES_MAX);
    }
    if (draft->name[0]) {
        return error_set(draft->error, "name: said twice");
    }
    memcpy(draft->name, rest.data, rest.size);
    return true;
}

static bool read_title(struct draft *draft, struct bytes_span rest)
{
    bool tab = rest.size > 0 && memchr(rest.data, '\t', rest.size);
    if (rest.size < 1 || rest.size > RACE_TRACK_TITLE_BYTES_MAX || tab) {
        return error_set(draft->error, "title: 1 to %d characters without tabs",
                         RACE_TRACK_TITLE_BYTES_MAX);
    }
    if (draft->title[0]) {
        return error_set(draft->error, "title: said twice");
    }
    memcpy(draft->title, rest.data, rest.size);
    return true;
}

static bool read_width(struct draft *draft, struct bytes_span rest)
{
    int32_t width;
    if (!take_number(&rest, RACE_TRACK_WIDTH_DM_MIN, RACE_TRACK_WIDTH_DM_MAX, &width) ||
        rest.size > 0) {
        return error_set(draft->error, "width: one number, %d to %d decimetres",
                         RACE_TRACK_WIDTH_DM_MIN, RACE_TRACK_WIDTH_DM_MAX);
    }
    if (draft->width) {
        return error_set(draft->error, "width: said twice");
    }
    if (draft->count > 0) {
        return error_set(draft->error, "width: must come before the first point");
    }
    draft->width = width;
    return true;
}

static bool read_grid(struct draft *draft, struct bytes_span rest)
{
    int32_t columns, row;
    if (!take_number(&rest, 1, RACE_TRACK_COLUMNS_MAX, &columns) ||
        !take_number(&rest, RACE_TRACK_ROW_DM_MIN, RACE_TRACK_ROW_DM_MAX, &row) || rest.size > 0) {
        return error_set(draft->error,
                         "grid: 1 to %d columns, then %d to %d decimetres from row to row",
                         RACE_TRACK_COLUMNS_MAX, RACE_TRACK_ROW_DM_MIN, RACE_TRACK_ROW_DM_MAX);
    }
    if (draft->columns) {
        return error_set(draft->error, "grid: said twice");
    }
    draft->columns = columns;
    draft->row = row;
    return true;
}

static int32_t square_between(const struct draft_point *a, const struct draft_point *b)
{
    int64_t dx = a->x - b->x;
    int64_t dy = a->y - b->y;
    int64_t square = dx * dx + dy * dy;
    return square > INT32_MAX ? INT32_MAX : (int32_t)square;
}

static bool check_segment(const struct draft *draft, const struct draft_point *from,
                          const struct draft_point *to)
{
    int32_t square = square_between(from, to);
    if (square < RACE_TRACK_SEGMENT_DM_MIN * RACE_TRACK_SEGMENT_DM_MIN ||
        square > RACE_TRACK_SEGMENT_DM_MAX * RACE_TRACK_SEGMENT_DM_MAX) {
        return error_set(draft->error, "point: must be %d to %d decimetres from the %s",
                         RACE_TRACK_SEGMENT_DM_MIN, RACE_TRACK_SEGMENT_DM_MAX,
                         to == draft->points ? "first point, which follows" : "point before");
    }
    return true;
}

static bool read_point(struct draft *draft, struct bytes_span rest)
{
    struct draft_point point = {.line = draft->line};
    int32_t reach = RACE_TRACK_COORDINATE_DM_MAX;
    if (!take_number(&rest, -reach, reach, &point.x) ||
        !take_number(&rest, -reach, reach, &point.y)) {
        return error_set(draft->error,
                         "point: x and y, each within %d decimetres of 0, then perhaps a width",
                         RACE_TRACK_COORDINATE_DM_MAX);
    }
    point.width = draft->width ? draft->width : WIDTH_DM_DEFAULT;
    if (rest.size > 0 &&
        (!take_number(&rest, RACE_TRACK_WIDTH_DM_MIN, RACE_TRACK_WIDTH_DM_MAX, &point.width) ||
         rest.size > 0)) {
        return error_set(draft->error, "point: after x and y only a width, %d to %d decimetres",
                         RACE_TRACK_WIDTH_DM_MIN, RACE_TRACK_WIDTH_DM_MAX);
    }
    if (draft->count == RACE_TRACK_POINTS_MAX) {
        return error_set(draft->error, "point: a track has at most %d points",
                         RACE_TRACK_POINTS_MAX);
    }
    if (draft->count > 0 && !check_segment(draft, &draft->points[draft->count - 1], &point)) {
        return false;
    }
    point.gate = draft->count == 0;
    draft->points[draft->count++] = point;
    return true;
}

static bool read_checkpoint(struct draft *draft, struct bytes_span rest)
{
    if (rest.size > 0) {
        return error_set(draft->error,
                         "checkpoint: nothing may follow; it stands at the point before it");
    }
    if (draft->count == 0) {
        return error_set(draft->error, "checkpoint: must come after a point");
    }
    if (draft->points[draft->count - 1].gate) {
        return error_set(draft->error,
                         "checkpoint: this point is one already (the first always is)");
    }
    draft->points[draft->count - 1].gate = true;
    draft->gates = true;
    return true;
}

static const struct {
    const char *key;
    bool (*read)(struct draft *draft, struct bytes_span rest);
} keys[] = {
    {"name", read_name}, {"title", read_title}, {"width", read_width},
    {"grid", read_grid}, {"point", read_point}, {"checkpoint", read_checkpoint},
};

static bool read_line(struct draft *draft, struct bytes_span line)
{
    if (line.size > 0 && line.data[line.size - 1] == '\r') {
        line.size--;
    }
    if (line.size > LINE_BYTES_MAX) {
        return error_set(draft->error, "a line has at most %d characters", LINE_BYTES_MAX);
    }
    for (size_t i = 0; i < line.size; i++) {
        if (line.data[i] != '\t' && (line.data[i] < ' ' || line.data[i] > '~')) {
            return error_set(draft->error, "only printable ASCII is allowed");
        }
    }
    trim(&line);
    if (line.size == 0 || line.data[0] == '#') {
        return true;
    }
    struct bytes_span word = take_word(&line);
    for (size_t i = 0; i < BASE_COUNT(keys); i++) {
        if (bytes_equal(word, bytes_of_string(keys[i].key))) {
            return keys[i].read(draft, line);
        }
    }
    return error_set(draft->error,
                     "a line begins with name, title, width, grid, point, checkpoint or '#'");
}

static bool read_lines(struct draft *draft, struct bytes_span text)
{
    while (text.size > 0) {
        const uint8_t *end = memchr(text.data, '\n', text.size);
        size_t length = end ? (size_t)(end - text.data) : text.size;
        draft->line++;
        if (!read_line(draft, bytes_of(text.data, length))) {
            return error_prefix(draft->error, "%s:%u", draft->label, draft->line);
        }
        skip(&text, end ? length + 1 : length);
    }
    return true;
}

// Puts a checkpoint wherever enough road lies behind the last one and before the line.
static void place_gates(struct draft *draft)
{
    uint32_t length = 0;
    uint32_t arcs[RACE_TRACK_POINTS_MAX];
    for (unsigned i = 0; i < draft->count; i++) {
        arcs[i] = length;
        const struct draft_point *next = &draft->points[(i + 1) % draft->count];
        length += race_root((uint64_t)square_between(&draft->points[i], next));
    }
    uint32_t last = 0;
    uint32_t wanted = length / (RACE_TRACK_CHECKPOINTS_MAX - 1);
    wanted = wanted > GATE_DM_WANTED ? wanted : GATE_DM_WANTED;
    for (unsigned i = 1; i < draft->count; i++) {
        if (arcs[i] - last >= wanted && length - arcs[i] >= wanted) {
            draft->points[i].gate = true;
            last = arcs[i];
        }
    }
}

static unsigned count_gates(const struct draft *draft)
{
    unsigned gates = 0;
    for (unsigned i = 0; i < draft->count; i++) {
        gates += draft->points[i].gate;
    }
    return gates;
}

// What can only be judged at the end of the text.
static bool complete(struct draft *draft)
{
    if (!draft->name[0]) {
        return error_set(draft->error, "%s: a track needs a name", draft->label);
    }
    if (draft->count < RACE_TRACK_POINTS_MIN) {
        return error_set(draft->error, "%s: a track needs at least %d points, this one has %u",
                         draft->label, RACE_TRACK_POINTS_MIN, draft->count);
    }
    const struct draft_point *last = &draft->points[draft->count - 1];
    if (!check_segment(draft, last, draft->points)) {
        return error_prefix(draft->error, "%s:%u", draft->label, last->line);
    }
    if (!draft->gates) {
        place_gates(draft);
    }
    unsigned gates = count_gates(draft);
    if (gates < RACE_TRACK_CHECKPOINTS_MIN || gates > RACE_TRACK_CHECKPOINTS_MAX) {
        return error_set(draft->error,
                         "%s: a track needs %d to %d checkpoints, this one has %u with the first "
                         "point",
                         draft->label, RACE_TRACK_CHECKPOINTS_MIN, RACE_TRACK_CHECKPOINTS_MAX,
                         gates);
    }
    return true;
}

// One block: the map, its name and its data.
struct loaded_map {
    struct race_map base;
    char name[RACE_MAP_NAME_BYTES_MAX + 1];
    uint8_t data[RACE_MAP_BYTES_MAX];
};

static size_t encode(const struct draft *draft, uint8_t *data)
{
    const char *title = draft->title[0] ? draft->title : draft->name;
    size_t title_bytes = strlen(title);
    data[0] = RACE_MAP_VERSION;
    data[1] = (uint8_t)title_bytes;
    bytes_put_u16(data + 2, (uint16_t)draft->count);
    bytes_put_u16(data + 4, (uint16_t)count_gates(draft));
    data[6] = (uint8_t)(draft->columns ? draft->columns : COLUMNS_DEFAULT);
    data[7] = (uint8_t)(draft->columns ? draft->row : ROW_DM_DEFAULT);
    memcpy(data + RACE_MAP_HEAD_BYTES, title, title_bytes);
    uint8_t *at = data + RACE_MAP_HEAD_BYTES + title_bytes;
    for (unsigned i = 0; i < draft->count; i++, at += RACE_MAP_POINT_BYTES) {
        bytes_put_u16(at, (uint16_t)draft->points[i].x);
        bytes_put_u16(at + 2, (uint16_t)draft->points[i].y);
        bytes_put_u16(at + 4, (uint16_t)draft->points[i].width);
    }
    for (unsigned i = 0; i < draft->count; i++) {
        if (draft->points[i].gate) {
            bytes_put_u16(at, (uint16_t)i);
            at += RACE_MAP_GATE_BYTES;
        }
    }
    return (size_t)(at - data);
}

static bool check_road(const struct draft *draft, const struct race_track *track)
{
    unsigned point;
    if (race_track_check(track, &point, draft->error)) {
        return true;
    }
    return point < draft->count
               ? error_prefix(draft->error, "%s:%u", draft->label, draft->points[point].line)
               : error_prefix(draft->error, "%s", draft->label);
}

const struct game_map *race_map_load(const char *label, struct bytes_span text, struct error *error)
{
    struct draft draft = {.label = label, .error = error};
    if (!read_lines(&draft, text) || !complete(&draft)) {
        return NULL;
    }
    struct loaded_map *map = calloc(1, sizeof(*map));
    if (!map) {
        error_set(error, "%s: out of memory", label);
        return NULL;
    }
    memcpy(map->name, draft.name, sizeof(map->name));
    struct game_map *base = &map->base.base;
    base->name = map->name;
    base->data = bytes_of(map->data, encode(&draft, map->data));
    race_track_init(&map->base.track, base->data);
    if (!check_road(&draft, &map->base.track)) {
        free(map);
        return NULL;
    }
    return base;
}

void race_map_free(const struct game_map *map)
{
    free((void *)(uintptr_t)map); // the first member of what race_map_load() allocated
}
