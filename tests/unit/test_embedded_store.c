// SPDX-License-Identifier: MIT
// The embedded backend's file: issuing, verifying, storing results, and printing them.

#include "auth/embedded_store.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "auth/backend_embedded.h"
#include "tests/support/auth_rig.h"

struct fixture {
    struct auth_rig rig;
    char path[AUTH_RIG_PATH_BYTES];
    struct auth_db *db;
    struct error error;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    auth_rig_init(&fixture->rig, true);
    auth_rig_path(&fixture->rig, "players.db", fixture->path);
    fixture->db = auth_embedded_store_open(fixture->path, AUTH_DB_CREATE, &fixture->error);
    assert_non_null(fixture->db);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    auth_db_close(fixture->db);
    auth_rig_finish(&fixture->rig);
    free(fixture);
    return 0;
}

// Over the command line's function, as another process would, while the file is open here.
static bool issue(struct fixture *fixture, const char *player_id, struct auth_token *token)
{
    struct bytes_buf json;
    bytes_buf_init(&json, 1024);
    fixture->error.text[0] = '\0';
    bool ok = auth_embedded_issue(fixture->path, player_id, &json, &fixture->error);
    if (ok) {
        assert_in_range(json.size, 1, LIMIT_TOKEN_BYTES);
        assert_int_equal(auth_token_decode(bytes_buf_span(&json), token), AUTH_TOKEN_OK);
        assert_string_equal(token->player_id, player_id);
    } else {
        assert_int_equal(json.size, 0);
    }
    bytes_buf_finish(&json);
    return ok;
}

static void an_issued_token_is_valid_and_of_256_bits(void **state)
{
    struct fixture *fixture = *state;
    struct auth_token token;
    assert_true(issue(fixture, "e_PlayerEntity/8445747209", &token));
    assert_int_equal(strlen(token.player_token), 44);
    assert_int_equal(auth_embedded_store_verify(fixture->db, &token), AUTH_YES);
}

static void a_token_that_was_issued_again_replaces_the_old_one(void **state)
{
    struct fixture *fixture = *state;
    struct auth_token old;
    struct auth_token new;
    assert_true(issue(fixture, "P1", &old));
    assert_true(issue(fixture, "P1", &new));
    assert_string_not_equal(old.player_token, new.player_token);
    assert_int_equal(auth_embedded_store_verify(fixture->db, &old), AUTH_NO);
    assert_int_equal(auth_embedded_store_verify(fixture->db, &new), AUTH_YES);
}

static void anything_but_the_players_own_token_is_no(void **state)
{
    struct fixture *fixture = *state;
    struct auth_token one;
    struct auth_token two;
    struct auth_token wrong;
    assert_true(issue(fixture, "P1", &one));
    assert_true(issue(fixture, "P2", &two));
    wrong = one;
    memcpy(wrong.player_token, two.player_token, sizeof(wrong.player_token));
    assert_int_equal(auth_embedded_store_verify(fixture->db, &wrong), AUTH_NO);
    wrong = one;
    wrong.player_token[43] = '\0'; // a prefix
    assert_int_equal(auth_embedded_store_verify(fixture->db, &wrong), AUTH_NO);
    wrong = one;
    wrong.player_id[0] = 'p';
    assert_int_equal(auth_embedded_store_verify(fixture->db, &wrong), AUTH_NO);
    assert_int_equal(auth_embedded_store_verify(fixture->db, &one), AUTH_YES);
}

static bool file_contains(const char *path, const char *text)
{
    static char content[1 << 20];
    FILE *file = fopen(path, "rb");
    size_t size = file ? fread(content, 1, sizeof(content), file) : 0;
    if (file) {
        fclose(file);
    }
    return memmem(content, size, text, strlen(text));
}

static void the_file_holds_no_token(void **state)
{
    struct fixture *fixture = *state;
    struct auth_token token;
    char wal[AUTH_RIG_PATH_BYTES + 8];
    snprintf(wal, sizeof(wal), "%s-wal", fixture->path);
    assert_true(issue(fixture, "the player", &token));
    assert_true(file_contains(fixture->path, "the player") || file_contains(wal, "the player"));
    assert_false(file_contains(fixture->path, token.player_token));
    assert_false(file_contains(wal, token.player_token));
}

