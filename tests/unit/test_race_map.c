// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "game/race/race_map.h"
#include "game/race/race_track.h"
#include "tests/support/race_field.h"

// Line of point n (from 0) in the ring's text, after name, title and width.
#define POINT_LINE(n) (4 + (n))
#define RING_POINTS   40

// ---- a text under change: the ring as lines

#define LINES_MAX 700
#define LINE_MAX  200

struct text {
    unsigned count;
    char lines[LINES_MAX][LINE_MAX];
};

static void text_begin(struct text *text, unsigned points)
{
    char ring[RACE_RING_TEXT_BYTES];
    race_ring_text(ring, points);
    text->count = 0;
    for (const char *at = ring; *at; at = strchr(at, '\n') + 1) {
        size_t length = strcspn(at, "\n");
        memcpy(text->lines[text->count], at, length);
        text->lines[text->count++][length] = '\0';
    }
}

// Puts a new line in so that it becomes line `line` (from 1).
static void text_insert(struct text *text, unsigned line, const char *with)
{
    memmove(text->lines[line], text->lines[line - 1],
            (text->count - line + 1) * sizeof(text->lines[0]));
    text->count++;
    snprintf(text->lines[line - 1], LINE_MAX, "%s", with);
}

static void text_replace(struct text *text, unsigned line, const char *with)
{
    snprintf(text->lines[line - 1], LINE_MAX, "%s", with);
}

static void text_remove(struct text *text, unsigned line)
{
    text->count--;
    memmove(text->lines[line - 1], text->lines[line],
            (text->count - line + 1) * sizeof(text->lines[0]));
}

static const struct game_map *text_load(const struct text *text, struct error *error)
{
    static char bytes[LINES_MAX * LINE_MAX];
    size_t used = 0;
    for (unsigned i = 0; i < text->count; i++) {
        used += (size_t)snprintf(bytes + used, sizeof(bytes) - used, "%s\n", text->lines[i]);
    }
    return race_map_load("t.track", bytes_of(bytes, used), error);
}

static void assert_refused(const struct text *text, const char *line)
{
    struct error error = {.text = ""};
    const struct game_map *map = text_load(text, &error);
    assert_string_equal(error.text, line);
    assert_null(map);
}

static void assert_taken(const struct text *text)
{
    struct error error = {.text = ""};
    const struct game_map *map = text_load(text, &error);
    assert_string_equal(error.text, "");
    assert_non_null(map);
    assert_true(race_track_data_valid(map->data));
    race_map_free(map);
}

static struct text text;

// ---- tests

static void a_good_track_becomes_map_data(void **state)
{
    (void)state;
    text_begin(&text, RING_POINTS);
    text_insert(&text, 1, "# a comment");
    text_insert(&text, 2, "");
    text_insert(&text, 6, "\tgrid  3   60  ");
    text_replace(&text, 8, "point 987 156 150\r");
    struct error error;
    const struct game_map *map = text_load(&text, &error);
    assert_non_null(map);
    assert_string_equal(map->name, "ring");
    const uint8_t *data = map->data.data;
    static const uint8_t head[] = {1,   4,   0,    RING_POINTS, 0,    6,    3, 60,
                                   'R', 'i', 'n',  'g',         0x03, 0xe8, 0, 0,
                                   0,   120, 0x03, 0xdb,        0,    156,  0, 150};
    assert_memory_equal(data, head, sizeof(head));
    assert_int_equal(map->data.size, 12 + RING_POINTS * 6 + 6 * 2);
    // A point west of the origin: negative numbers.
    assert_int_equal(bytes_get_u16(data + 12 + 20 * 6), 65536 - 1000);
    race_map_free(map);
}

static void named_checkpoints_are_taken_as_they_are(void **state)
{
    (void)state;
    text_begin(&text, RING_POINTS);
    text_insert(&text, POINT_LINE(30) + 1, "checkpoint");
    text_insert(&text, POINT_LINE(15) + 1, "checkpoint");
    struct error error;
    const struct game_map *map = text_load(&text, &error);
    assert_non_null(map);
    const uint8_t *gates = map->data.data + 12 + RING_POINTS * 6;
    assert_int_equal(bytes_get_u16(map->data.data + 4), 3);
    assert_int_equal(bytes_get_u16(gates), 0);
    assert_int_equal(bytes_get_u16(gates + 2), 15);
    assert_int_equal(bytes_get_u16(gates + 4), 30);
    race_map_free(map);
}

