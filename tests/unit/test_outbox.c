// SPDX-License-Identifier: MIT
// The outbox: what it said yes to is there after any kind of end, and nothing else is.

#include "auth/outbox.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/auth_rig.h"

#define KILLS 40

struct fixture {
    struct auth_rig rig;
    struct auth_outbox *outbox;
    char path[AUTH_RIG_PATH_BYTES];
    unsigned answers;
    bool ok;
    struct auth_outbox_row *row;
};

// In the place of libc's for SQLite too: counts what is synced, and fails when told to.
static struct {
    unsigned files;
    unsigned folders;
    bool fail;
} syncs;

int fsync(int fd)
{
    struct stat info;
    bool folder = fstat(fd, &info) == 0 && S_ISDIR(info.st_mode);
    *(folder ? &syncs.folders : &syncs.files) += 1;
    if (syncs.fail) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    return fsync(fd);
}

static void open_outbox(struct fixture *fixture, const char *path)
{
    struct error error = {0};
    fixture->outbox = auth_outbox_open(path, fixture->rig.worker, fixture->rig.counters, &error);
    if (!fixture->outbox) {
        fail_msg("%s", error.text);
    }
}

static void close_outbox(struct fixture *fixture)
{
    auth_rig_restart_worker(&fixture->rig);
    auth_outbox_close(fixture->outbox);
    fixture->outbox = NULL;
}

static void reopen(struct fixture *fixture)
{
    close_outbox(fixture);
    open_outbox(fixture, fixture->path);
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    auth_rig_init(&fixture->rig, true);
    auth_rig_path(&fixture->rig, "outbox.db", fixture->path);
    open_outbox(fixture, fixture->path);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    auth_outbox_row_destroy(fixture->row);
    close_outbox(fixture);
    auth_rig_finish(&fixture->rig);
    free(fixture);
    return 0;
}

static void on_done(void *context, bool ok)
{
    struct fixture *fixture = context;
    fixture->answers++;
    fixture->ok = ok;
}

static void on_taken(void *context, bool ok, struct auth_outbox_row *row)
{
    struct fixture *fixture = context;
    auth_outbox_row_destroy(fixture->row);
    fixture->row = row;
    on_done(context, ok);
}

static bool answer(struct fixture *fixture, bool begun)
{
    assert_true(begun);
    auth_rig_until(&fixture->rig, &fixture->answers, fixture->answers + 1);
    return fixture->ok;
}

static bool commit_for(struct fixture *fixture, const char *race_id, const char *const *subjects,
                       unsigned count)
{
    unsigned answers = fixture->answers;
    char body[1024];
    auth_rig_body(race_id, body);
    bool begun = auth_outbox_commit(fixture->outbox, race_id, bytes_of_string(body), subjects,
                                    count, on_done, fixture);
    assert_int_equal(fixture->answers, answers); // never from inside
    memset(body, 'x', sizeof(body));
    return answer(fixture, begun);
}

static bool commit(struct fixture *fixture, const char *race_id)
{
    static const char *const whole[] = {""};
    return commit_for(fixture, race_id, whole, 1);
}

static struct auth_outbox_row *take(struct fixture *fixture)
{
    assert_true(answer(fixture, auth_outbox_take(fixture->outbox, on_taken, fixture)));
    return fixture->row;
}

static bool settle(struct fixture *fixture, int64_t id, enum auth_outbox_state state)
{
    return answer(fixture, auth_outbox_settle(fixture->outbox, id, state, on_done, fixture));
}

static void expect_counts(struct fixture *fixture, unsigned pending, unsigned delivered,
                          unsigned dead)
{
    assert_int_equal(auth_outbox_count(fixture->outbox, AUTH_OUTBOX_PENDING), pending);
    assert_int_equal(auth_outbox_count(fixture->outbox, AUTH_OUTBOX_DELIVERED), delivered);
    assert_int_equal(auth_outbox_count(fixture->outbox, AUTH_OUTBOX_DEAD), dead);
    assert_int_equal(auth_rig_counter(&fixture->rig, "paddock_outbox_pending"), pending);
    assert_int_equal(auth_rig_counter(&fixture->rig, "paddock_outbox_dead"), dead);
}

