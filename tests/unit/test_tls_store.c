// SPDX-License-Identifier: MIT
// Certificates of listeners as operators have them: right, wrong, and changing under way.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "config/base/log.h"
#include "net/tls_store.h"
#include "tests/support/cert_files.h"
#include "tests/support/tls_pair.h"

#define DAY_S        (24 * 60 * 60)
#define WORKER_JOBS  16
#define WALL_BEGIN_S UINT64_C(1767225600) // what a virtual clock at 0 says
#define LISTENER     "listener=wss://localhost:9091"

static struct config *config;
static struct clock clock_now;
static struct loop *loop;
static struct worker *worker;
static struct counters *counters;
static struct net_tls_server *server;
static struct net_tls_listener *listener;
static struct error error;
static FILE *log_file;

static void set(const char *name, const char *value)
{
    assert_true(config_set(config, name, value, &error));
}

static void configure(const char *certificate, const char *key)
{
    set("tls-cert", certificate ? cert_files_path(certificate) : "");
    set("tls-key", key ? cert_files_path(key) : "");
}

static void configure_two(const char *first, const char *second)
{
    char certificates[512], keys[512];
    snprintf(certificates, sizeof(certificates), "%s%s.pem %s%s.pem", cert_files_path(""), first,
             cert_files_path(""), second);
    snprintf(keys, sizeof(keys), "%s%s.key %s%s.key", cert_files_path(""), first,
             cert_files_path(""), second);
    set("tls-cert", certificates);
    set("tls-key", keys);
}

// What was logged since the last call.
static const char *logged(void)
{
    static char text[16384];
    rewind(log_file);
    size_t size = fread(text, 1, sizeof(text) - 1, log_file);
    text[size] = '\0';
    assert_int_equal(ftruncate(fileno(log_file), 0), 0);
    rewind(log_file);
    return text;
}

static void expect_in_log(const char *part)
{
    const char *text = logged();
    if (!strstr(text, part)) {
        fail_msg("no %s in: %s", part, text);
    }
}

static bool open_listener(const char *url_text)
{
    struct url url;
    assert_true(url_parse(url_text, &url, &error));
    server = server ? server : net_tls_server_create(config, &clock_now, &error);
    assert_non_null(server);
    listener = net_tls_listener_open(server, &url, &error);
    return listener;
}

static void must_open(const char *url_text)
{
    if (!open_listener(url_text)) {
        fail_msg("%s", error.text);
    }
}

static void finish_server(void)
{
    net_tls_server_destroy(server);
    server = NULL;
}

static void expect_refused(const char *certificate, const char *key, const char *part)
{
    configure(certificate, key);
    error.text[0] = '\0';
    assert_false(open_listener("wss://localhost:9091"));
    if (!strstr(error.text, part)) {
        fail_msg("%s", error.text);
    }
    assert_non_null(strstr(error.text, "wss://localhost:9091: "));
    finish_server();
}

static int group_setup(void **state)
{
    (void)state;
    static const struct cert_spec specs[] = {
        {.file = "good", .common_name = "good.example.com"},
        {.file = "other", .common_name = "other.example.com"},
        {.file = "expired", .common_name = "e", .begins_s = -DAY_S, .ends_s = -1},
        {.file = "future", .common_name = "f", .begins_s = DAY_S, .ends_s = 99 * DAY_S},
        {.file = "nameless", .common_name = "n", .traits = CERT_NO_NAMES},
        {.file = "photon", .common_name = "www.p.com", .traits = CERT_RSA | CERT_NO_SIGNATURE},
        {.file = "month", .common_name = "m", .begins_s = -DAY_S, .ends_s = 29 * DAY_S + 3600},
        {.file = "long", .common_name = "l", .begins_s = -DAY_S, .ends_s = 31 * DAY_S + 3600},
        {.file = "root", .common_name = "Root", .traits = CERT_CA},
        {.file = "middle", .common_name = "Middle", .traits = CERT_CA, .issuer = "root"},
        {.file = "leaf", .common_name = "leaf.example.com", .issuer = "middle"},
    };
    log_file = tmpfile();
    cert_files_begin();
    for (size_t i = 0; i < BASE_COUNT(specs); i++) {
        cert_files_make(&specs[i]);
    }
    cert_files_write("empty.pem", "", 0);
    cert_files_write("text.pem", "not a certificate\n", 18);
    cert_files_write("binary.pfx", "0\x82oops", 6);
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    cert_files_end();
    log_open(STDERR_FILENO, LOG_ERROR, LOG_FORMAT_TEXT, NULL);
    fclose(log_file);
    return 0;
}

