// SPDX-License-Identifier: MIT
// Results on their way to the disk: at most one a session, until the outbox has committed it.

#include "game/result.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "config/base/file.h"

#define RESULT_BYTES_MAX  32768
#define COMMIT_RETRY_MS   1000
#define REPLAY_PATH_BYTES (LIMIT_PATH_BYTES + 64)

struct pending {
    struct pending *next;
    struct game_results *results;
    struct game_session_id session;
    char race_id[GAME_UUID_BYTES];
    struct bytes_buf body;
    struct loop_timer retry;
};

struct game_results {
    struct game_results_env env;
    struct pending *pending;
    unsigned pending_count;
    bool failing; // the newest try to commit
    uint64_t *committed, *commit_failures;
    uint64_t *replays, *replays_failed;
};

struct game_results *game_results_create(const struct game_results_env *env)
{
    struct game_results *results = calloc(1, sizeof(*results));
    if (!results) {
        return NULL;
    }
    results->env = *env;
    results->committed = counter_cell(env->counters, COUNTER_TOTAL, "paddock_results_committed",
                                      "Results that are on disk", NULL, NULL);
    results->commit_failures =
        counter_cell(env->counters, COUNTER_TOTAL, "paddock_results_commit_failures",
                     "Tries to commit a result that failed and were repeated", NULL, NULL);
    results->replays = counter_cell(env->counters, COUNTER_TOTAL, "paddock_replays",
                                    "Replay files by outcome", "outcome", "written");
    results->replays_failed = counter_cell(env->counters, COUNTER_TOTAL, "paddock_replays",
                                           "Replay files by outcome", "outcome", "failed");
    return results;
}

static void free_pending(struct pending *pending)
{
    struct pending **at = &pending->results->pending;
    while (*at != pending) {
        at = &(*at)->next;
    }
    *at = pending->next;
    pending->results->pending_count--;
    loop_timer_cancel(pending->results->env.loop, &pending->retry);
    bytes_buf_finish(&pending->body);
    free(pending);
}

void game_results_destroy(struct game_results *results)
{
    if (!results) {
        return;
    }
    while (results->pending) {
        log_event(LOG_ERROR, "result_unconfirmed", LOG_S("race", results->pending->race_id),
                  LOG_S("why", "the server stopped before the outbox said that it is on disk"));
        free_pending(results->pending);
    }
    free(results);
}

unsigned game_results_pending(const struct game_results *results)
{
    return results->pending_count;
}

bool game_results_failing(const struct game_results *results)
{
    return results->failing;
}

// ---- canonical bytes

static json_t *encode_standing(const struct game_session *session,
                               const struct game_standing *standing)
{
    static const char *const reasons[] = {NULL, "time_limit", "left"};
    const char *player_id = session->participants[standing->entity].player_id;
    if (standing->dnf == GAME_DNF_NONE) {
        return json_pack("{s:s, s:i, s:I, s:n}", "player_id", player_id, "place",
                         (int)standing->place, "time_ms", (json_int_t)standing->time_ms, "dnf");
    }
    return json_pack("{s:s, s:i, s:n, s:s}", "player_id", player_id, "place", (int)standing->place,
                     "time_ms", "dnf", reasons[standing->dnf]);
}

bool game_result_encode(const struct game_session *session, const struct game_standing *standings,
                        uint64_t ended_wall_ms, struct bytes_buf *out)
{
    char started[CLOCK_TEXT_BYTES], ended[CLOCK_TEXT_BYTES];
    clock_format_wall(session->race_started_wall_ms, started);
    clock_format_wall(ended_wall_ms, ended);
    json_t *list = json_array();
    bool ok = list != NULL;
    for (unsigned i = 0; ok && i < session->setup.entities; i++) {
        ok = json_array_append_new(list, encode_standing(session, &standings[i])) == 0;
    }
    json_t *result =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:o}", "race_id", session->race_id,
                  "session", session->name, "session_id", session->uuid, "game",
                  session->env->sim->name, "track", session->setup.map->name, "started", started,
                  "ended", ended, "laps", (int)session->setup.laps, "standings", list);
    char *text = ok && result ? json_dumps(result, JSON_COMPACT) : NULL;
    ok = text && bytes_buf_append_text(out, text);
    free(text);
    json_decref(result);
    return ok;
}

// ---- commit

static void commit(struct pending *pending);