static void a_committed_row_is_handed_out_whole(void **state)
{
    struct fixture *fixture = *state;
    char body[1024];
    assert_null(take(fixture));
    assert_true(commit(fixture, "race-1"));
    expect_counts(fixture, 1, 0, 0);
    struct auth_outbox_row *row = take(fixture);
    assert_string_equal(row->key, "race-1");
    assert_string_equal(row->subject, "");
    assert_int_equal(row->attempt, 1);
    assert_true(
        bytes_equal(bytes_buf_span(&row->body), bytes_of_string(auth_rig_body("race-1", body))));
}

static void rows_come_in_commit_order_and_stay_until_settled(void **state)
{
    struct fixture *fixture = *state;
    assert_true(commit(fixture, "race-b"));
    assert_true(commit(fixture, "race-a"));
    assert_true(commit(fixture, "race-c"));
    static const char *const order[] = {"race-b", "race-a", "race-c"};
    for (unsigned i = 0; i < 3; i++) {
        assert_string_equal(take(fixture)->key, order[i]);
        assert_int_equal(fixture->row->attempt, 1);
        assert_string_equal(take(fixture)->key, order[i]);
        assert_int_equal(fixture->row->attempt, 2);
        assert_true(
            settle(fixture, fixture->row->id, i == 1 ? AUTH_OUTBOX_DEAD : AUTH_OUTBOX_DELIVERED));
    }
    assert_null(take(fixture));
    expect_counts(fixture, 0, 2, 1);
}

static void one_delivery_a_subject_under_a_key_of_its_own(void **state)
{
    struct fixture *fixture = *state;
    static const char *const subjects[] = {"P2", "e_PlayerEntity/1", "P2"};
    assert_true(commit_for(fixture, "race-1", subjects, 3));
    expect_counts(fixture, 2, 0, 0); // nobody is told twice
    assert_string_equal(take(fixture)->key, "race-1/P2");
    assert_string_equal(fixture->row->subject, "P2");
    assert_true(settle(fixture, fixture->row->id, AUTH_OUTBOX_DELIVERED));
    assert_string_equal(take(fixture)->key, "race-1/e_PlayerEntity/1");
}

static void the_longest_key_fits(void **state)
{
    struct fixture *fixture = *state;
    char subject[AUTH_OUTBOX_SUBJECT_BYTES];
    memset(subject, 's', sizeof(subject) - 1);
    subject[sizeof(subject) - 1] = '\0';
    const char *const subjects[] = {subject};
    assert_true(commit_for(fixture, "5bb4ccde-0d56-4b0b-a3c5-7a4e18b3a7d1", subjects, 1));
    assert_string_equal(take(fixture)->subject, subject);
    assert_int_equal(strlen(fixture->row->key), 36 + 1 + AUTH_OUTBOX_SUBJECT_BYTES - 1);
}

static void a_race_is_committed_once_whatever_its_state_and_plan(void **state)
{
    struct fixture *fixture = *state;
    static const char *const subjects[] = {"P1", "P2"};
    assert_true(commit(fixture, "race-1"));
    assert_true(commit(fixture, "race-1"));
    assert_true(commit_for(fixture, "race-1", subjects, 2)); // the backend was changed meanwhile
    expect_counts(fixture, 1, 0, 0);
    assert_true(settle(fixture, take(fixture)->id, AUTH_OUTBOX_DELIVERED));
    assert_true(commit(fixture, "race-1"));
    expect_counts(fixture, 0, 1, 0);
    // Neither a prefix nor a neighbour of another race's id is that race.
    assert_true(commit_for(fixture, "race-2", subjects, 2));
    assert_true(commit(fixture, "race-2"));
    assert_true(commit(fixture, "race-20"));
    assert_true(commit(fixture, "race-"));
    expect_counts(fixture, 4, 1, 0);
}

static void a_result_for_nobody_is_ok_and_leaves_no_row(void **state)
{
    struct fixture *fixture = *state;
    assert_true(commit_for(fixture, "race-1", NULL, 0));
    expect_counts(fixture, 0, 0, 0);
}

static void settling_twice_or_nothing_changes_nothing(void **state)
{
    struct fixture *fixture = *state;
    assert_true(commit(fixture, "race-1"));
    int64_t id = take(fixture)->id;
    assert_true(settle(fixture, id, AUTH_OUTBOX_DELIVERED));
    assert_true(settle(fixture, id, AUTH_OUTBOX_DEAD));
    assert_true(settle(fixture, id + 1, AUTH_OUTBOX_DELIVERED));
    expect_counts(fixture, 0, 1, 0);
}

