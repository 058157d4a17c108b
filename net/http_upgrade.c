// SPDX-License-Identifier: MIT
// The rules of the opening handshake, in the order in which a mistake is most usefully reported,
// and the texts that tell a person with a browser or curl what to do instead.

#include "net/http_upgrade.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "config/origin.h"
#include "net/caller.h"
#include "net/close.h"
#include "net/http_page.h"

struct answer {
    unsigned status;
    const char *phrase;
    const char *fields; // header lines beyond the usual ones
    const char *text;   // may hold one %s: the path of the WebSocket
};

#define UPGRADE_FIELDS "Upgrade: websocket\r\nConnection: Upgrade, close\r\n"
#define CLOSE_FIELDS   "Connection: close\r\n"

static const struct answer answers[] = {
    [NET_HTTP_SWITCH] = {101, "Switching Protocols", NULL, NULL},
    [NET_HTTP_PAGE] = {200, "OK", NULL, NULL},
    [NET_HTTP_BAD_SYNTAX] = {400, "Bad Request", CLOSE_FIELDS,
                             "This is not a well-formed HTTP/1.1 request.\n"},
    [NET_HTTP_BAD_LENGTH_OF_LINE] = {414, "URI Too Long", CLOSE_FIELDS,
                                     "The request line is longer than 2048 bytes.\n"},
    [NET_HTTP_BAD_LENGTH] = {431, "Request Header Fields Too Large", CLOSE_FIELDS,
                             "At most 8192 bytes and 64 header fields, names up to 64 bytes and "
                             "values up to 4096.\n"},
    [NET_HTTP_BAD_VERSION] = {505, "HTTP Version Not Supported", CLOSE_FIELDS,
                              "Only HTTP/1.1 is spoken here. A proxy in front needs "
                              "proxy_http_version 1.1 or its like.\n"},
    [NET_HTTP_BAD_METHOD] = {405, "Method Not Allowed", "Allow: GET\r\n" CLOSE_FIELDS,
                             "A WebSocket begins with GET.\n"},
    [NET_HTTP_BAD_HOST] = {400, "Bad Request", CLOSE_FIELDS,
                           "Exactly one Host header is needed.\n"},
    [NET_HTTP_BAD_BODY] = {400, "Bad Request", CLOSE_FIELDS, "A WebSocket request has no body.\n"},
    [NET_HTTP_ROOT_PAGE] = {426, "Upgrade Required", UPGRADE_FIELDS,
                            "This is a Paddock game server. Connect a WebSocket to %s.\n"},
    [NET_HTTP_NOT_FOUND] = {404, "Not Found", CLOSE_FIELDS,
                            "There is nothing here. The WebSocket is at %s.\n"},
    [NET_HTTP_NO_UPGRADE] = {426, "Upgrade Required", UPGRADE_FIELDS,
                             "This is a WebSocket endpoint: the request needs 'Upgrade: websocket' "
                             "and 'Connection: Upgrade'. A proxy in front must pass them on.\n"},
    [NET_HTTP_BAD_WS_VERSION] = {426, "Upgrade Required",
                                 "Sec-WebSocket-Version: 13\r\n" UPGRADE_FIELDS,
                                 "Exactly one Sec-WebSocket-Version header is needed, with 13.\n"},
    [NET_HTTP_BAD_KEY] = {400, "Bad Request", CLOSE_FIELDS,
                          "Exactly one Sec-WebSocket-Key header is needed, base64 of 16 bytes.\n"},
    [NET_HTTP_BAD_IP_HEADER] = {400, "Bad Request", CLOSE_FIELDS,
                                "The header with the client's address may be there only once.\n"},
    [NET_HTTP_BAD_MAPPED_HEADER] = {400, "Bad Request", CLOSE_FIELDS,
                                    "A header that is handed on (--map-headers) may have 256 bytes "
                                    "and no control characters.\n"},
    [NET_HTTP_TOO_MANY] =
        {429, "Too Many Requests", "Retry-After: 1\r\n" CLOSE_FIELDS,
         "Your address has too many connections, makes new ones too fast, or has sent "
         "too many tokens that are not valid.\n"},
    [NET_HTTP_BAD_COOKIE] = {403, "Forbidden", CLOSE_FIELDS,
                             "The cookie that opens this door is missing or no longer valid.\n"},
    [NET_HTTP_NO_PASSWORD] = {401, "Unauthorized",
                              "WWW-Authenticate: Basic realm=\"Restricted Area\"\r\n" CLOSE_FIELDS,
                              "A name and a password are needed here.\n"},
    [NET_HTTP_BAD_ORIGIN] = {403, "Forbidden", CLOSE_FIELDS,
                             "Pages of this origin may not connect here (--allow-origins).\n"},
    [NET_HTTP_BAD_SUBPROTOCOL] = {400, "Bad Request", CLOSE_FIELDS,
                                  "None of the offered subprotocols is known. "
                                  "Supported: " NET_WS_SUBPROTOCOL "\n"},
    [NET_HTTP_FULL] = {503, "Service Unavailable", "Retry-After: 2\r\n" CLOSE_FIELDS,
                       "This server is full. Try again later, or another server.\n"},
    [NET_HTTP_ENDING] = {503, "Service Unavailable", "Retry-After: 10\r\n" CLOSE_FIELDS,
                         "This server is shutting down. Connect to another one.\n"},
    [NET_HTTP_TOO_SLOW] = {408, "Request Timeout", CLOSE_FIELDS,
                           "The request did not arrive in time.\n"},
    [NET_HTTP_UNAVAILABLE] = {503, "Service Unavailable", "Retry-After: 1\r\n" CLOSE_FIELDS,
                              "The server has no room for this now.\n"},
    [NET_HTTP_PLAIN_ON_TLS] = {400, "Bad Request", CLOSE_FIELDS,
                               "Plain HTTP was sent to a TLS port. Use wss:// (or https://) "
                               "instead.\n"},
};

