// SPDX-License-Identifier: MIT
// Where settings come from: precedence, every form of error, secrets scrubbed.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/config.h"
#include "config/config_option.h"

#define ARGUMENTS_MAX 24

// One call of config_load() with writable copies of everything, as a process has them.
struct load {
    char *given[ARGUMENTS_MAX + 1]; // as allocated: config_load() moves words within argv
    char *argv[ARGUMENTS_MAX + 1];
    int argc;
    char *env[ARGUMENTS_MAX + 1];
    int env_count;
    struct config_command command;
    struct error_list errors;
    struct config *config;
};

static struct load load;
static char file_path[64];

static char *copy(const char *text)
{
    char *memory = strdup(text);
    assert_non_null(memory);
    return memory;
}

static void flag(const char *text)
{
    assert_true(load.argc < ARGUMENTS_MAX);
    load.given[load.argc++] = copy(text);
}

static void variable(const char *text)
{
    assert_true(load.env_count < ARGUMENTS_MAX);
    load.env[load.env_count++] = copy(text);
}

static void write_file(struct bytes_span text)
{
    FILE *file = fopen(file_path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text.data, 1, text.size, file), text.size);
    assert_int_equal(fclose(file), 0);
}

// Writes a settings file and names it by a flag.
static void file(const char *text)
{
    write_file(bytes_of_string(text));
    flag("--config");
    flag(file_path);
}

static int end(void **state)
{
    (void)state;
    for (int i = 0; i < ARGUMENTS_MAX; i++) {
        free(load.given[i]);
        free(load.env[i]);
    }
    config_destroy(load.config);
    memset(&load, 0, sizeof(load));
    unlink(file_path);
    return 0;
}

static int begin(void **state)
{
    end(state); // a test may begin again
    snprintf(file_path, sizeof(file_path), "/tmp/paddock-test-%ld.ini", (long)getpid());
    flag("paddock");
    return 0;
}

static void run(void)
{
    memcpy(load.argv, load.given, sizeof(load.argv));
    load.config = config_load(load.argc, load.argv, load.env, &load.command, &load.errors);
}

static const struct config *run_good(void)
{
    run();
    for (unsigned i = 0; i < load.errors.count; i++) {
        print_error("%s\n", load.errors.lines[i].text);
    }
    assert_int_equal(load.errors.count, 0);
    assert_non_null(load.config);
    return load.config;
}

static void run_bad(const char *error)
{
    run();
    assert_null(load.config);
    assert_string_equal(load.errors.lines[0].text, error);
    assert_int_equal(load.errors.count, 1);
}

// The path of the settings file in front of an expected error.
static const char *in_file(const char *rest)
{
    static char text[256];
    snprintf(text, sizeof(text), "%s:%s", file_path, rest);
    return text;
}

// ---- precedence

static void nothing_given_leaves_the_defaults(void **state)
{
    (void)state;
    const struct config *config = run_good();
    assert_int_equal(config->tick_rate, 60);
    assert_false(config->dev);
    assert_int_equal(config->log_level, LOG_INFO);
    assert_int_equal(config->listen.count, 3);
    assert_string_equal(config->listen.items[2], "wss://127.0.0.1:9091");
    assert_string_equal(config->websocket_path, "/websocket");
    assert_null(config->fusion_server_token);
    assert_int_equal(load.command.word_count, 0);
}

static void the_file_overrules_the_defaults(void **state)
{
    (void)state;
    file("# comment\n; comment\n\n[Race]\ntick-rate = 30\r\n  laps=5\ndev = yes\nlog-level=warn\n"
         "listen = udp://h:1 tcp://h:2\nlisten = ws://h:3\ntrack = a ; b # c");
    const struct config *config = run_good();
    assert_int_equal(config->tick_rate, 30);
    assert_int_equal(config->laps, 5);
    assert_true(config->dev);
    assert_int_equal(config->log_level, LOG_WARN);
    assert_int_equal(config->listen.count, 3);
    assert_string_equal(config->listen.items[1], "tcp://h:2");
    assert_string_equal(config->listen.items[2], "ws://h:3");
    assert_string_equal(config->track, "a ; b # c");
}

