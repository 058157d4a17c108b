// SPDX-License-Identifier: MIT
// The rules of the opening handshake and the layer that drives them.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/caller.h"
#include "net/http_upgrade.h"
#include "net/layer_upgrade.h"
#include "tests/support/layer_end.h"

// The key and its answer of RFC 6455 1.3.
#define KEY     "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT  "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

#define LINE    "GET /websocket HTTP/1.1\r\n"
#define HOST    "Host: play.example.com\r\n"
#define UPGRADE "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define SOCKET  "Sec-WebSocket-Key: " KEY "\r\nSec-WebSocket-Version: 13\r\n"
#define REQUEST LINE HOST UPGRADE SOCKET

#define SWITCHED                                                                                   \
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"            \
    "Sec-WebSocket-Accept: " ACCEPT "\r\n"

static struct net_http_head *head;
static const struct net_http_site site = {.path = "/websocket", .node = ""};

static enum net_http_verdict read_text(const char *text)
{
    struct bytes_span span = bytes_of_string(text);
    memset(head, 0, sizeof(*head));
    return net_http_head_feed(head, &span);
}

static unsigned judge_at(const struct net_http_site *at, const char *fields)
{
    char text[4096];
    struct bytes_span unknown;
    snprintf(text, sizeof(text), "%s\r\n", fields);
    assert_int_equal(read_text(text), NET_HTTP_COMPLETE);
    return net_http_answer_status(net_http_upgrade_judge(head, at, &unknown));
}

static unsigned judge(const char *fields)
{
    return judge_at(&site, fields);
}

static int setup(void **state)
{
    (void)state;
    head = calloc(1, sizeof(*head));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(head);
    return 0;
}

// ---- the rules

static void a_good_request_switches(void **state)
{
    (void)state;
    assert_int_equal(judge(REQUEST), 101);
    struct bytes_buf out;
    bytes_buf_init(&out, NET_HTTP_ANSWER_BYTES);
    assert_true(net_http_upgrade_answer(&out, NET_HTTP_SWITCH, site.path, head));
    assert_true(bytes_equal(bytes_buf_span(&out), bytes_of_string(SWITCHED "\r\n")));
    bytes_buf_finish(&out);
}

static void what_browsers_and_proxies_send_switches(void **state)
{
    (void)state;
    // Chromium
    assert_int_equal(
        judge("GET /websocket HTTP/1.1\r\nHost: localhost:9090\r\nConnection: Upgrade\r\nPragma: "
              "no-cache\r\nCache-Control: no-cache\r\nUser-Agent: Mozilla/5.0\r\nUpgrade: "
              "websocket\r\nOrigin: null\r\nSec-WebSocket-Version: 13\r\nAccept-Encoding: gzip, "
              "deflate, br\r\nSec-WebSocket-Key: " KEY "\r\nSec-WebSocket-Extensions: "
              "permessage-deflate; client_max_window_bits\r\n"),
        101);
    // Firefox
    assert_int_equal(
        judge(LINE HOST "Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n" SOCKET), 101);
    // nginx with an upstream named cluster
    assert_int_equal(judge(LINE
                           "Upgrade: websocket\r\nConnection: upgrade\r\nHost: cluster\r\n" SOCKET
                           "Authorization: Basic eDp5\r\nCookie: AUTH=x\r\n"),
                     101);
    assert_int_equal(
        judge("GET /websocket?a=%20b HTTP/1.1\r\n" HOST UPGRADE SOCKET "Content-Length: 0\r\n"),
        101);
}

