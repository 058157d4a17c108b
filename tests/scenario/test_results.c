// SPDX-License-Identifier: MIT
// Results on their way: a backend that is gone, refuses or hangs, a disk that is full, a restart.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "auth/outbox.h"
#include "game/sessions.h"
#include "tests/support/auth_rig.h"
#include "tests/support/scenario.h"

#define RACES 3

// Races of one second in which everybody is out of time: results come quickly.
static const char *const quick[] = {"time-limit-ms=1000", "intermission-ms=500", "lobby-ms=500",
                                    "races-per-session=3", NULL};

static struct auth_backend *backend_of(struct scenario *scenario)
{
    return game_server_backend(scenario->server);
}

static unsigned in_outbox(struct scenario *scenario, enum auth_outbox_state state)
{
    return auth_outbox_count(scenario_status(scenario).outbox, state);
}

// A session of RACES races; returns its first player when it is over.
static struct scenario_player *race(struct scenario *scenario)
{
    struct scenario_player *player = scenario_join(scenario);
    scenario_join(scenario);
    scenario_wait(scenario, scenario_is_closed, player, 30000);
    assert_int_equal(player->closed_code, NET_CLOSE_SESSION_OVER);
    assert_int_equal(player->results_final, RACES);
    return player;
}

static struct scenario *quick_scenario(void)
{
    const struct scenario_options options = {.settings = quick};
    return scenario_create(&options);
}

static const struct auth_fake_call_record *report_at(struct scenario *scenario, unsigned index)
{
    const struct auth_fake_call_record *report = auth_fake_report_at(backend_of(scenario), index);
    assert_non_null(report);
    return report;
}

static void players_do_not_wait_for_the_backend_and_nothing_is_lost(void **state)
{
    (void)state;
    static const enum auth_fake_report moods[] = {AUTH_FAKE_RETRY, AUTH_FAKE_CANNOT,
                                                  AUTH_FAKE_HANG_UP};
    for (size_t i = 0; i < BASE_COUNT(moods); i++) {
        struct scenario *scenario = quick_scenario();
        auth_fake_set_report(backend_of(scenario), moods[i], 6);
        race(scenario);
        assert_int_equal(in_outbox(scenario, AUTH_OUTBOX_DELIVERED), 0);
        scenario_run_ms(scenario, 200000); // 10 s a try that hangs, and the pauses
        assert_int_equal(in_outbox(scenario, AUTH_OUTBOX_PENDING), 0);
        assert_int_equal(in_outbox(scenario, AUTH_OUTBOX_DELIVERED), RACES);
        assert_int_equal(auth_fake_counts(backend_of(scenario)).report_calls, 6 + RACES);
        // In order of the races, the first one alone until it is through.
        for (unsigned n = 0; n <= 6; n++) {
            assert_string_equal(report_at(scenario, n)->key, report_at(scenario, 0)->key);
            assert_int_equal(report_at(scenario, n)->attempt, n + 1);
        }
        for (unsigned n = 7; n < 6 + RACES; n++) {
            assert_string_not_equal(report_at(scenario, n)->key, report_at(scenario, n - 1)->key);
            assert_int_equal(report_at(scenario, n)->attempt, 1);
        }
        scenario_destroy(scenario);
    }
}

static void pauses_between_tries_grow(void **state)
{
    (void)state;
    struct scenario *scenario = quick_scenario();
    auth_fake_set_report(backend_of(scenario), AUTH_FAKE_RETRY, 8);
    race(scenario);
    scenario_run_ms(scenario, 300000);
    assert_int_equal(in_outbox(scenario, AUTH_OUTBOX_PENDING), 0);
    uint64_t first_ns = report_at(scenario, 1)->at_ns - report_at(scenario, 0)->at_ns;
    uint64_t last_ns = report_at(scenario, 7)->at_ns - report_at(scenario, 6)->at_ns;
    assert_in_range(first_ns / CLOCK_NS_PER_MS, 100, 1000);
    assert_in_range(last_ns / CLOCK_NS_PER_MS, 10000, 45000); // ceiling 30 s, jitter
    scenario_destroy(scenario);
}

