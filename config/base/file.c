// SPDX-License-Identifier: MIT
// The name of the part is drawn, so that two processes that write the same file do not mix.

#include "config/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool write_all(int fd, struct bytes_span bytes)
{
    while (bytes.size > 0) {
        ssize_t count = write(fd, bytes.data, bytes.size);
        if (count <= 0) {
            return false;
        }
        bytes = bytes_of(bytes.data + count, bytes.size - (size_t)count);
    }
    return fsync(fd) == 0;
}

// Where the new name stands.
static bool sync_folder_of(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path) + 1 : 1,
             slash ? path : ".");
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool synced = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0) {
        close(fd);
    }
    return synced;
}

bool file_replace(const char *path, struct bytes_span bytes, unsigned mode)
{
    char part[PATH_MAX];
    int length = snprintf(part, sizeof(part), "%s.XXXXXX", path);
    if (length < 0 || length >= (int)sizeof(part)) {
        errno = ENAMETOOLONG;
        return false;
    }
    int fd = mkostemp(part, O_CLOEXEC); // mode 0600 until it is complete
    if (fd < 0) {
        return false;
    }
    bool written = write_all(fd, bytes) && fchmod(fd, (mode_t)mode) == 0;
    written = close(fd) == 0 && written && rename(part, path) == 0;
    if (!written) {
        int reason = errno;
        unlink(part);
        errno = reason;
    }
    return written && sync_folder_of(path);
}
