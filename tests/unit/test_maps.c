// SPDX-License-Identifier: MIT
// Maps from a folder made for each test, and built-in ones. The text of a map here is its name.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "game/maps.h"

static unsigned maps_alive; // loaded and not freed

struct loaded_map {
    struct game_map map;
    char name[64];
};

static const struct game_map *load_map(const char *label, struct bytes_span text,
                                       struct error *error)
{
    struct loaded_map *loaded = calloc(1, sizeof(*loaded));
    if (!loaded || text.size == 0) {
        free(loaded);
        error_set(error, "%s:1: empty", label);
        return NULL;
    }
    snprintf(loaded->name, sizeof(loaded->name), "%.*s", (int)text.size, (const char *)text.data);
    loaded->map.name = loaded->name;
    maps_alive++;
    return &loaded->map;
}

static void free_map(const struct game_map *map)
{
    union {
        const struct game_map *map;
        void *memory;
    } given = {.map = map};
    maps_alive--;
    free(given.memory);
}

static const struct game_map *builtin_map(unsigned index)
{
    static const struct game_map maps[] = {{.name = "north"}, {.name = "south"}};
    return index < BASE_COUNT(maps) ? &maps[index] : NULL;
}

static const struct game_map *no_map(unsigned index)
{
    (void)index;
    return NULL;
}

static const struct game_sim sim = {
    .name = "test", .builtin_map = builtin_map, .load_map = load_map, .free_map = free_map};
static const struct game_sim bare_sim = {
    .name = "bare", .builtin_map = no_map, .load_map = load_map, .free_map = free_map};

struct fixture {
    struct config *config;
    struct error error;
    char folder[64];
    char files[100][128];
    unsigned file_count;
};

static int setup(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.folder = "/tmp/paddock_maps_XXXXXX"};
    fixture.config = config_create_default();
    *state = &fixture;
    maps_alive = 0;
    return fixture.config && mkdtemp(fixture.folder) ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    for (unsigned i = 0; i < fixture->file_count; i++) {
        remove(fixture->files[i]);
    }
    rmdir(fixture->folder);
    config_destroy(fixture->config);
    assert_int_equal(maps_alive, 0);
    return 0;
}

static const char *new_path(struct fixture *fixture, const char *name)
{
    char *path = fixture->files[fixture->file_count++];
    snprintf(path, sizeof(fixture->files[0]), "%s/%s", fixture->folder, name);
    return path;
}

