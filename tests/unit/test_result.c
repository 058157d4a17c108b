// SPDX-License-Identifier: MIT
// The canonical bytes of a result, and its way to the disk.

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "game/replay.h"
#include "tests/support/session_rig.h"
#include "tests/support/sim_duel.h"

#define STARTED_MS UINT64_C(1795311754123) // 2026-11-22T01:42:34.123Z

// ---- bytes

static struct game_participant participants[3];
static const struct game_session_env duel_env = {.sim = &duel_sim};

static struct game_session finished_race(unsigned entities)
{
    static const struct game_map map = {.name = "thousand"};
    struct game_session session = {
        .env = &duel_env,
        .name = "red \"room\"",
        .uuid = "2b0e4c54-7d9a-4d26-8f00-3f1b6a1c9e11",
        .race_id = "0d9f6b1c-2f0f-4a6e-9a43-6f6f5f1d2c3b",
        .race_started_wall_ms = STARTED_MS,
        .participants = participants,
        .setup = {.map = &map, .entities = entities, .laps = 3},
    };
    return session;
}

static void set_id(unsigned participant, const char *id)
{
    snprintf(participants[participant].player_id, sizeof(participants[participant].player_id), "%s",
             id);
}

static void encodes_to(const struct game_session *session, const struct game_standing *standings,
                       const char *expected)
{
    struct bytes_buf out;
    bytes_buf_init(&out, 4096);
    assert_true(game_result_encode(session, standings, STARTED_MS + 61877, &out));
    char text[4096];
    snprintf(text, sizeof(text), "%.*s", (int)out.size, (const char *)bytes_buf_span(&out).data);
    assert_string_equal(text, expected);
    bytes_buf_finish(&out);
}

#define HEAD                                                                                       \
    "{\"race_id\":\"0d9f6b1c-2f0f-4a6e-9a43-6f6f5f1d2c3b\",\"session\":\"red \\\"room\\\"\","      \
    "\"session_id\":\"2b0e4c54-7d9a-4d26-8f00-3f1b6a1c9e11\",\"game\":\"duel\","                   \
    "\"track\":\"thousand\",\"started\":\"2026-11-22T01:42:34.123Z\","                             \
    "\"ended\":\"2026-11-22T01:43:36.000Z\",\"laps\":3,\"standings\":["

static void the_bytes_are_those_that_the_readme_promises(void **state)
{
    (void)state;
    const struct game_session session = finished_race(3);
    const struct game_standing standings[] = {
        {.entity = 2, .place = 1, .time_ms = 61234},
        {.entity = 0, .place = 2, .dnf = GAME_DNF_TIME_LIMIT},
        {.entity = 1, .place = 3, .dnf = GAME_DNF_LEFT},
    };
    set_id(0, "P1");
    set_id(1, "P2");
    set_id(2, "P3");
    encodes_to(&session, standings,
               HEAD "{\"player_id\":\"P3\",\"place\":1,\"time_ms\":61234,\"dnf\":null},"
                    "{\"player_id\":\"P1\",\"place\":2,\"time_ms\":null,\"dnf\":\"time_limit\"},"
                    "{\"player_id\":\"P2\",\"place\":3,\"time_ms\":null,\"dnf\":\"left\"}]}");
}

static void player_ids_are_escaped_as_json_and_nothing_more(void **state)
{
    (void)state;
    static const struct {
        const char *id, *json;
    } rows[] = {
        {"a\"b", "a\\\"b"},
        {"back\\slash", "back\\\\slash"},
        {"a/b", "a/b"},
        {"Zo\xc3\xab \xf0\x9f\x8f\x8e", "Zo\xc3\xab \xf0\x9f\x8f\x8e"},
        {"</script>", "</script>"},
        {"\",\"place\":1,\"x\":\"", "\\\",\\\"place\\\":1,\\\"x\\\":\\\""},
    };
    const struct game_session session = finished_race(1);
    const struct game_standing standing = {.entity = 0, .place = 1, .time_ms = 1};
    for (size_t i = 0; i < BASE_COUNT(rows); i++) {
        char expected[1024];
        set_id(0, rows[i].id);
        snprintf(expected, sizeof(expected),
                 HEAD "{\"player_id\":\"%s\",\"place\":1,\"time_ms\":1,\"dnf\":null}]}",
                 rows[i].json);
        encodes_to(&session, &standing, expected);
    }
}

