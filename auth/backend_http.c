// SPDX-License-Identifier: MIT
// The seam over auth/http. A verification is tried twice where the first try surely changed nothing
// and the player's patience allows it; results are tried again by the reporter, under their key.

#include "auth/backend_http.h"

#include <assert.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>

#include "auth/crypto.h"
#include "auth/hook_check.h"
#include "auth/hook_json.h"
#include "auth/http.h"
#include "config/base/log.h"
#include "config/secret.h"

#define VERIFY_TRIES      2
#define RETRY_MS          250
#define NOTICES_MAX       32
#define NOTICE_TIMEOUT_MS 5000
#define NODE_NAME_BYTES   32
#define SESSION_ID_BYTES  256
#define URL_BYTES         (URL_TEXT_BYTES + 16)
#define UNAUTHORIZED      "does the service know this server's FUSION_SERVER_TOKEN?"

struct backend_http {
    struct auth_backend base;
    struct loop *loop;
    struct auth_http *http;
    const struct config *config;
    struct auth_call *calls;
    unsigned notices; // under way
    uint64_t *notices_sent;
    uint64_t *notices_failed;
    uint64_t *notices_dropped;
    char connect_url[URL_BYTES];
    char results_url[URL_BYTES];
    char disconnect_url[URL_BYTES];
    char node_id[128];
};

struct auth_call {
    struct backend_http *backend;
    struct auth_call *next;
    struct auth_call **link;
    struct auth_http_call *http; // NULL between two tries
    void *context;
    auth_report_done *report_done; // NULL: a verification, and what follows
    auth_verify_done *verify_done;
    uint64_t ends_ns;
    unsigned tries;
    struct loop_timer retry;
    struct bytes_buf body;
    char token[AUTH_HOOK_TOKEN_BYTES]; // with hook-flashphoner-compat
};

static struct backend_http *http_of(struct auth_backend *backend)
{
    assert(backend->impl == &auth_backend_http);
    return (struct backend_http *)backend;
}

// ---- calls

static void call_destroy(struct auth_call *call)
{
    if (!call) {
        return;
    }
    if (call->link) {
        *call->link = call->next;
        if (call->next) {
            call->next->link = call->link;
        }
    }
    if (call->http) {
        auth_http_cancel(call->http);
    }
    loop_timer_cancel(call->backend->loop, &call->retry);
    if (call->body.memory) {
        secret_wipe(call->body.memory, call->body.capacity);
    }
    bytes_buf_finish(&call->body);
    secret_wipe(call->token, sizeof(call->token));
    free(call);
}

static struct auth_call *call_create(struct backend_http *backend, void *context)
{
    struct auth_call *call = calloc(1, sizeof(*call));
    if (call) {
        call->backend = backend;
        call->context = context;
        call->next = backend->calls;
        call->link = &backend->calls;
        if (call->next) {
            call->next->link = &call->next;
        }
        backend->calls = call;
    }
    return call;
}

// For people: which hook, and what was wrong. Nothing of what the service wrote.
static void log_answer(const char *hook, const struct auth_http_answer *answer, const char *why)
{
    if (!why) {
        why = answer->failure == AUTH_HTTP_OK ? "its status says so" : answer->detail;
    }
    log_peer(LOG_WARN, "hook_failed", LOG_S("hook", hook), LOG_U("status", answer->status),
             LOG_S("failure", auth_http_failure_name(answer->failure)), LOG_S("why", why));
}

// ---- verification

static void end_verification(struct auth_call *call, enum auth_verdict verdict,
                             const struct auth_attributes *attributes)
{
    auth_verify_done *done = call->verify_done;
    void *context = call->context;
    call_destroy(call);
    done(context, verdict, attributes);
}

static bool worth_a_second_try(const struct auth_http_answer *answer)
{
    return answer->failure == AUTH_HTTP_RESOLVE || answer->failure == AUTH_HTTP_CONNECT ||
           answer->failure == AUTH_HTTP_CLOSED || answer->status == 429 || answer->status == 503;
}

// True when it will be tried again: in time, and not sooner than the service asks.
static bool try_again(struct auth_call *call, const struct auth_http_answer *answer)
{
    uint64_t pause_ms = answer->retry_after_s ? answer->retry_after_s * UINT64_C(1000) : RETRY_MS;
    uint64_t at_ns = loop_now_ns(call->backend->loop) + pause_ms * CLOCK_NS_PER_MS;
    if (!worth_a_second_try(answer) || call->tries == VERIFY_TRIES || at_ns >= call->ends_ns) {
        return false;
    }
    loop_timer_set(call->backend->loop, &call->retry, at_ns);
    return true;
}

