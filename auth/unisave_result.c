// SPDX-License-Identifier: MIT
// Every standing is read before the first one is used, so that a body is good as a whole or not.

#include "auth/unisave_result.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "auth/json.h"

#define PODIUM    3
#define DEPTH_MAX 3 // the race, its standings, a standing

struct race {
    unsigned count;
    struct auth_unisave_standing standings[LIMIT_PLAYERS_PER_SESSION];
};

static bool copy(char *to, size_t size, const char *from)
{
    int length = snprintf(to, size, "%s", from);
    return length > 0 && (size_t)length < size;
}

static bool read_standing(json_t *entry, const char *race_id,
                          struct auth_unisave_standing *standing)
{
    const char *player_id;
    int place;
    json_t *time_ms, *dnf;
    if (json_unpack(entry, "{s:s, s:i, s:o, s:o}", "player_id", &player_id, "place", &place,
                    "time_ms", &time_ms, "dnf", &dnf) != 0) {
        return false;
    }
    bool finished = json_is_null(dnf);
    json_int_t time = json_integer_value(time_ms);
    if (finished && (place < 1 || !json_is_integer(time_ms) || time < 0 || time > INT32_MAX)) {
        return false;
    }
    standing->place = finished ? (unsigned)place : 0;
    standing->time_ms = finished ? (unsigned)time : 0;
    return copy(standing->race_id, sizeof(standing->race_id), race_id) &&
           copy(standing->player_id, sizeof(standing->player_id), player_id);
}

static bool read_race(json_t *root, struct race *race)
{
    const char *race_id;
    json_t *list;
    *race = (struct race){0};
    if (json_unpack(root, "{s:s, s:o}", "race_id", &race_id, "standings", &list) != 0 ||
        !json_is_array(list) || json_array_size(list) > LIMIT_PLAYERS_PER_SESSION) {
        return false;
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (!read_standing(json_array_get(list, i), race_id, &race->standings[race->count++])) {
            return false;
        }
    }
    return true;
}

static bool parse(struct bytes_span body, struct race *race)
{
    json_t *root = auth_json_parse(body, DEPTH_MAX);
    bool ok = root && read_race(root, race);
    json_decref(root);
    return ok;
}

static bool is_wanted(const struct auth_unisave_standing *standing,
                      enum auth_unisave_placings placings)
{
    switch (placings) {
    case AUTH_UNISAVE_WINNER:
        return standing->place == 1;
    case AUTH_UNISAVE_PODIUM:
        return standing->place >= 1 && standing->place <= PODIUM;
    case AUTH_UNISAVE_ALL:
        break;
    }
    return true;
}

bool auth_unisave_result_each(struct bytes_span body, enum auth_unisave_placings placings,
                              void (*each)(void *context, const char *player_id), void *context)
{
    struct race race;
    if (!parse(body, &race)) {
        return false;
    }
    for (unsigned i = 0; i < race.count; i++) {
        if (is_wanted(&race.standings[i], placings)) {
            each(context, race.standings[i].player_id);
        }
    }
    return true;
}

bool auth_unisave_result_find(struct bytes_span body, const char *player_id,
                              struct auth_unisave_standing *standing)
{
    struct race race;
    if (!parse(body, &race)) {
        return false;
    }
    for (unsigned i = 0; i < race.count; i++) {
        if (strcmp(race.standings[i].player_id, player_id) == 0) {
            *standing = race.standings[i];
            return true;
        }
    }
    return false;
}