static void each_mistake_has_its_status(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned status;
    } cases[] = {
        {"GET /websocket\r\n" HOST, 400},
        {"GET  /websocket HTTP/1.1\r\n" HOST, 400},
        {"GET /websocket  HTTP/1.1\r\n" HOST, 400},
        {"GET /websocket HTTP/1.1 \r\n" HOST, 400},
        {"GET websocket HTTP/1.1\r\n" HOST, 400},
        {"GET http://a/websocket HTTP/1.1\r\n" HOST UPGRADE SOCKET, 400},
        {"GET * HTTP/1.1\r\n" HOST, 400},
        {"G@T /websocket HTTP/1.1\r\n" HOST, 400},
        {"GET /web\tsocket HTTP/1.1\r\n" HOST, 400},
        {"GET /websocket http/1.1\r\n" HOST, 400},
        {"GET /websocket HTTP/1.10\r\n" HOST, 400},
        {"GET /websocket HTTP/1.0\r\n" HOST UPGRADE SOCKET, 505},
        {"GET /websocket HTTP/2.0\r\n" HOST UPGRADE SOCKET, 505},
        {"POST /websocket HTTP/1.1\r\n" HOST UPGRADE SOCKET, 405},
        {"get /websocket HTTP/1.1\r\n" HOST UPGRADE SOCKET, 405},
        {"HEAD / HTTP/1.1\r\n" HOST, 405},
        {LINE UPGRADE SOCKET, 400},
        {LINE HOST HOST UPGRADE SOCKET, 400},
        {REQUEST "Content-Length: 1\r\n", 400},
        {REQUEST "Content-Length: 0\r\nContent-Length: 0\r\n", 400},
        {REQUEST "Content-Length: 00\r\n", 400},
        {REQUEST "Transfer-Encoding: chunked\r\n", 400},
        {"GET / HTTP/1.1\r\n" HOST, 426},
        {"GET / HTTP/1.1\r\n" HOST UPGRADE SOCKET, 404},
        {"GET /websocket2 HTTP/1.1\r\n" HOST UPGRADE SOCKET, 404},
        {"GET /websocket/ HTTP/1.1\r\n" HOST UPGRADE SOCKET, 404},
        {"GET /websocket/x HTTP/1.1\r\n" HOST UPGRADE SOCKET, 404},
        {"GET /Websocket HTTP/1.1\r\n" HOST UPGRADE SOCKET, 404},
        {"GET /%77ebsocket HTTP/1.1\r\n" HOST UPGRADE SOCKET, 404},
        {"GET /x/../websocket HTTP/1.1\r\n" HOST UPGRADE SOCKET, 404},
        {"GET /../etc/passwd HTTP/1.1\r\n" HOST, 404},
        {LINE HOST SOCKET, 426},
        {LINE HOST "Connection: Upgrade\r\n" SOCKET, 426},
        {LINE HOST "Upgrade: websocket\r\n" SOCKET, 426},
        {LINE HOST "Upgrade: websocket\r\nConnection: keep-alive\r\n" SOCKET, 426},
        {LINE HOST "Upgrade: websockets\r\nConnection: Upgrade\r\n" SOCKET, 426},
        {LINE HOST "Upgrade: h2c\r\nConnection: Upgrade\r\n" SOCKET, 426},
        {LINE HOST UPGRADE "Sec-WebSocket-Key: " KEY "\r\n", 426},
        {LINE HOST UPGRADE "Sec-WebSocket-Key: " KEY "\r\nSec-WebSocket-Version: 8\r\n", 426},
        {REQUEST "Sec-WebSocket-Version: 13\r\n", 426},
        {LINE HOST UPGRADE "Sec-WebSocket-Version: 13\r\n", 400},
        {REQUEST "Sec-WebSocket-Key: " KEY "\r\n", 400},
        {LINE HOST UPGRADE "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=\r\nSec-WebSocket-Version: "
                           "13\r\n",
         400},
        {LINE HOST UPGRADE "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZSEh\r\nSec-WebSocket-Version: "
                           "13\r\n",
         400},
        {LINE HOST UPGRADE "Sec-WebSocket-Key: dGhlIHNhbXBs*SBub25jZQ==\r\nSec-WebSocket-Version: "
                           "13\r\n",
         400},
        {REQUEST "Sec-WebSocket-Protocol: GBinaryV18\r\n", 400},
        {REQUEST "Sec-WebSocket-Protocol: Paddock.v1\r\n", 400},
        {REQUEST "Sec-WebSocket-Protocol: paddock.v2, paddock\r\n", 400},
    };
    for (unsigned i = 0; i < BASE_COUNT(cases); i++) {
        unsigned status = judge(cases[i].text);
        if (status != cases[i].status) {
            fail_msg("%s: %u", cases[i].text, status);
        }
    }
}

