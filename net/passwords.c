// SPDX-License-Identifier: MIT
// A check owns copies of all that it needs, so that a reload, or the end of whoever asked, needs no
// lock and waits for nobody.

#include "net/passwords.h"

#include <crypt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "config/base/log.h"
#include "config/secret.h"
#include "net/line_file.h"

struct entry {
    char name[NET_BASIC_AUTH_NAME_BYTES + 1];
    char hash[NET_PASSWORDS_HASH_BYTES + 1];
};

struct list {
    struct entry *entries;
    unsigned count;
    unsigned room;
};

struct net_passwords {
    const struct config *config;
    struct worker *worker;
    struct list list;
};

struct net_password_check {
    struct worker_job job;
    char password[NET_BASIC_AUTH_PASSWORD_BYTES + 1];
    char hash[NET_PASSWORDS_HASH_BYTES + 1];
    bool is_known; // else it is hashed for nothing but the time
    bool is_good;
    void (*done)(void *context, bool good); // NULL: nobody waits any more
    void *context;
    struct crypt_data crypt;
};

// ---- the file

static bool add(struct list *list, const struct entry *entry, struct error *error)
{
    if (list->count == NET_PASSWORDS_MAX) {
        return error_set(error, "more than %d names", NET_PASSWORDS_MAX);
    }
    if (list->count == list->room) {
        unsigned room = list->room > 0 ? 2 * list->room : 16;
        struct entry *entries = realloc(list->entries, room * sizeof(*entries));
        if (!entries) {
            return error_set(error, "out of memory");
        }
        list->entries = entries;
        list->room = room;
    }
    list->entries[list->count++] = *entry;
    return true;
}

static bool is_text(struct bytes_span span, size_t max)
{
    for (size_t i = 0; i < span.size; i++) {
        if (span.data[i] < 0x20 || span.data[i] == 0x7f) {
            return false;
        }
    }
    return span.size > 0 && span.size <= max;
}

// What crypt(3) calls old (DES, MD5, $5$) can be guessed too fast; what it does not know (Apache's
// $apr1$ and {SHA}) it could only refuse at the door.
static bool take_line(void *context, struct bytes_span line, struct error *error)
{
    struct list *list = context;
    struct entry entry = {0};
    struct bytes_span hash = line;
    struct bytes_span name = bytes_cut(&hash, ':');
    if (!is_text(name, NET_BASIC_AUTH_NAME_BYTES) || !is_text(hash, NET_PASSWORDS_HASH_BYTES)) {
        return error_set(error, "not a line of name:hash");
    }
    memcpy(entry.name, name.data, name.size);
    memcpy(entry.hash, hash.data, hash.size);
    for (unsigned i = 0; i < list->count; i++) {
        if (strcmp(list->entries[i].name, entry.name) == 0) {
            return error_set(error, "the name is there twice");
        }
    }
    if (crypt_checksalt(entry.hash) != CRYPT_SALT_OK) {
        return error_set(error,
                         "a hash that is not known or too weak; make one with htpasswd -B or "
                         "openssl passwd -6");
    }
    return add(list, &entry, error);
}

static bool load(const struct config *config, struct list *list, struct error *error)
{
    return net_line_file_read(config->basic_auth_file, take_line, list, error) ||
           error_prefix(error, "basic-auth-file");
}

static void free_list(struct list *list)
{
    free(list->entries);
    *list = (struct list){0};
}

struct net_passwords *net_passwords_create(const struct config *config, struct worker *worker,
                                           struct error *error)
{
    struct net_passwords *passwords = calloc(1, sizeof(*passwords));
    if (!passwords) {
        error_set(error, "out of memory");
        return NULL;
    }
    passwords->config = config;
    passwords->worker = worker;
    if (!load(config, &passwords->list, error)) {
        net_passwords_destroy(passwords);
        return NULL;
    }
    return passwords;
}

void net_passwords_destroy(struct net_passwords *passwords)
{
    if (passwords) {
        free_list(&passwords->list);
        free(passwords);
    }
}

void net_passwords_reload(struct net_passwords *passwords)
{
    struct list list = {0};
    struct error error;
    if (!load(passwords->config, &list, &error)) {
        free_list(&list);
        log_event(LOG_ERROR, "passwords_reload_failed", LOG_S("error", error.text));
        return;
    }
    free_list(&passwords->list);
    passwords->list = list;
    log_event(LOG_INFO, "passwords_reloaded", LOG_S("path", passwords->config->basic_auth_file),
              LOG_U("names", list.count));
}

// ---- checks

// As long as they are of one length, the time says nothing of where they differ.
static bool equal_in_constant_time(const char *a, const char *b)
{
    size_t size = strlen(a);
    unsigned differs = 0;
    if (size != strlen(b)) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        differs |= (unsigned)(a[i] ^ b[i]);
    }
    return differs == 0;
}

// On the worker's thread, which comes after every tick's.
static void compute(void *context)
{
    struct net_password_check *check = context;
    setpriority(PRIO_PROCESS, (id_t)gettid(), 10);
    const char *hash =
        crypt_rn(check->password, check->hash, &check->crypt, (int)sizeof(check->crypt));
    check->is_good = hash && equal_in_constant_time(hash, check->hash) && check->is_known;
    secret_wipe(check->password, sizeof(check->password));
    secret_wipe(&check->crypt, sizeof(check->crypt));
}

static void on_computed(void *context)
{
    struct net_password_check *check = context;
    void (*done)(void *context, bool good) = check->done;
    void *user = check->context;
    bool good = check->is_good;
    free(check);
    if (done) {
        done(user, good);
    }
}

// Every entry is compared, whoever is asked for.
static void find(const struct list *list, const char *name, struct net_password_check *check)
{
    const struct entry *found = &list->entries[0];
    for (unsigned i = 0; i < list->count; i++) {
        bool same = strcmp(list->entries[i].name, name) == 0;
        found = same ? &list->entries[i] : found;
        check->is_known |= same;
    }
    memcpy(check->hash, found->hash, sizeof(check->hash));
}

struct net_password_check *net_passwords_check(struct net_passwords *passwords,
                                               const struct net_basic_auth *auth,
                                               void (*done)(void *context, bool good),
                                               void *context)
{
    struct net_password_check *check = calloc(1, sizeof(*check));
    if (!check) {
        return NULL;
    }
    check->job = (struct worker_job){.work = compute, .done = on_computed, .context = check};
    check->done = done;
    check->context = context;
    memcpy(check->password, auth->password, sizeof(check->password));
    if (passwords->list.count > 0) {
        find(&passwords->list, auth->name, check);
    }
    if (!worker_submit(passwords->worker, &check->job)) {
        secret_wipe(check->password, sizeof(check->password));
        free(check);
        return NULL;
    }
    return check;
}

void net_password_check_cancel(struct net_password_check *check)
{
    if (check) {
        check->done = NULL; // on_computed frees it
    }
}
