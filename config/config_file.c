// SPDX-License-Identifier: MIT
// Settings files: `name = value` lines, comments on lines of their own, [sections] for the eye.
// Wraps inih and knows no setting; config_load.c says what the keys mean.

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config_option.h"

// The longest value, its name and some white space; lists go on by repeating their name.
#define LINE_BYTES_MAX 2048

struct source {
    const char *path;
    struct bytes_span rest;
    unsigned line;
    void (*each)(void *context, unsigned line, const char *name, const char *value);
    void *context;
    struct error_list *errors;
};

static const char *line_problem(const uint8_t *data, size_t size, size_t room)
{
    if (memchr(data, '\0', size)) {
        return "holds a NUL byte; this is not a text file";
    }
    return size >= room ? "the line is too long; give a list's items on lines of their own" : NULL;
}

// inih's fgets(): it would take the rest of a line that does not fit for a line of its own, and
// everything behind a NUL byte for nothing, so such lines are reported here and read as empty.
static char *read_line(char *to, int room, void *context)
{
    struct source *source = context;
    if (source->rest.size == 0) {
        return NULL;
    }
    struct bytes_span line = bytes_cut(&source->rest, '\n');
    source->line++;
    const char *problem = line_problem(line.data, line.size, (size_t)room - 1);
    if (problem) {
        error_list_add(source->errors, "%s:%u: %s", source->path, source->line, problem);
        line.size = 0;
    }
    memcpy(to, line.data, line.size);
    to[line.size] = '\n';
    to[line.size + 1] = '\0';
    return to;
}

static int take_pair(void *context, const char *section, const char *name, const char *value)
{
    (void)section;
    struct source *source = context;
    source->each(source->context, source->line, name, value);
    return 1;
}

void config_file_parse(const char *path, struct bytes_span text,
                       void (*each)(void *context, unsigned line, const char *name,
                                    const char *value),
                       void *context, struct error_list *errors)
{
    struct source source = {
        .path = path, .rest = text, .each = each, .context = context, .errors = errors};
    // A value is the whole rest of its line: paths may hold " ;", and an indented line that went on
    // with the value before it would hide a forgotten name.
    ini_allow_inline_comments = false;
    ini_allow_multiline = false;
    ini_max_line = LINE_BYTES_MAX;
    int status = ini_parse_stream(read_line, &source, take_pair, &source);
    if (status > 0) {
        error_list_add(errors, "%s:%d: not \"name = value\", [section], or a # comment", path,
                       status);
    } else if (status < 0) {
        error_list_add(errors, "%s: no memory to read it", path);
    }
}

// The file's size, or -1 with errno set; at most `room` bytes.
static ssize_t read_all(const char *path, char *to, size_t room)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return -1;
    }
    size_t used = 0;
    ssize_t got;
    do {
        got = read(fd, to + used, room - used);
        used += got > 0 ? (size_t)got : 0;
    } while ((got > 0 && used < room) || (got < 0 && errno == EINTR));
    int reason = errno;
    close(fd);
    errno = reason;
    return got < 0 ? -1 : (ssize_t)used;
}

void config_file_read(const char *path,
                      void (*each)(void *context, unsigned line, const char *name,
                                   const char *value),
                      void *context, struct error_list *errors)
{
    char *text = malloc(CONFIG_FILE_BYTES_MAX + 1);
    if (!text) {
        error_list_add(errors, "%s: no memory to read it", path);
        return;
    }
    ssize_t size = read_all(path, text, CONFIG_FILE_BYTES_MAX + 1);
    if (size < 0) {
        error_list_add(errors, "%s (settings file): cannot be read: %s", path, strerror(errno));
    } else if (size > CONFIG_FILE_BYTES_MAX) {
        error_list_add(errors, "%s (settings file): larger than %d bytes", path,
                       CONFIG_FILE_BYTES_MAX);
    } else {
        config_file_parse(path, bytes_of(text, (size_t)size), each, context, errors);
    }
    secret_wipe(text, CONFIG_FILE_BYTES_MAX + 1); // somebody may have put the token there
    free(text);
}

bool config_file_read_secret(const char *path, char *to, size_t room, size_t *size,
                             struct error *error)
{
    ssize_t got = read_all(path, to, room);
    if (got < 0) {
        return error_set(error, "cannot be read: %s", strerror(errno));
    }
    *size = (size_t)got;
    *size -= *size > 0 && to[*size - 1] == '\n';
    *size -= *size > 0 && to[*size - 1] == '\r';
    return true;
}
