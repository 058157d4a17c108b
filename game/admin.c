// SPDX-License-Identifier: MIT
// The operators' HTTP port: libmicrohttpd polled by our loop, and the probe behind `paddock
// health`.
//
// Owns the listening socket, the daemon and the time a client may take. Declines to know what the
// pages say beyond calling the functions in struct game_admin_source. Driven by the loop: the
// daemon's own epoll descriptor is one watch in ours. Each connection serves one request and must
// be over in five seconds whatever it does: the daemon's own time-out starts anew with every byte,
// so sixteen clients that send one byte now and then would hold the port for good. While all places
// are taken, who has not asked after a quarter of a second goes, so that a health check gets
// through a backlog full of silent ones before whoever asked gives up.
//
// Accepting is ours, too. When the process is out of descriptors the daemon either spins or stops
// to accept for good, and a health check without an answer ends every race. So one descriptor is
// kept for that hour: it becomes the connection of one client at a time.

#include "game/admin.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config/url.h"
#include "net/addr.h"

#define CONNECTIONS_MAX         16
#define BACKLOG                 64 // who waits there for a free slot costs us nothing
#define CONNECTION_NS_MAX       (5 * CLOCK_NS_PER_S)
#define SILENCE_NS_MAX          (CLOCK_NS_PER_S / 4) // until the request is there, when full
#define CONNECTION_MEMORY_BYTES 4096        // request line and headers; more is answered 414 or 431
#define SEND_BYTES              (64 * 1024) // what a client that does not read makes the kernel hold
#define PAGE_BYTES_MAX          (512 * 1024)
#define BLOCK_BYTES             (32 * 1024)           // of a page in parts, taken at once
#define RESERVE_NS              (CLOCK_NS_PER_S / 10) // until the kept descriptor is tried for again
#define PROBE_NS_MAX            (2 * CLOCK_NS_PER_S)

struct admin_connection {
    int fd; // -1: free slot
    uint64_t began_ns;
    bool has_asked; // its headers are complete
    bool is_over;   // shut down, and still with the daemon
};

struct game_admin {
    struct loop *loop;
    struct counters *counters;
    struct game_admin_source source;
    struct MHD_Daemon *daemon;
    struct loop_fd daemon_watch;
    struct loop_fd listener_watch;
    struct loop_timer timer;
    int listener_fd;
    int reserve_fd; // -1: given up, because there was no other
    struct admin_connection connections[CONNECTIONS_MAX];
    struct bytes_buf page; // scratch: MHD copies what it sends
    bool more;             // of the page, when the present one is sent
    char address[NET_ADDR_TEXT_BYTES];
};

// ---- pages

struct admin_page {
    const char *path;
    const char *content_type;
    // Fills admin->page, or sets admin->more with a first part of it; returns the HTTP status.
    unsigned (*render)(struct game_admin *admin);
};

// What is still to come of an answer in parts.
struct admin_parts {
    struct game_admin *admin;
    struct bytes_buf part; // what was rendered and not sent
    unsigned next;
    bool more;
};

static unsigned say(struct game_admin *admin, unsigned status, const char *text)
{
    bool fits = bytes_buf_append_text(&admin->page, text);
    return fits ? status : MHD_HTTP_INTERNAL_SERVER_ERROR;
}

static unsigned render_healthz(struct game_admin *admin)
{
    if (!admin->source.healthy(admin->source.user)) {
        return say(admin, MHD_HTTP_SERVICE_UNAVAILABLE, "stuck\n");
    }
    return say(admin, MHD_HTTP_OK, "ok\n");
}

static unsigned render_readyz(struct game_admin *admin)
{
    if (!admin->source.ready(admin->source.user)) {
        return say(admin, MHD_HTTP_SERVICE_UNAVAILABLE, "not ready\n");
    }
    return say(admin, MHD_HTTP_OK, "ready\n");
}

static unsigned render_metrics(struct game_admin *admin)
{
    admin->source.refresh(admin->source.user);
    if (!counters_render(admin->counters, &admin->page)) {
        return MHD_HTTP_INTERNAL_SERVER_ERROR;
    }
    return MHD_HTTP_OK;
}

