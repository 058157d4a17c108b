// SPDX-License-Identifier: MIT
// ENet's platform functions, replaced by ours.
//
// libenet.so calls enet_socket_receive(), enet_socket_send(), enet_time_get() and a few more
// through its procedure linkage table, so the definitions in enet_platform.c are the ones it gets,
// as long as the executable exports them. net_enet_platform_start() proves that it does.

#ifndef NET_ENET_PLATFORM_H
#define NET_ENET_PLATFORM_H

#include <enet/enet.h>

#include "config/base/error.h"
#include "net/enet_socket.h"

// Sets ENet up to use our allocator and proves, by having it make calls and counting them, that it
// uses our platform functions. Every listen and dial asks; only the first does the work. False with
// one line in *error when the executable was linked so that it does not.
bool net_enet_platform_start(struct error *error) BASE_MUST_USE;

// Puts a socket under a host, which owns it from then on: enet_host_destroy() destroys it. False,
// with nothing changed, without memory.
bool net_enet_platform_attach(ENetHost *host, struct net_enet_socket *socket) BASE_MUST_USE;

#endif
