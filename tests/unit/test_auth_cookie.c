// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/auth_cookie.h"
#include "tests/support/request_head.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define GOOD  "ABCDEF1234565789"
#define LONG  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define L128  LONG LONG
#define OTHER "other-token_0000"

static struct config *config;
static char folder[64];

static void path_of(const char *name, char path[512])
{
    snprintf(path, 512, "%s/%s", folder, name);
}

static void touch(const char *name)
{
    char path[512];
    path_of(name, path);
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    close(fd);
}

static int begin(void **state)
{
    struct error error;
    char path[512];
    (void)state;
    memcpy(folder, "/tmp/paddock-cookie-XXXXXX", 27);
    assert_non_null(mkdtemp(folder));
    config = config_create_default();
    path_of("tokens", path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_true(config_set(config, "auth-cookie", "AUTH", &error));
    assert_true(config_set(config, "auth-token-dir", path, &error));
    touch("outside-of-the-folder");
    touch("tokens/" GOOD);
    touch("tokens/" OTHER);
    touch("tokens/" L128);
    touch("tokens/" L128 "0");
    touch("tokens/fifteen-bytes-0");
    touch("tokens/sixteen-bytes-00");
    path_of("tokens/symbolic-link-00", path);
    assert_int_equal(symlink(GOOD, path), 0);
    path_of("tokens/a-whole-directory", path);
    assert_int_equal(mkdir(path, 0700), 0);
    return 0;
}

static int end(void **state)
{
    static const char *const files[] = {"outside-of-the-folder",   "tokens/" GOOD,
                                        "tokens/" OTHER,           "tokens/" L128,
                                        "tokens/" L128 "0",        "tokens/fifteen-bytes-0",
                                        "tokens/sixteen-bytes-00", "tokens/symbolic-link-00"};
    char path[512];
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(files); i++) {
        path_of(files[i], path);
        unlink(path);
    }
    path_of("tokens/a-whole-directory", path);
    rmdir(path);
    path_of("tokens", path);
    rmdir(path);
    rmdir(folder);
    config_destroy(config);
    return 0;
}

static bool opens(const char *fields)
{
    struct net_auth_ticket ticket;
    return net_auth_cookie_opens(config, request_head(fields), &ticket);
}

static void a_token_with_a_file_opens(void **state)
{
    (void)state;
    static const char *const good[] = {
        "Cookie: AUTH=" GOOD "\r\n",
        "cookie: a=b; AUTH=" GOOD "; c=d\r\n",
        "Cookie: a=b;AUTH=" GOOD ";\r\n",
        "Cookie: AUTH=%41BCDEF1234565789\r\n",
        "Cookie: AUTH=" L128 "\r\n",
        "Cookie: AUTH=" GOOD "; AUTH=" GOOD "\r\n",
        "Cookie: a=b\r\nCookie: AUTH=" GOOD "\r\n",
    };
    for (size_t i = 0; i < BASE_COUNT(good); i++) {
        if (!opens(good[i])) {
            fail_msg("%s", good[i]);
        }
    }
}

static void nothing_else_does(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "Cookie: \r\n",
        "Cookie: AUTH\r\n",
        "Cookie: AUTH=\r\n",
        "Cookie: AUTH=zzz\r\n",
        "Cookie: auth=" GOOD "\r\n",
        "Cookie: XAUTH=" GOOD "\r\n",
        "Cookie: AUTH=nobody-has-this-0\r\n",
        "Cookie: AUTH=..\r\n",
        "Cookie: AUTH=../outside-of-the-folder\r\n",
        "Cookie: AUTH=%2e%2e%2foutside-of-the-folder\r\n",
        "Cookie: AUTH=%252e%252e%252foutside-of-the-folder\r\n",
        "Cookie: AUTH=../tokens/" GOOD "\r\n",
        "Cookie: AUTH=../../../../etc/passwd\r\n",
        "Cookie: AUTH=/etc/passwd00000000\r\n",
        "Cookie: AUTH=" L128 "0\r\n",
        "Cookie: AUTH=" GOOD "%00\r\n",
        "Cookie: AUTH=" GOOD "%\r\n",
        "Cookie: AUTH=" GOOD "%4\r\n",
        "Cookie: AUTH=" GOOD "%zz\r\n",
        "Cookie: AUTH=\"" GOOD "\"\r\n",
        "Cookie: AUTH=" GOOD "=\r\n",
        "Cookie: AUTH=symbolic-link-00\r\n",
        "Cookie: AUTH=a-whole-directory\r\n",
        "Cookie: AUTH=" GOOD "; AUTH=" OTHER "\r\n",
        "Cookie: AUTH=" GOOD "; AUTH=..\r\n",
        "Cookie: AUTH=" GOOD "\r\nCookie: AUTH=" OTHER "\r\n",
        "X-Cookie: AUTH=" GOOD "\r\n",
    };
    for (size_t i = 0; i < BASE_COUNT(bad); i++) {
        if (opens(bad[i])) {
            fail_msg("%s", bad[i]);
        }
    }
}

static void tokens_have_16_bytes_at_least(void **state)
{
    (void)state;
    assert_false(opens("Cookie: AUTH=fifteen-bytes-0\r\n"));
    assert_true(opens("Cookie: AUTH=sixteen-bytes-00\r\n"));
}

static void a_token_ends_with_its_file(void **state)
{
    char path[512];
    (void)state;
    assert_true(opens("Cookie: AUTH=" OTHER "\r\n"));
    path_of("tokens/" OTHER, path);
    assert_int_equal(unlink(path), 0);
    assert_false(opens("Cookie: AUTH=" OTHER "\r\n"));
}

static void without_the_setting_nobody_is_asked(void **state)
{
    struct error error;
    (void)state;
    assert_true(config_set(config, "auth-cookie", "", &error));
    assert_true(opens(""));
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(a_token_with_a_file_opens),           WITH_FOLDER(nothing_else_does),
        WITH_FOLDER(tokens_have_16_bytes_at_least),       WITH_FOLDER(a_token_ends_with_its_file),
        WITH_FOLDER(without_the_setting_nobody_is_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
