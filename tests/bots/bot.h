// SPDX-License-Identifier: MIT
// One bot: a client of the server, a driver at the wheel, and what they went through.
//
// Driven by the fleet: connected once, then given a turn every few milliseconds. Counts into the
// tally of its transport.

#ifndef TESTS_BOTS_BOT_H
#define TESTS_BOTS_BOT_H

#include "game/race/race_driver.h"
#include "net/client.h"
#include "tests/bots/courses.h"
#include "tests/bots/predict.h"
#include "tests/bots/tally.h"

#define BOTS_CODES_MAX 64
#define BOTS_INPUTS    128

// Shared by all bots.
struct bots_record {
    struct bots_courses courses;
    unsigned races_wanted; // 0: no end
    unsigned done;         // bots
    uint64_t seed;
    unsigned code_count; // close codes, and how often each came
    struct {
        uint16_t code;
        uint64_t count;
    } codes[BOTS_CODES_MAX];
};

enum bots_bot_state {
    BOTS_BOT_WAITING,
    BOTS_BOT_CONNECTED, // or connecting
    BOTS_BOT_DONE,
};

struct bots_bot {
    struct bots_record *record;
    struct bots_tally *tally;
    unsigned index;
    enum bots_bot_state state;
    struct net_client_host *host;
    struct net_client *client; // while BOTS_BOT_CONNECTED
    uint64_t connected_ns;
    uint64_t *turn_ns; // before that a turn changes nothing: the fleet's, who looks at all bots'

    uint32_t slot, tick_rate;
    unsigned races;
    uint8_t race_id[36];
    bool driving;                // has a course and a driver for the present race
    uint32_t entity;             // its kart
    struct bots_sight sights[2]; // of its kart in this race: the newest, and the one before
    struct race_driver driver;
    uint64_t snapshot_ns; // of the newest in this race; 0 = none
    struct {
        uint32_t tick;
        uint64_t made_ns;
    } inputs[BOTS_INPUTS]; // the newest, by tick
};

// What could not even begin counts as lost.
void bots_bot_connect(struct bots_bot *bot, const char *url,
                      const struct net_client_options *options);
// A turn comes soon (see net_client_fetch()). In steps 0 to BOTS_BOT_FETCH_STEPS - 1.
#define BOTS_BOT_FETCH_STEPS (NET_CLIENT_FETCH_STEPS + 1)
void bots_bot_fetch(const struct bots_bot *bot, unsigned step);
// Makes the inputs that are due; leaves when it has raced enough.
void bots_bot_turn(struct bots_bot *bot);
// Leaves now.
void bots_bot_stop(struct bots_bot *bot);

#endif