static void the_longest_id_is_told_and_always_fits(void **state)
{
    struct fixture *fixture = *state;
    struct auth_token token;
    char id[200];
    snprintf(id, sizeof(id), "%039d", 7);
    for (unsigned i = 0; i < 50; i++) { // whatever the token is
        assert_true(issue(fixture, id, &token));
    }
    snprintf(id, sizeof(id), "%040d", 7);
    assert_false(issue(fixture, id, &token));
    assert_non_null(strstr(fixture->error.text, "up to 39 bytes"));
    snprintf(id, sizeof(id), "%038d/", 7);
    assert_false(issue(fixture, id, &token));
    snprintf(id, sizeof(id), "%0150d", 7);
    assert_false(issue(fixture, id, &token));
    assert_non_null(strstr(fixture->error.text, "up to 39 bytes"));
}

static void what_is_no_player_id_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct auth_token token;
    assert_false(issue(fixture, "", &token));
    assert_non_null(strstr(fixture->error.text, "empty_player_id"));
    assert_false(issue(fixture, "a\nb", &token));
    assert_non_null(strstr(fixture->error.text, "control_character"));
    assert_false(issue(fixture, "\xff", &token));
    assert_non_null(strstr(fixture->error.text, "not_utf8"));
}

static void memory_is_nothing_that_a_command_could_open(void **state)
{
    struct fixture *fixture = *state;
    snprintf(fixture->path, sizeof(fixture->path), ":memory:");
    struct auth_token token;
    assert_false(issue(fixture, "P1", &token));
    assert_non_null(strstr(fixture->error.text, "--embedded-db"));
}

// ---- results

static enum auth_delivery store(struct fixture *fixture, const char *race_id, const char *body)
{
    fixture->error.text[0] = '\0';
    enum auth_delivery delivery =
        auth_embedded_store_result(fixture->db, race_id, body, &fixture->error);
    assert_int_equal(delivery == AUTH_DELIVERED, fixture->error.text[0] == '\0');
    return delivery;
}

static char *print(struct fixture *fixture, bool json)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_true(auth_embedded_print_results(fixture->path, out, json, &fixture->error));
    fclose(out);
    return text;
}

static json_t *print_json(struct fixture *fixture)
{
    char *text = print(fixture, true);
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    free(text);
    return root;
}

static void a_result_is_stored_and_printed_with_its_standings(void **state)
{
    struct fixture *fixture = *state;
    char body[1024];
    assert_int_equal(store(fixture, "race-1", auth_rig_body("race-1", body)), AUTH_DELIVERED);
    assert_int_equal(store(fixture, "race-2", auth_rig_body("race-2", body)), AUTH_DELIVERED);
    json_t *expected =
        json_loads("{\"results_stored\":2,\"races\":["
                   "{\"race_id\":\"race-1\",\"session\":\"friday\",\"track\":\"oval\","
                   "\"winner\":\"P1\",\"deliveries\":1,\"standings\":["
                   "{\"place\":1,\"player_id\":\"P1\",\"time_ms\":61234,\"dnf\":null},"
                   "{\"place\":2,\"player_id\":\"P2\",\"time_ms\":null,\"dnf\":\"time_limit\"}]},"
                   "{\"race_id\":\"race-2\",\"session\":\"friday\",\"track\":\"oval\","
                   "\"winner\":\"P1\",\"deliveries\":1,\"standings\":["
                   "{\"place\":1,\"player_id\":\"P1\",\"time_ms\":61234,\"dnf\":null},"
                   "{\"place\":2,\"player_id\":\"P2\",\"time_ms\":null,\"dnf\":\"time_limit\"}]}]}",
                   0, NULL);
    json_t *printed = print_json(fixture);
    assert_true(json_equal(printed, expected));
    json_decref(printed);
    json_decref(expected);

    char *text = print(fixture, false);
    assert_non_null(strstr(text, "race race-1  session friday  track oval"));
    assert_non_null(strstr(text, "   1  P1 "));
    assert_non_null(strstr(text, "1:01.234\n"));
    assert_non_null(strstr(text, "DNF, time_limit\n"));
    assert_non_null(strstr(text, "2 results stored\n"));
    free(text);
}

static void nothing_stored_is_printed_as_nothing(void **state)
{
    struct fixture *fixture = *state;
    json_t *printed = print_json(fixture);
    assert_int_equal(json_integer_value(json_object_get(printed, "results_stored")), 0);
    assert_int_equal(json_array_size(json_object_get(printed, "races")), 0);
    json_decref(printed);
    char *text = print(fixture, false);
    assert_string_equal(text, "0 results stored\n");
    free(text);
}