static void the_title_may_be_left_out(void **state)
{
    (void)state;
    text_begin(&text, RING_POINTS);
    text_remove(&text, 2);
    struct error error;
    const struct game_map *map = text_load(&text, &error);
    assert_non_null(map);
    assert_int_equal(map->data.data[1], 4);
    assert_memory_equal(map->data.data + 8, "ring", 4);
    race_map_free(map);
}

#define BAD_NAME      "name: 1 to 32 of a-z, 0-9 and '-'"
#define BAD_TITLE     "title: 1 to 48 characters without tabs"
#define BAD_WIDTH     "width: one number, 60 to 400 decimetres"
#define BAD_GRID      "grid: 1 to 4 columns, then 30 to 200 decimetres from row to row"
#define BAD_POINT     "point: x and y, each within 32000 decimetres of 0, then perhaps a width"
#define BAD_POINT_END "point: after x and y only a width, 60 to 400 decimetres"
#define BAD_BEFORE    "point: must be 40 to 500 decimetres from the point before"
#define BAD_FIRST     "point: must be 40 to 500 decimetres from the first point, which follows"
#define BAD_LINE      "a line begins with name, title, width, grid, point, checkpoint or '#'"
#define BAD_ASCII     "only printable ASCII is allowed"
#define THIRTY_TWO    "abcdefghijklmnopqrstuvwxyz012345"
#define FORTY_EIGHT   "123456789012345678901234567890123456789012345678"

static void one_wrong_line_is_named(void **state)
{
    (void)state;
    static const struct {
        unsigned line; // replaced
        const char *with;
        const char *error;
    } rows[] = {
        {1, "name", "t.track:1: " BAD_NAME},
        {1, "name Ring", "t.track:1: " BAD_NAME},
        {1, "name r\xc3\xa9ng", "t.track:1: " BAD_ASCII},
        {1, "name ring road", "t.track:1: " BAD_NAME},
        {1, "name " THIRTY_TWO "6", "t.track:1: " BAD_NAME},
        {2, "title", "t.track:2: " BAD_TITLE},
        {2, "title " FORTY_EIGHT "9", "t.track:2: " BAD_TITLE},
        {2, "title a\tb", "t.track:2: " BAD_TITLE}, // found by fuzz_track
        {2, "title \x01", "t.track:2: " BAD_ASCII},
        {2, "title Ring\xff", "t.track:2: " BAD_ASCII},
        {2, "name twice", "t.track:2: name: said twice"},
        {3, "width 59", "t.track:3: " BAD_WIDTH},
        {3, "width 401", "t.track:3: " BAD_WIDTH},
        {3, "width 120 5", "t.track:3: " BAD_WIDTH},
        {3, "width wide", "t.track:3: " BAD_WIDTH},
        {3, "width +120", "t.track:3: " BAD_WIDTH},
        {3, "width 1000000", "t.track:3: " BAD_WIDTH},
        {3, "width -", "t.track:3: " BAD_WIDTH},
        {3, "title again", "t.track:3: title: said twice"},
        {3, "grid 0 50", "t.track:3: " BAD_GRID},
        {3, "grid 5 50", "t.track:3: " BAD_GRID},
        {3, "grid 2 29", "t.track:3: " BAD_GRID},
        {3, "grid 2 201", "t.track:3: " BAD_GRID},
        {3, "grid 2", "t.track:3: " BAD_GRID},
        {3, "grid 2 50 1", "t.track:3: " BAD_GRID},
        {3, "Point 1 2", "t.track:3: " BAD_LINE},
        {3, "points 1 2", "t.track:3: " BAD_LINE},
        {3, "; comment", "t.track:3: " BAD_LINE},
        {3, "checkpoint", "t.track:3: checkpoint: must come after a point"},
        {5, "width 120", "t.track:5: width: said twice"},
        {5, "checkpoint", "t.track:5: checkpoint: this point is one already (the first always is)"},
        {5, "checkpoint 1",
         "t.track:5: checkpoint: nothing may follow; it stands at the point before it"},
        {9, "point", "t.track:9: " BAD_POINT},
        {9, "point 1", "t.track:9: " BAD_POINT},
        {9, "point 1 two", "t.track:9: " BAD_POINT},
        {9, "point 32001 0", "t.track:9: " BAD_POINT},
        {9, "point 0 -32001", "t.track:9: " BAD_POINT},
        {9, "point 0x10 0", "t.track:9: " BAD_POINT},
        {9, "point 1.5 0", "t.track:9: " BAD_POINT},
        {9, "point 0001000 0", "t.track:9: " BAD_POINT},
        {9, "point 700 700 59", "t.track:9: " BAD_POINT_END},
        {9, "point 700 700 401", "t.track:9: " BAD_POINT_END},
        {9, "point 700 700 x", "t.track:9: " BAD_POINT_END},
        {9, "point 700 700 120 1", "t.track:9: " BAD_POINT_END},
        {9, "point 32000 -32000", "t.track:9: " BAD_BEFORE},
        {10, "point 454 891", "t.track:11: " BAD_BEFORE}, // the same as the next point
        {43, "point 990 -20", "t.track:43: " BAD_FIRST},
    };
    for (size_t i = 0; i < BASE_COUNT(rows); i++) {
        text_begin(&text, RING_POINTS);
        text_replace(&text, rows[i].line, rows[i].with);
        assert_refused(&text, rows[i].error);
    }
}

