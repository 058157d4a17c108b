// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// net/README.md is the protocol; its tables must say what the code does.

#include "config/config.h"
#include "net/close.h"
#include "net/msg.h"
#include "net/transport.h"

#define README_BYTES 65536

static char readme[README_BYTES];

static int load(void **state)
{
    (void)state;
    FILE *file = fopen("net/README.md", "rb");
    assert_non_null(file);
    size_t size = fread(readme, 1, sizeof(readme) - 1, file);
    fclose(file);
    readme[size] = '\0';
    return size > 0 && size < sizeof(readme) - 1 ? 0 : -1;
}

static unsigned count_lines(const char *start)
{
    unsigned count = 0;
    for (const char *at = readme; (at = strstr(at, start)); at++) {
        count += at == readme || at[-1] == '\n';
    }
    return count;
}

static void expect_line(const char *start)
{
    if (count_lines(start) != 1) {
        fail_msg("not exactly once in net/README.md: %s", start);
    }
}

static void expect_close_row(void *context, uint16_t code, const char *name)
{
    char line[256];
    ++*(unsigned *)context;
    snprintf(line, sizeof(line), "| %u | `%s` | %s |", code, name, net_close_text(code));
    expect_line(line);
}

static void every_close_code_stands_in_the_table(void **state)
{
    (void)state;
    unsigned rows = 0;
    net_close_each(expect_close_row, &rows);
    // and none that is not in close_codes.def
    unsigned messages = 2; // `hello` is 1, `bye` is 4
    assert_int_equal(count_lines("| 1") + count_lines("| 4"), rows + messages);
}

#define UP    "up"
#define DOWN  "down"
#define NONE  0
#define HELLO 1
#define WAIT  2
#define PLAY  4

static void expect_message_row(unsigned id, const char *name, const char *direction,
                               unsigned max_bytes, unsigned states)
{
    static const char *const texts[] = {[NONE] = " ",
                                        [HELLO] = " HELLO ",
                                        [PLAY] = " PLAY ",
                                        [HELLO | WAIT | PLAY] = " HELLO, WAIT, PLAY "};
    char line[256];
    snprintf(line, sizeof(line), "| %u | `%s` | %s | %u |%s|\n", id, name, direction, max_bytes,
             texts[states]);
    expect_line(line);
    snprintf(line, sizeof(line), "**`%s`** `[%u", name, id);
    expect_line(line);
}

static void every_message_stands_in_the_table_and_is_described(void **state)
{
    (void)state;
#define MESSAGE(constant, id, name, direction, max_bytes, states)                                  \
    expect_message_row((id), #name, direction, (max_bytes), (states));
#include "net/messages.def"
#undef MESSAGE
}

static void default_ports_are_those_of_the_registry(void **state)
{
    (void)state;
    static const char *const schemes[] = {"udp", "dtls", "tcp", "tls", "ws", "wss"};
    for (size_t i = 0; i < BASE_COUNT(schemes); i++) {
        const struct net_transport *transport = net_transport_find(schemes[i]);
        char line[128];
        snprintf(line, sizeof(line), "| `%s://host:port%s` | %u |", schemes[i],
                 schemes[i][0] == 'w' ? "/websocket" : "", transport->default_port);
        expect_line(line);
    }
}

static void limits_are_the_defaults_of_the_settings(void **state)
{
    (void)state;
    struct config *config = config_create_default();
    char line[160];
    assert_int_equal(LIMIT_MESSAGE_BYTES, 16384);
    snprintf(line, sizeof(line), "| messages of one connection | %ld per second, burst %ld |",
             config->messages_per_second, 2 * config->messages_per_second);
    expect_line(line);
    snprintf(line, sizeof(line), "| bytes of one connection | %ld per second, burst twice that |",
             config->bytes_per_second);
    expect_line(line);
    snprintf(line, sizeof(line), "| from transport up to `hello` | %ld s |",
             config->hello_ms / 1000);
    expect_line(line);
    snprintf(line, sizeof(line), "| open connections of one address (IPv4, IPv6 /64) | %ld |",
             config->connections_per_address);
    expect_line(line);
    snprintf(line, sizeof(line), "| new connections of one address | %ld per second, burst %ld |",
             config->connects_per_second, 2 * config->connects_per_second);
    expect_line(line);
    snprintf(
        line, sizeof(line),
        "| tokens (4003, 4004) and passwords of one address that are refused | %ld in a minute |",
        config->auth_failures);
    expect_line(line);
    snprintf(line, sizeof(line), "| unsent bytes for one reader | %ld, no progress for %ld s |",
             config->queue_bytes, config->stall_ms / 1000);
    expect_line(line);
    config_destroy(config);
}

static void every_verdict_is_explained(void **state)
{
    (void)state;
    for (unsigned i = NET_MSG_OK + 1; i <= NET_MSG_BAD_FIELDS; i++) {
        char cell[64];
        snprintf(cell, sizeof(cell), "| `%s` |", net_msg_verdict_name(i));
        assert_non_null(strstr(readme, cell));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_close_code_stands_in_the_table),
        cmocka_unit_test(every_message_stands_in_the_table_and_is_described),
        cmocka_unit_test(default_ports_are_those_of_the_registry),
        cmocka_unit_test(limits_are_the_defaults_of_the_settings),
        cmocka_unit_test(every_verdict_is_explained),
    };
    return cmocka_run_group_tests(tests, load, NULL);
}
