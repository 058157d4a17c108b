// SPDX-License-Identifier: MIT
// A list is made whole before it takes the place of the one before it.

#include "net/origins.h"

#include <stdlib.h>
#include <string.h>

#include "config/base/log.h"
#include "config/origin.h"
#include "net/line_file.h"

struct net_origins {
    const struct config *config;
    struct config_list rules;
};

static bool add(struct config_list *rules, struct bytes_span rule, struct error *error)
{
    if (rules->count == NET_ORIGINS_MAX) {
        return error_set(error, "more than %d rules", NET_ORIGINS_MAX);
    }
    if (rule.size >= CONFIG_LIST_ITEM_BYTES || memchr(rule.data, '\0', rule.size)) {
        return error_set(error, "not an origin");
    }
    char(*items)[CONFIG_LIST_ITEM_BYTES] =
        realloc(rules->items, (rules->count + 1) * sizeof(*items));
    if (!items) {
        return error_set(error, "out of memory");
    }
    rules->items = items;
    memcpy(items[rules->count], rule.data, rule.size);
    items[rules->count][rule.size] = '\0';
    rules->count++;
    return config_origin_rule_check(items[rules->count - 1], error);
}

static bool add_line(void *context, struct bytes_span line, struct error *error)
{
    return add(context, line, error);
}

static bool load(const struct config *config, struct config_list *rules, struct error *error)
{
    for (unsigned i = 0; i < config->allow_origins.count; i++) {
        if (!add(rules, bytes_of_string(config->allow_origins.items[i]), error)) {
            return error_prefix(error, "allow-origins");
        }
    }
    return config->allow_origins_file[0] == '\0' ||
           net_line_file_read(config->allow_origins_file, add_line, rules, error) ||
           error_prefix(error, "allow-origins-file");
}

struct net_origins *net_origins_create(const struct config *config, struct error *error)
{
    struct net_origins *origins = calloc(1, sizeof(*origins));
    if (!origins) {
        error_set(error, "out of memory");
        return NULL;
    }
    origins->config = config;
    if (!load(config, &origins->rules, error)) {
        net_origins_destroy(origins);
        return NULL;
    }
    return origins;
}

void net_origins_destroy(struct net_origins *origins)
{
    if (origins) {
        free(origins->rules.items);
        free(origins);
    }
}

void net_origins_reload(struct net_origins *origins)
{
    struct config_list rules = {0};
    struct error error;
    if (origins->config->allow_origins_file[0] == '\0') {
        return;
    }
    if (!load(origins->config, &rules, &error)) {
        free(rules.items);
        log_event(LOG_ERROR, "origins_reload_failed", LOG_S("error", error.text));
        return;
    }
    free(origins->rules.items);
    origins->rules = rules;
    log_event(LOG_INFO, "origins_reloaded", LOG_S("path", origins->config->allow_origins_file),
              LOG_U("rules", rules.count));
}

const struct config_list *net_origins_rules(const struct net_origins *origins)
{
    return config_has_origins(origins->config) ? &origins->rules : NULL;
}
