// SPDX-License-Identifier: MIT
// Follows the XDG base directory specification for state that survives a restart.

#include "config/paths.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

static bool file_path(const struct config *config, const char *setting, const char *file_name,
                      char folder[LIMIT_PATH_BYTES], char path[LIMIT_PATH_BYTES],
                      struct error *error)
{
    folder[0] = '\0';
    if (setting[0]) {
        return format_fits(snprintf(path, LIMIT_PATH_BYTES, "%s", setting), error);
    }
    return data_folder(config, folder, error) &&
           format_fits(snprintf(path, LIMIT_PATH_BYTES, "%.*s/%s", LIMIT_PATH_BYTES - 64, folder,
                                file_name),
                       error);
}

bool config_data_path(const struct config *config, const char *setting, const char *file_name,
                      char path[LIMIT_PATH_BYTES], struct error *error)
{
    char folder[LIMIT_PATH_BYTES];
    return file_path(config, setting, file_name, folder, path, error) &&
           (folder[0] == '\0' || config_make_folders(folder, "data-dir", error));
}

// ---- before there is anything

static void cut_to_parent(char path[LIMIT_PATH_BYTES])
{
    char *slash = strrchr(path, '/');
    if (slash) {
        slash[slash == path] = '\0'; // "/" stays
    } else {
        memcpy(path, ".", sizeof("."));
    }
}

static bool can_write(const char *path, bool is_folder, struct error *error)
{
    struct stat status;
    if (stat(path, &status) != 0 || access(path, W_OK | (is_folder ? X_OK : R_OK)) != 0) {
        return error_set(error, "cannot write %s: %s", path, strerror(errno));
    }
    return S_ISDIR(status.st_mode) == is_folder ||
           error_set(error, "cannot write %s: it is %s folder", path, is_folder ? "no" : "a");
}

bool config_data_path_check(const struct config *config, const char *setting, const char *file_name,
                            struct error *error)
{
    char folder[LIMIT_PATH_BYTES];
    char path[LIMIT_PATH_BYTES];
    if (!file_path(config, setting, file_name, folder, path, error)) {
        return false;
    }
    if (strcmp(path, ":memory:") == 0) {
        return true;
    }
    if (access(path, F_OK) == 0) {
        return can_write(path, false, error);
    }
    bool is_ours = folder[0] != '\0'; // and would be made
    do {
        cut_to_parent(path);
    } while (is_ours && access(path, F_OK) != 0 && errno == ENOENT);
    return can_write(path, true, error);
}
