// SPDX-License-Identifier: MIT
// paddock-talk URL: a connection over any transport that says exactly what it is told.
//
// For tests of what players of our own making never do. Each line of standard input, in hexadecimal
// digits, is a message to the server; standard output has a line "open", each message that comes,
// and "closed CODE" when the server has ended it. Ends with its input, too. Declines to know what
// messages mean; driven by tests/support/paddock.py.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/base/log.h"
#include "config/config.h"
#include "net/transport.h"

#define POLL_NS (4 * CLOCK_NS_PER_MS)

struct talk {
    struct loop *loop;
    struct net_hub hub;
    struct net_link *link;
    struct loop_fd input;
    char line[2 * LIMIT_MESSAGE_BYTES + 1];
    size_t line_size;
    bool over;
};

static void on_opened(void *user, struct net_link *link)
{
    (void)user, (void)link;
    puts("open");
}

static void on_message(void *user, struct net_link *link, struct bytes_span message)
{
    (void)user, (void)link;
    for (size_t i = 0; i < message.size; i++) {
        printf("%02x", message.data[i]);
    }
    puts("");
}

static void on_closed(void *user, struct net_link *link, uint16_t code, const char *reason)
{
    struct talk *talk = user;
    (void)link, (void)reason;
    printf("closed %u\n", code);
    talk->over = true;
}

static const struct net_link_handler handler = {
    .opened = on_opened,
    .message = on_message,
    .closed = on_closed,
};

static void say(struct talk *talk)
{
    uint8_t bytes[LIMIT_MESSAGE_BYTES];
    size_t size = talk->line_size / 2;
    for (size_t i = 0; i < size; i++) {
        const char digits[] = {talk->line[2 * i], talk->line[2 * i + 1], '\0'};
        bytes[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    struct net_payload *payload = net_payload_create(bytes_of(bytes, size));
    if (payload) {
        net_link_send(talk->link, payload, NET_RELIABLE);
        net_payload_unref(payload);
    }
}

static void on_input(void *context, unsigned ready)
{
    struct talk *talk = context;
    char text[4096];
    (void)ready;
    ssize_t size = read(STDIN_FILENO, text, sizeof(text));
    talk->over |= size <= 0;
    for (ssize_t i = 0; i < size && !talk->over; i++) {
        if (text[i] == '\n') {
            say(talk);
            talk->line_size = 0;
        } else if (talk->line_size < sizeof(talk->line)) {
            talk->line[talk->line_size++] = text[i];
        }
    }
}

static bool run(struct talk *talk, const char *url, struct error *error)
{
    talk->link = net_hub_dial(&talk->hub, url, &handler, talk, error);
    if (!talk->link || !loop_fd_add(talk->loop, &talk->input, STDIN_FILENO, LOOP_READ, LOOP_URGENT,
                                    on_input, talk)) {
        return false;
    }
    while (!talk->over) {
        loop_turn(talk->loop, loop_refresh_now(talk->loop) + POLL_NS);
        loop_poll_paced(talk->loop);
        uint64_t now_ns = loop_refresh_now(talk->loop);
        net_hub_pump(&talk->hub, now_ns);
        net_hub_flush(&talk->hub, now_ns);
    }
    loop_fd_remove(talk->loop, &talk->input);
    return true;
}

int main(int argc, char **argv)
{
    static struct talk talk;
    struct clock clock;
    struct error error = {""};
    if (argc != 2) {
        return 2;
    }
    clock_init_monotonic(&clock);
    log_open(STDERR_FILENO, LOG_ERROR, LOG_FORMAT_TEXT, &clock);
    setvbuf(stdout, NULL, _IOLBF, 0);
    struct config *config = config_create_default();
    struct counters *counters = counters_create();
    talk.loop = config && counters ? loop_create(&clock, &error) : NULL;
    bool ran = false;
    if (talk.loop) {
        net_hub_init(&talk.hub, talk.loop, config, counters);
        talk.hub.dial_insecure = true;
        ran = run(&talk, argv[1], &error);
        net_hub_finish(&talk.hub);
        loop_turn(talk.loop, 0); // what the transports have left to free
        loop_destroy(talk.loop);
    }
    counters_destroy(counters);
    config_destroy(config);
    if (!ran) {
        fprintf(stderr, "paddock-talk: %s\n", error.text);
    }
    return !ran;
}
