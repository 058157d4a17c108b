// SPDX-License-Identifier: MIT
// The players' side of a scenario: a client that notes what it hears and drives, and raw peers.

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/scenario.h"

#define NO_ENTITY    0xff
#define URL_BYTES    256
#define SKILL_LEAST  40
#define SKILL_SPREAD 61

static void copy_span(char *to, size_t size, struct bytes_span from)
{
    assert_true(from.size < size);
    snprintf(to, size, "%.*s", (int)from.size, (const char *)from.data);
}

// ---- what a client hears

static void on_welcome(void *user, const struct net_msg_welcome *welcome)
{
    struct scenario_player *player = user;
    player->welcomed = true;
    player->resumed = welcome->resumed;
    player->slot = welcome->slot;
    player->tick_rate = welcome->tick_rate;
    copy_span(player->session_name, sizeof(player->session_name), welcome->session_name);
    copy_span(player->session_id, sizeof(player->session_id), welcome->session_id);
}

static void on_roster(void *user, const struct net_msg_roster *roster)
{
    struct scenario_player *player = user;
    player->roster_count = roster->count;
    player->roster_connected = 0;
    for (uint32_t i = 0; i < roster->count; i++) {
        player->roster_connected += roster->entries[i].connected;
    }
}

static void on_phase(void *user, const struct net_msg_phase *phase)
{
    struct scenario_player *player = user;
    player->phase = phase->phase;
    player->phases[phase->phase]++;
    player->phase_tick = phase->tick;
    player->phase_ends_tick = phase->ends_tick;
    player->entity = phase->entity_of_slot[player->slot];
    copy_span(player->race_id, sizeof(player->race_id), phase->race_id);
    copy_span(player->map, sizeof(player->map), phase->map);
    if (phase->map_data.size > 0 && player->scenario->is_race) {
        player->course = scenario_course(player->scenario, phase->map, phase->map_data);
        race_driver_init(&player->driver, player->course, player->tick_rate,
                         player->scenario->seed + player->number,
                         SKILL_LEAST + player->number * 17 % SKILL_SPREAD);
    }
}

static void on_snapshot(void *user, const struct net_client_snapshot *snapshot)
{
    struct scenario_player *player = user;
    player->snapshots++;
    player->snapshot_tick = snapshot->tick;
    player->values_per_entity = snapshot->values_per_entity;
    memcpy(player->values, snapshot->values,
           snapshot->entities * snapshot->values_per_entity * sizeof(player->values[0]));
}

static void on_result(void *user, const struct net_msg_result *result)
{
    struct scenario_player *player = user;
    player->results += !result->final;
    player->results_final += result->final;
    player->result = *result;
    copy_span(player->result_race_id, sizeof(player->result_race_id), result->race_id);
}

static void add_stats(struct scenario_player *player)
{
    struct net_client_stats stats;
    net_client_get_stats(player->client, &stats);
    player->checksum_failures += stats.checksum_failures;
    player->inputs_late += stats.inputs_late;
}

static void on_closed(void *user, uint16_t code, const char *reason)
{
    (void)reason;
    struct scenario_player *player = user;
    add_stats(player);
    player->client = NULL;
    player->closed_code = code;
    player->closes++;
}

// ---- players

struct scenario_player *scenario_player(struct scenario *scenario, const char *id,
                                        const char *token_word)
{
    assert_true(scenario->player_count < SCENARIO_PLAYERS_MAX);
    struct scenario_player *player = calloc(1, sizeof(*player));
    assert_non_null(player);
    unsigned index = scenario->player_count++;
    scenario->players[index] = player;
    player->scenario = scenario;
    player->number = index + 1;
    player->entity = NO_ENTITY;
    if (id) {
        snprintf(player->id, sizeof(player->id), "%s", id);
    } else {
        snprintf(player->id, sizeof(player->id), "P%u", player->number);
    }
    snprintf(player->address, sizeof(player->address), "10.0.%u.%u", index / 250, index % 250 + 1);
    snprintf(player->token, sizeof(player->token),
             "{\"unisavePlayerId\":\"%s\",\"fusionPlayerToken\":\"%s\"}", player->id, token_word);
    return player;
}

