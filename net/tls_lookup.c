// SPDX-License-Identifier: MIT
// Files that are given go before the store: whoever names a file means it.

#include "net/tls_lookup.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "net/tls_folder.h"
#include "net/tls_name.h"

static const char *key_of(const struct config *config, unsigned index)
{
    const char *key = index < config->tls_key.count ? config->tls_key.items[index] : "-";
    return strcmp(key, "-") == 0 ? NULL : key;
}

static struct net_tls_certificate *load_file(const struct config *config, unsigned index,
                                             struct error *error)
{
    const char *key = key_of(config, index);
    struct net_tls_certificate *certificate =
        net_tls_certificate_load(config->tls_cert.items[index], key, config->tls_password, error);
    if (!certificate) {
        error_prefix(error, key ? "--tls-cert with --tls-key" : "--tls-cert");
    }
    return certificate;
}

static bool add(struct net_tls_certificates *found, struct net_tls_certificate *certificate,
                struct error *error)
{
    if (found->count == LIMIT_CERTIFICATES) {
        net_tls_certificate_destroy(certificate);
        return error_set(error, "more than %d certificates for one listener", LIMIT_CERTIFICATES);
    }
    found->items[found->count++] = certificate;
    return true;
}

// Those of --tls-cert that are issued to `name`, or all when it is NULL. A file that cannot be used
// is an error in any case: it may be the one.
static bool add_files(const struct config *config, const char *name,
                      struct net_tls_certificates *found, struct error *error)
{
    for (unsigned i = 0; i < config->tls_cert.count; i++) {
        struct net_tls_certificate *certificate = load_file(config, i, error);
        if (!certificate) {
            return false;
        }
        if (name && !net_tls_name_equal(certificate->name, name)) {
            net_tls_certificate_destroy(certificate);
        } else if (!add(found, certificate, error)) {
            return false;
        }
    }
    return true;
}

static bool add_named(const struct config *config, const char *name,
                      struct net_tls_certificates *found, struct error *error)
{
    unsigned before = found->count;
    return add_files(config, name, found, error) &&
           (found->count > before || net_tls_folder_find(config, name, found, error));
}

static bool add_chosen(const struct config *config, const char *names,
                       struct net_tls_certificates *found, struct error *error)
{
    for (const char *at = names; *at;) {
        char name[NET_TLS_NAME_BYTES];
        size_t size = strcspn(at, ",");
        if (size == 0 || size >= sizeof(name)) {
            return error_set(error, "?cert= wants names of certificates, separated by commas");
        }
        memcpy(name, at, size);
        name[size] = '\0';
        if (!add_named(config, name, found, error)) {
            return false;
        }
        at += size + (at[size] == ',');
    }
    return true;
}

static bool add_default(const struct config *config, struct net_tls_certificates *found,
                        struct error *error)
{
    const char *advice = "; give --tls-cert and --tls-key, or --dev for a self-signed one";
    if (net_tls_folder_find(config, NET_TLS_DEFAULT_NAME, found, error)) {
        return true;
    }
    size_t size = strlen(error->text);
    size_t room = sizeof(error->text) - strlen(advice) - 1;
    memcpy(error->text + (size < room ? size : room), advice, strlen(advice) + 1);
    return false;
}

bool net_tls_lookup_is_dev(const struct config *config, const char *names)
{
    return config->dev && !names[0] && config->tls_cert.count == 0 && config->cert_name.count == 0;
}

static bool look_up(const struct config *config, const char *names,
                    struct net_tls_certificates *found, struct error *error)
{
    if (names[0]) {
        return add_chosen(config, names, found, error);
    }
    if (!add_files(config, NULL, found, error)) {
        return false;
    }
    for (unsigned i = 0; i < config->cert_name.count; i++) {
        if (!net_tls_folder_find(config, config->cert_name.items[i], found, error)) {
            return false;
        }
    }
    return found->count > 0 || add_default(config, found, error);
}

bool net_tls_lookup(const struct config *config, const char *names,
                    struct net_tls_certificates *found, struct error *error)
{
    assert(!net_tls_lookup_is_dev(config, names));
    found->count = 0;
    if (!look_up(config, names, found, error)) {
        net_tls_certificates_finish(found);
        return false;
    }
    return true;
}

// ---- changes

// What is hashed is ours, and an accident costs one poll.
static void mix_file(uint64_t *signature, const char *path)
{
    struct stat status = {0};
    int64_t problem = stat(path, &status) == 0 ? 0 : errno;
    int64_t fields[] = {
        problem,
        (int64_t)status.st_dev,
        (int64_t)status.st_ino,
        (int64_t)status.st_size,
        (int64_t)status.st_mtim.tv_sec,
        (int64_t)status.st_mtim.tv_nsec,
        (int64_t)status.st_ctim.tv_sec,
        (int64_t)status.st_ctim.tv_nsec,
    };
    *signature = bytes_hash(*signature, bytes_of(path, strlen(path) + 1));
    *signature = bytes_hash(*signature, bytes_of(fields, sizeof(fields)));
}

static bool mix_pair(void *context, const char *certificate, const char *key)
{
    char ocsp[LIMIT_PATH_BYTES + sizeof(NET_TLS_OCSP_SUFFIX)];
    snprintf(ocsp, sizeof(ocsp), "%s" NET_TLS_OCSP_SUFFIX, certificate);
    mix_file(context, certificate);
    mix_file(context, ocsp);
    if (key) {
        mix_file(context, key);
    }
    return true;
}

uint64_t net_tls_lookup_signature(const struct config *config, const char *names)
{
    uint64_t signature = BYTES_HASH_NONE;
    char folder[LIMIT_PATH_BYTES];
    for (unsigned i = 0; i < config->tls_cert.count; i++) {
        mix_pair(&signature, config->tls_cert.items[i], key_of(config, i));
    }
    if (config->client_ca[0]) {
        mix_file(&signature, config->client_ca);
    }
    if (config->tls_ticket_key_file[0]) {
        mix_file(&signature, config->tls_ticket_key_file);
    }
    bool uses_store = names[0] || config->cert_name.count > 0 || config->tls_cert.count == 0;
    if (uses_store && net_tls_folder_path(config, folder, NULL)) {
        net_tls_folder_each(folder, mix_pair, &signature);
    }
    return signature;
}
