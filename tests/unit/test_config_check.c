// SPDX-License-Identifier: MIT
// Settings that contradict each other: from a valid set, one thing is broken and one error comes.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/config.h"
#include "config/secret.h"

static struct config *config;
static struct error_list errors;

static void set(const char *name, const char *value)
{
    struct error error;
    assert_true(config_set(config, name, value, &error));
}

// The smallest valid set of a public server.
static int begin(void **state)
{
    (void)state;
    memset(&errors, 0, sizeof(errors));
    config = config_create_default();
    assert_non_null(config);
    set("fusion-server-token", "hush");
    return 0;
}

static int end(void **state)
{
    (void)state;
    config_destroy(config);
    return 0;
}

static void assert_good(void)
{
    bool good = config_check(config, &errors);
    if (!good) {
        print_error("%s\n", errors.lines[0].text);
    }
    assert_true(good);
    assert_int_equal(errors.count, 0);
}

static void assert_bad(const char *error)
{
    assert_false(config_check(config, &errors));
    assert_string_equal(errors.lines[0].text, error);
    assert_int_equal(errors.count, 1);
    errors.count = 0;
}

// One thing is wrong, and the line about it says this.
static void assert_named(const char *part)
{
    assert_false(config_check(config, &errors));
    assert_non_null(strstr(errors.lines[0].text, part));
    assert_int_equal(errors.count, 1);
    errors.count = 0;
}

static void the_defaults_need_a_token(void **state)
{
    (void)state;
    assert_good();
    config_destroy(config);
    config = config_create_default();
    assert_non_null(config);
    assert_false(config_check(config, &errors));
    assert_string_equal(errors.lines[0].text,
                        "the server token is missing: set FUSION_SERVER_TOKEN, "
                        "FUSION_SERVER_TOKEN_FILE or --fusion-server-token, or start with --dev on "
                        "a laptop");
    assert_int_equal(errors.count, 1);
}

static void the_http_backend_needs_a_url_that_does_not_give_the_token_away(void **state)
{
    (void)state;
    set("backend", "http");
    assert_bad("--backend-url: the http backend needs it");
    static const char *const good[] = {
        "https://hooks.example", "https://hooks.example:8443/paddock/",
        "http://127.0.0.1:8080", "http://[::1]:8080/paddock",
        "http://localhost/",
    };
    for (size_t i = 0; i < BASE_COUNT(good); i++) {
        set("backend-url", good[i]);
        assert_good();
    }
    static const char *const plain[] = {"http://hooks.example", "http://192.0.2.1:80/x",
                                        "http://[2001:db8::1]", "http://0.0.0.0:80"};
    for (size_t i = 0; i < BASE_COUNT(plain); i++) {
        char error[256];
        snprintf(error, sizeof(error),
                 "--backend-url=%s: would send the server token where anybody on the way can read "
                 "it; use https://, or say --allow-plaintext-backend",
                 plain[i]);
        set("backend-url", plain[i]);
        assert_bad(error);
        set("allow-plaintext-backend", "true");
        assert_good();
        set("allow-plaintext-backend", "false");
    }
    set("backend-url", "wss://hooks.example");
    assert_bad("--backend-url=wss://hooks.example: must be https://host[:port][/path] without a "
               "query");
    set("backend-url", "https://hooks.example/?key=1");
    assert_bad("--backend-url=https://hooks.example/?key=1: must be https://host[:port][/path] "
               "without a query");
    set("backend-url", "https://user@hooks.example/");
    assert_bad("--backend-url=\"https://user@hooks.example/\": user names and passwords do not "
               "belong here");
    set("backend-url", "https://hooks.example/");
    set("backend-key", "/etc/paddock/client.key");
    assert_bad("--backend-key: useless without --backend-cert");
}

static void the_unisave_backend_needs_its_game(void **state)
{
    (void)state;
    set("backend", "unisave");
    set("unisave-game-token", "game");
    set("unisave-backend-hash", "hash");
    assert_bad("--unisave-build-guid: the unisave backend needs it");
    set("unisave-build-guid", "guid");
    assert_good(); // no backend-url: unisave.cloud
    set("unisave-result-method", "");
    assert_bad("--unisave-result-method: the unisave backend needs it");
    set("unisave-result-method", "PlayerWonRace");
    set("backend-url", "http://unisave.example/");
    assert_bad("--backend-url=http://unisave.example/: would send the server token where anybody "
               "on the way can read it; use https://, or say --allow-plaintext-backend");
    set("backend-url", "");
    set("unisave-device-id", "\xff");
    assert_bad("--unisave-device-id: travels in JSON, so it must be UTF-8");
}

