// SPDX-License-Identifier: MIT
// libcurl tells which sockets and which time it waits for; the loop tells it when they are there.
//
// Whatever finished is handed on by drain(), which runs after every socket action and never inside
// a function that the owner calls.

#include "auth/http.h"

#include <assert.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "auth/wiped.h"
#include "config/base/log.h"
#include "config/secret.h"

// Three SYNs (0, 1 and 3 s) would not fit into a player's patience with a second try after them.
#define CONNECT_MS_MAX       3000L
#define IDLE_CONNECTIONS_MAX 32L
// libcurl reads the trusted certificates anew for each TLS connection, on our thread. Debian's
// default is a folder of 290 files, 50 to 130 ms; the same authorities in one file take 7 ms, a
// backend-ca of one certificate nothing to speak of. So many connections at once may read the file
// in one turn.
#define SYSTEM_AUTHORITIES           "/etc/ssl/certs/ca-certificates.crt"
#define SYSTEM_TRUST_CONNECTIONS_MAX 8L
#define HEADER_LINE_BYTES_MAX        (SECRET_BYTES_MAX + 64)
#define PEM_LINES_MAX                65536

struct auth_http {
    struct loop *loop;
    const struct config *config;
    const char *authorities; // file of the certificates that we trust; NULL: libcurl's default
    CURLM *multi;
    struct loop_timer timer;
    struct watch *watches;
    struct auth_http_call *calls;
    uint64_t *answered[6]; // by the first digit of the status; 0: none of 1 to 5
    uint64_t *failed[AUTH_HTTP_FAILURES];
    uint64_t *in_flight;
    struct histogram *duration;
};

// One socket of libcurl's.
struct watch {
    struct auth_http *http;
    struct loop_fd fd;
    struct watch *next;
    struct watch **link;
};

struct auth_http_call {
    struct auth_http *http;
    struct auth_http_call *next;
    struct auth_http_call **link;
    CURL *easy;
    struct curl_slist *headers;
    auth_http_done *done;
    void *context;
    uint64_t started_ns;
    uint8_t *body;
    size_t body_size;
    struct bytes_buf answer;
    // The answer's head, as it comes.
    size_t head_size; // of all responses to this request, interim ones and trailers included
    bool is_whole;    // the empty line after it has come
    bool has_length;
    bool is_chunked;
    curl_off_t length;
    enum auth_http_failure refused; // why we ended it ourselves
    char detail[CURL_ERROR_SIZE];
};

static const char *const failure_names[AUTH_HTTP_FAILURES] = {
    [AUTH_HTTP_OK] = "ok",
    [AUTH_HTTP_RESOLVE] = "resolve",
    [AUTH_HTTP_CONNECT] = "connect",
    [AUTH_HTTP_TLS] = "tls",
    [AUTH_HTTP_CERTIFICATE] = "certificate",
    [AUTH_HTTP_TIMEOUT] = "timeout",
    [AUTH_HTTP_CLOSED] = "closed",
    [AUTH_HTTP_TOO_LARGE] = "too_large",
    [AUTH_HTTP_PROTOCOL] = "protocol",
    [AUTH_HTTP_OTHER] = "other",
};

const char *auth_http_failure_name(enum auth_http_failure failure)
{
    assert((size_t)failure < AUTH_HTTP_FAILURES);
    return failure_names[failure];
}

// ---- the life of a call

static void wipe_headers(struct curl_slist *headers)
{
    for (struct curl_slist *at = headers; at; at = at->next) {
        secret_wipe(at->data, strlen(at->data));
    }
    curl_slist_free_all(headers);
}

static void call_destroy(struct auth_http_call *call)
{
    if (!call) {
        return;
    }
    if (call->link) {
        *call->link = call->next;
        if (call->next) {
            call->next->link = call->link;
        }
        curl_multi_remove_handle(call->http->multi, call->easy);
        --*call->http->in_flight;
    }
    curl_easy_cleanup(call->easy);
    wipe_headers(call->headers);
    if (call->body) {
        secret_wipe(call->body, call->body_size);
    }
    free(call->body);
    bytes_buf_finish(&call->answer);
    free(call);
}

