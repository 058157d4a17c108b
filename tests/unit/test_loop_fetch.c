// SPDX-License-Identifier: MIT
// Descriptors that are told, a few turns ahead, that theirs comes.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/base/loop.h"

#define COUNT 20

struct fetched {
    struct loop_fd watch;
    unsigned calls;
    unsigned steps; // that it was told of
};

static void on_ready(void *context, unsigned ready)
{
    (void)ready;
    struct fetched *fetched = context;
    fetched->calls++;
}

static void on_fetch(void *context, unsigned step)
{
    struct fetched *fetched = context;
    assert_int_equal(fetched->calls, 0);
    assert_int_equal(step, fetched->steps++);
}

static void what_is_ready_is_told_in_steps_before_its_turn(void **state)
{
    (void)state;
    struct clock clock;
    struct error error;
    struct fetched list[COUNT] = {0};
    clock_init_virtual(&clock, CLOCK_NS_PER_S);
    struct loop *loop = loop_create(&clock, &error);
    assert_non_null(loop);
    for (unsigned i = 0; i < COUNT; i++) {
        int fd = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);
        assert_true(fd >= 0);
        assert_true(
            loop_fd_add(loop, &list[i].watch, fd, LOOP_READ, LOOP_PACED, on_ready, &list[i]));
        list[i].watch.fetch = on_fetch;
    }
    loop_poll_paced(loop);
    for (unsigned i = 0; i < COUNT; i++) {
        assert_int_equal(list[i].calls, 1);
        assert_int_equal(list[i].steps, LOOP_FETCH_STEPS);
        loop_fd_remove(loop, &list[i].watch);
        close(list[i].watch.fd);
    }
    loop_destroy(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_ready_is_told_in_steps_before_its_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