#define GET(path) "GET " path " HTTP/1.1\r\n" HOST

static void a_node_is_found_by_its_exact_name(void **state)
{
    (void)state;
    static const struct net_http_site node = {.path = "/websocket", .node = "node1"};
    static const struct {
        const char *text;
        unsigned status;
    } cases[] = {
        {GET("/websocket"), 101},           {GET("/websocket/node1"), 101},
        {GET("/websocket/node1?a=b"), 101}, {GET("/websocket/node2"), 404},
        {GET("/websocket/node12"), 404},    {GET("/websocket/node"), 404},
        {GET("/websocket/Node1"), 404},     {GET("/websocket/node1/"), 404},
        {GET("/websocket/node1/x"), 404},   {GET("/websocket//node1"), 404},
        {GET("/websocket/./node1"), 404},   {GET("/websocket/x/../node1"), 404},
        {GET("/websocket/%6eode1"), 404},   {GET("/websocketnode1"), 404},
        {GET("/websocket/"), 404},          {GET("/websocket2"), 404},
    };
    for (unsigned i = 0; i < BASE_COUNT(cases); i++) {
        char text[512];
        snprintf(text, sizeof(text), "%s%s", cases[i].text, UPGRADE SOCKET);
        if (judge_at(&node, text) != cases[i].status) {
            fail_msg("%s", cases[i].text);
        }
    }
    assert_int_equal(judge(GET("/websocket/node1") UPGRADE SOCKET), 404);
    assert_int_equal(judge_at(&node, GET("/websocket/node1")), 426);
}

static void the_page_is_served_where_it_is_switched_on(void **state)
{
    (void)state;
    static const struct net_http_site with_page = {
        .path = "/websocket", .node = "", .has_page = true};
    assert_int_equal(judge_at(&with_page, GET("/")), 200);
    assert_int_equal(judge_at(&with_page, GET("/?x")), 200);
    assert_int_equal(judge_at(&with_page, GET("/websockets.html")), 200);
    assert_int_equal(judge_at(&with_page, GET("/websockets.html/")), 404);
    assert_int_equal(judge_at(&with_page, GET("//")), 404);
    assert_int_equal(judge_at(&with_page, GET("/websocket")), 426);
    assert_int_equal(judge_at(&with_page, GET("/") UPGRADE SOCKET), 404);
    assert_int_equal(judge_at(&with_page, "POST / HTTP/1.1\r\n" HOST), 405);
    assert_int_equal(judge(GET("/")), 426);
    assert_int_equal(judge(GET("/websockets.html")), 404);
}

static void pages_of_other_origins_are_403(void **state)
{
    (void)state;
    static char items[1][CONFIG_LIST_ITEM_BYTES] = {"https://*.example.com"};
    static const struct config_list rules = {.count = 1, .items = items};
    static const struct {
        const char *fields;
        unsigned by_rules, by_need; // with the rules; without, but with an origin required
    } cases[] = {
        {"", 101, 403},
        {"Origin: https://play.example.com\r\n", 101, 101},
        {"origin: https://PLAY.example.com\r\n", 101, 101},
        {"Origin: https://play.example.com.evil.tld\r\n", 403, 101},
        {"Origin: null\r\n", 403, 101},
        {"Origin:\r\n", 403, 101},
        {"Origin: https://a.example.com\r\nOrigin: https://a.example.com\r\n", 403, 403},
    };
    const struct net_http_site ruled = {.path = "/websocket", .node = "", .origins = &rules};
    const struct net_http_site strict = {.path = "/websocket", .node = "", .needs_origin = true};
    for (unsigned i = 0; i < BASE_COUNT(cases); i++) {
        char text[512];
        snprintf(text, sizeof(text), "%s%s", REQUEST, cases[i].fields);
        assert_int_equal(judge_at(&ruled, text), cases[i].by_rules);
        assert_int_equal(judge_at(&strict, text), cases[i].by_need);
    }
    // A look at the page needs no origin, and what is wrong otherwise is said first.
    assert_int_equal(judge_at(&strict, GET("/")), 426);
    assert_int_equal(judge_at(&strict, GET("/x") UPGRADE SOCKET), 404);
}