static enum auth_http_failure failure_of(const struct auth_http_call *call, CURLcode code)
{
    if (call->refused) {
        return call->refused;
    }
    switch (code) {
    case CURLE_OK:
        return call->is_whole ? AUTH_HTTP_OK : AUTH_HTTP_CLOSED; // libcurl takes half a head
    case CURLE_COULDNT_RESOLVE_HOST:
        return AUTH_HTTP_RESOLVE;
    case CURLE_COULDNT_CONNECT:
        return AUTH_HTTP_CONNECT;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
        return AUTH_HTTP_TLS;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CACERT_BADFILE:
        return AUTH_HTTP_CERTIFICATE;
    case CURLE_OPERATION_TIMEDOUT:
        return AUTH_HTTP_TIMEOUT;
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
        return AUTH_HTTP_CLOSED;
    case CURLE_FILESIZE_EXCEEDED:
        return AUTH_HTTP_TOO_LARGE;
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_BAD_CONTENT_ENCODING:
        return AUTH_HTTP_PROTOCOL;
    default:
        return AUTH_HTTP_OTHER;
    }
}

// The time before the first byte is only taken once there is a connection, with TLS up.
static bool was_sent(CURL *easy)
{
    curl_off_t pretransfer_us = 0;
    return curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &pretransfer_us) != CURLE_OK ||
           pretransfer_us > 0;
}

static void finish_call(struct auth_http_call *call, CURLcode code)
{
    struct auth_http *http = call->http;
    struct auth_http_answer answer = {
        .failure = failure_of(call, code),
        .detail = "",
        .was_sent = was_sent(call->easy),
    };
    if (answer.failure == AUTH_HTTP_OK) {
        long status = 0;
        curl_off_t retry_after_s = 0;
        curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_getinfo(call->easy, CURLINFO_RETRY_AFTER, &retry_after_s);
        answer.status = (unsigned)status;
        answer.body = bytes_buf_span(&call->answer);
        answer.retry_after_s = retry_after_s > AUTH_HTTP_RETRY_AFTER_S_MAX
                                   ? AUTH_HTTP_RETRY_AFTER_S_MAX
                                   : (unsigned)retry_after_s;
        ++*http->answered[status / 100 < 6 ? status / 100 : 0];
    } else {
        answer.detail = call->detail[0] ? call->detail : curl_easy_strerror(code);
        ++*http->failed[answer.failure];
    }
    histogram_add(http->duration, loop_now_ns(http->loop) - call->started_ns);
    call->done(call->context, &answer);
}

// Hands on what has finished. A call's callback may end others, whose messages then vanish.
static void drain(struct auth_http *http)
{
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(http->multi, &left))) {
        CURLcode code = message->data.result;
        void *private = NULL;
        assert(message->msg == CURLMSG_DONE);
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
        struct auth_http_call *call = private;
        finish_call(call, code);
        call_destroy(call);
    }
}

// ---- what libcurl waits for

static void act(struct auth_http *http, curl_socket_t socket, int events)
{
    int running;
    CURLMcode code = curl_multi_socket_action(http->multi, socket, events, &running);
    assert(code == CURLM_OK);
    drain(http);
}

static void on_ready(void *context, unsigned ready)
{
    struct watch *watch = context; // gone once libcurl lets go of the socket
    act(watch->http, watch->fd.fd,
        (ready & LOOP_READ ? CURL_CSELECT_IN : 0) | (ready & LOOP_WRITE ? CURL_CSELECT_OUT : 0));
}

static void on_timer(void *context)
{
    act(context, CURL_SOCKET_TIMEOUT, 0);
}

static void watch_destroy(struct watch *watch)
{
    loop_fd_remove(watch->http->loop, &watch->fd);
    *watch->link = watch->next;
    if (watch->next) {
        watch->next->link = watch->link;
    }
    free(watch);
}

