// SPDX-License-Identifier: MIT
// The command shows what a server with the same settings would show: it loads as the server does.

#include "game/cert_status.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "net/transport.h"

static void format_time(int64_t at_s, char text[CLOCK_TEXT_BYTES])
{
    clock_format_wall(at_s > 0 ? (uint64_t)at_s * 1000 : 0, text);
}

static json_t *describe(const struct net_tls_listener *listener,
                        const struct net_tls_certificate *certificate, const struct config *config,
                        uint64_t wall_ms)
{
    char not_before[CLOCK_TEXT_BYTES];
    char not_after[CLOCK_TEXT_BYTES];
    char loaded_at[CLOCK_TEXT_BYTES];
    json_t *names = json_array();
    for (unsigned i = 0; i < certificate->name_count; i++) {
        json_array_append_new(names, json_string(certificate->names[i]));
    }
    format_time(certificate->not_before_s, not_before);
    format_time(certificate->not_after_s, not_after);
    clock_format_wall(listener->loaded_ms, loaded_at);
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:o, s:s, s:s, s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:s?}",
        "listener", listener->url, "status", net_tls_status(config, certificate, wall_ms), "name",
        certificate->name, "subject", certificate->subject, "issuer", certificate->issuer, "sans",
        names, "not_before", not_before, "not_after", not_after, "days_left",
        (json_int_t)net_tls_days_left(certificate, wall_ms), "serial", certificate->serial,
        "sha256", certificate->sha256, "key", certificate->key_type, "origin", certificate->origin,
        "loaded_at", loaded_at, "ocsp", net_tls_ocsp_status(&certificate->ocsp, wall_ms), "problem",
        listener->problem[0] ? listener->problem : NULL);
}

json_t *game_cert_status(const struct net_tls_server *tls, const struct config *config,
                         uint64_t wall_ms)
{
    json_t *list = json_array();
    const struct net_tls_listener *at = tls ? net_tls_server_listeners(tls) : NULL;
    for (; at; at = at->next) {
        for (unsigned i = 0; i < at->certificates.count; i++) {
            json_array_append_new(list, describe(at, at->certificates.items[i], config, wall_ms));
        }
    }
    return list;
}

// ---- the command

// Every listener that can be opened is; for each that cannot there is an object that says why.
static bool open_all(const struct config *config, struct net_tls_server *tls, json_t *missing)
{
    for (unsigned i = 0; i < config->listen.count; i++) {
        struct url url;
        struct error error = {""};
        const struct net_transport *transport =
            net_transport_of_listener(config->listen.items[i], &url, &error);
        bool needed = !transport || transport->needs_certificate;
        if (needed && (!transport || !net_tls_listener_open(tls, &url, &error)) &&
            json_array_append_new(missing,
                                  json_pack("{s:s, s:s, s:s}", "listener", config->listen.items[i],
                                            "status", "missing", "problem", error.text)) != 0) {
            return false;
        }
    }
    return true;
}

static const char *text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static void print_one(const json_t *one, FILE *out)
{
    fprintf(out, "%s: %s", text_at(one, "listener"), text_at(one, "status"));
    if (!json_object_get(one, "name")) {
        fprintf(out, "\n  %s\n", text_at(one, "problem"));
        return;
    }
    fprintf(out, ", %lld days left\n",
            (long long)json_integer_value(json_object_get(one, "days_left")));
    fprintf(out, "  \"%s\" %s\n  names   ", text_at(one, "name"), text_at(one, "origin"));
    size_t index;
    json_t *name;
    json_array_foreach(json_object_get(one, "sans"), index, name)
    {
        fprintf(out, " %s", json_string_value(name));
    }
    fprintf(out, "\n  subject  %s\n  issuer   %s\n", text_at(one, "subject"),
            text_at(one, "issuer"));
    fprintf(out, "  valid    %s to %s\n", text_at(one, "not_before"), text_at(one, "not_after"));
    fprintf(out, "  key      %s\n  serial   %s\n  sha256   %s\n", text_at(one, "key"),
            text_at(one, "serial"), text_at(one, "sha256"));
}

static unsigned print_all(const json_t *list, bool as_json, FILE *out)
{
    size_t index;
    json_t *one;
    unsigned bad = 0;
    if (as_json) {
        json_dumpf(list, out, JSON_INDENT(2));
        fputc('\n', out);
    }
    json_array_foreach(list, index, one)
    {
        const char *status = text_at(one, "status");
        bad += strcmp(status, "valid") != 0 && strcmp(status, "expiring") != 0;
        if (!as_json) {
            print_one(one, out);
        }
    }
    return bad;
}

bool game_cert_print_status(const struct config *config, bool as_json, FILE *out,
                            struct error *error)
{
    struct clock clock;
    clock_init_monotonic(&clock);
    struct net_tls_server *tls = net_tls_server_create(config, &clock, error);
    json_t *missing = json_array();
    json_t *list = NULL;
    unsigned bad = 0;
    if (!tls) {
        json_decref(missing);
        return false;
    }
    bool ok = missing && open_all(config, tls, missing);
    if (ok) {
        list = game_cert_status(tls, config, clock_wall_ms(&clock));
        ok = list && json_array_extend(list, missing) == 0;
    }
    if (ok) {
        bad = print_all(list, as_json, out);
    }
    json_decref(list);
    json_decref(missing);
    net_tls_server_destroy(tls);
    if (!ok) {
        return error_set(error, "out of memory");
    }
    return bad == 0 || error_set(error, "%u that players would be refused with", bad);
}
