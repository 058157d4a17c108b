// SPDX-License-Identifier: MIT
// The race as a simulation: one block of state, and a tick that moves, collides and judges.
//
// Plain composition: race_track knows the road, race_kart the bodies, race_rules what counts. The
// state holds no pointer but to the road, which is the map's, so it may be copied as it stands.

#include "game/race/race.h"

#include <assert.h>

#include "game/race/race_map.h"
#include "game/race/race_rules.h"

#define KARTS_MAX     LIMIT_PLAYERS_PER_SESSION
#define COAST_BRAKE   80 // of 255: how firmly a kart slows after the finish
#define CM_PER_METRE  100
#define DM_PER_METRE  10
#define MS_PER_S      1000
#define TICK_RATE_MIN 10
#define TICK_RATE_MAX 128
#define LAPS_MAX      99

struct race_state {
    uint64_t seed;
    uint64_t map_hash;
    unsigned tick_rate;
    unsigned count;
    unsigned laps;
    uint32_t time_limit_ticks;
    uint32_t tick;
    bool started;
    uint8_t order[KARTS_MAX]; // entrants, best first
    const struct race_track *track;
    struct race_entrant entrants[];
};

_Static_assert(KARTS_MAX *RACE_VALUES <= LIMIT_SNAPSHOT_VALUES, "a full grid fits a snapshot");
_Static_assert(RACE_INPUT_BYTES <= LIMIT_INPUT_BYTES, "an input fits a message");

static const char *const value_names[RACE_VALUES] = {
    [RACE_VALUE_X_CM] = "x_cm",       [RACE_VALUE_Y_CM] = "y_cm",
    [RACE_VALUE_HEADING] = "heading", [RACE_VALUE_SPEED_DM_S] = "speed_dm_s",
    [RACE_VALUE_GATES] = "gates",     [RACE_VALUE_PLACE] = "place",
    [RACE_VALUE_STATUS] = "status",   [RACE_VALUE_TIME_MS] = "time_ms",
};

static struct race_terms terms_of(const struct race_state *state)
{
    return (struct race_terms){
        .track = state->track,
        .tick_rate = state->tick_rate,
        .laps = state->laps,
        .tick = state->tick,
    };
}

static size_t race_state_bytes(const struct game_sim_setup *setup)
{
    return sizeof(struct race_state) + setup->entities * sizeof(struct race_entrant);
}

static uint64_t hash_bytes(struct bytes_span span)
{
    uint64_t hash = race_mix(span.size);
    for (size_t i = 0; i < span.size; i++) {
        hash = race_mix(hash ^ span.data[i]);
    }
    return hash;
}

// Who starts where: a shuffle of the grid's slots that the seed decides.
static void draw_grid(struct race_state *state)
{
    uint64_t random = state->seed;
    unsigned slots[KARTS_MAX];
    for (unsigned i = 0; i < state->count; i++) {
        slots[i] = i;
    }
    for (unsigned i = state->count; i > 1; i--) {
        unsigned chosen = race_random_below(&random, i);
        unsigned slot = slots[chosen];
        slots[chosen] = slots[i - 1];
        slots[i - 1] = slot;
    }
    for (unsigned i = 0; i < state->count; i++) {
        state->entrants[i].grid_slot = slots[i];
    }
}

// Insertion sort: from tick to tick hardly anything changes.
static void sort_order(struct race_state *state)
{
    for (unsigned i = 1; i < state->count; i++) {
        uint8_t entrant = state->order[i];
        unsigned at = i;
        while (at > 0 && race_rules_before(&state->entrants[entrant],
                                           &state->entrants[state->order[at - 1]])) {
            state->order[at] = state->order[at - 1];
            at--;
        }
        state->order[at] = entrant;
    }
}

static void race_init(void *memory, const struct game_sim_setup *setup)
{
    struct race_state *state = memory;
    assert(setup->entities >= 1 && setup->entities <= KARTS_MAX);
    assert(setup->tick_rate >= TICK_RATE_MIN && setup->tick_rate <= TICK_RATE_MAX);
    assert(setup->laps >= 1 && setup->laps <= LAPS_MAX);
    state->seed = setup->seed;
    state->map_hash = hash_bytes(setup->map->data);
    state->tick_rate = setup->tick_rate;
    state->count = setup->entities;
    state->laps = setup->laps;
    state->time_limit_ticks = setup->time_limit_ticks;
    state->track = race_map_track(setup->map);
    draw_grid(state);
    struct race_terms terms = terms_of(state);
    for (unsigned i = 0; i < state->count; i++) {
        race_rules_line_up(&terms, &state->entrants[i]);
        state->order[i] = (uint8_t)i;
    }
    sort_order(state);
}

