// SPDX-License-Identifier: MIT
// The fake passes the suite like any backend, and does what its script says.

#include "auth/backend_fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/backend_suite.h"

static void issue_fake(struct auth_rig *rig, const char *player_id, struct auth_token *token)
{
    (void)rig;
    snprintf(token->player_id, sizeof(token->player_id), "%s", player_id);
    snprintf(token->player_token, sizeof(token->player_token), "%s", AUTH_FAKE_YES);
}

static const struct auth_backend_impl *impl = &auth_backend_fake;
static struct auth_backend *last_created;

static struct auth_backend *create_and_remember(const struct auth_backend_env *env,
                                                struct error *error)
{
    last_created = impl->create(env, error);
    return last_created;
}

// It keeps a list of calls, not a store: a key that came at all counts as held once.
static unsigned stored_fake(struct auth_rig *rig, const char *key)
{
    const struct auth_fake_call_record *record;
    (void)rig;
    for (unsigned i = 0; (record = auth_fake_report_at(last_created, i)); i++) {
        if (strcmp(record->key, key) == 0) {
            return 1;
        }
    }
    return 0;
}

struct heard {
    unsigned answers;
    int answer;
    uint64_t at_ms;
    struct auth_attributes attributes;
    struct auth_rig *rig;
};

static void on_verdict(void *context, enum auth_verdict verdict,
                       const struct auth_attributes *attributes)
{
    struct heard *heard = context;
    heard->answers++;
    heard->answer = (int)verdict;
    heard->attributes = *attributes;
    heard->at_ms = auth_rig_now_ms(heard->rig);
}

static void on_delivery(void *context, enum auth_delivery delivery)
{
    struct heard *heard = context;
    heard->answers++;
    heard->answer = (int)delivery;
}

static void tokens_are_scripts(void **state)
{
    (void)state;
    static const struct {
        const char *token;
        unsigned answers;
        enum auth_verdict verdict;
        uint64_t after_ms;
        const char *name;
    } scripts[] = {
        {AUTH_FAKE_YES, 1, AUTH_YES, 0, "Fake P1"},
        {AUTH_FAKE_NO, 1, AUTH_NO, 0, ""},
        {AUTH_FAKE_ERROR, 1, AUTH_ERROR, 0, ""},
        {AUTH_FAKE_SLOW, 1, AUTH_YES, AUTH_FAKE_SLOW_MS, "Fake P1"},
        {AUTH_FAKE_HANG, 0, 0, 0, ""},
        {"anything else", 1, AUTH_NO, 0, ""},
    };
    struct auth_rig rig;
    auth_rig_init(&rig, true);
    struct auth_backend *fake = auth_fake_create(rig.loop);
    for (size_t i = 0; i < BASE_COUNT(scripts); i++) {
        struct heard heard = {.rig = &rig};
        struct auth_token token = {.player_id = "P1"};
        struct auth_verify_request request = {.token = &token};
        snprintf(token.player_token, sizeof(token.player_token), "%s", scripts[i].token);
        uint64_t start_ms = auth_rig_now_ms(&rig);
        assert_non_null(impl->verify(fake, &request, on_verdict, &heard));
        auth_rig_run_ms(&rig, 60000);
        assert_int_equal(heard.answers, scripts[i].answers);
        assert_int_equal(heard.answer, scripts[i].verdict);
        assert_string_equal(heard.attributes.display_name, scripts[i].name);
        assert_int_equal(heard.attributes.kart, scripts[i].name[0] ? AUTH_FAKE_KART : 0);
        if (heard.answers) {
            assert_int_equal(heard.at_ms - start_ms, scripts[i].after_ms);
        }
    }
    struct auth_token token = {.player_id = "P1", .player_token = AUTH_FAKE_BUSY};
    assert_null(
        impl->verify(fake, &(struct auth_verify_request){.token = &token}, on_verdict, NULL));
    assert_int_equal(auth_fake_counts(fake).verify_calls, BASE_COUNT(scripts) + 1);
    assert_int_equal(auth_fake_counts(fake).under_way, 1); // the one that hangs
    impl->destroy(fake);
    auth_rig_finish(&rig);
}

static int report(struct auth_rig *rig, struct auth_backend *fake, const char *body)
{
    struct heard heard = {.rig = rig, .answer = -1};
    struct auth_report request = {"race-1", "", bytes_of_string(body), 3};
    if (!impl->report(fake, &request, on_delivery, &heard)) {
        return -2;
    }
    auth_rig_run_ms(rig, 60000);
    return heard.answer;
}

static void reports_do_what_was_set(void **state)
{
    (void)state;
    struct auth_rig rig;
    auth_rig_init(&rig, true);
    struct auth_backend *fake = auth_fake_create(rig.loop);
    assert_int_equal(report(&rig, fake, "x"), AUTH_DELIVERED);
    auth_fake_set_report(fake, AUTH_FAKE_RETRY, 2);
    assert_int_equal(report(&rig, fake, "x"), AUTH_RETRY);
    assert_int_equal(report(&rig, fake, "x"), AUTH_RETRY);
    assert_int_equal(report(&rig, fake, "x"), AUTH_DELIVERED);
    auth_fake_set_report(fake, AUTH_FAKE_REFUSE, 1);
    assert_int_equal(report(&rig, fake, "x"), AUTH_REFUSED);
    auth_fake_set_report(fake, AUTH_FAKE_HANG_UP, 1);
    assert_int_equal(report(&rig, fake, "x"), -1);
    auth_fake_set_report(fake, AUTH_FAKE_CANNOT, 1);
    assert_int_equal(report(&rig, fake, "x"), -2);
    auth_fake_set_poison(fake, "bad");
    assert_int_equal(report(&rig, fake, "this is bad"), AUTH_REFUSED);
    assert_int_equal(report(&rig, fake, "this is not"), AUTH_DELIVERED);

    assert_int_equal(auth_fake_counts(fake).report_calls, 9);
    const struct auth_fake_call_record *record = auth_fake_report_at(fake, 7);
    assert_string_equal(record->key, "race-1");
    assert_int_equal(record->attempt, 3);
    assert_true(bytes_equal(bytes_buf_span(&record->body), bytes_of_string("this is bad")));
    assert_null(auth_fake_report_at(fake, 9));
    impl->destroy(fake);
    auth_rig_finish(&rig);
}

int main(void)
{
    struct auth_backend_impl remembering = auth_backend_fake;
    remembering.create = create_and_remember;
    const struct backend_suite suite = {
        .name = "backend suite: fake",
        .impl = &remembering,
        .virtual_time = true,
        .issue = issue_fake,
        .stored = stored_fake,
    };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_are_scripts),
        cmocka_unit_test(reports_do_what_was_set),
    };
    int failed = cmocka_run_group_tests_name("backend_fake", tests, NULL, NULL);
    return failed + backend_suite_run(&suite);
}