static void a_second_delivery_is_counted_and_changes_nothing(void **state)
{
    struct fixture *fixture = *state;
    char body[1024];
    assert_int_equal(store(fixture, "race-1", auth_rig_body("race-1", body)), AUTH_DELIVERED);
    memcpy(strstr(body, "61234"), "61235", 5);
    assert_int_equal(store(fixture, "race-1", body), AUTH_DELIVERED);
    json_t *printed = print_json(fixture);
    json_t *race = json_array_get(json_object_get(printed, "races"), 0);
    json_t *winner = json_array_get(json_object_get(race, "standings"), 0);
    assert_int_equal(json_integer_value(json_object_get(printed, "results_stored")), 1);
    assert_int_equal(json_integer_value(json_object_get(race, "deliveries")), 2);
    assert_int_equal(json_array_size(json_object_get(race, "standings")), 2);
    assert_int_equal(json_integer_value(json_object_get(winner, "time_ms")), 61234);
    json_decref(printed);
}

static void a_race_that_nobody_finished_has_no_winner(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(
        store(fixture, "race-1",
              "{\"race_id\":\"race-1\",\"session\":\"s\",\"track\":\"t\",\"standings\":["
              "{\"player_id\":\"P1\",\"place\":1,\"time_ms\":null,\"dnf\":\"left\"}]}"),
        AUTH_DELIVERED);
    json_t *printed = print_json(fixture);
    json_t *race = json_array_get(json_object_get(printed, "races"), 0);
    assert_true(json_is_null(json_object_get(race, "winner")));
    json_decref(printed);
}

static void what_is_no_race_result_is_refused_and_not_stored(void **state)
{
    struct fixture *fixture = *state;
#define RACE "\"race_id\":\"race-1\",\"session\":\"s\",\"track\":\"t\""
#define P1   "{\"player_id\":\"P1\",\"place\":1,\"time_ms\":1,\"dnf\":null}"
    static const char *const bodies[] = {
        "",
        "null",
        "[]",
        "{" RACE ",\"standings\":[" P1 "]", // cut short
        "{\"race_id\":\"race-2\",\"session\":\"s\",\"track\":\"t\",\"standings\":[]}",
        "{\"race_id\":1,\"session\":\"s\",\"track\":\"t\",\"standings\":[]}",
        "{\"session\":\"s\",\"track\":\"t\",\"standings\":[]}",
        "{\"race_id\":\"race-1\",\"track\":\"t\",\"standings\":[]}",
        "{\"race_id\":\"race-1\",\"session\":\"s\",\"track\":null,\"standings\":[]}",
        "{" RACE "}",
        "{" RACE ",\"standings\":{}}",
        "{" RACE ",\"standings\":[1]}",
        "{" RACE ",\"standings\":[" P1 "," P1 "]}",
        "{" RACE ",\"standings\":[" P1 ",{\"player_id\":\"P2\",\"place\":2}]}",
        "{" RACE ",\"standings\":[{\"place\":1,\"time_ms\":1,\"dnf\":null}]}",
        "{" RACE ",\"standings\":[{\"player_id\":\"P1\",\"place\":0,\"time_ms\":1,\"dnf\":null}]}",
        "{" RACE ",\"standings\":[{\"player_id\":\"P1\",\"place\":1,\"time_ms\":-1,\"dnf\":null}]}",
        "{" RACE
        ",\"standings\":[{\"player_id\":\"P1\",\"place\":1,\"time_ms\":1.5,\"dnf\":null}]}",
        "{" RACE
        ",\"standings\":[{\"player_id\":\"P1\",\"place\":1,\"time_ms\":1,\"dnf\":\"left\"}]}",
        "{" RACE
        ",\"standings\":[{\"player_id\":\"P1\",\"place\":\"x\",\"time_ms\":1,\"dnf\":null}]}",
    };
    for (size_t i = 0; i < BASE_COUNT(bodies); i++) {
        if (store(fixture, "race-1", bodies[i]) != AUTH_REFUSED) {
            fail_msg("not refused: %s", bodies[i]);
        }
    }
    char *text = print(fixture, false);
    assert_string_equal(text, "0 results stored\n");
    free(text);
    assert_int_equal(store(fixture, "race-1", "{" RACE ",\"standings\":[" P1 "]}"), AUTH_DELIVERED);
}

