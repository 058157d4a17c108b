// SPDX-License-Identifier: MIT
// Jobs run one at a time in order, are bounded in number, and are never lost, threaded or not.

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/base/worker.h"

static struct clock test_clock;
static struct loop *loop;
static struct worker *worker;
static char done_order[64];
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER; // held: work waits

struct test_job {
    struct worker_job job;
    char name;
    bool worked;
    bool done;
    bool in_other_thread;
    pthread_t submitter;
    sigset_t blocked;
    struct test_job *submits;
};

static void on_work(void *context)
{
    struct test_job *job = context;
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
    job->in_other_thread = !pthread_equal(job->submitter, pthread_self());
    pthread_sigmask(SIG_SETMASK, NULL, &job->blocked);
    __atomic_store_n(&job->worked, true, __ATOMIC_SEQ_CST); // a test looks on
}

static void on_done(void *context)
{
    struct test_job *job = context;
    assert_true(job->worked);
    assert_true(pthread_equal(job->submitter, pthread_self()));
    job->done = true;
    size_t used = strlen(done_order);
    assert_true(used + 1 < sizeof(done_order));
    done_order[used] = job->name;
    done_order[used + 1] = '\0';
    if (job->submits) {
        assert_true(worker_submit(worker, &job->submits->job));
    }
}

static void job_init(struct test_job *job, char name)
{
    *job = (struct test_job){.name = name, .submitter = pthread_self()};
    job->job = (struct worker_job){.work = on_work, .done = on_done, .context = job};
}

static int start(bool threaded)
{
    struct error error;
    if (threaded) {
        clock_init_monotonic(&test_clock);
    } else {
        clock_init_virtual(&test_clock, 0);
    }
    done_order[0] = '\0';
    loop = loop_create(&test_clock, &error);
    worker = worker_create(loop, "a name longer than the kernel takes", 3, threaded, &error);
    return worker ? 0 : -1;
}

static int start_threaded(void **state)
{
    (void)state;
    return start(true);
}

static int start_unthreaded(void **state)
{
    (void)state;
    return start(false);
}

static int stop(void **state)
{
    (void)state;
    worker_destroy(worker);
    loop_destroy(loop);
    return 0;
}

static void finish_all(void)
{
    for (int turn = 0; turn < 1000 && worker_pending(worker) > 0; turn++) {
        loop_turn(loop, loop_refresh_now(loop) + CLOCK_NS_PER_S);
    }
    assert_int_equal(worker_pending(worker), 0);
}

static void jobs_are_done_in_order(void **state)
{
    (void)state;
    struct test_job jobs[3];
    for (int round = 0; round < 100; round++) {
        done_order[0] = '\0';
        for (int i = 0; i < 3; i++) {
            job_init(&jobs[i], (char)('a' + i));
            assert_true(worker_submit(worker, &jobs[i].job));
        }
        finish_all();
        assert_string_equal(done_order, "abc");
    }
}

static void work_runs_on_a_thread_without_signals(void **state)
{
    (void)state;
    struct test_job job;
    job_init(&job, 'a');
    assert_true(worker_submit(worker, &job.job));
    finish_all();
    assert_true(job.in_other_thread);
    assert_true(sigismember(&job.blocked, SIGTERM));
    assert_true(sigismember(&job.blocked, SIGINT));
    sigset_t mine;
    pthread_sigmask(SIG_SETMASK, NULL, &mine);
    assert_false(sigismember(&mine, SIGTERM));
}

static void a_full_queue_refuses_and_leaves_the_job_alone(void **state)
{
    (void)state;
    struct test_job jobs[4];
    pthread_mutex_lock(&gate);
    for (int i = 0; i < 4; i++) {
        job_init(&jobs[i], (char)('a' + i));
        assert_int_equal(worker_submit(worker, &jobs[i].job), i < 3);
    }
    assert_int_equal(worker_pending(worker), 3);
    pthread_mutex_unlock(&gate);
    finish_all();
    assert_string_equal(done_order, "abc");
    assert_false(jobs[3].worked);
    assert_true(worker_submit(worker, &jobs[3].job));
    finish_all();
    assert_string_equal(done_order, "abcd");
}

static void destroying_finishes_every_job(void **state)
{
    (void)state;
    struct test_job jobs[3];
    struct test_job late;
    job_init(&late, 'z');
    for (int i = 0; i < 3; i++) {
        job_init(&jobs[i], (char)('a' + i));
        assert_true(worker_submit(worker, &jobs[i].job));
    }
    jobs[2].submits = &late;
    worker_destroy(worker);
    worker = NULL;
    assert_string_equal(done_order, "abcz");
}

static void destroying_with_answers_on_their_way_leaves_nothing_in_the_loop(void **state)
{
    (void)state;
    struct test_job job;
    job_init(&job, 'a');
    assert_true(worker_submit(worker, &job.job));
    for (int i = 0; i < 1000 && !__atomic_load_n(&job.worked, __ATOMIC_SEQ_CST); i++) {
        usleep(1000);
    }
    worker_destroy(worker);
    worker = NULL;
    assert_string_equal(done_order, "a");
    loop_turn(loop, 0); // a stale task would be called here
    assert_string_equal(done_order, "a");
}

static void without_a_thread_done_still_comes_from_the_loop(void **state)
{
    (void)state;
    struct test_job a, b;
    job_init(&a, 'a');
    job_init(&b, 'b');
    a.submits = &b;
    assert_true(worker_submit(worker, &a.job));
    assert_true(a.worked);
    assert_false(a.in_other_thread);
    assert_false(a.done);
    assert_int_equal(worker_pending(worker), 1);
    loop_turn(loop, CLOCK_NEVER);
    assert_true(a.done);
    for (int turn = 0; turn < 3; turn++) {
        loop_turn(loop, CLOCK_NEVER);
    }
    assert_string_equal(done_order, "ab");
    assert_int_equal(loop_now_ns(loop), 0);
}

static unsigned chain_length;

static void on_chain_done(void *context)
{
    struct worker_job *job = context;
    if (++chain_length < 100) {
        assert_true(worker_submit(worker, job));
    }
}

static void on_chain_work(void *context)
{
    (void)context;
}

static void a_chain_of_jobs_does_not_hold_the_turn(void **state)
{
    (void)state;
    struct worker_job job = {.work = on_chain_work, .done = on_chain_done, .context = &job};
    chain_length = 0;
    assert_true(worker_submit(worker, &job));
    loop_turn(loop, CLOCK_NEVER);
    assert_int_equal(chain_length, 3); // max_jobs
    finish_all();
    assert_int_equal(chain_length, 100);
}

#define THREADED(test)   cmocka_unit_test_setup_teardown(test, start_threaded, stop)
#define UNTHREADED(test) cmocka_unit_test_setup_teardown(test, start_unthreaded, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        THREADED(jobs_are_done_in_order),
        UNTHREADED(jobs_are_done_in_order),
        THREADED(work_runs_on_a_thread_without_signals),
        THREADED(a_full_queue_refuses_and_leaves_the_job_alone),
        THREADED(destroying_finishes_every_job),
        UNTHREADED(destroying_finishes_every_job),
        THREADED(destroying_with_answers_on_their_way_leaves_nothing_in_the_loop),
        UNTHREADED(without_a_thread_done_still_comes_from_the_loop),
        UNTHREADED(a_chain_of_jobs_does_not_hold_the_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