static void our_subprotocol_is_chosen_from_any_list(void **state)
{
    (void)state;
    static const char *const fields[] = {
        "Sec-WebSocket-Protocol: paddock.v1\r\n",
        "Sec-WebSocket-Protocol: foo, paddock.v1\r\n",
        "Sec-WebSocket-Protocol: foo\r\nSec-WebSocket-Protocol: bar,paddock.v1\r\n",
    };
    for (unsigned i = 0; i < BASE_COUNT(fields); i++) {
        char text[1024];
        struct bytes_buf out;
        snprintf(text, sizeof(text), "%s%s", REQUEST, fields[i]);
        assert_int_equal(judge(text), 101);
        bytes_buf_init(&out, NET_HTTP_ANSWER_BYTES);
        assert_true(net_http_upgrade_answer(&out, NET_HTTP_SWITCH, site.path, head));
        assert_true(
            bytes_equal(bytes_buf_span(&out),
                        bytes_of_string(SWITCHED "Sec-WebSocket-Protocol: paddock.v1\r\n\r\n")));
        bytes_buf_finish(&out);
    }
    assert_int_equal(judge(REQUEST "Sec-WebSocket-Protocol: \r\n"), 101);
}

static void every_refusal_is_complete_and_says_what_to_do(void **state)
{
    (void)state;
    for (enum net_http_answer answer = NET_HTTP_BAD_SYNTAX; answer <= NET_HTTP_PLAIN_ON_TLS;
         answer++) {
        struct bytes_buf out;
        bytes_buf_init(&out, NET_HTTP_ANSWER_BYTES);
        assert_true(net_http_upgrade_answer(&out, answer, site.path, NULL));
        assert_true(bytes_buf_append_u8(&out, 0));
        const char *text = (const char *)bytes_buf_span(&out).data;
        const char *body = strstr(text, "\r\n\r\n");
        const char *length = strstr(text, "Content-Length: ");
        assert_non_null(body);
        assert_non_null(length);
        assert_int_equal(strtoul(length + 16, NULL, 10), strlen(body + 4));
        assert_true(strlen(body + 4) > 20);
        assert_non_null(strstr(text, "close\r\n"));
        assert_null(strstr(text, "%"));
        assert_null(strcasestr(text, "\r\nServer:")); // F-17: who this is, and how old, is nobody's
        assert_null(strstr(text, PADDOCK_VERSION));
        bool upgrade = net_http_answer_status(answer) == 426;
        assert_int_equal(strstr(text, "Upgrade: websocket\r\n") != NULL, upgrade);
        bytes_buf_finish(&out);
    }
}

static void the_client_checks_the_servers_answer(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *problem; // part of it
    } cases[] = {
        {SWITCHED "Sec-WebSocket-Protocol: paddock.v1\r\n\r\n", NULL},
        {"HTTP/1.1 404 Not Found\r\n\r\n", "404"},
        {"HTTP/1.1 503 Unavailable\r\n\r\n", "503"},
        {"HTTP/1.1 429 Too Many Requests\r\n\r\n", "429"},
        {"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", "refuses"},
        {"HTTP/1.0 101 Switching\r\n\r\n", "HTTP/1.1"},
        {"SSH-2.0-OpenSSH_9.2\r\n\r\n", "HTTP/1.1"},
        {"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " ACCEPT
         "\r\n\r\n",
         "upgrade"},
        {"HTTP/1.1 101 Switching\r\n" UPGRADE "Sec-WebSocket-Accept: " KEY "\r\n\r\n", "Accept"},
        {"HTTP/1.1 101 Switching\r\n" UPGRADE "\r\n", "Accept"},
        {SWITCHED "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n", "extension"},
        {SWITCHED "\r\n", "paddock.v1"},
        {SWITCHED "Sec-WebSocket-Protocol: chat\r\n\r\n", "paddock.v1"},
    };
    for (unsigned i = 0; i < BASE_COUNT(cases); i++) {
        assert_int_equal(read_text(cases[i].text), NET_HTTP_COMPLETE);
        const char *problem = net_http_upgrade_check(head, KEY);
        if (!problem != !cases[i].problem || (problem && !strstr(problem, cases[i].problem))) {
            fail_msg("%s: %s", cases[i].text, problem ? problem : "accepted");
        }
    }
}