static void a_key_said_twice_is_refused(void **state)
{
    (void)state;
    text_begin(&text, RING_POINTS);
    text_insert(&text, 1, "grid 2 50");
    text_insert(&text, 4, "grid 2 50");
    assert_refused(&text, "t.track:4: grid: said twice");
    text_begin(&text, RING_POINTS);
    text_remove(&text, 3);
    text_insert(&text, 5, "width 120");
    assert_refused(&text, "t.track:5: width: must come before the first point");
}

static void the_edges_of_the_ranges_are_taken(void **state)
{
    (void)state;
    static const struct {
        unsigned line;
        const char *with;
    } rows[] = {
        {1, "name " THIRTY_TWO}, {1, "name 0-9"},         {2, "title " FORTY_EIGHT},
        {2, "title ~ !"},        {3, "width 60"},         {3, "width 400"},
        {3, "grid 1 30"},        {3, "grid 4 30"},        {3, "grid 4 184"},
        {4, "point 1000 0 60"},  {4, "point 1000 0 400"}, {4, "point 1000 -0"},
        {4, "point 01000 0"},
    };
    for (size_t i = 0; i < BASE_COUNT(rows); i++) {
        text_begin(&text, RING_POINTS);
        text_replace(&text, rows[i].line, rows[i].with);
        assert_taken(&text);
    }
}

static void lines_are_bounded(void **state)
{
    (void)state;
    text_begin(&text, RING_POINTS);
    char line[162];
    memset(line, '#', sizeof(line));
    line[160] = '\0';
    text_insert(&text, 1, line);
    assert_taken(&text);
    line[160] = '#';
    line[161] = '\0';
    text_insert(&text, 1, line);
    assert_refused(&text, "t.track:1: a line has at most 160 characters");
}

static void a_text_without_name_or_points_is_refused(void **state)
{
    (void)state;
    struct error error;
    assert_null(race_map_load("e", bytes_of(NULL, 0), &error));
    assert_string_equal(error.text, "e: a track needs a name");
    assert_null(race_map_load("e", bytes_of_string("name x"), &error));
    assert_string_equal(error.text, "e: a track needs at least 16 points, this one has 0");
    // NUL bytes are no end of the text.
    assert_null(race_map_load("e", bytes_of("name x\0\n", 8), &error));
    assert_string_equal(error.text, "e:1: " BAD_ASCII);
}

static void the_number_of_points_is_bounded(void **state)
{
    (void)state;
    text_begin(&text, 16);
    assert_taken(&text);
    text_begin(&text, 15);
    assert_refused(&text, "t.track: a track needs at least 16 points, this one has 15");
    // 512 points need a longer lap than the ring: there and back, 8 metres each, ends bent.
    text.count = 0;
    text_insert(&text, 1, "name long");
    for (int i = 0; i < 512; i++) {
        char line[64];
        int x = i < 256 ? i * 80 : (511 - i) * 80;
        bool bend = i % 256 < 4 || i % 256 >= 252;
        static const int bends[] = {150, 190, 220, 240};
        int y = !bend ? 260 : i % 256 < 4 ? bends[i % 4] : bends[3 - i % 4];
        snprintf(line, sizeof(line), "point %d %d", x, i < 256 ? -y : y);
        text_insert(&text, text.count + 1, line);
    }
    struct error error = {.text = ""};
    assert_null(text_load(&text, &error)); // its ends are too sharp, but all points were read
    assert_null(strstr(error.text, "at most"));
    text_insert(&text, text.count + 1, "point 0 100");
    assert_refused(&text, "t.track:514: point: a track has at most 512 points");
}

