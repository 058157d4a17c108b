// SPDX-License-Identifier: MIT
// Recording and verifying races. Both sides of the format stand here, record kind by record kind.

#include "game/replay.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BYTES 65536 // room made at the start, so that a short race never allocates again
#define MASK_BYTES  ((LIMIT_PLAYERS_PER_SESSION + 7) / 8)
#define INPUTS_MAX  (LIMIT_PLAYERS_PER_SESSION * LIMIT_INPUT_BYTES)
// The longest record: kind, ticks, masks and every byte of every input.
#define RECORD_BYTES_MAX                                                                           \
    (2 + MASK_BYTES + LIMIT_PLAYERS_PER_SESSION * ((LIMIT_INPUT_BYTES + 7) / 8) + INPUTS_MAX)
#define FIXED_BYTES   26 // of the setup, after the names
#define HASH_BYTES    8
#define TICK_RATE_MIN 10
#define TICK_RATE_MAX 128
#define LAPS_MAX      99

static const uint8_t magic[4] = {'P', 'D', 'K', 'R'};

// A record is: u8 ticks run since the record before it, u8 kind, content.
enum record {
    RECORD_HASH = 1, // u64
    RECORD_RETIRE,   // u8 entity
    RECORD_INPUTS,   // entity mask; for each: byte mask, the bytes that changed
    RECORD_END,      // u64 hash
};

static void put_u64(uint8_t *at, uint64_t value)
{
    bytes_put_u32(at, (uint32_t)(value >> 32));
    bytes_put_u32(at + 4, (uint32_t)value);
}

static uint64_t get_u64(const uint8_t *at)
{
    return (uint64_t)bytes_get_u32(at) << 32 | bytes_get_u32(at + 4);
}

// Tells maps apart that share a name.
static uint64_t hash_map(const struct game_map *map)
{
    return bytes_hash(BYTES_HASH_NONE, map->data);
}

// ---- recording

struct game_replay {
    const struct game_sim *sim;
    unsigned entities;
    uint32_t ticks;         // run so far
    uint32_t ticks_written; // up to the last record
    bool dropped;
    struct bytes_buf bytes;
    uint8_t inputs[INPUTS_MAX]; // as of the last tick; all zero before the first
};

static void append(struct game_replay *replay, const void *data, size_t size)
{
    if (!replay->dropped && !bytes_buf_append(&replay->bytes, bytes_of(data, size))) {
        replay->dropped = true;
        bytes_buf_finish(&replay->bytes);
    }
}

static void append_name(struct game_replay *replay, const char *name)
{
    size_t length = strlen(name);
    assert(length <= GAME_REPLAY_NAME_BYTES);
    uint8_t size = (uint8_t)length;
    append(replay, &size, 1);
    append(replay, name, length);
}

static void append_record(struct game_replay *replay, enum record kind, const uint8_t *content,
                          size_t size)
{
    uint32_t ticks = replay->ticks - replay->ticks_written;
    assert(ticks <= GAME_REPLAY_HASH_TICKS);
    uint8_t head[2] = {(uint8_t)ticks, (uint8_t)kind};
    replay->ticks_written = replay->ticks;
    append(replay, head, sizeof(head));
    append(replay, content, size);
}

static void append_hash(struct game_replay *replay, enum record kind, const void *state)
{
    uint8_t hash[HASH_BYTES];
    put_u64(hash, replay->sim->hash(state));
    append_record(replay, kind, hash, sizeof(hash));
}

struct game_replay *game_replay_begin(const struct game_sim *sim,
                                      const struct game_sim_setup *setup)
{
    assert(setup->entities >= 1 && setup->entities <= LIMIT_PLAYERS_PER_SESSION);
    assert(sim->input_bytes >= 1 && sim->input_bytes <= LIMIT_INPUT_BYTES);
    struct game_replay *replay = calloc(1, sizeof(*replay));
    if (!replay) {
        return NULL;
    }
    replay->sim = sim;
    replay->entities = setup->entities;
    bytes_buf_init(&replay->bytes, GAME_REPLAY_BYTES_MAX);
    replay->dropped = !bytes_buf_reserve(&replay->bytes, FIRST_BYTES);
    uint8_t version = GAME_REPLAY_VERSION;
    append(replay, magic, sizeof(magic));
    append(replay, &version, 1);
    append_name(replay, sim->name);
    append_name(replay, setup->map->name);
    uint8_t fixed[FIXED_BYTES];
    put_u64(fixed, hash_map(setup->map));
    put_u64(fixed + 8, setup->seed);
    bytes_put_u32(fixed + 16, setup->time_limit_ticks);
    bytes_put_u16(fixed + 20, (uint16_t)setup->laps);
    fixed[22] = (uint8_t)setup->tick_rate;
    fixed[23] = (uint8_t)setup->entities;
    fixed[24] = (uint8_t)sim->input_bytes;
    fixed[25] = GAME_REPLAY_HASH_TICKS;
    append(replay, fixed, sizeof(fixed));
    return replay;
}