static bool race_sanitize(void *input)
{
    uint8_t *bytes = input;
    bool forged = false;
    if (bytes[RACE_INPUT_STEER] == 0x80) { // -128
        bytes[RACE_INPUT_STEER] = 0x81;
        forged = true;
    }
    if (bytes[RACE_INPUT_FLAGS] & ~RACE_FLAG_RESPAWN) {
        bytes[RACE_INPUT_FLAGS] &= RACE_FLAG_RESPAWN;
        forged = true;
    }
    return forged;
}

static void race_start(void *memory)
{
    struct race_state *state = memory;
    state->started = true;
}

static void stop(struct race_entrant *entrant, enum game_dnf dnf)
{
    entrant->dnf = dnf;
    entrant->kart.velocity = (struct race_vector){0, 0};
}

// After the finish a kart rolls out; its driver may still steer.
static void roll_out(const struct race_state *state, struct race_entrant *entrant,
                     const uint8_t *input)
{
    bool rolling = race_kart_speed(&entrant->kart) > RACE_METRES(1);
    uint8_t coasting[RACE_INPUT_BYTES] = {
        [RACE_INPUT_BRAKE] = rolling ? COAST_BRAKE : 0,
        [RACE_INPUT_STEER] = input[RACE_INPUT_STEER],
    };
    race_kart_drive(&entrant->kart, coasting, state->tick_rate);
}

static void move(const struct race_state *state, const struct race_terms *terms,
                 struct race_entrant *entrant, const uint8_t *input)
{
    bool asks = input[RACE_INPUT_FLAGS] & RACE_FLAG_RESPAWN;
    bool respawn = asks && !entrant->respawn_held;
    entrant->respawn_held = asks;
    if (entrant->dnf != GAME_DNF_NONE) {
        return;
    }
    if (entrant->finished) {
        roll_out(state, entrant, input);
    } else if (entrant->waiting > 0) {
        entrant->waiting--;
    } else if (respawn) {
        race_rules_respawn(terms, entrant);
    } else {
        race_kart_drive(&entrant->kart, input, state->tick_rate);
    }
}

static void collide(struct race_state *state)
{
    struct race_kart *karts[KARTS_MAX];
    unsigned count = 0;
    for (unsigned i = 0; i < state->count; i++) {
        if (race_entrant_solid(&state->entrants[i])) {
            karts[count++] = &state->entrants[i].kart;
        }
    }
    race_kart_collide(karts, count, state->tick_rate);
}

static void race_step(void *memory, const void *inputs)
{
    struct race_state *state = memory;
    if (!state->started) {
        return;
    }
    state->tick++;
    struct race_terms terms = terms_of(state);
    const uint8_t *input = inputs;
    for (unsigned i = 0; i < state->count; i++, input += RACE_INPUT_BYTES) {
        move(state, &terms, &state->entrants[i], input);
    }
    collide(state);
    bool out_of_time = state->time_limit_ticks > 0 && state->tick >= state->time_limit_ticks;
    for (unsigned i = 0; i < state->count; i++) {
        struct race_entrant *entrant = &state->entrants[i];
        if (entrant->dnf == GAME_DNF_NONE) {
            race_rules_follow(&terms, entrant, state->tick % state->count == i);
        }
        if (out_of_time && race_entrant_racing(entrant)) {
            stop(entrant, GAME_DNF_TIME_LIMIT);
        }
    }
    sort_order(state);
}

static void race_retire(void *memory, unsigned entity)
{
    struct race_state *state = memory;
    assert(entity < state->count);
    if (race_entrant_racing(&state->entrants[entity])) {
        stop(&state->entrants[entity], GAME_DNF_LEFT);
        sort_order(state);
    }
}

static bool race_finished(const void *memory)
{
    const struct race_state *state = memory;
    for (unsigned i = 0; i < state->count; i++) {
        if (race_entrant_racing(&state->entrants[i])) {
            return false;
        }
    }
    return true;
}

static uint32_t time_ms(const struct race_state *state, const struct race_entrant *entrant)
{
    return (uint32_t)(entrant->finish * MS_PER_S / ((uint64_t)state->tick_rate * RACE_ONE));
}

static void race_standings(const void *memory, struct game_standing *standings)
{
    const struct race_state *state = memory;
    for (unsigned i = 0; i < state->count; i++) {
        const struct race_entrant *entrant = &state->entrants[state->order[i]];
        standings[i] = (struct game_standing){
            .entity = state->order[i],
            .place = i + 1,
            .time_ms = time_ms(state, entrant),
            .dnf = entrant->dnf,
        };
    }
}