static void checkpoints_are_counted(void **state)
{
    (void)state;
    text_begin(&text, RING_POINTS);
    text_insert(&text, POINT_LINE(20) + 1, "checkpoint");
    assert_refused(&text, "t.track: a track needs 3 to 64 checkpoints, this one has 2 with the "
                          "first point");
    text_begin(&text, 140);
    for (unsigned i = 64; i > 0; i--) {
        text_insert(&text, POINT_LINE(i) + 1, "checkpoint");
    }
    assert_refused(&text, "t.track: a track needs 3 to 64 checkpoints, this one has 65 with the "
                          "first point");
}

static void checkpoints_must_be_neither_near_nor_far(void **state)
{
    (void)state;
    // Points are 15.7 m apart.
    text_begin(&text, RING_POINTS);
    text_insert(&text, POINT_LINE(21) + 1, "checkpoint");
    text_insert(&text, POINT_LINE(20) + 1, "checkpoint");
    assert_refused(&text,
                   "t.track:4: the next checkpoint must come after 20 to 300 metres of road");
    text_begin(&text, RING_POINTS);
    text_insert(&text, POINT_LINE(16) + 1, "checkpoint");
    text_insert(&text, POINT_LINE(15) + 1, "checkpoint");
    assert_refused(&text,
                   "t.track:19: the next checkpoint must come after 20 to 300 metres of road");
    text_begin(&text, RING_POINTS);
    text_insert(&text, POINT_LINE(10) + 1, "checkpoint");
    text_insert(&text, POINT_LINE(5) + 1, "checkpoint");
    assert_refused(&text,
                   "t.track:15: the next checkpoint must come after 20 to 300 metres of road");
}

static void a_sharp_turn_is_refused(void **state)
{
    (void)state;
    text_begin(&text, RING_POINTS);
    // Pulled 14 m inwards: the road goes in and out again at right angles.
    text_replace(&text, POINT_LINE(10), "point 0 860");
    assert_refused(&text, "t.track:14: the road turns by more than 60 degrees at this point");
}

static void a_short_or_endless_lap_is_refused(void **state)
{
    (void)state;
    char ring[RACE_RING_TEXT_BYTES];
    race_ring_text(ring, 16);
    text.count = 0;
    text_insert(&text, 1, "name small");
    for (unsigned i = 0; i < 16; i++) {
        struct race_vector v = race_direction(i * (RACE_QUARTER_TURN / 4));
        char line[64];
        snprintf(line, sizeof(line), "point %d %d", race_multiply(v.x, 450),
                 race_multiply(v.y, 450));
        text_insert(&text, i + 2, line);
    }
    assert_refused(&text, "t.track: a lap must have 300 to 10000 metres, this one has 280");
    text.count = 0;
    text_insert(&text, 1, "name large");
    for (unsigned i = 0; i < 256; i++) {
        struct race_vector v = race_direction(i * (RACE_QUARTER_TURN / 64));
        char line[64];
        snprintf(line, sizeof(line), "point %d %d", race_multiply(v.x, 16000),
                 race_multiply(v.y, 16000));
        text_insert(&text, i + 2, line);
    }
    assert_refused(&text, "t.track: a lap must have 300 to 10000 metres, this one has 10052");
}

static void a_grid_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    text_begin(&text, RING_POINTS);
    text_insert(&text, 4, "grid 2 96"); // 33 rows of 9.6 m; half a lap has 313.5
    assert_refused(&text, "t.track: a grid of 64 karts does not fit on half a lap of 627 metres");
    text_replace(&text, 4, "grid 2 95");
    assert_taken(&text);
}

