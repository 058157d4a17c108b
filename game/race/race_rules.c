// SPDX-License-Identifier: MIT
// Checkpoints, laps, finishing, being put back, order.

#include "game/race/race_rules.h"

#define WRONG_WAY_SPEED RACE_METRES(1)
#define MS_PER_S        1000

// How far it is past its last checkpoint; 0 behind it, and no more than all the way when it has
// gone by the next one. Those who leave the way are on the nearer side of it, and stay on that side
// however far round they go. Behind the first crossing of the line the way is half a lap.
static void measure(const struct race_terms *terms, struct race_entrant *entrant)
{
    const struct race_track *track = terms->track;
    bool on_grid = entrant->gates == 0;
    int32_t last = on_grid ? race_track_wrap(track, -track->length / 2)
                           : track->gates[(entrant->gates - 1) % track->checkpoints];
    int32_t next = track->gates[entrant->gates % track->checkpoints];
    int32_t between = race_track_wrap(track, (int64_t)next - last);
    int32_t along = race_track_wrap(track, (int64_t)entrant->place.arc - last);
    if (along <= between) {
        entrant->side = RACE_ON_WAY;
    } else if (entrant->side == RACE_ON_WAY) {
        bool beyond = along - between < track->length - along;
        entrant->side = beyond ? RACE_BEYOND : RACE_BEHIND;
    }
    if (entrant->side != RACE_ON_WAY) {
        along = entrant->side == RACE_BEYOND ? between : 0;
    }
    entrant->along = on_grid ? along - between : along;
}

// Puts the kart on the road at `arc`, in the lane of its grid slot, facing forwards.
static void put_on_road(const struct race_terms *terms, struct race_entrant *entrant, int64_t arc)
{
    const struct race_track *track = terms->track;
    unsigned column = entrant->grid_slot % track->grid_columns;
    unsigned segment;
    race_track_at(track, race_track_wrap(track, arc), 0, &segment);
    // Columns share the road's width evenly: for two, a quarter of it left and right of the middle.
    int32_t step = 2 * track->points[segment].half_width / (int32_t)track->grid_columns;
    int32_t left = ((int32_t)track->grid_columns - 1) * step / 2 - (int32_t)column * step;
    entrant->kart.at = race_track_at(track, race_track_wrap(track, arc), left, &segment);
    entrant->kart.velocity = (struct race_vector){0, 0};
    entrant->kart.heading = race_angle(track->points[segment].along);
    entrant->kart.on_grass = false;
    entrant->place = race_track_near(track, segment, entrant->kart.at);
    entrant->backwards = 0;
    entrant->side = RACE_ON_WAY;
    measure(terms, entrant);
}

void race_rules_line_up(const struct race_terms *terms, struct race_entrant *entrant)
{
    const struct race_track *track = terms->track;
    unsigned columns = track->grid_columns;
    int64_t behind = (int64_t)(entrant->grid_slot / columns + 1) * track->grid_row;
    behind += (int64_t)(entrant->grid_slot % columns) * track->grid_row / columns;
    put_on_road(terms, entrant, -behind);
}

void race_rules_respawn(const struct race_terms *terms, struct race_entrant *entrant)
{
    if (entrant->gates == 0) {
        race_rules_line_up(terms, entrant);
    } else {
        const struct race_track *track = terms->track;
        put_on_road(terms, entrant, track->gates[(entrant->gates - 1) % track->checkpoints]);
    }
    entrant->waiting = RACE_RESPAWN_MS * terms->tick_rate / MS_PER_S;
}

// Whether the way from `before` to `now` leads forwards through the next checkpoint; if so, where
// on that way it stands: 0 (exclusive) .. RACE_ONE.
static bool passes_gate(const struct race_terms *terms, const struct race_entrant *entrant,
                        const struct race_place *before, const struct race_place *now,
                        uint32_t *share)
{
    const struct race_track *track = terms->track;
    int32_t gate = track->gates[entrant->gates % track->checkpoints];
    int32_t moved = race_track_ahead(track, before->arc, now->arc);
    int32_t to_gate = race_track_ahead(track, before->arc, gate);
    if (to_gate <= 0 || to_gate > moved || !race_track_within(track, before, RACE_GATE_MARGIN) ||
        !race_track_within(track, now, RACE_GATE_MARGIN)) {
        return false;
    }
    *share = (uint32_t)((int64_t)to_gate * RACE_ONE / moved);
    return true;
}

static void count_gate(const struct race_terms *terms, struct race_entrant *entrant, uint32_t share)
{
    entrant->gates++;
    entrant->side = RACE_ON_WAY;
    if (entrant->gates == terms->laps * terms->track->checkpoints + 1) {
        entrant->finished = true;
        entrant->finish = (uint64_t)(terms->tick - 1) * RACE_ONE + share;
    }
}

static void watch_direction(const struct race_terms *terms, struct race_entrant *entrant)
{
    int32_t forwards =
        race_dot(entrant->kart.velocity, terms->track->points[entrant->place.segment].along);
    if (forwards > 0) {
        entrant->backwards = 0;
    } else if (forwards < -WRONG_WAY_SPEED && entrant->backwards < terms->tick_rate) {
        entrant->backwards++;
    }
}

void race_rules_follow(const struct race_terms *terms, struct race_entrant *entrant,
                       bool may_search)
{
    const struct race_track *track = terms->track;
    struct race_place before = entrant->place;
    struct race_place now = race_track_near(track, before.segment, entrant->kart.at);
    bool elsewhere = false;
    if (may_search && !race_track_within(track, &now, 0)) {
        struct race_place found = race_track_search(track, entrant->kart.at);
        elsewhere = found.square < now.square;
        now = found;
    }
    entrant->place = now;
    entrant->kart.on_grass = !race_track_within(track, &now, 0);
    uint32_t share;
    if (race_entrant_racing(entrant) && !elsewhere &&
        passes_gate(terms, entrant, &before, &now, &share)) {
        count_gate(terms, entrant, share);
    }
    measure(terms, entrant);
    watch_direction(terms, entrant);
    if (!race_track_within(track, &now, RACE_LOST_MARGIN)) {
        race_rules_respawn(terms, entrant);
    }
}

bool race_rules_wrong_way(const struct race_terms *terms, const struct race_entrant *entrant)
{
    return race_entrant_racing(entrant) && entrant->backwards * 2 >= terms->tick_rate;
}

static int standing_class(const struct race_entrant *entrant)
{
    return entrant->finished ? 0 : entrant->dnf == GAME_DNF_NONE ? 1 : 2;
}

bool race_rules_before(const struct race_entrant *a, const struct race_entrant *b)
{
    int class_a = standing_class(a);
    int class_b = standing_class(b);
    if (class_a != class_b) {
        return class_a < class_b;
    }
    if (a->finished) {
        return a->finish != b->finish ? a->finish < b->finish : a->grid_slot > b->grid_slot;
    }
    if (a->gates != b->gates) {
        return a->gates > b->gates;
    }
    return a->along != b->along ? a->along > b->along : a->grid_slot < b->grid_slot;
}
