// SPDX-License-Identifier: MIT
// What the loop promises: bounded turns, safe removal inside handlers, pacing, virtual time.

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/base/loop.h"

#define MS CLOCK_NS_PER_MS

// Stands before libc's, so that a test can be a kernel or a sandbox that lacks the call.
static int pwait2_errno;

int epoll_pwait2(int fd, struct epoll_event *events, int max, const struct timespec *timeout,
                 const sigset_t *mask)
{
    if (pwait2_errno) {
        errno = pwait2_errno;
        return -1;
    }
    return (int)syscall(SYS_epoll_pwait2, fd, events, max, timeout, mask, _NSIG / 8);
}

static struct clock test_clock;
static struct loop *loop;
static char order[1024]; // what ran, one letter each

static void note(char what)
{
    size_t used = strlen(order);
    assert_true(used + 1 < sizeof(order));
    order[used] = what;
    order[used + 1] = '\0';
}

static int start(bool is_virtual)
{
    struct error error;
    if (is_virtual) {
        clock_init_virtual(&test_clock, 1000 * MS);
    } else {
        clock_init_monotonic(&test_clock);
    }
    order[0] = '\0';
    pwait2_errno = 0;
    loop = loop_create(&test_clock, &error);
    return loop ? 0 : -1;
}

static int start_virtual(void **state)
{
    (void)state;
    return start(true);
}

static int start_real(void **state)
{
    (void)state;
    return start(false);
}

static int stop(void **state)
{
    (void)state;
    loop_destroy(loop);
    return 0;
}

// ---- timers

struct noting_timer {
    struct loop_timer timer;
    char name;
};

static void on_noting_timer(void *context)
{
    note(((struct noting_timer *)context)->name);
}

static void timer_start(struct noting_timer *timer, char name, uint64_t due_ns)
{
    timer->name = name;
    loop_timer_init(&timer->timer, on_noting_timer, timer);
    loop_timer_set(loop, &timer->timer, due_ns);
}

static void virtual_time_jumps_to_the_earliest_timer(void **state)
{
    (void)state;
    struct noting_timer a, b, c;
    timer_start(&a, 'a', 3000 * MS);
    timer_start(&b, 'b', 2000 * MS);
    timer_start(&c, 'c', 3600 * CLOCK_NS_PER_S);
    loop_turn(loop, CLOCK_NEVER);
    assert_string_equal(order, "b");
    assert_int_equal(loop_now_ns(loop), 2000 * MS);
    loop_turn(loop, CLOCK_NEVER);
    assert_string_equal(order, "ba");
    loop_turn(loop, CLOCK_NEVER);
    assert_string_equal(order, "bac");
    assert_int_equal(loop_now_ns(loop), 3600 * CLOCK_NS_PER_S);
}

static void virtual_time_stops_at_the_deadline(void **state)
{
    (void)state;
    struct noting_timer a;
    timer_start(&a, 'a', 3000 * MS);
    loop_turn(loop, 2000 * MS);
    assert_int_equal(loop_now_ns(loop), 2000 * MS);
    assert_string_equal(order, "");
    loop_turn(loop, 1000 * MS); // a deadline that has passed moves nothing
    assert_int_equal(loop_now_ns(loop), 2000 * MS);
    loop_turn(loop, 3000 * MS);
    assert_string_equal(order, "a");
}

static void virtual_time_without_anything_to_wait_for_stands(void **state)
{
    (void)state;
    loop_turn(loop, CLOCK_NEVER);
    assert_int_equal(loop_now_ns(loop), 1000 * MS);
}

static void a_timer_in_the_past_fires_in_the_next_turn(void **state)
{
    (void)state;
    struct noting_timer a;
    timer_start(&a, 'a', 1);
    loop_turn(loop, CLOCK_NEVER);
    assert_string_equal(order, "a");
    assert_int_equal(loop_now_ns(loop), 1000 * MS);
    assert_int_equal(a.timer.slot, 0);
}

static void a_cancelled_timer_does_not_fire(void **state)
{
    (void)state;
    struct noting_timer a, b;
    timer_start(&a, 'a', 2000 * MS);
    timer_start(&b, 'b', 3000 * MS);
    loop_timer_cancel(loop, &a.timer);
    loop_timer_cancel(loop, &a.timer);
    loop_turn(loop, CLOCK_NEVER);
    assert_string_equal(order, "b");
}

