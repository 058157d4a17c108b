// SPDX-License-Identifier: MIT
// Inputs that no honest client sends: forged values, wrong ticks, wrong sizes, floods. The replay's
// verification shows that what the simulation got is what the server says it got.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "game/sessions.h"
#include "tests/support/scenario.h"

#define RACE_LIMIT_MS 180000

static uint64_t inputs(struct scenario *scenario, const char *verdict)
{
    return scenario_count(scenario, "paddock_inputs", "verdict", verdict);
}

// What a liar sends: every byte at its end, every flag there is.
static void drive_forged(struct scenario_player *player, uint32_t tick, uint8_t *input)
{
    (void)player;
    memset(input, tick % 2 ? 0xff : 0x80, RACE_INPUT_BYTES);
}

static void forged_inputs_are_clamped_and_counted_and_win_nothing(void **state)
{
    (void)state;
    struct scenario *scenario = scenario_create(NULL);
    struct scenario_player *liar = scenario_join(scenario);
    struct scenario_player *honest = scenario_join(scenario);
    liar->drive = drive_forged;
    scenario_wait(scenario, scenario_has_final_result, honest, RACE_LIMIT_MS + 10000);
    uint64_t forged = inputs(scenario, "forged");
    assert_true(forged > 1000);
    assert_true(forged < inputs(scenario, "taken"));
    assert_int_equal(honest->result.entries[0].slot, honest->slot);
    assert_non_null(liar->client); // no reason to kick: it hurts only him
    scenario_destroy(scenario);
}

// ---- a raw peer in a race

struct intruder {
    struct scenario *scenario;
    struct scenario_raw raw;
    struct scenario_player *racer;
};

// A race with an honest player in slot 0 and a raw peer in slot 1 that sends nothing yet. In
// place, because the link knows where `raw` is.
static void race_with(struct intruder *intruder)
{
    intruder->scenario = scenario_create(NULL);
    intruder->racer = scenario_join(intruder->scenario);
    scenario_run_ms(intruder->scenario, 50);
    scenario_raw_dial(intruder->scenario, &intruder->raw, NULL);
    scenario_wait(intruder->scenario, scenario_raw_is_open, &intruder->raw, 100);
    scenario_raw_hello(&intruder->raw, scenario_player(intruder->scenario, "raw", AUTH_FAKE_YES));
    scenario_wait(intruder->scenario, scenario_is_racing, intruder->racer, 10000);
    scenario_run_ms(intruder->scenario, 1000);
}

static uint32_t server_tick(const struct intruder *intruder)
{
    return scenario_session(intruder->scenario)->tick;
}

static const struct game_seat *seat_of(const struct intruder *intruder)
{
    return &scenario_session(intruder->scenario)->seats[1];
}

static void send_input(struct intruder *intruder, uint32_t ack_tick, uint32_t first_tick,
                       size_t size)
{
    static const uint8_t bytes[LIMIT_INPUTS_PER_MESSAGE * LIMIT_INPUT_BYTES];
    const struct net_msg msg = {
        .type = NET_MSG_INPUT,
        .input = {.ack_tick = ack_tick, .first_tick = first_tick, .inputs = bytes_of(bytes, size)},
    };
    scenario_raw_send(&intruder->raw, &msg);
    scenario_run_ms(intruder->scenario, 1);
}

static void inputs_for_far_ticks_are_refused_and_counted(void **state)
{
    (void)state;
    struct intruder intruder;
    race_with(&intruder);
    assert_true(seat_of(&intruder)->taken);
    static const uint32_t ahead[] = {100, 1000, 1000000};
    for (size_t i = 0; i < BASE_COUNT(ahead); i++) {
        send_input(&intruder, 0, server_tick(&intruder) + ahead[i], 2 * RACE_INPUT_BYTES);
        assert_int_equal(inputs(intruder.scenario, "far"), 2 * (i + 1));
    }
    send_input(&intruder, 0, UINT32_MAX, RACE_INPUT_BYTES);
    assert_int_equal(inputs(intruder.scenario, "far"), 7);
    assert_int_equal(seat_of(&intruder)->inputs.newest_tick, 0);
    scenario_destroy(intruder.scenario);
}

// Tick numbers that run over the end of 32 bits in one message: the first is far, the others come
// out as 0, 1, 2 ... which have long run.
static void tick_numbers_that_wrap_do_no_harm(void **state)
{
    (void)state;
    struct intruder intruder;
    race_with(&intruder);
    send_input(&intruder, 0, UINT32_MAX - 1, (size_t)LIMIT_INPUTS_PER_MESSAGE * RACE_INPUT_BYTES);
    assert_int_equal(inputs(intruder.scenario, "far"), 2);
    assert_true(inputs(intruder.scenario, "late") > 0);
    assert_true(intruder.raw.open);
    scenario_destroy(intruder.scenario);
}

static void inputs_for_past_ticks_are_refused_and_counted_once(void **state)
{
    (void)state;
    struct intruder intruder;
    race_with(&intruder);
    uint32_t past = server_tick(&intruder) - 20;
    for (unsigned copy = 0; copy < 3; copy++) {
        send_input(&intruder, 0, past, 2 * RACE_INPUT_BYTES);
        assert_int_equal(inputs(intruder.scenario, "late"), 2);
    }
    scenario_destroy(intruder.scenario);
}

