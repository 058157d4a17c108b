// SPDX-License-Identifier: MIT
// A record lock (fcntl), because flock() and open file description locks do not tell their holder.

#include "game/instance.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config/paths.h"

#define SUFFIX ".server"

static bool lock_path(const struct config *config, char path[LIMIT_PATH_BYTES], struct error *error)
{
    if (!config_data_path(config, config->outbox_db, "outbox.db", path, error)) {
        return false;
    }
    size_t size = strlen(path);
    if (size + sizeof(SUFFIX) > LIMIT_PATH_BYTES) {
        return error_set(error, "the path is too long: %s", path);
    }
    memcpy(path + size, SUFFIX, sizeof(SUFFIX));
    return true;
}

int game_instance_begin(const struct config *config, struct error *error)
{
    char path[LIMIT_PATH_BYTES];
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (!lock_path(config, path, error)) {
        return -1;
    }
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || fcntl(fd, F_SETLK, &lock) != 0) {
        error_set(error, "cannot lock %s: %s; --data-dir or --outbox-db says where", path,
                  strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    return fd;
}

pid_t game_instance_find(const struct config *config, struct error *error)
{
    char path[LIMIT_PATH_BYTES];
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (!lock_path(config, path, error)) {
        return 0;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool asked = fd >= 0 && fcntl(fd, F_GETLK, &lock) == 0;
    int problem = errno;
    if (fd >= 0) {
        close(fd);
    }
    if (!asked && problem != ENOENT) {
        error_set(error, "cannot ask for the lock on %s: %s", path, strerror(problem));
    } else if (!asked || lock.l_type == F_UNLCK) {
        error_set(error,
                  "no server runs with %s; --data-dir or --outbox-db says which one is meant",
                  path);
    } else if (lock.l_pid <= 0) {
        error_set(error, "the server with %s is in another container: run this there", path);
    } else {
        return lock.l_pid;
    }
    return 0;
}
