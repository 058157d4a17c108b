// SPDX-License-Identifier: MIT
// A certificate is two files, NAME.pem and NAME.key, beside ca.pem and ca.key of the authority.
// What exists is never made over, only renewed: for the same names, by the same issuer.

#include "game/cert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/paths.h"
#include "game/cert_status.h"
#include "net/tls_file.h"
#include "net/tls_folder.h"
#include "net/tls_make.h"
#include "net/tls_pkcs12.h"

#define AUTHORITY       "ca"
#define AUTHORITY_DAYS  3650
#define PEM_BYTES       65536
#define COMMON_NAME_MAX 64 // X.520
#define HOST_NAME_MAX_  253

// ---- files

struct pair {
    char certificate[LIMIT_PATH_BYTES];
    char key[LIMIT_PATH_BYTES];
    char pkcs12[LIMIT_PATH_BYTES];
};

static bool cert_folder(const struct config *config, char folder[LIMIT_PATH_BYTES],
                        struct error *error)
{
    return config_data_path(config, config->cert_dir, "certs", folder, error) &&
           config_make_folders(folder, "cert-dir", error);
}

static bool pair_of(const struct config *config, const char *file, struct pair *pair,
                    struct error *error)
{
    char folder[LIMIT_PATH_BYTES];
    if (!cert_folder(config, folder, error)) {
        return false;
    }
    int size = LIMIT_PATH_BYTES - HOST_NAME_MAX_ - 8;
    if ((int)strlen(folder) >= size) {
        return error_set(error, "the path of --cert-dir is too long");
    }
    snprintf(pair->certificate, LIMIT_PATH_BYTES, "%.*s/%.253s.pem", size, folder, file);
    snprintf(pair->key, LIMIT_PATH_BYTES, "%.*s/%.253s.key", size, folder, file);
    snprintf(pair->pkcs12, LIMIT_PATH_BYTES, "%.*s/%.253s.pfx", size, folder, file);
    return true;
}

static bool is_free(const struct pair *pair, struct error *error)
{
    const char *taken = access(pair->certificate, F_OK) == 0 ? pair->certificate
                        : access(pair->key, F_OK) == 0       ? pair->key
                                                             : NULL;
    return !taken ||
           error_set(error, "%s is there already; 'paddock cert renew' makes it anew", taken);
}

static bool write_pkcs12(const struct config *config, const struct pair *pair, struct error *error)
{
    struct bytes_buf bytes;
    bytes_buf_init(&bytes, PEM_BYTES);
    struct net_tls_certificate *certificate =
        net_tls_certificate_load(pair->certificate, pair->key, NULL, error);
    bool ok = certificate &&
              net_tls_pkcs12_write(certificate, config->tls_password, &bytes, error) &&
              net_tls_write_file(pair->pkcs12, bytes_buf_span(&bytes), 0600, error);
    net_tls_certificate_destroy(certificate);
    net_tls_wipe(&bytes);
    return ok;
}

// The key first: a server that looks in between keeps what it has and looks again.
static bool make_pair(const struct net_tls_make *make, const struct pair *pair, struct error *error)
{
    struct bytes_buf certificate;
    struct bytes_buf key;
    bytes_buf_init(&certificate, PEM_BYTES);
    bytes_buf_init(&key, PEM_BYTES);
    bool ok = net_tls_make(make, &certificate, &key, error) &&
              net_tls_write_file(pair->key, bytes_buf_span(&key), 0600, error) &&
              net_tls_write_file(pair->certificate, bytes_buf_span(&certificate), 0644, error);
    net_tls_wipe(&key);
    bytes_buf_finish(&certificate);
    if (ok) {
        printf("%s\n%s\n", pair->certificate, pair->key);
    }
    return ok;
}

// ---- names

static bool check_names(char **names, int count, struct error *error)
{
    for (int i = 0; i < count; i++) {
        size_t size = strlen(names[i]);
        size_t wildcard = strncmp(names[i], "*.", 2) == 0 ? 2 : 0;
        size_t good = wildcard + strspn(names[i] + wildcard,
                                        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                        "0123456789.-_:");
        if (size == wildcard || good != size || size > HOST_NAME_MAX_ || names[i][0] == '.') {
            return error_set(error, "\"%.60s\" is neither a host name nor an address", names[i]);
        }
    }
    return strlen(names[0]) <= COMMON_NAME_MAX ||
           error_set(error, "the first name has more than %d letters; begin with a shorter one",
                     COMMON_NAME_MAX);
}

// A star in a file name would be a nuisance in every shell.
static void file_of(const char *name, char file[HOST_NAME_MAX_ + 1])
{
    snprintf(file, HOST_NAME_MAX_ + 1, "%s", name);
    file[0] = file[0] == '*' ? '_' : file[0];
}