static void the_environment_overrules_the_file(void **state)
{
    (void)state;
    file("tick-rate = 30\nlaps = 5\nlisten = udp://file");
    variable("PADDOCK_TICK_RATE=40");
    variable("PADDOCK_LISTEN=udp://a  udp://b ");
    variable("HOME=/root");
    const struct config *config = run_good();
    assert_int_equal(config->tick_rate, 40);
    assert_int_equal(config->laps, 5);
    assert_int_equal(config->listen.count, 2);
    assert_string_equal(config->listen.items[1], "udp://b");
}

static void flags_overrule_everything(void **state)
{
    (void)state;
    file("tick-rate = 30\nlaps = 5\ndev = true\nlisten = udp://file");
    variable("PADDOCK_TICK_RATE=40");
    variable("PADDOCK_LISTEN=udp://a udp://b");
    flag("--tick-rate=50");
    flag("--listen");
    flag("udp://c");
    flag("--listen=udp://d udp://e");
    flag("--no-dev");
    const struct config *config = run_good();
    assert_int_equal(config->tick_rate, 50);
    assert_int_equal(config->laps, 5);
    assert_false(config->dev);
    assert_int_equal(config->listen.count, 3);
    assert_string_equal(config->listen.items[0], "udp://c");
    assert_string_equal(config->listen.items[2], "udp://e");
}

static void the_environment_can_name_the_file_and_a_flag_overrules_it(void **state)
{
    (void)state;
    char text[128];
    write_file(bytes_of_string("laps = 7\n"));
    snprintf(text, sizeof(text), "PADDOCK_CONFIG=%s", file_path);
    variable(text);
    assert_int_equal(run_good()->laps, 7);
    begin(state);
    variable("PADDOCK_CONFIG=/nowhere/at/all");
    file("laps = 8\n");
    assert_int_equal(run_good()->laps, 8);
}

static void an_overruled_value_is_checked_all_the_same(void **state)
{
    (void)state;
    file("laps = none\n");
    flag("--laps=3");
    run_bad(in_file("1: laps=none: not a whole number; 1 to 99 laps"));
}

static void an_empty_list_is_a_list(void **state)
{
    (void)state;
    flag("--trusted-proxies=");
    assert_int_equal(run_good()->trusted_proxies.count, 0);
}

// ---- the command line

static void words_are_the_command(void **state)
{
    (void)state;
    flag("token");
    flag("--laps");
    flag("9");
    flag("P1");
    flag("-");
    flag("--");
    flag("--laps");
    run_good();
    assert_int_equal(load.config->laps, 9);
    assert_int_equal(load.command.word_count, 4);
    assert_string_equal(load.command.words[0], "token");
    assert_string_equal(load.command.words[1], "P1");
    assert_string_equal(load.command.words[2], "-");
    assert_string_equal(load.command.words[3], "--laps");
}

static void switches_of_the_command_are_told(void **state)
{
    (void)state;
    flag("-h"); // what everybody tries first; --help is shown by integration/test_operator
    flag("--check-config");
    run_good();
    assert_true(load.command.help);
    assert_true(load.command.check_config);
    assert_false(load.command.version);
}

static void booleans_take_every_spelling(void **state)
{
    static const struct {
        const char *text;
        bool value;
    } cases[] = {{"--dev", true},     {"--dev=true", true}, {"--dev=yes", true},
                 {"--dev=on", true},  {"--dev=1", true},    {"--dev=false", false},
                 {"--dev=no", false}, {"--dev=off", false}, {"--dev=0", false},
                 {"--no-dev", false}};
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        begin(state);
        variable("PADDOCK_DEV=true");
        flag(cases[i].text);
        assert_int_equal(run_good()->dev, cases[i].value);
    }
}

