// SPDX-License-Identifier: MIT
// From settings to certificates: which files a listener's certificates are in, and whether they
// have changed. May run on any thread; logs nothing.

#ifndef NET_TLS_LOOKUP_H
#define NET_TLS_LOOKUP_H

#include "config/config.h"
#include "net/tls_credentials.h"

// The common name of the certificate that is looked for when no setting says which: Photon's.
#define NET_TLS_DEFAULT_NAME "Photon"

// `names` is the listener's ?cert=: names separated by commas, looked for among --tls-cert and then
// in the store. Empty: all of --tls-cert, then of --cert-name. False with one line in *error.
bool net_tls_lookup(const struct config *config, const char *names,
                    struct net_tls_certificates *found, struct error *error) BASE_MUST_USE;

// A number that changes when anything has changed that the lookup depends on: names, sizes and
// times of files, and where symbolic links lead.
uint64_t net_tls_lookup_signature(const struct config *config, const char *names);

// True when the settings leave the choice to --dev.
bool net_tls_lookup_is_dev(const struct config *config, const char *names);

#endif
