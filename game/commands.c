// SPDX-License-Identifier: MIT
// One table: name, action, arguments, function. Output for the caller goes to stdout, errors to
// stderr. They work on files, whether or not a server runs on them; only `health` and
// `reload` speak to it.

#include "game/commands.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/backend_embedded.h"
#include "auth/outbox_tool.h"
#include "config/paths.h"
#include "game/admin.h"
#include "game/cert.h"
#include "game/instance.h"
#include "game/maps.h"
#include "game/replay.h"

#define REPLAY_FILE_BYTES_MAX (8u << 20)
#define CHECK_JOBS_MAX        16

struct command {
    const char *name;
    const char *action;       // the word after the name; NULL: there is none
    const char *arguments;    // for the usage line
    int min_words, max_words; // after name and action
    const char *choices;      // "a|b|c" for one word more, which may be left out; NULL: none
    bool (*run)(const struct config *config, char **words, int count, struct error *error);
};

// Any other backend has players and results of its own, and would deny a token of ours.
static bool players_path(const struct config *config, char path[LIMIT_PATH_BYTES],
                         struct error *error)
{
    const struct auth_backend_impl *impl = auth_backend_find(config);
    if (impl != &auth_backend_embedded) {
        return error_set(error, "works with the embedded backend only, and --backend is %s",
                         impl->name);
    }
    return config_data_path(config, config->embedded_db, "players.db", path, error);
}

static bool print_token(const struct config *config, char **words, int count, struct error *error)
{
    (void)count;
    char path[LIMIT_PATH_BYTES];
    struct bytes_buf token;
    bytes_buf_init(&token, LIMIT_TOKEN_BYTES + 1);
    bool ok =
        players_path(config, path, error) && auth_embedded_issue(path, words[0], &token, error);
    if (ok) {
        struct bytes_span span = bytes_buf_span(&token);
        printf("%.*s\n", (int)span.size, (const char *)span.data);
    }
    bytes_buf_finish(&token);
    return ok;
}

static bool print_results(const struct config *config, char **words, int count, struct error *error)
{
    (void)words;
    char path[LIMIT_PATH_BYTES];
    return players_path(config, path, error) &&
           auth_embedded_print_results(path, stdout, count == 1, error);
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

static bool reload_server(const struct config *config, char **words, int count, struct error *error)
{
    (void)words;
    (void)count;
    pid_t server = game_instance_find(config, error);
    if (server == 0) {
        return false;
    }
    if (kill(server, SIGHUP) != 0) {
        return error_set(error, "cannot signal process %d: %s", (int)server, strerror(errno));
    }
    printf("process %d loads its certificates and lists again; its log says what came of it\n",
           (int)server);
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
    struct bytes_buf bytes;
    struct game_replay_report report;
    bytes_buf_init(&bytes, REPLAY_FILE_BYTES_MAX);
    bool ok = read_file(words[0], &bytes, error) &&
              run_again(config, bytes_buf_span(&bytes), &report, error);
    if (ok) {
        print_replay(words[0], &report);
    }
    bytes_buf_finish(&bytes);
    return ok;
}

// ---- the results outbox

static bool outbox_path(const struct config *config, char path[LIMIT_PATH_BYTES],
                        struct error *error)
{
    return config_data_path(config, config->outbox_db, "outbox.db", path, error);
}

static bool list_outbox(const struct config *config, char **words, int count, struct error *error)
{
    (void)words;
    char path[LIMIT_PATH_BYTES];
    return outbox_path(config, path, error) && auth_outbox_print(path, stdout, count == 1, error);
}

static bool retry_outbox(const struct config *config, char **words, int count, struct error *error)
{
    (void)count;
    char path[LIMIT_PATH_BYTES];
    unsigned moved;
    bool all = strcmp(words[0], "all") == 0;
    if (!outbox_path(config, path, error) ||
        !auth_outbox_retry(path, all ? NULL : words[0], &moved, error)) {
        return false;
    }
    if (moved == 0 && !all) {
        return error_set(error, "no dead result has the key or race id %.200s", words[0]);
    }
    printf("%u dead result%s moved back to pending\n", moved, moved == 1 ? "" : "s");
    return true;
}

static bool export_outbox(const struct config *config, char **words, int count, struct error *error)
{
    char path[LIMIT_PATH_BYTES];
    unsigned rows;
    if (!outbox_path(config, path, error)) {
        return false;
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
    {"cert", NULL,
     "status [json] | dev NAME... | ca [NAME] | issue NAME... | client NAME | renew [FILE...]", 1,
     GAME_CERT_WORDS_MAX, NULL, game_cert_command},
    {"check", NULL, "", 0, 0, NULL, check_backend},
    {"health", NULL, "", 0, 0, NULL, probe_health},
    {"outbox", "list", "", 0, 0, "json", list_outbox},
    {"outbox", "retry", "KEY|all", 1, 1, NULL, retry_outbox},
    {"outbox", "export", "FILE|-", 1, 1, "pending|delivered|dead", export_outbox},
    {"reload", NULL, "", 0, 0, NULL, reload_server},
    {"replay", "verify", "FILE", 1, 1, NULL, verify_replay},
    {"results", NULL, "", 0, 0, "json", print_results},
    {"token", NULL, "PLAYER_ID", 1, 1, NULL, print_token},
};

static bool is_choice(const char *choices, const char *word)
{
    size_t size;
    for (const char *at = choices; *at; at += size + (at[size] == '|')) {
        size = strcspn(at, "|");
        if (size == strlen(word) && memcmp(at, word, size) == 0) {
            return true;
        }
    }
    return false;
}

static int words_used(const struct command *command)
{
    return command->action ? 2 : 1;
}

static bool takes(const struct command *command, char **words, int count)
{
    int used = words_used(command);
    if (count < used || strcmp(words[0], command->name) != 0 ||
        (command->action && strcmp(words[1], command->action) != 0)) {
        return false;
    }
    int left = count - used;
    return (left >= command->min_words && left <= command->max_words) ||
           (left == command->max_words + 1 && command->choices &&
            is_choice(command->choices, words[count - 1]));
}

static int run(const struct command *command, const struct config *config, char **words, int count)
{
    int used = words_used(command);
    struct error error = {0};
    if (!command->run(config, words + used, count - used, &error)) {
        fprintf(stderr, "paddock %s: %s\n", command->name, error.text);
        return 1;
    }
    return 0;
}

static void print_usage(const struct command *command)
{
    fprintf(stderr, "usage: paddock %s", command->name);
    if (command->action) {
        fprintf(stderr, " %s", command->action);
    }
    if (command->arguments[0]) {
        fprintf(stderr, " %s", command->arguments);
    }
    if (command->choices) {
        fprintf(stderr, " [%s]", command->choices);
    }
    fprintf(stderr, "\n");
}

int game_command_run(const struct config *config, int word_count, char **words)
{
    for (size_t i = 0; i < BASE_COUNT(commands); i++) {
        if (takes(&commands[i], words, word_count)) {
            return run(&commands[i], config, words, word_count);
        }
    }
    bool known = false;
    for (size_t i = 0; i < BASE_COUNT(commands); i++) {
        if (strcmp(words[0], commands[i].name) == 0) {
            print_usage(&commands[i]);
            known = true;
        }
    }
    if (!known) {
        fprintf(stderr,
                "paddock: no command \"%s\"; there are cert, check, health, outbox, "
                "reload, replay, results and token\n",
                words[0]);
    }
    return 2;
}