// A status that refuses what was asked, and not one that says that something is wrong with the
// service or with us: 401 is about our server token, and neither a player nor a result can help it.
static bool is_refusal(unsigned status)
{
    return status >= 400 && status < 500 && status != 401 && status != 408 && status != 425 &&
           status != 429;
}

static void on_connect_answer(void *context, const struct auth_http_answer *answer)
{
    struct auth_call *call = context;
    struct auth_attributes attributes = {0};
    enum auth_verdict verdict = AUTH_ERROR;
    const char *why = NULL;
    call->http = NULL;
    if (try_again(call, answer)) {
        return;
    }
    if (answer->status == 200) {
        verdict = auth_hook_decode_connect(answer->body, &attributes, &why);
    } else if (is_refusal(answer->status)) {
        verdict = AUTH_NO;
    }
    // 403 is a service's way to say no; 404 is more likely a wrong backend-url.
    if (verdict == AUTH_ERROR || (verdict == AUTH_NO && answer->status > 403)) {
        log_answer("connect", answer, answer->status == 401 ? UNAUTHORIZED : why);
    }
    end_verification(call, verdict, &attributes);
}

static bool ask(struct auth_call *call)
{
    struct backend_http *backend = call->backend;
    uint64_t left_ns = call->ends_ns - loop_now_ns(backend->loop);
    const struct auth_http_header token = {AUTH_HOOK_TOKEN_HEADER, call->token};
    struct auth_http_request request = {
        .url = backend->connect_url,
        .bearer = secret_span(backend->config->fusion_server_token),
        .headers = &token,
        .header_count = call->token[0] ? 1 : 0,
        .body = bytes_buf_span(&call->body),
        .timeout_ms = (unsigned)(left_ns / CLOCK_NS_PER_MS) + AUTH_HTTP_GRACE_MS,
    };
    call->tries++;
    call->http = auth_http_post(backend->http, &request, on_connect_answer, call);
    return call->http;
}

static void on_retry(void *context)
{
    static const struct auth_attributes none;
    struct auth_call *call = context;
    if (loop_now_ns(call->backend->loop) >= call->ends_ns || !ask(call)) {
        end_verification(call, AUTH_ERROR, &none);
    }
}

// Flashphoner's form: /<client>/<our address>-<uuid>.
// "/192.0.2.1:50123/198.51.100.7:8443-8ef8fa79-…"
static bool make_session_id(const struct auth_verify_request *request, char text[SESSION_ID_BYTES])
{
    uint8_t bytes[16];
    char hex[33];
    if (!auth_crypto_random(bytes, sizeof(bytes))) {
        return false;
    }
    bytes[6] = (bytes[6] & 0x0f) | 0x40; // version 4, RFC 9562
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    bytes_to_hex(bytes_of(bytes, sizeof(bytes)), hex);
    const char *local = request->local && request->local[0] ? request->local : "0.0.0.0:0";
    snprintf(text, SESSION_ID_BYTES, "/%.100s/%.100s-%.8s-%.4s-%.4s-%.4s-%s", request->remote,
             local, hex, hex + 8, hex + 12, hex + 16, hex + 20);
    return true;
}

static struct auth_call *http_verify(struct auth_backend *base,
                                     const struct auth_verify_request *request,
                                     auth_verify_done *done, void *context)
{
    struct backend_http *backend = http_of(base);
    bool compat = backend->config->hook_flashphoner_compat;
    char session_id[SESSION_ID_BYTES];
    struct auth_call *call = call_create(backend, context);
    if (!call) {
        return NULL;
    }
    call->verify_done = done;
    call->ends_ns =
        loop_now_ns(backend->loop) + (uint64_t)backend->config->verify_ms * CLOCK_NS_PER_MS;
    loop_timer_init(&call->retry, on_retry, call);
    bytes_buf_init(&call->body, AUTH_HOOK_BODY_BYTES_MAX);
    // All the room at once, so that no growing leaves a copy of the token behind.
    if (!bytes_buf_reserve(&call->body, AUTH_HOOK_BODY_BYTES_MAX) ||
        !make_session_id(request, session_id) ||
        !auth_hook_encode_connect(request, backend->node_id, session_id, compat, &call->body) ||
        (compat && !auth_hook_encode_token(request->token, call->token)) || !ask(call)) {
        call_destroy(call);
        return NULL;
    }
    return call;
}

