// SPDX-License-Identifier: MIT
// A hash table of addresses with open connections or recent attempts, of fixed size.
//
// The hash is keyed, so that nobody can choose addresses that meet in one place. An entry can be
// given to another address once it has no open connections; what it forgets then is a partly used
// rate or a block, so a flood from very many addresses weakens these and nothing else.

#include "net/addr_limit.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "net/bucket.h"

#define ENTRIES_MIN 1024
#define PROBES_MAX  32

struct entry {
    uint8_t host[16]; // all zeroes: free
    uint32_t open;
    struct net_bucket attempts;
    struct net_bucket failures;
    uint64_t blocked_until_ns;
};

struct net_addr_limit {
    uint64_t open_max;            // 0: no limit
    uint64_t attempts_per_second; // 0: no limit
    uint64_t failures_per_minute; // 0: no limit
    struct net_prefix *exempt;
    unsigned exempt_count;
    struct net_addr_key key;
    uint32_t entry_count; // a power of two
    struct entry entries[];
};

struct net_addr_limit *net_addr_limit_create(const struct config *config, unsigned connections,
                                             struct error *error)
{
    uint32_t entry_count = ENTRIES_MIN;
    while (entry_count < 2 * connections) {
        entry_count *= 2;
    }
    struct net_addr_limit *limit = calloc(1, sizeof(*limit) + entry_count * sizeof(struct entry));
    if (!limit) {
        error_set(error, "out of memory for the table of addresses");
        return NULL;
    }
    limit->open_max = (uint64_t)config->connections_per_address;
    limit->attempts_per_second = (uint64_t)config->connects_per_second;
    limit->failures_per_minute = (uint64_t)config->auth_failures;
    limit->entry_count = entry_count;
    limit->exempt_count = config->trusted_proxies.count;
    limit->exempt = calloc(limit->exempt_count + 1, sizeof(*limit->exempt));
    if (!limit->exempt || !net_addr_key_init(&limit->key)) {
        error_set(error, "no memory or randomness for the table of addresses");
        goto fail;
    }
    for (unsigned i = 0; i < limit->exempt_count; i++) {
        if (!net_prefix_parse(config->trusted_proxies.items[i], &limit->exempt[i], error)) {
            error_prefix(error, "--trusted-proxies");
            goto fail;
        }
    }
    return limit;
fail:
    net_addr_limit_destroy(limit);
    return NULL;
}

void net_addr_limit_destroy(struct net_addr_limit *limit)
{
    if (limit) {
        free(limit->exempt);
        free(limit);
    }
}

static bool is_exempt(const struct net_addr_limit *limit, const struct net_addr *addr)
{
    for (unsigned i = 0; i < limit->exempt_count; i++) {
        if (net_prefix_contains(&limit->exempt[i], addr)) {
            return true;
        }
    }
    return false;
}

static void host_of(const struct net_addr *addr, uint8_t host[16])
{
    memcpy(host, addr->ip, 16);
    if (!net_addr_is_v4(addr)) {
        memset(host + 8, 0xff, 8); // not zeroes: ::/64 is not nobody
    }
}

// Before any other entry that could be had: the address's own; else a free one; else the one whose
// attempts are longest ago. NULL when every place where it may stand has open connections.
static struct entry *find(struct net_addr_limit *limit, const struct net_addr *addr)
{
    static const uint8_t nobody[16];
    uint8_t host[16];
    host_of(addr, host);
    uint32_t at = net_addr_hash(&limit->key, host, 0);
    struct entry *spare = NULL;
    for (unsigned i = 0; i < PROBES_MAX; i++, at++) {
        struct entry *entry = &limit->entries[at & (limit->entry_count - 1)];
        if (memcmp(entry->host, host, sizeof(host)) == 0) {
            return entry;
        }
        // Entries are taken over but never emptied, so a free place ends every search.
        if (memcmp(entry->host, nobody, sizeof(nobody)) == 0) {
            spare = spare ? spare : entry;
            break;
        }
        if (entry->open == 0 && (!spare || entry->attempts.earned_ns < spare->attempts.earned_ns)) {
            spare = entry;
        }
    }
    if (spare) {
        *spare = (struct entry){0};
        memcpy(spare->host, host, sizeof(host));
    }
    return spare;
}

static bool has_room(const struct net_addr_limit *limit, const struct entry *entry)
{
    return entry && (limit->open_max == 0 || entry->open < limit->open_max);
}

enum net_addr_verdict net_addr_limit_attempt(struct net_addr_limit *limit,
                                             const struct net_addr *addr, uint64_t now_ns)
{
    if (is_exempt(limit, addr)) {
        return NET_ADDR_OK;
    }
    struct entry *entry = find(limit, addr);
    if (!has_room(limit, entry)) {
        return NET_ADDR_TOO_MANY;
    }
    if (now_ns < entry->blocked_until_ns) {
        return NET_ADDR_BLOCKED;
    }
    uint64_t rate = limit->attempts_per_second;
    if (rate > 0 && !net_bucket_take(&entry->attempts, now_ns, rate, 2 * rate, 1)) {
        return NET_ADDR_TOO_FAST;
    }
    return NET_ADDR_OK;
}

bool net_addr_limit_open(struct net_addr_limit *limit, const struct net_addr *addr)
{
    if (is_exempt(limit, addr)) {
        return true;
    }
    struct entry *entry = find(limit, addr);
    if (!has_room(limit, entry)) {
        return false;
    }
    entry->open++;
    return true;
}

void net_addr_limit_close(struct net_addr_limit *limit, const struct net_addr *addr)
{
    if (is_exempt(limit, addr)) {
        return;
    }
    struct entry *entry = find(limit, addr);
    assert(entry && entry->open > 0);
    entry->open--;
}

bool net_addr_limit_fail(struct net_addr_limit *limit, const struct net_addr *addr, uint64_t now_ns)
{
    uint64_t count = limit->failures_per_minute;
    struct entry *entry = count == 0 || is_exempt(limit, addr) ? NULL : find(limit, addr);
    // So many a minute is so many times 60 s of a second's, each of which takes 60.
    if (!entry || net_bucket_take(&entry->failures, now_ns, count, 60 * count, 60)) {
        return false;
    }
    bool was_blocked = now_ns < entry->blocked_until_ns;
    entry->blocked_until_ns = now_ns + NET_ADDR_BLOCK_MS * CLOCK_NS_PER_MS;
    return !was_blocked;
}
