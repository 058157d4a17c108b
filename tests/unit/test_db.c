// SPDX-License-Identifier: MIT
// Opening database files: every way in which one can be wrong is one clear line.

#include "auth/db.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/auth_rig.h"

enum {
    SQL_ADD,
    SQL_GET,
    SQL_JSON,
};

static const char *const statements[] = {
    [SQL_ADD] = "INSERT INTO things(id, name, data) VALUES (?1, ?2, ?3)",
    [SQL_GET] = "SELECT id, name, data FROM things ORDER BY id",
    [SQL_JSON] = "SELECT json_extract(?1, '$.a')",
};

static const struct auth_db_layout things = {
    .title = "box of things",
    .setting = "box-db",
    .application_id = 0x1234,
    .version = 3,
    .schema = "CREATE TABLE things(id INTEGER PRIMARY KEY, name TEXT NOT NULL, data BLOB) STRICT",
    .statements = statements,
    .statement_count = BASE_COUNT(statements),
};

struct fixture {
    struct auth_rig rig;
    char path[AUTH_RIG_PATH_BYTES];
    struct error error;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    auth_rig_init(&fixture->rig, true);
    auth_rig_path(&fixture->rig, "things.db", fixture->path);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    auth_rig_finish(&fixture->rig);
    free(fixture);
    return 0;
}

static struct auth_db *open_thing(struct fixture *fixture, const struct auth_db_layout *layout)
{
    fixture->error.text[0] = '\0';
    return auth_db_open(fixture->path, AUTH_DB_CREATE, layout, &fixture->error);
}

static void must_open(struct fixture *fixture, const struct auth_db_layout *layout)
{
    struct auth_db *db = open_thing(fixture, layout);
    if (!db) {
        fail_msg("%s", fixture->error.text);
    }
    auth_db_close(db);
}

// The line names the file and says `what`.
static void must_not_open(struct fixture *fixture, const struct auth_db_layout *layout,
                          const char *what)
{
    assert_null(open_thing(fixture, layout));
    if (!strstr(fixture->error.text, fixture->path) || !strstr(fixture->error.text, what) ||
        !strstr(fixture->error.text, layout->title)) {
        fail_msg("unclear: %s", fixture->error.text);
    }
}

static void write_at(struct fixture *fixture, off_t at, const void *data, size_t size)
{
    int fd = open(fixture->path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, data, size, at), size);
    close(fd);
}

static bool add(struct auth_db *db, int64_t id, const char *name)
{
    auth_db_bind_int(db, SQL_ADD, 0, id);
    auth_db_bind_text(db, SQL_ADD, 1, name);
    auth_db_bind_blob(db, SQL_ADD, 2, bytes_of("\0\1", 2));
    return auth_db_run(db, SQL_ADD) == AUTH_DB_DONE;
}

static unsigned count(struct auth_db *db)
{
    unsigned rows = 0;
    while (auth_db_step(db, SQL_GET) == AUTH_DB_ROW) {
        rows++;
    }
    return rows;
}

