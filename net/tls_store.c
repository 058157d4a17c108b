// SPDX-License-Identifier: MIT
// Keeps the listeners' certificates and tells about them; net/tls_lookup finds them.

#include "net/tls_store.h"

#include <assert.h>
#include <gnutls/gnutls.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/log.h"
#include "net/tls_file.h"
#include "net/tls_lookup.h"
#include "net/tls_make.h"

#define VERSION_MIN "3.7.9"
#define PEM_BYTES   16384
#define HOUR_MS     (60 * 60 * UINT64_C(1000))
#define DAY_MS      (24 * HOUR_MS)

struct net_tls_server {
    const struct config *config;
    const struct clock *clock;
    struct net_tls_listener *listeners;
    struct bytes_buf dev_certificate, dev_key; // empty: none is needed
    uint8_t ticket_key[NET_TLS_TICKET_KEY_BYTES];

    struct loop *loop; // NULL: not watching
    struct worker *worker;
    struct loop_timer poll_timer, day_timer, ticket_timer;
    struct worker_job job;
    bool job_running;
    bool job_forced;     // loads what has not changed as well
    bool reload_pending; // for when the job is done
    uint64_t *reloads_ok, *reloads_failed;
    struct counters *counters;
};

const char *net_tls_version(void)
{
    return gnutls_check_version(NULL);
}

// ---- what people are told

int64_t net_tls_days_left(const struct net_tls_certificate *certificate, uint64_t wall_ms)
{
    return (certificate->not_after_s - (int64_t)(wall_ms / 1000)) / (24 * 60 * 60);
}

const char *net_tls_status(const struct config *config,
                           const struct net_tls_certificate *certificate, uint64_t wall_ms)
{
    int64_t now_s = (int64_t)(wall_ms / 1000);
    int64_t warn_s = config->cert_warn_days * 24 * 60 * 60;
    return certificate->not_after_s <= now_s           ? "expired"
           : certificate->not_before_s > now_s         ? "invalid"
           : certificate->not_after_s - now_s < warn_s ? "expiring"
                                                       : "valid";
}

