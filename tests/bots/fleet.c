// SPDX-License-Identifier: MIT
// The loop of the load test.
//
// Turns come every four milliseconds, a quarter of a tick. A small fleet also wakes for every
// message, so that round trips are measured finely; a large one looks only at its turns, as a
// wake-up for each of many thousand messages a second would cost more than all of the driving.

#include "tests/bots/fleet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "net/transport.h"

#define TURN_NS    (4 * CLOCK_NS_PER_MS)
#define FINE_MAX   64 // bots
#define GOODBYE_NS (500 * CLOCK_NS_PER_MS)

struct fleet {
    const struct bots_options *options;
    const struct bots_tokens *tokens;
    struct bots_outcome *outcome;
    struct clock clock;
    struct loop *loop;
    struct config *config;
    struct counters *counters;
    struct net_hub hub;
    struct net_client_host *host;
    struct bots_bot *bots;
    uint64_t *turns_ns;    // of each bot, apart from it so that no turn looks at every bot
    struct bots_bot **due; // in the present turn
    unsigned connected;    // so many have begun
    bool interrupted;
};

static void on_signal(void *context, int signal_number)
{
    (void)signal_number;
    ((struct fleet *)context)->interrupted = true;
}

// The tally of the URL's scheme, made on first use.
static struct bots_tally *tally_of(struct bots_outcome *outcome, const char *url)
{
    struct url parts;
    if (!url_parse(url, &parts, NULL)) {
        return NULL;
    }
    const struct net_transport *transport = net_transport_find(parts.scheme);
    for (unsigned i = 0; transport && i < outcome->tally_count; i++) {
        if (strcmp(outcome->tallies[i].name, transport->scheme) == 0) {
            return &outcome->tallies[i];
        }
    }
    if (!transport) {
        return NULL;
    }
    outcome->tallies[outcome->tally_count].name = transport->scheme;
    return &outcome->tallies[outcome->tally_count++];
}

