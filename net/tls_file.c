// SPDX-License-Identifier: MIT
// Copies of keys in memory are wiped, and files are replaced in one step.

#include "net/tls_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "config/base/file.h"
#include "config/secret.h"

#define FILE_BYTES_MAX (256 * 1024)

// ---- reading

// Not by stdio, whose own buffer would keep a part of the key.
static ssize_t read_all(int fd, uint8_t *to, size_t size)
{
    size_t got = 0;
    ssize_t count;
    do {
        count = read(fd, to + got, size - got);
        got += count > 0 ? (size_t)count : 0;
    } while (count > 0 && got < size);
    return count < 0 ? -1 : (ssize_t)got;
}

static bool explain(const char *path, int problem, struct error *error)
{
    switch (problem) {
    case ENOENT:
        return error_set(error, "cannot read %s: there is no such file", path);
    case EACCES:
        return error_set(error,
                         "cannot read %s: let the server's user (uid %u) read it and enter its "
                         "folders, with chown, chgrp or chmod",
                         path, (unsigned)geteuid());
    case EISDIR:
        return error_set(error, "cannot read %s: it is a folder; name a file in it", path);
    default:
        return error_set(error, "cannot read %s: %s", path, strerror(problem));
    }
}

bool net_tls_read_file(const char *path, struct bytes_buf *data, struct error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return explain(path, errno, error);
    }
    bytes_buf_init(data, FILE_BYTES_MAX);
    uint8_t *at = bytes_buf_reserve(data, FILE_BYTES_MAX);
    ssize_t size = at ? read_all(fd, at, FILE_BYTES_MAX) : -1;
    int problem = at ? errno : ENOMEM;
    close(fd);
    if (size > 0 && size < FILE_BYTES_MAX) {
        bytes_buf_commit(data, (size_t)size);
        return true;
    }
    net_tls_wipe(data);
    return size < 0 ? explain(path, problem, error)
                    : error_set(error, "cannot use %s: it is %s", path,
                                size == 0 ? "empty" : "too large for a certificate or key");
}

void net_tls_wipe(struct bytes_buf *buf)
{
    if (buf->memory) {
        secret_wipe(buf->memory, buf->capacity);
    }
    bytes_buf_finish(buf);
}

// ---- writing

bool net_tls_write_file(const char *path, struct bytes_span bytes, unsigned mode,
                        struct error *error)
{
    return file_replace(path, bytes, mode) ||
           error_set(error, "cannot write %.200s: %s", path, strerror(errno));
}