static int setup(void **state)
{
    (void)state;
    clock_init_virtual(&clock_now, ((uint64_t)time(NULL) - WALL_BEGIN_S) * CLOCK_NS_PER_S);
    log_open(fileno(log_file), LOG_INFO, LOG_FORMAT_TEXT, &clock_now);
    config = config_create_default();
    loop = loop_create(&clock_now, &error);
    worker = worker_create(loop, "test", WORKER_JOBS, false, &error);
    counters = counters_create();
    assert_non_null(worker);
    error.text[0] = '\0';
    logged();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    worker_destroy(worker);
    finish_server();
    loop_destroy(loop);
    counters_destroy(counters);
    config_destroy(config);
    return 0;
}

// ---- what is loaded

static void a_good_certificate_is_reported_in_one_line(void **state)
{
    (void)state;
    char line[512];
    configure("good.pem", "good.key");
    must_open("wss://localhost:9091");
    snprintf(line, sizeof(line),
             "INFO  secured " LISTENER " - Secured using certificate: \"good.example.com\" from "
             "file: \"%s\"\n",
             cert_files_path("good.pem"));
    const char *text = logged();
    if (!strstr(text, line) || strchr(text, '\n') != text + strlen(text) - 1) {
        fail_msg("%s is not %s", text, line);
    }
}

static void the_line_of_the_guide_stands_in_the_log(void **state)
{
    (void)state;
    cert_files_make_folder("MY");
    cert_files_make(&(struct cert_spec){.file = "MY/a", .common_name = "NW.exitgames.local"});
    set("cert-machine-store", "true");
    set("cert-machine-dir", cert_files_path(""));
    must_open("wss://localhost:9091?cert=NW.exitgames.local");
    expect_in_log("Secured using certificate: \"NW.exitgames.local\" from store: \"MY\" using "
                  "machine store\n");
}

static void one_file_may_hold_certificate_and_key(void **state)
{
    (void)state;
    cert_files_join("good.key", "good.pem", "both.pem");
    configure("both.pem", NULL);
    must_open("wss://localhost:9091");
    set("tls-key", "-");
    must_open("wss://localhost:9092");
}

static void expect_chain(const char *file)
{
    configure(file, "leaf.key");
    must_open("wss://localhost:9091");
    const struct net_tls_certificate *certificate = listener->certificates.items[0];
    assert_int_equal(certificate->chain_count, 3);
    assert_string_equal(certificate->name, "leaf.example.com");
    for (unsigned i = 0; i + 1 < 3; i++) {
        assert_true(gnutls_x509_crt_check_issuer(certificate->chain[i], certificate->chain[i + 1]));
    }
}

static void a_chain_in_disorder_is_put_in_order(void **state)
{
    (void)state;
    cert_files_join("root.pem", "middle.pem", "ca.pem");
    cert_files_join("ca.pem", "leaf.pem", "backwards.pem");
    cert_files_join("leaf.pem", "ca.pem", "mixed.pem");
    cert_files_join("mixed.pem", "other.pem", "strange.pem");
    expect_chain("backwards.pem");
    expect_chain("mixed.pem");
    expect_chain("strange.pem"); // without what does not belong
}

static void operators_mistakes_are_explained(void **state)
{
    (void)state;
    expect_refused("absent.pem", NULL, ": --tls-cert: cannot read ");
    expect_refused("absent.pem", "good.key", "absent.pem: there is no such file");
    expect_refused("good.pem", "absent.key", ": --tls-cert with --tls-key: cannot read ");
    expect_refused("good.pem", "absent.key", "absent.key: there is no such file");
    expect_refused(".", NULL, "it is a folder; name a file in it");
    expect_refused("empty.pem", "good.key", "empty.pem: it is empty");
    expect_refused("text.pem", "good.key", "cannot use the certificate");
    expect_refused("good.pem", "text.pem", "there is none in PEM form");
    expect_refused("good.pem", "other.key", "does not belong to the certificate");
    expect_refused("good.pem", NULL, "cannot use the private key");
    expect_refused("binary.pfx", NULL, "binary.pfx: ");
    setenv("XDG_CONFIG_HOME", cert_files_path("none"), 1);
    expect_refused(NULL, NULL, "certificate \"Photon\" not found in store \"MY\"");
    expect_refused(NULL, NULL, "; give --tls-cert and --tls-key, or --dev for a self-signed one");
}