static void give_token(const char *text, size_t size)
{
    secret_destroy(config->fusion_server_token);
    config->fusion_server_token = secret_create(bytes_of(text, size));
}

static void a_backend_that_is_a_service_needs_a_server_token_that_can_travel(void **state)
{
    static const struct {
        const char *token;
        size_t size;
        bool in_header, in_json;
    } rows[] = {
        {"kJ3+/a==", 8, true, true}, {"two words", 9, false, true}, {"Zo\xc3\xab", 4, false, true},
        {"a\nb", 3, false, false},   {"a\0b", 3, false, false},     {"a\x7f", 2, false, false},
        {"\xff", 1, false, false},
    };
    (void)state;
    set("dev", "true");
    set("unisave-game-token", "game");
    set("unisave-backend-hash", "hash");
    set("unisave-build-guid", "guid");
    set("backend-url", "https://backend.example/");
    for (size_t i = 0; i < BASE_COUNT(rows); i++) {
        give_token(rows[i].token, rows[i].size);
        set("backend", "http");
        rows[i].in_header ? assert_good()
                          : assert_bad("--fusion-server-token: travels in an HTTP header, so it "
                                       "must be visible ASCII without spaces");
        set("backend", "unisave");
        rows[i].in_json ? assert_good()
                        : assert_bad("--fusion-server-token: travels in JSON, so it must be UTF-8 "
                                     "without control characters");
        set("backend", "embedded");
        assert_good();
    }
    give_token("", 0);
    assert_null(config->fusion_server_token);
    set("backend", "unisave");
    assert_bad("the server token is missing: the unisave backend needs it, also with --dev; set "
               "FUSION_SERVER_TOKEN or FUSION_SERVER_TOKEN_FILE");
    set("backend", "http");
    set("dev", "false");
    assert_bad("the server token is missing: the http backend needs it, also with --dev; set "
               "FUSION_SERVER_TOKEN or FUSION_SERVER_TOKEN_FILE");
}

static void dev_needs_none(void **state)
{
    (void)state;
    config_destroy(config);
    config = config_create_default();
    assert_non_null(config);
    set("dev", "true");
    assert_good();
}

static void dev_refuses_to_serve_other_machines(void **state)
{
    (void)state;
    set("dev", "true");
    set("listen", "udp://127.0.0.1 tcp://[::1] ws://localhost");
    assert_good();
    set("listen", "udp://0.0.0.0:7777");
    assert_bad("--listen=udp://0.0.0.0:7777: --dev serves only this machine; listen on 127.0.0.1, "
               "or drop --dev and set FUSION_SERVER_TOKEN");
    set("dev", "false");
    assert_good();
}

static void keys_and_certificates_come_in_pairs(void **state)
{
    (void)state;
    set("tls-cert", "/a.pem /b.pem");
    assert_good();
    set("tls-key", "/a.key -");
    assert_good();
    set("tls-key", "/a.key");
    assert_bad("--tls-key: 1 given for 2 of --tls-cert; give one for each in the same order ('-': "
               "it is in the certificate's file), or none");
    set("tls-key", "/a.key /b.key /c.key");
    assert_bad("--tls-key: 3 given for 2 of --tls-cert; give one for each in the same order ('-': "
               "it is in the certificate's file), or none");
    set("tls-cert", "");
    assert_bad("--tls-key: useless without --tls-cert");
}

static void client_certificates_need_an_authority(void **state)
{
    (void)state;
    set("client-ca", "/ca.pem");
    assert_good();
    set("require-client-cert", "true");
    assert_good();
    set("client-ca", "");
    assert_bad("--require-client-cert: useless without --client-ca");
}

static void a_shared_ticket_key_needs_tickets(void **state)
{
    (void)state;
    set("tls-ticket-key-file", "/ticket.key");
    assert_good();
    set("tls-ticket-hours", "0");
    assert_bad("--tls-ticket-key-file: useless without session tickets, of which there are none "
               "with --tls-ticket-hours=0");
    set("tls-ticket-hours", "24");
    set("client-ca", "/ca.pem");
    assert_bad("--tls-ticket-key-file: useless without session tickets, of which there are none "
               "with --client-ca");
}

