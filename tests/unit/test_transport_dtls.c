// SPDX-License-Identifier: MIT
// dtls:// passes the shared transport suite over loopback.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/transport_suite.h"

int main(void)
{
    static const struct transport_suite suite = {
        .name = "dtls",
        .listen_url = "dtls://127.0.0.1:0",
        .foresees = true,
        .prepare = transport_suite_make_certificate,
        .finish = transport_suite_drop_certificate,
        .vanish_code = NET_CLOSE_GOING_AWAY, // nobody goes without a goodbye that can be believed
    };
    return transport_suite_run(&suite);
}
