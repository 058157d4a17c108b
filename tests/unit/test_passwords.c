// SPDX-License-Identifier: MIT
// Hashes are of the cheapest kind that crypt(3) still takes, so that the tests cost nothing.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/passwords.h"

#include <crypt.h>
#include <malloc.h>
#include <unistd.h>

// "bee", "secret6"
#define BCRYPT "$2b$04$abcdefghijklmnopqrstuuuz8dLDKHdaIkqWTeEJl8dWScfl4UwcG"
#define SHA512                                                                                     \
    "$6$rounds=1000$saltsalt$bLXaZnFy6Z.bItsi3I7I8zNk2KSs3tsH8gjF.."                               \
    "8W6qF9M98y7iwwQzXL1hp4noqkr2SGkD223i2wSZBH6ZlMY."
#define FILE_TEXT                                                                                  \
    "# who may come in\n"                                                                          \
    "bert:" BCRYPT "\n\n"                                                                          \
    "sue:" SHA512 "\n"

static struct clock clock_now;
static struct loop *loop;
static struct worker *worker;
static struct config *config;
static struct net_passwords *passwords;
static char path[64];
static unsigned answers;
static bool answer;
static unsigned hashes;

// Counted on its way into the library.
char *crypt_rn(const char *password, const char *hash, void *data, int size)
{
    assert_int_equal(size, sizeof(struct crypt_data));
    hashes++;
    return crypt_r(password, hash, data);
}

static void write_file(const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static bool load(const char *text, struct error *error)
{
    write_file(text);
    net_passwords_destroy(passwords);
    passwords = net_passwords_create(config, worker, error);
    return passwords;
}

static int begin(void **state)
{
    struct error error;
    (void)state;
    memcpy(path, "/tmp/paddock-passwords-XXXXXX", 30);
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    clock_init_virtual(&clock_now, CLOCK_NS_PER_S);
    loop = loop_create(&clock_now, &error);
    worker = worker_create(loop, "door", 2, false, &error);
    config = config_create_default();
    assert_true(config_set(config, "basic-auth-file", path, &error));
    answers = 0;
    return 0;
}

static int end(void **state)
{
    (void)state;
    net_passwords_destroy(passwords);
    passwords = NULL;
    worker_destroy(worker);
    config_destroy(config);
    loop_destroy(loop);
    unlink(path);
    return 0;
}

static void on_answer(void *context, bool good)
{
    assert_ptr_equal(context, &answers);
    answers++;
    answer = good;
}

static struct net_password_check *ask(const char *name, const char *password)
{
    struct net_basic_auth auth = {0};
    snprintf(auth.name, sizeof(auth.name), "%s", name);
    snprintf(auth.password, sizeof(auth.password), "%s", password);
    return net_passwords_check(passwords, &auth, on_answer, &answers);
}

static bool is_good(const char *name, const char *password)
{
    unsigned before = answers;
    assert_non_null(ask(name, password));
    assert_int_equal(answers, before); // never from inside the call
    loop_turn(loop, loop_now_ns(loop) + 1);
    assert_int_equal(answers, before + 1);
    return answer;
}

// F-04
static void who_has_the_password_is_good_and_nobody_else(void **state)
{
    (void)state;
    struct error error;
    assert_true(load(FILE_TEXT, &error));
    assert_true(is_good("bert", "bee"));
    assert_true(is_good("sue", "secret6"));
    static const char *const bad[][2] = {
        {"bert", "secret6"}, {"sue", "bee"},  {"bert", ""},    {"bert", "beee"},
        {"nobody", "bee"},   {"", "bee"},     {"Bert", "bee"}, {"bert", "Bee"},
        {"bert", BCRYPT},    {"sue", SHA512}, {"nobody", ""},
    };
    for (size_t i = 0; i < BASE_COUNT(bad); i++) {
        if (is_good(bad[i][0], bad[i][1])) {
            fail_msg("%s %s", bad[i][0], bad[i][1]);
        }
    }
}

// Else whoever keeps the server busy finds out which names there are.
static void an_unknown_name_is_as_much_work_as_a_wrong_password(void **state)
{
    (void)state;
    struct error error;
    assert_true(load(FILE_TEXT, &error));
    hashes = 0;
    assert_false(is_good("bert", "guess"));
    assert_int_equal(hashes, 1);
    assert_false(is_good("nobody", "guess"));
    assert_int_equal(hashes, 2);
}

static void a_password_is_gone_as_soon_as_it_is_hashed(void **state)
{
    (void)state;
    static const char password[] = "nowhere else";
    struct error error;
    assert_true(load(FILE_TEXT, &error));
    struct net_password_check *check = ask("sue", password); // hashed by now
    assert_non_null(check);
    assert_null(memmem(check, malloc_usable_size(check), password, strlen(password)));
    loop_turn(loop, loop_now_ns(loop) + 1);
    assert_true(answers == 1 && !answer);
}

static void an_empty_file_lets_nobody_in(void **state)
{
    (void)state;
    struct error error;
    assert_true(load("# nobody yet\n", &error));
    assert_false(is_good("bert", "bee"));
    assert_false(is_good("", ""));
}

static void a_file_that_is_not_good_is_refused_by_its_line(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"bert\n", "name:hash"},
        {"bert:\n", "name:hash"},
        {":" BCRYPT "\n", "name:hash"},
        {"b\tc:" BCRYPT "\n", "name:hash"},
        {"bert:bee\n", "too weak"},
        {"bert:$apr1$mEpPQ2Nl$OZUSyJYCmWyIJvUlVqiWo1\n", "too weak"},
        {"bert:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n", "too weak"},
        {"bert:rqXexS6ZhobKA\n", "too weak"},
        {"bert:$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/\n", "too weak"},
        {"bert:$5$saltsalt$708Qd1GA5FblAgceNooXo6mCmXw7DIUSz5IHtzs/2E6\n", "too weak"},
        {"bert:*\n", "too weak"},
        {"bert:" BCRYPT "\nbert:" SHA512 "\n", "twice"},
    };
    struct error error;
    for (size_t i = 0; i < BASE_COUNT(bad); i++) {
        if (load(bad[i][0], &error)) {
            fail_msg("%s", bad[i][0]);
        }
        assert_non_null(strstr(error.text, bad[i][1]));
        assert_non_null(strstr(error.text, i + 1 < BASE_COUNT(bad) ? ":1: " : ":2: "));
        assert_null(strstr(error.text, "$2b$"));
    }
    unlink(path);
    assert_null(net_passwords_create(config, worker, &error));
    assert_non_null(strstr(error.text, "No such file"));
}