// ---- making

static struct net_tls_make make_for(const struct config *config, enum net_tls_use use, char **names,
                                    int count)
{
    return (struct net_tls_make){
        .use = use,
        .names = (const char *const *)names,
        .name_count = (unsigned)count,
        .days = use == NET_TLS_USE_AUTHORITY ? AUTHORITY_DAYS : (unsigned)config->cert_days,
    };
}

static bool make_dev(const struct config *config, char **names, int count, struct error *error)
{
    struct pair pair;
    struct net_tls_make make = make_for(config, NET_TLS_USE_SERVER, names, count);
    if (!check_names(names, count, error) || !pair_of(config, "cert", &pair, error) ||
        !is_free(&pair, error) || !make_pair(&make, &pair, error)) {
        return false;
    }
    if (!config->tls_password) {
        return true;
    }
    if (!write_pkcs12(config, &pair, error)) {
        return false;
    }
    puts(pair.pkcs12);
    return true;
}

static bool make_authority(const struct config *config, char **names, int count,
                           struct error *error)
{
    char usual[] = "Paddock CA";
    char *name = count > 0 ? names[0] : usual;
    struct pair pair;
    struct net_tls_make make = make_for(config, NET_TLS_USE_AUTHORITY, &name, 1);
    if (!name[0] || strlen(name) > COMMON_NAME_MAX) {
        return error_set(error, "an authority's name has 1 to %d letters", COMMON_NAME_MAX);
    }
    return pair_of(config, AUTHORITY, &pair, error) && is_free(&pair, error) &&
           make_pair(&make, &pair, error);
}

static struct net_tls_certificate *load_authority(const struct config *config, struct error *error)
{
    struct pair pair;
    if (!pair_of(config, AUTHORITY, &pair, error)) {
        return NULL;
    }
    if (access(pair.certificate, F_OK) != 0) {
        error_set(error, "there is no authority at %s; make one with 'paddock cert ca'",
                  pair.certificate);
        return NULL;
    }
    return net_tls_certificate_load(pair.certificate, pair.key, NULL, error);
}

static bool issue_as(const struct config *config, enum net_tls_use use, char **names, int count,
                     struct error *error)
{
    char file[HOST_NAME_MAX_ + 1];
    struct pair pair;
    if (!check_names(names, count, error)) {
        return false;
    }
    file_of(names[0], file);
    if (!pair_of(config, file, &pair, error) || !is_free(&pair, error)) {
        return false;
    }
    struct net_tls_certificate *authority = load_authority(config, error);
    struct net_tls_make make = make_for(config, use, names, count);
    make.issuer = authority;
    bool ok = authority && make_pair(&make, &pair, error);
    net_tls_certificate_destroy(authority);
    return ok;
}

static bool issue(const struct config *config, char **names, int count, struct error *error)
{
    return issue_as(config, NET_TLS_USE_SERVER, names, count, error);
}

static bool issue_client(const struct config *config, char **names, int count, struct error *error)
{
    return issue_as(config, NET_TLS_USE_CLIENT, names, count, error);
}

// ---- renewing

static bool renew_authority(const struct config *config,
                            const struct net_tls_certificate *authority, struct error *error)
{
    struct pair pair;
    const char *name = authority->name;
    struct net_tls_make make = {
        .use = NET_TLS_USE_AUTHORITY,
        .names = &name,
        .name_count = 1,
        .days = AUTHORITY_DAYS,
        .renews = authority, // with its key, what it has signed stays signed
    };
    return pair_of(config, AUTHORITY, &pair, error) && make_pair(&make, &pair, error);
}

static bool renew_with(const struct config *config, const struct net_tls_certificate *old,
                       const struct net_tls_certificate *issuer, const struct pair *pair,
                       struct error *error)
{
    const char *names[NET_TLS_NAMES_MAX];
    for (unsigned i = 0; i < old->name_count; i++) {
        names[i] = old->names[i];
    }
    struct net_tls_make make = {
        .use = old->use == NET_TLS_USE_CLIENT ? NET_TLS_USE_CLIENT : NET_TLS_USE_SERVER,
        .names = names,
        .name_count = old->name_count,
        .days = (unsigned)config->cert_days,
        .issuer = issuer,
    };
    if (old->name_count == 0) {
        return error_set(error, "%s has no names to renew it for", pair->certificate);
    }
    return make_pair(&make, pair, error) &&
           (access(pair->pkcs12, F_OK) != 0 || !config->tls_password ||
            write_pkcs12(config, pair, error));
}

