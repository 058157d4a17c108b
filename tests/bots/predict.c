// SPDX-License-Identifier: MIT
// Dead reckoning: speed and rate of turning stay as they are. Whatever a server sends, nothing here
// overflows: sums wrap, and the driver takes any values.

#include "tests/bots/predict.h"

#include <string.h>

#include "game/race/race_fixed.h"

#define HALF_TURN    (RACE_HEADING_TURN / 2)
#define QUARTER_TURN (RACE_HEADING_TURN / 4)
#define CM_PER_DM    10

// The shorter way round, in heading steps.
static int32_t turned(int32_t from, int32_t to)
{
    uint32_t steps = ((uint32_t)to - (uint32_t)from + HALF_TURN) % RACE_HEADING_TURN;
    return (int32_t)steps - HALF_TURN;
}

static int32_t move(int32_t position_cm, int64_t way_cm, int32_t share)
{
    return (int32_t)((uint32_t)position_cm + (uint32_t)(way_cm * share / RACE_ONE));
}

static int32_t lesser(uint32_t ticks, uint32_t most)
{
    return (int32_t)(ticks < most ? ticks : most);
}

void bots_predict(const struct bots_sight *before, const struct bots_sight *newest, uint32_t tick,
                  uint32_t tick_rate, int32_t values[RACE_VALUES])
{
    memcpy(values, newest->values, sizeof(newest->values));
    uint32_t most = tick_rate / 2; // beyond half a second nothing stays as it is
    if (before->tick == 0 || before->tick >= newest->tick || tick <= newest->tick || most == 0) {
        return;
    }
    int32_t ahead = lesser(tick - newest->tick, most);
    int32_t between = lesser(newest->tick - before->tick, most);
    int32_t heading = newest->values[RACE_VALUE_HEADING];
    int32_t turn = turned(before->values[RACE_VALUE_HEADING], heading) * ahead / between;
    turn = turn < -QUARTER_TURN ? -QUARTER_TURN : turn > QUARTER_TURN ? QUARTER_TURN : turn;
    // Half of the turn is the mean direction of the way that is left behind meanwhile.
    uint32_t mean = (uint32_t)heading + (uint32_t)(turn / 2);
    struct race_vector along = race_direction(mean * (UINT32_MAX / RACE_HEADING_TURN + 1));
    int64_t way_cm =
        (int64_t)newest->values[RACE_VALUE_SPEED_DM_S] * CM_PER_DM * ahead / (int64_t)tick_rate;
    values[RACE_VALUE_X_CM] = move(values[RACE_VALUE_X_CM], way_cm, along.x);
    values[RACE_VALUE_Y_CM] = move(values[RACE_VALUE_Y_CM], way_cm, along.y);
    values[RACE_VALUE_HEADING] =
        (int32_t)(((uint32_t)heading + (uint32_t)turn) % RACE_HEADING_TURN);
}
