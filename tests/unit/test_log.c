// SPDX-License-Identifier: MIT
// One event is one line whatever its values hold, in both formats; a sink that fails costs lines
// and nothing else.

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "config/base/log.h"

#define STAMP "2026-01-01T00:00:00.000Z"

static struct clock virtual_clock;
static int sink[2]; // read end, write end
static char line[8192];

static int open_pipe(void **state)
{
    (void)state;
    clock_init_virtual(&virtual_clock, 0);
    return pipe2(sink, O_NONBLOCK | O_CLOEXEC);
}

static int close_pipe(void **state)
{
    (void)state;
    close(sink[0]);
    close(sink[1]);
    return 0;
}

// What was written since the last call.
static const char *written(void)
{
    ssize_t size = read(sink[0], line, sizeof(line) - 1);
    line[size > 0 ? size : 0] = '\0';
    return line;
}

static void open_text(void)
{
    log_open(sink[1], LOG_INFO, LOG_FORMAT_TEXT, &virtual_clock);
}

static void open_json(void)
{
    log_open(sink[1], LOG_INFO, LOG_FORMAT_JSON, &virtual_clock);
}

static void a_line_of_text_has_time_level_event_and_fields(void **state)
{
    (void)state;
    open_text();
    log_event(LOG_INFO, "player_admitted", LOG_I("conn", -7), LOG_S("transport", "udp"),
              LOG_U("bytes", UINT64_MAX), LOG_T("dev", true), LOG_S("none", NULL));
    assert_string_equal(written(), STAMP " INFO  player_admitted conn=-7 transport=udp "
                                         "bytes=18446744073709551615 dev=true none=-\n");
}

static void a_line_of_json_has_the_same(void **state)
{
    (void)state;
    open_json();
    log_event(LOG_ERROR, "player_admitted", LOG_I("conn", 7), LOG_S("transport", "udp"),
              LOG_T("dev", false), LOG_S("none", NULL));
    assert_string_equal(written(), "{\"time\":\"" STAMP "\",\"level\":\"error\","
                                   "\"event\":\"player_admitted\",\"conn\":7,"
                                   "\"transport\":\"udp\",\"dev\":false,\"none\":null}\n");
}

static void a_message_ends_the_line_and_keeps_its_quotes(void **state)
{
    (void)state;
    open_text();
    log_event(LOG_INFO, "secured", LOG_S("listener", NULL),
              LOG_M("using: \"NW.exitgames.local\" from \"MY\""));
    assert_string_equal(written(), STAMP " INFO  secured listener=- - using: "
                                         "\"NW.exitgames.local\" from \"MY\"\n");
    open_json();
    log_event(LOG_INFO, "secured", LOG_M("using: \"a\""));
    assert_string_equal(written(), "{\"time\":\"" STAMP "\",\"level\":\"info\","
                                   "\"event\":\"secured\",\"text\":\"using: \\\"a\\\"\"}\n");
}

static void a_message_can_neither_break_the_line_nor_drive_a_terminal(void **state)
{
    (void)state;
    open_text();
    log_event(LOG_INFO, "e", LOG_M("a\nb\x1b[31m\xc2\x9b\xff\\x0a\xe2\x80\xae"));
    assert_string_equal(written(), STAMP " INFO  e - a\\x0ab\\x1b[31m\\xc2\\x9b\\xff\\\\x0a"
                                         "\\xe2\\x80\\xae\n");
}

static void a_long_message_is_cut(void **state)
{
    (void)state;
    char text[4096];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    open_text();
    log_event(LOG_INFO, "e", LOG_M(text));
    written();
    assert_int_equal(strlen(line), strlen(STAMP " INFO  e - ...\n") + 1536);
    assert_string_equal(line + strlen(line) - 5, "x...\n");
}

static void levels_above_the_maximum_are_silent(void **state)
{
    (void)state;
    log_open(sink[1], LOG_WARN, LOG_FORMAT_TEXT, &virtual_clock);
    log_event(LOG_INFO, "quiet", LOG_I("n", 1));
    assert_string_equal(written(), "");
    log_event(LOG_WARN, "loud", LOG_I("n", 1));
    assert_string_equal(written(), STAMP " WARN  loud n=1\n");
}