__attribute__((format(printf, 4, 5))) static void tell(enum log_level level, const char *event,
                                                       const struct net_tls_listener *listener,
                                                       const char *format, ...)
{
    char text[LIMIT_PATH_BYTES + ERROR_TEXT_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    log_event(level, event, LOG_S("listener", listener->url), LOG_M(text));
}

static void tell_time_left(const struct net_tls_listener *listener,
                           const struct net_tls_certificate *certificate, uint64_t wall_ms)
{
    const char *name = certificate->name;
    const char *status = net_tls_status(listener->server->config, certificate, wall_ms);
    if (strcmp(status, "expired") == 0) {
        tell(LOG_ERROR, "certificate_expired", listener,
             "certificate \"%s\" has expired: clients will refuse it", name);
    } else if (strcmp(status, "invalid") == 0) {
        tell(LOG_WARN, "certificate_not_yet_valid", listener,
             "certificate \"%s\" is not valid yet: clients will refuse it; is the clock right?",
             name);
    } else if (strcmp(status, "expiring") == 0) {
        tell(LOG_WARN, "certificate_expiring", listener, "certificate \"%s\" expires in %lld days",
             name, (long long)net_tls_days_left(certificate, wall_ms));
    }
    const char *ocsp = net_tls_ocsp_status(&certificate->ocsp, wall_ms);
    if (strcmp(ocsp, "none") != 0 && strcmp(ocsp, "good") != 0) {
        tell(LOG_WARN, "certificate_ocsp", listener,
             "certificate \"%s\": %s" NET_TLS_OCSP_SUFFIX " is not stapled: %s", name,
             certificate->path, ocsp);
    }
}

static void tell_all(const struct net_tls_listener *listener, uint64_t wall_ms)
{
    for (unsigned i = 0; i < listener->certificates.count; i++) {
        const struct net_tls_certificate *certificate = listener->certificates.items[i];
        const char *name = certificate->name;
        tell(LOG_INFO, "secured", listener, "Secured using certificate: \"%s\" %s", name,
             certificate->origin);
        tell_time_left(listener, certificate, wall_ms);
        if (!certificate->has_alternative_names) {
            tell(LOG_WARN, "certificate_without_names", listener,
                 "certificate \"%s\" has no subjectAltName; browsers will refuse it", name);
        }
        if (certificate->needs_static_rsa) {
            tell(LOG_WARN, "certificate_key_usage", listener,
                 "certificate \"%s\" lacks keyUsage digitalSignature: TLS 1.3/ECDHE disabled; "
                 "re-issue with keyUsage=digitalSignature,keyEncipherment",
                 name);
        }
    }
}

void net_tls_server_refresh(struct net_tls_server *server)
{
    for (struct net_tls_listener *at = server->listeners; at; at = at->next) {
        int64_t first = INT64_MAX;
        for (unsigned i = 0; i < at->certificates.count; i++) {
            int64_t one = at->certificates.items[i]->not_after_s;
            first = one < first ? one : first;
        }
        if (at->not_after) {
            *at->not_after = (uint64_t)first;
        }
    }
}

// ---- listeners

static bool load_dev(const struct net_tls_server *server, struct net_tls_certificates *found,
                     struct error *error)
{
    struct net_tls_certificate *certificate = net_tls_certificate_parse(
        bytes_buf_span(&server->dev_certificate), bytes_buf_span(&server->dev_key), "--dev", error);
    if (certificate) {
        snprintf(certificate->origin, sizeof(certificate->origin), "made for --dev");
        found->items[found->count++] = certificate;
    }
    return certificate;
}

// On any thread: fills in what is the worker's.
static void load(struct net_tls_listener *listener)
{
    const struct config *config = listener->server->config;
    struct net_tls_certificates *found = &listener->fresh.certificates;
    struct error *error = &listener->fresh.error;
    found->count = 0;
    listener->fresh.loaded = true;
    listener->fresh.failed =
        !(listener->is_dev ? load_dev(listener->server, found, error)
                           : net_tls_lookup(config, listener->names, found, error));
    if (!listener->fresh.failed) {
        listener->fresh.credentials = net_tls_server_credentials_create(config, found, error);
        listener->fresh.failed = !listener->fresh.credentials;
    }
    if (listener->fresh.failed) {
        net_tls_certificates_finish(found);
    }
}

// Otherwise there are no tickets, or their key is a file that comes with the certificates.
static bool makes_ticket_keys(const struct config *config)
{
    return config->tls_ticket_hours > 0 && !config->tls_ticket_key_file[0];
}

// On the loop: what was loaded is shown from now on.
static void show(struct net_tls_listener *listener)
{
    struct net_tls_server *server = listener->server;
    net_tls_certificates_finish(&listener->certificates);
    net_tls_credentials_unref(listener->credentials);
    listener->certificates = listener->fresh.certificates;
    listener->credentials = listener->fresh.credentials;
    listener->fresh.certificates.count = 0;
    listener->fresh.credentials = NULL;
    listener->fresh.loaded = false;
    listener->problem[0] = '\0';
    listener->loaded_ms = clock_wall_ms(server->clock);
    if (makes_ticket_keys(server->config)) {
        net_tls_credentials_set_ticket_key(listener->credentials, server->ticket_key);
    }
    tell_all(listener, listener->loaded_ms);
}

static void listener_destroy(struct net_tls_listener *listener)
{
    net_tls_certificates_finish(&listener->certificates);
    net_tls_credentials_unref(listener->credentials);
    net_tls_certificates_finish(&listener->fresh.certificates);
    net_tls_credentials_unref(listener->fresh.credentials);
    free(listener);
}

struct net_tls_listener *net_tls_listener_open(struct net_tls_server *server, const struct url *url,
                                               struct error *error)
{
    assert(!server->loop);
    struct net_tls_listener *listener = calloc(1, sizeof(*listener));
    if (!listener) {
        error_set(error, "out of memory");
        return NULL;
    }
    listener->server = server;
    url_format(url, listener->url);
    (void)url_query(url, "cert", listener->names, sizeof(listener->names)); // else it stays empty
    listener->is_dev = net_tls_lookup_is_dev(server->config, listener->names);
    listener->fresh.signature = net_tls_lookup_signature(server->config, listener->names);
    load(listener);
    if (listener->fresh.failed) {
        error_set(error, "%s: %s", listener->url, listener->fresh.error.text);
        listener_destroy(listener);
        return NULL;
    }
    show(listener);
    struct net_tls_listener **end = &server->listeners;
    while (*end) {
        end = &(*end)->next;
    }
    *end = listener;
    return listener;
}

struct net_tls_credentials *net_tls_listener_credentials(struct net_tls_listener *listener)
{
    return net_tls_credentials_ref(listener->credentials);
}

bool net_tls_listener_is_slow(const struct net_tls_listener *listener)
{
    for (unsigned i = 0; i < listener->certificates.count; i++) {
        if (listener->certificates.items[i]->is_slow) {
            return true;
        }
    }
    return false;
}

const struct net_tls_listener *net_tls_server_listeners(const struct net_tls_server *server)
{
    return server->listeners;
}

// ---- changes

static void check_files(void *context)
{
    struct net_tls_server *server = context;
    for (struct net_tls_listener *at = server->listeners; at; at = at->next) {
        // Before loading: what changes while it is being read has changed again.
        uint64_t signature = net_tls_lookup_signature(server->config, at->names);
        bool changed = signature != at->fresh.signature;
        at->fresh.signature = signature;
        if (changed || at->fresh.failed || server->job_forced) {
            load(at);
        }
    }
}

// What keeps failing in the same way is told once.
static void keep(struct net_tls_listener *listener)
{
    const char *problem = listener->fresh.error.text;
    if (listener->server->job_forced || strcmp(problem, listener->problem) != 0) {
        tell(LOG_ERROR, "certificate_reload_failed", listener, "%s; the old certificate stays",
             problem);
    }
    snprintf(listener->problem, sizeof(listener->problem), "%s", problem);
    listener->fresh.loaded = false;
}

static void start_check(struct net_tls_server *server)
{
    server->job_forced = server->reload_pending;
    server->job_running = worker_submit(server->worker, &server->job);
    server->reload_pending = server->reload_pending && !server->job_running;
    if (!server->job_running) { // the worker has too much to do: later
        loop_timer_set(server->loop, &server->poll_timer,
                       loop_now_ns(server->loop) + CLOCK_NS_PER_S);
    }
}

static void on_checked(void *context)
{
    struct net_tls_server *server = context;
    uint64_t poll_ms = (uint64_t)server->config->cert_poll_ms;
    server->job_running = false;
    for (struct net_tls_listener *at = server->listeners; at; at = at->next) {
        if (at->fresh.loaded && at->fresh.failed) {
            keep(at);
            ++*server->reloads_failed;
        } else if (at->fresh.loaded) {
            show(at);
            ++*server->reloads_ok;
        }
    }
    if (server->reload_pending) {
        start_check(server);
    } else if (poll_ms > 0) {
        loop_timer_set(server->loop, &server->poll_timer,
                       loop_now_ns(server->loop) + poll_ms * CLOCK_NS_PER_MS);
    }
}

static void on_poll_timer(void *context)
{
    start_check(context);
}

void net_tls_server_reload(struct net_tls_server *server)
{
    assert(server->loop);
    server->reload_pending = true;
    if (!server->job_running) {
        loop_timer_cancel(server->loop, &server->poll_timer);
        start_check(server);
    }
}

static void on_day_timer(void *context)
{
    struct net_tls_server *server = context;
    for (struct net_tls_listener *at = server->listeners; at; at = at->next) {
        for (unsigned i = 0; i < at->certificates.count; i++) {
            tell_time_left(at, at->certificates.items[i], clock_wall_ms(server->clock));
        }
    }
    loop_timer_set(server->loop, &server->day_timer,
                   loop_now_ns(server->loop) + DAY_MS * CLOCK_NS_PER_MS);
}

// The library derives keys from this one that live for hours, but whoever learns this one has all
// of them: it must not grow old. Clients with an older ticket shake hands in full.
static void on_ticket_timer(void *context)
{
    struct net_tls_server *server = context;
    if (net_tls_ticket_key_make(server->ticket_key)) {
        for (struct net_tls_listener *at = server->listeners; at; at = at->next) {
            net_tls_credentials_set_ticket_key(at->credentials, server->ticket_key);
        }
    }
    loop_timer_set(server->loop, &server->ticket_timer,
                   loop_now_ns(server->loop) +
                       (uint64_t)server->config->tls_ticket_hours * HOUR_MS * CLOCK_NS_PER_MS);
}

void net_tls_server_watch(struct net_tls_server *server, struct loop *loop, struct worker *worker,
                          struct counters *counters)
{
    uint64_t now_ns = loop_now_ns(loop);
    const struct config *config = server->config;
    server->loop = loop;
    server->worker = worker;
    server->job = (struct worker_job){.work = check_files, .done = on_checked, .context = server};
    server->reloads_ok = counter_cell(counters, COUNTER_TOTAL, "paddock_certificate_reloads",
                                      "Certificates loaded again", "result", "ok");
    server->reloads_failed = counter_cell(counters, COUNTER_TOTAL, "paddock_certificate_reloads",
                                          "Certificates loaded again", "result", "failed");
    for (struct net_tls_listener *at = server->listeners; at; at = at->next) {
        at->not_after =
            counter_cell(counters, COUNTER_GAUGE, "paddock_certificate_not_after_seconds",
                         "When the first certificate of a listener expires, in seconds since 1970",
                         "listener", at->url);
    }
    net_tls_server_refresh(server);
    loop_timer_set(loop, &server->day_timer, now_ns + DAY_MS * CLOCK_NS_PER_MS);
    if (config->cert_poll_ms > 0) {
        loop_timer_set(loop, &server->poll_timer,
                       now_ns + (uint64_t)config->cert_poll_ms * CLOCK_NS_PER_MS);
    }
    if (makes_ticket_keys(config)) {
        loop_timer_set(loop, &server->ticket_timer,
                       now_ns + (uint64_t)config->tls_ticket_hours * HOUR_MS * CLOCK_NS_PER_MS);
    }
}

// ---- the server

static void warn_of_old_library(void)
{
    if (!gnutls_check_version(VERSION_MIN)) {
        log_event(LOG_WARN, "gnutls_old", LOG_S("version", net_tls_version()),
                  LOG_M("GnuTLS is older than " VERSION_MIN
                        ": known security holes are open, upgrade it"));
    }
}

struct net_tls_server *net_tls_server_create(const struct config *config, const struct clock *clock,
                                             struct error *error)
{
    struct net_tls_server *server = calloc(1, sizeof(*server));
    if (!server) {
        error_set(error, "out of memory");
        return NULL;
    }
    warn_of_old_library();
    server->config = config;
    server->clock = clock;
    bytes_buf_init(&server->dev_certificate, PEM_BYTES);
    bytes_buf_init(&server->dev_key, PEM_BYTES);
    loop_timer_init(&server->poll_timer, on_poll_timer, server);
    loop_timer_init(&server->day_timer, on_day_timer, server);
    loop_timer_init(&server->ticket_timer, on_ticket_timer, server);
    bool made = net_tls_ticket_key_make(server->ticket_key) || error_set(error, "out of memory");
    if (made && net_tls_lookup_is_dev(config, "")) {
        made = net_tls_make_dev(&server->dev_certificate, &server->dev_key, error);
    }
    if (!made) {
        net_tls_server_destroy(server);
        return NULL;
    }
    return server;
}

void net_tls_server_destroy(struct net_tls_server *server)
{
    if (!server) {
        return;
    }
    assert(!server->job_running);
    if (server->loop) {
        loop_timer_cancel(server->loop, &server->poll_timer);
        loop_timer_cancel(server->loop, &server->day_timer);
        loop_timer_cancel(server->loop, &server->ticket_timer);
    }
    while (server->listeners) {
        struct net_tls_listener *listener = server->listeners;
        server->listeners = listener->next;
        listener_destroy(listener);
    }
    net_tls_wipe(&server->dev_key);
    bytes_buf_finish(&server->dev_certificate);
    gnutls_memset(server->ticket_key, 0, sizeof(server->ticket_key));
    free(server);
}

bool net_tls_server_has_dev(const struct net_tls_server *server)
{
    return server->dev_certificate.size > 0;
}

bool net_tls_server_write_dev(const struct net_tls_server *server, const char *path,
                              struct error *error)
{
    return net_tls_write_file(path, bytes_buf_span(&server->dev_certificate), 0644, error);
}