static void a_boolean_flag_does_not_eat_the_next_word(void **state)
{
    (void)state;
    flag("--dev");
    flag("false");
    run_good();
    assert_true(load.config->dev);
    assert_string_equal(load.command.words[0], "false");
}

static void integers_at_their_bounds_are_taken(void **state)
{
    (void)state;
    flag("--tick-rate=10");
    flag("--catch-up-ticks=128");
    flag("--rejoin-grace-ms=000");
    const struct config *config = run_good();
    assert_int_equal(config->tick_rate, 10);
    assert_int_equal(config->catch_up_ticks, 128);
    assert_int_equal(config->rejoin_grace_ms, 0);
}

// One bad flag, one exact error.
static void every_bad_flag_has_its_error(void **state)
{
    static const struct {
        const char *text;
        const char *error;
    } cases[] = {
        {"--tick-rate=9", "--tick-rate=9 (flag): must be 10 to 128 per second"},
        {"--tick-rate=129", "--tick-rate=129 (flag): must be 10 to 128 per second"},
        {"--tick-rate=99999999999999999999",
         "--tick-rate=99999999999999999999 (flag): must be 10 to 128 per second"},
        {"--tick-rate=-60", "--tick-rate=-60 (flag): must be 10 to 128 per second"},
        {"--tick-rate=", "--tick-rate= (flag): not a whole number; 10 to 128 per second"},
        {"--tick-rate= 60", "--tick-rate= 60 (flag): not a whole number; 10 to 128 per second"},
        {"--tick-rate=+60", "--tick-rate=+60 (flag): not a whole number; 10 to 128 per second"},
        {"--tick-rate=60x", "--tick-rate=60x (flag): not a whole number; 10 to 128 per second"},
        {"--tick-rate=0x40", "--tick-rate=0x40 (flag): not a whole number; 10 to 128 per second"},
        {"--tick-rate=6.5", "--tick-rate=6.5 (flag): not a whole number; 10 to 128 per second"},
        {"--tick-rate=-", "--tick-rate=- (flag): not a whole number; 10 to 128 per second"},
        {"--tick-rate", "--tick-rate (flag): needs a value"},
        {"--config", "--config (flag): needs a value"},
        {"--dev=maybe", "--dev=maybe (flag): must be true or false"},
        {"--dev=", "--dev= (flag): must be true or false"},
        {"--no-dev=1", "--no-dev (flag): takes no value"},
        {"--help=1", "--help (flag): takes no value"},
        {"--log-level=warning", "--log-level=warning (flag): must be one of error|warn|info|debug"},
        {"--log-level=war", "--log-level=war (flag): must be one of error|warn|info|debug"},
        {"--log-level=", "--log-level= (flag): must be one of error|warn|info|debug"},
        {"--track=a\nb", "--track=a?b (flag): holds a control character"},
        {"--track= a", "--track= a (flag): begins or ends with a space"},
        {"--track=a ", "--track=a  (flag): begins or ends with a space"},
        {"--listen=udp://a\tb",
         "--listen=udp://a?b (flag): holds a control character; items are separated by spaces"},
        {"--tikrate=5", "--tikrate (flag): unknown setting; did you mean --tick-rate?"},
        {"--no-such-thing", "--no-such-thing (flag): unknown setting"},
        {"--no-laps", "--no-laps (flag): unknown setting"},
        {"--tick_rate=60", "--tick_rate (flag): unknown setting; did you mean --tick-rate?"},
        {"--General", "--General (flag): unknown setting"},
        {"-v", "-v: flags begin with two dashes; see --help"},
        {"-laps=3", "-laps: flags begin with two dashes; see --help"},
        {"--config=/nowhere/at/all",
         "/nowhere/at/all (settings file): cannot be read: No such file or directory"},
        {"--config=/tmp", "/tmp (settings file): cannot be read: Is a directory"},
        {"--fusion-server-token", "--fusion-server-token (flag): needs a value"},
        {"--fusion-server-token=", "--fusion-server-token (flag): is empty"},
        {"--fusion-server-token=a\nb",
         "--fusion-server-token (flag): holds a control character (a line break?)"},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        begin(state);
        flag(cases[i].text);
        run_bad(cases[i].error);
    }
}