// In the place of the library's: NULL when the library is older than `wanted`.
static bool library_is_old;
const char *gnutls_check_version(const char *wanted)
{
    return library_is_old && wanted ? NULL : "3.7.9";
}

static void an_old_library_is_warned_of(void **state)
{
    (void)state;
    library_is_old = true;
    configure("good.pem", "good.key");
    must_open("wss://localhost:9091");
    library_is_old = false;
    expect_in_log("WARN  gnutls_old version=3.7.9 - GnuTLS is older than 3.7.9: known security "
                  "holes are open, upgrade it");
}

static void what_will_trouble_players_is_warned_of(void **state)
{
    static const struct {
        const char *file;
        const char *line;
    } cases[] = {
        {"expired", "ERROR certificate_expired " LISTENER
                    " - certificate \"e\" has expired: clients will refuse it\n"},
        {"future", "WARN  certificate_not_yet_valid " LISTENER
                   " - certificate \"f\" is not valid yet: clients will refuse it; is the clock "
                   "right?\n"},
        {"nameless", "WARN  certificate_without_names " LISTENER
                     " - certificate \"n\" has no subjectAltName; browsers will refuse it\n"},
        {"photon",
         "WARN  certificate_key_usage " LISTENER
         " - certificate \"www.p.com\" lacks keyUsage digitalSignature: TLS 1.3/ECDHE disabled; "
         "re-issue with keyUsage=digitalSignature,keyEncipherment\n"},
        {"month",
         "WARN  certificate_expiring " LISTENER " - certificate \"m\" expires in 29 days\n"},
    };
    (void)state;
    for (size_t i = 0; i < BASE_COUNT(cases); i++) {
        char pem[32];
        char key[32];
        snprintf(pem, sizeof(pem), "%s.pem", cases[i].file);
        snprintf(key, sizeof(key), "%s.key", cases[i].file);
        configure(pem, key);
        must_open("wss://localhost:9091");
        expect_in_log(cases[i].line);
        finish_server();
    }
}

static void a_listener_may_have_a_certificate_of_its_own(void **state)
{
    (void)state;
    configure_two("good", "other");
    must_open("wss://localhost:1");
    assert_int_equal(listener->certificates.count, 2);
    assert_string_equal(listener->certificates.items[0]->name, "good.example.com");
    must_open("wss://localhost:2?cert=OTHER.example.com");
    assert_int_equal(listener->certificates.count, 1);
    assert_string_equal(listener->certificates.items[0]->name, "other.example.com");
    must_open("wss://localhost:3?cert=other.example.com,good.example.com");
    assert_int_equal(listener->certificates.count, 2);
    assert_string_equal(listener->certificates.items[0]->name, "other.example.com");
    assert_false(open_listener("wss://localhost:4?cert=third.example.com"));
    assert_non_null(strstr(error.text, "\"third.example.com\" not found"));
    assert_false(open_listener("wss://localhost:4?cert=a,,b"));
}

static void names_of_the_settings_are_taken_from_the_store(void **state)
{
    (void)state;
    cert_files_make_folder("STORE");
    cert_files_make(&(struct cert_spec){.file = "STORE/a", .common_name = "Photon"});
    cert_files_make(&(struct cert_spec){.file = "STORE/b", .common_name = "b.example.com"});
    set("cert-machine-store", "true");
    set("cert-machine-dir", cert_files_path(""));
    set("cert-store-name", "STORE");
    must_open("wss://localhost:1");
    assert_string_equal(listener->certificates.items[0]->name, "Photon");
    finish_server();
    set("dev", "true");
    set("cert-name", "b.example.com Photon");
    must_open("wss://localhost:1");
    assert_int_equal(listener->certificates.count, 2);
    assert_string_equal(listener->certificates.items[0]->name, "b.example.com");
    assert_false(net_tls_server_has_dev(server));
}