static void client_certificates_are_asked_for_at_every_door_or_it_is_said(void **state)
{
    (void)state;
    set("client-ca", "/ca.pem");
    set("listen", "udp://127.0.0.1:7777 tcp://127.0.0.1:7778 ws://127.0.0.1:9090");
    assert_bad("--client-ca=/ca.pem: useless without a dtls://, tls:// or wss:// listener");
    set("require-client-cert", "true");
    set("listen", "ws://127.0.0.1:9090 tls://0.0.0.0:7779 wss://0.0.0.0:9091 dtls://0.0.0.0:7780");
    assert_good();
    set("listen", "wss://0.0.0.0:9091 udp://0.0.0.0:7777");
    assert_bad(
        "--listen=udp://0.0.0.0:7777: takes clients without a certificate, which "
        "--require-client-cert forbids; use dtls://, tls:// or wss://, or listen on 127.0.0.1 "
        "behind a proxy that asks for one");
    set("require-client-cert", "false"); // asked for where it can be
    assert_good();
}

static void a_store_is_one_folder(void **state)
{
    static const char *const bad[] = {"", ".", "..", "a/b", "../MY", "/MY"};
    (void)state;
    set("cert-store-name", "My Store.2");
    assert_good();
    for (size_t i = 0; i < BASE_COUNT(bad); i++) {
        char text[128];
        set("cert-store-name", bad[i]);
        snprintf(text, sizeof(text), "--cert-store-name=%s: must be the name of one folder",
                 bad[i]);
        assert_bad(text);
    }
}

static void results_are_not_kept_in_memory(void **state)
{
    (void)state;
    set("outbox-db", ":memory:");
    assert_bad("--outbox-db=:memory:: must be a file: results outlive the process");
    set("outbox-db", "memory.db");
    assert_good();
}

static void rates_and_numbers_must_be_in_order(void **state)
{
    (void)state;
    set("tick-rate", "20");
    set("snapshot-rate", "20");
    set("players-per-session", "4");
    set("min-players", "4");
    set("report-retry-ms", "10");
    set("report-retry-max-ms", "10");
    assert_good();
    set("snapshot-rate", "21");
    assert_bad("--snapshot-rate=21: must not exceed --tick-rate, which is 20");
    set("snapshot-rate", "1");
    set("min-players", "5");
    assert_bad("--min-players=5: must not exceed --players-per-session, which is 4");
    set("min-players", "1");
    set("report-retry-ms", "11");
    assert_bad("--report-retry-ms=11: must not exceed --report-retry-max-ms, which is 10");
}

static void there_must_be_a_listener(void **state)
{
    (void)state;
    set("listen", "");
    assert_bad("--listen: nobody could connect; give at least one URL");
}

static void every_listener_must_be_a_url(void **state)
{
    (void)state;
    set("listen", "udp://h:1 127.0.0.1:7777 tcp://h:2");
    assert_bad(
        "--listen: \"127.0.0.1:7777\": no scheme; say udp://, dtls://, tcp://, tls://, ws:// "
        "or wss:// in front");
}

static void listeners_must_not_share_an_address(void **state)
{
    static const struct {
        const char *listen;
        const char *error; // NULL: good
    } cases[] = {
        {"udp://h:1 udp://h:1", "--listen=udp://h:1: the same address and port as udp://h:1"},
        {"udp://h udp://H:7777", "--listen=udp://H:7777: the same address and port as udp://h"},
        {"tcp://h:1 wss://h:1/x", "--listen=wss://h:1/x: the same address and port as tcp://h:1"},
        {"tls://[::1] ws://[0::1]:7779",
         "--listen=ws://[0::1]:7779: the same address and port as tls://[::1]"},
        {"tcp://0.0.0.0:1 ws://127.0.0.1:1",
         "--listen=ws://127.0.0.1:1: the same address and port as tcp://0.0.0.0:1"},
        {"tcp://127.0.0.1:1 ws://[::]:1",
         "--listen=ws://[::]:1: the same address and port as tcp://127.0.0.1:1"},
        {"tcp://0.0.0.0:1 ws://[::1]:1", NULL},
        {"udp://h:1 dtls://h:1", "--listen=dtls://h:1: the same address and port as udp://h:1"},
        {"udp://h:1 tcp://h:1", NULL},
        {"dtls://h tcp://h udp://h", NULL},
        {"udp://h:1 udp://h:2 udp://i:1", NULL},
        {"udp://h:0 udp://h:0", NULL},
        {"tcp://h ws://h wss://h tls://h udp://h", NULL},
    };
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        set("listen", cases[i].listen);
        if (cases[i].error) {
            assert_bad(cases[i].error);
        } else {
            assert_good();
        }
    }
}

