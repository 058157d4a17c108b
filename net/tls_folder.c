// SPDX-License-Identifier: MIT
// Reads the whole store for every search: stores are small, searches are rare, and only the
// certificates themselves say whose they are.

#include "net/tls_folder.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "net/tls_name.h"

#define ENTRIES_MAX 64
#define SHOWN_MAX   20

bool net_tls_folder_path(const struct config *config, char path[LIMIT_PATH_BYTES],
                         struct error *error)
{
    const char *settings = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");
    int length;
    if (config->cert_machine_store) {
        length = snprintf(path, LIMIT_PATH_BYTES, "%s/%s", config->cert_machine_dir,
                          config->cert_store_name);
    } else if (settings && settings[0] == '/') {
        length = snprintf(path, LIMIT_PATH_BYTES, "%s/paddock/certs/%s", settings,
                          config->cert_store_name);
    } else if (home && home[0] == '/') {
        length = snprintf(path, LIMIT_PATH_BYTES, "%s/.config/paddock/certs/%s", home,
                          config->cert_store_name);
    } else {
        return error_set(error, "the user's certificate store needs HOME or XDG_CONFIG_HOME, and "
                                "neither is set; use --cert-machine-store");
    }
    return (length > 0 && length < LIMIT_PATH_BYTES) ||
           error_set(error, "the path of the certificate store is too long");
}

// ---- what is in the folder

struct entry {
    char certificate[LIMIT_PATH_BYTES];
    char key[LIMIT_PATH_BYTES];
};

static bool exists(const char *path, bool as_folder)
{
    struct stat status;
    return stat(path, &status) == 0 && (bool)S_ISDIR(status.st_mode) == as_folder;
}

// Joins with '/'; false when it is too long.
static bool join(char path[LIMIT_PATH_BYTES], const char *folder, const char *name)
{
    int length = snprintf(path, LIMIT_PATH_BYTES, "%s/%s", folder, name);
    return length > 0 && length < LIMIT_PATH_BYTES;
}

static bool take_folder(const char *folder, struct entry *entry)
{
    static const char *const pairs[][2] = {{"fullchain.pem", "privkey.pem"},
                                           {"tls.crt", "tls.key"}};
    for (size_t i = 0; i < BASE_COUNT(pairs); i++) {
        if (join(entry->certificate, folder, pairs[i][0]) &&
            join(entry->key, folder, pairs[i][1]) && exists(entry->certificate, false)) {
            return true;
        }
    }
    return false;
}

static bool take_file(const char *path, struct entry *entry)
{
    static const char *const suffixes[] = {".pem", ".crt", ".cer", ".pfx", ".p12"};
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; i < BASE_COUNT(suffixes); i++) {
        if (net_tls_name_equal(dot, suffixes[i])) {
            snprintf(entry->certificate, sizeof(entry->certificate), "%s", path);
            snprintf(entry->key, sizeof(entry->key), "%.*s.key", (int)(dot - path), path);
            entry->key[exists(entry->key, false) ? strlen(entry->key) : 0] = '\0';
            return true;
        }
    }
    return false;
}

