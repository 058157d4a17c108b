// SPDX-License-Identifier: MIT
// The event loop: waits, then dispatches descriptors, timers, posted and deferred tasks, each a
// bounded amount a turn. Knows nothing of what its handlers do. Driven by game/server's main loop
// and by tests.
//
// A handler may remove any watch, timer or task. So a batch of ready descriptors is kept in the
// loop while it is dispatched, and a removed watch is blanked out of it; lists of tasks are
// detached before they run, and a cancelled task is looked for in the detached list too.

#include "config/base/loop.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "config/base/log.h"
#include "config/base/loop_timers.h"
#include "config/base/prefetch.h"

#define BATCH_EVENTS 256
#define FETCH_AHEAD  (LOOP_FETCH_STEPS + 1) // events: first the watch itself

struct watch_set {
    int epoll_fd;
    unsigned watches;
    int ready_count;
    int ready_next; // the first event of the batch that was not dispatched yet
    struct epoll_event ready[BATCH_EVENTS];
};

struct task_list {
    struct loop_task *first;
    struct loop_task **end;
};

struct loop {
    struct clock *clock;
    uint64_t now_ns;
    uint64_t deadline_ns;     // of the present turn
    struct watch_set sets[2]; // by enum loop_pace
    bool no_pwait2;           // an old kernel or a strict seccomp profile
    struct loop_timers timers;
    struct task_list deferred;
    struct task_list running;
    struct task_list posted; // under posted_lock
    pthread_mutex_t posted_lock;
    struct loop_fd posted_watch;
    struct loop_fd signal_watch;
    sigset_t signals_before;
    void (*signal_handler)(void *context, int signal_number);
    void *signal_context;
};

// ---- task lists

static void list_clear(struct task_list *list)
{
    *list = (struct task_list){.first = NULL, .end = &list->first};
}

static void list_append(struct task_list *list, struct loop_task *task)
{
    task->next = NULL;
    task->queued = true;
    *list->end = task;
    list->end = &task->next;
}

static void list_move(struct task_list *from, struct task_list *to)
{
    assert(!to->first);
    if (from->first) {
        *to = *from;
        list_clear(from);
    }
}

static bool list_remove(struct task_list *list, struct loop_task *task)
{
    for (struct loop_task **at = &list->first; *at; at = &(*at)->next) {
        if (*at == task) {
            *at = task->next;
            list->end = task->next ? list->end : at;
            task->queued = false;
            return true;
        }
    }
    return false;
}

// Runs the tasks that stand in `list` now; what they queue runs in the next turn.
static void list_run(struct loop *loop, struct task_list *list)
{
    struct loop_task *task;
    list_move(list, &loop->running);
    while ((task = loop->running.first)) {
        list_remove(&loop->running, task);
        task->handler(task->context);
    }
}

void loop_task_init(struct loop_task *task, void (*handler)(void *context), void *context)
{
    *task = (struct loop_task){.handler = handler, .context = context};
}

void loop_defer(struct loop *loop, struct loop_task *task)
{
    if (!task->queued) {
        list_append(&loop->deferred, task);
    }
}

void loop_task_cancel(struct loop *loop, struct loop_task *task)
{
    if (!list_remove(&loop->deferred, task) && !list_remove(&loop->running, task)) {
        pthread_mutex_lock(&loop->posted_lock);
        list_remove(&loop->posted, task);
        pthread_mutex_unlock(&loop->posted_lock);
    }
}

// ---- posting from other threads

void loop_post(struct loop *loop, struct loop_task *task)
{
    pthread_mutex_lock(&loop->posted_lock);
    assert(!task->queued);
    list_append(&loop->posted, task);
    // Inside the lock, so that the loop cannot run the task, and be destroyed by what it does,
    // between the two. It fails only when the counter is full, and then the loop wakes anyway.
    ssize_t written = write(loop->posted_watch.fd, &(uint64_t){1}, sizeof(uint64_t));
    (void)written;
    pthread_mutex_unlock(&loop->posted_lock);
}

// Only empties the eventfd: the tasks have their own place in the turn.
static void on_posted(void *context, unsigned ready)
{
    (void)ready;
    struct loop *loop = context;
    uint64_t count;
    ssize_t got = read(loop->posted_watch.fd, &count, sizeof(count));
    (void)got;
}

static void run_posted(struct loop *loop)
{
    struct task_list taken;
    list_clear(&taken);
    pthread_mutex_lock(&loop->posted_lock);
    list_move(&loop->posted, &taken);
    pthread_mutex_unlock(&loop->posted_lock);
    list_run(loop, &taken);
}