static struct watch *watch_create(struct auth_http *http, int fd, unsigned interest)
{
    struct watch *watch = calloc(1, sizeof(*watch));
    if (!watch ||
        !loop_fd_add(http->loop, &watch->fd, fd, interest, LOOP_URGENT, on_ready, watch)) {
        free(watch);
        return NULL;
    }
    watch->http = http;
    watch->next = http->watches;
    watch->link = &http->watches;
    if (watch->next) {
        watch->next->link = &watch->next;
    }
    http->watches = watch;
    return watch;
}

static int on_socket(CURL *easy, curl_socket_t socket, int what, void *user, void *assigned)
{
    struct auth_http *http = user;
    struct watch *watch = assigned;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (watch) {
            watch_destroy(watch);
        }
        return 0;
    }
    unsigned interest =
        (what & CURL_POLL_IN ? LOOP_READ : 0u) | (what & CURL_POLL_OUT ? LOOP_WRITE : 0u);
    if (watch) {
        loop_fd_set(http->loop, &watch->fd, interest, LOOP_URGENT);
        return 0;
    }
    watch = watch_create(http, socket, interest);
    if (!watch) {
        // An error here would end the whole client; so only this call ends, by its time-out.
        log_event(LOG_ERROR, "http_socket_not_watched", LOG_I("fd", socket));
        return 0;
    }
    curl_multi_assign(http->multi, socket, watch);
    return 0;
}

static int on_timeout(CURLM *multi, long timeout_ms, void *user)
{
    struct auth_http *http = user;
    (void)multi;
    if (timeout_ms < 0) {
        loop_timer_cancel(http->loop, &http->timer);
    } else {
        loop_timer_set(http->loop, &http->timer,
                       loop_now_ns(http->loop) + (uint64_t)timeout_ms * CLOCK_NS_PER_MS);
    }
    return 0;
}

// ---- the answer

// The header's value without the blanks around it, when it is the one named.
static bool header_value(struct bytes_span line, const char *name, struct bytes_span *value)
{
    size_t size = strlen(name);
    if (line.size <= size || line.data[size] != ':' ||
        strncasecmp((const char *)line.data, name, size) != 0) {
        return false;
    }
    struct bytes_span rest = bytes_of(line.data + size + 1, line.size - size - 1);
    while (rest.size > 0 && strchr(" \t", rest.data[0])) {
        rest = bytes_of(rest.data + 1, rest.size - 1);
    }
    while (rest.size > 0 && strchr(" \t\r\n", rest.data[rest.size - 1])) {
        rest.size--;
    }
    *value = rest;
    return true;
}

static bool parse_length(struct bytes_span text, curl_off_t *length)
{
    *length = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || i == 18) {
            return false;
        }
        *length = *length * 10 + (text.data[i] - '0');
    }
    return text.size > 0;
}

// libcurl lets the last of two lengths win and the chunks over a length. Whoever sees the other one
// sees another answer (RFC 9112 6.3), so such an answer is none.
static enum auth_http_failure check_header(struct auth_http_call *call, struct bytes_span line)
{
    struct bytes_span value;
    if (line.size >= 5 && memcmp(line.data, "HTTP/", 5) == 0) {
        if (line.size < 7 || memcmp(line.data + 5, "1.", 2) != 0) {
            return AUTH_HTTP_PROTOCOL; // libcurl takes any version that it has heard of
        }
        call->is_whole = false;
        call->has_length = false;
        call->is_chunked = false;
    } else if (header_value(line, "Content-Length", &value)) {
        curl_off_t length;
        if (!parse_length(value, &length) || (call->has_length && call->length != length)) {
            return AUTH_HTTP_PROTOCOL;
        }
        if (length > AUTH_HTTP_BODY_BYTES_MAX) {
            return AUTH_HTTP_TOO_LARGE;
        }
        call->has_length = true;
        call->length = length;
    } else if (header_value(line, "Transfer-Encoding", &value)) {
        if (call->is_chunked || value.size != 7 ||
            strncasecmp((const char *)value.data, "chunked", 7) != 0) {
            return AUTH_HTTP_PROTOCOL;
        }
        call->is_chunked = true;
    } else if (strchr("\r\n", line.data[0])) {
        call->is_whole = true;
    }
    return call->has_length && call->is_chunked ? AUTH_HTTP_PROTOCOL : AUTH_HTTP_OK;
}

