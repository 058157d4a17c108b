// SPDX-License-Identifier: MIT
// The commands besides serving: paddock cert, check, health, outbox, replay,
// results, token.

#ifndef GAME_COMMANDS_H
#define GAME_COMMANDS_H

#include "config/config.h"

// Runs the command that the words name and returns the exit status: 0 done, 1 it failed (one line
// on stderr), 2 no such command or wrong arguments.
int game_command_run(const struct config *config, int word_count, char **words);

#endif
