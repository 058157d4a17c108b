// SPDX-License-Identifier: MIT
// The server's side of a scenario: composition, time, counters. One alarm in the server's own loop
// bounds every turn, so that virtual time never jumps past the moment that a test waits for.

#include "tests/support/scenario.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "game/admission.h"
#include "game/replay.h"
#include "game/sessions.h"

#define START_NS (1000 * CLOCK_NS_PER_S)

// Short waits, one lap: a race takes a minute of virtual time.
static const char *const default_settings[] = {
    "listen=memory://arena",
    "admin=off",
    "outbox-db=:memory:",
    "embedded-db=:memory:",
    "laps=1",
    "lobby-ms=2000",
    "countdown-ms=1000",
    "intermission-ms=2000",
    "time-limit-ms=180000",
    NULL,
};

static void apply(struct config *config, const char *const *settings)
{
    for (; settings && *settings; settings++) {
        char name[64];
        struct error error;
        const char *equals = strchr(*settings, '=');
        assert_non_null(equals);
        snprintf(name, sizeof(name), "%.*s", (int)(equals - *settings), *settings);
        if (!config_set(config, name, equals + 1, &error)) {
            fail_msg("%s: %s", *settings, error.text);
        }
    }
}

static void on_replay(void *user, const char *race_id, struct bytes_span bytes)
{
    struct scenario *scenario = user;
    struct game_replay_report report;
    struct error error;
    if (scenario->replay_count < SCENARIO_REPLAYS_MAX) {
        struct bytes_buf *kept = &scenario->replays[scenario->replay_count];
        bytes_buf_init(kept, GAME_REPLAY_BYTES_MAX);
        assert_true(bytes_buf_append(kept, bytes));
    }
    scenario->replay_count++;
    // The verifier knows registered games only.
    if (scenario->is_race && !game_replay_verify(bytes, &report, &error)) {
        fail_msg("the replay of %s: %s", race_id, error.text);
    }
}

static void on_drain(void *context)
{
    struct scenario *scenario = context;
    game_server_drain(scenario->server);
}

static void on_alarm(void *context)
{
    (void)context; // it has ended the wait, which is all it is for
}

struct scenario *scenario_create(const struct scenario_options *options)
{
    static const struct scenario_options defaults = {0};
    options = options ? options : &defaults;
    struct scenario *scenario = calloc(1, sizeof(*scenario));
    assert_non_null(scenario);
    clock_init_virtual(&scenario->clock, START_NS);
    if (getenv("PADDOCK_TEST_LOG")) {
        log_open(STDERR_FILENO, LOG_DEBUG, LOG_FORMAT_TEXT, &scenario->clock);
    }
    scenario->config = config_create_default();
    assert_non_null(scenario->config);
    apply(scenario->config, default_settings);
    apply(scenario->config, options->settings);
    scenario->seed = options->seed ? options->seed : 1;
    scenario->is_race = !options->sim;
    loop_timer_init(&scenario->alarm, on_alarm, scenario);
    loop_timer_init(&scenario->drain, on_drain, scenario);
    struct game_server_env env = {
        .config = scenario->config,
        .clock = &scenario->clock,
        .single_threaded = true,
        .random_seed = scenario->seed,
        .sim = options->sim,
        .backend = &auth_backend_fake,
        .replay = on_replay,
        .replay_user = scenario,
    };
    struct error error = {""};
    scenario->server = game_server_create(&env, &error);
    if (!scenario->server) {
        fail_msg("the server does not start: %s", error.text);
    }
    struct net_client_host_options host = {
        .loop = game_server_loop(scenario->server),
        .hub = game_server_hub(scenario->server),
    };
    scenario->host = net_client_host_create(&host, &error);
    assert_non_null(scenario->host);
    return scenario;
}

