// SPDX-License-Identifier: MIT
// A player as anybody would write one with the ENet of a distribution and nothing of ours: says
// hello, prints the first message that it gets, says goodbye, prints the code that it is closed
// with. Messages are in hexadecimal digits.
//
//     enet_client PORT HELLO BYE

#include <enet/enet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TURNS_MAX 6000 // of 10 ms

static void say(ENetPeer *peer, const char *hex)
{
    unsigned char bytes[1024];
    size_t size = strlen(hex) / 2;
    for (size_t i = 0; i < size && i < sizeof(bytes); i++) {
        unsigned value = 0;
        if (sscanf(hex + 2 * i, "%2x", &value) == 1) {
            bytes[i] = (unsigned char)value;
        }
    }
    enet_peer_send(peer, 0, enet_packet_create(bytes, size, ENET_PACKET_FLAG_RELIABLE));
}

static void show(ENetPacket *packet)
{
    for (size_t i = 0; i < packet->dataLength; i++) {
        printf("%02x", packet->data[i]);
    }
    printf("\n");
}

int main(int count, char **arguments)
{
    ENetAddress server;
    if (count != 4 || enet_initialize() != 0) {
        return 2;
    }
    enet_address_set_host_ip(&server, "127.0.0.1");
    server.port = (enet_uint16)strtoul(arguments[1], NULL, 10);
    ENetHost *host = enet_host_create(NULL, 1, 2, 0, 0);
    ENetPeer *peer = host ? enet_host_connect(host, &server, 2, 0) : NULL;
    int status = 1;
    int heard = 0;
    for (int i = 0; peer && i < TURNS_MAX && status != 0; i++) {
        ENetEvent event;
        if (enet_host_service(host, &event, 10) <= 0) {
            continue;
        }
        if (event.type == ENET_EVENT_TYPE_CONNECT) {
            say(peer, arguments[2]);
        } else if (event.type == ENET_EVENT_TYPE_DISCONNECT) {
            printf("closed %u\n", event.data);
            status = 0;
        } else {
            if (!heard++) {
                show(event.packet);
                say(peer, arguments[3]);
            }
            enet_packet_destroy(event.packet);
        }
    }
    if (host) {
        enet_host_destroy(host);
    }
    enet_deinitialize();
    return status;
}
