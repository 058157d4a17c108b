// SPDX-License-Identifier: MIT
// One table: name, arguments, function. Output for the caller goes to stdout, errors to stderr.
// They work on files, whether or not a server runs on them; only `health` speaks to it.

#include "game/commands.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/backend_embedded.h"
#include "auth/outbox_tool.h"
#include "config/paths.h"
#include "game/admin.h"
#include "game/cert.h"
#include "game/maps.h"
#include "game/replay.h"

#define REPLAY_FILE_BYTES_MAX (8u << 20)
#define CHECK_JOBS_MAX        16

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

// ---- the results outbox

static bool print_outbox(const char *path, char **words, int count, struct error *error)
{
    bool json = count == 1 && strcmp(words[0], "json") == 0;
    if (count > 1 || (count == 1 && !json)) {
        return error_set(error, "list takes no argument, or 'json'");
    }
    return auth_outbox_print(path, stdout, json, error);
}

static bool retry_outbox(const char *path, char **words, int count, struct error *error)
{
    unsigned moved;
    if (count != 1) {
        return error_set(error, "retry takes the key of a dead result, a race id, or 'all'");
    }
    bool all = strcmp(words[0], "all") == 0;
    if (!auth_outbox_retry(path, all ? NULL : words[0], &moved, error)) {
        return false;
    }
    if (moved == 0 && !all) {
        return error_set(error, "no dead result has the key or race id %.200s", words[0]);
    }
    printf("%u dead result%s moved back to pending\n", moved, moved == 1 ? "" : "s");
    return true;
}

static bool is_outbox_state(const char *word)
{
    return strcmp(word, "pending") == 0 || strcmp(word, "delivered") == 0 ||
           strcmp(word, "dead") == 0;
}

static bool export_outbox(const char *path, char **words, int count, struct error *error)
{
    unsigned rows;
    if (count < 1 || count > 2 || (count == 2 && !is_outbox_state(words[1]))) {
        return error_set(error, "export takes a file name or '-' for the standard output, and then "
                                "perhaps 'pending', 'delivered' or 'dead'");
    }
    bool standard = strcmp(words[0], "-") == 0;
    FILE *out = standard ? stdout : fopen(words[0], "we");
    if (!out) {
        return error_set(error, "cannot write %s: %s", words[0], strerror(errno));
    }
    bool ok = auth_outbox_export(path, out, count == 2 ? words[1] : NULL, &rows, error);
    bool failed = ferror(out);
    failed = (standard ? fflush(out) : fclose(out)) != 0 || failed;
    if (ok && failed) {
        ok = error_set(error, "cannot write %s: %s", words[0], strerror(errno));
    }
    if (ok && !standard) {
        printf("%u result%s written to %s\n", rows, rows == 1 ? "" : "s", words[0]);
    }
    return ok;
}

static bool work_outbox(const struct config *config, char **words, int count, struct error *error)
{
    static const struct {
        const char *name;
        bool (*run)(const char *path, char **words, int count, struct error *error);
    } actions[] = {
        {"export", export_outbox},
        {"list", print_outbox},
        {"retry", retry_outbox},
    };
    char path[LIMIT_PATH_BYTES];
    if (!config_data_path(config, config->outbox_db, "outbox.db", path, error)) {
        return false;
    }
    for (size_t i = 0; i < BASE_COUNT(actions); i++) {
        if (strcmp(words[0], actions[i].name) == 0) {
            return actions[i].run(path, words + 1, count - 1, error);
        }
    }
    return error_set(error, "outbox knows list, retry and export, not \"%.60s\"", words[0]);
}

// ---- the backend

static bool try_backend(const struct config *config, struct loop *loop, struct error *error)
{
    const struct auth_backend_impl *impl = auth_backend_find(config);
    struct error_list errors = {0};
    if (!config_check_backend(config, &errors)) {
        return error_set(error, "%s", errors.lines[0].text);
    }
    struct counters *counters = counters_create();
    struct worker *worker = worker_create(loop, "check", CHECK_JOBS_MAX, true, error);
    struct auth_backend_env env = {loop, worker, counters, config};
    bool ok = worker && (!impl->check || impl->check(&env, stdout, error));
    worker_destroy(worker);
    counters_destroy(counters);
    if (ok) {
        printf("backend %s: %s\n", impl->name, impl->check ? "ready" : "there is nothing to try");
    }
    return ok || error_prefix(error, "backend %s", impl->name);
}

static bool check_backend(const struct config *config, char **words, int count, struct error *error)
{
    (void)words;
    (void)count;
    struct clock clock;
    clock_init_monotonic(&clock);
    struct loop *loop = loop_create(&clock, error);
    bool ok = loop && try_backend(config, loop, error);
    loop_destroy(loop);
    return ok;
}

static const struct command commands[] = {
    {"cert",
     "status [json] | dev NAME... | ca [NAME] | issue NAME... | client NAME | renew [FILE...]", 1,
     GAME_CERT_WORDS_MAX, game_cert_command},
    {"check", "", 0, 0, check_backend},
    {"health", "", 0, 0, probe_health},
    {"outbox", "list [json] | retry KEY|all | export FILE|- [STATE]", 1, 3, work_outbox},
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
            fprintf(stderr, "usage: paddock %s%s%s\n", command->name,
                    command->arguments[0] ? " " : "", command->arguments);
            return 2;
        }
        struct error error = {0};
        if (!command->run(config, words + 1, count, &error)) {
            fprintf(stderr, "paddock %s: %s\n", command->name, error.text);
            return 1;
        }
        return 0;
    }
    fprintf(stderr,
            "paddock: no command \"%s\"; there are cert, check, health, outbox, replay, results "
            "and token\n",
            words[0]);
    return 2;
}