static int32_t status_of(const struct race_terms *terms, const struct race_entrant *entrant)
{
    bool racing = race_entrant_racing(entrant);
    return (entrant->finished ? RACE_STATUS_FINISHED : 0) |
           (entrant->dnf != GAME_DNF_NONE ? RACE_STATUS_DNF : 0) |
           (entrant->kart.on_grass ? RACE_STATUS_OFF_TRACK : 0) |
           (race_rules_wrong_way(terms, entrant) ? RACE_STATUS_WRONG_WAY : 0) |
           (racing && entrant->side == RACE_BEYOND ? RACE_STATUS_MISSED_GATE : 0) |
           (racing && entrant->waiting > 0 ? RACE_STATUS_WAITING : 0);
}

static void race_view(const void *memory, int32_t *values)
{
    const struct race_state *state = memory;
    struct race_terms terms = terms_of(state);
    for (unsigned i = 0; i < state->count; i++) {
        const struct race_entrant *entrant = &state->entrants[i];
        const struct race_kart *kart = &entrant->kart;
        int32_t *view = values + (size_t)i * RACE_VALUES;
        view[RACE_VALUE_X_CM] = (int32_t)race_divide((int64_t)kart->at.x * CM_PER_METRE, RACE_ONE);
        view[RACE_VALUE_Y_CM] = (int32_t)race_divide((int64_t)kart->at.y * CM_PER_METRE, RACE_ONE);
        view[RACE_VALUE_HEADING] = (int32_t)(kart->heading / (UINT32_MAX / RACE_HEADING_TURN + 1));
        view[RACE_VALUE_SPEED_DM_S] =
            (int32_t)race_divide((int64_t)race_kart_speed(kart) * DM_PER_METRE, RACE_ONE);
        view[RACE_VALUE_GATES] = (int32_t)entrant->gates;
        view[RACE_VALUE_STATUS] = status_of(&terms, entrant);
        view[RACE_VALUE_TIME_MS] = (int32_t)time_ms(state, entrant);
    }
    for (unsigned place = 0; place < state->count; place++) {
        values[(size_t)state->order[place] * RACE_VALUES + RACE_VALUE_PLACE] = (int32_t)place + 1;
    }
}

static uint64_t hash_add(uint64_t hash, int64_t value)
{
    return race_mix(hash ^ (uint64_t)value) + UINT64_C(0x9e3779b97f4a7c15);
}

static uint64_t hash_entrant(uint64_t hash, const struct race_entrant *entrant)
{
    const struct race_kart *kart = &entrant->kart;
    const int64_t values[] = {
        kart->at.x,
        kart->at.y,
        kart->velocity.x,
        kart->velocity.y,
        kart->heading,
        kart->on_grass,
        entrant->place.segment,
        entrant->place.arc,
        entrant->place.square,
        entrant->grid_slot,
        entrant->gates,
        entrant->along,
        entrant->waiting,
        entrant->backwards,
        entrant->side,
        entrant->respawn_held,
        entrant->dnf,
        entrant->finished,
        (int64_t)entrant->finish,
    };
    for (size_t i = 0; i < BASE_COUNT(values); i++) {
        hash = hash_add(hash, values[i]);
    }
    return hash;
}

// The order of the karts is left out: it follows from the rest.
static uint64_t race_hash(const void *memory)
{
    const struct race_state *state = memory;
    uint64_t hash = hash_add(state->seed, (int64_t)state->map_hash);
    hash = hash_add(hash, state->tick_rate);
    hash = hash_add(hash, state->count);
    hash = hash_add(hash, state->laps);
    hash = hash_add(hash, state->time_limit_ticks);
    hash = hash_add(hash, state->tick);
    hash = hash_add(hash, state->started);
    for (unsigned i = 0; i < state->count; i++) {
        hash = hash_entrant(hash, &state->entrants[i]);
    }
    return hash;
}

const struct game_sim race_sim = {
    .name = "race",
    .input_bytes = RACE_INPUT_BYTES,
    .values_per_entity = RACE_VALUES,
    .value_names = value_names,
    .state_bytes = race_state_bytes,
    .builtin_map = race_map_builtin,
    .load_map = race_map_load,
    .free_map = race_map_free,
    .init = race_init,
    .sanitize = race_sanitize,
    .start = race_start,
    .step = race_step,
    .retire = race_retire,
    .finished = race_finished,
    .standings = race_standings,
    .view = race_view,
    .hash = race_hash,
};
