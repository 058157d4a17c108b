// SPDX-License-Identifier: MIT
// The outbox as operators see and move it, while the server has it open.

#include "auth/outbox_tool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "tests/support/auth_rig.h"

#define TEXT_BYTES 16384

struct fixture {
    struct auth_rig rig;
    char path[AUTH_RIG_PATH_BYTES];
    struct auth_outbox *outbox;
    unsigned answers;
    struct auth_outbox_row *row;
    struct error error;
    char text[TEXT_BYTES]; // the last output
};

static void on_done(void *context, bool ok)
{
    struct fixture *fixture = context;
    assert_true(ok);
    fixture->answers++;
}

static void on_taken(void *context, bool ok, struct auth_outbox_row *row)
{
    struct fixture *fixture = context;
    fixture->row = row;
    on_done(context, ok);
}

static void wait(struct fixture *fixture, bool begun)
{
    assert_true(begun);
    auth_rig_until(&fixture->rig, &fixture->answers, fixture->answers + 1);
}

static void commit(struct fixture *fixture, const char *race_id, const char *const *subjects,
                   unsigned count)
{
    char body[1024];
    wait(fixture,
         auth_outbox_commit(fixture->outbox, race_id, bytes_of_string(auth_rig_body(race_id, body)),
                            subjects, count, on_done, fixture));
}

static void settle_oldest(struct fixture *fixture, enum auth_outbox_state state)
{
    wait(fixture, auth_outbox_take(fixture->outbox, on_taken, fixture));
    assert_non_null(fixture->row);
    wait(fixture, auth_outbox_settle(fixture->outbox, fixture->row->id, state, on_done, fixture));
    auth_outbox_row_destroy(fixture->row);
    fixture->row = NULL;
}

// race-1 delivered, race-2/P1 and race-2/P2 dead, race-3 pending.
static int set_up(void **state)
{
    static const char *const whole[] = {""};
    static const char *const two[] = {"P1", "P2"};
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    auth_rig_init(&fixture->rig, true);
    auth_rig_path(&fixture->rig, "outbox.db", fixture->path);
    fixture->outbox = auth_outbox_open(fixture->path, fixture->rig.worker, fixture->rig.counters,
                                       &fixture->error);
    assert_non_null(fixture->outbox);
    commit(fixture, "race-1", whole, 1);
    commit(fixture, "race-2", two, 2);
    commit(fixture, "race-3", whole, 1);
    settle_oldest(fixture, AUTH_OUTBOX_DELIVERED);
    settle_oldest(fixture, AUTH_OUTBOX_DEAD);
    settle_oldest(fixture, AUTH_OUTBOX_DEAD);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    auth_rig_restart_worker(&fixture->rig);
    auth_outbox_close(fixture->outbox);
    auth_rig_finish(&fixture->rig);
    free(fixture);
    return 0;
}

static FILE *begin_text(struct fixture *fixture)
{
    memset(fixture->text, 0, sizeof(fixture->text));
    FILE *out = fmemopen(fixture->text, sizeof(fixture->text) - 1, "w");
    assert_non_null(out);
    return out;
}

static const char *list(struct fixture *fixture, bool json)
{
    FILE *out = begin_text(fixture);
    assert_true(auth_outbox_print(fixture->path, out, json, &fixture->error));
    assert_int_equal(fclose(out), 0);
    return fixture->text;
}

static void the_list_shows_what_is_not_delivered(void **state)
{
    struct fixture *fixture = *state;
    const char *text = list(fixture, false);
    assert_null(strstr(text, "race-1"));
    assert_non_null(strstr(text, "     2  dead            1  "));
    assert_non_null(strstr(text, "  race-2/P1  P1\n"));
    assert_non_null(strstr(text, "     4  pending         0  "));
    assert_non_null(strstr(text, "\n1 pending, 2 dead, 1 delivered and kept as a record\n"));
}

static void the_list_is_the_same_in_json(void **state)
{
    struct fixture *fixture = *state;
    json_t *root = json_loads(list(fixture, true), 0, NULL);
    assert_int_equal(json_integer_value(json_object_get(root, "pending")), 1);
    assert_int_equal(json_integer_value(json_object_get(root, "dead")), 2);
    assert_int_equal(json_integer_value(json_object_get(root, "delivered")), 1);
    const json_t *rows = json_object_get(root, "rows");
    assert_int_equal(json_array_size(rows), 3);
    const json_t *row = json_array_get(rows, 1);
    assert_string_equal(json_string_value(json_object_get(row, "key")), "race-2/P2");
    assert_string_equal(json_string_value(json_object_get(row, "subject")), "P2");
    assert_string_equal(json_string_value(json_object_get(row, "state")), "dead");
    assert_int_equal(json_integer_value(json_object_get(row, "attempts")), 1);
    assert_in_range(json_integer_value(json_object_get(row, "age_s")), 0, 60);
    char body[1024];
    assert_int_equal(json_integer_value(json_object_get(row, "bytes")),
                     strlen(auth_rig_body("race-2", body)));
    json_decref(root);
}