static void keys_are_valid_and_differ(void **state)
{
    (void)state;
    char a[NET_WS_KEY_BYTES + 1];
    char b[NET_WS_KEY_BYTES + 1];
    net_ws_key_make(a);
    net_ws_key_make(b);
    assert_true(net_ws_key_is_valid(bytes_of_string(a)));
    assert_string_not_equal(a, b);
}

// ---- the layer

static const layer_create stack[] = {net_layer_upgrade_create, NULL};

static void serve(struct layer_end *end)
{
    layer_end_init(end, true, stack);
    assert_int_equal(layer_end_up(end), 0);
    assert_false(end->is_up);
}

static void bytes_behind_the_request_go_up(void **state)
{
    (void)state;
    for (size_t chop = 0; chop < 4; chop++) {
        struct layer_end end;
        serve(&end);
        assert_int_equal(layer_end_feed(&end, bytes_of_string(REQUEST "\r\nfirst frame"), chop), 0);
        assert_true(end.is_up);
        layer_end_expect_sent(&end, SWITCHED "\r\n", strlen(SWITCHED "\r\n"));
        assert_int_equal(layer_end_feed(&end, bytes_of_string("!"), 0), 0);
        layer_end_expect_last(&end, "!");
        assert_int_equal(end.all.size, 12 + 4 * end.messages);
        assert_int_equal(layer_end_wait_ms(&end, 100000), 0);
        layer_end_finish(&end);
    }
}

static void a_refused_request_gets_its_answer_and_nothing_goes_up(void **state)
{
    (void)state;
    struct layer_end end;
    serve(&end);
    assert_int_equal(
        layer_end_feed(&end,
                       bytes_of_string("GET /x HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\n"), 0),
        NET_CLOSE_PROTOCOL);
    assert_false(end.is_up);
    assert_memory_equal(bytes_buf_span(&end.sent).data, "HTTP/1.1 404 ", 13);
    size_t size = end.sent.size;
    assert_int_equal(layer_end_feed(&end, bytes_of_string(REQUEST "\r\n"), 0), 0);
    layer_end_close(&end, NET_CLOSE_PROTOCOL);
    assert_int_equal(end.sent.size, size);
    assert_true(end.is_shut);
    layer_end_finish(&end);
}

static void a_request_that_is_too_slow_gets_408(void **state)
{
    (void)state;
    struct layer_end end;
    serve(&end);
    assert_int_equal(layer_end_feed(&end, bytes_of_string(LINE), 0), 0);
    assert_int_equal(layer_end_wait_ms(&end, end.config->upgrade_ms - 1), 0);
    assert_int_equal(layer_end_feed(&end, bytes_of_string(HOST), 0), 0); // buys no time
    assert_int_equal(layer_end_wait_ms(&end, 1), NET_CLOSE_PROTOCOL);
    assert_memory_equal(bytes_buf_span(&end.sent).data, "HTTP/1.1 408 ", 13);
    layer_end_finish(&end);
}

static void a_tls_handshake_is_cut_off_without_a_word(void **state)
{
    (void)state;
    struct layer_end end;
    serve(&end);
    assert_int_equal(layer_end_feed(&end, bytes_of("\x16\x03\x01", 3), 1), NET_CLOSE_LOST);
    assert_int_equal(end.sent.size, 0);
    layer_end_finish(&end);
}

