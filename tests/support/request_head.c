// SPDX-License-Identifier: MIT
#include "tests/support/request_head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct net_http_head *request_head(const char *fields)
{
    static struct net_http_head head;
    const char *const parts[] = {"GET / HTTP/1.1\r\n", fields, "\r\n"};
    enum net_http_verdict verdict = NET_HTTP_MORE;
    memset(&head, 0, sizeof(head));
    for (size_t i = 0; i < BASE_COUNT(parts); i++) {
        struct bytes_span bytes = bytes_of_string(parts[i]);
        assert_int_equal(verdict, NET_HTTP_MORE);
        verdict = net_http_head_feed(&head, &bytes);
    }
    assert_int_equal(verdict, NET_HTTP_COMPLETE);
    return &head;
}