static void a_new_file_is_made_for_its_owner_alone_and_keeps_what_it_gets(void **state)
{
    struct fixture *fixture = *state;
    struct stat info;
    struct auth_db *db = open_thing(fixture, &things);
    assert_non_null(db);
    assert_true(add(db, 7, "seven"));
    auth_db_close(db);
    assert_int_equal(stat(fixture->path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);

    db = auth_db_open(fixture->path, AUTH_DB_MUST_EXIST, &things, &fixture->error);
    assert_non_null(db);
    assert_int_equal(auth_db_step(db, SQL_GET), AUTH_DB_ROW);
    assert_int_equal(auth_db_int(db, SQL_GET, 0), 7);
    assert_string_equal(auth_db_text(db, SQL_GET, 1), "seven");
    assert_true(bytes_equal(auth_db_blob(db, SQL_GET, 2), bytes_of("\0\1", 2)));
    assert_int_equal(auth_db_step(db, SQL_GET), AUTH_DB_DONE);
    auth_db_close(db);
}

static void a_missing_file_is_not_made_unless_asked_for(void **state)
{
    struct fixture *fixture = *state;
    assert_null(auth_db_open(fixture->path, AUTH_DB_MUST_EXIST, &things, &fixture->error));
    assert_non_null(strstr(fixture->error.text, fixture->path));
    assert_non_null(strstr(fixture->error.text, "No such file"));
    assert_int_equal(access(fixture->path, F_OK), -1);
}

static void a_missing_folder_is_named(void **state)
{
    struct fixture *fixture = *state;
    auth_rig_path(&fixture->rig, "nowhere/things.db", fixture->path);
    must_not_open(fixture, &things, "No such file or directory");
}

// As root every folder is writable, so a child gives that up first.
static void an_unwritable_folder_is_named(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(chmod(fixture->rig.folder, 0555), 0);
    pid_t child = fork();
    if (child == 0) {
        if (geteuid() == 0 && setuid(65534) != 0) {
            _exit(2);
        }
        struct auth_db *db = open_thing(fixture, &things);
        bool clear = !db && strstr(fixture->error.text, fixture->path) &&
                     strstr(fixture->error.text, "Permission denied");
        _exit(clear ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(chmod(fixture->rig.folder, 0700), 0);
    assert_int_equal(status, 0);
}

static void a_folder_is_not_a_file(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(mkdir(fixture->path, 0700), 0);
    must_not_open(fixture, &things, "Is a directory");
    rmdir(fixture->path);
}

static void a_file_of_something_else_is_refused_and_left_as_it_is(void **state)
{
    struct fixture *fixture = *state;
    static const char text[] = "Dear diary, today I learnt that this is no database at all. "
                               "And it goes on long enough to be looked at as one: 0123456789";
    char after[sizeof(text)];
    write_at(fixture, 0, text, sizeof(text));
    must_not_open(fixture, &things, "damaged or not a database");
    int fd = open(fixture->path, O_RDONLY);
    assert_int_equal(read(fd, after, sizeof(after)), sizeof(text));
    close(fd);
    assert_memory_equal(text, after, sizeof(text));
}

static void a_database_of_something_else_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct auth_db_layout other = things;
    other.application_id = 0x4321;
    must_open(fixture, &other);
    must_not_open(fixture, &things, "something else");
    must_open(fixture, &other);
}

static void another_version_of_the_layout_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct auth_db_layout other = things;
    other.version = 4;
    must_open(fixture, &other);
    must_not_open(fixture, &things, "layout 4, this program knows 3");
    must_open(fixture, &other);
}

static void damage_inside_is_found_by_the_owner_of_the_file(void **state)
{
    struct fixture *fixture = *state;
    struct auth_db_layout checked = things;
    checked.exclusive = true;
    struct auth_db *db = open_thing(fixture, &checked);
    assert_true(add(db, 1, "one"));
    auth_db_close(db); // moves all into the file itself
    must_open(fixture, &checked);
    // The b-tree page of the table (page 2 of 4096 bytes): its cell pointers made nonsense.
    write_at(fixture, 4096 + 8, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
    must_not_open(fixture, &checked, "damaged");
    assert_null(strchr(fixture->error.text, '\n')); // one line, though SQLite's verdict has more
}

static void an_exclusive_file_is_refused_to_a_second_process(void **state)
{
    struct fixture *fixture = *state;
    struct auth_db_layout sole = things;
    sole.exclusive = true;
    struct auth_db *db = open_thing(fixture, &sole);
    assert_non_null(db);
    pid_t child = fork();
    if (child == 0) {
        struct auth_db *second = open_thing(fixture, &sole);
        _exit(!second && strstr(fixture->error.text, "in use by another process: give") ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(add(db, 1, "still ours"));
    auth_db_close(db);
    must_open(fixture, &sole);
}

// The command line and the server on one new file at once.
static void many_processes_may_open_a_shared_new_file_at_once(void **state)
{
    struct fixture *fixture = *state;
    enum { PROCESSES = 8 };
    pid_t children[PROCESSES];
    for (int i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            struct auth_db *db = open_thing(fixture, &things);
            bool ok = db && add(db, i, "one of many");
            fputs(fixture->error.text, stderr);
            auth_db_close(db);
            _exit(ok ? 0 : 1);
        }
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    struct auth_db *db = open_thing(fixture, &things);
    assert_int_equal(count(db), PROCESSES);
    auth_db_close(db);
}

static void values_that_break_the_rules_are_refused_and_a_full_disk_only_fails(void **state)
{
    struct fixture *fixture = *state;
    struct auth_db *db = open_thing(fixture, &things);
    assert_true(add(db, 1, "one"));
    auth_db_bind_int(db, SQL_ADD, 0, 1); // the same id again
    auth_db_bind_text(db, SQL_ADD, 1, "two");
    assert_int_equal(auth_db_run(db, SQL_ADD), AUTH_DB_REFUSED);
    assert_non_null(strstr(auth_db_reason(db), "UNIQUE"));
    auth_db_bind_int(db, SQL_ADD, 0, 2); // no name
    assert_int_equal(auth_db_run(db, SQL_ADD), AUTH_DB_REFUSED);
    auth_db_bind_text(db, SQL_JSON, 0, "{");
    assert_int_equal(auth_db_step(db, SQL_JSON), AUTH_DB_REFUSED);
    auth_rig_fill_disk(true);
    auth_db_bind_int(db, SQL_ADD, 0, 3);
    auth_db_bind_text(db, SQL_ADD, 1, "three");
    assert_int_equal(auth_db_run(db, SQL_ADD), AUTH_DB_FAILED);
    auth_rig_fill_disk(false);
    assert_int_equal(count(db), 1);
    assert_true(add(db, 3, "three"));
    auth_db_close(db);
}

static void a_transaction_is_all_or_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct auth_db *db = open_thing(fixture, &things);
    assert_true(auth_db_begin(db));
    assert_true(add(db, 1, "one"));
    auth_db_rollback(db);
    auth_db_rollback(db); // nothing left to do
    assert_int_equal(count(db), 0);
    assert_true(auth_db_begin(db) && add(db, 1, "one") && auth_db_commit(db));
    assert_int_equal(count(db), 1);
    auth_db_close(db);
}

static void a_file_is_in_place_while_it_has_its_name(void **state)
{
    struct fixture *fixture = *state;
    char aside[AUTH_RIG_PATH_BYTES];
    auth_rig_path(&fixture->rig, "aside.db", aside);
    struct auth_db *db = open_thing(fixture, &things);
    assert_true(auth_db_is_in_place(db));
    assert_int_equal(rename(fixture->path, aside), 0);
    assert_false(auth_db_is_in_place(db));
    assert_non_null(strstr(auth_db_reason(db), "moved, deleted or replaced"));
    struct auth_db *other = open_thing(fixture, &things); // another one of the name
    assert_false(auth_db_is_in_place(db));
    auth_db_close(other);
    assert_int_equal(rename(aside, fixture->path), 0);
    assert_true(auth_db_is_in_place(db));
    auth_db_close(db);

    snprintf(fixture->path, sizeof(fixture->path), ":memory:");
    db = open_thing(fixture, &things);
    assert_true(auth_db_is_in_place(db));
    auth_db_close(db);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_new_file_is_made_for_its_owner_alone_and_keeps_what_it_gets),
        TEST(a_missing_file_is_not_made_unless_asked_for),
        TEST(a_missing_folder_is_named),
        TEST(an_unwritable_folder_is_named),
        TEST(a_folder_is_not_a_file),
        TEST(a_file_of_something_else_is_refused_and_left_as_it_is),
        TEST(a_database_of_something_else_is_refused),
        TEST(another_version_of_the_layout_is_refused),
        TEST(damage_inside_is_found_by_the_owner_of_the_file),
        TEST(an_exclusive_file_is_refused_to_a_second_process),
        TEST(many_processes_may_open_a_shared_new_file_at_once),
        TEST(values_that_break_the_rules_are_refused_and_a_full_disk_only_fails),
        TEST(a_transaction_is_all_or_nothing),
        TEST(a_file_is_in_place_while_it_has_its_name),
    };
    return cmocka_run_group_tests_name("db", tests, NULL, NULL);
}
