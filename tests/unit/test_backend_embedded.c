// SPDX-License-Identifier: MIT
// The embedded backend over the seam: the shared suite in virtual time and with its real thread,
// and what is its own.

#include "auth/backend_embedded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "auth/embedded_store.h"
#include "config/base/log.h"
#include "tests/support/backend_suite.h"

#define ROUNDS 400

static const struct auth_backend_impl *const impl = &auth_backend_embedded;

static void prepare(struct auth_rig *rig)
{
    char path[AUTH_RIG_PATH_BYTES];
    snprintf(rig->config.embedded_db, sizeof(rig->config.embedded_db), "%s",
             auth_rig_path(rig, "players.db", path));
}

static void issue(struct auth_rig *rig, const char *player_id, struct auth_token *token)
{
    struct error error = {0};
    struct bytes_buf json;
    bytes_buf_init(&json, LIMIT_TOKEN_BYTES);
    if (!auth_embedded_issue(rig->config.embedded_db, player_id, &json, &error)) {
        fail_msg("%s", error.text);
    }
    assert_int_equal(auth_token_decode(bytes_buf_span(&json), token), AUTH_TOKEN_OK);
    bytes_buf_finish(&json);
}

static unsigned stored(struct auth_rig *rig, const char *key)
{
    struct error error = {0};
    char *text = NULL;
    size_t size;
    char line[256];
    FILE *out = open_memstream(&text, &size);
    assert_true(auth_embedded_print_results(rig->config.embedded_db, out, false, &error));
    fclose(out);
    snprintf(line, sizeof(line), "race %s ", key);
    unsigned count = 0;
    for (const char *at = text; (at = strstr(at, line)); at += strlen(line)) {
        count++;
    }
    free(text);
    return count;
}

struct answers {
    unsigned count;
    enum auth_verdict verdict;
};

static void on_verdict(void *context, enum auth_verdict verdict,
                       const struct auth_attributes *attributes)
{
    struct answers *answers = context;
    (void)attributes;
    answers->count++;
    answers->verdict = verdict;
}

static void a_file_that_cannot_be_opened_is_told_at_the_start(void **state)
{
    (void)state;
    struct auth_rig rig;
    auth_rig_init(&rig, true);
    snprintf(rig.config.embedded_db, sizeof(rig.config.embedded_db), "/nowhere/players.db");
    struct auth_backend_env env = auth_rig_env(&rig);
    struct error error = {0};
    assert_null(impl->create(&env, &error));
    assert_string_equal(error.text, "embedded backend /nowhere/players.db: cannot open or make it: "
                                    "No such file or directory; --data-dir or --embedded-db says "
                                    "where");
    auth_rig_finish(&rig);
}

static void memory_works_without_any_file(void **state)
{
    (void)state;
    struct auth_rig rig;
    auth_rig_init(&rig, true);
    struct auth_backend *backend = auth_rig_backend(&rig, impl);
    struct answers answers = {0};
    struct auth_token token = {.player_id = "P1", .player_token = "x"};
    struct auth_verify_request request = {.token = &token};
    assert_non_null(impl->verify(backend, &request, on_verdict, &answers));
    auth_rig_until(&rig, &answers.count, 1);
    assert_int_equal(answers.verdict, AUTH_NO);
    impl->destroy(backend);
    auth_rig_finish(&rig);
}

static void a_worker_without_a_place_cannot_begin(void **state)
{
    (void)state;
    struct auth_rig rig;
    auth_rig_init(&rig, true);
    struct auth_backend *backend = auth_rig_backend(&rig, impl);
    struct answers answers = {0};
    struct auth_token token = {.player_id = "P1", .player_token = "x"};
    struct auth_verify_request request = {.token = &token};
    unsigned begun = 0;
    while (impl->verify(backend, &request, on_verdict, &answers)) {
        begun++;
    }
    assert_int_equal(begun, 64); // the rig's worker
    auth_rig_until(&rig, &answers.count, begun);
    assert_non_null(impl->verify(backend, &request, on_verdict, &answers));
    impl->destroy(backend);
    auth_rig_finish(&rig);
}

