// SPDX-License-Identifier: MIT
// URLs: every documented form is taken, everything next to it is refused with its reason.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/url.h"

static void assert_refused(const char *text, const char *reason)
{
    struct url url;
    struct error error = {.text = ""};
    assert_false(url_parse(text, &url, &error));
    if (!strstr(error.text, reason)) {
        print_error("%s: expected \"%s\", got \"%s\"\n", text, reason, error.text);
    }
    assert_non_null(strstr(error.text, reason));
}

static void assert_canonical(const char *text, const char *canonical)
{
    struct url url;
    struct error error = {.text = ""};
    char formatted[URL_TEXT_BYTES];
    assert_true(url_parse(text, &url, &error));
    url_format(&url, formatted);
    assert_string_equal(formatted, canonical);
}

static void a_full_url_comes_apart(void **state)
{
    (void)state;
    struct url url;
    struct error error;
    assert_true(url_parse("WSS://Race.Example:9091/game?cert=a%2Fb&proxy&x=", &url, &error));
    assert_string_equal(url.scheme, "wss");
    assert_string_equal(url.host, "race.example");
    assert_int_equal(url.port, 9091);
    assert_true(url.has_port);
    assert_string_equal(url.path, "/game");
    assert_string_equal(url.query, "cert=a%2Fb&proxy&x=");
    assert_false(url.host_is_v6);
}

static void canonical_text_tells_duplicates(void **state)
{
    (void)state;
    assert_canonical("udp://127.0.0.1:7777", "udp://127.0.0.1:7777");
    assert_canonical("UDP://LOCALHOST", "udp://localhost");
    assert_canonical("tcp://[0:0:0:0:0:0:0:1]:07778", "tcp://[::1]:7778");
    assert_canonical("tcp://[FE80::A]", "tcp://[fe80::a]");
    assert_canonical("ws://a_b.c-d/x?y=z", "ws://a_b.c-d/x?y=z");
    assert_canonical("ws://a?y", "ws://a?y");
    assert_canonical("ws://a?", "ws://a");
    assert_canonical("udp://h:0", "udp://h:0");
    assert_canonical("udp://h:65535", "udp://h:65535");
}

static void no_port_and_port_zero_differ(void **state)
{
    (void)state;
    struct url url;
    struct error error;
    assert_true(url_parse("udp://h", &url, &error));
    assert_false(url.has_port);
    assert_int_equal(url.port, 0);
    assert_true(url_parse("udp://h:0", &url, &error));
    assert_true(url.has_port);
    assert_int_equal(url.port, 0);
}

static void bad_schemes_are_refused(void **state)
{
    (void)state;
    assert_refused("", "no scheme");
    assert_refused("127.0.0.1:7777", "no scheme; say udp://");
    assert_refused("udp:/127.0.0.1", "no scheme");
    assert_refused("://h", "letters and digits");
    assert_refused("u+p://h", "letters and digits");
    assert_refused("4dp://h", "letters and digits");
    assert_canonical("abcdefg://h", "abcdefg://h");
    assert_refused("abcdefgh://h", "no known scheme is so long");
}

static void bad_hosts_are_refused(void **state)
{
    (void)state;
    assert_refused("udp://", "neither a host name nor an address");
    assert_refused("udp://:7777", "neither a host name nor an address");
    assert_refused("udp://256.0.0.1", "neither a host name nor an address");
    assert_refused("udp://127.1", "neither a host name nor an address");
    assert_refused("udp://1.2.3.4.5", "neither a host name nor an address");
    assert_refused("udp://a..b", "neither a host name nor an address");
    assert_refused("udp://a.", "neither a host name nor an address");
    assert_refused("udp://-a", "neither a host name nor an address");
    assert_refused("udp://a-", "neither a host name nor an address");
    assert_refused("udp://a-.b", "neither a host name nor an address");
    assert_refused("udp://a%41", "neither a host name nor an address");
    assert_refused("udp://::1", "IPv6 needs []");
    assert_refused("udp://[::1", "a [ without its ]");
    assert_refused("udp://[]", "is not an IPv6 address");
    assert_refused("udp://[127.0.0.1]", "is not an IPv6 address");
    assert_refused("udp://[fe80::1%25eth0]", "is not an IPv6 address");
    assert_refused("udp://[::1]x", "only a port may follow the ]");
    assert_refused("udp://user@h", "user names and passwords");
    assert_refused("udp://user:pass@h:1", "user names and passwords");
}