static unsigned render_status(struct game_admin *admin)
{
    if (!admin->source.status(admin->source.user, 0, &admin->page, &admin->more)) {
        return MHD_HTTP_INTERNAL_SERVER_ERROR;
    }
    return MHD_HTTP_OK;
}

#define TEXT_TYPE "text/plain; charset=utf-8"

static const struct admin_page pages[] = {
    {"/healthz", TEXT_TYPE, render_healthz},
    {"/metrics", "application/openmetrics-text; version=1.0.0; charset=utf-8", render_metrics},
    {"/readyz", TEXT_TYPE, render_readyz},
    {"/status", "application/json", render_status},
};

static const struct admin_page *find_page(const char *path)
{
    for (size_t i = 0; i < BASE_COUNT(pages); i++) {
        if (strcmp(pages[i].path, path) == 0) {
            return &pages[i];
        }
    }
    return NULL;
}

// ---- answers in parts

static ssize_t read_part(void *context, uint64_t position, char *to, size_t size)
{
    (void)position; // only ever goes on
    struct admin_parts *parts = context;
    const struct game_admin_source *source = &parts->admin->source;
    if (parts->part.size == 0) {
        if (!parts->more) {
            return MHD_CONTENT_READER_END_OF_STREAM;
        }
        if (!source->status(source->user, parts->next++, &parts->part, &parts->more)) {
            return MHD_CONTENT_READER_END_WITH_ERROR;
        }
        assert(parts->part.size > 0); // 0 would mean that the daemon should ask again
    }
    struct bytes_span span = bytes_buf_span(&parts->part);
    size = size < span.size ? size : span.size;
    memcpy(to, span.data, size);
    bytes_buf_consume(&parts->part, size);
    return (ssize_t)size;
}

static void free_parts(void *context)
{
    struct admin_parts *parts = context;
    bytes_buf_finish(&parts->part);
    free(parts);
}

// NULL when memory is short.
static struct MHD_Response *make_parted(struct game_admin *admin, bool is_head)
{
    struct admin_parts *parts = malloc(sizeof(*parts));
    if (!parts) {
        return NULL;
    }
    *parts = (struct admin_parts){.admin = admin, .part = admin->page, .next = 1, .more = true};
    bytes_buf_init(&admin->page, PAGE_BYTES_MAX); // the old one is the answer's now
    struct MHD_Response *response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES,
                                                                      read_part, parts, free_parts);
    if (!response) {
        free_parts(parts);
        return NULL;
    }
    if (is_head) { // else the end of the chunks would come, of which there are none
        MHD_set_response_options(response, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END);
    }
    return response;
}

static struct MHD_Response *make_whole(struct game_admin *admin)
{
    return MHD_create_response_from_buffer(admin->page.size, admin->page.memory + admin->page.start,
                                           MHD_RESPMEM_MUST_COPY);
}

// ---- requests

// Takes the response over, which may be NULL: out of memory, and MHD closes the connection.
static enum MHD_Result respond(struct MHD_Connection *connection, unsigned status,
                               const char *content_type, struct MHD_Response *response)
{
    if (!response) {
        return MHD_NO;
    }
    bool ok =
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type) == MHD_YES &&
        MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store") == MHD_YES &&
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close") == MHD_YES;
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED) {
        ok = ok && MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD") == MHD_YES;
    }
    enum MHD_Result queued = ok ? MHD_queue_response(connection, status, response) : MHD_NO;
    MHD_destroy_response(response);
    return queued;
}

