// SPDX-License-Identifier: MIT
// The one HTTP client, for all backends: POST a body, get the answer from the loop.
//
// HTTP/1.1 over libcurl's multi interface, driven by our loop: no thread of ours, connections are
// kept and used again. What a hostile or broken service can do is bounded: answers have caps
// (16 KiB of headers, 64 KiB of body), redirects are not followed, encodings that were not asked
// for are not undone, cookies and proxies from the environment are ignored, certificates are
// checked. Knows nothing of what is asked; decides nothing about trying again.

#ifndef AUTH_HTTP_H
#define AUTH_HTTP_H

#include "config/base/counters.h"
#include "config/base/loop.h"
#include "config/config.h"

#define AUTH_HTTP_HEADER_BYTES_MAX  (16 * 1024)
#define AUTH_HTTP_BODY_BYTES_MAX    (64 * 1024)
#define AUTH_HTTP_RETRY_AFTER_S_MAX 3600
// What a caller who is cancelled at his own deadline adds to it for the request, so that it is
// always that one which strikes and says what happened.
#define AUTH_HTTP_GRACE_MS 500

struct auth_http;
struct auth_http_call;

struct auth_http_header {
    const char *name;
    const char *value; // no control bytes (asserted)
};

// Everything is copied; copies of what may be secret (headers, body) are wiped at the call's end.
struct auth_http_request {
    const char *url; // absolute, http or https; the caller has checked it (config_backend_url)
    struct bytes_span bearer; // "Authorization: Bearer <...>" when not empty; no control bytes
    const struct auth_http_header *headers; // beside Content-Type and Accept: application/json
    unsigned header_count;
    struct bytes_span body;
    unsigned timeout_ms; // from post to the last byte of the answer
    // A kept connection that breaks before the first byte of an answer may have carried the request
    // to the service or not; the client then sends it again. With this set it does not: the request
    // gets a connection of its own, and whether to send it again is the caller's question.
    bool at_most_once;
};

enum auth_http_failure {
    AUTH_HTTP_OK,          // there is an answer, whatever its status
    AUTH_HTTP_RESOLVE,     // no address for the host
    AUTH_HTTP_CONNECT,     // refused or unreachable: the request was not sent
    AUTH_HTTP_TLS,         // the handshake failed
    AUTH_HTTP_CERTIFICATE, // not the service's, or nobody's whom we trust
    AUTH_HTTP_TIMEOUT,
    AUTH_HTTP_CLOSED,    // hung up before the answer, or in the middle of it
    AUTH_HTTP_TOO_LARGE, // headers or body over the cap
    AUTH_HTTP_PROTOCOL,  // not HTTP/1, or says two different things about its length
    AUTH_HTTP_OTHER,
    AUTH_HTTP_FAILURES, // how many there are
};

struct auth_http_answer {
    enum auth_http_failure failure;
    const char *detail; // one line for people about the failure, maybe empty; never NULL
    // False: nothing of the request has left us. True also when it is not known.
    bool was_sent;
    unsigned status; // 0 on failure
    struct bytes_span body;
    unsigned retry_after_s; // as the service asks, capped; 0: it says nothing
};

// Called from the loop, never from inside post, once for each call that is not cancelled. The
// answer lives as long as this. May post and cancel, but not destroy.
typedef void auth_http_done(void *context, const struct auth_http_answer *answer);

// Whether the files of certificates that config names (backend-ca, backend-cert, backend-key) are
// there and PEM. False with one line in *error that begins with the setting's name.
bool auth_http_preflight(const struct config *config, struct error *error) BASE_MUST_USE;
// NULL with one line in *error, also when the preflight fails.
struct auth_http *auth_http_create(struct loop *loop, const struct config *config,
                                   struct counters *counters, struct error *error) BASE_MUST_USE;
void auth_http_destroy(struct auth_http *http); // cancels every call
// NULL when memory is short; then `done` is not called.
struct auth_http_call *auth_http_post(struct auth_http *http,
                                      const struct auth_http_request *request, auth_http_done *done,
                                      void *context) BASE_MUST_USE;
// After this `done` is not called. The call must still be under way. Never waits.
void auth_http_cancel(struct auth_http_call *call);

const char *auth_http_failure_name(enum auth_http_failure failure); // "too_large", for logs

#endif