void scenario_connect(struct scenario_player *player)
{
    static const struct net_client_callbacks callbacks = {
        .welcome = on_welcome,
        .roster = on_roster,
        .phase = on_phase,
        .snapshot = on_snapshot,
        .result = on_result,
        .closed = on_closed,
    };
    struct net_client_options options = {
        .token = bytes_of_string(player->token),
        .session = player->session,
        .client_name = "scenario",
    };
    char url[URL_BYTES];
    const char *network = player->network ? player->network : "";
    snprintf(url, sizeof(url), "memory://arena?from=%s&seed=%u%s%s", player->address,
             (unsigned)(player->scenario->seed * 1000 + player->number), network[0] ? "&" : "",
             network);
    assert_null(player->client);
    player->closed_code = 0;
    player->welcomed = player->resumed = false;
    player->entity = NO_ENTITY;
    player->connections++;
    struct error error;
    player->client =
        net_client_connect(player->scenario->host, url, &options, &callbacks, player, &error);
    if (!player->client) {
        fail_msg("%s: %s", url, error.text);
    }
}

struct scenario_player *scenario_join(struct scenario *scenario)
{
    struct scenario_player *player = scenario_player(scenario, NULL, AUTH_FAKE_YES);
    scenario_connect(player);
    return player;
}

void scenario_leave(struct scenario_player *player)
{
    assert_non_null(player->client);
    add_stats(player);
    net_client_disconnect(player->client);
    player->client = NULL;
}

void scenario_cut(struct scenario_player *player)
{
    assert_non_null(player->client);
    unsigned cut = net_memory_cut_from(game_server_hub(player->scenario->server), player->address);
    assert_true(cut > 0);
}

static void drive_race(struct scenario_player *player, uint32_t tick, uint8_t *input)
{
    if (player->course && player->snapshots > 0) {
        race_driver_drive(&player->driver, tick, &player->values[player->entity * RACE_VALUES],
                          input);
    }
}

void scenario_player_drive(struct scenario_player *player)
{
    uint32_t tick;
    while (player->client && net_client_input_due(player->client, &tick)) {
        uint8_t input[LIMIT_INPUT_BYTES] = {0};
        if (player->idle) {
            continue;
        }
        if (player->drive) {
            player->drive(player, tick, input);
        } else if (player->scenario->is_race) {
            drive_race(player, tick, input);
        }
        if (player->client) { // a drive function may leave
            net_client_input(player->client, tick, input);
        }
    }
}

static struct net_client_stats present_stats(const struct scenario_player *player)
{
    struct net_client_stats stats = {0};
    if (player->client) {
        net_client_get_stats(player->client, &stats);
    }
    return stats;
}

uint64_t scenario_inputs_late(const struct scenario_player *player)
{
    return player->inputs_late + present_stats(player).inputs_late;
}

uint64_t scenario_checksum_failures(const struct scenario_player *player)
{
    return player->checksum_failures + present_stats(player).checksum_failures;
}

// ---- what tests wait for

bool scenario_is_welcomed(void *context)
{
    const struct scenario_player *player = context;
    return player->welcomed;
}

bool scenario_is_closed(void *context)
{
    const struct scenario_player *player = context;
    return player->closed_code != 0;
}

static bool is_in_phase(const struct scenario_player *player, enum net_phase phase)
{
    return player->client && player->welcomed && player->phase == phase;
}

bool scenario_is_racing(void *context)
{
    const struct scenario_player *player = context;
    return is_in_phase(player, NET_PHASE_RACING) && player->entity != NO_ENTITY;
}

bool scenario_is_finished(void *context)
{
    return is_in_phase(context, NET_PHASE_FINISHED);
}

bool scenario_is_in_lobby(void *context)
{
    return is_in_phase(context, NET_PHASE_LOBBY);
}

bool scenario_has_final_result(void *context)
{
    const struct scenario_player *player = context;
    return player->results_final > 0;
}

bool scenario_all_have_final_results(void *context)
{
    const struct scenario *scenario = context;
    for (unsigned i = 0; i < scenario->player_count; i++) {
        const struct scenario_player *player = scenario->players[i];
        if (player->client && player->results_final == 0) {
            return false;
        }
    }
    return true;
}