static void the_path_is_the_one_that_is_configured(void **state)
{
    (void)state;
    struct layer_end end;
    struct error error = {""};
    serve(&end);
    assert_true(config_set(end.config, "websocket-path", "/wss", &error));
    assert_int_equal(
        layer_end_feed(&end, bytes_of_string("GET /wss HTTP/1.1\r\n" HOST UPGRADE SOCKET "\r\n"),
                       0),
        0);
    assert_true(end.is_up);
    layer_end_finish(&end);
}

static void the_page_is_for_dev_unless_it_is_on_or_off(void **state)
{
    (void)state;
    static const struct {
        const char *dev, *page;
        bool served;
    } cases[] = {{"false", "dev", false},
                 {"true", "dev", true},
                 {"false", "on", true},
                 {"true", "on", true},
                 {"true", "off", false}};
    for (unsigned i = 0; i < BASE_COUNT(cases); i++) {
        struct layer_end end;
        struct error error = {""};
        serve(&end);
        assert_true(config_set(end.config, "dev", cases[i].dev, &error));
        assert_true(config_set(end.config, "test-page", cases[i].page, &error));
        uint16_t code = layer_end_feed(&end, bytes_of_string(GET("/") "\r\n"), 0);
        assert_int_equal(code, cases[i].served ? NET_CLOSE_NORMAL : NET_CLOSE_PROTOCOL);
        assert_memory_equal(bytes_buf_span(&end.sent).data,
                            cases[i].served ? "HTTP/1.1 200 " : "HTTP/1.1 426 ", 13);
        assert_false(end.is_up);
        layer_end_finish(&end);
    }
}

static struct net_addr asked_for;
static bool may_connect;

static bool admit(struct net_layer_env *env, const struct net_addr *remote)
{
    (void)env;
    asked_for = *remote;
    return may_connect;
}

static void expect_remote(const struct net_addr *addr, const char *expected)
{
    char text[NET_ADDR_TEXT_BYTES];
    net_addr_format(addr, text);
    assert_string_equal(text, expected);
}

// The first bytes of the answer to a good request with `fields` from a peer.
static void expect_behind(const char *peer, const char *fields, const char *answer,
                          const char *remote)
{
    struct layer_end end;
    struct error error = {""};
    char text[1024];
    serve(&end);
    assert_true(config_set(end.config, "ip-header", "X-Real-IP", &error));
    assert_true(net_addr_parse_ip(peer, &end.env.remote));
    end.env.admit_address = admit;
    snprintf(text, sizeof(text), "%s%s\r\n", REQUEST, fields);
    (void)layer_end_feed(&end, bytes_of_string(text), 0);
    assert_memory_equal(bytes_buf_span(&end.sent).data, answer, strlen(answer));
    expect_remote(&end.env.remote, remote);
    layer_end_finish(&end);
}

static void a_trusted_proxy_says_who_is_calling_and_they_are_asked_for(void **state)
{
    (void)state;
    may_connect = true;
    expect_behind("127.0.0.1", "X-Real-IP: 192.0.2.1:7\r\n", "HTTP/1.1 101 ", "192.0.2.1:7");
    expect_remote(&asked_for, "192.0.2.1:7");
    expect_behind("127.0.0.1", "X-Real-IP: nobody\r\n", "HTTP/1.1 101 ", "127.0.0.1:0");
    expect_behind("127.0.0.1", "", "HTTP/1.1 101 ", "127.0.0.1:0");
    expect_behind("192.0.2.9", "X-Real-IP: 192.0.2.1\r\n", "HTTP/1.1 101 ", "192.0.2.9:0");
    expect_behind("127.0.0.1", "X-Real-IP: 1.1.1.1\r\nX-Real-IP: 1.1.1.1\r\n", "HTTP/1.1 400 ",
                  "127.0.0.1:0");
    may_connect = false;
    expect_behind("127.0.0.1", "X-Real-IP: 192.0.2.1\r\n", "HTTP/1.1 429 ", "127.0.0.1:0");
    expect_behind("127.0.0.1", "", "HTTP/1.1 101 ", "127.0.0.1:0"); // was asked for at accept
}