static void a_rearmed_timer_fires_once_at_its_new_time(void **state)
{
    (void)state;
    struct noting_timer a, b;
    timer_start(&a, 'a', 2000 * MS);
    timer_start(&b, 'b', 3000 * MS);
    loop_timer_set(loop, &a.timer, 4000 * MS);
    loop_turn(loop, CLOCK_NEVER);
    loop_turn(loop, CLOCK_NEVER);
    loop_turn(loop, CLOCK_NEVER);
    assert_string_equal(order, "ba");
    timer_start(&a, 'a', 6000 * MS);
    timer_start(&b, 'b', 7000 * MS);
    loop_timer_set(loop, &b.timer, 5000 * MS);
    loop_turn(loop, CLOCK_NEVER);
    assert_string_equal(order, "bab");
    loop_timer_cancel(loop, &a.timer);
}

static struct noting_timer victim;

static void on_cancelling_timer(void *context)
{
    (void)context;
    note('x');
    loop_timer_cancel(loop, &victim.timer);
}

static void a_timer_handler_may_cancel_one_that_is_due_too(void **state)
{
    (void)state;
    struct loop_timer first;
    loop_timer_init(&first, on_cancelling_timer, NULL);
    loop_timer_set(loop, &first, 2000 * MS);
    timer_start(&victim, 'v', 2000 * MS + 1);
    loop_turn(loop, 1500 * MS);
    loop_turn(loop, 1999 * MS);
    test_clock.virtual_now_ns = 2500 * MS;
    loop_turn(loop, 2500 * MS);
    assert_string_equal(order, "x");
}

static void on_spinning_timer(void *context)
{
    note('s');
    loop_timer_set(loop, context, 0);
}

static void a_timer_that_rearms_itself_in_the_past_does_not_hold_the_turn(void **state)
{
    (void)state;
    struct loop_timer timer;
    loop_timer_init(&timer, on_spinning_timer, &timer);
    loop_timer_set(loop, &timer, 0);
    loop_turn(loop, CLOCK_NEVER);
    assert_string_equal(order, "s");
    loop_timer_cancel(loop, &timer);
}

static uint64_t last_due_ns;
static unsigned fired;

static void on_ordered_timer(void *context)
{
    struct loop_timer *timer = context;
    assert_true(timer->due_ns >= last_due_ns);
    last_due_ns = timer->due_ns;
    fired++;
}

static void many_timers_fire_in_order_whatever_is_cancelled(void **state)
{
    (void)state;
    static struct loop_timer timers[1000];
    uint32_t random = 1;
    unsigned armed = 0;
    last_due_ns = 0;
    fired = 0;
    for (size_t i = 0; i < BASE_COUNT(timers); i++) {
        loop_timer_init(&timers[i], on_ordered_timer, &timers[i]);
        random = random * 1664525u + 1013904223u;
        loop_timer_set(loop, &timers[i], 1000 * MS + random % 1000);
    }
    for (size_t i = 0; i < BASE_COUNT(timers); i += 3) {
        loop_timer_cancel(loop, &timers[i]);
        random = random * 1664525u + 1013904223u;
        if (random & 0x10000) {
            loop_timer_set(loop, &timers[i], 1000 * MS + random % 500);
        }
    }
    for (size_t i = 0; i < BASE_COUNT(timers); i++) {
        armed += timers[i].slot != 0;
    }
    for (unsigned turn = 0; turn < 1000 && fired < armed; turn++) {
        loop_turn(loop, CLOCK_NEVER);
    }
    assert_int_equal(fired, armed);
    assert_true(armed > 700 && armed < 1000);
}

// ---- tasks

struct noting_task {
    struct loop_task task;
    char name;
    struct noting_task *defers;
};

static void on_noting_task(void *context)
{
    struct noting_task *task = context;
    note(task->name);
    if (task->defers) {
        loop_defer(loop, &task->defers->task);
    }
}

static void task_init(struct noting_task *task, char name)
{
    *task = (struct noting_task){.name = name};
    loop_task_init(&task->task, on_noting_task, task);
}

static void deferred_tasks_run_once_in_order_without_moving_time(void **state)
{
    (void)state;
    struct noting_task a, b;
    struct noting_timer timer;
    timer_start(&timer, 't', 5000 * MS);
    task_init(&a, 'a');
    task_init(&b, 'b');
    loop_defer(loop, &a.task);
    loop_defer(loop, &b.task);
    loop_defer(loop, &a.task);
    loop_turn(loop, CLOCK_NEVER);
    assert_string_equal(order, "ab");
    assert_int_equal(loop_now_ns(loop), 1000 * MS);
    loop_turn(loop, CLOCK_NEVER);
    assert_string_equal(order, "abt");
}