void game_replay_discard(struct game_replay *replay)
{
    if (!replay) {
        return;
    }
    bytes_buf_finish(&replay->bytes);
    free(replay);
}

void game_replay_retire(struct game_replay *replay, unsigned entity)
{
    if (!replay) {
        return;
    }
    assert(entity < replay->entities);
    uint8_t content = (uint8_t)entity;
    append_record(replay, RECORD_RETIRE, &content, 1);
}

// Writes the mask of bytes that differ and these bytes; the number of bytes written, 0 when
// nothing differs.
static size_t put_change(uint8_t *out, const uint8_t *before, const uint8_t *now, unsigned count)
{
    size_t mask_bytes = (count + 7) / 8;
    size_t used = mask_bytes;
    memset(out, 0, mask_bytes);
    for (unsigned i = 0; i < count; i++) {
        if (before[i] != now[i]) {
            out[i / 8] |= (uint8_t)(1u << i % 8);
            out[used++] = now[i];
        }
    }
    return used > mask_bytes ? used : 0;
}

void game_replay_inputs(struct game_replay *replay, const void *inputs)
{
    if (!replay) {
        return;
    }
    unsigned input_bytes = replay->sim->input_bytes;
    size_t size = (size_t)replay->entities * input_bytes;
    if (memcmp(replay->inputs, inputs, size) == 0) {
        return;
    }
    uint8_t record[RECORD_BYTES_MAX] = {0};
    size_t used = (replay->entities + 7) / 8;
    for (unsigned i = 0; i < replay->entities; i++) {
        const uint8_t *now = (const uint8_t *)inputs + (size_t)i * input_bytes;
        const uint8_t *before = replay->inputs + (size_t)i * input_bytes;
        size_t change = put_change(record + used, before, now, input_bytes);
        if (change > 0) {
            record[i / 8] |= (uint8_t)(1u << i % 8);
        }
        used += change;
    }
    append_record(replay, RECORD_INPUTS, record, used);
    memcpy(replay->inputs, inputs, size);
}

void game_replay_stepped(struct game_replay *replay, const void *state)
{
    if (!replay) {
        return;
    }
    replay->ticks++;
    if (replay->ticks % GAME_REPLAY_HASH_TICKS == 0) {
        append_hash(replay, RECORD_HASH, state);
    }
}

bool game_replay_end(struct game_replay *replay, const void *state, struct bytes_buf *bytes)
{
    if (!replay) {
        return false;
    }
    append_hash(replay, RECORD_END, state);
    bool whole = !replay->dropped;
    if (whole) {
        *bytes = replay->bytes; // the caller's from here on
        replay->bytes = (struct bytes_buf){0};
    }
    game_replay_discard(replay);
    return whole;
}

// ---- verifying

struct reader {
    struct bytes_span rest;
    const struct game_sim *sim;
    struct game_replay_report *report;
    struct error *error;
    void *state;
    bool hash_due;
    uint8_t last_kind; // of the record before this one, when no tick lies between; else 0
    uint8_t inputs[INPUTS_MAX];
};

static const uint8_t *take(struct reader *reader, size_t size)
{
    if (reader->rest.size < size) {
        return NULL;
    }
    const uint8_t *taken = reader->rest.data;
    reader->rest.data += size;
    reader->rest.size -= size;
    return taken;
}

static bool malformed(struct reader *reader, const char *what)
{
    return error_set(reader->error, "not a replay: %s after tick %u", what, reader->report->ticks);
}

