// SPDX-License-Identifier: MIT
// The head of an HTTP request as net/ has read it, for tests of who looks for one of its fields.

#ifndef TESTS_SUPPORT_REQUEST_HEAD_H
#define TESTS_SUPPORT_REQUEST_HEAD_H

#include "net/http_head.h"

// `fields`: lines, each with its CRLF. Good until the next call; the test may scribble over it.
struct net_http_head *request_head(const char *fields);

#endif
