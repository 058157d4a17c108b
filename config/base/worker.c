// SPDX-License-Identifier: MIT
// One thread with a queue. Knows nothing of the jobs; driven by auth/ for its databases.
//
// Two lists under one lock: jobs waiting for the thread, and jobs whose work is done, which the
// loop collects with a single posted task however many there are.

#include "config/base/worker.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct job_list {
    struct worker_job *first;
    struct worker_job **end;
};

struct worker {
    struct loop *loop;
    unsigned max_jobs;
    unsigned pending; // submitted, `done` not called yet; the loop's thread only
    bool threaded;
    struct loop_task collect;

    pthread_t thread;
    pthread_mutex_t lock; // for what follows
    pthread_cond_t wake;
    struct job_list waiting;
    struct job_list finished;
    bool collecting; // `collect` is on its way to the loop
    bool stop;
};

static void list_clear(struct job_list *list)
{
    *list = (struct job_list){.first = NULL, .end = &list->first};
}

static void list_append(struct job_list *list, struct worker_job *job)
{
    job->next = NULL;
    *list->end = job;
    list->end = &job->next;
}

static struct worker_job *list_take(struct job_list *list)
{
    struct worker_job *job = list->first;
    if (job) {
        list->first = job->next;
        list->end = job->next ? list->end : &list->first;
    }
    return job;
}

static struct worker_job *take_finished(struct worker *worker)
{
    pthread_mutex_lock(&worker->lock);
    struct worker_job *job = list_take(&worker->finished);
    worker->collecting = job != NULL;
    pthread_mutex_unlock(&worker->lock);
    return job;
}

static void call_done(struct worker *worker, struct worker_job *job)
{
    worker->pending--;
    job->done(job->context);
}

// At most the jobs of one full queue: `done` may submit again, and a quick thread would keep us
// here for ever.
static void on_collect(void *context)
{
    struct worker *worker = context;
    struct worker_job *job;
    unsigned budget = worker->max_jobs;
    while (budget > 0 && (job = take_finished(worker))) {
        call_done(worker, job);
        budget--;
    }
    if (budget == 0) {
        loop_defer(worker->loop, &worker->collect); // `collecting` is still set
    }
}

static void *worker_main(void *context)
{
    struct worker *worker = context;
    pthread_mutex_lock(&worker->lock);
    for (;;) {
        while (!worker->waiting.first && !worker->stop) {
            pthread_cond_wait(&worker->wake, &worker->lock);
        }
        struct worker_job *job = list_take(&worker->waiting);
        if (!job) {
            break;
        }
        pthread_mutex_unlock(&worker->lock);
        job->work(job->context);
        pthread_mutex_lock(&worker->lock);
        list_append(&worker->finished, job);
        if (!worker->collecting) {
            worker->collecting = true;
            loop_post(worker->loop, &worker->collect);
        }
    }
    pthread_mutex_unlock(&worker->lock);
    return NULL;
}

// Signals are the loop's: the thread starts with all of them blocked.
static int start_thread(struct worker *worker, const char *name)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int status = pthread_create(&worker->thread, NULL, worker_main, worker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (status == 0) {
        char short_name[16]; // the kernel's bound; a longer name would be refused
        snprintf(short_name, sizeof(short_name), "%.15s", name);
        pthread_setname_np(worker->thread, short_name);
    }
    return status;
}

struct worker *worker_create(struct loop *loop, const char *name, unsigned max_jobs, bool threaded,
                             struct error *error)
{
    assert(max_jobs > 0);
    struct worker *worker = calloc(1, sizeof(*worker));
    if (!worker) {
        error_set(error, "no memory for the worker %s", name);
        return NULL;
    }
    worker->loop = loop;
    worker->max_jobs = max_jobs;
    worker->threaded = threaded;
    loop_task_init(&worker->collect, on_collect, worker);
    list_clear(&worker->waiting);
    list_clear(&worker->finished);
    pthread_mutex_init(&worker->lock, NULL);
    pthread_cond_init(&worker->wake, NULL);
    int status = threaded ? start_thread(worker, name) : 0;
    if (status != 0) {
        error_set(error, "cannot start the worker thread %s: %s", name, strerror(status));
        worker->threaded = false;
        worker_destroy(worker);
        return NULL;
    }
    return worker;
}

bool worker_submit(struct worker *worker, struct worker_job *job)
{
    if (worker->pending == worker->max_jobs) {
        return false;
    }
    worker->pending++;
    if (!worker->threaded) {
        job->work(job->context);
    }
    pthread_mutex_lock(&worker->lock);
    if (worker->threaded) {
        list_append(&worker->waiting, job);
        pthread_cond_signal(&worker->wake);
    } else {
        list_append(&worker->finished, job);
        worker->collecting = true;
        loop_defer(worker->loop, &worker->collect);
    }
    pthread_mutex_unlock(&worker->lock);
    return true;
}

unsigned worker_pending(const struct worker *worker)
{
    return worker->pending;
}

void worker_destroy(struct worker *worker)
{
    if (!worker) {
        return;
    }
    struct worker_job *job;
    if (worker->threaded) {
        pthread_mutex_lock(&worker->lock);
        worker->stop = true;
        pthread_cond_signal(&worker->wake);
        pthread_mutex_unlock(&worker->lock);
        pthread_join(worker->thread, NULL);
        // What a last `done` submits runs right here.
        worker->threaded = false;
    }
    while ((job = take_finished(worker))) {
        call_done(worker, job);
    }
    loop_task_cancel(worker->loop, &worker->collect);
    pthread_cond_destroy(&worker->wake);
    pthread_mutex_destroy(&worker->lock);
    free(worker);
}
