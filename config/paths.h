// SPDX-License-Identifier: MIT
// Where the server keeps its files: --data-dir and its default; folders that are made for them.

#ifndef CONFIG_PATHS_H
#define CONFIG_PATHS_H

#include "config/config.h"

// Writes the path of a data file: `setting` as it is when it is not empty (":memory:" included),
// else `file_name` in --data-dir, which is made when it does not exist (mode 0700). Without
// --data-dir: $XDG_STATE_HOME/paddock, ~/.local/state/paddock, or the current folder when HOME is
// unset too. False with one line in *error when the folder cannot be made.
bool config_data_path(const struct config *config, const char *setting, const char *file_name,
                      char path[LIMIT_PATH_BYTES], struct error *error) BASE_MUST_USE;

// The folder and those that it is in, mode 0700, as far as they do not exist (mkdir -p). `setting`
// is what the operator may give instead. False with one line in *error.
bool config_make_folders(const char *folder, const char *setting, struct error *error)
    BASE_MUST_USE;

// Whether that file could be written, or made where it is missing. Makes nothing. False with one
// line in *error that names what cannot be written.
bool config_data_path_check(const struct config *config, const char *setting, const char *file_name,
                            struct error *error) BASE_MUST_USE;

#endif