static void a_refused_result_does_not_hold_up_the_others(void **state)
{
    (void)state;
    struct scenario *scenario = quick_scenario();
    auth_fake_set_report(backend_of(scenario), AUTH_FAKE_REFUSE, 1);
    race(scenario);
    scenario_run_ms(scenario, 1000);
    assert_int_equal(in_outbox(scenario, AUTH_OUTBOX_DEAD), 1);
    assert_int_equal(in_outbox(scenario, AUTH_OUTBOX_DELIVERED), RACES - 1);
    assert_int_equal(auth_fake_counts(backend_of(scenario)).report_calls, RACES);
    scenario_destroy(scenario);
}

static void a_backend_may_want_one_delivery_for_each_player(void **state)
{
    (void)state;
    static const char *const subjects[] = {"P1", "P2"};
    struct scenario *scenario = quick_scenario();
    auth_fake_set_plan(backend_of(scenario), subjects, 2);
    struct scenario_player *player = race(scenario);
    scenario_run_ms(scenario, 1000);
    assert_int_equal(auth_fake_counts(backend_of(scenario)).report_calls, 2 * RACES);
    for (unsigned n = 0; n < 2 * RACES; n++) {
        assert_string_equal(report_at(scenario, n)->subject, subjects[n % 2]);
    }
    char key[128];
    snprintf(key, sizeof(key), "%s/P2", player->result_race_id);
    assert_string_equal(report_at(scenario, 2 * RACES - 1)->key, key);
    assert_true(bytes_equal(bytes_buf_span(&report_at(scenario, 0)->body),
                            bytes_buf_span(&report_at(scenario, 1)->body)));
    scenario_destroy(scenario);
}

// ---- with an outbox on disk

struct disk {
    char folder[64];
    char setting[96]; // "outbox-db=..."
};

static void disk_init(struct disk *disk)
{
    snprintf(disk->folder, sizeof(disk->folder), "/tmp/paddock_results_XXXXXX");
    assert_non_null(mkdtemp(disk->folder));
    snprintf(disk->setting, sizeof(disk->setting), "outbox-db=%s/outbox.db", disk->folder);
}

