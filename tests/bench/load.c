// SPDX-License-Identifier: MIT
// Players of an echo server (echo_server.c), in the shape of paddock-bots: one connected socket for
// each player, all in one epoll set, looked at every four milliseconds by a process that sleeps in
// between. Nobody is woken by a datagram, so that a server does not pay for that.
//
//     paddock-bench-load datagram|udp PORT PLAYERS SECONDS INPUT_BYTES
//
// Prints one line of JSON when SECONDS are over.
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "net/transport.h"
#include "tests/bench/echo.h"
#include "tests/bots/tally.h"

#define TURN_NS    (4 * CLOCK_NS_PER_MS)
#define PERIOD_NS  (ECHO_NS_PER_S / ECHO_INPUTS_PER_S)
#define RAMP_PER_S 400 // players who connect
#define WARM_UP_NS (2 * ECHO_NS_PER_S)

struct player {
    struct load *load;
    unsigned number;
    struct net_link *link; // over ENet
    struct loop_fd watch;  // over datagrams
    bool open;
    uint64_t due_ns;
    uint32_t seen;
};

struct load {
    struct clock clock;
    struct loop *loop;
    struct net_hub hub;
    unsigned count, connected;
    size_t input_bytes;
    struct player *players;
    uint64_t begin_ns, measure_ns;
    uint64_t inputs, states, closed;
    struct bots_spread reaction;
};

static uint32_t stamp_of(uint64_t now_ns)
{
    uint32_t stamp = (uint32_t)(now_ns / CLOCK_NS_PER_US);
    return stamp ? stamp : 1;
}

static void take_state(struct player *player, struct bytes_span state)
{
    struct load *load = player->load;
    if (state.size < ECHO_STATE_BYTES) {
        return;
    }
    uint64_t now_ns = loop_now_ns(load->loop);
    uint32_t stamp = bytes_get_u32(state.data + (size_t)(player->number % ECHO_ROOM) * 4);
    bool counts = now_ns >= load->measure_ns;
    load->states += counts;
    if (stamp != 0 && stamp != player->seen) {
        player->seen = stamp;
        if (counts) {
            bots_spread_add(&load->reaction, stamp_of(now_ns) - stamp);
        }
    }
}

// ---- ENet

static void on_opened(void *user, struct net_link *link)
{
    (void)link;
    struct player *player = user;
    player->open = true;
    player->due_ns = loop_now_ns(player->load->loop) + player->number % 8 * PERIOD_NS / 8;
}

static void on_message(void *user, struct net_link *link, struct bytes_span message)
{
    (void)link;
    take_state(user, message);
}

static void on_closed(void *user, struct net_link *link, uint16_t code, const char *reason)
{
    (void)link, (void)code, (void)reason;
    struct player *player = user;
    player->open = false;
    player->link = NULL;
    player->load->closed++;
}

static const struct net_link_handler handler = {
    .opened = on_opened, .message = on_message, .closed = on_closed};

// ---- bare datagrams

static void on_ready(void *context, unsigned ready)
{
    (void)ready;
    struct player *player = context;
    uint8_t bytes[ECHO_BYTES_MAX];
    ssize_t size;
    while ((size = recv(player->watch.fd, bytes, sizeof(bytes), 0)) >= 0) {
        take_state(player, bytes_of(bytes, (size_t)size));
    }
}

static bool open_socket(struct player *player, uint16_t port)
{
    struct loop *loop = player->load->loop;
    struct sockaddr_in name = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    player->open = fd >= 0 && connect(fd, (struct sockaddr *)&name, sizeof(name)) == 0 &&
                   loop_fd_add(loop, &player->watch, fd, LOOP_READ, LOOP_URGENT, on_ready, player);
    player->due_ns = loop_now_ns(loop) + player->number % 8 * PERIOD_NS / 8;
    return player->open;
}

// ---- all of them

static bool connect_due(struct load *load, bool datagrams, uint16_t port, uint64_t now_ns)
{
    uint64_t due = (now_ns - load->begin_ns) * RAMP_PER_S / ECHO_NS_PER_S + 1;
    char url[64];
    snprintf(url, sizeof(url), "udp://127.0.0.1:%u", port);
    while (load->connected < load->count && load->connected < due) {
        struct player *player = &load->players[load->connected];
        struct error error;
        player->load = load;
        player->number = load->connected++;
        if (datagrams ? !open_socket(player, port)
                      : !(player->link = net_hub_dial(&load->hub, url, &handler, player, &error))) {
            return false;
        }
    }
    return true;
}

