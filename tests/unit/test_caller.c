// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/caller.h"
#include "tests/support/request_head.h"

#define AGENT "Mozilla/5.0 (X11; Linux x86_64) Chrome/120.0"

static struct config *config;
static struct net_caller *caller;

static void set(const char *name, const char *value)
{
    struct error error = {""};
    if (!config_set(config, name, value, &error)) {
        fail_msg("%s", error.text);
    }
}

static int begin(void **state)
{
    (void)state;
    config = config_create_default();
    caller = NULL;
    set("ip-header", "X-Real-IP");
    return 0;
}

static int end(void **state)
{
    (void)state;
    net_caller_destroy(caller);
    config_destroy(config);
    return 0;
}

static enum net_caller_verdict read_caller(const char *fields, bool by_proxy)
{
    struct net_http_head *head = request_head(fields);
    net_caller_destroy(caller);
    caller = NULL;
    enum net_caller_verdict verdict = net_caller_read(config, head, by_proxy, &caller);
    memset(head, 'x', sizeof(*head)); // nothing of it is borrowed
    return verdict;
}

static bool take_token(const char *fields)
{
    assert_int_equal(read_caller("", false), NET_CALLER_READ);
    return net_caller_take_token(caller, config, request_head(fields));
}

static void expect_header(unsigned index, const char *name, const char *value)
{
    assert_true(index < caller->header_count);
    assert_string_equal(caller->headers[index].name, name);
    assert_string_equal(caller->headers[index].value, value);
}

static void page_and_program_are_kept_as_they_were_sent(void **state)
{
    (void)state;
    assert_int_equal(read_caller("Host: h\r\norigin: https://play.example.com\r\n"
                                 "USER-AGENT:  " AGENT " \r\n",
                                 false),
                     NET_CALLER_READ);
    assert_string_equal(caller->origin, "https://play.example.com");
    assert_string_equal(caller->user_agent, AGENT);
    assert_int_equal(caller->header_count, 0);
}

static void who_says_nothing_has_said_nothing(void **state)
{
    (void)state;
    assert_int_equal(read_caller("Host: h\r\n", true), NET_CALLER_READ);
    assert_string_equal(caller->origin, "");
    assert_string_equal(caller->user_agent, "");
    assert_int_equal(caller->header_count, 0);
}

static void a_long_user_agent_is_cut(void **state)
{
    (void)state;
    char fields[1024];
    for (int size = NET_CALLER_AGENT_BYTES - 1; size <= NET_CALLER_AGENT_BYTES + 1; size++) {
        snprintf(fields, sizeof(fields), "User-Agent: %0*d\r\n", size, 1);
        assert_int_equal(read_caller(fields, false), NET_CALLER_READ);
        size_t kept = size < NET_CALLER_AGENT_BYTES ? (size_t)size : NET_CALLER_AGENT_BYTES;
        assert_int_equal(strlen(caller->user_agent), kept);
    }
}

// F-13: the header with the client's address is mapped unless the operator says otherwise.
static void the_ip_header_is_mapped_by_default(void **state)
{
    (void)state;
    assert_int_equal(read_caller("x-real-ip: 192.168.23.83:65520\r\nX-Other: 1\r\n", true),
                     NET_CALLER_READ);
    assert_int_equal(caller->header_count, 1);
    expect_header(0, "X-Real-IP", "192.168.23.83:65520");
    set("ip-header", "x-client-ip");
    assert_int_equal(read_caller("X-Client-IP: 7\r\n", true), NET_CALLER_READ);
    expect_header(0, "x-client-ip", "7");
    set("ip-header", "CF-Connecting-IP"); // could be the name of any key
    assert_int_equal(read_caller("CF-Connecting-IP: 7\r\n", true), NET_CALLER_READ);
    assert_int_equal(caller->header_count, 0);
    set("ip-header", "");
    assert_int_equal(read_caller("X-Real-IP: 7\r\n", true), NET_CALLER_READ);
    assert_int_equal(caller->header_count, 0);
}

static void only_what_is_listed_is_mapped_and_in_that_order(void **state)
{
    (void)state;
    set("map-headers", "X-Country X-Missing X-Team");
    assert_int_equal(read_caller("X-Team: red\r\nX-Real-IP: 1.2.3.4\r\nX-Countryside: no\r\n"
                                 "origin: https://a.example\r\nx-country: NO\r\n",
                                 true),
                     NET_CALLER_READ);
    assert_int_equal(caller->header_count, 2);
    expect_header(0, "X-Country", "NO");
    expect_header(1, "X-Team", "red");
}

static void a_stranger_maps_nothing(void **state)
{
    (void)state;
    set("map-headers", "X-Country");
    assert_int_equal(read_caller("X-Country: NO\r\nX-Real-IP: 1.2.3.4\r\n", false),
                     NET_CALLER_READ);
    assert_int_equal(caller->header_count, 0);
}

