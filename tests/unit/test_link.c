// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/link.h"

struct fake_link {
    struct net_link base;
    unsigned sent, closes, urgent_calls, delivered;
    uint16_t code;
    const char *reason;
    bool urgent;
};

static void fake_send(struct net_link *link, struct net_payload *payload,
                      enum net_delivery delivery)
{
    struct fake_link *fake = (struct fake_link *)link;
    assert_int_equal(delivery, NET_UNRELIABLE);
    assert_int_equal(payload->size, 5);
    fake->sent++;
}

static void fake_close(struct net_link *link, uint16_t code, const char *reason)
{
    struct fake_link *fake = (struct fake_link *)link;
    fake->closes++;
    fake->code = code;
    fake->reason = reason;
}

static void fake_set_urgent(struct net_link *link, bool urgent)
{
    struct fake_link *fake = (struct fake_link *)link;
    fake->urgent_calls++;
    fake->urgent = urgent;
}

static void on_message(void *user, struct net_link *link, struct bytes_span message)
{
    struct fake_link *fake = user;
    assert_ptr_equal(link, &fake->base);
    assert_int_equal(message.size, 7);
    fake->delivered++;
}

static unsigned fetches;

static void fake_fetch(const struct net_link *link, unsigned step)
{
    (void)link;
    assert_int_equal(step, fetches++);
}

static const struct net_link_impl bare_impl = {.send = fake_send, .close = fake_close};
static const struct net_link_impl full_impl = {
    .send = fake_send,
    .close = fake_close,
    .set_urgent = fake_set_urgent,
    .fetch = fake_fetch,
};
static const struct net_link_handler handler = {.message = on_message};

static void sending_counts_messages_and_bytes(void **state)
{
    (void)state;
    struct fake_link fake = {.base.impl = &bare_impl};
    struct net_payload *payload = net_payload_create(bytes_of("12345", 5));
    net_link_send(&fake.base, payload, NET_UNRELIABLE);
    net_link_send(&fake.base, payload, NET_UNRELIABLE);
    assert_int_equal(fake.sent, 2);
    assert_int_equal(fake.base.messages_out, 2);
    assert_int_equal(fake.base.bytes_out, 10);
    assert_int_equal(payload->references, 1); // the caller's
    net_payload_unref(payload);
}

static void delivering_counts_and_reaches_the_attached_handler(void **state)
{
    (void)state;
    struct fake_link fake = {.base.impl = &bare_impl};
    net_link_attach(&fake.base, &handler, &fake);
    net_link_deliver(&fake.base, bytes_of("1234567", 7));
    assert_int_equal(fake.delivered, 1);
    assert_int_equal(fake.base.messages_in, 1);
    assert_int_equal(fake.base.bytes_in, 7);
}

static void a_close_without_words_takes_them_from_the_table(void **state)
{
    (void)state;
    struct fake_link fake = {.base.impl = &bare_impl};
    net_link_close(&fake.base, NET_CLOSE_FLOODING, NULL);
    assert_int_equal(fake.code, 4029);
    assert_string_equal(fake.reason, "too many messages");
    net_link_close(&fake.base, NET_CLOSE_NORMAL, "own words");
    assert_string_equal(fake.reason, "own words");
}

static void the_pace_is_optional(void **state)
{
    (void)state;
    struct fake_link bare = {.base.impl = &bare_impl}, full = {.base.impl = &full_impl};
    net_link_set_urgent(&bare.base, true);
    net_link_set_urgent(&full.base, true);
    assert_int_equal(bare.urgent_calls, 0);
    assert_int_equal(full.urgent_calls, 1);
    assert_true(full.urgent);
}

static void word_ahead_is_optional(void **state)
{
    (void)state;
    struct fake_link bare = {.base.impl = &bare_impl}, full = {.base.impl = &full_impl};
    for (unsigned step = 0; step < NET_LINK_SEND_FETCH_STEPS; step++) {
        net_link_fetch(&bare.base, step);
        net_link_fetch(&full.base, step);
    }
    assert_int_equal(fetches, NET_LINK_SEND_FETCH_STEPS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sending_counts_messages_and_bytes),
        cmocka_unit_test(delivering_counts_and_reaches_the_attached_handler),
        cmocka_unit_test(a_close_without_words_takes_them_from_the_table),
        cmocka_unit_test(the_pace_is_optional),
        cmocka_unit_test(word_ahead_is_optional),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