static void names_have_64_bytes(void **state)
{
    (void)state;
    struct error error;
    char text[256];
    snprintf(text, sizeof(text), "%064d:%s\n", 1, BCRYPT);
    assert_true(load(text, &error));
    snprintf(text, sizeof(text), "%064d", 1);
    assert_true(is_good(text, "bee"));
    snprintf(text, sizeof(text), "%065d:%s\n", 1, BCRYPT);
    assert_false(load(text, &error));
}

static void a_reload_takes_the_new_file_or_keeps_the_old_list(void **state)
{
    (void)state;
    struct error error;
    assert_true(load(FILE_TEXT, &error));
    write_file("anna:" BCRYPT "\n");
    assert_false(is_good("anna", "bee"));
    net_passwords_reload(passwords);
    assert_true(is_good("anna", "bee"));
    assert_false(is_good("bert", "bee"));
    write_file("anna:" SHA512 "\nanna\n");
    net_passwords_reload(passwords);
    assert_true(is_good("anna", "bee"));
}

static void what_is_under_way_has_copies_of_its_own(void **state)
{
    (void)state;
    struct error error;
    assert_true(load(FILE_TEXT, &error));
    assert_non_null(ask("bert", "bee"));
    write_file("");
    net_passwords_reload(passwords);
    loop_turn(loop, loop_now_ns(loop) + 1);
    assert_true(answers == 1 && answer);
}

static void too_many_at_once_are_refused_and_who_left_hears_nothing(void **state)
{
    (void)state;
    struct error error;
    assert_true(load(FILE_TEXT, &error));
    struct net_password_check *left = ask("bert", "bee");
    assert_non_null(left);
    assert_non_null(ask("bert", "wrong"));
    assert_null(ask("bert", "bee")); // the worker takes two
    net_password_check_cancel(left);
    net_password_check_cancel(NULL);
    loop_turn(loop, loop_now_ns(loop) + 1);
    assert_true(answers == 1 && !answer);
    assert_true(is_good("bert", "bee"));
}

#define WITH_FILE(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FILE(who_has_the_password_is_good_and_nobody_else),
        WITH_FILE(an_unknown_name_is_as_much_work_as_a_wrong_password),
        WITH_FILE(a_password_is_gone_as_soon_as_it_is_hashed),
        WITH_FILE(an_empty_file_lets_nobody_in),
        WITH_FILE(a_file_that_is_not_good_is_refused_by_its_line),
        WITH_FILE(names_have_64_bytes),
        WITH_FILE(a_reload_takes_the_new_file_or_keeps_the_old_list),
        WITH_FILE(what_is_under_way_has_copies_of_its_own),
        WITH_FILE(too_many_at_once_are_refused_and_who_left_hears_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