static void a_task_deferred_by_a_task_runs_in_the_next_turn(void **state)
{
    (void)state;
    struct noting_task a, b;
    task_init(&a, 'a');
    task_init(&b, 'b');
    a.defers = &b;
    loop_defer(loop, &a.task);
    loop_turn(loop, CLOCK_NEVER);
    assert_string_equal(order, "a");
    loop_turn(loop, CLOCK_NEVER);
    assert_string_equal(order, "ab");
}

static struct noting_task task_a, task_b, task_c;

static void on_cancelling_task(void *context)
{
    (void)context;
    note('x');
    loop_task_cancel(loop, &task_b.task);
}

static void a_task_may_cancel_one_that_runs_later_in_the_same_turn(void **state)
{
    (void)state;
    struct loop_task canceller;
    loop_task_init(&canceller, on_cancelling_task, NULL);
    task_init(&task_a, 'a');
    task_init(&task_b, 'b');
    task_init(&task_c, 'c');
    loop_defer(loop, &task_a.task);
    loop_defer(loop, &canceller);
    loop_defer(loop, &task_b.task);
    loop_defer(loop, &task_c.task);
    loop_task_cancel(loop, &task_a.task);
    loop_turn(loop, CLOCK_NEVER);
    assert_string_equal(order, "xc");
    loop_defer(loop, &task_c.task);
    loop_task_cancel(loop, &task_c.task);
    loop_task_cancel(loop, &task_c.task);
    loop_defer(loop, &task_a.task); // the list's end is still right
    loop_turn(loop, CLOCK_NEVER);
    assert_string_equal(order, "xca");
}

static void *post_from_thread(void *context)
{
    loop_post(loop, context);
    return NULL;
}

static void a_posted_task_wakes_a_sleeping_loop(void **state)
{
    (void)state;
    struct noting_task task;
    task_init(&task, 'p');
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, post_from_thread, &task.task), 0);
    for (int turn = 0; turn < 10 && !order[0]; turn++) {
        loop_turn(loop, loop_refresh_now(loop) + 5 * CLOCK_NS_PER_S);
    }
    pthread_join(thread, NULL);
    assert_string_equal(order, "p");
}

static void a_posted_task_runs_before_virtual_time_moves(void **state)
{
    (void)state;
    struct noting_task task;
    struct noting_timer timer;
    timer_start(&timer, 't', 5000 * MS);
    task_init(&task, 'p');
    loop_post(loop, &task.task);
    loop_turn(loop, CLOCK_NEVER);
    assert_string_equal(order, "p");
    assert_int_equal(loop_now_ns(loop), 1000 * MS);
    loop_turn(loop, CLOCK_NEVER);
    assert_string_equal(order, "pt");
}

static void a_posted_task_can_be_taken_back(void **state)
{
    (void)state;
    struct noting_task a, b;
    task_init(&a, 'a');
    task_init(&b, 'b');
    loop_post(loop, &a.task);
    loop_post(loop, &b.task);
    loop_task_cancel(loop, &b.task);
    loop_turn(loop, CLOCK_NEVER);
    loop_turn(loop, CLOCK_NEVER);
    assert_string_equal(order, "a");
}

// ---- descriptors

struct noting_fd {
    struct loop_fd watch;
    int fd;
    char name;
    unsigned ready;
    unsigned calls;
    struct noting_fd *removes;
};

static void on_noting_fd(void *context, unsigned ready)
{
    struct noting_fd *fd = context;
    note(fd->name);
    fd->ready = ready;
    fd->calls++;
    if (fd->removes) {
        loop_fd_remove(loop, &fd->removes->watch);
    }
}

// An eventfd: always writable, readable while its count is not 0.
static void fd_start(struct noting_fd *fd, char name, unsigned count, unsigned interest,
                     enum loop_pace pace)
{
    *fd = (struct noting_fd){.name = name, .fd = eventfd(count, EFD_NONBLOCK | EFD_CLOEXEC)};
    assert_true(fd->fd >= 0);
    assert_true(loop_fd_add(loop, &fd->watch, fd->fd, interest, pace, on_noting_fd, fd));
}

static void fd_stop(struct noting_fd *fd)
{
    loop_fd_remove(loop, &fd->watch);
    close(fd->fd);
}