// Hidden entries are none: Kubernetes keeps its swapped folders there.
static int is_shown(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

void net_tls_folder_each(const char *folder,
                         bool (*each)(void *context, const char *certificate, const char *key),
                         void *context)
{
    struct dirent **names;
    int count = scandir(folder, &names, is_shown, alphasort);
    bool going = true;
    unsigned taken = 0;
    for (int i = 0; i < count; i++) {
        char path[LIMIT_PATH_BYTES];
        struct entry entry;
        if (going && taken < ENTRIES_MAX && join(path, folder, names[i]->d_name) &&
            (exists(path, true) ? take_folder(path, &entry)
                                : strchr(names[i]->d_name, '.') && take_file(path, &entry))) {
            taken++;
            going = each(context, entry.certificate, entry.key[0] ? entry.key : NULL);
        }
        free(names[i]);
    }
    if (count >= 0) {
        free(names);
    }
}

// ---- by name

struct search {
    const struct config *config;
    const char *name;
    struct net_tls_certificates *found;
    unsigned first; // of `found`: what was there before is another search's
    bool full;
    char alias[NET_TLS_NAME_BYTES]; // whom a certificate with this friendly or file name is for
    const char *alias_kind;
    char names[ERROR_TEXT_BYTES]; // that there are, quoted
    unsigned name_count;
    struct error broken; // the first file that could not be used
};

// Takes the certificate over.
static void add_found(struct search *search, struct net_tls_certificate *certificate)
{
    struct net_tls_certificates *found = search->found;
    snprintf(certificate->origin, sizeof(certificate->origin), "from store: \"%s\" using %s store",
             search->config->cert_store_name,
             search->config->cert_machine_store ? "machine" : "user");
    for (unsigned i = search->first; i < found->count; i++) {
        struct net_tls_certificate *other = found->items[i];
        if (other->key_algorithm == certificate->key_algorithm) {
            bool newer = certificate->not_after_s > other->not_after_s;
            found->items[i] = newer ? certificate : other;
            net_tls_certificate_destroy(newer ? other : certificate);
            return;
        }
    }
    if (found->count == LIMIT_CERTIFICATES) {
        search->full = true;
        net_tls_certificate_destroy(certificate);
        return;
    }
    found->items[found->count++] = certificate;
}

static bool is_file_name(const char *path, const char *name)
{
    const char *base = strrchr(path, '/') + 1;
    size_t size = strlen(name);
    return strncmp(base, name, size) == 0 && (base[size] == '\0' || base[size] == '.');
}

static void add_hint(struct search *search, const struct net_tls_certificate *certificate)
{
    bool friendly = net_tls_name_equal(certificate->friendly_name, search->name);
    size_t used = strlen(search->names);
    if (!search->alias[0] && (friendly || is_file_name(certificate->path, search->name))) {
        search->alias_kind = friendly ? "friendly" : "file";
        memcpy(search->alias, certificate->name, sizeof(search->alias));
    }
    if (search->name_count++ < SHOWN_MAX) {
        snprintf(search->names + used, sizeof(search->names) - used, "%s\"%s\"", used ? ", " : "",
                 certificate->name);
    }
}

static bool look_at(void *context, const char *path, const char *key)
{
    struct search *search = context;
    struct error error = {""};
    struct net_tls_certificate *certificate =
        net_tls_certificate_load(path, key, search->config->tls_password, &error);
    if (!certificate) {
        search->broken = search->broken.text[0] ? search->broken : error;
    } else if (net_tls_name_equal(certificate->name, search->name)) {
        add_found(search, certificate);
    } else {
        add_hint(search, certificate);
        net_tls_certificate_destroy(certificate);
    }
    return !search->full;
}

static bool explain(const struct search *search, const char *folder, struct error *error)
{
    char hint[NET_TLS_NAME_BYTES + 64] = "";
    if (search->alias[0]) {
        snprintf(hint, sizeof(hint), "; it is a %s name, use \"%s\"", search->alias_kind,
                 search->alias);
    }
    if (search->broken.text[0]) {
        return error_set(error, "certificate \"%s\" not found in store \"%s\"%s; %s", search->name,
                         search->config->cert_store_name, hint, search->broken.text);
    }
    if (search->name_count == 0) {
        return error_set(error, "certificate \"%s\" not found in store \"%s\"; there is none in %s",
                         search->name, search->config->cert_store_name, folder);
    }
    return error_set(error, "certificate \"%s\" not found in store \"%s\"%s; it has %s",
                     search->name, search->config->cert_store_name, hint, search->names);
}

bool net_tls_folder_find(const struct config *config, const char *name,
                         struct net_tls_certificates *found, struct error *error)
{
    char folder[LIMIT_PATH_BYTES];
    struct search search = {.config = config, .name = name, .found = found, .first = found->count};
    if (!net_tls_folder_path(config, folder, error)) {
        return false;
    }
    net_tls_folder_each(folder, look_at, &search);
    if (search.full) {
        return error_set(error, "more than %d certificates for one listener", LIMIT_CERTIFICATES);
    }
    return found->count > search.first || explain(&search, folder, error);
}
