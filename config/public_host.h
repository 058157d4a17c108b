// SPDX-License-Identifier: MIT
// --public-host, with this machine's name in the place of ${HOSTNAME}.

#ifndef CONFIG_PUBLIC_HOST_H
#define CONFIG_PUBLIC_HOST_H

#include "config/config.h"
#include "config/url.h"

// Puts it into url->host. False with one line in *error when it is neither a name nor an address;
// then `url` is as it was.
bool config_public_host(const struct config *config, struct url *url, struct error *error)
    BASE_MUST_USE;

#endif