static void the_largest_time_is_written_whole(void **state)
{
    (void)state;
    const struct game_session session = finished_race(1);
    const struct game_standing standing = {.entity = 0, .place = 1, .time_ms = UINT32_MAX};
    set_id(0, "P");
    encodes_to(&session, &standing,
               HEAD "{\"player_id\":\"P\",\"place\":1,\"time_ms\":4294967295,\"dnf\":null}]}");
}

static void what_does_not_fit_is_refused_whole(void **state)
{
    (void)state;
    const struct game_session session = finished_race(1);
    const struct game_standing standing = {.entity = 0, .place = 1, .time_ms = 1};
    set_id(0, "P");
    struct bytes_buf out;
    bytes_buf_init(&out, 64);
    assert_false(game_result_encode(&session, &standing, STARTED_MS, &out));
    assert_int_equal(out.size, 0);
    bytes_buf_finish(&out);
}

// ---- to the disk

static const char *const settings[] = {"players-per-session=2", "lobby-ms=0", "countdown-ms=0",
                                       "time-limit-ms=1000", NULL};

// A race of two who do nothing, up to the tick that ends it; no time passes after that.
static struct game_session *run_race(struct session_rig *rig)
{
    struct game_session *session = session_rig_open(rig);
    session_rig_sit(rig, session, "A");
    session_rig_sit(rig, session, "B");
    for (unsigned i = 0; i < 100 && session->phase != NET_PHASE_FINISHED; i++) {
        session_rig_step(rig, 1);
    }
    assert_int_equal(session->phase, NET_PHASE_FINISHED);
    return session;
}

static void the_session_is_told_when_the_disk_has_it(void **state)
{
    (void)state;
    struct session_rig rig;
    session_rig_init(&rig, settings);
    struct game_session *session = run_race(&rig);
    assert_int_equal(game_results_pending(rig.results), 1);
    assert_int_equal(rig.committed_count, 0);
    assert_false(session->result_final);
    session_rig_run_ms(&rig, 1);
    assert_int_equal(game_results_pending(rig.results), 0);
    assert_int_equal(rig.committed_count, 1);
    assert_string_equal(rig.committed, session->race_id);
    assert_true(session->result_final);
    assert_int_equal(session_rig_count(&rig, "paddock_results_committed", NULL, NULL), 1);
    session_rig_finish(&rig);
}

static void a_session_that_has_ended_meanwhile_does_not_matter(void **state)
{
    (void)state;
    struct session_rig rig;
    session_rig_init(&rig, settings);
    run_race(&rig);
    game_sessions_close_all(rig.sessions, NET_CLOSE_GOING_AWAY);
    session_rig_run_ms(&rig, 1);
    assert_int_equal(rig.committed_count, 1);
    assert_int_equal(auth_fake_counts(rig.backend).report_calls, 1);
    session_rig_finish(&rig);
}

static void nothing(void *context)
{
    (void)context;
}

// The worker's queue is full: the commit is tried again each second.
static void no_place_in_the_queue_is_tried_again(void **state)
{
    (void)state;
    struct session_rig rig;
    struct worker_job jobs[64];
    session_rig_init(&rig, settings);
    session_rig_run_ms(&rig, 1);
    for (size_t i = 0; i < BASE_COUNT(jobs); i++) {
        jobs[i] = (struct worker_job){.work = nothing, .done = nothing};
    }
    struct game_session *session = session_rig_open(&rig);
    session_rig_sit(&rig, session, "A");
    session_rig_sit(&rig, session, "B");
    session_rig_step(&rig, 59);
    for (size_t i = 0; i < BASE_COUNT(jobs); i++) {
        assert_true(worker_submit(rig.worker, &jobs[i]));
    }
    session_rig_step(&rig, 3);
    assert_int_equal(session->phase, NET_PHASE_FINISHED);
    assert_int_equal(session_rig_count(&rig, "paddock_results_commit_failures", NULL, NULL), 1);
    session_rig_run_ms(&rig, 990);
    assert_int_equal(rig.committed_count, 0);
    session_rig_run_ms(&rig, 20);
    assert_int_equal(rig.committed_count, 1);
    session_rig_finish(&rig);
}