static void text_values_that_could_be_misread_are_quoted(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        const char *shown;
    } cases[] = {
        {"plain", "plain"},
        {"", "\"\""},
        {"-", "\"-\""},
        {"two words", "\"two words\""},
        {"a=b", "\"a=b\""},
        {"say \"hi\"", "\"say \\\"hi\\\"\""},
        {"back\\slash", "\"back\\\\slash\""},
        {"\xc3\xa9t\xc3\xa9", "\xc3\xa9t\xc3\xa9"},
        {"a\nb", "\"a\\x0ab\""},
        {"\x1b[31m", "\"\\x1b[31m\""},
        {"\x7f", "\"\\x7f\""},
        {"\xc2\x9b", "\"\\xc2\\x9b\""},          // C1: CSI in one character
        {"\xe2\x80\xae", "\"\\xe2\\x80\\xae\""}, // right-to-left override
        {"\xff\xc3", "\"\\xff\\xc3\""},
        {"\xed\xa0\x80", "\"\\xed\\xa0\\x80\""},
    };
    open_text();
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        char expected[256];
        snprintf(expected, sizeof(expected), STAMP " INFO  e v=%s\n", cases[i].shown);
        log_event(LOG_INFO, "e", LOG_S("v", cases[i].value));
        assert_string_equal(written(), expected);
        log_event(LOG_INFO, "e", LOG_B("v", bytes_of_string(cases[i].value)));
        assert_string_equal(written(), expected);
    }
    log_event(LOG_INFO, "e", LOG_B("v", bytes_of("a\0b", 3)));
    assert_string_equal(written(), STAMP " INFO  e v=\"a\\x00b\"\n");
}

static void json_values_are_escaped(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        const char *shown;
    } cases[] = {
        {"two words", "two words"},
        {"say \"hi\"", "say \\\"hi\\\""},
        {"back\\slash", "back\\\\slash"},
        {"a\nb", "a\\u000ab"},
        {"\x7f", "\\u007f"},
        {"\xc2\x9b", "\\u009b"},
        {"\xe2\x80\xae", "\\u202e"},
        {"\xff", "\\u00ff"},
        {"\xc3\xa9", "\xc3\xa9"},
    };
    open_json();
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        char expected[256];
        snprintf(expected, sizeof(expected),
                 "{\"time\":\"" STAMP "\",\"level\":\"info\",\"event\":\"e\",\"v\":\"%s\"}\n",
                 cases[i].shown);
        log_event(LOG_INFO, "e", LOG_S("v", cases[i].value));
        assert_string_equal(written(), expected);
    }
}

// Every byte value in every position of a three-byte value: one line, and valid JSON.
static void any_bytes_stay_one_line_of_valid_json(void **state)
{
    (void)state;
    open_json();
    for (unsigned byte = 0; byte < 256; byte++) {
        for (size_t at = 0; at < 3; at++) {
            uint8_t value[3] = {0xe2, 0x80, 0xa8};
            value[at] = (uint8_t)byte;
            log_event(LOG_INFO, "e", LOG_B("v", bytes_of(value, 3)), LOG_I("after", 1));
            const char *text = written();
            assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
            json_t *json = json_loads(text, JSON_ALLOW_NUL, NULL);
            assert_non_null(json);
            assert_int_equal(json_integer_value(json_object_get(json, "after")), 1);
            json_decref(json);
        }
    }
}

static void values_are_cut_at_256_bytes_between_characters(void **state)
{
    (void)state;
    char value[300];
    open_text();
    memset(value, 'x', sizeof(value));
    log_event(LOG_INFO, "e", LOG_B("v", bytes_of(value, 256)));
    assert_int_equal(strlen(written()), strlen(STAMP " INFO  e v=\n") + 256);
    log_event(LOG_INFO, "e", LOG_B("v", bytes_of(value, 257)));
    assert_int_equal(strlen(written()), strlen(STAMP " INFO  e v=\"...\"\n") + 256);
    value[255] = '\xc3';
    value[256] = '\xa9';
    log_event(LOG_INFO, "e", LOG_B("v", bytes_of(value, 257)));
    assert_int_equal(strlen(written()), strlen(STAMP " INFO  e v=\"...\"\n") + 255);
    assert_non_null(strstr(line, "x...\""));
}

static void fields_that_do_not_fit_are_left_out_whole(void **state)
{
    (void)state;
    char hostile[256];
    memset(hostile, 1, sizeof(hostile));
    struct bytes_span value = bytes_of(hostile, sizeof(hostile));
    open_json();
    log_event(LOG_INFO, "e", LOG_B("a", value), LOG_B("b", value), LOG_B("c", value),
              LOG_I("d", 1));
    assert_true(strlen(written()) <= 4096);
    json_t *json = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(json);
    assert_int_equal(json_string_length(json_object_get(json, "b")), 256);
    assert_null(json_object_get(json, "c"));
    assert_true(json_is_true(json_object_get(json, "cut")));
    json_decref(json);
    open_text();
    log_event(LOG_INFO, "e", LOG_B("a", value), LOG_B("b", value), LOG_B("c", value),
              LOG_B("d", value), LOG_I("f", 1));
    const char *text = written();
    assert_true(strlen(text) <= 4096);
    assert_string_equal(text + strlen(text) - strlen(" cut=true\n"), " cut=true\n");
    assert_null(strstr(text, " d="));
}

static void flood(unsigned lines)
{
    for (unsigned i = 0; i < lines; i++) {
        log_peer(LOG_INFO, "bad_datagram", LOG_U("i", i));
    }
}