static void rsa_makes_a_listener_slow(void **state)
{
    (void)state;
    configure("good.pem", "good.key");
    must_open("wss://localhost:1");
    assert_false(net_tls_listener_is_slow(listener));
    finish_server();
    configure("photon.pem", "photon.key");
    must_open("wss://localhost:1");
    assert_true(net_tls_listener_is_slow(listener));
}

// ---- changes

static void wait_ms(uint64_t ms)
{
    uint64_t end = loop_now_ns(loop) + ms * CLOCK_NS_PER_MS;
    while (loop_now_ns(loop) < end) {
        loop_turn(loop, end);
    }
    loop_turn(loop, end); // what has come from the worker
}

static void watch(void)
{
    cert_files_copy("good.pem", "live.pem");
    cert_files_copy("good.key", "live.key");
    configure("live.pem", "live.key");
    must_open("wss://localhost:9091");
    net_tls_server_watch(server, loop, worker, counters);
    wait_ms(1);
    logged();
}

static void replace_by(const char *name)
{
    char file[64];
    snprintf(file, sizeof(file), "%s.pem", name);
    cert_files_copy(file, "live.pem");
    snprintf(file, sizeof(file), "%s.key", name);
    cert_files_copy(file, "live.key");
}

static const char *shown(void)
{
    return listener->certificates.items[0]->name;
}

static uint64_t reloads(const char *result)
{
    return *counter_cell(counters, COUNTER_TOTAL, "paddock_certificate_reloads", "", "result",
                         result);
}

static void a_changed_file_is_shown_at_the_next_poll(void **state)
{
    (void)state;
    watch();
    replace_by("other");
    wait_ms(9990);
    assert_string_equal(shown(), "good.example.com");
    wait_ms(20);
    assert_string_equal(shown(), "other.example.com");
    expect_in_log("Secured using certificate: \"other.example.com\" from file: ");
    wait_ms(60000);
    assert_string_equal(logged(), ""); // unchanged since
    assert_int_equal(reloads("ok"), 1);
}

static void a_swapped_symbolic_link_is_a_change(void **state)
{
    (void)state;
    cert_files_make_folder("v1");
    cert_files_copy("good.pem", "v1/c.pem");
    cert_files_copy("good.key", "v1/c.key");
    cert_files_make_folder("v2");
    cert_files_copy("other.pem", "v2/c.pem");
    cert_files_copy("other.key", "v2/c.key");
    assert_int_equal(symlink("v1", cert_files_path("current")), 0);
    configure("current/c.pem", "current/c.key");
    must_open("wss://localhost:9091");
    net_tls_server_watch(server, loop, worker, counters);
    assert_int_equal(symlink("v2", cert_files_path("next")), 0);
    assert_int_equal(rename(cert_files_path("next"), cert_files_path("current")), 0);
    wait_ms(10001);
    assert_string_equal(shown(), "other.example.com");
}

static void reload_does_not_wait(void **state)
{
    (void)state;
    set("cert-poll-ms", "0");
    watch();
    replace_by("other");
    wait_ms(3600000);
    assert_string_equal(shown(), "good.example.com");
    net_tls_server_reload(server);
    wait_ms(1);
    assert_string_equal(shown(), "other.example.com");
    expect_in_log("secured");
    net_tls_server_reload(server); // also without a change
    wait_ms(1);
    expect_in_log("secured");
}

static void many_reloads_at_once_are_two(void **state)
{
    (void)state;
    watch();
    for (unsigned i = 0; i < 1000; i++) {
        net_tls_server_reload(server);
    }
    wait_ms(100);
    assert_int_equal(reloads("ok"), 2);
}

static void nothing_to_do(void *context)
{
    (void)context;
}

static void a_worker_that_is_busy_is_asked_again_a_second_later(void **state)
{
    (void)state;
    struct worker_job jobs[WORKER_JOBS];
    set("cert-poll-ms", "0");
    watch();
    replace_by("other");
    for (unsigned i = 0; i < WORKER_JOBS; i++) {
        jobs[i] = (struct worker_job){.work = nothing_to_do, .done = nothing_to_do};
        assert_true(worker_submit(worker, &jobs[i]));
    }
    net_tls_server_reload(server);
    wait_ms(999);
    assert_string_equal(shown(), "good.example.com");
    wait_ms(1);
    assert_string_equal(shown(), "other.example.com");
}

