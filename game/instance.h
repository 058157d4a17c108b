// SPDX-License-Identifier: MIT
// Which process serves with these settings: it has a lock on a file beside its outbox, of which
// each server has one of its own.
//
// The kernel names the holder of a lock and lets go of it with the process. So unlike a number in a
// file it is never out of date, and the file is empty, and stays.

#ifndef GAME_INSTANCE_H
#define GAME_INSTANCE_H

#include <sys/types.h>

#include "config/config.h"

// This process serves from now on: a descriptor that holds the lock until it is closed. Below 0
// with one line in *error.
int game_instance_begin(const struct config *config, struct error *error) BASE_MUST_USE;
// The process that serves; 0 with one line in *error when there is none to be seen.
pid_t game_instance_find(const struct config *config, struct error *error) BASE_MUST_USE;

#endif
