// SPDX-License-Identifier: MIT
// Build tool: reads track files and writes them as C, so that a bad built-in track fails the build
// and the server starts without reading or parsing anything.
//
//     race_embed race_builtin.c a.track b.track ...

#include <stdio.h>
#include <stdlib.h>

#include "game/race/race_map.h"

#define FILE_BYTES_MAX 65536

static const struct game_map *load(const char *path)
{
    static uint8_t text[FILE_BYTES_MAX];
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        return NULL;
    }
    size_t size = fread(text, 1, sizeof(text), file);
    fclose(file);
    struct error error = {.text = ""};
    const struct game_map *map = race_map_load(path, bytes_of(text, size), &error);
    if (!map) {
        fprintf(stderr, "%s\n", error.text);
    }
    return map;
}

static void write_data(FILE *out, int index, struct bytes_span data)
{
    fprintf(out, "\nstatic const uint8_t data_%d[] = {", index);
    for (size_t i = 0; i < data.size; i++) {
        fprintf(out, "%s%u,", i % 20 == 0 ? "\n    " : " ", data.data[i]);
    }
    fprintf(out, "\n};\n");
}

static void write_track(FILE *out, const struct race_track *track)
{
    fprintf(out, "        {.count = %u, .checkpoints = %u, .grid_columns = %u, .grid_row = %d,\n",
            track->count, track->checkpoints, track->grid_columns, track->grid_row);
    fprintf(out, "         .length = %d, .gates = {", track->length);
    for (unsigned i = 0; i < track->checkpoints; i++) {
        fprintf(out, "%d, ", track->gates[i]);
    }
    fprintf(out, "}, .points = {\n");
    for (unsigned i = 0; i < track->count; i++) {
        const struct race_track_point *point = &track->points[i];
        fprintf(out, "            {{%d, %d}, {%d, %d}, %d, %d, %d},\n", point->at.x, point->at.y,
                point->along.x, point->along.y, point->length, point->arc, point->half_width);
    }
    fprintf(out, "        }},\n");
}

static bool write_maps(FILE *out, char **paths, int count)
{
    const struct game_map **maps = calloc((size_t)count + 1, sizeof(*maps));
    bool ok = maps != NULL;
    fprintf(out, "// Written by tracks/embed.c from the *.track files; do not edit.\n\n"
                 "#include \"game/race/race_map.h\"\n");
    for (int i = 0; ok && i < count; i++) {
        maps[i] = load(paths[i]);
        ok = maps[i] != NULL;
        if (ok) {
            write_data(out, i, maps[i]->data);
        }
    }
    fprintf(out, "\nstatic const struct race_map maps[] = {\n");
    for (int i = 0; ok && i < count; i++) {
        fprintf(out, "    {\n        {\"%s\", {data_%d, sizeof(data_%d)}},\n", maps[i]->name, i, i);
        write_track(out, race_map_track(maps[i]));
        fprintf(out, "    },\n");
    }
    fprintf(out, "};\n\nconst struct game_map *race_map_builtin(unsigned index)\n{\n"
                 "    return index < BASE_COUNT(maps) ? &maps[index].base : NULL;\n}\n");
    for (int i = 0; maps && i < count; i++) {
        race_map_free(maps[i]);
    }
    free(maps);
    return ok;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: race_embed OUTPUT TRACK...\n");
        return EXIT_FAILURE;
    }
    FILE *out = fopen(argv[1], "w");
    if (!out) {
        perror(argv[1]);
        return EXIT_FAILURE;
    }
    bool ok = write_maps(out, argv + 2, argc - 2);
    ok = !ferror(out) && ok;
    ok = fclose(out) == 0 && ok;
    if (!ok) {
        remove(argv[1]); // a half-written file must not pass for a finished one
    }
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