static void a_flag_does_not_swallow_the_next_flag(void **state)
{
    (void)state;
    flag("--track");
    flag("--dev");
    run_bad("--track (flag): needs a value");
}

static void the_same_flag_twice_names_both(void **state)
{
    begin(state);
    flag("--laps=3");
    flag("--laps");
    flag("4");
    run_bad("--laps=4 (flag): already given as --laps=3 (flag)");
    begin(state);
    flag("--dev");
    flag("--no-dev");
    run_bad("--no-dev (flag): already given as --dev (flag)");
    begin(state);
    file("");
    flag("--config=/other");
    run();
    assert_null(load.config);
    assert_non_null(strstr(load.errors.lines[0].text, "--config=/other (flag): already given as"));
}

static void texts_and_lists_at_their_limits(void **state)
{
    char value[1100];
    char text[1200];
    memset(value, 'x', sizeof(value));
    begin(state);
    snprintf(text, sizeof(text), "--track=%.63s", value);
    flag(text);
    snprintf(text, sizeof(text), "--listen=%.1023s", value);
    flag(text);
    assert_int_equal(strlen(run_good()->listen.items[0]), 1023);

    begin(state);
    snprintf(text, sizeof(text), "--track=%.64s", value);
    flag(text);
    snprintf(text, sizeof(text), "--track=%.60s... (flag): longer than 63 bytes", value);
    run_bad(text);

    begin(state);
    snprintf(text, sizeof(text), "--listen=%.1024s", value);
    flag(text);
    snprintf(text, sizeof(text), "--listen=%.60s... (flag): an item is longer than 1023 bytes",
             value);
    run_bad(text);
}

static void lists_have_a_number_of_items(void **state)
{
    begin(state);
    flag("--listen=1 2 3 4 5 6 7 8 9 10 11 12 13 14 15");
    flag("--listen=16");
    assert_int_equal(run_good()->listen.count, 16);
    begin(state);
    flag("--listen=1 2 3 4 5 6 7 8 9 10 11 12 13 14 15");
    flag("--listen=16 17");
    run_bad("--listen=16 17 (flag): more than 16 items");
}

static void all_errors_are_reported(void **state)
{
    (void)state;
    file("laps = 0\nnonsense = 1\n");
    variable("PADDOCK_VERIFY_MS=1");
    flag("--tick-rate=1");
    flag("-x");
    run();
    assert_null(load.config);
    assert_int_equal(load.errors.count, 5);
}

// ---- the environment

