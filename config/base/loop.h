// SPDX-License-Identifier: MIT
// The event loop: file descriptors, timers, signals and tasks of the one thread that owns all
// state.
//
// Descriptors have a pace. An URGENT one wakes the loop at once (listeners, handshakes, joins,
// backends). A PACED one never does: it is polled when the owner of the loop says so, which the
// server does at each tick edge, because inputs are used at tick edges and a wake-up costs about
// twenty times what a datagram costs. Both kinds stand in epoll sets of their own.
//
// The loop knows nothing of ticks, sockets or players. It is not thread-safe; other threads reach
// it only through loop_post().

#ifndef CONFIG_BASE_LOOP_H
#define CONFIG_BASE_LOOP_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "config/base/bytes.h"
#include "config/base/clock.h"
#include "config/base/error.h"

struct loop;

// Neither pointer is owned. NULL on failure, with the reason in *error.
struct loop *loop_create(struct clock *clock, struct error *error) BASE_MUST_USE;
// Every descriptor, timer and task must have been removed before.
void loop_destroy(struct loop *loop);

// The time at which the current turn woke up. Handlers use this and never read a clock.
uint64_t loop_now_ns(const struct loop *loop);
struct clock *loop_clock(const struct loop *loop);

// ---- descriptors

enum loop_interest {
    LOOP_READ = 1,
    LOOP_WRITE = 2,
};

enum loop_pace {
    LOOP_URGENT,
    LOOP_PACED,
};

// Embedded in its owner; zero it before loop_fd_add(). `ready` is a mask of enum loop_interest;
// hang-up and error conditions are reported as whatever was asked for, so that the next read or
// write returns them.
struct loop_fd {
    int fd;
    unsigned interest;
    enum loop_pace pace;
    void (*handler)(void *context, unsigned ready);
    void *context;
    bool added;
    // Set after loop_fd_add(), or NULL: a hint that the handler will be called soon, so what it
    // needs should be in the cache then. Told once for each step in order, some time apart, so that
    // a step can read what the one before it has had fetched.
    void (*fetch)(void *context, unsigned step);
};

#define LOOP_FETCH_STEPS 5

// Level-triggered. The descriptor stays the caller's; it must be removed before it is closed.
// False only when the kernel refuses (out of memory or watches); errno is set.
bool loop_fd_add(struct loop *loop, struct loop_fd *watch, int fd, unsigned interest,
                 enum loop_pace pace, void (*handler)(void *context, unsigned ready), void *context)
    BASE_MUST_USE;
// Changes interest and pace; costs nothing when neither differs.
void loop_fd_set(struct loop *loop, struct loop_fd *watch, unsigned interest, enum loop_pace pace);
// Safe inside any handler: a removed watch is not called again in this turn. No-op when not added.
void loop_fd_remove(struct loop *loop, struct loop_fd *watch);

// ---- timers

// Embedded in its owner. Set it up once with loop_timer_init().
struct loop_timer {
    uint64_t due_ns; // valid while armed
    unsigned slot;   // position in the loop's heap plus one; 0 = not armed
    void (*handler)(void *context);
    void *context;
};

void loop_timer_init(struct loop_timer *timer, void (*handler)(void *context), void *context);
// Arms or re-arms; fires once, at or after due_ns. O(log n). Aborts when memory for the heap is
// short (it grows only to the largest number of timers ever armed).
void loop_timer_set(struct loop *loop, struct loop_timer *timer, uint64_t due_ns);
void loop_timer_cancel(struct loop *loop, struct loop_timer *timer); // no-op when not armed

// ---- tasks: run once at the end of the current turn, in order; the way to free what is in use

struct loop_task {
    struct loop_task *next;
    bool queued;
    void (*handler)(void *context);
    void *context;
};

void loop_task_init(struct loop_task *task, void (*handler)(void *context), void *context);
void loop_defer(struct loop *loop, struct loop_task *task); // no-op when already queued
// Takes back a deferred or posted task whose handler was not called yet; no-op otherwise. Only on
// the loop's thread.
void loop_task_cancel(struct loop *loop, struct loop_task *task);

// The one entry for other threads: runs task->handler on the loop's thread in a later turn and
// wakes it. The task must not be queued twice; it is the loop's until its handler is called.
void loop_post(struct loop *loop, struct loop_task *task);

// ---- signals (signalfd; the signals are blocked for the process until loop_destroy)

bool loop_catch_signals(struct loop *loop, const sigset_t *signals,
                        void (*handler)(void *context, int signal_number), void *context,
                        struct error *error) BASE_MUST_USE;

// ---- turning

// One turn: sleep until the first of `deadline_ns`, a timer, a posted task or an urgent
// descriptor, then dispatch descriptors, due timers, posted tasks and deferred tasks. With
// a virtual clock it does not sleep but moves the clock to the earliest deadline when nothing else
// is ready. Precision is that of epoll_pwait2 (nanoseconds; about 50 us of kernel slack).
void loop_turn(struct loop *loop, uint64_t deadline_ns);
// Until when the present turn was to sleep: for handlers whose long work can wait, so that whoever
// turns the loop is not late for what he wants to do then.
uint64_t loop_deadline_ns(const struct loop *loop);
// Dispatches every paced descriptor that is ready now, without sleeping.
void loop_poll_paced(struct loop *loop);
// Reads the clock again, for a caller that has just done long work and needs a fresh `now`.
uint64_t loop_refresh_now(struct loop *loop);

#endif