static void all_is_there_after_a_restart(void **state)
{
    struct fixture *fixture = *state;
    assert_true(commit(fixture, "race-1"));
    assert_true(commit(fixture, "race-2"));
    assert_true(commit(fixture, "race-3"));
    assert_true(settle(fixture, take(fixture)->id, AUTH_OUTBOX_DELIVERED));
    assert_true(settle(fixture, take(fixture)->id, AUTH_OUTBOX_DEAD));
    take(fixture);
    reopen(fixture);
    expect_counts(fixture, 1, 1, 1);
    assert_string_equal(take(fixture)->key, "race-3");
    assert_int_equal(fixture->row->attempt, 2);
    assert_true(commit(fixture, "race-1")); // known, though delivered by an earlier process
    expect_counts(fixture, 1, 1, 1);
}

// It would deliver everything a second time.
static void a_second_server_on_the_same_file_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {0};
    assert_null(
        auth_outbox_open(fixture->path, fixture->rig.worker, fixture->rig.counters, &error));
    assert_non_null(strstr(error.text, "in use by another process"));
    assert_true(commit(fixture, "race-1"));
}

static void delivered_rows_beyond_the_newest_are_deleted(void **state)
{
    struct fixture *fixture = *state;
    char key[16];
    assert_true(commit(fixture, "refused"));
    assert_true(settle(fixture, take(fixture)->id, AUTH_OUTBOX_DEAD));
    for (unsigned i = 0; i < AUTH_OUTBOX_DELIVERED_KEPT + 3; i++) {
        snprintf(key, sizeof(key), "race-%u", i);
        assert_true(commit(fixture, key));
        assert_true(settle(fixture, take(fixture)->id, AUTH_OUTBOX_DELIVERED));
    }
    expect_counts(fixture, 0, AUTH_OUTBOX_DELIVERED_KEPT, 1);
    reopen(fixture);
    expect_counts(fixture, 0, AUTH_OUTBOX_DELIVERED_KEPT, 1);
    assert_true(commit(fixture, "race-3")); // the oldest one kept
    expect_counts(fixture, 0, AUTH_OUTBOX_DELIVERED_KEPT, 1);
    assert_true(commit(fixture, "race-2")); // the newest one deleted
    expect_counts(fixture, 1, AUTH_OUTBOX_DELIVERED_KEPT, 1);
}

// ---- a disk that fails

static void every_yes_was_synced_to_the_disk_and_so_was_the_new_files_name(void **state)
{
    struct fixture *fixture = *state;
    assert_true(syncs.folders >= 1); // when it was made
    syncs.files = 0;
    for (unsigned i = 0; i < 5; i++) {
        char key[16];
        snprintf(key, sizeof(key), "race-%u", i);
        assert_true(commit(fixture, key));
        assert_true(syncs.files > i);
    }
}

static void a_sync_that_fails_is_a_commit_that_fails(void **state)
{
    struct fixture *fixture = *state;
    assert_true(commit(fixture, "race-1"));
    syncs.fail = true;
    assert_false(commit(fixture, "race-2"));
    syncs.fail = false;
    expect_counts(fixture, 1, 0, 0);
    // What the failed sync may have lost is written again, not taken for written.
    assert_true(commit(fixture, "race-2"));
    reopen(fixture);
    expect_counts(fixture, 2, 0, 0);
}

static void nothing_is_final_in_a_file_that_was_moved_away(void **state)
{
    struct fixture *fixture = *state;
    char aside[AUTH_RIG_PATH_BYTES];
    auth_rig_path(&fixture->rig, "aside.db", aside);
    assert_true(commit(fixture, "race-1"));
    assert_int_equal(rename(fixture->path, aside), 0);
    assert_false(commit(fixture, "race-2"));
    // What was final before is not held up by it.
    assert_true(settle(fixture, take(fixture)->id, AUTH_OUTBOX_DELIVERED));
    assert_int_equal(rename(aside, fixture->path), 0);
    assert_true(commit(fixture, "race-2"));
    reopen(fixture);
    expect_counts(fixture, 1, 1, 0);
}

