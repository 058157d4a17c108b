// SPDX-License-Identifier: MIT
// The header of the PROXY protocol, versions 1 and 2, with which a proxy that knows nothing of what
// it carries says whose stream this is. Bytes in, an address out; no I/O, no opinion on who may
// send it: that is net/layer_proxy's.

#ifndef NET_PROXY_HEADER_H
#define NET_PROXY_HEADER_H

#include "net/addr.h"

// Version 1 has at most 107 bytes; version 2 has extensions, of which this much is skipped.
#define NET_PROXY_HEADER_BYTES 2048

enum net_proxy_header_verdict {
    NET_PROXY_HEADER_MORE,  // well-formed so far; never for NET_PROXY_HEADER_BYTES and more
    NET_PROXY_HEADER_LOCAL, // complete; the proxy speaks for itself or does not know
    NET_PROXY_HEADER_NAMED, // complete, with *source
    NET_PROXY_HEADER_MALFORMED,
};

// Judges what stands at the front of `bytes`. *size is that of a header that is complete; the
// verdict does not depend on what follows it.
enum net_proxy_header_verdict net_proxy_header_parse(struct bytes_span bytes, size_t *size,
                                                     struct net_addr *source) BASE_MUST_USE;
// Whether `bytes` begin as a header of either version does.
bool net_proxy_header_begins(struct bytes_span bytes);

#endif