static void virtual_time_stands_while_a_descriptor_is_ready(void **state)
{
    (void)state;
    struct noting_fd fd;
    struct noting_timer timer;
    timer_start(&timer, 't', 5000 * MS);
    fd_start(&fd, 'f', 1, LOOP_READ, LOOP_URGENT);
    loop_turn(loop, CLOCK_NEVER);
    loop_turn(loop, CLOCK_NEVER);
    assert_string_equal(order, "ff");
    assert_int_equal(loop_now_ns(loop), 1000 * MS);
    fd_stop(&fd);
    loop_turn(loop, CLOCK_NEVER);
    assert_string_equal(order, "fft");
}

static void readiness_is_told_as_far_as_it_was_asked_for(void **state)
{
    (void)state;
    struct noting_fd fd;
    fd_start(&fd, 'f', 1, LOOP_READ, LOOP_URGENT);
    loop_turn(loop, CLOCK_NEVER);
    assert_int_equal(fd.ready, LOOP_READ);
    loop_fd_set(loop, &fd.watch, LOOP_READ | LOOP_WRITE, LOOP_URGENT);
    loop_turn(loop, CLOCK_NEVER);
    assert_int_equal(fd.ready, LOOP_READ | LOOP_WRITE);
    loop_fd_set(loop, &fd.watch, LOOP_WRITE, LOOP_URGENT);
    loop_turn(loop, CLOCK_NEVER);
    assert_int_equal(fd.ready, LOOP_WRITE);
    fd_stop(&fd);
}

static void a_hang_up_is_told_as_what_was_asked_for(void **state)
{
    (void)state;
    struct noting_fd reader = {.name = 'r'};
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_true(
        loop_fd_add(loop, &reader.watch, ends[0], LOOP_READ, LOOP_URGENT, on_noting_fd, &reader));
    close(ends[1]);
    loop_turn(loop, CLOCK_NEVER);
    assert_int_equal(reader.ready, LOOP_READ);
    loop_fd_remove(loop, &reader.watch);
    close(ends[0]);

    struct noting_fd writer = {.name = 'w'};
    assert_int_equal(pipe(ends), 0);
    assert_true(
        loop_fd_add(loop, &writer.watch, ends[1], LOOP_WRITE, LOOP_URGENT, on_noting_fd, &writer));
    close(ends[0]);
    loop_turn(loop, CLOCK_NEVER);
    assert_int_equal(writer.ready, LOOP_WRITE);
    loop_fd_remove(loop, &writer.watch);
    close(ends[1]);
}

static void a_hang_up_without_interest_does_not_spin(void **state)
{
    (void)state;
    struct noting_fd reader = {.name = 'r'};
    struct noting_timer timer;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_true(
        loop_fd_add(loop, &reader.watch, ends[0], LOOP_READ, LOOP_URGENT, on_noting_fd, &reader));
    loop_fd_set(loop, &reader.watch, 0, LOOP_URGENT);
    close(ends[1]);
    timer_start(&timer, 't', 2000 * MS);
    loop_turn(loop, CLOCK_NEVER);
    assert_string_equal(order, "t"); // time moved: nothing was ready
    loop_fd_set(loop, &reader.watch, LOOP_READ, LOOP_URGENT);
    loop_turn(loop, CLOCK_NEVER);
    assert_string_equal(order, "tr");
    loop_fd_remove(loop, &reader.watch);
    close(ends[0]);
}

static void paced_descriptors_wait_to_be_polled(void **state)
{
    (void)state;
    struct noting_fd paced, urgent;
    fd_start(&paced, 'p', 1, LOOP_READ, LOOP_PACED);
    loop_turn(loop, 2000 * MS);
    assert_string_equal(order, "");
    assert_int_equal(loop_now_ns(loop), 2000 * MS);
    loop_poll_paced(loop);
    assert_string_equal(order, "p");
    fd_start(&urgent, 'u', 1, LOOP_READ, LOOP_URGENT);
    loop_poll_paced(loop);
    assert_string_equal(order, "pp");
    loop_turn(loop, CLOCK_NEVER);
    assert_string_equal(order, "ppu");
    fd_stop(&urgent);
    fd_stop(&paced);
}

static void a_descriptor_can_change_its_pace(void **state)
{
    (void)state;
    struct noting_fd fd;
    fd_start(&fd, 'f', 1, LOOP_READ, LOOP_URGENT);
    loop_fd_set(loop, &fd.watch, LOOP_READ, LOOP_PACED);
    loop_turn(loop, 2000 * MS);
    assert_string_equal(order, "");
    loop_poll_paced(loop);
    assert_string_equal(order, "f");
    loop_fd_set(loop, &fd.watch, LOOP_READ, LOOP_URGENT);
    loop_poll_paced(loop);
    assert_string_equal(order, "f");
    loop_turn(loop, CLOCK_NEVER);
    assert_string_equal(order, "ff");
    fd_stop(&fd);
}