static void every_bad_variable_has_its_error(void **state)
{
    static const struct {
        const char *text;
        const char *error;
    } cases[] = {
        {"PADDOCK_TICK_RATE=abc",
         "PADDOCK_TICK_RATE=abc (environment): not a whole number; 10 to 128 per second"},
        {"PADDOCK_TICK_RATE=",
         "PADDOCK_TICK_RATE= (environment): not a whole number; 10 to 128 per second"},
        {"PADDOCK_TIKRATE=60",
         "PADDOCK_TIKRATE (environment): unknown setting; did you mean PADDOCK_TICK_RATE?"},
        {"PADDOCK_=1", "PADDOCK_ (environment): unknown setting"},
        {"PADDOCK_PORT=7777", "PADDOCK_PORT (environment): unknown setting"},
        {"PADDOCK_tick_rate=60",
         "PADDOCK_tick_rate (environment): unknown setting; did you mean PADDOCK_TICK_RATE?"},
        {"FUSION_SERVER_TOKEN=", "FUSION_SERVER_TOKEN (environment): is empty"},
        {"PADDOCK_FUSION_SERVER_TOKEN=", "PADDOCK_FUSION_SERVER_TOKEN (environment): is empty"},
        {"FUSION_SERVER_TOKEN_FILE=/nowhere",
         "FUSION_SERVER_TOKEN_FILE=/nowhere (environment): cannot be read: No such file or "
         "directory"},
        {"FUSION_SERVER_TOKEN_FILE=/dev/null",
         "FUSION_SERVER_TOKEN_FILE=/dev/null (environment): is empty"},
        {"FUSION_SERVER_TOKEN_FILE=/dev/zero",
         "FUSION_SERVER_TOKEN_FILE=/dev/zero (environment): longer than 1024 bytes"},
        {"PADDOCK_TLS_PASSWORD=", "PADDOCK_TLS_PASSWORD (environment): is empty"},
        {"PADDOCK_TLS_PASSWORD_FILE=/dev/null",
         "PADDOCK_TLS_PASSWORD_FILE=/dev/null (environment): is empty"},
        {"PADDOCK_TICK_RATE_FILE=/dev/null", // only secrets have one
         "PADDOCK_TICK_RATE_FILE (environment): unknown setting"},
        {"PADDOCK_CONFIG=/nowhere",
         "/nowhere (settings file): cannot be read: No such file or directory"},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        begin(state);
        variable(cases[i].text);
        run_bad(cases[i].error);
    }
}

static void variables_of_others_are_left_alone(void **state)
{
    (void)state;
    variable("PATH=/bin");
    variable("PADDOCKS=1");
    variable("no equals sign");
    variable("PADDOCK_SERVICE_HOST=10.0.0.7");
    variable("PADDOCK_SERVICE_PORT=7777");
    variable("PADDOCK_SERVICE_PORT_GAME=7777");
    variable("PADDOCK_PORT=udp://10.0.0.7:7777");
    variable("PADDOCK_PORT_7777_UDP=udp://10.0.0.7:7777");
    variable("PADDOCK_PORT_7777_UDP_ADDR=10.0.0.7");
    variable("PADDOCK_ADMIN_SERVICE_HOST=10.0.0.8");
    variable("PADDOCK_ADMIN_PORT=tcp://10.0.0.8:9464");
    run_good();
}

// ---- the file

static void every_bad_line_has_its_error(void **state)
{
    static const struct {
        const char *text;
        const char *error;
    } cases[] = {
        {"\n\ntikrate = 1\n", "3: unknown setting \"tikrate\"; did you mean \"tick-rate\"?"},
        {"zzzzzzzzzzzz = 1\n", "1: unknown setting \"zzzzzzzzzzzz\""},
        {"= 1\n", "1: unknown setting \"\""},
        {"\x1b[31m = 1\n", "1: unknown setting \"?[31m\""},
        {"laps = 3\n\nlaps = 4\n", ""},
        {"[Race]\nlaps = 100\n", "2: laps=100: must be 1 to 99 laps"},
        {"laps\n", "1: not \"name = value\", [section], or a # comment"},
        {"dev = true\n  laps\n", "2: not \"name = value\", [section], or a # comment"},
        {"[Race\nlaps = 3\n", "1: not \"name = value\", [section], or a # comment"},
        {"\nfusion-server-token = hush\n", "2: a secret does not belong in a settings file; set "
                                           "FUSION_SERVER_TOKEN or FUSION_SERVER_TOKEN_FILE"},
        {"tls-password = hush\n", "1: a secret does not belong in a settings file; set "
                                  "PADDOCK_TLS_PASSWORD or PADDOCK_TLS_PASSWORD_FILE"},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        begin(state);
        file(cases[i].text);
        char both[256];
        snprintf(both, sizeof(both), "%s:3: laps=4: already given as %s:1: laps=3", file_path,
                 file_path);
        run_bad(cases[i].error[0] ? in_file(cases[i].error) : both);
    }
}

