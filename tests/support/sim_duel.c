// SPDX-License-Identifier: MIT
// The counting duel. Compare game/race/race.c: the same functions, nothing else.

#include "tests/support/sim_duel.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define TARGET_MAX 1000000
#define MS_PER_S   1000

struct duel_player {
    uint32_t count;
    uint32_t reached_tick; // 0 = not yet
    enum game_dnf dnf;
};

struct duel_state {
    struct game_sim_setup setup;
    uint32_t target;
    uint32_t tick;
    bool started;
    struct duel_player players[LIMIT_PLAYERS_PER_SESSION];
};

static const char *const value_names[DUEL_VALUES] = {"count", "place"};
static const uint8_t thousand[] = {0, 0, 0x03, 0xe8};
static const struct game_map builtin = {"thousand", {thousand, sizeof(thousand)}};

struct duel_map {
    struct game_map base;
    uint8_t data[4];
};

static size_t duel_state_bytes(const struct game_sim_setup *setup)
{
    (void)setup;
    return sizeof(struct duel_state);
}

static const struct game_map *duel_builtin_map(unsigned index)
{
    return index == 0 ? &builtin : NULL;
}

static const struct game_map *duel_load_map(const char *label, struct bytes_span text,
                                            struct error *error)
{
    static const char key[] = "target ";
    size_t at = sizeof(key) - 1;
    uint32_t target = 0;
    bool ok = text.size > at && memcmp(text.data, key, at) == 0;
    for (; ok && at < text.size && text.data[at] != '\n'; at++) {
        ok = text.data[at] >= '0' && text.data[at] <= '9' && target <= TARGET_MAX;
        target = target * 10 + (text.data[at] - (uint32_t)'0');
    }
    struct duel_map *map =
        ok && target >= 1 && target <= TARGET_MAX ? calloc(1, sizeof(*map)) : NULL;
    if (!map) {
        error_set(error, "%s:1: target: a number, 1 to %d", label, TARGET_MAX);
        return NULL;
    }
    bytes_put_u32(map->data, target);
    map->base = (struct game_map){"custom", {map->data, sizeof(map->data)}};
    return &map->base;
}

static void duel_free_map(const struct game_map *map)
{
    free((void *)(uintptr_t)map);
}

static void duel_init(void *memory, const struct game_sim_setup *setup)
{
    struct duel_state *state = memory;
    assert(setup->entities >= 1 && setup->entities <= LIMIT_PLAYERS_PER_SESSION);
    state->setup = *setup;
    state->setup.map = NULL;
    state->target = bytes_get_u32(setup->map->data.data);
}

static bool duel_sanitize(void *input)
{
    uint8_t *add = input;
    bool forged = *add > DUEL_ADD_MAX;
    *add = forged ? DUEL_ADD_MAX : *add;
    return forged;
}

static void duel_start(void *memory)
{
    struct duel_state *state = memory;
    state->started = true;
}

static bool playing(const struct duel_player *player)
{
    return player->reached_tick == 0 && player->dnf == GAME_DNF_NONE;
}

static void duel_step(void *memory, const void *inputs)
{
    struct duel_state *state = memory;
    if (!state->started) {
        return;
    }
    state->tick++;
    uint32_t limit = state->setup.time_limit_ticks;
    for (unsigned i = 0; i < state->setup.entities; i++) {
        struct duel_player *player = &state->players[i];
        if (!playing(player)) {
            continue;
        }
        player->count += ((const uint8_t *)inputs)[i];
        if (player->count >= state->target) {
            player->reached_tick = state->tick;
        } else if (limit > 0 && state->tick >= limit) {
            player->dnf = GAME_DNF_TIME_LIMIT;
        }
    }
}

static void duel_retire(void *memory, unsigned entity)
{
    struct duel_state *state = memory;
    assert(entity < state->setup.entities);
    if (playing(&state->players[entity])) {
        state->players[entity].dnf = GAME_DNF_LEFT;
    }
}

static bool duel_finished(const void *memory)
{
    const struct duel_state *state = memory;
    for (unsigned i = 0; i < state->setup.entities; i++) {
        if (playing(&state->players[i])) {
            return false;
        }
    }
    return true;
}

static bool before(const struct duel_state *state, unsigned a, unsigned b)
{
    const struct duel_player *left = &state->players[a];
    const struct duel_player *right = &state->players[b];
    uint32_t left_tick = left->reached_tick ? left->reached_tick : UINT32_MAX;
    uint32_t right_tick = right->reached_tick ? right->reached_tick : UINT32_MAX;
    if (left_tick != right_tick) {
        return left_tick < right_tick;
    }
    if ((left->dnf == GAME_DNF_NONE) != (right->dnf == GAME_DNF_NONE)) {
        return left->dnf == GAME_DNF_NONE;
    }
    return left->count != right->count ? left->count > right->count : a < b;
}

static unsigned place_of(const struct duel_state *state, unsigned entity)
{
    unsigned place = 1;
    for (unsigned i = 0; i < state->setup.entities; i++) {
        place += i != entity && before(state, i, entity);
    }
    return place;
}

static void duel_standings(const void *memory, struct game_standing *standings)
{
    const struct duel_state *state = memory;
    for (unsigned i = 0; i < state->setup.entities; i++) {
        const struct duel_player *player = &state->players[i];
        unsigned place = place_of(state, i);
        uint64_t time_ms = (uint64_t)player->reached_tick * MS_PER_S / state->setup.tick_rate;
        standings[place - 1] = (struct game_standing){
            .entity = i,
            .place = place,
            .time_ms = (uint32_t)time_ms,
            .dnf = player->dnf,
        };
    }
}

static void duel_view(const void *memory, int32_t *values)
{
    const struct duel_state *state = memory;
    for (unsigned i = 0; i < state->setup.entities; i++) {
        values[i * DUEL_VALUES + DUEL_VALUE_COUNT] = (int32_t)state->players[i].count;
        values[i * DUEL_VALUES + DUEL_VALUE_PLACE] = (int32_t)place_of(state, i);
    }
}

static uint64_t hash_add(uint64_t hash, uint64_t value)
{
    return (hash ^ value) * UINT64_C(0x100000001b3);
}

static uint64_t duel_hash(const void *memory)
{
    const struct duel_state *state = memory;
    uint64_t hash = hash_add(UINT64_C(0xcbf29ce484222325), state->setup.seed);
    hash = hash_add(hash, state->target);
    hash = hash_add(hash, state->setup.tick_rate);
    hash = hash_add(hash, state->setup.time_limit_ticks);
    hash = hash_add(hash, state->tick);
    hash = hash_add(hash, state->started);
    for (unsigned i = 0; i < state->setup.entities; i++) {
        hash = hash_add(hash, state->players[i].count);
        hash = hash_add(hash, state->players[i].reached_tick);
        hash = hash_add(hash, state->players[i].dnf);
    }
    return hash;
}

const struct game_sim duel_sim = {
    .name = "duel",
    .input_bytes = 1,
    .values_per_entity = DUEL_VALUES,
    .value_names = value_names,
    .state_bytes = duel_state_bytes,
    .builtin_map = duel_builtin_map,
    .load_map = duel_load_map,
    .free_map = duel_free_map,
    .init = duel_init,
    .sanitize = duel_sanitize,
    .start = duel_start,
    .step = duel_step,
    .retire = duel_retire,
    .finished = duel_finished,
    .standings = duel_standings,
    .view = duel_view,
    .hash = duel_hash,
};