static void disk_finish(struct disk *disk)
{
    static const char *const names[] = {"outbox.db", "outbox.db-wal", "outbox.db-shm",
                                        "outbox.db.lock"};
    for (size_t i = 0; i < BASE_COUNT(names); i++) {
        char path[96];
        snprintf(path, sizeof(path), "%s/%s", disk->folder, names[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(disk->folder), 0);
}

static struct scenario *scenario_on(const struct disk *disk)
{
    const char *const settings[] = {"time-limit-ms=1000",  "intermission-ms=500", "lobby-ms=500",
                                    "races-per-session=3", disk->setting,         NULL};
    const struct scenario_options options = {.settings = settings};
    return scenario_create(&options);
}

static struct scenario_player *race_on_a_full_disk(struct disk *disk, struct scenario **scenario)
{
    disk_init(disk);
    *scenario = scenario_on(disk);
    struct scenario_player *player = scenario_join(*scenario);
    scenario_join(*scenario);
    scenario_wait(*scenario, scenario_is_racing, player, 5000);
    auth_rig_fill_disk(true);
    return player;
}

// Until the disk has it, a result is not final, and the next race does not begin.
static void a_full_disk_holds_the_session_until_it_has_room_again(void **state)
{
    (void)state;
    struct disk disk;
    struct scenario *scenario;
    struct scenario_player *player = race_on_a_full_disk(&disk, &scenario);
    assert_true(game_server_ready(scenario->server));
    scenario_run_ms(scenario, 10000);
    assert_false(game_server_ready(scenario->server)); // nobody else should be sent here
    assert_int_equal(player->phase, NET_PHASE_FINISHED);
    assert_int_equal(player->results, 1);
    assert_int_equal(player->results_final, 0);
    assert_in_range(scenario_count(scenario, "paddock_results_commit_failures", NULL, NULL), 8, 10);
    assert_int_equal(auth_fake_counts(backend_of(scenario)).report_calls, 0);
    auth_rig_fill_disk(false);
    scenario_wait(scenario, scenario_has_final_result, player, 1100);
    assert_true(game_server_ready(scenario->server));
    assert_int_equal(scenario_count(scenario, "paddock_results_committed", NULL, NULL), 1);
    scenario_wait(scenario, scenario_is_closed, player, 30000);
    assert_int_equal(player->results_final, RACES);
    scenario_run_ms(scenario, 1000);
    assert_int_equal(auth_fake_counts(backend_of(scenario)).report_calls, RACES);
    scenario_destroy(scenario);
    disk_finish(&disk);
}

static void a_drain_gives_up_on_a_full_disk(void **state)
{
    (void)state;
    struct disk disk;
    struct scenario *scenario;
    struct scenario_player *player = race_on_a_full_disk(&disk, &scenario);
    scenario_drain(scenario);
    scenario_wait(scenario, scenario_is_stopped, scenario, 60000 + 6000); // --drain-timeout-ms
    assert_int_equal(player->results_final, 0);
    assert_int_equal(player->closed_code, NET_CLOSE_GOING_AWAY);
    scenario_destroy(scenario);
    auth_rig_fill_disk(false);
    disk_finish(&disk);
}

// Players are owed the word that it is final, also by a server that wants to end.
static void a_drain_waits_for_a_disk_that_has_room_again(void **state)
{
    (void)state;
    struct disk disk;
    struct scenario *scenario;
    struct scenario_player *player = race_on_a_full_disk(&disk, &scenario);
    scenario_drain(scenario);
    scenario_run_ms(scenario, 10000);
    assert_int_equal(player->results, 1);
    assert_int_equal(player->results_final, 0);
    assert_int_equal(player->closed_code, 0);
    auth_rig_fill_disk(false);
    scenario_wait(scenario, scenario_is_stopped, scenario, 10000);
    assert_int_equal(player->results_final, 1);
    assert_int_equal(player->closed_code, NET_CLOSE_GOING_AWAY);
    assert_int_equal(auth_fake_counts(backend_of(scenario)).report_calls, 1);
    scenario_destroy(scenario);
    disk_finish(&disk);
}

static void the_next_process_delivers_what_this_one_could_not(void **state)
{
    (void)state;
    struct disk disk;
    disk_init(&disk);
    struct scenario *scenario = scenario_on(&disk);
    auth_fake_set_report(backend_of(scenario), AUTH_FAKE_RETRY, 1000000);
    struct scenario_player *player = race(scenario);
    char last[64], body[4096];
    snprintf(last, sizeof(last), "%s", player->result_race_id);
    struct bytes_span first = bytes_buf_span(&report_at(scenario, 0)->body);
    snprintf(body, sizeof(body), "%.*s", (int)first.size, (const char *)first.data);
    unsigned attempts = auth_fake_counts(backend_of(scenario)).report_calls;
    scenario_destroy(scenario);

    scenario = scenario_on(&disk);
    scenario_run_ms(scenario, 1000);
    assert_int_equal(auth_fake_counts(backend_of(scenario)).report_calls, RACES);
    first = bytes_buf_span(&report_at(scenario, 0)->body);
    assert_true(bytes_equal(first, bytes_of_string(body)));
    assert_true(report_at(scenario, 0)->attempt > attempts);
    assert_string_equal(report_at(scenario, RACES - 1)->key, last);
    assert_int_equal(in_outbox(scenario, AUTH_OUTBOX_PENDING), 0);
    scenario_destroy(scenario);
    disk_finish(&disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(players_do_not_wait_for_the_backend_and_nothing_is_lost),
        cmocka_unit_test(pauses_between_tries_grow),
        cmocka_unit_test(a_refused_result_does_not_hold_up_the_others),
        cmocka_unit_test(a_backend_may_want_one_delivery_for_each_player),
        cmocka_unit_test(a_full_disk_holds_the_session_until_it_has_room_again),
        cmocka_unit_test(a_drain_gives_up_on_a_full_disk),
        cmocka_unit_test(a_drain_waits_for_a_disk_that_has_room_again),
        cmocka_unit_test(the_next_process_delivers_what_this_one_could_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
