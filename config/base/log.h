// SPDX-License-Identifier: MIT
// One event, one line. Text for people, JSON lines for machines.
//
// A line is an event name (snake_case, stable: operators grep for it) and typed fields. Control
// bytes, invalid UTF-8 and C1 controls in values are escaped, values are cut at 256 bytes, so that
// nothing a peer sends can forge a line or drive a terminal. There is no field constructor for
// secrets. The sink is the only global in Paddock.
//
// A sentence for people goes into a message, the last field: in text it stands bare behind " - ",
// in JSON it is the field "text". Its quotes are its own, so no peer's bytes belong into one;
// control bytes are escaped there all the same.
//
// text: 2026-11-22T01:42:34.123Z INFO  player_admitted conn=7 transport=udp
// json: {"time":"…","level":"info","event":"player_admitted","conn":7,"transport":"udp"}
// text: 2026-11-22T01:42:34.123Z INFO  secured listener=wss://h:9091 - Secured using "a" from …

#ifndef CONFIG_BASE_LOG_H
#define CONFIG_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/base/bytes.h"
#include "config/base/clock.h"

enum log_level {
    LOG_ERROR,
    LOG_WARN,
    LOG_INFO,
    LOG_DEBUG,
};

enum log_format {
    LOG_FORMAT_TEXT,
    LOG_FORMAT_JSON,
};

enum log_field_type {
    LOG_FIELD_TEXT,
    LOG_FIELD_BYTES,
    LOG_FIELD_INT,
    LOG_FIELD_UINT,
    LOG_FIELD_BOOL,
    LOG_FIELD_MESSAGE,
};

struct log_field {
    const char *name;
    enum log_field_type type;
    union {
        const char *text; // NULL prints as null / -; a message is not NULL
        struct bytes_span bytes;
        int64_t integer;
        uint64_t natural;
        bool truth;
    } value;
};

#define LOG_S(field, v) ((struct log_field){(field), LOG_FIELD_TEXT, {.text = (v)}})
#define LOG_B(field, v) ((struct log_field){(field), LOG_FIELD_BYTES, {.bytes = (v)}})
#define LOG_I(field, v) ((struct log_field){(field), LOG_FIELD_INT, {.integer = (v)}})
#define LOG_U(field, v) ((struct log_field){(field), LOG_FIELD_UINT, {.natural = (v)}})
#define LOG_T(field, v) ((struct log_field){(field), LOG_FIELD_BOOL, {.truth = (v)}})
#define LOG_M(v)        ((struct log_field){"text", LOG_FIELD_MESSAGE, {.text = (v)}})

// `fd` is written with one write(2) a line and stays the caller's; `clock` gives the time stamps.
// Nothing is written before. Ignores SIGPIPE for the process. A line that the sink does not take at
// once is lost, never waited for; the next that passes carries lines_lost=N.
void log_open(int fd, enum log_level max_level, enum log_format format, const struct clock *clock);
// How many lines the sink refused since log_open().
uint64_t log_lines_lost(void);

// Per call site token bucket for lines that a peer can cause: 5 at once, then one a second;
// what was held back is said in a field suppressed=N of the next line that passes.
struct log_limit {
    uint64_t last_ms;
    unsigned tokens;
    unsigned suppressed;
    bool started;
};

void log_write(enum log_level level, struct log_limit *limit, const char *event,
               const struct log_field *fields, size_t count);

#define LOG_FIELDS_(...)                                                                           \
    (const struct log_field[]){__VA_ARGS__},                                                       \
        sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field)

// log_event(LOG_INFO, "listening", LOG_S("url", url));  At least one field.
#define log_event(level, event, ...) log_write((level), NULL, (event), LOG_FIELDS_(__VA_ARGS__))

// The same for what a peer can cause at will.
#define log_peer(level, event, ...)                                                                \
    do {                                                                                           \
        static struct log_limit log_limit_;                                                        \
        log_write((level), &log_limit_, (event), LOG_FIELDS_(__VA_ARGS__));                        \
    } while (0)

#endif