static void lines_at_their_limit(void **state)
{
    static char text[4096];
    // 2046 bytes and a line break are a line; one more is not.
    memset(text, ' ', sizeof(text));
    memcpy(text, "laps = 4", 8);
    snprintf(text + 2046, 32, "\ndev = true\n");
    file(text);
    assert_int_equal(run_good()->laps, 4);
    assert_true(load.config->dev);

    begin(state);
    memset(text, ' ', 2047);
    memcpy(text, "laps = 4", 8);
    snprintf(text + 2047, 32, "\nlaps = 5\n");
    file(text);
    run_bad(in_file("1: the line is too long; give a list's items on lines of their own"));
}

static void files_that_are_not_text_are_refused(void **state)
{
    (void)state;
    write_file(bytes_of("laps = 4\0\nlaps = 5", 18));
    flag("--config");
    flag(file_path);
    run_bad(in_file("1: holds a NUL byte; this is not a text file"));
}

static void files_have_a_size(void **state)
{
    static char text[CONFIG_FILE_BYTES_MAX + 1];
    memset(text, '\n', sizeof(text));
    begin(state);
    write_file(bytes_of(text, CONFIG_FILE_BYTES_MAX));
    flag("--config");
    flag(file_path);
    run_good();
    begin(state);
    write_file(bytes_of(text, CONFIG_FILE_BYTES_MAX + 1));
    flag("--config");
    flag(file_path);
    char error[128];
    snprintf(error, sizeof(error), "%s (settings file): larger than 262144 bytes", file_path);
    run_bad(error);
}

// ---- secrets

static void assert_token(const char *token)
{
    assert_non_null(load.config->fusion_server_token);
    assert_true(bytes_equal(secret_span(load.config->fusion_server_token), bytes_of_string(token)));
}

static void a_token_on_the_command_line_is_scrubbed_and_told(void **state)
{
    for (int inlined = 0; inlined < 2; inlined++) {
        begin(state);
        if (inlined) {
            flag("--fusion-server-token=hush-hush");
        } else {
            flag("--fusion-server-token");
            flag("--hush-hush"); // a token may look like anything
        }
        run();
        assert_non_null(load.config);
        assert_true(load.config->server_token_on_command_line);
        assert_token(inlined ? "hush-hush" : "--hush-hush");
        if (inlined) {
            assert_memory_equal(load.given[1], "--fusion-server-token=\0\0\0\0\0\0\0\0\0\0", 32);
        } else {
            assert_memory_equal(load.given[2], "\0\0\0\0\0\0\0\0\0\0\0\0", 12);
        }
    }
}

static void a_token_in_the_environment_is_scrubbed(void **state)
{
    static const char *const names[] = {"FUSION_SERVER_TOKEN", "PADDOCK_FUSION_SERVER_TOKEN"};
    for (size_t i = 0; i < BASE_COUNT(names); i++) {
        char text[64];
        begin(state);
        snprintf(text, sizeof(text), "%s=hush", names[i]);
        variable(text);
        run();
        assert_non_null(load.config);
        assert_false(load.config->server_token_on_command_line);
        assert_token("hush");
        snprintf(text, sizeof(text), "%s=", names[i]);
        assert_string_equal(load.env[0], text);
        assert_memory_equal(load.env[0] + strlen(text), "\0\0\0\0\0", 5);
    }
}

static void a_token_from_a_file_loses_one_line_break(void **state)
{
    static const struct {
        const char *content;
        const char *token;
    } cases[] = {{"hush", "hush"}, {"hush\n", "hush"}, {"hush\r\n", "hush"}, {" hush ", " hush "}};
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        char text[128];
        begin(state);
        write_file(bytes_of_string(cases[i].content));
        snprintf(text, sizeof(text), "FUSION_SERVER_TOKEN_FILE=%s", file_path);
        variable(text);
        run_good();
        assert_token(cases[i].token);
    }
    char text[160];
    begin(state);
    write_file(bytes_of_string("hush\n\n"));
    snprintf(text, sizeof(text), "FUSION_SERVER_TOKEN_FILE=%s", file_path);
    variable(text);
    snprintf(text, sizeof(text),
             "FUSION_SERVER_TOKEN_FILE=%s (environment): holds a control character (a line break?)",
             file_path);
    run_bad(text);
}

