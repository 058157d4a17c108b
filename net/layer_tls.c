// SPDX-License-Identifier: MIT
// Shakes hands, then opens and seals records. GnuTLS never sees the socket: it pulls from the bytes
// that are being fed and pushes to the layer below, so it can neither block nor be short of room.
// Everything written in one turn is corked and leaves as few records as it fits in.
//
// Knows nothing of certificates but the credentials it is given (net/tls_store).

#include "net/layer_tls.h"

#include <assert.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/base/log.h"
#include "config/secret.h"
#include "net/http_upgrade.h"
#include "net/layer_proxy.h"
#include "net/tls_credentials.h"
#include "net/tls_problem.h"

struct layer_tls {
    struct net_layer base;
    gnutls_session_t session;
    struct net_tls_credentials *credentials;
    struct bytes_span fed;   // what is being fed
    struct bytes_span input; // what of it GnuTLS has not pulled yet
    bool starved;            // it has pulled in vain
    bool heard;              // a first byte has come
    bool failed;             // the handshake or a record: the session is not called any more
    bool is_shut;
};

static struct layer_tls *tls_of(struct net_layer *layer)
{
    return (struct layer_tls *)layer;
}

// ---- memory in the place of a socket

static ssize_t on_pull(gnutls_transport_ptr_t context, void *to, size_t size)
{
    struct layer_tls *tls = context;
    if (tls->input.size == 0) {
        tls->starved = true;
        gnutls_transport_set_errno(tls->session, EAGAIN);
        return -1;
    }
    size_t count = tls->input.size < size ? tls->input.size : size;
    memcpy(to, tls->input.data, count);
    tls->input = bytes_of(tls->input.data + count, tls->input.size - count);
    return (ssize_t)count;
}

static ssize_t on_push(gnutls_transport_ptr_t context, const void *from, size_t size)
{
    struct layer_tls *tls = context;
    if (!net_layer_write(tls->base.below, bytes_of(from, size))) {
        gnutls_transport_set_errno(tls->session, EPIPE);
        return -1;
    }
    return (ssize_t)size;
}

// ---- handshake

static void log_failure(const struct layer_tls *tls, const char *problem, const char *alert)
{
    const struct net_layer_env *env = tls->base.env;
    net_tls_log_failure(env->url_text, env->number, &env->remote, problem, alert);
}

// OpenSSL's clients send alerts about our certificate unencrypted even in TLS 1.3, which GnuTLS
// takes for a record that it cannot decrypt. The name is only for the log.
static const char *find_plain_alert(struct bytes_span records)
{
    while (records.size >= 7) {
        size_t size = 5u + bytes_get_u16(records.data + 3);
        if (records.data[0] == 21 && size == 7) {
            return gnutls_alert_get_name((gnutls_alert_description_t)records.data[6]);
        }
        size = size < records.size ? size : records.size;
        records = bytes_of(records.data + size, records.size - size);
    }
    return NULL;
}

static uint16_t fail_handshake(struct layer_tls *tls, int status)
{
    const char *alert = NULL;
    tls->failed = true;
    tls->base.due_ns = CLOCK_NEVER;
    if (status == GNUTLS_E_FATAL_ALERT_RECEIVED) {
        alert = gnutls_alert_get_name(gnutls_alert_get(tls->session));
    } else {
        alert = status == GNUTLS_E_DECRYPTION_FAILED ? find_plain_alert(tls->fed) : NULL;
        gnutls_alert_send_appropriate(tls->session, status); // else the peer waits for more
    }
    if (tls->base.env->is_server) {
        log_failure(tls, gnutls_strerror_name(status), alert);
    }
    struct error error;
    uint16_t code = net_tls_explain(tls->session, status, alert, &error);
    return net_layer_fail(&tls->base, code, "%s", error.text);
}

// Goes on after warning alerts, each of which took bytes to send, until bytes are missing.
static uint16_t shake_hands(struct layer_tls *tls)
{
    int status;
    tls->starved = false;
    do {
        status = gnutls_handshake(tls->session);
    } while (status < 0 && !gnutls_error_is_fatal(status) && !tls->starved);
    if (status < 0 && !gnutls_error_is_fatal(status)) {
        return 0;
    }
    if (status != GNUTLS_E_SUCCESS) {
        return fail_handshake(tls, status);
    }
    tls->base.due_ns = CLOCK_NEVER;
    tls->base.is_up = true;
    return net_layer_up(tls->base.above);
}