static void a_result_that_fails_in_the_middle_leaves_nothing(void **state)
{
    struct fixture *fixture = *state;
    static const char *const subjects[] = {"P1", "P2", "P3"};
    sqlite3 *handle;
    close_outbox(fixture);
    assert_int_equal(sqlite3_open(fixture->path, &handle), SQLITE_OK);
    assert_int_equal(sqlite3_exec(handle,
                                  "CREATE TRIGGER fault BEFORE INSERT ON outbox WHEN new.subject ="
                                  " 'P2' BEGIN SELECT RAISE(ABORT, 'fault'); END",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(handle);
    open_outbox(fixture, fixture->path);
    assert_false(commit_for(fixture, "race-1", subjects, 3));
    expect_counts(fixture, 0, 0, 0);
    assert_true(commit(fixture, "race-2"));
    assert_string_equal(take(fixture)->key, "race-2");
    reopen(fixture);
    expect_counts(fixture, 1, 0, 0);
}

static void a_full_disk_refuses_and_keeps_nothing_half(void **state)
{
    struct fixture *fixture = *state;
    static const char *const subjects[] = {"P1", "P2", "P3"};
    assert_true(commit(fixture, "race-1"));
    auth_rig_fill_disk(true);
    assert_false(commit_for(fixture, "race-2", subjects, 3));
    assert_true(answer(fixture, auth_outbox_take(fixture->outbox, on_taken, fixture)) == false);
    assert_null(fixture->row);
    auth_rig_fill_disk(false);
    assert_int_equal(auth_rig_counter(&fixture->rig, "paddock_outbox_failures_total"), 2);
    expect_counts(fixture, 1, 0, 0);
    assert_true(commit_for(fixture, "race-2", subjects, 3));
    expect_counts(fixture, 4, 0, 0);
    reopen(fixture);
    expect_counts(fixture, 4, 0, 0);
    assert_int_equal(take(fixture)->attempt, 1); // the failed take was not counted
}

static void a_full_queue_takes_nothing_and_calls_nobody(void **state)
{
    struct fixture *fixture = *state;
    static const char *const whole[] = {""};
    unsigned begun = 0;
    char key[16];
    do {
        snprintf(key, sizeof(key), "race-%u", begun);
    } while (auth_outbox_commit(fixture->outbox, key, bytes_of_string("{}"), whole, 1, on_done,
                                fixture) &&
             begun++ < 1000);
    assert_in_range(begun, 1, 999);
    assert_false(auth_outbox_take(fixture->outbox, on_taken, fixture));
    assert_false(auth_outbox_settle(fixture->outbox, 1, AUTH_OUTBOX_DEAD, on_done, fixture));
    auth_rig_run_ms(&fixture->rig, 10);
    assert_int_equal(fixture->answers, begun);
    expect_counts(fixture, begun, 0, 0);
}

// ---- a process that is killed

static void copy_file(const char *from, const char *to)
{
    char buffer[65536];
    int in = open(from, O_RDONLY);
    int out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(in >= 0 && out >= 0);
    ssize_t size;
    while ((size = read(in, buffer, sizeof(buffer))) > 0) {
        assert_int_equal(write(out, buffer, (size_t)size), size);
    }
    close(in);
    close(out);
}

// What a power cut leaves: the files as they are, without a close, the log cut at any byte.
static void a_torn_log_costs_only_what_was_not_yet_acknowledged(void **state)
{
    struct fixture *fixture = *state;
    char wal[AUTH_RIG_PATH_BYTES + 8];
    char copy[AUTH_RIG_PATH_BYTES];
    char copy_wal[AUTH_RIG_PATH_BYTES + 8];
    snprintf(wal, sizeof(wal), "%s-wal", fixture->path);
    auth_rig_path(&fixture->rig, "copy.db", copy);
    snprintf(copy_wal, sizeof(copy_wal), "%s-wal", copy);
    off_t sizes[6]; // of the log after so many commits
    for (unsigned i = 0; i < 6; i++) {
        char key[16];
        snprintf(key, sizeof(key), "race-%u", i);
        assert_true(commit(fixture, key));
        int fd = open(wal, O_RDONLY);
        sizes[i] = lseek(fd, 0, SEEK_END);
        close(fd);
    }
    for (unsigned acknowledged = 1; acknowledged <= 6; acknowledged++) {
        for (unsigned extra = 0; extra < 3; extra++) {
            off_t cut = sizes[acknowledged - 1] + extra * 1000;
            copy_file(fixture->path, copy);
            copy_file(wal, copy_wal);
            assert_int_equal(truncate(copy_wal, cut < sizes[5] ? cut : sizes[5]), 0);
            struct error error = {0};
            struct auth_outbox *outbox =
                auth_outbox_open(copy, fixture->rig.worker, fixture->rig.counters, &error);
            assert_non_null(outbox);
            assert_int_equal(auth_outbox_count(outbox, AUTH_OUTBOX_PENDING), acknowledged);
            auth_outbox_close(outbox);
            unlink(copy);
            unlink(copy_wal);
        }
    }
}

// The child commits and settles as fast as it can and says each yes in a pipe.
static _Noreturn void work_until_killed(struct fixture *fixture, int pipe_fd, unsigned first)
{
    close_outbox(fixture);
    open_outbox(fixture, fixture->path);
    for (unsigned i = first;; i++) {
        char key[16];
        snprintf(key, sizeof(key), "race-%u", i);
        if (!commit(fixture, key) || write(pipe_fd, &i, sizeof(i)) != sizeof(i) ||
            (i % 16 == 0 && !settle(fixture, take(fixture)->id, AUTH_OUTBOX_DELIVERED))) {
            _exit(1);
        }
    }
}

static unsigned kill_at_random(struct fixture *fixture, unsigned first, unsigned delay_us)
{
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    pid_t child = fork();
    if (child == 0) {
        close(fds[0]);
        work_until_killed(fixture, fds[1], first);
    }
    close(fds[1]);
    unsigned acknowledged;
    // At least one, so that every round has something to lose.
    assert_int_equal(read(fds[0], &acknowledged, sizeof(acknowledged)), sizeof(acknowledged));
    usleep(delay_us);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    unsigned next;
    while (read(fds[0], &next, sizeof(next)) == sizeof(next)) {
        assert_int_equal(next, acknowledged + 1);
        acknowledged = next;
    }
    close(fds[0]);
    return acknowledged;
}

static void nothing_acknowledged_is_lost_by_kill_9(void **state)
{
    struct fixture *fixture = *state;
    unsigned first = 0;
    uint32_t random = 7;
    for (unsigned round = 0; round < KILLS; round++) {
        random = random * 1664525 + 1013904223;
        close_outbox(fixture);
        unsigned last = kill_at_random(fixture, first, (random >> 16) % 10000);
        open_outbox(fixture, fixture->path);
        unsigned rows = auth_outbox_count(fixture->outbox, AUTH_OUTBOX_PENDING) +
                        auth_outbox_count(fixture->outbox, AUTH_OUTBOX_DELIVERED);
        // The last commit may have been made without the child living to say so.
        assert_in_range(rows, last + 1, last + 2);
        first = rows;
    }
    // Every one of them is there under its key: committing again adds nothing.
    unsigned pending = auth_outbox_count(fixture->outbox, AUTH_OUTBOX_PENDING);
    for (unsigned i = 0; i < first; i++) {
        char key[16];
        snprintf(key, sizeof(key), "race-%u", i);
        assert_true(commit(fixture, key));
    }
    assert_int_equal(auth_outbox_count(fixture->outbox, AUTH_OUTBOX_PENDING), pending);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_committed_row_is_handed_out_whole),
        TEST(rows_come_in_commit_order_and_stay_until_settled),
        TEST(one_delivery_a_subject_under_a_key_of_its_own),
        TEST(the_longest_key_fits),
        TEST(a_race_is_committed_once_whatever_its_state_and_plan),
        TEST(a_result_for_nobody_is_ok_and_leaves_no_row),
        TEST(settling_twice_or_nothing_changes_nothing),
        TEST(all_is_there_after_a_restart),
        TEST(a_second_server_on_the_same_file_is_refused),
        TEST(delivered_rows_beyond_the_newest_are_deleted),
        TEST(every_yes_was_synced_to_the_disk_and_so_was_the_new_files_name),
        TEST(a_sync_that_fails_is_a_commit_that_fails),
        TEST(nothing_is_final_in_a_file_that_was_moved_away),
        TEST(a_result_that_fails_in_the_middle_leaves_nothing),
        TEST(a_full_disk_refuses_and_keeps_nothing_half),
        TEST(a_full_queue_takes_nothing_and_calls_nobody),
        TEST(a_torn_log_costs_only_what_was_not_yet_acknowledged),
        TEST(nothing_acknowledged_is_lost_by_kill_9),
    };
    return cmocka_run_group_tests_name("outbox", tests, NULL, NULL);
}
