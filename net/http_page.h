// SPDX-License-Identifier: MIT
// The WebSocket test page (net/pages/websockets.html), compiled in, as one whole HTTP answer.
//
// No file is read when it is served. Its policy allows the browser exactly the one script that is
// in it, and no connection but WebSockets and its own origin.

#ifndef NET_HTTP_PAGE_H
#define NET_HTTP_PAGE_H

#include "config/base/bytes.h"

// Made by net/embed_pages.cmake.
extern const unsigned char net_http_page_bytes[];
extern const size_t net_http_page_size;

// Appends status line, fields and page; the page will open a WebSocket at `path` of its own host.
bool net_http_page_answer(struct bytes_buf *out, const char *path) BASE_MUST_USE;

#endif