static unsigned retry(struct fixture *fixture, const char *key)
{
    unsigned count;
    assert_true(auth_outbox_retry(fixture->path, key, &count, &fixture->error));
    return count;
}

static void one_row_or_a_race_or_all_dead_rows_are_sent_again(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(retry(fixture, "race-1"), 0);    // delivered
    assert_int_equal(retry(fixture, "race-3"), 0);    // pending
    assert_int_equal(retry(fixture, "race"), 0);      // no prefix
    assert_int_equal(retry(fixture, "race-2/P"), 0);  // nor here
    assert_int_equal(retry(fixture, "race-2/P2"), 1); // one row
    assert_int_equal(retry(fixture, "race-2"), 1);    // what is left of the race
    settle_oldest(fixture, AUTH_OUTBOX_DEAD);
    settle_oldest(fixture, AUTH_OUTBOX_DEAD);
    assert_int_equal(retry(fixture, NULL), 2); // all
    assert_int_equal(retry(fixture, NULL), 0);
}

static void the_server_counts_again_what_was_moved_and_hands_it_out(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(retry(fixture, "race-2"), 2);
    wait(fixture, auth_outbox_take(fixture->outbox, on_taken, fixture));
    assert_string_equal(fixture->row->key, "race-2/P1");
    assert_int_equal(fixture->row->attempt, 1); // attempts begin anew
    auth_outbox_row_destroy(fixture->row);
    fixture->row = NULL;
    assert_int_equal(auth_outbox_count(fixture->outbox, AUTH_OUTBOX_PENDING), 3);
    assert_int_equal(auth_outbox_count(fixture->outbox, AUTH_OUTBOX_DEAD), 0);
    for (unsigned i = 0; i < 3; i++) {
        settle_oldest(fixture, AUTH_OUTBOX_DELIVERED);
    }
    assert_int_equal(auth_outbox_count(fixture->outbox, AUTH_OUTBOX_PENDING), 0);
    assert_int_equal(auth_outbox_count(fixture->outbox, AUTH_OUTBOX_DELIVERED), 4);
    assert_int_equal(auth_rig_counter(&fixture->rig, "paddock_outbox_dead"), 0);
}

static unsigned export(struct fixture *fixture, const char *which)
{
    unsigned count;
    FILE *out = begin_text(fixture);
    assert_true(auth_outbox_export(fixture->path, out, which, &count, &fixture->error));
    assert_int_equal(fclose(out), 0);
    return count;
}

static void an_export_has_a_line_a_row_with_the_result_as_it_is_sent(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(export(fixture, NULL), 4);
    assert_int_equal(export(fixture, "delivered"), 1);
    assert_int_equal(export(fixture, "pending"), 1);
    assert_int_equal(export(fixture, "dead"), 2);
    char body[1024];
    const char *second = strchr(fixture->text, '\n') + 1;
    json_t *row = json_loads(second, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(row, "key")), "race-2/P2");
    assert_string_equal(json_string_value(json_object_get(row, "state")), "dead");
    assert_non_null(json_string_value(json_object_get(row, "created")));
    assert_non_null(json_string_value(json_object_get(row, "updated")));
    char *result = json_dumps(json_object_get(row, "result"), JSON_COMPACT);
    assert_string_equal(result, auth_rig_body("race-2", body));
    free(result);
    json_decref(row);
}

static void a_file_that_is_not_there_is_not_made(void **state)
{
    struct fixture *fixture = *state;
    char path[AUTH_RIG_PATH_BYTES];
    unsigned count;
    auth_rig_path(&fixture->rig, "nothing.db", path);
    assert_false(auth_outbox_print(path, stdout, false, &fixture->error));
    assert_non_null(strstr(fixture->error.text, "nothing.db"));
    assert_false(auth_outbox_retry(path, NULL, &count, &fixture->error));
    assert_false(auth_outbox_export(path, stdout, NULL, &count, &fixture->error));
    assert_int_not_equal(access(path, F_OK), 0);
    assert_false(auth_outbox_print(":memory:", stdout, false, &fixture->error));
    assert_non_null(strstr(fixture->error.text, "--outbox-db"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_list_shows_what_is_not_delivered),
        TEST(the_list_is_the_same_in_json),
        TEST(one_row_or_a_race_or_all_dead_rows_are_sent_again),
        TEST(the_server_counts_again_what_was_moved_and_hands_it_out),
        TEST(an_export_has_a_line_a_row_with_the_result_as_it_is_sent),
        TEST(a_file_that_is_not_there_is_not_made),
    };
    return cmocka_run_group_tests_name("outbox_tool", tests, NULL, NULL);
}