static bool read_name(struct reader *reader, char name[GAME_REPLAY_NAME_BYTES + 1])
{
    const uint8_t *size = take(reader, 1);
    const uint8_t *text = size && *size <= GAME_REPLAY_NAME_BYTES ? take(reader, *size) : NULL;
    if (!text) {
        return false;
    }
    for (unsigned i = 0; i < *size; i++) {
        if (text[i] <= ' ' || text[i] > '~') {
            return false;
        }
    }
    memcpy(name, text, *size);
    return *size > 0;
}

static const struct game_map *find_map(const struct game_sim *sim, const char *name)
{
    for (unsigned i = 0;; i++) {
        const struct game_map *map = sim->builtin_map(i);
        if (!map || strcmp(map->name, name) == 0) {
            return map;
        }
    }
}

static bool read_fixed(const uint8_t *fixed, struct game_sim_setup *setup)
{
    setup->seed = get_u64(fixed + 8);
    setup->time_limit_ticks = bytes_get_u32(fixed + 16);
    setup->laps = bytes_get_u16(fixed + 20);
    setup->tick_rate = fixed[22];
    setup->entities = fixed[23];
    return setup->laps >= 1 && setup->laps <= LAPS_MAX && setup->tick_rate >= TICK_RATE_MIN &&
           setup->tick_rate <= TICK_RATE_MAX && setup->entities >= 1 &&
           setup->entities <= LIMIT_PLAYERS_PER_SESSION && fixed[25] == GAME_REPLAY_HASH_TICKS;
}

// Finds game and map where the caller did not give them, and checks that they are the ones.
static bool find_game(struct reader *reader, const uint8_t *fixed)
{
    struct game_replay_report *report = reader->report;
    struct game_sim_setup *setup = &report->setup;
    reader->sim = reader->sim ? reader->sim : game_sim_find(report->game);
    if (!reader->sim || strcmp(reader->sim->name, report->game) != 0 ||
        reader->sim->input_bytes != fixed[24]) {
        return error_set(reader->error, "the replay is of another game, %s", report->game);
    }
    setup->map = setup->map ? setup->map : find_map(reader->sim, report->map);
    if (!setup->map || strcmp(setup->map->name, report->map) != 0) {
        return error_set(reader->error, "the replay is of another map, %s", report->map);
    }
    if (hash_map(setup->map) != get_u64(fixed)) {
        return error_set(reader->error, "the map %s is not as it was in the race", report->map);
    }
    return true;
}

static bool read_setup(struct reader *reader)
{
    struct game_replay_report *report = reader->report;
    const uint8_t *head = take(reader, sizeof(magic) + 1);
    if (!head || memcmp(head, magic, sizeof(magic)) != 0) {
        return error_set(reader->error, "not a replay: it does not begin with PDKR");
    }
    if (head[sizeof(magic)] != GAME_REPLAY_VERSION) {
        return error_set(reader->error, "a replay of version %u; only %d is known",
                         head[sizeof(magic)], GAME_REPLAY_VERSION);
    }
    bool named = read_name(reader, report->game) && read_name(reader, report->map);
    const uint8_t *fixed = named ? take(reader, FIXED_BYTES) : NULL;
    if (!fixed || !read_fixed(fixed, &report->setup)) {
        return error_set(reader->error, "not a replay: its setup is cut short or out of range");
    }
    return find_game(reader, fixed);
}

static bool bits_beyond(const uint8_t *mask, unsigned count)
{
    return count % 8 != 0 && mask[count / 8] >> count % 8 != 0;
}

// One input's change: at least one byte, each really different, and nothing a player could not do.
static bool read_change(struct reader *reader, uint8_t *input)
{
    unsigned count = reader->sim->input_bytes;
    const uint8_t *mask = take(reader, (count + 7) / 8);
    if (!mask || bits_beyond(mask, count)) {
        return false;
    }
    bool changed = false;
    for (unsigned i = 0; i < count; i++) {
        if (!(mask[i / 8] >> i % 8 & 1)) {
            continue;
        }
        const uint8_t *byte = take(reader, 1);
        if (!byte || *byte == input[i]) {
            return false;
        }
        input[i] = *byte;
        changed = true;
    }
    return changed && !reader->sim->sanitize(input);
}