static size_t on_header(char *data, size_t size, size_t count, void *user)
{
    struct auth_http_call *call = user;
    struct bytes_span line = bytes_of(data, size * count);
    call->head_size += line.size;
    call->refused = call->head_size > AUTH_HTTP_HEADER_BYTES_MAX ? AUTH_HTTP_TOO_LARGE
                                                                 : check_header(call, line);
    return call->refused ? 0 : line.size;
}

static size_t on_body(char *data, size_t size, size_t count, void *user)
{
    struct auth_http_call *call = user;
    if (!bytes_buf_append(&call->answer, bytes_of(data, size * count))) {
        call->refused = AUTH_HTTP_TOO_LARGE;
        return 0;
    }
    return size * count;
}

// ---- the request

static bool is_plain(struct bytes_span text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < 0x20 || text.data[i] == 0x7f) {
            return false;
        }
    }
    return true;
}

// "name: " before the value, which may be a secret: it passes through nothing that is not wiped.
static bool add_header(struct auth_http_call *call, const char *name, struct bytes_span value)
{
    char line[HEADER_LINE_BYTES_MAX];
    size_t at = strlen(name);
    assert(is_plain(value) && at + value.size < sizeof(line));
    memcpy(line, name, at);
    if (value.size > 0) {
        memcpy(line + at, value.data, value.size);
    }
    line[at + value.size] = '\0';
    struct curl_slist *headers = curl_slist_append(call->headers, line);
    secret_wipe(line, at + value.size);
    call->headers = headers ? headers : call->headers;
    return headers;
}

static bool add_headers(struct auth_http_call *call, const struct auth_http_request *request)
{
    const struct bytes_span none = {0};
    bool ok = add_header(call, "Content-Type: application/json", none) &&
              add_header(call, "Accept: application/json", none) &&
              add_header(call, "Expect:", none); // libcurl's own one would cost a round trip
    if (request->bearer.size > 0) {
        ok = ok && add_header(call, "Authorization: Bearer ", request->bearer);
    }
    for (unsigned i = 0; ok && i < request->header_count; i++) {
        char name[64];
        int size = snprintf(name, sizeof(name), "%s: ", request->headers[i].name);
        assert(size > 0 && (size_t)size < sizeof(name));
        ok = add_header(call, name, bytes_of_string(request->headers[i].value));
    }
    return ok;
}

static curl_socket_t open_socket(void *user, curlsocktype purpose, struct curl_sockaddr *address)
{
    (void)user;
    (void)purpose;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

#define SET(option, value) (curl_easy_setopt(easy, (option), (value)) == CURLE_OK)

static bool set_trust(CURL *easy, const struct auth_http *http)
{
    const struct config *config = http->config;
    bool ok = SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
              SET(CURLOPT_SSL_VERIFYPEER, 1L) && SET(CURLOPT_SSL_VERIFYHOST, 2L);
    if (http->authorities) { // instead of the default folder, not beside it
        ok = ok && SET(CURLOPT_CAINFO, http->authorities) && SET(CURLOPT_CAPATH, NULL);
    }
    if (config->backend_cert[0]) {
        ok = ok && SET(CURLOPT_SSLCERT, config->backend_cert) &&
             SET(CURLOPT_SSLKEY,
                 config->backend_key[0] ? config->backend_key : config->backend_cert);
    }
    return ok;
}

// What no answer and no environment may change.
static bool set_bounds(CURL *easy)
{
    return SET(CURLOPT_NOSIGNAL, 1L) && SET(CURLOPT_PROXY, "") && SET(CURLOPT_FOLLOWLOCATION, 0L) &&
           SET(CURLOPT_PROTOCOLS_STR, "http,https") && SET(CURLOPT_HTTP09_ALLOWED, 0L) &&
           SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) &&
           // Whoever ends a call while the resolver is at work would else wait for it.
           SET(CURLOPT_QUICK_EXIT, 1L) && SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
}