// Called once the headers are there. A body, if one follows, is not read: the answer comes first
// and the connection ends with it.
static enum MHD_Result handle_request(void *context, struct MHD_Connection *connection,
                                      const char *path, const char *method, const char *version,
                                      const char *upload, size_t *upload_size, void **request)
{
    (void)version;
    (void)upload;
    (void)upload_size;
    (void)request;
    struct game_admin *admin = context;
    struct admin_connection *slot =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    slot->has_asked = true;
    const struct admin_page *page = find_page(path);
    bool is_head = strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
    bool reads = is_head || strcmp(method, MHD_HTTP_METHOD_GET) == 0;
    unsigned status;
    bytes_buf_clear(&admin->page);
    admin->more = false;
    if (!page) {
        status = say(admin, MHD_HTTP_NOT_FOUND, "not found\n");
    } else if (!reads) {
        status = say(admin, MHD_HTTP_METHOD_NOT_ALLOWED, "GET and HEAD only\n");
    } else {
        status = page->render(admin);
    }
    const char *content_type = status == MHD_HTTP_OK ? page->content_type : TEXT_TYPE;
    if (status == MHD_HTTP_INTERNAL_SERVER_ERROR) {
        // A page cut in half would be read as a whole one.
        bytes_buf_clear(&admin->page);
        if (!bytes_buf_append_text(&admin->page, "the page does not fit\n")) {
            return MHD_NO; // out of memory: MHD closes the connection
        }
    }
    bool in_parts = status == MHD_HTTP_OK && admin->more;
    return respond(connection, status, content_type,
                   in_parts ? make_parted(admin, is_head) : make_whole(admin));
}

// ---- driving the daemon

static void on_connection(void *context, struct MHD_Connection *connection, void **slot_pointer,
                          enum MHD_ConnectionNotificationCode what)
{
    struct game_admin *admin = context;
    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        struct admin_connection *slot = *slot_pointer;
        slot->fd = -1;
        return;
    }
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    for (unsigned i = 0; i < CONNECTIONS_MAX; i++) {
        struct admin_connection *slot = &admin->connections[i];
        if (slot->fd < 0) {
            *slot = (struct admin_connection){.fd = info->connect_fd,
                                              .began_ns = loop_now_ns(admin->loop)};
            *slot_pointer = slot;
            return;
        }
    }
    assert(false); // MHD keeps to the connection limit, which is the number of slots
}

static bool has_room(const struct game_admin *admin)
{
    for (unsigned i = 0; admin->reserve_fd >= 0 && i < CONNECTIONS_MAX; i++) {
        if (admin->connections[i].fd < 0) {
            return true;
        }
    }
    return false;
}

// Ends the connections whose time is up: after shutdown() the daemon sees end of file and frees
// them. Returns when the next one is due.
static uint64_t expire_connections(struct game_admin *admin, uint64_t now_ns)
{
    uint64_t next_ns = CLOCK_NEVER;
    uint64_t silence_ns = has_room(admin) ? CONNECTION_NS_MAX : SILENCE_NS_MAX;
    for (unsigned i = 0; i < CONNECTIONS_MAX; i++) {
        struct admin_connection *slot = &admin->connections[i];
        if (slot->fd < 0 || slot->is_over) {
            continue;
        }
        uint64_t due_ns = slot->began_ns + (slot->has_asked ? CONNECTION_NS_MAX : silence_ns);
        if (due_ns <= now_ns) {
            shutdown(slot->fd, SHUT_RDWR);
            slot->is_over = true;
        } else {
            next_ns = due_ns < next_ns ? due_ns : next_ns;
        }
    }
    return next_ns;
}

static void keep_reserve(struct game_admin *admin)
{
    if (admin->reserve_fd < 0) {
        admin->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    }
}

static void run_daemon(struct game_admin *admin)
{
    MHD_run(admin->daemon);
    keep_reserve(admin);
    loop_fd_set(admin->loop, &admin->listener_watch, has_room(admin) ? LOOP_READ : 0, LOOP_URGENT);
    uint64_t now_ns = loop_now_ns(admin->loop);
    uint64_t due_ns = expire_connections(admin, now_ns);
    MHD_UNSIGNED_LONG_LONG wait_ms;
    if (MHD_get_timeout(admin->daemon, &wait_ms) == MHD_YES) {
        uint64_t daemon_due_ns = now_ns + wait_ms * CLOCK_NS_PER_MS;
        due_ns = daemon_due_ns < due_ns ? daemon_due_ns : due_ns;
    }
    if (admin->reserve_fd < 0) {
        due_ns = now_ns + RESERVE_NS < due_ns ? now_ns + RESERVE_NS : due_ns;
    }
    if (due_ns == CLOCK_NEVER) {
        loop_timer_cancel(admin->loop, &admin->timer);
    } else {
        loop_timer_set(admin->loop, &admin->timer, due_ns);
    }
}

static void on_daemon(void *context, unsigned ready)
{
    (void)ready;
    run_daemon(context);
}