static void host_names_at_their_limits(void **state)
{
    (void)state;
    char label[66];
    char text[400];
    memset(label, 'a', 64);
    label[64] = '\0';
    snprintf(text, sizeof(text), "udp://%.63s:1", label);
    assert_canonical(text, text);
    snprintf(text, sizeof(text), "udp://%.64s:1", label);
    assert_refused(text, "neither a host name nor an address");
    snprintf(text, sizeof(text), "udp://%.63s.%.63s.%.63s.%.61s", label, label, label, label);
    assert_canonical(text, text);
    snprintf(text, sizeof(text), "udp://%.63s.%.63s.%.63s.%.62s", label, label, label, label);
    assert_refused(text, "neither a host name nor an address");
    snprintf(text, sizeof(text), "udp://%.63s.%.63s.%.63s.%.63s.a", label, label, label, label);
    assert_refused(text, "the host is too long");
}

static void bad_ports_are_refused(void **state)
{
    (void)state;
    assert_refused("udp://h:", "is not a port; 0 to 65535");
    assert_refused("udp://h:65536", "is not a port");
    assert_refused("udp://h:000001", "is not a port");
    assert_refused("udp://h:+1", "is not a port");
    assert_refused("udp://h:-1", "is not a port");
    assert_refused("udp://h:7x", "is not a port");
    assert_refused("udp://h:1:2", "is not a port");
}

static void bytes_that_do_not_belong_are_refused(void **state)
{
    (void)state;
    assert_refused("udp://h h", "a space, a control byte or a letter outside ASCII");
    assert_refused("udp://h\n", "a space, a control byte or a letter outside ASCII");
    assert_refused("udp://h\x7f", "a space, a control byte or a letter outside ASCII");
    assert_refused("udp://\xc3\xa9", "a space, a control byte or a letter outside ASCII");
    assert_refused("ws://h/p#f", "a fragment (#)");
    assert_refused("ws://h?a#f", "a fragment (#)");
}

static void parts_and_the_whole_have_limits(void **state)
{
    (void)state;
    char long_part[1100];
    char text[1200];
    memset(long_part, 'p', sizeof(long_part));
    snprintf(text, sizeof(text), "ws://h/%.*s", URL_PATH_BYTES - 2, long_part);
    assert_canonical(text, text);
    snprintf(text, sizeof(text), "ws://h/%.*s", URL_PATH_BYTES - 1, long_part);
    assert_refused(text, "the path is longer than 127 bytes");
    snprintf(text, sizeof(text), "ws://h?%.*s", URL_QUERY_BYTES - 1, long_part);
    assert_canonical(text, text);
    snprintf(text, sizeof(text), "ws://h?%.*s", URL_QUERY_BYTES, long_part);
    assert_refused(text, "the query is longer than 511 bytes");
    snprintf(text, sizeof(text), "ws://h?%.*s", URL_TEXT_BYTES - 7, long_part);
    assert_refused(text, "longer than 1023 bytes");
}

static void query_values_are_decoded(void **state)
{
    (void)state;
    struct url url;
    struct error error;
    char value[8];
    assert_true(url_parse("wss://h?cert=a%2fb%2Bc+d&flag&empty=&e=x=y", &url, &error));
    assert_true(url_query(&url, "cert", value, sizeof(value)));
    assert_string_equal(value, "a/b+c+d");
    assert_false(url_query(&url, "cert", value, 7));
    assert_true(url_query(&url, "flag", value, sizeof(value)));
    assert_string_equal(value, "");
    assert_true(url_query(&url, "empty", value, 1));
    assert_string_equal(value, "");
    assert_true(url_query(&url, "e", value, sizeof(value)));
    assert_string_equal(value, "x=y");
    assert_false(url_query(&url, "cer", value, sizeof(value)));
    assert_false(url_query(&url, "certs", value, sizeof(value)));
}

