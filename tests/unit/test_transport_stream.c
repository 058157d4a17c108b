// SPDX-License-Identifier: MIT
// tcp, tls, ws and wss pass the shared transport suite over loopback.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/transport_suite.h"

int main(void)
{
    static const struct transport_suite suites[] = {
        {.name = "tcp", .listen_url = "tcp://127.0.0.1:0", .opens_early = true, .stream = true},
        {.name = "tls",
         .listen_url = "tls://127.0.0.1:0",
         .stream = true,
         .prepare = transport_suite_make_certificate,
         .finish = transport_suite_drop_certificate},
        {.name = "ws", .listen_url = "ws://127.0.0.1:0", .stream = true},
        {.name = "wss",
         .listen_url = "wss://127.0.0.1:0",
         .stream = true,
         .prepare = transport_suite_make_certificate,
         .finish = transport_suite_drop_certificate},
    };
    int failures = 0;
    for (size_t i = 0; i < BASE_COUNT(suites); i++) {
        failures += transport_suite_run(&suites[i]);
    }
    return failures;
}