// ---- results

// 409: it is there already.
static enum auth_delivery delivery_of(unsigned status)
{
    if ((status >= 200 && status < 300) || status == 409) {
        return AUTH_DELIVERED;
    }
    return is_refusal(status) ? AUTH_REFUSED : AUTH_RETRY;
}

static void on_result_answer(void *context, const struct auth_http_answer *answer)
{
    struct auth_call *call = context;
    enum auth_delivery delivery = delivery_of(answer->status);
    auth_report_done *done = call->report_done;
    void *user = call->context;
    call->http = NULL;
    if (delivery != AUTH_DELIVERED) {
        log_answer("results", answer, answer->status == 401 ? UNAUTHORIZED : NULL);
    }
    call_destroy(call);
    done(user, delivery);
}

static struct auth_call *http_report(struct auth_backend *base, const struct auth_report *report,
                                     auth_report_done *done, void *context)
{
    struct backend_http *backend = http_of(base);
    struct bytes_span server_token = secret_span(backend->config->fusion_server_token);
    uint8_t digest[AUTH_CRYPTO_SHA256_BYTES];
    char hex[2 * AUTH_CRYPTO_SHA256_BYTES + 1];
    char signature[sizeof(hex) + 8];
    struct auth_call *call = call_create(backend, context);
    if (!call) {
        return NULL;
    }
    call->report_done = done;
    auth_crypto_hmac_sha256(server_token, report->body, digest);
    bytes_to_hex(bytes_of(digest, sizeof(digest)), hex);
    snprintf(signature, sizeof(signature), "sha256=%s", hex);
    const struct auth_http_header headers[] = {{"Idempotency-Key", report->key},
                                               {"X-Paddock-Signature", signature}};
    struct auth_http_request request = {
        .url = backend->results_url,
        .bearer = server_token,
        .headers = headers,
        .header_count = BASE_COUNT(headers),
        .body = report->body,
        .timeout_ms = (unsigned)backend->config->report_ms + AUTH_HTTP_GRACE_MS,
    };
    call->http = auth_http_post(backend->http, &request, on_result_answer, call);
    if (!call->http) {
        call_destroy(call);
        return NULL;
    }
    return call;
}

static void http_cancel(struct auth_backend *base, struct auth_call *call)
{
    assert(call->backend == http_of(base));
    call_destroy(call);
}

// ---- notices

static void on_notice_answer(void *context, const struct auth_http_answer *answer)
{
    struct backend_http *backend = context;
    bool sent = answer->status >= 200 && answer->status < 300;
    backend->notices--;
    ++*(sent ? backend->notices_sent : backend->notices_failed);
    if (!sent) {
        log_answer("disconnect", answer, NULL);
    }
}

// No memory and no second try: a service that is away or slow loses notices, and a thousand players
// who leave at once cost it no more than NOTICES_MAX requests.
static void http_notify(struct auth_backend *base, const struct auth_notice *notice)
{
    struct backend_http *backend = http_of(base);
    struct auth_http_call *call = NULL;
    struct bytes_buf body;
    if (!backend->config->hook_notify) {
        return;
    }
    bytes_buf_init(&body, AUTH_HOOK_BODY_BYTES_MAX);
    if (backend->notices < NOTICES_MAX &&
        auth_hook_encode_disconnect(notice, backend->node_id, &body)) {
        struct auth_http_request request = {
            .url = backend->disconnect_url,
            .bearer = secret_span(backend->config->fusion_server_token),
            .body = bytes_buf_span(&body),
            .timeout_ms = NOTICE_TIMEOUT_MS,
        };
        call = auth_http_post(backend->http, &request, on_notice_answer, backend);
    }
    bytes_buf_finish(&body);
    backend->notices += call ? 1 : 0;
    *backend->notices_dropped += call ? 0 : 1;
}

// ---- creation

// The address that this machine would speak from. Connecting a datagram socket sends nothing.
static void find_address(char text[INET_ADDRSTRLEN])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(9)};
    socklen_t size = sizeof(address);
    address.sin_addr.s_addr = htonl(0xc0000201); // 192.0.2.1, TEST-NET-1
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, size) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    }
    if (fd >= 0) {
        close(fd);
    }
    inet_ntop(AF_INET, &address.sin_addr, text, INET_ADDRSTRLEN);
}