// "http://" typed for "https://": an answer in plain text instead of a silent wait. A TLS record
// never begins with a letter.
static uint16_t answer_plain_http(struct layer_tls *tls)
{
    struct net_layer *layer = &tls->base;
    char remote[NET_ADDR_TEXT_BYTES];
    struct bytes_buf out;
    net_addr_format(&layer->env->remote, remote);
    log_peer(LOG_WARN, "plain_http_on_tls_listener", LOG_S("listener", layer->env->url_text),
             LOG_U("conn", layer->env->number), LOG_S("remote", remote),
             LOG_S("text", "plain HTTP request sent to a TLS listener: use wss://"));
    tls->failed = true;
    layer->due_ns = CLOCK_NEVER;
    bytes_buf_init(&out, NET_HTTP_ANSWER_BYTES);
    bool written = net_http_upgrade_answer(&out, NET_HTTP_PLAIN_ON_TLS, "", NULL) &&
                   net_layer_write(layer->below, bytes_buf_span(&out));
    bytes_buf_finish(&out);
    return net_layer_fail(layer, written ? NET_CLOSE_PROTOCOL : NET_CLOSE_LOST,
                          "plain HTTP on a TLS listener");
}

// ---- records

static uint16_t fail_record(struct layer_tls *tls, long status)
{
    tls->failed = true;
    if (status == 0) {
        return net_layer_fail(&tls->base, NET_CLOSE_LOST, "the peer ended TLS");
    }
    if (status == GNUTLS_E_FATAL_ALERT_RECEIVED) {
        return net_layer_fail(&tls->base, NET_CLOSE_LOST, "TLS alert: %s",
                              gnutls_alert_get_name(gnutls_alert_get(tls->session)));
    }
    // Renegotiation is refused like any other breach: TLS 1.3 has none, and all it ever brought is
    // attacks.
    gnutls_alert_send_appropriate(tls->session, (int)status);
    return net_layer_fail(&tls->base, NET_CLOSE_LOST, "TLS: %s", gnutls_strerror((int)status));
}

// Feeds the record from GnuTLS's own memory, which is wiped: it may have been a token.
static uint16_t feed_record(struct layer_tls *tls, gnutls_packet_t packet)
{
    gnutls_datum_t data;
    gnutls_packet_get(packet, &data, NULL);
    uint16_t code = net_layer_feed(tls->base.above, bytes_of(data.data, data.size));
    secret_wipe(data.data, data.size);
    gnutls_packet_deinit(packet);
    return code;
}

static uint16_t open_records(struct layer_tls *tls)
{
    uint16_t code = 0;
    tls->starved = false;
    while (!tls->failed && !code) {
        gnutls_packet_t packet = NULL;
        ssize_t status = gnutls_record_recv_packet(tls->session, &packet);
        if (status > 0) {
            code = feed_record(tls, packet);
        } else if (status == 0 || status == GNUTLS_E_REHANDSHAKE ||
                   gnutls_error_is_fatal((int)status)) {
            return fail_record(tls, status);
        } else if (status == GNUTLS_E_AGAIN && tls->starved) {
            return 0;
        } // else it stopped after a warning, a session ticket or key update, with more to read
    }
    return code;
}

static uint16_t tls_feed(struct net_layer *layer, struct bytes_span bytes)
{
    struct layer_tls *tls = tls_of(layer);
    uint16_t code = 0;
    if (tls->failed || bytes.size == 0) {
        return 0;
    }
    if (!tls->heard && net_layer_proxy_is_stray(layer, bytes)) {
        tls->failed = true;
        layer->due_ns = CLOCK_NEVER;
        return net_layer_fail(layer, NET_CLOSE_LOST, "a header of the PROXY protocol");
    }
    if (!tls->heard && layer->env->is_server && bytes.data[0] >= 'A' && bytes.data[0] <= 'Z') {
        return answer_plain_http(tls);
    }
    tls->heard = true;
    tls->fed = bytes;
    tls->input = bytes;
    if (!layer->is_up) {
        code = shake_hands(tls);
    }
    if (!code && layer->is_up) {
        code = open_records(tls);
    }
    // After a failure what is left means nothing; else GnuTLS has pulled it all.
    tls->fed = tls->input = bytes_of(NULL, 0);
    return code;
}