static bool set_request(struct auth_http_call *call, const struct auth_http_request *request)
{
    CURL *easy = call->easy;
    long timeout_ms = (long)request->timeout_ms;
    return SET(CURLOPT_URL, request->url) && SET(CURLOPT_PRIVATE, call) &&
           SET(CURLOPT_HTTPHEADER, call->headers) &&
           SET(CURLOPT_USERAGENT, "paddock/" PADDOCK_VERSION) &&
           SET(CURLOPT_POSTFIELDS, call->body) &&
           SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body_size) &&
           SET(CURLOPT_TIMEOUT_MS, timeout_ms) &&
           SET(CURLOPT_CONNECTTIMEOUT_MS,
               timeout_ms < CONNECT_MS_MAX ? timeout_ms : CONNECT_MS_MAX) &&
           SET(CURLOPT_FRESH_CONNECT, request->at_most_once ? 1L : 0L) &&
           SET(CURLOPT_ERRORBUFFER, call->detail) && SET(CURLOPT_HEADERFUNCTION, on_header) &&
           SET(CURLOPT_HEADERDATA, call) && SET(CURLOPT_WRITEFUNCTION, on_body) &&
           SET(CURLOPT_WRITEDATA, call);
}

struct auth_http_call *auth_http_post(struct auth_http *http,
                                      const struct auth_http_request *request, auth_http_done *done,
                                      void *context)
{
    assert(request->timeout_ms > 0);
    struct auth_http_call *call = calloc(1, sizeof(*call));
    if (!call) {
        return NULL;
    }
    call->http = http;
    call->done = done;
    call->context = context;
    call->started_ns = loop_now_ns(http->loop);
    bytes_buf_init(&call->answer, AUTH_HTTP_BODY_BYTES_MAX);
    call->body_size = request->body.size;
    call->body = malloc(request->body.size + 1);
    call->easy = curl_easy_init();
    if (!call->body || !call->easy) {
        goto fail;
    }
    if (request->body.size > 0) {
        memcpy(call->body, request->body.data, request->body.size);
    }
    if (!http->config->backend_ca[0] && strncmp(request->url, "https:", 6) == 0) {
        curl_multi_setopt(http->multi, CURLMOPT_MAX_HOST_CONNECTIONS, SYSTEM_TRUST_CONNECTIONS_MAX);
    }
    if (!add_headers(call, request) || !set_request(call, request) || !set_bounds(call->easy) ||
        !set_trust(call->easy, http) ||
        curl_multi_add_handle(http->multi, call->easy) != CURLM_OK) {
        goto fail;
    }
    call->next = http->calls;
    call->link = &http->calls;
    if (call->next) {
        call->next->link = &call->next;
    }
    http->calls = call;
    ++*http->in_flight;
    return call;
fail:
    call_destroy(call);
    return NULL;
}

void auth_http_cancel(struct auth_http_call *call)
{
    assert(call->link);
    call_destroy(call);
}

// ---- the client

// libcurl would say so at each request, naming no setting, while players hear 4503.
static bool check_pem(const char *setting, const char *path, const char *label, struct error *error)
{
    char line[256];
    bool found = false;
    FILE *file = fopen(path, "re");
    if (!file) {
        return error_set(error, "--%s=%.200s: cannot read it: %s", setting, path, strerror(errno));
    }
    setvbuf(file, NULL, _IONBF, 0); // it may hold a private key, whose copy would stay in the heap
    for (unsigned i = 0; !found && i < PEM_LINES_MAX && fgets(line, sizeof(line), file); i++) {
        found = strncmp(line, "-----BEGIN ", 11) == 0 && strstr(line, label);
    }
    bool failed = ferror(file);
    if (failed) {
        error_set(error, "--%s=%.200s: cannot read it: %s", setting, path, strerror(errno));
    } else if (!found) {
        error_set(error, "--%s=%.200s: there is no PEM %s in it", setting, path, label);
    }
    fclose(file);
    secret_wipe(line, sizeof(line));
    return found;
}