static void a_repeated_header_is_one_list(void **state)
{
    (void)state;
    set("map-headers", "X-Forwarded-For");
    assert_int_equal(read_caller("X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 2.2.2.2, 3.3.3.3\r\n"
                                 "X-Forwarded-For:\r\n",
                                 true),
                     NET_CALLER_READ);
    expect_header(0, "X-Forwarded-For", "1.1.1.1, 2.2.2.2, 3.3.3.3, ");
}

// F-13: at most 256 bytes, no control characters; else 400.
static void a_mapped_value_has_256_bytes_and_not_257(void **state)
{
    (void)state;
    char fields[1024];
    snprintf(fields, sizeof(fields), "X-Real-IP: %0256d\r\n", 1);
    assert_int_equal(read_caller(fields, true), NET_CALLER_READ);
    assert_int_equal(strlen(caller->headers[0].value), 256);
    snprintf(fields, sizeof(fields), "X-Real-IP: %0257d\r\n", 1);
    assert_int_equal(read_caller(fields, true), NET_CALLER_UNFIT);
    assert_int_equal(read_caller(fields, false), NET_CALLER_READ);
    snprintf(fields, sizeof(fields), "X-Real-IP: %0254d\r\nX-Real-IP:\r\n", 1);
    assert_int_equal(read_caller(fields, true), NET_CALLER_READ); // with ", "
    snprintf(fields, sizeof(fields), "X-Real-IP: %0255d\r\nX-Real-IP:\r\n", 1);
    assert_int_equal(read_caller(fields, true), NET_CALLER_UNFIT);
    assert_int_equal(read_caller("X-Real-IP: a\tb\r\n", true), NET_CALLER_UNFIT);
    assert_int_equal(read_caller("X-Other: a\tb\r\n", true), NET_CALLER_READ);
}

// F-07: {"a":1} in both alphabets, escaped as pages escape it, padded or not.
static void the_token_is_in_its_cookie(void **state)
{
    (void)state;
    static const char *const good[] = {"Cookie: TOKEN=eyJhIjoxfQ\r\n",
                                       "Cookie: a=b; TOKEN=eyJhIjoxfQ==\r\n",
                                       "Cookie: TOKEN=eyJhIjoxfQ%3D%3D\r\n"};
    static const char *const bad[] = {
        "Cookie: TOKEN={\"a\":1}\r\n",
        "Cookie: TOKEN=eyJhIjoxfQ; TOKEN=eyJhIjoyfQ\r\n",
        "Cookie: TOKEN=eyJhIjoxfR\r\n",
    };
    set("token-cookie", "TOKEN");
    for (size_t i = 0; i < BASE_COUNT(good); i++) {
        assert_true(take_token(good[i]));
        assert_int_equal(caller->token_size, 7);
        assert_memory_equal(caller->token, "{\"a\":1}", 7);
        net_caller_forget_token(caller);
        assert_int_equal(caller->token_size | caller->token[0] | caller->token[6], 0);
    }
    for (size_t i = 0; i < BASE_COUNT(bad); i++) {
        assert_false(take_token(bad[i]));
        assert_int_equal(caller->token_size, 0);
    }
    assert_true(take_token("Cookie: AUTH=eyJhIjoxfQ\r\n"));
    assert_int_equal(caller->token_size, 0);
    set("token-cookie", "");
    assert_true(take_token(good[0]));
    assert_int_equal(caller->token_size, 0);
}

static void a_token_has_128_bytes_and_not_129(void **state)
{
    (void)state;
    char fields[256] = "Cookie: TOKEN=";
    set("token-cookie", "TOKEN");
    memset(fields + strlen(fields), 'A', 171);
    memcpy(fields + strlen(fields), "\r\n", 3);
    assert_true(take_token(fields));
    assert_int_equal(caller->token_size, LIMIT_TOKEN_BYTES);
    memcpy(fields + strlen(fields) - 2, "A\r\n", 4);
    assert_false(take_token(fields));
    assert_int_equal(caller->token_size, 0);
}

#define WITH_CONFIG(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CONFIG(page_and_program_are_kept_as_they_were_sent),
        WITH_CONFIG(who_says_nothing_has_said_nothing),
        WITH_CONFIG(a_long_user_agent_is_cut),
        WITH_CONFIG(the_ip_header_is_mapped_by_default),
        WITH_CONFIG(only_what_is_listed_is_mapped_and_in_that_order),
        WITH_CONFIG(a_stranger_maps_nothing),
        WITH_CONFIG(a_repeated_header_is_one_list),
        WITH_CONFIG(a_mapped_value_has_256_bytes_and_not_257),
        WITH_CONFIG(the_token_is_in_its_cookie),
        WITH_CONFIG(a_token_has_128_bytes_and_not_129),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