static void a_token_file_at_its_limit(void **state)
{
    (void)state;
    static char content[SECRET_BYTES_MAX + 3];
    char text[128];
    memset(content, 'x', SECRET_BYTES_MAX);
    memcpy(content + SECRET_BYTES_MAX, "\r\n", 3);
    write_file(bytes_of_string(content));
    snprintf(text, sizeof(text), "FUSION_SERVER_TOKEN_FILE=%s", file_path);
    variable(text);
    run_good();
    assert_int_equal(secret_span(load.config->fusion_server_token).size, SECRET_BYTES_MAX);
}

static void other_secrets_come_from_the_environment_or_a_file(void **state)
{
    for (int from_file = 0; from_file < 2; from_file++) {
        char text[128];
        begin(state);
        write_file(bytes_of_string("hush\n"));
        snprintf(text, sizeof(text), "PADDOCK_TLS_PASSWORD_FILE=%s", file_path);
        variable(from_file ? text : "PADDOCK_TLS_PASSWORD=hush");
        struct bytes_span secret = secret_span(run_good()->tls_password);
        assert_true(bytes_equal(secret, bytes_of_string("hush")));
    }
}

static void other_secrets_are_refused_on_the_command_line(void **state)
{
    (void)state;
    flag("--tls-password=hush");
    run();
    assert_null(load.config);
    assert_string_equal(load.errors.lines[0].text,
                        "--tls-password (flag): a secret does not belong on the command line; set "
                        "PADDOCK_TLS_PASSWORD or PADDOCK_TLS_PASSWORD_FILE");
    assert_string_equal(load.given[1], "--tls-password=");
}

static void a_token_given_twice_in_the_environment_is_an_error(void **state)
{
    (void)state;
    variable("FUSION_SERVER_TOKEN=hush");
    variable("PADDOCK_FUSION_SERVER_TOKEN=hash");
    run();
    assert_null(load.config);
    assert_string_equal(load.errors.lines[0].text,
                        "PADDOCK_FUSION_SERVER_TOKEN (environment): already given as "
                        "FUSION_SERVER_TOKEN (environment)");
    assert_string_equal(load.env[0], "FUSION_SERVER_TOKEN=");
    assert_string_equal(load.env[1], "PADDOCK_FUSION_SERVER_TOKEN=");
}

static void the_tokens_flag_overrules_the_environment_and_both_are_scrubbed(void **state)
{
    (void)state;
    variable("FUSION_SERVER_TOKEN=hush");
    flag("--fusion-server-token=hash");
    run();
    assert_non_null(load.config);
    assert_token("hash");
    assert_string_equal(load.env[0], "FUSION_SERVER_TOKEN=");
    assert_string_equal(load.given[1], "--fusion-server-token=");
}

static void no_error_shows_a_token(void **state)
{
    (void)state;
    char text[SECRET_BYTES_MAX + 64];
    memset(text, 'S', sizeof(text));
    memcpy(text, "--fusion-server-token=", 22);
    text[sizeof(text) - 1] = '\0';
    flag(text);
    flag("--fusion-server-tokn=SSSS");
    flag("-fusion-server-token=SSSS");
    variable("PADDOCK_FUSION_SERVER_TOKN=SSSS");
    file("fusion-server-token = SSSS");
    run();
    assert_null(load.config);
    assert_int_equal(load.errors.count, 5);
    for (unsigned i = 0; i < load.errors.count; i++) {
        assert_null(strstr(load.errors.lines[i].text, "SSSS"));
    }
}

#define WITH_LOAD(test) cmocka_unit_test_setup_teardown(test, begin, end)