static void on_timer(void *context)
{
    run_daemon(context);
}

// ---- accepting

// -1: nobody waits, or he cannot be had before the kept descriptor is back.
static int accept_next(struct game_admin *admin, struct sockaddr_storage *from, socklen_t *size)
{
    *size = sizeof(*from);
    int fd =
        accept4(admin->listener_fd, (struct sockaddr *)from, size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0 && errno != EAGAIN) {
        close(admin->reserve_fd);
        admin->reserve_fd = -1;
        *size = sizeof(*from);
        fd = accept4(admin->listener_fd, (struct sockaddr *)from, size,
                     SOCK_NONBLOCK | SOCK_CLOEXEC);
    }
    return fd;
}

static void on_clients(void *context, unsigned ready)
{
    (void)ready;
    struct game_admin *admin = context;
    struct sockaddr_storage from;
    socklen_t size;
    int fd;
    while (has_room(admin) && (fd = accept_next(admin, &from, &size)) >= 0) {
        // The daemon's from here, also when it refuses; its run takes a slot.
        (void)MHD_add_connection(admin->daemon, fd, (const struct sockaddr *)&from, size);
        MHD_run(admin->daemon);
    }
    run_daemon(admin);
}

// ---- addresses

static bool parse_where(const char *where, struct net_addr *addr, struct error *error)
{
    struct url url;
    return url_parse_address(where, &url, error) &&
           net_addr_resolve(url.host, url.port, addr, 1, error) == 1;
}

// A stream socket of the family of `addr`, and `addr` in the form that it takes.
static int open_socket(const struct net_addr *addr, struct sockaddr_storage *name, socklen_t *size)
{
    bool as_v6 = !net_addr_is_v4(addr);
    *size = net_addr_to_sockaddr(addr, as_v6, name);
    return socket(as_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

// Ours rather than the daemon's, because its own says only that it failed.
static int open_listener(const char *where, char bound[NET_ADDR_TEXT_BYTES], struct error *error)
{
    struct net_addr addr;
    if (!parse_where(where, &addr, error)) {
        return -1;
    }
    struct sockaddr_storage name;
    socklen_t size;
    int fd = open_socket(&addr, &name, &size);
    if (fd < 0) {
        error_set(error, "cannot open a socket: %s", strerror(errno));
        return -1;
    }
    int on = 1;
    int send_bytes = SEND_BYTES; // accepted sockets inherit it
    socklen_t bound_size = sizeof(name);
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_bytes, sizeof(send_bytes)) != 0 ||
        bind(fd, (const struct sockaddr *)&name, size) != 0 || listen(fd, BACKLOG) != 0 ||
        getsockname(fd, (struct sockaddr *)&name, &bound_size) != 0) {
        error_set(error, "cannot listen on %s: %s; choose another address, or 'off'", where,
                  strerror(errno));
        close(fd);
        return -1;
    }
    net_addr_from_sockaddr(&addr, &name);
    net_addr_format(&addr, bound);
    return fd;
}

// ---- life

struct game_admin *game_admin_create(struct loop *loop, struct counters *counters,
                                     const char *where, const struct game_admin_source *source,
                                     struct error *error)
{
    struct game_admin *admin = calloc(1, sizeof(*admin));
    if (!admin) {
        error_set(error, "admin: out of memory");
        return NULL;
    }
    admin->loop = loop;
    admin->counters = counters;
    admin->source = *source;
    for (unsigned i = 0; i < CONNECTIONS_MAX; i++) {
        admin->connections[i].fd = -1;
    }
    bytes_buf_init(&admin->page, PAGE_BYTES_MAX);
    loop_timer_init(&admin->timer, on_timer, admin);
    admin->reserve_fd = -1;
    keep_reserve(admin);