bool auth_http_preflight(const struct config *config, struct error *error)
{
    const char *ca = config->backend_ca, *cert = config->backend_cert, *key = config->backend_key;
    return (!ca[0] || check_pem("backend-ca", ca, "CERTIFICATE", error)) &&
           (!cert[0] || check_pem("backend-cert", cert, "CERTIFICATE", error)) &&
           (!cert[0] || key[0] || check_pem("backend-cert", cert, "PRIVATE KEY", error)) &&
           (!key[0] || check_pem("backend-key", key, "PRIVATE KEY", error));
}

static void count_in(struct auth_http *http, struct counters *counters)
{
    static const char *const classes[] = {"other_status", "1xx", "2xx", "3xx", "4xx", "5xx"};
    static const char name[] = "paddock_backend_requests";
    static const char help[] = "HTTP requests to the backend, by what came of them";
    for (unsigned i = 0; i < BASE_COUNT(classes); i++) {
        http->answered[i] =
            counter_cell(counters, COUNTER_TOTAL, name, help, "outcome", classes[i]);
    }
    for (unsigned i = AUTH_HTTP_OK + 1; i < AUTH_HTTP_FAILURES; i++) {
        http->failed[i] =
            counter_cell(counters, COUNTER_TOTAL, name, help, "outcome", failure_names[i]);
    }
    http->in_flight =
        counter_cell(counters, COUNTER_GAUGE, "paddock_backend_requests_in_flight",
                     "HTTP requests that the backend has not answered yet", NULL, NULL);
    http->duration = histogram_cell(counters, "paddock_backend_request_seconds",
                                    "from an HTTP request to its answer or failure");
}

static bool set_up_multi(struct auth_http *http)
{
    CURLM *multi = http->multi;
    return curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, http) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timeout) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_TIMERDATA, http) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, IDLE_CONNECTIONS_MAX) == CURLM_OK;
}

struct auth_http *auth_http_create(struct loop *loop, const struct config *config,
                                   struct counters *counters, struct error *error)
{
    if (!auth_http_preflight(config, error)) {
        return NULL;
    }
    struct auth_http *http = calloc(1, sizeof(*http));
    if (!http) {
        goto no_memory;
    }
    http->loop = loop;
    http->config = config;
    http->authorities = config->backend_ca[0]                   ? config->backend_ca
                        : access(SYSTEM_AUTHORITIES, R_OK) == 0 ? SYSTEM_AUTHORITIES
                                                                : NULL;
    loop_timer_init(&http->timer, on_timer, http);
    if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, auth_wiped_malloc, auth_wiped_free,
                             auth_wiped_realloc, auth_wiped_strdup,
                             auth_wiped_calloc) != CURLE_OK) {
        goto free_http;
    }
    http->multi = curl_multi_init();
    if (!http->multi || !set_up_multi(http)) {
        goto cleanup;
    }
    count_in(http, counters);
    return http;
cleanup:
    curl_multi_cleanup(http->multi);
    curl_global_cleanup();
free_http:
    free(http);
no_memory:
    error_set(error, "out of memory");
    return NULL;
}

void auth_http_destroy(struct auth_http *http)
{
    if (!http) {
        return;
    }
    while (http->calls) {
        call_destroy(http->calls);
    }
    curl_multi_cleanup(http->multi); // lets go of the kept connections' sockets
    while (http->watches) {
        watch_destroy(http->watches);
    }
    loop_timer_cancel(http->loop, &http->timer);
    curl_global_cleanup();
    free(http);
}