static void send_due(struct load *load, uint64_t now_ns)
{
    uint8_t input[ECHO_BYTES_MAX] = {0};
    for (unsigned i = 0; i < load->connected; i++) {
        struct player *player = &load->players[i];
        if (!player->open || now_ns < player->due_ns) {
            continue;
        }
        player->due_ns += PERIOD_NS;
        load->inputs += now_ns >= load->measure_ns;
        bytes_put_u32(input, player->number);
        bytes_put_u32(input + 4, stamp_of(now_ns));
        if (!player->link) {
            send(player->watch.fd, input, load->input_bytes, 0);
            continue;
        }
        struct net_payload *payload = net_payload_create(bytes_of(input, load->input_bytes));
        if (payload) {
            net_link_send(player->link, payload, NET_UNRELIABLE);
            net_payload_unref(payload);
            net_hub_flush(&load->hub, now_ns); // as bots do
        }
    }
}

static bool run(struct load *load, bool datagrams, uint16_t port, uint64_t seconds)
{
    load->begin_ns = loop_refresh_now(load->loop);
    load->measure_ns = load->begin_ns + load->count * ECHO_NS_PER_S / RAMP_PER_S + WARM_UP_NS;
    uint64_t end_ns = load->measure_ns + seconds * ECHO_NS_PER_S;
    for (uint64_t turn_ns = load->begin_ns; turn_ns < end_ns;) {
        uint64_t now_ns = loop_refresh_now(load->loop);
        turn_ns = now_ns > turn_ns + 2 * TURN_NS ? now_ns : turn_ns + TURN_NS;
        struct timespec at = {.tv_sec = (time_t)(turn_ns / ECHO_NS_PER_S),
                              .tv_nsec = (long)(turn_ns % ECHO_NS_PER_S)};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
        now_ns = loop_refresh_now(load->loop);
        if (!connect_due(load, datagrams, port, now_ns)) {
            return false;
        }
        net_hub_pump(&load->hub, now_ns);
        loop_turn(load->loop, now_ns);
        send_due(load, loop_now_ns(load->loop));
        net_hub_flush(&load->hub, loop_now_ns(load->loop));
    }
    return true;
}

int main(int argc, char **argv)
{
    static struct load load;
    if (argc != 6) {
        fprintf(stderr, "usage: %s datagram|udp PORT PLAYERS SECONDS INPUT_BYTES\n", argv[0]);
        return 2;
    }
    bool datagrams = strcmp(argv[1], "datagram") == 0;
    uint16_t port = (uint16_t)strtoul(argv[2], NULL, 10);
    unsigned long count = strtoul(argv[3], NULL, 10), seconds = strtoul(argv[4], NULL, 10);
    load.input_bytes = strtoul(argv[5], NULL, 10);
    if (count == 0 || count > ECHO_PLAYERS_MAX || load.input_bytes < ECHO_INPUT_BYTES ||
        load.input_bytes > ECHO_BYTES_MAX) {
        fprintf(stderr, "%s: a number is out of range\n", argv[0]);
        return 2;
    }
    struct rlimit files = {.rlim_cur = count + 64, .rlim_max = count + 64};
    setrlimit(RLIMIT_NOFILE, &files);
    struct error error;
    clock_init_monotonic(&load.clock);
    load.count = (unsigned)count;
    load.players = calloc(count, sizeof(*load.players));
    load.loop = loop_create(&load.clock, &error);
    struct config *config = config_create_default();
    struct counters *counters = counters_create();
    if (!load.players || !load.loop || !config || !counters) {
        return 1;
    }
    config->udp_cookie = 0; // stock ENet knows none
    net_hub_init(&load.hub, load.loop, config, counters);
    if (!run(&load, datagrams, port, seconds)) {
        fprintf(stderr, "%s: cannot connect\n", argv[0]);
        return 1;
    }
    printf("{\"inputs\":%llu,\"states\":%llu,\"closed\":%llu,\"p50_ms\":%.1f,\"p99_ms\":%.1f}\n",
           (unsigned long long)load.inputs, (unsigned long long)load.states,
           (unsigned long long)load.closed, bots_spread_ms(&load.reaction, 0.5),
           bots_spread_ms(&load.reaction, 0.99));
    return 0; // the kernel takes all the rest
}