unsigned net_http_answer_status(enum net_http_answer answer)
{
    return answers[answer].status;
}

// ---- server

enum net_http_answer net_http_upgrade_refuse(enum net_http_verdict verdict)
{
    switch (verdict) {
    case NET_HTTP_LINE_TOO_LONG:
        return NET_HTTP_BAD_LENGTH_OF_LINE;
    case NET_HTTP_TOO_LARGE:
        return NET_HTTP_BAD_LENGTH;
    default:
        assert(verdict == NET_HTTP_MALFORMED);
        return NET_HTTP_BAD_SYNTAX;
    }
}

static bool is_target(struct bytes_span target)
{
    for (size_t i = 0; i < target.size; i++) {
        if (target.data[i] <= ' ' || target.data[i] >= 0x7f) {
            return false;
        }
    }
    return target.size > 0 && target.data[0] == '/';
}

static bool is_http_version(struct bytes_span version)
{
    return version.size == 8 && memcmp(version.data, "HTTP/", 5) == 0 && version.data[5] >= '0' &&
           version.data[5] <= '9' && version.data[6] == '.' && version.data[7] >= '0' &&
           version.data[7] <= '9';
}

// Splits the request line and judges it but for the path.
static enum net_http_answer judge_line(struct bytes_span line, struct bytes_span *path)
{
    struct bytes_span method = bytes_cut(&line, ' ');
    struct bytes_span target = bytes_cut(&line, ' ');
    if (!net_http_is_token(method) || !is_target(target) || !is_http_version(line)) {
        return NET_HTTP_BAD_SYNTAX;
    }
    if (!bytes_equal(line, bytes_of_string("HTTP/1.1"))) {
        return NET_HTTP_BAD_VERSION;
    }
    *path = bytes_cut(&target, '?');
    return bytes_equal(method, bytes_of_string("GET")) ? NET_HTTP_SWITCH : NET_HTTP_BAD_METHOD;
}

static bool has_body(const struct net_http_head *head)
{
    struct bytes_span value;
    unsigned lengths = net_http_head_find(head, "content-length", &value);
    return (lengths > 0 && (lengths > 1 || !bytes_equal(value, bytes_of_string("0")))) ||
           net_http_head_find(head, "transfer-encoding", &value) > 0;
}