// F-12, F-13: from here it goes on to whoever decides about players.
static void what_the_request_says_of_its_caller_is_kept(void **state)
{
    (void)state;
    static const char fields[] = "Origin: https://play.example.com\r\nUser-Agent: Browser/1\r\n"
                                 "X-Client-IP: 192.0.2.1:7\r\nX-Forwarded-For: 7.7.7.7\r\n";
    struct layer_end end;
    struct error error = {""};
    char text[1024];
    snprintf(text, sizeof(text), "%s%s\r\n", REQUEST, fields);
    for (int by_proxy = 0; by_proxy < 2; by_proxy++) {
        serve(&end);
        assert_true(config_set(end.config, "ip-header", "X-Client-IP", &error));
        assert_true(net_addr_parse_ip(by_proxy ? "127.0.0.1" : "192.0.2.9", &end.env.remote));
        assert_int_equal(layer_end_feed(&end, bytes_of_string(text), 0), 0);
        assert_string_equal(end.env.caller->origin, "https://play.example.com");
        assert_string_equal(end.env.caller->user_agent, "Browser/1");
        assert_int_equal(end.env.caller->header_count, by_proxy);
        if (by_proxy) {
            assert_string_equal(end.env.caller->headers[0].value, "192.0.2.1:7");
        }
        layer_end_finish(&end);
    }
    serve(&end);
    assert_true(config_set(end.config, "map-headers", "X-A", &error));
    assert_true(net_addr_parse_ip("127.0.0.1", &end.env.remote));
    assert_int_equal(layer_end_feed(&end, bytes_of_string(REQUEST "X-A: \x61\t\x62\r\n\r\n"), 0),
                     NET_CLOSE_PROTOCOL);
    assert_memory_equal(bytes_buf_span(&end.sent).data, "HTTP/1.1 400 ", 13);
    assert_null(end.env.caller);
    layer_end_finish(&end);
}

static void client_and_server_agree_in_every_cut(void **state)
{
    (void)state;
    for (size_t chop = 0; chop < 4; chop++) {
        struct layer_end client;
        struct layer_end server;
        serve(&server);
        layer_end_init(&client, false, stack);
        assert_int_equal(layer_end_up(&client), 0);
        layer_ends_run(&client, &server, chop);
        assert_true(client.is_up && server.is_up);
        assert_int_equal(client.code | server.code, 0);
        layer_end_finish(&client);
        layer_end_finish(&server);
    }
}

static void the_client_asks_for_the_path_of_the_url(void **state)
{
    (void)state;
    static const struct {
        const char *url, *expected;
    } cases[] = {
        {"ws://Play.Example.com", "GET /websocket HTTP/1.1\r\nHost: play.example.com:0\r\n"},
        {"ws://[::1]:9090/a/b?c=d", "GET /a/b?c=d HTTP/1.1\r\nHost: [::1]:9090\r\n"},
    };
    for (unsigned i = 0; i < BASE_COUNT(cases); i++) {
        struct layer_end client;
        struct error error = {""};
        layer_end_init(&client, false, stack);
        assert_true(url_parse(cases[i].url, &client.url, &error));
        assert_int_equal(layer_end_up(&client), 0);
        assert_memory_equal(bytes_buf_span(&client.sent).data, cases[i].expected,
                            strlen(cases[i].expected));
        layer_end_finish(&client);
    }
}

static uint16_t refusal_code;

static uint16_t refuse_everybody(const struct net_layer_env *env)
{
    (void)env;
    return refusal_code;
}