static void inputs_of_a_wrong_size_are_ignored(void **state)
{
    (void)state;
    struct intruder intruder;
    race_with(&intruder);
    static const size_t sizes[] = {0, 1, RACE_INPUT_BYTES - 1, RACE_INPUT_BYTES + 1,
                                   LIMIT_INPUTS_PER_MESSAGE * RACE_INPUT_BYTES + 2};
    for (size_t i = 0; i < BASE_COUNT(sizes); i++) {
        send_input(&intruder, 0, server_tick(&intruder) + 5, sizes[i]);
        assert_int_equal(seat_of(&intruder)->inputs.newest_tick, 0);
    }
    assert_true(intruder.raw.open);
    scenario_destroy(intruder.scenario);
}

// A message has room for more inputs of 4 bytes than the window: those beyond are not looked at.
static void no_message_brings_more_than_a_window_of_inputs(void **state)
{
    (void)state;
    struct intruder intruder;
    race_with(&intruder);
    uint32_t next = server_tick(&intruder) + 1;
    send_input(&intruder, 0, next, (size_t)2 * LIMIT_INPUTS_PER_MESSAGE * RACE_INPUT_BYTES);
    assert_in_range(seat_of(&intruder)->inputs.newest_tick, next + LIMIT_INPUTS_PER_MESSAGE - 2,
                    next + LIMIT_INPUTS_PER_MESSAGE - 1);
    assert_int_equal(inputs(intruder.scenario, "far"), 0);
    scenario_destroy(intruder.scenario);
}

static void acknowledging_the_future_is_ignored_and_lies_bring_full_snapshots(void **state)
{
    (void)state;
    struct intruder intruder;
    race_with(&intruder);
    send_input(&intruder, UINT32_MAX, 0, 0);
    assert_int_equal(seat_of(&intruder)->ack_tick, 0);
    uint32_t now = server_tick(&intruder);
    send_input(&intruder, now, 0, 0);
    assert_int_equal(seat_of(&intruder)->ack_tick, now);
    send_input(&intruder, now - 10, 0, 0); // never backwards
    assert_int_equal(seat_of(&intruder)->ack_tick, now);
    unsigned messages = intruder.raw.messages;
    scenario_run_ms(intruder.scenario, 1000);
    assert_true(intruder.raw.messages >= messages + 19); // snapshots still come
    scenario_destroy(intruder.scenario);
}

static void a_flood_of_inputs_ends_the_connection_and_keeps_the_kart_for_a_while(void **state)
{
    (void)state;
    struct intruder intruder;
    race_with(&intruder);
    uint64_t before = intruder.racer->snapshots;
    for (unsigned i = 0; i < 500 && intruder.raw.link; i++) {
        send_input(&intruder, 0, server_tick(&intruder) + 1, RACE_INPUT_BYTES);
    }
    assert_int_equal(intruder.raw.closed_code, NET_CLOSE_FLOODING);
    assert_int_equal(scenario_count(intruder.scenario, "paddock_closes", "code", "flooding"), 1);
    assert_true(seat_of(&intruder)->taken); // as after any drop
    assert_int_equal(seat_of(&intruder)->conn.generation, 0);
    scenario_run_ms(intruder.scenario, 1000);
    assert_true(intruder.racer->snapshots >= before + 20);
    scenario_destroy(intruder.scenario);
}

static void inputs_outside_a_race_are_ignored(void **state)
{
    (void)state;
    struct scenario *scenario = scenario_create(NULL);
    struct intruder intruder = {.scenario = scenario};
    scenario_raw_dial(scenario, &intruder.raw, NULL);
    scenario_wait(scenario, scenario_raw_is_open, &intruder.raw, 100);
    scenario_raw_hello(&intruder.raw, scenario_player(scenario, "raw", AUTH_FAKE_YES));
    scenario_run_ms(scenario, 1000);
    assert_int_equal(scenario_session(scenario)->phase, NET_PHASE_LOBBY);
    send_input(&intruder, 0, server_tick(&intruder) + 5, RACE_INPUT_BYTES);
    assert_int_equal(inputs(scenario, "taken"), 0);
    assert_true(intruder.raw.open);
    scenario_destroy(scenario);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forged_inputs_are_clamped_and_counted_and_win_nothing),
        cmocka_unit_test(inputs_for_far_ticks_are_refused_and_counted),
        cmocka_unit_test(tick_numbers_that_wrap_do_no_harm),
        cmocka_unit_test(inputs_for_past_ticks_are_refused_and_counted_once),
        cmocka_unit_test(inputs_of_a_wrong_size_are_ignored),
        cmocka_unit_test(no_message_brings_more_than_a_window_of_inputs),
        cmocka_unit_test(acknowledging_the_future_is_ignored_and_lies_bring_full_snapshots),
        cmocka_unit_test(a_flood_of_inputs_ends_the_connection_and_keeps_the_kart_for_a_while),
        cmocka_unit_test(inputs_outside_a_race_are_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