// ---- descriptors

static bool watch_control(struct watch_set *set, int operation, struct loop_fd *watch)
{
    struct epoll_event event = {.data.ptr = watch};
    event.events = (watch->interest & LOOP_READ ? EPOLLIN | EPOLLRDHUP : 0u) |
                   (watch->interest & LOOP_WRITE ? EPOLLOUT : 0u);
    return epoll_ctl(set->epoll_fd, operation, watch->fd, &event) == 0;
}

// A watch without interest is in no epoll set: the kernel reports hang-ups even to an empty mask,
// and a level-triggered event that nobody takes would spin the loop.
static bool watch_enter(struct loop *loop, struct loop_fd *watch)
{
    struct watch_set *set = &loop->sets[watch->pace];
    return watch->interest == 0 || watch_control(set, EPOLL_CTL_ADD, watch);
}

static void watch_leave(struct loop *loop, struct loop_fd *watch)
{
    struct watch_set *set = &loop->sets[watch->pace];
    if (watch->interest != 0) {
        watch_control(set, EPOLL_CTL_DEL, watch);
    }
    for (int i = set->ready_next; i < set->ready_count; i++) {
        if (set->ready[i].data.ptr == watch) {
            set->ready[i].data.ptr = NULL;
        }
    }
}

bool loop_fd_add(struct loop *loop, struct loop_fd *watch, int fd, unsigned interest,
                 enum loop_pace pace, void (*handler)(void *context, unsigned ready), void *context)
{
    assert(!watch->added && fd >= 0);
    *watch = (struct loop_fd){
        .fd = fd, .interest = interest, .pace = pace, .handler = handler, .context = context};
    if (!watch_enter(loop, watch)) {
        return false;
    }
    watch->added = true;
    loop->sets[pace].watches++;
    return true;
}

void loop_fd_set(struct loop *loop, struct loop_fd *watch, unsigned interest, enum loop_pace pace)
{
    assert(watch->added);
    if (interest == watch->interest && pace == watch->pace) {
        return;
    }
    bool entered;
    if (pace == watch->pace && interest != 0 && watch->interest != 0) {
        watch->interest = interest;
        entered = watch_control(&loop->sets[pace], EPOLL_CTL_MOD, watch);
    } else {
        watch_leave(loop, watch);
        loop->sets[watch->pace].watches--;
        watch->interest = interest;
        watch->pace = pace;
        loop->sets[pace].watches++;
        entered = watch_enter(loop, watch);
    }
    if (!entered) {
        // The kernel has no memory for a few bytes, or the descriptor was closed under the watch.
        log_event(LOG_ERROR, "loop_watch_failed", LOG_S("error", strerror(errno)));
        abort();
    }
}

void loop_fd_remove(struct loop *loop, struct loop_fd *watch)
{
    if (watch->added) {
        watch_leave(loop, watch);
        loop->sets[watch->pace].watches--;
        watch->added = false;
    }
}

// Has the watch of event `at` fetched, and takes those before it, which are under way, one step on.
static void set_fetch(const struct watch_set *set, int at)
{
    if (at < set->ready_count) {
        prefetch(set->ready[at].data.ptr, sizeof(struct loop_fd));
    }
    for (int step = 0; step < LOOP_FETCH_STEPS; step++) {
        int i = at - 1 - step;
        const struct loop_fd *watch =
            i >= 0 && i < set->ready_count ? set->ready[i].data.ptr : NULL;
        if (watch && watch->fetch) {
            watch->fetch(watch->context, (unsigned)step);
        }
    }
}

static void set_dispatch(struct watch_set *set)
{
    for (int i = 0; i < FETCH_AHEAD; i++) {
        set_fetch(set, i);
    }
    while (set->ready_next < set->ready_count) {
        set_fetch(set, set->ready_next + FETCH_AHEAD);
        const struct epoll_event *event = &set->ready[set->ready_next++];
        struct loop_fd *watch = event->data.ptr;
        unsigned ready = 0;
        if (!watch) {
            continue;
        }
        ready |= event->events & (EPOLLIN | EPOLLRDHUP) ? LOOP_READ : 0u;
        ready |= event->events & EPOLLOUT ? LOOP_WRITE : 0u;
        ready |= event->events & (EPOLLHUP | EPOLLERR) ? LOOP_READ | LOOP_WRITE : 0u;
        ready &= watch->interest; // an earlier handler of this batch may have changed it
        if (ready) {
            watch->handler(watch->context, ready);
        }
    }
}

