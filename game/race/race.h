// SPDX-License-Identifier: MIT
// The race as clients and tools see it: input bytes, snapshot values, map data.
//
// This is the whole contract between the simulation and whoever draws, drives or predicts it; the
// numbers are part of the wire, so they change only together with RACE_MAP_VERSION. How a kart
// moves and when a lap counts is in race_kart.h and race_rules.h; README.md of game/ tells it in
// words.

#ifndef GAME_RACE_RACE_H
#define GAME_RACE_RACE_H

#include "game/sim.h"

// The row for game_sim_find("race").
extern const struct game_sim race_sim;

// ---- one player's input for one tick: 4 bytes

enum race_input {
    RACE_INPUT_THROTTLE, // 0..255
    RACE_INPUT_BRAKE,    // 0..255; a standing kart goes backwards
    RACE_INPUT_STEER,    // int8_t, -127 (full right) .. 127 (full left, counter-clockwise)
    RACE_INPUT_FLAGS,    // RACE_FLAG_*
    RACE_INPUT_BYTES,
};

// Put me back on the track at the last checkpoint that counted. Costs RACE_RESPAWN_MS standing
// still; must be released before it works again.
#define RACE_FLAG_RESPAWN 1

// ---- one kart in a snapshot: 8 int32 values

enum race_value {
    RACE_VALUE_X_CM, // the x axis points east, y north
    RACE_VALUE_Y_CM,
    RACE_VALUE_HEADING,    // 0..1023: 1/1024 turns counter-clockwise from east
    RACE_VALUE_SPEED_DM_S, // along the heading; < 0 backwards
    RACE_VALUE_GATES,      // checkpoints passed in order since the start, see race_lap_of()
    RACE_VALUE_PLACE,      // 1..entities, as it stands now
    RACE_VALUE_STATUS,     // RACE_STATUS_* bits
    RACE_VALUE_TIME_MS,    // from the start to the finish; 0 until then
    RACE_VALUES,
};

#define RACE_HEADING_TURN 1024

enum race_status {
    RACE_STATUS_FINISHED = 1,
    RACE_STATUS_DNF = 2,          // out of time, or the player has left
    RACE_STATUS_OFF_TRACK = 4,    // on the grass: slow
    RACE_STATUS_WRONG_WAY = 8,    // for a while now
    RACE_STATUS_MISSED_GATE = 16, // has gone by its next checkpoint off the track: turn or respawn
    RACE_STATUS_WAITING = 32,     // stands still after a respawn
};

// The lap that a kart is in: 0 behind the start line, then 1, 2, ... `checkpoints` is the map's
// number of checkpoints; the next one to pass is gates % checkpoints, and 0 is the line.
static inline int32_t race_lap_of(int32_t gates, int32_t checkpoints)
{
    return gates == 0 ? 0 : (gates - 1) / checkpoints + 1;
}

// ---- map data for clients: at most RACE_MAP_BYTES_MAX bytes, integers big-endian
//
//   offset 0  u8   version (RACE_MAP_VERSION)
//          1  u8   T: bytes of the title
//          2  u16  P: points of the centre line, a closed loop in driving direction
//          4  u16  C: checkpoints
//          6  u8   grid columns
//          7  u8   distance of the grid's rows in decimetres
//          8  T bytes of title (printable ASCII)
//      8 + T  P times i16 x, i16 y, u16 width: decimetres
//  ... + 6 P  C times u16: the point at which the checkpoint stands, ascending; the first is 0,
//             the start and finish line
//
// A checkpoint is a gate across the road: the line through its point, square to the road.

#define RACE_MAP_VERSION     1
#define RACE_MAP_HEAD_BYTES  8
#define RACE_MAP_POINT_BYTES 6
#define RACE_MAP_GATE_BYTES  2
#define RACE_MAP_BYTES_MAX   4096

#define RACE_RESPAWN_MS      3000

#endif