static void retry_later(struct pending *pending)
{
    struct loop *loop = pending->results->env.loop;
    pending->results->failing = true;
    *pending->results->commit_failures += 1;
    loop_timer_set(loop, &pending->retry, loop_now_ns(loop) + COMMIT_RETRY_MS * CLOCK_NS_PER_MS);
}

static void on_committed(void *context, bool ok)
{
    struct pending *pending = context;
    struct game_results *results = pending->results;
    if (!ok) {
        log_peer(LOG_ERROR, "result_commit_failed", LOG_S("race", pending->race_id),
                 LOG_S("mend", "the outbox database cannot be written; outbox_failed says why"));
        retry_later(pending);
        return;
    }
    results->failing = false;
    *results->committed += 1;
    results->env.committed(results->env.user, pending->session, pending->race_id);
    free_pending(pending);
}

static void commit(struct pending *pending)
{
    if (!auth_reporter_submit(pending->results->env.reporter, pending->race_id,
                              bytes_buf_span(&pending->body), on_committed, pending)) {
        retry_later(pending);
    }
}

static void on_retry(void *context)
{
    commit(context);
}

// ---- replay files

struct replay_file {
    struct worker_job job;
    struct game_results *results;
    char path[REPLAY_PATH_BYTES];
    char race_id[GAME_UUID_BYTES];
    struct bytes_buf bytes;
    int failure; // errno of the step that failed, 0 = written
};

static void write_replay(void *context)
{
    struct replay_file *file = context;
    bool ok = file_replace(file->path, bytes_buf_span(&file->bytes), 0644);
    file->failure = ok ? 0 : errno;
}

static void replay_written(void *context)
{
    struct replay_file *file = context;
    if (file->failure == 0) {
        *file->results->replays += 1;
    } else {
        *file->results->replays_failed += 1;
        log_event(LOG_WARN, "replay_not_written", LOG_S("path", file->path),
                  LOG_S("why", strerror(file->failure)));
    }
    bytes_buf_finish(&file->bytes);
    free(file);
}

struct game_replay *game_results_begin_replay(struct game_results *results,
                                              const struct game_sim *sim,
                                              const struct game_sim_setup *setup)
{
    bool wanted = results->env.replay_dir[0] || results->env.replay;
    return wanted ? game_replay_begin(sim, setup) : NULL;
}

// Takes the recording's bytes.
static void save_replay(struct game_results *results, const char *race_id, struct bytes_buf *bytes)
{
    if (results->env.replay) {
        results->env.replay(results->env.user, race_id, bytes_buf_span(bytes));
    }
    struct replay_file *file = results->env.replay_dir[0] ? calloc(1, sizeof(*file)) : NULL;
    if (!file) {
        bytes_buf_finish(bytes);
        return;
    }
    file->job = (struct worker_job){.work = write_replay, .done = replay_written, .context = file};
    file->results = results;
    file->bytes = *bytes;
    snprintf(file->path, sizeof(file->path), "%s/%s.replay", results->env.replay_dir, race_id);
    if (!worker_submit(results->env.worker, &file->job)) {
        file->failure = EAGAIN;
        replay_written(file);
    }
}

// ---- the end of a race

bool game_results_submit(struct game_results *results, struct game_session *session,
                         const struct game_standing *standings)
{
    struct pending *pending = calloc(1, sizeof(*pending));
    uint64_t ended_wall_ms = clock_wall_ms(loop_clock(results->env.loop));
    if (pending) {
        bytes_buf_init(&pending->body, RESULT_BYTES_MAX);
    }
    if (!pending || !game_result_encode(session, standings, ended_wall_ms, &pending->body)) {
        if (pending) {
            bytes_buf_finish(&pending->body);
        }
        free(pending);
        return false;
    }
    pending->results = results;
    pending->session = session->id;
    memcpy(pending->race_id, session->race_id, sizeof(pending->race_id));
    loop_timer_init(&pending->retry, on_retry, pending);
    pending->next = results->pending;
    results->pending = pending;
    results->pending_count++;
    log_event(LOG_INFO, "race_finished", LOG_S("race", session->race_id),
              LOG_S("session", session->name), LOG_S("track", session->setup.map->name),
              LOG_U("players", session->setup.entities));
    commit(pending); // before the replay, so that players do not wait for its file
    struct bytes_buf replay;
    if (game_replay_end(session->replay, session->state, &replay)) {
        save_replay(results, session->race_id, &replay);
    }
    session->replay = NULL;
    return true;
}
