// SPDX-License-Identifier: MIT
// One bot: joins, drives every race by what it sees in snapshots, leaves.

#include "tests/bots/bot.h"

#include <string.h>

#include "config/base/prefetch.h"

#define NO_ENTITY   0xff
#define SKILL_LEAST 60
#define RTT_RING    64

// ---- the end

static void count_code(struct bots_record *record, uint16_t code)
{
    unsigned i = 0;
    while (i < record->code_count && record->codes[i].code != code) {
        i++;
    }
    if (i == BOTS_CODES_MAX) {
        return;
    }
    if (i == record->code_count) {
        record->code_count++;
        record->codes[i].code = code;
    }
    record->codes[i].count++;
}

static void count_stats(struct bots_bot *bot)
{
    struct bots_tally *tally = bot->tally;
    struct net_client_stats stats;
    net_client_get_stats(bot->client, &stats);
    tally->snapshots += stats.snapshots;
    tally->stale += stats.snapshots_stale;
    tally->checksum_failures += stats.checksum_failures;
    tally->inputs_late += stats.inputs_late;
    tally->bytes_in += stats.bytes_in;
    tally->bytes_out += stats.bytes_out;
    tally->connected_ms +=
        (net_client_host_now_ns(bot->host) - bot->connected_ns) / CLOCK_NS_PER_MS;
    for (uint32_t i = 0; i < stats.rtt_count && i < RTT_RING; i++) {
        bots_spread_add(&tally->rtt, stats.rtt_samples[i]);
    }
}

static void end(struct bots_bot *bot)
{
    bot->record->done += bot->state != BOTS_BOT_DONE;
    bot->state = BOTS_BOT_DONE;
    *bot->turn_ns = CLOCK_NEVER;
}

void bots_bot_stop(struct bots_bot *bot)
{
    if (bot->state == BOTS_BOT_CONNECTED) {
        count_stats(bot);
        net_client_disconnect(bot->client);
    }
    end(bot);
}

static void on_closed(void *user, uint16_t code, const char *reason)
{
    (void)reason; // the code says it all
    struct bots_bot *bot = user;
    count_stats(bot);
    end(bot);
    count_code(bot->record, code);
    switch (code) {
    case NET_CLOSE_LOST:
        bot->tally->lost++;
        break;
    case NET_CLOSE_NORMAL:
    case NET_CLOSE_GOING_AWAY:
    case NET_CLOSE_SESSION_OVER:
        bot->tally->ended++;
        break;
    default:
        bot->tally->kicked++;
    }
}

static void leave_as_unfit(struct bots_bot *bot)
{
    bot->tally->unfit++;
    bots_bot_stop(bot);
}

// ---- the race

static void on_welcome(void *user, const struct net_msg_welcome *welcome)
{
    struct bots_bot *bot = user;
    bot->tally->joined++;
    bot->slot = welcome->slot;
    bot->tick_rate = welcome->tick_rate;
    bool is_race = bytes_equal(welcome->game, bytes_of_string("race"));
    if (!is_race || welcome->input_bytes != RACE_INPUT_BYTES ||
        welcome->entity_values != RACE_VALUES) {
        leave_as_unfit(bot);
    }
}

static void begin_race(struct bots_bot *bot, const struct net_msg_phase *phase)
{
    bot->driving = false;
    memset(bot->sights, 0, sizeof(bot->sights));
    bot->snapshot_ns = 0;
    const struct race_course *course = bots_courses_get(&bot->record->courses, phase->map_data);
    if (!course) {
        leave_as_unfit(bot);
        return;
    }
    uint64_t seed = bot->record->seed * 0x9e3779b97f4a7c15u + bot->index;
    unsigned skill = SKILL_LEAST + bot->index * 7 % (RACE_DRIVER_SKILL_MAX - SKILL_LEAST + 1);
    race_driver_init(&bot->driver, course, bot->tick_rate, seed + bot->races, skill);
    bot->driving = true;
}

