// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/base/bytes.h"
#include "config/limits.h"
#include "net/close.h"

static void codes_have_names_and_texts(void **state)
{
    (void)state;
    assert_string_equal(net_close_name(NET_CLOSE_AUTH_DENIED), "auth_denied");
    assert_string_equal(net_close_text(NET_CLOSE_AUTH_DENIED), "connection token is not valid");
    assert_int_equal(NET_CLOSE_AUTH_DENIED, 4003);
}

static void other_numbers_are_other_and_say_nothing(void **state)
{
    (void)state;
    static const uint16_t codes[] = {0, 999, 1004, 1005, 1015, 3000, 4999, 65535};
    for (size_t i = 0; i < BASE_COUNT(codes); i++) {
        assert_string_equal(net_close_name(codes[i]), "other");
        assert_string_equal(net_close_text(codes[i]), "");
    }
}

struct seen {
    unsigned count;
    uint16_t codes[64];
    const char *names[64];
};

static void check_row(void *context, uint16_t code, const char *name)
{
    struct seen *seen = context;
    for (unsigned i = 0; i < seen->count; i++) {
        assert_int_not_equal(seen->codes[i], code);
        assert_string_not_equal(seen->names[i], name);
    }
    seen->codes[seen->count] = code;
    seen->names[seen->count++] = name;
    assert_string_equal(net_close_name(code), name);
    // What a WebSocket close frame may carry (RFC 6455 7.4), and 1006 for ourselves.
    assert_true((code >= 1000 && code <= 1014 && code != 1004 && code != 1005) ||
                (code >= 4000 && code <= 4999));
    const char *text = net_close_text(code);
    assert_in_range(strlen(text), 1, LIMIT_CLOSE_REASON_BYTES);
    for (const char *at = text; *at; at++) {
        assert_true(*at >= ' ' && *at <= '~');
    }
    for (const char *at = name; *at; at++) {
        assert_true((*at >= 'a' && *at <= 'z') || *at == '_');
    }
}

static void every_row_is_unique_and_fit_to_be_sent(void **state)
{
    (void)state;
    struct seen seen = {0};
    net_close_each(check_row, &seen);
    assert_in_range(seen.count, 20, 31);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_have_names_and_texts),
        cmocka_unit_test(other_numbers_are_other_and_say_nothing),
        cmocka_unit_test(every_row_is_unique_and_fit_to_be_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
