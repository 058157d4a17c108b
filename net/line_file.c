// SPDX-License-Identifier: MIT
// Read whole before anything is made of it, and wiped, because it may be a file of passwords.

#include "net/line_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/secret.h"

bool net_line_file_parse(const char *path, struct bytes_span text,
                         bool (*each)(void *context, struct bytes_span line, struct error *error),
                         void *context, struct error *error)
{
    for (unsigned number = 1; text.size > 0; number++) {
        struct bytes_span line = bytes_trim(bytes_cut(&text, '\n'), " \t\r");
        if (line.size > 0 && line.data[0] != '#' && !each(context, line, error)) {
            return error_prefix(error, "%.200s:%u", path, number);
        }
    }
    return true;
}

// The number of bytes, or -1 with errno; EFBIG when there is no end within the buffer.
static ssize_t read_file(const char *path, uint8_t *buffer, size_t room)
{
    size_t size = 0;
    ssize_t count = 1;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); // a pipe without a writer blocks nobody
    if (fd < 0) {
        return -1;
    }
    while (count > 0 && size < room) {
        count = read(fd, buffer + size, room - size);
        size += count > 0 ? (size_t)count : 0;
    }
    int problem = count < 0 ? errno : size == room ? EFBIG : 0;
    close(fd);
    errno = problem;
    return problem ? -1 : (ssize_t)size;
}

bool net_line_file_read(const char *path,
                        bool (*each)(void *context, struct bytes_span line, struct error *error),
                        void *context, struct error *error)
{
    uint8_t *buffer = malloc(NET_LINE_FILE_BYTES_MAX + 1);
    if (!buffer) {
        return error_set(error, "out of memory");
    }
    ssize_t size = read_file(path, buffer, NET_LINE_FILE_BYTES_MAX + 1);
    bool good =
        size >= 0 ? net_line_file_parse(path, bytes_of(buffer, (size_t)size), each, context, error)
                  : error_set(error, "%.200s: %s", path, strerror(errno));
    secret_wipe(buffer, NET_LINE_FILE_BYTES_MAX + 1);
    free(buffer);
    return good;
}