// True when nothing was offered, or ours is among it. *unknown: the first one offered.
static bool offers_subprotocol(const struct net_http_head *head, struct bytes_span *unknown)
{
    bool offered = false;
    for (unsigned i = 0; i < head->field_count; i++) {
        struct bytes_span list = head->fields[i].value;
        struct bytes_span element;
        if (!net_http_equal(head->fields[i].name, "sec-websocket-protocol")) {
            continue;
        }
        while (net_http_list_next(&list, &element)) {
            if (!offered) {
                *unknown = element;
            }
            offered = true;
            if (bytes_equal(element, bytes_of_string(NET_WS_SUBPROTOCOL))) {
                return true;
            }
        }
    }
    return !offered;
}

// Byte for byte: whoever decodes escapes or resolves dots here disagrees with some proxy in front.
static bool is_socket_path(struct bytes_span path, const struct net_http_site *site)
{
    size_t size = strlen(site->path);
    if (path.size < size || memcmp(path.data, site->path, size) != 0) {
        return false;
    }
    struct bytes_span rest = bytes_of(path.data + size, path.size - size);
    return rest.size == 0 ||
           (site->node[0] != '\0' && rest.data[0] == '/' &&
            bytes_equal(bytes_of(rest.data + 1, rest.size - 1), bytes_of_string(site->node)));
}

// For whoever does not ask for a WebSocket at its path.
static enum net_http_answer judge_page(struct bytes_span path, const struct net_http_site *site)
{
    bool is_root = bytes_equal(path, bytes_of_string("/"));
    if (site->has_page && (is_root || bytes_equal(path, bytes_of_string("/websockets.html")))) {
        return NET_HTTP_PAGE;
    }
    return is_root ? NET_HTTP_ROOT_PAGE : NET_HTTP_NOT_FOUND;
}

// Browsers always send it and pages cannot forge it; other programs leave it out or write anything.
static bool may_origin_connect(const struct net_http_head *head, const struct net_http_site *site)
{
    struct bytes_span origin;
    switch (net_http_head_find(head, "origin", &origin)) {
    case 0:
        return !site->needs_origin;
    case 1:
        return origin.size <= NET_CALLER_ORIGIN_BYTES &&
               (!site->origins || config_origin_is_allowed(site->origins, origin));
    default:
        return false;
    }
}

enum net_http_answer net_http_upgrade_judge(const struct net_http_head *head,
                                            const struct net_http_site *site,
                                            struct bytes_span *unknown)
{
    struct bytes_span requested;
    struct bytes_span value;
    enum net_http_answer answer = judge_line(head->line, &requested);
    if (answer != NET_HTTP_SWITCH) {
        return answer;
    }
    if (net_http_head_find(head, "host", &value) != 1) {
        return NET_HTTP_BAD_HOST;
    }
    if (has_body(head)) {
        return NET_HTTP_BAD_BODY;
    }
    bool upgrades = net_http_head_lists(head, "upgrade", "websocket") &&
                    net_http_head_lists(head, "connection", "upgrade");
    if (!is_socket_path(requested, site)) {
        return upgrades ? NET_HTTP_NOT_FOUND : judge_page(requested, site);
    }
    if (!upgrades) {
        return NET_HTTP_NO_UPGRADE;
    }
    if (net_http_head_find(head, "sec-websocket-version", &value) != 1 ||
        !bytes_equal(value, bytes_of_string("13"))) {
        return NET_HTTP_BAD_WS_VERSION;
    }
    if (net_http_head_find(head, "sec-websocket-key", &value) != 1 || !net_ws_key_is_valid(value)) {
        return NET_HTTP_BAD_KEY;
    }
    if (!may_origin_connect(head, site)) {
        return NET_HTTP_BAD_ORIGIN;
    }
    return offers_subprotocol(head, unknown) ? NET_HTTP_SWITCH : NET_HTTP_BAD_SUBPROTOCOL;
}

static bool answer_switch(struct bytes_buf *out, const struct net_http_head *head)
{
    struct bytes_span key = {0};
    struct bytes_span offered = {0};
    char accept[NET_WS_ACCEPT_BYTES + 1];
    net_http_head_find(head, "sec-websocket-key", &key);
    net_ws_accept(key, accept);
    bool negotiated = offers_subprotocol(head, &offered) && offered.size > 0;
    return bytes_buf_append_format(
        out,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n%s\r\n",
        accept, negotiated ? "Sec-WebSocket-Protocol: " NET_WS_SUBPROTOCOL "\r\n" : "");
}

