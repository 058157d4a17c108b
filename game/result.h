// SPDX-License-Identifier: MIT
// From the end of a race to the outbox: canonical bytes, commit, retry, and the replay file.
//
// A result is what happened, once: race id, session, track, start and end, standings. Its bytes are
// made here and never change again. They go to auth/reporter, which commits them; only then is the
// session told, so that players hear "final" after the disk has it. A commit that fails is tried
// again each second. Knows nothing of backends.

#ifndef GAME_RESULT_H
#define GAME_RESULT_H

#include "auth/reporter.h"
#include "game/session.h"

struct game_results;

struct game_results_env {
    struct loop *loop;
    struct worker *worker;
    struct auth_reporter *reporter;
    struct counters *counters;
    const char *replay_dir; // "" = none
    // The result is on disk. Called from the loop.
    void (*committed)(void *user, struct game_session_id session, const char *race_id);
    // Gets every finished replay's bytes, for tests; may be NULL.
    void (*replay)(void *user, const char *race_id, struct bytes_span bytes);
    void *user;
};

struct game_results *game_results_create(const struct game_results_env *env) BASE_MUST_USE;
// Logs the race ids of results that are not known to have reached the disk, if any. After the
// worker's end: replay files under way are still counted here.
void game_results_destroy(struct game_results *results);
// A recorder when somebody wants replays, else NULL.
struct game_replay *game_results_begin_replay(struct game_results *results,
                                              const struct game_sim *sim,
                                              const struct game_sim_setup *setup);
// Takes the session's finished race (and its replay) as it stands now. False when memory is short:
// nothing is taken, the caller tries again.
bool game_results_submit(struct game_results *results, struct game_session *session,
                         const struct game_standing *standings) BASE_MUST_USE;
// Results that are not on disk yet.
unsigned game_results_pending(const struct game_results *results);
// True while the outbox takes none, from a try that failed to one that does not.
bool game_results_failing(const struct game_results *results);

// The canonical bytes: compact JSON, keys in the order of README.md, UTF-8. False when `out` is
// full or memory is short.
bool game_result_encode(const struct game_session *session, const struct game_standing *standings,
                        uint64_t ended_wall_ms, struct bytes_buf *out) BASE_MUST_USE;

#endif
