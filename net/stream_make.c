// SPDX-License-Identifier: MIT
// How a stream comes to be: its stack of layers, the socket that was accepted or dialled, and what
// its layers may ask of the listener. From then on it is net/stream's.

#include "net/stream_parts.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/layer_proxy.h"
#include "net/tls_store.h"

#define CONNECT_MS 10000
// Beyond queue-bytes, for pongs, handshakes and goodbyes.
#define QUEUE_MARGIN_BYTES 16384

static bool push_layer(struct net_stream *stream, struct net_layer *layer)
{
    if (!layer) {
        return false;
    }
    net_layer_join(stream->layer_count ? net_stream_protocol(stream) : &stream->socket.base, layer);
    stream->layers[stream->layer_count++] = layer;
    return true;
}

static bool build_stack(struct net_stream *stream)
{
    const struct net_stream_stack *stack = stream->endpoint->stack;
    if (stream->endpoint->has_proxy && !push_layer(stream, net_layer_proxy_create(&stream->env))) {
        return false;
    }
    for (unsigned i = 0; stack->layers[i]; i++) {
        if (!push_layer(stream, stack->layers[i](&stream->env))) {
            return false;
        }
    }
    net_layer_join(net_stream_protocol(stream), &stream->top);
    return true;
}

// Not connected yet. `env` is copied.
static struct net_stream *create_stream(struct net_stream_endpoint *endpoint,
                                        const struct net_layer_env *env)
{
    struct net_hub *hub = endpoint->hub;
    struct net_stream *stream = calloc(1, sizeof(*stream));
    if (!stream) {
        return NULL;
    }
    stream->endpoint = endpoint;
    stream->env = *env;
    stream->env.config = hub->config;
    stream->env.origins = hub->origins;
    stream->env.passwords = hub->passwords;
    stream->env.number = stream->base.number = ++hub->last_number;
    stream->env.alpn = endpoint->stack->alpn;
    net_stream_init(stream);
    net_layer_socket_init(&stream->socket, &stream->env,
                          (size_t)hub->config->queue_bytes + QUEUE_MARGIN_BYTES,
                          &endpoint->traffic);
    if (!build_stack(stream)) {
        net_stream_destroy(stream);
        return NULL;
    }
    return stream;
}

// ---- accepting

static struct net_stream *stream_of_env(struct net_layer_env *env)
{
    return (struct net_stream *)(void *)((char *)env - offsetof(struct net_stream, env));
}

static bool admit_address(struct net_layer_env *env, const struct net_addr *remote)
{
    const struct net_acceptor *acceptor = stream_of_env(env)->endpoint->acceptor;
    return !acceptor->admit_address || acceptor->admit_address(acceptor->user, remote);
}

static uint16_t refusal(const struct net_layer_env *env)
{
    const struct net_stream *stream =
        (const struct net_stream *)(const void *)((const char *)env -
                                                  offsetof(struct net_stream, env));
    const struct net_acceptor *acceptor = stream->endpoint->acceptor;
    return acceptor->refusal ? acceptor->refusal(acceptor->user) : 0;
}

static void auth_failed(struct net_layer_env *env)
{
    const struct net_acceptor *acceptor = stream_of_env(env)->endpoint->acceptor;
    if (acceptor->auth_failed) {
        acceptor->auth_failed(acceptor->user, &env->remote);
    }
}

static void wake(struct net_layer_env *env)
{
    net_stream_set_timer(stream_of_env(env));
}

void net_stream_accept(struct net_stream_endpoint *endpoint, int fd, const struct net_addr *remote)
{
    // The certificate of this moment: a later one is for later streams.
    struct net_tls_credentials *credentials =
        endpoint->tls ? net_tls_listener_credentials(endpoint->tls) : NULL;
    struct net_layer_env env = {
        .url = &endpoint->url,
        .url_text = endpoint->base.url,
        .credentials = credentials,
        .admit_address = admit_address,
        .refusal = refusal,
        .auth_failed = auth_failed,
        .wake = wake,
        .is_server = true,
    };
    struct net_stream *stream = create_stream(endpoint, &env);
    net_tls_credentials_unref(credentials);
    if (!stream) {
        close(fd);
        return;
    }
    stream->env.credentials = NULL; // the layer has a reference of its own
    net_layer_socket_tune(fd);
    if (!net_stream_attach(stream, fd, remote, LOOP_READ)) {
        close(fd);
        net_stream_destroy(stream);
        return;
    }
    endpoint->rising++;
    net_stream_rise(stream);
}

// ---- dialling

bool net_stream_connect_next(struct net_stream *stream)
{
    struct net_stream_dial *dial = stream->dial;
    while (dial->address_next < dial->address_count) {
        const struct net_addr *address = &dial->addresses[dial->address_next++];
        struct sockaddr_storage to;
        bool as_v6 = !net_addr_is_v4(address);
        socklen_t size = net_addr_to_sockaddr(address, as_v6, &to);
        int fd = socket(as_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0) {
            continue;
        }
        net_layer_socket_tune(fd);
        if ((connect(fd, (struct sockaddr *)&to, size) == 0 || errno == EINPROGRESS) &&
            net_stream_attach(stream, fd, address, LOOP_WRITE)) {
            return true;
        }
        int problem = errno;
        close(fd);
        errno = problem;
    }
    return false;
}

struct net_link *net_stream_connect(struct net_stream_endpoint *endpoint,
                                    struct net_stream_dial *dial,
                                    const struct net_link_handler *handler, void *user,
                                    struct error *error)
{
    struct net_layer_env env = {
        .url = &dial->url,
        .url_text = dial->url_text,
        .credentials = endpoint->credentials,
    };
    struct net_stream *stream = create_stream(endpoint, &env);
    if (!stream) {
        error_set(error, "out of memory");
        free(dial);
        return NULL;
    }
    stream->dial = dial;
    if (!net_stream_connect_next(stream)) {
        error_set(error, "cannot connect to %s: %s", dial->url_text, strerror(errno));
        net_stream_destroy(stream);
        return NULL;
    }
    stream->deadline_ns = stream->env.now_ns + CONNECT_MS * CLOCK_NS_PER_MS;
    stream->is_counted = true;
    endpoint->base.link_count++;
    net_link_attach(&stream->base, handler, user);
    net_stream_set_timer(stream);
    return &stream->base;
}
