// SPDX-License-Identifier: MIT
// Datagrams of strangers into a table with one session in use and one handshake begun.
//
// Input: records of a control byte, a length (two bytes) and as many bytes. Bits 0 and 1 say from
// where: the session's address, that of the handshake, or a stranger's; bit 2 puts a record's
// header in front. Held against: nothing is opened that the client did not seal, no answer is
// longer than what asked for it, the session lives and works to the end.
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/dtls_rig.h"

#define DATAGRAMS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t make_datagram(uint8_t control, const uint8_t *data, size_t size,
                            uint8_t datagram[NET_DTLS_DATAGRAM_BYTES])
{
    static const uint8_t header[] = {22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 1};
    size_t begin = control & 4 ? 13 : 0;
    size = size < NET_DTLS_DATAGRAM_BYTES - begin ? size : NET_DTLS_DATAGRAM_BYTES - begin;
    if (begin > 0) {
        memcpy(datagram, header, sizeof(header));
        datagram[0] = (uint8_t)(20 + (control >> 3 & 3));
        datagram[4] = control >> 5 & 1;
        bytes_put_u16(datagram + 11, (uint16_t)size);
    }
    if (size > 0) {
        memcpy(datagram + begin, data, size);
    }
    return begin + size;
}

static void give(struct dtls_rig *rig, uint8_t control, const uint8_t *data, size_t size)
{
    const struct net_addr from[4] = {
        dtls_rig_address(1, 1000),
        dtls_rig_address(2, 1000),
        dtls_rig_address(3, 1000),
        dtls_rig_address(1, 1001),
    };
    uint8_t datagram[NET_DTLS_DATAGRAM_BYTES];
    size_t total = make_datagram(control, data, size, datagram);
    bool opened = total > 0 && dtls_rig_give_server(rig, &from[control & 3], datagram, total);
    assert(!opened);
    // A stranger gets one answer, which is shorter.
    assert(control % 4 < 2 || rig->wire_count <= 1);
    assert(control % 4 < 2 || rig->wire_count == 0 || rig->wire[0].size < total);
    net_dtls_advance(rig->server, ++rig->now_ns, NET_DTLS_STEPS);
    rig->wire_count = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    void *state = NULL;
    dtls_rig_setup(&state);
    struct dtls_rig *rig = state;
    const struct net_addr player = dtls_rig_address(1, 1000), other = dtls_rig_address(2, 1000);
    struct dtls_client *client = dtls_rig_connect(rig, &player);
    net_dtls_use(rig->server, &player, 0);
    dtls_rig_dial(rig, &other);
    for (unsigned i = 0; i < 3; i++) { // up to where the server has answered
        dtls_rig_deliver(rig);
        dtls_rig_advance(rig);
    }
    rig->wire_count = 0;
    for (unsigned i = 0; i < DATAGRAMS_MAX && size >= 3; i++) {
        uint8_t control = data[0];
        size_t length = bytes_get_u16(data + 1);
        data += 3, size -= 3;
        length = length < size ? length : size;
        give(rig, control, data, length);
        data += length, size -= length;
    }
    unsigned before = rig->received;
    assert(dtls_rig_send(client, "ping", 4));
    dtls_rig_deliver(rig);
    assert(rig->received == before + 1);
    dtls_rig_teardown(&state);
    return 0;
}
