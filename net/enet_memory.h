// SPDX-License-Identifier: MIT
// ENet's memory: zeroed, wiped, and limited to what its hosts were granted.
//
// ENet copies and keeps what strangers send; the limit turns whatever the guard has overlooked into
// refused messages instead of a dead process. It is one per process, because ENet's allocator is.

#ifndef NET_ENET_MEMORY_H
#define NET_ENET_MEMORY_H

#include <stddef.h>

// Raises the limit, and takes that back. A host asks before it is made.
void net_enet_memory_grant(size_t bytes);
void net_enet_memory_withdraw(size_t bytes);
size_t net_enet_memory_used(void);

// ENet's callbacks.
void *net_enet_memory_alloc(size_t size);
void net_enet_memory_free(void *memory);
// ENet aborts the process unless told otherwise; its callers cope with NULL.
void net_enet_memory_short(void);

#endif
