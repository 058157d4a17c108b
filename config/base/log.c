// SPDX-License-Identifier: MIT
// Writes one line per event. Knows two formats and how to keep hostile bytes inside a value; what
// the events mean is the callers' business. Everybody drives it; only the composer opens it.
//
// A log must never stop a game: a sink that takes nothing now (a stalled pipe reader, a full disk)
// loses the line, and the number of lost lines is said as soon as it takes lines again. A disk that
// had room for the first half of one has it end there, so that the next is whole.

#include "config/base/log.h"

#include <assert.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

// PIPE_BUF on Linux: a write of at most so much to a pipe is never mixed with another process's
// line, and never blocks once poll() said that the pipe is writable.
#define LINE_BYTES        4096
#define LINE_TAIL_BYTES   24 // room kept for what closes a line that was cut
#define VALUE_BYTES_MAX   256
#define MESSAGE_BYTES_MAX 1536

#define LIMIT_BURST       5
#define LIMIT_REFILL_MS   1000

static struct {
    int fd;
    enum log_level max_level;
    enum log_format format;
    const struct clock *clock; // NULL: not open, nothing is written
    uint64_t lines_lost;
    uint64_t lines_lost_told;
    bool is_torn; // what was written last is a line without an end
} sink;

// A line under construction. Once something did not fit it takes nothing more, so that a field is
// there whole or not at all: see line_field().
struct line {
    char text[LINE_BYTES];
    size_t used;
    bool full;
};

void log_open(int fd, enum log_level max_level, enum log_format format, const struct clock *clock)
{
    // A closed pipe on stderr is a write error here, not the end of the process.
    signal(SIGPIPE, SIG_IGN);
    sink.fd = fd;
    sink.max_level = max_level;
    sink.format = format;
    sink.clock = clock;
    sink.lines_lost = 0;
    sink.lines_lost_told = 0;
    sink.is_torn = false;
}

uint64_t log_lines_lost(void)
{
    return sink.lines_lost;
}

static void line_put(struct line *line, const char *text, size_t size)
{
    if (line->full || size > LINE_BYTES - LINE_TAIL_BYTES - line->used) {
        line->full = true;
        return;
    }
    memcpy(line->text + line->used, text, size);
    line->used += size;
}

static void line_text(struct line *line, const char *text)
{
    line_put(line, text, strlen(text));
}

__attribute__((format(printf, 2, 3))) static void line_format(struct line *line, const char *format,
                                                              ...)
{
    char text[64];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    assert(length >= 0 && (size_t)length < sizeof(text));
    line_put(line, text, (size_t)length);
}

// ---- values

static uint32_t code_point(const uint8_t *at, size_t length)
{
    switch (length) {
    case 1:
        return at[0];
    case 2:
        return (uint32_t)(at[0] & 0x1F) << 6 | (at[1] & 0x3F);
    case 3:
        return (uint32_t)(at[0] & 0x0F) << 12 | (uint32_t)(at[1] & 0x3F) << 6 | (at[2] & 0x3F);
    default:
        return (uint32_t)(at[0] & 0x07) << 18 | (uint32_t)(at[1] & 0x3F) << 12 |
               (uint32_t)(at[2] & 0x3F) << 6 | (at[3] & 0x3F);
    }
}

// C0, DEL and C1 drive terminals; line separators and bidirectional controls make one line look
// like another.
static bool is_unsafe(uint32_t point)
{
    return point < 0x20 || (point >= 0x7F && point <= 0x9F) || point == 0x200E || point == 0x200F ||
           (point >= 0x2028 && point <= 0x202E) || (point >= 0x2066 && point <= 0x2069);
}

static bool is_bare(struct bytes_span value)
{
    if (value.size == 0 || value.size > VALUE_BYTES_MAX ||
        (value.size == 1 && *value.data == '-')) {
        return false;
    }
    while (value.size > 0) {
        size_t length = bytes_utf8_sequence(value);
        if (length == 0 || is_unsafe(code_point(value.data, length)) ||
            (length == 1 && strchr(" \"=\\", value.data[0]))) {
            return false;
        }
        value = bytes_of(value.data + length, value.size - length);
    }
    return true;
}

static void line_escaped(struct line *line, struct bytes_span at, size_t length)
{
    if (sink.format == LOG_FORMAT_JSON && length > 0) {
        line_format(line, "\\u%04x", code_point(at.data, length)); // no unsafe one is over U+FFFF
        return;
    }
    for (size_t i = 0; i < (length ? length : 1); i++) {
        line_format(line, sink.format == LOG_FORMAT_JSON ? "\\u00%02x" : "\\x%02x", at.data[i]);
    }
}

static void line_inside(struct line *line, struct bytes_span value, size_t left, bool quoted)
{
    while (value.size > 0) {
        size_t length = bytes_utf8_sequence(value);
        size_t step = length ? length : 1;
        if (step > left) {
            line_text(line, "...");
            break;
        }
        if (length == 1 && ((quoted && value.data[0] == '"') || value.data[0] == '\\')) {
            line_format(line, "\\%c", value.data[0]);
        } else if (length == 0 || is_unsafe(code_point(value.data, length))) {
            line_escaped(line, value, length);
        } else {
            line_put(line, (const char *)value.data, length);
        }
        left -= step;
        value = bytes_of(value.data + step, value.size - step);
    }
}

static void line_quoted(struct line *line, struct bytes_span value, size_t bytes_max)
{
    line_text(line, "\"");
    line_inside(line, value, bytes_max, true);
    line_text(line, "\"");
}