// "<32 letters and digits>@<address>", the form of Flashphoner's node ids.
static bool make_node_id(struct backend_http *backend)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    uint8_t bytes[NODE_NAME_BYTES];
    char address[INET_ADDRSTRLEN];
    if (backend->config->node_id[0]) {
        snprintf(backend->node_id, sizeof(backend->node_id), "%s", backend->config->node_id);
        return true;
    }
    if (!auth_crypto_random(bytes, sizeof(bytes))) {
        return false;
    }
    for (size_t i = 0; i < NODE_NAME_BYTES; i++) {
        backend->node_id[i] = letters[bytes[i] % (sizeof(letters) - 1)]; // a name, not a secret
    }
    find_address(address);
    snprintf(backend->node_id + NODE_NAME_BYTES, sizeof(backend->node_id) - NODE_NAME_BYTES, "@%s",
             address);
    return true;
}

static bool make_urls(struct backend_http *backend, struct error *error)
{
    const struct config *config = backend->config;
    struct url url;
    char base[URL_TEXT_BYTES];
    if (!config_backend_url(config, "backend-url", config->backend_url, &url, error)) {
        return false;
    }
    url_format(&url, base);
    for (size_t size = strlen(base); size > 0 && base[size - 1] == '/'; size--) {
        base[size - 1] = '\0';
    }
    snprintf(backend->connect_url, URL_BYTES, "%s/connect", base);
    snprintf(backend->results_url, URL_BYTES, "%s/results", base);
    snprintf(backend->disconnect_url, URL_BYTES, "%s/disconnect", base);
    return true;
}

static void count_in(struct backend_http *backend, struct counters *counters)
{
    static const char name[] = "paddock_backend_notices";
    static const char help[] = "players who left or were kicked, by whether the backend was told";
    backend->notices_sent = counter_cell(counters, COUNTER_TOTAL, name, help, "outcome", "sent");
    backend->notices_failed =
        counter_cell(counters, COUNTER_TOTAL, name, help, "outcome", "failed");
    backend->notices_dropped =
        counter_cell(counters, COUNTER_TOTAL, name, help, "outcome", "dropped");
}

static struct auth_backend *http_create(const struct auth_backend_env *env, struct error *error)
{
    assert(env->config->fusion_server_token); // config_check_backend() has seen to it
    struct backend_http *backend = calloc(1, sizeof(*backend));
    if (!backend) {
        error_set(error, "out of memory");
        return NULL;
    }
    backend->base.impl = &auth_backend_http;
    backend->loop = env->loop;
    backend->config = env->config;
    if (!make_urls(backend, error)) {
        goto fail;
    }
    if (!make_node_id(backend)) {
        error_set(error, "http backend: the kernel gives no randomness");
        goto fail;
    }
    backend->http = auth_http_create(env->loop, env->config, env->counters, error);
    if (!backend->http) {
        goto fail;
    }
    count_in(backend, env->counters);
    log_event(LOG_INFO, "hooks", LOG_S("connect", backend->connect_url),
              LOG_S("node_id", backend->node_id));
    return &backend->base;
fail:
    free(backend);
    return NULL;
}

static void http_destroy(struct auth_backend *base)
{
    if (!base) {
        return;
    }
    struct backend_http *backend = http_of(base);
    while (backend->calls) {
        call_destroy(backend->calls);
    }
    auth_http_destroy(backend->http); // and with it the notices
    free(backend);
}

static bool http_check(const struct auth_backend_env *env, FILE *out, struct error *error)
{
    struct auth_backend *base = http_create(env, error);
    if (!base) {
        return false;
    }
    const struct backend_http *backend = http_of(base);
    const struct auth_hook_check check = {
        .loop = env->loop,
        .http = backend->http,
        .url = backend->connect_url,
        .node_id = backend->node_id,
        .flashphoner = env->config->hook_flashphoner_compat,
        .server_token = secret_span(env->config->fusion_server_token),
        .timeout_ms = (unsigned)env->config->verify_ms,
    };
    bool ok = auth_hook_check(&check, out, error);
    http_destroy(base);
    return ok;
}

const struct auth_backend_impl auth_backend_http = {
    .name = "http",
    .preflight = auth_http_preflight,
    .create = http_create,
    .verify = http_verify,
    .report = http_report,
    .cancel = http_cancel,
    .notify = http_notify,
    .destroy = http_destroy,
    .check = http_check,
};