static void a_half_written_pair_changes_nothing_and_is_tried_again(void **state)
{
    (void)state;
    watch();
    cert_files_copy("other.pem", "live.pem");
    wait_ms(10001);
    assert_string_equal(shown(), "good.example.com");
    expect_in_log(
        "ERROR certificate_reload_failed " LISTENER
        " - --tls-cert with --tls-key: cannot use the private key for the certificate in ");
    assert_non_null(strstr(listener->problem, "does not belong to the certificate"));
    wait_ms(10001);
    assert_string_equal(logged(), ""); // the same again is not told again
    assert_int_equal(reloads("failed"), 2);
    cert_files_write("live.pem", "", 0);
    wait_ms(10001);
    expect_in_log("it is empty; the old certificate stays");
    net_tls_server_reload(server);
    wait_ms(1);
    expect_in_log("it is empty; the old certificate stays"); // who asks is answered
    unlink(cert_files_path("live.pem"));
    wait_ms(10001);
    expect_in_log("there is no such file; the old certificate stays");
    assert_string_equal(shown(), "good.example.com");
    replace_by("other");
    wait_ms(10001);
    assert_string_equal(shown(), "other.example.com");
    assert_string_equal(listener->problem, "");
}

static void old_sessions_keep_their_credentials(void **state)
{
    (void)state;
    watch();
    struct net_tls_credentials *old = net_tls_listener_credentials(listener);
    gnutls_session_t session;
    assert_int_equal(gnutls_init(&session, GNUTLS_SERVER), 0);
    assert_true(net_tls_credentials_apply(old, session, ""));
    net_tls_server_reload(server);
    wait_ms(1);
    struct net_tls_credentials *new = net_tls_listener_credentials(listener);
    assert_ptr_not_equal(old, new);
    net_tls_credentials_unref(new);
    gnutls_deinit(session);
    net_tls_credentials_unref(old);
}

static bool resumes(struct tls_ticket *ticket)
{
    struct tls_pair pair;
    struct net_tls_credentials *credentials = net_tls_listener_credentials(listener);
    tls_pair_shake(&pair, credentials, NULL, "NORMAL:-VERS-ALL:+VERS-TLS1.2", ticket);
    net_tls_credentials_unref(credentials);
    assert_int_equal(pair.client_status, 0);
    return pair.resumed;
}

static void tickets_outlive_a_reload_and_end_with_their_key(void **state)
{
    (void)state;
    struct tls_ticket ticket = {0};
    set("tls-ticket-hours", "2");
    watch();
    assert_false(resumes(&ticket));
    net_tls_server_reload(server);
    wait_ms(3600000);
    assert_true(resumes(&ticket));
    wait_ms(3600000 + 1);
    assert_false(resumes(&ticket));
    assert_true(resumes(&ticket)); // with the one that it got for it
    wait_ms(7200000 + 1);
    assert_false(resumes(&ticket));
    tls_ticket_finish(&ticket);
    finish_server();
    set("tls-ticket-hours", "0");
    must_open("wss://localhost:9091");
    assert_false(resumes(&ticket));
    assert_false(resumes(&ticket));
    tls_ticket_finish(&ticket);
}

static void give_ticket_key(uint8_t first)
{
    uint8_t key[NET_TLS_TICKET_KEY_BYTES] = {first};
    cert_files_write("next.key", key, sizeof(key));
    assert_int_equal(chmod(cert_files_path("next.key"), 0600), 0);
    assert_int_equal(rename(cert_files_path("next.key"), cert_files_path("ticket.key")), 0);
}

static void tickets_of_one_node_are_good_at_another_with_its_key(void **state)
{
    (void)state;
    struct tls_ticket ticket = {0};
    give_ticket_key(1);
    set("tls-ticket-key-file", cert_files_path("ticket.key"));
    set("tls-ticket-hours", "1"); // is not for this one
    watch();
    assert_false(resumes(&ticket));
    finish_server();
    watch(); // another node
    wait_ms(2 * 3600000);
    assert_true(resumes(&ticket));
    give_ticket_key(2);
    wait_ms(10001);
    assert_false(resumes(&ticket));
    assert_true(resumes(&ticket));
    assert_int_equal(chmod(cert_files_path("ticket.key"), 0644), 0);
    net_tls_server_reload(server);
    wait_ms(1);
    expect_in_log("certificate_reload_failed " LISTENER " - --tls-ticket-key-file: cannot use ");
    assert_true(resumes(&ticket));
    tls_ticket_finish(&ticket);
    finish_server();
    unlink(cert_files_path("ticket.key"));
    expect_refused("good.pem", "good.key", "--tls-ticket-key-file: cannot read ");
}

