// SPDX-License-Identifier: MIT
// Virtual time starts at one second, so that a deadline that was never set shows as one in the
// past.

#include "tests/support/auth_rig.h"

#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#define TURNS_MAX        100000
#define REAL_SECONDS_MAX 20

static void make_worker(struct auth_rig *rig)
{
    struct error error = {0};
    rig->worker = worker_create(rig->loop, "rig", 64, !rig->clock.is_virtual, &error);
    assert_non_null(rig->worker);
}

void auth_rig_init(struct auth_rig *rig, bool virtual_time)
{
    struct error error = {0};
    *rig = (struct auth_rig){0};
    if (virtual_time) {
        clock_init_virtual(&rig->clock, CLOCK_NS_PER_S);
    } else {
        clock_init_monotonic(&rig->clock);
    }
    rig->loop = loop_create(&rig->clock, &error);
    assert_non_null(rig->loop);
    make_worker(rig);
    rig->counters = counters_create();
    rig->config.verify_ms = 5000;
    rig->config.verify_max = 4;
    rig->config.verify_queue_max = 8;
    rig->config.report_ms = 10000;
    rig->config.report_retry_ms = 500;
    rig->config.report_retry_max_ms = 30000;
    snprintf(rig->config.embedded_db, sizeof(rig->config.embedded_db), ":memory:");
}

static void remove_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        if (entry->d_name[0] != '.') {
            unlinkat(dirfd(dir), entry->d_name, 0);
        }
    }
    if (dir) {
        closedir(dir);
    }
    rmdir(folder);
}

void auth_rig_finish(struct auth_rig *rig)
{
    worker_destroy(rig->worker);
    loop_destroy(rig->loop);
    counters_destroy(rig->counters);
    if (rig->folder[0]) {
        remove_folder(rig->folder);
    }
}

void auth_rig_restart_worker(struct auth_rig *rig)
{
    worker_destroy(rig->worker);
    make_worker(rig);
}

struct auth_backend_env auth_rig_env(struct auth_rig *rig)
{
    return (struct auth_backend_env){
        .loop = rig->loop,
        .worker = rig->worker,
        .counters = rig->counters,
        .config = &rig->config,
    };
}

struct auth_backend *auth_rig_backend(struct auth_rig *rig, const struct auth_backend_impl *impl)
{
    struct auth_backend_env env = auth_rig_env(rig);
    struct error error = {0};
    struct auth_backend *backend = impl->create(&env, &error);
    if (!backend) {
        fail_msg("%s", error.text);
    }
    return backend;
}

const char *auth_rig_path(struct auth_rig *rig, const char *name, char path[AUTH_RIG_PATH_BYTES])
{
    if (!rig->folder[0]) {
        snprintf(rig->folder, sizeof(rig->folder), "/tmp/paddock-auth-XXXXXX");
        assert_non_null(mkdtemp(rig->folder));
    }
    snprintf(path, AUTH_RIG_PATH_BYTES, "%s/%s", rig->folder, name);
    return path;
}

void auth_rig_fill_disk(bool full)
{
    struct rlimit limit;
    signal(SIGXFSZ, full ? SIG_IGN : SIG_DFL);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = full ? 1 : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

void auth_rig_until(struct auth_rig *rig, const unsigned *flag, unsigned want)
{
    uint64_t end_ns = clock_now_ns(&rig->clock) + REAL_SECONDS_MAX * CLOCK_NS_PER_S;
    for (unsigned turn = 0; *flag < want; turn++) {
        if (turn > TURNS_MAX || (!rig->clock.is_virtual && clock_now_ns(&rig->clock) > end_ns)) {
            fail_msg("waited in vain");
        }
        loop_turn(rig->loop, clock_now_ns(&rig->clock) + 10 * CLOCK_NS_PER_MS);
    }
}

void auth_rig_run_ms(struct auth_rig *rig, uint64_t ms)
{
    uint64_t end_ns = clock_now_ns(&rig->clock) + ms * CLOCK_NS_PER_MS;
    do {
        loop_turn(rig->loop, end_ns);
    } while (clock_now_ns(&rig->clock) < end_ns);
    loop_turn(rig->loop, end_ns); // what was due at the very end
}

uint64_t auth_rig_now_ms(const struct auth_rig *rig)
{
    return clock_now_ns(&rig->clock) / CLOCK_NS_PER_MS;
}

uint64_t auth_rig_counter(const struct auth_rig *rig, const char *sample)
{
    struct bytes_buf text;
    bytes_buf_init(&text, 65536);
    assert_true(counters_render(rig->counters, &text));
    assert_true(bytes_buf_append_u8(&text, '\0'));
    const char *at = (const char *)bytes_buf_span(&text).data;
    size_t length = strlen(sample);
    uint64_t value = UINT64_MAX;
    for (; at && value == UINT64_MAX; at = strchr(at, '\n'), at = at ? at + 1 : NULL) {
        if (strncmp(at, sample, length) == 0 && at[length] == ' ') {
            value = strtoull(at + length, NULL, 10);
        }
    }
    bytes_buf_finish(&text);
    assert_true(value != UINT64_MAX);
    return value;
}

const char *auth_rig_body(const char *race_id, char body[1024])
{
    int length =
        snprintf(body, 1024,
                 "{\"race_id\":\"%s\",\"session\":\"friday\",\"session_id\":"
                 "\"5bb4ccde-0d56-4b0b-a3c5-7a4e18b3a7d1\",\"game\":\"race\",\"track\":\"oval\","
                 "\"started\":\"2026-01-01T00:00:00.000Z\",\"ended\":\"2026-01-01T00:01:03.000Z\","
                 "\"laps\":3,\"standings\":["
                 "{\"player_id\":\"P1\",\"place\":1,\"time_ms\":61234,\"dnf\":null},"
                 "{\"player_id\":\"P2\",\"place\":2,\"time_ms\":null,\"dnf\":\"time_limit\"}]}",
                 race_id);
    assert_in_range(length, 1, 1023);
    return body;
}