// config_check() looks at several settings at once; what it finds is somewhere to be mended all the
// same.
static void what_settings_are_to_each_other_is_told_with_where_they_came_from(void **state)
{
    (void)state;
    file("tick-rate = 20\nlisten = tcp://127.0.0.1:1\nlisten = ws://127.0.0.1:1\n");
    variable("PADDOCK_ADMIN=nowhere");
    flag("--snapshot-rate=30");
    flag("--dev");
    struct error_list errors = {0};
    run_good();
    char expected[256];
    assert_false(config_check(load.config, &errors));
    assert_int_equal(errors.count, 3);
    snprintf(expected, sizeof(expected),
             "--snapshot-rate=30 (flag): must not exceed --tick-rate, which is 20 (%s:1)",
             file_path);
    assert_string_equal(errors.lines[0].text, expected);
    snprintf(expected, sizeof(expected),
             "--listen=ws://127.0.0.1:1 (%s:3): the same address and port as tcp://127.0.0.1:1",
             file_path);
    assert_string_equal(errors.lines[1].text, expected);
    assert_string_equal(errors.lines[2].text,
                        "--admin (environment): \"nowhere\": say host:port; or say 'off'");
}

// An overruled value is not the one that is wrong.
static void where_a_setting_came_from_is_where_the_value_in_force_stands(void **state)
{
    (void)state;
    file("min-players = 3\n");
    variable("PADDOCK_MIN_PLAYERS=60");
    flag("--dev");
    struct error_list errors = {0};
    run_good();
    assert_false(config_check(load.config, &errors));
    assert_string_equal(errors.lines[0].text, "--min-players=60 (environment): must not exceed "
                                              "--players-per-session, which is 8");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_LOAD(nothing_given_leaves_the_defaults),
        WITH_LOAD(the_file_overrules_the_defaults),
        WITH_LOAD(the_environment_overrules_the_file),
        WITH_LOAD(flags_overrule_everything),
        WITH_LOAD(the_environment_can_name_the_file_and_a_flag_overrules_it),
        WITH_LOAD(an_overruled_value_is_checked_all_the_same),
        WITH_LOAD(what_settings_are_to_each_other_is_told_with_where_they_came_from),
        WITH_LOAD(where_a_setting_came_from_is_where_the_value_in_force_stands),
        WITH_LOAD(an_empty_list_is_a_list),
        WITH_LOAD(words_are_the_command),
        WITH_LOAD(switches_of_the_command_are_told),
        WITH_LOAD(booleans_take_every_spelling),
        WITH_LOAD(a_boolean_flag_does_not_eat_the_next_word),
        WITH_LOAD(integers_at_their_bounds_are_taken),
        WITH_LOAD(every_bad_flag_has_its_error),
        WITH_LOAD(a_flag_does_not_swallow_the_next_flag),
        WITH_LOAD(the_same_flag_twice_names_both),
        WITH_LOAD(texts_and_lists_at_their_limits),
        WITH_LOAD(lists_have_a_number_of_items),
        WITH_LOAD(all_errors_are_reported),
        WITH_LOAD(every_bad_variable_has_its_error),
        WITH_LOAD(variables_of_others_are_left_alone),
        WITH_LOAD(every_bad_line_has_its_error),
        WITH_LOAD(lines_at_their_limit),
        WITH_LOAD(files_that_are_not_text_are_refused),
        WITH_LOAD(files_have_a_size),
        WITH_LOAD(a_token_on_the_command_line_is_scrubbed_and_told),
        WITH_LOAD(a_token_in_the_environment_is_scrubbed),
        WITH_LOAD(a_token_from_a_file_loses_one_line_break),
        WITH_LOAD(a_token_file_at_its_limit),
        WITH_LOAD(a_token_given_twice_in_the_environment_is_an_error),
        WITH_LOAD(other_secrets_come_from_the_environment_or_a_file),
        WITH_LOAD(other_secrets_are_refused_on_the_command_line),
        WITH_LOAD(the_tokens_flag_overrules_the_environment_and_both_are_scrubbed),
        WITH_LOAD(no_error_shows_a_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