static void a_full_disk_is_a_reason_to_come_again(void **state)
{
    struct fixture *fixture = *state;
    char body[1024];
    auth_rig_fill_disk(true);
    enum auth_delivery delivery = store(fixture, "race-1", auth_rig_body("race-1", body));
    auth_rig_fill_disk(false);
    assert_int_equal(delivery, AUTH_RETRY);
    assert_int_equal(store(fixture, "race-1", body), AUTH_DELIVERED);
    json_t *printed = print_json(fixture);
    json_t *race = json_array_get(json_object_get(printed, "races"), 0);
    assert_int_equal(json_integer_value(json_object_get(race, "deliveries")), 1);
    json_decref(printed);
}

static void a_file_that_was_deleted_answers_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct auth_token token;
    char body[1024];
    assert_true(issue(fixture, "P1", &token));
    assert_int_equal(unlink(fixture->path), 0);
    // The command makes a new file of the name: a token in it is not one that the server denies.
    assert_true(issue(fixture, "P1", &token));
    assert_int_equal(auth_embedded_store_verify(fixture->db, &token), AUTH_ERROR);
    assert_int_equal(store(fixture, "race-1", auth_rig_body("race-1", body)), AUTH_RETRY);
    assert_non_null(strstr(fixture->error.text, "moved, deleted or replaced"));
}

struct stalled_reader {
    struct fixture *fixture;
    enum auth_delivery delivery;
};

// The first that is printed comes here and goes no further before this returns.
static ssize_t write_while_reading(void *cookie, const char *data, size_t size)
{
    struct stalled_reader *reader = cookie;
    char body[1024];
    (void)data;
    if (reader->delivery == AUTH_RETRY) {
        reader->delivery = store(reader->fixture, "race-2", auth_rig_body("race-2", body));
    }
    return (ssize_t)size;
}

// `paddock ... | less` must not hold up the server.
static void a_reader_in_the_middle_does_not_hold_up_a_writer(void **state)
{
    struct fixture *fixture = *state;
    char body[1024];
    assert_int_equal(store(fixture, "race-1", auth_rig_body("race-1", body)), AUTH_DELIVERED);
    for (int json = 0; json < 2; json++) {
        struct stalled_reader reader = {fixture, AUTH_RETRY};
        FILE *out =
            fopencookie(&reader, "w", (cookie_io_functions_t){.write = write_while_reading});
        setvbuf(out, NULL, _IONBF, 0);
        assert_true(auth_embedded_print_results(fixture->path, out, json, &fixture->error));
        fclose(out);
        assert_int_equal(reader.delivery, AUTH_DELIVERED);
    }
}

static void another_process_that_writes_too_long_is_a_reason_to_come_again(void **state)
{
    struct fixture *fixture = *state;
    char body[1024];
    struct auth_db *other =
        auth_embedded_store_open(fixture->path, AUTH_DB_MUST_EXIST, &fixture->error);
    assert_true(auth_db_begin(other));
    assert_int_equal(store(fixture, "race-1", auth_rig_body("race-1", body)), AUTH_RETRY);
    assert_non_null(strstr(fixture->error.text, "locked"));
    auth_db_rollback(other);
    assert_int_equal(store(fixture, "race-1", body), AUTH_DELIVERED);
    auth_db_close(other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_issued_token_is_valid_and_of_256_bits),
        TEST(a_token_that_was_issued_again_replaces_the_old_one),
        TEST(anything_but_the_players_own_token_is_no),
        TEST(the_file_holds_no_token),
        TEST(the_longest_id_is_told_and_always_fits),
        TEST(what_is_no_player_id_is_refused),
        TEST(memory_is_nothing_that_a_command_could_open),
        TEST(a_result_is_stored_and_printed_with_its_standings),
        TEST(nothing_stored_is_printed_as_nothing),
        TEST(a_second_delivery_is_counted_and_changes_nothing),
        TEST(a_race_that_nobody_finished_has_no_winner),
        TEST(what_is_no_race_result_is_refused_and_not_stored),
        TEST(a_full_disk_is_a_reason_to_come_again),
        TEST(a_file_that_was_deleted_answers_nothing),
        TEST(a_reader_in_the_middle_does_not_hold_up_a_writer),
        TEST(another_process_that_writes_too_long_is_a_reason_to_come_again),
    };
    return cmocka_run_group_tests_name("embedded_store", tests, NULL, NULL);
}