static void put_file(struct fixture *fixture, const char *name, const char *text, size_t size)
{
    FILE *file = fopen(new_path(fixture, name), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void put_map(struct fixture *fixture, const char *file_name, const char *name)
{
    put_file(fixture, file_name, name, strlen(name));
}

static struct game_maps *load(struct fixture *fixture, bool from_folder, const char *track)
{
    snprintf(fixture->config->track_dir, sizeof(fixture->config->track_dir), "%s",
             from_folder ? fixture->folder : "");
    snprintf(fixture->config->track, sizeof(fixture->config->track), "%s", track);
    fixture->error.text[0] = '\0';
    return game_maps_load(&sim, fixture->config, &fixture->error);
}

// Loading must fail with one line that has `part` in it, and leave nothing behind.
static void refused(struct fixture *fixture, const char *track, const char *part)
{
    assert_null(load(fixture, true, track));
    if (!strstr(fixture->error.text, part)) {
        fail_msg("\"%s\" says nothing of \"%s\"", fixture->error.text, part);
    }
    assert_int_equal(maps_alive, 0);
}

static void order_is(const struct game_maps *maps, const char *const *names, unsigned count)
{
    assert_non_null(maps);
    for (unsigned race = 0; race < 3 * count; race++) {
        assert_string_equal(game_maps_for_race(maps, race)->name, names[race % count]);
    }
}

static void built_in_maps_rotate_and_are_not_freed(void **state)
{
    struct fixture *fixture = *state;
    static const char *const names[] = {"north", "south"};
    struct game_maps *maps = load(fixture, false, "rotate");
    order_is(maps, names, 2);
    game_maps_destroy(maps); // free_map would underflow maps_alive
}

static void one_built_in_map_can_be_picked(void **state)
{
    struct fixture *fixture = *state;
    static const char *const names[] = {"south"};
    struct game_maps *maps = load(fixture, false, "south");
    order_is(maps, names, 1);
    game_maps_destroy(maps);
}

static void a_folder_replaces_the_built_in_maps_in_order_of_file_names(void **state)
{
    struct fixture *fixture = *state;
    static const char *const names[] = {"zebra", "ant", "cat"};
    put_map(fixture, "30.track", "cat");
    put_map(fixture, "10.track", "zebra");
    put_map(fixture, "20.track", "ant");
    struct game_maps *maps = load(fixture, true, "rotate");
    order_is(maps, names, 3);
    game_maps_destroy(maps);
}

static void other_files_in_the_folder_are_left_alone(void **state)
{
    struct fixture *fixture = *state;
    static const char *const names[] = {"only"};
    put_map(fixture, "a.track", "only");
    put_map(fixture, "b.track~", "no");
    put_map(fixture, "README.md", "no");
    put_map(fixture, ".track", "no");
    struct game_maps *maps = load(fixture, true, "rotate");
    order_is(maps, names, 1);
    game_maps_destroy(maps);
}

static void picking_one_of_a_folder_frees_the_others(void **state)
{
    struct fixture *fixture = *state;
    static const char *const names[] = {"two"};
    put_map(fixture, "1.track", "one");
    put_map(fixture, "2.track", "two");
    put_map(fixture, "3.track", "three");
    struct game_maps *maps = load(fixture, true, "two");
    order_is(maps, names, 1);
    assert_int_equal(maps_alive, 1);
    game_maps_destroy(maps);
}

static void an_unknown_track_is_answered_with_those_there_are(void **state)
{
    struct fixture *fixture = *state;
    put_map(fixture, "1.track", "one");
    put_map(fixture, "2.track", "two");
    refused(fixture, "onE", "--track onE: no such track; there are one, two, or 'rotate'");
}

static void two_maps_of_one_name_are_refused(void **state)
{
    struct fixture *fixture = *state;
    put_map(fixture, "1.track", "one");
    put_map(fixture, "2.track", "two");
    put_map(fixture, "3.track", "one");
    refused(fixture, "rotate", "two tracks have the name \"one\"");
}

static void no_map_takes_the_word_for_all_of_them(void **state)
{
    struct fixture *fixture = *state;
    put_map(fixture, "1.track", "rotate");
    refused(fixture, "rotate", "no track can have the name \"rotate\"");
}

static void an_empty_folder_is_refused(void **state)
{
    struct fixture *fixture = *state;
    refused(fixture, "rotate", "has no *.track files");
}

static void a_missing_folder_is_refused(void **state)
{
    struct fixture *fixture = *state;
    rmdir(fixture->folder);
    refused(fixture, "rotate", "No such file or directory");
}

static void too_many_maps_are_refused(void **state)
{
    struct fixture *fixture = *state;
    for (unsigned i = 0; i < 64; i++) {
        char name[32];
        snprintf(name, sizeof(name), "%u.track", i);
        put_map(fixture, name, name);
    }
    struct game_maps *maps = load(fixture, true, "rotate");
    assert_non_null(maps);
    game_maps_destroy(maps);
    put_map(fixture, "one_more.track", "one more");
    refused(fixture, "rotate", "65 tracks; at most 64");
}

static void what_the_game_says_of_a_bad_map_reaches_the_operator(void **state)
{
    struct fixture *fixture = *state;
    put_map(fixture, "1.track", "fine");
    put_map(fixture, "2.track", "");
    refused(fixture, "rotate", "/2.track:1: empty");
}

static void a_track_that_cannot_be_read_is_refused(void **state)
{
    struct fixture *fixture = *state;
    put_map(fixture, "1.track", "fine");
    assert_int_equal(mkdir(new_path(fixture, "2.track"), 0700), 0);
    refused(fixture, "rotate", "/2.track: Is a directory");
}

static void a_dangling_link_is_refused(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(symlink("/nowhere/at/all", new_path(fixture, "1.track")), 0);
    refused(fixture, "rotate", "/1.track: No such file");
}

static void the_size_of_a_track_file_is_bounded(void **state)
{
    struct fixture *fixture = *state;
    static char text[65537];
    memset(text, 'x', sizeof(text));
    put_file(fixture, "1.track", text, sizeof(text) - 1);
    struct game_maps *maps = load(fixture, true, "rotate");
    assert_non_null(maps);
    game_maps_destroy(maps);
    put_file(fixture, "2.track", text, sizeof(text));
    refused(fixture, "rotate", "/2.track: a track file has at most 65536 bytes");
}

static void a_game_without_maps_of_its_own_needs_a_folder(void **state)
{
    struct fixture *fixture = *state;
    assert_null(game_maps_load(&bare_sim, fixture->config, &fixture->error));
    assert_non_null(strstr(fixture->error.text, "--track-dir"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(built_in_maps_rotate_and_are_not_freed),
        TEST(one_built_in_map_can_be_picked),
        TEST(a_folder_replaces_the_built_in_maps_in_order_of_file_names),
        TEST(other_files_in_the_folder_are_left_alone),
        TEST(picking_one_of_a_folder_frees_the_others),
        TEST(an_unknown_track_is_answered_with_those_there_are),
        TEST(two_maps_of_one_name_are_refused),
        TEST(no_map_takes_the_word_for_all_of_them),
        TEST(an_empty_folder_is_refused),
        TEST(a_missing_folder_is_refused),
        TEST(too_many_maps_are_refused),
        TEST(what_the_game_says_of_a_bad_map_reaches_the_operator),
        TEST(a_track_that_cannot_be_read_is_refused),
        TEST(a_dangling_link_is_refused),
        TEST(the_size_of_a_track_file_is_bounded),
        TEST(a_game_without_maps_of_its_own_needs_a_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