static bool read_inputs(struct reader *reader)
{
    unsigned entities = reader->report->setup.entities;
    const uint8_t *mask = take(reader, (entities + 7) / 8);
    if (!mask || bits_beyond(mask, entities)) {
        return malformed(reader, "wrong inputs");
    }
    bool changed = false;
    for (unsigned i = 0; i < entities; i++) {
        if (mask[i / 8] >> i % 8 & 1) {
            changed = true;
            if (!read_change(reader, reader->inputs + (size_t)i * reader->sim->input_bytes)) {
                return malformed(reader, "wrong inputs");
            }
        }
    }
    return changed || malformed(reader, "wrong inputs");
}

static bool compare_hash(struct reader *reader)
{
    const uint8_t *recorded = take(reader, HASH_BYTES);
    if (!recorded) {
        return malformed(reader, "no hash");
    }
    reader->report->final_hash = reader->sim->hash(reader->state);
    if (reader->report->final_hash != get_u64(recorded)) {
        reader->report->bad_tick = reader->report->ticks;
        return error_set(reader->error,
                         "the race went differently: hash %016llx after tick %u, "
                         "recorded was %016llx",
                         (unsigned long long)reader->report->final_hash, reader->report->ticks,
                         (unsigned long long)get_u64(recorded));
    }
    reader->report->hashes++;
    return true;
}

static bool run_ticks(struct reader *reader, unsigned ticks)
{
    for (unsigned i = 0; i < ticks; i++) {
        if (reader->hash_due || reader->report->ticks == GAME_REPLAY_TICKS_MAX) {
            return malformed(reader, "too many ticks");
        }
        if (reader->report->ticks == 0) {
            reader->sim->start(reader->state);
        }
        reader->sim->step(reader->state, reader->inputs);
        reader->report->ticks++;
        reader->hash_due = reader->report->ticks % GAME_REPLAY_HASH_TICKS == 0;
        reader->last_kind = 0;
    }
    return true;
}

static bool read_record(struct reader *reader, bool *ended)
{
    const uint8_t *head = take(reader, 2);
    if (!head) {
        return malformed(reader, "no end");
    }
    if (!run_ticks(reader, head[0])) {
        return false;
    }
    enum record kind = head[1];
    if (reader->hash_due != (kind == RECORD_HASH)) {
        return malformed(reader, "a hash missing or out of place");
    }
    // The inputs of a tick come last before it, and once.
    if (reader->last_kind == RECORD_INPUTS) {
        return malformed(reader, "inputs that no tick used");
    }
    reader->last_kind = head[1];
    const uint8_t *entity;
    switch (kind) {
    case RECORD_HASH:
        reader->hash_due = false;
        return compare_hash(reader);
    case RECORD_RETIRE:
        entity = take(reader, 1);
        if (!entity || *entity >= reader->report->setup.entities) {
            return malformed(reader, "nobody retired");
        }
        reader->sim->retire(reader->state, *entity);
        return true;
    case RECORD_INPUTS:
        return read_inputs(reader);
    case RECORD_END:
        *ended = true;
        return compare_hash(reader);
    }
    return malformed(reader, "an unknown record");
}

static bool run_race(struct reader *reader)
{
    bool ended = false;
    while (!ended) {
        if (!read_record(reader, &ended)) {
            return false;
        }
    }
    if (reader->rest.size > 0) {
        return malformed(reader, "bytes beyond the end");
    }
    reader->sim->standings(reader->state, reader->report->standings);
    return true;
}

bool game_replay_verify_with(struct bytes_span bytes, const struct game_sim *sim,
                             const struct game_map *map, struct game_replay_report *report,
                             struct error *error)
{
    *report = (struct game_replay_report){.setup.map = map};
    struct reader reader = {.rest = bytes, .sim = sim, .report = report, .error = error};
    if (!read_setup(&reader)) {
        return false;
    }
    reader.state = calloc(1, reader.sim->state_bytes(&report->setup));
    if (!reader.state) {
        return error_set(error, "out of memory");
    }
    reader.sim->init(reader.state, &report->setup);
    bool ok = run_race(&reader);
    free(reader.state);
    return ok;
}

bool game_replay_verify(struct bytes_span bytes, struct game_replay_report *report,
                        struct error *error)
{
    return game_replay_verify_with(bytes, NULL, NULL, report, error);
}
