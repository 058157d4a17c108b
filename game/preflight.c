// SPDX-License-Identifier: MIT
// Each part that reads settings is asked to read them, and let go of what it made.

#include "game/preflight.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/backend.h"
#include "config/paths.h"
#include "game/maps.h"
#include "net/addr_limit.h"
#include "net/origins.h"
#include "net/passwords.h"
#include "net/tls_store.h"
#include "net/transport.h"

bool game_preflight_needs_certificate(const struct config *config)
{
    for (unsigned i = 0; i < config->listen.count; i++) {
        struct url url;
        const struct net_transport *transport =
            net_transport_of_listener(config->listen.items[i], &url, NULL);
        if (transport && transport->needs_certificate) {
            return true;
        }
    }
    return false;
}

static bool is_usable_folder(const char *setting, const char *path, int how, const char *mend,
                             struct error *error)
{
    struct stat status;
    if (!path[0]) {
        return true;
    }
    if (stat(path, &status) != 0 || access(path, how) != 0) {
        return error_set(error, "--%s %s: %s; %s", setting, path, strerror(errno), mend);
    }
    return S_ISDIR(status.st_mode) || error_set(error, "--%s %s: not a folder", setting, path);
}

bool game_preflight_folders(const struct config *config, struct error *error)
{
    return is_usable_folder("replay-dir", config->replay_dir, W_OK | X_OK,
                            "give a folder that can be written to", error) &&
           is_usable_folder("auth-token-dir", config->auth_token_dir, X_OK,
                            "give a folder that can be entered", error);
}

static bool can_limit_addresses(const struct config *config, struct error *error)
{
    struct net_addr_limit *limit = net_addr_limit_create(config, 1, error);
    net_addr_limit_destroy(limit);
    return limit;
}

static bool can_load_origins(const struct config *config, struct error *error)
{
    if (config->allow_origins_file[0] == '\0') {
        return true; // rules that stand in settings are config_check's to tell
    }
    struct net_origins *origins = net_origins_create(config, error);
    net_origins_destroy(origins);
    return origins;
}

static bool can_load_passwords(const struct config *config, struct error *error)
{
    if (config->basic_auth_file[0] == '\0') {
        return true;
    }
    struct net_passwords *passwords = net_passwords_create(config, NULL, error);
    net_passwords_destroy(passwords);
    return passwords;
}

static bool can_load_certificates(const struct config *config, struct error *error)
{
    struct clock clock;
    if (!game_preflight_needs_certificate(config)) {
        return true;
    }
    clock_init_monotonic(&clock);
    struct net_tls_server *tls = net_tls_server_create(config, &clock, error);
    bool loaded = tls;
    for (unsigned i = 0; loaded && i < config->listen.count; i++) {
        struct url url;
        const struct net_transport *transport =
            net_transport_of_listener(config->listen.items[i], &url, NULL);
        loaded =
            !transport || !transport->needs_certificate || net_tls_listener_open(tls, &url, error);
    }
    net_tls_server_destroy(tls);
    return loaded;
}

static bool can_use_backend(const struct config *config, struct error *error)
{
    const struct auth_backend_impl *impl = auth_backend_find(config);
    return !impl->preflight || impl->preflight(config, error);
}

static bool can_write_outbox(const struct config *config, struct error *error)
{
    return config_data_path_check(config, config->outbox_db, "outbox.db", error) ||
           error_prefix(error, "results outbox");
}

static bool can_load_maps(const struct config *config, struct error *error)
{
    struct game_maps *maps = game_maps_load(game_sim_chosen(config), config, error);
    game_maps_destroy(maps);
    return maps;
}

bool game_preflight(const struct config *config, struct error_list *errors)
{
    static bool (*const checks[])(const struct config *config, struct error *error) = {
        can_limit_addresses, can_load_origins, can_load_passwords, can_load_certificates,
        can_use_backend,     can_write_outbox, can_load_maps,      game_preflight_folders};
    unsigned before = errors->count;
    struct error error;
    for (unsigned i = 0; i < config->listen.count; i++) {
        const char *text = config->listen.items[i];
        struct url url; // what is no URL at all is config_check's to tell
        if (url_parse(text, &url, NULL) && !net_transport_of_listener(text, &url, &error)) {
            error_list_add(errors, "%s", error.text);
        }
    }
    for (size_t i = 0; i < BASE_COUNT(checks); i++) {
        if (!checks[i](config, &error)) {
            error_list_add(errors, "%s", error.text);
        }
    }
    return errors->count == before;
}
