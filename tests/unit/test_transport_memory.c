// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/transport_memory.h"
#include "tests/support/transport_suite.h"

int main(void)
{
    const struct transport_suite perfect = {
        .name = "memory",
        .listen_url = "memory://suite",
        .dial_url = "memory://suite",
        .virtual_time = true,
        .one_hub = true,
        .vanish = net_memory_cut,
        .vanish_ms = 6000,
    };
    struct transport_suite slow = perfect;
    slow.name = "memory, 60 ms away";
    slow.dial_url = "memory://suite?delay_ms=50&jitter_ms=10&seed=3";
    return transport_suite_run(&perfect) + transport_suite_run(&slow);
}