static void what_is_about_to_expire_is_told_daily(void **state)
{
    (void)state;
    configure("long.pem", "long.key");
    must_open("wss://localhost:9091");
    net_tls_server_watch(server, loop, worker, counters);
    logged();
    wait_ms(86400000 + 1);
    assert_string_equal(logged(), "");
    wait_ms(86400000);
    expect_in_log("WARN  certificate_expiring " LISTENER " - certificate \"l\" expires in 29 days");
    wait_ms(86400000);
    expect_in_log("expires in 28 days");
    wait_ms(29 * UINT64_C(86400000));
    expect_in_log("ERROR certificate_expired");
}

static void the_gauge_says_when_the_first_one_expires(void **state)
{
    (void)state;
    watch();
    uint64_t *gauge = counter_cell(counters, COUNTER_GAUGE, "paddock_certificate_not_after_seconds",
                                   "", "listener", "wss://localhost:9091");
    assert_int_equal(*gauge, listener->certificates.items[0]->not_after_s);
    replace_by("long");
    net_tls_server_reload(server);
    wait_ms(1);
    net_tls_server_refresh(server);
    assert_int_equal(*gauge, listener->certificates.items[0]->not_after_s);
    assert_true(*gauge > (uint64_t)time(NULL) + 30 * DAY_S);
}

static void the_gauge_of_several_is_of_the_one_that_expires_first(void **state)
{
    (void)state;
    configure_two("long", "good");
    must_open("wss://localhost:9091");
    net_tls_server_watch(server, loop, worker, counters);
    int64_t first_s = listener->certificates.items[0]->not_after_s;
    assert_true(first_s < listener->certificates.items[1]->not_after_s);
    assert_int_equal(*counter_cell(counters, COUNTER_GAUGE, "paddock_certificate_not_after_seconds",
                                   "", "listener", "wss://localhost:9091"),
                     first_s);
}

static void status_words_change_at_their_second(void **state)
{
    (void)state;
    struct net_tls_certificate certificate = {.not_before_s = 1000, .not_after_s = 40 * DAY_S};
    uint64_t warn_ms = 10 * UINT64_C(86400000);
    assert_string_equal(net_tls_status(config, &certificate, 999999), "invalid");
    assert_string_equal(net_tls_status(config, &certificate, 1000000), "valid");
    assert_string_equal(net_tls_status(config, &certificate, warn_ms), "valid");
    assert_int_equal(net_tls_days_left(&certificate, warn_ms), 30);
    assert_string_equal(net_tls_status(config, &certificate, warn_ms + 1000), "expiring");
    assert_string_equal(net_tls_status(config, &certificate, 4 * warn_ms - 1), "expiring");
    assert_int_equal(net_tls_days_left(&certificate, 4 * warn_ms - 1), 0);
    assert_string_equal(net_tls_status(config, &certificate, 4 * warn_ms), "expired");
}

// ---- the certificate of --dev

static void dev_makes_a_certificate_for_this_machine(void **state)
{
    (void)state;
    set("dev", "true");
    must_open("wss://localhost:9091");
    expect_in_log("Secured using certificate: \"localhost\" made for --dev");
    gnutls_x509_crt_t crt = listener->certificates.items[0]->chain[0];
    assert_int_equal(gnutls_x509_crt_check_hostname(crt, "localhost"), 1);
    assert_int_equal(gnutls_x509_crt_check_hostname(crt, "127.0.0.1"), 1);
    assert_int_equal(gnutls_x509_crt_check_hostname(crt, "::1"), 1);
    assert_int_equal(gnutls_x509_crt_check_hostname(crt, "example.com"), 0);
    time_t days =
        (gnutls_x509_crt_get_expiration_time(crt) - gnutls_x509_crt_get_activation_time(crt)) /
        DAY_S;
    assert_int_equal(days, 825);
    unsigned usage;
    char purpose[64];
    size_t size = sizeof(purpose);
    gnutls_x509_crt_get_key_usage(crt, &usage, NULL);
    assert_int_equal(usage, GNUTLS_KEY_DIGITAL_SIGNATURE);
    assert_int_equal(gnutls_x509_crt_get_key_purpose_oid(crt, 0, purpose, &size, NULL), 0);
    assert_string_equal(purpose, GNUTLS_KP_TLS_WWW_SERVER);
    assert_int_equal(gnutls_x509_crt_get_pk_algorithm(crt, NULL), GNUTLS_PK_ECDSA);
}