// A socket for each bot.
static void raise_file_limit(unsigned bots)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < bots + 64) {
        limit.rlim_cur = limit.rlim_max < bots + 64 ? limit.rlim_max : bots + 64;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static bool make_bots(struct fleet *fleet, struct error *error)
{
    const struct bots_options *options = fleet->options;
    struct bots_outcome *outcome = fleet->outcome;
    fleet->bots = calloc(options->count, sizeof(*fleet->bots));
    fleet->turns_ns = calloc(options->count, sizeof(*fleet->turns_ns));
    fleet->due = calloc(options->count, sizeof(struct bots_bot *));
    if (!fleet->bots || !fleet->turns_ns || !fleet->due) {
        return error_set(error, "no memory for %u bots", options->count);
    }
    for (unsigned i = 0; i < options->count; i++) {
        const char *url = options->urls[i % options->url_count];
        struct bots_bot *bot = &fleet->bots[i];
        bot->tally = tally_of(outcome, url);
        if (!bot->tally) {
            return error_set(error, "%s: unknown scheme, use one of %s", url,
                             net_transport_schemes());
        }
        bot->tally->bots++;
        bot->record = &outcome->record;
        bot->index = i;
        bot->host = fleet->host;
        bot->turn_ns = &fleet->turns_ns[i];
    }
    return true;
}

static bool is_large(const struct fleet *fleet)
{
    return fleet->options->count > FINE_MAX;
}

static bool fleet_init(struct fleet *fleet, struct error *error)
{
    raise_file_limit(fleet->options->count);
    clock_init_monotonic(&fleet->clock);
    fleet->config = config_create_default();
    fleet->counters = counters_create();
    fleet->loop = loop_create(&fleet->clock, error);
    if (!fleet->loop || !fleet->config || !fleet->counters) {
        return error_set(error, "cannot make the event loop");
    }
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    if (!loop_catch_signals(fleet->loop, &signals, on_signal, fleet, error)) {
        return false;
    }
    net_hub_init(&fleet->hub, fleet->loop, fleet->config, fleet->counters);
    const struct net_client_host_options host_options = {
        .loop = fleet->loop,
        .hub = &fleet->hub,
        .insecure = fleet->options->insecure,
        .ca_file = fleet->options->ca_file,
        .paced = is_large(fleet),
    };
    fleet->host = net_client_host_create(&host_options, error);
    return fleet->host && make_bots(fleet, error);
}

static void fleet_finish(struct fleet *fleet)
{
    net_client_host_destroy(fleet->host);
    if (fleet->loop) {
        net_hub_finish(&fleet->hub);
        loop_turn(fleet->loop, 0); // what the transports have left to free
        loop_destroy(fleet->loop);
    }
    counters_destroy(fleet->counters);
    config_destroy(fleet->config);
    bots_courses_finish(&fleet->outcome->record.courses);
    free(fleet->bots);
    free(fleet->turns_ns);
    free(fleet->due);
}

static void connect_due(struct fleet *fleet, uint64_t since_ns)
{
    const struct bots_options *options = fleet->options;
    double due = options->rate * (double)since_ns / (double)CLOCK_NS_PER_S + 1;
    while (fleet->connected < options->count && (double)fleet->connected < due) {
        unsigned i = fleet->connected++;
        const struct net_client_options client_options = {
            .token = bots_tokens_get(fleet->tokens, i),
            .session = options->session,
            .client_name = "paddock-bots/" PADDOCK_VERSION,
        };
        bots_bot_connect(&fleet->bots[i], options->urls[i % options->url_count], &client_options);
    }
}

// Of the bots that come after the first one of these.
static void fetch_next(struct bots_bot *const *due, unsigned count)
{
    unsigned at = 0;
    for (unsigned step = BOTS_BOT_FETCH_STEPS; step-- > 0 && ++at < count;) {
        bots_bot_fetch(due[at], step);
    }
}

static void give_turns(struct fleet *fleet)
{
    uint64_t now_ns = loop_now_ns(fleet->loop);
    unsigned count = 0;
    for (unsigned i = 0; i < fleet->connected; i++) {
        if (now_ns >= fleet->turns_ns[i]) {
            fleet->due[count++] = &fleet->bots[i];
        }
    }
    for (unsigned i = 0; i < count; i++) {
        fetch_next(fleet->due + i, count - i);
        bots_bot_turn(fleet->due[i]);
        net_hub_flush(&fleet->hub, now_ns); // while all that is his is in the cache
    }
}

static void sleep_until(struct fleet *fleet, uint64_t at_ns)
{
    struct timespec at = {
        .tv_sec = (time_t)(at_ns / CLOCK_NS_PER_S),
        .tv_nsec = (long)(at_ns % CLOCK_NS_PER_S),
    };
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
    loop_refresh_now(fleet->loop);
}

static void poll_until(struct fleet *fleet, uint64_t at_ns)
{
    if (is_large(fleet)) {
        sleep_until(fleet, at_ns);
        net_client_host_poll(fleet->host, 0);
        return;
    }
    uint64_t now_ns = loop_refresh_now(fleet->loop);
    while (now_ns < at_ns) {
        net_client_host_poll(fleet->host, at_ns - now_ns);
        now_ns = loop_now_ns(fleet->loop);
    }
}

static void say_goodbye(struct fleet *fleet)
{
    for (unsigned i = 0; i < fleet->options->count; i++) {
        bots_bot_stop(&fleet->bots[i]);
    }
    uint64_t end_ns = loop_refresh_now(fleet->loop) + GOODBYE_NS;
    while (net_hub_link_count(&fleet->hub) > 0 && loop_now_ns(fleet->loop) < end_ns) {
        net_client_host_poll(fleet->host, TURN_NS);
    }
}

static void add_up(struct fleet *fleet)
{
    struct bots_outcome *outcome = fleet->outcome;
    outcome->total.name = "total";
    for (unsigned i = 0; i < outcome->tally_count; i++) {
        struct bots_tally *tally = &outcome->tallies[i];
        struct net_traffic traffic;
        net_traffic_init(&traffic, fleet->counters, tally->name);
        tally->wire_in = *traffic.bytes_in;
        tally->wire_out = *traffic.bytes_out;
        bots_tally_add(&outcome->total, tally);
    }
}

static void run(struct fleet *fleet)
{
    uint64_t begin_ns = loop_refresh_now(fleet->loop);
    uint64_t end_ns = begin_ns + (uint64_t)(fleet->options->duration_s * (double)CLOCK_NS_PER_S);
    uint64_t turn_ns = begin_ns;
    while (fleet->outcome->record.done < fleet->options->count && !fleet->interrupted &&
           turn_ns < end_ns) {
        connect_due(fleet, turn_ns - begin_ns);
        turn_ns += TURN_NS;
        poll_until(fleet, turn_ns);
        give_turns(fleet);
        uint64_t now_ns = loop_now_ns(fleet->loop);
        turn_ns = now_ns > turn_ns + TURN_NS ? now_ns : turn_ns; // overloaded: no catching up
    }
    fleet->outcome->seconds =
        (double)(loop_now_ns(fleet->loop) - begin_ns) / (double)CLOCK_NS_PER_S;
    say_goodbye(fleet);
    add_up(fleet);
}

bool bots_fleet_run(const struct bots_options *options, const struct bots_tokens *tokens,
                    struct bots_outcome *outcome, struct error *error)
{
    struct fleet fleet = {.options = options, .tokens = tokens, .outcome = outcome};
    outcome->record.races_wanted = options->races;
    outcome->record.seed = options->seed;
    bool ok = fleet_init(&fleet, error);
    if (ok) {
        run(&fleet);
    }
    fleet_finish(&fleet);
    return ok;
}
