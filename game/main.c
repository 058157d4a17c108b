// SPDX-License-Identifier: MIT
// From argv to a running server: settings, log, signals, then the loop until it stops.

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "auth/json.h"
#include "game/commands.h"
#include "game/instance.h"
#include "game/preflight.h"
#include "game/server.h"
#include "net/tls_store.h"

enum exit_status {
    EXIT_OK = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
};

extern char **environ;

// A closed stdin, stdout or stderr would give its number to the first socket, and a log line to a
// player.
static bool hold_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd) {
            return false;
        }
    }
    return true;
}

// Every player of a stream transport holds a descriptor; the soft limit is often 1024.
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit); // the soft limit stays: connects beyond it fail
    }
}

// Nothing of this process is for others to read: no core file, its memory, environment and
// descriptors in /proc are root's alone, and what was a token does not lie about. Sanitizers must
// trace themselves, so not for them.
static void keep_private(void)
{
    const struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
#ifndef PADDOCK_SANITIZED
    (void)prctl(PR_SET_DUMPABLE, 0);
#endif
    auth_json_wipe_freed();
}

static int report_errors(const struct error_list *errors)
{
    unsigned shown = errors->count < ERROR_LIST_MAX ? errors->count : ERROR_LIST_MAX;
    for (unsigned i = 0; i < shown; i++) {
        fprintf(stderr, "paddock: %s\n", errors->lines[i].text);
    }
    if (shown < errors->count) {
        fprintf(stderr, "paddock: and %u more\n", errors->count - shown);
    }
    return EXIT_USAGE;
}

// Blocked before any thread is made, so that every thread inherits it and the loop alone hears of
// them, whenever they come.
static void hold_signals(sigset_t *signals)
{
    sigemptyset(signals);
    sigaddset(signals, SIGTERM);
    sigaddset(signals, SIGINT);
    sigaddset(signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, signals, NULL);
}

static void on_signal(void *context, int signal_number)
{
    struct game_server *server = context;
    log_event(LOG_INFO, "signal", LOG_S("name", strsignal(signal_number)));
    if (signal_number == SIGHUP) {
        game_server_reload(server);
    } else {
        game_server_drain(server);
    }
}

static int serve(const struct config *config)
{
    struct clock clock;
    struct error error = {0};
    clock_init_monotonic(&clock);
    log_open(STDOUT_FILENO, (enum log_level)config->log_level, (enum log_format)config->log_format,
             &clock);
    log_event(LOG_INFO, "starting", LOG_S("version", PADDOCK_VERSION), LOG_T("dev", config->dev),
              LOG_S("gnutls", net_tls_version()));
    if (config->server_token_on_command_line) {
        log_event(LOG_WARN, "token_on_command_line",
                  LOG_S("mend", "other users could see it; use FUSION_SERVER_TOKEN or "
                                "FUSION_SERVER_TOKEN_FILE"));
    }
    struct game_server_env env = {.config = config, .clock = &clock};
    sigset_t signals;
    hold_signals(&signals);
    struct game_server *server = game_server_create(&env, &error);
    int instance = -1;
    if (server &&
        loop_catch_signals(game_server_loop(server), &signals, on_signal, server, &error)) {
        instance = game_instance_begin(config, &error);
    }
    if (instance < 0) {
        fprintf(stderr, "paddock: %s\n", error.text);
        game_server_destroy(server);
        return EXIT_FAILED;
    }
    game_server_run(server);
    game_server_destroy(server);
    close(instance);
    return EXIT_OK;
}

static int run(const struct config *config, const struct config_command *command)
{
    struct error_list errors = {0};
    // Commands need no listeners, certificates or server token; serving and --check-config do.
    if (command->word_count > 0) {
        return game_command_run(config, command->word_count, command->words);
    }
    bool good = config_check(config, &errors);
    if (command->check_config && !game_preflight(config, &errors)) {
        good = false;
    }
    if (!good) {
        (void)report_errors(&errors);
        return EXIT_FAILED;
    }
    if (command->check_config) {
        config_print_effective(config, stdout);
        return EXIT_OK;
    }
    return serve(config);
}

int main(int argc, char **argv)
{
    keep_private();
    if (!hold_standard_descriptors()) {
        return EXIT_FAILED;
    }
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); // a file that may not grow (ulimit -f) is a full disk to us
    raise_descriptor_limit();
    struct config_command command = {0};
    struct error_list errors = {0};
    struct config *config = config_load(argc, argv, environ, &command, &errors);
    int status = EXIT_OK;
    if (command.help) {
        config_print_help(stdout);
    } else if (command.version) {
        printf("paddock %s (gnutls %s)\n", PADDOCK_VERSION, net_tls_version());
    } else if (!config) {
        status = report_errors(&errors);
    } else {
        status = run(config, &command);
    }
    if (fflush(stdout) != 0 && status == EXIT_OK) {
        fprintf(stderr, "paddock: cannot write what there is to say: %s\n", strerror(errno));
        status = EXIT_FAILED;
    }
    config_destroy(config);
    return status;
}