static void it_is_the_same_for_all_listeners_and_after_a_reload(void **state)
{
    (void)state;
    char digest[65];
    set("dev", "true");
    must_open("wss://localhost:1");
    memcpy(digest, listener->certificates.items[0]->sha256, sizeof(digest));
    must_open("tls://localhost:2");
    assert_string_equal(listener->certificates.items[0]->sha256, digest);
    net_tls_server_watch(server, loop, worker, counters);
    net_tls_server_reload(server);
    wait_ms(1);
    assert_string_equal(listener->certificates.items[0]->sha256, digest);
    finish_server();
    must_open("wss://localhost:1"); // another start
    assert_string_not_equal(listener->certificates.items[0]->sha256, digest);
}

static void its_key_never_leaves_with_it(void **state)
{
    (void)state;
    set("dev", "true");
    must_open("wss://localhost:9091");
    assert_true(net_tls_server_has_dev(server));
    assert_true(net_tls_server_write_dev(server, cert_files_path("dev.pem"), &error));
    const char *text = cert_files_read("dev.pem");
    assert_non_null(strstr(text, "BEGIN CERTIFICATE"));
    assert_null(strstr(text, "KEY"));
    assert_false(net_tls_server_write_dev(server, cert_files_path("no/such/folder"), &error));
    assert_non_null(strstr(error.text, "no/such/folder: No such file"));
}

static void credentials_outlive_their_server(void **state)
{
    (void)state;
    configure("good.pem", "good.key");
    must_open("wss://localhost:9091");
    struct net_tls_credentials *credentials = net_tls_listener_credentials(listener);
    finish_server();
    gnutls_session_t session;
    assert_int_equal(gnutls_init(&session, GNUTLS_SERVER), 0);
    assert_true(net_tls_credentials_apply(credentials, session, ""));
    gnutls_deinit(session);
    net_tls_credentials_unref(credentials);
    net_tls_credentials_unref(NULL);
    net_tls_server_destroy(NULL);
}

int main(void)
{
#define ONE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        ONE(a_good_certificate_is_reported_in_one_line),
        ONE(the_line_of_the_guide_stands_in_the_log),
        ONE(one_file_may_hold_certificate_and_key),
        ONE(a_chain_in_disorder_is_put_in_order),
        ONE(operators_mistakes_are_explained),
        ONE(an_old_library_is_warned_of),
        ONE(what_will_trouble_players_is_warned_of),
        ONE(a_listener_may_have_a_certificate_of_its_own),
        ONE(names_of_the_settings_are_taken_from_the_store),
        ONE(rsa_makes_a_listener_slow),
        ONE(a_changed_file_is_shown_at_the_next_poll),
        ONE(a_swapped_symbolic_link_is_a_change),
        ONE(reload_does_not_wait),
        ONE(many_reloads_at_once_are_two),
        ONE(a_worker_that_is_busy_is_asked_again_a_second_later),
        ONE(a_half_written_pair_changes_nothing_and_is_tried_again),
        ONE(old_sessions_keep_their_credentials),
        ONE(tickets_outlive_a_reload_and_end_with_their_key),
        ONE(tickets_of_one_node_are_good_at_another_with_its_key),
        ONE(what_is_about_to_expire_is_told_daily),
        ONE(the_gauge_says_when_the_first_one_expires),
        ONE(the_gauge_of_several_is_of_the_one_that_expires_first),
        ONE(status_words_change_at_their_second),
        ONE(dev_makes_a_certificate_for_this_machine),
        ONE(it_is_the_same_for_all_listeners_and_after_a_reload),
        ONE(its_key_never_leaves_with_it),
        ONE(credentials_outlive_their_server),
    };
#undef ONE
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