static void three_of_a_kind_are_two_errors(void **state)
{
    (void)state;
    set("listen", "udp://h:1 udp://h:1 udp://h:1");
    assert_false(config_check(config, &errors));
    assert_int_equal(errors.count, 2);
}

static void the_admin_port_is_an_address_or_off(void **state)
{
    (void)state;
    set("admin", "off");
    assert_good();
    set("admin", "[::]:0");
    assert_good();
    set("admin", "9464");
    assert_bad(
        "--admin: \"9464\": \"9464\" is neither a host name nor an address (IPv6 needs []); or "
        "say 'off'");
    set("admin", "localhost");
    assert_bad("--admin: \"localhost\": say host:port; or say 'off'");
}

static void the_websocket_path_is_a_plain_path(void **state)
{
    static const char *const bad[] = {"",     "websocket", "/a b",     "/a?b",
                                      "/a#b", "/a%20b",    "/\xc3\xa9"};
    (void)state;
    set("websocket-path", "/");
    assert_good();
    for (size_t i = 0; i < BASE_COUNT(bad); i++) {
        set("websocket-path", bad[i]);
        assert_named("must begin with / and hold only visible");
    }
}

static void the_node_id_can_be_the_last_part_of_a_path(void **state)
{
    static const char *const good[] = {"", "node1", "4dfx@10.0.0.1", "a.b", "..."};
    static const char *const bad[] = {".", "..", "a/b", "a b", "a?b", "a#b", "%2e", "\xc3\xa9"};
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(good); i++) {
        set("node-id", good[i]);
        assert_good();
    }
    for (size_t i = 0; i < BASE_COUNT(bad); i++) {
        set("node-id", bad[i]);
        assert_named("--node-id=");
    }
}

static void every_origin_rule_is_read(void **state)
{
    (void)state;
    set("allow-origins", "https://*.example.com !null *");
    assert_good();
    set("allow-origins", "https://a.example.com example.com https://*com");
    assert_false(config_check(config, &errors));
    assert_int_equal(errors.count, 2);
    assert_non_null(strstr(errors.lines[0].text, "--allow-origins: \"example.com\""));
}

#define L62 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz0123456789"

static void the_public_host_is_a_name_or_an_address(void **state)
{
    (void)state;
    set("public-host", "${HOSTNAME}.example.com");
    assert_good();
    set("public-host", "photon.example.com:9091");
    assert_bad("--public-host=photon.example.com:9091: must be a name or an address (IPv6 in []), "
               "without a port");
}

static void the_ip_header_is_a_header_of_a_trusted_proxy(void **state)
{
    (void)state;
    set("ip-header", "X-Real-IP");
    assert_good();
    set("ip-header", "X-Real-IP:");
    assert_named("must be a header name");
    set("ip-header", "X-Real-IP");
    set("trusted-proxies", "");
    assert_named("--trusted-proxies");
}

static void mapped_headers_begin_with_x_and_come_from_a_trusted_proxy(void **state)
{
    (void)state;
    static const char *const bad[] = {"origin",      "X-",  "x-Country", "X-A:",      "X-A_B",
                                      "X-A X-B X-a", "Y-A", "X-A X-A",   "X-" L62 "m"};
    set("map-headers", "X-A X-Real-IP X-" L62);
    assert_good();
    for (size_t i = 0; i < BASE_COUNT(bad); i++) {
        set("map-headers", bad[i]);
        assert_named("--map-headers");
    }
    set("map-headers", "X-A");
    set("trusted-proxies", "");
    assert_named("--trusted-proxies");
}

