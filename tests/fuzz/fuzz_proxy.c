// SPDX-License-Identifier: MIT
// The PROXY header on any bytes. Properties: a verdict over part of the bytes is the verdict over
// all of them or "more"; what follows a header changes nothing; no header is longer than its bound.

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/proxy_header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct result {
    enum net_proxy_header_verdict verdict;
    size_t size;
    struct net_addr source;
};

// Over a heap copy of the exact size, so that a read past the end is seen.
static struct result parse(const uint8_t *data, size_t size)
{
    struct result result;
    memset(&result, 0, sizeof(result));
    uint8_t *copy = malloc(size + 1);
    assert(copy);
    uint8_t *at = copy + 1; // the end is what matters
    if (size > 0) {
        memcpy(at, data, size);
    }
    result.verdict = net_proxy_header_parse(bytes_of(at, size), &result.size, &result.source);
    free(copy);
    return result;
}

static bool is_complete(enum net_proxy_header_verdict verdict)
{
    return verdict == NET_PROXY_HEADER_LOCAL || verdict == NET_PROXY_HEADER_NAMED;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct result whole = parse(data, size);
    assert(size < NET_PROXY_HEADER_BYTES || whole.verdict != NET_PROXY_HEADER_MORE);
    assert(!is_complete(whole.verdict) ||
           (whole.size > 0 && whole.size <= size && whole.size <= NET_PROXY_HEADER_BYTES));
    for (size_t cut = 0; cut < size && cut < 256; cut++) {
        struct result part = parse(data, cut);
        if (part.verdict == NET_PROXY_HEADER_MORE) {
            continue;
        }
        assert(part.verdict == whole.verdict);
        if (is_complete(part.verdict)) {
            assert(part.size == whole.size && part.size <= cut);
        }
        if (part.verdict == NET_PROXY_HEADER_NAMED) {
            assert(net_addr_equal_ip(&part.source, &whole.source));
            assert(part.source.port == whole.source.port);
        }
    }
    return 0;
}