static void a_removed_watch_is_not_called_again_in_its_batch(void **state)
{
    (void)state;
    for (int pace = LOOP_URGENT; pace <= LOOP_PACED; pace++) {
        struct noting_fd a, b;
        fd_start(&a, 'a', 1, LOOP_READ, pace);
        fd_start(&b, 'b', 1, LOOP_READ, pace);
        a.removes = &b;
        b.removes = &a;
        order[0] = '\0';
        if (pace == LOOP_URGENT) {
            loop_turn(loop, CLOCK_NEVER);
        } else {
            loop_poll_paced(loop);
        }
        assert_int_equal(strlen(order), 1);
        assert_int_equal(a.calls + b.calls, 1);
        fd_stop(&a);
        fd_stop(&b);
    }
}

static void a_watch_that_removes_itself_is_gone(void **state)
{
    (void)state;
    struct noting_fd a;
    fd_start(&a, 'a', 1, LOOP_READ, LOOP_URGENT);
    a.removes = &a;
    loop_turn(loop, 1500 * MS);
    loop_turn(loop, 1500 * MS);
    assert_string_equal(order, "a");
    fd_stop(&a);
}

static void a_turn_dispatches_one_batch_and_a_poll_all_that_is_ready(void **state)
{
    (void)state;
    enum { COUNT = 300 }; // more than one batch of 256
    static struct noting_fd fds[COUNT];
    unsigned calls = 0;
    for (int i = 0; i < COUNT; i++) {
        fd_start(&fds[i], 'f', 1, LOOP_READ, LOOP_URGENT);
    }
    loop_turn(loop, CLOCK_NEVER);
    for (int i = 0; i < COUNT; i++) {
        calls += fds[i].calls;
        fds[i].calls = 0;
        loop_fd_set(loop, &fds[i].watch, LOOP_READ, LOOP_PACED);
    }
    assert_int_equal(calls, 256);
    order[0] = '\0';
    loop_poll_paced(loop);
    for (int i = 0; i < COUNT; i++) {
        assert_true(fds[i].calls >= 1); // ready all the time, so some twice, none left out
        fd_stop(&fds[i]);
    }
    assert_true(strlen(order) <= 512);
}

static void a_bad_descriptor_is_refused(void **state)
{
    (void)state;
    struct loop_fd watch = {0};
    assert_false(loop_fd_add(loop, &watch, 1000000, LOOP_READ, LOOP_URGENT, on_noting_fd, NULL));
    assert_int_equal(errno, EBADF);
    assert_false(watch.added);
    loop_fd_remove(loop, &watch);
}

// ---- real time

static void a_real_turn_sleeps_until_its_deadline(void **state)
{
    (void)state;
    uint64_t begin_ns = loop_refresh_now(loop);
    loop_turn(loop, begin_ns + 1500 * CLOCK_NS_PER_US);
    assert_true(loop_now_ns(loop) >= begin_ns + 1500 * CLOCK_NS_PER_US);
    loop_turn(loop, begin_ns); // in the past: does not sleep
    struct noting_timer timer;
    timer_start(&timer, 't', loop_now_ns(loop) + 700 * CLOCK_NS_PER_US);
    loop_turn(loop, CLOCK_NEVER);
    assert_string_equal(order, "t");
}

static void an_old_kernel_or_a_sandbox_costs_precision_only(void **state)
{
    (void)state;
    static const int refusals[] = {ENOSYS, EPERM};
    for (size_t i = 0; i < BASE_COUNT(refusals); i++) {
        struct error error;
        struct loop *old = loop_create(&test_clock, &error);
        pwait2_errno = refusals[i];
        uint64_t begin_ns = loop_refresh_now(old);
        loop_turn(old, begin_ns + 1500 * CLOCK_NS_PER_US);
        assert_true(loop_now_ns(old) >= begin_ns + 1500 * CLOCK_NS_PER_US);
        loop_destroy(old);
    }
}

static unsigned interruptions;

static void on_interruption(int signal_number)
{
    (void)signal_number;
    interruptions++;
}

