// SPDX-License-Identifier: MIT
// One table: name, arguments, function. Output for the caller goes to stdout, errors to stderr.

#include "game/commands.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/backend_embedded.h"
#include "config/paths.h"
#include "game/admin.h"
#include "game/maps.h"
#include "game/replay.h"

#define REPLAY_FILE_BYTES_MAX (8u << 20)

struct command {
    const char *name;
    const char *arguments;    // for the usage line
    int min_words, max_words; // after the name
    bool (*run)(const struct config *config, char **words, int count, struct error *error);
};

static bool print_token(const struct config *config, char **words, int count, struct error *error)
{
    (void)count;
    char path[LIMIT_PATH_BYTES];
    struct bytes_buf token;
    bytes_buf_init(&token, LIMIT_TOKEN_BYTES + 1);
    bool ok = config_data_path(config, config->embedded_db, "players.db", path, error) &&
              auth_embedded_issue(path, words[0], &token, error);
    if (ok) {
        struct bytes_span span = bytes_buf_span(&token);
        printf("%.*s\n", (int)span.size, (const char *)span.data);
    }
    bytes_buf_finish(&token);
    return ok;
}

static bool print_results(const struct config *config, char **words, int count, struct error *error)
{
    char path[LIMIT_PATH_BYTES];
    bool json = count == 1;
    if (json && strcmp(words[0], "json") != 0) {
        return error_set(error, "results takes no argument, or 'json'");
    }
    return config_data_path(config, config->embedded_db, "players.db", path, error) &&
           auth_embedded_print_results(path, stdout, json, error);
}

static bool probe_health(const struct config *config, char **words, int count, struct error *error)
{
    (void)words;
    (void)count;
    if (strcmp(config->admin, "off") == 0) {
        return error_set(error, "--admin is off: there is nothing to ask");
    }
    if (!game_admin_probe(config->admin, error)) {
        return false;
    }
    puts("healthy");
    return true;
}

static bool read_file(const char *path, struct bytes_buf *out, struct error *error)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        return error_set(error, "cannot read %s: %s", path, strerror(errno));
    }
    bool ok = true;
    size_t got;
    do {
        uint8_t chunk[4096];
        got = fread(chunk, 1, sizeof(chunk), file);
        ok = bytes_buf_append(out, bytes_of(chunk, got));
    } while (ok && got > 0);
    if (!ok || ferror(file)) {
        ok = error_set(error, "cannot read %s: it is no replay (too large) or damaged", path);
    }
    fclose(file);
    return ok;
}

// A race on a track of --track-dir is run again on that track.
static bool run_again(const struct config *config, struct bytes_span bytes,
                      struct game_replay_report *report, struct error *error)
{
    bool ok = game_replay_verify(bytes, report, error);
    if (ok || !config->track_dir[0]) {
        return ok;
    }
    const struct game_sim *sim = game_sim_chosen(config);
    struct game_maps *maps = game_maps_load(sim, config, error);
    if (!maps) {
        return false;
    }
    const struct game_map *map = game_maps_find(maps, report->map);
    if (map) {
        ok = game_replay_verify_with(bytes, sim, map, report, error);
    }
    game_maps_destroy(maps);
    return ok;
}

static void print_replay(const char *path, const struct game_replay_report *report)
{
    static const char *const reasons[] = {"", "out of time", "left"};
    printf("%s: the same race, %u ticks on %s, final hash %016llx\n", path, (unsigned)report->ticks,
           report->map, (unsigned long long)report->final_hash);
    for (unsigned i = 0; i < report->setup.entities; i++) {
        const struct game_standing *standing = &report->standings[i];
        printf("%2u. participant %u  ", standing->place, standing->entity + 1);
        if (standing->dnf == GAME_DNF_NONE) {
            printf("%u.%03u s\n", (unsigned)standing->time_ms / 1000,
                   (unsigned)standing->time_ms % 1000);
        } else {
            printf("%s\n", reasons[standing->dnf]);
        }
    }
}

static bool verify_replay(const struct config *config, char **words, int count, struct error *error)
{
    (void)count;
    if (strcmp(words[0], "verify") != 0) {
        return error_set(error, "replay knows one word: verify FILE");
    }
    struct bytes_buf bytes;
    struct game_replay_report report;
    bytes_buf_init(&bytes, REPLAY_FILE_BYTES_MAX);
    bool ok = read_file(words[1], &bytes, error) &&
              run_again(config, bytes_buf_span(&bytes), &report, error);
    if (ok) {
        print_replay(words[1], &report);
    }
    bytes_buf_finish(&bytes);
    return ok;
}

static const struct command commands[] = {
    {"health", "", 0, 0, probe_health},
    {"replay", "verify FILE", 2, 2, verify_replay},
    {"results", "[json]", 0, 1, print_results},
    {"token", "PLAYER_ID", 1, 1, print_token},
};

int game_command_run(const struct config *config, int word_count, char **words)
{
    for (size_t i = 0; i < BASE_COUNT(commands); i++) {
        const struct command *command = &commands[i];
        int count = word_count - 1;
        if (strcmp(words[0], command->name) != 0) {
            continue;
        }
        if (count < command->min_words || count > command->max_words) {
            fprintf(stderr, "usage: paddock %s %s\n", command->name, command->arguments);
            return 2;
        }
        struct error error = {0};
        if (!command->run(config, words + 1, count, &error)) {
            fprintf(stderr, "paddock %s: %s\n", command->name, error.text);
            return 1;
        }
        return 0;
    }
    fprintf(stderr, "paddock: no command \"%s\"; there are token, results, replay and health\n",
            words[0]);
    return 2;
}
