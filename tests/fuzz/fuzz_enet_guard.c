// SPDX-License-Identifier: MIT
// Datagrams of a connected stranger, one after the other, into a real ENet host behind its guard.
//
// Input: records of a control byte, a length (two bytes) and as many bytes. Bit 0 of the control
// byte keeps the datagram's own header; without it the header is that of the connected client, so
// that the fuzzer need not guess a session. Bit 1 lets time go on. Held against: ENet's memory
// stays within bounds, no message is delivered that does not lie within a datagram or a tiled
// sequence of them (memory that nobody wrote would be seen as such by the sanitizer), and the host
// serves to the end, within a bound of memory and one of CPU time (virtual time is not asked).
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <arpa/inet.h>

#include "net/enet_memory.h"
#include "tests/support/enet_rig.h"

#define DATAGRAMS_MAX 64
#define MEMORY_MAX    (1 << 20)
#define SECONDS_MAX   2 // of CPU; stock ENet can be made to take 82 ms for one datagram

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    double began = cpu_seconds();
    void *state = NULL;
    enet_rig_setup(&state, NET_UDP_COOKIE_OPTIONAL);
    struct enet_rig *rig = state;
    rig->any_bytes = true;
    enet_rig_connect(rig);
    size_t before = net_enet_memory_used();
    for (unsigned i = 0; i < DATAGRAMS_MAX && size >= 3; i++) {
        uint8_t control = data[0];
        size_t length = bytes_get_u16(data + 1) % (NET_ENET_MTU + 1);
        data += 3, size -= 3;
        length = length < size ? length : size;
        uint8_t datagram[NET_ENET_MTU];
        memcpy(datagram, data, length);
        data += length, size -= length;
        if (!(control & 1) && length >= 4) {
            enet_rig_put_header(rig, datagram, datagram[0] & 0x80);
        }
        enet_rig_send_bytes(rig, datagram, length);
        for (unsigned turns = control & 2 ? 200 : 1; turns > 0; turns--) {
            enet_rig_serve(rig);
        }
        assert(net_enet_memory_used() < before + MEMORY_MAX);
    }
    enet_rig_teardown(&state);
    assert(cpu_seconds() - began < SECONDS_MAX);
    return 0;
}
