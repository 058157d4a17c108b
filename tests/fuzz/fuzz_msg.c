// SPDX-License-Identifier: MIT
// Whatever a peer sends, in either direction: what is accepted can be encoded, and comes back the
// same from there.

#include <assert.h>
#include <stdlib.h>

#include "net/msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ANY_STATE (NET_STATE_HELLO | NET_STATE_WAIT | NET_STATE_PLAY)

static void check(struct net_msg_decoder *decoder, struct bytes_span bytes,
                  enum net_direction direction)
{
    struct net_msg msg, again;
    if (net_msg_decode(decoder, bytes, direction, ANY_STATE, &msg) != NET_MSG_OK) {
        return;
    }
    struct bytes_buf first, second;
    bytes_buf_init(&first, LIMIT_MESSAGE_BYTES);
    bytes_buf_init(&second, LIMIT_MESSAGE_BYTES);
    bool encoded = net_msg_encode(&first, &msg);
    assert(encoded);
    assert(first.size <= bytes.size); // ours is the shortest form
    enum net_msg_verdict verdict =
        net_msg_decode(decoder, bytes_buf_span(&first), direction, ANY_STATE, &again);
    assert(verdict == NET_MSG_OK && again.type == msg.type);
    encoded = net_msg_encode(&second, &again);
    assert(encoded && bytes_equal(bytes_buf_span(&first), bytes_buf_span(&second)));
    bytes_buf_finish(&first);
    bytes_buf_finish(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct net_msg_decoder *decoder;
    if (!decoder && !(decoder = net_msg_decoder_create())) {
        abort();
    }
    if (size <= LIMIT_MESSAGE_BYTES) { // transports let no more through
        check(decoder, bytes_of(data, size), NET_UP);
        check(decoder, bytes_of(data, size), NET_DOWN);
    }
    return 0;
}
