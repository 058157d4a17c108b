// SPDX-License-Identifier: MIT
// What the echo servers and their load say to each other: an input is a player's number and a
// stamp, a state the newest stamp of each player in his room. Both are filled up with zeroes to the
// size of what Paddock sends.

#ifndef TESTS_BENCH_ECHO_H
#define TESTS_BENCH_ECHO_H

#include "config/base/bytes.h"

#define ECHO_ROOM            8
#define ECHO_INPUT_BYTES     8
#define ECHO_STATE_BYTES     (4 * ECHO_ROOM)
#define ECHO_BYTES_MAX       1200
#define ECHO_PLAYERS_MAX     4095 // ENet's
#define ECHO_INPUTS_PER_S    30
#define ECHO_STATES_PER_S    20
#define ECHO_NS_PER_S        UINT64_C(1000000000)
#define ECHO_STATE_PERIOD_NS (ECHO_NS_PER_S / ECHO_STATES_PER_S)

#endif
