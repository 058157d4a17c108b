// SPDX-License-Identifier: MIT
// Follows the XDG base directory specification for state that survives a restart.

#include "config/paths.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

bool config_make_folders(const char *folder, const char *setting, struct error *error)
{
    char path[LIMIT_PATH_BYTES];
    size_t size = strlen(folder);
    for (size_t end = 1; end <= size; end++) {
        if (folder[end] != '/' && folder[end] != '\0') {
            continue;
        }
        snprintf(path, sizeof(path), "%.*s", (int)end, folder);
        if (mkdir(path, 0700) != 0 && errno != EEXIST) {
            return error_set(error, "cannot make folder %s: %s; give --%s", path, strerror(errno),
                             setting);
        }
    }
    return true;
}

static bool format_fits(int length, struct error *error)
{
    return (length > 0 && length < LIMIT_PATH_BYTES) ||
           error_set(error, "the data folder's path is too long; give a shorter --data-dir");
}

static bool data_folder(const struct config *config, char folder[LIMIT_PATH_BYTES],
                        struct error *error)
{
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    if (config->data_dir[0]) {
        return format_fits(snprintf(folder, LIMIT_PATH_BYTES, "%s", config->data_dir), error);
    }
    if (state && state[0] == '/') {
        return format_fits(snprintf(folder, LIMIT_PATH_BYTES, "%s/paddock", state), error);
    }
    if (home && home[0] == '/') {
        return format_fits(snprintf(folder, LIMIT_PATH_BYTES, "%s/.local/state/paddock", home),
                           error);
    }
    return format_fits(snprintf(folder, LIMIT_PATH_BYTES, "."), error);
}

bool config_data_path(const struct config *config, const char *setting, const char *file_name,
                      char path[LIMIT_PATH_BYTES], struct error *error)
{
    if (setting[0]) {
        return format_fits(snprintf(path, LIMIT_PATH_BYTES, "%s", setting), error);
    }
    char folder[LIMIT_PATH_BYTES];
    if (!data_folder(config, folder, error) || !config_make_folders(folder, "data-dir", error)) {
        return false;
    }
    return format_fits(
        snprintf(path, LIMIT_PATH_BYTES, "%.*s/%s", LIMIT_PATH_BYTES - 64, folder, file_name),
        error);
}