// ---- replay files

struct folder {
    char path[64];
    char setting[96];
};

static void folder_init(struct folder *folder)
{
    snprintf(folder->path, sizeof(folder->path), "/tmp/paddock_replays_XXXXXX");
    assert_non_null(mkdtemp(folder->path));
    snprintf(folder->setting, sizeof(folder->setting), "replay-dir=%s", folder->path);
}

// Removes the folder; returns how many files it had.
static unsigned folder_finish(struct folder *folder)
{
    unsigned count = 0;
    DIR *dir = opendir(folder->path);
    struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        if (entry->d_name[0] != '.') {
            unlinkat(dirfd(dir), entry->d_name, 0);
            count++;
        }
    }
    if (dir) {
        closedir(dir);
    }
    rmdir(folder->path);
    return count;
}

static void init_with_replays(struct session_rig *rig, const struct folder *folder)
{
    const char *const with_folder[] = {"players-per-session=2", "lobby-ms=0",    "countdown-ms=0",
                                       "time-limit-ms=1000",    folder->setting, NULL};
    session_rig_init(rig, with_folder);
}

static void a_replay_is_one_whole_file_named_by_its_race(void **state)
{
    (void)state;
    struct session_rig rig;
    struct folder folder;
    folder_init(&folder);
    init_with_replays(&rig, &folder);
    struct game_session *session = run_race(&rig);
    char path[160];
    snprintf(path, sizeof(path), "%s/%s.replay", folder.path, session->race_id);
    session_rig_run_ms(&rig, 1);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    char magic[4];
    assert_int_equal(fread(magic, 1, sizeof(magic), file), sizeof(magic));
    assert_memory_equal(magic, "PDKR", sizeof(magic));
    fclose(file);
    assert_int_equal(session_rig_count(&rig, "paddock_replays", "outcome", "written"), 1);
    session_rig_finish(&rig);
    assert_int_equal(folder_finish(&folder), 1); // no .part is left
}

static void a_replay_that_cannot_be_written_costs_no_result(void **state)
{
    (void)state;
    struct session_rig rig;
    struct folder folder;
    folder_init(&folder);
    init_with_replays(&rig, &folder);
    folder_finish(&folder);
    run_race(&rig);
    session_rig_run_ms(&rig, 1);
    assert_int_equal(session_rig_count(&rig, "paddock_replays", "outcome", "failed"), 1);
    assert_int_equal(session_rig_count(&rig, "paddock_replays", "outcome", "written"), 0);
    assert_int_equal(rig.committed_count, 1);
    session_rig_finish(&rig);
}

static void nobody_who_wants_replays_means_no_recording(void **state)
{
    (void)state;
    struct session_rig rig;
    session_rig_init(&rig, settings);
    const struct game_map *map = game_maps_for_race(rig.maps, 0);
    const struct game_sim_setup race = {.map = map, .tick_rate = 60, .entities = 2, .laps = 1};
    assert_null(game_results_begin_replay(rig.results, &duel_sim, &race));
    session_rig_finish(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bytes_are_those_that_the_readme_promises),
        cmocka_unit_test(player_ids_are_escaped_as_json_and_nothing_more),
        cmocka_unit_test(the_largest_time_is_written_whole),
        cmocka_unit_test(what_does_not_fit_is_refused_whole),
        cmocka_unit_test(the_session_is_told_when_the_disk_has_it),
        cmocka_unit_test(a_session_that_has_ended_meanwhile_does_not_matter),
        cmocka_unit_test(no_place_in_the_queue_is_tried_again),
        cmocka_unit_test(a_replay_is_one_whole_file_named_by_its_race),
        cmocka_unit_test(a_replay_that_cannot_be_written_costs_no_result),
        cmocka_unit_test(nobody_who_wants_replays_means_no_recording),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
