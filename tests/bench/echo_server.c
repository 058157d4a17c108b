// SPDX-License-Identifier: MIT
// What Paddock's cost is held against: rooms of eight whose newest inputs are sent to everybody in
// them twenty times a second, and nothing else. Over bare datagrams (the floor) or stock ENet.
//
//     paddock-bench-echo datagram|enet PORT PERIOD_MS PLAYERS STATE_BYTES
//
// Links nothing of net/, so that ENet is as Debian has it.
#include <arpa/inet.h>
#include <enet/enet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/echo.h"

struct player {
    bool here;
    uint32_t stamp;
    struct sockaddr_in address;
    ENetPeer *peer;
};

struct room {
    uint64_t due_ns;
    uint8_t state[ECHO_BYTES_MAX];
};

struct echo {
    unsigned players, rooms;
    size_t state_bytes;
    struct player player[ECHO_PLAYERS_MAX + 1];
    struct room room[(ECHO_PLAYERS_MAX + ECHO_ROOM) / ECHO_ROOM];
    int fd;
    ENetHost *host;
};

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * ECHO_NS_PER_S + (uint64_t)now.tv_nsec;
}

static struct player *take_input(struct echo *echo, const uint8_t *bytes, size_t size)
{
    uint32_t number = size >= ECHO_INPUT_BYTES ? bytes_get_u32(bytes) : UINT32_MAX;
    if (number >= echo->players) {
        return NULL;
    }
    echo->player[number].here = true;
    echo->player[number].stamp = bytes_get_u32(bytes + 4);
    return &echo->player[number];
}

// ---- bare datagrams

static bool open_datagram(struct echo *echo, uint16_t port)
{
    int bytes = 4 << 20;
    struct sockaddr_in name = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    echo->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(echo->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
    setsockopt(echo->fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
    return bind(echo->fd, (struct sockaddr *)&name, sizeof(name)) == 0;
}

static void receive_datagrams(struct echo *echo)
{
    uint8_t bytes[ECHO_BYTES_MAX];
    struct sockaddr_in from;
    socklen_t from_size = sizeof(from);
    ssize_t size;
    while ((size = recvfrom(echo->fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&from,
                            &from_size)) >= 0) {
        struct player *player = take_input(echo, bytes, (size_t)size);
        if (player) {
            player->address = from;
        }
    }
}

static void send_datagrams(struct echo *echo, const struct room *room, const struct player *players)
{
    for (unsigned i = 0; i < ECHO_ROOM; i++) {
        if (players[i].here) {
            sendto(echo->fd, room->state, echo->state_bytes, 0,
                   (const struct sockaddr *)&players[i].address, sizeof(players[i].address));
        }
    }
}

// ---- ENet

static bool open_enet(struct echo *echo, uint16_t port)
{
    ENetAddress address = {.host = htonl(INADDR_LOOPBACK), .port = port};
    if (enet_initialize() != 0) {
        return false;
    }
    echo->host = enet_host_create(&address, echo->players, 2, 0, 0);
    if (echo->host) {
        enet_socket_set_option(echo->host->socket, ENET_SOCKOPT_RCVBUF, 4 << 20);
        enet_socket_set_option(echo->host->socket, ENET_SOCKOPT_SNDBUF, 4 << 20);
    }
    return echo->host;
}

static void receive_enet(struct echo *echo)
{
    ENetEvent event;
    while (enet_host_service(echo->host, &event, 0) > 0) {
        if (event.type == ENET_EVENT_TYPE_CONNECT) {
            // As Paddock has it: never drop what was to be sent because a round trip took longer.
            enet_peer_throttle_configure(event.peer, ENET_PEER_PACKET_THROTTLE_INTERVAL,
                                         ENET_PEER_PACKET_THROTTLE_SCALE, 0);
        } else if (event.type == ENET_EVENT_TYPE_RECEIVE) {
            struct player *player = take_input(echo, event.packet->data, event.packet->dataLength);
            if (player) {
                player->peer = event.peer;
            }
            enet_packet_destroy(event.packet);
        }
    }
}

static void send_enet(struct echo *echo, const struct room *room, const struct player *players)
{
    ENetPacket *packet = enet_packet_create(room->state, echo->state_bytes, 0);
    for (unsigned i = 0; packet && i < ECHO_ROOM; i++) {
        if (players[i].here) {
            enet_peer_send(players[i].peer, 1, packet);
        }
    }
    if (packet && packet->referenceCount == 0) {
        enet_packet_destroy(packet);
    }
}

// ---- the loop

static void send_states(struct echo *echo, uint64_t now)
{
    for (unsigned r = 0; r < echo->rooms; r++) {
        struct room *room = &echo->room[r];
        const struct player *players = &echo->player[r * ECHO_ROOM];
        if (now < room->due_ns) {
            continue;
        }
        room->due_ns += ECHO_STATE_PERIOD_NS;
        for (unsigned i = 0; i < ECHO_ROOM; i++) {
            bytes_put_u32(room->state + (size_t)i * 4, players[i].stamp);
        }
        (echo->host ? send_enet : send_datagrams)(echo, room, players);
    }
    if (echo->host) {
        enet_host_flush(echo->host);
    }
}

static void run(struct echo *echo, uint64_t period_ns)
{
    uint64_t turn_ns = now_ns();
    for (unsigned r = 0; r < echo->rooms; r++) {
        echo->room[r].due_ns = turn_ns + r * ECHO_STATE_PERIOD_NS / echo->rooms;
    }
    for (;;) {
        turn_ns += period_ns;
        struct timespec at = {.tv_sec = (time_t)(turn_ns / ECHO_NS_PER_S),
                              .tv_nsec = (long)(turn_ns % ECHO_NS_PER_S)};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
        (echo->host ? receive_enet : receive_datagrams)(echo);
        send_states(echo, now_ns());
    }
}

int main(int argc, char **argv)
{
    static struct echo echo;
    if (argc != 6) {
        fprintf(stderr, "usage: %s datagram|enet PORT PERIOD_MS PLAYERS STATE_BYTES\n", argv[0]);
        return 2;
    }
    uint16_t port = (uint16_t)strtoul(argv[2], NULL, 10);
    unsigned long period_ms = strtoul(argv[3], NULL, 10), players = strtoul(argv[4], NULL, 10);
    unsigned long bytes = strtoul(argv[5], NULL, 10);
    if (period_ms == 0 || players == 0 || players > ECHO_PLAYERS_MAX || bytes < ECHO_STATE_BYTES ||
        bytes > ECHO_BYTES_MAX) {
        fprintf(stderr, "%s: a number is out of range\n", argv[0]);
        return 2;
    }
    echo.players = (unsigned)players;
    echo.rooms = (echo.players + ECHO_ROOM - 1) / ECHO_ROOM;
    echo.state_bytes = bytes;
    bool enet = strcmp(argv[1], "enet") == 0;
    if (!(enet ? open_enet : open_datagram)(&echo, port)) {
        fprintf(stderr, "%s: cannot listen: %s\n", argv[0], strerror(errno));
        return 1;
    }
    run(&echo, period_ms * (ECHO_NS_PER_S / 1000));
}