void loop_poll_paced(struct loop *loop)
{
    struct watch_set *set = &loop->sets[LOOP_PACED];
    assert(set->ready_next == set->ready_count); // not from inside a paced handler
    // Level-triggered, so a handler that leaves its descriptor ready would be called for ever: at
    // most as many batches as all watches fill.
    unsigned batches = set->watches / BATCH_EVENTS + 1;
    do {
        int count = epoll_wait(set->epoll_fd, set->ready, BATCH_EVENTS, 0);
        set->ready_count = count > 0 ? count : 0;
        set->ready_next = 0;
        set_dispatch(set);
    } while (set->ready_count == BATCH_EVENTS && --batches > 0);
}

// ---- timers

void loop_timer_init(struct loop_timer *timer, void (*handler)(void *context), void *context)
{
    *timer = (struct loop_timer){.handler = handler, .context = context};
}

void loop_timer_set(struct loop *loop, struct loop_timer *timer, uint64_t due_ns)
{
    loop_timers_put(&loop->timers, timer, due_ns);
}

void loop_timer_cancel(struct loop *loop, struct loop_timer *timer)
{
    if (timer->slot != 0) {
        loop_timers_remove(&loop->timers, timer);
    }
}

// At most as many calls as timers were armed before, so that one that re-arms itself in the past
// cannot hold the loop.
static void run_timers(struct loop *loop)
{
    struct loop_timer *timer;
    unsigned budget = loop->timers.count;
    while (budget-- > 0 && (timer = loop_timers_first(&loop->timers)) &&
           timer->due_ns <= loop->now_ns) {
        loop_timers_remove(&loop->timers, timer);
        timer->handler(timer->context);
    }
}

// ---- signals