static void line_bytes(struct line *line, struct bytes_span value)
{
    if (sink.format == LOG_FORMAT_TEXT && is_bare(value)) {
        line_put(line, (const char *)value.data, value.size);
    } else {
        line_quoted(line, value, VALUE_BYTES_MAX);
    }
}

static void line_value(struct line *line, const struct log_field *field)
{
    switch (field->type) {
    case LOG_FIELD_TEXT:
        if (field->value.text) {
            line_bytes(line, bytes_of_string(field->value.text));
        } else {
            line_text(line, sink.format == LOG_FORMAT_JSON ? "null" : "-");
        }
        break;
    case LOG_FIELD_BYTES:
        line_bytes(line, field->value.bytes);
        break;
    case LOG_FIELD_INT:
        line_format(line, "%lld", (long long)field->value.integer);
        break;
    case LOG_FIELD_UINT:
        line_format(line, "%llu", (unsigned long long)field->value.natural);
        break;
    case LOG_FIELD_BOOL:
        line_text(line, field->value.truth ? "true" : "false");
        break;
    case LOG_FIELD_MESSAGE:
        line_quoted(line, bytes_of_string(field->value.text), MESSAGE_BYTES_MAX);
        break;
    }
}

static void line_field(struct line *line, const struct log_field *field)
{
    size_t before = line->used;
    if (sink.format == LOG_FORMAT_TEXT && field->type == LOG_FIELD_MESSAGE) {
        line_text(line, " - "); // no unquoted value is a dash after a space
        line_inside(line, bytes_of_string(field->value.text), MESSAGE_BYTES_MAX, false);
    } else {
        line_text(line, sink.format == LOG_FORMAT_JSON ? ",\"" : " ");
        line_text(line, field->name);
        line_text(line, sink.format == LOG_FORMAT_JSON ? "\":" : "=");
        line_value(line, field);
    }
    if (line->full) {
        line->used = before;
    }
}

// ---- lines

static void line_head(struct line *line, enum log_level level, const char *event)
{
    static const char *const names[2][4] = {
        [LOG_FORMAT_TEXT] = {"ERROR", "WARN ", "INFO ", "DEBUG"},
        [LOG_FORMAT_JSON] = {"error", "warn", "info", "debug"},
    };
    char time[CLOCK_TEXT_BYTES];
    clock_format_wall(clock_wall_ms(sink.clock), time);
    bool json = sink.format == LOG_FORMAT_JSON;
    line_text(line, json ? "{\"time\":\"" : "");
    line_text(line, time);
    line_text(line, json ? "\",\"level\":\"" : " ");
    line_text(line, names[sink.format][level]);
    line_text(line, json ? "\",\"event\":\"" : " ");
    line_text(line, event);
    line_text(line, json ? "\"" : "");
}

// Writes into the room that line_put() kept free.
static void line_close(struct line *line)
{
    bool json = sink.format == LOG_FORMAT_JSON;
    const char *cut = !line->full ? "" : json ? ",\"cut\":true" : " cut=true";
    int length = snprintf(line->text + line->used, LINE_BYTES - line->used, "%s%s", cut,
                          json ? "}\n" : "\n");
    assert(length > 0 && length < LINE_TAIL_BYTES);
    line->used += (size_t)length;
}

static bool sink_write(const struct line *line)
{
    // The descriptor is shared with whoever started us, so it is not ours to make non-blocking.
    struct pollfd sinkable = {.fd = sink.fd, .events = POLLOUT};
    if (poll(&sinkable, 1, 0) != 1 || !(sinkable.revents & POLLOUT)) {
        return false;
    }
    ssize_t written = write(sink.fd, line->text, line->used);
    if (written > 0) {
        sink.is_torn = written < (ssize_t)line->used;
    }
    return written == (ssize_t)line->used;
}

static bool limit_passes(struct log_limit *limit)
{
    uint64_t now_ms = clock_now_ns(sink.clock) / CLOCK_NS_PER_MS;
    if (!limit->started) {
        *limit = (struct log_limit){.last_ms = now_ms, .tokens = LIMIT_BURST, .started = true};
    }
    uint64_t earned = (now_ms - limit->last_ms) / LIMIT_REFILL_MS;
    limit->last_ms += earned * LIMIT_REFILL_MS;
    limit->tokens =
        earned > LIMIT_BURST - limit->tokens ? LIMIT_BURST : limit->tokens + (unsigned)earned;
    if (limit->tokens == 0) {
        limit->suppressed++;
        return false;
    }
    limit->tokens--;
    return true;
}

void log_write(enum log_level level, struct log_limit *limit, const char *event,
               const struct log_field *fields, size_t count)
{
    if (!sink.clock || level > sink.max_level || (limit && !limit_passes(limit))) {
        return;
    }
    struct line line;
    line.text[0] = '\n'; // is used up only after half a line
    line.used = sink.is_torn;
    line.full = false;
    uint64_t lost = sink.lines_lost - sink.lines_lost_told;
    line_head(&line, level, event);
    if (limit && limit->suppressed > 0) {
        line_field(&line, &LOG_U("suppressed", limit->suppressed));
        limit->suppressed = 0;
    }
    if (lost > 0) {
        line_field(&line, &LOG_U("lines_lost", lost));
    }
    for (size_t i = 0; i < count && !line.full; i++) {
        assert(fields[i].type != LOG_FIELD_MESSAGE || i + 1 == count);
        line_field(&line, &fields[i]);
    }
    line_close(&line);
    if (sink_write(&line)) {
        sink.lines_lost_told = sink.lines_lost;
    } else {
        sink.lines_lost++;
    }
}