static void on_phase(void *user, const struct net_msg_phase *phase)
{
    struct bots_bot *bot = user;
    *bot->turn_ns = 0;
    bool on_track = phase->phase == NET_PHASE_COUNTDOWN || phase->phase == NET_PHASE_RACING;
    bot->entity = bot->slot < phase->slots ? phase->entity_of_slot[bot->slot] : NO_ENTITY;
    if (phase->phase == NET_PHASE_LOBBY) {
        bot->snapshot_ns = 0;
    }
    bool known = phase->race_id.size == sizeof(bot->race_id) &&
                 memcmp(bot->race_id, phase->race_id.data, sizeof(bot->race_id)) == 0;
    if (on_track && !known && phase->race_id.size == sizeof(bot->race_id)) {
        memcpy(bot->race_id, phase->race_id.data, sizeof(bot->race_id));
        begin_race(bot, phase);
    }
}

static void on_snapshot(void *user, const struct net_client_snapshot *snapshot)
{
    struct bots_bot *bot = user;
    if (bot->snapshot_ns != 0) {
        bots_spread_add(&bot->tally->gap,
                        (snapshot->received_ns - bot->snapshot_ns) / CLOCK_NS_PER_US);
    }
    bot->snapshot_ns = snapshot->received_ns;
    unsigned at = snapshot->tick % BOTS_INPUTS;
    if (bot->inputs[at].tick == snapshot->tick) {
        bots_spread_add(&bot->tally->reaction,
                        (snapshot->received_ns - bot->inputs[at].made_ns) / CLOCK_NS_PER_US);
    }
    if (bot->entity < snapshot->entities) {
        const int32_t *values = snapshot->values + (size_t)bot->entity * RACE_VALUES;
        bot->sights[1] = bot->sights[0];
        bot->sights[0].tick = snapshot->tick;
        memcpy(bot->sights[0].values, values, sizeof(bot->sights[0].values));
    }
}

static void on_result(void *user, const struct net_msg_result *result)
{
    struct bots_bot *bot = user;
    *bot->turn_ns = 0;
    for (uint32_t i = 0; result->final && i < result->count; i++) {
        if (result->entries[i].slot == bot->slot) {
            bot->races++;
            bot->tally->races++;
            bot->tally->finished += result->entries[i].place != 0;
            bot->tally->dnf += result->entries[i].place == 0;
        }
    }
}

static const struct net_client_callbacks callbacks = {
    .welcome = on_welcome,
    .phase = on_phase,
    .snapshot = on_snapshot,
    .result = on_result,
    .closed = on_closed,
};

void bots_bot_connect(struct bots_bot *bot, const char *url,
                      const struct net_client_options *options)
{
    bot->connected_ns = net_client_host_now_ns(bot->host);
    bot->client = net_client_connect(bot->host, url, options, &callbacks, bot, NULL);
    if (bot->client) {
        bot->state = BOTS_BOT_CONNECTED;
    } else {
        end(bot);
        bot->tally->lost++;
    }
}

void bots_bot_fetch(const struct bots_bot *bot, unsigned step)
{
    if (step == 0) {
        prefetch(bot, offsetof(struct bots_bot, inputs));
    } else if (bot->state == BOTS_BOT_CONNECTED) {
        net_client_fetch(bot->client, step - 1);
    }
}

void bots_bot_turn(struct bots_bot *bot)
{
    if (bot->state != BOTS_BOT_CONNECTED) {
        return;
    }
    if (bot->record->races_wanted > 0 && bot->races >= bot->record->races_wanted) {
        bots_bot_stop(bot);
        return;
    }
    uint32_t tick;
    while (net_client_input_due(bot->client, &tick)) {
        uint8_t input[RACE_INPUT_BYTES] = {0};
        if (bot->driving && bot->sights[0].tick != 0) {
            int32_t values[RACE_VALUES];
            bots_predict(&bot->sights[1], &bot->sights[0], tick, bot->tick_rate, values);
            race_driver_drive(&bot->driver, tick, values, input);
        }
        net_client_input(bot->client, tick, input);
        bot->inputs[tick % BOTS_INPUTS].tick = tick;
        bot->inputs[tick % BOTS_INPUTS].made_ns = net_client_host_now_ns(bot->host);
        bot->tally->inputs++;
    }
    // Two inputs are sent together, so they may as well be made together.
    uint64_t due_ns = net_client_input_due_ns(bot->client);
    *bot->turn_ns = due_ns == CLOCK_NEVER ? due_ns : due_ns + CLOCK_NS_PER_S / bot->tick_rate;
}