static void on_signal(void *context, unsigned ready)
{
    (void)ready;
    struct loop *loop = context;
    struct signalfd_siginfo info;
    if (read(loop->signal_watch.fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        loop->signal_handler(loop->signal_context, (int)info.ssi_signo);
    }
}

bool loop_catch_signals(struct loop *loop, const sigset_t *signals,
                        void (*handler)(void *context, int signal_number), void *context,
                        struct error *error)
{
    assert(!loop->signal_watch.added);
    int status = pthread_sigmask(SIG_BLOCK, signals, &loop->signals_before);
    if (status != 0) {
        return error_set(error, "cannot block signals: %s", strerror(status));
    }
    int fd = signalfd(-1, signals, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd < 0) {
        error_set(error, "cannot make a signal descriptor: %s", strerror(errno));
        goto unblock;
    }
    if (!loop_fd_add(loop, &loop->signal_watch, fd, LOOP_READ, LOOP_URGENT, on_signal, loop)) {
        error_set(error, "cannot watch the signal descriptor: %s", strerror(errno));
        goto close_fd;
    }
    loop->signal_handler = handler;
    loop->signal_context = context;
    return true;

close_fd:
    close(fd);
unblock:
    pthread_sigmask(SIG_SETMASK, &loop->signals_before, NULL);
    return false;
}

static void release_signals(struct loop *loop)
{
    if (!loop->signal_watch.added) {
        return;
    }
    // A signal that is still pending would otherwise kill the process now, in the middle of its
    // orderly end.
    struct signalfd_siginfo info;
    while (read(loop->signal_watch.fd, &info, sizeof(info)) > 0) {
    }
    loop_fd_remove(loop, &loop->signal_watch);
    close(loop->signal_watch.fd);
    pthread_sigmask(SIG_SETMASK, &loop->signals_before, NULL);
}

// ---- turning

uint64_t loop_now_ns(const struct loop *loop)
{
    return loop->now_ns;
}

struct clock *loop_clock(const struct loop *loop)
{
    return loop->clock;
}

uint64_t loop_refresh_now(struct loop *loop)
{
    loop->now_ns = clock_now_ns(loop->clock);
    return loop->now_ns;
}

// One wait on the urgent set; `timeout_ns` may be CLOCK_NEVER.
static int wait_once(struct loop *loop, uint64_t timeout_ns)
{
    struct watch_set *set = &loop->sets[LOOP_URGENT];
    if (!loop->no_pwait2) {
        struct timespec timeout = {.tv_sec = (time_t)(timeout_ns / CLOCK_NS_PER_S),
                                   .tv_nsec = (long)(timeout_ns % CLOCK_NS_PER_S)};
        int count = epoll_pwait2(set->epoll_fd, set->ready, BATCH_EVENTS,
                                 timeout_ns == CLOCK_NEVER ? NULL : &timeout, NULL);
        if (count >= 0 || (errno != ENOSYS && errno != EPERM)) {
            return count;
        }
        loop->no_pwait2 = true;
    }
    uint64_t timeout_ms = timeout_ns / CLOCK_NS_PER_MS + (timeout_ns % CLOCK_NS_PER_MS != 0);
    timeout_ms = timeout_ms < 60000 ? timeout_ms : 60000; // the caller looks again
    return epoll_wait(set->epoll_fd, set->ready, BATCH_EVENTS,
                      timeout_ns == CLOCK_NEVER ? -1 : (int)timeout_ms);
}

static int wait_until(struct loop *loop, uint64_t wake_ns)
{
    for (;;) {
        uint64_t now_ns = clock_now_ns(loop->clock);
        bool waits = wake_ns > now_ns && !loop->clock->is_virtual;
        uint64_t timeout_ns = !waits ? 0 : wake_ns == CLOCK_NEVER ? CLOCK_NEVER : wake_ns - now_ns;
        int count = wait_once(loop, timeout_ns);
        bool too_early = count == 0 && waits && clock_now_ns(loop->clock) < wake_ns;
        if (count < 0 && errno != EINTR) {
            log_event(LOG_ERROR, "loop_wait_failed", LOG_S("error", strerror(errno)));
            abort(); // only a bad descriptor or pointer: our bug
        }
        if (count >= 0 && !too_early) {
            return count;
        }
    }
}

void loop_turn(struct loop *loop, uint64_t deadline_ns)
{
    struct watch_set *set = &loop->sets[LOOP_URGENT];
    assert(set->ready_next == set->ready_count); // not from inside a handler
    const struct loop_timer *timer = loop_timers_first(&loop->timers);
    uint64_t wake_ns = timer && timer->due_ns < deadline_ns ? timer->due_ns : deadline_ns;
    bool busy = loop->deferred.first;

    loop->deadline_ns = deadline_ns;
    int count = wait_until(loop, busy ? 0 : wake_ns);
    struct clock *clock = loop->clock;
    if (clock->is_virtual && count == 0 && !busy && wake_ns != CLOCK_NEVER &&
        wake_ns > clock->virtual_now_ns) {
        clock->virtual_now_ns = wake_ns;
    }
    loop_refresh_now(loop);

    set->ready_count = count;
    set->ready_next = 0;
    set_dispatch(set);
    run_timers(loop);
    run_posted(loop);
    list_run(loop, &loop->deferred);
}

uint64_t loop_deadline_ns(const struct loop *loop)
{
    return loop->deadline_ns;
}

// ---- life

struct loop *loop_create(struct clock *clock, struct error *error)
{
    struct loop *loop = calloc(1, sizeof(*loop));
    if (!loop) {
        error_set(error, "no memory for the event loop");
        return NULL;
    }
    loop->clock = clock;
    loop_refresh_now(loop);
    list_clear(&loop->deferred);
    list_clear(&loop->running);
    list_clear(&loop->posted);
    pthread_mutex_init(&loop->posted_lock, NULL);
    loop->sets[LOOP_URGENT].epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop->sets[LOOP_PACED].epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    int post_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (loop->sets[LOOP_URGENT].epoll_fd < 0 || loop->sets[LOOP_PACED].epoll_fd < 0 ||
        post_fd < 0 ||
        !loop_fd_add(loop, &loop->posted_watch, post_fd, LOOP_READ, LOOP_URGENT, on_posted, loop)) {
        error_set(error, "cannot make the event loop: %s", strerror(errno));
        loop->posted_watch.fd = post_fd;
        loop_destroy(loop);
        return NULL;
    }
    return loop;
}

static void close_if_open(int fd)
{
    if (fd >= 0) {
        close(fd);
    }
}

void loop_destroy(struct loop *loop)
{
    if (!loop) {
        return;
    }
    assert(!loop->running.first && !loop->deferred.first && !loop->posted.first);
    release_signals(loop);
    loop_fd_remove(loop, &loop->posted_watch);
    close_if_open(loop->posted_watch.fd);
    assert(loop->sets[LOOP_URGENT].watches == 0 && loop->sets[LOOP_PACED].watches == 0);
    loop_timers_finish(&loop->timers);
    close_if_open(loop->sets[LOOP_URGENT].epoll_fd);
    close_if_open(loop->sets[LOOP_PACED].epoll_fd);
    pthread_mutex_destroy(&loop->posted_lock);
    free(loop);
}
