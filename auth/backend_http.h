// SPDX-License-Identifier: MIT
// Any HTTP service as the backend: POST <backend-url>/connect, /results and /disconnect.
//
// Says who speaks (Authorization: Bearer <server token>) and signs results. README.md tells service
// authors what comes and what to answer.

#ifndef AUTH_BACKEND_HTTP_H
#define AUTH_BACKEND_HTTP_H

#include "auth/backend.h"

extern const struct auth_backend_impl auth_backend_http;

#endif