static bool tls_write(struct net_layer *layer, struct bytes_span bytes)
{
    struct layer_tls *tls = tls_of(layer);
    assert(layer->is_up);
    if (tls->failed || tls->is_shut || bytes.size == 0) {
        return true; // nobody can read it any more
    }
    gnutls_record_cork(tls->session);
    while (bytes.size > 0) {
        ssize_t sent = gnutls_record_send(tls->session, bytes.data, bytes.size);
        if (sent < 0) {
            return false;
        }
        bytes = bytes_of(bytes.data + sent, bytes.size - (size_t)sent);
    }
    return true;
}

static void tls_flush(struct net_layer *layer)
{
    struct layer_tls *tls = tls_of(layer);
    // A push that fails has told the owner of the stack already.
    if (layer->is_up && !tls->failed && gnutls_record_uncork(tls->session, 0) < 0) {
        tls->failed = true;
    }
    net_layer_flush(layer->below);
}

static void tls_shut(struct net_layer *layer)
{
    struct layer_tls *tls = tls_of(layer);
    if (layer->is_up && !tls->failed && !tls->is_shut) {
        if (gnutls_record_uncork(tls->session, 0) < 0 ||
            gnutls_bye(tls->session, GNUTLS_SHUT_WR) < 0) {
            tls->failed = true;
        }
    }
    tls->is_shut = true;
    net_layer_shut(layer->below);
}

// ---- life

static uint16_t tls_up(struct net_layer *layer)
{
    layer->due_ns = net_layer_in_ms(layer, layer->env->config->tls_handshake_ms);
    return layer->env->is_server ? 0 : shake_hands(tls_of(layer));
}

static uint16_t tls_expired(struct net_layer *layer)
{
    struct layer_tls *tls = tls_of(layer);
    layer->due_ns = CLOCK_NEVER;
    tls->failed = true;
    if (layer->env->is_server) {
        log_failure(tls, "timeout", NULL);
    }
    return net_layer_fail(layer, NET_CLOSE_LOST, "TLS handshake took too long");
}

static void tls_destroy(struct net_layer *layer)
{
    struct layer_tls *tls = tls_of(layer);
    gnutls_deinit(tls->session);
    net_tls_credentials_unref(tls->credentials);
    free(tls);
}

static const struct net_layer_impl tls_impl = {
    .name = "tls",
    .up = tls_up,
    .feed = tls_feed,
    .write = tls_write,
    .flush = tls_flush,
    .shut = tls_shut,
    .expired = tls_expired,
    .destroy = tls_destroy,
};

static bool set_alpn(gnutls_session_t session, const char *alpn)
{
    char copy[32];
    gnutls_datum_t protocol = {.data = (unsigned char *)copy, .size = (unsigned)strlen(alpn)};
    assert(protocol.size < sizeof(copy));
    memcpy(copy, alpn, protocol.size);
    return gnutls_alpn_set_protocols(session, &protocol, 1, GNUTLS_ALPN_MANDATORY) == 0;
}

struct net_layer *net_layer_tls_create(struct net_layer_env *env)
{
    unsigned side = env->is_server ? GNUTLS_SERVER : GNUTLS_CLIENT;
    struct layer_tls *tls = calloc(1, sizeof(*tls));
    if (!tls) {
        return NULL;
    }
    net_layer_init(&tls->base, &tls_impl, env);
    if (gnutls_init(&tls->session, side | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) != 0) {
        free(tls);
        return NULL;
    }
    tls->credentials = net_tls_credentials_ref(env->credentials);
    gnutls_transport_set_ptr(tls->session, tls);
    gnutls_transport_set_pull_function(tls->session, on_pull);
    gnutls_transport_set_push_function(tls->session, on_push);
    // Deadlines are the loop's, and nothing here may sleep.
    gnutls_handshake_set_timeout(tls->session, 0);
    if (!net_tls_credentials_apply(tls->credentials, tls->session, env->url->host) ||
        (env->alpn && !set_alpn(tls->session, env->alpn))) {
        tls_destroy(&tls->base);
        return NULL;
    }
    return &tls->base;
}