static void a_cookie_needs_a_folder_and_origins(void **state)
{
    (void)state;
    set("auth-cookie", "AUTH");
    assert_false(config_check(config, &errors));
    assert_int_equal(errors.count, 2);
    assert_non_null(strstr(errors.lines[0].text, "--auth-token-dir"));
    assert_non_null(strstr(errors.lines[1].text, "--allow-origins"));
    errors.count = 0;
    set("auth-token-dir", "/var/lib/paddock/tokens");
    set("allow-origins", "https://play.example.com");
    assert_good();
    set("auth-cookie", "A=B");
    assert_named("--auth-cookie=A=B");
    set("auth-cookie", "");
    assert_named("useless without --auth-cookie");
}

static void cookies_and_passwords_do_not_travel_in_plain_text(void **state)
{
    (void)state;
    static const char *const settings[] = {"basic-auth-file", "auth-cookie", "token-cookie"};
    char line[256];
    set("allow-origins", "https://play.example.com");
    for (size_t i = 0; i < BASE_COUNT(settings); i++) {
        snprintf(line, sizeof(line),
                 "--listen=ws://0.0.0.0:9090: what --%s asks for could be read by anybody on the "
                 "way; use wss://, listen on 127.0.0.1 behind a proxy, or say --allow-plaintext",
                 settings[i]);
        set("listen", "ws://0.0.0.0:9090");
        assert_good();
        set("auth-token-dir", strcmp(settings[i], "auth-cookie") == 0 ? "/tokens" : "");
        set(settings[i], "NAME");
        assert_bad(line);
        set("allow-plaintext", "true");
        assert_good();
        set("allow-plaintext", "false");
        set("listen", "ws://127.0.0.1:9090 ws://[::1]:9090 wss://0.0.0.0:9091 tcp://0.0.0.0:7778");
        assert_good();
        set(settings[i], "");
        set("auth-token-dir", "");
    }
}

static void a_token_cookie_needs_origins_and_a_name_of_its_own(void **state)
{
    (void)state;
    set("basic-auth-file", "/etc/paddock/passwords");
    assert_named("--allow-origins");
    set("basic-auth-file", "");
    set("token-cookie", "TOKEN");
    assert_named("--allow-origins");
    set("allow-origins-file", "/etc/paddock/origins");
    assert_good();
    set("auth-cookie", "TOKEN");
    set("auth-token-dir", "/var/lib/paddock/tokens");
    assert_named("--token-cookie");
    set("auth-cookie", "");
    set("auth-token-dir", "");
    set("auth-token-poll-ms", "1000");
    assert_named("useless without --auth-cookie");
}

#define WITH_CONFIG(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CONFIG(the_defaults_need_a_token),
        WITH_CONFIG(dev_needs_none),
        WITH_CONFIG(the_http_backend_needs_a_url_that_does_not_give_the_token_away),
        WITH_CONFIG(the_unisave_backend_needs_its_game),
        WITH_CONFIG(a_backend_that_is_a_service_needs_a_server_token_that_can_travel),
        WITH_CONFIG(dev_refuses_to_serve_other_machines),
        WITH_CONFIG(keys_and_certificates_come_in_pairs),
        WITH_CONFIG(client_certificates_need_an_authority),
        WITH_CONFIG(a_shared_ticket_key_needs_tickets),
        WITH_CONFIG(client_certificates_are_asked_for_at_every_door_or_it_is_said),
        WITH_CONFIG(a_store_is_one_folder),
        WITH_CONFIG(results_are_not_kept_in_memory),
        WITH_CONFIG(rates_and_numbers_must_be_in_order),
        WITH_CONFIG(there_must_be_a_listener),
        WITH_CONFIG(every_listener_must_be_a_url),
        WITH_CONFIG(listeners_must_not_share_an_address),
        WITH_CONFIG(three_of_a_kind_are_two_errors),
        WITH_CONFIG(the_admin_port_is_an_address_or_off),
        WITH_CONFIG(the_websocket_path_is_a_plain_path),
        WITH_CONFIG(the_public_host_is_a_name_or_an_address),
        WITH_CONFIG(the_ip_header_is_a_header_of_a_trusted_proxy),
        WITH_CONFIG(mapped_headers_begin_with_x_and_come_from_a_trusted_proxy),
        WITH_CONFIG(a_cookie_needs_a_folder_and_origins),
        WITH_CONFIG(a_token_cookie_needs_origins_and_a_name_of_its_own),
        WITH_CONFIG(cookies_and_passwords_do_not_travel_in_plain_text),
        WITH_CONFIG(every_origin_rule_is_read),
        WITH_CONFIG(the_node_id_can_be_the_last_part_of_a_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