void scenario_destroy(struct scenario *scenario)
{
    struct loop *loop = game_server_loop(scenario->server);
    uint64_t checksum_failures = 0;
    for (unsigned i = 0; i < scenario->player_count; i++) {
        checksum_failures += scenario_checksum_failures(scenario->players[i]);
        scenario->players[i]->client = NULL;
    }
    net_client_host_destroy(scenario->host);
    loop_timer_cancel(loop, &scenario->alarm);
    loop_timer_cancel(loop, &scenario->drain);
    game_server_destroy(scenario->server);
    for (unsigned i = 0; i < scenario->player_count; i++) {
        free(scenario->players[i]);
    }
    for (unsigned i = 0; i < scenario->course_count; i++) {
        race_course_destroy(scenario->courses[i].course);
    }
    for (unsigned i = 0; i < SCENARIO_REPLAYS_MAX; i++) {
        bytes_buf_finish(&scenario->replays[i]);
    }
    config_destroy(scenario->config);
    free(scenario);
    assert_int_equal(checksum_failures, 0);
}

const struct race_course *scenario_course(struct scenario *scenario, struct bytes_span name,
                                          struct bytes_span map_data)
{
    struct error error;
    for (unsigned i = 0; i < scenario->course_count; i++) {
        if (bytes_equal(bytes_of_string(scenario->courses[i].name), name)) {
            return scenario->courses[i].course;
        }
    }
    assert_true(scenario->course_count < SCENARIO_COURSES_MAX);
    struct scenario_course *course = &scenario->courses[scenario->course_count++];
    snprintf(course->name, sizeof(course->name), "%.*s", (int)name.size, (const char *)name.data);
    course->course = race_course_create(map_data, &error);
    if (!course->course) {
        fail_msg("map data of %s: %s", course->name, error.text);
    }
    return course->course;
}

// ---- time

void scenario_turn(struct scenario *scenario)
{
    game_server_turn(scenario->server);
    for (unsigned i = 0; i < scenario->player_count; i++) {
        scenario_player_drive(scenario->players[i]);
    }
    net_client_host_poll(scenario->host, 0);
}

static void set_alarm(struct scenario *scenario, uint64_t milliseconds)
{
    uint64_t at_ns = clock_now_ns(&scenario->clock) + milliseconds * CLOCK_NS_PER_MS;
    loop_timer_set(game_server_loop(scenario->server), &scenario->alarm, at_ns);
}

void scenario_run_ms(struct scenario *scenario, uint64_t milliseconds)
{
    set_alarm(scenario, milliseconds);
    while (scenario->alarm.slot != 0) {
        scenario_turn(scenario);
    }
}

uint64_t scenario_now_ms(const struct scenario *scenario)
{
    return clock_now_ns(&scenario->clock) / CLOCK_NS_PER_MS;
}

bool scenario_run_until(struct scenario *scenario, bool (*done)(void *context), void *context,
                        uint64_t limit_ms)
{
    set_alarm(scenario, limit_ms);
    while (!done(context)) {
        if (scenario->alarm.slot == 0) {
            return false;
        }
        scenario_turn(scenario);
    }
    return true;
}

void scenario_wait_at(struct scenario *scenario, bool (*done)(void *context), void *context,
                      uint64_t limit_ms, const char *file, int line)
{
    if (!scenario_run_until(scenario, done, context, limit_ms)) {
        print_error("it did not happen within %llu ms\n", (unsigned long long)limit_ms);
        _fail(file, line);
    }
}

// ---- what the server thinks

uint64_t scenario_count(struct scenario *scenario, const char *name, const char *label,
                        const char *value)
{
    struct counters *counters = game_server_counters(scenario->server);
    return *counter_cell(counters, COUNTER_TOTAL, name, "", label, value);
}

struct game_status_source scenario_status(struct scenario *scenario)
{
    return game_server_status(scenario->server);
}

const struct game_session *scenario_session(struct scenario *scenario)
{
    const struct game_sessions *sessions = scenario_status(scenario).sessions;
    return game_sessions_count(sessions) > 0 ? game_sessions_at(sessions, 0) : NULL;
}

void scenario_drain(struct scenario *scenario)
{
    loop_timer_set(game_server_loop(scenario->server), &scenario->drain,
                   clock_now_ns(&scenario->clock));
    scenario_turn(scenario);
}

bool scenario_is_stopped(void *context)
{
    const struct scenario *scenario = context;
    return game_server_stopped(scenario->server);
}