static void a_server_without_room_says_503_to_requests_that_are_good(void **state)
{
    (void)state;
    static const struct {
        uint16_t code;
        const char *status, *part;
    } cases[] = {{0, "HTTP/1.1 101 ", "Accept"},
                 {NET_CLOSE_OVERLOADED, "HTTP/1.1 503 ", "full"},
                 {NET_CLOSE_GOING_AWAY, "HTTP/1.1 503 ", "shutting down"}};
    for (unsigned i = 0; i < BASE_COUNT(cases); i++) {
        struct layer_end end;
        serve(&end);
        end.env.refusal = refuse_everybody;
        refusal_code = cases[i].code;
        (void)layer_end_feed(&end, bytes_of_string(REQUEST "\r\n"), 0);
        assert_true(bytes_buf_append_u8(&end.sent, 0));
        const char *answer = (const char *)bytes_buf_span(&end.sent).data;
        assert_memory_equal(answer, cases[i].status, 13);
        assert_non_null(strstr(answer, cases[i].part));
        assert_int_equal(strstr(answer, "\r\nRetry-After: ") != NULL, cases[i].code != 0);
        assert_int_equal(end.is_up, cases[i].code == 0);
        layer_end_finish(&end);
    }
    struct layer_end end;
    serve(&end);
    end.env.refusal = refuse_everybody;
    (void)layer_end_feed(&end, bytes_of_string(GET("/x") "\r\n"), 0);
    assert_memory_equal(bytes_buf_span(&end.sent).data, "HTTP/1.1 404 ", 13);
    layer_end_finish(&end);
}

static void expect_refused(const char *answer, uint16_t code, const char *why)
{
    struct layer_end client;
    layer_end_init(&client, false, stack);
    assert_int_equal(layer_end_up(&client), 0);
    assert_int_equal(layer_end_feed(&client, bytes_of_string(answer), 0), code);
    assert_non_null(strstr(client.env.reason, why));
    layer_end_finish(&client);
}

static void a_client_that_is_refused_says_why(void **state)
{
    (void)state;
    struct layer_end client;
    expect_refused("HTTP/1.1 404 Not Found\r\n\r\n", NET_CLOSE_LOST, "404");
    expect_refused("HTTP/1.1 503 Service Unavailable\r\n\r\n", NET_CLOSE_OVERLOADED, "503");
    expect_refused("HTTP/1.1 429 Too Many Requests\r\n\r\n", NET_CLOSE_OVERLOADED, "429");
    layer_end_init(&client, false, stack);
    assert_int_equal(layer_end_up(&client), 0);
    assert_int_equal(layer_end_wait_ms(&client, client.config->upgrade_ms), NET_CLOSE_LOST);
    layer_end_finish(&client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_request_switches),
        cmocka_unit_test(what_browsers_and_proxies_send_switches),
        cmocka_unit_test(each_mistake_has_its_status),
        cmocka_unit_test(a_node_is_found_by_its_exact_name),
        cmocka_unit_test(the_page_is_served_where_it_is_switched_on),
        cmocka_unit_test(pages_of_other_origins_are_403),
        cmocka_unit_test(our_subprotocol_is_chosen_from_any_list),
        cmocka_unit_test(every_refusal_is_complete_and_says_what_to_do),
        cmocka_unit_test(the_client_checks_the_servers_answer),
        cmocka_unit_test(keys_are_valid_and_differ),
        cmocka_unit_test(bytes_behind_the_request_go_up),
        cmocka_unit_test(a_refused_request_gets_its_answer_and_nothing_goes_up),
        cmocka_unit_test(a_request_that_is_too_slow_gets_408),
        cmocka_unit_test(a_tls_handshake_is_cut_off_without_a_word),
        cmocka_unit_test(the_path_is_the_one_that_is_configured),
        cmocka_unit_test(the_page_is_for_dev_unless_it_is_on_or_off),
        cmocka_unit_test(a_trusted_proxy_says_who_is_calling_and_they_are_asked_for),
        cmocka_unit_test(what_the_request_says_of_its_caller_is_kept),
        cmocka_unit_test(client_and_server_agree_in_every_cut),
        cmocka_unit_test(the_client_asks_for_the_path_of_the_url),
        cmocka_unit_test(a_server_without_room_says_503_to_requests_that_are_good),
        cmocka_unit_test(a_client_that_is_refused_says_why),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