// A figure of eight: two rings that share a crossing.
static void a_road_that_crosses_itself_is_refused(void **state)
{
    (void)state;
    text.count = 0;
    text_insert(&text, 1, "name eight");
    for (unsigned i = 0; i < 64; i++) {
        uint32_t angle = i * (RACE_QUARTER_TURN / 16);
        char line[64];
        snprintf(line, sizeof(line), "point %d %d", race_multiply(race_sine(angle), 2000),
                 race_multiply(race_sine(2 * angle), 1000));
        text_insert(&text, i + 2, line);
    }
    assert_refused(&text, "t.track:33: the road crosses or touches itself here and at point 1");
}

// Two straights side by side, 24 m apart, joined by narrow bends.
static void two_stretches_must_not_share_ground(void **state)
{
    (void)state;
    text.count = 0;
    text_insert(&text, 1, "name paperclip");
    text_insert(&text, 2, "width 239");
    for (unsigned i = 0; i < 42; i++) {
        char line[64];
        bool straight = i % 21 < 16;
        int x = i < 21 ? 3000 : 0;
        int y = 0;
        if (straight) {
            x = (int)(i < 21 ? i : 36 - i) * 200;
            y = i < 21 ? -120 : 120;
        } else {
            uint32_t bend = (i % 21 - 15) * (RACE_QUARTER_TURN / 3);
            struct race_vector v = race_direction(bend - RACE_QUARTER_TURN);
            x += race_multiply(v.x, 120) * (i < 21 ? 1 : -1);
            y += race_multiply(v.y, 120) * (i < 21 ? 1 : -1);
        }
        snprintf(line, sizeof(line), "point %d %d", x, y);
        text_insert(&text, i + 3, line);
    }
    assert_taken(&text);
    text_replace(&text, 2, "width 241");
    assert_refused(&text, "t.track:24: the road crosses or touches itself here and at point 14");
}

// Points and checkpoints that a track does not have are zeroes in both.
static void assert_same_road(const struct race_track *a, const struct race_track *b)
{
    assert_memory_equal(a, b, sizeof(*a));
}

static void the_road_of_a_map_is_what_its_data_say(void **state)
{
    (void)state;
    const struct game_map *map = race_ring_load();
    struct race_track track;
    memset(&track, 0, sizeof(track));
    race_track_init(&track, map->data);
    assert_same_road(race_map_track(map), &track);
    race_map_free(map);
}

static void the_built_in_tracks_are_what_their_files_say(void **state)
{
    (void)state;
    const struct game_map *built_in;
    unsigned count = 0;
    for (; (built_in = race_map_builtin(count)); count++) {
        char path[128];
        static uint8_t bytes[65536];
        snprintf(path, sizeof(path), "game/race/tracks/%s.track", built_in->name);
        FILE *file = fopen(path, "rb");
        assert_non_null(file);
        size_t size = fread(bytes, 1, sizeof(bytes), file);
        fclose(file);
        struct error error = {.text = ""};
        const struct game_map *map = race_map_load(path, bytes_of(bytes, size), &error);
        assert_string_equal(error.text, "");
        assert_true(bytes_equal(map->data, built_in->data));
        assert_same_road(race_map_track(map), race_map_track(built_in));
        race_map_free(map);
    }
    assert_true(count >= 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_track_becomes_map_data),
        cmocka_unit_test(the_road_of_a_map_is_what_its_data_say),
        cmocka_unit_test(named_checkpoints_are_taken_as_they_are),
        cmocka_unit_test(the_title_may_be_left_out),
        cmocka_unit_test(one_wrong_line_is_named),
        cmocka_unit_test(a_key_said_twice_is_refused),
        cmocka_unit_test(the_edges_of_the_ranges_are_taken),
        cmocka_unit_test(lines_are_bounded),
        cmocka_unit_test(a_text_without_name_or_points_is_refused),
        cmocka_unit_test(the_number_of_points_is_bounded),
        cmocka_unit_test(checkpoints_are_counted),
        cmocka_unit_test(checkpoints_must_be_neither_near_nor_far),
        cmocka_unit_test(a_sharp_turn_is_refused),
        cmocka_unit_test(a_short_or_endless_lap_is_refused),
        cmocka_unit_test(a_grid_that_does_not_fit_is_refused),
        cmocka_unit_test(a_road_that_crosses_itself_is_refused),
        cmocka_unit_test(two_stretches_must_not_share_ground),
        cmocka_unit_test(the_built_in_tracks_are_what_their_files_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
