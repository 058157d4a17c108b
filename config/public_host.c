// SPDX-License-Identifier: MIT
// The machine's name is asked for, not $HOSTNAME: services have no such variable.

#include "config/public_host.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PLACE "${HOSTNAME}"

bool config_public_host(const struct config *config, struct url *url, struct error *error)
{
    char machine[URL_HOST_BYTES] = "";
    char text[sizeof(config->public_host) + sizeof(machine) + sizeof(":1")];
    const char *given = config->public_host;
    const char *place = strstr(given, PLACE);
    struct url parsed;
    if (place && gethostname(machine, sizeof(machine) - 1) != 0) {
        return error_set(error, "this machine has no name for " PLACE);
    }
    // With a port, since that is the form in which hosts are read.
    snprintf(text, sizeof(text), "%.*s%s%s:1", place ? (int)(place - given) : (int)strlen(given),
             given, machine, place ? place + strlen(PLACE) : "");
    if (!url_parse_address(text, &parsed, NULL)) {
        return error_set(error, "must be a name or an address (IPv6 in []), without a port");
    }
    memcpy(url->host, parsed.host, sizeof(url->host));
    url->host_is_v6 = parsed.host_is_v6;
    return true;
}