static void bad_queries_are_refused(void **state)
{
    (void)state;
    assert_refused("ws://h?=1", "a query parameter has no name");
    assert_refused("ws://h?a=1&&b=2", "a query parameter has no name");
    assert_refused("ws://h?a=1&", "the query ends with &");
    assert_refused("ws://h?a=1&b=2&a=3", "the query parameter a is given twice");
    assert_refused("ws://h?a=%", "% in the query is not a usable %-escape");
    assert_refused("ws://h?a=%4", "%4 in the query is not a usable %-escape");
    assert_refused("ws://h?a=%4g", "%4g in the query is not a usable %-escape");
    assert_refused("ws://h?a=%00", "%00 in the query is not a usable %-escape");
}

static void collect_key(void *context, const char *key)
{
    char *keys = context;
    size_t used = strlen(keys);
    snprintf(keys + used, 64 - used, "%s,", key);
}

static void all_query_keys_are_told(void **state)
{
    (void)state;
    struct url url;
    struct error error;
    char keys[64] = "";
    assert_true(url_parse("ws://h?cert=a&flag&x=y", &url, &error));
    url_query_keys(&url, collect_key, keys);
    assert_string_equal(keys, "cert,flag,x,");
}

static void addresses_are_host_and_port_without_scheme(void **state)
{
    (void)state;
    struct url url;
    struct error error;
    char text[URL_TEXT_BYTES];
    assert_true(url_parse_address("[::1]:9464", &url, &error));
    assert_string_equal(url.host, "::1");
    assert_int_equal(url.port, 9464);
    url_format(&url, text);
    assert_string_equal(text, "[::1]:9464");
    assert_true(url_parse_address("localhost:0", &url, &error));
    assert_false(url_parse_address("localhost", &url, &error));
    assert_string_equal(error.text, "\"localhost\": say host:port");
    assert_false(url_parse_address("", &url, &error));
    assert_false(url_parse_address("h:1/x", &url, &error));
    assert_false(url_parse_address("http://h:1", &url, &error));
    assert_false(url_parse_address("h :1", &url, &error));
}

static void known_schemes_have_ports(void **state)
{
    (void)state;
    assert_int_equal(url_default_port("udp"), 7777);
    assert_int_equal(url_default_port("dtls"), 7778);
    assert_int_equal(url_default_port("tcp"), 7778);
    assert_int_equal(url_default_port("tls"), 7779);
    assert_int_equal(url_default_port("ws"), 9090);
    assert_int_equal(url_default_port("wss"), 9091);
    assert_int_equal(url_default_port("memory"), 0);
}

static void loopback_is_told_from_the_rest(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool loopback;
    } cases[] = {
        {"udp://127.0.0.1", true},    {"udp://127.255.1.2", true},        {"udp://[::1]", true},
        {"udp://localhost", true},    {"udp://[::ffff:127.0.0.1]", true}, {"udp://0.0.0.0", false},
        {"udp://[::]", false},        {"udp://128.0.0.1", false},         {"udp://[::2]", false},
        {"udp://localhost.x", false}, {"udp://[::ffff:10.0.0.1]", false},
    };
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        struct url url;
        struct error error;
        assert_true(url_parse(cases[i].text, &url, &error));
        assert_int_equal(url_host_is_loopback(&url), cases[i].loopback);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_url_comes_apart),
        cmocka_unit_test(canonical_text_tells_duplicates),
        cmocka_unit_test(no_port_and_port_zero_differ),
        cmocka_unit_test(bad_schemes_are_refused),
        cmocka_unit_test(bad_hosts_are_refused),
        cmocka_unit_test(host_names_at_their_limits),
        cmocka_unit_test(bad_ports_are_refused),
        cmocka_unit_test(bytes_that_do_not_belong_are_refused),
        cmocka_unit_test(parts_and_the_whole_have_limits),
        cmocka_unit_test(query_values_are_decoded),
        cmocka_unit_test(bad_queries_are_refused),
        cmocka_unit_test(all_query_keys_are_told),
        cmocka_unit_test(addresses_are_host_and_port_without_scheme),
        cmocka_unit_test(known_schemes_have_ports),
        cmocka_unit_test(loopback_is_told_from_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