// The file's table is damaged while the server runs: nobody gets in, it is no "no" either, and the
// log says why.
static void a_file_that_fails_is_an_error_and_neither_yes_nor_no(void **state)
{
    (void)state;
    struct auth_rig rig;
    auth_rig_init(&rig, true);
    prepare(&rig);
    struct auth_backend *backend = auth_rig_backend(&rig, impl);
    struct auth_token token;
    issue(&rig, "P1", &token);
    FILE *file = fopen(rig.config.embedded_db, "r+b");
    static const char nonsense[65536] = "nonsense";
    assert_int_equal(fwrite(nonsense, sizeof(nonsense), 1, file), 1);
    fclose(file);
    struct answers answers = {0};
    struct auth_verify_request request = {.token = &token};
    char text[1024];
    FILE *logged = tmpfile();
    assert_non_null(logged);
    log_open(fileno(logged), LOG_WARN, LOG_FORMAT_TEXT, &rig.clock);
    assert_non_null(impl->verify(backend, &request, on_verdict, &answers));
    auth_rig_until(&rig, &answers.count, 1);
    log_open(STDERR_FILENO, LOG_ERROR, LOG_FORMAT_TEXT, NULL);
    assert_int_equal(answers.verdict, AUTH_ERROR);
    rewind(logged);
    text[fread(text, 1, sizeof(text) - 1, logged)] = '\0';
    fclose(logged);
    assert_non_null(strstr(text, "embedded_store_failed reason=\"file is not a database\""));
    impl->destroy(backend);
    auth_rig_finish(&rig);
}

static int compare(const void *a, const void *b)
{
    clock_t left = *(const clock_t *)a;
    clock_t right = *(const clock_t *)b;
    return (left > right) - (left < right);
}

// In microseconds of this process: what others do on the machine meanwhile is not in it.
static clock_t denial_us(struct auth_db *db, const struct auth_token *token)
{
    clock_t start_us = clock();
    assert_int_equal(auth_embedded_store_verify(db, token), AUTH_NO);
    return clock() - start_us;
}

// Nobody learns from the time of a "no" whether a player exists.
static void an_unknown_player_takes_as_long_as_a_wrong_token(void **state)
{
    (void)state;
    struct auth_rig rig;
    auth_rig_init(&rig, true);
    prepare(&rig);
    struct error error = {0};
    struct auth_token token;
    issue(&rig, "P1", &token);
    struct auth_db *db =
        auth_embedded_store_open(rig.config.embedded_db, AUTH_DB_MUST_EXIST, &error);
    assert_non_null(db);
    snprintf(token.player_token, sizeof(token.player_token), "wrong");
    struct auth_token unknown = token;
    snprintf(unknown.player_id, sizeof(unknown.player_id), "P2");
    static clock_t wrong_us[ROUNDS], unknown_us[ROUNDS];
    for (unsigned i = 0; i < ROUNDS; i++) {
        wrong_us[i] = denial_us(db, &token);
        unknown_us[i] = denial_us(db, &unknown);
    }
    qsort(wrong_us, ROUNDS, sizeof(wrong_us[0]), compare);
    qsort(unknown_us, ROUNDS, sizeof(unknown_us[0]), compare);
    assert_in_range(labs(wrong_us[ROUNDS / 2] - unknown_us[ROUNDS / 2]), 0, 500);
    auth_db_close(db);
    auth_rig_finish(&rig);
}

int main(void)
{
    static const struct backend_suite virtual_suite = {
        .name = "backend suite: embedded, virtual time",
        .impl = &auth_backend_embedded,
        .virtual_time = true,
        .prepare = prepare,
        .issue = issue,
        .stored = stored,
    };
    struct backend_suite threaded_suite = virtual_suite;
    threaded_suite.name = "backend suite: embedded, threaded";
    threaded_suite.virtual_time = false;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_that_cannot_be_opened_is_told_at_the_start),
        cmocka_unit_test(memory_works_without_any_file),
        cmocka_unit_test(a_worker_without_a_place_cannot_begin),
        cmocka_unit_test(a_file_that_fails_is_an_error_and_neither_yes_nor_no),
        cmocka_unit_test(an_unknown_player_takes_as_long_as_a_wrong_token),
    };
    int failed = cmocka_run_group_tests_name("backend_embedded", tests, NULL, NULL);
    failed += backend_suite_run(&virtual_suite);
    return failed + backend_suite_run(&threaded_suite);
}