static void peers_get_five_lines_and_then_one_a_second(void **state)
{
    (void)state;
    open_text();
    virtual_clock.virtual_now_ns = 500 * CLOCK_NS_PER_MS;
    flood(8);
    const char *text = written();
    for (int i = 0; i < 5; i++) {
        text = strstr(text, "bad_datagram i=");
        assert_non_null(text);
        text++;
    }
    assert_null(strstr(text, "bad_datagram"));

    virtual_clock.virtual_now_ns += 999 * CLOCK_NS_PER_MS;
    flood(1);
    assert_string_equal(written(), "");
    virtual_clock.virtual_now_ns += CLOCK_NS_PER_MS;
    flood(2);
    assert_string_equal(written(),
                        "2026-01-01T00:00:01.500Z INFO  bad_datagram suppressed=4 i=0\n");
    virtual_clock.virtual_now_ns += 1000 * CLOCK_NS_PER_S;
    flood(6);
    text = strstr(written(), "suppressed=1 i=0\n");
    assert_non_null(text);
    assert_null(strstr(text + 1, "suppressed"));
    assert_non_null(strstr(text, "i=4\n"));
    assert_null(strstr(text, "i=5\n"));
}

static void a_full_sink_loses_lines_and_says_so_later(void **state)
{
    (void)state;
    static char block[4096];
    open_text();
    while (write(sink[1], block, sizeof(block)) > 0) {
    }
    fcntl(sink[1], F_SETFL, 0); // as a terminal or a pipe from a shell comes: it would block
    log_event(LOG_INFO, "lost", LOG_I("n", 1));
    log_event(LOG_INFO, "lost", LOG_I("n", 2));
    assert_int_equal(log_lines_lost(), 2);
    while (read(sink[0], block, sizeof(block)) > 0) {
    }
    log_event(LOG_INFO, "back", LOG_I("n", 3));
    assert_string_equal(written(), STAMP " INFO  back lines_lost=2 n=3\n");
    log_event(LOG_INFO, "back", LOG_I("n", 4));
    assert_string_equal(written(), STAMP " INFO  back n=4\n");
    assert_int_equal(log_lines_lost(), 2);
}

static void a_closed_sink_does_not_end_the_process(void **state)
{
    (void)state;
    open_text();
    close(sink[0]);
    log_event(LOG_ERROR, "lost", LOG_I("n", 1));
    assert_int_equal(log_lines_lost(), 1);
    sink[0] = dup(sink[1]); // for close_pipe()
    log_open(-1, LOG_INFO, LOG_FORMAT_TEXT, &virtual_clock);
    log_event(LOG_ERROR, "lost", LOG_I("n", 1));
    assert_int_equal(log_lines_lost(), 1);
}

static void a_full_disk_is_survived(void **state)
{
    (void)state;
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_true(full >= 0);
    log_open(full, LOG_INFO, LOG_FORMAT_TEXT, &virtual_clock);
    log_event(LOG_ERROR, "lost", LOG_I("n", 1));
    assert_int_equal(log_lines_lost(), 1);
    close(full);
}

static void a_line_that_was_torn_spoils_no_other(void **state)
{
    (void)state;
    struct rlimit before;
    FILE *file = tmpfile();
    assert_non_null(file);
    log_open(fileno(file), LOG_INFO, LOG_FORMAT_TEXT, &virtual_clock);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    struct rlimit full = {.rlim_cur = strlen(STAMP " INF"), .rlim_max = before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
    log_event(LOG_INFO, "half", LOG_I("n", 1));
    log_event(LOG_INFO, "lost", LOG_I("n", 2));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_DFL);
    log_event(LOG_INFO, "back", LOG_I("n", 3));
    log_event(LOG_INFO, "back", LOG_I("n", 4));
    rewind(file);
    line[fread(line, 1, sizeof(line) - 1, file)] = '\0';
    fclose(file);
    assert_string_equal(line, STAMP " INF\n" STAMP " INFO  back lines_lost=2 n=3\n" STAMP
                                    " INFO  back n=4\n");
}

#define WITH_PIPE(test) cmocka_unit_test_setup_teardown(test, open_pipe, close_pipe)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PIPE(a_line_of_text_has_time_level_event_and_fields),
        WITH_PIPE(a_line_of_json_has_the_same),
        WITH_PIPE(levels_above_the_maximum_are_silent),
        WITH_PIPE(a_message_ends_the_line_and_keeps_its_quotes),
        WITH_PIPE(a_message_can_neither_break_the_line_nor_drive_a_terminal),
        WITH_PIPE(a_long_message_is_cut),
        WITH_PIPE(text_values_that_could_be_misread_are_quoted),
        WITH_PIPE(json_values_are_escaped),
        WITH_PIPE(any_bytes_stay_one_line_of_valid_json),
        WITH_PIPE(values_are_cut_at_256_bytes_between_characters),
        WITH_PIPE(fields_that_do_not_fit_are_left_out_whole),
        WITH_PIPE(peers_get_five_lines_and_then_one_a_second),
        WITH_PIPE(a_full_sink_loses_lines_and_says_so_later),
        WITH_PIPE(a_closed_sink_does_not_end_the_process),
        WITH_PIPE(a_full_disk_is_survived),
        WITH_PIPE(a_line_that_was_torn_spoils_no_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
