// SPDX-License-Identifier: MIT
// A hash table whose slots are the stand-ins. The hash is keyed, so that nobody can choose
// addresses that meet in one place.

#include "net/addr_map.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PROBES     32
#define NAMES_FROM UINT32_C(0xf0000000)

struct entry {
    uint8_t ip[16];
    uint32_t scope;
    uint64_t used_ns;
    bool taken;
};

struct net_addr_map {
    struct net_addr_key key;
    struct entry entries[NET_ADDR_MAP_ENTRIES];
};

struct net_addr_map *net_addr_map_create(void)
{
    struct net_addr_map *map = calloc(1, sizeof(*map));
    if (map && !net_addr_key_init(&map->key)) {
        free(map);
        return NULL;
    }
    return map;
}

void net_addr_map_destroy(struct net_addr_map *map)
{
    free(map);
}

bool net_addr_map_name(struct net_addr_map *map, const struct net_addr *addr, uint64_t now_ns,
                       bool make, uint32_t *name)
{
    uint32_t at = net_addr_hash(&map->key, addr->ip, 0);
    struct entry *spare = NULL;
    for (unsigned i = 0; i < PROBES; i++, at++) {
        struct entry *entry = &map->entries[at % NET_ADDR_MAP_ENTRIES];
        if (entry->taken && entry->scope == addr->scope &&
            memcmp(entry->ip, addr->ip, sizeof(entry->ip)) == 0) {
            entry->used_ns = now_ns;
            *name = htonl(NAMES_FROM | (uint32_t)(entry - map->entries));
            return true;
        }
        bool free_now = !entry->taken || now_ns - entry->used_ns >= NET_ADDR_MAP_IDLE_NS;
        if (free_now && !spare) {
            spare = entry;
        }
        // Entries are taken over but never emptied, so one that was never used ends every search.
        if (!entry->taken) {
            break;
        }
    }
    if (!make || !spare) {
        return false;
    }
    memcpy(spare->ip, addr->ip, sizeof(spare->ip));
    spare->scope = addr->scope;
    spare->taken = true;
    spare->used_ns = now_ns;
    *name = htonl(NAMES_FROM | (uint32_t)(spare - map->entries));
    return true;
}

bool net_addr_map_find(struct net_addr_map *map, uint32_t name, uint64_t now_ns,
                       struct net_addr *addr)
{
    uint32_t index = ntohl(name) - NAMES_FROM;
    if (index >= NET_ADDR_MAP_ENTRIES || !map->entries[index].taken) {
        return false;
    }
    map->entries[index].used_ns = now_ns;
    memcpy(addr->ip, map->entries[index].ip, sizeof(addr->ip));
    addr->scope = map->entries[index].scope;
    return true;
}
