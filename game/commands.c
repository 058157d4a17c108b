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

static bool verify_replay(const struct config *config, char **words, int count, struct error *error)
{
    (void)config;
    (void)count;
    struct bytes_buf bytes;
    struct game_replay_report report;
    bytes_buf_init(&bytes, REPLAY_FILE_BYTES_MAX);
    if (strcmp(words[0], "verify") != 0) {
        return error_set(error, "replay knows one word: verify FILE");
    }
    bool ok = read_file(words[1], &bytes, error) &&
              game_replay_verify(bytes_buf_span(&bytes), &report, error);
    if (ok) {
        printf("%s: the same race, %u ticks, final hash %016llx\n", words[1],
               (unsigned)report.ticks, (unsigned long long)report.final_hash);
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