// An authority that would end before what it signs is renewed first.
static bool renew_issued(const struct config *config, const struct net_tls_certificate *old,
                         const struct pair *pair, struct error *error)
{
    struct clock clock;
    clock_init_monotonic(&clock);
    struct net_tls_certificate *authority = load_authority(config, error);
    if (authority && !net_tls_certificate_is_by(old, authority)) {
        error_set(error, "%s is by \"%s\": renew it there", pair->certificate, old->issuer);
        net_tls_certificate_destroy(authority);
        return false;
    }
    if (authority && net_tls_days_left(authority, clock_wall_ms(&clock)) < config->cert_days) {
        bool renewed = renew_authority(config, authority, error);
        net_tls_certificate_destroy(authority);
        authority = renewed ? load_authority(config, error) : NULL;
    }
    bool ok = authority && renew_with(config, old, authority, pair, error);
    net_tls_certificate_destroy(authority);
    return ok;
}

static bool renew_file(const struct config *config, const char *file, struct error *error)
{
    struct pair pair;
    if (!pair_of(config, file, &pair, error)) {
        return false;
    }
    struct net_tls_certificate *old =
        net_tls_certificate_load(pair.certificate, pair.key, NULL, error);
    if (!old) {
        return false;
    }
    bool ok = strcmp(file, AUTHORITY) == 0          ? renew_authority(config, old, error)
              : net_tls_certificate_is_by(old, old) ? renew_with(config, old, NULL, &pair, error)
                                                    : renew_issued(config, old, &pair, error);
    net_tls_certificate_destroy(old);
    return ok;
}

struct files {
    char names[GAME_CERT_WORDS_MAX][HOST_NAME_MAX_ + 1];
    int count;
};

static bool add_file(void *context, const char *certificate, const char *key)
{
    struct files *files = context;
    const char *base = strrchr(certificate, '/') + 1;
    int size = (int)(strrchr(base, '.') - base);
    bool ours = key && strcmp(base + size, ".pem") == 0 && size <= HOST_NAME_MAX_;
    if (ours && strncmp(base, AUTHORITY ".", sizeof(AUTHORITY)) != 0) {
        snprintf(files->names[files->count++], sizeof(files->names[0]), "%.*s", size, base);
    }
    return files->count < GAME_CERT_WORDS_MAX;
}

static bool renew(const struct config *config, char **words, int count, struct error *error)
{
    struct files *files = calloc(1, sizeof(*files));
    char folder[LIMIT_PATH_BYTES];
    bool ok = files ? cert_folder(config, folder, error) : error_set(error, "out of memory");
    if (ok && count > 0) {
        ok = check_names(words, count, error);
        for (int i = 0; ok && i < count; i++) {
            file_of(words[i], files->names[files->count++]);
        }
    } else if (ok) {
        net_tls_folder_each(folder, add_file, files);
        ok = files->count > 0 || error_set(error, "there is nothing to renew in %s", folder);
    }
    int failed = 0;
    for (int i = 0; ok && i < files->count; i++) {
        if (!renew_file(config, files->names[i], error)) { // the others need it no less
            fprintf(stderr, "paddock cert: %s\n", error->text);
            failed++;
        }
    }
    ok = ok && (failed == 0 || error_set(error, "%d of %d not renewed", failed, files->count));
    free(files);
    return ok;
}

// ---- the command

static bool print_status(const struct config *config, char **words, int count, struct error *error)
{
    if (count == 1 && strcmp(words[0], "json") != 0) {
        return error_set(error, "status takes no argument, or 'json'");
    }
    return game_cert_print_status(config, count == 1, stdout, error);
}

static const struct {
    const char *name;
    int min_words, max_words;
    bool (*run)(const struct config *config, char **words, int count, struct error *error);
} actions[] = {
    {"ca", 0, 1, make_authority},
    {"client", 1, 1, issue_client},
    {"dev", 1, GAME_CERT_WORDS_MAX - 1, make_dev},
    {"issue", 1, GAME_CERT_WORDS_MAX - 1, issue},
    {"renew", 0, GAME_CERT_WORDS_MAX - 1, renew},
    {"status", 0, 1, print_status},
};

bool game_cert_command(const struct config *config, char **words, int count, struct error *error)
{
    for (size_t i = 0; i < BASE_COUNT(actions); i++) {
        if (strcmp(words[0], actions[i].name) != 0) {
            continue;
        }
        if (count - 1 < actions[i].min_words || count - 1 > actions[i].max_words) {
            return error_set(error, "%s takes %d to %d arguments", actions[i].name,
                             actions[i].min_words, actions[i].max_words);
        }
        return actions[i].run(config, words + 1, count - 1, error);
    }
    return error_set(error, "there are ca, client, dev, issue, renew and status, not \"%.60s\"",
                     words[0]);
}