    admin->listener_fd = open_listener(where, admin->address, error);
    if (admin->listener_fd < 0) {
        error_prefix(error, "admin");
        goto fail;
    }
    admin->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET, 0, NULL, NULL, handle_request, admin,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_MEMORY_BYTES, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, admin, MHD_OPTION_END);
    if (!admin->daemon) {
        error_set(error, "admin: the HTTP library does not start on %s", admin->address);
        goto fail;
    }
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(admin->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (!loop_fd_add(loop, &admin->daemon_watch, info->epoll_fd, LOOP_READ, LOOP_URGENT, on_daemon,
                     admin) ||
        !loop_fd_add(loop, &admin->listener_watch, admin->listener_fd, LOOP_READ, LOOP_URGENT,
                     on_clients, admin)) {
        error_set(error, "admin: cannot watch %s: %s", admin->address, strerror(errno));
        goto fail;
    }
    return admin;

fail:
    game_admin_destroy(admin);
    return NULL;
}

static void close_if_open(int fd)
{
    if (fd >= 0) {
        close(fd);
    }
}

void game_admin_destroy(struct game_admin *admin)
{
    if (!admin) {
        return;
    }
    loop_fd_remove(admin->loop, &admin->listener_watch);
    loop_fd_remove(admin->loop, &admin->daemon_watch);
    loop_timer_cancel(admin->loop, &admin->timer);
    MHD_stop_daemon(admin->daemon); // the open connections, too
    close_if_open(admin->listener_fd);
    close_if_open(admin->reserve_fd);
    bytes_buf_finish(&admin->page);
    free(admin);
}

const char *game_admin_address(const struct game_admin *admin)
{
    return admin->address;
}

// ---- the probe

// Waits until `fd` is ready for `events`, or the time is up (errno = ETIMEDOUT).
static bool probe_wait(int fd, short events, const struct clock *clock, uint64_t due_ns)
{
    uint64_t now_ns = clock_now_ns(clock);
    int wait_ms = now_ns < due_ns ? (int)((due_ns - now_ns) / CLOCK_NS_PER_MS) : 0;
    struct pollfd item = {.fd = fd, .events = events};
    int count = poll(&item, 1, wait_ms);
    errno = count == 0 ? ETIMEDOUT : errno;
    return count > 0;
}

static bool probe_connect(int fd, const struct sockaddr_storage *name, socklen_t size,
                          const struct clock *clock, uint64_t due_ns)
{
    if (connect(fd, (const struct sockaddr *)name, size) == 0) {
        return true;
    }
    if (errno != EINPROGRESS || !probe_wait(fd, POLLOUT, clock, due_ns)) {
        return false;
    }
    socklen_t error_size = sizeof(errno);
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &errno, &error_size) == 0 && errno == 0;
}

// Reads until `answer` holds the status line's first `size - 1` bytes.
static bool probe_read(int fd, char *answer, size_t size, const struct clock *clock,
                       uint64_t due_ns)
{
    size_t have = 0;
    while (have < size - 1) {
        if (!probe_wait(fd, POLLIN, clock, due_ns)) {
            return false;
        }
        ssize_t got = recv(fd, answer + have, size - 1 - have, 0);
        if (got <= 0) {
            errno = got == 0 ? ECONNRESET : errno;
            return false;
        }
        have += (size_t)got;
    }
    answer[have] = '\0';
    return true;
}

bool game_admin_probe(const char *where, struct error *error)
{
    struct net_addr addr;
    if (!parse_where(where, &addr, error)) {
        return false;
    }
    // A server that listens on every address is asked on loopback, which connect() does for
    // 0.0.0.0 and :: on Linux by itself.
    struct sockaddr_storage name;
    socklen_t size;
    int fd = open_socket(&addr, &name, &size);
    if (fd < 0) {
        return error_set(error, "cannot open a socket: %s", strerror(errno));
    }
    struct clock clock;
    clock_init_monotonic(&clock);
    uint64_t due_ns = clock_now_ns(&clock) + PROBE_NS_MAX;
    static const char request[] = "GET /healthz HTTP/1.1\r\nHost: paddock\r\n\r\n";
    char answer[sizeof("HTTP/1.1 200")];
    bool answered = probe_connect(fd, &name, size, &clock, due_ns) &&
                    send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) > 0 &&
                    probe_read(fd, answer, sizeof(answer), &clock, due_ns);
    if (!answered) {
        error_set(error, "no answer from %s: %s", where, strerror(errno));
    } else if (strcmp(answer, "HTTP/1.1 200") != 0) {
        answered = error_set(error, "%s answers %s", where, answer);
    }
    close(fd);
    return answered;
}