// Replaces the one %s that a text may have.
static void fill_in(char *text, size_t size, const char *form, const char *path)
{
    const char *mark = strstr(form, "%s");
    int before = mark ? (int)(mark - form) : (int)strlen(form);
    snprintf(text, size, "%.*s%s%s", before, form, mark ? path : "", mark ? mark + 2 : "");
}

bool net_http_upgrade_answer(struct bytes_buf *out, enum net_http_answer answer, const char *path,
                             const struct net_http_head *head)
{
    const struct answer *row = &answers[answer];
    char text[512];
    if (answer == NET_HTTP_SWITCH) {
        return answer_switch(out, head);
    }
    if (answer == NET_HTTP_PAGE) {
        return net_http_page_answer(out, path);
    }
    fill_in(text, sizeof(text), row->text, path);
    return bytes_buf_append_format(out,
                                   "HTTP/1.1 %u %s\r\n%sContent-Type: text/plain\r\n"
                                   "Content-Length: %zu\r\n\r\n%s",
                                   row->status, row->phrase, row->fields, strlen(text), text);
}

// ---- client

bool net_http_upgrade_request(struct bytes_buf *out, const char *host, const char *target,
                              const char *key)
{
    return bytes_buf_append_format(out,
                                   "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\n"
                                   "Connection: Upgrade\r\nSec-WebSocket-Key: %s\r\n"
                                   "Sec-WebSocket-Version: 13\r\n"
                                   "Sec-WebSocket-Protocol: " NET_WS_SUBPROTOCOL "\r\n\r\n",
                                   target, host, key);
}

static const char *check_status(struct bytes_span line)
{
    struct bytes_span version = bytes_cut(&line, ' ');
    struct bytes_span status = bytes_cut(&line, ' ');
    if (!bytes_equal(version, bytes_of_string("HTTP/1.1")) || status.size != 3) {
        return "the server does not speak HTTP/1.1";
    }
    if (bytes_equal(status, bytes_of_string("404"))) {
        return "the server has no WebSocket at this path (404)";
    }
    if (bytes_equal(status, bytes_of_string("429"))) {
        return "this address has too many connections, or makes new ones too fast (429)";
    }
    if (bytes_equal(status, bytes_of_string("503"))) {
        return "the server is full or shutting down (503)";
    }
    return bytes_equal(status, bytes_of_string("101")) ? NULL
                                                       : "the server refuses a WebSocket here";
}

uint16_t net_http_upgrade_code(const struct net_http_head *head)
{
    struct bytes_span line = head->line;
    (void)bytes_cut(&line, ' ');
    struct bytes_span status = bytes_cut(&line, ' ');
    bool may_try_again =
        bytes_equal(status, bytes_of_string("503")) || bytes_equal(status, bytes_of_string("429"));
    return may_try_again ? NET_CLOSE_OVERLOADED : NET_CLOSE_LOST;
}

const char *net_http_upgrade_check(const struct net_http_head *head, const char *key)
{
    struct bytes_span value;
    char accept[NET_WS_ACCEPT_BYTES + 1];
    const char *problem = check_status(head->line);
    if (problem) {
        return problem;
    }
    if (!net_http_head_lists(head, "upgrade", "websocket") ||
        !net_http_head_lists(head, "connection", "upgrade")) {
        return "the server's 101 does not upgrade to a WebSocket";
    }
    net_ws_accept(bytes_of_string(key), accept);
    if (net_http_head_find(head, "sec-websocket-accept", &value) != 1 ||
        !bytes_equal(value, bytes_of_string(accept))) {
        return "the server's Sec-WebSocket-Accept is wrong";
    }
    if (net_http_head_find(head, "sec-websocket-extensions", &value) > 0) {
        return "the server uses a WebSocket extension that was not offered";
    }
    if (net_http_head_find(head, "sec-websocket-protocol", &value) != 1 ||
        !bytes_equal(value, bytes_of_string(NET_WS_SUBPROTOCOL))) {
        return "the server does not speak " NET_WS_SUBPROTOCOL;
    }
    return NULL;
}
