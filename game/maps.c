// SPDX-License-Identifier: MIT
// Reads map files at start-up and hands out maps in rotation.

#include "game/maps.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAPS_MAX       64
#define MAP_FILE_BYTES 65536
#define MAP_SUFFIX     ".track"
#define ALL_IN_TURN    "rotate" // what --track says instead of a name

struct game_maps {
    const struct game_sim *sim;
    const struct game_map *maps[MAPS_MAX];
    unsigned count;
    bool loaded; // from files: ours to free
};

static int is_map_file(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);
    size_t suffix = strlen(MAP_SUFFIX);
    return length > suffix && strcmp(entry->d_name + length - suffix, MAP_SUFFIX) == 0;
}

static const struct game_map *load_file(const struct game_sim *sim, const char *folder,
                                        const char *file_name, struct error *error)
{
    char path[LIMIT_PATH_BYTES + 256];
    snprintf(path, sizeof(path), "%s/%s", folder, file_name);
    FILE *file = fopen(path, "rb");
    if (!file) {
        error_set(error, "cannot read %s: %s", path, strerror(errno));
        return NULL;
    }
    uint8_t *text = malloc(MAP_FILE_BYTES + 1);
    size_t size = text ? fread(text, 1, MAP_FILE_BYTES + 1, file) : 0;
    int failure = !text || ferror(file) ? errno : 0;
    fclose(file);
    const struct game_map *map = NULL;
    if (failure != 0) {
        error_set(error, "cannot read %s: %s", path, strerror(failure));
    } else if (size > MAP_FILE_BYTES) {
        error_set(error, "%s: a track file has at most %d bytes", path, MAP_FILE_BYTES);
    } else {
        map = sim->load_map(path, bytes_of(text, size), error);
    }
    free(text);
    return map;
}

static bool add_map(struct game_maps *maps, const struct game_map *map, struct error *error)
{
    if (strcmp(map->name, ALL_IN_TURN) == 0) {
        return error_set(error, "no track can have the name \"" ALL_IN_TURN
                                "\": --track " ALL_IN_TURN " means all of them");
    }
    for (unsigned i = 0; i < maps->count; i++) {
        if (strcmp(maps->maps[i]->name, map->name) == 0) {
            return error_set(error, "two tracks have the name \"%s\"; rename one", map->name);
        }
    }
    maps->maps[maps->count++] = map;
    return true;
}

static bool load_folder(struct game_maps *maps, const char *folder, struct error *error)
{
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_map_file, alphasort);
    if (count < 0) {
        return error_set(error, "--track-dir %s: %s", folder, strerror(errno));
    }
    bool ok = true;
    if (count == 0) {
        ok = error_set(error, "--track-dir %s has no *" MAP_SUFFIX " files", folder);
    } else if (count > MAPS_MAX) {
        ok = error_set(error, "--track-dir %s has %d tracks; at most %d are used", folder, count,
                       MAPS_MAX);
    }
    for (int i = 0; i < count; i++) {
        if (ok) {
            const struct game_map *map = load_file(maps->sim, folder, entries[i]->d_name, error);
            ok = map && add_map(maps, map, error);
            if (map && !ok) {
                maps->sim->free_map(map);
            }
        }
        free(entries[i]);
    }
    free(entries);
    return ok;
}

static bool load_builtin(struct game_maps *maps, struct error *error)
{
    const struct game_map *map;
    while (maps->count < MAPS_MAX && (map = maps->sim->builtin_map(maps->count))) {
        maps->maps[maps->count++] = map;
    }
    return maps->count > 0 ||
           error_set(error, "the game \"%s\" has no tracks of its own; give some with --track-dir",
                     maps->sim->name);
}

// Leaves the one map with this name.
static bool pick(struct game_maps *maps, const char *name, struct error *error)
{
    char names[256] = "";
    size_t used = 0;
    unsigned chosen = maps->count;
    for (unsigned i = 0; i < maps->count; i++) {
        if (strcmp(maps->maps[i]->name, name) == 0) {
            chosen = i;
        }
        int wrote = snprintf(names + used, sizeof(names) - used, "%s%s", i > 0 ? ", " : "",
                             maps->maps[i]->name);
        used += wrote > 0 && (size_t)wrote < sizeof(names) - used ? (size_t)wrote : 0;
    }
    if (chosen == maps->count) {
        return error_set(error,
                         "--track %s: no such track; there are %s, or '" ALL_IN_TURN "' for all",
                         name, names);
    }
    const struct game_map *map = maps->maps[chosen];
    maps->maps[chosen] = maps->maps[0];
    maps->maps[0] = map;
    for (unsigned i = 1; maps->loaded && i < maps->count; i++) {
        maps->sim->free_map(maps->maps[i]);
    }
    maps->count = 1;
    return true;
}

struct game_maps *game_maps_load(const struct game_sim *sim, const struct config *config,
                                 struct error *error)
{
    struct game_maps *maps = calloc(1, sizeof(*maps));
    if (!maps) {
        error_set(error, "out of memory");
        return NULL;
    }
    maps->sim = sim;
    maps->loaded = config->track_dir[0] != '\0';
    if (!(maps->loaded ? load_folder(maps, config->track_dir, error) : load_builtin(maps, error))) {
        goto fail;
    }
    if (strcmp(config->track, ALL_IN_TURN) != 0 && !pick(maps, config->track, error)) {
        goto fail;
    }
    return maps;
fail:
    game_maps_destroy(maps);
    return NULL;
}

void game_maps_destroy(struct game_maps *maps)
{
    if (!maps) {
        return;
    }
    for (unsigned i = 0; maps->loaded && i < maps->count; i++) {
        maps->sim->free_map(maps->maps[i]);
    }
    free(maps);
}

const struct game_map *game_maps_for_race(const struct game_maps *maps, unsigned race)
{
    return maps->maps[race % maps->count];
}

const struct game_map *game_maps_find(const struct game_maps *maps, const char *name)
{
    for (unsigned i = 0; i < maps->count; i++) {
        if (strcmp(maps->maps[i]->name, name) == 0) {
            return maps->maps[i];
        }
    }
    return NULL;
}