static void *interrupt_main_thread(void *context)
{
    for (int i = 0; i < 5; i++) {
        struct timespec pause = {.tv_nsec = 3000000};
        nanosleep(&pause, NULL);
        pthread_kill(*(pthread_t *)context, SIGUSR2);
    }
    return NULL;
}

static void signals_that_interrupt_do_not_end_the_sleep(void **state)
{
    (void)state;
    struct sigaction action = {.sa_handler = on_interruption};
    struct sigaction before;
    pthread_t self = pthread_self();
    pthread_t thread;
    interruptions = 0;
    assert_int_equal(sigaction(SIGUSR2, &action, &before), 0);
    assert_int_equal(pthread_create(&thread, NULL, interrupt_main_thread, &self), 0);
    uint64_t deadline_ns = loop_refresh_now(loop) + 40 * MS;
    loop_turn(loop, deadline_ns);
    assert_true(loop_now_ns(loop) >= deadline_ns);
    pthread_join(thread, NULL);
    assert_true(interruptions > 0);
    sigaction(SIGUSR2, &before, NULL);
}

// ---- signals

static int caught;

static void on_signal(void *context, int signal_number)
{
    (void)context;
    caught = signal_number;
    note('s');
}

static void signals_arrive_as_events(void **state)
{
    (void)state;
    struct error error;
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGUSR1);
    assert_true(loop_catch_signals(loop, &signals, on_signal, NULL, &error));
    raise(SIGTERM);
    loop_turn(loop, CLOCK_NEVER);
    assert_int_equal(caught, SIGTERM);
    raise(SIGUSR1);
    loop_turn(loop, CLOCK_NEVER);
    assert_int_equal(caught, SIGUSR1);
    assert_string_equal(order, "ss");
    raise(SIGTERM); // still pending when the loop ends: must not kill the process then
    loop_destroy(loop);
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    assert_false(sigismember(&blocked, SIGTERM));
    loop = NULL;
}

static void destroying_nothing_is_allowed(void **state)
{
    (void)state;
    loop_destroy(NULL);
}

#define VIRTUAL(test) cmocka_unit_test_setup_teardown(test, start_virtual, stop)
#define REAL(test)    cmocka_unit_test_setup_teardown(test, start_real, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        VIRTUAL(virtual_time_jumps_to_the_earliest_timer),
        VIRTUAL(virtual_time_stops_at_the_deadline),
        VIRTUAL(virtual_time_without_anything_to_wait_for_stands),
        VIRTUAL(virtual_time_stands_while_a_descriptor_is_ready),
        VIRTUAL(a_timer_in_the_past_fires_in_the_next_turn),
        VIRTUAL(a_cancelled_timer_does_not_fire),
        VIRTUAL(a_rearmed_timer_fires_once_at_its_new_time),
        VIRTUAL(a_timer_handler_may_cancel_one_that_is_due_too),
        VIRTUAL(a_timer_that_rearms_itself_in_the_past_does_not_hold_the_turn),
        VIRTUAL(many_timers_fire_in_order_whatever_is_cancelled),
        VIRTUAL(deferred_tasks_run_once_in_order_without_moving_time),
        VIRTUAL(a_task_deferred_by_a_task_runs_in_the_next_turn),
        VIRTUAL(a_task_may_cancel_one_that_runs_later_in_the_same_turn),
        REAL(a_posted_task_wakes_a_sleeping_loop),
        VIRTUAL(a_posted_task_runs_before_virtual_time_moves),
        VIRTUAL(a_posted_task_can_be_taken_back),
        VIRTUAL(readiness_is_told_as_far_as_it_was_asked_for),
        VIRTUAL(a_hang_up_is_told_as_what_was_asked_for),
        VIRTUAL(a_hang_up_without_interest_does_not_spin),
        VIRTUAL(paced_descriptors_wait_to_be_polled),
        VIRTUAL(a_descriptor_can_change_its_pace),
        VIRTUAL(a_removed_watch_is_not_called_again_in_its_batch),
        VIRTUAL(a_watch_that_removes_itself_is_gone),
        VIRTUAL(a_turn_dispatches_one_batch_and_a_poll_all_that_is_ready),
        VIRTUAL(a_bad_descriptor_is_refused),
        REAL(a_real_turn_sleeps_until_its_deadline),
        REAL(an_old_kernel_or_a_sandbox_costs_precision_only),
        REAL(signals_that_interrupt_do_not_end_the_sleep),
        VIRTUAL(signals_arrive_as_events),
        cmocka_unit_test(destroying_nothing_is_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
