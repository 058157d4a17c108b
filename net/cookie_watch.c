// SPDX-License-Identifier: MIT
// One round at a time: a list of who is in and by which file, which the worker goes through, and
// the handles of those whose file is gone, which by then may be nobody's any more. A folder that
// cannot be opened says nothing of the files in it, so it ends nobody.

#include "net/cookie_watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/base/log.h"

struct entry {
    struct net_conn_id conn;
    bool gone;
    struct net_auth_ticket ticket;
};

struct net_cookie_watch {
    struct net_conns *conns; // NULL: destroyed while the worker was at it
    struct loop *loop;
    struct worker *worker;
    const struct config *config;
    struct loop_timer timer;
    struct worker_job job;
    int problem; // errno of the folder
    struct entry *entries;
    unsigned count;
    unsigned room;
};

static void set_timer(struct net_cookie_watch *watch)
{
    uint64_t pause_ns = (uint64_t)watch->config->auth_token_poll_ms * CLOCK_NS_PER_MS;
    loop_timer_set(watch->loop, &watch->timer, loop_now_ns(watch->loop) + pause_ns);
}

static void free_watch(struct net_cookie_watch *watch)
{
    free(watch->entries);
    free(watch);
}

// ---- on the worker's thread

static void look(void *context)
{
    struct net_cookie_watch *watch = context;
    int folder = net_auth_cookie_folder(watch->config);
    watch->problem = folder < 0 ? errno : 0;
    for (unsigned i = 0; i < watch->count && folder >= 0; i++) {
        struct entry *entry = &watch->entries[i];
        entry->gone = !net_auth_cookie_file_exists(folder, &entry->ticket);
    }
    if (folder >= 0) {
        close(folder);
    }
}

// ---- on the loop's

static void on_looked(void *context)
{
    struct net_cookie_watch *watch = context;
    if (!watch->conns) {
        free_watch(watch);
        return;
    }
    if (watch->problem) {
        log_event(LOG_ERROR, "auth_token_dir_unreadable",
                  LOG_S("path", watch->config->auth_token_dir),
                  LOG_S("error", strerror(watch->problem)));
    }
    for (unsigned i = 0; i < watch->count; i++) {
        if (watch->entries[i].gone) {
            net_conn_close(watch->conns, watch->entries[i].conn, NET_CLOSE_AUTH_DENIED);
        }
    }
    set_timer(watch);
}

static void collect(void *context, struct net_conn_id conn, const struct net_conn_info *info)
{
    struct net_cookie_watch *watch = context;
    if (info->caller && info->caller->ticket.name[0] && watch->count < watch->room) {
        watch->entries[watch->count++] = (struct entry){conn, false, info->caller->ticket};
    }
}

static bool make_room(struct net_cookie_watch *watch)
{
    unsigned wanted = net_conns_count(watch->conns);
    if (wanted > watch->room) {
        struct entry *entries = realloc(watch->entries, wanted * sizeof(*entries));
        if (!entries) {
            return false;
        }
        watch->entries = entries;
        watch->room = wanted;
    }
    return true;
}

static void on_timer(void *context)
{
    struct net_cookie_watch *watch = context;
    watch->count = 0;
    if (make_room(watch)) {
        net_conns_each(watch->conns, collect, watch);
    }
    if (watch->count == 0 || !worker_submit(watch->worker, &watch->job)) {
        set_timer(watch);
    }
}

struct net_cookie_watch *net_cookie_watch_create(struct net_conns *conns, struct loop *loop,
                                                 struct worker *worker, const struct config *config)
{
    struct net_cookie_watch *watch = calloc(1, sizeof(*watch));
    if (!watch) {
        return NULL;
    }
    watch->conns = conns;
    watch->loop = loop;
    watch->worker = worker;
    watch->config = config;
    watch->job = (struct worker_job){.work = look, .done = on_looked, .context = watch};
    loop_timer_init(&watch->timer, on_timer, watch);
    set_timer(watch);
    return watch;
}

void net_cookie_watch_destroy(struct net_cookie_watch *watch)
{
    if (!watch) {
        return;
    }
    bool at_worker = watch->timer.slot == 0; // one of the two is always under way
    loop_timer_cancel(watch->loop, &watch->timer);
    watch->conns = NULL;
    if (!at_worker) {
        free_watch(watch);
    }
}
